//! Evidence of backups: what the backup tools' repositories hold, asked of the tools themselves.
//!
//! A job that says "done" proves nothing; a snapshot that is there is evidence. It is not proof: nothing is
//! read back and compared here. Looking must never be in the way of a backup, so it takes no lock, writes
//! nothing to the repository, and only a few looks run at once.
//!
//! * [`restic`] asks restic and judges its answer.
//! * [`process`] runs a tool within limits of time and output.
//! * [`rfc3339`] reads the tools' times.

mod process;
mod restic;
mod rfc3339;

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::Secrets;
use wasl_model::assignment::{Assignment, BackupAssignment, BackupTool};
use wasl_model::{EntityKind, Subject};

use crate::polling::rounds::{Beat, follow};
use restic::Restic;

/// How many looks may run at once: each is a process of some 50 MB.
const AT_ONCE: usize = 2;

/// Looks at the assigned backup jobs until `shutdown`: each one at once, then every `every_ms` at a phase of
/// its own. Follows the assignment; a job whose part of it did not change is not disturbed.
///
/// Reports a `BackupEvidence` about the job per look, whatever it came to.
pub async fn run(
    reporter: Reporter,
    secrets: Secrets,
    assignment: watch::Receiver<Arc<Assignment>>,
    shutdown: CancellationToken,
) {
    let epoch = Instant::now();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let wanted = |assignment: &Assignment| {
        assignment.backups.iter().map(|job| (job.id.clone(), job.clone())).collect()
    };
    let start = move |job: BackupAssignment| {
        watch_job(reporter.clone(), secrets.clone(), permits.clone(), job, epoch)
    };
    follow(assignment, shutdown, wanted, start, |_| std::future::ready(())).await;
}

async fn watch_job(
    reporter: Reporter,
    secrets: Secrets,
    permits: Arc<Semaphore>,
    job: BackupAssignment,
    epoch: Instant,
) {
    let beat = Beat::new(&job.id, job.every_ms, epoch);
    let subject = Subject::lenient(EntityKind::BackupJob, &job.id);
    let mut due = Instant::now();
    loop {
        sleep_until(due).await;
        let permit = permits.acquire().await.expect("the semaphore is never closed");
        let evidence = match &job.tool {
            BackupTool::Restic { repository, password } => {
                Restic::default().look(repository, secrets.file(password)).await
            }
        };
        drop(permit);
        reporter.report(subject.clone(), evidence).await;
        due = beat.settle(Instant::now());
    }
}

#[cfg(test)]
mod tests;
