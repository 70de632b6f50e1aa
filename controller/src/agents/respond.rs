//! Protobuf in and out of the handlers.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, header};
use prost::Message;
use wasl_protocol::MEDIA_TYPE;
use wasl_protocol::message::Refusal;

/// A body that is this message.
pub(super) struct Proto<M>(pub M);

impl<M: Message + Default, S: Send + Sync> FromRequest<S> for Proto<M> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let body = Bytes::from_request(request, state).await.map_err(|error| Refused {
            status: error.status(),
            code: "body",
            message: "the request's body is too large or did not arrive whole".into(),
        })?;
        M::decode(body)
            .map(Self)
            .map_err(|_| Refused::bad("malformed", "the request's body is not what the protocol says"))
    }
}

impl<M: Message> IntoResponse for Proto<M> {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, MEDIA_TYPE)], self.0.encode_to_vec()).into_response()
    }
}

/// A request that is not granted: a word for programs, and for people what is wrong and what to do.
#[derive(Debug)]
pub(super) struct Refused {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
}

impl Refused {
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    pub(super) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code, message: message.into() }
    }

    /// What the agent can do nothing about. The details stay in the controller's log.
    pub(super) fn internal(doing: &'static str, error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %wasl_runtime::chain(error), "{doing} failed");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "unavailable",
            message: "the controller cannot do this now; its log says why".into(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        RefusedAt(self, 0).into_response()
    }
}

/// A refused upload, and the sequence that is at fault; 0 where that cannot be said.
#[derive(Debug)]
pub(super) struct RefusedAt(pub Refused, pub u64);

impl From<Refused> for RefusedAt {
    fn from(refused: Refused) -> Self {
        Self(refused, 0)
    }
}

impl IntoResponse for RefusedAt {
    fn into_response(self) -> Response {
        let Self(Refused { status, code, message }, sequence) = self;
        (status, Proto(Refusal { code: code.to_owned(), message, sequence })).into_response()
    }
}

pub(super) async fn unknown() -> Refused {
    Refused {
        status: StatusCode::NOT_FOUND,
        code: "unknown_request",
        message: "this controller does not know this request; it may be older than the agent".into(),
    }
}
