//! Somebody who speaks to the agents' listener without being an agent program.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::client::TlsStream;
use wasl_pki::tls::SystemClock;
use wasl_pki::{AgentIdentity, CertificateAuthority, Credentials, KeyAndRequest, SwappableCertificate, pem};
use wasl_protocol::message::Refusal;

const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate with its key.
pub(crate) struct Papers(Credentials);

impl Papers {
    /// Those of an agent that has joined, taken from its disk.
    pub(crate) fn of(state: &Path) -> Self {
        let text = std::fs::read_to_string(state.join("identity.pem")).expect("it has joined");
        let chain = pem::certificates_from_pem(&text).expect("certificates");
        Self(Credentials::new(&chain, &text).expect("a pair"))
    }

    /// Those that an authority makes out, `from_s` being the time of issue in Unix seconds.
    pub(crate) fn made_by(
        authority: &CertificateAuthority,
        who: &AgentIdentity,
        from_s: i64,
        life: Duration,
    ) -> Self {
        let key = KeyAndRequest::generate().expect("a key");
        let issued = authority.issue_agent(key.request_der(), who, from_s, life).expect("issued");
        Self(Credentials::new(&issued.chain_der, &key.private_key_pem()).expect("a pair"))
    }

    /// Those of a server, where an agent's belong.
    pub(crate) fn of_a_server(authority: &CertificateAuthority, now_s: i64) -> Self {
        let key = KeyAndRequest::generate().expect("a key");
        let day = Duration::from_secs(86_400);
        let issued = authority.issue_server(key.request_der(), &["x.example".to_owned()], now_s, day);
        Self(Credentials::new(&issued.expect("issued").chain_der, &key.private_key_pem()).expect("a pair"))
    }
}

/// The authority of a controller, with its key: what an attacker has who has taken the controller's disk.
pub(crate) fn authority(state: &Path) -> CertificateAuthority {
    let read = |name: &str| std::fs::read_to_string(state.join(name)).expect("it is there");
    CertificateAuthority::from_pem(&read("ca.pem"), &read("ca.key")).expect("an authority")
}

pub(crate) fn settings(authority: &Path, papers: Option<&Papers>) -> Arc<ClientConfig> {
    let text = std::fs::read_to_string(authority).expect("the authority");
    let roots = pem::certificates_from_pem(&text).expect("certificates");
    let shown = papers.map(|papers| SwappableCertificate::new(papers.0.clone()));
    Arc::new(
        wasl_pki::client_config(&roots, shown.as_ref(), &["h2"], Arc::new(SystemClock)).expect("settings"),
    )
}

/// An answer: its status, and the word of the refusal.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn message<M: Message + Default>(&self) -> M {
        assert_eq!(self.status, 200, "{self:?}");
        M::decode(self.body.clone()).expect("protobuf")
    }
}

/// A connection of theirs.
pub(crate) struct Intruder {
    runtime: Runtime,
    requests: SendRequest<Full<Bytes>>,
}

impl Intruder {
    /// Connects. `Err` says why it was not let in; with TLS 1.3 that may show at the first request only.
    pub(crate) fn connect(
        listener: SocketAddr,
        authority: &Path,
        papers: Option<&Papers>,
    ) -> Result<Self, String> {
        let runtime = runtime();
        let config = settings(authority, papers);
        let requests = runtime.block_on(within(async {
            let stream = tls(listener, config).await?;
            let (requests, driver) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await
                    .map_err(|error| error.to_string())?;
            tokio::spawn(driver);
            Ok(requests)
        }))?;
        Ok(Self { runtime, requests })
    }

    /// Asks, and panics if the connection breaks.
    pub(crate) fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Method::POST, path, body.into()).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Sends a message.
    pub(crate) fn ask(&self, path: &str, message: &impl Message) -> Answer {
        self.post(path, message.encode_to_vec())
    }

    /// Asks; `Err` if the connection breaks.
    pub(crate) fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, String> {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", wasl_pki::CONTROLLER_NAME))
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let mut requests = self.requests.clone();
        self.runtime.block_on(within(async {
            requests.ready().await.map_err(|error| error.to_string())?;
            let answer = requests.send_request(request).await.map_err(|error| error.to_string())?;
            let status = answer.status().as_u16();
            let body = if status == 200 && path.contains("downlink") {
                Bytes::new()
            } else {
                answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes()
            };
            let refusal = Refusal::decode(body.clone()).ok().filter(|_| status != 200).unwrap_or_default();
            Ok(Answer { status, code: refusal.code, body })
        }))
    }
}

/// Whether the listener talks to somebody with these papers at all.
pub(crate) fn is_let_in(listener: SocketAddr, authority: &Path, papers: &Papers) -> bool {
    Intruder::connect(listener, authority, Some(papers))
        .and_then(|intruder| intruder.send(Method::POST, "/agent/v1/renew", Bytes::new()))
        .is_ok()
}

pub(crate) async fn tls(
    listener: SocketAddr,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, String> {
    let tcp = TcpStream::connect(listener).await.map_err(|error| error.to_string())?;
    let connector = tokio_rustls::TlsConnector::from(config);
    connector.connect(wasl_pki::controller_server_name(), tcp).await.map_err(|error| error.to_string())
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

async fn within<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err("no answer in time".into()))
}
