//! LLDP: what a neighbour says of itself (IEEE Std 802.1AB-2016).
//!
//! Only reading, and only what is of use here. A frame comes from whoever can reach the wire, so every
//! length is checked before a byte is looked at, nothing is kept but bounded texts, and what is not understood
//! is passed over, as clause 9.2.7.7.2 asks for organizationally specific and unknown TLVs.

pub mod remote;

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The EtherType of LLDP.
pub const ETHERTYPE: u16 = 0x88cc;
/// Where LLDP frames are sent to (7.1): the nearest bridge, the nearest bridge that is no two-port relay,
/// the nearest customer bridge.
pub const GROUPS: [[u8; 6]; 3] =
    [[0x01, 0x80, 0xc2, 0, 0, 0x0e], [0x01, 0x80, 0xc2, 0, 0, 0x03], [0x01, 0x80, 0xc2, 0, 0, 0x00]];
/// The longest frame that is read: the longest of Ethernet, with two VLAN tags and some room.
pub const MAX_FRAME: usize = 2_048;

/// A neighbour's announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Which chassis: a hardware address as `aa:bb:…`, otherwise text; never empty.
    pub chassis: String,
    /// Which port of it.
    pub port: String,
    /// For how many seconds this holds; 0: the neighbour takes its leave.
    pub ttl: u16,
    /// What the neighbour calls the port.
    pub port_description: Option<String>,
    /// The neighbour's name.
    pub system_name: Option<String>,
    /// The neighbour's description of itself.
    pub system_description: Option<String>,
    /// Where it can be managed: the first address that is an IP address.
    pub management_address: Option<IpAddr>,
}

/// Why a frame is no announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Invalid {
    /// Another protocol.
    #[error("the frame is not LLDP")]
    Foreign,
    /// It ends within a TLV, or before the End Of LLDPDU.
    #[error("the frame ends too early")]
    Short,
    /// The first three TLVs are not chassis, port and time to live, in this order and once (9.2.7.7.1).
    #[error("the frame does not begin with chassis, port and time to live")]
    Order,
    /// One of these has a length that its type does not have.
    #[error("a mandatory part of the frame has a wrong length")]
    Length,
}

/// Reads an Ethernet frame, from the destination address on.
pub fn frame(bytes: &[u8]) -> Result<Announcement, Invalid> {
    let mut rest = bytes.get(12..).ok_or(Invalid::Short)?;
    // A VLAN tag may stand before it (IEEE 802.1Q), as some switches send it.
    for _ in 0..2 {
        match rest {
            [0x81, 0x00, _, _, inner @ ..] | [0x88, 0xa8, _, _, inner @ ..] => rest = inner,
            _ => break,
        }
    }
    match rest {
        [high, low, data @ ..] if u16::from_be_bytes([*high, *low]) == ETHERTYPE => unit(data),
        _ => Err(Invalid::Foreign),
    }
}

/// Reads an LLDP data unit.
pub fn unit(bytes: &[u8]) -> Result<Announcement, Invalid> {
    let mut rest = bytes;
    let chassis = mandatory(&mut rest, 1).and_then(|value| identifier(value, Kind::Chassis))?;
    let port = mandatory(&mut rest, 2).and_then(|value| identifier(value, Kind::Port))?;
    let ttl = mandatory(&mut rest, 3)?;
    let ttl = ttl.first_chunk::<2>().map(|ttl| u16::from_be_bytes(*ttl)).ok_or(Invalid::Length)?;
    let mut found = Announcement {
        chassis,
        port,
        ttl,
        port_description: None,
        system_name: None,
        system_description: None,
        management_address: None,
    };
    loop {
        let (kind, value) = tlv(&mut rest)?;
        match kind {
            0 => return Ok(found),
            1..=3 => return Err(Invalid::Order),
            4 => found.port_description = found.port_description.or_else(|| text(value)),
            5 => found.system_name = found.system_name.or_else(|| text(value)),
            6 => found.system_description = found.system_description.or_else(|| text(value)),
            8 => found.management_address = found.management_address.or_else(|| management(value)),
            _ => {}
        }
    }
}

/// The next TLV (8.4): seven bits of type and nine of length.
fn tlv<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8]), Invalid> {
    let (head, tail) = rest.split_first_chunk::<2>().ok_or(Invalid::Short)?;
    let head = u16::from_be_bytes(*head);
    let (value, tail) = tail.split_at_checked(usize::from(head & 0x1ff)).ok_or(Invalid::Short)?;
    *rest = tail;
    Ok(((head >> 9) as u8, value))
}

fn mandatory<'a>(rest: &mut &'a [u8], kind: u8) -> Result<&'a [u8], Invalid> {
    match tlv(rest)? {
        (found, value) if found == kind => Ok(value),
        _ => Err(Invalid::Order),
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Chassis,
    Port,
}

/// A chassis or port identifier (8.5.2, 8.5.3): a subtype and 1 to 255 bytes.
fn identifier(value: &[u8], kind: Kind) -> Result<String, Invalid> {
    let (&subtype, id) = value.split_first().ok_or(Invalid::Length)?;
    if !(1..=255).contains(&id.len()) {
        return Err(Invalid::Length);
    }
    let (is_mac, is_network) = match kind {
        Kind::Chassis => (subtype == 4, subtype == 5),
        Kind::Port => (subtype == 3, subtype == 4),
    };
    Ok(match id {
        mac if is_mac && mac.len() == 6 => hexadecimal(mac, ':'),
        [family, address @ ..] if is_network => {
            ip(*family, address).map_or_else(|| hexadecimal(id, '-'), |ip| ip.to_string())
        }
        other => text(other).unwrap_or_else(|| hexadecimal(other, '-')),
    })
}

/// A text for people: no control characters, nothing invisible around it; `None` if nothing is left.
fn text(value: &[u8]) -> Option<String> {
    let text: String = String::from_utf8_lossy(value)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| *c != char::REPLACEMENT_CHARACTER)
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn hexadecimal(bytes: &[u8], between: char) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if !out.is_empty() {
            out.push(between);
        }
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// A management address (8.5.9): the length of family and address, the family, the address; then interface
/// numbering and an object identifier, which are of no use here.
fn management(value: &[u8]) -> Option<IpAddr> {
    let (&length, rest) = value.split_first()?;
    let (&family, address) = rest.get(..usize::from(length))?.split_first()?;
    ip(family, address)
}

/// By the IANA address family numbers: 1 is IPv4, 2 is IPv6.
fn ip(family: u8, address: &[u8]) -> Option<IpAddr> {
    match family {
        1 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?).into()),
        2 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
