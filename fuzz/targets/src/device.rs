//! What comes from machines that Wasl does not own: answers to pings, SNMP agents, traps, neighbours.

use std::net::Ipv6Addr;
use std::time::Duration;

use wasl_model::observation::MAX_STATION_IP6;
use wasl_probe::arp::{self, Mac};
use wasl_probe::icmp::{Echo, Family, reply, request};
use wasl_probe::lldp::remote;
use wasl_probe::nd;
use wasl_probe::roster::{Roster, Word};
use wasl_probe::snmp::walk::{Known, Row, Table, Walk};
use wasl_probe::snmp::{Binding, Datum, Oid};
use wasl_probe::sweep::{Find, Plan, Sweep};
use wasl_probe::sweep6::{self, Sweep6};

use crate::Bytes;
use crate::polling::counters::{self, Counter, Reading};
use crate::polling::identity::Names;
use crate::polling::interfaces::{self, FIXED, Fixed, HEAD, LANES, MORE, NARROW, TRAFFIC};
use crate::traps::{community, meaning};

const NONCE: u64 = 0x0123_4567_89ab_cdef;

/// An ICMP message off the wire.
pub(crate) fn icmp(data: &[u8]) {
    for family in [Family::V4, Family::V6] {
        if let Ok(echo) = reply(family, data, NONCE) {
            assert_eq!(echo.nonce, NONCE, "an answer to somebody else's probe");
        }
    }
    let mut bytes = Bytes(data);
    let echo = Echo { target: bytes.long(), nonce: NONCE, counter: bytes.int() };
    let mut answer = request(Family::V6, &echo);
    answer[0] = wasl_probe::icmp::V6_ECHO_REPLY;
    assert_eq!(reply(Family::V6, &answer, NONCE), Ok(echo));
}

/// A datagram at the port for notifications.
pub(crate) fn trap(data: &[u8]) {
    let _ = community::version(data);
    if let community::Read::Notification(notification, _) = community::read(data, b"story-community") {
        assert!(meaning::of(&notification).event.is_within_bounds(), "an event beyond its bounds");
    }
}

/// A frame that a neighbour sent.
pub(crate) fn lldp(data: &[u8]) {
    if let Ok(found) = wasl_probe::lldp::frame(data) {
        assert!(!found.chassis.is_empty() && !found.port.is_empty(), "a neighbour without a name");
    }
}

/// What comes by the wire of a subnet that is swept: frames, each in its turn, with a length and a pause before it.
pub(crate) fn arp(data: &[u8]) {
    let own = Mac([2, 0, 0, 0, 0, 1]);
    let mut bytes = Bytes(data);
    let plan = Plan {
        network: [10, 3, 16, 0].into(),
        prefix: bytes.byte(),
        every: Duration::from_secs(u64::from(bytes.short())),
        rate: bytes.short(),
        phase: Duration::ZERO,
        own,
        own_ip: [10, 3, 16, 1].into(),
    };
    let (mut sweep, mut now) = (Sweep::new(plan, Duration::ZERO), Duration::ZERO);
    while !bytes.is_empty() {
        now += Duration::from_millis(u64::from(bytes.short()));
        let length = usize::from(bytes.byte());
        if let Ok(said) = arp::frame(bytes.slice(length)) {
            assert!(said.mac.is_station(), "a sender that is no station");
            for find in sweep.heard(said, now) {
                if let Find::Present(seen) = find {
                    assert!(seen.mac != own && seen.first <= seen.last && seen.last <= now, "{seen:?}");
                }
            }
        }
        if sweep.ask(now).is_some() {
            assert!(sweep.due() > now, "two questions at once");
        }
    }
}

/// What comes by the wire of a subnet of IPv6: frames, each in its turn, with a length, a pause and whether its checksum is
/// put right before it.
pub(crate) fn nd(data: &[u8]) {
    let own = sweep6::Own {
        mac: Mac([2, 0, 0, 0, 0, 1]),
        local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
        ip: Some(Ipv6Addr::new(0xfd00, 7, 0, 0, 0, 0, 0, 1)),
    };
    let mut bytes = Bytes(data);
    let plan = sweep6::Plan {
        network: Ipv6Addr::new(0xfd00, 7, 0, 0, 0, 0, 0, 0),
        prefix: bytes.byte(),
        every: Duration::from_secs(u64::from(bytes.short())),
        rate: bytes.short(),
        phase: Duration::ZERO,
        places: usize::from(bytes.byte() % 32),
        own,
    };
    let mut roster = Roster::new(Duration::from_secs(20), Duration::from_hours(2));
    let (mut sweep, mut now) = (Sweep6::new(plan, Duration::ZERO), Duration::ZERO);
    while !bytes.is_empty() {
        now += Duration::from_millis(u64::from(bytes.short()));
        let mended = bytes.byte() & 1 != 0;
        let length = usize::from(bytes.byte());
        let mut frame = bytes.slice(length).to_vec();
        if mended {
            mend(&mut frame);
        }
        if let Ok(said) = nd::frame(&frame, NONCE) {
            assert!(said.mac.is_station() && !said.ip.is_multicast(), "a sender that is no station");
            sweep.heard(said, now);
        }
        let asked = sweep.ask(now);
        for find in sweep.news(now) {
            let sweep6::Find::Present(seen) = find else { continue };
            assert!(seen.mac != own.mac && seen.first <= seen.last && seen.last <= now, "{seen:?}");
            assert!(seen.ips.len() <= MAX_STATION_IP6 && seen.ips.contains(&seen.ip), "{seen:?}");
            if let Word::Later(at) = roster.v6(&seen, now) {
                assert!(at > now, "a word that was due");
                sweep.later(seen.mac, at);
            }
        }
        assert!(sweep.due() > now, "it stands still after {asked:?}");
    }
}

/// Puts the checksum of a message of ICMPv6 right, so that the fuzzer gets to what is behind it.
fn mend(frame: &mut [u8]) {
    let Some((heads, message)) = frame.split_at_mut_checked(14 + 40) else { return };
    let length = usize::from(u16::from_be_bytes([heads[18], heads[19]]));
    let Some(message) = message.get_mut(..length).filter(|message| message.len() >= 4) else { return };
    message[2..4].fill(0);
    let pseudo = [&heads[22..54], &(length as u32).to_be_bytes(), &[0, 0, 0, nd::ICMPV6], message].concat();
    let pair = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    let mut sum: u32 = pseudo.chunks(2).map(pair).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    message[2..4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// A device's tables of neighbours, as the bytes say: three tables of so many cells, each with an index and a value.
pub(crate) fn lldp_mib(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut table = || {
        let mut table = Table::default();
        for _ in 0..bytes.byte() {
            let arcs = bytes.byte() % 24;
            let index = (0..arcs).map(|_| u32::from(bytes.byte())).collect();
            let column = usize::from(bytes.byte() % 7);
            let datum = match bytes.byte() {
                0 => Datum::Missing,
                n @ 1..=9 => Datum::Number(i64::from(n)),
                length => Datum::Text(bytes.slice(usize::from(length) * 2 - 20).to_vec()),
            };
            let row: &mut Row = table.rows.entry(index).or_default();
            row.cells.insert(column, datum);
        }
        table
    };
    let (remote, management, local) = (table(), table(), table());
    for (port, found) in remote::neighbours(&remote, &management, &local, 600) {
        assert!(!port.is_empty() && !found.chassis.is_empty() && !found.port.is_empty(), "without a name");
        assert!(port.len() + found.chassis.len() + found.port.len() <= 3 * 255 * 3, "beyond its bounds");
    }
}

/// A walk over the interfaces of a device that answers as the bytes say. It must come to its end.
pub(crate) fn snmp_walk(data: &[u8]) {
    let mut bytes = Bytes(data);
    let budget = usize::from(bytes.short());
    let mut known = Known::default();
    let mut table = |columns: &[&[u32]], lanes| {
        let table = walk(&mut bytes, columns, lanes, budget, std::mem::take(&mut known));
        known = table.known.clone();
        table
    };
    let first = table(TRAFFIC, LANES);
    let (traffic, narrow) = (table(TRAFFIC, LANES), table(NARROW, LANES));
    let (fixed, more) = (table(FIXED, 1), table(MORE, 1));
    assert!(first.faults.len() <= TRAFFIC.len(), "a column failed twice");
    let fixed = Fixed::new("device", &fixed, &more, [&traffic, &narrow], &mut Names::default());
    let _ = fixed.fits(&traffic);
    let readings = interfaces::readings(&fixed, &traffic, &narrow);
    let names: std::collections::HashSet<_> = readings.iter().map(|(subject, _)| subject).collect();
    assert_eq!(names.len(), readings.len(), "two interfaces share a series");
    for (_, reading) in &readings {
        let _ = counters::compare(None, reading);
        plausible(reading, reading);
    }
}

/// The lanes in turn, as their replies come.
fn walk(bytes: &mut Bytes<'_>, columns: &[&[u32]], lanes: usize, budget: usize, known: Known) -> Table {
    let mut walk = Walk::new(columns, HEAD, lanes, known);
    let mut open = true;
    while open {
        open = false;
        for lane in 0..walk.lanes() {
            let Some(ask) = walk.next(lane, budget) else { continue };
            open = true;
            assert!(ask.oids.len() > ask.single && ask.repetitions > 0, "a question without a question");
            match if bytes.is_empty() { 0xff } else { bytes.byte() } {
                0..=0xdf => {
                    let reply: Vec<Binding> = (0..bytes.byte()).map(|_| binding(bytes, &ask.oids)).collect();
                    walk.take(&ask, &reply, Duration::from_millis(u64::from(bytes.short())));
                }
                0xe0..=0xef => walk.too_big(&ask),
                0xf0..=0xf7 => walk.refused(&ask, u32::from(bytes.byte())),
                // The device falls silent.
                _ => walk.give_up(lane),
            }
        }
    }
    walk.finish()
}

/// Mostly what was asked for, one row further; sometimes anything.
fn binding(bytes: &mut Bytes<'_>, asked: &[Oid]) -> Binding {
    let how = bytes.byte();
    let mut oid = asked[usize::from(how & 0x1f) % asked.len()].clone();
    match how >> 5 {
        0..=4 => oid.push(u32::from(bytes.byte())),
        5 => {
            if let Some(last) = oid.last_mut() {
                *last = last.wrapping_add(u32::from(bytes.byte()));
            }
        }
        6 => oid.truncate(usize::from(bytes.byte())),
        _ => oid = (0..bytes.byte() % 20).map(|_| bytes.int()).collect(),
    }
    let value = match bytes.byte() % 8 {
        0 => Datum::Counter32(bytes.int()),
        1 => Datum::Counter64(bytes.long()),
        2 => Datum::Ticks(bytes.int()),
        3 => Datum::Number(bytes.long().cast_signed()),
        4 => {
            let length = usize::from(bytes.byte());
            Datum::Text(bytes.slice(length).to_vec())
        }
        5 => Datum::Missing,
        6 => Datum::End,
        _ => Datum::Name(vec![bytes.int()]),
    };
    Binding { oid, value }
}

/// Two readings of an interface, one after the other.
pub(crate) fn snmp_counters(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (one, two) = (reading(&mut bytes), reading(&mut bytes));
    plausible(&one, &two);
    plausible(&two, &one);
}

fn plausible(one: &Reading, two: &Reading) {
    let (sample, _) = counters::compare(Some(one), two);
    // A virtual interface may go faster than it says; and one that says nothing has no bound.
    let bound = two.speed.filter(|speed| *speed > 0 && two.connector != Some(false));
    if let (Some(bytes), Some(speed), Some(interval)) = (sample.receive_bytes, bound, sample.interval) {
        let speed = one.speed.unwrap_or(0).max(speed);
        let most = speed as f64 / 8.0 * (interval.0 as f64 / 1000.0) * 4.0 + 1e6;
        assert!(bytes.0 as f64 <= most, "{bytes:?} in {interval:?} at {speed} bit/s");
    }
}

fn reading(bytes: &mut Bytes<'_>) -> Reading {
    let flag = |bits: u8| match bits & 3 {
        0 => None,
        1 => Some(false),
        _ => Some(true),
    };
    let given = bytes.byte();
    Reading {
        at: Duration::from_millis(u64::from(bytes.int() % 10_000_000)),
        uptime: (given & 1 != 0).then(|| bytes.int()),
        index: u32::from(bytes.byte()),
        by_number: given & 128 != 0,
        speed: (given & 2 != 0).then(|| bytes.long() >> (bytes.byte() % 64)),
        connector: flag(given >> 2),
        up: flag(given >> 4),
        enabled: flag(given >> 6),
        status_missed: [false; 2],
        discontinuity: (bytes.byte() & 1 != 0).then(|| bytes.int()),
        octets: std::array::from_fn(|_| counter(bytes)),
        packets: std::array::from_fn(|_| std::array::from_fn(|_| counter(bytes))),
        errors: std::array::from_fn(|_| counter(bytes)),
        discards: std::array::from_fn(|_| counter(bytes)),
    }
}

fn counter(bytes: &mut Bytes<'_>) -> Option<Counter> {
    match bytes.byte() % 3 {
        0 => None,
        1 => Some(Counter::Narrow(bytes.int())),
        _ => Some(Counter::Wide(bytes.long())),
    }
}
