//! A day of an agent's time, clocks that are set, and zones that are wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use wasl_tests::clock::{self, Settable};
use wasl_tests::evidence::Written;
use wasl_tests::{evidence, packages, skip, wait};

use super::{NAME, OFTEN, Pair, SELDOM, SOON, readings};

const HOUR_S: u64 = 3600;
/// A day is 20 seconds.
const FAST: u32 = 4_320;
/// An agent's clock against the truth: a reading is stamped a moment before it is looked at.
const MARGIN_MS: i64 = 2_000;
/// How late a reading may be where two stories share two processors.
const HOLE_MS: i64 = 4_000;

fn need() -> Result<(), String> {
    packages::need_network().and_then(|()| clock::need())
}

/// Catches: a spool, lanes or a store that a backlog of a day chokes, and days whose times are bent on the way.
#[test]
fn a_branch_is_cut_for_a_day_of_its_time_and_the_day_arrives_whole() {
    if let Err(reason) = need() {
        skip!("a_branch_is_cut_for_a_day_of_its_time_and_the_day_arrives_whole", reason);
    }
    let mut story = Pair::open(SELDOM);
    let net = story.net.clone();
    story.deliver();
    let before = story.produced();
    let cut = net.cut(1);
    // Half an hour is left over, so that a slow machine's day does not reach into the future.
    story.agent.set_environment(clock::fast(24 * HOUR_S + HOUR_S / 2, FAST));
    story.agent.start();
    wait::during(Duration::from_secs(24 * HOUR_S) / FAST, || story.agent.daemon().assert_running());
    story.agent.end();
    cut.heal();
    assert!(story.produced() > before + 500, "a day has more batches than {}", story.produced() - before);
    assert_eq!(story.pending(), story.produced() - before, "the line was cut");
    story.deliver();

    let account = story.arrived_whole();
    let day = readings(&story.written());
    let (first, last) = (day.iter().min().expect("readings"), day.iter().max().expect("readings"));
    assert!(last - first > 24 * 3_600_000, "from {first} to {last} it is less than a day");
    assert!(account.produced > before + 500, "{account:#?}");
}

/// The times of an agent's readings of its machine: ascending, without a hole, and true.
fn assert_true(readings: &[i64], from: i64, to: i64) {
    assert!(readings.len() > 5, "{readings:?}");
    for pair in readings.windows(2) {
        assert!(
            (1..=HOLE_MS).contains(&(pair[1] - pair[0])),
            "{} ms lie between two readings",
            pair[1] - pair[0]
        );
    }
    let (first, last) = (readings[0], readings[readings.len() - 1]);
    assert!(first >= from - MARGIN_MS && last <= to + MARGIN_MS, "{first}..{last} is not in {from}..{to}");
}

/// Catches: observations that a step of the clock moves by an hour, onto others or away from them, with the line and
/// without it.
#[test]
fn a_clock_that_is_set_by_an_hour_moves_no_observation() {
    if let Err(reason) = need() {
        skip!("a_clock_that_is_set_by_an_hour_moves_no_observation", reason);
    }
    let mut story = Pair::open(OFTEN);
    let net = story.net.clone();
    let clock = Settable::new(story.dir.path(), NAME);
    story.agent.set_environment(clock.environment());
    let begin = wait::now_ms();
    story.agent.start();
    story.await_delivery(3);
    // What is acknowledged is kept for two hours, and to the spool some of these steps are hours.
    let mut seen: BTreeMap<u64, Written> = BTreeMap::new();
    let mut look = |story: &Pair| seen.extend(story.written().into_iter().map(|record| (record.seq, record)));
    for off in [3_600, -3_600, 0] {
        look(&story);
        clock.set(off);
        story.await_delivery(3);
    }
    look(&story);
    let cut = net.cut(1);
    for off in [-3_600, 3_600] {
        clock.set(off);
        story.await_production(3);
    }
    cut.heal();
    let log = story.agent.daemon().log();
    assert!(
        log.contains("clock_stepped") && !log.contains("probes_not_sent"),
        "what was voided was sent:\n{log}"
    );
    story.finish();
    let end = wait::now_ms();
    look(&story);
    let account = evidence::balanced_without_loss(&story.centre, &story.agent);
    let seen: Vec<Written> = seen.into_values().collect();
    assert_eq!(seen.len() as u64, account.produced);
    assert_true(&readings(&seen), begin, end);
    evidence::assert_history_is(&story.centre, NAME, &seen);
}

impl Pair {
    /// Gives the controller another clock; it starts again for that.
    fn restart_centre(&mut self, clock: &Settable) {
        self.centre.daemon.end(nix::sys::signal::Signal::SIGTERM, wasl_tests::centre::END);
        self.centre.set_environment(clock.environment());
        self.centre.start_again();
    }

    /// Waits until the controller says this of its own clock.
    fn await_words(&self, words: &str) {
        wait::until_true(&format!("the controller says {words:?}"), SOON, || {
            self.centre.daemon.log().contains(words)
        });
    }

    /// What the controller adds to its machine's clock, in seconds.
    fn correction(&self) -> f64 {
        let metrics = self.centre.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix("wasl_clock_correction_seconds "));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no correction in {metrics}"))
    }
}

/// Catches: a controller's clock that takes the history of all its agents with it when it is set, or makes all that they
/// say an hour old, and a whole institution unknown.
#[test]
fn the_controllers_clock_is_set_by_an_hour_and_moves_nothing() {
    if let Err(reason) = need() {
        skip!("the_controllers_clock_is_set_by_an_hour_and_moves_nothing", reason);
    }
    let mut story = Pair::open(OFTEN);
    let clock = Settable::new(story.dir.path(), "centre");
    story.restart_centre(&clock);
    let begin = wait::now_ms();
    story.agent.start();
    story.await_delivery(3);
    let quiet = wait::now_ms();
    for off in [3_600, -3_600] {
        clock.set(off);
        wait::until_true("the step is seen and not followed", SOON, || {
            (story.correction() + off as f64).abs() < 3.0
        });
        // Long enough for the agent's own clock to be heard.
        story.await_delivery(20);
        assert!((story.correction() + off as f64).abs() < 3.0, "{}", story.correction());
        for path in ["agent/branch-1", "machine/branch-1", "target/self"] {
            let entity = story.centre.entity(path).expect("it is known");
            assert_eq!(entity["health"], "ok", "{entity:#}");
        }
    }
    story.await_words("this machine's clock is wrong");
    clock.set(0);
    wait::until_true("the clock is right again", SOON, || story.correction().abs() < 1e-9);
    story.await_delivery(3);
    let incidents = story.centre.client.json("/api/v1/incidents");
    let opened = |incident: &serde_json::Value| incident["opened"].as_i64().expect("a time");
    let mut all = incidents["items"].as_array().expect("a list").iter();
    assert!(all.all(|incident| opened(incident) < quiet), "{incidents:#}");
    story.finish();
    let end = wait::now_ms();
    let written = story.written();
    assert_true(&readings(&written), begin, end);
    story.arrived_whole();
}

/// Catches: a controller that started with a wrong clock and keeps to it after somebody has put it right.
#[test]
fn a_controllers_clock_that_is_put_right_is_followed_once_its_agents_agree() {
    if let Err(reason) = need() {
        skip!("a_controllers_clock_that_is_put_right_is_followed_once_its_agents_agree", reason);
    }
    let mut story = Pair::open(OFTEN);
    let clock = Settable::new(story.dir.path(), "centre");
    clock.set(1_800);
    story.restart_centre(&clock);
    story.agent.start();
    story.await_delivery(3);
    clock.set(0);
    story.await_words("this machine's clock is followed as it was set");
    // What was written before the agent heard of it has the controller's old time.
    story.await_delivery(3);
    let before = story.written().last().map_or(0, |record| record.seq);
    let begin = wait::now_ms();
    story.await_delivery(10);
    assert!(story.correction().abs() < 1e-9, "{}", story.correction());
    story.finish();
    let end = wait::now_ms();
    let own: Vec<_> = story.written().into_iter().filter(|record| record.seq > before).collect();
    assert_true(&readings(&own), begin, end);
    story.arrived_whole();
}

/// More than a year ago, in seconds.
const LAST_YEAR: i64 = -400 * 24 * 3_600;

/// Catches: a controller on a machine without a battery that begins in the past, and takes its agents' history with it.
#[test]
fn a_controller_that_begins_with_a_clock_of_last_year_goes_on_from_what_it_knew() {
    if let Err(reason) = need() {
        skip!("a_controller_that_begins_with_a_clock_of_last_year_goes_on_from_what_it_knew", reason);
    }
    let mut story = Pair::open(OFTEN);
    let begin = wait::now_ms();
    story.agent.start();
    story.await_delivery(3);
    let clock = Settable::new(story.dir.path(), "centre");
    clock.set(LAST_YEAR);
    story.restart_centre(&clock);
    story.await_words("this machine's clock is behind what was kept before the start");
    wait::until_true("the agent has told what the time is", SOON, || {
        (story.correction() + LAST_YEAR as f64).abs() < 1.5
    });
    story.await_words("this machine's clock is wrong");
    story.await_delivery(10);
    let right_from = wait::now_ms();
    story.await_delivery(10);
    let entity = story.centre.entity("machine/branch-1").expect("it is known");
    assert_eq!(entity["health"], "ok", "{entity:#}");
    clock.set(0);
    wait::until_true("the clock is right again", SOON, || story.correction().abs() < 1e-9);
    story.await_delivery(3);
    story.finish();
    let end = wait::now_ms();
    let read = readings(&story.written());
    // While the controller did not know how long it had been away it was behind by that, some seconds here.
    assert!(
        read.iter().all(|at| (begin - MARGIN_MS..=end + MARGIN_MS).contains(at)),
        "{begin}..{end}: {read:?}"
    );
    let own: Vec<i64> = read.into_iter().filter(|at| *at >= right_from).collect();
    assert_true(&own, right_from, end);
    story.arrived_whole();
}

/// Catches: local times that are taken for UTC, on either side, and a clock that was wrong from the start (hardware clocks
/// keep local time on many machines) and is believed although the controller knows better.
#[test]
fn a_wrong_zone_and_a_clock_in_local_time_bend_no_time() {
    if let Err(reason) = need() {
        skip!("a_wrong_zone_and_a_clock_in_local_time_bend_no_time", reason);
    }
    let mut story = Pair::open(OFTEN);
    let zone = |hours: &str| ("TZ".to_owned(), format!("WRONG{hours}"));
    story.centre.daemon.end(nix::sys::signal::Signal::SIGTERM, wasl_tests::centre::END);
    story.centre.set_environment(vec![zone("11")]);
    story.centre.start_again();
    for (begins_off, zone) in [(0, zone("-14")), (3_600, zone("-3")), (-3_600, zone("1"))] {
        let clock = Settable::new(story.dir.path(), NAME);
        clock.set(begins_off);
        let mut environment = clock.environment();
        environment.push(zone);
        story.agent.set_environment(environment);
        let (begin, before) = (wait::now_ms(), story.written().last().map_or(0, |record| record.seq));
        story.agent.start();
        story.await_delivery(7);
        story.finish();
        let end = wait::now_ms();
        let own: Vec<_> = story.written().into_iter().filter(|record| record.seq > before).collect();
        assert_true(&readings(&own), begin, end);
    }
    story.arrived_whole();
}
