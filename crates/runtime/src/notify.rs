//! Tells the service manager how the daemon stands, as sd_notify(3) describes it.
//!
//! A unit of `Type=notify` counts as started when the daemon says so, and `WatchdogSec=` kills a daemon that
//! has stopped saying that it is alive. A sign of life that a mere timer sends proves that the timer works.
//! Here it is sent only while every task that must move has moved ([`Supervisor::must_move`]), so a daemon
//! whose real work hangs is started again although its process is there.
//!
//! Where no service manager listens (`NOTIFY_SOCKET` is not set) nothing is sent and nothing is in the way.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use thiserror::Error;

use crate::supervise::{Still, Supervisor};

/// While a task stands still it is looked at this often, so that one that goes on is not given up.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What the environment says of the service manager.
#[derive(Debug, Clone, Default)]
pub struct Manager {
    /// `NOTIFY_SOCKET`: a path, or `@` and an abstract name.
    pub socket: Option<OsString>,
    /// `WATCHDOG_USEC`: how often a sign of life is expected, microseconds.
    pub watchdog_usec: Option<String>,
    /// `WATCHDOG_PID`: the process from which it is expected.
    pub watchdog_pid: Option<String>,
}

impl Manager {
    /// As this process was started.
    pub fn of_this_process() -> Self {
        Self {
            socket: std::env::var_os("NOTIFY_SOCKET"),
            watchdog_usec: std::env::var("WATCHDOG_USEC").ok(),
            watchdog_pid: std::env::var("WATCHDOG_PID").ok(),
        }
    }

    /// How often the process `pid` must give a sign of life; `None` if nobody waits for one.
    fn watchdog(&self, pid: u32) -> Option<Duration> {
        let whose = self.watchdog_pid.as_deref().map_or(Some(pid), |whose| whose.parse().ok());
        let usec: u64 = self.watchdog_usec.as_deref()?.parse().ok()?;
        (whose == Some(pid) && usec > 0).then(|| Duration::from_micros(usec))
    }
}

/// Why the service manager cannot be told anything.
#[derive(Debug, Error)]
pub enum NotifyError {
    /// `NOTIFY_SOCKET` is of a kind that is not known here.
    #[error(
        "NOTIFY_SOCKET is `{0}`, which is neither a path nor an abstract name; the service manager hears nothing"
    )]
    Address(String),
    /// The socket could not be made.
    #[error("making a socket to tell the service manager of the daemon's state")]
    Socket(#[from] io::Error),
}

/// One assignment of sd_notify(3).
#[derive(Debug, Clone, PartialEq, Eq)]
enum State<'a> {
    Ready,
    Stopping,
    Watchdog,
    Status(&'a str),
}

impl fmt::Display for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("READY=1"),
            Self::Stopping => f.write_str("STOPPING=1"),
            Self::Watchdog => f.write_str("WATCHDOG=1"),
            // A line feed would begin another assignment.
            Self::Status(text) => write!(f, "STATUS={}", text.replace(|c: char| c.is_control(), " ")),
        }
    }
}

/// The way to the service manager, if there is one.
#[derive(Debug, Default)]
pub struct Notifier {
    way: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// To the manager that started this process. A way that cannot be used is told in the log, for the
    /// daemon can work without it.
    pub fn of_this_process() -> Self {
        Self::new(&Manager::of_this_process(), std::process::id()).unwrap_or_else(|error| {
            tracing::warn!(error = %crate::chain(&error), "the service manager cannot be told anything");
            Self::default()
        })
    }

    /// To `manager`, from the process `pid`.
    pub fn new(manager: &Manager, pid: u32) -> Result<Self, NotifyError> {
        let Some(name) = manager.socket.as_ref().filter(|name| !name.is_empty()) else {
            return Ok(Self::default());
        };
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(NotifyError::Address(name.to_string_lossy().into_owned())),
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not hold up the daemon.
        socket.set_nonblocking(true)?;
        Ok(Self { way: Some((socket, address)), watchdog: manager.watchdog(pid) })
    }

    /// The daemon does its work; `status` says in a few words what that is.
    pub fn ready(&self, status: &str) {
        self.send(&[State::Ready, State::Status(status)]);
    }

    /// The daemon ends; it may still bring its work in order.
    pub fn stopping(&self) {
        self.send(&[State::Stopping, State::Status("ending: finishing what is under way")]);
    }

    /// Gives signs of life at half the interval that the manager asked for, while no task of `supervisors`
    /// stands still; never resolves. `status` is what [`Self::ready`] said, to be said again after a halt.
    pub async fn keep_alive(&self, supervisors: &[&Supervisor], status: &str) -> Infallible {
        let Some(every) = self.watchdog.map(|interval| interval / 2) else {
            return std::future::pending().await;
        };
        let mut halted: Vec<&'static str> = Vec::new();
        loop {
            let still: Vec<Still> = supervisors.iter().flat_map(|own| own.still()).collect();
            let names: Vec<&'static str> = still.iter().map(|task| task.name).collect();
            let pause = if still.is_empty() {
                if !halted.is_empty() {
                    tracing::info!(tasks = ?halted, "these tasks move again");
                    self.send(&[State::Status(status)]);
                }
                self.send(&[State::Watchdog]);
                every
            } else {
                if names != halted {
                    tracing::error!(tasks = ?still, "these tasks stand still; the service manager will start the daemon again");
                    self.send(&[State::Status(&format!("standing still: {}", names.join(", ")))]);
                }
                every.min(LOOK_AGAIN)
            };
            halted = names;
            tokio::time::sleep(pause).await;
        }
    }

    fn send(&self, states: &[State<'_>]) {
        let Some((socket, address)) = &self.way else { return };
        let lines: Vec<String> = states.iter().map(State::to_string).collect();
        if let Err(error) = socket.send_to_addr(lines.join("\n").as_bytes(), address) {
            tracing::warn!(%error, ?states, "the service manager could not be told");
        }
    }
}

#[cfg(test)]
mod tests;
