//! Tells a link that goes down now and then from one that flaps.

use std::collections::VecDeque;
use std::time::Duration;

/// The most changes that are remembered.
const REMEMBERED: usize = 16;

/// Counts changes, and holds the state once there are too many.
#[derive(Debug, Clone, Default)]
pub(super) struct Damper {
    /// The moments of the latest changes; of most links there are none.
    changes: VecDeque<Duration>,
    held: bool,
}

impl Damper {
    /// It has gone down or come back; too often, if it changed `limit` times `within` this time.
    pub(super) fn on_change(&mut self, now: Duration, limit: u32, within: Duration) {
        if self.changes.len() == REMEMBERED {
            self.changes.pop_front();
        }
        self.changes.push_back(now);
        let recent = self.recent(now, within);
        self.held |= recent as usize >= (limit.max(2) as usize).min(REMEMBERED);
    }

    /// Whether the state is held at `now`. It is let go after `steady` without a change.
    pub(super) fn holds(&mut self, now: Duration, steady: Duration) -> bool {
        let last = self.changes.back().copied().unwrap_or_default();
        if self.held && now.saturating_sub(last) >= steady {
            *self = Self::default();
        }
        self.held
    }

    /// How many changes there were `within` this time.
    pub(super) fn recent(&self, now: Duration, within: Duration) -> u32 {
        let recent = |at: &&Duration| now.saturating_sub(**at) <= within;
        self.changes.iter().filter(recent).count() as u32
    }
}
