//! Who may speak how much: what keeps a flood of notifications from becoming a flood of everything else.
//!
//! A device has two buckets. Every datagram takes from the first before it is looked into, so that what
//! costs (decrypting, answering) is bounded. Every notification that is to be kept takes from the second.
//! Its last part is there for links that go or come: chatter never keeps those out. All devices share a
//! third, so that a hundred that shout together are bounded as well.
//!
//! Everything that was not kept is counted by its reason, so that received = kept + dropped + asked back always
//! holds. Asked back is what a sender of informs has to learn first (this agent's engine, and its time): it comes
//! again with that, so it is no loss. One that is asked again and again and never comes through is told.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::meaning::Notification;

/// An equal notification within this time is the same one, sent again (an inform's retransmission).
const SAME: Duration = Duration::from_secs(30);
/// So many notifications of a device are remembered for that.
const REMEMBERED: usize = 64;
/// So many messages of a device that were asked back, with nothing that came through between them, are told.
const STUBBORN: u64 = 10;

/// How fast a bucket fills, in tokens a second, and how many it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate(pub f64, pub f64);

/// The sizes of the buckets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    /// Datagrams of one device.
    pub datagrams: Rate,
    /// Kept notifications of one device.
    pub kept: Rate,
    /// Of these, what only links may use.
    pub reserve: f64,
    /// Kept notifications of all devices.
    pub overall: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            datagrams: Rate(200.0, 400.0),
            kept: Rate(5.0, 100.0),
            reserve: 40.0,
            overall: Rate(50.0, 500.0),
        }
    }
}

/// What was not kept, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Dropped {
    /// Beyond the device's or the overall rate, or not yet looked at when its receiver ended.
    pub limited: u64,
    /// The same notification again.
    pub duplicate: u64,
    /// With a wrong community, user or key, or below the security that the device's access asks for.
    pub refused: u64,
    /// Not a notification.
    pub malformed: u64,
    /// Answered with what the sender has to know first. Not lost, so not part of the total.
    pub asked_back: u64,
    /// Many were asked back one after another, and nothing came through between them.
    pub in_vain: bool,
}

impl Dropped {
    /// All that are lost.
    pub(crate) fn total(&self) -> u64 {
        self.limited + self.duplicate + self.refused + self.malformed
    }
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    tokens: f64,
    at: Duration,
}

impl Bucket {
    fn new(rate: Rate, now: Duration) -> Self {
        Self { rate, tokens: rate.1, at: now }
    }

    /// Takes a token if more than `spare` are left.
    fn take(&mut self, spare: f64, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.rate.0).min(self.rate.1);
        let enough = self.tokens >= 1.0 + spare;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }

    fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.rate.1);
    }
}

#[derive(Debug)]
struct Lane {
    datagrams: Bucket,
    kept: Bucket,
    /// When, and the hash of what.
    seen: VecDeque<(Duration, u64)>,
    dropped: Dropped,
    /// Asked back since the last one that came through.
    in_vain: u64,
    /// Whether a notification came through since messages that were asked back were last counted.
    came_through: bool,
}

/// The gate. One lane for each device that is assigned; what comes from elsewhere has none.
#[derive(Debug)]
pub(crate) struct Gate {
    rates: Rates,
    overall: Bucket,
    lanes: BTreeMap<String, Lane>,
}

impl Gate {
    /// A gate with full buckets.
    pub(crate) fn new(rates: Rates) -> Self {
        Self { rates, overall: Bucket::new(rates.overall, Duration::ZERO), lanes: BTreeMap::new() }
    }

    /// Sets whose lanes there are. Lanes that stay keep their buckets and counts.
    pub(crate) fn assign<'a>(&mut self, devices: impl IntoIterator<Item = &'a str>, now: Duration) {
        let mut old = std::mem::take(&mut self.lanes);
        for device in devices {
            let lane = old.remove(device).unwrap_or_else(|| Lane {
                datagrams: Bucket::new(self.rates.datagrams, now),
                kept: Bucket::new(self.rates.kept, now),
                seen: VecDeque::new(),
                dropped: Dropped::default(),
                in_vain: 0,
                came_through: false,
            });
            self.lanes.insert(device.to_owned(), lane);
        }
    }

    /// Whether a datagram of a device is looked into.
    pub(crate) fn look(&mut self, device: &str, now: Duration) -> bool {
        let Some(lane) = self.lanes.get_mut(device) else { return false };
        let may = lane.datagrams.take(0.0, now);
        lane.dropped.limited += u64::from(!may);
        may
    }

    /// Whether a notification of a device, whose origin is proved as far as it can be, is kept.
    pub(crate) fn keep(
        &mut self,
        device: &str,
        notification: &Notification,
        is_link: bool,
        now: Duration,
    ) -> bool {
        let Some(lane) = self.lanes.get_mut(device) else { return false };
        (lane.in_vain, lane.came_through) = (0, true);
        let mut hasher = DefaultHasher::new();
        notification.hash(&mut hasher);
        let hash = hasher.finish();
        while lane.seen.front().is_some_and(|(at, _)| now.saturating_sub(*at) > SAME) {
            lane.seen.pop_front();
        }
        if lane.seen.iter().any(|(_, known)| *known == hash) {
            lane.dropped.duplicate += 1;
            return false;
        }
        let spare = if is_link { 0.0 } else { self.rates.reserve };
        if !lane.kept.take(spare, now) {
            lane.dropped.limited += 1;
            return false;
        }
        if !self.overall.take(0.0, now) {
            lane.kept.give_back();
            lane.dropped.limited += 1;
            return false;
        }
        if lane.seen.len() >= REMEMBERED {
            lane.seen.pop_front();
        }
        lane.seen.push_back((now, hash));
        true
    }

    /// Counts datagrams that nobody had the time to look into.
    pub(crate) fn limit(&mut self, device: &str, count: u64) {
        if let Some(lane) = self.lanes.get_mut(device) {
            lane.dropped.limited += count;
        }
    }

    /// Counts datagrams that proved to be from somebody who may not speak for the device.
    pub(crate) fn refuse(&mut self, device: &str, count: u64) {
        if let Some(lane) = self.lanes.get_mut(device) {
            lane.dropped.refused += count;
        }
    }

    /// Counts datagrams that were answered with what their sender has to know first.
    pub(crate) fn ask_back(&mut self, device: &str, count: u64) {
        if let Some(lane) = self.lanes.get_mut(device) {
            lane.dropped.asked_back += count;
            // What came through meanwhile was asked back first; this is told of only later.
            if !std::mem::take(&mut lane.came_through) {
                lane.in_vain += count;
            }
        }
    }

    /// Counts a datagram that is no notification.
    pub(crate) fn malformed(&mut self, device: &str) {
        if let Some(lane) = self.lanes.get_mut(device) {
            lane.dropped.malformed += 1;
        }
    }

    /// What was dropped since this was last called, by device.
    pub(crate) fn take_dropped(&mut self) -> Vec<(String, Dropped)> {
        let mut told = Vec::new();
        for (device, lane) in &mut self.lanes {
            let in_vain = lane.in_vain >= STUBBORN;
            if in_vain {
                lane.in_vain = 0;
            }
            if in_vain || lane.dropped.total() > 0 {
                told.push((device.clone(), Dropped { in_vain, ..std::mem::take(&mut lane.dropped) }));
            }
        }
        told
    }
}

#[cfg(test)]
mod tests;
