//! Holes: which sequences will never be sent, why, and whether the controller knows. Pure.
//!
//! A hole stays here for the whole epoch, also when it is confirmed: a controller restored from an older copy has
//! forgotten it and must be told again. Neighbours of one policy melt together, so a spool that drops its oldest
//! segments for months keeps one entry.

#[cfg(test)]
mod tests;

use crate::format::SEQ_LIMIT;
use crate::{Dropped, Gap, Policy};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) policy: Policy,
    pub(crate) confirmed: bool,
}

impl Hole {
    fn gap(&self) -> Gap {
        Gap { first: self.first, last: self.last, policy: self.policy }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// Ascending, disjoint.
    holes: Vec<Hole>,
    /// The unconfirmed ones.
    open: Vec<Gap>,
}

impl Ledger {
    /// None when the holes are not ascending and disjoint.
    pub(crate) fn from_holes(holes: Vec<Hole>) -> Option<Self> {
        let mut after = 0;
        for hole in &holes {
            if hole.first <= after || hole.last < hole.first || hole.last >= SEQ_LIMIT {
                return None;
            }
            after = hole.last;
        }
        let mut ledger = Self { holes, open: Vec::new() };
        ledger.tidy();
        Some(ledger)
    }

    pub(crate) fn holes(&self) -> &[Hole] {
        &self.holes
    }

    pub(crate) fn open_gaps(&self) -> &[Gap] {
        &self.open
    }

    pub(crate) fn last(&self) -> u64 {
        self.holes.last().map_or(0, |hole| hole.last)
    }

    /// Records that `first..=last` is gone. What is in a hole already stays as it is.
    pub(crate) fn add(&mut self, first: u64, last: u64, policy: Policy) {
        for (first, last) in uncovered(first, last, self.ranges()) {
            self.holes.push(Hole { first, last, policy, confirmed: false });
        }
        self.tidy();
    }

    /// Takes `first..=last` out: it is not lost after all.
    pub(crate) fn erase(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        self.split_before(first);
        self.split_before(last.saturating_add(1));
        self.holes.retain(|hole| hole.last < first || hole.first > last);
        self.tidy();
    }

    /// The controller knows all holes in `first..=last`. True when one of them was not known to be known.
    pub(crate) fn confirm(&mut self, first: u64, last: u64) -> bool {
        self.split_before(first);
        self.split_before(last.saturating_add(1));
        let mut changed = false;
        for hole in self.holes.iter_mut().filter(|hole| first <= hole.first && hole.last <= last) {
            changed |= !std::mem::replace(&mut hole.confirmed, true);
        }
        self.tidy();
        changed
    }

    /// The controller knows no hole above `above`. True when it was thought to know one.
    pub(crate) fn unconfirm(&mut self, above: u64) -> bool {
        self.split_before(above.saturating_add(1));
        let mut changed = false;
        for hole in self.holes.iter_mut().filter(|hole| hole.first > above) {
            changed |= std::mem::replace(&mut hole.confirmed, false);
        }
        self.tidy();
        changed
    }

    pub(crate) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.holes.iter().map(|hole| (hole.first, hole.last))
    }

    pub(crate) fn dropped(&self) -> Dropped {
        let mut dropped = Dropped::default();
        for hole in &self.holes {
            dropped.add(hole.policy, hole.last - hole.first + 1);
        }
        dropped
    }

    /// Sequences in holes above `above`.
    pub(crate) fn count_above(&self, above: u64) -> u64 {
        self.holes
            .iter()
            .filter(|hole| hole.last > above)
            .map(|hole| hole.last - hole.first.max(above + 1) + 1)
            .sum()
    }

    /// Makes `seq` the beginning of a hole if it is inside one.
    fn split_before(&mut self, seq: u64) {
        let inside = self.holes.iter().position(|hole| hole.first < seq && seq <= hole.last);
        if let Some(at) = inside {
            let upper = Hole { first: seq, ..self.holes[at] };
            self.holes[at].last = seq - 1;
            self.holes.insert(at + 1, upper);
        }
    }

    fn tidy(&mut self) {
        self.holes.sort_unstable_by_key(|hole| hole.first);
        self.holes.dedup_by(|next, previous| {
            let melt = previous.last + 1 == next.first
                && previous.policy == next.policy
                && previous.confirmed == next.confirmed;
            if melt {
                previous.last = next.last;
            }
            melt
        });
        self.open = self.holes.iter().filter(|hole| !hole.confirmed).map(Hole::gap).collect();
    }
}

/// The parts of `first..=last` that no range of `present` covers. `present` is ascending by first.
pub(crate) fn uncovered(
    first: u64,
    last: u64,
    present: impl IntoIterator<Item = (u64, u64)>,
) -> Vec<(u64, u64)> {
    let mut missing = Vec::new();
    let mut next = first;
    for (from, to) in present {
        if next > last || from > last {
            break;
        }
        if to < next {
            continue;
        }
        if from > next {
            missing.push((next, from - 1));
        }
        next = to + 1;
    }
    if next <= last {
        missing.push((next, last));
    }
    missing
}
