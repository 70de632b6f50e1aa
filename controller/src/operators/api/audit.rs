//! Who did what.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{List, Problem};
use crate::operators::Operators;
use crate::operators::access::Admin;
use crate::operators::extract::{Json, Query};

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Only lines before this one.
    #[serde(default)]
    before: Option<i64>,
    /// How many, at most 500; 100 if not given.
    #[serde(default)]
    limit: Option<u32>,
}

/// A line of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct AuditBody {
    /// Its place in the log.
    pub id: i64,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
    /// What came of it.
    pub outcome: String,
    /// More, in words.
    pub detail: String,
}

/// The audit log, newest first.
#[utoipa::path(get, operation_id = "read_audit_log", path = "/api/v1/audit", params(Page),
    responses((status = 200, body = List<AuditBody>), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    _: Admin,
    State(operators): State<Operators>,
    Query(page): Query<Page>,
) -> Result<Json<List<AuditBody>>, Problem> {
    let limit = page.limit.unwrap_or(100).clamp(1, 500);
    let entries = operators.store.audit_page(page.before, limit).await;
    let items = entries
        .map_err(|e| Problem::internal("reading the audit log", &e))?
        .into_iter()
        .map(|entry| AuditBody {
            id: entry.id,
            at_ms: entry.event.at.0,
            actor: entry.event.actor,
            action: entry.event.action,
            object: entry.event.object,
            outcome: entry.event.outcome,
            detail: entry.event.detail,
        })
        .collect();
    Ok(List::new("wasl.audit.v1", items))
}
