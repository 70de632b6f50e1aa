//! The two directions of a line, each told by itself: tests (STAMP) between an agent in a branch and one at the centre.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use wasl_tests::centre::{Agent, Centre};
use wasl_tests::daemon::Daemon;
use wasl_tests::net::{Net, Place};
use wasl_tests::wait::{self, now_ms};
use wasl_tests::{packages, skip, tool};

const SEEN: Duration = Duration::from_secs(25);
/// An agent asks how good its clock is every 16 s, and no sooner.
const ASKED: Duration = Duration::from_secs(50);
/// By how much one direction is delayed.
const DELAY_MS: u32 = 15;

/// A line between two agents that is measured in both directions.
struct Line {
    centre: Centre,
    net: Net,
    dir: TempDir,
    _agents: [Agent; 2],
}

impl Line {
    fn open() -> Self {
        Self::of(Net::centre_and_branches(1))
    }

    /// The line is the branch's first; the tests keep to it.
    fn of(net: Net) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (to, from) = (net.centre_address(), net.branch_address(1));
        let configuration = format!(
            "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
defaults: {{ window: 2s }}
sites:
  hub: {{ name: {{ en: Hub }} }}
  one: {{ name: {{ en: One }} }}
agents:
  hub-gw: {{ site: hub, role: gateway, reflect: {{ listen: {to}, port: 8620, peers: [{from}], key: stamp }} }}
  gw: {{ site: one, role: gateway }}
links:
  line:
    between: [hub, one]
    probes: [{{ from: gw, to: {to} }}]
    stamp: [{{ from: gw, to: {to}, port: 8620, every: 20ms, via: uplink, key: stamp }}]
"
        );
        let http = "127.0.0.1:8080".parse().expect("an address");
        let centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
        let agents =
            [("hub", "hub-gw", net.centre()), ("one", "gw", net.branch(1))].map(|(site, name, place)| {
                let mut agent = Agent::join(&centre, &place, dir.path(), site, "gateway", name);
                agent.secret("stamp", "a key that both ends know");
                agent.start();
                agent
            });
        Self { centre, net, dir, _agents: agents }
    }

    fn await_code(&self, code: &str) -> Value {
        let what = format!("the path is {code}");
        self.centre.await_entity(&what, "path/line", SEEN, |e| e["reason"]["code"] == code)
    }

    /// That one direction loses a fifth and the other nothing stands in the API, the metrics, the terminal and on the page.
    fn shows_a_fifth_lost(&self, direction: &str, word: &str) {
        let fifth = |loss: &Value| loss.as_f64().is_some_and(|loss| (0.15..0.25).contains(&loss));
        let measured = wait::until("the API tells a whole window of it", SEEN, || {
            let link = self.centre.client.json("/api/v1/links/line");
            let measured = link["directions"]["measured"][0].clone();
            fifth(&measured[format!("loss_{direction}")]).then_some(measured)
        });
        let other = if direction == "back" { "forward" } else { "back" };
        assert_eq!(measured[format!("loss_{other}")], 0.0, "{measured}");
        assert_eq!(measured["delay_forward"], Value::Null, "no clock is known to be right");

        let metrics = self.centre.metrics();
        let sample = format!(
            "wasl_path_loss_ratio{{site=\"one\",agent=\"gw\",link=\"line\",direction=\"{direction}\"}} 0."
        );
        assert!(metrics.contains(&sample), "no {sample} in {metrics}");
        let state = "wasl_path_state{site=\"one\",link=\"line\",state=\"degraded\"} 1.0";
        assert!(metrics.contains(state), "no {state} in {metrics}");
        let terminal = String::from_utf8(self.centre.wasl(&["link", "line"]).stdout).expect("text");
        let said = terminal.lines().find(|text| text.trim_start().starts_with(word)).map(str::trim);
        assert!(said.is_some_and(|said| said.contains("loss 2") || said.contains("loss 1")), "{terminal}");
        let page = self.centre.client.get("/entities/link/line").text();
        assert!(page.contains("id=\"directions-title\""), "the page has both directions");
        assert!(page.contains(&format!("path/line#loss_{direction}@gw")), "and a chart of each");
    }

    /// That both directions lost something stands in the month's report, each under the place that it leads to.
    fn tells_both_in_its_month(&self) {
        let months = self.centre.client.json("/api/v1/links/line/months?months=1");
        let told = &months["items"][0]["tests"][0];
        for (way, direction) in [("forward", "up"), ("back", "down")] {
            let number = |field: &str| told[way][field].as_u64().unwrap_or_default();
            assert!(number("lost") > 0 && number("tests") > number("lost"), "{told}");
            assert_eq!(told[way]["direction"], direction, "{told}");
        }
        assert!(told["observed"].as_f64().is_some_and(|seconds| seconds > 2.0), "{told}");
        let table = String::from_utf8(self.centre.wasl(&["link", "line", "--months"]).stdout).expect("text");
        assert!(table.contains("LOSS DOWN") && table.contains("LOSS UP"), "{table}");
    }

    /// What a field of the path was since `from`, in seconds.
    fn since(&self, from: i64, field: &str) -> Vec<f64> {
        let points = self.centre.history(&format!("path/line#{field}@gw"), from, now_ms());
        points.into_iter().filter_map(|(_, value)| value).collect()
    }

    /// Awaits the next delays, and the error that they are told with: there, back, error.
    fn next_delays(&self) -> [f64; 3] {
        let from = now_ms();
        wait::until("delays are told", ASKED, || {
            let fields = ["delay_forward_p50", "delay_back_p50", "delay_error"];
            let told = fields.map(|field| self.since(from, field));
            // The first window may have begun before `from`.
            told.iter().all(|values| values.len() >= 3).then(|| told.map(|values| values[2]))
        })
    }
}

/// Catches: a direction that is told wrongly or not at all on the way from the configuration to the page.
#[test]
fn one_way_loss_is_named_as_that_direction() {
    if let Err(reason) = packages::need_network() {
        skip!("one_way_loss_is_named_as_that_direction", reason);
    }
    let mut line = Line::open();
    line.await_code("path_measured");
    let fault = line.net.loss_from(1, 1, 5);
    assert_eq!(line.await_code("path_loses_there")["health"], "degraded");
    line.shows_a_fifth_lost("forward", "there");
    fault.heal();
    line.await_code("path_measured");
    let fault = line.net.loss_towards(1, 1, 5);
    assert_eq!(line.await_code("path_loses_back")["health"], "degraded");
    line.shows_a_fifth_lost("back", "back");
    fault.heal();
    line.await_code("path_measured");
    // A month that was read is remembered for some minutes; a controller that starts anew reads it again.
    line.centre.daemon.kill();
    line.centre.start_again();
    line.centre.await_agent("gw");
    line.tells_both_in_its_month();
}

/// Catches: a line of which one direction carries nothing, and that is only told to be silent; one that is told to be cut in
/// the other direction; and a direction that is told where both are cut for all that is known.
#[test]
fn a_direction_that_is_cut_altogether_is_named_by_what_arrives_at_the_other_end() {
    let name = "a_direction_that_is_cut_altogether_is_named_by_what_arrives_at_the_other_end";
    if let Err(reason) = packages::need_network() {
        skip!(name, reason);
    }
    let net = Net::centre_and_branches(1);
    net.second_line(1);
    let line = Line::of(net);
    line.await_code("path_measured");
    let fault = line.net.loss_towards(1, 1, 1);
    assert_eq!(line.await_code("path_cut_back")["health"], "down");
    fault.heal();
    line.await_code("path_measured");
    let fault = line.net.loss_from(1, 1, 1);
    assert_eq!(line.await_code("path_cut_there")["health"], "down");
    fault.heal();
    line.await_code("path_measured");
    let from = line.centre.history("path/line/gw#reflected@hub-gw", 0, now_ms());
    assert!(from.iter().any(|(_, arrived)| *arrived == Some(0.0)) && from.len() > 3, "it is kept: {from:?}");
}

/// chrony at a place, following a receiver of that place's own. The receiver is another chrony with the machine's clock,
/// which the places share: so they agree, and how well is known. Neither sets the clock (`-x`).
struct Disciplined {
    follower: Daemon,
    _receiver: Daemon,
}

impl Disciplined {
    fn start(place: &Place, name: &str, dir: &Path) -> Self {
        let chrony = |part: &str, rules: &str| {
            let path = |end: &str| dir.join(format!("chrony-{name}-{part}.{end}"));
            // Without a socket in the file system, which the places would share.
            let text = format!("{rules}\nbindcmdaddress /\npidfile {}\n", path("pid").display());
            fs::write(path("conf"), text).expect("our own folder takes a file");
            let mut command = place.command("chronyd");
            command.args(["-x", "-d", "-u", "root", "-f"]).arg(path("conf"));
            Daemon::start(&format!("chrony-{name}-{part}"), command, dir)
        };
        let receiver = chrony("receiver", "local stratum 1\nallow 127.0.0.1\nport 11123\ncmdport 0");
        let follower = chrony("follower", "server 127.0.0.1 port 11123 iburst minpoll 0 maxpoll 0\nport 0");
        Self { follower, _receiver: receiver }
    }
}

/// Catches: delays of one direction that are told while nobody knows how good the clocks are, that are outside the error that
/// they are told with, that are told of the other direction, or that go on when a clock is left to itself.
#[test]
fn two_disciplined_clocks_tell_the_delay_of_each_direction_and_its_error() {
    let name = "two_disciplined_clocks_tell_the_delay_of_each_direction_and_its_error";
    if let Err(reason) = packages::need_network() {
        skip!(name, reason);
    }
    if !tool::exists("chronyd") {
        // Installed by a test it would take over the clock of this machine.
        skip!(name, "chronyd is not installed");
    }
    let line = Line::open();
    line.await_code("path_measured");
    wait::until_true("round trips are kept", SEEN, || line.since(0, "rtt_p50").len() >= 3);
    assert_eq!(line.since(0, "delay_forward_p50"), Vec::<f64>::new(), "no clock is known to be right");

    let centre = Disciplined::start(&line.net.centre(), "centre", line.dir.path());
    let mut branch = Disciplined::start(&line.net.branch(1), "branch", line.dir.path());
    let [there, back, error] = line.next_delays();
    assert!(error > 0.0 && error < 0.005, "{error} s");
    for delay in [there, back] {
        // Some switching in one machine, which other tests keep busy.
        assert!(delay > -error && delay < 0.005, "{there} s there, {back} s back, to within {error} s");
    }

    let (fault, added) = (line.net.delay_from(1, DELAY_MS), f64::from(DELAY_MS) / 1000.0);
    let [there, back, error] = line.next_delays();
    assert!(
        there > added - error && there < added + 0.005 && back < 0.005,
        "{there} s there, {back} s back, to within {error} s"
    );
    fault.heal();

    branch.follower.end(Signal::SIGTERM, SEEN);
    wait::until_true("delays are no longer told", ASKED, || {
        let from = now_ms() - 8_000;
        line.since(from, "delay_forward_p50").is_empty() && line.since(from, "rtt_p50").len() >= 3
    });
    drop(centre);
}
