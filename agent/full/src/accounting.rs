//! Tells apart whose traffic goes over the lines that enter this gateway: institutions by their blocks of addresses,
//! and the addresses that use a line most.
//!
//! The kernel counts, in the table `wasl_acct` that the root helper makes; this agent has no right to touch the
//! packet filter. The table is made when an assignment asks for it, made anew when somebody took it away, and taken
//! away when nothing asks for it or the agent ends in good order. After a crash it goes on counting, which costs
//! little and harms nobody, until the next start makes it anew.
//!
//! [`table`] reads what the helper hands over, [`increments`] says what happened between two readings; both pure.

pub(crate) mod increments;
pub(crate) mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use wasl_agent_core::report::Reporter;
use wasl_helper::client::{self, AskError};
use wasl_helper::count::{BadLines, Interface, Line, Lines, NoInterface};
use wasl_helper::request::{COUNTS, Outcome, Reply, Request};
use wasl_model::assignment::{AccountingAssignment, Assignment};
use wasl_model::{AgentId, EntityKind, NoticeCode, Severity, Subject};

use increments::Reading;
use table::TableError;

/// The shortest and the longest time between two readings; it is the assignment's window within these. The helper
/// answers a user once a second.
const EVERY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));
/// How soon it is tried again after something did not succeed.
const RETRY: Duration = Duration::from_secs(30);
/// How long the table may take to be taken away when the agent ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// Names another place for the helper's socket, for a helper that was not started by its unit.
const SOCKET: &str = "WASL_HELPER_SOCKET";

/// Why nothing is counted.
#[derive(Debug, Error)]
enum CountError {
    #[error("{0} names no interface")]
    Interface(String, #[source] NoInterface),
    #[error("the assignment asks for too much")]
    Lines(#[from] BadLines),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("the helper says: {0}")]
    Helper(String),
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Counts as assigned until `shutdown`.
///
/// Reports a `ShareSample` about each share of each line, and `Talkers` about each line that asks for them. While
/// a line is not counted its interface has a notice that says why.
pub async fn run(
    reporter: Reporter,
    agent: AgentId,
    assignment: watch::Receiver<Arc<Assignment>>,
    shutdown: CancellationToken,
) {
    let socket = std::env::var_os(SOCKET).map_or_else(|| client::SOCKET.into(), PathBuf::from);
    run_with(socket, reporter, agent, assignment, shutdown).await;
}

/// [`run`] with a helper that listens elsewhere.
async fn run_with(
    socket: PathBuf,
    reporter: Reporter,
    agent: AgentId,
    mut assignment: watch::Receiver<Arc<Assignment>>,
    shutdown: CancellationToken,
) {
    let mut counting = Counting::new(reporter, agent, socket);
    // What the last run left is taken away or made anew; a machine without a helper has nothing to take away.
    counting.table = counting.socket.exists();
    loop {
        let (lines, every) = {
            let wanted = assignment.borrow_and_update();
            let every = Duration::from_millis(wanted.window_ms).clamp(EVERY.0, EVERY.1);
            (wanted.accounting.clone(), every)
        };
        counting.assign(lines).await;
        let wait = counting.turn(every).await;
        tokio::select! {
            () = shutdown.cancelled() => {
                let _ = timeout(FAREWELL, counting.take_away()).await;
                return;
            }
            changed = assignment.changed() => {
                if changed.is_err() {
                    shutdown.cancelled().await;
                }
            }
            () = sleep(wait) => {}
        }
    }
}

struct Counting {
    reporter: Reporter,
    agent: AgentId,
    socket: PathBuf,
    epoch: Instant,
    wanted: Vec<AccountingAssignment>,
    /// Whether there may be a table.
    table: bool,
    /// Whether the table is what is wanted.
    made: bool,
    /// How many addresses each of its sets holds.
    room: usize,
    before: Option<Reading>,
    /// When the next reading is due.
    due: Instant,
}

impl Counting {
    fn new(reporter: Reporter, agent: AgentId, socket: PathBuf) -> Self {
        let now = Instant::now();
        Self {
            reporter,
            agent,
            socket,
            epoch: now,
            wanted: Vec::new(),
            table: false,
            made: false,
            room: 0,
            before: None,
            due: now,
        }
    }

    async fn assign(&mut self, wanted: Vec<AccountingAssignment>) {
        if wanted == self.wanted {
            return;
        }
        let stays =
            |former: &AccountingAssignment| wanted.iter().any(|line| line.interface == former.interface);
        for former in self.wanted.iter().filter(|former| !stays(former)) {
            self.reporter.clear(self.end_of(former), NoticeCode::NotSupported).await;
        }
        (self.wanted, self.made, self.before, self.due) = (wanted, false, None, Instant::now());
    }

    /// Does what is due; how long then to wait.
    async fn turn(&mut self, every: Duration) -> Duration {
        if self.wanted.is_empty() {
            if self.table {
                self.take_away().await;
            }
            return Duration::from_hours(1);
        }
        let now = Instant::now();
        if self.due > now {
            return self.due - now;
        }
        let outcome = match self.make().await {
            Ok(()) => self.read().await,
            failed => failed,
        };
        match outcome {
            Ok(()) => {
                for line in &self.wanted {
                    self.reporter.clear(self.end_of(line), NoticeCode::NotSupported).await;
                }
                self.due += every;
                if self.due < Instant::now() {
                    self.due = Instant::now() + every;
                }
            }
            Err(error) => {
                // Whoever took the table away may have wanted it so; it is made anew, but not at once.
                (self.made, self.before, self.due) = (false, None, Instant::now() + RETRY);
                let words = format!(
                    "whose traffic goes over this interface is not counted: {}. Counting needs wasl-helper on the gateway, with the lines `peer wasl-agent` and `account INTERFACE` in its policy",
                    wasl_runtime::chain(&error)
                );
                for line in &self.wanted {
                    self.reporter
                        .raise(self.end_of(line), NoticeCode::NotSupported, Severity::Warning, words.clone())
                        .await;
                }
            }
        }
        self.due.saturating_duration_since(Instant::now())
    }

    /// Lets the helper make the table, unless it is there.
    async fn make(&mut self) -> Result<(), CountError> {
        if self.made {
            return Ok(());
        }
        let line = |wanted: &AccountingAssignment| {
            let interface = Interface::try_from(wanted.interface.clone())
                .map_err(|error| CountError::Interface(wanted.interface.clone(), error))?;
            let shares = wanted.shares.iter().map(|share| share.prefixes.clone()).collect();
            Ok(Line { interface, down: wanted.down, shares, talkers: wanted.talkers > 0 })
        };
        let lines = self.wanted.iter().map(line).collect::<Result<Vec<_>, CountError>>()?;
        let lines = Lines::try_from(lines)?;
        self.room = lines.room();
        self.table = true;
        self.ask(Request::AccountingSet { lines }).await?;
        self.made = true;
        Ok(())
    }

    async fn read(&mut self) -> Result<(), CountError> {
        let begun = self.epoch.elapsed();
        let mut reply = self.ask(Request::AccountingRead {}).await?;
        // Somewhere between the question and the answer.
        let at = (begun + self.epoch.elapsed()) / 2;
        let counts = table::read(&reply.facts.remove(COUNTS).unwrap_or_default())?;
        let current = Reading { at, counts };
        for (number, line) in self.wanted.iter().enumerate() {
            let carried = increments::carried(line, number, self.room, self.before.as_ref(), &current);
            for (share, sample) in line.shares.iter().zip(carried.shares) {
                let subject = Subject::lenient(EntityKind::Share, &format!("{}/{}", line.id, share.id));
                self.reporter.report(subject, sample).await;
            }
            if let Some(talkers) = carried.talkers {
                self.reporter.report(about(line), talkers).await;
            }
        }
        self.before = Some(current);
        Ok(())
    }

    /// The interface that a line ends in here.
    fn end_of(&self, line: &AccountingAssignment) -> Subject {
        Subject::lenient(EntityKind::Interface, &format!("{}/{}", self.agent, line.interface))
    }

    async fn take_away(&mut self) {
        if std::mem::take(&mut self.table)
            && let Err(error) = self.ask(Request::AccountingClear {}).await
        {
            tracing::debug!(error = %wasl_runtime::chain(&error), "the table of counts was not taken away");
        }
        (self.made, self.before) = (false, None);
    }

    async fn ask(&self, request: Request) -> Result<Reply, CountError> {
        let socket = self.socket.clone();
        let asked = tokio::task::spawn_blocking(move || client::ask(&socket, &request)).await;
        let reply = asked.unwrap_or(Err(AskError::NoAnswer))?;
        match reply.outcome {
            Outcome::Done => Ok(reply),
            Outcome::Refused | Outcome::Failed => Err(CountError::Helper(reply.message)),
        }
    }
}

/// The line as it is counted.
fn about(line: &AccountingAssignment) -> Subject {
    Subject::lenient(EntityKind::Share, &line.id)
}

#[cfg(test)]
mod tests;
