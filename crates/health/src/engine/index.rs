//! Who is concerned by whom: the graph's relations turned round.

use std::collections::{BTreeMap, BTreeSet};

use wasl_model::{AgentId, EntityKind, Subject};

use super::Engine;

impl Engine {
    /// Everything whose judgement may depend on this entity's.
    pub(super) fn mark_below(&mut self, subject: &Subject) {
        let mut below: BTreeSet<Subject> = self.dependents.get(subject).cloned().unwrap_or_default();
        if let Some(agent) = as_agent(subject) {
            let watched = self.watched.get(&agent).cloned().unwrap_or_default();
            below.extend(watched);
        }
        self.mark_all(below);
    }

    pub(super) fn index(&mut self, subject: &Subject) {
        let Some(entity) = self.entities.get(subject) else { return };
        let needed: BTreeSet<Subject> = entity.links.needs().cloned().collect();
        for to in &needed {
            self.dependents.entry(to.clone()).or_default().insert(subject.clone());
        }
        for owner in &entity.links.owners {
            self.parts.entry(owner.clone()).or_default().insert(subject.clone());
        }
        if let Some(site) = &entity.links.site {
            self.members.entry(site.clone()).or_default().insert(subject.clone());
        }
        let heard = entity.words.agents();
        for agent in entity.links.witnesses.iter().chain(heard) {
            self.watched.entry(agent.clone()).or_default().insert(subject.clone());
        }
        self.mark_led(&needed);
    }

    pub(super) fn unindex(&mut self, subject: &Subject) {
        let Some(entity) = self.entities.get(subject) else { return };
        let needed: BTreeSet<Subject> = entity.links.needs().cloned().collect();
        for to in &needed {
            drop_from(&mut self.dependents, to, subject);
        }
        for owner in &entity.links.owners {
            drop_from(&mut self.parts, owner, subject);
        }
        if let Some(site) = &entity.links.site {
            drop_from(&mut self.members, site, subject);
        }
        for agent in entity.links.witnesses.iter().chain(entity.words.agents()) {
            drop_from(&mut self.watched, agent, subject);
        }
        self.mark_led(&needed);
    }

    /// Whether a site takes the blame of its lines depends on what else hangs on them.
    fn mark_led(&mut self, needed: &BTreeSet<Subject>) {
        for to in needed {
            let sites: Vec<Subject> = sites_among(self.dependents.get(to)).cloned().collect();
            self.mark_all(sites);
        }
    }
}

pub(super) fn drop_from<K: Ord>(index: &mut BTreeMap<K, BTreeSet<Subject>>, key: &K, subject: &Subject) {
    if let Some(set) = index.get_mut(key) {
        set.remove(subject);
        if set.is_empty() {
            index.remove(key);
        }
    }
}

pub(super) fn sites_among(subjects: Option<&BTreeSet<Subject>>) -> impl Iterator<Item = &Subject> {
    let first = Subject { kind: EntityKind::Site, id: String::new() };
    let from = subjects.into_iter().flat_map(move |set| set.range(first.clone()..));
    from.take_while(|subject| subject.kind == EntityKind::Site)
}

pub(super) fn as_agent(subject: &Subject) -> Option<AgentId> {
    (subject.kind == EntityKind::Agent).then(|| AgentId::new(subject.id.clone()).ok()).flatten()
}

pub(super) fn agent_subject(agent: &AgentId) -> Subject {
    Subject { kind: EntityKind::Agent, id: agent.as_str().to_owned() }
}
