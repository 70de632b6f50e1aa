//! `wasl serve`: the controller as a daemon.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use wasl_runtime::notify::Notifier;

use super::exit;
use crate::controller::{Controller, Options};
use crate::intent::Intent;
use crate::shared::RunOptions;

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
    /// A further name or address of this machine for the certificate of the operators' listener, such as the
    /// one that people type; may be given several times
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Where agents may find this controller, beside the address they know; they are told and keep it, so name
    /// a new address here before the controller moves there; may be given several times
    #[arg(long = "reachable-at", value_name = "HOST:PORT", value_parser = host_and_port)]
    reachable: Vec<String>,
    /// Let agents' certificates live for so many seconds, if that is shorter than configured; for trials
    #[arg(long, value_name = "SECONDS", hide = true)]
    agent_certificate_seconds: Option<u64>,
    /// Let the listeners' certificates live for so many seconds, if that is shorter than usual; for trials
    #[arg(long, value_name = "SECONDS", hide = true)]
    listener_certificate_seconds: Option<u64>,
}

fn host_and_port(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
    let numbered = port.parse::<u16>().is_ok_and(|port| port > 0);
    let named = !host.is_empty() && host.len() <= 255 && !host.chars().any(|c| c.is_control() || c == ' ');
    if numbered && named { Ok(text.to_owned()) } else { Err("it is not HOST:PORT".into()) }
}

impl Serve {
    /// Runs it until a signal comes.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let Some(intent) = load(&self.config) else { return Ok(exit::CONFIG.into()) };
        let notifier = Notifier::of_this_process();
        let options = Options {
            names: self.names,
            listener_certificate: self.listener_certificate_seconds.map(Duration::from_secs),
            run: RunOptions {
                reachable: self.reachable,
                agent_certificate: self.agent_certificate_seconds.map(Duration::from_secs),
            },
            ..Options::new(self.state, self.http, self.agents)
        };
        let running = Controller::build(&options, intent).await?.start()?;
        let signal = tokio::select! {
            signal = wasl_runtime::shutdown::requested() => Some(signal?),
            () = running.failed() => None,
            never = running.keep_alive(&notifier) => match never {},
        };
        notifier.stopping();
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
