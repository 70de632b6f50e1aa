//! Trouble as people follow it: one incident for one cause, with everything that the cause brings
//! down, and what happened when. And maintenance: the stretches in which trouble is expected.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::health::{Health, Reason};
use crate::id::SiteId;
use crate::subject::Subject;
use crate::time::Timestamp;

/// How urgent an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentSeverity {
    /// Something works, but not as it should.
    Warning,
    /// Something does not work.
    Critical,
}

impl IncidentSeverity {
    /// Every value, mildest first.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Critical];

    /// The word in the API, metrics and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity of an entity's own trouble; `None` where there is none.
    pub fn of(health: Health) -> Option<Self> {
        match health {
            Health::Down => Some(Self::Critical),
            Health::Degraded => Some(Self::Warning),
            Health::Ok | Health::Maintenance | Health::Unknown => None,
        }
    }
}

/// One cause of trouble and its consequences, from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Ascending in the order of opening; never given twice in one store.
    pub id: u64,
    /// The entity whose trouble is the cause.
    pub root: Subject,
    /// The worst that the root has been since the opening.
    pub severity: IncidentSeverity,
    /// Why, as the root's judgement last said while it was in trouble.
    pub reason: Reason,
    /// When the trouble began.
    pub opened: Timestamp,
    /// When it was over; `None` while it lasts.
    pub ended: Option<Timestamp>,
    /// What suffers from it now, without the root; after the end: what suffered last.
    pub affected: BTreeSet<Subject>,
    /// Who has taken it on.
    pub acknowledged: Option<Acknowledgement>,
    /// The incident that turned out to be the cause of this one, which is then over.
    pub merged_into: Option<u64>,
    /// What happened, in order; at most [`Incident::MAX_TIMELINE`] entries.
    pub timeline: Vec<TimelineEntry>,
    /// Entries that the timeline had no room for.
    pub omitted: u64,
}

impl Incident {
    /// The most entries of a timeline; beyond, entries are counted only, but the end is still entered.
    pub const MAX_TIMELINE: usize = 500;

    /// Whether it still lasts.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Enters what happened. The last place of the timeline is kept for what ends the incident.
    pub fn enter(&mut self, at: Timestamp, event: IncidentEvent) {
        let ends = matches!(
            event,
            IncidentEvent::Ended | IncidentEvent::MergedInto { .. } | IncidentEvent::Maintenance { .. }
        );
        let room = if ends { Self::MAX_TIMELINE } else { Self::MAX_TIMELINE - 1 };
        if self.timeline.len() < room {
            self.timeline.push(TimelineEntry { at, event });
        } else {
            self.omitted += 1;
        }
    }
}

/// Somebody has taken an incident on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// When.
    pub at: Timestamp,
    /// The account's name.
    pub by: String,
    /// What they wrote; may be empty.
    pub note: String,
}

/// One thing that happened during an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub event: IncidentEvent,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum IncidentEvent {
    /// The trouble began.
    Opened {
        /// How the root is judged.
        health: Health,
        /// Why.
        reason: Reason,
    },
    /// The root is judged otherwise, and is still in trouble.
    Changed {
        /// How the root is judged now.
        health: Health,
        /// Why.
        reason: Reason,
    },
    /// Another entity suffers from it.
    Joined {
        /// Which.
        subject: Subject,
    },
    /// An entity no longer suffers from it.
    Left {
        /// Which.
        subject: Subject,
    },
    /// The root changes so often that it is held in trouble until it is steady.
    Flapping {
        /// How often it changed within the watched stretch.
        changes: u64,
    },
    /// Another incident turned out to be a consequence of this one.
    Absorbed {
        /// Its number.
        incident: u64,
    },
    /// This incident turned out to be a consequence of another, which goes on in its place.
    MergedInto {
        /// Its number.
        incident: u64,
    },
    /// Somebody took it on.
    Acknowledged {
        /// The account's name.
        by: String,
        /// What they wrote.
        note: String,
    },
    /// Maintenance of the root began, which ends the incident.
    Maintenance {
        /// The number of the maintenance.
        maintenance: u64,
    },
    /// The trouble is over.
    Ended,
}

/// What a maintenance covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceScope {
    /// One entity and its parts: a machine with its file systems, a device with its interfaces.
    Subject(Subject),
    /// Everything at a site.
    Site(SiteId),
}

/// A stretch of time in which trouble is expected and raises no incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Never given twice in one store.
    pub id: u64,
    /// What is covered.
    pub scope: MaintenanceScope,
    /// From when, inclusive.
    pub from: Timestamp,
    /// Until when, exclusive. Ending it early moves this forward.
    pub until: Timestamp,
    /// The account's name.
    pub by: String,
    /// Why.
    pub note: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::EntityKind;

    #[test]
    fn a_full_timeline_still_tells_the_end() {
        let root = Subject::lenient(EntityKind::Target, "t");
        let mut incident = Incident {
            id: 1,
            root: root.clone(),
            severity: IncidentSeverity::Warning,
            reason: Reason::new("target_lossy"),
            opened: Timestamp(0),
            ended: None,
            affected: BTreeSet::new(),
            acknowledged: None,
            merged_into: None,
            timeline: Vec::new(),
            omitted: 0,
        };
        for at in 0..600 {
            incident.enter(Timestamp(at), IncidentEvent::Left { subject: root.clone() });
        }
        incident.enter(Timestamp(600), IncidentEvent::Ended);
        assert_eq!(incident.timeline.len(), Incident::MAX_TIMELINE);
        assert_eq!(incident.timeline.last().map(|e| &e.event), Some(&IncidentEvent::Ended));
        assert_eq!(incident.omitted, 101);
    }
}
