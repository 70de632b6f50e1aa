//! Polls a list of devices without a controller, and says what it took: for `bench/snmp.sh` and for people
//! who want to see what a device answers.
//!
//! `snmp_poll FOLDER EVERY_MS SECONDS < LIST`, where FOLDER holds the secrets and each line of LIST is
//! `NAME HOST PORT SECRET`, for SNMPv2c with the community in that secret. `PROFILES=FILE` names a JSON list of
//! profiles that are tried with every device. One JSON document at the end; `VALUES=1` adds the last sample of each
//! interface and sensor, and `POLLS=N` ends it as soon as every device had so many polls.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasl_agent::polling::{self, Addresses, Bells};
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::Secrets;
use wasl_model::assignment::{Assignment, DeviceAssignment, SnmpAccess};
use wasl_model::profile::Profile;
use wasl_model::{InterfaceSample, SensorSample, Value, VoidReason};

/// What was seen of one device.
#[derive(Default)]
struct Seen {
    polls: u64,
    silent: u64,
    interfaces: u64,
    requests: Vec<u64>,
    took_ms: Vec<u64>,
    columns_failed: u64,
    voided: BTreeMap<&'static str, u64>,
    /// Of interfaces, in bytes per second.
    rates: Vec<u64>,
    too_fast: u64,
    sensors: u64,
    /// Values that nothing can measure, by whom.
    odd: BTreeMap<String, String>,
    notices: Vec<String>,
    values: BTreeMap<String, serde_json::Value>,
}

/// The fastest interface that is sold, in bits per second, with some years' reserve.
const FASTEST: u64 = 10_000_000_000_000;

/// Whether an interface cannot be so.
fn is_odd_interface(sample: &InterfaceSample) -> bool {
    sample.speed.is_some_and(|speed| speed.0 < 1_000 || speed.0 > FASTEST)
}

/// Whether no machine in an institution's rooms can measure this.
fn is_odd(sample: &SensorSample) -> bool {
    let beyond =
        |value: Option<i64>, least: i64, most: i64| value.is_some_and(|n| !(least..=most).contains(&n));
    beyond(sample.temperature.map(|n| n.0), -60_000, 150_000)
        || beyond(sample.voltage.map(|n| n.0), -1_000_000, 1_000_000)
        || beyond(sample.current.map(|n| n.0), -5_000_000, 5_000_000)
        || beyond(sample.power.map(|n| n.0), -2_000_000_000, 2_000_000_000)
        || beyond(sample.frequency.map(|n| n.0), 0, 10_000_000_000_000)
        || beyond(sample.runtime.map(|n| n.0 as i64), 0, 30 * 86_400_000)
        || beyond(sample.rate.map(|n| n.0), 0, 1_000_000_000_000)
        || sample.humidity.is_some_and(|n| n.0 > 1_000_000)
        || sample.charge.is_some_and(|n| n.0 > 1_000_000)
        || sample.load.is_some_and(|n| n.0 > 3_000_000)
        || sample.fan.is_some_and(|n| n.0 > 60_000)
        || sample.used.zip(sample.size).is_some_and(|(used, size)| used > size)
}

fn median(numbers: &[u64]) -> Option<u64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

/// Processor time of this process so far, in seconds (`/proc/self/stat`, fields 14 and 15, in hundredths).
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |n: usize| after.split_whitespace().nth(n).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let profiles: Vec<Profile> = std::env::var_os("PROFILES").map_or_else(Vec::new, |file| {
        let text = std::fs::read_to_string(file).expect("PROFILES names a file");
        serde_json::from_str(&text).expect("a list of profiles")
    });
    let enough: Option<u64> = std::env::var("POLLS").ok().and_then(|n| n.parse().ok());
    let show = std::env::var_os("VALUES").is_some();
    let names: Vec<String> = profiles.iter().map(|profile| profile.id.clone()).collect();
    let usage = "snmp_poll FOLDER EVERY_MS SECONDS < LIST";
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect(usage));
    let every_ms: u64 = arguments.next().and_then(|n| n.parse().ok()).expect(usage);
    let seconds: u64 = arguments.next().and_then(|n| n.parse().ok()).expect(usage);
    let device = |line: String| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some(DeviceAssignment {
            id: words.next()?,
            host: words.next()?,
            port: words.next()?.parse().ok()?,
            access: SnmpAccess::V2c { community: words.next()? },
            every_ms,
            profiles: names.clone(),
            trap_sources: Vec::new(),
        })
    };
    let lines = std::io::stdin().lock().lines();
    let devices: Vec<DeviceAssignment> = lines.filter_map(|line| device(line.ok()?)).collect();
    let many = devices.len();
    let (reporter, mut out) = Reporter::new();
    let (_send, assignment) =
        watch::channel(Arc::new(Assignment { devices, profiles, ..Assignment::default() }));
    let shutdown = CancellationToken::new();
    let polling = tokio::spawn(polling::run(
        reporter,
        Secrets::new(folder),
        assignment,
        Bells::default(),
        Addresses::default(),
        shutdown.clone(),
    ));
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    let mut seen: HashMap<String, Seen> = HashMap::new();
    while let Ok(Some(observation)) = tokio::time::timeout_at(end, out.recv()).await {
        let (kind, id) = (observation.subject.kind, observation.subject.id);
        let name = format!("{kind}/{id}");
        let device = id.split('/').next().unwrap_or_default().to_owned();
        let device = seen.entry(device).or_default();
        match observation.value {
            Value::Device(sample) => {
                device.polls += 1;
                device.silent += u64::from(sample.answered == Some(false));
                device.interfaces += sample.interfaces.map_or(0, |n| n.0);
                device.columns_failed += sample.columns_failed.map_or(0, |n| n.0);
                device.requests.extend(sample.requests.map(|n| n.0));
                device.took_ms.extend(sample.duration.map(|n| n.0));
            }
            Value::Interface(sample) => {
                if let Some(reason) = sample.voided.filter(|reason| *reason != VoidReason::First) {
                    *device.voided.entry(reason.as_str()).or_default() += 1;
                }
                for bytes in [sample.receive_bytes, sample.transmit_bytes].into_iter().flatten() {
                    let Some(interval) = sample.interval else { continue };
                    let rate = bytes.0 as f64 * 1000.0 / interval.0.max(1) as f64;
                    device.rates.push(rate.round() as u64);
                    let limit = sample.speed.map(|speed| speed.0 as f64 / 8.0 * 1.2);
                    device.too_fast += u64::from(limit.is_some_and(|limit| rate > limit));
                }
                if is_odd_interface(&sample) {
                    device.odd.insert(name.clone(), format!("{sample:?}"));
                }
                if show {
                    device.values.insert(name, serde_json::json!(sample));
                }
            }
            Value::Sensor(sample) => {
                device.sensors += 1;
                if is_odd(&sample) {
                    device.odd.insert(name.clone(), format!("{sample:?}"));
                }
                if show {
                    device.values.insert(name, serde_json::json!(sample));
                }
            }
            Value::Notice(notice) if !notice.cleared => device.notices.push(notice.detail),
            _ => {}
        }
        let had = |polls| seen.len() == many && seen.values().all(|seen| seen.polls >= polls);
        if enough.is_some_and(had) {
            break;
        }
    }
    let spent = cpu();
    shutdown.cancel();
    drop(out);
    polling.await.expect("the poller does not panic");
    let devices: BTreeMap<&String, serde_json::Value> = seen
        .iter()
        .map(|(id, seen)| {
            let mut shown = serde_json::json!({
                "polls": seen.polls, "silent": seen.silent, "interfaces": seen.interfaces,
                "requests": seen.requests, "took_ms": seen.took_ms, "columns_failed": seen.columns_failed,
                "voided": seen.voided, "sensors": seen.sensors, "odd": seen.odd, "rates": seen.rates.len(), "rate": median(&seen.rates), "too_fast": seen.too_fast, "notices": seen.notices,
            });
            if show {
                shown["values"] = serde_json::json!(seen.values);
            }
            (id, shown)
        })
        .collect();
    let interfaces: u64 = seen.values().map(|seen| seen.interfaces).sum();
    let document = serde_json::json!({
        "cpu_seconds": spent, "interfaces": interfaces,
        "interfaces_per_cpu_second": interfaces as f64 / spent.max(0.01), "devices": devices,
    });
    std::io::Write::write_all(&mut std::io::stdout(), format!("{document}\n").as_bytes()).expect("written");
}
