//! What the pages of agents show.

use wasl_model::health::Health;
use wasl_model::{AgentRole, Localized, Subject, Timestamp};

use super::{ChangeView, ChartView, Judgement, NoticeView};

/// How somebody's first agent would be joined to this controller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JoinHint {
    /// Host and port of the agents' listener, as an agent would reach it.
    pub controller: String,
}

/// An agent.
#[derive(Debug, Clone)]
pub struct AgentView {
    /// Its identifier.
    pub id: String,
    /// Its site's name.
    pub site: Option<Localized>,
    /// What it is for.
    pub role: AgentRole,
    /// Its version, once it told it.
    pub version: Option<String>,
    /// How it is judged.
    pub state: Judgement,
    /// Whether it has a session now.
    pub connected: bool,
    /// When it was last heard of.
    pub last_seen: Option<Timestamp>,
    /// Batches that wait in its spool.
    pub spool_pending: Option<u64>,
    /// Bytes that its spool takes.
    pub spool_bytes: Option<u64>,
    /// Its clock minus the controller's, seconds.
    pub clock_offset: Option<f64>,
    /// The offset is within plus or minus this, seconds.
    pub clock_error: Option<f64>,
    /// When its certificate ends.
    pub certificate_expires: Option<Timestamp>,
}

/// `/agents`
#[derive(Debug, Clone, Default)]
pub struct AgentsView {
    /// All agents.
    pub agents: Vec<AgentView>,
    /// For the case that there is none.
    pub join: JoinHint,
}

/// `/agents/{id}`
#[derive(Debug, Clone)]
pub struct AgentDetailView {
    /// The agent.
    pub agent: AgentView,
    /// Its standing notices.
    pub notices: Vec<NoticeView>,
    /// The entities that it observes.
    pub observes: Vec<(Subject, Health)>,
    /// Its charts: resident memory, spool, clock.
    pub charts: Vec<ChartView>,
    /// Its latest events, the newest first.
    pub changes: Vec<ChangeView>,
}
