//! Ends in good order.

use std::time::Duration;

use wasl_tests::centre::{Agent, Centre};
use wasl_tests::net::Place;
use wasl_tests::wait;

/// What an agent does in its last moment depends on which of several things it notices first, so it is
/// asked to end several times.
const ROUNDS: u64 = 25;

/// Catches: a last batch that stays behind although the controller is there, to be delivered only at the next
/// start, which may be never.
#[test]
fn an_agent_that_is_asked_to_end_delivers_its_last_batch() {
    let dir = tempfile::tempdir().expect("a folder");
    let configuration = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
defaults: { host_every: 1s, window: 1s, probe_every: 200ms, probe_timeout: 500ms }
sites: { one: { name: { en: One } } }
agents: { branch-1: { site: one, role: gateway } }
targets: { self: { address: 127.0.0.1, from: [branch-1] } }
";
    let any = "127.0.0.1:0".parse().expect("an address");
    let centre = Centre::start(&Place::Here, dir.path(), configuration, any, any);
    let mut agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    let mut left_behind = Vec::new();
    for round in 1..=ROUNDS {
        agent.start();
        wait::until_true("it delivers", Duration::from_secs(15), || {
            centre.is_connected("branch-1")
                && centre.entity("target/self").is_some_and(|target| target["health"] == "ok")
                && agent.spool()["acknowledged"].as_u64() >= Some(round)
        });
        agent.end();
        let spool = agent.spool();
        let stored = centre.account_of("branch-1")["stored"].as_u64();
        if spool["pending"] != 0 || stored != spool["produced"].as_u64() {
            left_behind.push(format!("round {round}: {spool}, and the controller has {stored:?}"));
        }
    }
    assert!(
        left_behind.is_empty(),
        "after {} of {ROUNDS} ends:\n{}",
        left_behind.len(),
        left_behind.join("\n")
    );
}
