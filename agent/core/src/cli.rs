//! The command line that every agent has. The programs differ in a [`Program`]: what they are called, what
//! they keep, and what they observe beyond their own machine.

mod doctor;
mod join;
mod run;
mod spool;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use wasl_runtime::logging;

use crate::Agent;

/// What makes an agent's program of the parts that all agents have.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The name of the binary.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The state folder if none is named.
    pub state: &'static str,
    /// How much the spool may hold.
    pub spool: fn() -> wasl_spool::Options,
    /// Adds the collectors that only this program has.
    pub add_collectors: fn(&Agent),
    /// What `doctor` looks at beyond what all agents have: what is well, or what is not and the next step.
    pub examinations: &'static [Examination],
}

/// A look at one thing: what is well, or what is not and the next step.
pub type Examination = fn() -> Result<String, String>;

// The sentence of the help is the program's own.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, propagate_version = true)]
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
    #[arg(long, value_name = "DIR", env = "WASL_AGENT_STATE")]
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

/// The command line of a program, for its help, manual and completions.
pub fn command(program: &Program) -> clap::Command {
    Cli::command().name(program.name).about(program.about).version(program.version).mut_subcommands(|one| {
        one.mut_arg("state", |state| state.required(false).default_value(program.state))
    })
}

/// Runs the command line of this process.
pub fn main(program: &Program) -> ExitCode {
    let matches = command(program).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let format = if cli.log_json { logging::Format::Json } else { logging::Format::Text };
    logging::init(format, &cli.log);
    // One thread is plenty: probing has threads of its own, and the spool too.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        // Longer than any collector's pause, so that a round does not start a thread of its own.
        .thread_keep_alive(std::time::Duration::from_secs(90))
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{}: the runtime could not be started: {error}", program.name);
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Join(join) => join.run(program).await,
            Command::Run(run) => run.run(program).await,
            Command::Spool(spool) => spool.run(program),
            Command::Doctor(doctor) => doctor.run(program).await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome.unwrap_or_else(|error| {
        eprintln!("{}: {error:#}", program.name);
        ExitCode::FAILURE
    })
}

/// Prints text to standard output; a reader that went away is no failure.
fn show(text: &str) {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests;
