//! Links and rings, checked.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use wasl_model::assignment::{
    Address, LinkAssignment, LinkClass, LinkLimits, ReflectedSession, StampReflector, StampSession, Via,
};
use wasl_model::{AgentId, Localized, SiteId, Subject};

use super::{Accounting, Agent, Settings};
use crate::file::LinkRole;
use crate::period::Period;
use crate::quantity::{Rate, Share};

/// How long the answer to a test may take.
const STAMP_TIMEOUT_MS: u64 = 2_000;

/// A line between two places, or from a place to the Internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name for people.
    pub name: Localized,
    /// The places that it joins: one or two of [`Settings::sites`].
    pub between: Vec<SiteId>,
    /// Whether it carries the traffic.
    pub role: LinkRole,
    /// How closely it is watched.
    pub class: LinkClass,
    /// Who probes it: at least one, no agent twice.
    pub probes: Vec<LinkProbe>,
    /// Who measures its two directions; no agent twice.
    pub stamp: Vec<StampTest>,
    /// The interfaces that it ends in.
    pub interfaces: Vec<Subject>,
    /// What the provider owes.
    pub contract: Contract,
    /// Whose traffic it carries, and where that is counted.
    pub accounting: Option<Accounting>,
    /// Where trouble with it is noted; one of [`Settings::sites`].
    pub site: Option<SiteId>,
    /// Without which it cannot work, the interfaces not among them.
    pub depends_on: Vec<Subject>,
}

/// One end that probes a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkProbe {
    /// Who; one of [`Settings::agents`].
    pub from: AgentId,
    /// Something at the other end.
    pub to: Address,
    /// By which way the probes leave.
    pub via: Option<Via>,
    /// The port for TCP connect where ICMP is not permitted.
    pub tcp_port: u16,
}

/// One end that measures a link's two directions by STAMP (RFC 8762).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampTest {
    /// Who; one of [`Settings::agents`].
    pub from: AgentId,
    /// The reflector's address or name.
    pub to: String,
    /// The reflector's UDP port.
    pub port: u16,
    /// The time between tests.
    pub every: Period,
    /// The network interface that tests leave by.
    pub via: Option<String>,
    /// The name of the secret that authenticates both sides.
    pub key: Option<String>,
}

/// What a provider owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contract {
    /// The rate towards the last of [`Link::between`], or from the Internet.
    pub down: Option<Rate>,
    /// The rate the other way.
    pub up: Option<Rate>,
    /// Round-trip time, jitter and loss.
    pub limits: LinkLimits,
    /// The least availability in a calendar month.
    pub availability: Option<Share>,
}

/// Links that form a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Its name for people.
    pub name: Localized,
    /// At least three of [`Settings::links`], in the order of the ring.
    pub links: Vec<String>,
}

impl Settings {
    /// The links whose two directions an agent measures.
    pub(super) fn stamp_of<'a>(&'a self, agent: &'a AgentId) -> impl Iterator<Item = StampSession> + 'a {
        self.stamp_sessions().filter(move |(_, _, test)| test.from == *agent).map(|(ssid, id, test)| {
            StampSession {
                id: id.to_owned(),
                to: test.to.clone(),
                port: test.port,
                every_ms: test.every.as_millis(),
                timeout_ms: STAMP_TIMEOUT_MS,
                key: test.key.clone(),
                via: test.via.clone(),
                ssid,
            }
        })
    }

    /// What an agent's reflector answers, and whose tests may come: all that are sent to its port, since an address
    /// that is written down need not be the one that it has.
    pub(super) fn reflector_of(&self, agent: &Agent) -> Option<StampReflector> {
        let reflector = agent.reflect.as_ref()?;
        let sessions = self.stamp_sessions().filter(|(_, _, test)| test.port == reflector.port);
        let sessions = sessions.map(|(ssid, id, test)| ReflectedSession {
            ssid,
            link: id.to_owned(),
            from: test.from.as_str().to_owned(),
        });
        Some(StampReflector { sessions: sessions.collect(), ..reflector.clone() })
    }

    /// All that is measured by STAMP, each with an identifier of its own that stays while the configuration grows.
    fn stamp_sessions(&self) -> impl Iterator<Item = (u16, &str, &StampTest)> {
        let tests = self.links.iter().flat_map(|(id, link)| link.stamp.iter().map(move |test| (id, test)));
        let mut taken = BTreeSet::from([0]);
        tests.map(move |(id, test)| {
            let mut hasher = DefaultHasher::new();
            (id, test.from.as_str()).hash(&mut hasher);
            let first = hasher.finish() as u16;
            let free = (0..u16::MAX).map(|more| first.wrapping_add(more)).find(|ssid| taken.insert(*ssid));
            (free.unwrap_or(0), id.as_str(), test)
        })
    }

    /// The links that an agent probes.
    pub(super) fn links_of<'a>(&'a self, agent: &'a AgentId) -> impl Iterator<Item = LinkAssignment> + 'a {
        self.links.iter().flat_map(move |(id, link)| {
            link.probes.iter().filter(move |probe| probe.from == *agent).map(move |probe| LinkAssignment {
                id: id.clone(),
                address: probe.to.clone(),
                via: probe.via.clone(),
                class: link.class,
                limits: link.contract.limits,
                tcp_port: probe.tcp_port,
                interfaces: link.interfaces.iter().map(|interface| interface.id.clone()).collect(),
            })
        })
    }
}
