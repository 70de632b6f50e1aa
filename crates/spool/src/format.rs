//! The bytes of a segment: encoding, decoding, and a scanner that takes any bytes at all.
//!
//! All numbers are little-endian.
//!
//! ```text
//! segment   header, record, record, …
//! header    magic "WASLSEG\n" · version u32 = 1 · epoch u64 · first sequence u64 · spool clock u64 (ms) · CRC-32 of these
//! record    payload length u32 · CRC-32 of what follows · sequence u64 · at i64 (ms since 1970) · class u8 · payload
//! class     1 sample · 2 event
//! ```
//!
//! After damage the scanner looks for the next record: first where the damaged record's length points, then byte by
//! byte. A candidate must have a right CRC and a sequence a little above the last one, so a chance hit is out of the
//! question, and a payload is not searched for records as long as the lengths are sound.

#[cfg(test)]
mod tests;

use crate::{Class, Epoch};

/// Size of a segment's header; bytes.
pub const HEADER_BYTES: usize = 40;
/// Size of a record without its payload; bytes.
pub const RECORD_BYTES: usize = 25;
/// The format this crate writes, and the only one it reads.
pub const VERSION: u32 = 1;
/// Sequences stay below this, so that adding to one cannot overflow.
pub(crate) const SEQ_LIMIT: u64 = 1 << 62;

const MAGIC: &[u8; 8] = b"WASLSEG\n";
/// How far the sequence may jump over damage. A thinned segment has wide jumps of its own.
const WINDOW: u64 = 1 << 24;

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The life of the spool that the segment belongs to.
    pub epoch: Epoch,
    /// No record of the segment has a lower sequence.
    pub first: u64,
    /// The spool clock when the segment was opened; milliseconds.
    pub clock_ms: u64,
}

/// Why bytes are not a segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// Fewer than [`HEADER_BYTES`], another magic, or a wrong checksum.
    Damaged,
    /// Sound, but of a version unknown here.
    Version(u32),
}

/// Where a sound record lies in the scanned bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its sequence.
    pub seq: u64,
    /// When it was appended; milliseconds since 1970.
    pub at_ms: i64,
    /// Its class.
    pub class: Class,
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

impl Span {
    /// Its payload in the bytes that were scanned.
    pub fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start + RECORD_BYTES..self.end]
    }
}

/// What the scanner made of the bytes after a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Sound records, sequences strictly ascending.
    pub spans: Vec<Span>,
    /// Unreadable bytes (start, end) that a sound record follows.
    pub damage: Vec<(usize, usize)>,
    /// One past the last sound record: what follows is a torn tail or damage.
    pub end: usize,
}

/// What the scanner made of a whole segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanOutcome {
    /// The header. Records are found without it.
    pub header: Result<Header, HeaderFault>,
    /// The records.
    pub records: Records,
}

/// A segment's header as bytes.
pub fn encode_header(header: &Header) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    out[..8].copy_from_slice(MAGIC);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out[12..20].copy_from_slice(&header.epoch.0.to_le_bytes());
    out[20..28].copy_from_slice(&header.first.to_le_bytes());
    out[28..36].copy_from_slice(&header.clock_ms.to_le_bytes());
    let crc = crc32fast::hash(&out[..36]);
    out[36..].copy_from_slice(&crc.to_le_bytes());
    out
}

/// Reads a segment's header from the start of `bytes`.
pub fn decode_header(bytes: &[u8]) -> Result<Header, HeaderFault> {
    let head = bytes.get(..HEADER_BYTES).ok_or(HeaderFault::Damaged)?;
    if &head[..8] != MAGIC || crc32fast::hash(&head[..36]) != u32_at(head, 36) {
        return Err(HeaderFault::Damaged);
    }
    match u32_at(head, 8) {
        VERSION => {
            Ok(Header { epoch: Epoch(u64_at(head, 12)), first: u64_at(head, 20), clock_ms: u64_at(head, 28) })
        }
        version => Err(HeaderFault::Version(version)),
    }
}

/// Appends one record to `out`. The payload must be shorter than 4 GiB.
pub fn encode_record(out: &mut Vec<u8>, seq: u64, at_ms: i64, class: Class, payload: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&at_ms.to_le_bytes());
    out.push(match class {
        Class::Sample => 1,
        Class::Event => 2,
    });
    out.extend_from_slice(payload);
    let crc = crc32fast::hash(&out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Scans a whole segment. Takes any bytes; never panics.
pub fn scan(bytes: &[u8]) -> ScanOutcome {
    let header = decode_header(bytes);
    let after = header.map_or(0, |header| header.first.saturating_sub(1));
    ScanOutcome { header, records: scan_records(bytes, HEADER_BYTES.min(bytes.len()), after) }
}

/// Scans the records of `bytes` from `start` on, taking only sequences above `after`.
pub(crate) fn scan_records(bytes: &[u8], start: usize, after: u64) -> Records {
    let mut found = Records { end: start, ..Records::default() };
    let mut last = after;
    let mut at = start;
    while let Some(span) = next_record(bytes, at, last, found.spans.is_empty()) {
        if span.start > at {
            found.damage.push((at, span.start));
        }
        at = span.end;
        last = span.seq;
        found.end = span.end;
        found.spans.push(span);
    }
    found
}

/// The first sound record at or after `at`.
fn next_record(bytes: &[u8], at: usize, last: u64, is_first: bool) -> Option<Span> {
    let sound = |place: usize| decode_record(bytes, place).filter(|span| span.seq > last);
    if let Some(span) = sound(at) {
        return Some(span);
    }
    let near = |seq: u64| seq > last && seq < SEQ_LIMIT && (is_first || seq - last <= WINDOW);
    let length = u32_at(bytes.get(at..at.checked_add(4)?)?, 0) as usize;
    let hop = (at + RECORD_BYTES).checked_add(length)?;
    // A damaged length may lead to a later record by chance: only the next but one proves that it did not.
    if let Some(span) = sound(hop).filter(|span| span.seq == last + 2) {
        return Some(span);
    }
    // The sequence is looked at before the checksum: it is cheap, and wrong almost everywhere.
    (at + 1..bytes.len().saturating_sub(RECORD_BYTES - 1))
        .filter(|place| near(u64_at(bytes, place + 8)))
        .find_map(|place| decode_record(bytes, place))
}

/// The record that starts exactly at `start`, if it is whole and sound.
fn decode_record(bytes: &[u8], start: usize) -> Option<Span> {
    let head = bytes.get(start..start.checked_add(RECORD_BYTES)?)?;
    let end = (start + RECORD_BYTES).checked_add(u32_at(head, 0) as usize)?;
    let covered = bytes.get(start + 8..end)?;
    let class = match head[24] {
        1 => Class::Sample,
        2 => Class::Event,
        _ => return None,
    };
    let seq = u64_at(head, 8);
    if seq == 0 || seq >= SEQ_LIMIT || crc32fast::hash(covered) != u32_at(head, 4) {
        return None;
    }
    Some(Span { seq, at_ms: u64_at(head, 16) as i64, class, start, end })
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut raw = [0; 4];
    raw.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(raw)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut raw = [0; 8];
    raw.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(raw)
}
