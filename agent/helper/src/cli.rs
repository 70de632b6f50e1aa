//! The helper's command line.

use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use nix::unistd::Group;
use tokio::net::UnixListener;
use wasl_runtime::notify::Notifier;
use wasl_runtime::supervise::{OnFailure, Supervisor};
use wasl_runtime::{logging, shutdown};

use crate::client::{self, SOCKET};
use crate::perform::Machine;
use crate::policy::Policy;
use crate::request::{Outcome, PowerAction, Request, Unit};
use crate::server::{self, Options};

/// A faulty policy (contract: 64, bad configuration).
const CONFIG: u8 = 64;
/// The helper cannot be reached (contract).
const UNREACHABLE: u8 = 69;
/// Not permitted (contract).
const NOT_PERMITTED: u8 = 77;
/// How long the loop of requests may stand still; it turns every 15 s.
const STILL: Duration = Duration::from_secs(60);
/// How long ending may take.
const DRAIN: Duration = Duration::from_secs(6);
/// The file of permissions.
const POLICY: &str = "/etc/wasl/helper.conf";

/// Does for the agent the few things that need root, as far as root allows them.
#[derive(Debug, Parser)]
#[command(name = "wasl-helper", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 ok, 1 it failed, 2 usage, 64 the policy is faulty, 69 the helper cannot be reached,\n77 not permitted."
)]
struct Cli {
    /// What to log, in the syntax of RUST_LOG
    #[arg(long, global = true, value_name = "FILTER", env = "WASL_LOG", default_value = "info")]
    log: String,
    /// Log one JSON object a line
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests until a signal comes
    Run {
        /// Where to listen
        #[arg(long, value_name = "PATH", default_value = SOCKET)]
        socket: PathBuf,
        /// The group whose members can reach the socket
        #[arg(long, value_name = "NAME", default_value = "wasl")]
        group: String,
        /// The listening socket is standard input, as systemd hands it over
        #[arg(long, conflicts_with_all = ["socket", "group"])]
        inherited: bool,
        /// The file of permissions
        #[arg(long, value_name = "FILE", default_value = POLICY)]
        policy: PathBuf,
    },
    /// Check the file of permissions and say what it allows
    Check {
        /// The file of permissions
        #[arg(long, value_name = "FILE", default_value = POLICY)]
        policy: PathBuf,
    },
    /// Ask the helper, as a user whom its policy names
    Ask {
        /// Where the helper listens
        #[arg(long, value_name = "PATH", default_value = SOCKET)]
        socket: PathBuf,
        /// What to ask
        verb: Verb,
        /// The unit, or what to do with the power
        argument: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Verb {
    /// Which version, and what is allowed
    Version,
    /// Let this user's group send ICMP echo requests
    PingGroupRange,
    /// How a service stands
    ServiceStatus,
    /// Let a service read its configuration again
    ServiceReload,
    /// What was counted of whose traffic goes over which line
    AccountingRead,
    /// Let nothing be counted any more
    AccountingClear,
    /// `off` or `reboot`
    Power,
}

/// The command line, for its manual and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::init(if cli.log_json { logging::Format::Json } else { logging::Format::Text }, &cli.log);
    let outcome = match cli.command {
        Command::Run { socket, group, inherited, policy } => run(&socket, &group, inherited, policy),
        Command::Check { policy } => Ok(check(&policy)),
        Command::Ask { socket, verb, argument } => ask(&socket, verb, argument.as_deref()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("wasl-helper: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(socket: &Path, group: &str, inherited: bool, policy: PathBuf) -> Result<ExitCode> {
    if let Err(error) = Policy::read(&policy, 0) {
        eprintln!("wasl-helper: {}", wasl_runtime::chain(&error));
        return Ok(CONFIG.into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let notifier = Notifier::of_this_process();
        let listener = Arc::new(if inherited { inherit()? } else { listen(socket, group)? });
        let supervisor = Supervisor::new();
        let options = Options { policy, owner: 0, machine: Machine::default() };
        let stop = supervisor.stopping();
        supervisor.spawn("requests", OnFailure::Restart, move || {
            server::run(listener.clone(), options.clone(), stop.clone())
        });
        supervisor.must_move("requests", STILL);
        let (status, watched) = ("answering requests", [&supervisor]);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "the helper is listening");
        notifier.ready(status);
        tokio::select! {
            signal = shutdown::requested() => tracing::info!(signal = signal?, "the helper ends"),
            never = notifier.keep_alive(&watched, status) => match never {},
        }
        notifier.stopping();
        supervisor.drain(DRAIN).await;
        if !inherited {
            let _ = std::fs::remove_file(socket);
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The socket that is standard input. `LISTEN_FDS` would need a file descriptor made of a number, which safe
/// code cannot do; `StandardInput=socket` hands over the same socket.
fn inherit() -> Result<UnixListener> {
    let descriptor = std::io::stdin().as_fd().try_clone_to_owned().context("taking over standard input")?;
    let listener = StdListener::from(descriptor);
    listener.local_addr().context(
        "standard input is no socket: start wasl-helper by its socket unit, or leave out --inherited",
    )?;
    listener.set_nonblocking(true)?;
    Ok(UnixListener::from_std(listener)?)
}

/// A socket of one's own, which only root and the group can reach.
fn listen(path: &Path, group: &str) -> Result<UnixListener> {
    let gid = Group::from_name(group)
        .with_context(|| format!("looking up the group {group}"))?
        .with_context(|| format!("there is no group {group}; name another with --group"))?
        .gid;
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                bail!("another helper listens at {}", path.display());
            }
            std::fs::remove_file(path).with_context(|| format!("removing the old {}", path.display()))?;
        }
        Ok(_) => bail!("{} is there and is no socket; name another place with --socket", path.display()),
        Err(_) => {}
    }
    let doing = || format!("listening at {}", path.display());
    let listener = UnixListener::bind(path).with_context(doing)?;
    nix::unistd::chown(path, None, Some(gid)).with_context(doing)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).with_context(doing)?;
    Ok(listener)
}

fn check(path: &Path) -> ExitCode {
    match Policy::read(path, 0) {
        Ok(policy) => {
            show(&format!(
                "{} is sound: {} may ask; allowed: {}\n",
                path.display(),
                words(policy.peers.iter().cloned()),
                words(crate::decide::permissions(&policy)),
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("wasl-helper: {}", wasl_runtime::chain(&error));
            CONFIG.into()
        }
    }
}

fn words(all: impl Iterator<Item = String>) -> String {
    let all = all.collect::<Vec<_>>().join(", ");
    if all.is_empty() { "nobody and nothing".to_owned() } else { all }
}

fn ask(socket: &Path, verb: Verb, argument: Option<&str>) -> Result<ExitCode> {
    let request = request(verb, argument)?;
    let reply = match client::ask(socket, &request) {
        Ok(reply) => reply,
        Err(error) => {
            eprintln!("wasl-helper: {}", wasl_runtime::chain(&error));
            return Ok(UNREACHABLE.into());
        }
    };
    match reply.outcome {
        Outcome::Done => {
            show(&format!("{}\n", reply.message));
            for (name, value) in &reply.facts {
                show(&format!("{name}={value}\n"));
            }
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Refused | Outcome::Failed => {
            eprintln!("wasl-helper: {}: {}", reply.outcome.as_str(), reply.message);
            Ok(if reply.outcome == Outcome::Refused { NOT_PERMITTED.into() } else { ExitCode::FAILURE })
        }
    }
}

fn request(verb: Verb, argument: Option<&str>) -> Result<Request> {
    let unit = |name: &str| Unit::try_from(name.to_owned()).with_context(|| format!("`{name}`"));
    Ok(match (verb, argument) {
        (Verb::Version, None) => Request::Version {},
        (Verb::PingGroupRange, None) => Request::PingGroupRange {},
        (Verb::ServiceStatus, Some(name)) => Request::ServiceStatus { unit: unit(name)? },
        (Verb::ServiceReload, Some(name)) => Request::ServiceReload { unit: unit(name)? },
        (Verb::Power, Some("off")) => Request::Power { action: PowerAction::Off },
        (Verb::Power, Some("reboot")) => Request::Power { action: PowerAction::Reboot },
        (Verb::AccountingRead, None) => Request::AccountingRead {},
        (Verb::AccountingClear, None) => Request::AccountingClear {},
        (Verb::Version | Verb::PingGroupRange | Verb::AccountingRead | Verb::AccountingClear, Some(_)) => {
            bail!("this verb takes no argument")
        }
        (Verb::ServiceStatus | Verb::ServiceReload, None) => bail!("name the unit, like `unbound.service`"),
        (Verb::Power, _) => bail!("say `power off` or `power reboot`"),
    })
}

/// Prints text to standard output; a reader that went away is no failure.
fn show(text: &str) {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
