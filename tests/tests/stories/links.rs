//! A branch with two lines: what each of them is said to be while one fails in one way or another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
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

/// A centre with two places and these links (`site`: more of the place `one`); gateways are `gw` at the branch and `hub-gw` at the centre.
fn centre(net: &Net, dir: &Path, site: &str, links: &str) -> Centre {
    let configuration = format!(
        "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
defaults: {{ window: 2s }}
sites:
  hub: {{ name: {{ en: Hub }} }}
  one: {{ name: {{ en: One }}{site} }}
agents:
  gw: {{ site: one, role: gateway }}
  hub-gw: {{ site: hub, role: gateway }}
links:
{links}"
    );
    let http = "127.0.0.1:8080".parse().expect("an address");
    Centre::start(&net.centre(), dir, &configuration, http, net.agents_listener())
}

/// A centre, and a branch that is joined to it twice. Its traffic goes by the second line.
struct Branch {
    centre: Centre,
    net: Net,
    agent: Agent,
    dir: TempDir,
}

impl Branch {
    fn open() -> Self {
        Self::with_first_by(|_| "uplink".to_owned())
    }

    /// The first line is probed by this way.
    fn with_first_by(via: impl Fn(&Net) -> String) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let net = Net::centre_and_branches(1);
        net.second_line(1);
        let (to, via) = (net.centre_address(), via(&net));
        let uplinks = format!(", uplinks: [{FIRST}, {SECOND}]");
        let links = format!(
            "  first: {{ between: [hub, one], class: uplink, probes: [{{ from: gw, to: {to}, via: {via} }}] }}
  second: {{ between: [hub, one], role: backup, probes: [{{ from: gw, to: {to}, via: backup }}] }}
"
        );
        let centre = centre(&net, dir.path(), &uplinks, &links);
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

    /// What the second line is told to have begun to do, in order, with how much it matters.
    fn took_over(&self) -> Vec<(String, String)> {
        let list = self.centre.client.json("/api/v1/events?code=activity_changed&kind=occurrence");
        let events = list["items"].as_array().expect("a list").iter().rev();
        let told = events.map(|event| {
            assert_eq!(event["subject"], SECOND, "{event:#}");
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let occurrence = &event["occurrence"];
            let (from, to) = (text(&occurrence["args"]["from"]), text(&occurrence["args"]["to"]));
            (format!("{from} to {to}"), text(&occurrence["severity"]))
        });
        told.collect()
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
    let following = branch.centre.client.events("/api/v1/events");
    let cut = branch.net.cut(1);
    let first = branch.await_code(FIRST, "link_cut");
    assert_eq!(first["health"], "down");
    assert_eq!(branch.is(SECOND), ("ok".into(), "link_up".into()));
    let does = |link: &str, activity: &str| {
        branch
            .centre
            .await_entity(&format!("{link} is {activity}"), link, SEEN, |e| e["activity"] == activity);
    };
    does(FIRST, "primary");
    does(SECOND, "backup");
    let metric = "wasl_link_activity{site=\"one\",link=\"second\",activity=\"backup\"} 1";
    assert!(branch.centre.metrics().contains(metric), "{}", branch.centre.metrics());
    let site = branch.centre.await_entity("the site lost its reserve", "site/one", SEEN, |e| {
        e["reason"]["code"] == "uplinks_down"
    });
    assert_eq!((&site["health"], &site["caused_by"]), (&"degraded".into(), &FIRST.into()));
    cut.heal();
    let ends = wait::now_ms();
    branch.await_code(FIRST, "link_up");
    does(SECOND, "standby");
    let both = ["standby to backup", "backup to standby"].map(str::to_owned).into_iter();
    let both: Vec<_> = both.zip(["warning", "info"].map(str::to_owned)).collect();
    wait::until_true("that it took over and waits again is told", SEEN, || branch.took_over() == both);
    let metric = "wasl_occurrences_total{site=\"one\",code=\"activity_changed\"} 2";
    assert!(branch.centre.metrics().contains(metric), "{}", branch.centre.metrics());
    let said = branch.centre.wasl(&["events", "--subject", SECOND, "--code", "activity_changed"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("Takes over: ") && said.contains("Waits again: "), "{said}");
    let streamed =
        following.so_far().iter().filter(|e| e.json()["occurrence"]["code"] == "activity_changed").count();
    assert_eq!(streamed, 2);
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

/// Catches: a failover that is told anew at each start of the controller, or while nobody knows of the lines.
#[test]
fn a_failover_is_told_once_whatever_becomes_of_the_controller() {
    if let Err(reason) = packages::need_network() {
        skip!("a_failover_is_told_once_whatever_becomes_of_the_controller", reason);
    }
    let mut branch = Branch::open();
    let cut = branch.net.cut(1);
    wait::until_true("that it took over is told", SEEN, || branch.took_over().len() == 1);
    branch.centre.daemon.kill();
    branch.centre.start_again();
    branch.centre.await_agent("gw");
    branch.await_code(FIRST, "link_cut");
    wait::during(Duration::from_secs(4), || assert_eq!(branch.took_over().len(), 1));
    cut.heal();
    wait::until_true("that it waits again is told", SEEN, || branch.took_over().len() == 2);
    assert_eq!(branch.took_over()[1].0, "backup to standby");
}

/// Catches: a line that is named by an address, whose probes leave by another, because the kernel chooses the way by where
/// they go.
#[test]
fn a_line_that_is_named_by_its_address_answers_for_itself() {
    if let Err(reason) = packages::need_network() {
        skip!("a_line_that_is_named_by_its_address_answers_for_itself", reason);
    }
    let branch = Branch::with_first_by(|net| net.branch_address(1).to_string());
    let began = wait::now_ms();
    let cut = branch.net.cut_second_line(1);
    wait::during(Duration::from_secs(8), || {});
    let ended = wait::now_ms();
    cut.heal();
    // The agent speaks to the centre by the second line, so what it saw meanwhile comes now.
    let seen = |link: &str| {
        let points = branch.centre.history(&format!("{link}#loss@gw"), began + 3_000, ended);
        points.into_iter().filter_map(|(_, loss)| loss).collect::<Vec<f64>>()
    };
    wait::until_true("what it saw has come", SEEN, || seen(FIRST).len() >= 2 && seen(SECOND).len() >= 2);
    assert!(seen(SECOND).iter().all(|loss| *loss > 0.99), "{:?}", seen(SECOND));
    assert!(seen(FIRST).iter().all(|loss| *loss < 0.01), "{:?}", seen(FIRST));
    branch.await_code(SECOND, "link_up");
    let cut = branch.net.cut(1);
    branch.await_code(FIRST, "link_cut");
    cut.heal();
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

/// An hour of a link's samples, five a second, are so many.
const HOUR: f64 = 18_000.0;

/// Catches: a line that loses a packet now and then and is called dead for it: an hour's samples of a link, with 5 % lost
/// at random, bring no "down"; and the loss that is told is the loss that there was.
#[test]
fn five_percent_of_random_loss_for_an_hour_of_samples_is_no_down() {
    if let Err(reason) = packages::need_network() {
        skip!("five_percent_of_random_loss_for_an_hour_of_samples_is_no_down", reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    net.second_line(1);
    net.settle_block("198.18.7.0/24");
    let lines: Vec<String> = (1..=100).map(|n| format!("line-{n}")).collect();
    let link = |n: usize| {
        format!(
            "  line-{n}: {{ between: [hub, one], probes: [{{ from: gw, to: 198.18.7.{n}, via: uplink }}] }}"
        )
    };
    let links = (1..=100).map(link).collect::<Vec<_>>().join("\n");
    let centre = centre(&net, dir.path(), "", &links);
    let mut agent = Agent::join(&centre, &net.branch(1), dir.path(), "one", "gateway", "gw");
    agent.start();
    for line in &lines {
        centre.await_entity("it is up", &format!("link/{line}"), SEEN, |e| e["reason"]["code"] == "link_up");
    }
    // What is lost on its way there is lost to a probe, and what is lost on its way back as well: together 5 %.
    let loss = net.loss(1, 2.532);
    let (events, began) = (centre.client.events("/api/v1/events"), wait::now_ms());
    let points = |line: &str, field: &str| {
        let points = centre.history(&format!("link/{line}#{field}@gw"), began, wait::now_ms());
        points.into_iter().filter_map(|(at, value)| Some((at, value?))).collect::<BTreeMap<_, _>>()
    };
    let probes = |line: &str| points(line, "sent").into_values().sum::<f64>();
    let each = 1.1 * HOUR / lines.len() as f64;
    wait::until_true("an hour's samples", Duration::from_mins(3), || probes("line-1") >= each);
    let (mut sent, mut lost) = (0.0, 0.0);
    for line in &lines {
        let loss = points(line, "loss");
        for (at, probes) in points(line, "sent") {
            sent += probes;
            lost += probes * loss.get(&at).copied().unwrap_or_default();
        }
    }
    assert!(sent >= HOUR, "{sent} probes are no hour's");
    loss.heal();
    let lost = 100.0 * lost / sent;
    assert!((4.0..6.0).contains(&lost), "{lost} % of {sent} were lost");

    let downs = || {
        let told: Vec<Value> = events.so_far().iter().map(wasl_tests::client::Event::json).collect();
        told.into_iter().filter(|event| event["health"] == "down").collect::<Vec<_>>()
    };
    let early = downs();
    assert!(early.is_empty(), "{early:#?}");
    // And these are told by the same stream.
    let cut = net.cut(1);
    let mut down = BTreeSet::new();
    wait::until_true("what is cut is told", SEEN, || {
        down.extend(downs().iter().filter_map(|event| Some(event["subject"].as_str()?.to_owned())));
        lines.iter().all(|line| down.contains(&format!("link/{line}")))
    });
    cut.heal();
}

/// Catches: a line that stays green, or red, while its own gateway lets no probe out, and nobody who is told.
#[test]
fn a_line_whose_probes_cannot_be_sent_is_not_known() {
    if let Err(reason) = packages::need_network() {
        skip!("a_line_whose_probes_cannot_be_sent_is_not_known", reason);
    }
    let branch = Branch::open();
    let rule = "oifname uplink icmp type echo-request drop";
    let own = branch.net.own_firewall(1, "output", rule);
    let first = branch.await_code(FIRST, "not_measured");
    assert_eq!(first["health"], "unknown");
    assert_eq!(branch.is(SECOND), ("ok".into(), "link_up".into()));
    let notices = || branch.centre.client.json("/api/v1/notices").to_string();
    wait::until_true("it is told why", SEEN, || {
        let notices = notices();
        notices.contains("probes_not_sent") && notices.contains("Operation not permitted")
    });
    drop(own);
    branch.await_code(FIRST, "link_up");
    wait::until_true("that is over", SEEN, || !notices().contains("probes_not_sent"));
}

/// Catches: a link that is called cut, its ring broken, and a backup said to carry, because the gateway at one end lets no
/// probes in; and a real cut that is not called one.
#[test]
fn a_link_whose_one_end_drops_probes_is_not_cut() {
    if let Err(reason) = packages::need_network() {
        skip!("a_link_whose_one_end_drops_probes_is_not_cut", reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    net.second_line(1);
    let (to, back) = (net.centre_address(), net.branch_address(1));
    let links = format!(
        "  first:
    between: [hub, one]
    probes: [{{ from: gw, to: {to}, via: uplink }}, {{ from: hub-gw, to: {back}, via: uplink }}]
"
    );
    let centre = centre(&net, dir.path(), "", &links);
    let mut branch = Agent::join(&centre, &net.branch(1), dir.path(), "one", "gateway", "gw");
    let mut hub = Agent::join(&centre, &net.centre(), dir.path(), "hub", "gateway", "hub-gw");
    branch.start();
    hub.start();
    let is = |code: &str| {
        centre.await_entity(&format!("it is {code}"), FIRST, SEEN, |e| e["reason"]["code"] == code)
    };
    is("link_up");
    let own = net.own_firewall(1, "input", "iifname uplink icmp type echo-request drop");
    let link = is("link_one_ended");
    assert_eq!((&link["health"], &link["reason"]["args"]["agent"]), (&"degraded".into(), &"hub-gw".into()));
    let cut = net.cut(1);
    assert_eq!(is("link_cut")["health"], "down");
    cut.heal();
    is("link_one_ended");
    drop(own);
    is("link_up");
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
