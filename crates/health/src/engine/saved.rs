//! What the engine knows, to be kept over a restart.

use serde::{Deserialize, Serialize};
use wasl_model::health::EntityState;
use wasl_model::{AgentId, Incident, IncidentEvent, Maintenance, Subject, Timestamp};

use super::flaps::Flap;
use super::{Engine, Policy};
use crate::graph::Graph;
use crate::word::{Heard, Word};

/// Everything that an engine needs to go on as if nothing had been. It need not come from
/// [`Engine::export`]: whoever keeps states, incidents, maintenances and the last words elsewhere puts them
/// together by [`SavedEntity::known`], and loses only the count of the latest changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Saved {
    /// The latest time that was told.
    pub clock: Timestamp,
    /// What is known of the entities.
    pub entities: Vec<SavedEntity>,
    /// The incidents that last.
    pub incidents: Vec<Incident>,
    /// Incidents that are over, the oldest first.
    pub ended: Vec<Incident>,
    /// The maintenances that are planned or under way.
    pub maintenances: Vec<Maintenance>,
    /// The number that the next incident gets; above all numbers that were ever given.
    pub next_incident: u64,
}

/// What is known of an entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedEntity {
    subject: Subject,
    words: Vec<(Option<AgentId>, Heard)>,
    flap: Flap,
    state: Option<EntityState>,
    alone_since: Option<Timestamp>,
    freed: Option<Timestamp>,
}

impl SavedEntity {
    /// An entity of which only the state was kept, with what its witnesses have said last, where that is known
    /// from elsewhere. `received`: when that was told.
    pub fn known(
        subject: Subject,
        state: Option<EntityState>,
        words: Vec<(Option<AgentId>, Word)>,
        received: Timestamp,
    ) -> Self {
        let alone = state.as_ref().filter(|s| s.health.is_unhealthy() && s.caused_by.is_none());
        Self {
            subject,
            alone_since: alone.map(|s| s.since),
            words: words.into_iter().map(|(witness, word)| (witness, Heard { word, received })).collect(),
            flap: Flap::default(),
            state,
            freed: None,
        }
    }
}

impl Engine {
    /// What is known, to be kept.
    pub fn export(&self) -> Saved {
        let entities = self.entities.iter().map(|(subject, entity)| SavedEntity {
            subject: subject.clone(),
            words: entity.words.iter().map(|(witness, heard)| (witness.cloned(), heard.clone())).collect(),
            flap: entity.flap.clone(),
            state: entity.state.clone(),
            alone_since: entity.alone_since,
            freed: entity.freed,
        });
        Saved {
            clock: self.clock,
            entities: entities.collect(),
            incidents: self.incidents.values().cloned().collect(),
            ended: self.ended.iter().cloned().collect(),
            maintenances: self.maintenances.values().cloned().collect(),
            next_incident: self.next_incident,
        }
    }

    /// Goes on from what was kept. The graph may be another than then. Deadlines that lay in the time
    /// between are met now, and waits begin anew: nobody was there to hear what might have prevented them.
    pub fn restore(policy: Policy, graph: Graph, saved: Saved, now: Timestamp) -> Self {
        let mut engine = Self::new(policy);
        engine.clock = saved.clock.max(now);
        let was_away = engine.clock > saved.clock;
        engine.next_incident = saved.next_incident.max(1);
        engine.ended = saved.ended.into();
        // A graph without neighbours would turn every consequence into a cause, so it comes first.
        engine.plan = crate::graph::Plan::new(graph).0;
        let named: Vec<Subject> = engine.plan.named().cloned().collect();
        for subject in &named {
            engine.ensure(subject);
        }
        for kept in saved.entities {
            engine.restore_entity(kept, was_away);
        }
        for incident in saved.incidents {
            engine.restore_incident(incident);
        }
        for maintenance in saved.maintenances {
            let id = maintenance.id;
            engine.maintenances.insert(id, maintenance);
            engine.turn_maintenance(id);
        }
        engine.settle();
        engine.recount();
        engine
    }

    /// Where only the incidents were kept, it is not known yet who suffers.
    fn recount(&mut self) {
        for (id, incident) in &mut self.incidents {
            let suffering = self.victims.get(&incident.root);
            if suffering != Some(&incident.affected).filter(|affected| !affected.is_empty()) {
                incident.affected = suffering.cloned().unwrap_or_default();
                self.unsaved.insert(*id);
            }
        }
    }

    fn restore_entity(&mut self, kept: SavedEntity, was_away: bool) {
        let SavedEntity { subject, words, flap, state, alone_since, freed } = kept;
        if words.is_empty() && !self.plan.names(&subject) {
            return;
        }
        self.ensure(&subject);
        for agent in words.iter().filter_map(|(witness, _)| witness.as_ref()) {
            self.watched.entry(agent.clone()).or_default().insert(subject.clone());
        }
        if let Some(cause) = state.as_ref().and_then(|state| state.caused_by.clone()) {
            self.victims.entry(cause).or_default().insert(subject.clone());
        }
        if let Some(entity) = self.entities.get_mut(&subject) {
            for (witness, heard) in words {
                entity.words.put(witness, heard);
            }
            entity.flap = flap;
            entity.state = state;
            entity.alone_since = if was_away { alone_since.and(Some(self.clock)) } else { alone_since };
            entity.freed = freed;
            self.openings.set(&subject, entity.due(&self.policy));
        }
        self.rejudge(&subject);
    }

    fn restore_incident(&mut self, incident: Incident) {
        let id = incident.id;
        self.next_incident = self.next_incident.max(id + 1);
        let root = self.entities.get_mut(&incident.root).filter(|root| root.incident.is_none());
        let found = root.map(|root| (root.incident, root.alone_since) = (Some(id), None)).is_some();
        if found {
            self.openings.set(&incident.root, None);
        }
        self.incidents.insert(id, incident);
        if !found {
            self.close(id, IncidentEvent::Ended);
        }
    }
}

#[cfg(test)]
impl SavedEntity {
    /// Leaves the facts and takes away what was made of them.
    pub(super) fn forget_state(&mut self) {
        self.state = None;
        self.alone_since = None;
        self.freed = None;
    }
}
