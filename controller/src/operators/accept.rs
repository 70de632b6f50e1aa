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
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use wasl_pki::KeyAndRequest;

use crate::accept::{FAREWELL, until_stopped};
use crate::shared::Shared;
use crate::time::now;

/// Connections at the same time.
const CONNECTIONS: usize = 2_000;
/// How long a handshake, and the head of a request, may take.
const PATIENCE: Duration = Duration::from_secs(10);

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
    /// elsewhere.
    pub async fn open(shared: &Shared, address: SocketAddr) -> Result<Self> {
        let tcp = TcpListener::bind(address).await.with_context(|| {
            format!("opening the operators' listener on {address}; is another controller running?")
        })?;
        let bound = tcp.local_addr()?;
        let tls = if bound.ip().is_loopback() {
            None
        } else {
            Some(TlsAcceptor::from(Arc::new(tls(shared, bound)?)))
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        Ok(Self { tcp, tls, url: format!("{scheme}://{bound}/") })
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

fn tls(shared: &Shared, bound: SocketAddr) -> Result<ServerConfig> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    if !bound.ip().is_unspecified() {
        names.push(bound.ip().to_string());
    }
    if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        names.push(name.trim().to_owned());
    }
    let key = KeyAndRequest::generate()?;
    let lifetime = Duration::from_secs(90 * 86_400);
    let issued = shared.authority.issue_server(key.request_der(), &names, now().seconds(), lifetime)?;
    let chain = issued.chain_der.into_iter().map(rustls::pki_types::CertificateDer::from).collect();
    let pem = key.private_key_pem();
    let key = <rustls::pki_types::PrivateKeyDer as rustls::pki_types::pem::PemObject>::from_pem_slice(
        pem.as_bytes(),
    )
    .context("reading the key that was just made")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Accepts connections until `stop`.
pub async fn run(listener: Arc<Listener>, router: Router, stop: CancellationToken) -> Result<(), Infallible> {
    until_stopped(&listener.tcp, CONNECTIONS, &stop, |tcp, from| {
        let (router, stop, tls) = (router.clone(), stop.clone(), listener.tls.clone());
        let own = from.ip().is_loopback() || tcp.local_addr().is_ok_and(|to| to.ip() == from.ip());
        async move {
            match tls {
                None => serve(tcp, Arrival { from, own, tls: false }, router, stop).await,
                Some(tls) => match tokio::time::timeout(PATIENCE, tls.accept(tcp)).await {
                    Ok(Ok(stream)) => serve(stream, Arrival { from, own, tls: true }, router, stop).await,
                    Ok(Err(error)) => {
                        tracing::debug!(%from, %error, "a TLS handshake on the operators' listener failed");
                    }
                    Err(_) => {}
                },
            }
        }
    })
    .await;
    Ok(())
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    arrival: Arrival,
    router: Router,
    stop: CancellationToken,
) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(arrival);
        router.clone().oneshot(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(64);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        tracing::debug!(from = %arrival.from, %error, "an operator's connection ended");
    }
}
