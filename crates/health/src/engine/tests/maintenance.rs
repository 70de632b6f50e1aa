use super::*;
use crate::engine::Refusal;
use wasl_model::{Maintenance, MaintenanceScope};

pub(super) fn planned(id: u64, scope: MaintenanceScope, from: u64, until: u64) -> Maintenance {
    Maintenance { id, scope, from: at(from), until: at(until), by: "amal".into(), note: String::new() }
}

fn of(subject: &str) -> MaintenanceScope {
    MaintenanceScope::Subject(s(subject))
}

fn story() -> Story {
    let mut graph = branch(&["line"]);
    graph.insert(s("agent/gw"), there("b"));
    let mut story = Story::new(graph);
    story.says("agent/centre", OK).says("agent/gw", OK).says("target/line", OK);
    story.says("device/sw", OK).says("interface/sw/1", OK).says("target/portal", OK);
    story
}

#[test]
fn it_covers_the_parts_ends_the_incident_and_explains_what_depends_on_it() {
    let mut story = story();
    story.says("interface/sw/1", DOWN).wait(10);
    assert_eq!(story.open(), ["interface/sw/1"]);
    story.engine.set_maintenance(planned(3, of("device/sw"), 20, 100), story.now).expect("planned");
    assert_eq!(story.is("device/sw").0, OK, "it has not begun");
    story.wait(10);
    for covered in ["device/sw", "interface/sw/1"] {
        assert_eq!(story.is(covered), (Health::Maintenance, "in_maintenance", None), "{covered}");
    }
    assert_eq!(story.state("device/sw").reason.args["until"], at(100).0.to_string());
    assert_eq!(events(story.last_ended()), ["opened down", "maintenance 3"]);
    story.says("device/sw", DOWN).says("target/portal", DOWN).wait(70);
    assert_eq!(story.is("target/portal"), (DOWN, "target_silent", Some("device/sw".into())));
    assert_eq!(story.open(), [""; 0]);
    story.wait(10);
    assert_eq!(story.is("device/sw"), (DOWN, "target_silent", None));
    assert_eq!(story.open(), [""; 0], "the window applies");
    story.wait(5);
    assert_eq!(story.open(), ["device/sw"]);
    assert_eq!(story.only().affected.len(), 2);
    assert_eq!(story.engine.maintenances().count(), 0);
}

#[test]
fn a_site_covers_all_that_stands_there() {
    let mut story = story();
    let scope = MaintenanceScope::Site(site("b").expect("a site"));
    story.engine.set_maintenance(planned(1, scope, 0, 100), story.now).expect("planned");
    for covered in ["site/b", "agent/gw", "device/sw", "interface/sw/1", "target/line"] {
        assert_eq!(story.is(covered).0, Health::Maintenance, "{covered}");
    }
    assert_eq!(story.is("agent/centre").0, OK);
    story.says("target/line", DOWN).says("agent/gw", DOWN).says("target/portal", DOWN).wait(50);
    assert_eq!(story.open(), [""; 0]);
    assert!(story.is("target/portal").2.is_some());
    story.engine.end_maintenance(1, story.now).expect("it is under way");
    assert_eq!(story.engine.end_maintenance(1, story.now), Err(Refusal::NoMaintenance(1)));
    assert_eq!(story.is("target/portal").2.as_deref(), Some("target/line"));
    story.wait(5);
    assert_eq!(story.open(), ["target/line"]);
}

#[test]
fn an_open_incident_below_ends_when_the_cause_is_being_worked_on() {
    let mut story = story();
    story.says("target/portal", DOWN).wait(5);
    assert_eq!(story.open(), ["target/portal"]);
    story.says("device/sw", DOWN).wait(1);
    assert_eq!(story.open(), ["target/portal"], "the cause waits for its window");
    story.engine.set_maintenance(planned(9, of("device/sw"), 0, 100), story.now).expect("planned");
    assert_eq!(story.open(), [""; 0]);
    assert_eq!(events(story.last_ended()), ["opened down", "maintenance 9"]);
}

#[test]
fn working_on_the_only_gateway_explains_a_silent_site() {
    let mut graph = Graph::default();
    graph.insert(s("site/x"), Node { witnesses: vec![agent("gw")], ..Node::default() });
    graph.insert(s("agent/gw"), there("x"));
    let mut story = Story::new(graph);
    story.says("agent/gw", OK).says("agent/gw", DOWN);
    assert_eq!(story.is("site/x"), (DOWN, "site_silent", None));
    story.engine.set_maintenance(planned(1, of("machine/gw"), 0, 100), story.now).expect("planned");
    assert_eq!(story.is("agent/gw").0, Health::Maintenance, "an agent is part of its machine");
    assert_eq!(story.is("site/x").2.as_deref(), Some("agent/gw"));
    story.wait(50);
    assert_eq!(story.open(), [""; 0]);
}

#[test]
fn two_overlap_and_the_longer_one_counts() {
    let mut story = story();
    story.engine.set_maintenance(planned(1, of("device/sw"), 0, 50), story.now).expect("planned");
    story.engine.set_maintenance(planned(2, of("device/sw"), 0, 80), story.now).expect("planned");
    assert_eq!(story.state("device/sw").reason.args["until"], at(80).0.to_string());
    story.wait(60);
    assert_eq!(story.is("device/sw").0, Health::Maintenance);
    story.engine.set_maintenance(planned(2, of("device/sw"), 0, 55), story.now).expect("shortened");
    assert_eq!(story.is("device/sw").0, OK);
    let empty = planned(4, of("device/sw"), 9, 9);
    assert_eq!(story.engine.set_maintenance(empty, story.now), Err(Refusal::Empty(4)));
}

#[test]
fn a_part_of_a_part_that_nobody_saw_is_covered_too() {
    let mut graph = Graph::default();
    let part_of = Some(s("interface/sw/1"));
    graph.insert(s("target/behind"), Node { part_of, ..Node::default() });
    let mut story = Story::new(graph);
    story.engine.set_maintenance(planned(1, of("machine/sw"), 10, 20), story.now).expect("planned");
    story.says("target/behind", DOWN).wait(10);
    assert_eq!(story.is("target/behind").0, Health::Maintenance);
    story.wait(10);
    assert_eq!(story.is("target/behind").0, DOWN);
}

/// Catches: a backup that is said to wait while it carries, because the primary is down as planned.
#[test]
fn what_is_being_worked_on_is_felt_as_it_is() {
    let mut story = story();
    story.engine.set_maintenance(planned(1, of("target/line"), 0, 100), story.now).expect("planned");
    story.says("target/line", DOWN);
    assert_eq!(story.is("target/line").0, Health::Maintenance);
    assert_eq!(story.engine.felt(&s("target/line")), DOWN);
    story.engine.take_changes();
    story.engine.set_activity(&s("target/portal"), "backup", story.now);
    assert!(story.engine.has_changed(s("target/portal").kind), "what it does is told");
    assert_eq!(story.state("target/portal").activity.as_deref(), Some("backup"));
    story.engine.take_changes();
    story.engine.set_activity(&s("target/portal"), "backup", story.now);
    assert!(!story.engine.has_changed(s("target/portal").kind), "it is the same as before");
}
