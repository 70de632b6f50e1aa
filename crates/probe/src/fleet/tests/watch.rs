//! Targets with a detector: the verdicts, the pace, and the windows that carry them.

use std::ops::RangeInclusive;

use wasl_model::{LinkCause, LinkVerdict};

use super::*;
use crate::detector::{Class, State};

/// What came of a run.
#[derive(Default)]
pub(super) struct Seen {
    /// When each probe was sent, by target.
    pub(super) sent: Vec<(Duration, u64)>,
    pub(super) changes: Vec<Changed>,
    windows: Vec<(Duration, Closed)>,
}

impl Seen {
    pub(super) fn verdicts(&self) -> Vec<Option<LinkVerdict>> {
        self.changes.iter().map(|changed| changed.change.to.verdict()).collect()
    }

    pub(super) fn sent_within(&self, from: u64, to: u64) -> usize {
        self.sent.iter().filter(|(at, _)| (ms(from)..ms(to)).contains(at)).count()
    }
}

pub(super) fn watched(id: &str, class: Class) -> Plan {
    let every = class.pace();
    Plan { every, timeout: ms(1_000), detect: Some(Detect::of(class, every)), ..plan(id, 1) }
}

pub(super) fn fleet(plans: &[Plan]) -> Fleet {
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, plans, ms(0));
    fleet
}

/// Runs a fleet as a lane does. `link` gives the round-trip time at each sending, `wall` the wall clock.
fn run_by(
    fleet: &mut Fleet,
    from: u64,
    until: u64,
    wall: impl Fn(Duration) -> Duration,
    link: impl FnMut(Duration, u64) -> Option<Duration>,
) -> Seen {
    run_hinted_by(fleet, from..=until, &[], wall, link)
}

/// The same, and at each of these moments somebody says that every target may have moved that is not called `unsaid`.
pub(super) fn run_hinted_by(
    fleet: &mut Fleet,
    span: RangeInclusive<u64>,
    hints: &[u64],
    wall: impl Fn(Duration) -> Duration,
    mut link: impl FnMut(Duration, u64) -> Option<Duration>,
) -> Seen {
    let read = |mono| Reading { mono, wall: wall(mono) };
    let (mut now, mut seen, until) = (ms(*span.start()), Seen::default(), *span.end());
    let mut hints = hints.iter().map(|at| ms(*at)).peekable();
    let mut steps = crate::clock::StepDetector::default();
    let mut on_the_way: Vec<(Duration, Due)> = Vec::new();
    loop {
        let wake = fleet.next_wake().into_iter().chain(on_the_way.iter().map(|(at, _)| *at));
        let wake = wake.chain(hints.peek().copied()).min();
        let Some(next) = wake.filter(|next| *next <= ms(until)) else { return seen };
        now = now.max(next);
        if steps.feed(read(now)).is_some() {
            fleet.void_outstanding();
        }
        on_the_way.retain(|(arrived, due)| {
            let is_here = *arrived <= now;
            if is_here {
                fleet.on_reply(due.key, due.number, due.to.ip(), Some(wall(*arrived)), read(now));
            }
            !is_here
        });
        fleet.on_deadline(now);
        while hints.next_if(|at| *at <= now).is_some() {
            fleet.hint(|id| !id.starts_with("unsaid"), now);
        }
        while let Some(due) = fleet.pop_probe(now) {
            fleet.on_sent(&due, read(now));
            seen.sent.push((now, due.key));
            on_the_way.extend(link(now, due.key).map(|rtt| (now + rtt, due)));
        }
        seen.changes.extend(fleet.take_changes());
        while let Some(key) = fleet.pop_window(now) {
            seen.windows.extend(fleet.close(key, now).map(|window| (now, window)));
        }
    }
}

fn run_watched(
    fleet: &mut Fleet,
    from: u64,
    until: u64,
    link: impl FnMut(Duration, u64) -> Option<Duration>,
) -> Seen {
    run_by(fleet, from, until, |mono| at(mono).wall, link)
}

#[test]
fn a_cut_link_is_told_at_once_by_a_window_that_ends_then() {
    let mut fleet = fleet(&[watched("link", Class::Link)]);
    let outage = ms(63_000)..ms(80_000);
    let seen = run_watched(&mut fleet, 0, 120_000, |now, _| (!outage.contains(&now)).then_some(ms(30)));
    let (up, down) = (Some(LinkVerdict::Up), Some(LinkVerdict::Down));
    assert_eq!(seen.verdicts(), [up, down, up]);
    let [_, cut, mend] = &seen.changes[..] else { unreachable!() };
    assert!(cut.change.at <= ms(64_500) && mend.change.at <= ms(83_000), "{:?}", seen.changes);
    let told: Vec<_> = seen.windows.iter().map(|(at, closed)| (*at, closed.window.verdict)).collect();
    assert!(told.contains(&(cut.change.at, down)) && told.contains(&(mend.change.at, up)), "{told:?}");
    let window = &seen.windows.iter().find(|(at, _)| *at == cut.change.at).expect("told").1.window;
    assert_eq!(window.cause, Some(LinkCause::BlackHole));
    let age = cut.change.at.saturating_sub(cut.change.since);
    assert_eq!(window.verdict_age, Some(Millis(age.as_millis() as u64)));
    assert!(told.iter().all(|(at, verdict)| *at < ms(2_100) || verdict.is_some()));
}

#[test]
fn suspicion_hurries_and_its_end_brings_the_usual_pace_back() {
    let mut fleet = fleet(&[watched("link", Class::Link)]);
    let outage = ms(63_000)..ms(80_000);
    let seen = run_watched(&mut fleet, 0, 120_000, |now, _| (!outage.contains(&now)).then_some(ms(30)));
    assert_eq!(seen.sent_within(50_000, 60_000), 50);
    let at = seen.changes[1].change.at.as_millis() as u64;
    assert!((3..=5).contains(&(seen.sent_within(at - 250, at))), "{}", seen.sent_within(at - 250, at));
    assert_eq!(seen.sent_within(70_000, 80_000), 50);
    assert_eq!(seen.sent_within(100_000, 110_000), 50);
    assert_eq!(fleet.confirming, 0);
}

#[test]
fn a_verdict_is_told_even_if_no_probe_is_decided() {
    let mut plan = watched("uplink", Class::Uplink);
    plan.timeout = ms(10_000);
    let mut fleet = fleet(&[plan]);
    // The window at 60 s ends, and the cut comes right after it.
    let seen = run_watched(&mut fleet, 0, 62_000, |now, _| (now < ms(60_000)).then_some(ms(1)));
    let (at, last) = seen.windows.last().expect("told");
    assert_eq!((last.window.verdict, last.window.sent), (Some(LinkVerdict::Down), Some(Count(0))));
    assert!(*at < ms(60_700), "{at:?}");
}

#[test]
fn thousands_that_fall_silent_at_once_cause_no_storm() {
    let plans: Vec<_> = (0..1_000).map(|n| watched(&format!("t{n}"), Class::Target)).collect();
    let mut fleet = fleet(&plans);
    let seen = run_watched(&mut fleet, 0, 30_000, |now, _| (now < ms(15_000)).then_some(ms(5)));
    let down = seen.changes.iter().filter(|c| c.change.to.verdict() == Some(LinkVerdict::Down));
    assert_eq!(down.count(), 1_000, "all are found");
    for second in 15..30 {
        let sent = seen.sent_within(second * 1_000, (second + 1) * 1_000);
        // Those under suspicion, 20 times a second, and the others at their pace.
        assert!(sent <= 1_100 + MAX_CONFIRMING * 21, "{sent} probes in second {second}");
    }
    assert_eq!(seen.sent_within(28_000, 29_000), 1_000);
    assert_eq!(fleet.confirming, 0);
}

#[test]
fn a_clock_that_is_set_by_an_hour_raises_nothing() {
    let hour = Duration::from_hours(1);
    for step in [|wall, hour| wall + hour, Duration::saturating_sub] {
        let mut fleet = fleet(&[watched("link", Class::Link), watched("uplink", Class::Uplink)]);
        let wall = |mono| if mono < ms(30_000) { at(mono).wall } else { step(at(mono).wall, hour) };
        let seen = run_by(&mut fleet, 0, 60_000, wall, |_, _| Some(ms(150)));
        assert_eq!(seen.verdicts(), [Some(LinkVerdict::Up); 2]);
        let voided: u64 = seen.windows.iter().filter_map(|(_, c)| c.window.voided).map(|n| n.0).sum();
        assert!(voided > 0, "what was on its way is void");
        let lost = seen.windows.iter().any(|(_, closed)| closed.window.sent != closed.window.received);
        assert!(!lost, "and nothing is lost");
    }
}

#[test]
fn a_step_in_the_middle_of_suspicion_takes_it_back() {
    let mut fleet = fleet(&[watched("link", Class::Link)]);
    let wall = |mono: Duration| at(mono).wall + if mono < ms(31_150) { ms(0) } else { ms(5_000) };
    let outage = ms(30_000)..ms(31_500);
    let seen = run_by(&mut fleet, 0, 60_000, wall, |now, _| (!outage.contains(&now)).then_some(ms(20)));
    assert_eq!(seen.verdicts(), [Some(LinkVerdict::Up)]);
    assert_eq!(fleet.confirming, 0);
}

#[test]
fn what_is_usual_stays_when_the_pace_changes_and_goes_with_the_address() {
    let mut fleet = fleet(&[watched("link", Class::Link)]);
    run_watched(&mut fleet, 0, 30_000, |_, _| Some(ms(30)));
    let known = fleet.baselines().next().expect("it has learnt").1;
    let slower = watched("link", Class::Target);
    fleet.set(WINDOW, std::slice::from_ref(&slower), ms(30_000));
    assert_eq!(fleet.baselines().next(), Some((&slower, known)));
    let elsewhere = Plan { to: SocketAddr::from(([192, 0, 2, 7], 0)), ..slower };
    fleet.set(WINDOW, std::slice::from_ref(&elsewhere), ms(30_000));
    assert_eq!(fleet.baselines().next(), None);
    fleet.restore(|plan| (*plan == elsewhere).then_some(known));
    assert_eq!(fleet.baselines().next(), Some((&elsewhere, known)));
    fleet.restore(|_| Some(Baseline { parts: 1, ..known }));
    assert_eq!(fleet.baselines().next(), Some((&elsewhere, known)), "what it has learnt stays");
}

#[test]
fn a_target_that_is_taken_away_under_suspicion_leaves_nothing_behind() {
    let mut fleet = fleet(&[watched("link", Class::Link)]);
    let mut now = 10_000;
    run_watched(&mut fleet, 0, now, |_, _| Some(ms(1)));
    while fleet.confirming == 0 {
        run_watched(&mut fleet, now, now + 10, |_, _| None);
        now += 10;
        assert!(now < 11_500, "suspicion is overdue");
    }
    fleet.set(WINDOW, &[], ms(now));
    assert_eq!((fleet.confirming, fleet.deadlines.len(), fleet.next_wake()), (0, 0, None));
    assert_eq!(fleet.take_changes(), []);
}

#[test]
fn a_target_without_a_detector_has_no_verdict() {
    let mut fleet = fleet(&[plan("a", 100)]);
    let seen = run_watched(&mut fleet, 0, 30_000, |_, _| None);
    assert_eq!(seen.verdicts(), []);
    assert!(seen.windows.iter().all(|(_, closed)| closed.window.verdict.is_none()));
}

#[test]
fn changes_that_nobody_took_become_one() {
    let mut fleet = fleet(&[watched("link", Class::Link)]);
    let due = |fleet: &mut Fleet, n: u64| {
        let due = fleet.pop_probe(ms(1_000 + n * 200)).expect("due");
        fleet.on_sent(&due, at(ms(1_000 + n * 200)));
        due
    };
    for n in 0..5 {
        let due = due(&mut fleet, n);
        let now = at(ms(1_010 + n * 200));
        fleet.on_reply(due.key, due.number, due.to.ip(), None, now);
    }
    for n in 5..13 {
        let due = due(&mut fleet, n);
        fleet.lose(&due, ms(1_000 + n * 200));
    }
    let changes = fleet.take_changes();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].change.from, State::Unknown);
    assert_eq!(changes[0].change.to.cause().map(|cause| cause.word()), Some(LinkCause::NoRoute));
}

#[test]
fn answers_out_of_order_and_from_elsewhere_are_counted() {
    let mut fleet = fleet(&[plan("a", 100)]);
    let dues: Vec<_> = (5..8u64)
        .map(|n| {
            let due = fleet.pop_probe(ms(n * 200)).expect("due");
            fleet.on_sent(&due, at(ms(n * 200)));
            due
        })
        .collect();
    let elsewhere = IpAddr::from([192, 0, 2, 9]);
    fleet.on_reply(dues[0].key, dues[0].number, elsewhere, None, at(ms(1_450)));
    for n in [1, 0, 2] {
        fleet.on_reply(dues[n].key, dues[n].number, dues[n].to.ip(), None, at(ms(1_460)));
    }
    let window = fleet.close(dues[0].key, ms(1_500)).expect("answers").window;
    assert_eq!((window.reordered, window.forged), (Some(Count(1)), Some(Count(1))));
    assert_eq!(window.received, Some(Count(3)));
}

#[test]
fn windows_tell_the_time_that_a_link_was_down_to_the_probe() {
    let cuts = [63_000..64_900, 79_950..83_000, 99_300..140_000, 150_700..150_900];
    for (class, apart) in [(Class::Uplink, 100), (Class::Link, 200), (Class::Target, 1_000)] {
        let mut fleet = fleet(&[watched("link", class)]);
        let is_cut = |now: Duration| cuts.iter().any(|cut| (ms(cut.start)..ms(cut.end)).contains(&now));
        let seen = run_watched(&mut fleet, 0, 180_000, |now, _| (!is_cut(now)).then_some(ms(20)));
        let told = |from: u64, to: u64| -> i64 {
            let within = seen.windows.iter().filter(|(at, _)| (ms(from)..ms(to)).contains(at));
            within.map(|(_, closed)| closed.window.down.map_or(0, |down| down.0)).sum()
        };
        // Each outage to a probe at either end.
        let near =
            |told: i64, truth: u64, n: u64| told.abs_diff(truth as i64 * 1_000) <= n * (apart + 20) * 1_000;
        assert!(near(told(0, 180_000), 1_900 + 3_050 + 40_700, 3), "{class:?}: {}", told(0, 180_000));
        assert!(near(told(90_000, 145_000), 40_700, 1), "{class:?}: {}", told(90_000, 145_000));
        assert_eq!(told(145_000, 180_000), 0, "{class:?}: two probes are no outage");
        let lengths: u64 =
            seen.windows.iter().filter_map(|(_, closed)| closed.window.window).map(|n| n.0).sum();
        assert!(
            lengths.abs_diff(180_000) <= seen.windows.len() as u64,
            "{class:?}: no moment lies in no window"
        );
    }
}
