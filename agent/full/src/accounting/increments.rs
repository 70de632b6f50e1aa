//! From two tables of counts to what happened between them.
//!
//! A counter says something only in pairs of one and the same table: one that was made anew begins at zero, and the
//! kernel's number of the table shows it. The counter of a single address begins at zero when the address is first
//! seen, so a new one has counted nothing but this interval. Nothing is ever guessed or negative. Pure.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use wasl_helper::count::{self, Direction};
use wasl_model::assignment::AccountingAssignment;
use wasl_model::units::{Bytes, Count, Millis};
use wasl_model::{ShareSample, Talker, Talkers, VoidReason};

use super::table::{Counted, Counts};

/// A table and when it was read, on a clock that only goes forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// When.
    pub at: Duration,
    /// What it held.
    pub counts: Counts,
}

/// What a line carried between two readings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Carried {
    /// A sample for each of the line's shares, in their order.
    pub shares: Vec<ShareSample>,
    /// Who used it most; `None` where that was not asked or is not known.
    pub talkers: Option<Talkers>,
}

/// What the line at this place of the assignment carried from `previous` to `current`. `room`: how many addresses
/// each set can hold.
pub(crate) fn carried(
    line: &AccountingAssignment,
    number: usize,
    room: usize,
    previous: Option<&Reading>,
    current: &Reading,
) -> Carried {
    let interval = previous.map(|p| current.at.saturating_sub(p.at)).filter(|i| *i >= MOMENT);
    let interval = interval.map(|i| Millis(u64::try_from(i.as_millis()).unwrap_or(u64::MAX)));
    let same = previous.filter(|p| p.counts.handle == current.counts.handle);
    let void = match (interval, same) {
        (None, _) => Some(VoidReason::First),
        (Some(_), None) => Some(VoidReason::Restart),
        (Some(_), Some(_)) => None,
    };
    let shares = (0..line.shares.len()).map(|share| {
        let mut sample = ShareSample { interval, voided: void, ..ShareSample::default() };
        if let Some(previous) = same.filter(|_| void.is_none()) {
            for direction in Direction::ALL {
                let name = count::counter(number, share, direction);
                let (before, after) =
                    (previous.counts.counters.get(&name), current.counts.counters.get(&name));
                match before.zip(after).map(|(before, after)| step(*before, *after)) {
                    Some(Some(step)) => {
                        let (bytes, packets) = match direction {
                            Direction::Down => (&mut sample.down_bytes, &mut sample.down_packets),
                            Direction::Up => (&mut sample.up_bytes, &mut sample.up_packets),
                        };
                        (*bytes, *packets) = (Some(Bytes(step.bytes)), Some(Count(step.packets)));
                    }
                    Some(None) => sample.voided = Some(VoidReason::Implausible),
                    None => {}
                }
            }
        }
        sample
    });
    Carried {
        shares: shares.collect(),
        talkers: interval
            .zip(same)
            .filter(|_| line.talkers > 0)
            .map(|(interval, previous)| talkers(line, number, room, interval, previous, current)),
    }
}

/// Two readings closer than this have no rate.
const MOMENT: Duration = Duration::from_millis(1);

/// How far a counter went; `None` if it went back.
fn step(before: Counted, after: Counted) -> Option<Counted> {
    Some(Counted {
        packets: after.packets.checked_sub(before.packets)?,
        bytes: after.bytes.checked_sub(before.bytes)?,
    })
}

fn talkers(
    line: &AccountingAssignment,
    number: usize,
    room: usize,
    interval: Millis,
    previous: &Reading,
    current: &Reading,
) -> Talkers {
    let mut moved: HashMap<IpAddr, [u64; 2]> = HashMap::new();
    let mut crowded = false;
    for (way, direction) in Direction::ALL.into_iter().enumerate() {
        for v6 in [false, true] {
            let name = count::talkers(number, direction, v6);
            let now = current.counts.sets.get(&name).map(Vec::as_slice).unwrap_or_default();
            let before: HashMap<IpAddr, Counted> =
                previous.counts.sets.get(&name).into_iter().flatten().copied().collect();
            crowded |= now.len() >= room;
            for (address, after) in now {
                // One that was silent for long was taken out, and began anew when it spoke again.
                let step = before.get(address).and_then(|before| step(*before, *after)).unwrap_or(*after);
                if step.bytes > 0 {
                    moved.entry(*address).or_default()[way] = step.bytes;
                }
            }
        }
    }
    let seen = u32::try_from(moved.len()).unwrap_or(u32::MAX);
    let mut talkers: Vec<Talker> = moved
        .into_iter()
        .map(|(address, [down, up])| Talker { address, down: Bytes(down), up: Bytes(up) })
        .collect();
    talkers.sort_by_key(|t| (std::cmp::Reverse(t.down.0.saturating_add(t.up.0)), t.address));
    talkers.truncate(usize::from(line.talkers).min(wasl_model::observation::MAX_TALKERS));
    Talkers { interval, talkers, seen, crowded }
}

#[cfg(test)]
mod tests;
