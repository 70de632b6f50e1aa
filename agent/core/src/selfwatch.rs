//! The agent's report about itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use wasl_model::units::{Bytes, Count, Micros, Millis, SignedMicros};
use wasl_model::{AgentSample, Subject, Timestamp};

use crate::keeper::{SpoolGone, SpoolHandle};
use crate::report::Reporter;
use crate::uplink::UplinkStatus;

const FIRST_PAUSE: Duration = Duration::from_secs(2);
const EVERY: Duration = Duration::from_secs(10);

/// Reports every ten seconds until `stop`.
pub async fn run(
    reporter: Reporter,
    about: Subject,
    spool: SpoolHandle,
    uplink: Arc<Mutex<UplinkStatus>>,
    stop: CancellationToken,
) -> Result<(), SpoolGone> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        pause = EVERY;
        let account = spool.accounting().await?;
        let uplink = uplink.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (resident, cpu_time) = own_usage();
        let sample = AgentSample {
            resident,
            cpu_time,
            uptime: Some(Millis(started.elapsed().as_millis() as u64)),
            spool_pending: Some(Count(account.pending)),
            spool_bytes: Some(Bytes(account.bytes)),
            spool_dropped: Some(Count(account.dropped.total())),
            clock_offset: uplink.offset.map(|o| SignedMicros(o.offset_us)),
            clock_error: uplink.offset.map(|o| Micros(o.error_us)),
            certificate_expires: Some(Timestamp(uplink.certificate_expires.saturating_mul(1000))),
            assignment_generation: Some(Count(uplink.generation)),
        };
        reporter.report(about.clone(), sample).await;
    }
}

fn own_usage() -> (Option<Bytes>, Option<Millis>) {
    let Ok(stat) = procfs::process::Process::myself().and_then(|p| p.stat()) else {
        return (None, None);
    };
    let ticks = procfs::ticks_per_second().max(1);
    (
        Some(Bytes(stat.rss * procfs::page_size())),
        Some(Millis((stat.utime + stat.stime).saturating_mul(1000) / ticks)),
    )
}
