//! The agent's report about itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use wasl_model::units::{Bytes, Count, Micros, Millis, SignedMicros};
use wasl_model::{AgentSample, NoticeCode, Severity, Subject, Timestamp};
use wasl_spool::Dropped;

use crate::clock::Beat;
use crate::keeper::{SpoolGone, SpoolHandle};
use crate::report::Reporter;
use crate::uplink::UplinkStatus;

const FIRST_PAUSE: Duration = Duration::from_secs(2);
const EVERY: Duration = Duration::from_secs(10);

/// Reports every ten seconds until `stop`, on the agent's beat: with the readings of the host they make one batch.
pub async fn run(
    reporter: Reporter,
    about: Subject,
    spool: SpoolHandle,
    uplink: Arc<Mutex<UplinkStatus>>,
    beat: Beat,
    stop: CancellationToken,
) -> Result<(), SpoolGone> {
    let started = Instant::now();
    let mut due = started + FIRST_PAUSE;
    let mut given_up = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(due.saturating_duration_since(Instant::now())) => {}
        }
        due = beat.after(Instant::now(), EVERY);
        let account = spool.accounting().await?;
        tell_quota(&reporter, &about, given_up.replace(account.dropped), account.dropped).await;
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

/// Says that the spool gives up batches for want of room, and takes it back after a round without.
async fn tell_quota(reporter: &Reporter, about: &Subject, before: Option<Dropped>, now: Dropped) {
    let Some(before) = before else { return };
    let (quota, age) = (now.quota.saturating_sub(before.quota), now.age.saturating_sub(before.age));
    if quota + age == 0 {
        reporter.clear(about.clone(), NoticeCode::SpoolQuota).await;
    } else {
        let detail = "the spool is full and gives up the oldest samples (policies quota and age): bring the way to the controller back; `wasl-agent spool` has the counts";
        reporter.raise(about.clone(), NoticeCode::SpoolQuota, Severity::Error, detail).await;
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
