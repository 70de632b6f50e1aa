//! Stretches of time in which trouble is expected.

use std::collections::BTreeSet;

use wasl_model::{EntityKind, Maintenance, MaintenanceScope, SiteId, Subject, Timestamp};

use super::{Alarm, Engine, Refusal, as_agent, sites_among};
use crate::graph::site;

impl Engine {
    /// Plans a maintenance, or changes the one of the same number. One that is over is taken back.
    pub fn set_maintenance(&mut self, maintenance: Maintenance, now: Timestamp) -> Result<(), Refusal> {
        self.advance(now);
        let id = maintenance.id;
        if maintenance.until <= maintenance.from {
            return Err(Refusal::Empty(id));
        }
        if let Some(before) = self.maintenances.remove(&id) {
            self.lift(id, &before.scope);
        }
        self.maintenances.insert(id, maintenance);
        self.turn_maintenance(id);
        self.settle();
        Ok(())
    }

    /// Ends a maintenance now, or takes back a planned one. Everything that it covers is judged anew.
    pub fn end_maintenance(&mut self, id: u64, now: Timestamp) -> Result<(), Refusal> {
        self.advance(now);
        let before = self.maintenances.remove(&id).ok_or(Refusal::NoMaintenance(id))?;
        self.lift(id, &before.scope);
        self.alarms.set(&Alarm::Maintenance(id), None);
        self.settle();
        Ok(())
    }

    /// Begins, goes on with or ends a maintenance, as the time says.
    pub(super) fn turn_maintenance(&mut self, id: u64) {
        let Some(maintenance) = self.maintenances.get(&id) else { return };
        let (from, until, scope) = (maintenance.from, maintenance.until, maintenance.scope.clone());
        let alarm = Alarm::Maintenance(id);
        if until <= self.clock {
            self.maintenances.remove(&id);
            self.alarms.set(&alarm, None);
            self.lift(id, &scope);
        } else if from <= self.clock {
            self.alarms.set(&alarm, Some(until));
            self.under_way.entry(scope.clone()).or_default().insert(id, until);
            self.mark_covered(&scope);
        } else {
            self.alarms.set(&alarm, Some(from));
        }
    }

    fn lift(&mut self, id: u64, scope: &MaintenanceScope) {
        if let Some(same) = self.under_way.get_mut(scope) {
            same.remove(&id);
            if same.is_empty() {
                self.under_way.remove(scope);
            }
        }
        self.mark_covered(scope);
    }

    fn mark_covered(&mut self, scope: &MaintenanceScope) {
        let mut covered: BTreeSet<Subject> = BTreeSet::new();
        match scope {
            MaintenanceScope::Subject(subject) => {
                covered.extend(self.parts.get(subject).into_iter().flatten().cloned());
                covered.insert(subject.clone());
            }
            MaintenanceScope::Site(id) => {
                covered.extend(self.members.get(id).into_iter().flatten().cloned());
                covered.insert(site(id));
            }
        }
        // A site whose only agent is being worked on is silent for that reason.
        let sites: Vec<Subject> = covered
            .iter()
            .filter_map(as_agent)
            .flat_map(|agent| sites_among(self.watched.get(&agent)).cloned())
            .collect();
        self.mark_all(sites);
        self.mark_all(covered);
    }

    /// The maintenance that an entity is under: the one that lasts longest, and until when.
    pub(super) fn planned(&self, subject: &Subject) -> Option<(u64, Timestamp)> {
        if self.under_way.is_empty() {
            return None;
        }
        let entity = self.entities.get(subject)?;
        let itself =
            (subject.kind == EntityKind::Site).then(|| SiteId::new(subject.id.clone()).ok()).flatten();
        let scopes = std::iter::once(subject)
            .chain(&entity.links.owners)
            .cloned()
            .map(MaintenanceScope::Subject)
            .chain(entity.links.site.iter().cloned().chain(itself).map(MaintenanceScope::Site));
        scopes
            .filter_map(|scope| self.under_way.get(&scope))
            .flatten()
            .map(|(id, until)| (*id, *until))
            .max_by_key(|(id, until)| (*until, std::cmp::Reverse(*id)))
    }
}
