//! Random loss by the day, bursts, and links that flap. The seeds are fixed: a failure is one of the code.

use super::rig::Random;
use super::*;

const DAY: Duration = Duration::from_hours(24);

/// A link's day, or two hours of the others, at this independent loss; the changes.
fn long(class: Class, loss: f64, seed: u64) -> Vec<Change> {
    let mut random = Random(seed);
    let mut rig = Rig::new(class);
    let until = if class == Class::Link { DAY } else { Duration::from_hours(2) };
    rig.run(until, |_, _| {
        let rtt = Duration::from_micros(18_000 + random.below(4_000));
        (!random.chance(loss)).then_some(rtt)
    })
}

#[test]
fn a_day_at_5_percent_loss_is_never_down() {
    for class in [Class::Uplink, Class::Link, Class::Target] {
        let changes = long(class, 0.05, 5);
        assert!(changes.iter().all(|change| !change.to.is_down()), "{class:?}: {changes:?}");
    }
}

#[test]
fn a_day_at_20_percent_loss_is_degraded_and_never_down() {
    for class in [Class::Uplink, Class::Link, Class::Target] {
        let changes = long(class, 0.20, 20);
        let words: Vec<_> = changes.iter().map(|change| change.to.verdict()).collect();
        assert_eq!(words, [Some(LinkVerdict::Up), Some(LinkVerdict::Degraded)], "{class:?}");
        let Some(Cause::Loss { loss }) = changes[1].to.cause() else { panic!("{changes:?}") };
        assert!(loss > Ppm(30_000), "{loss:?}");
        assert!(changes[1].at < class.pace() * 100, "{:?}", changes[1].at);
    }
}

/// The chance of a false alarm is too small to be met by trying, so it is computed: the run that is
/// needed on a link whose loss is known, and how often such a run begins in a day.
#[test]
fn a_false_alarm_is_less_likely_than_one_in_ten_thousand_days() {
    for class in [Class::Uplink, Class::Link, Class::Target] {
        for percent in [1u32, 2, 5, 10, 20, 30] {
            let loss = f64::from(percent) / 100.0;
            let mut random = Random(percent.into());
            let mut rig = Rig::new(class);
            rig.run(class.pace() * 1_000, |_, _| (!random.chance(loss)).then_some(ms(20)));
            let needed = rig.detector.enough();
            let probes = DAY.as_secs_f64() / class.pace().as_secs_f64();
            let a_day = loss.powi(needed as i32) * (1.0 - loss) * probes;
            assert!(a_day < 1e-4, "{class:?} at {percent} %: {needed} in a row, {a_day:e} a day");
        }
    }
}

#[test]
fn a_link_that_loses_every_fifth_packet_is_still_found_dead() {
    let mut random = Random(7);
    let mut rig = Rig::new(Class::Link);
    let changes = rig.run(ms(130_000), |at, _| (at < ms(120_000) && !random.chance(0.2)).then_some(ms(20)));
    let down = changes.last().expect("it is down");
    assert!(matches!(down.to, State::Down(Cause::BlackHole { .. })));
    assert!(down.at < ms(122_500), "{down:?}");
}

#[test]
fn bursts_of_loss_that_are_shorter_than_a_second_are_not_down() {
    let mut rig = Rig::new(Class::Link);
    let changes = rig.run(ms(600_000), |at, _| (at.as_millis() % 30_000 > 900).then_some(ms(20)));
    assert!(changes.iter().all(|change| !change.to.is_down()), "{changes:?}");
}

#[test]
fn an_outage_leaves_no_loss_behind() {
    let mut rig = Rig::new(Class::Link);
    let outage = ms(60_000)..ms(75_000);
    let changes = rig.run(ms(300_000), |at, _| (!outage.contains(&at)).then_some(ms(20)));
    let words: Vec<_> = changes.iter().map(|change| change.to.verdict()).collect();
    assert_eq!(words, [Some(LinkVerdict::Up), Some(LinkVerdict::Down), Some(LinkVerdict::Up)]);
    assert_eq!(changes[2].since + ms(800), changes[2].at, "up since the first of five answers");
}

#[test]
fn losses_of_an_outage_that_are_found_after_it_belong_to_it() {
    let detector = Detector::new(Thresholds::of(Class::Link), Contract::default(), ms(5_000));
    let mut rig = Rig::with(detector, ms(200));
    rig.timeout = ms(5_000);
    let outage = ms(60_000)..ms(75_000);
    let changes = rig.run(ms(300_000), |at, _| (!outage.contains(&at)).then_some(ms(20)));
    let words: Vec<_> = changes.iter().map(|change| change.to.verdict()).collect();
    assert_eq!(words, [Some(LinkVerdict::Up), Some(LinkVerdict::Down), Some(LinkVerdict::Up)]);
}

#[test]
fn a_flapping_link_is_down_while_it_is_silent_and_well_only_once_it_is_steady() {
    let mut rig = Rig::new(Class::Link);
    let up = |at: Duration| at > ms(300_000) || at.as_millis() % 15_000 < 10_000;
    let changes = rig.run(ms(600_000), |at, _| up(at).then_some(ms(20)));
    let causes: Vec<_> = changes.iter().map(|change| change.to.cause().map(|c| c.word())).collect();
    let (hole, flaps) = (Some(LinkCause::BlackHole), Some(LinkCause::Flapping));
    assert_eq!(causes[..8], [None, hole, None, hole, None, hole, flaps, hole]);
    assert_eq!(causes.iter().filter(|cause| **cause == hole).count(), 20, "each silence: {causes:?}");
    for down in changes.iter().filter(|change| change.to.is_down()) {
        let silent_from = ms(down.at.as_millis() as u64 / 15_000 * 15_000 + 10_000);
        assert!(down.at <= silent_from + ms(1_400), "as soon as on any other link: {down:?}");
    }
    assert_eq!(causes.iter().filter(|cause| cause.is_none()).count(), 4, "up thrice, and at the end");
    let steady = changes.last().expect("it is steady at last");
    assert_eq!(steady.to.verdict(), Some(LinkVerdict::Up));
    assert!((ms(330_000)..ms(335_000)).contains(&steady.at), "{steady:?}");
}

#[test]
fn a_flapping_link_that_dies_for_good_is_told_down() {
    let mut rig = Rig::new(Class::Link);
    let up = |at: Duration| at < ms(120_000) && at.as_millis() % 15_000 < 10_000;
    let changes = rig.run(ms(300_000), |at, _| up(at).then_some(ms(20)));
    assert!(changes.last().is_some_and(|change| change.to.is_down()), "{changes:?}");
}

#[test]
fn a_link_that_is_slow_then_lossy_then_cut_once_does_not_flap() {
    let mut rig = Rig::new(Class::Link);
    let changes = rig.run(ms(300_000), |at, n| match at.as_secs() {
        110..150 => Some(ms(90)),
        180..210 => (n % 5 != 3).then_some(ms(20)),
        210..215 => None,
        _ => Some(ms(20)),
    });
    let causes: Vec<_> = changes.iter().map(|change| change.to.cause().map(|c| c.word())).collect();
    let (slow, lossy, hole) = (Some(LinkCause::Latency), Some(LinkCause::Loss), Some(LinkCause::BlackHole));
    assert_eq!(causes, [None, slow, None, lossy, hole, lossy, None], "each as what it is: {changes:?}");
}
