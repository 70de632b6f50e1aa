use proptest::prelude::*;

use super::*;

const EPOCH: Duration = Duration::from_hours(500_000);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn reading(mono: Duration, wall: Duration) -> Reading {
    Reading { mono, wall }
}

#[test]
fn a_step_is_told_from_drift_in_both_directions() {
    let mut detector = StepDetector::default();
    assert_eq!(detector.feed(reading(ms(0), EPOCH)), None);
    assert_eq!(detector.feed(reading(ms(1_000), EPOCH + ms(1_250))), None, "within the tolerance");
    let step = detector.feed(reading(ms(2_000), EPOCH + ms(2_502))).expect("252 ms more");
    assert_eq!(step, Step { by: ms(252), forward: true });
    let back = Duration::from_hours(499_999);
    let step = detector.feed(reading(ms(3_000), back)).expect("an hour back");
    assert!(!step.forward);
    assert_eq!(step.by, Duration::from_hours(1) + ms(3_502));
    let step = detector.feed(reading(ms(4_000), EPOCH)).expect("an hour forward");
    assert!(step.forward);
}

#[test]
fn a_long_silence_may_drift_more() {
    let hour = Duration::from_hours(1);
    let mut detector = StepDetector::default();
    detector.feed(reading(ms(0), EPOCH));
    assert_eq!(detector.feed(reading(hour, EPOCH + hour + ms(3_600))), None, "1 ms per second");
    assert!(detector.feed(reading(hour + ms(1), EPOCH + hour + ms(7_000))).is_some());
}

#[test]
fn the_kernel_stamp_gives_the_time_and_the_readers_delay_does_not_count() {
    let sent = reading(ms(10_000), EPOCH);
    let read = reading(ms(10_900), EPOCH + ms(900));
    assert_eq!(round_trip(sent, Some(EPOCH + ms(20)), read), Some(ms(20)));
    assert_eq!(round_trip(sent, None, read), Some(ms(900)));
}

#[test]
fn a_step_between_send_and_read_voids_the_sample() {
    let sent = reading(ms(10_000), EPOCH);
    let hour = Duration::from_hours(1);
    for wall in [EPOCH + hour, Duration::from_hours(499_999), EPOCH + ms(23), EPOCH + ms(17)] {
        let read = reading(ms(10_020), wall);
        assert_eq!(round_trip(sent, Some(wall), read), None, "read at {wall:?}");
    }
    // Set forward and back again in between: the stamp alone is absurd.
    let read = reading(ms(10_020), EPOCH + ms(20));
    assert_eq!(round_trip(sent, Some(EPOCH + hour), read), None);
    assert_eq!(round_trip(sent, Some(Duration::from_hours(499_999)), read), None);
}

proptest! {
    #[test]
    fn a_round_trip_is_never_longer_than_the_time_that_passed(
        sent_mono in 0u64..1 << 40, passed in 0u64..1 << 36, step in -(1i64 << 42)..1 << 42, at in 0u64..1 << 42,
    ) {
        let nanos = Duration::from_nanos;
        let sent = reading(nanos(sent_mono), EPOCH);
        let wall = Duration::from_nanos((EPOCH.as_nanos() as i64 + passed as i64 + step) as u64);
        let now = reading(nanos(sent_mono + passed), wall);
        if let Some(rtt) = round_trip(sent, Some(EPOCH + nanos(at)), now) {
            prop_assert!(rtt <= nanos(passed));
            prop_assert!(step.unsigned_abs() <= 1_000_000 + passed / 1_000);
        }
    }
}

#[test]
fn packets_that_leave_together_share_the_time_that_it_took() {
    let us = Duration::from_micros;
    let begun = reading(ms(10_000), EPOCH);
    assert_eq!(departure(begun, ms(10_000) + us(80), 0, 8), begun);
    assert_eq!(departure(begun, ms(10_000) + us(80), 6, 8), reading(ms(10_000) + us(60), EPOCH + us(60)));
    // The sender was interrupted: nobody knows which of them waited.
    assert_eq!(departure(begun, ms(10_004), 6, 8), begun);
    assert_eq!(departure(begun, ms(9_999), 6, 8), begun);
    // An answer that came a little before the moment that was told took no time, and is no clock that was set.
    let read = reading(ms(10_001), EPOCH + ms(1));
    assert_eq!(
        round_trip(reading(ms(10_000) + us(60), EPOCH + us(60)), Some(EPOCH + us(58)), read),
        Some(Duration::ZERO)
    );
    assert_eq!(
        round_trip(
            reading(ms(10_000), EPOCH + ms(2)),
            Some(EPOCH + us(900)),
            reading(ms(10_001), EPOCH + ms(3))
        ),
        None
    );
}

proptest! {
    #[test]
    fn a_departure_lies_within_the_call_and_keeps_the_order(took in 0_u64..10_000_000, of in 1_u32..100, place in 0_u32..100) {
        let begun = reading(ms(5_000), EPOCH);
        let done = begun.mono + Duration::from_nanos(took);
        let at = departure(begun, done, place, of);
        prop_assert!(begun.mono <= at.mono && at.mono <= done);
        prop_assert!(at.mono <= departure(begun, done, (place + 1).min(of), of).mono || place >= of);
        prop_assert_eq!(at.wall + begun.mono, at.mono + begun.wall);
    }
}
