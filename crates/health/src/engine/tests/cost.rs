//! Cost follows the change; counted in entities and relations looked at, because a clock would measure
//! the machine.

use super::*;

const SITES: usize = 25;
const MACHINES: usize = 200;

/// 25 branches with a line and 200 machines each, with an agent and a file system on every machine.
fn institution() -> Story {
    let mut graph = Graph::default();
    graph.insert(s("agent/centre"), Node::default());
    for b in 0..SITES {
        let line = s(&format!("target/line-{b}"));
        graph.insert(line.clone(), Node { witnesses: vec![agent("centre")], ..Node::default() });
        let leads = vec![Dependency::AnyOf(vec![line])];
        let witnesses = vec![agent(&format!("b{b}-0"))];
        graph.insert(s(&format!("site/b{b}")), Node { depends_on: leads, witnesses, ..Node::default() });
        for m in 0..MACHINES {
            graph.insert(s(&format!("agent/b{b}-{m}")), there(&format!("b{b}")));
        }
    }
    let mut story = Story::new(graph);
    story.says("agent/centre", OK);
    for b in 0..SITES {
        story.says(&format!("target/line-{b}"), OK);
        for m in 0..MACHINES {
            story.says(&format!("agent/b{b}-{m}"), OK);
            story.sees(&format!("b{b}-{m}"), &format!("machine/b{b}-{m}"), OK);
            story.sees(&format!("b{b}-{m}"), &format!("disk/b{b}-{m}//"), OK);
        }
    }
    story.engine.take_changes();
    story
}

fn cost(story: &mut Story, act: impl FnOnce(&mut Story) -> &mut Story) -> u64 {
    let before = story.engine.work();
    act(story);
    story.engine.work() - before
}

#[test]
fn a_word_among_15_000_entities_costs_what_it_changes() {
    let mut story = institution();
    assert!(story.engine.entities().count() > 15_000);
    let same = cost(&mut story, |story| story.sees("b3-7", "disk/b3-7//", OK));
    assert!(same < 5, "a word that changes nothing looked at {same}");
    let disk = cost(&mut story, |story| story.sees("b3-7", "disk/b3-7//", DOWN));
    assert!(disk < 20, "a full disk looked at {disk}");
    let machine = cost(&mut story, |story| story.sees("b3-7", "machine/b3-7", DEGRADED));
    assert!(machine < 20, "a machine short of memory looked at {machine}");
    let lost = cost(&mut story, |story| story.says("agent/b3-7", DOWN));
    assert!(lost < 20, "a lost agent looked at {lost}");
    let opened = cost(&mut story, |story| story.wait(5));
    assert!(opened < 20, "two incidents looked at {opened}");
    assert_eq!(story.open().len(), 3);
    assert_eq!(story.engine.take_changes().states.len(), 3);
    let idle = cost(&mut story, |story| story.wait(5));
    assert_eq!(idle, 0, "nothing is due");

    let cut = cost(&mut story, |story| story.says("target/line-4", DOWN));
    let behind = 3 * MACHINES as u64;
    assert!(cut > behind && cut < 6 * behind, "a cut branch of {behind} entities looked at {cut}");
}
