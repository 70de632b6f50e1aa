//! The command line of the agent.

mod doctor;
mod join;
mod run;
mod spool;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Observes this machine and what it was assigned, and brings it to the controller.
#[derive(Debug, Parser)]
#[command(name = "wasl-agent", version, max_term_width = 100, propagate_version = true)]
struct Cli {
    /// What to log, in the syntax of RUST_LOG
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "WASL_LOG",
        default_value = "info,h2=warn,hyper=warn"
    )]
    log: String,
    /// Log one JSON object a line
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

/// Where the agent keeps things.
#[derive(Debug, Clone, Args)]
struct Place {
    /// The agent's state folder
    #[arg(long, value_name = "DIR", env = "WASL_AGENT_STATE", default_value = "/var/lib/wasl-agent")]
    state: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Join a controller with a one-time token
    Join(join::Join),
    /// Observe and deliver until a signal comes
    Run(run::Run),
    /// The account of the spool: produced = acknowledged + dropped + pending
    Spool(spool::SpoolAccount),
    /// Why does this not work? In words, with the next step
    Doctor(doctor::Doctor),
}

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let format =
        if cli.log_json { wasl_runtime::logging::Format::Json } else { wasl_runtime::logging::Format::Text };
    wasl_runtime::logging::init(format, &cli.log);
    // One thread is plenty: probing has threads of its own, and the spool too.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        // Longer than any collector's pause, so that a round does not start a thread of its own.
        .thread_keep_alive(std::time::Duration::from_secs(90))
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("wasl-agent: the runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Join(join) => join.run().await,
            Command::Run(run) => run.run().await,
            Command::Spool(spool) => spool.run(),
            Command::Doctor(doctor) => doctor.run().await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome.unwrap_or_else(|error| {
        eprintln!("wasl-agent: {error:#}");
        ExitCode::FAILURE
    })
}

/// Prints text to standard output; a reader that went away is no failure.
fn show(text: &str) {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
