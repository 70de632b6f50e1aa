//! The controller's clock, read in one place.

pub mod kept;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use wasl_model::Timestamp;
use wasl_pki::tls::{TimeProvider, UnixTime};

use kept::{Kept, Verdict};

/// There is one clock, as there is one machine.
static KEPT: Mutex<Kept> = Mutex::new(Kept::new());

/// Now, in milliseconds.
pub fn now() -> Timestamp {
    Timestamp(now_us() / 1_000)
}

/// Now, in microseconds since 1970.
pub fn now_us() -> i64 {
    let mut kept = kept();
    let (now, step) = kept.read(wall_us(), uptime());
    drop(kept);
    if let Some(step) = step {
        tracing::warn!(
            step_s = step / 1_000_000,
            "this machine's clock was set; time goes on as before until the agents' clocks say which is right"
        );
    }
    now
}

/// Goes on from the last time that was kept before the start, if this machine's clock is behind that and not to be believed.
pub fn resume(first: Timestamp, last: Timestamp) {
    let [first_us, last_us] = [first, last].map(|time| time.0.saturating_mul(1_000));
    let behind = kept().resume(first_us, last_us, wall_us(), uptime());
    if let Some(behind_us) = behind {
        tracing::warn!(
            behind_s = behind_us / 1_000_000,
            last = %rfc3339(last),
            "this machine's clock is behind what was kept before the start; time goes on from there until the agents' \
             clocks say more. Put it right"
        );
    }
}

/// What is added to this machine's clock, in seconds; not 0 only while agents say that it was right before it was set, or
/// after a start with one that was behind.
pub fn correction_s() -> f64 {
    kept().correction_us() as f64 / 1e6
}

/// Since when this machine's clock has been set and is not followed.
pub fn set_since() -> Option<Timestamp> {
    let ago = kept().unsettled_for(uptime())?;
    Some(now().minus(ago))
}

/// Hears how far the clocks of agents are ahead of [`now`], in microseconds, as seen since this machine's was set.
pub fn hear(ahead_us: impl IntoIterator<Item = i64>) -> Verdict {
    kept().hear(ahead_us, uptime())
}

fn wall_us() -> i64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(wall.as_micros()).unwrap_or(i64::MAX)
}

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// With the time that the machine was suspended, so that waking up is no step.
fn uptime() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// By what others' certificates are judged: a wall clock that was set, or that begins in the past, keeps no agent out.
#[derive(Debug)]
pub struct KeptClock;

impl TimeProvider for KeptClock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(now().seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// A time as people and JSON read it: RFC 3339 in UTC.
pub fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.0).map_or_else(|_| time.0.to_string(), |t| t.to_string())
}
