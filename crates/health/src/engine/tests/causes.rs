use super::*;

#[expect(clippy::unnecessary_wraps, reason = "it stands beside None")]
fn by(root: &str) -> Option<String> {
    Some(root.to_owned())
}

fn up(lines: &[&str]) -> Story {
    let mut story = Story::new(branch(lines));
    for name in ["centre", "gw"] {
        story.says(&format!("agent/{name}"), OK);
    }
    for line in lines {
        story.says(&format!("target/{line}"), OK);
    }
    story.sees("gw", "device/sw", OK).says("target/portal", OK);
    story
}

#[test]
fn a_line_is_the_cause_and_all_behind_it_suffers() {
    let mut story = up(&["line"]);
    assert_eq!(story.is("site/b"), (OK, "uplinks_up", None));
    story.sees("gw", "machine/gw", OK).sees("gw", "disk/gw//var", OK);
    story.says("agent/gw", DOWN).wait(41).says("target/portal", DOWN).says("target/line", DOWN);
    assert_eq!(story.is("target/line"), (DOWN, "target_silent", None));
    assert_eq!(story.is("site/b"), (DOWN, "uplinks_down", by("target/line")));
    assert_eq!(story.state("site/b").reason.args["names"], "line");
    assert_eq!(story.is("agent/gw"), (DOWN, "target_silent", by("target/line")));
    assert_eq!(story.is("disk/gw//var"), (UNKNOWN, "not_heard", by("target/line")));
    assert_eq!(story.is("device/sw"), (UNKNOWN, "not_heard", by("target/line")));
    assert_eq!(story.is("target/portal"), (DOWN, "target_silent", by("target/line")), "through the switch");
    assert!(story.state("device/sw").confidence < 0.01);
    assert_eq!(story.is("agent/centre"), (OK, "target_answers", None));
}

#[test]
fn one_of_two_lines_lost_is_lost_redundancy_and_explains_no_other_trouble() {
    let mut story = up(&["fibre", "radio"]);
    story.says("target/fibre", DOWN);
    assert_eq!(story.is("site/b"), (DEGRADED, "uplinks_down", by("target/fibre")));
    let args = &story.state("site/b").reason.args;
    assert_eq!((args["count"].as_str(), args["total"].as_str()), ("1", "2"));
    assert_eq!(story.is("agent/gw").0, OK);
    story.sees("gw", "device/sw", DOWN).says("agent/gw", DEGRADED);
    assert_eq!(story.is("device/sw"), (DOWN, "target_silent", None));
    assert_eq!(story.is("agent/gw"), (DEGRADED, "target_lossy", None));
}

#[test]
fn all_lines_down_at_once_are_one_trouble_of_the_site() {
    let mut story = up(&["fibre", "radio"]);
    story.says("target/radio", DOWN).says("target/fibre", DOWN).says("agent/gw", DOWN);
    assert_eq!(story.is("site/b"), (DOWN, "uplinks_down", None));
    for symptom in ["target/radio", "target/fibre", "agent/gw"] {
        assert_eq!(story.is(symptom).2, by("site/b"), "{symptom}");
    }
    story.wait(5);
    assert_eq!(story.open(), ["site/b"]);
    story.says("target/radio", OK).wait(20).says("agent/gw", OK);
    assert_eq!(story.is("site/b"), (DEGRADED, "uplinks_down", by("target/fibre")));
    assert_eq!(
        story.open(),
        ["site/b"],
        "while the other line may be on its way back, it is the same trouble"
    );
    story.wait(40);
    assert_eq!(story.open(), ["target/fibre"]);
    story.says("target/fibre", OK);
    assert_eq!(story.open(), [""; 0]);
}

#[test]
fn lines_with_a_common_cause_are_not_turned_round() {
    let mut graph = branch(&["fibre", "radio"]);
    for line in ["target/fibre", "target/radio"] {
        graph.insert(s(line), needs(&["device/core"]));
    }
    graph.insert(s("device/core"), Node::default());
    let mut story = Story::new(graph);
    story.says("target/fibre", DOWN).says("target/radio", DOWN);
    assert_eq!(story.is("target/fibre").2, by("site/b"));
    story.says("device/core", DOWN);
    for symptom in ["target/fibre", "target/radio", "site/b"] {
        assert_eq!(story.is(symptom).2, by("device/core"), "{symptom}");
    }
}

#[test]
fn a_line_that_serves_two_sites_is_its_own_cause() {
    let mut graph = branch(&["fibre", "radio"]);
    let ring = Node { depends_on: vec![Dependency::AnyOf(vec![s("target/fibre")])], ..Node::default() };
    graph.insert(s("site/next"), ring);
    let mut story = Story::new(graph);
    story.says("target/fibre", DOWN).says("target/radio", DOWN).wait(5);
    assert_eq!(story.open(), ["target/fibre", "target/radio"]);
    assert_eq!(story.is("site/next").2, by("target/fibre"));
}

#[test]
fn being_slow_travels_along_a_dependency_and_not_along_place_or_ownership() {
    let mut graph = Graph::default();
    graph.insert(s("target/library"), needs(&["target/line"]));
    graph.insert(s("target/line"), Node::default());
    graph.insert(s("machine/m"), Node::default());
    let mut story = Story::new(graph);
    story.says("target/line", DEGRADED).says("target/library", DEGRADED);
    assert_eq!(story.is("target/library").2, by("target/line"));
    story.says("target/library", DOWN);
    assert_eq!(story.is("target/library").2, None, "a slow line makes nothing go down");
    story.says("machine/m", DEGRADED).says("disk/m//", DEGRADED);
    assert_eq!(story.is("disk/m//").2, None, "little memory fills no disk");
}

#[test]
fn without_lines_a_site_is_judged_by_its_sessions() {
    let mut graph = Graph::default();
    let witnesses = vec![agent("a"), agent("b")];
    graph.insert(s("site/x"), Node { witnesses, ..Node::default() });
    graph.insert(s("agent/a"), there("x"));
    graph.insert(s("agent/b"), there("x"));
    let mut story = Story::new(graph);
    assert_eq!(story.is("site/x"), (UNKNOWN, "not_observed", None));
    story.says("agent/a", OK);
    assert_eq!(story.is("site/x"), (OK, "site_reachable", None));
    story.says("agent/a", DOWN);
    assert_eq!(story.is("site/x"), (DOWN, "site_silent", None), "the other was never there");
    assert_eq!(story.is("agent/a").2, by("site/x"));
    let leaving = Word::of_agent(false, Some(story.now), None, story.now);
    story.engine.observe(&s("agent/b"), None, leaving, story.now);
    assert_eq!(story.is("site/x").0, UNKNOWN);
    story.wait(30);
    assert_eq!(story.is("site/x"), (DOWN, "site_silent", None));
    assert_eq!(story.state("site/x").reason.args["count"], "2");
}

#[test]
fn a_site_whose_lines_nobody_sees_is_one_silent_site_and_not_many_lost_agents() {
    let mut story = up(&["line"]);
    story.sees("centre", "target/line", OK);
    story.engine.forget(&s("target/line"), None, story.now);
    for name in ["agent/centre", "agent/gw"] {
        story.says(name, DOWN);
    }
    story.wait(100);
    assert_eq!(story.is("target/line"), (UNKNOWN, "not_heard", by("site/centre")));
    let mut open = story.open();
    open.sort();
    assert_eq!(open, ["site/b", "site/centre"]);
}

#[test]
fn a_line_of_which_nothing_is_known_does_not_hide_the_cause() {
    let mut story = up(&["fibre", "radio"]);
    story.engine.forget(&s("target/radio"), None, story.now);
    story.says("target/fibre", DEGRADED);
    assert_eq!(story.is("site/b"), (DEGRADED, "uplinks_degraded", by("target/fibre")));
    story.says("agent/gw", DOWN);
    assert_eq!(story.is("agent/gw").2, None, "a slow line makes nothing go down");
    story.says("target/fibre", DOWN);
    assert_eq!(story.is("site/b"), (DOWN, "site_silent", by("target/fibre")));
    assert_eq!(story.is("agent/gw").2, by("target/fibre"));
}

#[test]
fn a_lost_witness_leaves_nothing_down() {
    let mut story = up(&["line"]);
    story.sees("gw", "device/sw", DOWN).wait(10);
    assert_eq!(story.open(), ["device/sw"]);
    story.says("agent/gw", DOWN).wait(40);
    assert_eq!(story.is("device/sw"), (UNKNOWN, "not_heard", by("agent/gw")));
    assert_eq!(story.open(), ["agent/gw"], "what nobody sees any more is part of not being seen");
}

#[test]
fn the_worst_word_of_those_who_know_decides() {
    let mut graph = Graph::default();
    let witnesses = vec![agent("a"), agent("b")];
    graph.insert(s("target/t"), Node { witnesses, ..Node::default() });
    let mut story = Story::new(graph);
    story.sees("a", "target/t", OK);
    assert_eq!((story.is("target/t").0, story.state("target/t").confidence), (OK, 0.5));
    story.sees("b", "target/t", DOWN);
    assert_eq!((story.is("target/t").0, story.state("target/t").confidence), (DOWN, 1.0));
    let view = story.engine.view(&s("target/t")).expect("it is there");
    assert_eq!(view.witness.map(AgentId::as_str), Some("b"));
    story.wait(30).sees("a", "target/t", OK).wait(10);
    assert_eq!((story.is("target/t").0, story.state("target/t").confidence), (OK, 0.5));
}

#[test]
fn one_server_of_two_lost_is_told_where_it_matters() {
    let mut graph = Graph::default();
    let either = Dependency::AnyOf(vec![s("target/ns1"), s("target/ns2")]);
    graph.insert(s("target/portal"), Node { depends_on: vec![either], ..Node::default() });
    graph.insert(s("target/ns1"), Node::default());
    graph.insert(s("target/ns2"), Node::default());
    let mut story = Story::new(graph);
    story.says("target/portal", OK).says("target/ns1", DOWN).says("target/ns2", OK).wait(5);
    assert_eq!(story.is("target/portal"), (DEGRADED, "redundancy_lost", by("target/ns1")));
    assert_eq!(story.state("target/portal").reason.args["names"], "ns1");
    story.says("target/portal", DOWN);
    assert_eq!(story.is("target/portal").2, None, "one server is left, so it is another trouble");
    story.says("target/ns2", DOWN);
    assert_eq!(story.is("target/portal"), (DOWN, "target_silent", by("target/ns1")));
}

#[test]
fn activity_and_proof_pass_through() {
    use wasl_model::health::Proof;
    let mut story = Story::new(Graph::default());
    let judgement = Judgement { activity: Some("asleep".into()), proof: Some(Proof::Due), ..judged(DOWN) };
    story.engine.observe(&s("backup_job/j"), None, Word::new(judgement, START), START);
    let scope = wasl_model::MaintenanceScope::Subject(s("backup_job/j"));
    story.engine.set_maintenance(maintenance::planned(1, scope, 0, 10), START).expect("planned");
    let state = story.state("backup_job/j");
    assert_eq!(state.health, Health::Maintenance);
    assert_eq!((state.activity.as_deref(), state.proof), (Some("asleep"), Some(Proof::Due)));
}
