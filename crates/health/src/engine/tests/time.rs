use super::*;
use crate::engine::{Changes, Saved, SavedEntity};
use wasl_model::{BackupEvidence, BackupOutcome, units::Millis};

#[test]
fn an_older_word_never_replaces_a_newer_one() {
    let mut story = Story::new(Graph::default());
    story.wait(100).sees("a", "target/t", OK);
    let late = Word::new(judged(DOWN), at(99));
    story.engine.observe(&s("target/t"), Some(agent("a")), late.clone(), story.now);
    assert_eq!(story.is("target/t").0, OK);
    story.engine.observe(&s("target/t"), Some(agent("b")), late, story.now);
    assert_eq!(story.is("target/t").0, DOWN, "another witness has its own word");
}

#[test]
fn what_is_told_long_after_raises_nothing() {
    let mut story = Story::new(Graph::default());
    story.wait(1000);
    let word = Word::sampled(judged(DOWN), at(900), Duration::from_secs(10));
    story.engine.observe(&s("target/t"), Some(agent("a")), word, story.now);
    assert_eq!(story.is("target/t"), (UNKNOWN, "not_heard", None));
    assert_eq!(story.state("target/t").reason.args["since"], at(900).0.to_string());
    story.wait(100);
    assert_eq!(story.open(), [""; 0]);
    assert_eq!(story.engine.ended().count(), 0);
}

#[test]
fn a_clock_that_is_ahead_neither_prolongs_a_word_nor_locks_it_in() {
    let mut story = Story::new(Graph::default());
    let ahead = Word::sampled(judged(DOWN), at(3600), Duration::from_secs(10));
    story.engine.observe(&s("target/t"), Some(agent("a")), ahead, story.now);
    assert_eq!(story.is("target/t").0, DOWN);
    story.wait(1).sees("a", "target/t", OK);
    assert_eq!(story.is("target/t").0, OK);
    let ahead = Word::sampled(judged(DOWN), at(50), Duration::from_secs(10));
    story.engine.observe(&s("target/t"), Some(agent("a")), ahead, story.now);
    story.wait(40);
    assert_eq!(story.is("target/t").0, UNKNOWN);
}

#[test]
fn words_turn_at_their_own_time_however_seldom_the_engine_is_asked() {
    let mut story = Story::new(Graph::default());
    story.wait(10);
    let word = Word::of_agent(false, Some(at(5)), None, story.now);
    story.engine.observe(&s("agent/a"), None, word, story.now);
    assert_eq!(story.is("agent/a").0, UNKNOWN);
    assert_eq!(story.engine.next_deadline(), Some(at(35)));
    story.wait(500);
    assert_eq!((story.is("agent/a").0, story.state("agent/a").since), (DOWN, at(35)));
    assert_eq!(story.only().opened, at(35));
    assert_eq!(story.only().timeline[0].at, at(35));
}

#[test]
fn a_backup_grows_stale_without_a_word() {
    let evidence = BackupEvidence {
        tool: "restic".into(),
        tool_version: String::new(),
        outcome: BackupOutcome::Read,
        snapshots: 3,
        newest_at: Some(at(0)),
        newest_id: None,
        newest_bytes: None,
        took: Millis(1),
        detail: String::new(),
    };
    let mut story = Story::new(Graph::default());
    let hour = Duration::from_secs(3600);
    let word = Word::of_backup(&evidence, hour, at(60), hour);
    story.engine.observe(&s("backup_job/j"), Some(agent("a")), word, at(60));
    story.wait(3600);
    assert_eq!(story.is("backup_job/j").1, "backup_fresh");
    story.wait(1);
    assert_eq!(story.is("backup_job/j").1, "backup_stale");
    story.wait(3 * 3600);
    assert_eq!(story.is("backup_job/j").1, "not_heard");
}

#[test]
fn a_certificate_is_noticed_when_its_time_comes() {
    let days = |n: u64| n * 86_400;
    let sample = wasl_model::AgentSample { certificate_expires: Some(at(days(20))), ..Default::default() };
    let mut story = Story::new(Graph::default());
    let word = Word::of_agent(true, Some(at(0)), Some(&sample), at(0));
    story.engine.observe(&s("agent/a"), None, word, at(0));
    story.wait(days(15));
    assert_eq!(story.is("agent/a").1, "agent_connected");
    story.wait(1);
    assert_eq!(story.is("agent/a").1, "agent_certificate_ends");
}

#[test]
fn since_survives_another_configuration_and_a_restart() {
    let graph = branch(&["line"]);
    let mut story = Story::new(graph.clone());
    story.says("target/line", DOWN).wait(100);
    story.engine.configure(graph.clone(), story.now);
    assert_eq!(story.state("target/line").since, START);
    let kept = story.engine.export();
    story.engine = Engine::restore(Policy::default(), graph.clone(), kept.clone(), story.now);
    assert_eq!(story.engine.take_changes(), Changes::default(), "nothing has changed");
    assert_eq!((story.state("target/line").since, story.open()), (START, vec!["target/line".to_owned()]));

    let only_incidents = Saved {
        clock: kept.clock,
        incidents: kept.incidents,
        next_incident: kept.next_incident,
        ..Default::default()
    };
    story.engine = Engine::restore(Policy::default(), graph, only_incidents, story.now);
    assert_eq!(story.open(), ["target/line"], "unknown for the moment, and not over");
    story.wait(1).says("target/line", DOWN).wait(100);
    let told = events(story.only());
    assert_eq!((story.only().id, story.only().affected.len()), (1, 4));
    assert_eq!(told.iter().filter(|e| e.starts_with("changed")).count(), 2, "{told:?}");
}

#[test]
fn a_controller_that_was_away_blames_nobody_for_its_absence() {
    let mut story = Story::new(branch(&["line"]));
    story.says("target/line", OK).says("agent/centre", OK);
    let leaving = Word::of_agent(false, Some(story.now), None, story.now);
    story.engine.observe(&s("agent/gw"), None, leaving, story.now);
    story.says("target/portal", DOWN).wait(4);
    let kept = story.engine.export();
    story.now = at(600);
    story.engine = Engine::restore(Policy::default(), branch(&["line"]), kept, story.now);
    story.wait(4);
    assert_eq!(story.open(), [""; 0]);
    story.says("agent/gw", OK).says("target/portal", OK).wait(100);
    assert_eq!(story.engine.export().next_incident, 1, "nothing was ever opened");
}

#[test]
fn states_incidents_and_last_words_are_enough_to_go_on() {
    let mut story = Story::new(branch(&["line"]));
    story.sees("gw", "disk/gw//var", DOWN).sees("gw", "device/sw", OK).wait(20);
    story.says("target/line", DOWN).wait(10);
    let incidents: Vec<Incident> = story.engine.incidents().cloned().collect();
    assert_eq!(incidents.len(), 1, "the full disk is part of the cut");
    let states: Vec<_> = story.engine.entities().map(|(s, state)| (s.clone(), state.clone())).collect();

    let lasting = |health| Word::sampled(judged(health), START, Duration::from_secs(10));
    let entity = |(subject, state): (Subject, EntityState)| {
        let words = match subject.to_string().as_str() {
            "disk/gw//var" => vec![(Some(agent("gw")), lasting(DOWN))],
            "device/sw" => vec![(Some(agent("gw")), lasting(OK))],
            "target/line" => vec![(None, Word::new(judged(DOWN), at(20)))],
            _ => Vec::new(),
        };
        SavedEntity::known(subject, Some(state), words, at(20))
    };
    let entities = states.iter().cloned().map(entity).collect();
    let saved = Saved { entities, incidents: incidents.clone(), next_incident: 3, ..Saved::default() };
    story.engine = Engine::restore(Policy::default(), branch(&["line"]), saved, story.now);
    assert_eq!(story.engine.take_changes(), Changes::default());
    let after: Vec<_> = story.engine.entities().map(|(s, state)| (s.clone(), state.clone())).collect();
    assert_eq!(after, states);
    story.wait(9);
    assert_eq!(story.open(), ["target/line"], "it has its incident already");
    story.says("agent/gw", OK).sees("gw", "disk/gw//var", DOWN).says("target/line", OK).wait(30);
    story.sees("gw", "disk/gw//var", DOWN).wait(30);
    assert_eq!((story.open(), story.only().id), (vec!["disk/gw//var".to_owned()], 3));
}
