//! What the pages of incidents and of maintenance show.

use wasl_model::health::{Health, Reason};
use wasl_model::{IncidentEvent, IncidentSeverity, Localized, Subject, TimelineEntry, Timestamp};

/// `/incidents`
#[derive(Debug, Clone, Default)]
pub struct IncidentsView {
    /// Those that last, in any order.
    pub open: Vec<IncidentView>,
    /// Those that ended lately, in the order in which they shall stand.
    pub ended: Vec<IncidentView>,
    /// What is being worked on, what will be, and what was lately.
    pub maintenances: Vec<MaintenanceView>,
    /// Whether the reader may take an incident on.
    pub may_act: bool,
}

/// An incident.
#[derive(Debug, Clone)]
pub struct IncidentView {
    /// Its number.
    pub id: u64,
    /// The entity whose trouble is the cause.
    pub root: Subject,
    /// What people call the root; the identifier where it has no name.
    pub name: Localized,
    /// The name of the root's site.
    pub site: Option<Localized>,
    /// The worst that it has been.
    pub severity: IncidentSeverity,
    /// The root's health now; `None` when the incident is over.
    pub health: Option<Health>,
    /// Why.
    pub reason: Reason,
    /// When it began.
    pub opened: Timestamp,
    /// When it was over; `None` while it lasts.
    pub ended: Option<Timestamp>,
    /// What suffers from it and its health now, without the root; after the end: what suffered last.
    pub affected: Vec<(Subject, Health)>,
    /// How many suffer from it; the list may be cut.
    pub affected_total: u64,
    /// Who has taken it on: when, the account's name, and what they wrote.
    pub acknowledged: Option<(Timestamp, String, String)>,
    /// The incident that turned out to be the cause of this one.
    pub merged_into: Option<u64>,
    /// What happened, in order.
    pub timeline: Vec<TimelineEntry>,
    /// Entries that the timeline had no room for.
    pub omitted: u64,
}

impl IncidentView {
    /// Entries of the timeline that a list shows.
    const LATEST: usize = 6;

    /// Whether the form to take it on has a point.
    pub(crate) fn may_be_taken(&self) -> bool {
        self.ended.is_none() && self.acknowledged.is_none()
    }

    /// Affected entities that are counted but not listed.
    pub(crate) fn unlisted(&self) -> u64 {
        self.affected_total.saturating_sub(self.affected.len() as u64)
    }

    /// The end of the timeline.
    pub(crate) fn latest(&self) -> &[TimelineEntry] {
        &self.timeline[self.timeline.len().saturating_sub(Self::LATEST)..]
    }

    /// Entries of the timeline before [`Self::latest`].
    pub(crate) fn earlier(&self) -> u64 {
        self.timeline.len().saturating_sub(Self::LATEST) as u64
    }

    /// The maintenance that ended it.
    pub(crate) fn ended_by_maintenance(&self) -> bool {
        matches!(self.timeline.last(), Some(TimelineEntry { event: IncidentEvent::Maintenance { .. }, .. }))
    }

    /// The most urgent first, among these the latest first.
    pub(crate) fn worst_first(incidents: &[Self]) -> Vec<&Self> {
        let mut sorted: Vec<&Self> = incidents.iter().collect();
        sorted.sort_by_key(|i| std::cmp::Reverse((i.severity, i.opened, i.id)));
        sorted
    }
}

/// A stretch of time in which trouble is expected.
#[derive(Debug, Clone)]
pub struct MaintenanceView {
    /// Its number.
    pub id: u64,
    /// The name of the entity or site that it covers.
    pub about: Localized,
    /// That entity, or the site as an entity; `None` where there is no page for it.
    pub subject: Option<Subject>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The account's name.
    pub by: String,
    /// Why; may be empty.
    pub note: String,
    /// Whether it is in force now.
    pub under_way: bool,
}
