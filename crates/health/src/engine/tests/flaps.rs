use super::*;

#[test]
fn what_changes_again_and_again_is_one_trouble_until_it_is_steady() {
    let mut story = Story::new(Graph::default());
    story.says("target/t", OK);
    for _ in 0..20 {
        story.wait(10).says("target/t", DOWN).wait(10).says("target/t", OK);
    }
    assert_eq!(story.is("target/t"), (DEGRADED, "flapping", None));
    assert_eq!(story.state("target/t").reason.args["window_s"], "600");
    let id = story.only().id;
    assert_eq!(id, 3, "two short troubles, and then one long one");
    story.wait(579);
    assert_eq!(story.is("target/t").0, DEGRADED);
    story.wait(11);
    assert_eq!(story.is("target/t"), (OK, "target_answers", None));
    assert_eq!(story.open(), [""; 0]);
    assert_eq!(events(story.last_ended()).last().map(String::as_str), Some("ended"));
    assert_eq!(story.last_ended().id, id);
}

#[test]
fn what_flaps_is_called_down_whenever_it_is_and_stays_one_trouble() {
    let mut story = Story::new(Graph::default());
    story.says("target/t", OK);
    for _ in 0..3 {
        story.wait(10).says("target/t", DOWN).wait(10).says("target/t", OK);
    }
    assert_eq!(story.is("target/t"), (DEGRADED, "flapping", None));
    let id = story.only().id;
    for _ in 0..10 {
        assert_eq!(story.wait(10).says("target/t", DOWN).is("target/t").0, DOWN);
        assert_eq!(story.wait(10).says("target/t", OK).is("target/t"), (DEGRADED, "flapping", None));
    }
    assert_eq!(story.only().id, id);
}

#[test]
fn what_goes_up_and_down_with_its_cause_does_not_flap() {
    let mut graph = Graph::default();
    graph.insert(s("device/core"), Node::default());
    graph.insert(s("target/t"), needs(&["device/core"]));
    let mut story = Story::new(graph);
    story.says("device/core", OK).says("target/t", OK);
    for _ in 0..20 {
        story.wait(5).says("device/core", DOWN).says("target/t", DOWN);
        story.wait(5).says("device/core", OK).says("target/t", OK);
    }
    assert_eq!(story.is("device/core").1, "flapping");
    assert_eq!(story.is("target/t").0, OK);
    story.says("device/core", DOWN).says("target/t", DOWN).wait(20);
    assert_eq!(story.is("target/t").2.as_deref(), Some("device/core"), "held as degraded, it still cuts");
    assert_eq!(story.open(), ["device/core"]);
}

#[test]
fn not_being_seen_is_no_change() {
    let mut story = Story::new(Graph::default());
    for _ in 0..10 {
        story.sees("a", "target/t", OK).wait(50);
        assert_eq!(story.is("target/t").0, UNKNOWN);
    }
    assert_eq!(story.sees("a", "target/t", OK).is("target/t").0, OK);
}
