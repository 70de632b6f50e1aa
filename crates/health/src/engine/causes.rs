//! By what each entity is cut or strained, and so which trouble is whose consequence.
//!
//! Along the graph travels the name of a *root*: an entity in trouble whose own trouble has no cause. An
//! entity passes on the root that cuts it even while it still seems to work, because its last word may be
//! older than the cut. An entity that is being worked on is a root of its own kind: what needs it and
//! fails has a cause that everybody knows of, but real trouble goes first.
//!
//! A line to a site is a cause and the site a consequence. Where *all* of several lines to a site are down,
//! each for itself, and nothing else hangs on them, it is turned round: one thing has happened, at the
//! site, and the lines are its consequences. Otherwise a branch without power would be as many troubles as
//! it has lines.

use std::collections::BTreeSet;

use wasl_model::health::{EntityState, Health, Reason};
use wasl_model::{EntityKind, Subject};

use super::sites::{Derived, names};
use super::{Alarm, Engine, Judgement, agent_subject, as_agent, sites_among};
use crate::reasons;

/// A cause. Real trouble goes before what is planned, then the order of the subjects decides, so that the
/// choice among several does not depend on which was seen first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Root {
    /// Whether it is being worked on.
    pub(super) planned: bool,
    pub(super) subject: Subject,
}

/// What an entity takes from those above it and passes on to those below.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Flow {
    /// Its own health as those below feel it: while redundancy is lost, it works.
    pub(super) felt: Health,
    /// What cuts those below.
    pub(super) cut: Option<Root>,
    /// What strains those below.
    pub(super) strain: Option<Root>,
    /// The cause of its own trouble, as far as that is found along the graph.
    cause: Option<Root>,
    /// Whether trouble of its own would have a cause.
    explained: bool,
    /// Whether this site takes the blame of its lines.
    collective: bool,
    /// The maintenance that it is under.
    pub(super) maintenance: Option<u64>,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            felt: Health::Unknown,
            cut: None,
            strain: None,
            cause: None,
            explained: false,
            collective: false,
            maintenance: None,
        }
    }
}

/// What comes from above.
#[derive(Debug, Default)]
struct Inherited {
    cut: Option<Root>,
    strain: Option<Root>,
    lost: Option<Lost>,
}

/// Some of several things that one is enough of.
#[derive(Debug)]
struct Lost {
    root: Root,
    count: usize,
    total: usize,
    names: String,
}

pub(super) fn min_of(a: Option<Root>, b: Option<Root>) -> Option<Root> {
    a.into_iter().chain(b).min()
}

impl Engine {
    /// Steps 1 and 2 for one entity whose surroundings changed.
    pub(super) fn flow(&mut self, subject: &Subject) {
        let inherited = self.inherited(subject);
        let derived = self.derived(subject);
        let maintenance = self.planned(subject).map(|(id, _)| id);
        let collective = derived.as_ref().is_some_and(|d| d.judgement.health == Health::Down)
            && maintenance.is_none()
            && subject.kind == EntityKind::Site
            && self.is_collective(subject);
        let (clock, policy) = (self.clock, &self.policy);
        let Some(entity) = self.entities.get_mut(subject) else { return };
        let mut redundancy = false;
        let mut derived_cause = None;
        if let Some(derived) = derived {
            redundancy = derived.redundancy;
            derived_cause = derived.cause;
            entity.base = derived.judgement;
        }

        let explained = inherited.cut.is_some()
            || inherited.strain.is_some()
            || derived_cause.is_some()
            || maintenance.is_some();
        let own_change = !explained && !entity.flow.explained;
        entity.flap.note(entity.base.health, own_change, clock, policy);
        self.alarms.set(&Alarm::Flap(subject.clone()), entity.flap.next(policy));
        entity.own = entity.base.clone();
        // What is down is called so at once, however often it was; only that it is well again is believed later.
        if entity.flap.held && matches!(entity.base.health, Health::Ok | Health::Degraded) {
            redundancy = false;
            entity.own.health = Health::Degraded;
            entity.own.reason = Reason::new(reasons::FLAPPING)
                .with("count", policy.flap_enter)
                .with("window_s", policy.flap_window.as_secs());
        } else if let Some(lost) = inherited.lost.as_ref().filter(|_| entity.base.health == Health::Ok) {
            redundancy = true;
            entity.own.health = Health::Degraded;
            entity.own.reason = Reason::new(reasons::REDUNDANCY_LOST)
                .with("count", lost.count)
                .with("total", lost.total)
                .with("names", &lost.names);
        }

        let health = entity.own.health;
        let above = min_of(inherited.cut.clone(), derived_cause);
        let cause = match health {
            Health::Ok | Health::Maintenance => None,
            Health::Unknown => inherited.cut.clone(),
            Health::Down if collective => None,
            Health::Down => above,
            Health::Degraded if redundancy => inherited.lost.map(|lost| lost.root).or(above),
            Health::Degraded => min_of(above, inherited.strain.clone()),
        };
        let itself = |planned| Some(Root { planned, subject: subject.clone() });
        let cuts = health == Health::Down
            || (health == Health::Degraded && entity.flap.held && entity.flap.was_down);
        let strains = health == Health::Degraded && !redundancy;
        let root = cause.clone().or_else(|| itself(false));
        let (cut, strain) = if maintenance.is_some() {
            (min_of(inherited.cut, itself(true)), None)
        } else {
            (if cuts { root.clone() } else { inherited.cut }, if strains { root } else { inherited.strain })
        };
        let felt = if redundancy { Health::Ok } else { health };
        let flow = Flow { felt, cut, strain, cause, explained, collective, maintenance };
        let before = std::mem::replace(&mut entity.flow, flow.clone());
        let ways: BTreeSet<Subject> = if before.collective == flow.collective {
            BTreeSet::new()
        } else {
            entity.links.any.iter().flatten().cloned().collect()
        };
        self.unshown.extend(ways);
        self.unshown.insert(subject.clone());
        self.pass_on(subject, &before, &flow);
    }

    fn pass_on(&mut self, subject: &Subject, before: &Flow, flow: &Flow) {
        if before.cut != flow.cut || before.strain != flow.strain {
            let below: Vec<Subject> = self.dependents.get(subject).into_iter().flatten().cloned().collect();
            self.mark_all(below);
        } else if before.felt != flow.felt {
            let derived = |s: &&Subject| matches!(s.kind, EntityKind::Site | EntityKind::Ring);
            let below = self.dependents.get(subject).into_iter().flatten();
            let below: Vec<Subject> = below.filter(derived).cloned().collect();
            self.mark_all(below);
        }
        if before.cut != flow.cut
            && let Some(agent) = as_agent(subject)
        {
            let watched = self.watched.get(&agent).into_iter().flatten().cloned();
            self.unshown.extend(watched);
        }
    }

    fn inherited(&mut self, subject: &Subject) -> Inherited {
        let mut inherited = Inherited::default();
        let Some(entity) = self.entities.get(subject) else { return inherited };
        let mut work = 1;
        let flow = |to: &Subject| self.entities.get(to).map(|above| &above.flow);
        for edge in &entity.links.hard {
            work += 1;
            let Some(above) = flow(&edge.to) else { continue };
            inherited.cut = min_of(inherited.cut, above.cut.clone());
            if edge.strains {
                inherited.strain = min_of(inherited.strain, above.strain.clone());
            }
        }
        for group in &entity.links.any {
            work += group.len() as u64;
            let ways: Vec<Option<&Flow>> = group.iter().map(flow).collect();
            let cuts = || ways.iter().filter_map(|way| way.and_then(|w| w.cut.clone()));
            let strains =
                || ways.iter().filter_map(|way| way.and_then(|w| w.cut.clone().or(w.strain.clone())));
            if cuts().count() == group.len() {
                inherited.cut = min_of(inherited.cut, cuts().min());
            } else if let Some(root) = cuts().min() {
                let is_cut = |way: Option<&Flow>| way.is_some_and(|w| w.cut.is_some());
                let lost =
                    group.iter().zip(&ways).filter(|(_, way)| is_cut(**way)).map(|(to, _)| to.id.as_str());
                let lost = Lost { root, count: cuts().count(), total: group.len(), names: names(lost) };
                if inherited.lost.as_ref().is_none_or(|other| lost.root < other.root) {
                    inherited.lost = Some(lost);
                }
            }
            if strains().count() == group.len() {
                inherited.strain = min_of(inherited.strain, strains().min());
            }
        }
        self.work += work;
        inherited
    }

    fn derived(&mut self, subject: &Subject) -> Option<Derived> {
        let entity = self.entities.get(subject)?;
        if !matches!(subject.kind, EntityKind::Site | EntityKind::Ring) || !entity.words.is_empty() {
            return None;
        }
        let looked_at = entity.links.hard.len() + entity.links.any.iter().flatten().count();
        self.work += (looked_at + entity.links.witnesses.len()) as u64;
        Some(self.derive(subject))
    }

    /// Whether all lines of a site are down, each for itself, and nothing but the site hangs on them.
    fn is_collective(&self, site: &Subject) -> bool {
        let Some(entity) = self.entities.get(site) else { return false };
        let [lines] = entity.links.any.as_slice() else { return false };
        let own_fault = |line: &Subject| {
            let hangs = |below: &&Subject| below.kind != EntityKind::Ring;
            let only_here = self.dependents.get(line).is_some_and(|b| b.iter().filter(hangs).count() == 1);
            let flow = self.entities.get(line).map(|line| &line.flow);
            line.kind != EntityKind::Agent
                && only_here
                && flow
                    .is_some_and(|f| f.felt == Health::Down && f.cause.is_none() && f.maintenance.is_none())
        };
        entity.links.hard.is_empty() && lines.len() > 1 && lines.iter().all(own_fault)
    }

    /// The state that people see, with its cause; whether it is another than before.
    pub(super) fn show(&mut self, subject: &Subject) -> Option<Shown> {
        self.work += 1;
        let caused_by = self.cause(subject);
        let planned = self.planned(subject);
        let clock = self.clock;
        let entity = self.entities.get_mut(subject)?;
        let own: Judgement = entity.own.clone();
        let (health, reason) = match planned {
            Some((_, until)) => {
                (Health::Maintenance, Reason::new(reasons::IN_MAINTENANCE).with("until", until.0))
            }
            None => (own.health, own.reason),
        };
        let since = entity.state.as_ref().filter(|state| state.health == health).map(|state| state.since);
        let state = EntityState {
            health,
            activity: entity.activity.clone().or(own.activity),
            proof: own.proof,
            reason,
            since: since.unwrap_or(clock),
            confidence: own.confidence,
            caused_by,
        };
        if entity.state.as_ref() == Some(&state) {
            return None;
        }
        let after = state.caused_by.clone();
        let told = |state: &EntityState| (state.health, state.reason.code.clone());
        let now = told(&state);
        let before = entity.state.replace(state);
        let shown = Shown {
            subject: subject.clone(),
            before: before.as_ref().and_then(|state| state.caused_by.clone()),
            after,
            worse: before.as_ref().is_none_or(|state| state.health < health),
            turned: before.as_ref().map(told) != Some(now),
        };
        self.before.entry(subject.clone()).or_insert(before);
        Some(shown)
    }

    fn cause(&mut self, subject: &Subject) -> Option<Subject> {
        let entity = self.entities.get(subject)?;
        if entity.flow.maintenance.is_some() {
            return None;
        }
        if let Some(root) = &entity.flow.cause {
            return Some(root.subject.clone());
        }
        match entity.own.health {
            Health::Unknown => {
                let heard = entity.words.agents().filter(|a| !entity.links.witnesses.contains(a));
                let witnesses = entity.links.witnesses.iter().chain(heard);
                let cut = |agent| self.entities.get(&agent_subject(agent)).and_then(|a| a.flow.cut.clone());
                let found = witnesses.filter_map(cut).min();
                self.work += (entity.links.witnesses.len() + entity.words.len()) as u64;
                found.map(|root| root.subject)
            }
            Health::Down => sites_among(self.dependents.get(subject))
                .find(|site| self.entities.get(*site).is_some_and(|s| s.flow.collective))
                .cloned(),
            Health::Ok | Health::Maintenance | Health::Degraded => None,
        }
    }
}

/// An entity whose state changed, and its causes before and now.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) subject: Subject,
    pub(super) before: Option<Subject>,
    pub(super) after: Option<Subject>,
    /// Whether its health is worse than before.
    pub(super) worse: bool,
    /// Whether more than figures changed.
    pub(super) turned: bool,
}
