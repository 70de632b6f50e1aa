//! The state of record: what was observed, who may observe, who may look, and who did what.
//!
//! One SQLite file by default, so that an institution needs no database server. Everything above
//! speaks to the traits here, in which no database shows; PostgreSQL can stand behind the same
//! traits, and the stories in `tests/store` run against any of them.
//!
//! Observations take three forms. A batch is appended as the agent made it, which is the cheapest way
//! to make it durable before it is acknowledged. Later, [`HistoryStore::compact`] turns batches into
//! one compressed block per series and two hours, and into roll-ups of five minutes and an hour. A row
//! per sample would be simpler and wrote 39 GB a day for 600 series, because every tick touches one
//! page per series; batches and blocks wrote 0.43 GB.
//!
//! The store does not know the wire's format: it is given a [`Decode`].
#![cfg_attr(test, allow(clippy::float_cmp))] // stored numbers come back bit for bit

mod agents;
mod audit;
mod block;
mod chart;
mod error;
mod health;
mod history;
mod ingest;
mod people;
mod ranges;
mod rollup;
mod seal;
mod sqlite;
mod transpose;
mod upkeep;

use wasl_model::Observation;

pub use agents::{AgentFacts, AgentRecord, AgentRegistry, EnrolToken, Redemption, RevokedSerial};
pub use audit::{AuditEntry, AuditEvent, AuditLog};
pub use error::{Error, ErrorKind};
pub use health::{
    EventFilter, HealthChange, HealthEvent, HealthRetained, HealthRetention, HealthStore, IncidentFilter,
    Occurrence, StateRecord, StoredEvent,
};
pub use history::{
    CompactOptions, Compacted, History, HistoryStore, KindRetention, MAX_POINTS, Retained, Retention,
    RetentionRules,
};
pub use ingest::{Gap, HotBatch, Ingest, Ingested, Item, MAX_EPOCHS, MAX_RANGES, StreamAccount, Upload};
pub use people::{Account, ApiToken, NewAccount, People, WebSession};
pub use ranges::{DamagedRanges, RangeSet};
pub use rollup::Point;
pub use sqlite::SqliteStore;
pub use upkeep::{BackupReport, Depth, Finding, Gravity, Upkeep};

/// Reads a batch's body as the agent made it. What this version does not understand is left out; a
/// body was checked before it was ingested, so there is no error to give.
pub type Decode = fn(&[u8]) -> Vec<Observation>;

/// A SHA-256 digest. Secrets (enrolment tokens, sessions, API tokens) are stored and looked up by
/// their digest only, so that a copy of the store opens nothing.
pub type Digest = [u8; 32];

/// Everything that the controller keeps. Calls may be made at the same time and dropped at any time:
/// a change happens whole or not at all.
pub trait Store: Ingest + HistoryStore + HealthStore + AgentRegistry + People + AuditLog + Upkeep {}

impl<T: Ingest + HistoryStore + HealthStore + AgentRegistry + People + AuditLog + Upkeep> Store for T {}
