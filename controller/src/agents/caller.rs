//! Who is calling, and what it says of itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use wasl_model::{AgentId, Timestamp};
use wasl_pki::Peer;
use wasl_protocol::message::Facts;
use wasl_store::{AgentFacts, AgentRecord};

use super::respond::Refused;
use crate::home::Restored;
use crate::shared::Shared;

/// What a connection is.
#[derive(Clone)]
pub struct Caller {
    /// Who, by its certificate; nobody may only enrol.
    pub peer: Option<Arc<Peer>>,
    /// Cancelling it ends the connection.
    pub end: CancellationToken,
    /// The sessions that were opened on this connection.
    pub sessions: Arc<Mutex<Vec<(AgentId, u64)>>>,
}

/// How many connections each agent has.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<Mutex<HashMap<AgentId, usize>>>);

impl Connections {
    /// One more, if the agent has fewer than `most`. It is counted until what is returned is dropped.
    pub fn enter(&self, agent: &AgentId, most: usize) -> Option<Place> {
        let mut counts = self.lock();
        let count = counts.entry(agent.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { counts: self.clone(), agent: agent.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AgentId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection of an agent.
pub struct Place {
    counts: Connections,
    agent: AgentId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.agent) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.agent);
            }
        }
    }
}

/// The peer of a connection, if it has a certificate of an agent that is still welcome.
pub(super) async fn known(shared: &Shared, caller: &Caller) -> Result<Arc<Peer>, Refused> {
    let peer = caller.peer.clone().ok_or_else(|| {
        Refused::forbidden(
            "no_certificate",
            "this needs an agent's certificate; enrol the machine with a token first",
        )
    })?;
    let record = shared.store.agent(&peer.identity.agent).await;
    let record = record.map_err(|e| Refused::internal("looking up an agent", &e))?;
    if record.as_ref().is_some_and(|record| record.accepts(&peer.serial)) {
        return Ok(peer);
    }
    if was_forgotten(shared.restored, record.as_ref(), &peer) {
        adopt(shared, record, &peer).await.map_err(|e| Refused::internal("adopting an agent", &e))?;
        return Ok(peer);
    }
    Err(stranger(&peer.identity.agent))
}

/// Whether a certificate was issued between a backup and its restoration: the authority signed it, and the state
/// that was restored cannot know it. An agent that the state knows as revoked, or with a later certificate, is
/// not taken back.
fn was_forgotten(restored: Option<Restored>, record: Option<&AgentRecord>, peer: &Peer) -> bool {
    // Validity begins a little before the moment of issue.
    let issued_after = |from_s: i64| peer.not_before + wasl_pki::ca::CLOCK_SKEW_S >= from_s;
    restored.is_some_and(|lost| issued_after(lost.from_s) && peer.not_before <= lost.until_s)
        && record.is_none_or(|record| {
            record.revoked.is_none()
                && record.site == peer.identity.site
                && record.role == peer.identity.role
                && record.not_after.seconds() < peer.not_after
        })
}

async fn adopt(shared: &Shared, record: Option<AgentRecord>, peer: &Peer) -> Result<(), wasl_store::Error> {
    let agent = &peer.identity.agent;
    let not_after = Timestamp(peer.not_after.saturating_mul(1000));
    if let Some(record) = record {
        shared.store.renew_agent(agent, &record.serial, &peer.serial, not_after).await?;
    } else {
        let record = AgentRecord {
            id: agent.clone(),
            site: peer.identity.site.clone(),
            role: peer.identity.role,
            serial: peer.serial.clone(),
            previous_serial: None,
            not_after,
            enrolled: Timestamp(peer.not_before.saturating_mul(1000)),
            last_seen: None,
            facts: AgentFacts::default(),
            revoked: None,
        };
        shared.store.enrol_agent(&record).await?;
    }
    shared.agents_changed();
    let detail = "its certificate was issued after the backup that this state was restored from";
    shared.audit("restore", "agent.adopt", agent.as_str(), "ok", detail).await;
    tracing::warn!(%agent, "{detail}; the agent is taken back");
    Ok(())
}

pub(super) fn stranger(agent: &AgentId) -> Refused {
    Refused::forbidden(
        "not_an_agent",
        format!(
            "the certificate of {agent} is no longer good here; enrol the machine again with a new token"
        ),
    )
}

/// What a machine says of itself, cut to what a page can show.
pub(super) fn clean_facts(facts: Facts) -> AgentFacts {
    let clean = |text: String| text.chars().filter(|c| !c.is_control()).take(100).collect::<String>();
    AgentFacts {
        version: clean(facts.version),
        os: clean(facts.os),
        kernel: clean(facts.kernel),
        arch: clean(facts.arch),
    }
}

pub(super) fn check_version(protocol: u32) -> Result<(), Refused> {
    if protocol == wasl_protocol::VERSION {
        return Ok(());
    }
    Err(Refused::bad(
        "protocol_version",
        format!(
            "the agent speaks version {protocol} of the protocol and this controller version {}; update the older of the two",
            wasl_protocol::VERSION
        ),
    ))
}

#[cfg(test)]
mod tests {
    use wasl_model::AgentRole;
    use wasl_pki::AgentIdentity;

    use super::*;

    const LOST: Restored = Restored { from_s: 1_000_000, until_s: 1_003_600 };

    fn peer(not_before: i64) -> Peer {
        Peer {
            identity: AgentIdentity::new("gw", "one", AgentRole::Gateway).expect("names"),
            serial: "02".into(),
            not_before,
            not_after: not_before + 30 * 86_400,
        }
    }

    fn record(not_after_s: i64) -> AgentRecord {
        AgentRecord {
            id: "gw".parse().expect("a name"),
            site: "one".parse().expect("a name"),
            role: AgentRole::Gateway,
            serial: "01".into(),
            previous_serial: None,
            not_after: Timestamp(not_after_s * 1000),
            enrolled: Timestamp(0),
            last_seen: None,
            facts: AgentFacts::default(),
            revoked: None,
        }
    }

    #[test]
    fn only_what_the_restored_state_cannot_know_is_taken_back() {
        let (inside, known) = (peer(LOST.from_s + 60), record(LOST.from_s + 86_400));
        assert!(was_forgotten(Some(LOST), Some(&known), &inside), "renewed after the backup");
        assert!(was_forgotten(Some(LOST), None, &inside), "enrolled after the backup");
        assert!(!was_forgotten(None, Some(&known), &inside), "nothing was restored");
        assert!(!was_forgotten(Some(LOST), None, &peer(LOST.from_s - 301)), "issued before the backup");
        assert!(
            !was_forgotten(Some(LOST), None, &peer(LOST.until_s + 1)),
            "issued by the restored controller"
        );
        let later = record(inside.not_after + 1);
        assert!(!was_forgotten(Some(LOST), Some(&later), &inside), "replaced since");
        let revoked = AgentRecord { revoked: Some((Timestamp(1), String::new())), ..known.clone() };
        assert!(!was_forgotten(Some(LOST), Some(&revoked), &inside), "revoked before the backup");
        let moved = AgentRecord { site: "two".parse().expect("a name"), ..known };
        assert!(!was_forgotten(Some(LOST), Some(&moved), &inside), "of another site now");
    }

    #[test]
    fn an_agents_connections_are_counted_until_they_end() {
        let (connections, agent) = (Connections::default(), "gw".parse::<AgentId>().expect("a name"));
        let first = connections.enter(&agent, 2).expect("room");
        let _second = connections.enter(&agent, 2).expect("room");
        assert!(connections.enter(&agent, 2).is_none());
        assert!(connections.enter(&"other".parse().expect("a name"), 2).is_some());
        drop(first);
        assert!(connections.enter(&agent, 2).is_some());
    }
}
