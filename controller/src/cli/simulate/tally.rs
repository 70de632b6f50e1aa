//! What the simulated agents did together.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use wasl_model::Histogram;

/// How many different words of trouble are kept.
const TROUBLES: usize = 20;

/// Latencies, within 1.6 % (half a bucket of the histogram); the largest exactly.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    histogram: Histogram,
    most: Duration,
}

/// Latencies as the report has them, in milliseconds.
#[derive(Debug, Default, Serialize)]
pub(super) struct LatencyBody {
    pub n: u64,
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

impl Latencies {
    fn add(&mut self, latency: Duration) {
        self.histogram.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        self.most = self.most.max(latency);
    }

    pub(super) fn body(&self) -> LatencyBody {
        let n = self.histogram.count();
        let at = |q| self.histogram.quantile(q).map(|micros| (micros / 10.0).round() / 100.0);
        let max = (n > 0).then(|| (self.most.as_secs_f64() * 1e5).round() / 100.0);
        LatencyBody { n, p50: at(0.5), p99: at(0.99), max }
    }
}

/// Sums over all agents.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// From when a batch was due until it was durable at the centre.
    pub live: Latencies,
    /// The same, of those that were produced while older ones were still waiting.
    pub live_behind: Latencies,
    /// How long uploads of backfill took.
    pub backfill: Latencies,
    /// Since the first session of an agent with a backlog, until its backlog was delivered; the longest.
    pub caught_up: Option<Duration>,
    pub batches: u64,
    pub batch_bytes: u64,
    pub scalars: u64,
    pub points: u64,
    pub uploads: u64,
    pub upload_bytes: u64,
    pub sessions: u64,
    pub cuts: u64,
    /// Why sessions ended, and how often.
    pub troubles: BTreeMap<String, u64>,
}

/// The sums behind a lock that is held for moments only.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Sums>);

impl Tally {
    pub(super) fn lock(&self) -> MutexGuard<'_, Sums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sums {
    /// A batch was made.
    pub(super) fn produced(&mut self, bytes: u64, scalars: u64, points: u64) {
        self.batches += 1;
        self.batch_bytes += bytes;
        self.scalars += scalars;
        self.points += points;
    }

    /// An upload leaves.
    pub(super) fn uploading(&mut self, bytes: u64) {
        self.uploads += 1;
        self.upload_bytes += bytes;
    }

    /// A live batch is durable.
    pub(super) fn delivered(&mut self, latency: Duration, behind: bool) {
        self.live.add(latency);
        if behind {
            self.live_behind.add(latency);
        }
    }

    /// An upload of backfill was answered.
    pub(super) fn backfilled(&mut self, latency: Duration) {
        self.backfill.add(latency);
    }

    /// A session ended otherwise than it should.
    pub(super) fn trouble(&mut self, words: String) {
        if self.troubles.len() < TROUBLES || self.troubles.contains_key(&words) {
            *self.troubles.entry(words).or_default() += 1;
        }
    }
}
