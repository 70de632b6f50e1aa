//! Rates and shares as people write them: `45Mbit/s`, `99.5%`.
//!
//! Contracts name them so. A bare number is refused, because `45` has been meant as megabits and as megabytes,
//! and `0.5` as a share and as a percentage.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::problem::{Code, Complaint};
use crate::snippet::quote;

/// The units of rates in bits per second; providers count in thousands.
const RATES: [(&str, u64); 4] =
    [("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1_000), ("bit/s", 1)];

/// No line is faster: 100 Tbit/s.
const FASTEST: u64 = 100_000_000_000_000;

/// A bit rate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

impl Rate {
    /// A rate of so many bits per second.
    pub const fn from_bits_per_second(bits: u64) -> Self {
        Self(bits)
    }

    /// In bits per second.
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Rate {
    pub(crate) fn parse(text: &str) -> Result<Self, Complaint> {
        let found = RATES.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
        if let Some(bits) = found.and_then(|(number, size)| scaled(number, size)).filter(|bits| *bits > 0) {
            if bits > FASTEST {
                let complaint =
                    Complaint::new(Code::OutOfRange, format!("{} is faster than any line", quote(text)));
                return Err(complaint.help("the fastest is 100000Gbit/s"));
            }
            return Ok(Self(bits));
        }
        let complaint = Complaint::new(Code::BadValue, format!("{} is not a bit rate", quote(text)));
        let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let letter = text.get(number.len()..).unwrap_or_default().trim_start().chars().next();
        let unit = match letter {
            Some('g' | 'G') => "Gbit/s",
            Some('k' | 'K') => "kbit/s",
            _ => "Mbit/s",
        };
        Err(match scaled(number, 1_000_000) {
            Some(bits) if bits > 0 => complaint.help(format!("did you mean `{number}{unit}`?")),
            _ => complaint
                .help("write a number and a unit (bit/s, kbit/s, Mbit/s, Gbit/s), such as `45Mbit/s`"),
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = RATES.iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size));
        let (unit, size) = whole.unwrap_or(&RATES[3]);
        f.pad(&format!("{}{unit}", self.0 / size))
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A bit rate: a number and one unit. A kilobit is 1000 bits.",
            "type": "string",
            "pattern": "^[0-9]+(\\.[0-9]+)?(bit/s|kbit/s|Mbit/s|Gbit/s)$",
            "examples": ["45Mbit/s", "2.5Gbit/s"],
        })
    }
}

/// A share of a whole, in parts per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

/// One percent.
const PERCENT: u64 = 10_000;

impl Share {
    /// A share of so many parts per million.
    pub const fn from_ppm(ppm: u32) -> Self {
        Self(ppm)
    }

    /// In parts per million, 0 to 1 000 000.
    pub const fn ppm(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Share {
    pub(crate) fn parse(text: &str) -> Result<Self, Complaint> {
        let ppm = text.strip_suffix('%').and_then(|number| scaled(number, PERCENT));
        match ppm {
            Some(ppm) if ppm <= 100 * PERCENT => Ok(Self(ppm as u32)),
            Some(_) => {
                Err(Complaint::new(Code::OutOfRange, format!("{} is more than the whole", quote(text)))
                    .help("the most is 100%"))
            }
            None => {
                let complaint = Complaint::new(Code::BadValue, format!("{} is not a share", quote(text)));
                Err(match scaled(text.trim(), PERCENT) {
                    Some(_) => complaint.help(format!("write `{}%` for percent", text.trim())),
                    None => complaint.help("write a percentage with at most four decimals, such as `99.5%`"),
                })
            }
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (u64::from(self.0) / PERCENT, u64::from(self.0) % PERCENT);
        let text = if rest == 0 { format!("{whole}%") } else { format!("{whole}.{rest:04}") };
        let text = if rest == 0 { text } else { format!("{}%", text.trim_end_matches('0')) };
        f.pad(&text)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A percentage with at most four decimals.",
            "type": "string",
            "pattern": "^[0-9]+(\\.[0-9]{1,4})?%$",
            "examples": ["99.5%", "0.1%"],
        })
    }
}

/// A decimal number times `scale`, if that is whole.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits =
        |text: &str| !text.is_empty() && text.len() <= 15 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let parts = fraction.parse::<u64>().ok()?.checked_mul(scale)?;
    let size = 10_u64.checked_pow(fraction.len() as u32)?;
    parts.is_multiple_of(size).then(|| whole.checked_add(parts / size))?
}

#[cfg(test)]
mod tests;
