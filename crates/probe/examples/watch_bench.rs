//! Measures the fleet: `watch_bench cost` tells what 5000 targets at one probe a second cost without and with
//! detectors, `watch_bench alarms` how often and how soon links at random loss are called down. Each writes a line
//! of JSON to standard output. `bench/watch.sh` runs both; the figures of a development build say nothing.
#![allow(clippy::print_stdout)] // its output is what it is for

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use std::{env, fs};

use wasl_model::{LinkVerdict, ProbeMethod};
use wasl_probe::clock::Reading;
use wasl_probe::detector::Class;
use wasl_probe::fleet::{Changed, Detect, Due, Fleet, Plan};

const WINDOW: Duration = Duration::from_secs(10);
const RTT: Duration = Duration::from_millis(20);
const DAY: Duration = Duration::from_hours(24);

/// Looks random and is the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn chance(&mut self, share: f64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64) < share * (1u64 << 53) as f64
    }
}

fn plan(id: String, class: Class, watched: bool) -> Plan {
    Plan {
        id,
        // For documentation (RFC 5737); nothing is sent.
        to: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 0)),
        method: ProbeMethod::IcmpRaw,
        every: class.pace(),
        timeout: Duration::from_secs(1),
        detect: watched.then(|| Detect::of(class, class.pace())),
    }
}

/// Runs a fleet as a lane does; all answers take [`RTT`]. How many probes were sent, and what changed.
fn run(fleet: &mut Fleet, until: Duration, mut answers: impl FnMut(Duration) -> bool) -> (u64, Vec<Changed>) {
    let read = |mono| Reading { mono, wall: DAY * 20_000 + mono };
    let (mut sent, mut changes) = (0, Vec::new());
    let mut on_the_way: VecDeque<(Duration, Due)> = VecDeque::new();
    loop {
        let wake = fleet.next_wake().into_iter().chain(on_the_way.front().map(|(at, _)| *at)).min();
        let Some(now) = wake.filter(|at| *at <= until) else { return (sent, changes) };
        while let Some((arrived, due)) = on_the_way.pop_front_if(|(at, _)| *at <= now) {
            let from: IpAddr = due.to.ip();
            fleet.on_reply(due.key, due.number, from, Some(read(arrived).wall), read(now));
        }
        fleet.on_deadline(now);
        while let Some(due) = fleet.pop_probe(now) {
            fleet.on_sent(&due, read(now));
            sent += 1;
            if answers(now) {
                on_the_way.push_back((now + RTT, due));
            }
        }
        changes.extend(fleet.take_changes());
        while let Some(key) = fleet.pop_window(now) {
            fleet.close(key, now);
        }
    }
}

/// Nanoseconds that this process has had of a processor (`/proc/self/schedstat`); 0 where that cannot be read.
fn processor_time() -> u128 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

/// Nanoseconds of processor time for each probe, the simulation's own included.
fn cost(watched: bool) -> u128 {
    let plans: Vec<_> = (0..5_000).map(|n| plan(format!("t{n}"), Class::Target, watched)).collect();
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, &plans, Duration::ZERO);
    let mut random = Random(1);
    let before = processor_time();
    let (sent, _) = run(&mut fleet, Duration::from_secs(300), |_| !random.chance(0.01));
    (processor_time() - before) / u128::from(sent.max(1))
}

/// False alarms in so many days of a link at this loss.
fn alarms(class: Class, days: u32, loss: f64) -> usize {
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, &[plan("link".to_owned(), class, true)], Duration::ZERO);
    let mut random = Random(u64::from(days));
    let (_, changes) = run(&mut fleet, DAY * days, |_| !random.chance(loss));
    changes.iter().filter(|changed| changed.change.to.verdict() == Some(LinkVerdict::Down)).count()
}

/// From the cut to "down", sorted, in milliseconds; each cut at another moment after a minute at this loss.
fn delays(class: Class, loss: f64) -> Vec<u128> {
    let mut delays: Vec<_> = (0..1_000u32)
        .filter_map(|n| {
            let mut fleet = Fleet::default();
            fleet.set(WINDOW, &[plan("link".to_owned(), class, true)], Duration::ZERO);
            let mut random = Random(n.into());
            let cut = Duration::from_secs(60) + class.pace() * n / 1_000;
            let until = cut + Duration::from_secs(30);
            let (_, changes) = run(&mut fleet, until, |now| now < cut && !random.chance(loss));
            let down = changes.iter().find(|c| c.change.to.verdict() == Some(LinkVerdict::Down))?;
            Some(down.change.at.saturating_sub(cut).as_millis())
        })
        .collect();
    delays.sort_unstable();
    delays
}

fn main() {
    let days = env::var("DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(10);
    match env::args().nth(1).as_deref() {
        Some("cost") => println!(r#"{{"plain_ns":{},"watched_ns":{}}}"#, cost(false), cost(true)),
        Some("alarms") => {
            let mut rows = Vec::new();
            for (class, word) in [(Class::Uplink, "uplink"), (Class::Link, "link")] {
                for loss in [0.0, 0.05, 0.20] {
                    let delays = delays(class, loss);
                    let at = |q: f64| delays[((delays.len() - 1) as f64 * q) as usize];
                    rows.push(format!(
                        r#"{{"class":"{word}","loss":{loss},"days":{days},"false_downs":{},"n":{},"down_p50_ms":{},"down_p99_ms":{}}}"#,
                        if loss > 0.0 { alarms(class, days, loss) } else { 0 },
                        delays.len(),
                        at(0.5),
                        at(0.99),
                    ));
                }
            }
            println!("[{}]", rows.join(","));
        }
        _ => eprintln!("watch_bench cost | alarms"),
    }
}
