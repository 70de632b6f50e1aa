//! The controller's clock, read in one place.

pub mod kept;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use wasl_model::Timestamp;

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
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (now, step) = kept.read(i64::try_from(wall.as_micros()).unwrap_or(i64::MAX), uptime());
    drop(kept);
    if let Some(step) = step {
        tracing::warn!(
            step_s = step / 1_000_000,
            "this machine's clock was set; time goes on as before until the agents' clocks say which is right"
        );
    }
    now
}

/// What is added to this machine's clock, in seconds; not 0 only while agents say that it was right before it was set.
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

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// With the time that the machine was suspended, so that waking up is no step.
fn uptime() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// A time as people and JSON read it: RFC 3339 in UTC.
pub fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.0).map_or_else(|_| time.0.to_string(), |t| t.to_string())
}
