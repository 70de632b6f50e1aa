//! Speaks to the controller on this machine through its API.

use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::exit;
use crate::home::{Addresses, Home};
use crate::operators::api::Problem;

/// The longest answer.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
/// The longest event of a stream.
const MAX_EVENT: usize = 1024 * 1024;
/// A stream that is silent for longer is dead: the controller gives a sign of life every 15 s.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(40);
/// How long an answer may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Why the controller did not do what was asked.
#[derive(Debug, Error)]
pub(super) enum ClientError {
    /// There is none running here.
    #[error(
        "no controller is running with its state in {0}; start one with `wasl up` or `wasl serve`, or name another folder with --state or --home"
    )]
    NotRunning(String),
    /// It does not answer.
    #[error("the controller at {url} does not answer: {what}; `wasl doctor` looks for the cause")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What happened.
        what: String,
    },
    /// Its state folder is somebody else's.
    #[error("{0}; run this as the user that runs the controller")]
    NotPermitted(String),
    /// It said no.
    #[error("{}", .0.detail)]
    Refused(Problem),
}

impl ClientError {
    /// Whether asking again is of no use: who asks may not, or there is no such thing. Anything else may pass.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::NotRunning(_) | Self::Unreachable { .. } => false,
            Self::NotPermitted(_) => true,
            Self::Refused(problem) => (400..500).contains(&problem.status) && problem.status != 429,
        }
    }

    /// The exit code (contract).
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotRunning(_) | Self::Unreachable { .. } => exit::UNREACHABLE.into(),
            Self::NotPermitted(_) => exit::NOT_PERMITTED.into(),
            Self::Refused(problem) if matches!(problem.status, 401 | 403) => exit::NOT_PERMITTED.into(),
            Self::Refused(_) => exit::UNHEALTHY.into(),
        }
    }
}

/// A way to a running controller.
pub(super) struct Client {
    addresses: Addresses,
    token: String,
}

impl Client {
    /// The controller whose state lies in `home`.
    pub(super) fn new(home: &Home) -> Result<Self, ClientError> {
        let shown = home.path().display().to_string();
        let addresses = home
            .addresses()
            .map_err(|e| ClientError::NotPermitted(format!("{e:#}")))?
            .ok_or(ClientError::NotRunning(shown))?;
        let token = home.cli_token().map_err(|e| ClientError::NotPermitted(format!("{e:#}")))?;
        Ok(Self { addresses, token })
    }

    /// Where the controller listens.
    pub(super) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Asks for a document.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let body = self.send(Method::GET, path, Bytes::new()).await?;
        serde_json::from_slice(&body).map_err(|e| self.unreachable(format!("its answer makes no sense: {e}")))
    }

    /// Asks for a document that is of no use if it comes later than this.
    pub(super) async fn get_within<T: DeserializeOwned>(
        &self,
        patience: std::time::Duration,
        path: &str,
    ) -> Result<T, ClientError> {
        let answer = tokio::time::timeout(patience, self.get(path)).await;
        answer.unwrap_or_else(|_| Err(self.unreachable("no answer in time".into())))
    }

    /// Asks for a document and gives it as it came.
    pub(super) async fn get_text(&self, path: &str) -> Result<String, ClientError> {
        let body = self.send(Method::GET, path, Bytes::new()).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Sends a document; `None` for an answer without one.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Option<T>, ClientError> {
        let body = serde_json::to_vec(body).map_err(|e| self.unreachable(e.to_string()))?;
        let answer = self.send(Method::POST, path, body.into()).await?;
        if answer.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&answer)
            .map(Some)
            .map_err(|e| self.unreachable(format!("its answer makes no sense: {e}")))
    }

    /// Sends a change.
    pub(super) async fn patch(&self, path: &str, body: &impl Serialize) -> Result<(), ClientError> {
        let body = serde_json::to_vec(body).map_err(|e| self.unreachable(e.to_string()))?;
        self.send(Method::PATCH, path, body.into()).await.map(|_| ())
    }

    fn unreachable(&self, what: String) -> ClientError {
        ClientError::Unreachable { url: self.addresses.http.clone(), what }
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, ClientError> {
        let sent = tokio::time::timeout(PATIENCE, self.try_send(method, path, body)).await;
        sent.unwrap_or_else(|_| Err(self.unreachable("no answer in time".into())))
    }

    async fn try_send(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, ClientError> {
        let (response, driver) = self.open(method, path, "application/json", body).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|e| self.unreachable(e.to_string()))?.to_bytes();
        driver.abort();
        if status.is_success() { Ok(body) } else { Err(self.refused(status, &body)) }
    }

    /// Follows a stream of server-sent events.
    pub(super) async fn follow(&self, path: &str) -> Result<Following, ClientError> {
        let opened = tokio::time::timeout(PATIENCE, async {
            let (response, driver) = self.open(Method::GET, path, "text/event-stream", Bytes::new()).await?;
            let status = response.status();
            let body = response.into_body();
            if status.is_success() {
                return Ok(Following {
                    body,
                    frames: Frames::default(),
                    _driver: AbortOnDropHandle::new(driver),
                });
            }
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|e| self.unreachable(e.to_string()))?.to_bytes();
            Err(self.refused(status, &body))
        });
        opened.await.unwrap_or_else(|_| Err(self.unreachable("no answer in time".into())))
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> ClientError {
        match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => ClientError::Refused(problem),
            Err(_) => self.unreachable(format!("it answered {status}")),
        }
    }

    async fn open(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Bytes,
    ) -> Result<(Response<Incoming>, JoinHandle<hyper::Result<()>>), ClientError> {
        let broken = |e: &dyn std::error::Error| self.unreachable(e.to_string());
        let (tls, rest) = match self.addresses.http.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some((_, rest)) => (false, rest),
            None => (false, self.addresses.http.as_str()),
        };
        // A listener on all addresses is reached by loopback.
        let authority = rest.trim_end_matches('/').replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]");
        let tcp = TcpStream::connect(&authority).await.map_err(|e| broken(&e))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &authority)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, accept)
            .body(Full::new(body))
            .map_err(|e| broken(&e))?;
        let answer = if tls {
            let pem = self.addresses.authority.as_deref().unwrap_or_default();
            let roots = wasl_pki::pem::certificates_from_pem(pem).map_err(|e| broken(&e))?;
            let clock = Arc::new(wasl_pki::tls::SystemClock);
            let config =
                wasl_pki::client_config(&roots, None, &["http/1.1"], clock).map_err(|e| broken(&e))?;
            let name = rustls::pki_types::ServerName::try_from("localhost").map_err(|e| broken(&e))?;
            let stream =
                TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|e| broken(&e))?;
            exchange(stream, request).await
        } else {
            exchange(tcp, request).await
        };
        answer.map_err(|e| self.unreachable(e))
    }
}

/// A stream of server-sent events that is followed.
pub(super) struct Following {
    body: Incoming,
    frames: Frames,
    _driver: AbortOnDropHandle<hyper::Result<()>>,
}

impl Following {
    /// The data of the next event; `None` where the stream ends, or nothing at all is heard for so long that it must
    /// be dead.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(data) = self.frames.next() {
                return Some(data);
            }
            let frame = tokio::time::timeout(SILENCE, self.body.frame()).await.ok()??.ok()?;
            let data = frame.into_data().ok()?;
            self.frames.push(&data)?;
        }
    }
}

/// Server-sent events out of bytes as they come.
#[derive(Debug, Default)]
struct Frames {
    text: Vec<u8>,
}

impl Frames {
    /// Takes in what has come; `None` where it is more than any event may be long.
    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        self.text.extend_from_slice(bytes);
        (self.text.len() <= MAX_EVENT).then_some(())
    }

    /// The data of the next event that is whole. What has none, such as a sign of life, is passed over.
    fn next(&mut self) -> Option<String> {
        loop {
            let end = self.text.windows(2).position(|pair| pair == b"\n\n")?;
            let event: Vec<u8> = self.text.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event);
            let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
            let data: Vec<&str> = data.map(|data| data.strip_prefix(' ').unwrap_or(data)).collect();
            if !data.is_empty() {
                return Some(data.join("\n"));
            }
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, JoinHandle<hyper::Result<()>>), String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
    Ok((response, driver))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_that_is_away_or_busy_is_asked_again_and_one_that_refuses_is_not() {
        let refused = |status| {
            let (code, detail) = (String::new(), String::new());
            ClientError::Refused(Problem { status, code, detail }).is_final()
        };
        assert!([400, 401, 403, 404].map(refused).iter().all(|is_final| *is_final));
        assert!([429, 500, 503].map(refused).iter().all(|is_final| !is_final));
        let away = ClientError::Unreachable { url: String::new(), what: String::new() };
        assert!(!away.is_final() && !ClientError::NotRunning(String::new()).is_final());
    }

    #[test]
    fn events_are_told_whole_however_they_are_cut_on_the_way() {
        let stream = ":\n\nid: 7\nevent: entity\ndata: {\"a\":1}\n\n:\n\ndata: b\ndata:c\n\ndata: half";
        for size in 1..stream.len() {
            let (mut frames, mut told) = (Frames::default(), Vec::new());
            for part in stream.as_bytes().chunks(size) {
                frames.push(part).expect("short");
                told.extend(std::iter::from_fn(|| frames.next()));
            }
            assert_eq!(told, ["{\"a\":1}", "b\nc"], "in parts of {size}");
        }
        assert_eq!(Frames::default().push(&vec![b'x'; MAX_EVENT + 1]), None, "memory is bounded");
    }
}
