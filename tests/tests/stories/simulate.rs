//! Many agents at once, as `wasl simulate` makes them, and the proof that nothing of theirs was lost or doubled.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use wasl_tests::binaries;
use wasl_tests::centre::Centre;
use wasl_tests::daemon::Daemon;
use wasl_tests::net::Place;
use wasl_tests::wait;

/// How long a simulation of a few seconds may take, enrolment and the last deliveries included.
const PATIENCE: Duration = Duration::from_secs(90);

const CONFIGURATION: &str = "institution: { id: simulated, name: { en: Simulated }, timezone: Asia/Hebron }
sites: { one: { name: { en: One } }, two: { name: { en: Two } } }
agents: {}
";

fn centre(dir: &Path) -> Centre {
    let any = "127.0.0.1:0".parse().expect("an address");
    Centre::start(&Place::Here, dir, CONFIGURATION, any, any)
}

fn simulate(centre: &Centre, report: &Path, args: &[&str]) -> Command {
    let mut command = binaries::command("wasl");
    command.args(["simulate", "--json", "--sites", "one,two", "--state"]).arg(centre.state());
    command.arg("--report").arg(report).args(args);
    command
}

/// The summary that a simulation printed behind its words on standard error.
fn summary(simulation: &Daemon) -> Value {
    let log = simulation.log();
    let from = log.find('{').unwrap_or_else(|| panic!("no summary:\n{log}"));
    let document: Value =
        serde_json::from_str(&log[from..]).unwrap_or_else(|error| panic!("{error}:\n{log}"));
    assert_eq!(document["schema"], "wasl.simulation.v1");
    document["items"][0].clone()
}

/// How many batches of each agent's epoch the report lists. Their sequences must have no hole and no repetition.
fn produced(report: &Path) -> BTreeMap<(String, String), u64> {
    let text = fs::read_to_string(report).expect("a report");
    let mut all: BTreeMap<(String, String), u64> = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let part = |key: &str| line[key].as_str().expect("text").to_owned();
        assert_eq!(part("sha256").len(), 64, "{line}");
        let last = all.entry((part("agent"), part("epoch"))).or_default();
        assert_eq!(line["seq"].as_u64(), Some(*last + 1), "{line}");
        *last += 1;
    }
    all
}

/// The controller's accounts must list exactly what the report lists, each batch once.
fn assert_accounts_agree(centre: &Centre, report: &Path) -> u64 {
    let produced = produced(report);
    let accounts = centre.client.json("/api/v1/accounting");
    let accounts = accounts.as_array().expect("a list");
    assert_eq!(accounts.len(), produced.len());
    for account in accounts {
        let part = |key: &str| account[key].as_str().expect("text").to_owned();
        let wanted = produced[&(part("agent"), part("epoch"))];
        assert_eq!(account["stored"].as_u64(), Some(wanted), "{account:#}");
        assert_eq!(account["last_seq"].as_u64(), Some(wanted), "{account:#}");
    }
    produced.values().sum()
}

/// Catches: a batch that gets lost or is counted twice when connections break at any moment, and a backlog that
/// never arrives.
#[test]
fn many_agents_with_broken_lines_lose_nothing_and_double_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path());
    let report = dir.path().join("report.jsonl");
    let args =
        ["--agents", "24", "--heartbeat", "250ms", "--for", "5s", "--cuts", "700ms", "--backfill", "30s"];
    let mut simulation = Daemon::start("simulation", simulate(&centre, &report, &args), dir.path());
    let status = simulation.wait(PATIENCE);
    assert!(status.success(), "{status}:\n{}", simulation.tail());

    let told = summary(&simulation);
    let batches = assert_accounts_agree(&centre, &report);
    assert!(batches >= 24 * 120, "each of them began with 120 batches: {batches}");
    assert_eq!(told["account"]["stored"].as_u64(), Some(batches));
    assert!(told["cuts"].as_u64() > Some(24), "hardly a line was cut: {told:#}");
    // A cut may meet a line whose session was not open yet, so there need not be a session for each.
    assert!(told["sessions"].as_u64() > Some(24), "hardly anybody came back: {told:#}");
    assert!(told["backlog_delivered_in"].is_number(), "{told:#}");
    assert!(told["ack_ms"]["p99"].is_number(), "{told:#}");
    let sites: Vec<Value> = centre.client.json("/api/v1/agents")["items"].as_array().expect("a list").clone();
    let at_two = sites.iter().filter(|agent| agent["site"] == "two").count();
    assert_eq!((sites.len(), at_two), (24, 12), "they are spread over both sites");
}

/// Catches: an acknowledgement that is given before the batch is durable.
#[test]
fn a_controller_that_is_killed_at_work_has_kept_all_that_it_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut centre = centre(dir.path());
    let report = dir.path().join("report.jsonl");
    let args = ["--agents", "12", "--heartbeat", "100ms", "--for", "8s"];
    let mut simulation = Daemon::start("simulation", simulate(&centre, &report, &args), dir.path());
    wait::until_true("all agents deliver", PATIENCE, || {
        simulation.assert_running();
        centre.client.json("/api/v1/accounting").as_array().is_some_and(|all| all.len() == 12)
    });
    centre.daemon.kill();
    centre.start_again();
    let status = simulation.wait(PATIENCE);
    assert!(status.success(), "{status}:\n{}", simulation.tail());
    let told = summary(&simulation);
    assert!(told["sessions"].as_u64() >= Some(24), "they came back: {told:#}");
    let broken: u64 = told["troubles"].as_object().expect("words").values().filter_map(Value::as_u64).sum();
    assert!(broken >= 12, "every line broke: {told:#}");
    assert_accounts_agree(&centre, &report);
}

/// Catches: a simulation that calls it a success when batches are still waiting.
#[test]
fn what_did_not_arrive_is_told_and_is_no_success() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path());
    let report = dir.path().join("report.jsonl");
    // More than can be delivered in no time at all: the agents make batches, and are stopped at once.
    let args = ["--agents", "2", "--heartbeat", "1s", "--for", "1ms", "--backfill", "10m", "--drain", "1ms"];
    let mut simulation = Daemon::start("simulation", simulate(&centre, &report, &args), dir.path());
    let status = simulation.wait(PATIENCE);
    assert_eq!(status.code(), Some(1), "{}", simulation.tail());
    let account = &summary(&simulation)["account"];
    assert!(account["pending"].as_u64() > Some(0), "{account:#}");
    assert_eq!(account["lost"], 0);
}
