//! Neighbour Discovery over Ethernet (RFC 4861): asking who is on a wire and who has an address, and reading what others
//! say.
//!
//! A frame comes from whoever can reach the wire. What is read has gone through no router: a message of Neighbour Discovery
//! has the hop limit 255 (RFC 4861, 7.1), and an answer to a call carries the number that the call carried, which stays
//! on the wire. Messages behind an extension header, fragments above all (RFC 6980), are refused.
//!
//! Who speaks is told by Ethernet's source. Every message has one, also those without an option (an answer to a call, a
//! station that looks whether its address is free), and by it a switch's port can be found. Where the message has the option
//! with the sender's link-layer address as well, the two must be equal: who says another address than it sends from speaks
//! for somebody else.

use std::net::Ipv6Addr;

use thiserror::Error;

use crate::arp::Mac;
use crate::icmp::{self, V6_ECHO_REPLY};

/// The EtherType of IPv6.
pub const ETHERTYPE: u16 = 0x86dd;
/// The longest frame that is worth receiving: Ethernet's usual, with two VLAN tags.
pub const MAX_FRAME: usize = 1522;
/// The length of a call: Ethernet's head, IPv6's, and an echo request.
pub const CALL: usize = HEADS + ECHO;
/// The length of a solicitation: the heads, the message, and the option with the sender's address.
pub const SOLICITATION: usize = HEADS + 24 + 8;
/// The types of ICMPv6 that are read: answers to echo requests, then what routers and neighbours ask and tell.
pub const TYPES: [u8; 5] = [V6_ECHO_REPLY, ROUTER_ASKED, ROUTER, ASKED, TOLD];
/// IPv6's number for ICMPv6.
pub const ICMPV6: u8 = 58;

const HEADS: usize = 14 + 40;
/// An echo message: its head, and the number.
const ECHO: usize = 8 + 8;
const ECHO_REQUEST: u8 = 128;
const ROUTER_ASKED: u8 = 133;
const ROUTER: u8 = 134;
const ASKED: u8 = 135;
const TOLD: u8 = 136;
/// The options with the link-layer address of the sender, and of the address that is told of.
const SOURCE: u8 = 1;
const TARGET: u8 = 2;
/// A router that announces many prefixes and name servers has a dozen.
const OPTIONS: usize = 32;
/// All nodes of a link.
const ALL: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// What a frame says of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Its hardware address; a station's.
    pub mac: Mac,
    /// The address that it speaks of; one station's.
    pub ip: Ipv6Addr,
    /// Whether it has that address, or only would have it: it looks whether it is free (RFC 4862, 5.4).
    pub has: bool,
}

/// Why a frame is nothing of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Invalid {
    /// Another protocol or type.
    #[error("the frame is none of Neighbour Discovery, and no answer to an echo request")]
    Foreign,
    /// It ends before its message does.
    #[error("the frame ends too early")]
    Short,
    /// It may have come through a router.
    #[error("the hop limit is not 255")]
    Hops,
    /// It was damaged.
    #[error("the checksum is wrong")]
    Checksum,
    /// The sender's hardware address is a group's or zero.
    #[error("the sender's hardware address is no station's")]
    Sender,
    /// The address is a group's or nobody's.
    #[error("the address is no station's")]
    Address,
    /// A part of it is against the rules of RFC 4861, 6.1 and 7.1.
    #[error("the message is against the rules of its type")]
    Rules,
    /// An option without a length, beyond the end, or of more than can be.
    #[error("the options are malformed")]
    Options,
    /// The option names another hardware address than Ethernet.
    #[error("the sender speaks for another hardware address than its own")]
    Disagrees,
    /// It answers an echo request, and none of ours.
    #[error("the answer is to somebody else's echo request")]
    Nonce,
}

/// Reads an Ethernet frame, from the destination address on. `nonce` is what this process's calls carry.
pub fn frame(bytes: &[u8], nonce: u64) -> Result<Said, Invalid> {
    let (ethernet, mut rest) = bytes.split_first_chunk::<12>().ok_or(Invalid::Short)?;
    for _ in 0..2 {
        match rest {
            [0x81, 0x00, _, _, inner @ ..] | [0x88, 0xa8, _, _, inner @ ..] => rest = inner,
            _ => break,
        }
    }
    let (kind, packet) = rest.split_first_chunk::<2>().ok_or(Invalid::Short)?;
    if u16::from_be_bytes(*kind) != ETHERTYPE {
        return Err(Invalid::Foreign);
    }
    let (head, rest) = packet.split_first_chunk::<40>().ok_or(Invalid::Short)?;
    if head[0] >> 4 != 6 || head[6] != ICMPV6 {
        return Err(Invalid::Foreign);
    }
    // What is behind the message is Ethernet's padding.
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    let message = rest.get(..length).ok_or(Invalid::Short)?;
    let (&[kind, code, ..], body) = message.split_first_chunk::<4>().ok_or(Invalid::Short)?;
    if !TYPES.contains(&kind) {
        return Err(Invalid::Foreign);
    }
    if checksum(head, message) != 0 {
        return Err(Invalid::Checksum);
    }
    let mac = Mac(std::array::from_fn(|n| ethernet[6 + n]));
    if !mac.is_station() {
        return Err(Invalid::Sender);
    }
    let (from, to) = (address(&head[8..])?, address(&head[24..])?);
    if from.is_multicast() || from.is_loopback() {
        return Err(Invalid::Address);
    }
    let said = |ip: Ipv6Addr| {
        let is_one = !ip.is_multicast() && !ip.is_unspecified() && !ip.is_loopback();
        if is_one { Ok(Said { mac, ip, has: true }) } else { Err(Invalid::Address) }
    };
    if kind == V6_ECHO_REPLY {
        let ours = message.len() == ECHO && message[8..] == nonce.to_be_bytes();
        return if ours { said(from) } else { Err(Invalid::Nonce) };
    }
    if head[7] != 255 {
        return Err(Invalid::Hops);
    }
    if code != 0 {
        return Err(Invalid::Rules);
    }
    // What stands before the options: four bytes of flags, then addresses or times.
    let fixed = match kind {
        ROUTER_ASKED => 4,
        ROUTER => 12,
        _ => 20,
    };
    let (fixed, rest) = body.split_at_checked(fixed).ok_or(Invalid::Short)?;
    let named = options(rest, if kind == TOLD { TARGET } else { SOURCE }, mac)?;
    match kind {
        ROUTER_ASKED => said(from),
        ROUTER if is_link_local(from) => said(from),
        ROUTER => Err(Invalid::Rules),
        _ => {
            let target = said(address(&fixed[4..])?)?;
            if kind == TOLD {
                // Nobody asked a group, so nobody tells one that it answers.
                let answers = fixed[0] & 0x40 != 0;
                return if answers && to.is_multicast() { Err(Invalid::Rules) } else { Ok(target) };
            }
            if !from.is_unspecified() {
                return said(from);
            }
            if named || to != solicited(target.ip) {
                return Err(Invalid::Rules);
            }
            Ok(Said { has: false, ..target })
        }
    }
}

/// Walks over the options; whether the one with the sender's hardware address is among them.
fn options(mut rest: &[u8], wanted: u8, mac: Mac) -> Result<bool, Invalid> {
    let mut named = false;
    for _ in 0..OPTIONS {
        let &[kind, units, ..] = rest else {
            return if rest.is_empty() { Ok(named) } else { Err(Invalid::Options) };
        };
        // An option of no length would be walked over for ever.
        let length = usize::from(units) * 8;
        let split = if length == 0 { None } else { rest.split_at_checked(length) };
        let (option, more) = split.ok_or(Invalid::Options)?;
        if kind == wanted {
            if option[2..] != mac.0 {
                return Err(Invalid::Disagrees);
            }
            named = true;
        }
        rest = more;
    }
    if rest.is_empty() { Ok(named) } else { Err(Invalid::Options) }
}

/// Whether an address is of the link itself (RFC 4291, 2.5.6).
pub fn is_link_local(ip: Ipv6Addr) -> bool {
    ip.segments()[..4] == [0xfe80, 0, 0, 0]
}

/// The frame that calls everybody on the wire: an echo request to all nodes (RFC 4443, 4.1).
///
/// A station answers to the address that is called from, and from one of its own of the same kind (RFC 6724), so a call
/// from `fe80::…` is answered by link-local addresses and one from a prefix by addresses of that prefix. To answer it looks
/// for the caller first, which tells as much.
///
/// The identifier is 0, which no socket of the kernel's own has, and there is nothing of [`icmp::MAGIC`]: a thousand answers
/// at once fill the buffer of no prober on this host.
pub fn call(own: Mac, from: Ipv6Addr, nonce: u64) -> [u8; CALL] {
    let mut out = [0; CALL];
    out[HEADS] = ECHO_REQUEST;
    out[HEADS + 8..].copy_from_slice(&nonce.to_be_bytes());
    // It stays on the wire whatever its hop limit.
    finish(&mut out, own, Mac([0x33, 0x33, 0, 0, 0, 1]), from, ALL, 1);
    out
}

/// The frame that asks one station whether it still has `ip` (RFC 4861, 4.3).
///
/// It goes to that station alone, as when a host looks whether a neighbour is still there (7.3): a station that does not
/// answer calls answers this one, and no other hears of it.
pub fn solicit(own: Mac, from: Ipv6Addr, mac: Mac, ip: Ipv6Addr) -> [u8; SOLICITATION] {
    let mut out = [0; SOLICITATION];
    out[HEADS] = ASKED;
    out[HEADS + 8..HEADS + 24].copy_from_slice(&ip.octets());
    out[HEADS + 24..HEADS + 26].copy_from_slice(&[SOURCE, 1]);
    out[HEADS + 26..].copy_from_slice(&own.0);
    finish(&mut out, own, mac, from, ip, 255);
    out
}

/// Puts the heads before a message and the checksum into it.
fn finish(out: &mut [u8], own: Mac, mac: Mac, from: Ipv6Addr, to: Ipv6Addr, hops: u8) {
    let (heads, message) = out.split_at_mut(HEADS);
    heads[..6].copy_from_slice(&mac.0);
    heads[6..12].copy_from_slice(&own.0);
    heads[12..14].copy_from_slice(&ETHERTYPE.to_be_bytes());
    let head = &mut heads[14..];
    head[0] = 0x60;
    head[4..6].copy_from_slice(&(message.len() as u16).to_be_bytes());
    head[6..8].copy_from_slice(&[ICMPV6, hops]);
    head[8..24].copy_from_slice(&from.octets());
    head[24..].copy_from_slice(&to.octets());
    let sum = checksum(head, message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

/// ICMPv6's checksum covers the addresses, the length and the protocol as well (RFC 8200, 8.1).
fn checksum(head: &[u8], message: &[u8]) -> u16 {
    let length = (message.len() as u32).to_be_bytes();
    icmp::checksum(&[&head[8..40], &length, &[0, 0, 0, ICMPV6], message])
}

/// The group in which whoever has an address is asked (RFC 4291, 2.7.1).
fn solicited(ip: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = ip.octets();
    Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

/// The address at the beginning of some bytes.
fn address(bytes: &[u8]) -> Result<Ipv6Addr, Invalid> {
    bytes.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets)).ok_or(Invalid::Short)
}

#[cfg(test)]
mod tests;
