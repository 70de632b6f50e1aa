//! The command line.

mod accounts;
mod adopt;
mod agents;
mod backup;
mod ca;
mod check;
mod client;
mod discovery;
mod doctor;
mod events;
mod incidents;
mod links;
mod restore;
mod serve;
mod simulate;
mod status;
mod table;
mod token;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

/// Exit codes (contract): 0 ok, 1 something is unhealthy, 2 usage, 64 bad configuration,
/// 69 controller unreachable, 77 not permitted.
pub mod exit {
    /// Something is unhealthy, or the command failed.
    pub const UNHEALTHY: u8 = 1;
    /// The configuration is faulty.
    pub const CONFIG: u8 = 64;
    /// The controller cannot be reached.
    pub const UNREACHABLE: u8 = 69;
    /// Not permitted.
    pub const NOT_PERMITTED: u8 = 77;
}

/// Keeps a many-branch institution connected, and tells everyone truthfully what works.
#[derive(Debug, Parser)]
#[command(name = "wasl", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 ok, 1 something is unhealthy, 2 usage, 64 bad configuration,\n69 controller unreachable, 77 not permitted."
)]
struct Cli {
    #[command(flatten)]
    logs: Logs,
    #[command(subcommand)]
    command: Command,
}

/// How the log looks.
#[derive(Debug, Args)]
struct Logs {
    /// What to log, in the syntax of RUST_LOG, such as `info` or `wasl=debug,info`
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "WASL_LOG",
        default_value = "info,sqlx=warn,hyper=warn,h2=warn"
    )]
    log: String,
    /// Log one JSON object a line
    #[arg(long, global = true)]
    log_json: bool,
}

/// Where the controller is.
#[derive(Debug, Clone, Args)]
pub struct Where {
    /// The state folder of the controller on this machine
    #[arg(long, global = true, value_name = "DIR", env = "WASL_STATE")]
    state: Option<PathBuf>,
    /// The folder of `wasl up`; its controller keeps its state below
    #[arg(long, global = true, value_name = "DIR", env = "WASL_HOME", default_value = ".wasl")]
    home: PathBuf,
    /// Give one JSON document on standard output
    #[arg(long, global = true)]
    json: bool,
}

impl Where {
    /// The state folder of the controller.
    pub fn state(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| self.home.join("controller"))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything for this very machine: a controller, and an agent that watches it
    Up(up::Up),
    /// Run the controller
    Serve(serve::Serve),
    /// Check a configuration and say what is wrong with it
    Check(check::Check),
    /// What works and what does not
    Status(status::Status),
    Discovery(discovery::Discovery),
    Adopt(adopt::Adopt),
    /// The lines between the places, what needs a look first
    Links(links::Links),
    /// One line: how it is, what each end sees, what the provider owes
    Link(links::Link),
    /// What is broken, why, and what suffers from it
    Incidents(incidents::Incidents),
    /// What changed and what happened, as a list or as it comes
    Events(events::Events),
    /// Stretches in which trouble is expected and raises no incident
    Maintenance(incidents::Upkeep),
    /// The agents, or revoke one
    Agents(agents::Agents),
    /// Permissions to enrol agents
    Token(token::Token),
    /// The certificate authority: show it, bring your own, replace it
    Ca(ca::Ca),
    /// Put everything that the controller keeps into one file
    Backup(backup::Backup),
    /// Make a state folder from a backup
    Restore(restore::Restore),
    /// People's accounts
    Account(accounts::Accounts),
    /// Why does this not work? In words, with the next step
    Doctor(doctor::Doctor),
    /// Let many simulated agents work against a controller, and compare the accounts
    Simulate(simulate::Simulate),
}

/// The command line, for its manual and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let format = if cli.logs.log_json {
        wasl_runtime::logging::Format::Json
    } else {
        wasl_runtime::logging::Format::Text
    };
    wasl_runtime::logging::init(format, &cli.logs.log);
    if let Command::Check(check) = &cli.command {
        return check.run();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("wasl: the runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Up(up) => up.run().await,
            Command::Serve(serve) => serve.run().await,
            Command::Check(check) => Ok(check.run()),
            Command::Status(status) => status.run().await,
            Command::Discovery(discovery) => discovery.run().await,
            Command::Adopt(adopt) => adopt.run().await,
            Command::Links(links) => links.run().await,
            Command::Link(link) => link.run().await,
            Command::Incidents(incidents) => incidents.run().await,
            Command::Events(events) => events.run().await,
            Command::Maintenance(upkeep) => upkeep.run().await,
            Command::Agents(agents) => agents.run().await,
            Command::Token(token) => token.run().await,
            Command::Ca(ca) => ca.run().await,
            Command::Backup(backup) => backup.run().await,
            Command::Restore(restore) => restore.run().await,
            Command::Account(accounts) => accounts.run().await,
            Command::Doctor(doctor) => doctor.run().await,
            Command::Simulate(simulate) => simulate.run().await,
        }
    });
    // A task that is deaf to the end must not hold up the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome.unwrap_or_else(|error| {
        eprintln!("wasl: {error:#}");
        error.downcast_ref::<client::ClientError>().map_or(ExitCode::FAILURE, client::ClientError::exit_code)
    })
}
