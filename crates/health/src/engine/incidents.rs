//! One incident for one cause: opened after the window, joined by what suffers from it, merged when a cause
//! is found above it, and ended when its root is well again.
//!
//! An incident whose root is no longer known to be in trouble, because nobody can see it, stays open: that it
//! cannot be seen does not mend it.

use std::collections::BTreeSet;

use wasl_model::health::{EntityState, Health};
use wasl_model::{Acknowledgement, Incident, IncidentEvent, IncidentSeverity, Subject, Timestamp};

use super::causes::Shown;
use super::{Engine, Entity, Policy, Refusal, drop_from};
use crate::reasons;

impl Engine {
    /// Somebody takes an incident on. A later word replaces an earlier one.
    pub fn acknowledge(&mut self, id: u64, by: &str, note: &str, now: Timestamp) -> Result<(), Refusal> {
        self.advance(now);
        let at = self.clock;
        let incident = self.incidents.get_mut(&id).ok_or(Refusal::NotOpen(id))?;
        let (by, note) = (by.to_owned(), note.to_owned());
        incident.acknowledged = Some(Acknowledgement { at, by: by.clone(), note: note.clone() });
        incident.enter(at, IncidentEvent::Acknowledged { by, note });
        self.unsaved.insert(id);
        Ok(())
    }

    /// Step 3: shows what changed, and lets the incidents follow.
    pub(super) fn follow(&mut self) {
        let unshown = std::mem::take(&mut self.unshown);
        let shown: Vec<Shown> = unshown.iter().filter_map(|subject| self.show(subject)).collect();
        // What ends keeps those who suffered last, so it goes before they leave.
        for Shown { subject, .. } in &shown {
            self.end_if_over(subject);
        }
        for Shown { subject, .. } in &shown {
            self.merge_if_caused(subject);
        }
        for Shown { subject, before, after, worse, .. } in &shown {
            if before != after {
                self.suffers(subject, before.as_ref(), after.as_ref());
            }
            // What only now grew worse is not on its way back.
            if before.is_some()
                && after.is_none()
                && !worse
                && let Some(entity) = self.entities.get_mut(subject)
            {
                entity.freed = Some(self.clock);
            }
        }
        for Shown { subject, turned, .. } in &shown {
            self.update(subject, *turned);
            self.wait(subject);
        }
    }

    /// Opens the incident of an entity that has been in trouble of its own for long enough.
    pub(super) fn open(&mut self, root: &Subject) {
        let id = self.next_incident;
        let clock = self.clock;
        let affected = self.victims.get(root).cloned().unwrap_or_default();
        let Some(entity) = self.entities.get_mut(root) else { return };
        let (Some(opened), Some(state)) = (entity.alone_since.take(), &entity.state) else { return };
        let Some(severity) = IncidentSeverity::of(state.health) else { return };
        let mut incident = Incident {
            id,
            root: root.clone(),
            severity,
            reason: state.reason.clone(),
            opened,
            ended: None,
            affected: affected.clone(),
            acknowledged: None,
            merged_into: None,
            timeline: Vec::new(),
            omitted: 0,
        };
        let event = IncidentEvent::Opened { health: state.health, reason: state.reason.clone() };
        incident.enter(opened, event);
        if state.reason.code == reasons::FLAPPING {
            incident.enter(clock, IncidentEvent::Flapping { changes: self.policy.flap_enter as u64 });
        }
        for subject in &affected {
            incident.enter(clock, IncidentEvent::Joined { subject: subject.clone() });
        }
        entity.incident = Some(id);
        self.next_incident += 1;
        self.incidents.insert(id, incident);
        self.unsaved.insert(id);
        self.absorb_all(&affected);
    }

    fn absorb_all(&mut self, subjects: &BTreeSet<Subject>) {
        self.work += subjects.len() as u64;
        for subject in subjects {
            self.merge_if_caused(subject);
        }
    }

    fn end_if_over(&mut self, subject: &Subject) {
        let Some(health) = self.health_of(subject) else { return };
        match health {
            Health::Ok => self.close_of(subject),
            Health::Maintenance => {
                self.close_for_maintenance(subject, subject);
                let victims: Vec<Subject> =
                    self.victims.get(subject).into_iter().flatten().cloned().collect();
                for victim in victims {
                    self.merge_if_caused(&victim);
                }
            }
            Health::Unknown | Health::Degraded | Health::Down => {}
        }
    }

    /// Ends an entity's incident if there is one.
    pub(super) fn close_of(&mut self, subject: &Subject) {
        if let Some(id) = self.entities.get_mut(subject).and_then(|entity| entity.incident.take()) {
            self.close(id, IncidentEvent::Ended);
        }
    }

    fn close_for_maintenance(&mut self, subject: &Subject, worked_on: &Subject) {
        let Some(maintenance) = self.entities.get(worked_on).and_then(|e| e.flow.maintenance) else { return };
        if let Some(id) = self.entities.get_mut(subject).and_then(|entity| entity.incident.take()) {
            self.close(id, IncidentEvent::Maintenance { maintenance });
        }
    }

    pub(super) fn close(&mut self, id: u64, event: IncidentEvent) {
        let Some(mut incident) = self.incidents.remove(&id) else { return };
        incident.ended = Some(self.clock);
        if let IncidentEvent::MergedInto { incident: into } = event {
            incident.merged_into = Some(into);
        }
        incident.enter(self.clock, event);
        self.unsaved.remove(&id);
        self.over.push(incident.clone());
        self.ended.push_back(incident);
        while self.ended.len() > self.policy.ended {
            self.ended.pop_front();
        }
    }

    /// Lets the incident of an entity that has a cause go on in the cause's. As long as that is not opened,
    /// it stays.
    fn merge_if_caused(&mut self, subject: &Subject) {
        let Some(entity) = self.entities.get(subject) else { return };
        let cause = entity.state.as_ref().and_then(|state| state.caused_by.clone());
        let (Some(id), Some(cause)) = (entity.incident, cause) else { return };
        let Some(root) = self.entities.get(&cause) else { return };
        if root.state.as_ref().is_some_and(|state| state.health == Health::Maintenance) {
            self.close_for_maintenance(subject, &cause);
        } else if let Some(into) = root.incident {
            if let Some(entity) = self.entities.get_mut(subject) {
                entity.incident = None;
            }
            self.enter(into, IncidentEvent::Absorbed { incident: id });
            self.close(id, IncidentEvent::MergedInto { incident: into });
        }
    }

    fn enter(&mut self, id: u64, event: IncidentEvent) {
        if let Some(incident) = self.incidents.get_mut(&id) {
            incident.enter(self.clock, event);
            self.unsaved.insert(id);
        }
    }

    fn incident_of(&self, root: &Subject) -> Option<u64> {
        self.entities.get(root)?.incident
    }

    /// Another cause for an entity, or none any more.
    pub(super) fn suffers(&mut self, subject: &Subject, before: Option<&Subject>, after: Option<&Subject>) {
        if let Some(cause) = before {
            drop_from(&mut self.victims, cause, subject);
            if let Some(id) = self.incident_of(cause)
                && self.incidents.get_mut(&id).is_some_and(|incident| incident.affected.remove(subject))
            {
                self.enter(id, IncidentEvent::Left { subject: subject.clone() });
            }
        }
        if let Some(cause) = after {
            self.victims.entry(cause.clone()).or_default().insert(subject.clone());
            if let Some(id) = self.incident_of(cause)
                && let Some(incident) = self.incidents.get_mut(&id)
                && incident.affected.insert(subject.clone())
            {
                self.enter(id, IncidentEvent::Joined { subject: subject.clone() });
            }
        }
    }

    /// Tells an entity's open incident how it is now.
    fn update(&mut self, subject: &Subject, turned: bool) {
        let Some((id, state)) = self.entities.get(subject).and_then(|e| e.incident.zip(e.state.as_ref()))
        else {
            return;
        };
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        if state.health.is_unhealthy() {
            incident.reason = state.reason.clone();
        }
        if let Some(severity) = IncidentSeverity::of(state.health) {
            incident.severity = incident.severity.max(severity);
        }
        if turned {
            let event = changed(state, self.policy.flap_enter);
            self.enter(id, event);
        }
    }

    /// Begins or ends the wait for a cause.
    fn wait(&mut self, subject: &Subject) {
        let clock = self.clock;
        let Some(entity) = self.entities.get_mut(subject) else { return };
        let alone = entity.incident.is_none()
            && entity.state.as_ref().is_some_and(|s| s.health.is_unhealthy() && s.caused_by.is_none());
        if !alone {
            entity.alone_since = None;
        } else if entity.alone_since.is_none() {
            entity.alone_since = Some(clock);
        }
        let due = entity.due(&self.policy);
        self.openings.set(subject, due);
    }
}

impl Entity {
    /// When it opens an incident, if it stays as it is.
    pub(super) fn due(&self, policy: &Policy) -> Option<Timestamp> {
        let window = self.alone_since?.plus(policy.window);
        let back = self.freed.map(|freed| freed.plus(policy.recovery));
        back.into_iter().chain([window]).max()
    }
}

fn changed(state: &EntityState, changes: usize) -> IncidentEvent {
    if state.reason.code == reasons::FLAPPING {
        return IncidentEvent::Flapping { changes: changes as u64 };
    }
    IncidentEvent::Changed { health: state.health, reason: state.reason.clone() }
}
