//! Calendar months and days in a time zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use thiserror::Error;
use wasl_health::report::Span;
use wasl_model::Timestamp;

/// A calendar month of the years 1970 to 9998.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i16,
    month: i8,
}

/// A text that names no month.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a month; write it as YYYY-MM, such as 2026-11")]
pub struct InvalidMonth(String);

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = InvalidMonth;
    fn from_str(text: &str) -> Result<Self, InvalidMonth> {
        let invalid = || InvalidMonth(text.chars().take(40).collect());
        let (year, month) = text.split_once('-').ok_or_else(invalid)?;
        let digits = |text: &str, n| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(invalid());
        }
        let (year, month) = (year.parse().map_err(|_| invalid())?, month.parse().map_err(|_| invalid())?);
        if (1970..=9998).contains(&year) && (1..=12).contains(&month) {
            Ok(Self { year, month })
        } else {
            Err(invalid())
        }
    }
}

impl Month {
    /// The month that a moment lies in.
    pub fn of(at: Timestamp, zone: &TimeZone) -> Self {
        let date = civil(at.0, zone);
        Self { year: date.year().clamp(1970, 9998), month: date.month() }
    }

    /// The month before.
    #[must_use]
    pub fn before(self) -> Self {
        match self.month {
            1 => Self { year: (self.year - 1).max(1970), month: 12 },
            month => Self { year: self.year, month: month - 1 },
        }
    }

    /// The month after.
    fn after(self) -> Self {
        match self.month {
            12 => Self { year: self.year + 1, month: 1 },
            month => Self { year: self.year, month: month + 1 },
        }
    }

    /// From its first moment to the first of the next, as clocks go in the zone.
    pub fn span(self, zone: &TimeZone) -> Span {
        Span { from: self.begins(zone), to: self.after().begins(zone) }
    }

    fn begins(self, zone: &TimeZone) -> i64 {
        let first = date(self.year, self.month, 1);
        first.to_zoned_datetime(zone.clone()).map_or(0, |zoned| zoned.timestamp().as_millisecond())
    }
}

fn civil(ms: i64, zone: &TimeZone) -> Date {
    jiff::Timestamp::from_millisecond(ms)
        .map_or(date(1970, 1, 1), |at| at.to_zoned_datetime(zone.clone()).date())
}

/// The number of the day, since 1970, that a moment lies in.
pub(super) fn day(ms: i64, zone: &TimeZone) -> i64 {
    let since = civil(ms, zone).since(date(1970, 1, 1));
    since.map_or(0, |span| i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_read_and_written_alike_and_nothing_else_is_a_month() {
        for text in ["2026-11", "1970-01", "9998-12"] {
            assert_eq!(text.parse::<Month>().expect("a month").to_string(), text);
        }
        for text in ["2026-13", "2026-00", "2026-1", "26-11", "2026", "2026-11-01", "+026-11", "", "٢٠٢٦-11"]
        {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_month_is_as_long_as_clocks_in_its_zone_make_it() {
        let zone = TimeZone::get("Asia/Hebron").expect("the zone");
        let hours = |text: &str| text.parse::<Month>().expect("a month").span(&zone).length() / 3_600_000;
        assert_eq!(hours("2026-01"), 31 * 24);
        assert_eq!(hours("2026-03"), 31 * 24 - 1, "summer time begins");
        assert_eq!(hours("2026-10"), 31 * 24 + 1, "and ends");
        let january: Month = "2026-01".parse().expect("a month");
        assert_eq!(january.before().to_string(), "2025-12");
        assert_eq!(january.before().span(&zone).to, january.span(&zone).from);
    }

    #[test]
    fn a_moment_lies_in_the_month_of_the_zone() {
        let zone = TimeZone::get("Asia/Hebron").expect("the zone");
        // 2026-10-31 22:30 UTC is 00:30 on 1 November there.
        let at = Timestamp(1_793_485_800_000);
        assert_eq!(Month::of(at, &TimeZone::UTC).to_string(), "2026-10");
        assert_eq!(Month::of(at, &zone).to_string(), "2026-11");
        assert_eq!(day(at.0, &zone) - day(at.0, &TimeZone::UTC), 1);
    }
}
