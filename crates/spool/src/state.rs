//! The state file: what the segments cannot tell.
//!
//! ```text
//! state     magic "WASLSPS\n" · version u32 = 1 · epoch u64 · watermark u64 · spool clock u64 (ms) · number of holes u32
//!           · holes, ascending · CRC-32 of all before
//! hole      first u64 · last u64 · policy u8 (1 quota · 2 corrupt · 3 age · 4 forgotten) · confirmed u8 (0 · 1)
//! ```
//!
//! Little-endian. Counters are not stored: they are the lengths of the holes, so they cannot disagree with them.

#[cfg(test)]
mod tests;

use crate::format::{SEQ_LIMIT, u32_at, u64_at};
use crate::ledger::{Hole, Ledger};
use crate::{Epoch, Policy};

pub(crate) const NAME: &str = "state";
const MAGIC: &[u8; 8] = b"WASLSPS\n";
const VERSION: u32 = 1;
const FIXED: usize = 40;
const HOLE: usize = 18;
const CRC: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) epoch: Epoch,
    pub(crate) watermark: u64,
    pub(crate) clock_ms: u64,
    pub(crate) ledger: Ledger,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Damaged,
    Version(u32),
}

pub(crate) fn encode(epoch: Epoch, watermark: u64, clock_ms: u64, ledger: &Ledger) -> Vec<u8> {
    let holes = ledger.holes();
    let mut out = Vec::with_capacity(FIXED + holes.len() * HOLE + CRC);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&epoch.0.to_le_bytes());
    out.extend_from_slice(&watermark.to_le_bytes());
    out.extend_from_slice(&clock_ms.to_le_bytes());
    out.extend_from_slice(&(holes.len() as u32).to_le_bytes());
    for hole in holes {
        out.extend_from_slice(&hole.first.to_le_bytes());
        out.extend_from_slice(&hole.last.to_le_bytes());
        out.push(match hole.policy {
            Policy::Quota => 1,
            Policy::Corrupt => 2,
            Policy::Age => 3,
            Policy::Forgotten => 4,
        });
        out.push(u8::from(hole.confirmed));
    }
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// Takes any bytes; never panics.
pub(crate) fn decode(bytes: &[u8]) -> Result<State, Fault> {
    let (body, crc) = bytes.split_last_chunk::<CRC>().ok_or(Fault::Damaged)?;
    if body.len() < 12 || &body[..8] != MAGIC || crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(Fault::Damaged);
    }
    let version = u32_at(body, 8);
    if version != VERSION {
        return Err(Fault::Version(version));
    }
    if body.len() < FIXED || (body.len() - FIXED) != (u32_at(body, 36) as usize).saturating_mul(HOLE) {
        return Err(Fault::Damaged);
    }
    let holes: Option<Vec<Hole>> = body[FIXED..].chunks_exact(HOLE).map(decode_hole).collect();
    let ledger = holes.and_then(Ledger::from_holes).ok_or(Fault::Damaged)?;
    let state = State {
        epoch: Epoch(u64_at(body, 12)),
        watermark: u64_at(body, 20),
        clock_ms: u64_at(body, 28),
        ledger,
    };
    if state.watermark >= SEQ_LIMIT {
        return Err(Fault::Damaged);
    }
    Ok(state)
}

fn decode_hole(bytes: &[u8]) -> Option<Hole> {
    let policy = match bytes[16] {
        1 => Policy::Quota,
        2 => Policy::Corrupt,
        3 => Policy::Age,
        4 => Policy::Forgotten,
        _ => return None,
    };
    let confirmed = match bytes[17] {
        0 => false,
        1 => true,
        _ => return None,
    };
    Some(Hole { first: u64_at(bytes, 0), last: u64_at(bytes, 8), policy, confirmed })
}
