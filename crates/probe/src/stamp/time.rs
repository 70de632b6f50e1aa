//! Points in time as STAMP packets carry them, and by how much they may be wrong.
//!
//! The 64 bits of a timestamp are NTP's (RFC 5905, section 6: seconds since 1900 and a binary fraction) or
//! PTP's (IEEE 1588: seconds since 1970 and nanoseconds); the Z bit of the packet's error estimate says which.
//! NTP's seconds begin again on 2036-02-07, so a timestamp means the moment nearest to one that is known.

use std::time::Duration;

/// The seconds from 1900-01-01 to 1970-01-01.
const SECONDS_1900_TO_1970: u64 = 2_208_988_800;
const NANOS: u64 = 1_000_000_000;

const SYNCHRONISED: u16 = 0x8000;
const PTP: u16 = 0x4000;
const SCALE_BITS: u32 = 8;
const MAX_SCALE: u32 = 63;

/// How the 64 bits of a timestamp are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// NTP's seconds and fraction, in UTC.
    Ntp,
    /// PTP's seconds and nanoseconds. Whether they are in TAI, as PTP has it, or in UTC, as some
    /// implementations write, cannot be seen: 37 s lie between. Only differences are of use.
    Ptp,
}

/// A moment, as time since 1970-01-01T00:00:00Z, in NTP's format.
pub fn ntp(wall: Duration) -> u64 {
    let seconds = wall.as_secs().wrapping_add(SECONDS_1900_TO_1970);
    let fraction = (u64::from(wall.subsec_nanos()) << 32) / NANOS;
    seconds << 32 | fraction
}

/// The moment of a timestamp as time since 1970-01-01T00:00:00, the one nearest to `near`. `None` for 0, which
/// stands for no time (RFC 5905, section 6), for nanoseconds beyond a second, and for moments before 1970.
pub fn moment(stamp: u64, format: Format, near: Duration) -> Option<Duration> {
    if stamp == 0 {
        return None;
    }
    let (seconds, low) = ((stamp >> 32) as u32, stamp & 0xffff_ffff);
    let (since, nanos) = match format {
        Format::Ntp => (SECONDS_1900_TO_1970, (low * NANOS + (1 << 31)) >> 32),
        Format::Ptp if low >= NANOS => return None,
        Format::Ptp => (0, low),
    };
    let near = near.as_secs().checked_add(since)?;
    let apart = i64::from(seconds.wrapping_sub(near as u32) as i32);
    let seconds = near.checked_add_signed(apart)?.checked_sub(since)?;
    Duration::from_secs(seconds).checked_add(Duration::from_nanos(nanos))
}

/// How far a clock may be off (RFC 4656, section 4.1.2, which RFC 8762 takes over).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorEstimate(pub u16);

impl ErrorEstimate {
    /// The estimate of a clock that is within `bound` of UTC, rounded up; `None` for a clock of which nobody
    /// knows that. The timestamps beside it are in NTP's format.
    pub fn new(bound: Option<Duration>) -> Self {
        // Zero is no multiplier, so nothing is an error too large to be of use.
        let Some(bound) = bound else { return Self((MAX_SCALE << SCALE_BITS) as u16 | 0xff) };
        let mut units = (bound.as_nanos() << 32).div_ceil(u128::from(NANOS)).max(1);
        let mut scale = 0;
        while units > 0xff && scale < MAX_SCALE {
            units = units.div_ceil(2);
            scale += 1;
        }
        Self(SYNCHRONISED | (scale << SCALE_BITS) as u16 | units.min(0xff) as u16)
    }

    /// The format of the timestamps beside it.
    pub fn format(self) -> Format {
        if self.0 & PTP == 0 { Format::Ntp } else { Format::Ptp }
    }

    /// The bound; `None` if the clock does not count as synchronised, or the multiplier is 0, which is no
    /// estimate.
    pub fn bound(self) -> Option<Duration> {
        let (scale, multiplier) = (u32::from(self.0 >> SCALE_BITS) & MAX_SCALE, u128::from(self.0 & 0xff));
        if self.0 & SYNCHRONISED == 0 || multiplier == 0 {
            return None;
        }
        let nanos = ((multiplier << scale) * u128::from(NANOS)).div_ceil(1 << 32);
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests;
