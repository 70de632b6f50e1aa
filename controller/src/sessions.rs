//! Which agents have a session now.
//!
//! An identity has at most one session. A second machine that shows the same certificate (a cloned
//! disk) is refused while the first is connected, and both are told apart by the random number that
//! an agent makes at each start. But a connection that looks open may be dead: a machine that lost its
//! power behind a cut line comes back as another start of the same agent. So the one that is there is
//! asked for a sign of life before the other is refused.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasl_model::{AgentId, Timestamp};

/// A session as others see it.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its number, unique in this run of the controller.
    pub id: u64,
    /// The agent's start.
    pub boot: u64,
    /// Since when.
    pub since: Timestamp,
    /// Cancelling it ends the connection.
    pub end: CancellationToken,
    /// Asks whether anybody is there.
    pub pulse: Pulse,
    /// The generation of the assignment that the agent had when the session began; 0 for none.
    pub generation: u64,
}

/// How a session is asked for a sign of life.
#[derive(Debug, Clone)]
pub struct Pulse {
    asked: watch::Sender<u64>,
    heard: watch::Sender<u64>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { asked: watch::channel(0).0, heard: watch::channel(0).0 }
    }
}

impl Pulse {
    /// Follows the questions; the session's stream carries them to the agent.
    pub fn questions(&self) -> watch::Receiver<u64> {
        self.asked.subscribe()
    }

    /// The agent has said something.
    pub fn heard(&self) {
        self.heard.send_modify(|n| *n += 1);
    }

    /// Whether the agent says something within this time.
    pub async fn beats(&self, within: Duration) -> bool {
        let mut heard = self.heard.subscribe();
        self.asked.send_modify(|n| *n += 1);
        matches!(tokio::time::timeout(within, heard.changed()).await, Ok(Ok(())))
    }
}

/// A machine that was refused because another has its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twin {
    /// The start of the machine that was refused last.
    pub boot: u64,
    /// When that was first.
    pub since: Timestamp,
    /// When that was last.
    pub last: Timestamp,
    /// How often.
    pub times: u64,
}

/// Another machine with the same identity is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InUse {
    /// Since when the other is connected.
    pub since: Timestamp,
}

/// The table of sessions.
pub struct Sessions {
    table: Mutex<HashMap<AgentId, Session>>,
    twins: Mutex<HashMap<AgentId, Twin>>,
    ending: CancellationToken,
    next: std::sync::atomic::AtomicU64,
    changes: watch::Sender<u64>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            table: Mutex::default(),
            twins: Mutex::default(),
            ending: CancellationToken::new(),
            next: 1.into(),
            changes: watch::channel(0).0,
        }
    }
}

impl Sessions {
    /// Opens a session. An earlier one of the same start of the same agent is replaced: its
    /// connection is dead, even if this side does not know it yet.
    pub fn open(
        &self,
        agent: &AgentId,
        boot: u64,
        now: Timestamp,
        end: CancellationToken,
    ) -> Result<u64, InUse> {
        let mut table = self.lock();
        if let Some(other) = table.get(agent)
            && !other.end.is_cancelled()
        {
            if other.boot != boot {
                return Err(InUse { since: other.since });
            }
            other.end.cancel();
        }
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        table.insert(
            agent.clone(),
            Session { id, boot, since: now, end, pulse: Pulse::default(), generation: 0 },
        );
        drop(table);
        self.changes.send_modify(|n| *n += 1);
        Ok(id)
    }

    /// Notes which assignment the agent of a session has.
    pub fn note_generation(&self, agent: &AgentId, id: u64, generation: u64) {
        if let Some(session) = self.lock().get_mut(agent).filter(|session| session.id == id) {
            session.generation = generation;
        }
    }

    /// The session of another start of this agent, if there is one.
    pub fn rival(&self, agent: &AgentId, boot: u64) -> Option<Session> {
        self.lock().get(agent).filter(|other| other.boot != boot && !other.end.is_cancelled()).cloned()
    }

    /// Notes that a machine was refused because another has its identity; true when that is news.
    pub fn note_twin(&self, agent: &AgentId, boot: u64, now: Timestamp) -> bool {
        let mut twins = self.twins.lock().unwrap_or_else(PoisonError::into_inner);
        let news = twins.get(agent).is_none_or(|twin| twin.boot != boot);
        let twin = twins.entry(agent.clone()).or_insert(Twin { boot, since: now, last: now, times: 0 });
        (twin.boot, twin.last, twin.times) = (boot, now, twin.times + 1);
        news
    }

    /// The machines that were refused because another has their identity, in this run of the controller.
    pub fn twins(&self) -> HashMap<AgentId, Twin> {
        self.twins.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells all agents that the controller ends, so that they come back soon and not all at once.
    pub fn say_goodbye(&self) {
        self.ending.cancel();
    }

    /// Cancelled when agents are to be told that the controller ends.
    pub fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// The connection of a session has ended.
    pub fn close(&self, agent: &AgentId, id: u64) {
        let mut table = self.lock();
        if table.get(agent).is_some_and(|s| s.id == id) {
            table.remove(agent);
            drop(table);
            self.changes.send_modify(|n| *n += 1);
        }
    }

    /// Ends an agent's session, if there is one.
    pub fn end(&self, agent: &AgentId) {
        if let Some(session) = self.lock().get(agent) {
            session.end.cancel();
        }
    }

    /// The session with this number, if it is this agent's.
    pub fn get(&self, agent: &AgentId, id: u64) -> Option<Session> {
        self.lock().get(agent).filter(|s| s.id == id).cloned()
    }

    /// Whether an agent has a session.
    pub fn is_connected(&self, agent: &AgentId) -> bool {
        self.lock().get(agent).is_some_and(|s| !s.end.is_cancelled())
    }

    /// How often the table has changed.
    pub fn version(&self) -> u64 {
        *self.changes.borrow()
    }

    /// The agents that have a session.
    pub fn connected(&self) -> BTreeSet<AgentId> {
        let table = self.lock();
        table.iter().filter(|(_, s)| !s.end.is_cancelled()).map(|(agent, _)| agent.clone()).collect()
    }

    /// Follows changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AgentId, Session>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloned_disk_is_refused_and_a_reconnect_replaces() {
        let sessions = Sessions::default();
        let agent: AgentId = "gw".parse().expect("valid");
        let (first, second) = (CancellationToken::new(), CancellationToken::new());
        let id = sessions.open(&agent, 7, Timestamp(1), first.clone()).expect("free");
        let clone = sessions.open(&agent, 8, Timestamp(2), CancellationToken::new());
        assert_eq!(clone, Err(InUse { since: Timestamp(1) }));
        let again = sessions.open(&agent, 7, Timestamp(3), second.clone()).expect("the same start");
        assert!(first.is_cancelled() && !second.is_cancelled());
        sessions.close(&agent, id);
        assert!(
            sessions.is_connected(&agent),
            "the end of the replaced session is not the end of the new one"
        );
        sessions.end(&agent);
        assert!(!sessions.is_connected(&agent));
        assert!(sessions.open(&agent, 9, Timestamp(4), CancellationToken::new()).is_ok());
        assert!(sessions.get(&agent, again).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_session_gives_way_and_a_living_one_does_not() {
        let sessions = Sessions::default();
        let agent: AgentId = "gw".parse().expect("valid");
        sessions.open(&agent, 7, Timestamp(1), CancellationToken::new()).expect("free");
        assert!(sessions.rival(&agent, 7).is_none(), "the same start is no rival");
        let rival = sessions.rival(&agent, 8).expect("another start");
        assert!(!rival.pulse.beats(Duration::from_secs(2)).await);
        rival.end.cancel();
        assert!(sessions.rival(&agent, 8).is_none());
        let id =
            sessions.open(&agent, 8, Timestamp(2), CancellationToken::new()).expect("the dead one gives way");

        let alive = sessions.get(&agent, id).expect("it is there");
        let mut questions = alive.pulse.questions();
        let answering = tokio::spawn(async move {
            questions.changed().await.expect("asked");
            alive.pulse.heard();
        });
        let rival = sessions.rival(&agent, 9).expect("another start");
        assert!(rival.pulse.beats(Duration::from_secs(2)).await);
        answering.await.expect("no panic");
        assert!(sessions.note_twin(&agent, 9, Timestamp(5)));
        assert!(!sessions.note_twin(&agent, 9, Timestamp(6)));
        let twin = Twin { boot: 9, since: Timestamp(5), last: Timestamp(6), times: 2 };
        assert_eq!(sessions.twins()[&agent], twin);
    }
}
