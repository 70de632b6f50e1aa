//! The agents' side of the wire: a handshake with a certificate of one's own, HTTP/2, protobuf.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message;
use rustls::ClientConfig;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use wasl_pki::tls::SystemClock;
use wasl_pki::{
    Credentials, EnrolToken, KeyAndRequest, SwappableCertificate, client_config, pinned_client_config,
};
use wasl_protocol::message::{Certificate, EnrolRequest, Facts, Refusal, path};
use wasl_protocol::{MEDIA_TYPE, limits};

/// How long a connection and a request may take; as real agents have it.
const CONNECT: Duration = Duration::from_secs(10);
const REQUEST: Duration = Duration::from_secs(30);
/// How often the controller is asked for a sign of life, and how long it may take.
const PING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// Why the controller could not be asked. These are words that are counted, so they name no agent.
#[derive(Debug, Error)]
pub(super) enum LinkError {
    /// No connection.
    #[error("connecting to the agents' listener")]
    Connect(#[source] std::io::Error),
    /// No answer in time.
    #[error("the controller did not answer in time")]
    TimedOut,
    /// The connection broke.
    #[error("the connection to the controller broke")]
    Broken(#[from] hyper::Error),
    /// The controller says no.
    #[error("the controller refused: {0}")]
    Refused(String),
    /// The answer is not what the protocol says.
    #[error("the controller's answer makes no sense: {0}")]
    Nonsense(String),
    /// No key or certificate.
    #[error("making or using an agent's certificate: {0}")]
    Identity(String),
}

/// One connection; it ends when this is dropped.
pub(super) struct Link {
    requests: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

impl Link {
    /// Connects to `address` (`HOST:PORT`).
    pub(super) async fn open(address: &str, tls: Arc<ClientConfig>) -> Result<Self, LinkError> {
        let made = async {
            let tcp = TcpStream::connect(address).await.map_err(LinkError::Connect)?;
            tcp.set_nodelay(true).map_err(LinkError::Connect)?;
            let name = wasl_pki::controller_server_name();
            let stream = TlsConnector::from(tls).connect(name, tcp).await.map_err(LinkError::Connect)?;
            let (requests, driver) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(PING.0)
                .keep_alive_timeout(PING.1)
                .keep_alive_while_idle(true)
                // As agents do.
                .header_table_size(0)
                .handshake(TokioIo::new(stream))
                .await?;
            let driver = tokio::spawn(async move { drop(driver.await) });
            Ok(Self { requests, _driver: AbortOnDropHandle::new(driver) })
        };
        tokio::time::timeout(CONNECT, made).await.unwrap_or(Err(LinkError::TimedOut))
    }

    /// Begins a request; what it gives may be awaited while another one is begun.
    pub(super) fn ask<A: Message + Default>(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<A, LinkError>> + Send + use<A> {
        let sent = self.send(Method::POST, path, body.into());
        async move {
            let answer = async {
                let body = whole(sent.await?.into_body()).await?;
                A::decode(body).map_err(|e| LinkError::Nonsense(e.to_string()))
            };
            tokio::time::timeout(REQUEST, answer).await.unwrap_or(Err(LinkError::TimedOut))
        }
    }

    /// Opens a long-lived answer.
    pub(super) async fn stream(&self, path: &str) -> Result<Incoming, LinkError> {
        let opened = tokio::time::timeout(REQUEST, self.send(Method::GET, path, Bytes::new())).await;
        Ok(opened.unwrap_or(Err(LinkError::TimedOut))?.into_body())
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> impl Future<Output = Result<http::Response<Incoming>, LinkError>> + Send + use<> {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", wasl_pki::CONTROLLER_NAME))
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .body(Full::new(body));
        let mut requests = self.requests.clone();
        async move {
            let request = request.map_err(|e| LinkError::Nonsense(e.to_string()))?;
            let response = requests.send_request(request).await?;
            let status = response.status();
            if status == StatusCode::OK {
                return Ok(response);
            }
            let refusal = Refusal::decode(whole(response.into_body()).await?).unwrap_or_default();
            Err(LinkError::Refused(format!("{status} {}: {}", refusal.code, refusal.message)))
        }
    }
}

async fn whole(body: Incoming) -> Result<Bytes, LinkError> {
    let body = Limited::new(body, limits::MAX_REQUEST_BYTES).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|e| LinkError::Nonsense(e.to_string()))
}

/// What these agents say of their machines.
pub(super) fn facts() -> Facts {
    Facts {
        version: format!("{} (simulated)", env!("CARGO_PKG_VERSION")),
        os: "simulated".into(),
        kernel: String::new(),
        arch: std::env::consts::ARCH.into(),
    }
}

/// Enrols an agent with a token: a key, a certificate for it, and how to connect with it from now on.
pub(super) async fn enrol(address: &str, token: &str, name: &str) -> Result<Arc<ClientConfig>, LinkError> {
    let identity = |e: &dyn std::fmt::Display| LinkError::Identity(e.to_string());
    let token: EnrolToken = token.parse().map_err(|e| identity(&e))?;
    let key = KeyAndRequest::generate().map_err(|e| identity(&e))?;
    let pinned =
        pinned_client_config(token.ca(), &["h2"], Arc::new(SystemClock)).map_err(|e| identity(&e))?;
    let request = EnrolRequest {
        protocol: wasl_protocol::VERSION,
        token: token.to_string(),
        csr: key.request_der().to_vec(),
        name: name.to_owned(),
        facts: Some(facts()),
    };
    let link = Link::open(address, Arc::new(pinned)).await?;
    let given: Certificate = link.ask(path::ENROL, request.encode_to_vec()).await?;
    if given.agent != name {
        return Err(LinkError::Identity(format!("the certificate names {} instead of {name}", given.agent)));
    }
    let own = Credentials::new(&given.chain, &key.private_key_pem()).map_err(|e| identity(&e))?;
    let own = SwappableCertificate::new(own);
    let tls = client_config(&given.authorities, Some(&own), &["h2"], Arc::new(SystemClock));
    Ok(Arc::new(tls.map_err(|e| identity(&e))?))
}
