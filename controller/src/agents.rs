//! The agents' listener: mutual TLS, HTTP/2, and a handful of requests.
//!
//! A connection without a certificate can do one thing only: enrol. Every other request is answered
//! for the agent that the connection's certificate names, whatever the request says.

mod accept;
mod caller;
mod enrol;
mod respond;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use wasl_protocol::limits;
use wasl_protocol::message::path;

use crate::shared::Shared;

pub use accept::{Listener, run};
pub use caller::{Caller, Connections};
pub(crate) use enrol::token_digest;

/// The requests that agents can make.
pub fn router(shared: Arc<Shared>) -> Router {
    let small = DefaultBodyLimit::max(limits::MAX_REQUEST_BYTES);
    Router::new()
        .route(path::ENROL, post(enrol::enrol).layer(small))
        .route(path::RENEW, post(enrol::renew).layer(small))
        .route(path::SESSION, post(session::open).layer(small))
        .route(path::HOLDS, post(enrol::holds).layer(small))
        .route(path::UPLOAD, post(session::upload).layer(DefaultBodyLimit::max(limits::MAX_UPLOAD_BYTES)))
        .route(&format!("{}{{session}}", path::DOWNLINK), get(session::downlink))
        .fallback(respond::unknown)
        .with_state(shared)
}
