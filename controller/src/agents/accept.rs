//! Connections: accepted, authenticated, bounded in time and number, and ended with the controller.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::Caller;
use crate::accept::{FAREWELL, until_stopped};
use crate::shared::Shared;

/// Connections at the same time, those that say nothing included.
const CONNECTIONS: usize = 20_000;
/// Connections in their handshake at the same time: each costs processor time before anybody is known.
const HANDSHAKES: usize = 256;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a refused agent may take to read why.
const LAST_WORD: Duration = Duration::from_secs(1);
/// How often a silent peer is asked for a sign of life, and how long it may take.
const PING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// An open port for agents.
pub struct Listener {
    /// The port.
    pub tcp: TcpListener,
    /// How connections are secured.
    pub tls: TlsAcceptor,
}

/// Accepts connections until `stop`.
pub async fn run(
    listener: Arc<Listener>,
    router: Router,
    shared: Arc<Shared>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    until_stopped(&listener.tcp, CONNECTIONS, &stop, |tcp, from| {
        let (listener, router, shared) = (listener.clone(), router.clone(), shared.clone());
        let (handshakes, stop) = (handshakes.clone(), stop.clone());
        async move {
            if let Err(error) = serve(tcp, from, &listener.tls, router, &shared, &handshakes, stop).await {
                tracing::debug!(%from, %error, "an agent's connection ended");
            }
        }
    })
    .await;
    Ok(())
}

async fn serve(
    tcp: TcpStream,
    from: SocketAddr,
    tls: &TlsAcceptor,
    router: Router,
    shared: &Shared,
    handshakes: &Semaphore,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let handshake = async {
        let _turn = handshakes.acquire().await;
        tls.accept(tcp).into_fallible().await
    };
    let stream = match tokio::time::timeout(HANDSHAKE, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err((error, tcp))) => {
            // The agent sees an alert only; the reason stands here.
            tracing::info!(%from, %error, "a TLS handshake on the agents' listener failed");
            let _ = tokio::time::timeout(LAST_WORD, last_word(tcp)).await;
            return Ok(());
        }
        Err(_) => return Ok(()),
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let peer = certificate.map(|der| wasl_pki::peer_identity(der)).transpose()?.map(Arc::new);
    let caller = Caller { peer, end: CancellationToken::new(), sessions: Arc::default() };

    let service = {
        let caller = caller.clone();
        service_fn(move |request: http::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(caller.clone());
            router.clone().oneshot(request)
        })
    };
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(16)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = caller.end.cancelled() => Ok(()),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
        }
    };
    caller.end.cancel();
    for (agent, id) in caller.sessions.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        shared.sessions.close(&agent, id);
        tracing::info!(%agent, "an agent's session ended");
    }
    Ok(result?)
}

/// Lets the alert that is on its way arrive: closing while the other side is still sending would take
/// it back.
async fn last_word(mut tcp: TcpStream) -> std::io::Result<()> {
    tcp.shutdown().await?;
    let mut rest = [0u8; 1024];
    while tcp.read(&mut rest).await? > 0 {}
    Ok(())
}
