use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

/// A port of 1 Gbit/s, `secs` after the origin, on a device that is up for 100 s longer.
fn port(secs: u64, wide: u64, narrow: u32) -> Reading {
    Reading {
        at: SECOND * secs as u32,
        uptime: Some((secs as u32 + 100) * 100),
        index: 3,
        speed: Some(1_000_000_000),
        connector: Some(true),
        up: Some(true),
        enabled: Some(true),
        discontinuity: Some(0),
        octets: [Some(Counter::Wide(wide)), Some(Counter::Narrow(narrow))],
        ..Reading::default()
    }
}

#[test]
fn the_first_reading_has_no_rates_and_voids_nothing() {
    let (sample, voids) = compare(None, &port(0, 5, 5));
    assert_eq!((sample.voided, voids), (Some(VoidReason::First), 0));
    assert_eq!((sample.receive_bytes, sample.interval, sample.up), (None, None, Some(true)));
}

#[test]
fn increments_are_told_and_a_narrow_counter_wraps() {
    let (sample, voids) = compare(Some(&port(0, 1000, u32::MAX - 9)), &port(10, 5000, 90));
    assert_eq!(sample.interval, Some(Millis(10_000)));
    assert_eq!((sample.receive_bytes, sample.transmit_bytes), (Some(Bytes(4000)), Some(Bytes(100))));
    assert_eq!((sample.voided, voids), (None, 0));
    assert_eq!(sample.receive_errors, None, "a counter that is not there is neither told nor voided");
}

#[test]
fn an_interface_that_only_its_number_tells_from_another_is_void_when_the_number_changes() {
    let twin = |index, reading: Reading| Reading { index, by_number: true, ..reading };
    let before = twin(3, port(0, 1000, 0));
    assert_eq!(compare(Some(&before), &twin(3, port(10, 5000, 90))).0.voided, None);
    let (sample, voids) = compare(Some(&before), &twin(4, port(10, 5000, 90)));
    assert_eq!((sample.receive_bytes, sample.voided, voids), (None, Some(VoidReason::Implausible), 2));
}

#[test]
fn a_narrow_counter_that_may_have_wrapped_twice_is_too_old() {
    let (sample, voids) = compare(Some(&port(0, 0, 0)), &port(60, 10, 10));
    assert_eq!((sample.receive_bytes, sample.transmit_bytes), (Some(Bytes(10)), None));
    assert_eq!((sample.voided, voids), (Some(VoidReason::TooOld), 1));
}

#[test]
fn day_497_is_no_restart_but_a_restart_is_one() {
    let day = |secs| Duration::from_secs(secs);
    assert_eq!(interrupted(u32::MAX - 499, 500, day(10)), None);
    assert_eq!(
        interrupted(u32::MAX - 499, 500, day(60)),
        Some(VoidReason::Restart),
        "wrapped, but not in time"
    );
    assert_eq!(interrupted(300_000, 500, day(10)), Some(VoidReason::Restart));
    assert_eq!(interrupted(300, 100, day(3)), Some(VoidReason::Restart), "soon after the start before");
    assert_eq!(
        interrupted(6_000, 12_000, day(300)),
        Some(VoidReason::Restart),
        "longer up, but not by 300 s"
    );
    assert_eq!(interrupted(5_000_000, 5_000_100, day(30)), None, "a clock that stood still is no restart");
    assert_eq!(interrupted(5_000_000, 5_029_000, day(300)), None, "a clock that is 3 % slow is no restart");
    assert_eq!(interrupted(100, 360_100, day(60)), Some(VoidReason::Implausible), "the agent was suspended");
}

#[test]
fn a_restart_and_a_discontinuity_void_everything() {
    let mut after = port(10, 9_000, 9_000);
    after.discontinuity = Some(10_500);
    let (sample, voids) = compare(Some(&port(0, 1, 1)), &after);
    assert_eq!((sample.receive_bytes, sample.transmit_bytes, voids), (None, None, 2));
    assert_eq!(sample.voided, Some(VoidReason::Discontinuity));
    after.uptime = Some(700);
    assert_eq!(compare(Some(&port(0, 1, 1)), &after).0.voided, Some(VoidReason::Restart));
}

#[test]
fn each_counter_is_treated_alone() {
    let (sample, voids) = compare(Some(&port(0, 1000, 1000)), &port(10, 999, 1500));
    assert_eq!((sample.receive_bytes, sample.transmit_bytes), (None, Some(Bytes(500))));
    assert_eq!((sample.voided, voids), (Some(VoidReason::Implausible), 1));
}

#[test]
fn nothing_is_faster_than_the_interface_unless_its_speed_is_only_configured() {
    let (before, mut after) = (port(0, 0, 0), port(10, 1_376_000_000, 0));
    assert_eq!(compare(Some(&before), &after).0.voided, Some(VoidReason::Implausible));
    after.octets[0] = Some(Counter::Wide(1_374_000_000));
    assert_eq!(compare(Some(&before), &after).0.voided, None);
    // A tunnel that says 9 kbit/s carries what its line carries.
    after.speed = Some(9_000);
    after.connector = Some(false);
    assert_eq!(compare(Some(&before), &after).0.receive_bytes, Some(Bytes(1_374_000_000)));
}

#[test]
fn cleared_error_counters_are_no_four_thousand_million_errors() {
    let (mut before, mut after) = (port(0, 0, 0), port(10, 0, 0));
    for (was, is) in [(1000, 0), (3_000_000_000, 10), (5, 4)] {
        before.errors[0] = Some(Counter::Narrow(was));
        after.errors[0] = Some(Counter::Narrow(is));
        let (sample, voids) = compare(Some(&before), &after);
        assert_eq!((sample.receive_errors, voids), (None, 1), "{was} to {is}");
    }
    before.errors[0] = Some(Counter::Narrow(u32::MAX));
    assert_eq!(compare(Some(&before), &after).0.receive_errors, Some(Count(5)));
}

#[test]
fn packets_are_the_sum_of_the_casts_that_there_are_and_nothing_if_one_is_lost() {
    let (mut before, mut after) = (port(0, 0, 0), port(10, 0, 0));
    before.packets[0] = [Some(Counter::Wide(5)), Some(Counter::Wide(7)), None];
    after.packets[0] = [Some(Counter::Wide(15)), Some(Counter::Wide(8)), None];
    assert_eq!(compare(Some(&before), &after).0.receive_packets, Some(Count(11)));
    after.packets[0][1] = Some(Counter::Wide(6));
    assert_eq!(compare(Some(&before), &after).0.receive_packets, None);
}

#[test]
fn a_step_back_is_no_wrap_where_the_device_may_have_begun_anew() {
    let before = port(0, 0, u32::MAX - 9);
    let mut after = port(10, 0, 90);
    after.index = 4;
    assert_eq!(compare(Some(&before), &after).0.transmit_bytes, None, "the interface was made anew");
    after = Reading { uptime: None, ..port(10, 0, 90) };
    assert_eq!(compare(Some(&before), &after).0.transmit_bytes, None, "no uptime");
}

#[test]
fn a_counter_that_changed_its_width_begins_anew_and_no_time_is_no_interval() {
    let mut wide = port(10, 5, 0);
    wide.octets[1] = Some(Counter::Wide(9_000_000_000));
    let (sample, voids) = compare(Some(&port(0, 5, 7)), &wide);
    assert_eq!((sample.transmit_bytes, sample.voided, voids), (None, Some(VoidReason::First), 1));
    assert_eq!(compare(Some(&port(5, 1, 1)), &port(5, 1, 1)).0.receive_bytes, None);
}

/// What befalls a simulated device between two readings.
#[derive(Debug, Clone, Copy)]
enum Event {
    RunsOn,
    /// Down for ten seconds or more; up for this share of what is left.
    Restarts(f64),
    /// A line card is swapped.
    Discontinuity,
}

#[derive(Debug, Clone)]
struct Turn {
    elapsed_ms: u64,
    /// The share of the speed that is used.
    load: f64,
    event: Event,
}

fn turn() -> impl Strategy<Value = Turn> {
    let event = prop_oneof![
        6 => Just(Event::RunsOn),
        1 => (0.0..1.0).prop_map(Event::Restarts),
        1 => Just(Event::Discontinuity),
    ];
    (1_000u64..400_000, 0.0..=1.0, event).prop_map(|(elapsed_ms, load, event)| Turn {
        elapsed_ms,
        load,
        event,
    })
}

fn speed() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![2_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000])
}

/// A device that knows what really went through it.
struct Device {
    at_ms: u64,
    /// Hundredths of a second, without end.
    ticks: u64,
    wide: u64,
    narrow: u32,
    discontinuity: u32,
    speed: u64,
}

impl Device {
    fn reading(&self) -> Reading {
        Reading {
            at: Duration::from_millis(self.at_ms),
            uptime: Some(self.ticks as u32),
            discontinuity: Some(self.discontinuity),
            speed: Some(self.speed),
            connector: Some(true),
            octets: [Some(Counter::Wide(self.wide)), Some(Counter::Narrow(self.narrow))],
            ..Reading::default()
        }
    }

    /// Lives through a turn; the bytes that went each way.
    fn live(&mut self, turn: &Turn) -> u64 {
        let bytes = (turn.load * self.speed as f64 / 8.0 * turn.elapsed_ms as f64 / 1000.0) as u64;
        self.at_ms += turn.elapsed_ms;
        self.ticks += turn.elapsed_ms / 10;
        match turn.event {
            Event::Restarts(share) if turn.elapsed_ms > 12_000 => {
                let up_ms = ((turn.elapsed_ms - 10_000) as f64 * share) as u64;
                self.ticks = up_ms / 10;
                self.discontinuity = 0;
                self.wide = bytes * up_ms / turn.elapsed_ms;
                self.narrow = self.wide as u32;
            }
            Event::Discontinuity => {
                self.discontinuity = self.ticks as u32;
                self.wide = bytes / 2;
                self.narrow = self.wide as u32;
            }
            Event::RunsOn | Event::Restarts(_) => {
                self.wide += bytes;
                self.narrow = self.narrow.wrapping_add(bytes as u32);
            }
        }
        bytes
    }
}

proptest! {
    /// Over any life of a device, what is told is exactly what went through, and what is left out had a
    /// reason: nothing is lost, nothing is negative, nothing is faster than the interface.
    #[test]
    fn what_is_told_is_true(
        speed in speed(),
        ticks in prop_oneof![0u64..1_000_000, (1u64 << 32) - 100_000..(1 << 32) + 1000],
        wide in 0u64..1 << 60,
        narrow: u32,
        turns in prop::collection::vec(turn(), 1..25),
    ) {
        let mut device = Device { at_ms: 0, ticks, wide, narrow, discontinuity: 0, speed };
        let mut previous = device.reading();
        for turn in &turns {
            let turns_over = device.ticks >> 32 != (device.ticks + turn.elapsed_ms / 10) >> 32;
            prop_assume!(!(turns_over && matches!(turn.event, Event::Restarts(_))), "cannot be told");
            let bytes = device.live(turn);
            let current = device.reading();
            let (sample, voids) = compare(Some(&previous), &current);
            let most = speed as f64 * 1.1 / 8.0 * turn.elapsed_ms as f64 / 1000.0;
            let (receive, transmit) = (sample.receive_bytes, sample.transmit_bytes);
            match turn.event {
                Event::Restarts(_) if turn.elapsed_ms > 12_000 => {
                    prop_assert_eq!((receive, transmit, voids), (None, None, 2));
                    prop_assert_eq!(sample.voided, Some(VoidReason::Restart));
                }
                Event::Discontinuity => {
                    prop_assert_eq!((receive, transmit, voids), (None, None, 2));
                    prop_assert_eq!(sample.voided, Some(VoidReason::Discontinuity));
                }
                Event::RunsOn | Event::Restarts(_) => {
                    prop_assert_eq!(receive, Some(Bytes(bytes)));
                    if most >= WRAP {
                        prop_assert_eq!((transmit, sample.voided), (None, Some(VoidReason::TooOld)));
                    } else {
                        prop_assert_eq!((transmit, sample.voided), (Some(Bytes(bytes)), None));
                    }
                }
            }
            previous = current;
        }
    }

    /// Whatever a device says, no rate comes out above its speed and headroom.
    #[test]
    fn no_reading_makes_an_impossible_rate(
        speed in speed(),
        elapsed_ms in 0u64..1_000_000,
        uptimes: (Option<u32>, Option<u32>),
        wide: (u64, u64),
        narrow: (u32, u32),
        indices in (0u32..2, 0u32..2),
    ) {
        let reading = |at_ms, uptime, wide, narrow, index| Reading {
            at: Duration::from_millis(at_ms),
            uptime,
            index,
            speed: Some(speed),
            octets: [Some(Counter::Wide(wide)), Some(Counter::Narrow(narrow))],
            packets: [[Some(Counter::Wide(wide)); 3], [Some(Counter::Narrow(narrow)); 3]],
            errors: [Some(Counter::Narrow(narrow)); 2],
            discards: [Some(Counter::Wide(wide)); 2],
            ..Reading::default()
        };
        let before = reading(0, uptimes.0, wide.0, narrow.0, indices.0);
        let after = reading(elapsed_ms, uptimes.1, wide.1, narrow.1, indices.1);
        let (sample, voids) = compare(Some(&before), &after);
        let most = speed as f64 * 1.1 * elapsed_ms as f64 / 1000.0;
        let mut told = 0;
        for bytes in [sample.receive_bytes, sample.transmit_bytes].into_iter().flatten() {
            told += 1;
            prop_assert!(bytes.0 as f64 * 8.0 <= most + 1.0);
        }
        let counts = [
            sample.receive_packets, sample.transmit_packets, sample.receive_errors, sample.transmit_errors,
            sample.receive_discards, sample.transmit_discards,
        ];
        for count in counts.into_iter().flatten() {
            told += 1;
            prop_assert!(count.0 as f64 * SMALLEST_PACKET <= most + SMALLEST_PACKET);
        }
        prop_assert_eq!(told == 8, voids == 0, "what is missing is counted");
    }
}
