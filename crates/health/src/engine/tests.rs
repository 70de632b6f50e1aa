mod causes;
mod cost;
mod flaps;
mod incidents;
mod maintenance;
mod model;
mod rings;
mod storms;
mod time;

use std::time::Duration;

use wasl_model::health::{EntityState, Health, Reason};
use wasl_model::{AgentId, Incident, IncidentEvent, SiteId, Subject, Timestamp};

use super::{Engine, Policy};
use crate::graph::{Dependency, Graph, Node};
use crate::word::Word;
use crate::{Judgement, reasons};

const START: Timestamp = Timestamp(1_795_000_000_000);
const OK: Health = Health::Ok;
const DEGRADED: Health = Health::Degraded;
const DOWN: Health = Health::Down;
const UNKNOWN: Health = Health::Unknown;

fn s(text: &str) -> Subject {
    text.parse().expect("a subject")
}

fn agent(name: &str) -> AgentId {
    AgentId::new(name).expect("a name")
}

fn site(name: &str) -> Option<SiteId> {
    SiteId::new(name).ok()
}

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn judged(health: Health) -> Judgement {
    let code = match health {
        Health::Ok | Health::Maintenance => reasons::TARGET_ANSWERS,
        Health::Unknown => reasons::NOT_OBSERVED,
        Health::Degraded => reasons::TARGET_LOSSY,
        Health::Down => reasons::TARGET_SILENT,
    };
    Judgement::new(health, Reason::new(code))
}

/// An engine and its clock, for stories.
struct Story {
    engine: Engine,
    now: Timestamp,
}

impl Story {
    fn new(graph: Graph) -> Self {
        let mut engine = Engine::new(Policy::default());
        engine.configure(graph, START);
        Self { engine, now: START }
    }

    /// Lets `seconds` pass.
    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.engine.tick(self.now);
        self
    }

    /// The controller's word on an entity.
    fn says(&mut self, subject: &str, health: Health) -> &mut Self {
        self.engine.observe(&s(subject), None, Word::new(judged(health), self.now), self.now);
        self
    }

    /// An agent's word on an entity, which lasts 40 s.
    fn sees(&mut self, witness: &str, subject: &str, health: Health) -> &mut Self {
        let word = Word::sampled(judged(health), self.now, Duration::from_secs(10));
        self.engine.observe(&s(subject), Some(agent(witness)), word, self.now);
        self
    }

    fn state(&self, subject: &str) -> &EntityState {
        self.engine.state(&s(subject)).unwrap_or_else(|| panic!("{subject} is not there"))
    }

    /// Health, code and cause.
    fn is(&self, subject: &str) -> (Health, &str, Option<String>) {
        let state = self.state(subject);
        (state.health, &state.reason.code, state.caused_by.as_ref().map(ToString::to_string))
    }

    /// The roots of the open incidents.
    fn open(&self) -> Vec<String> {
        self.engine.incidents().map(|incident| incident.root.to_string()).collect()
    }

    fn only(&self) -> &Incident {
        let open: Vec<&Incident> = self.engine.incidents().collect();
        let [one] = open.as_slice() else { panic!("{open:?}") };
        one
    }

    fn last_ended(&self) -> &Incident {
        self.engine.ended().next().expect("an incident is over")
    }
}

fn events(incident: &Incident) -> Vec<String> {
    incident
        .timeline
        .iter()
        .map(|entry| match &entry.event {
            IncidentEvent::Opened { health, .. } => format!("opened {}", health.as_str()),
            IncidentEvent::Changed { health, .. } => format!("changed {}", health.as_str()),
            IncidentEvent::Joined { subject } => format!("joined {subject}"),
            IncidentEvent::Left { subject } => format!("left {subject}"),
            IncidentEvent::Flapping { changes } => format!("flapping {changes}"),
            IncidentEvent::Absorbed { incident } => format!("absorbed {incident}"),
            IncidentEvent::MergedInto { incident } => format!("merged into {incident}"),
            IncidentEvent::Acknowledged { by, .. } => format!("acknowledged by {by}"),
            IncidentEvent::Maintenance { maintenance } => format!("maintenance {maintenance}"),
            IncidentEvent::Ended => "ended".to_owned(),
        })
        .collect()
}

fn there(name: &str) -> Node {
    Node { site: site(name), ..Node::default() }
}

fn needs(subjects: &[&str]) -> Node {
    Node { depends_on: subjects.iter().map(|t| Dependency::On(s(t))).collect(), ..Node::default() }
}

/// A branch `b` with these lines, probed from the centre; a gateway `gw` there that polls a switch; and
/// a portal beyond the switch, probed from the centre.
fn branch(lines: &[&str]) -> Graph {
    let mut graph = Graph::default();
    let of = |names: &[&str]| names.iter().map(|n| agent(n)).collect::<Vec<_>>();
    graph.insert(s("site/centre"), Node { witnesses: of(&["centre"]), ..Node::default() });
    graph.insert(s("agent/centre"), there("centre"));
    let ways = lines.iter().map(|line| s(&format!("target/{line}"))).collect();
    graph.insert(
        s("site/b"),
        Node { depends_on: vec![Dependency::AnyOf(ways)], witnesses: of(&["gw"]), ..Node::default() },
    );
    for line in lines {
        let node = Node { witnesses: of(&["centre"]), ..there("b") };
        graph.insert(s(&format!("target/{line}")), node);
    }
    graph.insert(s("agent/gw"), there("b"));
    graph.insert(s("device/sw"), Node { witnesses: of(&["gw"]), ..there("b") });
    let portal = Node { witnesses: of(&["centre"]), ..needs(&["device/sw"]) };
    graph.insert(s("target/portal"), portal);
    graph
}
