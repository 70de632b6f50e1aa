//! For how long a target was down, told window by window so that the windows add up.

use std::time::Duration;

use wasl_model::LinkVerdict;
use wasl_model::units::SignedMicros;

use crate::detector::Change;

/// Adds up the time from "down" to what follows it. Times are monotonic.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Downtime {
    /// Outages that are over.
    over: Duration,
    /// Since when the target is down.
    since: Option<Duration>,
    /// What earlier windows have told of all this.
    told: Duration,
}

impl Downtime {
    /// The verdict has changed, because of what the target became at `turned`: that a link which flaps is back is
    /// said with a delay, but it was back before.
    pub(super) fn on_change(&mut self, change: &Change, turned: Duration) {
        if change.to.verdict() == Some(LinkVerdict::Down) {
            self.since.get_or_insert(turned);
        } else if let Some(since) = self.since.take() {
            self.over += turned.saturating_sub(since);
        }
    }

    /// What a window that ends at `now` is to add to what the windows before it told.
    pub(super) fn tell(&mut self, now: Duration) -> SignedMicros {
        let all = self.over + self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        let micros = |length: Duration| i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        let told = std::mem::replace(&mut self.told, all);
        SignedMicros(micros(all).saturating_sub(micros(told)))
    }
}
