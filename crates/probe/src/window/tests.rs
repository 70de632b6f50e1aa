use proptest::prelude::*;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(1);
const EPOCH: Duration = Duration::from_hours(500_000);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Both clocks at `n` milliseconds, undisturbed.
fn at(n: u64) -> Reading {
    Reading { mono: ms(n), wall: EPOCH + ms(n) }
}

fn tracker() -> Tracker {
    Tracker::new(TIMEOUT, ms(0))
}

fn close(tracker: &mut Tracker, now: u64) -> ProbeWindow {
    tracker.close(ms(now), ProbeMethod::IcmpRaw).expect("something happened in the window")
}

fn answer(tracker: &mut Tracker, number: u32, arrived: u64) -> Verdict {
    tracker.on_reply(number, Some(EPOCH + ms(arrived)), at(arrived))
}

#[test]
fn a_window_tells_what_happened() {
    let mut t = tracker();
    let numbers: Vec<_> = (0..4).map(|n| t.on_sent(at(n * 100))).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!(answer(&mut t, 1, 130), Verdict::Fresh(ms(30)));
    assert_eq!(answer(&mut t, 0, 140), Verdict::Fresh(ms(140)));
    assert_eq!(answer(&mut t, 2, 250), Verdict::Fresh(ms(50)));
    assert_eq!(answer(&mut t, 2, 251), Verdict::Duplicate);
    assert_eq!(t.next_deadline(), Some(ms(1_300)));
    assert_eq!(t.on_deadline(ms(1_299)), 0);
    assert_eq!(t.on_deadline(ms(1_300)), 1);
    let window = close(&mut t, 2_000);
    assert_eq!(window.window, Some(Millis(2_000)));
    assert_eq!(window.method, Some(ProbeMethod::IcmpRaw));
    assert_eq!((window.sent, window.received), (Some(Count(4)), Some(Count(3))));
    assert_eq!(
        (window.late, window.duplicates, window.voided),
        (Some(Count(0)), Some(Count(1)), Some(Count(0)))
    );
    assert_eq!((window.rtt_min, window.rtt_max), (Some(Micros(30_000)), Some(Micros(140_000))));
    // In the order of sending: 140, 30, 50. The differences are 110 and 20.
    assert_eq!(window.jitter, Some(Micros(65_000)));
    assert_eq!(window.rtt.count(), 3);
    assert_eq!(window.loss(), Some(0.25));
}

#[test]
fn a_probe_on_its_way_at_the_boundary_counts_in_the_next_window() {
    let mut t = tracker();
    t.on_sent(at(0));
    t.on_sent(at(990));
    answer(&mut t, 0, 10);
    assert_eq!(close(&mut t, 1_000).sent, Some(Count(1)));
    answer(&mut t, 1, 1_010);
    let second = close(&mut t, 2_000);
    assert_eq!((second.sent, second.received), (Some(Count(1)), Some(Count(1))));
    assert_eq!(second.window, Some(Millis(1_000)));
    assert_eq!(second.jitter, Some(Micros(10_000)), "20 ms after the earlier window's 10 ms");
}

#[test]
fn a_late_answer_does_not_take_the_loss_back() {
    let mut t = tracker();
    t.on_sent(at(0));
    t.on_deadline(ms(1_000));
    let first = close(&mut t, 1_000);
    assert_eq!((first.sent, first.received, first.rtt_min), (Some(Count(1)), Some(Count(0)), None));
    assert_eq!(answer(&mut t, 0, 1_500), Verdict::Late);
    assert_eq!(answer(&mut t, 0, 1_501), Verdict::Duplicate);
    let second = close(&mut t, 2_000);
    assert_eq!((second.sent, second.received), (Some(Count(0)), Some(Count(0))));
    assert_eq!((second.late, second.duplicates), (Some(Count(1)), Some(Count(1))));
}

#[test]
fn a_busy_reader_neither_makes_nor_hides_a_loss() {
    let mut t = tracker();
    t.on_sent(at(0));
    t.on_sent(at(0));
    let read = at(3_000);
    assert_eq!(t.on_reply(0, Some(EPOCH + ms(20)), read), Verdict::Fresh(ms(20)), "it came in time");
    assert_eq!(t.on_reply(1, Some(EPOCH + ms(1_001)), read), Verdict::Late);
    assert_eq!(t.on_deadline(ms(3_000)), 0);
    let window = close(&mut t, 3_000);
    assert_eq!((window.sent, window.received, window.late), (Some(Count(2)), Some(Count(1)), Some(Count(1))));
}

#[test]
fn a_clock_step_voids_and_never_bends() {
    let mut t = tracker();
    t.on_sent(at(0));
    t.on_sent(at(10));
    t.on_sent(at(20));
    let hour = Duration::from_hours(1);
    let stepped = Reading { mono: ms(30), wall: EPOCH + hour + ms(30) };
    assert_eq!(t.on_reply(0, Some(stepped.wall), stepped), Verdict::Voided);
    assert_eq!(t.void_outstanding(), 2);
    assert_eq!(t.on_reply(1, Some(stepped.wall), stepped), Verdict::Voided);
    assert_eq!(t.on_deadline(ms(5_000)), 0);
    let window = close(&mut t, 5_000);
    assert_eq!(
        (window.sent, window.received, window.voided),
        (Some(Count(0)), Some(Count(0)), Some(Count(3)))
    );
    assert_eq!(window.loss(), None);
}

#[test]
fn a_probe_that_found_no_way_out_is_lost_at_once_and_a_voided_one_does_not_count() {
    let mut t = tracker();
    let (a, b) = (t.on_sent(at(0)), t.on_sent(at(0)));
    t.lose(a);
    t.void(b);
    t.void(a);
    t.lose(b);
    assert_eq!(t.next_deadline(), None);
    let window = close(&mut t, 10);
    assert_eq!(
        (window.sent, window.received, window.voided),
        (Some(Count(1)), Some(Count(0)), Some(Count(1)))
    );
}

#[test]
fn a_window_in_which_nothing_happened_is_not_reported() {
    let mut t = tracker();
    t.on_sent(at(0));
    assert_eq!(t.close(ms(500), ProbeMethod::IcmpRaw), None);
    t.on_deadline(ms(1_000));
    assert_eq!(close(&mut t, 1_500).window, Some(Millis(1_000)));
}

#[test]
fn memory_is_bounded_and_what_is_forgotten_is_unknown() {
    let mut t = tracker();
    for n in 0..10_000 {
        t.on_sent(at(n));
    }
    assert_eq!(t.probes.len(), MAX_OUTSTANDING);
    let given_up = 10_000 - MAX_OUTSTANDING as u64;
    assert_eq!(answer(&mut t, 0, 10_000), Verdict::Unknown);
    assert_eq!(close(&mut t, 10_000).sent, Some(Count(given_up)));
    t.on_deadline(ms(20_000));
    assert_eq!(close(&mut t, 20_000).sent, Some(Count(MAX_OUTSTANDING as u64)));
    t.on_sent(at(20_000));
    assert_eq!(t.probes.len(), 1);
    assert_eq!(answer(&mut t, 9_999, 20_010), Verdict::Late);
    assert_eq!(answer(&mut t, 10_000 - MEMORY, 20_010), Verdict::Late);
    assert_eq!(answer(&mut t, 10_000 - MEMORY, 20_010), Verdict::Duplicate);
    assert_eq!(answer(&mut t, 10_000 - MEMORY - 1, 20_010), Verdict::Unknown, "that is forgotten");
    assert_eq!(answer(&mut t, 10_000, 20_010), Verdict::Fresh(ms(10)));
    assert_eq!(answer(&mut t, 10_001, 20_010), Verdict::Unknown, "a number that was not sent yet");
}

#[test]
fn numbers_may_wrap() {
    let mut t = tracker();
    t.first = u32::MAX;
    let (a, b) = (t.on_sent(at(0)), t.on_sent(at(0)));
    assert_eq!((a, b), (u32::MAX, 0));
    assert_eq!(answer(&mut t, 0, 30), Verdict::Fresh(ms(30)));
    assert_eq!(answer(&mut t, u32::MAX, 10), Verdict::Fresh(ms(10)));
    assert_eq!(close(&mut t, 100).jitter, Some(Micros(20_000)));
}

#[derive(Debug, Clone)]
enum Event {
    Wait(u64),
    Send,
    Reply { back: u32, delay: u64 },
    Deadline,
    Lose { back: u32 },
    Void { back: u32 },
    VoidAll,
    Step { forward: bool },
    Close,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u64..700).prop_map(Event::Wait),
        6 => Just(Event::Send),
        6 => (0u32..80, 0u64..1_500).prop_map(|(back, delay)| Event::Reply { back, delay }),
        2 => Just(Event::Deadline),
        1 => (0u32..5).prop_map(|back| Event::Lose { back }),
        1 => (0u32..5).prop_map(|back| Event::Void { back }),
        1 => Just(Event::VoidAll),
        1 => any::<bool>().prop_map(|forward| Event::Step { forward }),
        2 => Just(Event::Close),
    ]
}

proptest! {
    #[test]
    fn every_probe_is_decided_exactly_once(events in prop::collection::vec(event(), 0..400)) {
        let mut t = tracker();
        let (mut now, mut wall) = (ms(0), EPOCH);
        let (mut sent, mut fresh, mut lost, mut voided) = (0u64, 0u64, 0u64, 0u64);
        let mut reported = (0u64, 0u64, 0u64);
        let mut windows = Vec::new();
        for event in events {
            let reading = Reading { mono: now, wall };
            match event {
                Event::Wait(by) => (now, wall) = (now + ms(by), wall + ms(by)),
                Event::Send => {
                    t.on_sent(reading);
                    sent += 1;
                }
                Event::Reply { back, delay } => {
                    let number = t.upcoming().wrapping_sub(back);
                    let pending = t.pending(number).is_some();
                    match t.on_reply(number, Some(wall.saturating_sub(ms(delay))), reading) {
                        Verdict::Fresh(rtt) => {
                            prop_assert!(pending && rtt <= TIMEOUT);
                            fresh += 1;
                        }
                        Verdict::Late => lost += u64::from(pending),
                        Verdict::Voided => voided += u64::from(pending),
                        Verdict::Duplicate | Verdict::Unknown => prop_assert!(!pending),
                    }
                }
                Event::Deadline => lost += t.on_deadline(now) as u64,
                Event::Lose { back } | Event::Void { back } => {
                    let number = t.upcoming().wrapping_sub(back);
                    let pending = t.pending(number).is_some();
                    if matches!(event, Event::Lose { .. }) {
                        t.lose(number);
                        lost += u64::from(pending);
                    } else {
                        t.void(number);
                        voided += u64::from(pending);
                    }
                }
                Event::VoidAll => voided += t.void_outstanding() as u64,
                Event::Step { forward: true } => wall += ms(60_000),
                Event::Step { forward: false } => wall = wall.saturating_sub(ms(60_000)),
                Event::Close => windows.extend(t.close(now, ProbeMethod::IcmpDatagram)),
            }
        }
        now += TIMEOUT;
        lost += t.on_deadline(now) as u64;
        windows.extend(t.close(now, ProbeMethod::IcmpDatagram));
        prop_assert_eq!(t.next_deadline(), None, "all have their fate");
        for window in &windows {
            let count = |c: Option<Count>| c.map_or(0, |c| c.0);
            let (decided, received) = (count(window.sent), count(window.received));
            prop_assert!(received <= decided);
            prop_assert_eq!(window.rtt.count(), received);
            prop_assert_eq!(window.rtt_min.is_some(), received > 0);
            prop_assert!(window.rtt_min <= window.rtt_max);
            if let (Some(jitter), true) = (window.jitter, received > 0) {
                prop_assert!(jitter.0 <= TIMEOUT.as_micros() as u64);
            }
            reported = (reported.0 + decided, reported.1 + received, reported.2 + count(window.voided));
        }
        prop_assert_eq!(reported, (fresh + lost, fresh, voided));
        prop_assert_eq!(sent, fresh + lost + voided, "each probe sent has one fate");
    }
}
