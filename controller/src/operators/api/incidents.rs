//! Incidents: what is broken, why, and what happened.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wasl_model::{Incident, IncidentEvent, SiteId, Subject, TimelineEntry, Timestamp};
use wasl_store::IncidentFilter;

use super::entities::{ReasonBody, reason};
use super::{List, Problem};
use crate::judging::ActError;
use crate::operators::Operators;
use crate::operators::access::{Technician, Viewer};
use crate::operators::extract::{Json, Path, Query};

/// The most incidents of one answer.
const MOST: u32 = 1000;

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentBody {
    /// Ascending in the order of opening.
    pub id: u64,
    /// The cause, `kind/identifier`.
    pub root: String,
    /// `warning` or `critical`.
    pub severity: String,
    /// Why.
    pub reason: ReasonBody,
    /// Since when, milliseconds since 1970.
    pub opened: i64,
    /// Until when, milliseconds since 1970; absent while it lasts.
    pub ended: Option<i64>,
    /// What suffers from it, `kind/identifier`, without the cause.
    pub affected: Vec<String>,
    /// Who has taken it on.
    pub acknowledged: Option<AcknowledgementBody>,
    /// The incident that turned out to be its cause.
    pub merged_into: Option<u64>,
    /// What happened, in order.
    pub timeline: Vec<EntryBody>,
    /// Entries that the timeline had no room for.
    pub omitted: u64,
}

/// Somebody has taken an incident on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AcknowledgementBody {
    /// When, milliseconds since 1970.
    pub at: i64,
    /// The account.
    pub by: String,
    /// What they wrote.
    pub note: String,
}

/// One thing that happened during an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntryBody {
    /// When, milliseconds since 1970.
    pub at: i64,
    /// `opened`, `changed`, `joined`, `left`, `flapping`, `absorbed`, `merged_into`, `acknowledged`,
    /// `maintenance` or `ended`.
    pub event: String,
    /// What belongs to it: `health`, `reason`, `subject`, `changes`, `incident`, `by`, `note`, `maintenance`.
    pub args: BTreeMap<String, String>,
}

impl IncidentBody {
    pub(in crate::operators) fn of(incident: &Incident, texts: &wasl_pages::Texts) -> Self {
        Self {
            id: incident.id,
            root: incident.root.to_string(),
            severity: incident.severity.as_str().to_owned(),
            reason: reason(&incident.reason, texts),
            opened: incident.opened.0,
            ended: incident.ended.map(|t| t.0),
            affected: incident.affected.iter().map(ToString::to_string).collect(),
            acknowledged: incident.acknowledged.as_ref().map(|a| AcknowledgementBody {
                at: a.at.0,
                by: a.by.clone(),
                note: a.note.clone(),
            }),
            merged_into: incident.merged_into,
            timeline: incident.timeline.iter().map(EntryBody::of).collect(),
            omitted: incident.omitted,
        }
    }
}

impl EntryBody {
    fn of(entry: &TimelineEntry) -> Self {
        use IncidentEvent as E;
        let (event, args): (&str, Vec<(&str, String)>) = match &entry.event {
            E::Opened { health, reason } => {
                ("opened", vec![("health", health.as_str().into()), ("reason", reason.code.clone())])
            }
            E::Changed { health, reason } => {
                ("changed", vec![("health", health.as_str().into()), ("reason", reason.code.clone())])
            }
            E::Joined { subject } => ("joined", vec![("subject", subject.to_string())]),
            E::Left { subject } => ("left", vec![("subject", subject.to_string())]),
            E::Flapping { changes } => ("flapping", vec![("changes", changes.to_string())]),
            E::Absorbed { incident } => ("absorbed", vec![("incident", incident.to_string())]),
            E::MergedInto { incident } => ("merged_into", vec![("incident", incident.to_string())]),
            E::Acknowledged { by, note } => {
                ("acknowledged", vec![("by", by.clone()), ("note", note.clone())])
            }
            E::Maintenance { maintenance } => ("maintenance", vec![("maintenance", maintenance.to_string())]),
            E::Ended => ("ended", Vec::new()),
        };
        let args = args.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { at: entry.at.0, event: event.to_owned(), args }
    }
}

/// Which incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only those that last (`true`) or are over (`false`).
    #[serde(default)]
    open: Option<bool>,
    /// Only those that were open at this time or later, milliseconds since 1970.
    #[serde(default)]
    from: Option<i64>,
    /// Only those that were opened at this time or before, milliseconds since 1970.
    #[serde(default)]
    to: Option<i64>,
    /// Only those that concern this entity, `kind/identifier`.
    #[serde(default)]
    subject: Option<String>,
    /// Only those that concern this site.
    #[serde(default)]
    site: Option<String>,
    /// Only those with a smaller number: the next page.
    #[serde(default)]
    before: Option<u64>,
    /// The most incidents, 1 to 1000; 100 if not given.
    #[serde(default)]
    limit: Option<u32>,
}

/// Incidents, newest first.
#[utoipa::path(get, operation_id = "list_incidents", path = "/api/v1/incidents", params(Filter),
    responses((status = 200, body = List<IncidentBody>), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    _: Viewer,
    State(operators): State<Operators>,
    Query(filter): Query<Filter>,
) -> Result<Json<List<IncidentBody>>, Problem> {
    let bad = |e: &dyn std::fmt::Display| Problem::bad("query", e.to_string());
    let subject = filter.subject.map(|s| s.parse::<Subject>()).transpose().map_err(|e| bad(&e))?;
    let site = filter.site.map(SiteId::new).transpose().map_err(|e| bad(&e))?;
    let wanted = IncidentFilter {
        open: filter.open,
        from: filter.from.map(Timestamp),
        to: filter.to.map(Timestamp),
        subject,
        sites: site.into_iter().collect(),
        before_id: filter.before,
        limit: filter.limit.unwrap_or(100).clamp(1, MOST),
    };
    let found =
        operators.store.incidents(&wanted).await.map_err(|e| Problem::internal("reading incidents", &e))?;
    let items = found.iter().map(|i| IncidentBody::of(i, &operators.texts)).collect();
    Ok(List::new("wasl.incidents.v1", items))
}

/// One incident.
#[utoipa::path(get, operation_id = "read_incident", path = "/api/v1/incidents/{id}",
    params(("id" = u64, Path, description = "The number")),
    responses((status = 200, body = IncidentBody), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    _: Viewer,
    State(operators): State<Operators>,
    Path(id): Path<u64>,
) -> Result<Json<IncidentBody>, Problem> {
    let found =
        operators.store.incident(id).await.map_err(|e| Problem::internal("reading an incident", &e))?;
    let incident = found.ok_or_else(|| {
        Problem::not_found(format!("there is no incident {id}; `GET /api/v1/incidents` lists them"))
    })?;
    Ok(Json(IncidentBody::of(&incident, &operators.texts)))
}

/// Taking an incident on.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct AcknowledgeRequest {
    /// What others should know, such as who was called; up to 500 characters.
    #[serde(default)]
    pub note: String,
}

/// Takes an incident on: others see that somebody looks after it.
#[utoipa::path(post, operation_id = "acknowledge_incident", path = "/api/v1/incidents/{id}/acknowledge",
    request_body = AcknowledgeRequest, params(("id" = u64, Path, description = "The number")),
    responses((status = 204, description = "Done"), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn acknowledge(
    Technician(who): Technician,
    State(operators): State<Operators>,
    Path(id): Path<u64>,
    Json(given): Json<AcknowledgeRequest>,
) -> Result<http::StatusCode, Problem> {
    take_on(&operators, &who.name(), id, &given.note).await?;
    Ok(http::StatusCode::NO_CONTENT)
}

/// Takes an incident on, for the API and the page.
pub(in crate::operators) async fn take_on(
    operators: &Operators,
    by: &str,
    id: u64,
    note: &str,
) -> Result<(), Problem> {
    let note = plain(note);
    operators.judging.acknowledge(operators, id, by, &note).await.map_err(refused)?;
    operators.audit(by, "incident.acknowledge", &id.to_string(), "ok", &note).await;
    Ok(())
}

/// A note of people: one line, not long.
pub(super) fn plain(note: &str) -> String {
    note.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect::<String>().trim().to_owned()
}

/// An act that was not carried out, as a problem.
pub(super) fn refused(error: ActError) -> Problem {
    match error {
        ActError::Refused(refusal) => Problem::conflict("not_now", refusal.to_string()),
        ActError::Store(error) => Problem::internal("keeping it", &error),
    }
}
