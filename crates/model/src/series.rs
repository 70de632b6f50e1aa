//! The numbers that the history keeps, their names and their units.
//!
//! A series is one field of one subject as seen by one agent. In text it is
//! `kind/identifier#field@agent`, for example `target/gateway#rtt_p50@jenin-gw`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::AgentId;
use crate::observation::Value;
use crate::sample::Sample;
use crate::subject::{EntityKind, Subject};
use crate::units::{Scalar, Unit};

/// Names one series of the history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SeriesKey {
    /// What it is about.
    pub subject: Subject,
    /// Which number of it.
    pub field: String,
    /// Who measured it.
    pub agent: AgentId,
}

/// A text that names no series.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} does not name a series: the form is kind/identifier#field@agent, such as target/gateway#rtt_p50@jenin-gw"
)]
pub struct InvalidSeries(pub String);

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}@{}", self.subject, self.field, self.agent)
    }
}

impl FromStr for SeriesKey {
    type Err = InvalidSeries;
    fn from_str(text: &str) -> Result<Self, InvalidSeries> {
        let invalid = || InvalidSeries(text.chars().take(300).collect());
        let (subject, rest) = text.rsplit_once('#').ok_or_else(invalid)?;
        let (field, agent) = rest.split_once('@').ok_or_else(invalid)?;
        let subject: Subject = subject.parse().map_err(|_| invalid())?;
        if field_unit(subject.kind, field).is_none() {
            return Err(invalid());
        }
        Ok(Self { subject, field: field.to_owned(), agent: agent.parse().map_err(|_| invalid())? })
    }
}

impl TryFrom<String> for SeriesKey {
    type Error = InvalidSeries;
    fn try_from(text: String) -> Result<Self, InvalidSeries> {
        text.parse()
    }
}

impl From<SeriesKey> for String {
    fn from(key: SeriesKey) -> Self {
        key.to_string()
    }
}

/// The fields that the history keeps for a kind of entity, with their units.
pub fn fields(kind: EntityKind) -> &'static [(&'static str, Unit)] {
    use Unit::{
        Amperes, BitsPerSecond, Bytes, BytesPerSecond, Celsius, Count, Flag, Hertz, PerMinute, PerSecond,
        Ratio, Score, Seconds, UnixSeconds, Volts, Watts,
    };
    match kind {
        EntityKind::Machine => &[
            ("cpu_busy", Ratio),
            ("memory_used", Bytes),
            ("memory_total", Bytes),
            ("swap_used", Bytes),
            ("sessions", Count),
            ("booted_at", UnixSeconds),
        ],
        EntityKind::Disk => &[("used", Bytes), ("size", Bytes), ("inodes_used", Ratio)],
        EntityKind::Interface => &[
            ("receive_rate", BytesPerSecond),
            ("transmit_rate", BytesPerSecond),
            ("receive_packets", PerSecond),
            ("transmit_packets", PerSecond),
            ("errors", PerSecond),
            ("discards", PerSecond),
            ("speed", BitsPerSecond),
            ("up", Flag),
        ],
        EntityKind::Target => &[
            ("rtt_p50", Seconds),
            ("rtt_p95", Seconds),
            ("rtt_p99", Seconds),
            ("rtt_min", Seconds),
            ("rtt_max", Seconds),
            ("jitter", Seconds),
            ("loss", Ratio),
            ("sent", Count),
            ("mos", Score),
        ],
        EntityKind::Link => &[
            ("rtt_p50", Seconds),
            ("rtt_p95", Seconds),
            ("rtt_p99", Seconds),
            ("rtt_min", Seconds),
            ("rtt_max", Seconds),
            ("jitter", Seconds),
            ("loss", Ratio),
            ("sent", Count),
            ("mos", Score),
            ("down", Seconds),
            ("observed", Seconds),
        ],
        EntityKind::Agent => &[
            ("resident", Bytes),
            ("spool_pending", Count),
            ("spool_bytes", Bytes),
            ("clock_offset", Seconds),
        ],
        EntityKind::Device => &[
            ("answered", Flag),
            ("duration", Seconds),
            ("requests", Count),
            ("uptime", Seconds),
            ("interfaces", Count),
            ("voided", Count),
            ("columns_failed", Count),
        ],
        EntityKind::BackupJob => &[("snapshots", Count), ("newest_at", UnixSeconds), ("newest_bytes", Bytes)],
        EntityKind::Path => &[
            ("rtt_p50", Seconds),
            ("rtt_p95", Seconds),
            ("loss_forward", Ratio),
            ("loss_back", Ratio),
            ("undecided", Count),
            ("reflected", Count),
            ("lost_forward", Count),
            ("lost_back", Count),
            ("observed", Seconds),
            ("delay_forward_min", Seconds),
            ("delay_forward_p50", Seconds),
            ("delay_back_min", Seconds),
            ("delay_back_p50", Seconds),
            ("delay_error", Seconds),
        ],
        EntityKind::Sensor => &[
            ("temperature", Celsius),
            ("voltage", Volts),
            ("current", Amperes),
            ("power", Watts),
            ("frequency", Hertz),
            ("humidity", Ratio),
            ("charge", Ratio),
            ("load", Ratio),
            ("runtime", Seconds),
            ("fan", PerMinute),
            ("status", Count),
            ("used", Bytes),
            ("size", Bytes),
            ("rate", PerSecond),
        ],
        EntityKind::Share => &[
            ("down_rate", BytesPerSecond),
            ("up_rate", BytesPerSecond),
            ("down_packets", PerSecond),
            ("up_packets", PerSecond),
        ],
        EntityKind::Site | EntityKind::Ring | EntityKind::Neighbour | EntityKind::Station => &[],
    }
}

/// The unit of a field, or `None` if the history has no such field.
pub fn field_unit(kind: EntityKind, field: &str) -> Option<Unit> {
    fields(kind).iter().find(|(name, _)| *name == field).map(|(_, unit)| *unit)
}

/// The numbers that an observation adds to the history, in base units.
pub fn points(value: &Value, mut add: impl FnMut(&'static str, f64)) {
    let mut put = |name, number: Option<f64>| {
        if let Some(number) = number.filter(|n| n.is_finite()) {
            add(name, number);
        }
    };
    match value {
        Value::Host(h) => {
            put("cpu_busy", h.cpu_busy.map(Scalar::value));
            put("memory_used", difference(h.memory_total.map(|v| v.0), h.memory_available.map(|v| v.0)));
            put("memory_total", h.memory_total.map(Scalar::value));
            put("swap_used", difference(h.swap_total.map(|v| v.0), h.swap_free.map(|v| v.0)));
            put("sessions", h.sessions.map(Scalar::value));
            put("booted_at", h.booted_at.map(Scalar::value));
        }
        Value::Disk(d) => {
            put("used", difference(d.size.map(|v| v.0), d.available.map(|v| v.0)));
            put("size", d.size.map(Scalar::value));
            let inodes = d.inodes.map(|v| v.0).filter(|n| *n > 0);
            put(
                "inodes_used",
                difference(inodes, d.inodes_free.map(|v| v.0))
                    .zip(inodes)
                    .map(|(used, all)| used / all as f64),
            );
        }
        Value::Interface(i) => {
            let seconds = i.interval.map(Scalar::value).filter(|s| *s > 0.0);
            let rate = |n: Option<f64>| n.zip(seconds).map(|(n, s)| n / s);
            let sum = |a: Option<u64>, b: Option<u64>| Some(a? as f64 + b? as f64);
            put("receive_rate", rate(i.receive_bytes.map(Scalar::value)));
            put("transmit_rate", rate(i.transmit_bytes.map(Scalar::value)));
            put("receive_packets", rate(i.receive_packets.map(Scalar::value)));
            put("transmit_packets", rate(i.transmit_packets.map(Scalar::value)));
            put("errors", rate(sum(i.receive_errors.map(|v| v.0), i.transmit_errors.map(|v| v.0))));
            put("discards", rate(sum(i.receive_discards.map(|v| v.0), i.transmit_discards.map(|v| v.0))));
            put("speed", i.speed.map(Scalar::value));
            put("up", i.up.map(Scalar::value));
        }
        Value::Probe(p) => {
            for (name, q) in [("rtt_p50", 0.5), ("rtt_p95", 0.95), ("rtt_p99", 0.99)] {
                put(name, p.rtt.quantile(q).map(|micros| micros * 1e-6));
            }
            put("rtt_min", p.rtt_min.map(Scalar::value));
            put("rtt_max", p.rtt_max.map(Scalar::value));
            put("jitter", p.jitter.map(Scalar::value));
            put("loss", p.loss());
            put("sent", p.sent.map(Scalar::value));
            put("mos", p.opinion());
            if let Some(down) = p.down_time() {
                put("down", Some(down));
                put("observed", p.window.map(Scalar::value));
            }
        }
        Value::Agent(a) => {
            put("resident", a.resident.map(Scalar::value));
            put("spool_pending", a.spool_pending.map(Scalar::value));
            put("spool_bytes", a.spool_bytes.map(Scalar::value));
            put("clock_offset", a.clock_offset.map(Scalar::value));
        }
        Value::Device(d) => {
            put("answered", d.answered.map(Scalar::value));
            put("duration", d.duration.map(Scalar::value));
            put("requests", d.requests.map(Scalar::value));
            put("uptime", d.uptime.map(Scalar::value));
            put("interfaces", d.interfaces.map(Scalar::value));
            put("voided", d.voided.map(Scalar::value));
            put("columns_failed", d.columns_failed.map(Scalar::value));
        }
        Value::Stamp(s) => {
            let seconds = |micros: f64| micros * 1e-6;
            put("rtt_p50", s.rtt.quantile(0.5).map(seconds));
            put("rtt_p95", s.rtt.quantile(0.95).map(seconds));
            put("loss_forward", s.loss_forward());
            put("loss_back", s.loss_back());
            put("undecided", s.undecided.map(Scalar::value));
            put("reflected", s.reflected.map(Scalar::value));
            if let Some(observed) = s.observed() {
                put("lost_forward", s.lost_forward.map(Scalar::value));
                put("lost_back", s.lost_back.map(Scalar::value));
                put("observed", Some(observed));
            }
            put("delay_forward_min", s.forward_min.map(Scalar::value));
            put("delay_forward_p50", s.forward.quantile(0.5).map(seconds));
            put("delay_back_min", s.back_min.map(Scalar::value));
            put("delay_back_p50", s.back.quantile(0.5).map(seconds));
            // Without delays there is no error of them: so both are sums over the same windows.
            put("delay_error", s.clock_error.filter(|_| s.forward.count() > 0).map(Scalar::value));
        }
        Value::Sensor(s) => {
            put("temperature", s.temperature.map(Scalar::value));
            put("voltage", s.voltage.map(Scalar::value));
            put("current", s.current.map(Scalar::value));
            put("power", s.power.map(Scalar::value));
            put("frequency", s.frequency.map(Scalar::value));
            put("humidity", s.humidity.map(Scalar::value));
            put("charge", s.charge.map(Scalar::value));
            put("load", s.load.map(Scalar::value));
            put("runtime", s.runtime.map(Scalar::value));
            put("fan", s.fan.map(Scalar::value));
            put("status", s.status.map(Scalar::value));
            put("used", s.used.map(Scalar::value));
            put("size", s.size.map(Scalar::value));
            put("rate", s.rate.map(Scalar::value));
        }
        Value::Backup(b) => {
            if b.outcome == crate::BackupOutcome::Read {
                put("snapshots", Some(b.snapshots as f64));
                put("newest_at", b.newest_at.map(Scalar::value));
                put("newest_bytes", b.newest_bytes.map(|n| n as f64));
            }
        }
        Value::Share(s) => {
            let seconds = s.interval.map(Scalar::value).filter(|s| *s > 0.0);
            let rate = |n: Option<f64>| n.zip(seconds).map(|(n, s)| n / s);
            put("down_rate", rate(s.down_bytes.map(Scalar::value)));
            put("up_rate", rate(s.up_bytes.map(Scalar::value)));
            put("down_packets", rate(s.down_packets.map(Scalar::value)));
            put("up_packets", rate(s.up_packets.map(Scalar::value)));
        }
        Value::Talkers(_)
        | Value::Notice(_)
        | Value::Event(_)
        | Value::Neighbour(_)
        | Value::Station(_)
        | Value::Gone => {}
    }
}

fn difference(all: Option<u64>, free: Option<u64>) -> Option<f64> {
    Some(all?.saturating_sub(free?) as f64)
}

/// Whether a value may be about an entity of this kind; a notice may be about any.
pub fn fits(value: &Value, kind: EntityKind) -> bool {
    if *value == Value::Gone {
        return matches!(kind, EntityKind::Interface | EntityKind::Sensor);
    }
    let also = matches!((value, kind), (Value::Probe(_), EntityKind::Link));
    also || kind_of(value).is_none_or(|own| own == kind)
}

/// Which kind of entity a value is mostly about.
pub fn kind_of(value: &Value) -> Option<EntityKind> {
    match value {
        Value::Host(_) => Some(EntityKind::Machine),
        Value::Disk(_) => Some(EntityKind::Disk),
        Value::Interface(_) => Some(EntityKind::Interface),
        Value::Probe(_) => Some(EntityKind::Target),
        Value::Agent(_) => Some(EntityKind::Agent),
        Value::Device(_) => Some(EntityKind::Device),
        Value::Stamp(_) => Some(EntityKind::Path),
        Value::Sensor(_) => Some(EntityKind::Sensor),
        Value::Backup(_) => Some(EntityKind::BackupJob),
        Value::Share(_) | Value::Talkers(_) => Some(EntityKind::Share),
        Value::Notice(_) | Value::Event(_) | Value::Neighbour(_) | Value::Station(_) | Value::Gone => None,
    }
}

/// The wire numbers of all regular sample types, for tests that guard against reuse.
pub const SAMPLE_KINDS: [u32; 9] = [
    crate::HostSample::KIND,
    crate::DiskSample::KIND,
    crate::InterfaceSample::KIND,
    crate::ProbeWindow::KIND,
    crate::AgentSample::KIND,
    crate::DeviceSample::KIND,
    crate::StampWindow::KIND,
    crate::SensorSample::KIND,
    crate::ShareSample::KIND,
];

#[cfg(test)]
mod tests;
