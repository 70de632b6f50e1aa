//! Two clocks read together, and what can be said when one of them is set.
//!
//! The kernel stamps an arriving packet with the wall clock, so a round-trip time taken from that
//! stamp is only as good as the wall clock was between send and read. The monotonic clock tells:
//! if the distance between the two clocks has changed meanwhile, the wall clock was set (or the
//! machine slept), and the sample is void. It is never corrected, because nobody knows on which side
//! of the step the packet arrived.

use std::time::Duration;

/// A change of the distance between the clocks beyond this, and beyond drift, is a step.
pub const STEP_TOLERANCE: Duration = Duration::from_millis(250);

/// What the distance between the clocks may change by during one round trip, on top of drift.
pub const SAMPLE_TOLERANCE: Duration = Duration::from_millis(1);

/// Drift that is no step: 1 ms per second, twice the 500 ppm to which Linux limits a slewed clock.
pub(crate) const DRIFT_DIVISOR: u32 = 1000;

/// Both clocks, read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// The monotonic clock, since any fixed moment.
    pub mono: Duration,
    /// The wall clock, since 1970-01-01T00:00:00Z.
    pub wall: Duration,
}

impl Reading {
    /// By how much the wall clock has moved against the monotonic one since `earlier`: forward or back.
    fn shift_since(self, earlier: Self) -> (Duration, bool) {
        let (now, then) = (self.wall + earlier.mono, earlier.wall + self.mono);
        (now.abs_diff(then), now >= then)
    }
}

/// A run of packets that leave by one call takes no longer than this and that for each, unless the sender is interrupted.
const CALL: Duration = Duration::from_micros(60);
const PACKET: Duration = Duration::from_micros(8);

/// When the packet at `place` of a run of `of` was handed to the network, of which the first was begun at `begun` and the
/// last was done at `done` (monotonic): each takes an equal share of the time. If the sender was interrupted meanwhile
/// nobody knows where, and it is when the first was begun: then round trips come out too long, never too short.
pub fn departure(begun: Reading, done: Duration, place: u32, of: u32) -> Reading {
    let took = done.saturating_sub(begun.mono);
    if of == 0 || place > of || took > CALL + PACKET * of {
        return begun;
    }
    let after = took * place / of;
    Reading { mono: begun.mono + after, wall: begun.wall + after }
}

/// The wall clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// By how much.
    pub by: Duration,
    /// Whether towards the future.
    pub forward: bool,
}

/// Notices steps in a run of readings.
#[derive(Debug, Clone, Default)]
pub struct StepDetector {
    last: Option<Reading>,
}

impl StepDetector {
    /// Takes the next reading; the step between the previous one and this, if there was one.
    pub fn feed(&mut self, now: Reading) -> Option<Step> {
        let last = self.last.replace(now)?;
        let (by, forward) = now.shift_since(last);
        let drift = now.mono.saturating_sub(last.mono) / DRIFT_DIVISOR;
        (by > STEP_TOLERANCE + drift).then_some(Step { by, forward })
    }
}

/// The round-trip time of a probe that was sent at `sent`, whose answer the kernel stamped with the
/// wall clock at `arrived`, and that was read at `now`. Without a stamp it is the monotonic time until
/// it was read, which includes the reader's own delay.
///
/// `None` if the clocks disagree, so that nothing can be said. The result is never more than the
/// monotonic time that passed. An answer from before its probe by less than [`SAMPLE_TOLERANCE`] took no time: the moment
/// of a [`departure`] is known to some microseconds only.
pub fn round_trip(sent: Reading, arrived: Option<Duration>, now: Reading) -> Option<Duration> {
    let passed = now.mono.saturating_sub(sent.mono);
    let Some(arrived) = arrived else {
        return Some(passed);
    };
    let tolerance = SAMPLE_TOLERANCE + passed / DRIFT_DIVISOR;
    if now.shift_since(sent).0 > tolerance {
        return None;
    }
    let measured = (arrived + SAMPLE_TOLERANCE).checked_sub(sent.wall)?.saturating_sub(SAMPLE_TOLERANCE);
    (measured <= passed + tolerance).then(|| measured.min(passed))
}

#[cfg(test)]
mod tests;
