use wasl_model::units::{Micros, Ppm};
use wasl_model::{LinkCause, LinkVerdict};

use super::*;

mod properties;
mod rig;
mod slow_path;
mod storms;

use rig::Rig;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn detector(class: Class) -> Detector {
    Detector::new(Thresholds::of(class), Contract::default(), ms(1_000))
}

/// From the cut to "down", and from the mend to "up", for a cut at each of many moments of a period.
fn delays(class: Class, rtt: Duration) -> (Duration, Duration) {
    let (mut down, mut up) = (Duration::ZERO, Duration::ZERO);
    for offset in 0..50 {
        let mut rig = Rig::new(class);
        let (cut, mend) = (ms(60_000) + class.pace() * offset / 50, ms(90_013));
        let changes = rig.run(ms(120_000), |at, _| (at + rtt <= cut || at >= mend).then_some(rtt));
        let [first, second, third] = changes[..] else { panic!("{class:?} {offset}: {changes:?}") };
        assert_eq!(first.to, State::Up);
        assert!(matches!(second.to, State::Down(Cause::BlackHole { .. })), "{second:?}");
        assert_eq!(third.to, State::Up);
        assert!(second.since <= cut + class.pace(), "it is down since the first probe that was lost");
        down = down.max(second.at.abs_diff(cut));
        up = up.max(third.at.abs_diff(mend));
    }
    (down, up)
}

#[test]
fn a_black_hole_and_its_end_are_noticed_in_time() {
    for rtt in [0, 1, 20, 50, 100] {
        let (down, up) = delays(Class::Link, ms(rtt));
        assert!(down <= ms(1_500) && up <= ms(3_000), "link of {rtt} ms: {down:?}, {up:?}");
    }
    for rtt in [0, 1, 20, 50] {
        let (down, up) = delays(Class::Uplink, ms(rtt));
        assert!(down <= ms(600) && up <= ms(3_000), "uplink of {rtt} ms: {down:?}, {up:?}");
    }
    let (down, up) = delays(Class::Target, ms(100));
    assert!(down <= ms(4_000) && up <= ms(3_000), "target: {down:?}, {up:?}");
}

#[test]
fn a_target_that_never_answered_is_down_and_not_unknown_for_ever() {
    let mut rig = Rig::new(Class::Link);
    let changes = rig.run(ms(10_000), |_, _| None);
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].from, changes[0].to.verdict()), (State::Unknown, Some(LinkVerdict::Down)));
}

#[test]
fn a_late_answer_within_the_time_out_lifts_suspicion() {
    let mut d = detector(Class::Link);
    for n in 0..50 {
        d.answered(ms(20), ms(n * 200));
    }
    for n in 50..55 {
        assert_eq!(d.overdue(ms(n * 200), ms(n * 200 + 70)), None);
    }
    assert_eq!(d.confirming(ms(11_000)), Some(ms(50)));
    assert_eq!(d.answered(ms(950), ms(11_001)), None);
    assert_eq!(d.confirming(ms(11_001)), None);
    assert_eq!(d.state(), State::Up);
}

#[test]
fn a_sudden_detour_of_600_ms_is_not_down() {
    let mut rig = Rig::new(Class::Link);
    let changes = rig.run(ms(60_000), |at, _| Some(if at < ms(30_000) { ms(20) } else { ms(600) }));
    assert!(changes.iter().all(|change| !change.to.is_down()), "{changes:?}");
}

#[test]
fn no_route_at_all_is_told_as_such() {
    let mut d = detector(Class::Link);
    let changes: Vec<_> =
        (1..20).filter_map(|n| d.lost(Lost::NoRoute, ms(n * 200), false, ms(n * 200))).collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].to, State::Down(Cause::NoRoute { unanswered: 8 }));
}

#[test]
fn suspicion_does_not_ask_for_a_faster_pace_for_ever() {
    let mut d = detector(Class::Link);
    for n in 1..=5 {
        d.overdue(ms(n * 200), ms(n * 200 + 1_000));
    }
    assert_eq!(d.confirming(ms(6_999)), Some(ms(50)));
    assert_eq!(d.confirming(ms(7_000)), None, "the faster probes may be voided, again and again");
}

#[test]
fn a_clock_step_takes_suspicion_back() {
    let mut d = detector(Class::Link);
    for n in 1..=7 {
        assert_eq!(d.overdue(ms(n * 200), ms(n * 200 + 1_000)), None);
    }
    d.voided(7);
    assert_eq!(d.confirming(ms(2_500)), None);
    for n in 8..=14 {
        assert_eq!(d.overdue(ms(n * 200), ms(n * 200 + 1_000)), None);
    }
    assert!(d.overdue(ms(3_000), ms(4_000)).is_some(), "a real black hole is found a little later");
}

#[test]
fn an_answer_that_comes_too_late_is_a_loss_but_no_silence() {
    let mut d = detector(Class::Link);
    let mut told = Vec::new();
    for n in 1..100u64 {
        let sent = ms(n * 200);
        told.extend(d.lost(Lost::Silent, sent, false, sent + ms(1_000)));
        told.extend(d.answered_late(sent + ms(1_001)));
    }
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].to, State::Up);
    assert_eq!(told[1].to.cause().map(|cause| cause.word()), Some(LinkCause::Loss));
}
