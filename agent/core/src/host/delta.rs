//! From two readings to what happened between them.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use wasl_model::units::{Bytes, Count, Millis, Ppm};
use wasl_model::{HostSample, InterfaceSample, Timestamp, VoidReason};

/// What the machine says of itself at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostReading {
    /// Time of all processors that was not idle, in ticks.
    pub busy: u64,
    /// Time of all processors, in ticks.
    pub total: u64,
    /// Processors on line.
    pub processors: u64,
    /// Memory in all, bytes.
    pub memory_total: u64,
    /// Memory that programs could still get, bytes.
    pub memory_available: Option<u64>,
    /// Swap in all, bytes.
    pub swap_total: u64,
    /// Free swap, bytes.
    pub swap_free: u64,
    /// Start of the machine, seconds since 1970.
    pub booted_s: u64,
    /// People logged in.
    pub sessions: Option<u64>,
}

/// What an interface says of itself at one moment; all counts since the machine started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InterfaceReading {
    /// Its name.
    pub name: String,
    /// An index that the kernel never gives twice, so that a new interface of an old name is known as new.
    pub index: u32,
    /// Bytes, packets, errors and discards, received and sent.
    pub counters: [u64; 8],
    /// Nominal speed in Mbit/s.
    pub speed_mbit: Option<u64>,
    /// Operational state.
    pub up: Option<bool>,
    /// Administrative state.
    pub enabled: Option<bool>,
}

/// Remembers the last readings.
#[derive(Debug, Default)]
pub struct Deltas {
    host: Option<(HostReading, Instant)>,
    interfaces: HashMap<String, (InterfaceReading, Instant)>,
    /// Those that the last reading did not have and the one before had.
    missed: HashSet<String>,
}

impl Deltas {
    /// The sample between the last reading of the machine and this one.
    pub fn host(&mut self, reading: &HostReading, now: Instant) -> HostSample {
        let before = self.host.replace((reading.clone(), now));
        let mut sample = HostSample {
            interval: None,
            cpu_busy: None,
            processors: Some(Count(reading.processors)),
            memory_total: Some(Bytes(reading.memory_total)),
            memory_available: reading.memory_available.map(Bytes),
            swap_total: Some(Bytes(reading.swap_total)),
            swap_free: Some(Bytes(reading.swap_free)),
            booted_at: Some(Timestamp(i64::try_from(reading.booted_s).unwrap_or(0).saturating_mul(1000))),
            sessions: reading.sessions.map(Count),
        };
        if let Some((before, then)) = before {
            sample.interval = Some(millis(then, now));
            // The kernel's idle time may go back a little; such a reading says nothing.
            let busy = reading.busy.checked_sub(before.busy);
            let total = reading.total.checked_sub(before.total).filter(|t| *t > 0);
            sample.cpu_busy =
                busy.zip(total).map(|(b, t)| Ppm((b.min(t) as u128 * 1_000_000 / t as u128) as u32));
        }
        sample
    }

    /// The sample between the last reading of an interface and this one.
    pub fn interface(&mut self, reading: &InterfaceReading, now: Instant) -> InterfaceSample {
        let before = self.interfaces.insert(reading.name.clone(), (reading.clone(), now));
        let mut sample = InterfaceSample {
            speed: reading.speed_mbit.map(|m| wasl_model::units::BitsPerSecond(m.saturating_mul(1_000_000))),
            up: reading.up,
            enabled: reading.enabled,
            ..Default::default()
        };
        let Some((before, then)) = before else {
            sample.voided = Some(VoidReason::First);
            return sample;
        };
        if before.index != reading.index {
            sample.voided = Some(VoidReason::Restart);
            return sample;
        }
        sample.interval = Some(millis(then, now));
        let mut steps = [None; 8];
        for (step, (new, old)) in steps.iter_mut().zip(reading.counters.iter().zip(before.counters)) {
            *step = new.checked_sub(old);
        }
        if steps.iter().any(Option::is_none) {
            sample.voided = Some(VoidReason::Implausible);
        }
        sample.receive_bytes = steps[0].map(Bytes);
        sample.receive_packets = steps[1].map(Count);
        sample.receive_errors = steps[2].map(Count);
        sample.receive_discards = steps[3].map(Count);
        sample.transmit_bytes = steps[4].map(Bytes);
        sample.transmit_packets = steps[5].map(Count);
        sample.transmit_errors = steps[6].map(Count);
        sample.transmit_discards = steps[7].map(Count);
        sample
    }

    /// Forgets interfaces that are not among these. Which are gone: two readings in a row did not have them. A reading
    /// without any interface is one that failed, and says nothing.
    pub fn forget_all_but<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let names: HashSet<&str> = names.collect();
        if names.is_empty() {
            return Vec::new();
        }
        let is_missing = |name: &str| !names.contains(name);
        let mut gone: Vec<String> = self.missed.drain().filter(|name| is_missing(name)).collect();
        gone.sort_unstable();
        self.missed.extend(self.interfaces.keys().filter(|name| is_missing(name)).cloned());
        self.interfaces.retain(|name, _| !is_missing(name));
        gone
    }
}

fn millis(then: Instant, now: Instant) -> Millis {
    Millis(now.saturating_duration_since(then).as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn processor_time_is_a_share_of_what_passed() {
        let mut deltas = Deltas::default();
        let start = Instant::now();
        let reading = |busy, total| HostReading { busy, total, ..Default::default() };
        assert_eq!(deltas.host(&reading(100, 1000), start).cpu_busy, None, "one reading is no rate");
        let later = deltas.host(&reading(150, 1200), start + Duration::from_secs(2));
        assert_eq!((later.cpu_busy, later.interval), (Some(Ppm(250_000)), Some(Millis(2000))));
        let back = deltas.host(&reading(140, 1300), start + Duration::from_secs(3));
        assert_eq!(back.cpu_busy, None, "time that went back says nothing");
        assert_eq!(deltas.host(&reading(140, 1300), start + Duration::from_secs(4)).cpu_busy, None);
    }

    #[test]
    fn a_new_interface_of_an_old_name_starts_anew() {
        let mut deltas = Deltas::default();
        let start = Instant::now();
        let reading = |index, bytes| InterfaceReading {
            name: "ppp0".into(),
            index,
            counters: [bytes, 1, 0, 0, 7, 1, 0, 0],
            ..Default::default()
        };
        assert_eq!(deltas.interface(&reading(4, 1000), start).voided, Some(VoidReason::First));
        let second = deltas.interface(&reading(4, 1500), start + Duration::from_secs(1));
        assert_eq!((second.receive_bytes, second.voided), (Some(Bytes(500)), None));
        let redialled = deltas.interface(&reading(9, 40), start + Duration::from_secs(2));
        assert_eq!((redialled.receive_bytes, redialled.voided), (None, Some(VoidReason::Restart)));
        let after = deltas.interface(&reading(9, 90), start + Duration::from_secs(3));
        assert_eq!(after.receive_bytes, Some(Bytes(50)));
        let reset = deltas.interface(&reading(9, 10), start + Duration::from_secs(4));
        assert_eq!((reset.receive_bytes, reset.voided), (None, Some(VoidReason::Implausible)));
        assert_eq!(reset.transmit_bytes, Some(Bytes(0)), "the other counters still count");
        deltas.forget_all_but(["eth0"].into_iter());
        assert_eq!(deltas.interface(&reading(9, 10), start).voided, Some(VoidReason::First));
    }

    /// Catches: a tunnel that was taken down and that the views show for ever; and one that one reading missed and that
    /// leaves them.
    #[test]
    fn an_interface_that_two_readings_did_not_have_is_gone() {
        let mut deltas = Deltas::default();
        let now = Instant::now();
        let mut read = |names: &[&str]| {
            for name in names {
                deltas.interface(&InterfaceReading { name: (*name).to_owned(), ..Default::default() }, now);
            }
            deltas.forget_all_but(names.iter().copied())
        };
        assert!(read(&["eth0", "wg0"]).is_empty());
        assert!(read(&["eth0"]).is_empty(), "once");
        assert!(read(&["eth0", "wg0"]).is_empty(), "it is back");
        assert!(read(&["eth0"]).is_empty());
        assert!(read(&[]).is_empty(), "nothing could be read");
        assert_eq!(read(&["eth0"]), ["wg0"]);
        assert!(read(&["eth0"]).is_empty(), "it is told once");
    }
}
