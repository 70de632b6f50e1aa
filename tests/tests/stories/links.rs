//! A branch with two lines: what each of them is said to be while one fails in one way or another.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use wasl_tests::centre::{Agent, Centre};
use wasl_tests::clock::{self, Settable};
use wasl_tests::net::Net;
use wasl_tests::{packages, skip, wait};

/// How soon a change is seen. The detector takes a second; two processors shared with a compiler take the rest.
const SEEN: Duration = Duration::from_secs(25);
const FIRST: &str = "link/first";
const SECOND: &str = "link/second";

/// A centre, and a branch that is joined to it twice. Its traffic goes by the second line.
struct Branch {
    centre: Centre,
    net: Net,
    agent: Agent,
    dir: TempDir,
}

impl Branch {
    fn open() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let net = Net::centre_and_branches(1);
        net.second_line(1);
        let to = net.centre_address();
        let configuration = format!(
            "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
defaults: {{ window: 2s }}
sites:
  hub: {{ name: {{ en: Hub }} }}
  one: {{ name: {{ en: One }}, uplinks: [{FIRST}, {SECOND}] }}
agents:
  gw: {{ site: one, role: gateway }}
links:
  first: {{ between: [hub, one], class: uplink, probes: [{{ from: gw, to: {to}, via: uplink }}] }}
  second: {{ between: [hub, one], role: backup, probes: [{{ from: gw, to: {to}, via: backup }}] }}
"
        );
        let http = "127.0.0.1:8080".parse().expect("an address");
        let centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
        let mut agent = Agent::join(&centre, &net.branch(1), dir.path(), "one", "gateway", "gw");
        agent.start();
        let open = Self { centre, net, agent, dir };
        open.await_code(FIRST, "link_up");
        open.await_code(SECOND, "link_up");
        open
    }

    fn await_code(&self, link: &str, code: &str) -> Value {
        self.centre.await_entity(&format!("{link} is {code}"), link, SEEN, |e| e["reason"]["code"] == code)
    }

    fn is(&self, entity: &str) -> (String, String) {
        let entity = self.centre.entity(entity).expect("it is known");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&entity["health"]), text(&entity["reason"]["code"]))
    }
}

/// Catches: a line whose death is hidden by another that still carries (a probe that leaves by the other way), and a
/// branch that is called cut off while it is not.
#[test]
fn each_line_answers_for_itself() {
    if let Err(reason) = packages::need_network() {
        skip!("each_line_answers_for_itself", reason);
    }
    let branch = Branch::open();
    let begins = wait::now_ms();
    let cut = branch.net.cut(1);
    let first = branch.await_code(FIRST, "link_cut");
    assert_eq!(first["health"], "down");
    assert_eq!(branch.is(SECOND), ("ok".into(), "link_up".into()));
    let site = branch.centre.await_entity("the site lost its reserve", "site/one", SEEN, |e| {
        e["reason"]["code"] == "uplinks_down"
    });
    assert_eq!((&site["health"], &site["caused_by"]), (&"degraded".into(), &FIRST.into()));
    cut.heal();
    let ends = wait::now_ms();
    branch.await_code(FIRST, "link_up");
    let months = branch.centre.client.json("/api/v1/links/first/months");
    let (month, outage) = (&months["items"][0], &months["items"][0]["outages"][0]);
    assert_eq!((&month["outages_total"], &outage["placed"]), (&1.into(), &false.into()), "{month:#}");
    // Loaded processors may be late by some probes, and not by a window.
    for (name, truth) in [("from", begins), ("to", ends)] {
        let told = outage[name].as_i64().expect("a time");
        assert!((told - truth).abs() <= 1_500, "it is told {} ms beside {name}: {month:#}", told - truth);
    }

    let carrier = branch.net.cut_carrier(1);
    let first = branch.centre.await_entity("the cable is out", FIRST, SEEN, |e| e["health"] == "down");
    assert!(["link_cut", "link_no_way"].contains(&first["reason"]["code"].as_str().expect("a code")));
    assert_eq!(branch.is(SECOND).0, "ok");
    carrier.heal();
    branch.await_code(FIRST, "link_up");
}

/// Catches: a socket that stays bound to an interface that is gone, and so a line that never comes back.
#[test]
fn a_line_whose_interface_is_made_anew_comes_back() {
    if let Err(reason) = packages::need_network() {
        skip!("a_line_whose_interface_is_made_anew_comes_back", reason);
    }
    let branch = Branch::open();
    let gone = branch.net.without_uplink(1);
    branch.await_code(FIRST, "link_no_way");
    assert_eq!(branch.is(SECOND).0, "ok");
    drop(gone);
    branch.await_code(FIRST, "link_up");
}

/// Catches: a lossy line that is called dead, or a good one.
#[test]
fn a_lossy_line_is_poor_and_not_dead() {
    if let Err(reason) = packages::need_network() {
        skip!("a_lossy_line_is_poor_and_not_dead", reason);
    }
    let branch = Branch::open();
    let loss = branch.net.loss(1, 10.0);
    let events = branch.centre.client.events("/api/v1/events");
    let first = branch.await_code(FIRST, "link_lossy");
    assert_eq!(first["health"], "degraded");
    wait::during(Duration::from_secs(5), || {
        assert_ne!(branch.is(FIRST).0, "down", "every fifth packet is lost, not all");
    });
    loss.heal();
    let downs = events
        .so_far()
        .iter()
        .filter(|event| {
            let event = event.json();
            event["subject"] == FIRST && event["health"] == "down"
        })
        .count();
    assert_eq!(downs, 0);
}

/// Catches: a wall clock that is set under a prober, whose samples on their way then are losses, or an hour long, or the end
/// of the line.
#[test]
fn a_clock_that_is_set_makes_no_line_dead_or_slow() {
    if let Err(reason) = packages::need_network().and_then(|()| clock::need()) {
        skip!("a_clock_that_is_set_makes_no_line_dead_or_slow", reason);
    }
    let mut branch = Branch::open();
    branch.agent.end();
    let clock = Settable::new(branch.dir.path(), "gw");
    branch.agent.set_environment(clock.environment());
    let (events, began) = (branch.centre.client.events("/api/v1/events"), wait::now_ms());
    branch.agent.start();
    branch.await_code(FIRST, "link_up");
    // The kernel's stamps are right all the while: between two steps here, no sample can be trusted, and none may be.
    let hour = 3_600;
    for off in [hour, 0, -hour, 0, hour, -hour, 0] {
        clock.set(off);
        wait::during(Duration::from_secs(3), || {
            assert_ne!(branch.is(FIRST).0, "down", "the clock is off by {off} s");
        });
    }
    branch.await_code(FIRST, "link_up");
    let told: Vec<Value> = events.so_far().iter().map(wasl_tests::client::Event::json).collect();
    assert!(told.iter().any(|event| event["subject"] == FIRST), "{told:?}");
    let about = |event: &&Value| event["subject"] == FIRST || event["subject"] == SECOND;
    let bad: Vec<_> = told.iter().filter(about).filter(|event| event["health"] == "down").collect();
    assert!(bad.is_empty(), "{bad:?}");

    let of = |field: &str| {
        let margin = 2 * 3_600_000;
        let series = format!("{FIRST}#{field}@gw");
        let points = branch.centre.history(&series, began - margin, wait::now_ms() + margin);
        points.into_iter().filter_map(|(_, value)| value).collect::<Vec<f64>>()
    };
    let slowest = of("rtt_max").into_iter().fold(0.0, f64::max);
    assert!(slowest > 0.0 && slowest < 1.0, "no round trip of {slowest} s was");
    let notices = branch.centre.client.json("/api/v1/notices").to_string();
    assert!(notices.contains("clock_stepped"), "nobody is told of the clock: {notices}");
    let cut = branch.net.cut(1);
    branch.await_code(FIRST, "link_cut");
    cut.heal();
}
