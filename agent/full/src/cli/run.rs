//! `wasl-agent run`: the daemon.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use tokio::io::AsyncReadExt;
use wasl_agent::{backup, polling, probing};
use wasl_agent_core::Agent;
use wasl_agent_core::state::StateDir;
use wasl_model::{EntityKind, Subject};
use wasl_runtime::supervise::OnFailure;
use wasl_spool::Options;

use super::Place;

/// Observe and deliver until a signal comes.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    place: Place,
    /// Another address of the controller than the one that the agent joined at
    #[arg(long, value_name = "HOST:PORT")]
    controller: Option<String>,
    /// End when standard input is closed, for a parent that may vanish
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

impl Run {
    pub(super) async fn run(self) -> Result<ExitCode> {
        let state = StateDir::open(&self.place.state)?;
        if let Some(controller) = self.controller {
            state.move_controller(&controller)?;
        }
        let agent = Agent::start(state, Options::gateway(), env!("CARGO_PKG_VERSION"))
            .await
            .context("starting the agent")?;
        tracing::info!(agent = %agent.id, version = env!("CARGO_PKG_VERSION"), "the agent is at work");
        add_collectors(&agent);
        tokio::select! {
            signal = wasl_runtime::shutdown::requested() => tracing::info!(signal = signal?, "the agent ends"),
            () = stdin_closed(), if self.until_stdin_closes => tracing::info!("the agent ends with its parent"),
            () = agent.failed() => {}
        }
        let drained = agent.drain().await;
        if !drained.unfinished.is_empty() {
            tracing::warn!(tasks = ?drained.unfinished, "these tasks did not end in time; what was not delivered waits in the spool");
        }
        Ok(if drained.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

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

/// Resolves when standard input ends; what comes in meanwhile is ignored.
async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0u8; 64];
    while stdin.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}
