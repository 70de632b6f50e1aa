//! ICMP echo (RFC 792, RFC 4443 section 4) as bytes.
//!
//! Replies are matched by their payload alone: a magic word, the target's key, a nonce that the
//! process drew at its start, and a counter. The header's identifier is of no use, because the
//! kernel overwrites it on datagram sockets, and its 16-bit sequence number wraps within seconds
//! when thousands of targets share a socket. The nonce keeps an off-path host, and an earlier run of
//! the same process, from answering for a target.

use thiserror::Error;

/// The bytes of an echo message: an 8-byte header and the payload.
pub const MESSAGE_LEN: usize = HEADER_LEN + PAYLOAD_LEN;

/// Where the payload's magic word lies within an echo message.
pub const MAGIC_OFFSET: usize = HEADER_LEN;

/// The first word of the payload.
pub const MAGIC: [u8; 4] = *b"wasl";

/// The type number of an ICMPv4 echo reply.
pub const V4_ECHO_REPLY: u8 = 0;

/// The type number of an ICMPv6 echo reply.
pub const V6_ECHO_REPLY: u8 = 129;

const V4_ECHO_REQUEST: u8 = 8;
const V6_ECHO_REQUEST: u8 = 128;
const HEADER_LEN: usize = 8;
const PAYLOAD_LEN: usize = 4 + 8 + 8 + 4;
const IPV4_HEADER_LEN: usize = 20;
const IPV4_PROTOCOL_ICMP: u8 = 1;

/// The version of the Internet Protocol that a message travels over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Internet Protocol version 4.
    V4,
    /// Internet Protocol version 6.
    V6,
}

/// What a probe carries there and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// Which target, as the sender numbers them.
    pub target: u64,
    /// The sender's random number, drawn once per process.
    pub nonce: u64,
    /// Which probe to that target.
    pub counter: u32,
}

/// Why a message is not the answer to a probe of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The message ends before it is complete.
    #[error("an ICMP message of {0} bytes is too short for an echo reply")]
    Short(usize),
    /// The IPv4 header in front makes no sense or carries something else.
    #[error("the IPv4 header in front of the message is malformed or not that of an ICMP packet")]
    Header,
    /// It is some other message, such as an echo request on a raw socket.
    #[error("an ICMP message of type {0} is not an echo reply")]
    NotReply(u8),
    /// It is longer than what was sent; a reply returns the request's data unchanged.
    #[error("an echo reply of {0} bytes does not return the data that was sent")]
    Length(usize),
    /// It was damaged on the way, or written by someone careless.
    #[error("the echo reply's checksum is wrong")]
    Checksum,
    /// The payload is that of another program.
    #[error("the echo reply answers another program")]
    Foreign,
    /// The payload is of our form, but from an earlier run, another agent, or made up.
    #[error("the echo reply carries a nonce that this process did not send")]
    Nonce,
}

/// The echo request for a probe.
///
/// The checksum is filled in for ICMPv4. For ICMPv6 it covers addresses that only the kernel knows;
/// the kernel fills it in on raw and datagram sockets alike (RFC 3542, section 3.1).
pub fn request(family: Family, echo: &Echo) -> [u8; MESSAGE_LEN] {
    let mut message = [0; MESSAGE_LEN];
    message[0] = match family {
        Family::V4 => V4_ECHO_REQUEST,
        Family::V6 => V6_ECHO_REQUEST,
    };
    // For people who read packet captures; replies are not matched by these two.
    message[4..6].copy_from_slice(&(echo.nonce as u16).to_be_bytes());
    message[6..8].copy_from_slice(&(echo.counter as u16).to_be_bytes());
    message[8..12].copy_from_slice(&MAGIC);
    message[12..20].copy_from_slice(&echo.target.to_be_bytes());
    message[20..28].copy_from_slice(&echo.nonce.to_be_bytes());
    message[28..32].copy_from_slice(&echo.counter.to_be_bytes());
    if family == Family::V4 {
        let sum = checksum(&[&message]);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    message
}

/// Reads an echo reply to a probe of the process that drew `nonce`.
///
/// For IPv4 the IP header may stand in front (raw sockets) or not (datagram sockets): an ICMP echo
/// reply begins with 0, an IPv4 header with 4 in its upper half, so the two cannot be confused.
pub fn reply(family: Family, bytes: &[u8], nonce: u64) -> Result<Echo, Rejection> {
    let message = match family {
        Family::V4 => without_ip_header(bytes)?,
        Family::V6 => bytes,
    };
    let kind = *message.first().ok_or(Rejection::Short(0))?;
    let expected = match family {
        Family::V4 => V4_ECHO_REPLY,
        Family::V6 => V6_ECHO_REPLY,
    };
    if kind != expected {
        return Err(Rejection::NotReply(kind));
    }
    if message.len() < MESSAGE_LEN {
        return Err(Rejection::Short(message.len()));
    }
    if message[MAGIC_OFFSET..MAGIC_OFFSET + 4] != MAGIC || message[1] != 0 {
        return Err(Rejection::Foreign);
    }
    if message.len() > MESSAGE_LEN {
        return Err(Rejection::Length(message.len()));
    }
    // The kernel verifies ICMPv6 for raw sockets, but hands them ICMPv4 as it came.
    if family == Family::V4 && checksum(&[message]) != 0 {
        return Err(Rejection::Checksum);
    }
    let echo = Echo {
        target: u64::from_be_bytes(bytes_at(message, 12)),
        nonce: u64::from_be_bytes(bytes_at(message, 20)),
        counter: u32::from_be_bytes(bytes_at(message, 28)),
    };
    if echo.nonce == nonce { Ok(echo) } else { Err(Rejection::Nonce) }
}

/// The Internet checksum (RFC 1071): over a message whose checksum field is zero, the value for that
/// field; over a complete message, zero if it is undamaged. Of several parts all but the last have an even length.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u32 = parts
        .iter()
        .flat_map(|part| part.chunks(2))
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn without_ip_header(bytes: &[u8]) -> Result<&[u8], Rejection> {
    let first = *bytes.first().ok_or(Rejection::Short(0))?;
    if first >> 4 != 4 {
        return Ok(bytes);
    }
    if bytes.len() < IPV4_HEADER_LEN {
        return Err(Rejection::Short(bytes.len()));
    }
    let header = usize::from(first & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes(bytes_at(bytes, 2)));
    if header < IPV4_HEADER_LEN || total < header || bytes[9] != IPV4_PROTOCOL_ICMP {
        return Err(Rejection::Header);
    }
    bytes.get(header..total).ok_or(Rejection::Short(bytes.len()))
}

/// `N` bytes from `at`; the callers have checked the length.
fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests;
