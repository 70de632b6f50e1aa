//! A sparse log-linear histogram of round-trip times.
//!
//! Values are microseconds. Below 64 µs every microsecond has its own bucket; above, each doubling
//! is divided into 32 buckets, so a bucket is never wider than 1/32 (3.1 %) of its value. This is
//! the layout of HdrHistogram with 5 bits of precision; it adds up across windows and targets without
//! loss, which averages and percentiles do not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

const LINEAR: u64 = 64;
const SUB_BITS: u32 = 5;
const SUB: u64 = 1 << SUB_BITS;

/// The largest value that has a bucket: about 71 minutes. Longer times count there.
pub const MAX_MICROS: u64 = (1 << 32) - 1;

/// How many buckets there are.
pub const BUCKETS: u16 = bucket_of(MAX_MICROS) + 1;

/// Counts per bucket; empty buckets take no room.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Histogram {
    counts: BTreeMap<u16, u64>,
}

/// The bucket of a value in microseconds.
pub const fn bucket_of(micros: u64) -> u16 {
    let v = if micros > MAX_MICROS { MAX_MICROS } else { micros };
    if v < LINEAR {
        return v as u16;
    }
    let exponent = v.ilog2(); // at least 6
    let sub = (v >> (exponent - SUB_BITS)) - SUB;
    (LINEAR + (exponent as u64 - 6) * SUB + sub) as u16
}

/// The smallest and the largest value in microseconds that fall into a bucket.
pub const fn bounds_of(bucket: u16) -> (u64, u64) {
    let b = bucket as u64;
    if b < LINEAR {
        return (b, b);
    }
    let exponent = (b - LINEAR) / SUB + 6;
    let sub = (b - LINEAR) % SUB;
    let width = 1u64 << (exponent - SUB_BITS as u64);
    let low = (SUB + sub) * width;
    (low, low + width - 1)
}

impl Histogram {
    /// Counts one value in microseconds.
    pub fn record(&mut self, micros: u64) {
        self.add(bucket_of(micros), 1);
    }

    /// Adds `count` to a bucket; a bucket that does not exist is the last one.
    pub fn add(&mut self, bucket: u16, count: u64) {
        if count > 0 {
            let slot = self.counts.entry(bucket.min(BUCKETS - 1)).or_default();
            *slot = slot.saturating_add(count);
        }
    }

    /// Adds all counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.iter() {
            self.add(bucket, count);
        }
    }

    /// The filled buckets and their counts, smallest values first.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        self.counts.iter().map(|(b, c)| (*b, *c))
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.counts.values().fold(0, |sum, c| sum.saturating_add(*c))
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The value in microseconds below or at which the fraction `q` (0 to 1) of the values lie:
    /// the middle of the bucket that holds the nearest-rank value. `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total);
        let mut seen = 0u64;
        for (bucket, count) in self.iter() {
            seen = seen.saturating_add(count);
            if seen >= rank {
                let (low, high) = bounds_of(bucket);
                return Some((low + high) as f64 / 2.0);
            }
        }
        None
    }

    /// How many values are at most `micros`, counting whole buckets whose upper bound is within.
    pub fn count_at_most(&self, micros: u64) -> u64 {
        self.iter()
            .take_while(|(b, _)| bounds_of(*b).1 <= micros)
            .fold(0, |sum, (_, c)| sum.saturating_add(c))
    }

    /// The sum of all values in microseconds, each taken as the middle of its bucket.
    pub fn sum_micros(&self) -> f64 {
        self.iter()
            .map(|(b, c)| {
                let (low, high) = bounds_of(b);
                (low + high) as f64 / 2.0 * c as f64
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_contiguous_and_narrow() {
        for bucket in 0..BUCKETS {
            let (low, high) = bounds_of(bucket);
            assert_eq!(bucket_of(low), bucket);
            assert_eq!(bucket_of(high), bucket);
            assert!(high - low <= low / 32, "bucket {bucket} of {low}..={high} is too wide");
            if bucket > 0 {
                assert_eq!(bounds_of(bucket - 1).1 + 1, low, "a hole below bucket {bucket}");
            }
        }
        assert_eq!(bounds_of(BUCKETS - 1).1, MAX_MICROS);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_nearest_rank() {
        let mut h = Histogram::default();
        assert_eq!(h.quantile(0.5), None);
        for v in [10, 20, 30, 40] {
            h.record(v);
        }
        assert_eq!(h.quantile(0.0), Some(10.0));
        assert_eq!(h.quantile(0.5), Some(20.0));
        assert_eq!(h.quantile(0.51), Some(30.0));
        assert_eq!(h.quantile(1.0), Some(40.0));
        assert_eq!(h.count_at_most(30), 3);
        assert!((h.sum_micros() - 100.0).abs() < 1e-9);
    }
}
