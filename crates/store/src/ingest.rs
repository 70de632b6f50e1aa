//! Taking in what agents deliver: every batch once, durable before it is acknowledged.

use std::collections::BTreeMap;

use async_trait::async_trait;
use wasl_model::AgentId;

use crate::Error;

/// The most stretches of received sequence numbers of one epoch, between which numbers are missing. An
/// agent that counts up without holes has one for each lane; more are held against a hostile one, because the
/// whole list is read and written with every upload.
pub const MAX_RANGES: usize = 10_000;

/// The most epochs of one agent. A new one begins when an agent loses its spool.
pub const MAX_EPOCHS: usize = 1_000;

/// What one agent delivered at once: batches of one epoch, and word of batches it gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Whose batches they are; behind a relay, not the relay's name.
    pub agent: AgentId,
    /// The agent's epoch; sequence numbers begin anew with each.
    pub epoch: u64,
    /// When they came, in milliseconds since 1970 by the controller's clock.
    pub received_ms: i64,
    /// The batches, in any order.
    pub items: Vec<Item>,
    /// What will never come.
    pub gaps: Vec<Gap>,
}

/// One batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its number within the epoch, from 1.
    pub seq: u64,
    /// The time of its earliest observation, in milliseconds since 1970.
    pub first_ms: i64,
    /// The time of its latest observation.
    pub last_ms: i64,
    /// The batch as the agent made it.
    pub body: Vec<u8>,
}

/// Batches that the agent gave up, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// By which policy, such as `spool_quota`.
    pub policy: String,
}

/// What became of one [`Upload`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// All of `1..=contiguous` of this epoch are durable or given up: the acknowledgement.
    pub contiguous: u64,
    /// How many of this upload's batches were stored.
    pub stored: u64,
    /// How many of this upload's batches had been received or given up before.
    pub duplicates: u64,
    /// Per item of the upload, in its order: whether it was stored.
    pub fresh: Vec<bool>,
    /// How many of this upload's batches and gaps were refused because the agent would have gone
    /// beyond [`MAX_RANGES`] or [`MAX_EPOCHS`]; they count as never received. An agent that keeps to the
    /// protocol comes nowhere near.
    pub refused: u64,
}

/// The account of one agent's epoch.
///
/// For the agent's account to agree: produced = stored + dropped + what is still in its spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAccount {
    /// The agent.
    pub agent: AgentId,
    /// Its epoch.
    pub epoch: u64,
    /// The lowest number that was received or given up; 0 when there is none.
    pub first_seq: u64,
    /// The highest number that was received or given up; 0 when there is none.
    pub last_seq: u64,
    /// All of `1..=contiguous` were received or given up.
    pub contiguous: u64,
    /// Batches stored, each once.
    pub stored: u64,
    /// Deliveries of a batch that was there already.
    pub duplicates_dropped: u64,
    /// Batches that the agent gave up, by policy, not counting any that had come nevertheless.
    pub dropped: BTreeMap<String, u64>,
}

/// A batch that is not compacted yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotBatch {
    /// Its place in the order of arrival; never given to another batch.
    pub id: i64,
    /// The agent.
    pub agent: AgentId,
    /// Its epoch.
    pub epoch: u64,
    /// Its number within the epoch.
    pub seq: u64,
    /// When it came, in milliseconds since 1970 by the controller's clock.
    pub received_ms: i64,
    /// The batch as the agent made it.
    pub body: Vec<u8>,
}

/// Takes in batches and gives account of them.
#[async_trait]
pub trait Ingest: Send + Sync {
    /// A number made with the store. It tells agents that this is not the store that acknowledged
    /// their earlier batches, so that they rewind.
    fn incarnation(&self) -> u64;

    /// Stores the batches of all uploads in one transaction, in their order; answers per upload.
    /// When it returns they are on the disk.
    ///
    /// A number that was received or given up before is a duplicate, even within one call. Gaps are
    /// taken after the items of their upload, so a batch that came is never counted as dropped.
    async fn ingest(&self, uploads: Vec<Upload>) -> Result<Vec<Ingested>, Error>;

    /// The accounts of all epochs of one agent or of all agents, ordered by agent and then by age.
    async fn streams(&self, agent: Option<&AgentId>) -> Result<Vec<StreamAccount>, Error>;

    /// Up to `limit` batches that are not compacted and came after the batch `after` (0 for all), in
    /// order of arrival. With the snapshot that compaction stored they make up the live state.
    async fn hot_batches(&self, after: i64, limit: u32) -> Result<Vec<HotBatch>, Error>;

    /// The number of the latest batch that is not compacted; 0 where there is none. Later ones have higher numbers,
    /// also after a restart.
    async fn latest_batch(&self) -> Result<i64, Error>;
}
