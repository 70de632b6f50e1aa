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
use wasl_model::{AgentId, EntityKind, Subject};

use crate::report::Reporter;
use delta::Deltas;

/// The second reading comes this soon, so that a new user sees rates at once.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// Reads the machine as often as the assignment says, until `stop`.
pub async fn run(
    reporter: Reporter,
    agent: AgentId,
    mut assignment: watch::Receiver<Arc<Assignment>>,
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
        deltas.forget_all_but(reading.interfaces.iter().map(|i| i.name.as_str()));

        rounds = rounds.saturating_add(1);
        let every = Duration::from_millis(assignment.borrow_and_update().host_every_ms.max(500));
        let pause = if rounds == 1 { every.min(FIRST_PAUSE) } else { every };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause.saturating_sub(now.elapsed())) => {}
            // A new interval holds from now on.
            Ok(()) = assignment.changed() => {}
        }
    }
}
