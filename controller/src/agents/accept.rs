//! Connections: accepted, authenticated, bounded in time and number, and ended with the controller.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::Caller;
use crate::controller::Shared;

/// Connections at the same time, those that say nothing included.
const CONNECTIONS: usize = 20_000;
/// Connections in their handshake at the same time: each costs processor time before anybody is known.
const HANDSHAKES: usize = 256;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often a silent peer is asked for a sign of life, and how long it may take.
const PING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));
/// How long open requests may take when the controller ends.
const FAREWELL: Duration = Duration::from_secs(3);

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
    let (connections, handshakes) =
        (Arc::new(Semaphore::new(CONNECTIONS)), Arc::new(Semaphore::new(HANDSHAKES)));
    let tracker = TaskTracker::new();
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.tcp.accept() => accepted,
        };
        let (tcp, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely; accepting again at once would spin.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (listener, router, shared) = (listener.clone(), router.clone(), shared.clone());
        let (handshakes, stop) = (handshakes.clone(), stop.clone());
        tracker.spawn(async move {
            let _permit = permit;
            if let Err(error) = serve(tcp, &listener.tls, router, &shared, &handshakes, stop).await {
                tracing::debug!(%from, %error, "an agent's connection ended");
            }
        });
    }
    tracker.close();
    let _ = tokio::time::timeout(FAREWELL + Duration::from_secs(1), tracker.wait()).await;
    Ok(())
}

async fn serve(
    tcp: TcpStream,
    tls: &TlsAcceptor,
    router: Router,
    shared: &Shared,
    handshakes: &Semaphore,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    tcp.set_nodelay(true)?;
    let from = tcp.peer_addr()?;
    let stream = {
        let handshake = async {
            let _turn = handshakes.acquire().await;
            tls.accept(tcp).await
        };
        match tokio::time::timeout(HANDSHAKE, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                // The agent sees an alert only; the reason stands here.
                tracing::info!(%from, %error, "a TLS handshake on the agents' listener failed");
                return Ok(());
            }
            Err(_) => return Ok(()),
        }
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
