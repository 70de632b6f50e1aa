//! The past of each series: made from batches by compaction, read for charts, let go by age.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use wasl_model::units::Unit;
use wasl_model::{EntityKind, SeriesKey, Timestamp};

use crate::Error;

/// The most points that a chart is given.
pub const MAX_POINTS: usize = 20_000;

const DAY: Duration = Duration::from_hours(24);

/// What a chart is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The values' unit.
    pub unit: Unit,
    /// How far apart points usually are, in milliseconds: the step, the tier's cell, or for raw points
    /// their median distance (0 where there are fewer than two).
    pub resolution_ms: i64,
    /// Ascending `(milliseconds since 1970, value)`; `None` where the line breaks. A cell stands at
    /// its beginning.
    pub points: Vec<(i64, Option<f64>)>,
    /// How long a point's stretch is, in milliseconds: the step, or the tier's cell. 0 where points are as
    /// measured, however far apart.
    pub cell_ms: i64,
    /// For each of `points`, how many measured ones it is the mean of; 0 where the line breaks.
    pub counts: Vec<u64>,
    /// Blocks that are damaged and were left out; each is named in the log.
    pub skipped_blocks: u64,
}

/// How much compaction takes on at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactOptions {
    /// Batches stay hot for this long after they came.
    pub seal_after: Duration,
    /// Batches are taken by the stride, those that came within the same one together: a stride of
    /// a minute wrote twelve times as many small blocks as one of ten. A stretch of two hours is closed
    /// one stride after its last batches were due, so that those that were a little late find it open.
    pub stride: Duration,
    /// Takes all batches, however young, and closes every stretch that is over.
    pub force: bool,
    /// The most batches in one transaction. Those of one agent are worth taking together, for they fill the same blocks.
    pub max_batches: usize,
    /// The most agents in one transaction. Taking more of them together saves next to nothing, and a round holds all that
    /// it takes in memory.
    pub max_agents: usize,
    /// The most bytes of batches in one transaction, as the agents made them; at least one batch is
    /// taken. Decoded they are held in memory, at some 10 times their size.
    pub max_bytes: usize,
    /// The most points held in memory at a time; what one batch unpacks to is on top. A small batch can
    /// unpack to very many.
    pub max_points: usize,
    /// The most series of one agent. Points of further ones are left out and counted: whoever names
    /// things anew all the time fills the disk otherwise. A gateway with 500 targets and 2000
    /// interfaces has 20 000.
    pub max_series: usize,
    /// The most small blocks in one transaction that are merged because their time is over.
    pub max_blocks: usize,
}

impl Default for CompactOptions {
    fn default() -> Self {
        Self {
            seal_after: Duration::from_mins(10),
            stride: Duration::from_mins(10),
            force: false,
            max_batches: 10_000,
            max_agents: 40,
            max_bytes: 8 << 20,
            max_points: 8_000_000,
            max_series: 100_000,
            max_blocks: 10_000,
        }
    }
}

/// What one round of compaction did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Batches that became blocks.
    pub batches: u64,
    /// Points in them.
    pub points: u64,
    /// Observations whose time no calendar shows; they are not part of the history.
    pub timeless: u64,
    /// Points that were left out because their agent has too many series; the agent is named in the log.
    pub crowded: u64,
    /// Blocks written, roll-ups included.
    pub blocks_written: u64,
    /// Blocks that others took the place of.
    pub blocks_merged: u64,
    /// Bytes of the blocks written.
    pub bytes_written: u64,
    /// Damaged blocks that were met and left alone; each is named in the log.
    pub skipped_blocks: u64,
    /// More is ready to be compacted: call again.
    pub more: bool,
}

/// How long each tier is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Points as they were measured.
    pub raw: Duration,
    /// Cells of five minutes.
    pub five_minutes: Duration,
    /// Cells of an hour.
    pub one_hour: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { raw: DAY * 30, five_minutes: DAY * 365, one_hour: DAY * 365 * 5 }
    }
}

/// How long each tier of one kind of entity is kept; what is not set is as for every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindRetention {
    /// Points as they were measured.
    pub raw: Option<Duration>,
    /// Cells of five minutes.
    pub five_minutes: Option<Duration>,
    /// Cells of an hour.
    pub one_hour: Option<Duration>,
}

/// How long history is kept, and which kinds of entities are exceptions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionRules {
    /// For every kind.
    pub every: Retention,
    /// For these kinds instead.
    pub kinds: BTreeMap<EntityKind, KindRetention>,
}

impl RetentionRules {
    /// What holds for one kind.
    pub fn of(&self, kind: EntityKind) -> Retention {
        let own = self.kinds.get(&kind).copied().unwrap_or_default();
        Retention {
            raw: own.raw.unwrap_or(self.every.raw),
            five_minutes: own.five_minutes.unwrap_or(self.every.five_minutes),
            one_hour: own.one_hour.unwrap_or(self.every.one_hour),
        }
    }
}

impl From<Retention> for RetentionRules {
    fn from(every: Retention) -> Self {
        Self { every, kinds: BTreeMap::new() }
    }
}

/// What was let go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retained {
    /// Raw blocks deleted.
    pub raw: u64,
    /// Five-minute blocks deleted.
    pub five_minutes: u64,
    /// One-hour blocks deleted.
    pub one_hour: u64,
    /// Bytes that the file became smaller by.
    pub freed_bytes: u64,
}

/// The past of each series.
#[async_trait]
pub trait HistoryStore: Send + Sync {
    /// The points of a series within `from..=to`, from the finest tier that reaches back to the beginning and
    /// is not too many points, including batches that are not compacted.
    ///
    /// With a `step`, one value per step (aligned to 1970; the mean, or the latest for moments in
    /// time), and `None` for empty steps between filled ones. Without, the points as stored, and `None`
    /// where they are more than three times as far apart as usual. Beyond [`MAX_POINTS`] the step is
    /// widened.
    async fn history(
        &self,
        key: &SeriesKey,
        from: Timestamp,
        to: Timestamp,
        step: Option<Duration>,
    ) -> Result<History, Error>;

    /// One bounded round: turns batches into blocks, merges the blocks of stretches that are over and
    /// rolls them up, keeps `snapshot` under the name `live`, and deletes the batches, all in one
    /// transaction.
    ///
    /// The snapshot must cover every batch that was ingested before the call. Where nothing is to be done,
    /// nothing is written.
    async fn compact(
        &self,
        now: Timestamp,
        options: &CompactOptions,
        snapshot: Option<Vec<u8>>,
    ) -> Result<Compacted, Error>;

    /// Deletes what is older than its kind's retention, in small steps, and gives room back to the disk
    /// where much has become free. What once was too old for a kind and tier stays so, even if a
    /// longer retention follows.
    async fn retain_by_kind(&self, now: Timestamp, rules: &RetentionRules) -> Result<Retained, Error>;

    /// [`Self::retain_by_kind`] with one retention for every kind.
    async fn retain(&self, now: Timestamp, retention: &Retention) -> Result<Retained, Error> {
        self.retain_by_kind(now, &RetentionRules::from(retention.clone())).await
    }

    /// Keeps a snapshot under a name, in place of the one before.
    async fn save_snapshot(&self, name: &str, at: Timestamp, body: &[u8]) -> Result<(), Error>;

    /// A snapshot that compaction or [`Self::save_snapshot`] stored.
    async fn snapshot(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;
}
