//! Measures the two directions of links by STAMP (RFC 8762), and answers those who measure towards here.
//!
//! What is decided is decided in `wasl_probe::stamp`; here are the sockets, clocks, keys and names.
//!
//! * [`session`] is one link's sender; [`reflector`] answers, and reports what arrives.
//! * [`socket`] sends and receives with the kernel's stamps.
//! * [`error`] asks how far this machine's clock may be off.
//! * [`key`] makes the codes of authenticated packets.

mod error;
mod key;
mod reflector;
mod session;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::Secrets;
use wasl_model::Subject;
use wasl_model::assignment::{Assignment, StampReflector, StampSession};

use crate::polling::rounds;
use error::ClockError;
use session::Session;

/// The window's length where the assignment gives none.
const WINDOW: Duration = Duration::from_secs(10);
const MIN_WINDOW: Duration = Duration::from_millis(100);

/// What both halves work with.
#[derive(Clone)]
pub struct Parts {
    /// How observations and notices are handed in.
    pub reporter: Reporter,
    /// The secrets on this host.
    pub secrets: Secrets,
    /// What to do.
    pub assignment: watch::Receiver<Arc<Assignment>>,
    /// The agent itself, for notices about the reflector.
    pub agent: Subject,
    /// When to end.
    pub shutdown: CancellationToken,
}

/// Measures the assigned links until shutdown. A link that cannot be measured has a notice that says why.
pub async fn measure(parts: Parts) {
    let Parts { reporter, secrets, assignment, shutdown, .. } = parts;
    let clock_error = ClockError::default();
    let asked = assignment.clone();
    let wanted = |assignment: &Assignment| -> Vec<(String, (Duration, StampSession))> {
        let window = window(assignment);
        assignment.stamp.iter().map(|session| (session.id.clone(), (window, session.clone()))).collect()
    };
    let (gone, error) = (reporter.clone(), clock_error.clone());
    let start = move |(window, session): (Duration, StampSession)| {
        Session::new(reporter.clone(), secrets.clone(), session, window, error.clone()).run()
    };
    let gone = move |(_, session): (Duration, StampSession)| {
        let reporter = gone.clone();
        async move { session::forget(&reporter, &session).await }
    };
    tokio::select! {
        () = rounds::follow(assignment, shutdown, wanted, start, gone) => {}
        () = clock_error.keep(asked, |assignment| !assignment.stamp.is_empty()) => {}
    }
}

/// Answers as assigned until shutdown. While it cannot, the agent has a notice that says why.
pub async fn reflect(parts: Parts) {
    let Parts { reporter, secrets, assignment, agent, shutdown } = parts;
    let clock_error = ClockError::default();
    let asked = assignment.clone();
    let wanted = |assignment: &Assignment| -> Vec<(String, (Duration, StampReflector))> {
        let window = window(assignment);
        assignment.reflect.iter().map(|reflect| ("reflector".to_owned(), (window, reflect.clone()))).collect()
    };
    let (gone, error, about) = (reporter.clone(), clock_error.clone(), agent.clone());
    let start = move |(window, assigned): (Duration, StampReflector)| {
        reflector::run(reporter.clone(), secrets.clone(), about.clone(), assigned, window, error.clone())
    };
    let gone = move |_: (Duration, StampReflector)| {
        let (reporter, agent) = (gone.clone(), agent.clone());
        async move { reflector::forget(&reporter, &agent).await }
    };
    tokio::select! {
        () = rounds::follow(assignment, shutdown, wanted, start, gone) => {}
        () = clock_error.keep(asked, |assignment| assignment.reflect.is_some()) => {}
    }
}

fn window(assignment: &Assignment) -> Duration {
    match assignment.window_ms {
        0 => WINDOW,
        ms => Duration::from_millis(ms).max(MIN_WINDOW),
    }
}

#[cfg(test)]
mod interop;
#[cfg(test)]
mod tests;
