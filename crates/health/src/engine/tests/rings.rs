use super::*;

const LINKS: [&str; 4] = ["link/a-b", "link/b-c", "link/c-d", "link/d-a"];

/// A ring of four places; the site `b` hangs on two of its links.
fn ring() -> Story {
    let links = |names: &[&str]| Dependency::AnyOf(names.iter().map(|name| s(name)).collect());
    let mut graph = Graph::default();
    graph.insert(s("ring/north"), Node { depends_on: vec![links(&LINKS)], ..Node::default() });
    graph.insert(s("site/b"), Node { depends_on: vec![links(&LINKS[..2])], ..Node::default() });
    for link in LINKS {
        graph.insert(s(link), Node::default());
    }
    let mut story = Story::new(graph);
    for link in LINKS {
        story.says(link, OK);
    }
    story
}

#[test]
fn broken_once_it_is_degraded_although_every_place_is_joined() {
    let mut story = ring();
    assert_eq!(story.is("ring/north"), (OK, "ring_whole", None));
    story.says("link/b-c", DOWN);
    assert_eq!(story.is("ring/north"), (DEGRADED, "ring_broken", Some("link/b-c".to_owned())));
    assert_eq!(story.state("ring/north").reason.args["names"], "b-c");
    assert_eq!(story.is("site/b").0, DEGRADED, "it has lost its reserve");
    story.wait(6);
    assert_eq!(story.open(), ["link/b-c"], "one break is one incident");
}

#[test]
fn broken_twice_it_is_parted_and_the_breaks_are_the_causes() {
    let mut story = ring();
    story.says("link/b-c", DOWN).says("link/d-a", DOWN);
    assert_eq!(story.is("ring/north"), (DOWN, "ring_parted", Some("link/b-c".to_owned())));
    story.wait(6);
    assert_eq!(story.open(), ["link/b-c", "link/d-a"]);
    story.says("link/b-c", OK);
    assert_eq!(story.is("ring/north").0, DEGRADED);
    story.says("link/d-a", OK);
    assert_eq!(story.is("ring/north"), (OK, "ring_whole", None));
}

#[test]
fn a_slow_link_breaks_no_ring_and_an_unseen_one_leaves_it_open() {
    let mut story = ring();
    story.says("link/c-d", DEGRADED);
    assert_eq!(story.is("ring/north").0, OK);
    story.says("link/c-d", UNKNOWN);
    assert_eq!(story.is("ring/north").0, UNKNOWN);
    story.says("link/d-a", DOWN);
    assert_eq!(story.is("ring/north").0, DEGRADED, "it is broken here, whatever is there");
}

#[test]
fn a_place_cut_off_on_both_sides_is_one_trouble_of_the_place() {
    let mut story = ring();
    story.says("link/a-b", DOWN).says("link/b-c", DOWN);
    assert_eq!(story.is("site/b"), (DOWN, "uplinks_down", None));
    assert_eq!(story.is("link/a-b").2.as_deref(), Some("site/b"));
    story.wait(6);
    assert_eq!(story.open(), ["site/b"]);
    assert_eq!(story.is("ring/north").0, DOWN);
}
