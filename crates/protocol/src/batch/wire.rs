//! The messages inside a batch. Tags are the wire's: a retired tag is never used again.

use std::collections::BTreeMap;

use prost::Message;

/// All of it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Batch {
    /// Times are relative to this, milliseconds since 1970.
    #[prost(sint64, tag = "1")]
    pub base_ms: i64,
    /// What the rows are about; rows and records name a subject by its place here.
    #[prost(message, repeated, tag = "2")]
    pub subjects: Vec<SubjectEntry>,
    /// Regular samples.
    #[prost(message, repeated, tag = "3")]
    pub tables: Vec<Table>,
    /// Occasional observations.
    #[prost(message, repeated, tag = "4")]
    pub records: Vec<Record>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SubjectEntry {
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    #[prost(string, tag = "2")]
    pub id: String,
}

/// The samples of one type.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Table {
    /// `wasl_model::sample::Sample::KIND`.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// The subject of each row, as differences to the row before.
    #[prost(sint32, repeated, tag = "2")]
    pub subjects: Vec<i32>,
    /// The time of each row, as differences to the row before; the first to `base_ms`.
    #[prost(sint64, repeated, tag = "3")]
    pub times: Vec<i64>,
    #[prost(message, repeated, tag = "4")]
    pub columns: Vec<Column>,
}

/// One field of a table.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Column {
    /// `wasl_model::sample::Field::number`, or the number of a list.
    #[prost(uint32, tag = "1")]
    pub field: u32,
    /// The values of the rows that have one.
    #[prost(sint64, repeated, tag = "2")]
    pub values: Vec<i64>,
    /// Whether the values are differences to the value before (wrapping).
    #[prost(bool, tag = "3")]
    pub differences: bool,
    /// One bit a row, least significant first, set where the row has a value; empty if all rows do.
    #[prost(bytes = "vec", tag = "4")]
    pub present: Vec<u8>,
    /// For a list: how many of the values belong to each row.
    #[prost(uint32, repeated, tag = "5")]
    pub lengths: Vec<u32>,
}

/// One occasional observation.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    #[prost(uint32, tag = "1")]
    pub subject: u32,
    /// Milliseconds after `base_ms`.
    #[prost(sint64, tag = "2")]
    pub time: i64,
    #[prost(oneof = "What", tags = "3, 4, 5, 6, 7, 8, 9")]
    pub what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum What {
    #[prost(message, tag = "3")]
    Backup(Backup),
    #[prost(message, tag = "4")]
    Notice(Notice),
    #[prost(message, tag = "5")]
    Event(Event),
    #[prost(message, tag = "6")]
    Neighbour(Neighbour),
    #[prost(message, tag = "7")]
    Station(Station),
    #[prost(message, tag = "8")]
    Talkers(Talkers),
    #[prost(message, tag = "9")]
    Gone(Gone),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Backup {
    #[prost(string, tag = "1")]
    pub tool: String,
    #[prost(string, tag = "2")]
    pub tool_version: String,
    #[prost(uint32, tag = "3")]
    pub outcome: u32,
    #[prost(uint64, tag = "4")]
    pub snapshots: u64,
    #[prost(sint64, optional, tag = "5")]
    pub newest_at_ms: Option<i64>,
    #[prost(string, optional, tag = "6")]
    pub newest_id: Option<String>,
    #[prost(uint64, optional, tag = "7")]
    pub newest_bytes: Option<u64>,
    #[prost(uint64, tag = "8")]
    pub took_ms: u64,
    #[prost(string, tag = "9")]
    pub detail: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Notice {
    #[prost(uint32, tag = "1")]
    pub code: u32,
    #[prost(uint32, tag = "2")]
    pub severity: u32,
    #[prost(bool, tag = "3")]
    pub cleared: bool,
    #[prost(string, tag = "4")]
    pub detail: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    #[prost(uint32, tag = "1")]
    pub code: u32,
    #[prost(uint32, tag = "2")]
    pub severity: u32,
    #[prost(string, tag = "3")]
    pub detail: String,
    #[prost(btree_map = "string, string", tag = "4")]
    pub args: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Neighbour {
    #[prost(string, tag = "1")]
    pub local_port: String,
    #[prost(string, tag = "2")]
    pub chassis: String,
    #[prost(string, tag = "3")]
    pub port: String,
    #[prost(string, optional, tag = "4")]
    pub port_description: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub system_name: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub system_description: Option<String>,
    /// 4 or 16 bytes; empty if not known.
    #[prost(bytes = "vec", tag = "7")]
    pub management_address: Vec<u8>,
    #[prost(uint32, tag = "8")]
    pub ttl_s: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Station {
    /// 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub ip: Vec<u8>,
    #[prost(string, tag = "2")]
    pub mac: String,
    #[prost(string, tag = "3")]
    pub interface: String,
    #[prost(int64, tag = "4")]
    pub first_ms: i64,
    #[prost(int64, tag = "5")]
    pub last_ms: i64,
    /// 16 bytes each.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub ip6: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Talkers {
    #[prost(uint64, tag = "1")]
    pub interval_ms: u64,
    #[prost(message, repeated, tag = "2")]
    pub most: Vec<Talker>,
    #[prost(uint32, tag = "3")]
    pub seen: u32,
    #[prost(bool, tag = "4")]
    pub crowded: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Talker {
    /// 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub address: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub down: u64,
    #[prost(uint64, tag = "3")]
    pub up: u64,
}

/// The subject is no longer there.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Gone {}
