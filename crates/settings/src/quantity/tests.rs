use proptest::prelude::*;

use super::*;

fn rate(text: &str) -> Result<u64, Option<String>> {
    Rate::parse(text).map(Rate::bits_per_second).map_err(|complaint| complaint.help)
}

fn share(text: &str) -> Result<u32, Option<String>> {
    Share::parse(text).map(Share::ppm).map_err(|complaint| complaint.help)
}

#[test]
fn a_contract_is_read_as_it_is_written() {
    for (text, bits) in [
        ("45Mbit/s", 45_000_000),
        ("2.5Gbit/s", 2_500_000_000),
        ("512kbit/s", 512_000),
        ("64000bit/s", 64_000),
        ("0.5Mbit/s", 500_000),
    ] {
        assert_eq!(rate(text), Ok(bits), "{text}");
    }
    for (text, ppm) in
        [("99.5%", 995_000), ("100%", 1_000_000), ("0.01%", 100), ("0%", 0), ("99.9999%", 999_999)]
    {
        assert_eq!(share(text), Ok(ppm), "{text}");
    }
}

#[test]
fn a_slip_is_answered_with_what_was_meant() {
    for (text, help) in [
        ("45", "did you mean `45Mbit/s`?"),
        ("45M", "did you mean `45Mbit/s`?"),
        ("2 Gbps", "did you mean `2Gbit/s`?"),
        ("512kbps", "did you mean `512kbit/s`?"),
        ("0Mbit/s", "write a number and a unit (bit/s, kbit/s, Mbit/s, Gbit/s), such as `45Mbit/s`"),
        ("fast", "write a number and a unit (bit/s, kbit/s, Mbit/s, Gbit/s), such as `45Mbit/s`"),
        ("1000000Gbit/s", "the fastest is 100000Gbit/s"),
    ] {
        assert_eq!(rate(text), Err(Some(help.to_owned())), "{text}");
    }
    for (text, help) in [
        ("99.5", "write `99.5%` for percent"),
        ("101%", "the most is 100%"),
        ("99.99999%", "write a percentage with at most four decimals, such as `99.5%`"),
        ("-1%", "write a percentage with at most four decimals, such as `99.5%`"),
    ] {
        assert_eq!(share(text), Err(Some(help.to_owned())), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_can_be_read_back(bits in 1..=FASTEST, ppm in 0..=1_000_000_u32) {
        prop_assert_eq!(Rate::parse(&Rate(bits).to_string()), Ok(Rate(bits)));
        prop_assert_eq!(Share::parse(&Share(ppm).to_string()), Ok(Share(ppm)));
    }

    #[test]
    fn any_text_is_answered(text in ".{0,20}") {
        prop_assert!(Rate::parse(&text).err().is_none_or(|complaint| complaint.help.is_some()));
        prop_assert!(Share::parse(&text).err().is_none_or(|complaint| complaint.help.is_some()));
    }
}
