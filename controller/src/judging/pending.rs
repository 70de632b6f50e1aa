//! What was judged and is not yet kept.

use std::collections::BTreeMap;

use wasl_health::Word;
use wasl_health::engine::{Changes, Saved, SavedEntity};
use wasl_model::health::EntityState;
use wasl_model::{AgentId, Incident, SiteId, Subject, Timestamp};
use wasl_store::{HealthChange, HealthEvent, IncidentFilter, StateRecord, Store, StoredEvent};

use crate::board::Event;

/// The most events that wait for a store that cannot be written to; then the oldest are forgotten.
const EVENTS: usize = 50_000;
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
                });
            }
            let record =
                change.after.map(|state| StateRecord { subject: change.subject.clone(), site, state });
            self.states.insert(change.subject, record);
        }
        let excess = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..excess);
        self.incidents.extend(changes.incidents.into_iter().map(|incident| (incident.id, incident)));
    }

    /// Keeps everything in one transaction, and gives the events with their numbers. What could not be kept
    /// waits for the next time.
    pub(super) async fn keep(&mut self, store: &dyn Store) -> Result<Vec<Event>, wasl_store::Error> {
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
        Ok(stored.map(Event::from).collect())
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
