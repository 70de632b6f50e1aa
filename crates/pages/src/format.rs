//! Figures and their units as text, the same in both languages: Western digits, SI or IEC units.
//!
//! Three significant digits, because a fourth changes at every update and tells nobody anything.
//! Binary multiples for bytes in memory and on disks (IEC 80000-13: KiB), decimal ones for bit rates
//! (kbit/s), as the field has it. `static/figures.js` has the same rules for the charts; `testdata/figures.tsv` holds both
//! to the same texts.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::tz::TimeZone;
use wasl_model::Timestamp;
use wasl_model::units::Unit;

/// What stands where there is no figure.
pub const NOTHING: &str = "–";

/// Three significant digits, at least the whole part: `0.312`, `3.12`, `31.2`, `312`, `3120`.
fn three(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// The value in the largest of the units that makes it at least one. `rounds_to` is where a rounded
/// figure moves on to the next unit.
fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    while value.abs() + 0.5 >= base && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    if unit == 0 && value.fract() == 0.0 {
        return format!("{value:.0} {}", units[0]);
    }
    format!("{} {}", three(value), units[unit])
}

/// Bytes in binary multiples: `512 B`, `1.50 KiB`, `15.6 GiB`.
pub fn bytes(bytes: f64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
}

/// Bits per second in decimal multiples: `950 bit/s`, `94.1 Mbit/s`.
pub fn bit_rate(bits_per_second: f64) -> String {
    scaled(bits_per_second, 1000.0, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

/// A length of time in seconds, such as a round trip or an uptime: `340 µs`, `3.42 ms`, `1.24 s`, `32.0 min`, `5.50 h`,
/// `41.0 d`.
pub fn seconds(seconds: f64) -> String {
    for (length, unit) in [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")] {
        if seconds.abs() >= 2.0 * length {
            return format!("{} {unit}", three(seconds / length));
        }
    }
    let micros = seconds * 1e6;
    if micros.abs() < 0.5 {
        return "0 ms".to_owned();
    }
    if micros.abs() < 999.5 {
        return format!("{micros:.0} µs");
    }
    scaled(seconds * 1e3, 1000.0, &["ms", "s"])
}

/// A signed difference in seconds: `+1.20 ms`, `-340 µs`.
pub fn offset(value: f64) -> String {
    let text = seconds(value);
    if value > 0.0 && !text.starts_with('0') { format!("+{text}") } else { text }
}

/// A share to a hundredth of a percent, for losses: `0 %`, `<0.01 %`, `0.25 %`, `12.5 %`, `100 %`.
/// What is not quite nothing or everything never reads as such.
pub fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent == 0.0 {
        "0 %".to_owned()
    } else if percent.abs() < 0.01 {
        "<0.01 %".to_owned()
    } else if percent < 9.995 {
        format!("{percent:.2} %")
    } else if percent >= 100.0 {
        format!("{percent:.0} %")
    } else {
        format!("{:.1} %", percent.min(99.9))
    }
}

/// A share to a hundredth of a percent, whatever its size: `0.00 %`, `<0.01 %`, `12.34 %`, `>99.99 %`.
pub fn hundredths(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent > 0.0 && percent < 0.01 {
        "<0.01 %".to_owned()
    } else if percent > 99.99 && percent < 100.0 {
        ">99.99 %".to_owned()
    } else {
        format!("{percent:.2} %")
    }
}

/// A share that is close to one, to a thousandth of a percent and never rounded up: `99.973 %`. What is not
/// everything never reads as `100 %`.
pub fn fine_percent(ratio: f64) -> String {
    if ratio >= 1.0 {
        return "100 %".to_owned();
    }
    format!("{:.3} %", (ratio * 100_000.0).floor() / 1000.0)
}

/// A share to a whole percent, for loads and fill levels: `7 %`, `<1 %`, `>99 %`.
pub fn percent_coarse(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent > 0.0 && percent < 1.0 {
        "<1 %".to_owned()
    } else if percent > 99.0 && percent < 100.0 {
        ">99 %".to_owned()
    } else {
        format!("{percent:.0} %")
    }
}

/// Things per second: `0 /s`, `0.250 /s`, `12.5 /s`.
pub fn per_second(rate: f64) -> String {
    if rate == 0.0 {
        return "0 /s".to_owned();
    }
    format!("{} /s", three(rate))
}

/// A number of things, with groups of three digits: `12,345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A value of the history in its unit. `None` for a flag, which is a word in each language.
pub fn value(unit: Unit, value: f64, zone: &TimeZone) -> Option<String> {
    Some(match unit {
        Unit::Ratio => percent(value),
        Unit::Bytes => bytes(value),
        Unit::BytesPerSecond => bit_rate(value * 8.0),
        Unit::BitsPerSecond => bit_rate(value),
        Unit::Count => count(value.max(0.0).round() as u64),
        Unit::PerSecond => per_second(value),
        Unit::Seconds => seconds(value),
        Unit::UnixSeconds => date_time(Timestamp((value * 1000.0) as i64), zone),
        Unit::Score => format!("{value:.2}"),
        Unit::Flag => return None,
        Unit::Celsius => format!("{} °C", three(value)),
        Unit::Volts => format!("{} V", three(value)),
        Unit::Amperes => format!("{} A", three(value)),
        Unit::Watts => format!("{} W", three(value)),
        Unit::Hertz => format!("{} Hz", three(value)),
        Unit::PerMinute => format!("{} /min", three(value)),
    })
}

/// The units in which ages and durations are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days of 24 hours.
    Day,
}

impl TimeUnit {
    const DOWN: [(Self, u64); 4] =
        [(Self::Day, 86_400), (Self::Hour, 3600), (Self::Minute, 60), (Self::Second, 1)];
}

/// An age in one unit, rounded down: 3 minutes, 47 hours, 2 days. Days begin at 48 hours, hours at
/// 90 minutes and minutes at 90 seconds, so that the rounding never hides more than a third.
pub fn age(age: Duration) -> (TimeUnit, u64) {
    let seconds = age.as_secs();
    match seconds {
        0..90 => (TimeUnit::Second, seconds),
        90..5400 => (TimeUnit::Minute, seconds / 60),
        5400..172_800 => (TimeUnit::Hour, seconds / 3600),
        _ => (TimeUnit::Day, seconds / 86_400),
    }
}

/// A duration in its two largest units, rounded down; the second is left out where it is zero.
pub fn duration(duration: Duration) -> [Option<(TimeUnit, u64)>; 2] {
    let seconds = duration.as_secs();
    let first =
        TimeUnit::DOWN.iter().position(|(_, length)| seconds >= *length).unwrap_or(TimeUnit::DOWN.len() - 1);
    let (unit, length) = TimeUnit::DOWN[first];
    let second = TimeUnit::DOWN
        .get(first + 1)
        .map(|(unit, small)| (*unit, seconds % length / small))
        .filter(|(_, n)| *n > 0);
    [Some((unit, seconds / length)), second]
}

/// A point in time for people: `2026-11-23 19:20`.
pub fn date_time(at: Timestamp, zone: &TimeZone) -> String {
    strftime(at, zone, "%Y-%m-%d %H:%M")
}

/// A point in time for people, to the second: `2026-11-23 19:20:31`.
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    strftime(at, zone, "%Y-%m-%d %H:%M:%S")
}

/// The time of day for people: `19:20:31`.
pub fn time_of_day(at: Timestamp, zone: &TimeZone) -> String {
    strftime(at, zone, "%H:%M:%S")
}

/// A point in time for machines (RFC 3339, UTC): `2026-11-23T17:20:31Z`.
pub fn instant(at: Timestamp) -> String {
    strftime(at, &TimeZone::UTC, "%Y-%m-%dT%H:%M:%SZ")
}

fn strftime(at: Timestamp, zone: &TimeZone, format: &str) -> String {
    match jiff::Timestamp::from_second(at.seconds()) {
        Ok(at) => at.to_zoned_datetime(zone.clone()).strftime(format).to_string(),
        Err(_) => NOTHING.to_owned(), // beyond the year 9999
    }
}

/// The text with control characters made visible that would reorder or break up the text around
/// it: `⟨U+202E⟩`. An element or an isolate around a name is not enough, because the name may hold
/// the character that ends it (U+2069).
pub fn visible(text: &str) -> Cow<'_, str> {
    fn harmful(c: char) -> bool {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    }
    if !text.chars().any(harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if harmful(c) {
            let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
