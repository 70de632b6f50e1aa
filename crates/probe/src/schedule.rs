//! When to do what, again and again, spread evenly.
//!
//! A thousand targets that are probed every second must not be probed at the same instant: the burst
//! would overflow buffers on the way and be measured as loss. Each gets a phase within its period
//! from a hash of its name, so the spread is even, needs no state, and a target that is taken away and
//! put back keeps its place. Times lie on a fixed grid: a late turn does not shift the later ones, and
//! turns that were missed altogether are skipped, not made up for in a burst.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::keys::ByKey;

/// The shortest period. A shorter one counts as this.
pub const MIN_PERIOD: Duration = Duration::from_millis(1);

/// So many turns may lie in the queue for each thing that has one.
const STALE: usize = 4;

/// Where within `period` the turns of `name` lie. Even over many names; the same in every run.
pub fn phase(name: &str, period: Duration) -> Duration {
    // With its fixed keys, this hasher gives the same number for the same text in every process.
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let period = period.max(MIN_PERIOD).as_nanos();
    Duration::from_nanos((u128::from(hasher.finish()) % period) as u64)
}

/// Recurring turns of any number of things.
#[derive(Debug, Clone)]
pub struct Schedule<K> {
    /// Each thing's next turn, and turns that were moved since, which do not count. The first one counts.
    due: BinaryHeap<Reverse<(Nanos, K)>>,
    turns: HashMap<K, Turn, ByKey>,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    period: Nanos,
    phase: Nanos,
    next: Nanos,
}

/// A time in nanoseconds: half as long as a [`Duration`], so that more of a queue lies in the processor's cache, and
/// quickly divided. They last for 584 years.
pub(crate) type Nanos = u64;

pub(crate) fn nanos(time: Duration) -> Nanos {
    Nanos::try_from(time.as_nanos()).unwrap_or(Nanos::MAX)
}

impl<K: Ord> Default for Schedule<K> {
    fn default() -> Self {
        Self { due: BinaryHeap::new(), turns: HashMap::default() }
    }
}

impl<K: Copy + Ord + Hash> Schedule<K> {
    /// Gives `key` a turn at `first`, and then at every moment that is `phase` after a multiple of
    /// `period`, leaving out one that comes within half a period of the first.
    pub fn insert(&mut self, key: K, period: Duration, phase: Duration, first: Duration) {
        let (period, phase, next) = (nanos(period.max(MIN_PERIOD)), nanos(phase), nanos(first));
        self.turns.insert(key, Turn { period, phase, next });
        self.enqueue(key, next);
    }

    /// Takes all turns from `key`.
    pub fn remove(&mut self, key: K) {
        self.turns.remove(&key);
        self.tidy();
    }

    /// When the next turn of anything is.
    pub fn next_due(&self) -> Option<Duration> {
        self.due.peek().map(|Reverse((at, _))| Duration::from_nanos(*at))
    }

    /// Something whose turn has come by `now`, the most overdue first; its next turn is set.
    pub fn pop_due(&mut self, now: Duration) -> Option<K> {
        let now = nanos(now);
        let mut first = self.due.peek_mut().filter(|first| first.0.0 <= now)?;
        let key = first.0.1;
        let turn = self.turns.get_mut(&key)?;
        turn.next = grid_after(turn, now);
        *first = Reverse((turn.next, key));
        drop(first);
        self.tidy();
        Some(key)
    }

    /// Moves the next turn of `key` to `at`; the later ones stay on their grid.
    pub fn postpone(&mut self, key: K, at: Duration) {
        if let Some(turn) = self.turns.get_mut(&key) {
            turn.next = nanos(at);
            self.enqueue(key, nanos(at));
        }
    }

    /// Gives `key` turns of another period, the first of them more than half a period after `now`.
    pub fn change_pace(&mut self, key: K, period: Duration, phase: Duration, now: Duration) {
        if let Some(turn) = self.turns.get_mut(&key) {
            turn.period = nanos(period.max(MIN_PERIOD));
            turn.phase = nanos(phase);
            turn.next = grid_after(turn, nanos(now));
            let next = turn.next;
            self.enqueue(key, next);
        }
    }

    fn enqueue(&mut self, key: K, at: Nanos) {
        // However often turns are moved, those that do not count stay fewer than some of each.
        if self.due.len() > STALE * (self.turns.len() + 1) {
            self.due = self.turns.iter().map(|(key, turn)| Reverse((turn.next, *key))).collect();
        } else {
            self.due.push(Reverse((at, key)));
        }
        self.tidy();
    }

    /// Drops turns from the front that do not count.
    fn tidy(&mut self) {
        while let Some(Reverse((at, key))) = self.due.peek()
            && self.turns.get(key).is_none_or(|turn| turn.next != *at)
        {
            self.due.pop();
        }
    }
}

/// The first moment of the grid that is more than half a period after `now`.
fn grid_after(turn: &Turn, now: Nanos) -> Nanos {
    let phase = turn.phase % turn.period;
    let earliest = now.saturating_add(turn.period / 2 + 1);
    let periods = earliest.saturating_sub(phase).div_ceil(turn.period);
    phase.saturating_add(periods.saturating_mul(turn.period))
}

#[cfg(test)]
mod tests;
