//! Tables whose keys are numbers that we gave ourselves, one after the other.
//!
//! The standard hasher withstands keys that somebody has chosen to collide, at a price that a prober pays ten times for
//! each probe. Nobody chooses these: what comes from the network is only looked up, never inserted.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds the hasher of such a table.
pub(crate) type ByKey = BuildHasherDefault<Spread>;

/// Spreads numbers in a row over all bits, by multiplying with 2^64 divided by the golden ratio.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        // The table takes its place from the low bits, and the product is best in its high ones.
        self.0.rotate_left(32)
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
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
