//! Which sequence numbers were received, as a short list of ranges.
//!
//! Live and backfill lanes interleave, so a single "highest seen" would either lose batches or call
//! fresh ones duplicates. Agents count up from 1 without holes, so the list is nearly always one range
//! long; it grows with what is still on its way, not with what came.

use thiserror::Error;

/// A set of whole numbers, kept as ascending inclusive ranges that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RangeSet {
    ranges: Vec<(u64, u64)>,
}

/// Stored bytes that are no list of ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the list of received sequence numbers is damaged")]
pub struct DamagedRanges;

impl RangeSet {
    /// Adds one number; `false` if it was there already.
    pub fn insert(&mut self, number: u64) -> bool {
        self.insert_range(number, number) > 0
    }

    /// Adds `first..=last` and returns how many of these numbers were not there yet. A range whose
    /// end is before its beginning is empty.
    pub fn insert_range(&mut self, first: u64, last: u64) -> u64 {
        if first > last {
            return 0;
        }
        let from = self.ranges.partition_point(|(_, end)| end.saturating_add(1) < first);
        let to = self.ranges.partition_point(|(start, _)| *start <= last.saturating_add(1));
        let mut merged = (first, last);
        let mut fresh = count(first, last);
        for (start, end) in &self.ranges[from..to] {
            let (low, high) = ((*start).max(first), (*end).min(last));
            if low <= high {
                fresh -= count(low, high);
            }
            merged = (merged.0.min(*start), merged.1.max(*end));
        }
        self.ranges.splice(from..to, [merged]);
        u64::try_from(fresh).unwrap_or(u64::MAX)
    }

    /// The highest `n` such that all of `1..=n` are in the set; 0 if 1 is missing.
    pub fn contiguous(&self) -> u64 {
        match self.ranges.first() {
            Some((start, end)) if *start <= 1 => *end,
            _ => 0,
        }
    }

    /// The smallest number, or `None` when empty.
    pub fn first(&self) -> Option<u64> {
        self.ranges.first().map(|(start, _)| *start)
    }

    /// The largest number, or `None` when empty.
    pub fn last(&self) -> Option<u64> {
        self.ranges.last().map(|(_, end)| *end)
    }

    /// Whether `first..=last` can be added without the list growing beyond `most` ranges.
    pub fn has_room_for(&self, first: u64, last: u64, most: usize) -> bool {
        if self.ranges.len() < most {
            return true;
        }
        let from = self.ranges.partition_point(|(_, end)| end.saturating_add(1) < first);
        let to = self.ranges.partition_point(|(start, _)| *start <= last.saturating_add(1));
        to > from && self.ranges.len() - (to - from) < most
    }

    /// How many ranges there are.
    pub fn count(&self) -> usize {
        self.ranges.len()
    }

    /// The ranges, ascending, both ends included.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.ranges.iter().copied()
    }

    /// For the store: per range the distance from the previous range's end and the length less one,
    /// both as LEB128.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.ranges.len() * 4);
        let mut before = 0;
        for (start, end) in &self.ranges {
            put(&mut out, start - before);
            put(&mut out, end - start);
            before = *end;
        }
        out
    }

    /// From what [`Self::to_bytes`] made.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, DamagedRanges> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        while !bytes.is_empty() {
            let before = ranges.last().map(|(_, end)| *end);
            let step = take(&mut bytes)?;
            let start = before.unwrap_or(0).checked_add(step).ok_or(DamagedRanges)?;
            let end = start.checked_add(take(&mut bytes)?).ok_or(DamagedRanges)?;
            if before.is_some() && step < 2 {
                return Err(DamagedRanges);
            }
            ranges.push((start, end));
        }
        Ok(Self { ranges })
    }
}

fn count(first: u64, last: u64) -> u128 {
    u128::from(last - first) + 1
}

pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn take(bytes: &mut &[u8]) -> Result<u64, DamagedRanges> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(DamagedRanges)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(DamagedRanges);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(DamagedRanges)
}

#[cfg(test)]
mod tests;
