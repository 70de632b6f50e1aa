//! The operators' listener: pages, API and metrics.
//!
//! On a loopback address it speaks plain HTTP, and whoever is on this machine may look (if the
//! configuration says so) but not touch. On any other address it speaks TLS and wants a login.

mod accept;
mod access;
pub mod api;
mod asset;
mod extract;
mod login;
mod metrics;
mod page;
pub mod problem;
mod reports;
mod scope;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use http::{HeaderName, HeaderValue, header};
use tokio_util::sync::CancellationToken;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::past::Past;
use crate::shared::Shared;

pub use accept::{Listener, run};

/// What handlers of the operators' listener are given.
#[derive(Clone)]
pub struct Operators {
    /// What all parts of the controller share.
    pub shared: Arc<Shared>,
    /// Works out months and forecasts of links.
    pub past: Arc<Past>,
    /// Cancelled when the controller ends, for streams that would not end by themselves.
    pub stop: CancellationToken,
}

impl std::ops::Deref for Operators {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// Everything that operators can ask for.
pub fn router(shared: Arc<Shared>, stop: CancellationToken) -> Router {
    let operators = Operators { shared, past: Arc::default(), stop };
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        .merge(page::router())
        .merge(login::router())
        .merge(api::router())
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/static/{*path}", get(asset::asset))
        .fallback(page::not_found)
        .layer(middleware::from_fn_with_state(operators.clone(), access::identify))
        .layer(header(header::CONTENT_SECURITY_POLICY, wasl_pages::CONTENT_SECURITY_POLICY))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::X_FRAME_OPTIONS, "DENY"))
        .layer(header(header::REFERRER_POLICY, "same-origin"))
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .with_state(operators)
}

/// Whether the store answers.
async fn ready(
    axum::extract::State(operators): axum::extract::State<Operators>,
) -> Result<&'static str, (http::StatusCode, &'static str)> {
    match operators.store.latest_batch().await {
        Ok(_) => Ok("ready\n"),
        Err(_) => Err((
            http::StatusCode::SERVICE_UNAVAILABLE,
            "the store does not answer; the controller's log says why\n",
        )),
    }
}
