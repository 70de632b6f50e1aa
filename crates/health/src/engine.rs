//! Everything that is known of every entity, kept judged as words come in and as time passes.
//!
//! # How it is judged
//! Three steps, each only for what the step before has changed:
//!
//! 1. **Words** ([`words`]): what the witnesses say makes the entity's own judgement. The worst of those who
//!    know anything decides; a word that has ended knows nothing.
//! 2. **Causes** ([`causes`]): down the graph, in the order of its ranks, each entity learns by what it is
//!    *cut* (something that it cannot do without is down) or *strained* (something that it needs is
//!    degraded), and passes this on. If it is in trouble itself, that is its cause; otherwise it is one.
//! 3. **Incidents** ([`incidents`]): an entity whose trouble has no cause but itself opens one, after the
//!    window in which a cause may still be noticed. What suffers from it joins it.
//!
//! Steps 1 and 2 are functions of the words, the graph, the maintenances and the time, and not of the order
//! in which things came in; so is, once the window is over, which incidents are open.
//!
//! # Time
//! The time is passed in and never goes back: an earlier `now` counts as the latest one that was told.
//! Deadlines that lie between two calls take effect at their own time, so it does not matter how often
//! [`Engine::tick`] is called.

mod causes;
mod flaps;
mod heard;
mod incidents;
mod index;
mod maintenance;
mod saved;
mod sites;
mod timers;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use thiserror::Error;
use wasl_model::health::{EntityState, Health};
use wasl_model::{AgentId, EntityKind, Incident, Maintenance, MaintenanceScope, SiteId, Subject, Timestamp};

use crate::graph::{Graph, Links, Plan};
use crate::{Judgement, judge};
use causes::{Flow, Root};
use flaps::Flap;
use index::{agent_subject, as_agent, drop_from, sites_among};
use timers::Timers;

pub use saved::{Saved, SavedEntity};

/// How patient the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long an entity must have been in trouble of its own before an incident is opened: the time in
    /// which a cause may still be noticed.
    pub window: Duration,
    /// How long what suffered from a cause may take to come back once the cause is gone. Agents dial again
    /// after up to 30 s, and two hundred of them are not to be two hundred incidents meanwhile.
    pub recovery: Duration,
    /// The stretch in which changes are counted.
    pub flap_window: Duration,
    /// This many changes within the stretch, and the entity is held in trouble; at least 1.
    pub flap_enter: usize,
    /// No more than this many, and it is let go; below `flap_enter`.
    pub flap_leave: usize,
    /// How many incidents that are over are remembered.
    pub ended: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(5),
            recovery: Duration::from_secs(60),
            flap_window: Duration::from_secs(600),
            flap_enter: 6,
            flap_leave: 1,
            ended: 200,
        }
    }
}

/// A word of a person that could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Only what still lasts can be taken on.
    #[error("incident {0} is not open; look it up among those that are over")]
    NotOpen(u64),
    /// A maintenance that ends before it begins.
    #[error("maintenance {0} has no length; let it end after it begins")]
    Empty(u64),
    /// No such maintenance is planned or under way.
    #[error("there is no maintenance {0}; it may be over already")]
    NoMaintenance(u64),
}

/// What has changed since it was last asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// By subject, in their order; a state that is again as it was does not stand here.
    pub states: Vec<StateChange>,
    /// Incidents as they now are, to be saved under their number, in the order of the numbers.
    pub incidents: Vec<Incident>,
}

/// An entity whose state changed; it may be only a figure in the reason.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChange {
    /// Which.
    pub subject: Subject,
    /// The state before; `None` for an entity that is new.
    pub before: Option<EntityState>,
    /// The state now; `None` for an entity that is gone.
    pub after: Option<EntityState>,
}

/// An entity as the engine sees it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// How it is judged.
    pub state: &'a EntityState,
    /// Where it stands.
    pub site: Option<&'a SiteId>,
    /// Whose word decides; `None` for the controller's own word, and where there is none.
    pub witness: Option<&'a AgentId>,
    /// When the deciding word was said.
    pub at: Option<Timestamp>,
}

/// The deadlines, in the order in which those of one moment are met.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    Words(Subject),
    Maintenance(u64),
    Flap(Subject),
}

#[derive(Debug)]
struct Entity {
    links: Links,
    words: heard::Words,
    /// What the words say together.
    base: Judgement,
    flap: Flap,
    /// The judgement after damping, or of lost redundancy.
    own: Judgement,
    flow: Flow,
    state: Option<EntityState>,
    /// Since when it has been in trouble without a cause and without an incident.
    alone_since: Option<Timestamp>,
    /// When it last lost the cause of its trouble.
    freed: Option<Timestamp>,
    incident: Option<u64>,
    /// What it is doing, where that is not its witnesses' to say.
    activity: Option<String>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Engine {
    policy: Policy,
    plan: Plan,
    clock: Timestamp,
    /// In boxes: what is found here is large, and a node of the map is half empty.
    entities: BTreeMap<Subject, Box<Entity>>,
    /// What hangs on a subject by a dependency, as a part, or by its place.
    dependents: BTreeMap<Subject, BTreeSet<Subject>>,
    /// What is part of a subject, and the parts of those.
    parts: BTreeMap<Subject, BTreeSet<Subject>>,
    members: BTreeMap<SiteId, BTreeSet<Subject>>,
    watched: BTreeMap<AgentId, BTreeSet<Subject>>,
    /// What each cause brings down.
    victims: BTreeMap<Subject, BTreeSet<Subject>>,
    alarms: Timers<Alarm>,
    openings: Timers<Subject>,
    maintenances: BTreeMap<u64, Maintenance>,
    under_way: BTreeMap<MaintenanceScope, BTreeMap<u64, Timestamp>>,
    incidents: BTreeMap<u64, Incident>,
    ended: VecDeque<Incident>,
    next_incident: u64,
    /// By rank, so that each is visited once, after all that it hangs on.
    unsettled: BTreeSet<(u32, Subject)>,
    unshown: BTreeSet<Subject>,
    before: BTreeMap<Subject, Option<EntityState>>,
    unsaved: BTreeSet<u64>,
    over: Vec<Incident>,
    work: u64,
}

impl Engine {
    /// An engine that knows nothing.
    pub fn new(policy: Policy) -> Self {
        Self { policy, next_incident: 1, ..Self::default() }
    }

    /// Puts another configuration in force. Entities that it does not name and that nobody speaks of are
    /// gone; whose words no longer count is for the caller to [forget](Self::forget).
    pub fn configure(&mut self, graph: Graph, now: Timestamp) {
        self.advance(now);
        self.plan = Plan::new(graph).0;
        let gone: Vec<Subject> = self
            .entities
            .iter()
            .filter(|(subject, entity)| entity.words.is_empty() && !self.plan.names(subject))
            .map(|(subject, _)| subject.clone())
            .collect();
        for subject in gone {
            self.remove(&subject);
        }
        self.dependents.clear();
        self.parts.clear();
        self.members.clear();
        self.watched.clear();
        self.unsettled.clear();
        let subjects: Vec<Subject> = self.entities.keys().cloned().collect();
        for subject in subjects {
            let links = self.plan.links(&subject);
            if let Some(entity) = self.entities.get_mut(&subject) {
                entity.links = links;
            }
            self.index(&subject);
            self.rejudge(&subject);
            self.mark(&subject);
        }
        let named: Vec<Subject> = self.plan.named().cloned().collect();
        for subject in named {
            self.ensure(&subject);
        }
        self.settle();
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Timestamp) {
        self.advance(now);
    }

    /// When something will change by itself; [`Engine::tick`] is worth calling then.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.alarms.next().into_iter().chain(self.openings.next()).min()
    }

    /// Every entity and its state, by subject.
    pub fn entities(&self) -> impl Iterator<Item = (&Subject, &EntityState)> {
        self.entities.iter().filter_map(|(subject, entity)| Some((subject, entity.state.as_ref()?)))
    }

    /// An entity's state.
    pub fn state(&self, subject: &Subject) -> Option<&EntityState> {
        self.entities.get(subject)?.state.as_ref()
    }

    /// Whether the configuration names it, so that it is there though nobody speaks of it.
    pub fn is_named(&self, subject: &Subject) -> bool {
        self.plan.names(subject)
    }

    /// How an entity is of itself, as what depends on it feels it: also while it is being worked on, and well while only
    /// something that it could rely on is lost.
    pub fn felt(&self, subject: &Subject) -> Health {
        self.entities.get(subject).map_or(Health::Unknown, |entity| entity.flow.felt)
    }

    /// Says what an entity is doing, where that follows from others and is not its witnesses' to say.
    pub fn set_activity(&mut self, subject: &Subject, activity: &str, now: Timestamp) {
        let Some(entity) = self.entities.get_mut(subject) else { return };
        if entity.activity.as_deref() != Some(activity) {
            entity.activity = Some(activity.to_owned());
            self.unshown.insert(subject.clone());
            self.advance(now);
            self.settle();
        }
    }

    /// Whether an entity of this kind has changed since the changes were last taken.
    pub fn has_changed(&self, kind: EntityKind) -> bool {
        self.before.keys().any(|subject| subject.kind == kind)
    }
    /// An entity's state, its place, and whose word decides.
    pub fn view(&self, subject: &Subject) -> Option<View<'_>> {
        let entity = self.entities.get(subject)?;
        let decides = words::deciding(&entity.words, self.clock);
        Some(View {
            state: entity.state.as_ref()?,
            site: entity.links.site.as_ref(),
            witness: decides.and_then(|(witness, _)| witness),
            at: decides.map(|(_, heard)| heard.word.at),
        })
    }

    /// The incidents that last, by number.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// Incidents that are over, the latest first; no more than [`Policy::ended`].
    pub fn ended(&self) -> impl Iterator<Item = &Incident> {
        self.ended.iter().rev()
    }

    /// An incident that lasts, or one of those that are over and remembered.
    pub fn incident(&self, id: u64) -> Option<&Incident> {
        self.incidents.get(&id).or_else(|| self.ended.iter().find(|incident| incident.id == id))
    }

    /// The maintenances that are planned or under way.
    pub fn maintenances(&self) -> impl Iterator<Item = &Maintenance> {
        self.maintenances.values()
    }

    /// How many entities and relations were looked at since the start: what the work cost, without a clock.
    pub fn work(&self) -> u64 {
        self.work
    }

    /// Hands out what has changed since this was last called. Several calls of the other functions may
    /// go before; what changed twice stands here once.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        for (subject, before) in std::mem::take(&mut self.before) {
            let after = self.state(&subject).cloned();
            if before != after {
                changes.states.push(StateChange { subject, before, after });
            }
        }
        changes.incidents = std::mem::take(&mut self.over);
        for id in std::mem::take(&mut self.unsaved) {
            changes.incidents.extend(self.incidents.get(&id).cloned());
        }
        changes.incidents.sort_by_key(|incident| incident.id);
        changes
    }

    fn advance(&mut self, now: Timestamp) {
        while let Some(due) = self.next_deadline().filter(|due| *due <= now) {
            self.clock = self.clock.max(due);
            while let Some(alarm) = self.alarms.pop(self.clock) {
                match alarm {
                    Alarm::Words(subject) => {
                        if self.rejudge(&subject) {
                            self.mark(&subject);
                        }
                    }
                    Alarm::Flap(subject) => self.mark(&subject),
                    Alarm::Maintenance(id) => self.turn_maintenance(id),
                }
            }
            self.settle();
        }
        self.clock = self.clock.max(now);
    }

    /// Brings everything that is marked up to date.
    fn settle(&mut self) {
        while let Some((_, subject)) = self.unsettled.pop_first() {
            self.flow(&subject);
        }
        self.follow();
        while let Some(subject) = self.openings.pop(self.clock) {
            self.open(&subject);
        }
    }

    fn mark(&mut self, subject: &Subject) {
        if let Some(entity) = self.entities.get(subject) {
            self.unsettled.insert((entity.links.rank, subject.clone()));
        }
    }

    fn mark_all(&mut self, subjects: impl IntoIterator<Item = Subject>) {
        for subject in subjects {
            self.mark(&subject);
        }
    }

    /// Makes an entity known.
    fn ensure(&mut self, subject: &Subject) {
        if self.entities.contains_key(subject) {
            return;
        }
        let entity = Entity {
            links: self.plan.links(subject),
            words: heard::Words::default(),
            base: judge::unseen(),
            flap: Flap::default(),
            own: judge::unseen(),
            flow: Flow::default(),
            state: None,
            alone_since: None,
            freed: None,
            incident: None,
            activity: None,
        };
        self.entities.insert(subject.clone(), Box::new(entity));
        self.index(subject);
        self.mark(subject);
    }

    /// Takes an entity away with all that hangs on its being there.
    fn remove(&mut self, subject: &Subject) {
        self.unindex(subject);
        self.close_of(subject);
        let Some(entity) = self.entities.remove(subject) else { return };
        for alarm in [Alarm::Words(subject.clone()), Alarm::Flap(subject.clone())] {
            self.alarms.set(&alarm, None);
        }
        self.openings.set(subject, None);
        self.unsettled.remove(&(entity.links.rank, subject.clone()));
        if let Some(state) = entity.state {
            self.suffers(subject, state.caused_by.as_ref(), None);
            self.before.entry(subject.clone()).or_insert(Some(state));
        }
        self.unshown.extend(entity.links.any.into_iter().flatten());
        self.mark_below(subject);
    }

    fn health_of(&self, subject: &Subject) -> Option<Health> {
        Some(self.state(subject)?.health)
    }
}

#[cfg(test)]
mod tests;
