//! Probes a list of addresses without a controller, and says what came of it and what it took: for
//! `bench/probe.sh`.
//!
//! `probe_rate EVERY_MS WINDOW_MS WARM_UP SECONDS < LIST`, with one address a line. What was answered is counted,
//! and processor time is taken, for SECONDS after the first WARM_UP. One JSON document at the end.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use wasl_agent::probing;
use wasl_agent_core::report::Reporter;
use wasl_model::assignment::{Address, Assignment, TargetAssignment};
use wasl_model::{EntityKind, Histogram, Observation, Subject, Value};

/// What the windows of all targets add up to.
#[derive(Default)]
struct Sum {
    windows: u64,
    sent: u64,
    received: u64,
    late: u64,
    duplicates: u64,
    voided: u64,
    reordered: u64,
    forged: u64,
    rtt: Histogram,
    methods: Vec<&'static str>,
    notices: Vec<String>,
}

impl Sum {
    fn take(&mut self, observation: Observation) {
        match observation.value {
            Value::Probe(window) => {
                self.windows += 1;
                self.sent += window.sent.map_or(0, |n| n.0);
                self.received += window.received.map_or(0, |n| n.0);
                self.late += window.late.map_or(0, |n| n.0);
                self.duplicates += window.duplicates.map_or(0, |n| n.0);
                self.voided += window.voided.map_or(0, |n| n.0);
                self.reordered += window.reordered.map_or(0, |n| n.0);
                self.forged += window.forged.map_or(0, |n| n.0);
                self.rtt.merge(&window.rtt);
                let method = window.method.map_or("none", |method| method.as_str());
                if !self.methods.contains(&method) {
                    self.methods.push(method);
                }
            }
            Value::Notice(notice) if !notice.cleared => self.notices.push(notice.detail),
            _ => {}
        }
    }
}

/// Processor time of this process so far, all threads, in seconds.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("every process has this clock");
    Duration::from(time).as_secs_f64()
}

/// A field of /proc/self/status, in kilobytes.
fn kilobytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Adds up what is reported until a moment.
async fn collect(out: &mut mpsc::Receiver<Observation>, until: Instant) -> Sum {
    let mut sum = Sum::default();
    while let Ok(Some(observation)) = timeout_at(until, out.recv()).await {
        sum.take(observation);
    }
    sum
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let usage = "probe_rate EVERY_MS WINDOW_MS WARM_UP SECONDS < LIST";
    let numbers: Vec<u64> = std::env::args().skip(1).map(|n| n.parse().expect(usage)).collect();
    let [every_ms, window_ms, warm_up, seconds] = numbers[..] else { panic!("{usage}") };
    let target = |line: String| TargetAssignment {
        id: line.replace(['.', ':'], "-"),
        address: Address::Host(line),
        every_ms,
        timeout_ms: 1000,
        tcp_port: 9,
    };
    let targets: Vec<_> = std::io::stdin().lock().lines().map_while(Result::ok).map(target).collect();
    let count = targets.len();
    let (reporter, mut out) = Reporter::new();
    let (_send, assignment) =
        watch::channel(Arc::new(Assignment { window_ms, targets, ..Assignment::default() }));
    let shutdown = CancellationToken::new();
    let agent = Subject::lenient(EntityKind::Agent, "bench");
    let probing = tokio::spawn(probing::run_with(
        probing::Options::default(),
        reporter,
        assignment,
        agent,
        shutdown.clone(),
    ));

    let begin = Instant::now() + Duration::from_secs(warm_up);
    let before = collect(&mut out, begin).await;
    let idle = processor_time();
    let sum = collect(&mut out, begin + Duration::from_secs(seconds)).await;
    let (spent, took) = (processor_time() - idle, begin.elapsed().as_secs_f64());
    let (resident, most) = (kilobytes("VmRSS:"), kilobytes("VmHWM:"));
    shutdown.cancel();
    drop(out);
    probing.await.expect("the prober does not panic");

    let rate = |n: u64, of: f64| n as f64 / of.max(1e-9);
    let document = serde_json::json!({
        "targets": count, "every_ms": every_ms, "windows": sum.windows, "sent": sum.sent, "received": sum.received,
        "lost": sum.sent - sum.received, "lost_warming_up": before.sent - before.received,
        "late": sum.late, "duplicates": sum.duplicates, "voided": sum.voided, "reordered": sum.reordered,
        "forged": sum.forged, "cpu_seconds": spent, "seconds": took, "percent_of_a_core": 100.0 * spent / took,
        "answered_per_second": rate(sum.received, took), "answered_per_cpu_second": rate(sum.received, spent),
        "rtt_p50_us": sum.rtt.quantile(0.5), "rtt_p99_us": sum.rtt.quantile(0.99),
        "resident_kb": resident, "most_resident_kb": most, "methods": sum.methods, "notices": sum.notices,
    });
    writeln!(std::io::stdout(), "{document:#}").expect("written");
}
