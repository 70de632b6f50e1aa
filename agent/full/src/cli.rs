//! The full agent's program: what it has beyond the command line of every agent.

use wasl_agent_core::Agent;
use wasl_agent_core::cli::Program;
use wasl_model::{EntityKind, Subject};
use wasl_runtime::supervise::OnFailure;
use wasl_spool::Options;

use crate::{accounting, backup, discovery, polling, probing, stamp, traps};

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
    measure_paths(agent, &about);
    let (reporter, assignment, token) = (agent.reporter.clone(), agent.assignment.clone(), stop.clone());
    let usual = agent.folder.join("usual.json");
    let hints = probing::Hints::default();
    let hinted = hints.clone();
    agent.collectors.spawn("probing", OnFailure::Restart, move || {
        let task = probing::run(
            reporter.clone(),
            assignment.clone(),
            about.clone(),
            usual.clone(),
            hints.clone(),
            token.clone(),
        );
        async {
            let _: () = task.await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    let (reporter, assignment, token) = (agent.reporter.clone(), agent.assignment.clone(), stop.clone());
    let secrets = agent.secrets.clone();
    let bells = polling::Bells::default();
    let addresses = polling::Addresses::default();
    let (rung, known) = (bells.clone(), addresses.clone());
    agent.collectors.spawn("polling", OnFailure::Restart, move || {
        let task = polling::run(
            reporter.clone(),
            secrets.clone(),
            assignment.clone(),
            bells.clone(),
            addresses.clone(),
            token.clone(),
        );
        async {
            let _: () = task.await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    let about = Subject::lenient(EntityKind::Agent, agent.id.as_str());
    let (reporter, assignment, token) = (agent.reporter.clone(), agent.assignment.clone(), stop.clone());
    let secrets = agent.secrets.clone();
    agent.collectors.spawn("traps", OnFailure::Restart, move || {
        let parts = traps::Parts {
            reporter: reporter.clone(),
            secrets: secrets.clone(),
            bells: rung.clone(),
            addresses: known.clone(),
            hints: hinted.clone(),
            about: about.clone(),
        };
        let task = traps::run(parts, assignment.clone(), token.clone());
        async {
            let _: () = task.await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    let (reporter, assignment, token) = (agent.reporter.clone(), agent.assignment.clone(), stop.clone());
    let id = agent.id.clone();
    agent.collectors.spawn("discovery", OnFailure::Restart, move || {
        let task = discovery::run(reporter.clone(), id.clone(), assignment.clone(), token.clone());
        async {
            let _: () = task.await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    let (reporter, assignment, token) = (agent.reporter.clone(), agent.assignment.clone(), stop.clone());
    let id = agent.id.clone();
    agent.collectors.spawn("accounting", OnFailure::Restart, move || {
        let task = accounting::run(reporter.clone(), id.clone(), assignment.clone(), token.clone());
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

/// The two halves of STAMP: the sessions from here, and the reflector for those from elsewhere.
fn measure_paths(agent: &Agent, about: &Subject) {
    let parts = stamp::Parts {
        reporter: agent.reporter.clone(),
        secrets: agent.secrets.clone(),
        assignment: agent.assignment.clone(),
        agent: about.clone(),
        shutdown: agent.collectors.stopping(),
    };
    let reflecting = parts.clone();
    agent.collectors.spawn("stamp", OnFailure::Restart, move || {
        let task = stamp::measure(parts.clone());
        async {
            let _: () = task.await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    agent.collectors.spawn("reflector", OnFailure::Restart, move || {
        let task = stamp::reflect(reflecting.clone());
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
