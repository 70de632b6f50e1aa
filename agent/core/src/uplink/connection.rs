//! One HTTP/2 connection to the controller.

use std::error::Error as _;
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
use wasl_protocol::message::Refusal;
use wasl_protocol::{MEDIA_TYPE, limits};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a request may take.
const REQUEST: Duration = Duration::from_secs(30);
/// How often the peer is asked for a sign of life, and how long it may take.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_WITHIN: Duration = Duration::from_secs(5);

/// Why the controller could not be asked.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// Not reachable.
    #[error("connecting to the controller at {address}")]
    Connect {
        /// `HOST:PORT`.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The handshake failed.
    #[error("{explained}")]
    Tls {
        /// In plain words, with the next step.
        explained: String,
    },
    /// No answer in time.
    #[error("the controller did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The connection broke.
    #[error("the connection to the controller broke{}", .0.as_deref().map(|e| format!(": {e}")).unwrap_or_default())]
    Broken(Option<String>),
    /// The controller says no, in its own words.
    #[error("the controller refused: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The word for programs.
        code: String,
        /// The words for people.
        message: String,
        /// Of an upload: the first sequence at fault; 0 where that was not said.
        sequence: u64,
    },
    /// The controller's answer makes no sense.
    #[error(
        "the controller's answer is not what the protocol says: {0}; is {1} really the agents' listener?"
    )]
    Nonsense(String, &'static str),
}

/// A live connection. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub struct Connection {
    requests: SendRequest<Full<Bytes>>,
    _driver: Arc<AbortOnDropHandle<()>>,
}

impl Connection {
    /// Connects to `address` (`HOST:PORT`) with TLS 1.3 and HTTP/2.
    pub async fn open(address: &str, tls: Arc<ClientConfig>) -> Result<Self, ConnectionError> {
        let made = tokio::time::timeout(CONNECT, Self::make(address, tls)).await;
        made.unwrap_or(Err(ConnectionError::TimedOut(CONNECT)))
    }

    async fn make(address: &str, tls: Arc<ClientConfig>) -> Result<Self, ConnectionError> {
        let unreachable = |source| ConnectionError::Connect { address: address.to_owned(), source };
        let tcp = TcpStream::connect(address).await.map_err(unreachable)?;
        // Small requests wait for nobody: without this, Nagle's algorithm and delayed
        // acknowledgements cost 40 ms each.
        tcp.set_nodelay(true).map_err(unreachable)?;
        let stream = TlsConnector::from(tls)
            .connect(wasl_pki::controller_server_name(), tcp)
            .await
            .map_err(|error| explain(&error))?;
        Self::over(stream).await
    }

    /// Speaks HTTP/2 over a stream that is there.
    pub(super) async fn over<S>(stream: S) -> Result<Self, ConnectionError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WITHIN)
            .keep_alive_while_idle(true)
            // Answers have two short headers: no table of them is worth its memory at the controller, for each agent.
            .header_table_size(0)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "the connection to the controller ended");
            }
        });
        Ok(Self { requests, _driver: Arc::new(AbortOnDropHandle::new(driver)) })
    }

    /// Sends a message and reads the answer.
    pub async fn ask<A: Message + Default>(
        &self,
        path: &'static str,
        message: &impl Message,
    ) -> Result<A, ConnectionError> {
        let ask = async {
            let response = self.send(Method::POST, path, message.encode_to_vec().into()).await?;
            let body = collect(response.into_body(), limits::MAX_REQUEST_BYTES).await?;
            A::decode(body).map_err(|e| ConnectionError::Nonsense(e.to_string(), "the given address"))
        };
        tokio::time::timeout(REQUEST, ask).await.unwrap_or(Err(ConnectionError::TimedOut(REQUEST)))
    }

    /// Opens a long-lived answer.
    pub async fn stream(&self, path: &str) -> Result<Incoming, ConnectionError> {
        let open = self.send(Method::GET, path, Bytes::new());
        let response =
            tokio::time::timeout(REQUEST, open).await.unwrap_or(Err(ConnectionError::TimedOut(REQUEST)))?;
        Ok(response.into_body())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<http::Response<Incoming>, ConnectionError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", wasl_pki::CONTROLLER_NAME))
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .body(Full::new(body))
            .map_err(|e| ConnectionError::Nonsense(e.to_string(), path_name()))?;
        let response = self.requests.clone().send_request(request).await.map_err(|e| broken(&e))?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = collect(response.into_body(), limits::MAX_REQUEST_BYTES).await.unwrap_or_default();
        let refusal = Refusal::decode(body).ok().filter(|r| !r.code.is_empty());
        Err(match refusal {
            Some(refusal) => {
                let Refusal { code, message, sequence } = refusal;
                ConnectionError::Refused { status, code, message, sequence }
            }
            None => ConnectionError::Nonsense(format!("HTTP status {status}"), "the given address"),
        })
    }
}

fn path_name() -> &'static str {
    "the given address"
}

async fn collect(body: Incoming, limit: usize) -> Result<Bytes, ConnectionError> {
    let collected = Limited::new(body, limit).collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|e| ConnectionError::Broken(Some(e.to_string())))
}

fn broken(error: &hyper::Error) -> ConnectionError {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    // A refused certificate shows itself here: in TLS 1.3 the client's handshake is over before the
    // server has looked at the certificate.
    match wasl_pki::explain_text(&cause) {
        Some(explained) => ConnectionError::Tls { explained },
        None => ConnectionError::Broken(Some(cause)),
    }
}

fn explain(error: &std::io::Error) -> ConnectionError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => ConnectionError::Tls { explained: wasl_pki::explain(tls) },
        None => ConnectionError::Broken(Some(error.to_string())),
    }
}
