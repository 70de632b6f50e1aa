//! What was judged and is not yet kept.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use wasl_health::Word;
use wasl_health::engine::{Changes, Saved, SavedEntity};
use wasl_model::health::EntityState;
use wasl_model::{AgentId, Event, Incident, SiteId, Subject, Timestamp};
use wasl_store::{HealthChange, HealthEvent, IncidentFilter, Occurrence, StateRecord, Store, StoredEvent};

use crate::board;
use crate::live::Happened;

/// The most events that wait for a store that cannot be written to; then the oldest are forgotten.
const EVENTS: usize = 50_000;
/// What happened longer ago than this is history: it is kept and told as late, and notifies nobody.
const NEWS: Duration = Duration::from_secs(60);
/// Incidents that are read at once when the controller starts.
const PAGE: u32 = 1000;

/// Changes that wait for the store, each entity and incident once.
#[derive(Debug, Default)]
pub(super) struct Pending {
    states: BTreeMap<Subject, Option<StateRecord>>,
    incidents: BTreeMap<u64, Incident>,
    events: Vec<HealthEvent>,
}

impl Pending {
    /// Adds what changed. A new figure in a reason is not worth a write: it is learnt again with the next word.
    pub(super) fn add(
        &mut self,
        changes: Changes,
        site_of: impl Fn(&Subject) -> Option<SiteId>,
        now: Timestamp,
    ) {
        for change in changes.states {
            let (was, is) = (change.before.as_ref(), change.after.as_ref());
            if was.map(essence) == is.map(essence) {
                continue;
            }
            let site = site_of(&change.subject);
            if was.map(|s| s.health) != is.map(|s| s.health) {
                self.events.push(HealthEvent {
                    at: now,
                    subject: change.subject.clone(),
                    site: site.clone(),
                    was: was.map(|s| s.health),
                    health: is.map(|s| s.health),
                    reason: is.map(|s| s.reason.clone()),
                    occurrence: None,
                });
            }
            let record =
                change.after.map(|state| StateRecord { subject: change.subject.clone(), site, state });
            self.states.insert(change.subject, record);
        }
        self.forget_excess();
        self.incidents.extend(changes.incidents.into_iter().map(|incident| (incident.id, incident)));
    }

    /// Adds what happened and changed no health.
    pub(super) fn happened(
        &mut self,
        happened: Vec<Happened>,
        site_of: impl Fn(&Subject) -> Option<SiteId>,
        now: Timestamp,
    ) {
        self.events.extend(happened.into_iter().map(|Happened { at, subject, agent, event }| HealthEvent {
            at,
            site: site_of(&subject),
            subject,
            was: None,
            health: None,
            reason: None,
            occurrence: Some(Occurrence { agent, event, late: now.since(at) > NEWS }),
        }));
        self.forget_excess();
    }

    /// Adds what was heard again after a restart, except for what `kept` shows to have been kept then.
    pub(super) fn happened_again(
        &mut self,
        mut happened: Vec<Happened>,
        kept: &[StoredEvent],
        site_of: impl Fn(&Subject) -> Option<SiteId>,
        now: Timestamp,
    ) {
        let mut times: HashMap<(Timestamp, Subject, AgentId), Vec<&Event>> = HashMap::new();
        for HealthEvent { at, subject, occurrence, .. } in kept.iter().map(|stored| &stored.event) {
            if let Some(occurrence) = occurrence {
                let key = (*at, subject.clone(), occurrence.agent.clone());
                times.entry(key).or_default().push(&occurrence.event);
            }
        }
        happened.retain(|new| {
            let Some(same) = times.get_mut(&(new.at, new.subject.clone(), new.agent.clone())) else {
                return true;
            };
            let found = same.iter().position(|event| **event == new.event);
            found.map(|place| same.swap_remove(place)).is_none()
        });
        self.happened(happened, site_of, now);
    }

    fn forget_excess(&mut self) {
        let excess = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..excess);
    }

    /// Keeps everything in one transaction, and gives the events with their numbers. What could not be kept
    /// waits for the next time.
    pub(super) async fn keep(&mut self, store: &dyn Store) -> Result<Vec<board::Event>, wasl_store::Error> {
        if self.states.is_empty() && self.incidents.is_empty() && self.events.is_empty() {
            return Ok(Vec::new());
        }
        let change = HealthChange {
            states: self.states.values().flatten().cloned().collect(),
            gone: self
                .states
                .iter()
                .filter(|(_, s)| s.is_none())
                .map(|(subject, _)| subject.clone())
                .collect(),
            incidents: self.incidents.values().cloned().collect(),
            events: self.events.clone(),
        };
        let ids = store.save_health(&change).await?;
        *self = Self::default();
        let stored = ids.into_iter().zip(change.events).map(|(id, event)| StoredEvent { id, event });
        Ok(stored.map(board::Event::from).collect())
    }
}

/// What of a state is worth a write.
fn essence(state: &EntityState) -> impl PartialEq + use<'_> {
    (state.health, &state.reason.code, &state.activity, state.proof, state.since, &state.caused_by)
}

/// What the last run kept, for the engine to go on from. `words`: what has been said last.
pub(super) async fn saved(
    store: &dyn Store,
    mut words: BTreeMap<Subject, Vec<(Option<AgentId>, Word)>>,
    now: Timestamp,
) -> Result<Saved, wasl_store::Error> {
    let states = store.health().await?;
    let open = IncidentFilter { open: Some(true), limit: PAGE, ..IncidentFilter::default() };
    let mut incidents = store.incidents(&open).await?;
    incidents.reverse();
    let clock = states.iter().map(|s| s.state.since).max().unwrap_or(now).min(now);
    let mut entities: Vec<SavedEntity> = states
        .into_iter()
        .map(|kept| {
            let said = words.remove(&kept.subject).unwrap_or_default();
            SavedEntity::known(kept.subject, Some(kept.state), said, now)
        })
        .collect();
    entities.extend(words.into_iter().map(|(subject, said)| SavedEntity::known(subject, None, said, now)));
    Ok(Saved {
        clock,
        entities,
        incidents,
        ended: Vec::new(),
        maintenances: store.maintenances(now).await?,
        next_incident: store.next_incident_id().await?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_model::{EventCode, Severity};

    fn happened(at: i64, detail: &str) -> Happened {
        Happened {
            at: Timestamp(at),
            subject: "interface/sw/1".parse().expect("valid"),
            agent: "gw".parse().expect("valid"),
            event: Event::new(EventCode::LinkDownTrap, Severity::Warning, detail),
        }
    }

    fn details(pending: &Pending) -> Vec<(&str, bool)> {
        let told = pending.events.iter().filter_map(|event| event.occurrence.as_ref());
        told.map(|occurrence| (occurrence.event.detail.as_str(), occurrence.late)).collect()
    }

    #[test]
    fn what_happened_over_a_minute_ago_is_history_and_no_news() {
        let mut pending = Pending::default();
        let now = Timestamp(100_000_000);
        pending.happened(
            vec![happened(now.0 - 60_001, "old"), happened(now.0 - 60_000, "new")],
            |_| None,
            now,
        );
        assert_eq!(details(&pending), [("old", true), ("new", false)]);
    }

    #[test]
    fn what_is_heard_again_after_a_restart_is_kept_as_often_as_it_happened() {
        let now = Timestamp(100_000_000);
        let twice = vec![happened(now.0, "a"), happened(now.0, "a"), happened(now.0, "b")];
        let mut before = Pending::default();
        before.happened(twice[1..].to_vec(), |_| None, now);
        let kept: Vec<StoredEvent> =
            before.events.into_iter().zip(1..).map(|(event, id)| StoredEvent { id, event }).collect();
        let mut after = Pending::default();
        after.happened_again(twice, &kept, |_| None, now);
        assert_eq!(details(&after), [("a", false)]);
    }
}
