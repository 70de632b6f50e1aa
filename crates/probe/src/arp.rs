//! ARP over Ethernet (RFC 826): asking who has an address, and reading what others say.
//!
//! A frame comes from whoever can reach the wire. It has one fixed form here; whatever differs from it in a length or a
//! type is refused, so nothing is kept of it but ten bytes.

use std::fmt;
use std::net::Ipv4Addr;

use thiserror::Error;

/// The EtherType of ARP.
pub const ETHERTYPE: u16 = 0x0806;
/// The longest frame that is worth receiving: Ethernet's shortest, with two VLAN tags.
pub const MAX_FRAME: usize = 68;
/// The length of a request: Ethernet's head and an ARP packet. The card pads it.
pub const REQUEST: usize = 42;

/// A hardware address of Ethernet, in the order of the wire; shown as `aa:bb:cc:dd:ee:ff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Whether it can be one station's: neither a group's nor all zeros.
    pub fn is_station(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if place > 0 { ":" } else { "" })?;
        }
        Ok(())
    }
}

/// What a frame says of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Its hardware address; a station's.
    pub mac: Mac,
    /// The address that it says it has; `0.0.0.0` while it still looks for one (RFC 5227, 2.1.1).
    pub ip: Ipv4Addr,
    /// To whom it answers, if this is an answer.
    pub answers: Option<Mac>,
}

/// Why a frame is nothing of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Invalid {
    /// Another protocol, or ARP for other addresses than Ethernet's and IPv4's.
    #[error("the frame is not ARP for IPv4 over Ethernet")]
    Foreign,
    /// It ends before its packet does.
    #[error("the frame ends too early")]
    Short,
    /// Neither a request nor an answer.
    #[error("the frame neither asks nor answers")]
    Operation,
    /// The sender's hardware address is a group's or zero.
    #[error("the sender's hardware address is no station's")]
    Sender,
}

/// Reads an Ethernet frame, from the destination address on.
pub fn frame(bytes: &[u8]) -> Result<Said, Invalid> {
    let mut rest = bytes.get(12..).ok_or(Invalid::Short)?;
    for _ in 0..2 {
        match rest {
            [0x81, 0x00, _, _, inner @ ..] | [0x88, 0xa8, _, _, inner @ ..] => rest = inner,
            _ => break,
        }
    }
    let Some((kind, packet)) = rest.split_first_chunk::<2>() else { return Err(Invalid::Short) };
    if u16::from_be_bytes(*kind) != ETHERTYPE {
        return Err(Invalid::Foreign);
    }
    let packet: &[u8; 28] = packet.first_chunk().ok_or(Invalid::Short)?;
    // Ethernet, IPv4, and the lengths of their addresses.
    if packet[..6] != [0, 1, 8, 0, 6, 4] {
        return Err(Invalid::Foreign);
    }
    let mac = |at: usize| Mac(std::array::from_fn(|n| packet[at + n]));
    let answers = match packet[6..8] {
        [0, 1] => None,
        [0, 2] => Some(mac(18)),
        _ => return Err(Invalid::Operation),
    };
    let said =
        Said { mac: mac(8), ip: Ipv4Addr::new(packet[14], packet[15], packet[16], packet[17]), answers };
    if said.mac.is_station() { Ok(said) } else { Err(Invalid::Sender) }
}

/// The frame that asks everybody on the wire who has `ip`.
///
/// The sender names its own address. An ARP probe, which leaves it out, would be taken by a station that is just
/// taking `ip` into use for a second one that wants it (RFC 5227, 2.1.1), and it would give way.
pub fn request(own: Mac, own_ip: Ipv4Addr, ip: Ipv4Addr) -> [u8; REQUEST] {
    let mut out = [0; REQUEST];
    out[..6].fill(0xff);
    out[6..12].copy_from_slice(&own.0);
    out[12..14].copy_from_slice(&ETHERTYPE.to_be_bytes());
    out[14..22].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
    out[22..28].copy_from_slice(&own.0);
    out[28..32].copy_from_slice(&own_ip.octets());
    out[38..42].copy_from_slice(&ip.octets());
    out
}

#[cfg(test)]
mod tests;
