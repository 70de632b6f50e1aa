//! Small batches in a format of their own, and places to keep a store in.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use wasl_model::units::{Count, Scalar};
use wasl_model::{
    AgentId, EntityKind, InterfaceSample, Observation, ProbeWindow, SeriesKey, Subject, Timestamp, Value,
};
use wasl_store::{CompactOptions, Gap, History, Item, SqliteStore, Store, Upload};

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// 2026-01-01T00:00:00Z, which begins a day.
pub(crate) const START: i64 = 1_767_225_600_000;

/// Where a store can be opened again and again.
#[async_trait]
pub(crate) trait Place: Send + Sync + Sized {
    /// A new, empty place.
    fn new() -> Self;
    /// Opens the store there.
    async fn open(&self) -> Box<dyn Store>;
    /// A copy of what a power cut would leave, while the store is open.
    fn after_power_cut(&self) -> Self;
}

pub(crate) struct SqlitePlace(tempfile::TempDir);

impl SqlitePlace {
    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("wasl.db")
    }

    pub(crate) async fn store(&self) -> SqliteStore {
        open(&self.file()).await
    }
}

pub(crate) async fn open(file: &Path) -> SqliteStore {
    SqliteStore::open(file, decode, 7).await.expect("the store opens")
}

#[async_trait]
impl Place for SqlitePlace {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    async fn open(&self) -> Box<dyn Store> {
        Box::new(self.store().await)
    }

    fn after_power_cut(&self) -> Self {
        let copy = Self::new();
        for name in ["wasl.db", "wasl.db-wal"] {
            let from = self.0.path().join(name);
            if from.exists() {
                std::fs::copy(&from, copy.0.path().join(name)).expect("a copy");
            }
        }
        copy
    }
}

/// Lines of `target time count`, or of `interface name time up`.
pub(crate) fn decode(body: &[u8]) -> Vec<Observation> {
    let text = std::str::from_utf8(body).expect("made by `item`");
    text.lines()
        .map(|line| {
            let mut words = line.split(' ');
            if let Some(rest) = line.strip_prefix("interface ") {
                words = rest.split(' ');
                let mut word = || words.next().expect("three words");
                let subject = Subject::new(EntityKind::Interface, word()).expect("an interface");
                let at = Timestamp(word().parse().expect("a time"));
                let up = Some(word() == "true");
                let value = Value::Interface(InterfaceSample { up, ..Default::default() });
                return Observation { subject, at, value };
            }
            let mut word = || words.next().expect("three words");
            let subject = Subject::new(EntityKind::Target, word()).expect("a target");
            let at = Timestamp(word().parse().expect("a time"));
            let sent = Count::from_wire(word().parse().expect("a count"));
            Observation { subject, at, value: ProbeWindow { sent, ..Default::default() }.into() }
        })
        .collect()
}

/// A batch with these `(target, time, count)`.
pub(crate) fn item(seq: u64, observations: &[(&str, i64, i64)]) -> Item {
    let mut body = Vec::new();
    for (target, at, count) in observations {
        body.extend(format!("{target} {at} {count}\n").into_bytes());
    }
    let times = || observations.iter().map(|(_, at, _)| *at);
    Item { seq, first_ms: times().min().unwrap_or(0), last_ms: times().max().unwrap_or(0), body }
}

/// More content for a batch.
pub(crate) fn interface_line(name: &str, at: i64, up: bool) -> String {
    format!("interface {name} {at} {up}\n")
}

/// Batches without content.
pub(crate) fn empty(seqs: impl IntoIterator<Item = u64>) -> Vec<Item> {
    seqs.into_iter().map(|seq| item(seq, &[("a", START, 1)])).collect()
}

pub(crate) fn agent(name: &str) -> AgentId {
    name.parse().expect("a name")
}

pub(crate) fn upload(name: &str, received_ms: i64, items: Vec<Item>) -> Upload {
    Upload { agent: agent(name), epoch: 1, received_ms, items, gaps: Vec::new() }
}

pub(crate) fn gap(first: u64, last: u64, policy: &str) -> Gap {
    Gap { first, last, policy: policy.to_owned() }
}

/// The series of the counts of `target` by `agent`.
pub(crate) fn key(target: &str, agent: &str) -> SeriesKey {
    format!("target/{target}#sent@{agent}").parse().expect("a series")
}

pub(crate) async fn all(store: &dyn Store, key: &SeriesKey) -> History {
    store.history(key, Timestamp(0), Timestamp(i64::MAX), None).await.expect("a history")
}

/// The points that are not gaps.
pub(crate) fn filled(history: &History) -> Vec<(i64, i64)> {
    history.points.iter().filter_map(|(at, value)| Some((*at, (*value)? as i64))).collect()
}

pub(crate) fn force() -> CompactOptions {
    CompactOptions { force: true, ..CompactOptions::default() }
}

/// Compacts until nothing is left to do; returns how many rounds that took.
pub(crate) async fn compact_all(store: &dyn Store, now: i64, options: &CompactOptions) -> usize {
    for round in 1.. {
        let done = store.compact(Timestamp(now), options, None).await.expect("compaction");
        assert!(round < 10_000, "compaction never ends: {done:?}");
        if !done.more {
            return round;
        }
    }
    unreachable!()
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let other = self.roll(i as u64 + 1) as usize;
            items.swap(i, other);
        }
    }
}
