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
    /// How much the spool may hold, such as 500MB. Beyond it samples go before events, the oldest first, and are counted.
    /// Default: 1GB, for a laboratory PC 64MB
    #[arg(long, value_name = "SIZE", env = "WASL_AGENT_SPOOL_QUOTA", value_parser = size)]
    spool_quota: Option<u64>,
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
        let options = (program.spool)();
        let options = match self.spool_quota {
            Some(bytes) => options.with_quota(bytes),
            None => options,
        };
        let notifier = Notifier::of_this_process();
        let agent = Agent::start(state, options, program.version).await.context("starting the agent")?;
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

/// The least that a spool can work with; bytes.
const LEAST_QUOTA: u64 = 200_000;

/// Reads a size in bytes: a whole number with kB, MB or GB behind it.
fn size(text: &str) -> Result<u64, String> {
    let units = [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)];
    let read = units.iter().find_map(|(unit, bytes)| {
        text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?.checked_mul(*bytes)
    });
    match read {
        Some(bytes) if bytes >= LEAST_QUOTA => Ok(bytes),
        Some(_) => Err("a spool needs 200kB at least".to_owned()),
        None => Err("a size is a whole number with kB, MB or GB behind it, such as 500MB".to_owned()),
    }
}

/// Resolves when standard input ends; what comes in meanwhile is ignored.
async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0u8; 64];
    while stdin.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn a_size_has_a_unit_and_is_large_enough_for_a_spool() {
        let good = [("200kB", 200_000), ("64 MB", 64_000_000), ("2GB", 2_000_000_000)];
        for (text, bytes) in good {
            assert_eq!(size(text), Ok(bytes));
        }
        for text in ["", "64", "MB", "1.5GB", "-1MB", "64mb", "99kB", "0GB", "99999999999999GB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
