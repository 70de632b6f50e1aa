//! The judgement of every entity at one moment, and the events that led to it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::sync::broadcast;
use wasl_model::health::EntityState;
use wasl_model::{AgentId, SiteId, Subject, Timestamp};

/// How many events are remembered for those who were away for a moment.
const REMEMBERED: usize = 10_000;

/// An entity and its judgement.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Which.
    pub subject: Subject,
    /// Its judgement.
    pub state: EntityState,
    /// Where it is, if that is known.
    pub site: Option<SiteId>,
    /// Who observes it; the one whose word decides, where several do.
    pub agent: Option<AgentId>,
    /// When it was last observed.
    pub at: Option<Timestamp>,
}

/// Every entity at one moment.
#[derive(Debug, Default)]
pub struct Board {
    /// By subject.
    pub entities: BTreeMap<Subject, Entity>,
}

/// A change of an entity's health.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Event {
    /// Ascending within a run of the controller.
    pub id: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// `kind/identifier`.
    pub subject: String,
    /// The health before; absent for an entity that is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The health now; absent for an entity that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// The code of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The board in force and the events that led to it.
pub struct Boards {
    board: ArcSwap<Board>,
    past: Mutex<(u64, VecDeque<Event>)>,
    news: broadcast::Sender<Event>,
}

impl Default for Boards {
    fn default() -> Self {
        Self { board: ArcSwap::default(), past: Mutex::default(), news: broadcast::channel(1024).0 }
    }
}

impl Boards {
    /// The board in force.
    pub fn board(&self) -> Arc<Board> {
        self.board.load_full()
    }

    /// The remembered events after one, and those to come.
    pub fn events_after(&self, after: u64) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        (past.1.iter().filter(|e| e.id > after).cloned().collect(), self.news.subscribe())
    }

    /// Puts a new board in force and tells what changed.
    pub fn replace(&self, new: Board, now: Timestamp) {
        let old = self.board.swap(Arc::new(new));
        let new = self.board.load();
        let mut changes = Vec::new();
        for (subject, entity) in &new.entities {
            let was = old.entities.get(subject).map(|e| e.state.health);
            if was != Some(entity.state.health) {
                let reason = Some(entity.state.reason.code.clone());
                changes.push((subject.clone(), was, Some(entity.state.health), reason));
            }
        }
        for (subject, entity) in &old.entities {
            if !new.entities.contains_key(subject) {
                changes.push((subject.clone(), Some(entity.state.health), None, None));
            }
        }
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        for (subject, was, health, reason) in changes {
            past.0 += 1;
            let event = Event {
                id: past.0,
                at_ms: now.0,
                subject: subject.to_string(),
                was: was.map(|h| h.as_str().to_owned()),
                health: health.map(|h| h.as_str().to_owned()),
                reason,
            };
            past.1.push_back(event.clone());
            if past.1.len() > REMEMBERED {
                past.1.pop_front();
            }
            // Nobody listening is no fault.
            let _ = self.news.send(event);
        }
    }
}
