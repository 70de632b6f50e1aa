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
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::Caller;
use crate::accept::crowd::{Room, Rooms, Size};
use crate::accept::slow::InTime;
use crate::accept::{Door, FAREWELL, Guest, HANDSHAKE, room_for, until_stopped};
use crate::shared::Shared;
use crate::time::now;

/// Connections of known agents at the same time.
const CONNECTIONS: usize = 20_000;
/// Strangers: those that say nothing, those in their handshake, and those without a certificate.
const ROOMS: Rooms = Rooms {
    silent: Size::new(2048, 1024, 0),
    handshake: Size::new(512, 256, 3),
    stranger: Size::new(512, 256, 5),
    asking: Size::new(1, 1, 0),
};
/// Handshakes that are being computed at the same time: each costs processor time before anybody is known.
const HANDSHAKES: usize = 256;
/// Connections of one agent at the same time: one that works, and those that it has lost without a sign.
const OF_ONE_AGENT: usize = 8;
/// How long somebody without a certificate may stay; enrolling takes less than a second.
const STRANGER: Duration = Duration::from_secs(20);
/// How long a request's body may take to arrive. An agent gives up a request after this time.
const BODY: Duration = Duration::from_secs(30);
/// How long a refused agent may take to read why.
const LAST_WORD: Duration = Duration::from_secs(1);
/// How often a silent peer is asked for a sign of life, and how long it may take.
const PING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));
/// The heads of a request, in bytes; those of an agent have some 200.
const HEADERS: u32 = 16 * 1024;
/// Streams that a peer may have opened and reset before they were looked at (CVE-2023-44487).
const RESETS: usize = 32;

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
    let door = Door::new(room_for(CONNECTIONS), ROOMS);
    let (own, ending) = (listener.clone(), stop.clone());
    until_stopped(&listener.tcp, &door, &stop, move |tcp, from, guest| {
        let (listener, router, shared) = (own.clone(), router.clone(), shared.clone());
        let (handshakes, stop) = (handshakes.clone(), ending.clone());
        async move {
            if let Err(error) =
                serve(tcp, from, guest, &listener.tls, router, &shared, &handshakes, stop).await
            {
                tracing::debug!(%from, %error, "an agent's connection ended");
            }
        }
    })
    .await;
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "one connection, and what it needs of the listener")]
async fn serve(
    tcp: TcpStream,
    from: SocketAddr,
    mut guest: Guest,
    tls: &TlsAcceptor,
    router: Router,
    shared: &Shared,
    handshakes: &Semaphore,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    if !guest.moves_to(Room::Handshake).await {
        return Ok(());
    }
    let shed = guest.shed();
    // Five thousand connections stay for weeks. What only their beginning needs lies in a box that is gone then, and what
    // they are made of is moved by its address: a future has room for each place in which a thing has ever been.
    let Some(stream) = Box::pin(secure(tcp, from, tls, handshakes, shed.clone())).await else {
        return Ok(());
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let peer = certificate.map(|der| wasl_pki::peer_identity(der)).transpose()?.map(Arc::new);
    let _place = match &peer {
        Some(peer) => {
            let place = shared.connections.enter(&peer.identity.agent, OF_ONE_AGENT);
            if place.is_none() || !guest.is_known() {
                anyhow::bail!("{} has too many connections", peer.identity.agent);
            }
            place
        }
        None if guest.moves_to(Room::Stranger).await => None,
        None => return Ok(()),
    };
    let until = stays_until(peer.as_ref().map(|peer| peer.not_after));
    let caller = Caller { peer, end: CancellationToken::new(), sessions: Arc::default() };

    let service = {
        let caller = caller.clone();
        service_fn(move |request: http::Request<Incoming>| {
            let mut request = request.map(|body| Body::new(InTime::new(body, BODY)));
            request.extensions_mut().insert(caller.clone());
            router.clone().oneshot(request)
        })
    };
    let mut connection = Box::pin(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            // The time is in the answers themselves where it matters.
            .auto_date_header(false)
            .max_concurrent_streams(16)
            .max_header_list_size(HEADERS)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .max_send_buf_size(64 * 1024)
            .keep_alive_interval(PING.0)
            .keep_alive_timeout(PING.1)
            .serve_connection(TokioIo::new(stream), service),
    );
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = caller.end.cancelled() => Ok(()),
        () = shed.cancelled() => Ok(()),
        () = until => Ok(()),
        () = stop.cancelled() => {
            shared.sessions.say_goodbye();
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

/// The handshake; nothing if it failed, took too long or was shed.
async fn secure(
    tcp: TcpStream,
    from: SocketAddr,
    tls: &TlsAcceptor,
    handshakes: &Semaphore,
    shed: CancellationToken,
) -> Option<Box<TlsStream<TcpStream>>> {
    let handshake = async {
        let _turn = handshakes.acquire().await;
        tls.accept(tcp).into_fallible().await
    };
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(HANDSHAKE, handshake) => outcome.ok()?,
        () = shed.cancelled() => return None,
    };
    match outcome {
        Ok(stream) => Some(Box::new(stream)),
        Err((error, tcp)) => {
            // The agent sees an alert only; the reason stands here.
            tracing::info!(%from, %error, "a TLS handshake on the agents' listener failed");
            tokio::select! {
                _ = tokio::time::timeout(LAST_WORD, last_word(tcp)) => {}
                // Whoever is sent away goes at once: the door waits for them.
                () = shed.cancelled() => {}
            }
            None
        }
    }
}

/// A connection ends with the certificate that opened it; an agent that has renewed comes back with the new one.
/// One without a certificate ends soon.
async fn stays_until(certificate_ends_s: Option<i64>) {
    let Some(end) = certificate_ends_s else { return tokio::time::sleep(STRANGER).await };
    loop {
        let left = end.saturating_sub(now().seconds());
        match u64::try_from(left) {
            // Clocks are set, so the end is looked at again.
            Ok(left) if left > 0 => tokio::time::sleep(Duration::from_secs(left.min(3600))).await,
            _ => return,
        }
    }
}

/// Lets the alert that is on its way arrive: closing while the other side is still sending would take
/// it back.
async fn last_word(mut tcp: TcpStream) -> std::io::Result<()> {
    tcp.shutdown().await?;
    let mut rest = [0u8; 1024];
    while tcp.read(&mut rest).await? > 0 {}
    Ok(())
}
