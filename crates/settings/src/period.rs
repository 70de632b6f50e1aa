//! Durations as people write them: one whole number and one unit.
//!
//! A bare number is refused, because `every: 30` has been read as seconds by one half of the world and as
//! milliseconds by the other.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::problem::{Code, Complaint};
use crate::snippet::quote;

/// The units, shortest first, with their lengths in milliseconds. A year has 365 days.
const UNITS: [(&str, u64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("y", 31_536_000_000)];

/// No duration is longer than this: a hundred years.
const LONGEST_MS: u64 = 100 * 31_536_000_000;

const EXAMPLES: &str = "write a whole number and a unit (ms, s, m, h, d, y), such as `500ms`, `10s` or `30d`";

/// A duration in whole milliseconds, written as `500ms`, `10s`, `5m`, `1h`, `30d` or `1y` (365 days).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u64);

impl Period {
    /// A period of so many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// A period of so many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    /// A period of so many days.
    pub const fn from_days(days: u64) -> Self {
        Self(days * 86_400_000)
    }

    /// Its length in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Its length for the standard library.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, length) = UNITS
            .iter()
            .rev()
            .find(|(_, length)| self.0 >= *length && self.0.is_multiple_of(*length))
            .unwrap_or(&UNITS[0]);
        f.pad(&format!("{}{unit}", self.0 / length))
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a duration, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPeriod(String);

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        parse(text).map_err(|complaint| {
            InvalidPeriod(match complaint.help {
                Some(help) => format!("{}: {help}", complaint.message),
                None => complaint.message,
            })
        })
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn parse(text: &str) -> Result<Period, Complaint> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let length = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, length)| *length);
    if let (Some(length), false) = (length, number.is_empty() || number.starts_with('0')) {
        return number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(length))
            .filter(|millis| *millis <= LONGEST_MS)
            .map(Period)
            .ok_or_else(|| {
                Complaint::new(Code::OutOfRange, format!("{} is too long", quote(text)))
                    .help("the longest duration is 100y")
            });
    }
    let complaint = Complaint::new(Code::BadValue, format!("{} is not a duration", quote(text)));
    Err(match guess(text) {
        Some(guess) if guess.0 > 0 => complaint.help(format!("write `{guess}`")),
        _ if unit.is_empty() && !number.is_empty() && number != "0" => {
            Complaint::new(Code::BadValue, format!("the duration {} has no unit", quote(text)))
                .help(format!("write `{number}s` for seconds; the units are ms, s, m, h, d, y"))
        }
        _ => complaint.help(EXAMPLES),
    })
}

/// What somebody may have meant by `10 sec`, `1.5h`, `1h30m` or `2 weeks`.
fn guess(text: &str) -> Option<Period> {
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let split = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(split);
        let tail = tail.trim_start();
        let split = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(split);
        let length = match unit.to_ascii_lowercase().as_str() {
            "ms" | "msec" | "msecs" | "millis" | "milliseconds" => 1.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1e3,
            "m" | "min" | "mins" | "minute" | "minutes" => 60e3,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600e3,
            "d" | "day" | "days" => 86_400e3,
            "w" | "week" | "weeks" => 7.0 * 86_400e3,
            "y" | "yr" | "year" | "years" => 31_536_000e3,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * length;
        rest = tail.trim_start();
    }
    (total <= LONGEST_MS as f64).then_some(Period(total.round() as u64))
}

impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration: a whole number and one unit. A year has 365 days.",
            "type": "string",
            "pattern": "^[1-9][0-9]*(ms|s|m|h|d|y)$",
            "examples": ["500ms", "10s", "5m", "1h", "30d", "1y"],
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("30d", 2_592_000_000),
            ("1y", 31_536_000_000),
        ] {
            assert_eq!(parse(text), Ok(Period(millis)), "{text}");
        }
    }

    #[test]
    fn a_slip_is_answered_with_what_was_meant() {
        for (text, help) in [
            ("10", "write `10s` for seconds; the units are ms, s, m, h, d, y"),
            ("10 sec", "write `10s`"),
            ("1.5s", "write `1500ms`"),
            ("1h30m", "write `90m`"),
            ("2w", "write `14d`"),
            ("5M", "write `5m`"),
            ("010s", "write `10s`"),
            ("", EXAMPLES),
            ("0s", EXAMPLES),
            ("soon", EXAMPLES),
            ("-5s", EXAMPLES),
            ("99999999999999999999y", "the longest duration is 100y"),
        ] {
            assert_eq!(parse(text).expect_err(text).help.as_deref(), Some(help), "{text}");
        }
    }

    #[test]
    fn the_error_of_a_command_line_is_one_readable_line() {
        let error = "10".parse::<Period>().expect_err("no unit").to_string();
        assert_eq!(
            error,
            "the duration `10` has no unit: write `10s` for seconds; the units are ms, s, m, h, d, y"
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read_back(millis in 1..=LONGEST_MS) {
            prop_assert_eq!(parse(&Period(millis).to_string()), Ok(Period(millis)));
        }

        #[test]
        fn any_text_is_answered(text in ".{0,20}") {
            if let Err(complaint) = parse(&text) {
                prop_assert!(complaint.help.is_some());
            }
        }
    }
}
