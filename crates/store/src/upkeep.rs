//! Looking after a store: is it sound, and is there a copy of it?

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use wasl_model::Timestamp;

use crate::Error;

/// How closely a store is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What takes less than a second however large the store is: the schema, the accounts of batches, the
    /// latest blocks, and whether the work keeps up.
    Quick,
    /// Reads the whole file: the database's own check, and every block. Takes minutes for some
    /// gigabytes, and the write-ahead log grows meanwhile.
    Full,
}

/// How bad a finding is, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Worth knowing.
    Note,
    /// It works, and will not for long or not well.
    Warning,
    /// Something is lost or does not work.
    Fault,
}

impl Gravity {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A word for programs, such as `block_damaged`; all are in `docs/history-format.md`.
    pub code: &'static str,
    /// How bad it is.
    pub gravity: Gravity,
    /// What was found, and where.
    pub message: String,
    /// What to do next.
    pub remedy: String,
}

/// A copy that was made and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// The copy.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How long copying took.
    pub copied_in: Duration,
    /// How long checking the copy took.
    pub checked_in: Duration,
    /// Blocks in the copy, each checked against its checksum.
    pub blocks: u64,
    /// Batches in the copy that are not yet blocks.
    pub hot_batches: u64,
    /// What is not as it should be and was so in the original too: damaged blocks are copied as they
    /// are.
    pub findings: Vec<Finding>,
}

/// Looks after a store while it is in use.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// What is not as it should be; nothing if all is well.
    async fn check(&self, now: Timestamp, depth: Depth) -> Result<Vec<Finding>, Error>;

    /// Makes a copy of the store as of one moment, while writing goes on. The copy is complete, on the
    /// disk and checked before it gets the name `to`, which must be free; otherwise there is no copy.
    ///
    /// The copy has the incarnation of the original. It needs no other: an agent compares at the start
    /// of every session how far the store has its batches, and delivers again what a restored copy
    /// lacks (`docs/protocol.md`). So a copy that was put in place with other tools is as good.
    async fn backup(&self, now: Timestamp, to: &Path) -> Result<BackupReport, Error>;
}
