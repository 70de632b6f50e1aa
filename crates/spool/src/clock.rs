//! The spool's own clock.
//!
//! Deleting by the wall clock would lose a week of batches to one wrong date: branches have dead clock batteries and
//! learn the time after they boot. This clock follows the caller's, but one step counts for an hour at most and a step
//! back counts for nothing.

const LONGEST_STEP_MS: i64 = 3_600_000;

#[derive(Debug)]
pub(crate) struct Clock {
    elapsed_ms: u64,
    seen_ms: i64,
}

impl Clock {
    /// `elapsed_ms` as it stood when it was last written down.
    pub(crate) fn resume(elapsed_ms: u64, now_ms: i64) -> Self {
        Self { elapsed_ms, seen_ms: now_ms }
    }

    pub(crate) fn advance(&mut self, now_ms: i64) {
        let step = now_ms.saturating_sub(self.seen_ms).clamp(0, LONGEST_STEP_MS);
        self.elapsed_ms = self.elapsed_ms.saturating_add(step as u64);
        self.seen_ms = now_ms;
    }

    /// Milliseconds that this spool has been watched, over all its runs.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.elapsed_ms
    }

    /// True when `age_ms` has passed since `then_ms` on this clock.
    pub(crate) fn is_past(&self, then_ms: u64, age_ms: i64) -> bool {
        self.elapsed_ms.saturating_sub(then_ms) >= age_ms.max(0) as u64
    }
}
