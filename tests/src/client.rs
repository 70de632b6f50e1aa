//! A small HTTP client that can speak from inside a network namespace.
//!
//! A thread that has entered the namespace opens the connection there; the process itself stays where it
//! is. Every request has a connection of its own: stories ask seldom, and a connection that is kept would
//! hide what a new one meets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wasl_pki::tls::SystemClock;

use crate::net::Place;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Speaks to one listener from one place.
#[derive(Clone)]
pub struct Client {
    place: Place,
    address: SocketAddr,
    authority: Option<String>,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON. Panics if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in an answer ({}):\n{}", self.status, self.text()))
    }

    /// A header's text; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Every `Set-Cookie`.
    pub fn cookies(&self) -> Vec<&str> {
        let all = self.headers.get_all(header::SET_COOKIE).iter();
        all.filter_map(|value| value.to_str().ok()).collect()
    }
}

impl Client {
    /// Plain HTTP to `address` from `place`.
    pub fn new(place: &Place, address: SocketAddr) -> Self {
        Self { place: place.clone(), address, authority: None, headers: Vec::new() }
    }

    /// The listener that a controller wrote into its `addresses.json`.
    pub fn of(place: &Place, addresses: &Value) -> Self {
        let url = addresses["http"].as_str().expect("addresses.json names the operators' listener");
        let (_, rest) = url.split_once("://").expect("it is a URL");
        let mut address: SocketAddr = rest.trim_end_matches('/').parse().expect("it names an address");
        if address.ip().is_unspecified() {
            // A listener on all addresses is reached by loopback.
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        Self { authority: addresses["authority"].as_str().map(str::to_owned), ..Self::new(place, address) }
    }

    /// Sends this header with each request.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// The same from another place.
    #[must_use]
    pub fn from(&self, place: &Place) -> Self {
        Self { place: place.clone(), ..self.clone() }
    }

    /// The same without TLS.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self { authority: None, ..self.clone() }
    }

    /// Where it speaks to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks. `Err` says why there was no answer.
    pub fn try_get(&self, path: &str) -> Result<Answer, String> {
        self.try_send(Method::GET, path, "", &[])
    }

    /// Asks. Panics if there is no answer.
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Asks for a JSON document. Panics unless it is granted.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, StatusCode::OK, "GET {path}: {}", answer.text());
        answer.json()
    }

    /// Asks for a JSON document; `None` if it is not granted or nobody answers.
    pub fn try_json(&self, path: &str) -> Option<Value> {
        let answer = self.try_get(path).ok().filter(|answer| answer.status == StatusCode::OK)?;
        serde_json::from_slice(&answer.body).ok()
    }

    /// Sends a JSON document. Panics if there is no answer.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_send(Method::POST, path, "application/json", body.to_string().as_bytes())
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Sends a form. Panics if there is no answer.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        self.try_send(Method::POST, path, "application/x-www-form-urlencoded", body.join("&").as_bytes())
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    fn try_send(&self, method: Method, path: &str, kind: &str, body: &[u8]) -> Result<Answer, String> {
        let (own, request) = (self.clone(), self.request(method, path, kind, body));
        self.place.on_a_thread(move || {
            let ask = async {
                let answer = own.open(request).await?;
                let (parts, body) = answer.into_parts();
                let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
                Ok(Answer { status: parts.status, headers: parts.headers, body })
            };
            runtime().block_on(async {
                tokio::time::timeout(PATIENCE, ask)
                    .await
                    .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
            })
        })
    }

    fn request(&self, method: Method, path: &str, kind: &str, body: &[u8]) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header(header::HOST, self.address.to_string());
        }
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(Bytes::copy_from_slice(body))).expect("stories write sound requests")
    }

    async fn open(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        let tcp = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
        let Some(authority) = &self.authority else { return exchange(tcp, request).await };
        let roots = wasl_pki::pem::certificates_from_pem(authority).map_err(|error| error.to_string())?;
        let config = wasl_pki::client_config(&roots, None, &["http/1.1"], Arc::new(SystemClock))
            .map_err(|error| error.to_string())?;
        let name = rustls::pki_types::ServerName::from(self.address.ip());
        let connected = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
        exchange(connected.map_err(|error| error.to_string())?, request).await
    }

    /// Follows a stream of server-sent events.
    pub fn events(&self, path: &str) -> Events {
        let (send, receive) = sync_channel(1024);
        let (own, request) = (self.clone(), self.request(Method::GET, path, "", &[]));
        self.place.start_thread(move || runtime().block_on(own.follow(request, send)));
        Events(receive)
    }

    async fn follow(&self, request: Request<Full<Bytes>>, out: SyncSender<Result<Event, String>>) {
        let mut body = match self.open(request).await {
            Ok(answer) if answer.status() == StatusCode::OK => answer.into_body(),
            Ok(answer) => {
                let _ = out.send(Err(format!("the stream was refused: {}", answer.status())));
                return;
            }
            Err(error) => {
                let _ = out.send(Err(error));
                return;
            }
        };
        let mut text = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
                let one: Vec<u8> = text.drain(..end + 2).collect();
                let event = Event::parse(&String::from_utf8_lossy(&one));
                if event.is_some_and(|event| out.send(Ok(event)).is_err()) {
                    return;
                }
            }
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made")
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, String> {
    let (mut requests, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let answer = requests.send_request(request).await.map_err(|error| error.to_string())?;
    Ok(answer)
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Text that may stand in a query.
pub fn encoded(text: &str) -> String {
    percent_encoded(text)
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its type.
    pub kind: String,
    /// Its number, where it has one.
    pub id: Option<String>,
    /// Its data.
    pub data: String,
}

impl Event {
    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let lines: Vec<&str> = lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        };
        let data = field("data")?;
        Some(Self { kind: field("event").unwrap_or_else(|| "message".to_owned()), id: field("id"), data })
    }

    /// The data as JSON. Panics if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// Events as they come.
pub struct Events(Receiver<Result<Event, String>>);

impl Events {
    /// The next event that `wanted` accepts. Panics if the stream ends or `within` passes.
    pub fn next(&self, what: &str, within: Duration, mut wanted: impl FnMut(&Event) -> bool) -> Event {
        let end = Instant::now() + within;
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            match self.0.recv_timeout(rest) {
                Ok(Ok(event)) if wanted(&event) => return event,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => panic!("the stream broke while waiting for {what}: {error}"),
                Err(RecvTimeoutError::Timeout) => panic!("no event within {within:?}: {what}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the stream ended while waiting for {what}"),
            }
        }
    }

    /// Every event that has come by now.
    pub fn so_far(&self) -> Vec<Event> {
        self.0.try_iter().filter_map(Result::ok).collect()
    }
}
