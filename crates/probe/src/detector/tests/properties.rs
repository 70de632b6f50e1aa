//! What holds for any sequence of fates and times.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Event {
    Answered(u64),
    Late,
    Overdue(u64),
    Lost(u64, bool, bool),
    Voided(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0u64..3_000_000).prop_map(Event::Answered),
        1 => any::<u64>().prop_map(Event::Answered),
        1 => Just(Event::Late),
        6 => (0u64..5_000).prop_map(Event::Overdue),
        3 => (0u64..5_000, any::<bool>(), any::<bool>()).prop_map(|(a, b, c)| Event::Lost(a, b, c)),
        1 => any::<u32>().prop_map(Event::Voided),
    ]
}

/// Mostly small steps ahead, at times a leap, at times back.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0i64..500, 1 => 0i64..10_000_000, 1 => -5_000i64..0]
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![Just(Class::Uplink), Just(Class::Link), Just(Class::Target)]
}

fn feed(d: &mut Detector, event: &Event, now: Duration) -> Option<Change> {
    match *event {
        Event::Answered(us) => d.answered(Duration::from_micros(us), now),
        Event::Late => d.answered_late(now),
        Event::Overdue(ago) => d.overdue(now.saturating_sub(ms(ago)), now),
        Event::Lost(ago, overdue, no_route) => {
            let how = if no_route { Lost::NoRoute } else { Lost::Silent };
            d.lost(how, now.saturating_sub(ms(ago)), overdue, now)
        }
        Event::Voided(n) => {
            d.voided(n);
            None
        }
    }
}

proptest! {
    #[test]
    fn changes_tell_the_state_and_nothing_else(
        class in class(),
        events in proptest::collection::vec((event(), step()), 0..400),
    ) {
        let mut d = detector(class);
        let mut now = ms(1_000_000);
        for (event, step) in events {
            now = if step < 0 { now.saturating_sub(ms(step.unsigned_abs())) } else { now + ms(step as u64) };
            let before = d.state();
            let change = feed(&mut d, &event, now);
            match change {
                Some(change) => {
                    prop_assert!(change.from.is_like(&before));
                    prop_assert_eq!(change.to, d.state());
                    prop_assert!(!change.from.is_like(&change.to));
                    prop_assert_eq!(change.at, now);
                    if matches!(event, Event::Answered(_) | Event::Late) {
                        prop_assert!(!change.to.is_down(), "no answer makes a target down");
                    }
                }
                None => prop_assert!(before.is_like(&d.state())),
            }
            prop_assert!(d.patience() <= ms(1_000));
        }
    }

    #[test]
    fn a_target_is_not_down_while_answers_come(
        class in class(),
        before in proptest::collection::vec((event(), 0u64..500), 0..200),
        gaps in proptest::collection::vec(0u64..2, 60),
    ) {
        let mut d = detector(class);
        let mut now = ms(1_000);
        for (event, step) in before {
            now += ms(step);
            feed(&mut d, &event, now);
        }
        // At most one loss between two answers, for longer than any hold.
        for gap in gaps {
            now += ms(1_000);
            for _ in 0..gap {
                d.lost(Lost::Silent, now, false, now);
            }
            d.answered(ms(10), now + ms(1));
        }
        prop_assert!(matches!(d.state(), State::Up | State::Degraded(_)), "{:?}", d.state());
    }

    #[test]
    fn voided_probes_alone_change_nothing(
        class in class(),
        before in proptest::collection::vec((event(), 0u64..500), 0..200),
        voids in proptest::collection::vec(any::<u32>(), 0..50),
    ) {
        let mut d = detector(class);
        let mut now = ms(1_000);
        for (event, step) in before {
            now += ms(step);
            feed(&mut d, &event, now);
        }
        let (state, since) = (d.state(), d.since());
        for n in voids {
            d.voided(n);
        }
        prop_assert_eq!((d.state(), d.since()), (state, since));
    }

    #[test]
    fn an_agent_that_slept_has_seen_nothing_go_wrong(class in class(), hours in 1u64..1_000) {
        let mut d = detector(class);
        for n in 0..100u64 {
            d.answered(ms(20), ms(n * 200));
        }
        let woken = ms(20_000) + Duration::from_hours(hours);
        prop_assert_eq!(d.state(), State::Up);
        prop_assert_eq!(d.answered(ms(20), woken), None);
        prop_assert_eq!(d.overdue(woken + ms(200), woken + ms(400)), None);
        prop_assert_eq!(d.confirming(woken + ms(400)), None);
    }
}
