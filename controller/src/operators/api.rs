//! The API, one file for each resource. The OpenAPI document is made from the handlers themselves.

#![allow(unused_qualifications, reason = "utoipa qualifies what it is given")]

mod accounting;
mod accounts;
mod agents;
mod audit;
mod authority;
mod discovery;
mod entities;
mod events;
mod history;
mod incidents;
mod keys;
mod links;
mod maintenance;
mod tokens;

use axum::Router;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Operators;
use super::extract::Json;
use crate::time::{now, rfc3339};

pub use super::problem::Problem;
pub use accounting::{AccountingBody, ShareBody, TalkerBody, TalkersBody, UseBody};
pub use accounts::{AccountBody, AccountChange, AccountRequest};
pub use agents::{AgentBody, Revocation};
pub use authority::{Anyway, AuthorityBody, NextAuthority, WaitingBody};
pub use discovery::{NeighbourBody, StationBody};
pub(in crate::operators) use discovery::{STATION_MS, found};
pub use entities::{EntityBody, NoticeBody, ReasonBody};
pub(super) use incidents::take_on;
pub use incidents::{AcknowledgeRequest, AcknowledgementBody, EntryBody, IncidentBody};
pub use keys::{KeyBody, KeyRequest, NewKey};
pub use links::{
    CarriedBody, ContractBody, DirectionsBody, EndMonthBody, FlowBody, ForecastBody, ForecastsBody, LinkBody,
    LinkEndBody, MeasuredBody, MonthBody, OutageBody, PlannedBody, PromiseBody, QualityBody, ShareMonthBody,
    TestsMonthBody, WayMonthBody,
};
pub use maintenance::{MaintenanceBody, MaintenanceRequest, NewMaintenance};
pub use tokens::{NewToken, TokenBody, TokenRequest};

#[derive(OpenApi)]
#[openapi(info(
    title = "Wasl",
    description = "Infrastructure and network operations for institutions with many branches. Every list is one document: its schema's name, when it was made, and its items.",
    license(name = "Apache-2.0")
))]
struct Document;

/// A list, as the API and `--json` give it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The name and version of the items' form.
    pub schema: String,
    /// When the list was made, RFC 3339.
    pub generated_at: String,
    /// The items.
    pub items: Vec<T>,
}

impl<T> List<T> {
    /// A list made now.
    pub(super) fn new(schema: &str, items: Vec<T>) -> Json<Self> {
        Json(Self { schema: schema.to_owned(), generated_at: rfc3339(now()), items })
    }
}

fn build() -> (Router<Operators>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(entities::list))
        .routes(routes!(entities::one))
        .routes(routes!(entities::notices))
        .routes(routes!(history::history))
        .routes(routes!(links::list))
        .routes(routes!(links::one))
        .routes(routes!(links::months))
        .routes(routes!(links::report))
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::one))
        .routes(routes!(incidents::acknowledge))
        .routes(routes!(maintenance::list, maintenance::announce))
        .routes(routes!(maintenance::end))
        .routes(routes!(agents::list))
        .routes(routes!(agents::revoke))
        .routes(routes!(agents::accounting))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::change))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(audit::list))
        .routes(routes!(authority::list))
        .routes(routes!(authority::rotate))
        .routes(routes!(authority::abandon))
        .routes(routes!(authority::finish))
        .routes(routes!(authority::retire))
        .routes(routes!(discovery::neighbours))
        .routes(routes!(discovery::stations))
        .routes(routes!(discovery::propose))
        .routes(routes!(events::events))
        .split_for_parts()
}

pub(super) fn router() -> Router<Operators> {
    let (router, document) = build();
    router.route("/api/v1/openapi.json", get(|| async move { axum::Json(document) }))
}
