//! One function for each kind of entity.

mod link;

pub use link::{link, link_from_both_ends, path, path_from_both_ends};

use std::time::Duration;

use wasl_model::health::{Health, Proof, Reason};
use wasl_model::units::Scalar;
use wasl_model::{
    AgentSample, BackupEvidence, BackupOutcome, DeviceSample, DiskSample, HostSample, InterfaceSample,
    ProbeWindow, SensorSample, SensorState, Timestamp,
};

use crate::{Judgement, reasons};

/// A session may be away this long before its agent counts as down: an agent or a controller that is
/// started again comes back within seconds.
pub const SESSION_GRACE: Duration = Duration::from_secs(30);
/// A clock may be off by this much before its observations are placed wrongly on a chart.
const CLOCK_LIMIT_S: f64 = 5.0;
/// A certificate that was not renewed this long before its end needs a person.
pub(crate) const CERTIFICATE_NOTICE: Duration = Duration::from_secs(5 * 24 * 3600);
/// Less free memory than this is trouble near.
const MEMORY_LOW: f64 = 0.05;
/// A file system is nearly full below this share of free room, and full below the other.
const DISK_FILLING: f64 = 0.10;
const DISK_FULL: f64 = 0.02;
/// More lost packets a second than this and an interface is faulty.
const INTERFACE_ERRORS: f64 = 1.0;
/// More loss than this and a target is degraded; all lost and it is down.
const TARGET_LOSSY: f64 = 0.05;

/// How long a value holds that is renewed every `every`: three of these and ten seconds may pass.
pub fn holds(every: Duration) -> Duration {
    every * 3 + Duration::from_secs(10)
}

/// Judges a value of this age: too old a value says nothing of the present. `every` is how often the
/// value is renewed.
pub fn fresh(at: Timestamp, every: Duration, now: Timestamp, judgement: Judgement) -> Judgement {
    let age = now.since(at);
    if age <= holds(every) {
        return judgement;
    }
    Judgement::new(Health::Unknown, Reason::new(reasons::OBSERVATIONS_STALE).with("age_s", age.as_secs()))
}

/// What nobody has seen.
pub fn unseen() -> Judgement {
    Judgement::new(Health::Unknown, Reason::new(reasons::NOT_OBSERVED))
}

/// An agent: whether it has a session, when it was last seen, and what it last said of itself.
pub fn agent(
    connected: bool,
    last_seen: Option<Timestamp>,
    sample: Option<&AgentSample>,
    now: Timestamp,
) -> Judgement {
    let Some(last_seen) = last_seen else {
        return Judgement::new(Health::Unknown, Reason::new(reasons::AGENT_NEVER_SEEN));
    };
    if !connected {
        let reason = Reason::new(reasons::AGENT_DISCONNECTED).with("since", last_seen.0);
        let health = if now.since(last_seen) < SESSION_GRACE { Health::Unknown } else { Health::Down };
        return Judgement::new(health, reason);
    }
    let degraded = |reason| Judgement::new(Health::Degraded, reason);
    if let Some(sample) = sample {
        if let Some(count) = sample.spool_dropped.map(|c| c.0).filter(|n| *n > 0) {
            return degraded(Reason::new(reasons::AGENT_SPOOL_DROPPING).with("count", count));
        }
        if let (Some(offset), Some(error)) = (sample.clock_offset, sample.clock_error)
            && offset.value().abs() - error.value() > CLOCK_LIMIT_S
        {
            return degraded(
                Reason::new(reasons::AGENT_CLOCK_OFF)
                    .with("offset_s", format!("{:.1}", offset.value()))
                    .with("limit_s", CLOCK_LIMIT_S),
            );
        }
        if let Some(expires) = sample.certificate_expires
            && expires < now.plus(CERTIFICATE_NOTICE)
        {
            let days = expires.since(now).as_secs() / 86_400;
            return degraded(Reason::new(reasons::AGENT_CERTIFICATE_ENDS).with("days", days));
        }
    }
    Judgement::new(Health::Ok, Reason::new(reasons::AGENT_CONNECTED))
}

/// A machine.
pub fn machine(sample: &HostSample) -> Judgement {
    if let (Some(total), Some(available)) = (sample.memory_total, sample.memory_available)
        && total.0 > 0
    {
        let share = available.value() / total.value();
        if share < MEMORY_LOW {
            let reason = Reason::new(reasons::MEMORY_LOW).with("percent", format!("{:.1}", share * 100.0));
            return Judgement::new(Health::Degraded, reason);
        }
    }
    Judgement::new(Health::Ok, Reason::new(reasons::MACHINE_FINE))
}

/// A file system.
pub fn disk(sample: &DiskSample) -> Judgement {
    let (Some(size), Some(available)) = (sample.size, sample.available) else { return unseen() };
    if size.0 > 0 {
        let share = available.value() / size.value();
        let inodes = sample.inodes.zip(sample.inodes_free).filter(|(all, _)| all.0 > 0);
        let inode_share = inodes.map_or(1.0, |(all, free)| free.value() / all.value());
        let left = share.min(inode_share);
        let reason = |code| Reason::new(code).with("percent", format!("{:.1}", left * 100.0));
        // A read-only image is always full, and that is no fault.
        if sample.read_only != Some(true) {
            if left < DISK_FULL {
                return Judgement::new(Health::Down, reason(reasons::DISK_FULL));
            }
            if left < DISK_FILLING {
                return Judgement::new(Health::Degraded, reason(reasons::DISK_FILLING));
            }
        }
    }
    if sample.read_only == Some(true) {
        return Judgement::new(Health::Ok, Reason::new(reasons::DISK_READ_ONLY));
    }
    Judgement::new(Health::Ok, Reason::new(reasons::DISK_FINE))
}

/// A network interface. `watched`: whether it is meant to be up; where nobody said so, nothing is plugged in there, or what
/// is was switched off for the night.
pub fn interface(sample: &InterfaceSample, watched: bool) -> Judgement {
    match (sample.enabled, sample.up) {
        (Some(false), _) => return Judgement::new(Health::Ok, Reason::new(reasons::INTERFACE_DISABLED)),
        (_, Some(false)) if !watched => {
            return Judgement::new(Health::Ok, Reason::new(reasons::INTERFACE_UNUSED));
        }
        (_, Some(false)) => return Judgement::new(Health::Down, Reason::new(reasons::INTERFACE_DOWN)),
        (_, None) => return unseen(),
        (_, Some(true)) => {}
    }
    let errors =
        sample.receive_errors.map_or(0, |c| c.0).saturating_add(sample.transmit_errors.map_or(0, |c| c.0));
    if let Some(seconds) = sample.interval.map(Scalar::value).filter(|s| *s > 0.0) {
        let rate = errors as f64 / seconds;
        if rate > INTERFACE_ERRORS {
            let reason = Reason::new(reasons::INTERFACE_ERRORS).with("per_second", format!("{rate:.1}"));
            return Judgement::new(Health::Degraded, reason);
        }
    }
    Judgement::new(Health::Ok, Reason::new(reasons::INTERFACE_UP))
}

/// An interface that is gone and is meant to be there.
pub fn interface_gone() -> Judgement {
    Judgement::new(Health::Down, Reason::new(reasons::INTERFACE_GONE))
}

/// A probed target, by its last window: by what the agent's detector holds of it, and where there is none, by loss.
pub fn target(window: &ProbeWindow) -> Judgement {
    if window.verdict.is_some() {
        return link::of_target(window);
    }
    let Some(loss) = window.loss() else { return unseen() };
    if loss >= 1.0 {
        return Judgement::new(Health::Down, Reason::new(reasons::TARGET_SILENT));
    }
    if loss > TARGET_LOSSY {
        let reason = Reason::new(reasons::TARGET_LOSSY).with("loss_percent", format!("{:.1}", loss * 100.0));
        return Judgement::new(Health::Degraded, reason);
    }
    let rtt = window.rtt.quantile(0.5).map_or_else(|| "?".to_owned(), millis);
    Judgement::new(Health::Ok, Reason::new(reasons::TARGET_ANSWERS).with("rtt_ms", rtt))
}

/// Microseconds as an argument in milliseconds; to a microsecond where that is the unit that people read.
pub(crate) fn millis(micros: f64) -> String {
    let decimals = if micros < 1000.0 { 3 } else { 2 };
    format!("{:.decimals$}", micros / 1000.0)
}

/// A device, by its last poll.
pub fn device(sample: &DeviceSample) -> Judgement {
    match sample.answered {
        Some(true) => Judgement::new(Health::Ok, Reason::new(reasons::DEVICE_ANSWERS)),
        Some(false) => Judgement::new(Health::Down, Reason::new(reasons::DEVICE_SILENT)),
        None => unseen(),
    }
}

/// A sensor, by what its profile says of the value.
pub fn sensor(sample: &SensorSample) -> Judgement {
    let told = |code| match measured(sample) {
        Some(value) => Reason::new(code).with("value", value),
        None => Reason::new(code),
    };
    match sample.state {
        Some(SensorState::Ok) => Judgement::new(Health::Ok, Reason::new(reasons::SENSOR_FINE)),
        Some(SensorState::Degraded) => Judgement::new(Health::Degraded, told(reasons::SENSOR_DEGRADED)),
        Some(SensorState::Down) => Judgement::new(Health::Down, told(reasons::SENSOR_DOWN)),
        None if measured(sample).is_some() => {
            Judgement::new(Health::Ok, Reason::new(reasons::SENSOR_MEASURES))
        }
        None => unseen(),
    }
}

/// What a sensor measures, with its unit.
fn measured(s: &SensorSample) -> Option<String> {
    let figure = |value: f64, unit: &str| format!("{value:.1} {unit}").trim_end().to_owned();
    let percent = |ratio: f64| format!("{:.0} %", ratio * 100.0);
    let of = |value: Option<f64>, unit: &str| value.map(|value| figure(value, unit));
    None.or(of(s.temperature.map(Scalar::value), "°C"))
        .or(of(s.voltage.map(Scalar::value), "V"))
        .or(of(s.current.map(Scalar::value), "A"))
        .or(of(s.power.map(Scalar::value), "W"))
        .or(of(s.frequency.map(Scalar::value), "Hz"))
        .or(s.humidity.map(|v| percent(v.value())))
        .or(s.charge.map(|v| percent(v.value())))
        .or(s.load.map(|v| percent(v.value())))
        .or(s.runtime.map(|v| format!("{:.0} s", v.value())))
        .or(s.fan.map(|v| format!("{} /min", v.0)))
        .or(s.status.map(|v| v.0.to_string()))
        .or(of(s.rate.map(Scalar::value), "/s"))
        .or(s.used.zip(s.size).filter(|(_, size)| size.0 > 0).map(|(u, n)| percent(u.0 as f64 / n.0 as f64)))
}

/// A backup job: fresh or not; its proof is `none`, because a list of snapshots proves nothing.
pub fn backup(evidence: &BackupEvidence, expect_every: Duration, now: Timestamp) -> Judgement {
    let hours = |d: Duration| format!("{:.2}", d.as_secs_f64() / 3600.0);
    let (health, reason) = match (evidence.outcome, evidence.newest_at) {
        (BackupOutcome::Read, Some(newest)) if now.since(newest) > expect_every => (
            Health::Degraded,
            Reason::new(reasons::BACKUP_STALE)
                .with("age_hours", hours(now.since(newest)))
                .with("limit_hours", hours(expect_every)),
        ),
        (BackupOutcome::Read, Some(newest)) => {
            (Health::Ok, Reason::new(reasons::BACKUP_FRESH).with("age_hours", hours(now.since(newest))))
        }
        (BackupOutcome::Read, None) => (Health::Down, Reason::new(reasons::BACKUP_EMPTY)),
        (outcome, _) => {
            (Health::Unknown, Reason::new(reasons::BACKUP_UNREADABLE).with("outcome", outcome.as_str()))
        }
    };
    let mut judgement = Judgement::new(health, reason);
    judgement.proof = Some(Proof::None);
    judgement
}

#[cfg(test)]
mod tests;
