//! Observations as they travel and rest: columnar, self-contained, compressed.
//!
//! A batch holds what one agent saw in some seconds. Regular samples of one type lie together as a
//! table: a column of subjects, a column of times, and a column for each scalar field, each coded as
//! differences where that makes it smaller. Because a batch mostly has many subjects at nearly the
//! same time, a column is a run of like numbers, which zstd then packs. Every batch names its own
//! subjects: any one of them can be lost, kept or replayed without another.
//!
//! Occasional, structured observations (backup evidence, notices) are records: a subject, a time and
//! a message of their own.
//!
//! A reader skips tables, columns and records of kinds it does not know, and counts them. A row that
//! makes no sense costs that row; a batch whose frame is broken costs the batch.

mod columns;
mod records;
pub(crate) mod relative;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

use prost::Message;
use thiserror::Error;
use wasl_model::Observation;

use crate::limits::{self, TooMuch};

/// Level 3 of zstd: the level beyond which time grows faster than the gain on such data.
const LEVEL: i32 = 3;

/// What a batch held.
#[derive(Debug, Default, PartialEq)]
pub struct Decoded {
    /// The observations, table by table, in the order in which the agent handed them in within each.
    pub observations: Vec<Observation>,
    /// Rows, records and columns of kinds that this version does not know.
    pub unknown: u64,
    /// Rows and records that make no sense.
    pub invalid: u64,
}

/// Why a batch cannot be read at all.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// It breaks a bound.
    #[error("a batch breaks its bounds")]
    TooMuch(#[from] TooMuch),
    /// Not protobuf.
    #[error("a batch is not protobuf")]
    Malformed(#[from] prost::DecodeError),
    /// More rows than a batch may have.
    #[error("a batch announces {0} rows, more than {max}", max = limits::MAX_ROWS)]
    TooManyRows(usize),
}

/// Makes a batch. The same observations always make the same bytes.
pub fn encode(observations: &[Observation]) -> Vec<u8> {
    compress(&columns::build(observations).encode_to_vec())
}

pub(crate) fn compress(plain: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(plain, LEVEL).expect("compressing from memory into memory cannot fail")
}

/// Reads a batch.
pub fn decode(body: &[u8]) -> Result<Decoded, DecodeError> {
    let plain = limits::unpack(body, limits::MAX_BATCH_PLAIN)?;
    let batch = wire::Batch::decode(plain.as_slice())?;
    columns::read(&batch)
}

/// The earliest and the latest time of some observations, in milliseconds since 1970.
pub fn span(observations: &[Observation]) -> Option<(i64, i64)> {
    let first = observations.iter().map(|o| o.at.0).min()?;
    let last = observations.iter().map(|o| o.at.0).max()?;
    Some((first, last))
}
