//! Delivery: nothing lost, nothing twice, each observation at its own time, whatever happens on the way. Each story ends
//! with the accounts of both sides and with the controller's history beside the agent's own records.

mod clocks;
mod damage;
mod full;
mod restored;
mod soak;
mod twice;
mod versions;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;
use wasl_tests::centre::{Agent, Centre, Environment};
use wasl_tests::evidence::{self, Account, Written};
use wasl_tests::net::Net;
use wasl_tests::wait;

/// Longer than any single thing here takes: an agent that could not connect for a while waits up to half a minute.
const SOON: Duration = Duration::from_secs(60);

const NAME: &str = "branch-1";

/// An agent that reads and probes each second.
const OFTEN: &str = "{ host_every: 1s, window: 1s, probe_every: 200ms, probe_timeout: 800ms }";
/// One that does so each minute, for clocks that run thousands of times as fast.
const SELDOM: &str = "{ host_every: 1m, window: 1m, probe_every: 1m, probe_timeout: 1s }";

/// A controller, and a branch with an agent that has joined and does not run yet.
struct Pair {
    agent: Agent,
    centre: Centre,
    /// Shared, so that a fault of a line does not keep the rest from being used.
    net: Rc<Net>,
    dir: TempDir,
}

impl Pair {
    fn open(pace: &str) -> Self {
        Self::open_in(tempfile::tempdir().expect("a folder"), pace)
    }

    fn open_in(dir: TempDir, pace: &str) -> Self {
        let net = Rc::new(Net::centre_and_branches(1));
        let configuration = format!(
            "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
defaults: {pace}
sites: {{ one: {{ name: {{ en: One }} }} }}
agents: {{ {NAME}: {{ site: one, role: gateway }} }}
targets:
  self: {{ address: 127.0.0.1, from: [{NAME}] }}
"
        );
        let http = "127.0.0.1:8080".parse().expect("an address");
        let centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
        let agent = Agent::join(&centre, &net.branch(1), dir.path(), "one", "gateway", NAME);
        Self { agent, centre, net, dir }
    }

    fn spool(&self) -> PathBuf {
        self.agent.state().join("spool")
    }

    /// Everything that the agent's spool still holds.
    fn written(&self) -> Vec<Written> {
        evidence::written(&self.spool())
    }

    /// A figure of the agent's account of its spool; 0 before there is one.
    fn figure(&self, name: &str) -> u64 {
        if !self.spool().exists() {
            return 0;
        }
        self.agent.spool()[name].as_u64().expect("a number")
    }

    /// How many batches the agent has given a number.
    fn produced(&self) -> u64 {
        self.figure("produced")
    }

    /// How many wait.
    fn pending(&self) -> u64 {
        self.figure("pending")
    }

    /// Waits until the running agent has delivered so many more.
    fn await_delivery(&mut self, more: u64) {
        self.await_more("acknowledged", more);
    }

    /// Waits until the running agent has written so many more.
    fn await_production(&mut self, more: u64) {
        self.await_more("produced", more);
    }

    fn await_more(&mut self, name: &str, more: u64) {
        let goal = self.figure(name) + more;
        wait::until_true(&format!("{more} more are {name}"), SOON, || {
            self.agent.daemon().assert_running();
            self.figure(name) >= goal
        });
    }

    /// Runs the agent until it has delivered all that it has, and ends it in good order.
    fn deliver(&mut self) {
        self.agent.set_environment(Environment::new());
        self.agent.start();
        self.finish();
    }

    /// Lets the running agent deliver all that it has, and ends it in good order.
    fn finish(&mut self) {
        self.centre.await_agent(NAME);
        wait::until_true("everything is delivered", SOON, || {
            self.agent.daemon().assert_running();
            self.figure("acknowledged") > 0 && self.pending() < 3
        });
        self.agent.end();
    }

    /// Runs the agent, which reaches nobody, so long by a clock that begins `behind_s` seconds ago and is so many times as
    /// fast; it ends in good order.
    fn run_fast(&mut self, behind_s: u64, lasting_s: u64, times: u32) {
        assert!(behind_s > lasting_s, "it would come into the future");
        self.agent.set_environment(wasl_tests::clock::fast(behind_s, times));
        self.agent.start();
        let lasting = Duration::from_secs(lasting_s) / times;
        wait::during(lasting, || self.agent.daemon().assert_running());
        self.agent.end();
    }

    /// What may be said when the agent has ended and nothing was lost: the accounts agree and the history is exactly what
    /// the agent saw.
    fn arrived_whole(&self) -> Account {
        let account = evidence::balanced_without_loss(&self.centre, &self.agent);
        let written = self.written();
        assert_eq!(evidence::missing(&written, 1, account.produced), Vec::<u64>::new(), "all is still here");
        evidence::assert_history_is(&self.centre, NAME, &written);
        account
    }
}

/// The time of each record's first reading of its machine, in the order of writing.
fn readings(written: &[Written]) -> Vec<i64> {
    let hosts = written.iter().flat_map(|record| &record.observations);
    hosts.filter(|one| matches!(one.value, wasl_model::Value::Host(_))).map(|one| one.at.0).collect()
}
