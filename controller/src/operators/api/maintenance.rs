//! Maintenance: the stretches in which trouble is expected and raises no incident.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_model::{Maintenance, MaintenanceScope, SiteId, Subject, Timestamp};

use super::incidents::{plain, refused};
use super::{List, Problem};
use crate::operators::Operators;
use crate::operators::access::{Technician, Viewer};
use crate::operators::extract::{Json, Path};
use crate::time::now;

/// The longest maintenance; what is out of use for longer belongs out of the configuration.
const LONGEST_MS: i64 = 90 * 86_400_000;

/// A maintenance that is planned or under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceBody {
    /// Its number.
    pub id: u64,
    /// What it covers: `kind/identifier`; `site/…` covers everything at a site.
    pub scope: String,
    /// From when, milliseconds since 1970.
    pub from: i64,
    /// Until when, milliseconds since 1970.
    pub until: i64,
    /// The account that announced it.
    pub by: String,
    /// Why.
    pub note: String,
}

/// A maintenance to be announced.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceRequest {
    /// What it covers: `kind/identifier` for one entity and its parts, `site/…` for everything at a site.
    pub scope: String,
    /// From when, milliseconds since 1970; now if not given.
    #[serde(default)]
    pub from: Option<i64>,
    /// Until when, milliseconds since 1970; at most 90 days after the beginning.
    pub until: i64,
    /// Why; up to 500 characters.
    #[serde(default)]
    pub note: String,
}

/// The number of a new maintenance.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct NewMaintenance {
    /// For ending it early.
    pub id: u64,
}

pub(in crate::operators) fn scope_text(scope: &MaintenanceScope) -> String {
    match scope {
        MaintenanceScope::Subject(subject) => subject.to_string(),
        MaintenanceScope::Site(site) => format!("site/{site}"),
    }
}

/// What is planned or under way.
#[utoipa::path(get, operation_id = "list_maintenance", path = "/api/v1/maintenance",
    responses((status = 200, body = List<MaintenanceBody>), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(_: Viewer, State(operators): State<Operators>) -> Json<List<MaintenanceBody>> {
    let board = operators.boards.board();
    let items = board
        .maintenances
        .values()
        .map(|m| MaintenanceBody {
            id: m.id,
            scope: scope_text(&m.scope),
            from: m.from.0,
            until: m.until.0,
            by: m.by.clone(),
            note: m.note.clone(),
        })
        .collect();
    List::new("wasl.maintenance.v1", items)
}

/// Announces a maintenance.
#[utoipa::path(post, operation_id = "announce_maintenance", path = "/api/v1/maintenance",
    request_body = MaintenanceRequest,
    responses((status = 200, body = NewMaintenance), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json"), (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn announce(
    Technician(who): Technician,
    State(operators): State<Operators>,
    Json(given): Json<MaintenanceRequest>,
) -> Result<Json<NewMaintenance>, Problem> {
    let now = now();
    let from = given.from.map_or(now, Timestamp);
    let until = Timestamp(given.until);
    if until <= from || until <= now {
        return Err(Problem::bad("until", "it would be over before it begins; give a later `until`"));
    }
    if until.0.saturating_sub(from.0) > LONGEST_MS {
        return Err(Problem::bad(
            "until",
            "it is longer than 90 days; take what is out of use for so long out of the configuration",
        ));
    }
    let scope = scope(&operators, &given.scope)?;
    let note = plain(&given.note);
    let maintenance = Maintenance { id: 0, scope, from, until, by: who.name(), note: note.clone() };
    let id = operators.judging.maintain(&operators, maintenance).await.map_err(refused)?;
    let detail = format!("{}, until {}: {note}", given.scope, crate::time::rfc3339(until));
    operators.audit(&who.name(), "maintenance.announce", &id.to_string(), "ok", &detail).await;
    Ok(Json(NewMaintenance { id }))
}

fn scope(operators: &Operators, text: &str) -> Result<MaintenanceScope, Problem> {
    let none =
        || Problem::not_found(format!("there is no {text}; `GET /api/v1/entities` lists what there is"));
    if let Some(site) = text.strip_prefix("site/") {
        let site = SiteId::new(site).map_err(|_| none())?;
        return if operators.intent.settings().sites().contains_key(&site) {
            Ok(MaintenanceScope::Site(site))
        } else {
            Err(none())
        };
    }
    let subject: Subject = text.parse().map_err(|e: wasl_model::subject::InvalidSubject| {
        Problem::bad("scope", format!("{e}; write it as `device/jenin-core` or `site/jenin`"))
    })?;
    if operators.boards.board().entities.contains_key(&subject) {
        Ok(MaintenanceScope::Subject(subject))
    } else {
        Err(none())
    }
}

/// Ends a maintenance early, or calls one off.
#[utoipa::path(post, operation_id = "end_maintenance", path = "/api/v1/maintenance/{id}/end",
    params(("id" = u64, Path, description = "The number")),
    responses((status = 204, description = "Done"), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn end(
    Technician(who): Technician,
    State(operators): State<Operators>,
    Path(id): Path<u64>,
) -> Result<http::StatusCode, Problem> {
    operators.judging.end_maintenance(&operators, id).await.map_err(refused)?;
    operators.audit(&who.name(), "maintenance.end", &id.to_string(), "ok", "").await;
    Ok(http::StatusCode::NO_CONTENT)
}
