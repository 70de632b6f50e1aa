//! Numbers that look random and are the same for the same seed, on every machine and in any order.
//!
//! A value is asked for by what it belongs to (agent, thing, moment), not drawn from a stream, so that a
//! day that was missed can be made up for later and comes out as it would have been.

/// A well-mixed number for `key` (the finaliser of SplitMix64, Steele, Lea and Flood 2014).
pub(super) fn mix(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A well-mixed number for several things together.
pub(super) fn of(parts: &[u64]) -> u64 {
    parts.iter().fold(0, |key, part| mix(key ^ *part))
}

/// The number as a part of one, in `0.0..1.0`.
pub(super) fn unit(number: u64) -> f64 {
    (number >> 11) as f64 / (1u64 << 53) as f64
}

/// Exponentially distributed with mean 1.
pub(super) fn exponential(number: u64) -> f64 {
    -(1.0 - unit(number)).ln()
}
