//! A graph made ready for evaluation: placed by the rules, without loops, and ranked so that whatever an
//! entity hangs on has a lower rank.

use std::collections::{BTreeMap, BTreeSet};

use wasl_model::{AgentId, EntityKind, SiteId, Subject};

use super::{Dependency, Graph, Node, Problem};

/// What an entity hangs on, without the relations that close a loop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Links {
    /// Greater than that of everything in `hard` and `any`.
    pub(crate) rank: u32,
    /// What it cannot do without.
    pub(crate) hard: Vec<Edge>,
    /// Groups of which one member is enough.
    pub(crate) any: Vec<Vec<Subject>>,
    /// Who observes it.
    pub(crate) witnesses: Vec<AgentId>,
    /// What it is a part of, and what that is a part of.
    pub(crate) owners: Vec<Subject>,
    /// Where it stands.
    pub(crate) site: Option<SiteId>,
}

/// One hard relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) to: Subject,
    /// Whether being degraded travels along it as well.
    pub(crate) strains: bool,
}

impl Links {
    /// Everything in `hard` and `any`.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &Subject> {
        self.hard.iter().map(|edge| &edge.to).chain(self.any.iter().flatten())
    }
}

/// The ready graph.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    nodes: BTreeMap<Subject, Node>,
    refused: BTreeSet<(Subject, Subject)>,
    ranks: BTreeMap<Subject, u32>,
}

impl Plan {
    /// Makes a graph ready and tells what is wrong with it.
    pub(crate) fn new(graph: Graph) -> (Self, Vec<Problem>) {
        let mut plan = Self { nodes: graph.nodes, ..Self::default() };
        let mut problems = plan.missing();
        let all = plan.closure();
        problems.append(&mut plan.refuse_loops(&all));
        plan.refuse_places(&all);
        let order = walk(&all, |s| plan.needs(s), |_, _| {});
        for subject in order {
            let rank = plan.needs(&subject).iter().filter_map(|to| plan.ranks.get(to)).max();
            let rank = rank.map_or(0, |r| r + 1);
            plan.ranks.insert(subject, rank);
        }
        (plan, problems)
    }

    /// What is named, in the configuration's own words.
    pub(crate) fn named(&self) -> impl Iterator<Item = &Subject> {
        self.nodes.keys()
    }

    /// Whether the configuration names it.
    pub(crate) fn names(&self, subject: &Subject) -> bool {
        self.nodes.contains_key(subject)
    }

    /// What an entity hangs on; of any entity, named or only observed.
    pub(crate) fn links(&self, subject: &Subject) -> Links {
        let node = self.node(subject);
        let mut links = Links { witnesses: node.witnesses.clone(), ..Links::default() };
        let allowed = |to: &Subject| self.allowed(subject, to);
        for dependency in &node.depends_on {
            match dependency {
                Dependency::On(to) if allowed(to) => {
                    links.hard.push(Edge { to: to.clone(), strains: true });
                }
                Dependency::On(_) => {}
                Dependency::AnyOf(several) => {
                    let group: BTreeSet<&Subject> = several.iter().filter(|to| allowed(to)).collect();
                    if !group.is_empty() {
                        links.any.push(group.into_iter().cloned().collect());
                    }
                }
            }
        }
        links.owners = self.owners(subject);
        links.site = self.stands(subject).map(|(_, id)| id);
        for to in node.part_of.filter(allowed).into_iter().chain(self.place(subject)) {
            links.hard.push(Edge { to, strains: false });
        }
        links.rank = match self.ranks.get(subject) {
            Some(rank) => *rank,
            None => links.needs().map(|to| self.rank(to) + 1).max().unwrap_or(0),
        };
        links
    }

    /// An entity that no one named hangs only on its owner and its site, so this ends after a few steps.
    fn rank(&self, subject: &Subject) -> u32 {
        match self.ranks.get(subject) {
            Some(rank) => *rank,
            None => self.needs(subject).iter().map(|to| self.rank(to) + 1).max().unwrap_or(0),
        }
    }

    fn allowed(&self, from: &Subject, to: &Subject) -> bool {
        from != to && !self.refused.contains(&(from.clone(), to.clone()))
    }

    fn owners(&self, subject: &Subject) -> Vec<Subject> {
        let mut owners: Vec<Subject> = Vec::new();
        let mut at = subject.clone();
        while let Some(owner) = self.node(&at).part_of.filter(|owner| self.allowed(&at, owner)) {
            if owners.contains(&owner) {
                break;
            }
            owners.push(owner.clone());
            at = owner;
        }
        owners
    }

    /// A node with what the rules add to it.
    fn node(&self, subject: &Subject) -> Node {
        let mut node = self.nodes.get(subject).cloned().unwrap_or_default();
        let owner = subject.id.split_once('/').map(|(owner, _)| owner);
        let part_of = match (subject.kind, owner) {
            (EntityKind::Agent, _) => Some(Subject::lenient(EntityKind::Machine, &subject.id)),
            (EntityKind::Disk, Some(owner)) => Some(Subject::lenient(EntityKind::Machine, owner)),
            (EntityKind::Interface | EntityKind::Sensor, Some(owner)) => {
                let device = Subject::lenient(EntityKind::Device, owner);
                let named = self.nodes.contains_key(&device);
                Some(if named { device } else { Subject::lenient(EntityKind::Machine, owner) })
            }
            _ => None,
        };
        node.part_of = node.part_of.or(part_of);
        match (subject.kind, &node.part_of) {
            (EntityKind::Machine, _) => {
                if node.witnesses.is_empty() {
                    node.witnesses.extend(AgentId::new(subject.id.clone()));
                }
                if node.site.is_none() {
                    let agent = Subject { kind: EntityKind::Agent, id: subject.id.clone() };
                    node.site = self.nodes.get(&agent).and_then(|n| n.site.clone());
                }
            }
            (EntityKind::Disk | EntityKind::Interface | EntityKind::Sensor, Some(owner))
                if node.witnesses.is_empty() =>
            {
                let of = self.nodes.get(owner).map(|n| n.witnesses.clone()).unwrap_or_default();
                node.witnesses = of;
                if node.witnesses.is_empty() && owner.kind == EntityKind::Machine {
                    node.witnesses.extend(AgentId::new(owner.id.clone()));
                }
            }
            _ => {}
        }
        node
    }

    /// The dependencies and the owner, without the place.
    fn own_needs(&self, subject: &Subject) -> Vec<Subject> {
        let node = self.node(subject);
        let mut needs: Vec<Subject> =
            node.depends_on.iter().flat_map(Dependency::subjects).cloned().collect();
        needs.extend(node.part_of);
        needs.retain(|to| self.allowed(subject, to));
        needs
    }

    fn needs(&self, subject: &Subject) -> Vec<Subject> {
        let mut needs = self.own_needs(subject);
        needs.extend(self.place(subject));
        needs
    }

    /// The site that it depends on. A part depends on its owner's, although nobody may have seen the owner;
    /// unless the owner leads there, because then the part may do so too.
    fn place(&self, subject: &Subject) -> Option<Subject> {
        let (holder, id) = self.stands(subject)?;
        let to = site(&id);
        (self.allowed(&holder, &to) && self.allowed(subject, &to)).then_some(to)
    }

    /// Where it stands, and who says so: it or what it is a part of.
    fn stands(&self, subject: &Subject) -> Option<(Subject, SiteId)> {
        if let Some(id) = self.node(subject).site {
            return Some((subject.clone(), id));
        }
        self.owners(subject).into_iter().find_map(|owner| {
            let id = self.node(&owner).site?;
            Some((owner, id))
        })
    }

    /// All that is named and all that those hang on.
    fn closure(&self) -> BTreeSet<Subject> {
        let mut all: BTreeSet<Subject> = BTreeSet::new();
        let mut open: Vec<Subject> = self.nodes.keys().cloned().collect();
        while let Some(subject) = open.pop() {
            if !all.contains(&subject) {
                open.extend(self.needs(&subject));
                all.insert(subject);
            }
        }
        all
    }

    fn missing(&self) -> Vec<Problem> {
        let observed = |s: &Subject| {
            matches!(
                s.kind,
                EntityKind::Machine
                    | EntityKind::Disk
                    | EntityKind::Interface
                    | EntityKind::Sensor
                    | EntityKind::Agent
            )
        };
        let mut problems = Vec::new();
        for (subject, node) in &self.nodes {
            for to in node.depends_on.iter().flat_map(Dependency::subjects) {
                if to == subject {
                    problems.push(Problem::OnItself(subject.clone()));
                } else if !self.nodes.contains_key(to) && !observed(to) {
                    problems.push(Problem::Missing { subject: subject.clone(), missing: to.clone() });
                }
            }
        }
        problems
    }

    fn refuse_loops(&mut self, all: &BTreeSet<Subject>) -> Vec<Problem> {
        let mut found: Vec<Vec<Subject>> = Vec::new();
        walk(
            all,
            |s| self.own_needs(s),
            |path, to| {
                let start = path.iter().position(|s| *s == to).unwrap_or(0);
                found.push(path[start..].iter().map(|s| (*s).clone()).chain([to.clone()]).collect());
            },
        );
        for circle in &found {
            if let [.., from, to] = circle.as_slice() {
                self.refused.insert((from.clone(), to.clone()));
            }
        }
        found.into_iter().map(Problem::Circle).collect()
    }

    /// What leads to a site does not depend on the site, although it may stand there.
    fn refuse_places(&mut self, all: &BTreeSet<Subject>) {
        let sites: BTreeSet<Subject> = all.iter().filter(|s| s.kind == EntityKind::Site).cloned().collect();
        let leading: BTreeSet<Subject> = walk(&sites, |s| self.own_needs(s), |_, _| {}).into_iter().collect();
        // Nothing leads from a site to the others, so their place closes no loop.
        let mut held: BTreeSet<(Subject, Subject)> =
            leading.iter().filter_map(|s| Some((s.clone(), site(&self.node(s).site?)))).collect();
        self.refused.extend(held.iter().cloned());
        while let Some((subject, place)) = held.pop_first() {
            let from = BTreeSet::from([place.clone()]);
            if !walk(&from, |s| self.needs(s), |_, _| {}).contains(&subject) {
                self.refused.remove(&(subject, place));
            }
        }
    }
}

/// The entity of a site.
pub(crate) fn site(id: &SiteId) -> Subject {
    Subject { kind: EntityKind::Site, id: id.as_str().to_owned() }
}

/// Visits all that can be reached from `starts`, each after what it needs, and hands `looped` every
/// relation that leads back into the path: the path to where it begins, and where it ends.
fn walk(
    starts: &BTreeSet<Subject>,
    needs: impl Fn(&Subject) -> Vec<Subject>,
    mut looped: impl FnMut(&[&Subject], &Subject),
) -> Vec<Subject> {
    let mut order: Vec<Subject> = Vec::new();
    let mut done: BTreeSet<Subject> = BTreeSet::new();
    for start in starts {
        if done.contains(start) {
            continue;
        }
        let mut path: Vec<(Subject, Vec<Subject>)> = vec![(start.clone(), needs(start))];
        let mut on_path = BTreeSet::from([start.clone()]);
        while let Some((_, left)) = path.last_mut() {
            match left.pop() {
                Some(to) if on_path.contains(&to) => {
                    let names: Vec<&Subject> = path.iter().map(|(s, _)| s).collect();
                    looped(&names, &to);
                }
                Some(to) if !done.contains(&to) => {
                    on_path.insert(to.clone());
                    let left = needs(&to);
                    path.push((to, left));
                }
                Some(_) => {}
                None => {
                    if let Some((subject, _)) = path.pop() {
                        on_path.remove(&subject);
                        done.insert(subject.clone());
                        order.push(subject);
                    }
                }
            }
        }
    }
    order
}
