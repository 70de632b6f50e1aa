//! `/metrics`: the live values for Prometheus.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use wasl_model::health::Health;
use wasl_model::units::Scalar;
use wasl_model::{AgentId, EntityKind, Histogram, IncidentSeverity, Subject, Timestamp, Value};
use wasl_runtime::metrics::{self as m, CONTENT_TYPE, Exposition, Kind, Metric};

use super::Operators;
use super::access::Viewer;
use crate::live::{Latest, number, value_of};
use crate::shared::Shared;
use crate::time::now;

/// Upper bounds of the buckets of round-trip times: in microseconds, and as Prometheus shows them.
const RTT_BOUNDS: [(u64, f64); 15] = [
    (100, 0.0001),
    (250, 0.00025),
    (500, 0.0005),
    (1_000, 0.001),
    (2_500, 0.0025),
    (5_000, 0.005),
    (10_000, 0.01),
    (25_000, 0.025),
    (50_000, 0.05),
    (100_000, 0.1),
    (250_000, 0.25),
    (500_000, 0.5),
    (1_000_000, 1.0),
    (2_500_000, 2.5),
    (5_000_000, 5.0),
];

/// What sensors measure, by the names of the history.
static SENSORS: [(&str, &Metric); 14] = [
    ("temperature", &m::SENSOR_TEMPERATURE),
    ("voltage", &m::SENSOR_VOLTAGE),
    ("current", &m::SENSOR_CURRENT),
    ("power", &m::SENSOR_POWER),
    ("frequency", &m::SENSOR_FREQUENCY),
    ("humidity", &m::SENSOR_HUMIDITY),
    ("charge", &m::SENSOR_CHARGE),
    ("load", &m::SENSOR_LOAD),
    ("runtime", &m::SENSOR_RUNTIME),
    ("fan", &m::SENSOR_FAN),
    ("status", &m::SENSOR_STATUS),
    ("used", &m::SENSOR_USED),
    ("size", &m::SENSOR_SIZE),
    ("rate", &m::SENSOR_RATE),
];

pub(super) async fn metrics(_: Viewer, State(operators): State<Operators>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], expose(&operators, now()).render()).into_response()
}

fn expose(shared: &Shared, now: Timestamp) -> Exposition {
    let mut page = Exposition::default();
    page.add(&m::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
    page.add(&m::CLOCK_CORRECTION, &[], crate::time::correction_s());
    let counts = shared.ingest.counts();
    page.add(&m::INGEST_BATCHES, &[], counts.batches.load(Ordering::Relaxed) as f64);
    page.add(&m::INGEST_DUPLICATES, &[], counts.duplicates.load(Ordering::Relaxed) as f64);
    page.add(&m::INGEST_REFUSED, &[], counts.refused.load(Ordering::Relaxed) as f64);
    let site_of = |agent: &AgentId| shared.site_of(agent).map_or_else(String::new, |s| s.to_string());
    for record in shared.agents().iter().filter(|r| r.revoked.is_none()) {
        let connected = shared.sessions.is_connected(&record.id);
        page.add(&m::AGENT_CONNECTED, &[record.site.as_str(), record.id.as_str()], f64::from(connected));
    }
    let board = shared.boards.board();
    let live = shared.live.read();
    for ((agent, subject), latest) in &live.values {
        if shared.intent.may_speak(agent, subject) {
            let fresh = latest.is_of_now(shared.intent.every(agent, subject), now);
            entity(&mut page, &site_of(agent), agent, subject, latest, fresh);
        }
    }
    drop(live);
    for severity in IncidentSeverity::ALL {
        let open = board.incidents.values().filter(|incident| incident.severity == severity).count();
        page.add(&m::INCIDENTS_OPEN, &[severity.as_str()], open as f64);
    }
    for entity in board.entities.values() {
        let site = entity.site.as_ref().map_or("", |s| s.as_str());
        let id = entity.subject.id.as_str();
        for health in Health::ALL {
            let (is, health) = (f64::from(entity.state.health == health), health.as_str());
            match entity.subject.kind {
                EntityKind::Machine => page.add(&m::MACHINE_HEALTH, &[site, id, health], is),
                EntityKind::Link => page.add(&m::LINK_STATE, &[site, id, health], is),
                EntityKind::Sensor => {
                    let (device, sensor) = id.split_once('/').unwrap_or((id, ""));
                    page.add(&m::SENSOR_STATE, &[site, device, sensor, health], is);
                }
                _ => {}
            }
        }
    }
    page
}

/// Metrics that say of which time they speak, and so stay true when nobody tells them any more.
static DATED: [&Metric; 2] = [&m::BACKUP_LAST_GOOD, &m::AGENT_CERTIFICATE_EXPIRES];

/// What an agent said last of an entity. A gauge that says nothing of now (`fresh`) is left out; counters, which a
/// pause does not make untrue, stay.
fn entity(
    page: &mut Exposition,
    site: &str,
    agent: &AgentId,
    subject: &Subject,
    latest: &Latest,
    fresh: bool,
) {
    let id = subject.id.as_str();
    let is_told = |metric: &'static Metric| {
        fresh || metric.kind != Kind::Gauge || DATED.iter().any(|dated| std::ptr::eq(*dated, metric))
    };
    let mut put = |metric: &'static Metric, labels: &[&str], value: Option<f64>| {
        if let Some(value) = value.filter(|_| is_told(metric)) {
            page.add(metric, labels, value);
        }
    };
    match &latest.value {
        Value::Host(h) => {
            put(&m::MACHINE_CPU_BUSY, &[site, id], value_of(h.cpu_busy));
            put(&m::MACHINE_MEMORY_TOTAL, &[site, id], value_of(h.memory_total));
            put(&m::MACHINE_MEMORY_AVAILABLE, &[site, id], value_of(h.memory_available));
            put(&m::MACHINE_BOOT, &[site, id], value_of(h.booted_at));
            put(&m::MACHINE_SESSIONS, &[site, id], value_of(h.sessions));
        }
        Value::Disk(d) => {
            let (machine, disk) = id.split_once('/').unwrap_or((id, ""));
            put(&m::DISK_SIZE, &[site, machine, disk], value_of(d.size));
            put(&m::DISK_AVAILABLE, &[site, machine, disk], value_of(d.available));
        }
        Value::Interface(i) => {
            let (device, interface) = id.split_once('/').unwrap_or((id, ""));
            let labels = [site, device, interface];
            put(&m::INTERFACE_RECEIVE, &labels, Some(latest.totals.receive_bytes as f64));
            put(&m::INTERFACE_TRANSMIT, &labels, Some(latest.totals.transmit_bytes as f64));
            put(&m::INTERFACE_ERRORS, &labels, Some(latest.totals.errors as f64));
            put(&m::INTERFACE_SPEED, &labels, value_of(i.speed));
            put(&m::INTERFACE_UP, &labels, value_of(i.up));
        }
        Value::Probe(p) => {
            let (link, target) = if subject.kind == EntityKind::Link { (id, "") } else { ("", id) };
            let labels = [site, agent.as_str(), link, target];
            put(&m::LINK_MOS, &labels, p.opinion());
            put(&m::LINK_PROBES, &labels, Some(latest.totals.probes as f64));
            put(&m::LINK_PROBES_LOST, &labels, Some(latest.totals.lost as f64));
            put(&m::LINK_JITTER, &labels, value_of(p.jitter));
            let rtt = &latest.totals.rtt;
            page.add_histogram(&m::LINK_RTT, &labels, rtt.sum_micros() * 1e-6, buckets(rtt));
        }
        Value::Agent(a) => {
            let labels = [site, agent.as_str()];
            put(&m::AGENT_SPOOL_PENDING, &labels, value_of(a.spool_pending));
            put(&m::AGENT_SPOOL_BYTES, &labels, value_of(a.spool_bytes));
            put(&m::AGENT_RESIDENT, &labels, value_of(a.resident));
            put(&m::AGENT_CLOCK_OFFSET, &labels, value_of(a.clock_offset));
            put(&m::AGENT_CLOCK_ERROR, &labels, value_of(a.clock_error));
            put(&m::AGENT_CERTIFICATE_EXPIRES, &labels, value_of(a.certificate_expires));
        }
        Value::Device(d) => {
            put(&m::DEVICE_UP, &[site, id], value_of(d.answered));
            put(&m::DEVICE_POLL_SECONDS, &[site, id], value_of(d.duration));
            put(&m::DEVICE_VOIDED, &[site, id], Some(latest.totals.voided as f64));
            put(&m::DEVICE_COLUMNS_FAILED, &[site, id], value_of(d.columns_failed));
        }
        Value::Backup(b) => {
            put(&m::BACKUP_LAST_GOOD, &[site, id], b.newest_at.map(<Timestamp as Scalar>::value));
            put(&m::BACKUP_SNAPSHOTS, &[site, id], Some(b.snapshots as f64));
        }
        Value::Stamp(s) => {
            for (direction, loss, delay) in [
                ("forward", s.loss_forward(), "delay_forward_p50"),
                ("back", s.loss_back(), "delay_back_p50"),
            ] {
                let labels = [site, agent.as_str(), id, direction];
                put(&m::PATH_LOSS, &labels, loss);
                put(&m::PATH_DELAY, &labels, number(&latest.value, delay));
            }
            put(&m::PATH_DELAY_ERROR, &[site, agent.as_str(), id], value_of(s.clock_error));
        }
        Value::Share(_) => {
            let (link, share) = id.split_once('/').unwrap_or((id, ""));
            for (direction, field) in [("down", "down_rate"), ("up", "up_rate")] {
                let bits = number(&latest.value, field).map(|bytes| bytes * 8.0);
                put(&m::LINK_SHARE, &[site, link, share, direction], bits);
            }
        }
        Value::Sensor(_) => {
            let (device, sensor) = id.split_once('/').unwrap_or((id, ""));
            for (field, metric) in SENSORS {
                put(metric, &[site, device, sensor], number(&latest.value, field));
            }
        }
        Value::Talkers(_) | Value::Notice(_) | Value::Event(_) | Value::Neighbour(_) | Value::Station(_) => {}
    }
}

/// The counts of each bucket alone, the last without a bound.
fn buckets(histogram: &Histogram) -> Vec<(f64, u64)> {
    let mut below = 0;
    let mut out: Vec<(f64, u64)> = RTT_BOUNDS
        .iter()
        .map(|(micros, seconds)| {
            let upto = histogram.count_at_most(*micros);
            (*seconds, upto - std::mem::replace(&mut below, upto))
        })
        .collect();
    out.push((f64::INFINITY, histogram.count() - below));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_trip_stands_in_exactly_one_bucket() {
        let mut histogram = Histogram::default();
        for micros in [40, 90, 99, 700, 30_000, 9_000_000] {
            histogram.record(micros);
        }
        let buckets = buckets(&histogram);
        assert_eq!(buckets.len(), RTT_BOUNDS.len() + 1);
        assert_eq!(buckets.iter().map(|(_, n)| n).sum::<u64>(), 6);
        assert_eq!(buckets.last().map(|(_, n)| *n), Some(1));
    }

    /// Catches: the figures of a branch that was cut three days ago, flat for ever.
    #[test]
    fn what_says_nothing_of_now_is_left_out_and_counters_stay() {
        use wasl_model::units::{BitsPerSecond, Bytes, Millis};
        use wasl_model::{BackupEvidence, BackupOutcome, InterfaceSample, Observation};
        let (agent, at) = ("gw".parse::<AgentId>().expect("valid"), Timestamp(1_000));
        let live = crate::live::Live::default();
        let interface = InterfaceSample {
            receive_bytes: Some(Bytes(5)),
            up: Some(true),
            speed: Some(BitsPerSecond(9)),
            ..InterfaceSample::default()
        };
        let backup = BackupEvidence {
            tool: "restic".into(),
            tool_version: String::new(),
            outcome: BackupOutcome::Read,
            snapshots: 3,
            newest_at: Some(at),
            newest_id: None,
            newest_bytes: None,
            took: Millis(1),
            detail: String::new(),
        };
        let of = |subject: &str, value| Observation { subject: subject.parse().expect("valid"), at, value };
        let told = vec![
            of("interface/gw/eth0", Value::Interface(interface)),
            of("backup_job/b", Value::Backup(backup)),
        ];
        live.apply(&agent, told, at);
        let told = |fresh| {
            let mut page = Exposition::default();
            for ((agent, subject), latest) in &live.read().values {
                entity(&mut page, "s", agent, subject, latest, fresh);
            }
            page.render()
        };
        for (metric, stays) in [
            ("wasl_interface_receive_bytes_total{", true),
            ("wasl_interface_up{", false),
            ("wasl_interface_speed_bits_per_second{", false),
            ("wasl_backup_last_good_timestamp_seconds{", true),
            ("wasl_backup_snapshots{", false),
        ] {
            assert!(told(true).contains(metric), "{metric}");
            assert_eq!(told(false).contains(metric), stays, "{metric}");
        }
    }
}
