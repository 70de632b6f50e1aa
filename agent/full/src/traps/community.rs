//! Messages of SNMP v1 and v2c (RFC 1157, RFC 3416, RFC 3584): from bytes to a notification, and the answer
//! to an inform.

use snmp::message::{CommunityMessage, CommunityPdu};
use snmp::{DecodeConfig, PduType, ResponsePdu, Value, VarBind, Version};

use super::meaning::{Notification, Object};

const SYS_UPTIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3, 0];
const SNMP_TRAP_OID: &[u32] = &[1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

/// More objects than any notification has; the rest is not looked at.
const MOST_OBJECTS: usize = 64;

/// What a message came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A notification, and for an inform the bytes to answer with.
    Notification(Notification, Option<Vec<u8>>),
    /// With another community.
    Refused,
    /// No notification.
    Malformed,
}

/// The version that a datagram claims: 0 is v1, 1 is v2c, 3 is v3; `None` if it is no SNMP message.
pub(crate) fn version(datagram: &[u8]) -> Option<u8> {
    // A sequence with its length, and in it first an integer of one byte.
    let (&0x30, rest) = datagram.split_first()? else { return None };
    let (&length, rest) = rest.split_first()?;
    let skip = if length < 0x80 { 0 } else { usize::from(length & 0x7f) };
    match rest.get(skip..)? {
        [0x02, 0x01, version, ..] => Some(*version),
        _ => None,
    }
}

/// Takes a v1 or v2c message apart that must carry this community.
pub(crate) fn read(datagram: &[u8], community: &[u8]) -> Read {
    let Ok(decoded) = CommunityMessage::decode(datagram.to_vec().into(), DecodeConfig::default()) else {
        return Read::Malformed;
    };
    let (_, given, pdu) = decoded.value.into_parts();
    if given.as_bytes() != community {
        return Read::Refused;
    }
    match pdu {
        CommunityPdu::TrapV1(trap) => match trap.v2_trap_oid() {
            Ok(name) => Read::Notification(
                Notification {
                    name: name.arcs().to_vec(),
                    uptime: trap.time_stamp(),
                    objects: objects(trap.varbinds()),
                },
                None,
            ),
            Err(_) => Read::Malformed,
        },
        CommunityPdu::Standard(pdu) => {
            let confirmed = match pdu.pdu_type() {
                PduType::TrapV2 => false,
                PduType::InformRequest => true,
                _ => return Read::Malformed,
            };
            let Some(notification) = notification(pdu.varbinds()) else { return Read::Malformed };
            let answer = confirmed.then(|| answer(given, pdu.request_id(), pdu.varbinds())).flatten();
            Read::Notification(notification, answer)
        }
    }
}

fn answer(community: snmp::Community, request: i32, varbinds: &[VarBind]) -> Option<Vec<u8>> {
    let response = ResponsePdu::success(Version::V2c, request, varbinds.to_vec()).ok()?;
    Some(CommunityMessage::v2c(community, response).ok()?.encode().ok()?.to_vec())
}

/// RFC 3416, 4.2.6: the first object is `sysUpTime.0`, the second `snmpTrapOID.0`.
fn notification(varbinds: &[VarBind]) -> Option<Notification> {
    let [uptime, name, rest @ ..] = varbinds else { return None };
    match (&uptime.value, &name.value) {
        (Value::TimeTicks(ticks), Value::ObjectIdentifier(trap))
            if uptime.oid.arcs() == SYS_UPTIME && name.oid.arcs() == SNMP_TRAP_OID =>
        {
            Some(Notification { name: trap.arcs().to_vec(), uptime: *ticks, objects: objects(rest) })
        }
        _ => None,
    }
}

/// The library's values as ours.
pub(crate) fn objects(varbinds: &[VarBind]) -> Vec<(Vec<u32>, Object)> {
    varbinds.iter().take(MOST_OBJECTS).map(|v| (v.oid.arcs().to_vec(), object(&v.value))).collect()
}

fn object(value: &Value) -> Object {
    match value {
        Value::Integer(n) => Object::Number(i128::from(*n)),
        Value::Counter32(n) | Value::Gauge32(n) | Value::UInteger32(n) | Value::TimeTicks(n) => {
            Object::Number(i128::from(*n))
        }
        Value::Counter64(n) => Object::Number(i128::from(*n)),
        Value::OctetString(text) => Object::Text(text.to_vec()),
        Value::ObjectIdentifier(name) => Object::Name(name.arcs().to_vec()),
        Value::IpAddress(ip) => Object::Text(std::net::Ipv4Addr::from(*ip).to_string().into_bytes()),
        _ => Object::Other("a value of a type that is not shown"),
    }
}

#[cfg(test)]
mod tests;
