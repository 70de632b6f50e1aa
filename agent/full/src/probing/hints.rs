//! How others tell the prober that an interface which a link ends in is said to have moved.
//!
//! A hint is worth a few probes and no more. Many that come before the prober has looked are one, and what concerns no
//! link that is probed from here is not kept, so that a flood of them takes no room. Nobody waits: without a prober
//! there are no links, and so nothing to tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wasl_model::assignment::LinkAssignment;
use wasl_model::{EntityKind, Subject};

/// Where hints are left. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hints(Arc<Board>);

#[derive(Debug, Default)]
struct Board {
    known: Mutex<Known>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// The links that are probed, by the interfaces (`owner/name`) that they end in.
    ends: BTreeMap<String, BTreeSet<Subject>>,
    /// Links that the prober has yet to look at: always some of those above.
    moved: BTreeSet<Subject>,
}

impl Hints {
    /// This interface is said to have moved; whether a link ends in it.
    pub(crate) fn interface(&self, interface: &Subject) -> bool {
        self.leave(|ends| ends.get(&interface.id).into_iter().flatten().cloned().collect())
    }

    /// Some interface of this device is said to have moved, and nobody knows which.
    pub(crate) fn device(&self, device: &str) {
        let own = format!("{device}/");
        self.leave(|ends| {
            let others = ends.range(own.clone()..).take_while(|(interface, _)| interface.starts_with(&own));
            others.flat_map(|(_, links)| links).cloned().collect()
        });
    }

    fn leave(&self, concerned: impl FnOnce(&BTreeMap<String, BTreeSet<Subject>>) -> Vec<Subject>) -> bool {
        let mut known = self.known();
        let links = concerned(&known.ends);
        let any = !links.is_empty();
        known.moved.extend(links);
        if any {
            self.0.left.notify_one();
        }
        any
    }

    /// Makes these the links that are probed.
    pub(super) fn assign(&self, links: &[LinkAssignment]) {
        let mut ends: BTreeMap<String, BTreeSet<Subject>> = BTreeMap::new();
        for link in links {
            for interface in &link.interfaces {
                let links = ends.entry(interface.clone()).or_default();
                links.insert(Subject::lenient(EntityKind::Link, &link.id));
            }
        }
        let mut known = self.known();
        known.moved.retain(|link| ends.values().any(|links| links.contains(link)));
        known.ends = ends;
    }

    /// Resolves when there are links to look at, and takes them.
    pub(super) async fn moved(&self) -> BTreeSet<Subject> {
        loop {
            let moved = std::mem::take(&mut self.known().moved);
            if !moved.is_empty() {
                return moved;
            }
            self.0.left.notified().await;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use wasl_model::assignment::{Address, LinkClass, LinkLimits};

    use super::*;

    /// A link that ends in these interfaces.
    pub(crate) fn link(id: &str, interfaces: &[&str]) -> LinkAssignment {
        LinkAssignment {
            id: id.to_owned(),
            address: Address::Host("127.0.0.1".to_owned()),
            via: None,
            class: LinkClass::Target,
            limits: LinkLimits::default(),
            tcp_port: 9,
            interfaces: interfaces.iter().map(|interface| (*interface).to_owned()).collect(),
        }
    }

    /// What the prober does when it is given other links.
    pub(crate) fn assign(hints: &Hints, links: &[LinkAssignment]) {
        hints.assign(links);
    }

    /// What is left for the prober, by the links' names.
    pub(crate) fn left(hints: &Hints) -> Vec<String> {
        std::mem::take(&mut hints.known().moved).into_iter().map(|link| link.id).collect()
    }

    fn interface(id: &str) -> Subject {
        Subject::lenient(EntityKind::Interface, id)
    }

    #[tokio::test]
    async fn many_hints_are_one_and_only_links_that_are_concerned_are_looked_at() {
        let hints = Hints::default();
        assert!(!hints.interface(&interface("core/Gi0/1")), "nobody probes");
        hints.assign(&[
            link("first", &["core/Gi0/1", "edge/1"]),
            link("second", &["core/Gi0/2"]),
            link("third", &["core-2/Gi0/1"]),
            link("fourth", &[]),
        ]);
        assert!(!hints.interface(&interface("core/Gi0/3")));
        assert!(!hints.interface(&interface("core/Gi0")));
        hints.device("cor");
        hints.device("nobody");
        assert_eq!(left(&hints), Vec::<String>::new());
        for _ in 0..1_000 {
            assert!(hints.interface(&interface("core/Gi0/1")));
        }
        assert_eq!(hints.moved().await.len(), 1);
        assert_eq!(left(&hints), Vec::<String>::new());
        hints.device("core");
        assert_eq!(left(&hints), ["first", "second"]);
    }

    #[tokio::test]
    async fn a_link_that_is_probed_no_more_is_not_looked_at_and_what_was_said_of_others_stays() {
        let hints = Hints::default();
        let second = link("second", &["core/Gi0/2"]);
        hints.assign(&[link("first", &["core/Gi0/1"]), second.clone()]);
        hints.device("core");
        hints.assign(std::slice::from_ref(&second));
        assert_eq!(left(&hints), ["second"]);
        // It waits, and is woken.
        let waiting = tokio::spawn({
            let hints = hints.clone();
            async move { hints.moved().await }
        });
        tokio::task::yield_now().await;
        hints.device("core");
        assert_eq!(waiting.await.expect("woken").len(), 1);
    }
}
