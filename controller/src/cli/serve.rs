//! `wasl serve`: the controller as a daemon.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::exit;
use crate::controller::{Controller, Options};
use crate::intent::Intent;

/// Run the controller.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The folder of the configuration
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// The folder for everything that the controller keeps
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where operators connect: plain HTTP on a loopback address, TLS elsewhere; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where agents connect
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8443")]
    agents: SocketAddr,
}

impl Serve {
    /// Runs it until a signal comes.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let Some(intent) = load(&self.config) else { return Ok(exit::CONFIG.into()) };
        let options = Options { state: self.state, http: self.http, agents: self.agents };
        let running = Controller::build(&options, intent).await?.start()?;
        let signal = tokio::select! {
            signal = wasl_runtime::shutdown::requested() => Some(signal?),
            () = running.failed() => None,
        };
        if let Some(signal) = signal {
            tracing::info!(signal, "the controller ends");
        }
        let drained = running.drain().await;
        if !drained.unfinished.is_empty() {
            tracing::warn!(tasks = ?drained.unfinished, "these tasks did not end in time");
        }
        tracing::info!("the controller has ended");
        Ok(if drained.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Reads a configuration; what is wrong with it goes to standard error.
pub(super) fn load(config: &std::path::Path) -> Option<Intent> {
    match Intent::load(config) {
        Ok(intent) => Some(intent),
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}\n");
            }
            eprintln!(
                "wasl: the configuration in {} is faulty; the controller does not start",
                config.display()
            );
            None
        }
    }
}
