use proptest::prelude::*;

use super::*;

#[test]
fn bytes_are_binary() {
    for (n, text) in [
        (0.0, "0 B"),
        (1.0, "1 B"),
        (1023.0, "1023 B"),
        (1024.0, "1.00 KiB"),
        (1536.0, "1.50 KiB"),
        (1_048_575.0, "1.00 MiB"),
        (16_695_066_624.0, "15.5 GiB"),
        (1.1e18, "977 PiB"),
    ] {
        assert_eq!(bytes(n), text, "{n}");
    }
}

#[test]
fn bit_rates_are_decimal() {
    for (n, text) in [
        (0.0, "0 bit/s"),
        (0.25, "0.250 bit/s"),
        (950.0, "950 bit/s"),
        (999.7, "1.00 kbit/s"),
        (1000.0, "1.00 kbit/s"),
        (94_123_456.0, "94.1 Mbit/s"),
        (1e9, "1.00 Gbit/s"),
    ] {
        assert_eq!(bit_rate(n), text, "{n}");
    }
}

#[test]
fn round_trips_change_unit_where_a_reader_would() {
    for (s, text) in [
        (0.0, "0 ms"),
        (0.000_34, "340 µs"),
        (0.000_999_6, "1.00 ms"),
        (0.003_42, "3.42 ms"),
        (0.0342, "34.2 ms"),
        (0.342, "342 ms"),
        (0.9996, "1.00 s"),
        (1.24, "1.24 s"),
        (119.0, "119 s"),
        (1_920.0, "32.0 min"),
        (19_800.0, "5.50 h"),
        (-86_400.0, "-24.0 h"),
        (3_542_400.0, "41.0 d"),
    ] {
        assert_eq!(seconds(s), text, "{s}");
    }
    assert_eq!(offset(0.0012), "+1.20 ms");
    assert_eq!(offset(-0.000_34), "-340 µs");
    assert_eq!(offset(0.0), "0 ms");
}

#[test]
fn a_little_loss_is_never_none_and_a_little_life_is_never_dead() {
    for (ratio, text) in [
        (0.0, "0 %"),
        (0.000_01, "<0.01 %"),
        (0.0001, "0.01 %"),
        (0.0025, "0.25 %"),
        (0.099_99, "10.0 %"),
        (0.125, "12.5 %"),
        (0.9999, "99.9 %"),
        (1.0, "100 %"),
    ] {
        assert_eq!(percent(ratio), text, "{ratio}");
    }
    for (ratio, text) in [
        (0.0, "0.00 %"),
        (0.000_09, "<0.01 %"),
        (0.000_14, "0.01 %"),
        (0.123_44, "12.34 %"),
        (0.999_95, ">99.99 %"),
        (1.0, "100.00 %"),
    ] {
        assert_eq!(hundredths(ratio), text, "{ratio}");
    }
    assert_eq!(percent_coarse(0.004), "<1 %");
    assert_eq!(percent_coarse(0.996), ">99 %");
    assert_eq!(percent_coarse(1.0), "100 %");
    assert_eq!(percent_coarse(0.074), "7 %");
}

/// Catches: a chart that tells the same figure in other words than the page around it (the story `figures` reads the same
/// list to the scripts).
#[test]
fn figures_read_as_they_do_in_charts() {
    let listed = include_str!("../../testdata/figures.tsv");
    for line in listed.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [kind, value, text] = fields[..] else { panic!("{line:?} is not three fields") };
        let value: f64 = value.parse().expect("a number");
        let told = match kind {
            "seconds" => seconds(value),
            "percent" => percent(value),
            "bytes" => bytes(value),
            "bits" => bit_rate(value),
            other => panic!("no rule for {other}"),
        };
        assert_eq!(told, text, "{line}");
    }
}

#[test]
fn counts_are_grouped() {
    for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(count(n), text);
    }
}

#[test]
fn ages_and_durations() {
    let s = Duration::from_secs;
    assert_eq!(age(s(89)), (TimeUnit::Second, 89));
    assert_eq!(age(s(90)), (TimeUnit::Minute, 1));
    assert_eq!(age(s(47 * 3600)), (TimeUnit::Hour, 47));
    assert_eq!(age(s(48 * 3600)), (TimeUnit::Day, 2));
    assert_eq!(duration(s(0)), [Some((TimeUnit::Second, 0)), None]);
    assert_eq!(duration(s(90_000)), [Some((TimeUnit::Day, 1)), Some((TimeUnit::Hour, 1))]);
    assert_eq!(duration(s(86_400)), [Some((TimeUnit::Day, 1)), None]);
}

#[test]
fn times_are_told_in_the_given_zone() {
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let at = Timestamp(1_795_461_631_999);
    assert_eq!(instant(at), "2026-11-23T19:20:31Z");
    assert_eq!(date_time(at, &zone), "2026-11-23 21:20");
    assert_eq!(time_of_day(at, &zone), "21:20:31");
    assert_eq!(instant(Timestamp(i64::MAX)), NOTHING);
}

#[test]
fn reordering_characters_become_visible() {
    assert_eq!(visible("eth0"), "eth0");
    assert_eq!(visible("قسم\u{200c}ها"), "قسم\u{200c}ها", "joiners belong to the spelling");
    assert_eq!(visible("a\u{202e}b\u{2069}c\n"), "a⟨U+202E⟩b⟨U+2069⟩c⟨U+000A⟩");
}

proptest! {
    #[test]
    fn a_figure_is_one_short_number_and_one_unit(n in 0.0f64..1e21) {
        // Times have no unit above the day, so they are asked for up to a year.
        for text in [bytes(n), bit_rate(n), seconds(n / 1e21 * 31_536_000.0)] {
            let (figure, unit) = text.split_once(' ').expect("a space");
            prop_assert!(!unit.is_empty());
            prop_assert!(figure.parse::<f64>().is_ok(), "{text}");
            prop_assert!(n > 1e17 || figure.len() <= 5, "{text}");
        }
    }

    #[test]
    fn visible_text_cannot_leave_its_isolate(text in "\\PC*|[a\u{202e}\u{2069}\u{2066}\n]*") {
        let shown = visible(&text);
        let harmful = ['\u{202e}', '\u{2066}', '\u{2069}', '\n'];
        prop_assert!(!shown.contains(harmful));
    }
}
