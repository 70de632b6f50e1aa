//! What depends on what.
//!
//! The graph says through what a thing is reached and needed things, so that one cause can be told from
//! its two hundred consequences. Three relations are kept apart, because trouble travels differently
//! along each:
//!
//! * **Dependency** ([`Dependency::On`], [`Dependency::AnyOf`]): what the thing needs. All trouble travels:
//!   a lossy line makes what lies behind it lossy.
//! * **Place** ([`Node::site`]) **and ownership** ([`Node::part_of`]): only being down travels. A site that
//!   has lost one of two lines, or a machine short of memory, explains no full disk.
//! * **Witness** ([`Node::witnesses`]): who observes it. A lost witness explains that nothing is known of the
//!   thing, and never that it is down.
//!
//! A loop among the first two has no first cause. It is a fault of the configuration, told by
//! [`Graph::problems`]; the relation that closes the loop is left out, so that the rest still works.

mod plan;

use std::collections::BTreeMap;

use thiserror::Error;
use wasl_model::{AgentId, SiteId, Subject};

pub(crate) use plan::{Links, Plan, site};

/// Everything that the configuration names, and how it hangs together.
///
/// What is observed without being named is placed by rules: `disk/M/…` and `interface/M/…` are parts of
/// `machine/M` (an interface of a named device is part of that device), `machine/M` is observed by
/// `agent/M`, stands where that agent stands, and `agent/M` is part of it. The rules also fill what a named
/// entity leaves open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    nodes: BTreeMap<Subject, Node>,
}

/// One entity and what it hangs on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// Where it stands. It depends on that site, unless the site depends on it.
    pub site: Option<SiteId>,
    /// What it needs; for a site: what leads there.
    pub depends_on: Vec<Dependency>,
    /// Who observes it; for a site: the agents whose sessions show that it can be reached.
    pub witnesses: Vec<AgentId>,
    /// What it is a part of: its maintenance is the part's maintenance too.
    pub part_of: Option<Subject>,
}

/// What an entity needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependency {
    /// Exactly this.
    On(Subject),
    /// One of these is enough: several lines, several servers. While some are lost, what needs them is
    /// degraded, although it works.
    AnyOf(Vec<Subject>),
}

impl Dependency {
    fn subjects(&self) -> &[Subject] {
        match self {
            Self::On(one) => std::slice::from_ref(one),
            Self::AnyOf(several) => several,
        }
    }
}

/// What is wrong with a graph. It is usable all the same, without the relation that is named.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// An entity that needs itself.
    #[error("{0} depends on itself; remove that dependency")]
    OnItself(Subject),
    /// Entities that need each other in a circle, beginning and ending with the same.
    #[error("these depend on each other in a circle: {}; remove one of these dependencies", circle(.0))]
    Circle(Vec<Subject>),
    /// A dependency on something that is not there.
    #[error("{subject} depends on {missing}, which is not configured; name it or remove the dependency")]
    Missing {
        /// What has the dependency.
        subject: Subject,
        /// What it names.
        missing: Subject,
    },
}

fn circle(subjects: &[Subject]) -> String {
    subjects.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ")
}

impl Graph {
    /// Names an entity; a second word on the same entity replaces the first.
    pub fn insert(&mut self, subject: Subject, node: Node) {
        self.nodes.insert(subject, node);
    }

    /// What is named.
    pub fn nodes(&self) -> &BTreeMap<Subject, Node> {
        &self.nodes
    }

    /// What is wrong with it, in the order of the subjects.
    pub fn problems(&self) -> Vec<Problem> {
        Plan::new(self.clone()).1
    }
}

#[cfg(test)]
mod tests;
