//! When to do what, again and again, spread evenly.
//!
//! A thousand targets that are probed every second must not be probed at the same instant: the burst
//! would overflow buffers on the way and be measured as loss. Each gets a phase within its period
//! from a hash of its name, so the spread is even, needs no state, and a target that is taken away and
//! put back keeps its place. Times lie on a fixed grid: a late turn does not shift the later ones, and
//! turns that were missed altogether are skipped, not made up for in a burst.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The shortest period. A shorter one counts as this.
pub const MIN_PERIOD: Duration = Duration::from_millis(1);

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
    due: BTreeSet<(Duration, K)>,
    turns: HashMap<K, Turn>,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    period: Duration,
    phase: Duration,
    next: Duration,
}

impl<K> Default for Schedule<K> {
    fn default() -> Self {
        Self { due: BTreeSet::new(), turns: HashMap::new() }
    }
}

impl<K: Copy + Ord + Hash> Schedule<K> {
    /// Gives `key` a turn at `first`, and then at every moment that is `phase` after a multiple of
    /// `period`, leaving out one that comes within half a period of the first.
    pub fn insert(&mut self, key: K, period: Duration, phase: Duration, first: Duration) {
        self.remove(key);
        self.turns.insert(key, Turn { period: period.max(MIN_PERIOD), phase, next: first });
        self.due.insert((first, key));
    }

    /// Takes all turns from `key`.
    pub fn remove(&mut self, key: K) {
        if let Some(turn) = self.turns.remove(&key) {
            self.due.remove(&(turn.next, key));
        }
    }

    /// When the next turn of anything is.
    pub fn next_due(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Something whose turn has come by `now`, the most overdue first; its next turn is set.
    pub fn pop_due(&mut self, now: Duration) -> Option<K> {
        let &(at, key) = self.due.first()?;
        if at > now {
            return None;
        }
        let turn = self.turns.get(&key)?;
        self.move_to(key, grid_after(turn, now));
        Some(key)
    }

    /// Moves the next turn of `key` to `at`; the later ones stay on their grid.
    pub fn postpone(&mut self, key: K, at: Duration) {
        if self.turns.contains_key(&key) {
            self.move_to(key, at);
        }
    }

    /// Gives `key` turns of another period, the first of them more than half a period after `now`.
    pub fn change_pace(&mut self, key: K, period: Duration, phase: Duration, now: Duration) {
        if let Some(turn) = self.turns.get_mut(&key) {
            turn.period = period.max(MIN_PERIOD);
            turn.phase = phase;
            let next = grid_after(turn, now);
            self.move_to(key, next);
        }
    }

    fn move_to(&mut self, key: K, at: Duration) {
        if let Some(turn) = self.turns.get_mut(&key) {
            self.due.remove(&(turn.next, key));
            turn.next = at;
            self.due.insert((at, key));
        }
    }
}

/// The first moment of the grid that is more than half a period after `now`.
fn grid_after(turn: &Turn, now: Duration) -> Duration {
    let period = turn.period.as_nanos();
    let phase = turn.phase.as_nanos() % period;
    let earliest = now.as_nanos() + period / 2 + 1;
    let periods = earliest.saturating_sub(phase).div_ceil(period);
    Duration::from_nanos((phase + periods * period) as u64)
}

#[cfg(test)]
mod tests;
