//! Quantities with their unit in the type.
//!
//! On the wire every scalar is a whole number, because whole numbers are exact, delta-code well and
//! mean the same on every machine. Each quantity says which unit that whole number is in, and what
//! it is in the base unit (seconds, bytes, ratio) that people, charts and Prometheus use.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The unit of a value as people and charts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// 0 to 1.
    Ratio,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Bits per second.
    BitsPerSecond,
    /// A number of things.
    Count,
    /// Things per second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Seconds since 1970-01-01T00:00:00Z.
    UnixSeconds,
    /// 0 or 1.
    Flag,
    /// A mark between 1 (bad) and 5 (excellent).
    Score,
    /// Degrees Celsius.
    Celsius,
    /// Volts.
    Volts,
    /// Amperes.
    Amperes,
    /// Watts.
    Watts,
    /// Hertz.
    Hertz,
    /// Turns a minute.
    PerMinute,
}

/// A quantity that can stand in a column.
pub trait Scalar: Copy {
    /// The base unit.
    const UNIT: Unit;
    /// `wire value × SCALE` is the value in the base unit.
    const SCALE: f64;
    /// As a whole number for the wire.
    fn to_wire(self) -> i64;
    /// From the wire; `None` where the number is outside what the quantity can be.
    fn from_wire(value: i64) -> Option<Self>;
    /// In the base unit.
    fn value(self) -> f64 {
        self.to_wire() as f64 * Self::SCALE
    }
}

macro_rules! unsigned {
    ($($(#[$doc:meta])* $name:ident($inner:ty) = $unit:ident * $scale:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl Scalar for $name {
            const UNIT: Unit = Unit::$unit;
            const SCALE: f64 = $scale;
            fn to_wire(self) -> i64 {
                i64::try_from(self.0).unwrap_or(i64::MAX)
            }
            fn from_wire(value: i64) -> Option<Self> {
                <$inner>::try_from(value).ok().map(Self)
            }
        }
    )*};
}

unsigned!(
    /// Parts per million of a whole.
    Ppm(u32) = Ratio * 1e-6;
    /// Bytes.
    Bytes(u64) = Bytes * 1.0;
    /// A number of things.
    Count(u64) = Count * 1.0;
    /// Microseconds.
    Micros(u64) = Seconds * 1e-6;
    /// Milliseconds.
    Millis(u64) = Seconds * 1e-3;
    /// Bits per second.
    BitsPerSecond(u64) = BitsPerSecond * 1.0;
    /// Turns a minute.
    TurnsPerMinute(u32) = PerMinute * 1.0;
);

macro_rules! signed {
    ($($(#[$doc:meta])* $name:ident = $unit:ident * $scale:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl Scalar for $name {
            const UNIT: Unit = Unit::$unit;
            const SCALE: f64 = $scale;
            fn to_wire(self) -> i64 {
                self.0
            }
            fn from_wire(value: i64) -> Option<Self> {
                Some(Self(value))
            }
        }
    )*};
}

signed!(
    /// Microseconds that may be negative, such as a clock's offset.
    SignedMicros = Seconds * 1e-6;
    /// Thousandths of a degree Celsius.
    MilliCelsius = Celsius * 1e-3;
    /// Thousandths of a volt.
    MilliVolts = Volts * 1e-3;
    /// Thousandths of an ampere.
    MilliAmperes = Amperes * 1e-3;
    /// Thousandths of a watt.
    MilliWatts = Watts * 1e-3;
    /// Thousandths of a hertz.
    MilliHertz = Hertz * 1e-3;
    /// Thousandths of one in a second.
    MilliPerSecond = PerSecond * 1e-3;
);

impl Scalar for bool {
    const UNIT: Unit = Unit::Flag;
    const SCALE: f64 = 1.0;
    fn to_wire(self) -> i64 {
        i64::from(self)
    }
    fn from_wire(value: i64) -> Option<Self> {
        match value {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Scalar for Timestamp {
    const UNIT: Unit = Unit::UnixSeconds;
    const SCALE: f64 = 1e-3;
    fn to_wire(self) -> i64 {
        self.0
    }
    fn from_wire(value: i64) -> Option<Self> {
        Some(Self(value))
    }
}
