//! The vocabulary of Wasl: what exists, what was observed, and what is wanted.
//!
//! Every other crate speaks in these types, so that an agent, the wire, the store and a page cannot
//! disagree about what a number means. There is no input or output here, no clock and no socket:
//! only values, their units, and the conversions between them.

pub mod access;
pub mod assignment;
pub mod health;
pub mod histogram;
pub mod id;
pub mod incident;
pub mod observation;
pub mod prefix;
pub mod profile;
pub mod quality;
pub mod sample;
pub mod series;
pub mod subject;
pub mod text;
pub mod time;
pub mod units;

pub use access::{AgentRole, UserRole};
pub use histogram::Histogram;
pub use id::{AgentId, InvalidId, SiteId};
pub use incident::{
    Acknowledgement, Incident, IncidentEvent, IncidentSeverity, Maintenance, MaintenanceScope, TimelineEntry,
};
pub use observation::{
    AgentSample, BackupEvidence, BackupOutcome, DeviceSample, DiskSample, Event, EventCode, HostSample,
    InterfaceSample, LinkCause, LinkVerdict, Neighbour, Notice, NoticeCode, Observation, ProbeMethod,
    ProbeWindow, SensorSample, SensorState, Severity, ShareSample, StampWindow, Station, Talker, Talkers,
    Value, VoidReason,
};
pub use prefix::Prefix;
pub use series::SeriesKey;
pub use subject::{EntityKind, Subject};
pub use text::Localized;
pub use time::Timestamp;
