//! `run`: the daemon.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use tokio::io::AsyncReadExt;
use wasl_runtime::notify::Notifier;

use super::{Place, Program};
use crate::Agent;
use crate::state::StateDir;

/// Observe and deliver until a signal comes.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) place: Place,
    /// Another address of the controller than the one that the agent joined at
    #[arg(long, value_name = "HOST:PORT")]
    controller: Option<String>,
    /// End when standard input is closed, for a parent that may vanish
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

impl Run {
    pub(super) async fn run(self, program: &Program) -> Result<ExitCode> {
        let state = StateDir::open(&self.place.state)?;
        if let Some(controller) = self.controller {
            state.move_controller(&controller)?;
        }
        let notifier = Notifier::of_this_process();
        let agent =
            Agent::start(state, (program.spool)(), program.version).await.context("starting the agent")?;
        tracing::info!(agent = %agent.id, version = program.version, "the agent is at work");
        (program.add_collectors)(&agent);
        // Not the first session: an agent does its work while the line is cut, too.
        let status = format!("the agent {} observes; `{} doctor` says how it stands", agent.id, program.name);
        notifier.ready(&status);
        let watched = [&agent.collectors];
        tokio::select! {
            signal = wasl_runtime::shutdown::requested() => tracing::info!(signal = signal?, "the agent ends"),
            () = stdin_closed(), if self.until_stdin_closes => tracing::info!("the agent ends with its parent"),
            () = agent.failed() => {}
            never = notifier.keep_alive(&watched, &status) => match never {},
        }
        notifier.stopping();
        let drained = agent.drain().await;
        if !drained.unfinished.is_empty() {
            tracing::warn!(tasks = ?drained.unfinished, "these tasks did not end in time; what was not delivered waits in the spool");
        }
        Ok(if drained.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Resolves when standard input ends; what comes in meanwhile is ignored.
async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0u8; 64];
    while stdin.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}
