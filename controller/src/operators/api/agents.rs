//! Agents, their certificates and the account of what they delivered.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wasl_model::{AgentId, EntityKind, Subject, Value};
use wasl_store::AgentRecord;

use super::entities::EntityBody;
use super::{List, Problem};
use crate::operators::Operators;
use crate::operators::access::{Admin, Viewer};
use crate::operators::extract::{Json, Path, Query};
use crate::shared::Shared;
use crate::time::now;

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentBody {
    /// Its name.
    pub id: String,
    /// Its site.
    pub site: String,
    /// Its role.
    pub role: String,
    /// Its version.
    pub version: String,
    /// Its operating system.
    pub os: String,
    /// Whether it has a session now.
    pub connected: bool,
    /// When it was last heard, milliseconds since 1970.
    pub last_seen: Option<i64>,
    /// When its certificate ends, milliseconds since 1970.
    pub certificate_expires: i64,
    /// The serial number of its certificate.
    pub certificate_serial: String,
    /// Batches that wait in its spool, as it last said.
    pub spool_pending: Option<u64>,
    /// Its clock minus the controller's, seconds, as it last said.
    pub clock_offset: Option<f64>,
    /// The offset is within plus or minus this, seconds.
    pub clock_error: Option<f64>,
    /// Resident memory, bytes, as it last said.
    pub resident: Option<u64>,
    /// When it was revoked, milliseconds since 1970.
    pub revoked: Option<i64>,
    /// Its judgement; none for a revoked agent.
    pub state: Option<EntityBody>,
}

/// The account of one agent's epoch: produced = stored + dropped + pending, where produced and
/// pending are the agent's to say (`wasl-agent spool`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct DeliveryBody {
    /// The agent.
    pub agent: String,
    /// The life of its spool, in hexadecimal.
    pub epoch: String,
    /// The lowest sequence that is known.
    pub first_seq: u64,
    /// The highest sequence that is known.
    pub last_seq: u64,
    /// All sequences up to this are stored or given up.
    pub contiguous: u64,
    /// Batches stored, each once.
    pub stored: u64,
    /// Deliveries of batches that were there already.
    pub duplicates_dropped: u64,
    /// Batches that the agent gave up, by policy.
    pub dropped: BTreeMap<String, u64>,
}

/// All agents.
#[utoipa::path(get, operation_id = "list_agents", path = "/api/v1/agents",
    responses((status = 200, body = List<AgentBody>), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(_: Viewer, State(operators): State<Operators>) -> Json<List<AgentBody>> {
    let items = operators.agents().iter().map(|record| body(&operators, record)).collect();
    List::new("wasl.agents.v1", items)
}

fn body(shared: &Shared, record: &AgentRecord) -> AgentBody {
    let subject = Subject::lenient(EntityKind::Agent, record.id.as_str());
    let board = shared.boards.board();
    let live = shared.live.read();
    let sample = match live.values.get(&(record.id.clone(), subject.clone())).map(|l| &l.value) {
        Some(Value::Agent(sample)) => Some(sample),
        _ => None,
    };
    AgentBody {
        id: record.id.to_string(),
        site: record.site.to_string(),
        role: record.role.to_string(),
        version: record.facts.version.clone(),
        os: record.facts.os.clone(),
        connected: shared.sessions.is_connected(&record.id),
        last_seen: record.last_seen.map(|t| t.0),
        certificate_expires: record.not_after.0,
        certificate_serial: record.serial.clone(),
        spool_pending: sample.and_then(|s| s.spool_pending).map(|c| c.0),
        clock_offset: sample.and_then(|s| crate::live::value_of(s.clock_offset)),
        clock_error: sample.and_then(|s| crate::live::value_of(s.clock_error)),
        resident: sample.and_then(|s| s.resident).map(|b| b.0),
        revoked: record.revoked.as_ref().map(|(at, _)| at.0),
        state: board.entities.get(&subject).map(|e| EntityBody::of(e, &shared.texts)),
    }
}

/// Why an agent is revoked.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Revocation {
    /// For the audit log.
    #[serde(default)]
    pub reason: String,
}

/// Revokes an agent: its certificates are worth nothing from now on, and its session ends.
#[utoipa::path(post, operation_id = "revoke_agent", path = "/api/v1/agents/{id}/revoke", request_body = Revocation,
    params(("id" = String, Path, description = "The agent")),
    responses((status = 204), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn revoke(
    Admin(who): Admin,
    State(operators): State<Operators>,
    Path(id): Path<String>,
    Json(given): Json<Revocation>,
) -> Result<http::StatusCode, Problem> {
    let missing = || {
        Problem::not_found(format!(
            "there is no agent {id:?} that could be revoked; `wasl agents` lists them"
        ))
    };
    let agent = AgentId::new(id.clone()).map_err(|_| missing())?;
    let reason: String = given.reason.chars().filter(|c| !c.is_control()).take(200).collect();
    let revoked = operators.store.revoke_agent(&agent, now(), &reason).await;
    if !revoked.map_err(|e| Problem::internal("revoking an agent", &e))? {
        return Err(missing());
    }
    operators.refresh_revocations().await;
    operators.sessions.end(&agent);
    operators.live.forget(&agent);
    operators.agents_changed();
    operators.audit(&who.name(), "agent.revoke", agent.as_str(), "ok", &reason).await;
    Ok(http::StatusCode::NO_CONTENT)
}

/// Whose account.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// Only this agent's.
    #[serde(default)]
    agent: Option<String>,
}

/// The accounts of what agents delivered.
#[utoipa::path(get, operation_id = "read_accounting", path = "/api/v1/accounting", params(Whose),
    responses((status = 200, body = Vec<DeliveryBody>), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn accounting(
    _: Viewer,
    State(operators): State<Operators>,
    Query(whose): Query<Whose>,
) -> Result<Json<Vec<DeliveryBody>>, Problem> {
    let agent =
        whose.agent.map(AgentId::new).transpose().map_err(|e| Problem::bad("agent", e.to_string()))?;
    let streams = operators.store.streams(agent.as_ref()).await;
    let streams = streams.map_err(|e| Problem::internal("reading the accounts", &e))?;
    Ok(Json(
        streams
            .into_iter()
            .map(|s| DeliveryBody {
                agent: s.agent.to_string(),
                epoch: format!("{:016x}", s.epoch),
                first_seq: s.first_seq,
                last_seq: s.last_seq,
                contiguous: s.contiguous,
                stored: s.stored,
                duplicates_dropped: s.duplicates_dropped,
                dropped: s.dropped,
            })
            .collect(),
    ))
}
