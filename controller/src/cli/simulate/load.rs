//! What a simulated agent sees: figures like those of real machines, targets and switches, each made
//! from the seed, the thing and the moment alone.
//!
//! They are shaped like the real thing because the cost of carrying them depends on it: round-trip times
//! lie closely above a floor of their own with a long tail, most interfaces of a switch are down or idle,
//! counters of errors are nearly always nought, and traffic follows the day.

use std::fmt::Write;
use std::time::Duration;

use clap::ValueEnum;
use wasl_model::units::{BitsPerSecond, Bytes, Count, Micros, Millis, Ppm, SignedMicros};
use wasl_model::{
    AgentRole, AgentSample, DeviceSample, DiskSample, EntityKind, Histogram, HostSample, InterfaceSample,
    Observation, ProbeMethod, ProbeWindow, Subject, Timestamp, Value,
};

use super::chance::{exponential, mix, of, unit};

/// How often devices are polled, where the heartbeat is not longer.
const POLL_MS: i64 = 30_000;
/// Interfaces of one simulated switch.
pub(super) const PORTS: usize = 48;
/// Probes to a target in a second.
const PROBES: f64 = 1.0;
const DAY_MS: f64 = 86_400_000.0;

/// What kind of machine the agents stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// A PC of a computer lab: its own figures
    Lab,
    /// A branch's gateway: its own figures, targets and switches
    Gateway,
}

impl Kind {
    /// The role that such an agent enrols with.
    pub(super) fn role(self) -> AgentRole {
        match self {
            Self::Lab => AgentRole::Lab,
            Self::Gateway => AgentRole::Gateway,
        }
    }
}

/// How much each agent watches, and how often it reports.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub kind: Kind,
    pub targets: usize,
    pub interfaces: usize,
    pub heartbeat: Duration,
    pub seed: u64,
}

/// What one agent watches.
#[derive(Debug, Clone)]
pub(super) struct Load {
    shape: Shape,
    key: u64,
    agent: Subject,
    machine: Subject,
    disk: Subject,
    nic: Subject,
    targets: Vec<Subject>,
    devices: Vec<Subject>,
    ports: Vec<Subject>,
}

impl Load {
    /// What the agent `name` watches; `number` tells it from the others.
    pub(super) fn new(shape: Shape, name: &str, number: u64) -> Self {
        let gateway = shape.kind == Kind::Gateway;
        let subject = Subject::lenient;
        let targets = if gateway { shape.targets } else { 0 };
        let interfaces = if gateway { shape.interfaces } else { 0 };
        Self {
            shape,
            key: of(&[shape.seed, number]),
            agent: subject(EntityKind::Agent, name),
            machine: subject(EntityKind::Machine, name),
            disk: subject(EntityKind::Disk, &format!("{name}//")),
            nic: subject(EntityKind::Interface, &format!("{name}/eth0")),
            targets: (0..targets).map(|t| subject(EntityKind::Target, &target(name, t))).collect(),
            devices: (0..interfaces.div_ceil(PORTS))
                .map(|d| subject(EntityKind::Device, &device(name, d)))
                .collect(),
            ports: (0..interfaces)
                .map(|p| {
                    let port = format!("{}/GigabitEthernet1/0/{}", device(name, p / PORTS), p % PORTS + 1);
                    subject(EntityKind::Interface, &port)
                })
                .collect(),
        }
    }

    /// How far into each heartbeat this agent reports, so that the agents are spread over it.
    pub(super) fn phase(&self) -> Duration {
        self.shape.heartbeat.mul_f64(unit(mix(self.key)))
    }

    /// What is seen at a moment; `waiting` batches wait in the agent's queue.
    pub(super) fn observe(&self, at: Timestamp, waiting: u64) -> Vec<Observation> {
        let mut all = Vec::with_capacity(4 + self.targets.len() + self.ports.len());
        let mut put = |subject: &Subject, value: Value| {
            all.push(Observation { subject: subject.clone(), at, value });
        };
        put(&self.machine, self.host(at).into());
        put(&self.disk, Self::disk(at).into());
        put(&self.nic, self.port(at, 1_000_000, self.heartbeat_ms()).into());
        put(&self.agent, self.own(at, waiting).into());
        for (number, target) in self.targets.iter().enumerate() {
            put(target, self.window(at, number as u64).into());
        }
        let every = POLL_MS.max(self.heartbeat_ms());
        if at.0.rem_euclid(every) < self.heartbeat_ms() {
            for (number, device) in self.devices.iter().enumerate() {
                let ports = self.ports.len().saturating_sub(number * PORTS).min(PORTS);
                put(device, self.device(at, number as u64, ports as u64).into());
            }
            for (number, port) in self.ports.iter().enumerate() {
                put(port, self.port(at, number as u64, every).into());
            }
        }
        all
    }

    fn heartbeat_ms(&self) -> i64 {
        i64::try_from(self.shape.heartbeat.as_millis()).unwrap_or(i64::MAX).max(1)
    }

    fn draw(&self, parts: &[u64]) -> u64 {
        parts.iter().fold(self.key, |key, part| mix(key ^ *part))
    }

    fn tick(&self, at: Timestamp) -> u64 {
        at.0.div_euclid(self.heartbeat_ms()) as u64
    }

    fn host(&self, at: Timestamp) -> HostSample {
        let noise = unit(self.draw(&[1, self.tick(at)]));
        let total = 8u64 << 30;
        let used = 0.25 + 0.2 * busy(at) + 0.01 * noise;
        HostSample {
            interval: Some(Millis(self.heartbeat_ms() as u64)),
            cpu_busy: Some(Ppm((20_000.0 + 300_000.0 * busy(at) * noise) as u32)),
            processors: Some(Count(4)),
            memory_total: Some(Bytes(total)),
            memory_available: Some(Bytes(pages(total as f64 * (1.0 - used)))),
            swap_total: Some(Bytes(2 << 30)),
            swap_free: Some(Bytes(2 << 30)),
            booted_at: Some(Timestamp(1_795_000_000_000 + (self.key % 86_400_000) as i64)),
            sessions: Some(Count(u64::from(busy(at) > 0.3))),
        }
    }

    fn disk(at: Timestamp) -> DiskSample {
        let size = 240u64 << 30;
        let written = (at.0 as u64 % 86_400_000) * 9;
        DiskSample {
            size: Some(Bytes(size)),
            available: Some(Bytes(pages(size as f64 * 0.6) - pages(written as f64))),
            inodes: Some(Count(16_000_000)),
            inodes_free: Some(Count(15_400_000 - at.0 as u64 / 60_000 % 1000)),
            read_only: Some(false),
        }
    }

    fn own(&self, at: Timestamp, waiting: u64) -> AgentSample {
        let uptime = at.0 as u64 % 864_000_000;
        AgentSample {
            resident: Some(Bytes(pages(7.6e6))),
            cpu_time: Some(Millis(uptime / 3000)),
            uptime: Some(Millis(uptime)),
            spool_pending: Some(Count(waiting)),
            spool_bytes: Some(Bytes(waiting * 600)),
            spool_dropped: Some(Count(0)),
            clock_offset: Some(SignedMicros((unit(self.draw(&[2, self.tick(at)])) * 800.0) as i64 - 400)),
            clock_error: Some(Micros(350)),
            certificate_expires: None,
            assignment_generation: None,
        }
    }

    fn window(&self, at: Timestamp, target: u64) -> ProbeWindow {
        let tick = self.tick(at);
        let floor = 300.0 * (120.0f64).powf(unit(self.draw(&[3, target])));
        let spread = floor * (0.01 + 0.05 * unit(self.draw(&[4, target]))) * (1.0 + 3.0 * busy(at));
        // Now and then a line is bad for a minute.
        let bad = unit(self.draw(&[5, target, tick / 6])) < 0.005;
        let loss = if bad { 0.2 } else { 0.0005 };
        let sent = (self.shape.heartbeat.as_secs_f64() * PROBES).round().max(1.0) as u64;
        let mut rtt = Histogram::default();
        let (mut received, mut least, mut most, mut last, mut wander) = (0u64, u64::MAX, 0u64, None, 0u64);
        for probe in 0..sent {
            let number = self.draw(&[6, target, tick, probe]);
            if unit(mix(number)) < loss {
                continue;
            }
            let micros = (floor + spread * exponential(number)) as u64;
            rtt.record(micros);
            received += 1;
            least = least.min(micros);
            most = most.max(micros);
            wander += last.replace(micros).map_or(0, |last| micros.abs_diff(last));
        }
        let some = |micros: u64| (received > 0).then_some(Micros(micros));
        ProbeWindow {
            window: Some(Millis(self.heartbeat_ms() as u64)),
            method: Some(ProbeMethod::IcmpDatagram),
            sent: Some(Count(sent)),
            received: Some(Count(received)),
            late: Some(Count(0)),
            duplicates: Some(Count(0)),
            rtt_min: some(least),
            rtt_max: some(most),
            jitter: (received > 1).then(|| Micros(wander / (received - 1))),
            voided: Some(Count(0)),
            rtt,
            ..ProbeWindow::default()
        }
    }

    fn device(&self, at: Timestamp, device: u64, ports: u64) -> DeviceSample {
        let since_start = (at.0 as u64).saturating_sub(self.draw(&[8, device]) % 8_640_000_000);
        DeviceSample {
            answered: Some(true),
            duration: Some(Millis(40 + self.draw(&[7, device, self.tick(at)]) % 60)),
            requests: Some(Count(9)),
            uptime: Some(Millis(since_start / 10 * 10)),
            interfaces: Some(Count(ports)),
            voided: Some(Count(0)),
            columns_failed: Some(Count(0)),
        }
    }

    fn port(&self, at: Timestamp, port: u64, every_ms: i64) -> InterfaceSample {
        let character = unit(self.draw(&[9, port]));
        let up = character < 0.5;
        let busy_port = character < 0.35;
        let noise = exponential(self.draw(&[10, port, self.tick(at)]));
        let seconds = every_ms as f64 / 1000.0;
        let mean = 2_000.0 * (500.0f64).powf(unit(self.draw(&[11, port])));
        let bytes = if busy_port { mean * (0.1 + busy(at)) * noise * seconds } else { 0.0 };
        // An idle port that is up still hears broadcasts.
        let chatter = if up { (self.draw(&[12, port, self.tick(at)]) % 40) * 90 } else { 0 };
        let (receive, transmit) = (bytes as u64 + chatter, (bytes * 0.3) as u64);
        InterfaceSample {
            interval: Some(Millis(
                (every_ms + self.draw(&[13, port / PORTS as u64, self.tick(at)]) as i64 % 20).max(1) as u64,
            )),
            receive_bytes: Some(Bytes(receive)),
            transmit_bytes: Some(Bytes(transmit)),
            receive_packets: Some(Count(receive / 700 + chatter / 90)),
            transmit_packets: Some(Count(transmit / 400)),
            receive_errors: Some(Count(0)),
            transmit_errors: Some(Count(0)),
            receive_discards: Some(Count(u64::from(noise > 6.0 && busy_port))),
            transmit_discards: Some(Count(0)),
            speed: Some(BitsPerSecond(1_000_000_000)),
            up: Some(up),
            enabled: Some(true),
            voided: None,
        }
    }
}

/// How busy the institution is at a moment, 0 to 1: asleep at night, busiest at noon (UTC).
fn busy(at: Timestamp) -> f64 {
    let day = at.0.rem_euclid(DAY_MS as i64) as f64 / DAY_MS;
    (-(day * std::f64::consts::TAU).cos()).max(0.0)
}

/// Whole pages of memory.
fn pages(bytes: f64) -> u64 {
    bytes as u64 / 4096 * 4096
}

/// The name of an agent's target.
fn target(agent: &str, number: usize) -> String {
    format!("{agent}-t{number:04}")
}

/// The name of an agent's switch.
fn device(agent: &str, number: usize) -> String {
    format!("{agent}-sw{number:02}")
}

/// A configuration that names everything that these agents speak of; targets and switches have addresses
/// of a block that is kept for benchmarks (RFC 2544), where nobody answers.
pub(super) fn configuration(shape: Shape, sites: &[String], names: &[String]) -> String {
    let mut text = String::from(
        "institution:\n  id: simulated\n  name: { en: Simulated, ar: محاكاة }\n  timezone: UTC\nsites:\n",
    );
    let line = |text: &mut String, args: std::fmt::Arguments<'_>| {
        text.write_fmt(args).expect("writing to memory does not fail");
        text.push('\n');
    };
    for site in sites {
        line(&mut text, format_args!("  {site}: {{ name: {{ en: {site} }} }}"));
    }
    text.push_str("agents:\n");
    for (number, name) in names.iter().enumerate() {
        let (site, role) = (&sites[number % sites.len()], shape.kind.role());
        line(&mut text, format_args!("  {name}: {{ site: {site}, role: {role} }}"));
    }
    if shape.kind == Kind::Lab {
        return text;
    }
    if shape.targets > 0 {
        text.push_str("targets:\n");
    }
    for name in names {
        for number in 0..shape.targets {
            let id = target(name, number);
            line(
                &mut text,
                format_args!(
                    "  {id}: {{ name: {{ en: {id} }}, address: 198.18.0.{}, from: [{name}] }}",
                    number % 250 + 1
                ),
            );
        }
    }
    if shape.interfaces > 0 {
        text.push_str("devices:\n");
    }
    for name in names {
        for number in 0..shape.interfaces.div_ceil(PORTS) {
            let id = device(name, number);
            line(
                &mut text,
                format_args!(
                    "  {id}: {{ name: {{ en: {id} }}, host: 198.18.1.{}, from: {name}, every: 30s, snmp: {{ version: v2c, community: simulated }} }}",
                    number % 250 + 1
                ),
            );
        }
    }
    text
}

/// How many scalar numbers the observations hold: fields that are set, and the numbers of lists.
pub(super) fn scalars(observations: &[Observation]) -> u64 {
    observations.iter().map(|o| wasl_scalars(&o.value)).sum()
}

/// How many points the observations add to the history.
pub(super) fn points(observations: &[Observation]) -> u64 {
    let mut points = 0;
    for observation in observations {
        wasl_model::series::points(&observation.value, |_, _| points += 1);
    }
    points
}

fn wasl_scalars(value: &Value) -> u64 {
    match value {
        Value::Host(sample) => cells(sample),
        Value::Disk(sample) => cells(sample),
        Value::Interface(sample) => cells(sample),
        Value::Probe(sample) => cells(sample.as_ref()),
        Value::Agent(sample) => cells(sample),
        Value::Device(sample) => cells(sample),
        Value::Stamp(sample) => cells(sample.as_ref()),
        Value::Sensor(sample) => cells(sample),
        Value::Share(sample) => cells(sample),
        Value::Talkers(_)
        | Value::Backup(_)
        | Value::Notice(_)
        | Value::Event(_)
        | Value::Neighbour(_)
        | Value::Station(_)
        | Value::Gone => 0,
    }
}

fn cells<S: wasl_model::sample::Sample>(sample: &S) -> u64 {
    let fields = (0..S::FIELDS.len()).filter(|index| sample.cell(*index).is_some()).count();
    let lists: usize = (0..S::LISTS.len()).map(|index| sample.list(index).len()).sum();
    (fields + lists) as u64
}

#[cfg(test)]
mod tests;
