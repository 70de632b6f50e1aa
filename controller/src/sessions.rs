//! Which agents have a session now.
//!
//! An identity has at most one session. A second machine that shows the same certificate (a cloned
//! disk) is refused while the first is connected, and both are told apart by the random number that
//! an agent makes at each start.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

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
    next: std::sync::atomic::AtomicU64,
    changes: watch::Sender<u64>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { table: Mutex::default(), next: 1.into(), changes: watch::channel(0).0 }
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
        table.insert(agent.clone(), Session { id, boot, since: now, end });
        drop(table);
        self.changes.send_modify(|n| *n += 1);
        Ok(id)
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
}
