//! The state file: what the segments cannot tell.
//!
//! ```text
//! state       magic "WASLSPS\n" · version u32 = 2 · epoch u64 · watermark u64 · spool clock u64 (ms)
//!             · incarnation u64 · cut u64 (0: none; otherwise the first sequence that is not here any more)
//!             · correction per policy, 7 of i64 · number of starts u32 · number of holes u32
//!             · holes, ascending · starts, ascending · CRC-32 of all before
//! hole        first u64 · last u64 · policy u8 (1 quota · 2 corrupt · 3 age · 4 forgotten · 5 refused · 6 disk full
//!             · 7 rolled back) · confirmed u8 (0 · 1)
//! start       last sequence u64 · place u64
//! watermark   a file of its own, overwritten in place and not synced: epoch u64 · watermark u64 · CRC-32 of both
//! ```
//!
//! Little-endian. Counters are not stored: they are the lengths of the holes, so they cannot disagree with them.

#[cfg(test)]
mod tests;

use crate::format::{SEQ_LIMIT, u32_at, u64_at};
use crate::ledger::{Hole, Ledger};
use crate::{Dropped, Epoch, Policy};

pub(crate) const NAME: &str = "state";
pub(crate) const WATERMARK: &str = "watermark";
const MAGIC: &[u8; 8] = b"WASLSPS\n";
const VERSION: u32 = 2;
const FIXED: usize = 116;
const HOLE: usize = 18;
const START: usize = 16;
const CRC: usize = 4;
/// More starts than this without a word from the controller are not told apart.
const MOST_STARTS: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) epoch: Epoch,
    pub(crate) watermark: u64,
    pub(crate) clock_ms: u64,
    pub(crate) ledger: Ledger,
    /// The life of the store that the watermark is about; 0 before the first.
    pub(crate) incarnation: u64,
    /// Records above this sequence are another epoch's now.
    pub(crate) cut: Option<u64>,
    pub(crate) correction: Correction,
    /// Since the controller last knew this spool, oldest first.
    pub(crate) starts: Vec<Start>,
}

/// An opening of the spool, which may have been that of a directory restored from an older copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The last sequence that there was.
    pub(crate) last: u64,
    /// Where and in which boot of the machine (`Disk::place`).
    pub(crate) place: u64,
}

/// How the controller's counts of dropped batches differ from the lengths of the holes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Correction([i64; Policy::ALL.len()]);

impl Correction {
    /// The difference between two accounts of the same holes.
    pub(crate) fn between(holes: Dropped, told: Dropped) -> Self {
        let mut all = [0; Policy::ALL.len()];
        for ((at, (_, here)), (_, there)) in all.iter_mut().zip(holes.by_policy()).zip(told.by_policy()) {
            *at = (there as i64).saturating_sub(here as i64);
        }
        Self(all)
    }

    pub(crate) fn apply(self, holes: Dropped) -> Dropped {
        let mut out = Dropped::default();
        for ((policy, count), by) in holes.by_policy().zip(self.0) {
            out.add(policy, count.saturating_add_signed(by));
        }
        out
    }
}

/// Notes a start, unless it cannot have been that of a restored directory.
pub(crate) fn note_start(starts: &mut Vec<Start>, start: Start) -> bool {
    let is_new = starts.last().is_none_or(|last| last.place != start.place) && starts.len() < MOST_STARTS;
    if is_new {
        starts.push(start);
    }
    is_new
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Damaged,
    Version(u32),
}

pub(crate) fn encode(state: &State) -> Vec<u8> {
    let holes = state.ledger.holes();
    let mut out = Vec::with_capacity(FIXED + holes.len() * HOLE + state.starts.len() * START + CRC);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    let cut = state.cut.map_or(0, |last| last + 1);
    for number in [state.epoch.0, state.watermark, state.clock_ms, state.incarnation, cut] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for by in state.correction.0 {
        out.extend_from_slice(&by.to_le_bytes());
    }
    out.extend_from_slice(&(state.starts.len() as u32).to_le_bytes());
    out.extend_from_slice(&(holes.len() as u32).to_le_bytes());
    for hole in holes {
        out.extend_from_slice(&hole.first.to_le_bytes());
        out.extend_from_slice(&hole.last.to_le_bytes());
        let place = Policy::ALL.iter().position(|policy| *policy == hole.policy);
        out.push(place.map_or(0, |place| place as u8 + 1));
        out.push(u8::from(hole.confirmed));
    }
    for start in &state.starts {
        out.extend_from_slice(&start.last.to_le_bytes());
        out.extend_from_slice(&start.place.to_le_bytes());
    }
    seal(out)
}

/// Takes any bytes; never panics.
pub(crate) fn decode(bytes: &[u8]) -> Result<State, Fault> {
    let body = unseal(bytes).ok_or(Fault::Damaged)?;
    if body.len() < 12 || &body[..8] != MAGIC {
        return Err(Fault::Damaged);
    }
    match u32_at(body, 8) {
        VERSION => {}
        // Never released. Its loss costs duplicates only.
        1 => return Err(Fault::Damaged),
        version => return Err(Fault::Version(version)),
    }
    let (fixed, rest) = body.split_at_checked(FIXED).ok_or(Fault::Damaged)?;
    let (starts, holes) = (u32_at(fixed, 108) as usize, u32_at(fixed, 112) as usize);
    let (holes, starts_bytes) = rest.split_at_checked(holes.saturating_mul(HOLE)).ok_or(Fault::Damaged)?;
    if starts_bytes.len() != starts.saturating_mul(START) {
        return Err(Fault::Damaged);
    }
    let holes: Option<Vec<Hole>> = holes.chunks_exact(HOLE).map(decode_hole).collect();
    let mut correction = Correction::default();
    for (at, by) in correction.0.iter_mut().enumerate() {
        *by = u64_at(fixed, 52 + at * 8).cast_signed();
    }
    let state = State {
        epoch: Epoch(u64_at(fixed, 12)),
        watermark: u64_at(fixed, 20),
        clock_ms: u64_at(fixed, 28),
        ledger: holes.and_then(Ledger::from_holes).ok_or(Fault::Damaged)?,
        incarnation: u64_at(fixed, 36),
        cut: u64_at(fixed, 44).checked_sub(1),
        correction,
        starts: starts_bytes
            .chunks_exact(START)
            .map(|bytes| Start { last: u64_at(bytes, 0), place: u64_at(bytes, 8) })
            .collect(),
    };
    let is_small = |seq: &u64| *seq < SEQ_LIMIT;
    if !is_small(&state.watermark) || !state.cut.iter().all(is_small) {
        return Err(Fault::Damaged);
    }
    Ok(state)
}

fn decode_hole(bytes: &[u8]) -> Option<Hole> {
    let policy = *Policy::ALL.get(usize::from(bytes[16]).checked_sub(1)?)?;
    let confirmed = match bytes[17] {
        0 => false,
        1 => true,
        _ => return None,
    };
    Some(Hole { first: u64_at(bytes, 0), last: u64_at(bytes, 8), policy, confirmed })
}

/// The watermark's own file.
pub(crate) fn encode_watermark(epoch: Epoch, watermark: u64) -> Vec<u8> {
    let mut out = epoch.0.to_le_bytes().to_vec();
    out.extend_from_slice(&watermark.to_le_bytes());
    seal(out)
}

/// The watermark of this epoch, if that is what these bytes say.
pub(crate) fn decode_watermark(bytes: &[u8], epoch: Epoch) -> Option<u64> {
    let body = unseal(bytes).filter(|body| body.len() == 16)?;
    (u64_at(body, 0) == epoch.0).then(|| u64_at(body, 8)).filter(|watermark| *watermark < SEQ_LIMIT)
}

fn seal(mut body: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&body);
    body.extend_from_slice(&crc.to_le_bytes());
    body
}

fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (body, crc) = bytes.split_last_chunk::<CRC>()?;
    (crc32fast::hash(body) == u32::from_le_bytes(*crc)).then_some(body)
}
