//! One cause, one alert, whatever order things are noticed in.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use wasl_model::IncidentSeverity;

use super::model::{Said, graphs, said};
use super::*;

const MACHINES: usize = 200;

/// A branch with 200 machines, each with its agent and file system, a gateway that polls a switch with
/// ports, and portals that are probed from the centre.
fn big_branch(lines: &[&str]) -> Graph {
    let mut graph = branch(lines);
    for m in 0..MACHINES {
        graph.insert(s(&format!("agent/pc-{m}")), there("b"));
    }
    for p in 0..5 {
        let node = Node { witnesses: vec![agent("centre")], ..there("b") };
        graph.insert(s(&format!("target/portal-{p}")), node);
    }
    graph
}

/// What the controller and the centre notice of a cut: the lines, the agents, the portals.
fn noticed(lines: &[&str]) -> Vec<String> {
    let targets = lines.iter().map(|line| format!("target/{line}"));
    let portals = (0..5).map(|p| format!("target/portal-{p}")).chain(["target/portal".to_owned()]);
    let agents = (0..MACHINES).map(|m| format!("agent/pc-{m}")).chain(["agent/gw".to_owned()]);
    targets.chain(portals).chain(agents).collect()
}

/// Everything in the branch is seen once, and lasts 40 s.
fn inside(story: &mut Story) {
    for m in 0..MACHINES {
        let name = format!("pc-{m}");
        story.sees(&name, &format!("machine/{name}"), OK).sees(&name, &format!("disk/{name}//"), OK);
    }
    story.sees("gw", "machine/gw", OK).sees("gw", "device/sw", OK);
    for port in 0..10 {
        story.sees("gw", &format!("interface/sw/{port}"), OK);
    }
}

/// Tells each its health after its own delay, in milliseconds.
fn tell(story: &mut Story, subjects: &[String], delays: &[u64], health: Health) {
    let start = story.now;
    let mut order: Vec<(u64, &String)> = delays.iter().copied().zip(subjects).collect();
    order.sort();
    for (delay, subject) in order {
        story.now = start.plus(Duration::from_millis(delay));
        story.says(subject, health);
    }
}

fn lines_of(several: bool) -> &'static [&'static str] {
    if several { &["fibre", "radio"] } else { &["line"] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Fails if an order of notices leaves two incidents, or the end of the cut leaves one.
    #[test]
    fn a_cut_branch_with_200_machines_is_exactly_one_incident(
        cut in prop::collection::vec(0u64..60_000, MACHINES + 9),
        heal in prop::collection::vec(0u64..30_000, MACHINES + 9),
        several: bool,
        at_once: bool,
    ) {
        let lines = lines_of(several);
        let mut story = Story::new(big_branch(lines));
        let all = noticed(lines);
        story.says("agent/centre", OK);
        tell(&mut story, &all, &vec![0; all.len()], OK);
        inside(&mut story);
        story.engine.take_changes();

        // Within the window, or over a minute.
        let cut: Vec<u64> = cut.iter().map(|ms| if at_once { ms / 13 } else { *ms }).collect();
        tell(&mut story, &all, &cut, DOWN);
        story.wait(70);
        let root = if several { "site/b" } else { "target/line" };
        prop_assert_eq!(story.open(), [root]);
        // 201 agents and machines, 200 disks, 6 portals, the switch with 10 ports, and the site or its lines.
        prop_assert_eq!(story.only().affected.len(), 201 + 201 + 200 + 6 + 11 + lines.len());
        prop_assert_eq!(story.only().severity, IncidentSeverity::Critical);
        if at_once {
            prop_assert_eq!(story.only().id, 1, "no other was ever opened");
        }

        let opened = story.engine.export().next_incident;
        tell(&mut story, &all, &heal, OK);
        inside(&mut story);
        story.wait(10);
        prop_assert_eq!(story.open(), [""; 0]);
        story.wait(20);
        prop_assert_eq!(story.engine.export().next_incident, opened, "coming back opened another");
        let troubled = story.engine.entities().filter(|(_, state)| state.health != OK).count();
        prop_assert_eq!(troubled, 0);
    }
}

type Final = (BTreeMap<Subject, EntityState>, BTreeMap<Subject, (IncidentSeverity, BTreeSet<Subject>)>);

/// All that must not depend on the order: not the times, and not the numbers.
fn finally(engine: &Engine) -> Final {
    let states = engine
        .entities()
        .map(|(subject, state)| (subject.clone(), EntityState { since: START, ..state.clone() }))
        .collect();
    let incidents = engine.incidents().map(|i| (i.root.clone(), (i.severity, i.affected.clone()))).collect();
    (states, incidents)
}

fn play(graph: &Graph, words: &[&Said], pause_ms: u64) -> Final {
    let mut engine = Engine::new(Policy::default());
    engine.configure(graph.clone(), START);
    let mut now = START;
    for said in words {
        now = now.plus(Duration::from_millis(pause_ms));
        if pause_ms > 0 {
            engine.tick(now);
        }
        let judgement = judged(said.health).with_figure(&said.subject);
        engine.observe(&said.subject, said.witness.clone(), Word::new(judgement, START), now);
    }
    engine.tick(now.plus(Duration::from_secs(300)));
    finally(&engine)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Fails if the order of arrival shows in any state, cause or open incident.
    #[test]
    fn the_same_words_in_any_order_give_the_same_judgements_and_incidents(
        graph in graphs(),
        words in prop::collection::vec((said(), any::<u32>()), 1..40),
        pause in prop::sample::select(vec![0u64, 90, 7_000]),
    ) {
        let mut by_speaker = BTreeMap::new();
        for (said, place) in &words {
            by_speaker.insert((said.subject.clone(), said.witness.clone()), (said, place));
        }
        let straight: Vec<&Said> = by_speaker.values().map(|(said, _)| *said).collect();
        let mut shuffled: Vec<_> = by_speaker.values().collect();
        shuffled.sort_by_key(|(_, place)| **place);
        let shuffled: Vec<&Said> = shuffled.iter().map(|(said, _)| *said).collect();
        prop_assert_eq!(play(&graph, &straight, 0), play(&graph, &shuffled, pause));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Fails if something that goes up and down can open incidents without end.
    #[test]
    fn whatever_goes_up_and_down_opens_few_incidents(
        steps in prop::collection::vec((1u64..40, any::<bool>()), 100..400),
    ) {
        let mut story = Story::new(Graph::default());
        let mut seconds = 0;
        for (pause, up) in steps {
            seconds += pause;
            story.wait(pause).says("target/t", if up { OK } else { DOWN });
        }
        // Each stretch of ten minutes that is not held has fewer than six changes, so at most three troubles.
        let stretches = seconds / 600 + 1;
        let opened = story.engine.export().next_incident - 1;
        prop_assert!(opened <= 3 * stretches, "{opened} incidents in {seconds} s");
    }
}
