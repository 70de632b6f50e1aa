//! The full agent's program: what it has beyond the command line of every agent.

use wasl_agent_core::Agent;
use wasl_agent_core::cli::Program;
use wasl_model::{EntityKind, Subject};
use wasl_runtime::supervise::OnFailure;
use wasl_spool::Options;

use crate::{backup, polling, probing};

/// `wasl-agent`.
pub const PROGRAM: Program = Program {
    name: "wasl-agent",
    about: "Observes this machine and what it was assigned, and brings it to the controller",
    version: env!("CARGO_PKG_VERSION"),
    state: "/var/lib/wasl-agent",
    spool: Options::gateway,
    add_collectors,
    examinations: &[icmp],
};

fn add_collectors(agent: &Agent) {
    let about = Subject::lenient(EntityKind::Agent, agent.id.as_str());
    let stop = agent.collectors.stopping();
    let (reporter, assignment, token) = (agent.reporter.clone(), agent.assignment.clone(), stop.clone());
    agent.collectors.spawn("probing", OnFailure::Restart, move || {
        let task = probing::run(reporter.clone(), assignment.clone(), about.clone(), token.clone());
        async {
            let _: () = task.await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    let (reporter, assignment, token) = (agent.reporter.clone(), agent.assignment.clone(), stop.clone());
    let secrets = agent.secrets.clone();
    agent.collectors.spawn("polling", OnFailure::Restart, move || {
        let task = polling::run(reporter.clone(), secrets.clone(), assignment.clone(), token.clone());
        async {
            let _: () = task.await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    let (reporter, assignment, secrets) =
        (agent.reporter.clone(), agent.assignment.clone(), agent.secrets.clone());
    agent.collectors.spawn("backup", OnFailure::Restart, move || {
        let task = backup::run(reporter.clone(), secrets.clone(), assignment.clone(), stop.clone());
        async {
            let _: () = task.await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
}

fn icmp() -> Result<String, String> {
    match probing::icmp_permitted() {
        Ok(how) => Ok(format!("ICMP can be sent ({how})")),
        Err(remedy) => Err(format!("ICMP may not be sent, so targets are measured by TCP connect: {remedy}")),
    }
}
