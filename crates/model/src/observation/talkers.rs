//! Who uses a line most.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Millis};

/// The most addresses in one observation.
pub const MAX_TALKERS: usize = 50;

/// The addresses behind a gateway that used a line most over an interval, counted where the line enters the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talkers {
    /// The monotonic time between the two readings.
    pub interval: Millis,
    /// Those who moved most, the first most of all; at most [`MAX_TALKERS`].
    pub talkers: Vec<Talker>,
    /// How many addresses were seen in all.
    pub seen: u32,
    /// There were more addresses than the gateway counts, so one that belongs here may be missing.
    pub crowded: bool,
}

/// One address and what it moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talker {
    /// The address on the gateway's side of the line.
    pub address: IpAddr,
    /// Bytes towards it.
    pub down: Bytes,
    /// Bytes from it.
    pub up: Bytes,
}
