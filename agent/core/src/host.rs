//! The machine that the agent runs on: processors, memory, disks, interfaces, and how many people
//! are logged in (a number; no name is ever read).
//!
//! Everything comes from `/proc` and `/sys`, which any user may read. Rates need two readings; the
//! arithmetic between them is in [`delta`] and knows no clock.

pub mod delta;
mod read;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasl_model::assignment::Assignment;
use wasl_model::{AgentId, EntityKind, Subject, Value};

use crate::clock::Beat;
use crate::report::Reporter;
use delta::Deltas;

/// The second reading comes this soon, so that a new user sees rates at once.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// Rates over less than this say more of the clock than of the machine.
const SHORTEST: Duration = Duration::from_millis(500);

/// Reads the machine as often as the assignment says, until `stop`.
pub async fn run(
    reporter: Reporter,
    agent: AgentId,
    mut assignment: watch::Receiver<Arc<Assignment>>,
    beat: Beat,
    stop: CancellationToken,
) -> Result<(), tokio::task::JoinError> {
    let mut deltas = Deltas::default();
    let mut rounds = 0u32;
    loop {
        // Files under /proc are quick, but a disk that hangs makes statvfs hang with it.
        let reading = tokio::task::spawn_blocking(read::all).await?;
        let now = Instant::now();
        let machine = Subject::lenient(EntityKind::Machine, agent.as_str());
        if let Some(host) = reading.host {
            reporter.report(machine, deltas.host(&host, now)).await;
        }
        for (mount_point, sample) in reading.disks {
            let subject = Subject::lenient(EntityKind::Disk, &format!("{agent}/{mount_point}"));
            reporter.report(subject, sample).await;
        }
        for interface in &reading.interfaces {
            let subject = Subject::lenient(EntityKind::Interface, &format!("{agent}/{}", interface.name));
            reporter.report(subject, deltas.interface(interface, now)).await;
        }
        for name in deltas.forget_all_but(reading.interfaces.iter().map(|i| i.name.as_str())) {
            let subject = Subject::lenient(EntityKind::Interface, &format!("{agent}/{name}"));
            reporter.report(subject, Value::Gone).await;
        }

        rounds = rounds.saturating_add(1);
        if !pause(now, beat, rounds == 1, &mut assignment, &stop).await {
            return Ok(());
        }
    }
}

/// Waits until the next reading is due; `false` if the agent ends. A new assignment moves the time,
/// but never so near that the next rates would be taken over next to nothing.
async fn pause(
    since: Instant,
    beat: Beat,
    first: bool,
    assignment: &mut watch::Receiver<Arc<Assignment>>,
    stop: &CancellationToken,
) -> bool {
    loop {
        let every = Duration::from_millis(assignment.borrow_and_update().host_every_ms).max(SHORTEST);
        let due = if first { since + every.min(FIRST_PAUSE) } else { beat.after(since, every) };
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(due.saturating_duration_since(Instant::now())) => return true,
            Ok(()) = assignment.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_new_assignment_moves_the_next_reading_and_does_not_trigger_it() {
        let assignment = |host_every_ms| Arc::new(Assignment { host_every_ms, ..Assignment::baseline() });
        let (change, mut receiver) = watch::channel(assignment(10_000));
        let stop = CancellationToken::new();
        let begun = tokio::time::Instant::now();
        let other = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            change.send_replace(assignment(3_000));
            change.closed().await;
        });
        let now = Instant::now();
        assert!(pause(now, Beat::begin(now), false, &mut receiver, &stop).await);
        let waited = begun.elapsed();
        assert!((Duration::from_secs(3)..Duration::from_millis(3_100)).contains(&waited), "{waited:?}");
        drop(receiver);
        other.await.expect("no panic");
    }
}
