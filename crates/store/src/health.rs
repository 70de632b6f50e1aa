//! What was judged: the state of every entity, the incidents, the maintenance, and what changed when.
//!
//! It is kept so that a restart of the controller changes no since-time, forgets no incident, and
//! leaves no hole in the stream of events.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wasl_model::health::{EntityState, Health, Reason};
use wasl_model::{AgentId, Event, Incident, Maintenance, SiteId, Subject, Timestamp};

use crate::Error;

/// The judgement of one entity.
#[derive(Debug, Clone, PartialEq)]
pub struct StateRecord {
    /// Which entity.
    pub subject: Subject,
    /// Where it is, if that is known.
    pub site: Option<SiteId>,
    /// Its judgement.
    pub state: EntityState,
}

/// Something that happened and changed no health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Occurrence {
    /// Who says it.
    pub agent: AgentId,
    /// What.
    pub event: Event,
    /// Whether it was told so long after it happened that it is history and no news.
    pub late: bool,
}

/// A change of an entity's health, or something that happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthEvent {
    /// When.
    pub at: Timestamp,
    /// Which entity.
    pub subject: Subject,
    /// Where it is, if that is known.
    pub site: Option<SiteId>,
    /// Its health before; `None` for an entity that is new.
    pub was: Option<Health>,
    /// Its health now; `None` for an entity that is gone.
    pub health: Option<Health>,
    /// Why.
    pub reason: Option<Reason>,
    /// What happened, where it is no change of health.
    pub occurrence: Option<Occurrence>,
}

/// A change of health as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its place in the order of events; never given twice in one store.
    pub id: u64,
    /// What changed.
    pub event: HealthEvent,
}

/// What one round of judging changed. Empty parts change nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HealthChange {
    /// Entities that are new or judged otherwise.
    pub states: Vec<StateRecord>,
    /// Entities that are no longer there.
    pub gone: Vec<Subject>,
    /// Incidents that are new or changed, each whole.
    pub incidents: Vec<Incident>,
    /// Changes of health, in order.
    pub events: Vec<HealthEvent>,
}

/// Which incidents to read; what is not set does not restrict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Only those that last (`true`) or are over (`false`).
    pub open: Option<bool>,
    /// Only those that were open at this time or later.
    pub from: Option<Timestamp>,
    /// Only those that were opened at this time or before.
    pub to: Option<Timestamp>,
    /// Only those that ever concerned this entity, as their root or otherwise.
    pub subject: Option<Subject>,
    /// Only those that ever concerned an entity that was then at one of these sites; all if empty.
    pub sites: Vec<SiteId>,
    /// Only those with a smaller number: the next page.
    pub before_id: Option<u64>,
    /// The most incidents.
    pub limit: u32,
}

impl Default for IncidentFilter {
    fn default() -> Self {
        Self {
            open: None,
            from: None,
            to: None,
            subject: None,
            sites: Vec::new(),
            before_id: None,
            limit: 100,
        }
    }
}

/// Which events to look up; what is not set does not restrict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those about one of these entities, or about one that is `under` another; all if both are empty.
    pub subjects: Vec<Subject>,
    /// Only those about an entity of this kind whose identifier begins with this one and a slash.
    pub under: Vec<Subject>,
    /// Only those at this site.
    pub site: Option<SiteId>,
    /// Only those with this code of their reason, or of what happened.
    pub code: Option<String>,
    /// Only what happened (`true`), or only changes of health (`false`).
    pub occurrences: Option<bool>,
    /// Only those with a greater number. The oldest then come first; without it, the newest.
    pub after: Option<u64>,
    /// Only those with a smaller number.
    pub before: Option<u64>,
    /// The most events.
    pub limit: u32,
}

impl Default for EventFilter {
    fn default() -> Self {
        Self {
            subjects: Vec::new(),
            under: Vec::new(),
            site: None,
            code: None,
            occurrences: None,
            after: None,
            before: None,
            limit: 100,
        }
    }
}

/// How long what is over is kept. What lasts is always kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthRetention {
    /// Incidents after their end, and maintenance after its.
    pub ended: Duration,
    /// The most events; the oldest go first.
    pub events: u64,
}

impl Default for HealthRetention {
    fn default() -> Self {
        Self { ended: Duration::from_hours(24 * 365 * 5), events: 100_000 }
    }
}

/// What was let go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthRetained {
    /// Incidents deleted.
    pub incidents: u64,
    /// Maintenances deleted.
    pub maintenances: u64,
    /// Events deleted.
    pub events: u64,
}

/// Keeps judgements, incidents, maintenance and events.
#[async_trait]
pub trait HealthStore: Send + Sync {
    /// Keeps what changed, in one transaction, and returns the numbers of its events in their order.
    /// When it returns they are on the disk, so that an event that was told is never forgotten.
    ///
    /// An incident is found again by every entity that it concerned when it was kept, and at the site
    /// at which that entity was known to be at that moment.
    async fn save_health(&self, change: &HealthChange) -> Result<Vec<u64>, Error>;

    /// The judgements, by subject. One that cannot be read is left out and named in the log.
    async fn health(&self) -> Result<Vec<StateRecord>, Error>;

    /// Up to `limit` events after the one with this number (0 for all that are kept), oldest first.
    async fn events(&self, after: u64, limit: u32) -> Result<Vec<StoredEvent>, Error>;

    /// The events of a filter. One that cannot be read is left out and named in the log.
    async fn find_events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, Error>;

    /// The number of the latest event; 0 before the first. A reader that remembers a greater one has
    /// read another store, or this one before it was restored from an older copy.
    async fn last_event_id(&self) -> Result<u64, Error>;

    /// Incidents, newest first. One that cannot be read is left out and named in the log.
    async fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, Error>;

    /// One incident.
    async fn incident(&self, id: u64) -> Result<Option<Incident>, Error>;

    /// A number greater than that of every incident that was ever kept.
    async fn next_incident_id(&self) -> Result<u64, Error>;

    /// Keeps a new maintenance and returns its number; the number in `maintenance` is not looked at.
    async fn add_maintenance(&self, maintenance: &Maintenance) -> Result<u64, Error>;

    /// Changes a maintenance; `false` if there is none of its number.
    async fn save_maintenance(&self, maintenance: &Maintenance) -> Result<bool, Error>;

    /// The maintenances that end after then, under way or to come, by their beginning.
    async fn maintenances(&self, ending_after: Timestamp) -> Result<Vec<Maintenance>, Error>;

    /// Deletes what is over for too long.
    async fn retain_health(
        &self,
        now: Timestamp,
        retention: &HealthRetention,
    ) -> Result<HealthRetained, Error>;
}
