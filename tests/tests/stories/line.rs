//! Branches whose line is cut, slow or lossy.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use wasl_tests::centre::{Agent, Centre, END};
use wasl_tests::client::Event;
use wasl_tests::net::Net;
use wasl_tests::wait::{self, now_ms};
use wasl_tests::{packages, skip};

use nix::sys::signal::Signal;

/// The time between two readings of a machine, and between two windows of probes.
const EVERY_MS: i64 = 1_000;
/// The longest time between two points of a series that counts as no hole. Two processors shared by two
/// stories and a compiler make a reading late, never missing.
const HOLE_MS: i64 = 3 * EVERY_MS;
/// How soon after the line is back the present is seen: a connection that is being tried again doubles its
/// pauses, so this is seconds.
const PRESENT: Duration = Duration::from_secs(25);

/// The centre, two branches, and an agent in each.
struct University {
    branches: Vec<Agent>,
    centre: Centre,
    net: Net,
    _dir: TempDir,
}

impl University {
    fn open() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let net = Net::centre_and_branches(2);
        let centre_address = net.centre_address();
        let configuration = format!(
            "institution:
  id: story
  name: {{ en: Story }}
  timezone: Asia/Hebron
defaults: {{ host_every: 1s, window: 1s, probe_every: 200ms, probe_timeout: 800ms }}
sites:
  one: {{ name: {{ en: One }} }}
  two: {{ name: {{ en: Two }} }}
agents:
  branch-1: {{ site: one, role: gateway }}
  branch-2: {{ site: two, role: gateway }}
targets:
  centre-from-1: {{ address: {centre_address}, from: [branch-1] }}
  centre-from-2: {{ address: {centre_address}, from: [branch-2] }}
"
        );
        let http = "127.0.0.1:8080".parse().expect("an address");
        let centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
        let mut branches: Vec<Agent> = [("one", "branch-1"), ("two", "branch-2")]
            .iter()
            .zip(1..)
            .map(|((site, name), number)| {
                Agent::join(&centre, &net.branch(number), dir.path(), site, "gateway", name)
            })
            .collect();
        for agent in &mut branches {
            agent.start();
        }
        let open = Self { branches, centre, net, _dir: dir };
        for number in 1..=2 {
            open.centre.await_agent(&format!("branch-{number}"));
            open.centre.await_entity("the target answers", &target(number), PRESENT, |entity| {
                entity["health"] == "ok" && entity["numbers"]["loss"] == 0.0
            });
            open.centre.await_entity("the machine is read", &machine(number), PRESENT, has_load);
        }
        open
    }

    /// Ends the agents in good order, so that nothing is under way, and compares both sides' accounts.
    fn everything_arrived_once(&mut self) {
        for agent in &mut self.branches {
            agent.end();
            let (own, centre) = (agent.spool(), self.centre.account_of(&agent.name));
            let number =
                |value: &Value| value.as_u64().unwrap_or_else(|| panic!("a number: {own:#} {centre:#}"));
            let produced = number(&own["produced"]);
            assert!(produced > 10, "the story was too short to prove anything: {own:#}");
            assert_eq!(own["epoch"], centre["epoch"], "{own:#} {centre:#}");
            assert_eq!(own["pending"], 0, "{own:#} {centre:#}");
            assert_eq!(produced, number(&centre["stored"]), "produced = stored: {own:#} {centre:#}");
            assert_eq!(number(&centre["first_seq"]), 1, "{centre:#}");
            assert_eq!(number(&centre["last_seq"]), produced, "{centre:#}");
            assert_eq!(number(&centre["contiguous"]), produced, "{centre:#}");
            assert!(own["dropped"].as_object().expect("by policy").values().all(|n| *n == 0), "{own:#}");
            assert_eq!(centre["dropped"], serde_json::json!({}), "{centre:#}");
            assert!(centre["duplicates_dropped"].is_u64(), "{centre:#}");
        }
    }
}

fn machine(branch: u8) -> String {
    format!("machine/branch-{branch}")
}

fn target(branch: u8) -> String {
    format!("target/centre-from-{branch}")
}

fn has_load(entity: &Value) -> bool {
    entity["numbers"]["cpu_busy"].is_number()
}

fn observed_at(entity: &Value) -> i64 {
    entity["observed_at"].as_i64().unwrap_or(0)
}

/// The points of a series between two times: ascending, none twice, and no hole.
fn unbroken(centre: &Centre, series: &str, from: i64, to: i64) -> Vec<(i64, f64)> {
    let points = centre.history(series, from, to);
    let told =
        || points.iter().map(|(at, value)| format!("{}:{value:?}", at - from)).collect::<Vec<_>>().join(" ");
    assert!(!points.is_empty(), "{series} has no history");
    for pair in points.windows(2) {
        let step = pair[1].0 - pair[0].0;
        assert!(step > 0, "{series} has two points at one time: {}", told());
        assert!(step <= HOLE_MS, "{series} has a hole of {step} ms: {}", told());
    }
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    assert!(
        first - from <= HOLE_MS && to - last <= HOLE_MS,
        "{series} begins late or ends early: {}",
        told()
    );
    points
        .iter()
        .map(|(at, value)| {
            (*at, value.unwrap_or_else(|| panic!("{series} is broken at {}: {}", at - from, told())))
        })
        .collect()
}

/// Follows the present of a branch after its line is back.
struct Return {
    healed: i64,
    begun: Instant,
    newest: HashMap<String, i64>,
}

impl Return {
    fn watch() -> Self {
        Self { healed: now_ms(), begun: Instant::now(), newest: HashMap::new() }
    }

    /// Waits until the machine and the target of branch 1 are of the present; what was seen once is never
    /// replaced by something older.
    #[expect(clippy::print_stdout, reason = "a figure for the reader of a test")]
    fn present(mut self, centre: &Centre) -> i64 {
        let paths = [machine(1), target(1)];
        wait::until_true("the present of branch-1 is seen", PRESENT, || self.look(centre, &paths));
        println!("the present was seen {:?} after the line was back", self.begun.elapsed());
        let present = now_ms();
        wait::during(Duration::from_secs(4), || {
            self.look(centre, &paths);
        });
        present
    }

    fn look(&mut self, centre: &Centre, paths: &[String]) -> bool {
        let mut present = true;
        for path in paths {
            let Some(entity) = centre.entity(path) else { return false };
            let at = observed_at(&entity);
            let newest = self.newest.entry(path.clone()).or_insert(at);
            assert!(at >= *newest, "{path} went back from {newest} to {at}");
            *newest = at;
            let sound = entity["health"] == "ok" || !path.starts_with("target/");
            present &= at > self.healed + EVERY_MS && sound;
        }
        present
    }
}

/// The changes of branch 1's target, or of its machine, to something worse, after `since`.
fn alarms(events: &[Event], since: i64) -> Vec<Value> {
    let of_the_branch =
        |event: &Value| [target(1), machine(1)].iter().any(|subject| event["subject"] == subject.as_str());
    events
        .iter()
        .map(Event::json)
        .filter(|event| of_the_branch(event) && event["at_ms"].as_i64() > Some(since))
        .filter(|event| ["down", "degraded"].iter().any(|bad| event["health"] == *bad))
        .collect()
}

/// Catches: observations lost, doubled or stamped anew on their way through a cut; a cut of one branch that
/// is felt in another; late observations that replace newer ones or raise an alarm about the past.
#[test]
fn a_branch_is_cut_for_a_while_and_everything_arrives_once_with_its_own_time() {
    if let Err(reason) = packages::need_network() {
        skip!("a_branch_is_cut_for_a_while_and_everything_arrives_once_with_its_own_time", reason);
    }
    let mut story = University::open();
    let begin = now_ms();
    let events = story.centre.client.events("/api/v1/events");

    let cut = story.net.cut(1);
    let cut_at = now_ms();
    let mut last_of_branch_1 = 0;
    wait::during(Duration::from_secs(25), || {
        let other = story.centre.entity(&machine(2)).expect("branch-2 is known");
        let age = now_ms() - observed_at(&other);
        assert!(age < 5_000, "branch-2 is {age} ms old while branch-1 is cut");
        assert_eq!(story.centre.entity(&target(2)).expect("known")["health"], "ok");
        last_of_branch_1 = observed_at(&story.centre.entity(&machine(1)).expect("known"));
    });
    assert!(last_of_branch_1 < cut_at + 2 * EVERY_MS, "the cut did not cut: something came through");
    assert!(!story.centre.is_connected("branch-1"), "a dead connection counts as one after 25 s");
    assert!(story.centre.is_connected("branch-2"));
    let noticed = events.next("branch-1 is noticed as gone", Duration::from_secs(1), |event| {
        event.json()["subject"] == "agent/branch-1" && event.json()["reason"] == "agent_disconnected"
    });
    assert!(noticed.json()["at_ms"].as_i64() > Some(cut_at), "{noticed:?}");
    cut.heal();
    let healed_at = now_ms();
    let _ = events.so_far();
    let present = Return::watch().present(&story.centre);
    let end = now_ms();

    let stale = alarms(&events.so_far(), present);
    assert!(stale.is_empty(), "alarms about what was over: {stale:#?}");
    story.everything_arrived_once();

    for series in ["machine/branch-1#cpu_busy@branch-1", "machine/branch-1#memory_used@branch-1"] {
        let points = unbroken(&story.centre, series, begin, end);
        let during = points.iter().filter(|(at, _)| (cut_at..healed_at).contains(at)).count() as i64;
        let due = (healed_at - cut_at) / EVERY_MS;
        assert!(during >= due * 8 / 10, "{series}: {during} points in {due} s of the cut");
    }
    // The branch itself saw the cut, and its own times show when.
    let loss = unbroken(&story.centre, "target/centre-from-1#loss@branch-1", begin, end);
    let margin = 2 * EVERY_MS;
    let between = |from: i64, to: i64| loss.iter().filter(move |(at, _)| (from..to).contains(at));
    assert!(between(cut_at + margin, healed_at - margin).count() > 15, "{loss:?}");
    assert!(between(cut_at + margin, healed_at - margin).all(|(_, loss)| *loss >= 1.0), "{loss:?}");
    assert!(between(begin, cut_at - margin).all(|(_, loss)| *loss == 0.0), "{loss:?}");
    assert!(between(present, end).all(|(_, loss)| *loss == 0.0), "{loss:?}");
    unbroken(&story.centre, "machine/branch-2#cpu_busy@branch-2", begin, end);
}

/// Catches: batches that were acknowledged before they were durable, totals or history that a crash of the
/// controller tears, and agents that do not come back by themselves.
#[test]
fn the_controller_is_killed_while_a_branch_is_cut_and_nothing_is_lost() {
    if let Err(reason) = packages::need_network() {
        skip!("the_controller_is_killed_while_a_branch_is_cut_and_nothing_is_lost", reason);
    }
    let mut story = University::open();
    let begin = now_ms();
    let cut = story.net.cut(1);
    wait::during(Duration::from_secs(3), || {});
    story.centre.daemon.kill();
    wait::during(Duration::from_secs(3), || {});
    story.centre.start_again();
    story.centre.await_agent("branch-2");
    story.centre.await_entity("branch-2 is of the present again", &machine(2), PRESENT, |entity| {
        now_ms() - observed_at(entity) < 3_000
    });
    cut.heal();
    Return::watch().present(&story.centre);
    let end = now_ms();
    story.everything_arrived_once();
    for branch in 1..=2 {
        unbroken(&story.centre, &format!("machine/branch-{branch}#cpu_busy@branch-{branch}"), begin, end);
        unbroken(&story.centre, &format!("target/centre-from-{branch}#sent@branch-{branch}"), begin, end);
    }

    // And again after an end in good order: what is kept is kept.
    let before = story.centre.history("machine/branch-1#cpu_busy@branch-1", begin, end);
    let account = story.centre.account_of("branch-1");
    assert!(story.centre.daemon.end(Signal::SIGTERM, END).success(), "{}", story.centre.daemon.tail());
    story.centre.start_again();
    assert_eq!(story.centre.history("machine/branch-1#cpu_busy@branch-1", begin, end), before);
    assert_eq!(story.centre.account_of("branch-1"), account);
}

/// Catches: a spool that a crash of the agent tears or that forgets what it had numbered, and a new start of
/// an agent that its own old session keeps out.
#[test]
fn the_agent_is_killed_while_its_branch_is_cut_and_its_spool_survives() {
    if let Err(reason) = packages::need_network() {
        skip!("the_agent_is_killed_while_its_branch_is_cut_and_its_spool_survives", reason);
    }
    let mut story = University::open();
    let begin = now_ms();
    let cut = story.net.cut(1);
    wait::during(Duration::from_secs(6), || {});
    let killed_at = now_ms();
    story.branches[0].daemon().kill();
    let spool = story.branches[0].spool();
    assert!(spool["pending"].as_u64() >= Some(4), "the cut filled no spool: {spool:#}");
    story.branches[0].start();
    let agent = &story.branches[0];
    wait::until_true("the new start adds to the same spool", Duration::from_secs(15), || {
        agent.spool()["produced"].as_u64() >= spool["produced"].as_u64().map(|n| n + 4)
    });
    assert_eq!(agent.spool()["epoch"], spool["epoch"]);
    let started_at = now_ms();
    cut.heal();
    Return::watch().present(&story.centre);
    let end = now_ms();
    story.everything_arrived_once();
    // A reading that had not reached the spool when the agent was killed was never produced: a second.
    let series = "machine/branch-1#cpu_busy@branch-1";
    unbroken(&story.centre, series, begin, killed_at - 2 * EVERY_MS);
    unbroken(&story.centre, series, started_at, end);
}

/// Catches: a delay that is measured wrongly, a loss that goes unseen, and a cable that is pulled unnoticed.
#[test]
fn a_slow_and_lossy_line_is_told_from_a_good_one() {
    if let Err(reason) = packages::need_network().and_then(|()| packages::need("python3", "python3")) {
        skip!("a_slow_and_lossy_line_is_told_from_a_good_one", reason);
    }
    let story = University::open();
    let slow = story.net.delay(1, 40, 5);
    let entity = story.centre.await_entity("a round trip of 80 ms", &target(1), PRESENT, |entity| {
        entity["numbers"]["rtt_min"].as_f64() > Some(0.06)
    });
    let median = entity["numbers"]["rtt_p50"].as_f64().expect("it answers");
    assert!((0.07..0.13).contains(&median), "{entity:#}");
    let other = story.centre.entity(&target(2)).expect("known");
    assert!(other["numbers"]["rtt_p50"].as_f64() < Some(0.04), "{other:#}");
    slow.heal();

    let loss = story.net.loss(1, 40.0);
    story.centre.await_entity("a lossy line", &target(1), PRESENT, |entity| {
        entity["health"] == "degraded" && entity["reason"]["code"] == "target_lossy"
    });
    assert_eq!(story.centre.entity(&target(2)).expect("known")["health"], "ok");
    loss.heal();

    let pulled = story.net.cut_carrier(1);
    wait::during(Duration::from_secs(3), || {});
    pulled.heal();
    story
        .centre
        .await_entity("the line is good again", &target(1), PRESENT, |entity| entity["health"] == "ok");
    let to = now_ms();
    wait::until_true("the pulled cable stands in the history", PRESENT, || {
        let up = story.centre.history("interface/branch-1/uplink#up@branch-1", to - 30_000, to);
        up.iter().any(|(_, up)| *up == Some(0.0))
    });
}
