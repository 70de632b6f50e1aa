//! One cause, one incident: a branch that is cut takes everything behind it along, and that is told once.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use wasl_tests::centre::{Agent, Centre, END};
use wasl_tests::net::Net;
use wasl_tests::{packages, skip, wait};

/// Longer than anything here takes: a window of probes, the time for a cause to be noticed, a reconnect.
const SOON: Duration = Duration::from_secs(40);
const CAUSE: &str = "target/one-from-centre";

/// The centre, which probes a branch, and the branch with an agent and its machine.
struct Branch {
    gateway: Agent,
    hub: Agent,
    centre: Centre,
    net: Net,
    _dir: TempDir,
}

impl Branch {
    fn open() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let net = Net::centre_and_branches(1);
        let configuration = format!(
            "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
defaults: {{ host_every: 1s, window: 1s, probe_every: 200ms, probe_timeout: 800ms }}
health: {{ confirm_after: 3s }}
sites:
  hub: {{ name: {{ en: Hub }} }}
  one: {{ name: {{ en: One }}, uplinks: [{CAUSE}] }}
agents:
  hub-gw: {{ site: hub, role: gateway }}
  one-gw: {{ site: one, role: gateway }}
targets:
  one-from-centre: {{ address: {}, from: [hub-gw], site: one }}
  hub-from-one: {{ address: {}, from: [one-gw] }}
",
            net.branch_address(1),
            net.centre_address(),
        );
        let http = "127.0.0.1:8080".parse().expect("an address");
        let centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
        let mut hub = Agent::join(&centre, &net.centre(), dir.path(), "hub", "gateway", "hub-gw");
        let mut branch = Agent::join(&centre, &net.branch(1), dir.path(), "one", "gateway", "one-gw");
        hub.start();
        branch.start();
        let open = Self { gateway: branch, hub, centre, net, _dir: dir };
        for subject in [CAUSE, "target/hub-from-one", "machine/one-gw", "agent/one-gw", "site/one"] {
            open.centre.await_entity("it is well", subject, SOON, |entity| entity["health"] == "ok");
        }
        open
    }

    fn incidents(&self, query: &str) -> Vec<Value> {
        let list = self.centre.client.json(&format!("/api/v1/incidents?{query}"));
        list["items"].as_array().expect("a list").clone()
    }

    fn the_incident(&self) -> Value {
        wait::until("an incident is open", SOON, || self.incidents("open=true").into_iter().next())
    }

    fn all_is_well_again(&self) {
        wait::until_true("the incident is over", SOON, || self.incidents("open=true").is_empty());
        for subject in ["site/one", "agent/one-gw", "machine/one-gw", "target/hub-from-one", CAUSE] {
            self.centre.await_entity("it is well again", subject, SOON, |e| e["health"] == "ok");
        }
    }
}

fn affected(incident: &Value) -> Vec<&str> {
    incident["affected"].as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

#[test]
fn a_cut_branch_is_one_incident_which_survives_the_controller_and_ends_with_the_cut() {
    if let Err(reason) = packages::need_network() {
        return skip::note("incidents of a cut branch", &reason);
    }
    let mut story = Branch::open();
    assert_eq!(story.incidents(""), Vec::<Value>::new(), "nothing is wrong yet");
    let status = story.centre.wasl(&["incidents"]);
    assert_eq!(status.status.code(), Some(0), "{status:?}");

    let cut = story.net.cut(1);
    let incident = story.the_incident();
    assert_eq!(incident["root"], CAUSE, "{incident:#}");
    assert_eq!(incident["severity"], "critical", "{incident:#}");
    let site = story.centre.await_entity("the site is down", "site/one", SOON, |e| e["health"] == "down");
    assert_eq!(site["caused_by"], CAUSE, "{site:#}");
    // What only the branch itself sees is unknown, not down, and says what hides it.
    for hidden in ["machine/one-gw", "target/hub-from-one"] {
        let entity = story.centre.await_entity("nobody sees it", hidden, SOON, |e| e["health"] == "unknown");
        assert_eq!(entity["caused_by"], CAUSE, "{entity:#}");
    }

    let taken = story.centre.wasl(&["incidents", "ack", &incident["id"].to_string(), "--note", "the digger"]);
    assert!(taken.status.success(), "{taken:?}");
    let since = story.centre.entity("site/one").expect("there")["since"].clone();
    story.centre.daemon.end(Signal::SIGTERM, END);
    story.centre.start_again();
    story.centre.await_agent("hub-gw");
    let down = |e: &Value| e["health"] == "down";
    let site = story.centre.await_entity("the site is still down", "site/one", SOON, down);
    assert_eq!(site["since"], since, "a restart of the controller changes no since-time: {site:#}");
    let kept = story.the_incident();
    assert_eq!(kept["id"], incident["id"], "{kept:#}");
    assert_eq!(kept["acknowledged"]["note"], "the digger", "{kept:#}");
    wait::until_true("all behind the cut belongs to it", SOON, || {
        let now = story.the_incident();
        ["site/one", "agent/one-gw", "machine/one-gw"].iter().all(|s| affected(&now).contains(s))
    });
    let told = story.centre.wasl(&["incidents"]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stdout).contains(CAUSE), "{told:?}");

    cut.heal();
    story.all_is_well_again();
    let all = story.incidents("");
    assert_eq!(all.len(), 1, "one cause, one incident: {all:#?}");
    let events: Vec<&str> =
        all[0]["timeline"].as_array().expect("a list").iter().filter_map(|e| e["event"].as_str()).collect();
    assert_eq!(events.first(), Some(&"opened"), "{events:?}");
    assert_eq!(events.last(), Some(&"ended"), "{events:?}");
    assert!(events.contains(&"acknowledged") && events.contains(&"joined"), "{events:?}");
    story.gateway.end();
    story.hub.end();
}

#[test]
fn what_fails_in_its_maintenance_is_no_incident() {
    if let Err(reason) = packages::need_network() {
        return skip::note("incidents during maintenance", &reason);
    }
    let story = Branch::open();
    let announced =
        story.centre.wasl(&["maintenance", "start", "site/one", "--for", "1h", "--note", "new mast"]);
    assert!(announced.status.success(), "{announced:?}");
    let at_rest = |e: &Value| e["health"] == "maintenance";
    story.centre.await_entity("the site rests", "site/one", SOON, at_rest);
    let cut = story.net.cut(1);
    story.centre.await_entity("its line rests too", CAUSE, SOON, at_rest);
    // Long enough for an incident, if there were to be one.
    let enough = wait::now_ms() + 6_000;
    story.centre.await_entity("its line has been silent for a while", CAUSE, SOON, |e| {
        e["numbers"]["loss"] == 1.0 && e["observed_at"].as_i64().is_some_and(|at| at > enough)
    });
    cut.heal();
    story.centre.await_agent("one-gw");

    let list = story.centre.client.json("/api/v1/maintenance");
    let id = &list["items"][0]["id"];
    assert_eq!(list["items"][0]["scope"], "site/one", "{list:#}");
    let ended = story.centre.wasl(&["maintenance", "end", &id.to_string()]);
    assert!(ended.status.success(), "{ended:?}");
    story.all_is_well_again();
    assert_eq!(story.incidents(""), Vec::<Value>::new(), "no incident was raised");
    let refused = story
        .centre
        .admin()
        .post("/api/v1/maintenance", &json!({ "scope": "site/nowhere", "until": wait::now_ms() + 60_000 }));
    assert_eq!(refused.status.as_u16(), 404, "{}", refused.text());
}
