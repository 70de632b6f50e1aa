//! Test packets and reflections as bytes (RFC 8762, sections 4.2 and 4.3; the session identifier is RFC 8972's).
//!
//! Both kinds have the same length, so that a reflector answers with no more than it was sent. Authenticated
//! packets carry HMAC-SHA-256, cut to 16 octets, over all that is before it.

use thiserror::Error;

use super::time::ErrorEstimate;

/// The octets of an open packet.
pub const OPEN_LEN: usize = 44;
/// The octets of an authenticated packet.
pub const AUTHENTICATED_LEN: usize = 112;
/// The longest packet that is read, extensions included: what an Ethernet frame takes.
pub const MAX_LEN: usize = 1500;
/// The octets of a code.
pub const TAG_LEN: usize = 16;

/// How many octets of an authenticated packet its code covers (RFC 8762, section 4.4).
const COVERED: usize = AUTHENTICATED_LEN - TAG_LEN;

/// What holds the key of an authenticated session: HMAC-SHA-256 whose result is cut to its first 16 octets.
pub trait Key: Send + Sync {
    /// The code of these octets.
    fn tag(&self, covered: &[u8]) -> [u8; TAG_LEN];
    /// Whether `tag` is the code of these octets, compared in a time that does not tell how nearly.
    fn verifies(&self, covered: &[u8], tag: &[u8; TAG_LEN]) -> bool;
}

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Too short.
    #[error("{0} octets are no STAMP packet of this mode")]
    Short(usize),
    /// Too long.
    #[error("{0} octets are longer than any packet that is read")]
    Long(usize),
    /// The code is not that of the session's key.
    #[error("the packet's code is not that of the key")]
    Tag,
}

/// What a sender sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test {
    /// The sender's number.
    pub sequence: u32,
    /// When it was sent, by the sender's clock, in the format that the error estimate says.
    pub sent: u64,
    /// How far that clock may be off.
    pub error: ErrorEstimate,
    /// The session's identifier; 0 for none.
    pub ssid: u16,
}

/// What a reflector answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reflection {
    /// The reflector's number.
    pub sequence: u32,
    /// When it was sent, by the reflector's clock.
    pub sent: u64,
    /// How far that clock may be off.
    pub error: ErrorEstimate,
    /// The session's identifier.
    pub ssid: u16,
    /// When the test packet came, by the reflector's clock.
    pub received: u64,
    /// The test packet's number.
    pub test_sequence: u32,
    /// When the test packet was sent, as it says.
    pub test_sent: u64,
    /// The test packet's error estimate.
    pub test_error: ErrorEstimate,
    /// The time to live, or hop limit, that the test packet came with; 255 where it cannot be read.
    pub test_ttl: u8,
}

/// Where the fields of a packet lie.
struct Layout {
    len: usize,
    sent: usize,
    error: usize,
    ssid: usize,
    received: usize,
    test_sequence: usize,
    test_sent: usize,
    test_error: usize,
    test_ttl: usize,
}

const OPEN: Layout = Layout {
    len: OPEN_LEN,
    sent: 4,
    error: 12,
    ssid: 14,
    received: 16,
    test_sequence: 24,
    test_sent: 28,
    test_error: 36,
    test_ttl: 40,
};

const AUTHENTICATED: Layout = Layout {
    len: AUTHENTICATED_LEN,
    sent: 16,
    error: 24,
    ssid: 26,
    received: 32,
    test_sequence: 48,
    test_sent: 64,
    test_error: 72,
    test_ttl: 80,
};

impl Test {
    /// As bytes; authenticated if there is a key.
    pub fn write(&self, key: Option<&dyn Key>) -> Vec<u8> {
        let mut writer = Writer::new(layout(key));
        writer.head(self.sequence, self.sent, self.error, self.ssid);
        writer.finish(key)
    }

    /// From bytes, checked in full, and what follows them: extensions, which are not covered by the code.
    pub fn read<'a>(bytes: &'a [u8], key: Option<&dyn Key>) -> Result<(Self, &'a [u8]), Malformed> {
        let (reader, rest) = Reader::open(bytes, key)?;
        let at = reader.layout;
        let test = Self {
            sequence: reader.u32(0),
            sent: reader.u64(at.sent),
            error: ErrorEstimate(reader.u16(at.error)),
            ssid: reader.u16(at.ssid),
        };
        Ok((test, rest))
    }
}

impl Reflection {
    /// As bytes; authenticated if there is a key.
    pub fn write(&self, key: Option<&dyn Key>) -> Vec<u8> {
        let at = layout(key);
        let mut writer = Writer::new(at);
        writer.head(self.sequence, self.sent, self.error, self.ssid);
        writer.put(at.received, self.received.to_be_bytes());
        writer.put(at.test_sequence, self.test_sequence.to_be_bytes());
        writer.put(at.test_sent, self.test_sent.to_be_bytes());
        writer.put(at.test_error, self.test_error.0.to_be_bytes());
        writer.put(at.test_ttl, [self.test_ttl]);
        writer.finish(key)
    }

    /// From bytes, checked in full; extensions are skipped.
    pub fn read(bytes: &[u8], key: Option<&dyn Key>) -> Result<Self, Malformed> {
        let (reader, _) = Reader::open(bytes, key)?;
        let at = reader.layout;
        Ok(Self {
            sequence: reader.u32(0),
            sent: reader.u64(at.sent),
            error: ErrorEstimate(reader.u16(at.error)),
            ssid: reader.u16(at.ssid),
            received: reader.u64(at.received),
            test_sequence: reader.u32(at.test_sequence),
            test_sent: reader.u64(at.test_sent),
            test_error: ErrorEstimate(reader.u16(at.test_error)),
            test_ttl: reader.bytes[at.test_ttl],
        })
    }
}

fn layout(key: Option<&dyn Key>) -> &'static Layout {
    if key.is_some() { &AUTHENTICATED } else { &OPEN }
}

struct Writer {
    layout: &'static Layout,
    bytes: Vec<u8>,
}

impl Writer {
    fn new(layout: &'static Layout) -> Self {
        Self { layout, bytes: vec![0; layout.len] }
    }

    fn put<const N: usize>(&mut self, at: usize, octets: [u8; N]) {
        self.bytes[at..at + N].copy_from_slice(&octets);
    }

    fn head(&mut self, sequence: u32, sent: u64, error: ErrorEstimate, ssid: u16) {
        let at = self.layout;
        self.put(0, sequence.to_be_bytes());
        self.put(at.sent, sent.to_be_bytes());
        self.put(at.error, error.0.to_be_bytes());
        self.put(at.ssid, ssid.to_be_bytes());
    }

    fn finish(mut self, key: Option<&dyn Key>) -> Vec<u8> {
        if let Some(key) = key {
            let tag = key.tag(&self.bytes[..COVERED]);
            self.put(COVERED, tag);
        }
        self.bytes
    }
}

struct Reader<'a> {
    layout: &'static Layout,
    /// Exactly as many as the layout has.
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn open(bytes: &'a [u8], key: Option<&dyn Key>) -> Result<(Self, &'a [u8]), Malformed> {
        if bytes.len() > MAX_LEN {
            return Err(Malformed::Long(bytes.len()));
        }
        let layout = layout(key);
        let (bytes, rest) = bytes.split_at_checked(layout.len).ok_or(Malformed::Short(bytes.len()))?;
        let reader = Self { layout, bytes };
        if key.is_some_and(|key| !key.verifies(&bytes[..COVERED], &reader.take(COVERED))) {
            return Err(Malformed::Tag);
        }
        Ok((reader, rest))
    }

    /// `N` octets from `at`, both of which come from the layout.
    fn take<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.bytes[at..at + N]);
        out
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.take(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.take(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_be_bytes(self.take(at))
    }
}

#[cfg(test)]
pub(super) mod tests;
