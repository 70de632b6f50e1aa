//! From two readings of an interface to what happened between them.
//!
//! A counter says something only in pairs, and only if nothing reset it in between. Each rule here has a
//! device behind it: counters of 32 bits wrap (34 s at 1 Gbit/s, RFC 2863 3.1.6), a restart sets them to
//! zero, a line card that is swapped announces `ifCounterDiscontinuityTime`, and some firmware jumps without
//! a word. An increment that cannot be told for certain is left out and counted; it is never guessed,
//! never negative, and never faster than the interface.
//!
//! Pure: no clock and no socket.

use std::time::Duration;

use wasl_model::units::{BitsPerSecond, Bytes, Count, Millis};
use wasl_model::{InterfaceSample, VoidReason};

/// A rate may be this much above the nominal speed: sampling jitter, and bytes that the nominal speed
/// does not count.
const HEADROOM: f64 = 1.1;
/// The smallest packet that is believed in, in bits: an IPv4 header.
const SMALLEST_PACKET: f64 = 160.0;
/// What an interface without a known speed is taken to do at most where a wrap has to be told, in bits per
/// second. RFC 2863 asks for 64-bit counters above 20 Mbit/s.
const UNKNOWN_SPEED: f64 = 100e6;
/// `sysUpTime` counts hundredths of a second in 32 bits: 497 days.
const TICKS_PER_SECOND: f64 = 100.0;
/// 2 to the 32nd.
const WRAP: f64 = 4_294_967_296.0;

/// A counter's value and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Counter {
    /// `Counter32`.
    Narrow(u32),
    /// `Counter64`.
    Wide(u64),
}

/// One interface as it was read at one moment. A counter that the device does not have is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reading {
    /// The monotonic time of the reading, from any fixed origin.
    pub at: Duration,
    /// `sysUpTime` in hundredths of a second, from the same reply.
    pub uptime: Option<u32>,
    /// `ifIndex`.
    pub index: u32,
    /// Nothing but its number tells this interface from another.
    pub by_number: bool,
    /// `ifHighSpeed` or `ifSpeed`, in bits per second.
    pub speed: Option<u64>,
    /// Whether the speed is a limit. The speed of an interface without a connector (a tunnel, a loopback)
    /// is a number that somebody configured, and traffic may well exceed it (`ifConnectorPresent`).
    pub connector: Option<bool>,
    /// `ifOperStatus` is up.
    pub up: Option<bool>,
    /// `ifAdminStatus` is up.
    pub enabled: Option<bool>,
    /// Which of these two was not read. A device may well say that it does not know.
    pub status_missed: [bool; 2],
    /// `ifCounterDiscontinuityTime`.
    pub discontinuity: Option<u32>,
    /// Bytes in and out.
    pub octets: [Option<Counter>; 2],
    /// Unicast, multicast and broadcast packets in and out.
    pub packets: [[Option<Counter>; 3]; 2],
    /// Errors in and out.
    pub errors: [Option<Counter>; 2],
    /// Discards in and out.
    pub discards: [Option<Counter>; 2],
}

/// What a counter counts, which decides how fast it can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Octets,
    Packets,
    /// Errors and discards exist in 32 bits only, whatever the speed. A whole turn in one interval would take
    /// tens of millions a second, so it is not considered; a step back is most often an operator's "clear".
    Faults,
}

/// What became of one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Absent,
    By(u64),
    Void(VoidReason),
}

/// The sample for the time from `previous` to `current`, and how many increments had to be left out.
///
/// A first reading voids nothing: there was no interval yet.
pub(crate) fn compare(previous: Option<&Reading>, current: &Reading) -> (InterfaceSample, u64) {
    let mut sample = InterfaceSample {
        speed: current.speed.map(BitsPerSecond),
        up: current.up,
        enabled: current.enabled,
        ..InterfaceSample::default()
    };
    let Some(previous) = previous else {
        sample.voided = Some(VoidReason::First);
        return (sample, 0);
    };
    let mut pair = Pair {
        elapsed: current.at.saturating_sub(previous.at),
        broken: broken(previous, current),
        may_wrap: previous.uptime.is_some() && current.uptime.is_some() && previous.index == current.index,
        limit: limit(previous, current),
        voids: 0,
        reason: None,
    };
    sample.interval = Some(Millis(pair.elapsed.as_millis() as u64));
    let bytes = |pair: &mut Pair, way: usize| {
        pair.total(Kind::Octets, &[(previous.octets[way], current.octets[way])]).map(Bytes)
    };
    let packets = |pair: &mut Pair, way: usize| {
        let (before, after) = (previous.packets[way], current.packets[way]);
        pair.total(Kind::Packets, &[0, 1, 2].map(|cast| (before[cast], after[cast]))).map(Count)
    };
    let faults = |pair: &mut Pair, before: Option<Counter>, after: Option<Counter>| {
        pair.total(Kind::Faults, &[(before, after)]).map(Count)
    };
    sample.receive_bytes = bytes(&mut pair, 0);
    sample.transmit_bytes = bytes(&mut pair, 1);
    sample.receive_packets = packets(&mut pair, 0);
    sample.transmit_packets = packets(&mut pair, 1);
    sample.receive_errors = faults(&mut pair, previous.errors[0], current.errors[0]);
    sample.transmit_errors = faults(&mut pair, previous.errors[1], current.errors[1]);
    sample.receive_discards = faults(&mut pair, previous.discards[0], current.discards[0]);
    sample.transmit_discards = faults(&mut pair, previous.discards[1], current.discards[1]);
    sample.voided = pair.reason;
    (sample, pair.voids)
}

/// Two readings of one interface.
struct Pair {
    elapsed: Duration,
    /// Why no counter can be compared.
    broken: Option<VoidReason>,
    /// Whether a counter that went back may be taken to have wrapped: only if the device is known to have
    /// run on, and the interface kept its number.
    may_wrap: bool,
    /// The speed that cannot be exceeded, in bits per second.
    limit: Option<f64>,
    voids: u64,
    reason: Option<VoidReason>,
}

impl Pair {
    /// The sum of counters' increments; `None` if one is unknown or all are absent.
    fn total(&mut self, kind: Kind, counters: &[(Option<Counter>, Option<Counter>)]) -> Option<u64> {
        let mut sum: Option<u64> = None;
        let mut whole = true;
        for &(before, after) in counters {
            match self.step(kind, before, after) {
                Step::Absent => {}
                Step::By(n) => sum = Some(sum.unwrap_or(0).saturating_add(n)),
                Step::Void(reason) => {
                    whole = false;
                    self.void(reason);
                }
            }
        }
        let sum = sum.filter(|_| whole)?;
        if self.limit.is_some_and(|limit| sum as f64 > self.most(kind, limit)) {
            self.void(VoidReason::Implausible);
            return None;
        }
        Some(sum)
    }

    fn void(&mut self, reason: VoidReason) {
        self.voids += 1;
        self.reason.get_or_insert(reason);
    }

    fn step(&self, kind: Kind, before: Option<Counter>, after: Option<Counter>) -> Step {
        let Some(after) = after else { return Step::Absent };
        if let Some(reason) = self.broken {
            return Step::Void(reason);
        }
        let step = match (before, after) {
            (Some(Counter::Wide(before)), Counter::Wide(after)) => match after.checked_sub(before) {
                Some(step) => step,
                None => return Step::Void(VoidReason::Implausible),
            },
            (Some(Counter::Narrow(before)), Counter::Narrow(after)) => {
                let most = self.most(kind, self.limit.unwrap_or(UNKNOWN_SPEED));
                if kind != Kind::Faults && most >= WRAP {
                    return Step::Void(VoidReason::TooOld);
                }
                let step = u64::from(after.wrapping_sub(before));
                let wrapped = after < before;
                if wrapped && (!self.may_wrap || step as f64 > most || kind == Kind::Faults && step > 1 << 31)
                {
                    return Step::Void(VoidReason::Implausible);
                }
                step
            }
            // New on this device, or read with another width than last time.
            _ => return Step::Void(VoidReason::First),
        };
        if self.limit.is_some_and(|limit| step as f64 > self.most(kind, limit)) {
            return Step::Void(VoidReason::Implausible);
        }
        Step::By(step)
    }

    /// How far a counter of this kind can go in the interval at `speed` bits per second.
    fn most(&self, kind: Kind, speed: f64) -> f64 {
        let bits = speed * HEADROOM * self.elapsed.as_secs_f64();
        match kind {
            Kind::Octets => bits / 8.0,
            Kind::Packets | Kind::Faults => bits / SMALLEST_PACKET,
        }
    }
}

/// The speed that the interface cannot have exceeded in between, if there is such a speed.
fn limit(previous: &Reading, current: &Reading) -> Option<f64> {
    if current.connector == Some(false) {
        return None;
    }
    let speed = previous.speed.max(current.speed)?;
    (speed > 0 && current.speed.is_some_and(|s| s > 0)).then_some(speed as f64)
}

/// Why nothing of these two readings can be compared, if so.
fn broken(previous: &Reading, current: &Reading) -> Option<VoidReason> {
    if current.by_number && previous.index != current.index {
        // It may be the other one's reading that came before.
        return Some(VoidReason::Implausible);
    }
    let elapsed = current.at.checked_sub(previous.at).filter(|e| !e.is_zero());
    let Some(elapsed) = elapsed else { return Some(VoidReason::Implausible) };
    if let (Some(before), Some(after)) = (previous.uptime, current.uptime)
        && let Some(reason) = interrupted(before, after, elapsed)
    {
        return Some(reason);
    }
    if previous.discontinuity.is_some()
        && current.discontinuity.is_some()
        && previous.discontinuity != current.discontinuity
    {
        return Some(VoidReason::Discontinuity);
    }
    // Made anew, with counters of its own (RFC 2863, 3.1.5).
    (previous.index != current.index).then_some(VoidReason::Discontinuity)
}

/// Whether the device did not simply run on for `elapsed` between two values of `sysUpTime`.
///
/// It must have gone forward by about `elapsed`, in the arithmetic of 32 bits, so that day 497 is no
/// restart. A device that was up for a minute, restarted and is up for two minutes went forward too, but
/// not by enough. One case cannot be told: a restart in the very interval of the wrap, after which the
/// uptime happens to be what it would have been.
pub(crate) fn interrupted(before: u32, after: u32, elapsed: Duration) -> Option<VoidReason> {
    let expected = elapsed.as_secs_f64() * TICKS_PER_SECOND;
    let tolerance = 2.0 * TICKS_PER_SECOND + expected / 50.0;
    let (before, after) = (f64::from(before), f64::from(after));
    let advance = after - before;
    if advance < 0.0 {
        let turned = advance + WRAP;
        // Once in 497 days it may well be strict.
        let tolerance = TICKS_PER_SECOND + expected / 200.0;
        return ((turned - expected).abs() > tolerance).then_some(VoidReason::Restart);
    }
    if advance + tolerance < expected && after <= expected + tolerance {
        return Some(VoidReason::Restart);
    }
    // The agent's own clock stood still, as while its machine was suspended: the interval is not true.
    (advance > 2.0 * expected + tolerance).then_some(VoidReason::Implausible)
}

#[cfg(test)]
mod tests;
