use proptest::prelude::*;

use super::*;

/// 2026-11-28T12:00:00Z.
const NOW: Duration = Duration::from_secs(1_795_867_200);
/// The second in which NTP's seconds begin again: 2036-02-07T06:28:16Z.
const ERA_1: Duration = Duration::from_secs(2_085_978_496);

#[test]
fn the_unix_epoch_is_where_rfc_5905_puts_it() {
    assert_eq!(ntp(Duration::ZERO), 2_208_988_800 << 32);
    assert_eq!(ntp(Duration::from_millis(500)), 2_208_988_800 << 32 | 1 << 31);
}

#[test]
fn the_era_that_begins_in_2036_is_told_by_what_time_it_is() {
    let just_after = ERA_1 + Duration::from_millis(250);
    assert_eq!(ntp(just_after), 1 << 30, "seconds 0 and a quarter");
    assert_eq!(moment(1 << 30, Format::Ntp, ERA_1.saturating_sub(Duration::from_secs(3))), Some(just_after));
    let just_before = ERA_1.saturating_sub(Duration::from_millis(250));
    assert_eq!(moment(ntp(just_before), Format::Ntp, ERA_1 + Duration::from_secs(3)), Some(just_before));
}

#[test]
fn what_is_no_time_is_none() {
    assert_eq!(moment(0, Format::Ntp, NOW), None);
    assert_eq!(moment(NOW.as_secs() << 32 | NANOS, Format::Ptp, NOW), None, "a second of nanoseconds");
    assert_eq!(moment(2_208_988_799 << 32, Format::Ntp, Duration::ZERO), None, "before 1970");
}

#[test]
fn ptp_is_seconds_and_nanoseconds() {
    let stamp = (NOW.as_secs() << 32) + 123_456_789;
    assert_eq!(moment(stamp, Format::Ptp, NOW), Some(NOW + Duration::from_nanos(123_456_789)));
}

#[test]
fn an_unknown_error_is_not_synchronised_and_has_no_zero_multiplier() {
    let unknown = ErrorEstimate::new(None);
    assert_eq!(unknown.bound(), None);
    assert_eq!(unknown.0 & SYNCHRONISED, 0);
    assert_ne!(unknown.0 & 0xff, 0, "RFC 4656, section 4.1.2");
    assert_eq!(ErrorEstimate(SYNCHRONISED).bound(), None, "a multiplier of 0 is no estimate");
    assert_eq!(ErrorEstimate(0x0001).bound(), None, "S is not set");
    assert_eq!(ErrorEstimate(0xc001).format(), Format::Ptp);
}

proptest! {
    #[test]
    fn a_moment_comes_back_to_the_nanosecond(
        wall in 0u64..10_000_000_000_000_000_000,
        off in -2_000_000_000i64..2_000_000_000,
    ) {
        let wall = Duration::from_nanos(wall);
        let near = Duration::from_secs(wall.as_secs().saturating_add_signed(off));
        prop_assert_eq!(moment(ntp(wall), Format::Ntp, near), Some(wall));
    }

    #[test]
    fn a_bound_is_never_written_smaller_than_it_is_and_hardly_larger(nanos in 0u64..100_000_000_000) {
        let bound = ErrorEstimate::new(Some(Duration::from_nanos(nanos))).bound().expect("synchronised");
        prop_assert!(bound.as_nanos() as u64 >= nanos);
        prop_assert!(bound.as_nanos() as u64 <= nanos + nanos / 64 + 2, "{bound:?} for {nanos} ns");
    }

    #[test]
    fn any_bits_are_read(stamp: u64, near: u64, estimate: u16) {
        let estimate = ErrorEstimate(estimate);
        let _ = (estimate.bound(), moment(stamp, estimate.format(), Duration::from_secs(near)));
    }
}
