//! Named tasks: each has an owner, a policy for its failure, and an end.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What happens when a task fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The daemon cannot do its work without it: everything is stopped.
    Stop,
    /// It is started again, after a pause that doubles from a tenth of a second to half a minute.
    Restart,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// At work.
    Running,
    /// Failed; it will be started again.
    Waiting,
    /// Ended as it should.
    Ended,
    /// Failed for good.
    Failed,
}

/// One task, for people who ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStatus {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub phase: Phase,
    /// How often it was started again.
    pub restarts: u32,
    /// Its last failure.
    pub last_error: Option<String>,
}

/// A task that has not moved for longer than it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// Its name.
    pub name: &'static str,
    /// Since when.
    pub since: Duration,
}

/// When a task last gave the processor back by itself. One that waits for ever and one that computes for
/// ever stand still alike.
struct Pulse {
    born: Instant,
    moved_ms: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self { born: Instant::now(), moved_ms: AtomicU64::new(0) }
    }

    fn beat(&self) {
        self.moved_ms.store(self.born.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn since(&self) -> Duration {
        self.born.elapsed().saturating_sub(Duration::from_millis(self.moved_ms.load(Ordering::Relaxed)))
    }

    /// Runs a task and notes each of its moves.
    async fn watch<F: Future>(self: Arc<Self>, task: F) -> F::Output {
        let mut task = pin!(task);
        poll_fn(|context| {
            let polled = task.as_mut().poll(context);
            self.beat();
            polled
        })
        .await
    }
}

struct Entry {
    status: TaskStatus,
    pulse: Arc<Pulse>,
    must_move: Option<Duration>,
}

/// What draining came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drained {
    /// The tasks that had not ended at the deadline.
    pub unfinished: Vec<&'static str>,
    /// The tasks that had failed for good.
    pub failed: Vec<&'static str>,
}

/// Owns the tasks of a daemon. Cheap to clone.
#[derive(Clone, Default)]
pub struct Supervisor {
    tracker: TaskTracker,
    stop: CancellationToken,
    tasks: Arc<Mutex<BTreeMap<&'static str, Entry>>>,
}

impl Supervisor {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the daemon is to end. Tasks watch it.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Asks all tasks to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Starts a task. `make` is called again for each restart.
    pub fn spawn<F, Fut, E>(&self, name: &'static str, on_failure: OnFailure, mut make: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let pulse = self.note(name, |_| {});
        let own = self.clone();
        self.tracker.spawn(async move {
            let mut pause = Duration::from_millis(100);
            loop {
                own.note(name, |task| task.phase = Phase::Running);
                let started = Instant::now();
                // A task of its own, so that a panic is a failure of this task and not of its supervisor.
                let error = match tokio::spawn(pulse.clone().watch(make())).await {
                    Ok(Ok(())) => {
                        own.note(name, |task| task.phase = Phase::Ended);
                        return;
                    }
                    Ok(Err(error)) => error.to_string(),
                    Err(join) => join.to_string(),
                };
                if on_failure == OnFailure::Stop {
                    tracing::error!(task = name, %error, "a task failed; the daemon stops");
                    own.note(name, |task| {
                        task.phase = Phase::Failed;
                        task.last_error = Some(error);
                    });
                    own.stop.cancel();
                    return;
                }
                if started.elapsed() > Duration::from_secs(60) {
                    pause = Duration::from_millis(100);
                }
                tracing::warn!(task = name, %error, pause_ms = pause.as_millis() as u64, "a task failed and will be started again");
                own.note(name, |task| {
                    task.phase = Phase::Waiting;
                    task.restarts += 1;
                    task.last_error = Some(error);
                });
                tokio::select! {
                    () = own.stop.cancelled() => {
                        own.note(name, |task| task.phase = Phase::Ended);
                        return;
                    }
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(Duration::from_secs(30));
            }
        });
    }

    /// The tasks as they stand.
    pub fn tasks(&self) -> Vec<TaskStatus> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.values().map(|task| task.status.clone()).collect()
    }

    /// From now on the task of this name, which was spawned, must move at least once in each `within`: choose
    /// it well above the pause that the task makes by itself, and above the half minute until a failed one is
    /// started again.
    pub fn must_move(&self, name: &'static str, within: Duration) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = tasks.get_mut(name) {
            task.pulse.beat();
            task.must_move = Some(within);
        } else {
            debug_assert!(false, "the task `{name}` was not spawned");
        }
    }

    /// The tasks that must move and do not. One that has ended need not.
    pub fn still(&self) -> Vec<Still> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let still = tasks.values().filter_map(|task| {
            let since = task.pulse.since();
            let is_still = task.status.phase != Phase::Ended && since > task.must_move?;
            is_still.then_some(Still { name: task.status.name, since })
        });
        still.collect()
    }

    /// Asks all tasks to end and waits for them until the deadline.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.stop.cancel();
        self.tracker.close();
        let _ = tokio::time::timeout(deadline, self.tracker.wait()).await;
        let in_phase = |wanted: &[Phase]| {
            self.tasks().iter().filter(|t| wanted.contains(&t.phase)).map(|t| t.name).collect::<Vec<_>>()
        };
        Drained {
            unfinished: in_phase(&[Phase::Running, Phase::Waiting]),
            failed: in_phase(&[Phase::Failed]),
        }
    }

    fn note(&self, name: &'static str, change: impl FnOnce(&mut TaskStatus)) -> Arc<Pulse> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let task = tasks.entry(name).or_insert_with(|| Entry {
            status: TaskStatus { name, phase: Phase::Running, restarts: 0, last_error: None },
            pulse: Arc::new(Pulse::new()),
            must_move: None,
        });
        change(&mut task.status);
        task.pulse.clone()
    }
}

#[cfg(test)]
mod tests;
