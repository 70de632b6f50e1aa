//! One task per assigned thing, each on its own beat.
//!
//! Devices are polled and backup jobs looked at in the same rhythm: once at once, so that a person who has
//! just added one sees it; soon again, so that counters become rates; then on a grid whose phase follows
//! from the identifier, so that a thousand of them do not all begin at the same moment.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wasl_model::assignment::Assignment;

/// Nothing is asked more often than this, whatever an assignment says.
const SHORTEST: Duration = Duration::from_secs(1);
/// The second time comes this soon.
const SECOND: Duration = Duration::from_secs(2);

/// When a thing's turn is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beat {
    every: Duration,
    phase: Duration,
    epoch: Instant,
}

impl Beat {
    /// The beat of the thing called `id`, on the grid that begins at `epoch`.
    pub(crate) fn new(id: &str, every_ms: u64, epoch: Instant) -> Self {
        let every = Duration::from_millis(every_ms).max(SHORTEST);
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let phase = Duration::from_millis(hasher.finish() % every.as_millis().max(1) as u64);
        Self { every, phase, epoch }
    }

    /// The time between turns on the grid.
    pub(crate) fn every(&self) -> Duration {
        self.every
    }

    /// The second turn, after a first one at `first`.
    pub(crate) fn second(&self, first: Instant) -> Instant {
        first + SECOND.min(self.every)
    }

    /// The first turn on the grid after those that came at once: half an interval away or more, so that a thing
    /// is not asked twice in a row.
    pub(crate) fn settle(&self, now: Instant) -> Instant {
        self.next(now + self.every / 2)
    }

    /// The first turn on the grid that is later than `now`; turns that were missed are not made up for.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        let origin = self.epoch + self.phase;
        let Some(past) = now.checked_duration_since(origin) else { return origin };
        let turns = past.as_nanos() / self.every.as_nanos() + 1;
        origin + Duration::from_nanos((turns * self.every.as_nanos()) as u64)
    }
}

/// Keeps one task for each thing that the assignment wants, until `shutdown`.
///
/// `wanted` picks the things with their identifiers, `start` makes a thing's endless task, `gone` is awaited
/// after the task of a thing that is no longer wanted has ended. A thing that changed is started anew; one
/// that did not change is not disturbed. A task is stopped where it waits, so everything it holds must
/// clean up when dropped.
pub(crate) async fn follow<T, Run, Gone>(
    mut assignment: watch::Receiver<Arc<Assignment>>,
    shutdown: CancellationToken,
    wanted: impl Fn(&Assignment) -> Vec<(String, T)>,
    start: impl Fn(T) -> Run,
    gone: impl Fn(T) -> Gone,
) where
    T: Clone + PartialEq,
    Run: Future<Output = ()> + Send + 'static,
    Gone: Future<Output = ()>,
{
    let mut running: HashMap<String, (T, JoinHandle<()>)> = HashMap::new();
    loop {
        let want: HashMap<String, T> = {
            let now = assignment.borrow_and_update().clone();
            wanted(&now).into_iter().collect()
        };
        let stale: Vec<String> = running
            .iter()
            .filter(|(id, (thing, _))| want.get(*id) != Some(thing))
            .map(|(id, _)| id.clone())
            .collect();
        for id in stale {
            if let Some((thing, task)) = running.remove(&id) {
                stop(task).await;
                if !want.contains_key(&id) {
                    gone(thing).await;
                }
            }
        }
        for (id, thing) in want {
            running.entry(id).or_insert_with(|| (thing.clone(), tokio::spawn(start(thing))));
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            changed = assignment.changed() => if changed.is_err() {
                shutdown.cancelled().await;
                break;
            },
        }
    }
    for (_, task) in running.into_values() {
        stop(task).await;
    }
}

async fn stop(task: JoinHandle<()>) {
    task.abort();
    // The error is the cancellation that was just asked for.
    let _ = task.await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;
    use wasl_model::assignment::{BackupAssignment, BackupTool};

    #[test]
    fn turns_lie_on_a_grid_and_missed_ones_are_skipped() {
        let epoch = Instant::now();
        let beat = Beat::new("sw-1", 10_000, epoch);
        let first = beat.next(epoch);
        assert!(first - epoch < Duration::from_secs(10));
        assert_eq!(beat.next(first), first + Duration::from_secs(10));
        assert_eq!(beat.next(first + Duration::from_millis(34_999)), first + Duration::from_secs(40));
        let settled = beat.settle(first + Duration::from_secs(6));
        assert_eq!(settled, first + Duration::from_secs(20), "4 s would be too soon after 6 s");
        assert_eq!(beat.second(epoch), epoch + Duration::from_secs(2));
        assert_eq!(Beat::new("sw-1", 0, epoch).every(), SHORTEST, "an assignment of 0 ms must not spin");
    }

    #[test]
    fn phases_are_spread_over_the_whole_interval() {
        let epoch = Instant::now();
        let mut slots = [0; 10];
        for n in 0..300 {
            let first = Beat::new(&format!("sw-{n}"), 10_000, epoch).next(epoch);
            slots[(first - epoch).as_millis() as usize / 1000 % 10] += 1;
        }
        assert!(slots.iter().all(|&n| (10..=60).contains(&n)), "{slots:?}");
    }

    fn job(id: &str, every_ms: u64) -> BackupAssignment {
        let tool = BackupTool::Restic { repository: "/r".into(), password: "p".into() };
        BackupAssignment { id: id.into(), every_ms, tool }
    }

    fn assignment(jobs: &[(&str, u64)]) -> Arc<Assignment> {
        let backups = jobs.iter().map(|(id, every)| job(id, *every)).collect();
        Arc::new(Assignment { backups, ..Assignment::default() })
    }

    /// Says which task began and, when it is dropped, which ended.
    struct Life(String, mpsc::Sender<String>);
    impl Drop for Life {
        fn drop(&mut self) {
            let _ = self.1.try_send(format!("-{}", self.0));
        }
    }

    #[tokio::test]
    async fn only_what_changed_is_started_anew() {
        let (told, mut lives) = mpsc::channel(32);
        let (send, receive) = watch::channel(assignment(&[("a", 1), ("b", 1)]));
        let shutdown = CancellationToken::new();
        let gone_told = told.clone();
        let task = tokio::spawn(follow(
            receive,
            shutdown.clone(),
            |a| a.backups.iter().map(|b| (b.id.clone(), b.clone())).collect(),
            move |b: BackupAssignment| {
                let life = Life(format!("{}{}", b.id, b.every_ms), told.clone());
                async move {
                    let _ = life.1.send(format!("+{}", life.0)).await;
                    std::future::pending::<()>().await;
                }
            },
            move |b| {
                let _ = gone_told.try_send(format!("gone {}", b.id));
                std::future::ready(())
            },
        ));
        let mut next = async |n: usize| {
            let mut seen = Vec::new();
            for _ in 0..n {
                seen.push(lives.recv().await.expect("a life"));
            }
            seen.sort();
            seen
        };
        assert_eq!(next(2).await, ["+a1", "+b1"]);
        send.send(assignment(&[("a", 1), ("b", 2)])).expect("followed");
        assert_eq!(next(2).await, ["+b2", "-b1"]);
        send.send(assignment(&[("a", 1)])).expect("followed");
        assert_eq!(next(2).await, ["-b2", "gone b"]);
        shutdown.cancel();
        task.await.expect("ends");
        assert_eq!(next(1).await, ["-a1"]);
    }
}
