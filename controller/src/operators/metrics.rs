//! `/metrics`: the live values for Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use wasl_health::activity::LinkActivity;
use wasl_model::health::Health;
use wasl_model::units::Scalar;
use wasl_model::{AgentId, EntityKind, Histogram, IncidentSeverity, Subject, Timestamp, Value};
use wasl_runtime::metrics::{self as m, CONTENT_TYPE, Exposition, Kind, Metric};
use wasl_settings::{Link, Settings};

use super::Operators;
use super::access::Viewer;
use super::api::STATION_MS;
use super::views::links;
use crate::board::Board;
use crate::live::{Latest, State as LiveState, number, value_of};
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
    let settings = shared.intent.settings();
    for (id, link) in settings.links() {
        capacity(&mut page, &settings, &board, &live, id, link, now);
    }
    unknown_stations(&mut page, shared, &settings, &live, now);
    drop(live);
    for ((site, code), count) in shared.boards.occurrences() {
        page.add(&m::OCCURRENCES, &[&site, &code], count as f64);
    }
    for severity in IncidentSeverity::ALL {
        let open = board.incidents.values().filter(|incident| incident.severity == severity).count();
        page.add(&m::INCIDENTS_OPEN, &[severity.as_str()], open as f64);
    }
    states(&mut page, &board);
    page
}

/// How everything is, and what links do.
fn states(page: &mut Exposition, board: &Board) {
    for entity in board.entities.values() {
        let site = entity.site.as_ref().map_or("", |s| s.as_str());
        let id = entity.subject.id.as_str();
        if let Some(activity) =
            entity.state.activity.as_deref().filter(|_| entity.subject.kind == EntityKind::Link)
        {
            for one in LinkActivity::ALL {
                let is = f64::from(one.as_str() == activity);
                page.add(&m::LINK_ACTIVITY, &[site, id, one.as_str()], is);
            }
        }
        for health in Health::ALL {
            let (is, health) = (f64::from(entity.state.health == health), health.as_str());
            match entity.subject.kind {
                EntityKind::Machine => page.add(&m::MACHINE_HEALTH, &[site, id, health], is),
                EntityKind::Link => page.add(&m::LINK_STATE, &[site, id, health], is),
                EntityKind::Ring => page.add(&m::RING_STATE, &[site, id, health], is),
                EntityKind::Path => page.add(&m::PATH_STATE, &[site, id, health], is),
                // `link` alone is the line as it is counted, and nobody's share.
                EntityKind::Share => {
                    if let Some((link, share)) = id.split_once('/') {
                        page.add(&m::LINK_SHARE_STATE, &[site, link, share, health], is);
                    }
                }
                EntityKind::Sensor => {
                    let (device, sensor) = id.split_once('/').unwrap_or((id, ""));
                    page.add(&m::SENSOR_STATE, &[site, device, sensor, health], is);
                }
                _ => {}
            }
        }
    }
}

/// What was bought of a link, what of it is used now, and what is due to those who share it.
fn capacity(
    page: &mut Exposition,
    settings: &Settings,
    board: &Board,
    live: &LiveState,
    id: &str,
    link: &Link,
    now: Timestamp,
) {
    let site_of = |subject: &Subject| board.entities.get(subject).and_then(|entity| entity.site.clone());
    let site = site_of(&Subject::lenient(EntityKind::Link, id)).map_or_else(String::new, |s| s.to_string());
    let used = links::meter(settings, live, link, now).filter(|(.., old)| !old);
    for (way, direction, bought) in [(0, "down", link.contract.down), (1, "up", link.contract.up)] {
        let labels = [site.as_str(), id, direction];
        if let Some(bought) = bought {
            page.add(&m::LINK_CONTRACT, &labels, bought.bits_per_second() as f64);
        }
        let rate = used.as_ref().and_then(|(meter, latest, _)| number(&latest.value, meter.fields()[way]));
        if let Some(bytes) = rate {
            page.add(&m::LINK_USED, &labels, bytes * 8.0);
        }
        for share in link.accounting.iter().flat_map(|accounting| &accounting.shares) {
            let subject = Subject::lenient(EntityKind::Share, &format!("{id}/{}", share.id));
            let site = site_of(&subject).map_or_else(String::new, |s| s.to_string());
            if let Some(due) = share.share.and_then(|share| share.of(bought)) {
                page.add(&m::LINK_SHARE_DUE, &[&site, id, &share.id, direction], due as f64);
            }
        }
    }
}

/// How many stations of each site with a sweep are on no list. One that two agents of a site see is one.
fn unknown_stations(
    page: &mut Exposition,
    shared: &Shared,
    settings: &Settings,
    live: &LiveState,
    now: Timestamp,
) {
    let known = settings.acquaintances();
    let mut strangers: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for agent in settings.agents().values().filter(|agent| !agent.sweeps.is_empty()) {
        strangers.entry(agent.site.to_string()).or_default();
    }
    let stations = live.values.iter().filter(|((_, subject), _)| subject.kind == EntityKind::Station);
    for ((agent, subject), latest) in stations {
        let Value::Station(station) = &latest.value else { continue };
        let Some((scope, _)) = subject.id.rsplit_once('/') else { continue };
        let is_listed = latest.at.0 >= now.0 - STATION_MS && shared.intent.may_speak(agent, subject);
        if is_listed
            && !known.knows(scope, &station.mac, &station.addresses())
            && let Some(site) = settings.agents().get(agent).map(|agent| agent.site.to_string())
        {
            strangers.entry(site).or_default().insert(&station.mac);
        }
    }
    for (site, strangers) in strangers {
        page.add(&m::UNKNOWN_STATIONS, &[&site], strangers.len() as f64);
    }
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
            for (metric, total) in [
                (&m::INTERFACE_RECEIVE_PACKETS, latest.totals.receive.passed),
                (&m::INTERFACE_RECEIVE_ERRORS, latest.totals.receive.errors),
                (&m::INTERFACE_RECEIVE_DISCARDS, latest.totals.receive.discards),
                (&m::INTERFACE_TRANSMIT_PACKETS, latest.totals.transmit.passed),
                (&m::INTERFACE_TRANSMIT_ERRORS, latest.totals.transmit.errors),
                (&m::INTERFACE_TRANSMIT_DISCARDS, latest.totals.transmit.discards),
            ] {
                put(metric, &labels, Some(total as f64));
            }
            put(&m::INTERFACE_SPEED, &labels, value_of(i.speed));
            put(&m::INTERFACE_UP, &labels, value_of(i.up));
        }
        Value::Probe(p) => {
            let (link, target) = if subject.kind == EntityKind::Link { (id, "") } else { ("", id) };
            let labels = [site, agent.as_str(), link, target];
            put(&m::LINK_MOS, &labels, p.opinion());
            put(&m::LINK_PROBES, &labels, Some(latest.totals.probes as f64));
            put(&m::LINK_PROBES_LOST, &labels, Some(latest.totals.lost as f64));
            let irregular = &latest.totals.irregular;
            for (metric, total) in [
                (&m::LINK_PROBES_LATE, irregular.late),
                (&m::LINK_PROBES_DUPLICATE, irregular.duplicates),
                (&m::LINK_PROBES_REORDERED, irregular.reordered),
                (&m::LINK_PROBES_FORGED, irregular.forged),
                (&m::LINK_PROBES_VOIDED, irregular.voided),
            ] {
                put(metric, &labels, Some(total as f64));
            }
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
            let up_since = d.up_since(latest.at).map(<Timestamp as Scalar>::value);
            put(&m::DEVICE_BOOT, &[site, id], up_since);
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
        Value::Talkers(_)
        | Value::Notice(_)
        | Value::Event(_)
        | Value::Neighbour(_)
        | Value::Station(_)
        | Value::Gone => {}
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
mod tests;
