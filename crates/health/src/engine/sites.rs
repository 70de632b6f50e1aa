//! The judgement of what nobody observes: a site is judged by what leads to it, and where that says nothing by
//! the sessions of its agents; a ring by its links.

use wasl_model::health::{Health, Reason};
use wasl_model::{EntityKind, Subject};

use super::causes::min_of;
use super::{Engine, Judgement, Root, agent_subject, judge};
use crate::reasons;

/// A site's judgement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Derived {
    pub(super) judgement: Judgement,
    /// Whether it is degraded only because some of several lines are lost: what lies behind works as ever.
    pub(super) redundancy: bool,
    /// Its cause, where that does not follow from its being cut or strained: one of the ways, where nothing is
    /// known of the others, or the maintenance of an agent.
    pub(super) cause: Option<Root>,
}

impl Derived {
    fn of(judgement: Judgement) -> Self {
        Self { judgement, redundancy: false, cause: None }
    }
}

/// How the ways of one group are.
#[derive(Debug, Default)]
struct Ways {
    down: Vec<String>,
    degraded: Vec<String>,
    ok: usize,
    total: usize,
    /// What cuts one of them.
    cut: Option<Root>,
    /// What cuts or strains one of them.
    strain: Option<Root>,
}

impl Ways {
    fn derived(&self) -> Derived {
        let known = self.down.len() + self.degraded.len() + self.ok;
        let sure = known as f64 / self.total.max(1) as f64;
        let with = |health, reason: Reason, redundancy, confidence| Derived {
            judgement: Judgement { confidence, ..Judgement::new(health, reason.with("total", self.total)) },
            redundancy,
            cause: None,
        };
        let about = |code, list: &[String]| {
            Reason::new(code).with("count", list.len()).with("names", names(list.iter().map(String::as_str)))
        };
        let down = || about(reasons::UPLINKS_DOWN, &self.down);
        if self.ok == 0 && self.degraded.is_empty() {
            if self.down.len() == self.total {
                return with(Health::Down, down(), false, 1.0);
            }
            return Derived::of(judge::unseen());
        }
        if self.ok == 0 {
            let reason = about(reasons::UPLINKS_DEGRADED, &self.degraded);
            return Derived { cause: self.strain.clone(), ..with(Health::Degraded, reason, false, sure) };
        }
        if !self.down.is_empty() {
            return with(Health::Degraded, down(), true, sure);
        }
        with(Health::Ok, Reason::new(reasons::UPLINKS_UP), false, sure)
    }

    /// A ring: broken in one place it still joins all its places, which is no comfort to whoever has to mend it
    /// before the second break.
    fn of_ring(&self) -> Derived {
        let of = |health, code| {
            let reason = Reason::new(code)
                .with("count", self.down.len())
                .with("names", names(self.down.iter().map(String::as_str)))
                .with("total", self.total);
            Judgement::new(health, reason)
        };
        match self.down.len() {
            0 if self.ok + self.degraded.len() < self.total => Derived::of(judge::unseen()),
            0 => Derived::of(of(Health::Ok, reasons::RING_WHOLE)),
            1 => Derived {
                judgement: of(Health::Degraded, reasons::RING_BROKEN),
                redundancy: true,
                cause: self.cut.clone(),
            },
            _ => Derived {
                judgement: of(Health::Down, reasons::RING_PARTED),
                redundancy: false,
                cause: self.cut.clone(),
            },
        }
    }
}

/// Some names for a reason.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 4;
    let mut names = names;
    let text = names.by_ref().take(SHOWN).collect::<Vec<_>>().join(", ");
    match names.count() {
        0 => text,
        more => format!("{text}, +{more}"),
    }
}

impl Engine {
    /// The judgement of a site or ring that nobody speaks of.
    pub(super) fn derive(&self, site: &Subject) -> Derived {
        let Some(entity) = self.entities.get(site) else {
            return Derived::of(judge::unseen());
        };
        if site.kind == EntityKind::Ring {
            return self.ways(entity.links.any.first().map_or(&[], Vec::as_slice)).of_ring();
        }
        let groups = entity
            .links
            .hard
            .iter()
            .filter(|edge| edge.strains)
            .map(|edge| std::slice::from_ref(&edge.to))
            .chain(entity.links.any.iter().map(Vec::as_slice));
        let rank = |derived: &Derived| (derived.judgement.health, !derived.redundancy);
        let mut worst: Option<Derived> = None;
        let mut cut = None;
        for group in groups {
            let ways = self.ways(group);
            let derived = ways.derived();
            cut = min_of(cut, ways.cut);
            if worst.as_ref().is_none_or(|worst| rank(&derived) > rank(worst)) {
                worst = Some(derived);
            }
        }
        match worst {
            Some(derived) if derived.judgement.health != Health::Unknown => derived,
            _ => self.by_sessions(site, cut),
        }
    }

    fn ways(&self, group: &[Subject]) -> Ways {
        let mut ways = Ways { total: group.len(), ..Ways::default() };
        for way in group {
            let Some(flow) = self.entities.get(way).map(|entity| &entity.flow) else { continue };
            ways.cut = min_of(ways.cut, flow.cut.clone());
            ways.strain = min_of(ways.strain, flow.cut.clone().or_else(|| flow.strain.clone()));
            match flow.felt {
                Health::Ok | Health::Maintenance => ways.ok += 1,
                Health::Degraded => ways.degraded.push(way.id.clone()),
                Health::Down => ways.down.push(way.id.clone()),
                Health::Unknown => {}
            }
        }
        ways
    }

    /// One session is enough; no session says something only where there was one. What `cuts` the ways of
    /// which something is known is then the cause.
    fn by_sessions(&self, site: &Subject, cuts: Option<Root>) -> Derived {
        let mut silent = 0;
        let mut leaving = false;
        let mut cause = cuts;
        let agents = self.entities.get(site).map_or(&[][..], |entity| &entity.links.witnesses);
        for agent in agents.iter().map(agent_subject) {
            let Some(entity) = self.entities.get(&agent) else { continue };
            match entity.base.health {
                Health::Ok | Health::Degraded | Health::Maintenance => {
                    let reason = Reason::new(reasons::SITE_REACHABLE);
                    return Derived::of(Judgement::new(Health::Ok, reason));
                }
                Health::Down => {
                    silent += 1;
                    let planned = self.planned(&agent).map(|_| Root { planned: true, subject: agent });
                    cause = min_of(cause, planned);
                }
                Health::Unknown => leaving |= entity.base.reason.code == reasons::AGENT_DISCONNECTED,
            }
        }
        if silent == 0 || leaving {
            return Derived::of(judge::unseen());
        }
        let reason = Reason::new(reasons::SITE_SILENT).with("count", silent);
        Derived { judgement: Judgement::new(Health::Down, reason), redundancy: false, cause }
    }
}
