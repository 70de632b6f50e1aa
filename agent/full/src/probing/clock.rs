//! The two clocks of this machine, read as close together as possible.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wasl_probe::clock::Reading;

/// Between the two monotonic readings around a wall-clock reading, more than this means that the
/// thread was interrupted there, and the pair is worth another try.
const APART: Duration = Duration::from_micros(20);

/// Reads both clocks; its monotonic zero is the moment of its making.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now() }
    }

    /// The monotonic clock alone.
    pub(crate) fn mono(self) -> Duration {
        self.origin.elapsed()
    }

    /// Both clocks at one moment: the closest pair of up to three tries.
    pub(crate) fn read(self) -> Reading {
        let mut best = (Duration::MAX, Reading::default());
        for _ in 0..3 {
            let before = self.mono();
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let mono = self.mono();
            let apart = mono.saturating_sub(before);
            if apart < best.0 {
                best = (apart, Reading { mono, wall });
            }
            if apart <= APART {
                break;
            }
        }
        best.1
    }

    /// The moment of a monotonic time, for timers.
    pub(crate) fn instant(self, mono: Duration) -> Instant {
        self.origin + mono
    }
}
