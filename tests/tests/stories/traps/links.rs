//! A device that says that the port of a line has moved: the line is looked at, and what it is decides the look.

use std::collections::BTreeMap;
use std::net::UdpSocket;

use tempfile::TempDir;
use wasl_tests::centre::{Agent, Centre};
use wasl_tests::client::Events;
use wasl_tests::daemon::Daemon;
use wasl_tests::net::{Net, Place};
use wasl_tests::{packages, skip, tool, wait};

use super::{LINK_DOWN, SOON, snmpd, trap};

const LINE: &str = "link/line";
/// At one probe a second, the third in a row that finds no answer left so many seconds after the first, and no fewer are
/// suspicious.
const ORDINARY: f64 = 2.0;
/// What the pace of suspicion is, in probes a second.
const CONFIRMING: f64 = 20.0;

/// A line that is probed once a second by a gateway, and the switch that it ends in. The gateway's own traffic goes by
/// another.
struct Branch {
    centre: Centre,
    place: Place,
    index: String,
    events: Events,
    _agent: Agent,
    _snmpd: Daemon,
    net: Net,
    dir: TempDir,
}

impl Branch {
    fn open() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let net = Net::centre_and_branches(1);
        net.second_line(1);
        let place = net.branch(1);
        let snmpd = snmpd(&place, dir.path());
        let configuration = format!(
            "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
defaults: {{ window: 2s }}
sites: {{ hub: {{ name: {{ en: Hub }} }}, one: {{ name: {{ en: One }} }} }}
agents: {{ gw: {{ site: one, role: gateway, traps: {{}} }} }}
devices:
  switch: {{ host: 127.0.0.1, port: 1161, from: gw, every: 30m, snmp: {{ version: v2c, community: community }} }}
links:
  line:
    between: [hub, one]
    class: target
    probes: [{{ from: gw, to: {}, via: uplink }}]
    interfaces: [interface/switch/uplink]
",
            net.centre_address()
        );
        let http = "127.0.0.1:8080".parse().expect("an address");
        let centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
        let mut agent = Agent::join(&centre, &place, dir.path(), "one", "gateway", "gw");
        agent.secret("community", "story-community");
        agent.start();
        centre.await_entity("its port is known", "interface/switch%2Fuplink", SOON, |e| {
            e["numbers"]["up"].is_number()
        });
        let shown = tool::finish(place.command("ip").args(["-o", "link", "show", "uplink"]));
        let index = shown.split(':').next().expect("it has a number").trim().to_owned();
        let events = centre.client.events("/api/v1/events");
        let open = Self { centre, place, index, events, _agent: agent, _snmpd: snmpd, net, dir };
        open.await_code("link_up");
        open
    }

    fn await_code(&self, code: &str) {
        self.centre.await_entity(&format!("the line is {code}"), LINE, SOON, |e| e["reason"]["code"] == code);
    }

    /// The switch says that the line's port goes down.
    fn say_down(&self) {
        let mut command = self.place.command("snmptrap");
        command.env("SNMP_PERSISTENT_DIR", self.dir.path()).args(["-m", "", "-v2c", "-c", "story-community"]);
        command.args(["127.0.0.1:162", "", LINK_DOWN]);
        command.args([&format!("1.3.6.1.2.1.2.2.1.1.{}", self.index), "i", &self.index]);
        tool::finish(&mut command);
    }

    fn await_heard(&self, subject: &str) {
        self.events.next("the trap is told", SOON, |event| {
            let event = event.json();
            event["subject"] == subject && event["occurrence"]["code"] == "link_down_trap"
        });
    }

    /// What the windows since then told of the line, by the times at which they ended.
    fn told(&self, field: &str, since: i64) -> BTreeMap<i64, f64> {
        let points = self.centre.history(&format!("{LINE}#{field}@gw"), since, wait::now_ms());
        points.into_iter().filter_map(|(at, value)| Some((at, value?))).collect()
    }

    /// How many probes each window since then had, and its length in seconds.
    fn windows(&self, since: i64) -> Vec<(f64, f64)> {
        let lengths = self.told("observed", since);
        let sent = self.told("sent", since).into_iter();
        sent.filter_map(|(at, sent)| Some((sent, *lengths.get(&at)?))).collect()
    }

    /// Waits until it is probed faster than its pace, by which no window has more than a probe at either end.
    fn await_faster(&self, since: i64) {
        wait::until_true("it is probed faster than its pace", SOON, || {
            self.windows(since).iter().any(|(sent, seconds)| *sent >= seconds + 2.0)
        });
    }

    /// Cuts the line without a sign, and mends it once it is found down: how long after the first probe without an answer,
    /// in seconds, as the agent's own clock has it.
    fn time_to_down(&self, is_said: bool) -> f64 {
        self.await_code("link_up");
        let began = wait::now_ms();
        let cut = self.net.cut(1);
        if is_said {
            self.say_down();
        }
        self.await_code("link_cut");
        let found = wait::until("the window that found it", SOON, || {
            self.told("down", began).into_iter().find(|(_, seconds)| *seconds > 0.0)
        });
        cut.heal();
        found.1
    }
}

fn needed() -> Result<(), String> {
    packages::need_network()
        .and_then(|()| packages::need("snmpd", "snmpd"))
        .and_then(|()| packages::need("snmptrap", "snmp"))
}

/// Catches: a line that ends in a port that is said to be down, and waits for its next probe all the same.
#[test]
fn a_line_whose_port_is_said_to_be_down_is_found_down_before_its_third_probe_would_leave() {
    let name = "a_line_whose_port_is_said_to_be_down_is_found_down_before_its_third_probe_would_leave";
    if let Err(reason) = needed() {
        skip!(name, reason);
    }
    let branch = Branch::open();
    let silent = branch.time_to_down(false);
    assert!(silent >= ORDINARY, "nobody said anything, and it was found after {silent} s");
    // Once is enough, since without the trap it cannot be; a machine that is busy with other things may be late once.
    let mut said = branch.time_to_down(true);
    if said >= ORDINARY {
        said = branch.time_to_down(true);
    }
    assert!(said < ORDINARY, "it was said, and found after {said} s");
}

/// Catches: a trap that is believed, and one flood that makes another.
#[test]
fn traps_that_lie_leave_a_healthy_line_up_and_cost_it_a_few_probes() {
    if let Err(reason) = needed() {
        skip!("traps_that_lie_leave_a_healthy_line_up_and_cost_it_a_few_probes", reason);
    }
    let branch = Branch::open();
    let began = wait::now_ms();
    branch.say_down();
    branch.await_heard("interface/switch/uplink");
    branch.await_faster(began);

    let flood = wait::now_ms();
    branch.place.on_a_thread(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        // Of interfaces that nobody knows, so that each may be about the line.
        for number in 1_000..3_000 {
            socket.send_to(&trap(number), "127.0.0.1:162").expect("sent");
        }
    });
    branch.await_heard("device/switch");
    branch.await_faster(flood);
    branch.await_code("link_up");
    for (sent, seconds) in branch.windows(began) {
        // One more at either end, and one that its own pace has sent.
        assert!(sent <= CONFIRMING * seconds + 3.0, "{sent} probes in {seconds} s");
    }
    let told = branch.centre.client.json("/api/v1/events?subject=link/line");
    let told = told["items"].as_array().expect("a list");
    let bad: Vec<_> = told.iter().filter(|event| event["health"] == "down").collect();
    assert!(!told.is_empty() && bad.is_empty(), "{told:#?}");
    // And a cut is a cut.
    let cut = branch.net.cut(1);
    branch.await_code("link_cut");
    cut.heal();
}
