//! Tables whose keys are numbers that we gave ourselves, one after the other.
//!
//! The standard hasher withstands keys that somebody has chosen to collide, at a price that a prober pays ten times for
//! each probe. Nobody chooses these: what comes from the network is only looked up, never inserted.

use std::hash::{BuildHasherDefault, Hasher};

/// All but the seven highest bits.
const LOW: u64 = u64::MAX >> 7;

/// Builds the hasher of such a table.
pub(crate) type ByKey = BuildHasherDefault<InARow>;

/// Leaves numbers in a row beside each other, so that what is used in a row lies in a row: the table takes its place from
/// the low bits. The seven highest, by which it tells apart what collides, are mixed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InARow(u64);

impl Hasher for InARow {
    fn finish(&self) -> u64 {
        // 2^64 divided by the golden ratio, by which numbers in a row are spread best.
        let mixed = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed & !LOW) | (self.0 & LOW)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(8) ^ number;
    }
}
