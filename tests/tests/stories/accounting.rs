//! A line that two institutions share: who fills it, and what that does to the line.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use wasl_tests::centre::{Agent, Centre};
use wasl_tests::daemon::Daemon;
use wasl_tests::net::{Net, partner_network};
use wasl_tests::partners::Traffic;
use wasl_tests::{binaries, packages, skip, wait};

/// How soon a change is seen: some windows, and the time that a breach of a share has.
const SEEN: Duration = Duration::from_secs(60);
/// What was bought of the line, each way.
const CONTRACT: u64 = 2_000_000;
const LINE: &str = "link/line";

/// A centre, and a branch whose gateway has two institutions behind it. The line is as narrow as was bought.
struct Shared {
    centre: Centre,
    agent: Agent,
    net: Net,
    _helper: Daemon,
    _dir: TempDir,
}

impl Shared {
    /// `apart`: the agent speaks to the centre by a line of its own.
    fn open(apart: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut net = Net::centre_and_branches(1);
        net.settle_partners(1, 2);
        if apart {
            net.second_line(1);
        }
        let to = net.centre_address();
        let (one, two) = (partner_network(1), partner_network(2));
        let configuration = format!(
            "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
defaults: {{ window: 2s, host_every: 2s }}
sites:
  hub: {{ name: {{ en: Hub }} }}
  one: {{ name: {{ en: One }} }}
agents:
  gw: {{ site: one, role: gateway }}
links:
  line:
    between: [hub, one]
    probes: [{{ from: gw, to: {to}, via: uplink }}]
    contract: {{ down: 2Mbit/s, up: 2Mbit/s, rtt: 60ms, loss: 1% }}
    accounting:
      from: gw
      interface: uplink
      breach_after: 10s
      talkers: 5
      shares:
        - {{ id: greedy, prefixes: [{one}], share: 50% }}
        - {{ id: modest, prefixes: [{two}, 2001:db8:2::/48], share: 1Mbit/s }}
"
        );
        let http = "127.0.0.1:8080".parse().expect("an address");
        let centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
        let mut agent = Agent::join(&centre, &net.branch(1), dir.path(), "one", "gateway", "gw");
        let helper = helper(&net, dir.path());
        let socket = dir.path().join("helper.sock");
        wait::until_true("the helper listens", Duration::from_secs(20), || socket.exists());
        let socket = socket.to_string_lossy().into_owned();
        agent.set_environment(vec![("WASL_HELPER_SOCKET".to_owned(), socket)]);
        agent.start();
        let open = Self { centre, agent, net, _helper: helper, _dir: dir };
        open.line("link_up");
        open.share("greedy", "share_fair");
        open.share("modest", "share_fair");
        open
    }

    fn line(&self, code: &str) -> Value {
        self.centre.await_entity(&format!("the line is {code}"), LINE, SEEN, |e| e["reason"]["code"] == code)
    }

    fn share(&self, share: &str, code: &str) -> Value {
        let path = format!("share/line%2F{share}");
        self.centre.await_entity(&format!("{share} is {code}"), &path, SEEN, |e| e["reason"]["code"] == code)
    }

    fn accounting(&self) -> Value {
        self.centre.client.json("/api/v1/links/line")["accounting"].clone()
    }
}

/// The root helper beside the branch's agent, allowed to count at this one interface.
fn helper(net: &Net, dir: &Path) -> Daemon {
    let policy = dir.join("helper.conf");
    fs::write(&policy, "peer root\naccount uplink\n").expect("written");
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o644)).expect("our own file");
    let mut command = net.branch(1).command(binaries::path("wasl-helper"));
    command.args(["run", "--group", "root", "--socket"]).arg(dir.join("helper.sock"));
    command.arg("--policy").arg(&policy);
    Daemon::start("helper", command, dir)
}

/// Catches: a full line that is called faulty, or a faulty one full; traffic that is laid to the wrong institution or
/// counted wrongly; a breach that nobody is told of, or that is never over; tables of others that are touched, and a
/// table of ours that is left behind.
#[test]
fn a_line_that_one_of_two_institutions_fills_is_congested_and_the_other_goes_short() {
    if let Err(reason) = packages::need_network() {
        skip!("a_line_that_one_of_two_institutions_fills_is_congested_and_the_other_goes_short", reason);
    }
    let mut story = Shared::open(false);
    story.net.foreign_table(1, "others");
    let narrow = story.net.rate_up(1, 2_000);
    let (greedy, modest) = (story.net.partner(1), story.net.partner(2));
    let to = story.net.centre_address();
    let most = Traffic::start(&greedy, to, CONTRACT * 11 / 10);
    let little = Traffic::start(&modest, to, CONTRACT * 3 / 20);

    let line = story.line("link_congested");
    assert_eq!(line["health"], "degraded");
    assert_eq!(line["reason"]["args"]["direction"], "up");
    let exceeded = story.share("greedy", "share_exceeded");
    assert_eq!(
        (&exceeded["health"], &exceeded["reason"]["args"]["direction"]),
        (&"degraded".into(), &"up".into())
    );
    assert_eq!(story.centre.entity("share/line%2Fmodest").expect("known")["health"], "ok");
    // Who fills the line is the cause, and the line's trouble its consequence: one incident for both.
    assert_eq!(exceeded["caused_by"], Value::Null, "{exceeded:#}");
    let greedy_is = "share/line/greedy";
    story.centre.await_entity("the line's cause is known", LINE, SEEN, |e| e["caused_by"] == greedy_is);
    let open = || story.centre.client.json("/api/v1/incidents?open=true")["items"].clone();
    wait::until_true("one incident is left, that of who fills it", SEEN, || {
        open().as_array().is_some_and(|all| all.len() == 1 && all[0]["root"] == greedy_is)
    });

    let told = story.accounting();
    for (index, sent) in [(0, CONTRACT as f64 * 1.1), (1, CONTRACT as f64 * 0.15)] {
        let up = told["shares"][index]["up"]["bits_per_second"].as_f64().expect("counted");
        assert!((up / sent - 1.0).abs() < 0.05, "sent {sent} bit/s: {told:#}");
    }
    let first = &told["talkers"]["most"][0];
    assert_eq!(first["address"], story.net.partner_address(1).to_string(), "{told:#}");
    assert_eq!(first["share"], "greedy");
    let page = story.centre.wasl(&["link", "line"]);
    assert_eq!(page.status.code(), Some(1), "a poor line");
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains("greedy") && page.contains("10.90.201.2"), "{page}");
    let metrics = story.centre.metrics();
    let metric =
        "wasl_link_share_bits_per_second{site=\"one\",link=\"line\",share=\"greedy\",direction=\"up\"}";
    assert!(metrics.contains(metric), "{metrics}");

    // All that was sent was counted, whatever became of it in the line.
    let (from, before) = (wait::now_ms(), most.sent());
    wait::during(Duration::from_secs(12), || {});
    let sent = (most.sent() - before) as f64;
    let rates = story.centre.history("share/line/greedy#up_rate@gw", from, wait::now_ms());
    let rates: Vec<f64> = rates.into_iter().filter_map(|(_, rate)| rate).collect();
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    assert!((mean / (sent / 12.0) - 1.0).abs() < 0.05, "{mean} of {sent} in 12 s: {rates:?}");

    most.end();
    little.end();
    story.line("link_up");
    story.share("greedy", "share_fair");
    narrow.heal();

    let loss = story.net.loss(1, 10.0);
    let faulty = story.line("link_faulty");
    assert_eq!(faulty["health"], "degraded");
    loss.heal();
    story.line("link_up");

    assert!(story.net.table(1, "wasl_acct").is_some());
    assert!(story.net.table(1, "others").expect("it is not ours").contains("counter name \"mine\""));
    story.agent.end();
    assert_eq!(story.net.table(1, "wasl_acct"), None, "it goes with the agent");
    assert!(story.net.table(1, "others").is_some());
}

/// Catches: a line that is called cut because it is so full that no probe comes through, and one that is cut and still
/// called full.
#[test]
fn a_line_that_drowns_its_probes_is_full_and_not_cut() {
    if let Err(reason) = packages::need_network() {
        skip!("a_line_that_drowns_its_probes_is_full_and_not_cut", reason);
    }
    let story = Shared::open(true);
    let narrow = story.net.rate(1, 2_000);
    let flood = Traffic::start(&story.net.centre(), story.net.partner_address(1), CONTRACT * 10);
    let line = story.line("link_congested");
    assert_eq!((&line["health"], &line["reason"]["args"]["direction"]), (&"degraded".into(), &"down".into()));
    let cut = story.net.cut(1);
    assert_eq!(story.line("link_cut")["health"], "down");
    cut.heal();
    flood.end();
    story.line("link_up");
    narrow.heal();
}
