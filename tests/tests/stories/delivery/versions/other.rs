//! A controller of another age, as an agent sees it. It speaks the recorded messages and knows the uploads of its time.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use wasl_model::Observation;
use wasl_pki::tls::SystemClock;
use wasl_pki::{AgentVerifier, ClientAuth, Credentials, KeyAndRequest, Revocations, SwappableCertificate};
use wasl_protocol::message::{ClockReading, Gap, Upload, UploadItem, UploadResponse, path};
use wasl_protocol::{batch, pack};
use wasl_tests::wait;

use super::{UNKNOWN_FIELD, recorded, session_response};
use crate::hostile::intruder;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// Of the recordings.
    Older,
    /// Of a day to come: it says more than an agent of today understands.
    Newer,
}

/// An upload as it was declared when the recordings were made.
#[derive(Clone, PartialEq, Message)]
struct OlderUpload {
    #[prost(fixed64, tag = "1")]
    session: u64,
    #[prost(fixed64, tag = "2")]
    epoch: u64,
    #[prost(int32, tag = "3")]
    lane: i32,
    #[prost(message, repeated, tag = "4")]
    items: Vec<UploadItem>,
    #[prost(message, repeated, tag = "5")]
    gaps: Vec<Gap>,
    #[prost(uint64, tag = "6")]
    last: u64,
}

type Stored = Arc<Mutex<BTreeMap<u64, Vec<u8>>>>;

/// It runs until it is dropped.
pub(super) struct Other {
    stored: Stored,
    _runtime: Runtime,
}

impl Other {
    /// Serves at `address` with a certificate of the authority in `state`.
    pub(super) fn serve(age: Age, address: SocketAddr, state: &Path) -> Self {
        let authority = intruder::authority(state);
        let key = KeyAndRequest::generate().expect("a key");
        let (now, day) = (wait::now_ms() / 1000, Duration::from_secs(86_400));
        let issued = authority.issue_controller(key.request_der(), &[], now, day).expect("issued");
        let shown = Credentials::new(&issued.chain_der, &key.private_key_pem()).expect("a pair");
        let roots = [authority.certificate_der().to_vec()];
        let verifier = AgentVerifier::new(&roots, Revocations::default(), ClientAuth::Offered);
        let config = wasl_pki::server_config(
            &SwappableCertificate::new(shown),
            Arc::new(verifier.expect("a verifier")),
            &["h2"],
            Arc::new(SystemClock),
        );
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.expect("settings")));
        let (runtime, stored) = (intruder::runtime(), Stored::default());
        let kept = stored.clone();
        let listener = runtime.block_on(TcpListener::bind(address)).expect("the controller's port is free");
        runtime.spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, kept) = (acceptor.clone(), kept.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(tcp).await else { return };
                    let service = service_fn(move |request| answer(age, kept.clone(), request));
                    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { stored, _runtime: runtime }
    }

    /// The sequences that it has.
    pub(super) fn sequences(&self) -> Vec<u64> {
        lock(&self.stored).keys().copied().collect()
    }

    /// What they say.
    pub(super) fn observations(&self) -> Vec<Observation> {
        let all = lock(&self.stored);
        all.values().flat_map(|body| batch::decode(body).expect("a batch").observations).collect()
    }
}

fn lock(stored: &Stored) -> MutexGuard<'_, BTreeMap<u64, Vec<u8>>> {
    stored.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This moment.
pub(super) fn clock() -> ClockReading {
    let now = wait::now_ms() * 1000;
    ClockReading { received_us: now, answered_us: now }
}

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

async fn answer(age: Age, stored: Stored, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let target = request.uri().path().to_owned();
    if target.starts_with(path::DOWNLINK) {
        let mut messages = recorded("downlink");
        if age == Age::Newer {
            // First a kind of message that nobody knows yet, after its length.
            let length = u32::try_from(UNKNOWN_FIELD.len()).expect("it is short");
            messages.splice(0..0, [&length.to_be_bytes(), UNKNOWN_FIELD].concat());
        }
        return Ok(Response::new(Downlink(Some(messages.into())).boxed_unsync()));
    }
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    let mut said = match target.as_str() {
        path::SESSION => {
            let level = if age == Age::Newer { 9 } else { 0 };
            let mut opened = session_response(contiguous(&stored));
            opened.level = level;
            if age == Age::Newer {
                opened.highest = lock(&stored).keys().next_back().copied().unwrap_or(0);
            }
            opened.encode_to_vec()
        }
        path::UPLOAD => take(age, &stored, &body).encode_to_vec(),
        _ => {
            let refused = Response::builder().status(404).body(whole(Vec::new()));
            return Ok(refused.expect("a response"));
        }
    };
    if age == Age::Newer {
        said.extend_from_slice(UNKNOWN_FIELD);
    }
    Ok(Response::new(whole(said)))
}

fn take(age: Age, stored: &Stored, body: &[u8]) -> UploadResponse {
    let items = match age {
        Age::Older => OlderUpload::decode(body).expect("an upload").items,
        Age::Newer => {
            let mut upload = Upload::decode(body).expect("an upload");
            if !upload.packed.is_empty() {
                upload.items.extend(pack::unpack(&upload.packed).expect("whole"));
            }
            upload.items
        }
    };
    let (mut fresh, all) = (0, items.len() as u64);
    for item in items {
        fresh += u64::from(lock(stored).insert(item.sequence, item.body).is_none());
    }
    UploadResponse {
        contiguous: contiguous(stored),
        stored: fresh,
        duplicates: all - fresh,
        clock: Some(clock()),
        ..UploadResponse::default()
    }
}

fn contiguous(stored: &Stored) -> u64 {
    let stored = lock(stored);
    stored.keys().zip(1..).take_while(|(sequence, place)| *sequence == place).count() as u64
}

fn whole(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).boxed_unsync()
}

/// A stream that says something and stays open.
struct Downlink(Option<Bytes>);

impl hyper::body::Body for Downlink {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // Nothing wakes it: the agent ends the connection, or the story does.
        self.0.take().map_or(Poll::Pending, |said| Poll::Ready(Some(Ok(Frame::data(said)))))
    }
}
