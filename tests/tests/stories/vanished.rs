//! Interfaces that are taken out of a machine: one on purpose, and one that a line needs.

use std::time::Duration;

use serde_json::Value;
use wasl_tests::centre::{Agent, Centre};
use wasl_tests::net::{Net, Place};
use wasl_tests::wait::{self, now_ms};
use wasl_tests::{packages, skip, tool};

/// A few readings of a machine, on two slow processors.
const SEEN: Duration = Duration::from_secs(30);
const SPARE: &str = "interface/gw/spare";
const NEEDED: &str = "interface/gw/needed";

/// An interface of `gw` in the API.
fn of(entity: &str) -> String {
    entity.replacen("gw/", "gw%2F", 1)
}

fn ip(place: &Place, args: &[&str]) {
    tool::finish(place.command("ip").args(args));
}

fn plug(place: &Place) {
    for name in ["spare", "needed"] {
        let far = format!("{name}-far");
        ip(place, &["link", "add", "name", name, "type", "veth", "peer", "name", &far]);
        for end in [name, &far] {
            ip(place, &["link", "set", end, "up"]);
        }
    }
}

fn unplug(place: &Place) {
    for name in ["spare", "needed"] {
        ip(place, &["link", "del", name]);
    }
}

/// Ten readings, and some looks of the centre's. Nothing is missed in the first five minutes of a machine.
fn missed_within() -> Duration {
    let up = std::fs::read_to_string("/proc/uptime").expect("a machine tells how long it runs");
    let up: f64 = up.split(' ').next().and_then(|seconds| seconds.parse().ok()).expect("a number");
    Duration::from_secs(60) + Duration::from_secs(300).saturating_sub(Duration::from_secs_f64(up))
}

/// What is told to be missed, with how much it matters.
fn gone(centre: &Centre) -> Vec<(String, String)> {
    let told = centre.admin().json("/api/v1/events?code=gone");
    let mut told: Vec<(String, String)> = told["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| {
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            (text(&event["subject"]), text(&event["occurrence"]["severity"]))
        })
        .collect();
    told.sort();
    told
}

fn is_listed(centre: &Centre, name: &str) -> bool {
    let metric = format!("device=\"gw\",interface=\"{name}\"");
    let in_metrics = centre.metrics().contains(&metric);
    assert_eq!(centre.entity(&format!("interface/gw%2F{name}")).is_some(), in_metrics, "{name}");
    in_metrics
}

/// Catches: an interface that was taken out on purpose and stands in the views as unknown for ever, also after a restart; and one
/// that a line ends in, and of which nobody says that it is missing; also if both went while the agent was away.
#[test]
fn what_was_taken_out_leaves_the_views_and_what_a_line_needs_is_missed() {
    if let Err(reason) = packages::need_network() {
        skip!("what_was_taken_out_leaves_the_views_and_what_a_line_needs_is_missed", reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    let (place, to) = (net.branch(1), net.centre_address());
    plug(&place);
    let configuration = format!(
        "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
defaults: {{ window: 2s, host_every: 1s }}
sites: {{ hub: {{ name: {{ en: Hub }} }}, one: {{ name: {{ en: One }} }} }}
agents: {{ gw: {{ site: one, role: gateway }} }}
links:
  line: {{ between: [hub, one], interfaces: [{NEEDED}], probes: [{{ from: gw, to: {to} }}] }}
"
    );
    let http = "127.0.0.1:8080".parse().expect("an address");
    let mut centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
    let began = now_ms();
    let mut agent = Agent::join(&centre, &place, dir.path(), "one", "gateway", "gw");
    agent.start();
    let is = |centre: &Centre, entity: &str, code: &str| {
        let path = of(entity);
        centre.await_entity(&format!("{entity} is {code}"), &path, SEEN, |e| e["reason"]["code"] == code)
    };
    is(&centre, SPARE, "interface_up");
    is(&centre, NEEDED, "interface_up");
    assert!(is_listed(&centre, "spare"));

    unplug(&place);
    let missed = is(&centre, NEEDED, "interface_gone");
    assert_eq!(missed["health"], "down");
    wait::until_true("it leaves the views", SEEN, || centre.entity(&of(SPARE)).is_none());
    assert!(!is_listed(&centre, "spare"));
    let told = [(NEEDED.to_owned(), "warning".to_owned())];
    wait::until_true("that it is missed is told", SEEN, || gone(&centre) == told);
    let incidents = wait::until("it is an incident", SEEN, || {
        let open = centre.admin().json("/api/v1/incidents");
        open["items"].as_array().expect("a list").iter().find(|i| i["root"] == NEEDED).cloned()
    });
    assert_eq!(incidents["reason"]["code"], "interface_gone", "{incidents:#}");
    assert!(!centre.history(&format!("{SPARE}#up@gw"), began, now_ms()).is_empty(), "its past stays");
    let said = centre.wasl(&["events", "--code", "gone"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("lists it no more") && !said.contains(SPARE), "{said}");
    let said = centre.wasl(&["events", "--subject", SPARE]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.matches("no longer followed").count(), 1, "{said}");

    // What was told before the end is heard again after it.
    let went_once_over_a_restart = |centre: &mut Centre| {
        let told = gone(centre);
        centre.daemon.kill();
        centre.start_again();
        centre.await_agent("gw");
        is(centre, NEEDED, "interface_gone");
        wait::during(Duration::from_secs(5), || {
            assert!(centre.entity(&of(SPARE)).is_none(), "it does not come back by itself");
        });
        assert_eq!(gone(centre), told, "it went once");
    };
    went_once_over_a_restart(&mut centre);

    plug(&place);
    is(&centre, SPARE, "interface_up");
    is(&centre, NEEDED, "interface_up");
    assert!(is_listed(&centre, "spare"));

    // The agent remembers nothing of what was there before it: the centre does.
    agent.end();
    unplug(&place);
    agent.start();
    wait::until_true("that it is missed again is told", missed_within(), || gone(&centre).len() == 2);
    is(&centre, NEEDED, "interface_gone");
    wait::until_true("it leaves the views again", SEEN, || centre.entity(&of(SPARE)).is_none());
    went_once_over_a_restart(&mut centre);
}
