use super::*;
use crate::engine::Refusal;
use wasl_model::IncidentSeverity;

fn chain() -> Story {
    let mut graph = Graph::default();
    graph.insert(s("device/core"), Node::default());
    graph.insert(s("device/edge"), needs(&["device/core"]));
    graph.insert(s("target/portal"), needs(&["device/edge"]));
    let mut story = Story::new(graph);
    story.says("device/core", OK).says("device/edge", OK).says("target/portal", OK);
    story.engine.take_changes();
    story
}

#[test]
fn an_incident_waits_for_its_cause() {
    let mut story = chain();
    story.says("target/portal", DOWN).wait(4);
    assert_eq!(story.open(), [""; 0]);
    story.says("device/core", DOWN).wait(4);
    assert_eq!(story.open(), [""; 0]);
    story.wait(1);
    let incident = story.only();
    assert_eq!((incident.id, incident.root.to_string()), (1, "device/core".into()));
    assert_eq!((incident.severity, incident.opened), (IncidentSeverity::Critical, at(4)));
    assert_eq!(events(incident), ["opened down", "joined target/portal"]);
}

#[test]
fn a_cause_that_comes_late_takes_the_incident_over() {
    let mut story = chain();
    story.says("target/portal", DOWN).wait(60);
    assert_eq!(story.open(), ["target/portal"]);
    story.says("device/edge", DEGRADED).wait(60);
    assert_eq!(
        story.open(),
        ["device/edge", "target/portal"].map(String::from).into_iter().rev().collect::<Vec<_>>()
    );
    story.says("device/edge", DOWN);
    assert_eq!(story.open(), ["device/edge"], "it is open already");
    assert_eq!(events(story.last_ended()), ["opened down", "merged into 2"]);
    assert_eq!(story.last_ended().merged_into, Some(2));
    assert_eq!(story.only().severity, IncidentSeverity::Critical);
    story.says("device/core", DOWN);
    assert_eq!(story.open(), ["device/edge"], "until the window is over");
    story.wait(5);
    assert_eq!(story.open(), ["device/core"]);
    assert_eq!(
        events(story.only()),
        ["opened down", "joined target/portal", "joined device/edge", "absorbed 2"]
    );
    let saved: Vec<(u64, bool)> =
        story.engine.take_changes().incidents.iter().map(|i| (i.id, i.is_open())).collect();
    assert_eq!(saved, [(1, false), (2, false), (3, true)]);
    assert!(story.engine.take_changes().incidents.is_empty());
}

#[test]
fn what_stays_down_after_its_cause_is_gone_is_a_trouble_of_its_own() {
    let mut story = chain();
    story.says("device/core", DOWN).says("device/edge", DOWN).says("target/portal", DOWN).wait(10);
    story.says("device/core", OK);
    let ended = story.last_ended();
    assert_eq!(ended.affected.len(), 2, "the end keeps who suffered last");
    assert_eq!(events(ended).last().map(String::as_str), Some("ended"));
    story.wait(30).says("target/portal", OK).wait(29);
    assert_eq!(story.open(), [""; 0]);
    story.wait(1);
    assert_eq!(story.open(), ["device/edge"]);
    assert_eq!(story.only().opened, at(10));
}

#[test]
fn what_turns_unknown_is_not_mended() {
    let mut story = chain();
    story.sees("a", "device/core", DOWN);
    story.engine.forget(&s("device/core"), None, story.now);
    story.wait(50);
    assert_eq!(story.is("device/core").0, UNKNOWN);
    assert_eq!(events(story.only()), ["opened down", "changed unknown"]);
    story.sees("a", "device/core", OK);
    assert_eq!(events(story.last_ended()), ["opened down", "changed unknown", "ended"]);
}

#[test]
fn a_figure_is_no_event_and_a_worse_health_is() {
    let mut story = chain();
    let lossy = |percent: u32| {
        Judgement::new(DEGRADED, Reason::new(reasons::TARGET_LOSSY).with("loss_percent", percent))
    };
    let observe = |story: &mut Story, judgement| {
        let now = story.now;
        story.engine.observe(&s("device/core"), None, Word::new(judgement, now), now);
    };
    observe(&mut story, lossy(10));
    story.wait(5);
    story.engine.take_changes();
    observe(&mut story, lossy(20));
    assert_eq!(story.only().reason.args["loss_percent"], "20");
    let changes = story.engine.take_changes();
    assert_eq!((changes.states.len(), changes.incidents.len()), (1, 0));
    let since = story.state("device/core").since;
    assert_eq!(since, START, "another figure keeps the time");
    story.says("device/core", DOWN).says("device/core", DEGRADED);
    assert_eq!(events(story.only()), ["opened degraded", "changed down", "changed degraded"]);
    assert_eq!(story.only().severity, IncidentSeverity::Critical, "the worst that it has been");
}

#[test]
fn somebody_takes_it_on() {
    let mut story = chain();
    story.says("device/core", DOWN).wait(5);
    let now = story.now;
    assert_eq!(story.engine.acknowledge(7, "amal", "", now), Err(Refusal::NotOpen(7)));
    story.engine.acknowledge(1, "amal", "on my way", now).expect("it is open");
    assert_eq!(events(story.only()), ["opened down", "acknowledged by amal"]);
    let taken = story.only().acknowledged.clone().expect("it is taken on");
    assert_eq!((taken.by.as_str(), taken.note.as_str(), taken.at), ("amal", "on my way", now));
    story.says("device/core", OK);
    assert_eq!(story.engine.acknowledge(1, "amal", "", now), Err(Refusal::NotOpen(1)));
}

#[test]
fn what_is_configured_away_ends_and_is_told() {
    let mut story = Story::new({
        let mut graph = Graph::default();
        graph.insert(s("target/t"), Node::default());
        graph
    });
    story.sees("a", "target/t", DOWN).wait(5);
    assert_eq!(story.open(), ["target/t"]);
    story.engine.configure(Graph::default(), story.now);
    assert_eq!(story.open(), ["target/t"], "somebody still speaks of it");
    story.engine.take_changes();
    story.engine.forget_witness(&agent("a"), story.now);
    assert_eq!(story.open(), [""; 0]);
    let changes = story.engine.take_changes();
    assert_eq!(changes.states.len(), 1);
    assert_eq!(changes.states[0].after, None);
    assert_eq!(story.engine.entities().count(), 0);
    assert_eq!(story.engine.next_deadline(), None, "nothing is left behind");
}

#[test]
fn a_very_long_list_of_sufferers_is_bounded_and_nothing_else_is() {
    let mut graph = Graph::default();
    graph.insert(s("device/core"), Node::default());
    for n in 0..600 {
        graph.insert(s(&format!("target/t{n}")), needs(&["device/core"]));
    }
    let mut story = Story::new(graph);
    for n in 0..600 {
        story.says(&format!("target/t{n}"), DOWN);
    }
    story.says("device/core", DOWN).wait(5);
    story.says("device/core", DEGRADED).says("device/core", DOWN).says("device/core", OK);
    let ended = story.last_ended();
    assert_eq!((ended.timeline.len(), ended.affected.len()), (Incident::MAX_TIMELINE, 600));
    assert_eq!(events(ended).last().map(String::as_str), Some("ended"));
    assert!(ended.omitted > 100);
}
