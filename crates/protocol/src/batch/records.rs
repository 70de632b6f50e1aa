//! Occasional observations between the model and the wire.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wasl_model::observation::{MAX_NEIGHBOUR_TEXT, MAX_STATION_IP6, MAX_TALKERS};
use wasl_model::units::{Bytes, Millis};
use wasl_model::{
    BackupEvidence, BackupOutcome, Event, EventCode, Neighbour, Notice, NoticeCode, Severity, Station,
    Talker, Talkers, Timestamp, Value,
};

use super::wire;

/// The longest free text in a record, in bytes; longer ones are cut.
const MAX_TEXT: usize = 2_000;

/// What a record came to.
pub(super) enum Read {
    Value(Box<Value>),
    Unknown,
    Invalid,
}

/// The record of a value; `None` for regular samples.
pub(super) fn write(value: &Value) -> Option<wire::What> {
    match value {
        Value::Backup(b) => Some(wire::What::Backup(wire::Backup {
            tool: cut(&b.tool),
            tool_version: cut(&b.tool_version),
            outcome: b.outcome as u32,
            snapshots: b.snapshots,
            newest_at_ms: b.newest_at.map(|t| t.0),
            newest_id: b.newest_id.as_deref().map(cut),
            newest_bytes: b.newest_bytes,
            took_ms: b.took.0,
            detail: cut(&b.detail),
        })),
        Value::Notice(n) => Some(wire::What::Notice(wire::Notice {
            code: n.code as u32,
            severity: n.severity as u32,
            cleared: n.cleared,
            detail: cut(&n.detail),
        })),
        Value::Event(e) => Some(wire::What::Event(wire::Event {
            code: e.code as u32,
            severity: e.severity as u32,
            detail: cut(&e.detail),
            // By way of `with`, which keeps to the bounds.
            args: e.args.iter().fold(Event::new(e.code, e.severity, ""), |all, (n, v)| all.with(n, v)).args,
        })),
        Value::Neighbour(n) => Some(wire::What::Neighbour(wire::Neighbour {
            local_port: short(&n.local_port),
            chassis: short(&n.chassis),
            port: short(&n.port),
            port_description: n.port_description.as_deref().map(short),
            system_name: n.system_name.as_deref().map(short),
            system_description: n.system_description.as_deref().map(short),
            management_address: n.management_address.map(octets).unwrap_or_default(),
            ttl_s: n.ttl_s,
        })),
        Value::Station(s) => Some(wire::What::Station(wire::Station {
            ip: octets(s.ip),
            mac: short(&s.mac),
            interface: short(&s.interface),
            first_ms: s.first.0,
            last_ms: s.last.0,
            ip6: s.ip6.iter().take(MAX_STATION_IP6).map(|ip| ip.octets().to_vec()).collect(),
        })),
        Value::Talkers(t) => Some(wire::What::Talkers(wire::Talkers {
            interval_ms: t.interval.0,
            most: t.talkers.iter().take(MAX_TALKERS).map(of_talker).collect(),
            seen: t.seen,
            crowded: t.crowded,
        })),
        Value::Gone => Some(wire::What::Gone(wire::Gone {})),
        Value::Host(_)
        | Value::Disk(_)
        | Value::Interface(_)
        | Value::Probe(_)
        | Value::Agent(_)
        | Value::Device(_)
        | Value::Stamp(_)
        | Value::Sensor(_)
        | Value::Share(_) => None,
    }
}

/// The value of a record.
pub(super) fn read(what: Option<&wire::What>) -> Read {
    match what {
        None => Read::Unknown,
        Some(wire::What::Backup(b)) => match BackupOutcome::from_code(b.outcome) {
            None => Read::Unknown,
            Some(outcome) if [&b.tool, &b.tool_version, &b.detail].iter().all(|t| t.len() <= MAX_TEXT) => {
                Read::Value(Box::new(Value::Backup(BackupEvidence {
                    tool: b.tool.clone(),
                    tool_version: b.tool_version.clone(),
                    outcome,
                    snapshots: b.snapshots,
                    newest_at: b.newest_at_ms.map(Timestamp),
                    newest_id: b.newest_id.clone().filter(|id| id.len() <= MAX_TEXT),
                    newest_bytes: b.newest_bytes,
                    took: Millis(b.took_ms),
                    detail: b.detail.clone(),
                })))
            }
            Some(_) => Read::Invalid,
        },
        Some(wire::What::Notice(n)) => match (NoticeCode::from_code(n.code), Severity::from_code(n.severity))
        {
            (Some(code), Some(severity)) if n.detail.len() <= MAX_TEXT => {
                Read::Value(Box::new(Value::Notice(Notice {
                    code,
                    severity,
                    cleared: n.cleared,
                    detail: n.detail.clone(),
                })))
            }
            (Some(_), Some(_)) => Read::Invalid,
            _ => Read::Unknown,
        },
        Some(wire::What::Event(e)) => event(e),
        Some(wire::What::Neighbour(n)) => {
            neighbour(n).map_or(Read::Invalid, |n| Read::Value(Box::new(n.into())))
        }
        Some(wire::What::Station(s)) => station(s).map_or(Read::Invalid, |s| Read::Value(Box::new(s.into()))),
        Some(wire::What::Talkers(t)) => talkers(t).map_or(Read::Invalid, |t| Read::Value(Box::new(t.into()))),
        Some(wire::What::Gone(_)) => Read::Value(Box::new(Value::Gone)),
    }
}

fn event(e: &wire::Event) -> Read {
    let (Some(code), Some(severity)) = (EventCode::from_code(e.code), Severity::from_code(e.severity)) else {
        return Read::Unknown;
    };
    let event = Event { code, severity, detail: e.detail.clone(), args: e.args.clone() };
    if event.detail.len() <= MAX_TEXT && event.is_within_bounds() {
        Read::Value(Box::new(Value::Event(event)))
    } else {
        Read::Invalid
    }
}

fn neighbour(n: &wire::Neighbour) -> Option<Neighbour> {
    let optional = [&n.port_description, &n.system_name, &n.system_description];
    let mut texts = [&n.local_port, &n.chassis, &n.port].into_iter().chain(optional.into_iter().flatten());
    if texts.any(|text| text.len() > MAX_NEIGHBOUR_TEXT) {
        return None;
    }
    let management_address =
        if n.management_address.is_empty() { None } else { Some(address(&n.management_address)?) };
    Some(Neighbour {
        local_port: n.local_port.clone(),
        chassis: n.chassis.clone(),
        port: n.port.clone(),
        port_description: n.port_description.clone(),
        system_name: n.system_name.clone(),
        system_description: n.system_description.clone(),
        management_address,
        ttl_s: n.ttl_s,
    })
}

fn station(s: &wire::Station) -> Option<Station> {
    if s.mac.len() > MAX_NEIGHBOUR_TEXT || s.interface.len() > MAX_NEIGHBOUR_TEXT {
        return None;
    }
    Some(Station {
        ip: address(&s.ip)?,
        mac: s.mac.clone(),
        interface: s.interface.clone(),
        first: Timestamp(s.first_ms),
        last: Timestamp(s.last_ms),
        ip6: s.ip6.iter().take(MAX_STATION_IP6).map(|ip| address6(ip)).collect::<Option<_>>()?,
    })
}

fn of_talker(talker: &Talker) -> wire::Talker {
    wire::Talker { address: octets(talker.address), down: talker.down.0, up: talker.up.0 }
}

fn talkers(t: &wire::Talkers) -> Option<Talkers> {
    if t.most.len() > MAX_TALKERS {
        return None;
    }
    let talker = |t: &wire::Talker| {
        Some(Talker { address: address(&t.address)?, down: Bytes(t.down), up: Bytes(t.up) })
    };
    Some(Talkers {
        interval: Millis(t.interval_ms),
        talkers: t.most.iter().map(talker).collect::<Option<_>>()?,
        seen: t.seen,
        crowded: t.crowded,
    })
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn address6(octets: &[u8]) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?))
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).into()),
        16 => address6(octets).map(IpAddr::V6),
        _ => None,
    }
}

fn cut(text: &str) -> String {
    cut_at(text, MAX_TEXT)
}

fn short(text: &str) -> String {
    cut_at(text, MAX_NEIGHBOUR_TEXT)
}

fn cut_at(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
