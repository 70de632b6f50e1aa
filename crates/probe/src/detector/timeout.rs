//! How long an answer may take before its absence means something.

use std::time::Duration;

use super::class::micros;

/// The adaptive time-out of RFC 6298, section 2: smoothed round-trip time plus four times its variation,
/// but at least a margin. It never exceeds the probe's own time-out, which is also what holds before the
/// first answer. A probe carries its own number, so every round trip counts (Karn's rule is not needed).
#[derive(Debug, Clone)]
pub(super) struct Adaptive {
    margin: u64,
    ceiling: Duration,
    /// Smoothed round-trip time and its variation in microseconds.
    smoothed: Option<(u64, u64)>,
}

impl Adaptive {
    pub(super) fn new(margin: Duration, ceiling: Duration) -> Self {
        Self { margin: micros(margin), ceiling, smoothed: None }
    }

    pub(super) fn record(&mut self, rtt: u64) {
        // No round trip is longer than the time-out, so nothing here can overflow.
        let rtt = rtt.min(micros(self.ceiling));
        self.smoothed = Some(match self.smoothed {
            None => (rtt, rtt / 2),
            Some((smoothed, variation)) => {
                let variation = variation - variation / 4 + smoothed.abs_diff(rtt) / 4;
                (smoothed - smoothed / 8 + rtt / 8, variation)
            }
        });
    }

    pub(super) fn get(&self) -> Duration {
        let Some((smoothed, variation)) = self.smoothed else { return self.ceiling };
        let spread = variation.saturating_mul(4).max(self.margin);
        Duration::from_micros(smoothed.saturating_add(spread)).min(self.ceiling)
    }
}
