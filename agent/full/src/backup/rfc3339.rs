//! RFC 3339 times, as backup tools write them: with up to nine digits of a second and any zone.

use wasl_model::Timestamp;

/// Reads a time such as `2026-11-23T14:24:40.523636065+02:00`; below a millisecond it is cut off.
///
/// `None` for anything else, also for days and hours that do not exist. A leap second is taken as the second
/// after it, as Unix time does.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let separated = bytes.len() >= 20
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && matches!(bytes[10], b'T' | b't' | b' ')
        && bytes[13] == b':'
        && bytes[16] == b':';
    if !separated {
        return None;
    }
    let year = digits(&bytes[0..4])?;
    let month = digits(&bytes[5..7])?;
    let day = digits(&bytes[8..10])?;
    let hour = digits(&bytes[11..13])?;
    let minute = digits(&bytes[14..16])?;
    let second = digits(&bytes[17..19])?;
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (millis, zone) = fraction(&bytes[19..])?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    Some(Timestamp(seconds * 1000 + millis))
}

/// The milliseconds of a fraction, if there is one, and what follows it.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = bytes.strip_prefix(b".") else { return Some((0, bytes)) };
    let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=9).contains(&length) {
        return None;
    }
    let kept = length.min(3);
    let millis = digits(&rest[..kept])? * 10_i64.pow(3 - kept as u32);
    Some((millis, &rest[length..]))
}

/// The zone's offset in seconds.
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let seconds = (hours <= 23 && minutes <= 59).then_some(hours * 3600 + minutes * 60)?;
            Some(if *sign == b'+' { seconds } else { -seconds })
        }
        _ => None,
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar: years are counted from March, so that the leap day is
/// the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let before_month = (153 * month + 2) / 5;
    // 1970-01-01 is day 719 468 of the calendar whose year 0 begins on the first of March.
    year * 365 + leaps + before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_of_the_tools_are_read() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.5Z", -500),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-11-23T14:24:40.523636065Z", 1_795_443_880_523),
            ("2026-11-23T16:24:40.523636065+02:00", 1_795_443_880_523),
            ("2026-11-23T10:54:40.52-03:30", 1_795_443_880_520),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ] {
            assert_eq!(parse(text), Some(Timestamp(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T14:24:40",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T14:24:40.Z",
            "2026-11-23T14:24:40+0200",
            "2026-11-23T14:24:40Z ",
            "2026-11-23T14:24:4٠Z",
            "2026-11-00T00:00:00Z",
            "+026-11-23T14:24:40Z",
            "2026-11-23T14:24:40.1234567890Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        /// Counted up day by day, the calendar has no gap and no day twice.
        #[test]
        fn the_next_day_is_a_day_later(year in 1900i64..2200, month in 1i64..=12, day in 1i64..=31) {
            prop_assume!(day <= days_in(year, month));
            let next = if day < days_in(year, month) { (year, month, day + 1) }
                else if month < 12 { (year, month + 1, 1) } else { (year + 1, 1, 1) };
            prop_assert_eq!(days(next.0, next.1, next.2), days(year, month, day) + 1);
        }

        #[test]
        fn no_text_brings_it_down(text in ".{0,40}|[0-9T:.Z+-]{20,36}") {
            let _ = parse(&text);
        }
    }
}
