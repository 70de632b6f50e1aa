//! What all parts of the controller share, and nothing of how they are wired.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, watch};
use wasl_model::{AgentId, SiteId, Timestamp};
use wasl_pki::Revocations;
use wasl_store::{AgentRecord, AuditEvent, Store};

use crate::agents::Connections;
use crate::board::Boards;
use crate::home::{Home, Restored};
use crate::ingest::Ingest;
use crate::intent::Intent;
use crate::judging::Judging;
use crate::live::Live;
use crate::people::People;
use crate::sessions::Sessions;
use crate::time::now;
use crate::trust::Trust;

/// What is said at the start and stands in no configuration.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// `HOST:PORT`s where agents may find this controller beside the address that they know; told to them.
    pub reachable: Vec<String>,
    /// Shortens the life of agents' certificates.
    pub agent_certificate: Option<Duration>,
}

/// What all parts of the controller share.
pub struct Shared {
    /// The state folder.
    pub home: Home,
    /// When this run began.
    pub started: Timestamp,
    /// The configuration in force.
    pub intent: Arc<Intent>,
    /// The state of record.
    pub store: Arc<dyn Store>,
    /// What is known now.
    pub live: Arc<Live>,
    /// Who is connected.
    pub sessions: Sessions,
    /// Keeps the judgements.
    pub judging: Judging,
    /// Judgements and events, to look at.
    pub boards: Boards,
    /// The way into the store.
    pub ingest: Ingest,
    /// Signs certificates, and says whom to trust.
    pub trust: Trust,
    /// What differs from the configuration for this run.
    pub run: RunOptions,
    /// How many connections each known agent has.
    pub connections: Connections,
    /// Which time the state lost when it was restored from a backup, if it was.
    pub restored: Option<Restored>,
    /// Certificates that are no longer good.
    pub revocations: Revocations,
    /// Bounds the enrolments at the same time.
    pub enrolments: Semaphore,
    /// The texts of pages and API, in every language.
    pub texts: wasl_pages::Texts,
    /// What the operators' listener knows of people.
    pub people: People,
    pub(crate) agents: ArcSwap<Vec<AgentRecord>>,
    pub(crate) agents_stale: watch::Sender<u64>,
}

impl Shared {
    /// All enrolled agents by name, as of a moment ago.
    pub fn agents(&self) -> Arc<Vec<AgentRecord>> {
        self.agents.load_full()
    }

    /// An enrolled agent, as of a moment ago.
    pub fn agent(&self, id: &AgentId) -> Option<AgentRecord> {
        let enrolled = self.agents.load();
        enrolled.binary_search_by(|record| record.id.cmp(id)).ok().map(|at| enrolled[at].clone())
    }

    /// Agents were enrolled, renewed, seen or revoked.
    pub fn agents_changed(&self) {
        self.agents_stale.send_modify(|n| *n += 1);
    }

    /// Follows changes of the enrolled agents.
    pub fn agents_stale(&self) -> watch::Receiver<u64> {
        self.agents_stale.subscribe()
    }

    /// Reads the enrolled agents again.
    pub async fn refresh_agents(&self) -> Result<(), wasl_store::Error> {
        self.agents.store(Arc::new(self.store.agents().await?));
        Ok(())
    }

    /// Reads the revoked certificates again.
    pub async fn refresh_revocations(&self) {
        match self.store.revoked_serials().await {
            Ok(revoked) => self.revocations.replace(revoked.iter().map(|r| r.serial.as_str())),
            Err(error) => {
                tracing::error!(error = %wasl_runtime::chain(&error), "the revoked certificates could not be read");
            }
        }
    }

    /// The site of an agent: as enrolled, or else as configured.
    pub fn site_of(&self, agent: &AgentId) -> Option<SiteId> {
        let enrolled = self.agent(agent).map(|record| record.site);
        enrolled.or_else(|| self.intent.settings().agents().get(agent).map(|a| a.site.clone()))
    }

    /// Writes a line into the audit log. A failure is told in the log and hinders nothing.
    pub async fn audit(&self, actor: &str, action: &str, object: &str, outcome: &str, detail: &str) {
        let event = AuditEvent {
            at: now(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            object: object.to_owned(),
            outcome: outcome.to_owned(),
            detail: detail.to_owned(),
        };
        if let Err(error) = self.store.append_audit(&event).await {
            tracing::error!(error = %wasl_runtime::chain(&error), ?event, "the audit log could not be written");
        }
    }
}
