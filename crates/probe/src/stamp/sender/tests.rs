use wasl_model::sample::Sample;

use super::super::time::Format;
use super::*;

/// 2026-11-28T12:00:00Z.
const WALL: Duration = Duration::from_secs(1_795_867_200);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

fn plan() -> Plan {
    Plan { every: ms(100), timeout: ms(2_000), hold: ms(10_000), worst_error: ms(5), ssid: 7 }
}

/// A sender, and a reflector whose clock is ahead by `ahead` and says that it is within `error`; 9 ms there,
/// 4 ms within, 3 ms back.
struct Pair {
    sender: Sender,
    now: Duration,
    number: u32,
    ahead: Duration,
    own: Option<Duration>,
    error: ErrorEstimate,
    format: Format,
}

impl Pair {
    fn new() -> Self {
        let second = Duration::from_secs(1);
        Self {
            sender: Sender::new(plan(), second, second),
            now: second,
            number: 0,
            ahead: Duration::ZERO,
            own: Some(us(300)),
            error: ErrorEstimate::new(Some(us(200))),
            format: Format::Ntp,
        }
    }

    fn reading(&self, after: Duration) -> Reading {
        Reading { mono: self.now + after, wall: WALL + self.now + after }
    }

    fn stamp(&self, after: Duration) -> u64 {
        let at = self.reading(after).wall + self.ahead;
        match self.format {
            Format::Ntp => ntp(at),
            Format::Ptp => at.as_secs() << 32 | u64::from(at.subsec_nanos()),
        }
    }

    fn send(&mut self) -> Test {
        self.now += ms(100);
        let (at, own) = (self.reading(ms(0)), self.own);
        self.sender.test(at, own)
    }

    fn reflection(&mut self, test: &Test) -> Reflection {
        self.number += 1;
        Reflection {
            sequence: self.number - 1,
            sent: self.stamp(ms(13)),
            error: self.error,
            ssid: test.ssid,
            received: self.stamp(ms(9)),
            test_sequence: test.sequence,
            test_sent: test.sent,
            test_error: test.error,
            test_ttl: 64,
        }
    }

    fn give(&mut self, reflection: &Reflection) -> Verdict {
        let (now, arrived) = (self.reading(ms(17)), self.reading(ms(16)).wall);
        self.sender.on_reply(reflection, Some(arrived), now, self.own)
    }

    fn pass(&mut self) -> Verdict {
        let test = self.send();
        let reflection = self.reflection(&test);
        self.give(&reflection)
    }

    fn close(&mut self) -> StampWindow {
        self.sender.close_window(self.now + ms(50)).expect("something happened")
    }
}

const FRESH: Verdict = Verdict::Fresh { reordered: false, restarted: false };

#[test]
fn a_window_tells_the_round_trip_without_the_reflectors_own_time_and_each_way_with_its_error() {
    let mut pair = Pair::new();
    (0..5).for_each(|_| assert_eq!(pair.pass(), FRESH));
    let window = pair.close();
    assert_eq!(
        (window.sent, window.received, window.reflected),
        (Some(Count(5)), Some(Count(5)), Some(Count(5)))
    );
    assert_eq!((window.rtt_min, window.rtt_max), (Some(Micros(12_000)), Some(Micros(12_000))));
    assert_eq!(window.rtt.count(), 5);
    // PTP and NTP stamps cut a nanosecond at most.
    let near = |time: Option<Micros>, to: u64| time.is_some_and(|t| t.0.abs_diff(to) <= 1);
    assert!(near(window.forward_min, 9_000), "{:?}", window.forward_min);
    assert!(near(window.back_min, 3_000), "{:?}", window.back_min);
    let error = window.clock_error.expect("both are known").0;
    assert!((500..=504).contains(&error), "{error} µs");
    assert_eq!((window.synchronised, window.unsynchronised), (Some(true), Some(Count(0))));
    assert!(StampWindow::FIELDS.len() >= 19);
}

#[test]
fn the_first_numbers_leave_one_out() {
    let mut pair = Pair::new();
    let numbers: Vec<_> = (0..4).map(|_| pair.send().sequence).collect();
    assert_eq!(numbers, [0, 2, 3, 4]);
}

#[test]
fn a_loss_is_told_with_its_direction() {
    let mut pair = Pair::new();
    for _ in 0..3 {
        pair.pass();
    }
    pair.send();
    pair.send();
    let test = pair.send();
    pair.reflection(&test);
    pair.pass();
    pair.now += ms(2_000);
    let window = pair.close();
    assert_eq!((window.lost_forward, window.lost_back), (Some(Count(2)), Some(Count(1))));
    assert_eq!(
        (window.sent, window.reflected, window.received),
        (Some(Count(7)), Some(Count(5)), Some(Count(4)))
    );
    assert_eq!(window.loss_forward(), Some(2.0 / 7.0));
    assert_eq!(window.loss_back(), Some(1.0 / 5.0));
    assert_eq!(pair.sender.close_window(pair.now), None, "nothing more");
}

#[test]
fn without_synchronised_clocks_only_the_delays_are_missing() {
    let unsynchronised: [fn(&mut Pair); 5] = [
        |pair| pair.own = None,
        |pair| pair.error = ErrorEstimate::new(None),
        |pair| pair.error = ErrorEstimate::new(Some(ms(6))),
        |pair| pair.ahead = ms(4),
        |pair| {
            pair.format = Format::Ptp;
            pair.error = ErrorEstimate(pair.error.0 | 0x4000);
        },
    ];
    for (case, change) in unsynchronised.into_iter().enumerate() {
        let mut pair = Pair::new();
        change(&mut pair);
        (0..5).for_each(|_| assert_eq!(pair.pass(), FRESH));
        let window = pair.close();
        assert_eq!(window.rtt.count(), 5, "case {case}");
        assert_eq!((window.forward_min, window.back_min), (None, None), "case {case}");
        assert!(window.forward.is_empty() && window.back.is_empty(), "case {case}");
        assert_eq!(
            (window.synchronised, window.unsynchronised),
            (Some(false), Some(Count(5))),
            "case {case}"
        );
        assert_eq!((window.received, window.voided), (Some(Count(5)), Some(Count(0))), "case {case}");
    }
}

#[test]
fn a_reflectors_clock_that_is_set_voids_the_windows_delays_and_nothing_else() {
    let mut pair = Pair::new();
    pair.error = ErrorEstimate::new(Some(ms(2)));
    for _ in 0..3 {
        pair.pass();
    }
    pair.ahead = Duration::from_secs(3_600);
    (0..3).for_each(|_| assert_eq!(pair.pass(), FRESH));
    let window = pair.close();
    assert_eq!((window.forward_min, window.back_min, window.synchronised), (None, None, Some(false)));
    assert_eq!((window.received, window.lost_forward), (Some(Count(6)), Some(Count(0))));
    assert_eq!((window.rtt.count(), window.rtt_max), (6, Some(Micros(12_000))));
    assert_eq!(window.restarts, Some(Count(0)));
}

#[test]
fn this_clock_that_is_set_voids_the_answers_on_their_way() {
    let mut pair = Pair::new();
    pair.pass();
    let test = pair.send();
    let reflection = pair.reflection(&test);
    let now = pair.reading(ms(17));
    let set = Reading { wall: now.wall + Duration::from_secs(3_600), ..now };
    assert_eq!(pair.sender.on_reply(&reflection, Some(set.wall), set, pair.own), FRESH);
    let window = pair.close();
    assert_eq!((window.received, window.voided, window.rtt.count()), (Some(Count(2)), Some(Count(1)), 1));
    assert_eq!(window.synchronised, Some(false));
}

#[test]
fn a_reflection_of_another_time_or_number_is_of_no_test() {
    let mut pair = Pair::new();
    let test = pair.send();
    let good = pair.reflection(&test);
    assert_eq!(pair.give(&Reflection { test_sent: good.test_sent ^ 1, ..good }), Verdict::Unknown);
    assert_eq!(pair.give(&Reflection { test_sequence: 9, ..good }), Verdict::Unknown);
    assert_eq!(pair.give(&good), FRESH);
    assert_eq!(pair.give(&good), Verdict::Duplicate);
}

#[test]
fn impossible_times_of_the_reflector_void_the_answer_and_count_it_as_received() {
    let mut pair = Pair::new();
    let test = pair.send();
    let good = pair.reflection(&test);
    let swapped = Reflection { received: good.sent, sent: good.received, ..good };
    assert_eq!(pair.give(&swapped), FRESH);
    let test = pair.send();
    let good = pair.reflection(&test);
    assert_eq!(pair.give(&Reflection { received: 0, ..good }), FRESH);
    let window = pair.close();
    assert_eq!((window.received, window.voided), (Some(Count(2)), Some(Count(2))));
    assert_eq!((window.rtt_min, window.synchronised), (None, Some(false)));
}

#[test]
fn turns_that_were_missed_are_left_out() {
    let mut pair = Pair::new();
    let second = Duration::from_secs(1);
    assert!(!pair.sender.poll(ms(999)));
    assert!(pair.sender.poll(second));
    assert!(!pair.sender.poll(second + ms(99)));
    assert!(pair.sender.poll(second + ms(5_000)));
    assert!(!pair.sender.poll(second + ms(5_001)), "no burst");
    assert_eq!(pair.sender.due(), second + ms(5_100));
}

#[test]
fn a_test_that_could_not_be_sent_is_not_counted() {
    let mut pair = Pair::new();
    pair.pass();
    let test = pair.send();
    pair.sender.unsent(test.sequence);
    pair.pass();
    pair.now += ms(2_000);
    assert_eq!(pair.close().sent, Some(Count(2)));
}
