//! The judgement of every entity now, the incidents that last, and the events that led to them, for all
//! who only want to look. [`crate::judging`] keeps it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use wasl_model::health::EntityState;
use wasl_model::{AgentId, EntityKind, Incident, Maintenance, SiteId, Subject, Timestamp};
use wasl_store::{Occurrence, StoredEvent};

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

/// Every entity now.
#[derive(Debug, Default)]
pub struct Board {
    /// By subject. In boxes, as all large things in maps with tens of thousands of places, half of which are empty.
    pub entities: BTreeMap<Subject, Box<Entity>>,
    /// The incidents that last, by number.
    pub incidents: BTreeMap<u64, Incident>,
    /// The maintenances that are planned or under way, by number.
    pub maintenances: BTreeMap<u64, Maintenance>,
}

impl Board {
    /// What belongs to a machine or a device, of a kind whose identifiers are `owner/name`.
    pub fn parts<'a>(&'a self, whole: &str, kind: EntityKind) -> impl Iterator<Item = &'a Entity> + use<'a> {
        let prefix = format!("{whole}/");
        let first = Subject { kind, id: prefix.clone() };
        let within = self.entities.range(first..);
        let within = within.take_while(move |(s, _)| s.kind == kind && s.id.starts_with(&prefix));
        within.map(|(_, entity)| entity.as_ref())
    }

    /// The incident that an entity is the cause of or suffers from.
    pub fn incident_of(&self, subject: &Subject) -> Option<&Incident> {
        let root = self.entities.get(subject)?.state.caused_by.as_ref().unwrap_or(subject);
        self.incidents.values().find(|incident| incident.root == *root)
    }
}

/// A change of an entity's health, or something that happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Event {
    /// Ascending; never given twice, not even after a restart.
    pub id: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// `kind/identifier`.
    pub subject: String,
    /// Where it is, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The health before; absent for an entity that is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The health now; absent for an entity that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// The code of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The figures of the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
    /// What happened, where it is no change of health.
    // In a box: ten thousand events are remembered, and most are changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<Box<OccurrenceBody>>,
}

/// Something that happened, such as a device's trap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OccurrenceBody {
    /// What kind of thing.
    pub code: String,
    /// `info`, `warning` or `error`.
    pub severity: String,
    /// In words, for the log; it may quote what a device said.
    pub detail: String,
    /// In English.
    pub text_en: String,
    /// In Arabic.
    pub text_ar: String,
    /// The figures and names in it.
    pub args: BTreeMap<String, String>,
    /// Who says it.
    pub agent: String,
    /// Whether it was told more than a minute after it happened: history, no news.
    pub late: bool,
}

impl From<Occurrence> for OccurrenceBody {
    fn from(Occurrence { agent, event, late }: Occurrence) -> Self {
        Self {
            code: event.code.as_str().to_owned(),
            severity: event.severity.as_str().to_owned(),
            detail: event.detail,
            text_en: String::new(),
            text_ar: String::new(),
            args: event.args,
            agent: agent.to_string(),
            late,
        }
    }
}

impl From<StoredEvent> for Event {
    fn from(stored: StoredEvent) -> Self {
        let StoredEvent { id, event } = stored;
        let (reason, args) = event.reason.map(|reason| (reason.code, reason.args)).unzip();
        Self {
            id,
            at_ms: event.at.0,
            subject: event.subject.to_string(),
            site: event.site.map(|site| site.to_string()),
            was: event.was.map(|h| h.as_str().to_owned()),
            health: event.health.map(|h| h.as_str().to_owned()),
            reason,
            args: args.unwrap_or_default(),
            occurrence: event.occurrence.map(|occurrence| Box::new(occurrence.into())),
        }
    }
}

fn remember(past: &mut VecDeque<Event>, event: Event) {
    past.push_back(event);
    if past.len() > REMEMBERED {
        past.pop_front();
    }
}

/// The board in force and the events that led to it.
pub struct Boards {
    board: RwLock<Board>,
    past: Mutex<VecDeque<Event>>,
    news: broadcast::Sender<Event>,
    /// By site and code. Both are words of the configuration and of this program, so there are not many.
    occurrences: Mutex<BTreeMap<(String, String), u64>>,
}

impl Default for Boards {
    fn default() -> Self {
        Self {
            board: RwLock::default(),
            past: Mutex::default(),
            news: broadcast::channel(1024).0,
            occurrences: Mutex::default(),
        }
    }
}

impl Boards {
    /// The board in force. It stands still while it is looked at, so look briefly.
    pub fn board(&self) -> RwLockReadGuard<'_, Board> {
        self.board.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the board.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.board.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The remembered events after one, and those to come.
    pub fn events_after(&self, after: u64) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        (past.iter().filter(|e| e.id > after).cloned().collect(), self.news.subscribe())
    }

    /// The number of the latest remembered event; 0 before the first.
    pub fn latest(&self) -> u64 {
        self.past.lock().unwrap_or_else(PoisonError::into_inner).back().map_or(0, |event| event.id)
    }

    /// What has happened since the controller was started: how often, by site and code.
    pub fn occurrences(&self) -> BTreeMap<(String, String), u64> {
        self.occurrences.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells events that are new, remembers them, and counts what happened.
    pub(crate) fn tell(&self, events: Vec<Event>) {
        let mut counts = self.occurrences.lock().unwrap_or_else(PoisonError::into_inner);
        for event in &events {
            if let Some(occurrence) = &event.occurrence {
                let key = (event.site.clone().unwrap_or_default(), occurrence.code.clone());
                *counts.entry(key).or_default() += 1;
            }
        }
        drop(counts);
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            remember(&mut past, event.clone());
            // Nobody listening is no fault.
            let _ = self.news.send(event);
        }
    }

    /// Remembers events of the last run, which are no news.
    pub(crate) fn recall(&self, events: impl IntoIterator<Item = Event>) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        events.into_iter().for_each(|event| remember(&mut past, event));
    }
}
