//! Tells a link that changes now and then from one that flaps.

use std::time::Duration;

/// The most changes that are remembered.
const REMEMBERED: usize = 16;

/// Counts changes, and holds the state once there are too many.
#[derive(Debug, Clone)]
pub(super) struct Damper {
    /// The moments of the latest changes, in a ring.
    changes: [Option<Duration>; REMEMBERED],
    next: usize,
    last: Duration,
    held: bool,
}

impl Damper {
    pub(super) fn new() -> Self {
        Self { changes: [None; REMEMBERED], next: 0, last: Duration::ZERO, held: false }
    }

    /// The underlying state has changed; too often, if it changed `limit` times `within` this time.
    pub(super) fn on_change(&mut self, now: Duration, limit: u32, within: Duration) {
        self.changes[self.next] = Some(now);
        self.next = (self.next + 1) % REMEMBERED;
        self.last = now;
        let recent = self.recent(now, within);
        self.held |= recent as usize >= (limit.max(2) as usize).min(REMEMBERED);
    }

    /// Whether the state is held at `now`. It is let go after `steady` without a change.
    pub(super) fn holds(&mut self, now: Duration, steady: Duration) -> bool {
        if self.held && now.saturating_sub(self.last) >= steady {
            *self = Self::new();
        }
        self.held
    }

    /// How many changes there were `within` this time.
    pub(super) fn recent(&self, now: Duration, within: Duration) -> u32 {
        let recent = |at: &&Duration| now.saturating_sub(**at) <= within;
        self.changes.iter().flatten().filter(recent).count() as u32
    }
}
