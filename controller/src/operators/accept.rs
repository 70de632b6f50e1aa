//! Connections of operators: plain on loopback, TLS elsewhere.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use wasl_pki::public_server_config;

use crate::accept::crowd::{Room, Rooms, Size};
use crate::accept::slow::InTime;
use crate::accept::{Door, FAREWELL, Guest, HANDSHAKE, SILENT, listen, until_stopped};
use crate::shared::Shared;
use crate::time::{KeptClock, now};
use crate::trust::listeners::{self, Kind, ListenerCertificate};

/// Connections: those that say nothing, those in their handshake, those that have not asked yet, and those that ask.
/// A reverse proxy is one source, so one source may have many that ask.
const ROOMS: Rooms = Rooms {
    silent: Size::new(512, 256, 0),
    handshake: Size::new(256, 128, 3),
    stranger: Size::new(512, 256, 0),
    asking: Size::new(2000, 1000, 0),
};
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// How long the body of a request may take.
const BODY: Duration = Duration::from_secs(30);
/// The heads of a request, in bytes.
const HEADERS: usize = 64 * 1024;
/// Streams that a peer may have opened and reset before they were looked at (CVE-2023-44487).
const RESETS: usize = 64;

/// Where a request came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// The other side.
    pub from: SocketAddr,
    /// Whether the other side is this very machine.
    pub own: bool,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// An open port for operators.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    /// What to type into a browser.
    pub url: String,
}

impl Listener {
    /// Opens `address`: plain on loopback, TLS with a certificate of the institution's authority
    /// elsewhere, for this machine's names and for those that are `given`. The certificate is returned too, for
    /// whoever keeps it fresh.
    pub fn open(
        shared: &Shared,
        address: SocketAddr,
        given: &[String],
        lifetime: Duration,
    ) -> Result<(Self, Option<ListenerCertificate>)> {
        let tcp = listen(address).with_context(|| {
            format!("opening the operators' listener on {address}; is another controller running?")
        })?;
        let bound = tcp.local_addr()?;
        if bound.ip().is_loopback() {
            return Ok((Self { tcp, tls: None, url: format!("http://{bound}/") }, None));
        }
        let host = listeners::host_name();
        let names = listeners::names(bound.ip(), given, host.as_deref(), &listeners::own_addresses());
        let view = shared.trust.view();
        let certificate = ListenerCertificate::new(Kind::Operators, names, lifetime, &view, now().seconds())?;
        let tls = public_server_config(certificate.shown(), &["h2", "http/1.1"], Arc::new(KeptClock))?;
        let tls = Some(TlsAcceptor::from(Arc::new(tls)));
        Ok((Self { tcp, tls, url: format!("https://{bound}/") }, Some(certificate)))
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// Accepts connections until `stop`.
pub async fn run(listener: Arc<Listener>, router: Router, stop: CancellationToken) -> Result<(), Infallible> {
    let door = Door::new(0, ROOMS);
    let (tls, ending) = (listener.tls.clone(), stop.clone());
    until_stopped(&listener.tcp, &door, &stop, move |tcp, from, mut guest| {
        let (router, stop, tls) = (router.clone(), ending.clone(), tls.clone());
        let own = from.ip().is_loopback() || tcp.local_addr().is_ok_and(|to| to.ip() == from.ip());
        async move {
            let Some(tls) = tls else {
                return serve(tcp, Arrival { from, own, tls: false }, guest, router, stop).await;
            };
            if !guest.moves_to(Room::Handshake).await {
                return;
            }
            let shed = guest.shed();
            let outcome = tokio::select! {
                outcome = tokio::time::timeout(HANDSHAKE, tls.accept(tcp)) => outcome,
                () = shed.cancelled() => return,
            };
            match outcome {
                Ok(Ok(stream)) => serve(stream, Arrival { from, own, tls: true }, guest, router, stop).await,
                Ok(Err(error)) => {
                    tracing::debug!(%from, %error, "a TLS handshake on the operators' listener failed");
                }
                Err(_) => {}
            }
        }
    })
    .await;
    Ok(())
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    arrival: Arrival,
    mut guest: Guest,
    router: Router,
    stop: CancellationToken,
) {
    if !guest.moves_to(Room::Stranger).await {
        return;
    }
    let (shed, asked) = (guest.shed(), CancellationToken::new());
    let first = asked.clone();
    let service = service_fn(move |request: http::Request<Incoming>| {
        first.cancel();
        let mut request = request.map(|body| Body::new(InTime::new(body, BODY)));
        request.extensions_mut().insert(arrival);
        router.clone().oneshot(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(HEADERS as u32)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(15));
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        biased;
        // Which version is spoken is found out from the first bytes, and nothing else bounds that wait.
        () = tokio::time::sleep(SILENT) => return,
        () = shed.cancelled() => return,
        () = stop.cancelled() => return,
        result = connection.as_mut() => Some(result),
        () = asked.cancelled() => None,
    };
    if ended.is_none() && !guest.moves_to(Room::Asking).await {
        return;
    }
    let result = if let Some(ended) = ended {
        ended
    } else {
        tokio::select! {
            result = connection.as_mut() => result,
            () = shed.cancelled() => return,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(from = %arrival.from, %error, "an operator's connection ended");
    }
}
