//! Agents and controller are killed at random moments, as by power cuts. `make soak` does it 200 times.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use wasl_tests::centre::{Agent, Centre};
use wasl_tests::chance::Chance;
use wasl_tests::daemon::Daemon;
use wasl_tests::net::Net;
use wasl_tests::{binaries, evidence, packages, skip, wait};

use super::{OFTEN, SOON};

/// How often something is killed where nothing else is asked for.
const SAMPLE: u64 = 8;
/// The longest time before a kill, and the longest that what was killed stays away; milliseconds.
const MOMENT_MS: u64 = 1_200;
const AWAY_MS: u64 = 600;
/// How long the crowd may take to deliver the rest: its agents, too, may wait half a minute before they try again.
const CROWD_ENDS: Duration = Duration::from_secs(120);

/// The number of kills, and the seed of their moments.
fn asked() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("it is a number"));
    let kills = number("WASL_SOAK_KILLS").unwrap_or(SAMPLE);
    (kills, number("WASL_SOAK_SEED").unwrap_or_else(|| wait::now_ms().unsigned_abs()))
}

/// Catches: what was promised before it was durable on either side, numbers that are given out twice, sessions and
/// backlogs that do not come back, and starts that a start before them has left half done.
#[test]
fn agents_and_controller_are_killed_at_random_and_nothing_is_lost_or_doubled() {
    if let Err(reason) = packages::need_network() {
        skip!("agents_and_controller_are_killed_at_random_and_nothing_is_lost_or_doubled", reason);
    }
    let (kills, seed) = asked();
    println!("{kills} kills; again with WASL_SOAK_SEED={seed}");
    let mut chance = Chance::new(seed);
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(2);
    let configuration = format!(
        "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
defaults: {OFTEN}
sites: {{ one: {{ name: {{ en: One }} }}, two: {{ name: {{ en: Two }} }} }}
agents: {{ branch-1: {{ site: one, role: gateway }}, branch-2: {{ site: two, role: gateway }} }}
targets:
  centre-from-1: {{ address: {0}, from: [branch-1] }}
  centre-from-2: {{ address: {0}, from: [branch-2] }}
",
        net.centre_address()
    );
    let http = "127.0.0.1:8080".parse().expect("an address");
    let mut centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
    let mut branches: Vec<Agent> = [("one", 1), ("two", 2)]
        .map(|(site, number)| {
            let name = format!("branch-{number}");
            Agent::join(&centre, &net.branch(number), dir.path(), site, "gateway", &name)
        })
        .into();
    branches.iter_mut().for_each(Agent::start);
    // Real agents write once a second; a crowd beside them keeps the controller committing at every moment.
    let mut crowd = crowd(&net, &centre, dir.path());

    for round in 1..=kills {
        // Every other kill comes while things flow, the others wherever the last one has left things.
        if chance.below(2) == 0 {
            centre.await_ready();
            let before = stored(&centre);
            wait::until_true("something arrives", SOON, || stored(&centre) > before);
        }
        wait::during(Duration::from_millis(chance.below(MOMENT_MS)), || {});
        let away = Duration::from_millis(chance.below(AWAY_MS));
        let victim = usize::try_from(chance.below(3)).expect("a small number");
        if let Some(agent) = branches.get_mut(victim) {
            agent.daemon().assert_running();
            agent.daemon().kill();
            wait::during(away, || {});
            agent.start();
        } else {
            centre.daemon.assert_running();
            centre.daemon.kill();
            wait::during(away, || {});
            centre.launch_again();
        }
        if round % 20 == 0 {
            println!("{round} of {kills}");
        }
    }

    centre.await_ready();
    let status = crowd.end(Signal::SIGTERM, CROWD_ENDS);
    let log = crowd.log();
    let told = log.lines().find(|line| line.starts_with("produced "));
    let told = told.unwrap_or_else(|| panic!("no account of the crowd:\n{log}"));
    assert!(status.success(), "{told}");
    println!("the crowd: {told}");
    for agent in &mut branches {
        centre.await_agent(&agent.name);
        wait::until_true("what waited has arrived", SOON, || {
            let spool = agent.spool();
            spool["produced"].as_u64() > Some(3) && spool["pending"].as_u64() < Some(3)
        });
        agent.end();
        let account = evidence::balanced_without_loss(&centre, agent);
        let written = evidence::written(&agent.state().join("spool"));
        let points = evidence::assert_history_is(&centre, &agent.name, &written);
        println!(
            "{}: {} batches, {} came twice and were recognised, {points} points are the agent's own",
            agent.name, account.produced, account.duplicates
        );
    }
}

/// Simulated agents, which compare their account with the controller's in the end.
fn crowd(net: &Net, centre: &Centre, dir: &Path) -> Daemon {
    let mut command = net.centre().command(binaries::path("wasl"));
    command.args(["simulate", "--agents", "6", "--heartbeat", "400ms", "--for", "12h", "--drain", "5m"]);
    command.args(["--sites", "one,two", "--state"]).arg(centre.state());
    let crowd = Daemon::start("crowd", command, dir);
    wait::until_true("the crowd delivers", SOON, || {
        let all = centre.client.try_json("/api/v1/accounting");
        all.as_ref().and_then(|all| all.as_array()).is_some_and(|all| all.len() >= 6)
    });
    crowd
}

/// How many batches of the branches the controller has.
fn stored(centre: &Centre) -> u64 {
    let all = centre.client.try_json("/api/v1/accounting");
    let all = all.as_ref().and_then(|all| all.as_array()).into_iter().flatten();
    let of_branches =
        |account: &&Value| account["agent"].as_str().is_some_and(|name| name.starts_with("branch-"));
    all.filter(of_branches).filter_map(|account| account["stored"].as_u64()).sum()
}
