//! Polls a list of devices without a controller, and says what it took: for `bench/snmp.sh` and for people
//! who want to see what a device answers.
//!
//! `snmp_poll FOLDER EVERY_MS SECONDS < LIST`, where FOLDER holds the secrets and each line of LIST is
//! `NAME HOST PORT SECRET`, for SNMPv2c with the community in that secret. `PROFILES=FILE` names a JSON list of
//! profiles that are tried with every device. One JSON document at the end.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasl_agent::polling::{self, Bells};
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::Secrets;
use wasl_model::assignment::{Assignment, DeviceAssignment, SnmpAccess};
use wasl_model::profile::Profile;
use wasl_model::{Value, VoidReason};

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
    rates: u64,
    too_fast: u64,
    sensors: u64,
    /// Values that nothing can measure.
    odd: Vec<String>,
    notices: Vec<String>,
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
        })
    };
    let lines = std::io::stdin().lock().lines();
    let devices: Vec<DeviceAssignment> = lines.filter_map(|line| device(line.ok()?)).collect();
    let (reporter, mut out) = Reporter::new();
    let (_send, assignment) =
        watch::channel(Arc::new(Assignment { devices, profiles, ..Assignment::default() }));
    let shutdown = CancellationToken::new();
    let polling = tokio::spawn(polling::run(
        reporter,
        Secrets::new(folder),
        assignment,
        Bells::default(),
        shutdown.clone(),
    ));
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    let mut seen: HashMap<String, Seen> = HashMap::new();
    while let Ok(Some(observation)) = tokio::time::timeout_at(end, out.recv()).await {
        let id = observation.subject.id;
        let device = id.split('/').next().unwrap_or_default().to_owned();
        let seen = seen.entry(device).or_default();
        match observation.value {
            Value::Device(sample) => {
                seen.polls += 1;
                seen.silent += u64::from(sample.answered == Some(false));
                seen.interfaces += sample.interfaces.map_or(0, |n| n.0);
                seen.columns_failed += sample.columns_failed.map_or(0, |n| n.0);
                seen.requests.extend(sample.requests.map(|n| n.0));
                seen.took_ms.extend(sample.duration.map(|n| n.0));
            }
            Value::Interface(sample) => {
                if let Some(reason) = sample.voided.filter(|reason| *reason != VoidReason::First) {
                    *seen.voided.entry(reason.as_str()).or_default() += 1;
                }
                if let (Some(bytes), Some(interval)) = (sample.receive_bytes, sample.interval) {
                    seen.rates += 1;
                    let bits = bytes.0 as f64 * 8000.0 / interval.0.max(1) as f64;
                    seen.too_fast += u64::from(sample.speed.is_some_and(|speed| bits > speed.0 as f64 * 1.2));
                }
            }
            Value::Sensor(sample) => {
                seen.sensors += 1;
                let odd = sample.temperature.is_some_and(|t| !(-90_000..=500_000).contains(&t.0))
                    || sample.used.zip(sample.size).is_some_and(|(used, size)| used > size);
                if odd {
                    seen.odd.push(format!("{id}: {sample:?}"));
                }
            }
            Value::Notice(notice) if !notice.cleared => seen.notices.push(notice.detail),
            _ => {}
        }
    }
    let spent = cpu();
    shutdown.cancel();
    drop(out);
    polling.await.expect("the poller does not panic");
    let devices: BTreeMap<&String, serde_json::Value> = seen
        .iter()
        .map(|(id, seen)| {
            let shown = serde_json::json!({
                "polls": seen.polls, "silent": seen.silent, "interfaces": seen.interfaces,
                "requests": seen.requests, "took_ms": seen.took_ms, "columns_failed": seen.columns_failed,
                "voided": seen.voided, "sensors": seen.sensors, "odd": seen.odd, "rates": seen.rates, "too_fast": seen.too_fast, "notices": seen.notices,
            });
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
