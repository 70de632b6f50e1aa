//! What became of the last probes that were decided.

use super::Fate;

/// Probes whose fate is remembered: a minute's at one per second.
pub const MEMORY: u32 = 64;

/// Bits for each.
const BITS: u32 = 2;

/// The fates of the last [`MEMORY`] probes, by how many probes ago: two bits each, because every target has such a memory,
/// and it is looked at only for what comes late or twice.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Past {
    fates: u128,
    known: u32,
}

impl Past {
    /// One more probe has its fate.
    pub(super) fn push(&mut self, fate: Fate) {
        self.fates = self.fates << BITS | code(fate);
        self.known = (self.known + 1).min(MEMORY);
    }

    /// The fate of the probe that was decided so many before the one to come, the last one being 1; `None` if it is
    /// forgotten.
    pub(super) fn get(&self, ago: u32) -> Option<Fate> {
        let shift = self.shift(ago)?;
        Some(match self.fates >> shift & 0b11 {
            0 => Fate::Answered,
            1 => Fate::Lost,
            2 => Fate::LostThenAnswered,
            _ => Fate::Voided,
        })
    }

    /// Another fate for it, if it is remembered.
    pub(super) fn set(&mut self, ago: u32, fate: Fate) {
        if let Some(shift) = self.shift(ago) {
            self.fates = self.fates & !(0b11 << shift) | code(fate) << shift;
        }
    }

    fn shift(&self, ago: u32) -> Option<u32> {
        (1..=self.known).contains(&ago).then(|| (ago - 1) * BITS)
    }
}

fn code(fate: Fate) -> u128 {
    match fate {
        Fate::Answered => 0,
        Fate::Lost => 1,
        Fate::LostThenAnswered => 2,
        Fate::Voided => 3,
    }
}
