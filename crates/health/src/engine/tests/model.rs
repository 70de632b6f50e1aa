//! Random institutions and random histories: what the engine has become step by step is what it would be
//! from the facts alone.

use std::collections::BTreeSet;

use proptest::prelude::*;
use wasl_model::{Maintenance, MaintenanceScope};

use super::*;
use crate::engine::saved::Saved;

const SUBJECTS: [&str; 18] = [
    "site/a",
    "site/b",
    "agent/x",
    "agent/y",
    "agent/z",
    "machine/x",
    "machine/y",
    "disk/x//",
    "disk/y//v",
    "interface/x/eth0",
    "interface/d0/1",
    "device/d0",
    "device/d1",
    "target/t0",
    "target/t1",
    "target/t2",
    "target/t3",
    "backup_job/j",
];

/// A word for a random history.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) subject: Subject,
    pub(super) witness: Option<AgentId>,
    pub(super) health: Health,
}

impl Judgement {
    /// A figure that tells whose judgement it is.
    pub(super) fn with_figure(mut self, subject: &Subject) -> Self {
        self.reason = self.reason.with("figure", subject);
        self
    }
}

fn subject() -> impl Strategy<Value = Subject> {
    prop::sample::select(&SUBJECTS[..]).prop_map(s)
}

fn name() -> impl Strategy<Value = AgentId> {
    prop::sample::select(vec!["x", "y", "z"]).prop_map(agent)
}

fn health() -> impl Strategy<Value = Health> {
    prop::sample::select(vec![OK, OK, OK, DEGRADED, DOWN, DOWN, UNKNOWN])
}

/// Nobody speaks of sites.
pub(super) fn said() -> impl Strategy<Value = Said> {
    let spoken_of =
        subject().prop_filter("nobody speaks of sites", |s| s.kind != wasl_model::EntityKind::Site);
    (spoken_of, prop::option::of(name()), health()).prop_map(|(subject, witness, health)| Said {
        subject,
        witness,
        health,
    })
}

fn dependency() -> impl Strategy<Value = Dependency> {
    prop_oneof![
        subject().prop_map(Dependency::On),
        prop::collection::vec(subject(), 1..4).prop_map(Dependency::AnyOf),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    (
        prop::option::of(prop::sample::select(vec!["a", "b"])),
        prop::collection::vec(dependency(), 0..3),
        prop::collection::vec(name(), 0..3),
        prop::option::weighted(0.1, subject()),
    )
        .prop_map(|(place, depends_on, witnesses, part_of)| Node {
            site: place.and_then(site),
            depends_on,
            witnesses,
            part_of,
        })
}

/// Any graph, with circles.
pub(super) fn graphs() -> impl Strategy<Value = Graph> {
    prop::collection::vec((subject(), node()), 0..16).prop_map(|nodes| {
        let mut graph = Graph::default();
        for (subject, node) in nodes {
            graph.insert(subject, node);
        }
        graph
    })
}

#[derive(Debug, Clone)]
enum Act {
    Observe { said: Said, age: u64, lasts: Option<u64> },
    Forget(Subject, Option<AgentId>),
    ForgetWitness(AgentId),
    Configure(Graph),
    Maintain { id: u64, scope: MaintenanceScope, from: u64, lasts: u64 },
    EndMaintenance(u64),
    Acknowledge(u64),
    Tick(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let scope = prop_oneof![
        subject().prop_map(MaintenanceScope::Subject),
        prop::sample::select(vec!["a", "b"]).prop_map(|n| MaintenanceScope::Site(site(n).expect("a site"))),
    ];
    prop_oneof![
        20 => (said(), 0u64..40, prop::option::of(1u64..60))
            .prop_map(|(said, age, lasts)| Act::Observe { said, age, lasts }),
        2 => (subject(), prop::option::of(name())).prop_map(|(s, w)| Act::Forget(s, w)),
        1 => name().prop_map(Act::ForgetWitness),
        1 => graphs().prop_map(Act::Configure),
        2 => (0u64..4, scope, 0u64..20, 1u64..60)
            .prop_map(|(id, scope, from, lasts)| Act::Maintain { id, scope, from, lasts }),
        1 => (0u64..4).prop_map(Act::EndMaintenance),
        1 => (1u64..9).prop_map(Act::Acknowledge),
        8 => (0u64..30).prop_map(Act::Tick),
    ]
}

fn perform(engine: &mut Engine, graph: &mut Graph, now: &mut Timestamp, act: &Act) {
    let seconds = Duration::from_secs;
    match act {
        Act::Observe { said, age, lasts } => {
            let judgement = judged(said.health).with_figure(&said.subject);
            let mut word = Word::new(judgement, now.minus(seconds(*age)));
            word.lasts = lasts.map(seconds);
            engine.observe(&said.subject, said.witness.clone(), word, *now);
        }
        Act::Forget(subject, witness) => engine.forget(subject, witness.as_ref(), *now),
        Act::ForgetWitness(agent) => engine.forget_witness(agent, *now),
        Act::Configure(other) => {
            *graph = other.clone();
            engine.configure(other.clone(), *now);
        }
        Act::Maintain { id, scope, from, lasts } => {
            let from = now.plus(seconds(*from));
            let (scope, until) = (scope.clone(), from.plus(seconds(*lasts)));
            let by = String::new();
            let planned = Maintenance { id: *id, scope, from, until, by: by.clone(), note: by };
            engine.set_maintenance(planned, *now).expect("it has a length");
        }
        Act::EndMaintenance(id) => drop(engine.end_maintenance(*id, *now)),
        Act::Acknowledge(id) => drop(engine.acknowledge(*id, "amal", "", *now)),
        Act::Tick(by) => {
            *now = now.plus(seconds(*by));
            engine.tick(*now);
        }
    }
}

fn without_since(engine: &Engine) -> Vec<(Subject, EntityState)> {
    let plain =
        |(s, state): (&Subject, &EntityState)| (s.clone(), EntityState { since: START, ..state.clone() });
    engine.entities().map(plain).collect()
}

/// An engine that is told the same facts at once. Which entities are held as flapping is history, and
/// so it is a fact.
fn from_scratch(engine: &Engine, graph: &Graph) -> Engine {
    let mut facts = engine.export();
    for entity in &mut facts.entities {
        entity.forget_state();
    }
    let facts = Saved { incidents: Vec::new(), ended: Vec::new(), ..facts };
    let now = facts.clock;
    Engine::restore(engine.policy.clone(), graph.clone(), facts, now)
}

/// Everything above an entity along dependencies, owners and places; of its witnesses too if it is unknown.
fn above(engine: &Engine, subject: &Subject, unknown: bool) -> BTreeSet<Subject> {
    let mut found = BTreeSet::new();
    let mut open: Vec<Subject> = engine.plan.links(subject).needs().cloned().collect();
    if unknown {
        let entity = &engine.entities[subject];
        let witnesses = entity.links.witnesses.iter().chain(entity.words.agents());
        open.extend(witnesses.map(super::super::agent_subject));
    }
    while let Some(next) = open.pop() {
        if found.insert(next.clone()) {
            open.extend(engine.plan.links(&next).needs().cloned());
            // A silent site whose agent is being worked on.
            if next.kind == wasl_model::EntityKind::Site
                && let Some(entity) = engine.entities.get(&next)
            {
                open.extend(entity.links.witnesses.iter().map(super::super::agent_subject));
            }
        }
    }
    found
}

fn check_causes(engine: &Engine) -> Result<(), TestCaseError> {
    for (subject, state) in engine.entities() {
        let Some(cause) = &state.caused_by else { continue };
        prop_assert!(state.health.is_unhealthy() || state.health == UNKNOWN, "{} has a cause", subject);
        let root = engine.state(cause);
        prop_assert!(root.is_some(), "{} is caused by {}, which is not there", subject, cause);
        let root = root.expect("just seen");
        let causes = root.health.is_unhealthy() || root.health == Health::Maintenance;
        prop_assert!(causes && root.caused_by.is_none(), "{} is caused by {}: {:?}", subject, cause, root);
        let mut known = above(engine, subject, state.health == UNKNOWN);
        // The lines of a site that takes their blame.
        let led = engine.plan.links(cause).needs().any(|line| line == subject);
        if led && cause.kind == wasl_model::EntityKind::Site {
            known.insert(cause.clone());
        }
        if subject.kind == wasl_model::EntityKind::Site {
            let witnesses = &engine.entities[subject].links.witnesses;
            known.extend(witnesses.iter().map(super::super::agent_subject));
        }
        prop_assert!(known.contains(cause), "{} is not above {}", cause, subject);
        // Nothing that is truly down above a cause leaves it a cause.
        for higher in engine.plan.links(cause).hard.iter().map(|edge| &edge.to) {
            let down = engine.state(higher).is_some_and(|s| s.health == DOWN);
            let planned = root.health == Health::Maintenance;
            prop_assert!(!down || planned, "{} is called a cause under {}", cause, higher);
        }
    }
    Ok(())
}

fn check_incidents(engine: &Engine) -> Result<(), TestCaseError> {
    for incident in engine.incidents() {
        let suffering: BTreeSet<Subject> = engine
            .entities()
            .filter(|(_, state)| state.caused_by.as_ref() == Some(&incident.root))
            .map(|(subject, _)| subject.clone())
            .collect();
        prop_assert_eq!(&incident.affected, &suffering, "affected by {}", &incident.root);
        let root = engine.state(&incident.root).expect("the root is there");
        prop_assert!(root.health != OK && root.health != Health::Maintenance);
    }
    let roots: BTreeSet<&Subject> = engine.incidents().map(|i| &i.root).collect();
    prop_assert_eq!(roots.len(), engine.incidents().count(), "two incidents of one root");
    Ok(())
}

/// Once all windows are over, each cause has its incident and nothing else has one.
fn check_settled(engine: &Engine) -> Result<(), TestCaseError> {
    for (subject, state) in engine.entities() {
        let open = engine.incidents().any(|i| i.root == *subject);
        match state.health {
            OK | Health::Maintenance => prop_assert!(!open, "{} is {:?} and has an incident", subject, state),
            DEGRADED | DOWN => {
                prop_assert_eq!(open, state.caused_by.is_none(), "{} {:?}", subject, state);
            }
            UNKNOWN => prop_assert!(!open || state.caused_by.is_none(), "{} {:?}", subject, state),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Fails if a change does not reach all that it concerns, if a cause is none, or if an engine that is
    /// started again goes on otherwise.
    #[test]
    fn a_history_leads_where_its_facts_lead(
        graph in graphs(),
        acts in prop::collection::vec(act(), 1..60),
        restart in 0usize..60,
    ) {
        let mut graph = graph;
        let mut engine = Engine::new(Policy::default());
        let mut now = START;
        engine.configure(graph.clone(), now);
        let mut twin: Option<(Engine, Graph, Timestamp)> = None;
        for (step, act) in acts.iter().enumerate() {
            perform(&mut engine, &mut graph, &mut now, act);
            prop_assert_eq!(without_since(&engine), without_since(&from_scratch(&engine, &graph)));
            check_causes(&engine)?;
            check_incidents(&engine)?;
            if let Some((twin, graph, now)) = &mut twin {
                perform(twin, graph, now, act);
                prop_assert_eq!(twin.take_changes(), engine.take_changes());
                prop_assert_eq!(twin.export(), engine.export());
                prop_assert_eq!(twin.next_deadline(), engine.next_deadline());
            } else if step == restart {
                engine.take_changes();
                let kept = serde_json::to_string(&engine.export()).expect("it can be written");
                let kept = serde_json::from_str(&kept).expect("it can be read");
                twin = Some((Engine::restore(Policy::default(), graph.clone(), kept, now), graph.clone(), now));
            }
        }
        now = now.plus(Duration::from_secs(3600));
        engine.tick(now);
        check_causes(&engine)?;
        check_incidents(&engine)?;
        check_settled(&engine)?;
    }

    /// Fails if it matters how often the engine is asked.
    #[test]
    fn many_ticks_are_worth_one(acts in prop::collection::vec(act(), 1..40), graph in graphs()) {
        let mut seldom = (Engine::new(Policy::default()), graph.clone(), START);
        let mut often = (Engine::new(Policy::default()), graph.clone(), START);
        seldom.0.configure(graph.clone(), START);
        often.0.configure(graph, START);
        for act in &acts {
            if let Act::Tick(by) = act {
                for _ in 0..*by {
                    perform(&mut often.0, &mut often.1, &mut often.2, &Act::Tick(1));
                }
            } else {
                perform(&mut often.0, &mut often.1, &mut often.2, act);
            }
            perform(&mut seldom.0, &mut seldom.1, &mut seldom.2, act);
            prop_assert_eq!(seldom.0.export(), often.0.export());
        }
    }
}
