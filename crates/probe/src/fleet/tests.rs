use std::net::Ipv4Addr;

use wasl_model::units::{Count, Millis};

use super::*;

mod hints;
mod watch;

const WINDOW: Duration = Duration::from_secs(10);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(mono: Duration) -> Reading {
    Reading { mono, wall: Duration::from_hours(500_000) + mono }
}

fn plan(id: &str, every: u64) -> Plan {
    Plan {
        id: id.to_owned(),
        to: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 0)),
        method: ProbeMethod::IcmpRaw,
        every: ms(every),
        timeout: ms(500),
        detect: None,
    }
}

/// Runs a fleet until `until`; every probe for which `answers` says so is answered after 5 ms.
fn run(
    fleet: &mut Fleet,
    mut now: Duration,
    until: Duration,
    answers: impl Fn(&Due) -> bool,
) -> Vec<(Duration, Closed)> {
    let mut closed = Vec::new();
    let mut on_the_way: Vec<(Duration, Due)> = Vec::new();
    loop {
        let wake = fleet.next_wake().into_iter().chain(on_the_way.iter().map(|(at, _)| *at)).min();
        let Some(next) = wake.filter(|next| *next <= until) else {
            return closed;
        };
        assert!(next >= now, "woken for the past");
        now = next;
        on_the_way.retain(|(arrived, due)| {
            if *arrived > now {
                return true;
            }
            let verdict = fleet.on_reply(due.key, due.number, due.to.ip(), Some(at(*arrived).wall), at(now));
            assert_eq!(verdict, Verdict::Fresh(ms(5)));
            false
        });
        fleet.on_deadline(now);
        while let Some(due) = fleet.pop_probe(now) {
            fleet.on_sent(&due, at(now));
            if answers(&due) {
                on_the_way.push((now + ms(5), due));
            }
        }
        while let Some(key) = fleet.pop_window(now) {
            closed.extend(fleet.close(key, now).map(|window| (now, window)));
        }
    }
}

#[test]
fn the_first_window_comes_soon_and_the_others_on_the_grid() {
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, &[plan("a", 1_000)], ms(100));
    let closed = run(&mut fleet, ms(100), ms(30_500), |_| true);
    let at: Vec<_> = closed.iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [ms(2_100), ms(10_000), ms(20_000), ms(30_000)]);
    let last = &closed[3].1.window;
    assert_eq!(
        (last.sent, last.received, last.window),
        (Some(Count(10)), Some(Count(10)), Some(Millis(10_000)))
    );
}

#[test]
fn a_silent_target_is_lost_beside_one_that_answers() {
    let mut fleet = Fleet::default();
    let mut silent = plan("silent", 100);
    silent.to = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 2), 0));
    fleet.set(WINDOW, &[plan("good", 100), silent.clone()], ms(0));
    let closed = run(&mut fleet, ms(0), ms(10_000), |due| due.to != silent.to);
    for (_, Closed { id, window }) in closed {
        let expected = if id == "good" { window.sent } else { Some(Count(0)) };
        assert!(window.sent > Some(Count(10)));
        assert_eq!(window.received, expected, "{id}");
    }
}

#[test]
fn nothing_is_waited_for_once_everything_is_answered() {
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, &[plan("a", 1_000), plan("b", 60_000)], ms(0));
    let mut sent = Vec::new();
    while let Some(due) = fleet.pop_probe(ms(1_000)) {
        fleet.on_sent(&due, at(ms(1_000)));
        sent.push(due);
    }
    assert_eq!((sent.len(), fleet.next_wake()), (2, Some(ms(1_500))), "the time-out of both");
    for due in sent {
        assert!(fleet.next_wake() <= Some(ms(1_500)));
        fleet.on_reply(due.key, due.number, due.to.ip(), None, at(ms(1_005)));
    }
    let next = fleet.next_wake().expect("there will be more probes");
    assert!(next > ms(1_500) && fleet.deadlines.is_empty(), "woken at {next:?} for nothing");
}

#[test]
fn a_rare_target_is_probed_soon_for_the_first_time() {
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, &[plan("rare", 60_000)], ms(0));
    let closed = run(&mut fleet, ms(0), ms(2_000), |_| true);
    assert_eq!(closed.len(), 1);
}

#[test]
fn only_what_changes_is_disturbed() {
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, &[plan("kept", 100), plan("changed", 100), plan("gone", 100)], ms(0));
    run(&mut fleet, ms(0), ms(1_000), |_| true);
    let mut closed =
        fleet.set(WINDOW, &[plan("new", 100), plan("kept", 100), plan("changed", 200)], ms(1_000));
    closed.sort_by(|a, b| a.id.cmp(&b.id));
    let ids: Vec<_> = closed.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["changed", "gone"]);
    assert_eq!(fleet.len(), 3);
    let next = run(&mut fleet, ms(1_000), ms(2_000), |_| true);
    let kept = &next.iter().find(|(_, c)| c.id == "kept").expect("its window was not disturbed").1.window;
    assert_eq!((kept.window, kept.sent), (Some(Millis(2_000)), Some(Count(20))));
}

#[test]
fn the_same_identifier_twice_is_probed_once() {
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, &[plan("a", 100), plan("a", 200)], ms(0));
    assert_eq!(fleet.len(), 1);
}

#[test]
fn an_answer_from_elsewhere_or_for_a_former_target_counts_for_nothing() {
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, &[plan("a", 1_000)], ms(0));
    let due = fleet.pop_probe(ms(1_000)).expect("a probe is due within a period");
    fleet.on_sent(&due, at(ms(1_000)));
    let elsewhere = IpAddr::from([192, 0, 2, 9]);
    assert_eq!(fleet.on_reply(due.key, due.number, elsewhere, None, at(ms(1_001))), Verdict::Unknown);
    fleet.set(WINDOW, &[], ms(1_001));
    fleet.set(WINDOW, &[plan("a", 1_000)], ms(1_001));
    assert_eq!(fleet.on_reply(due.key, due.number, due.to.ip(), None, at(ms(1_002))), Verdict::Unknown);
}

#[test]
fn a_window_that_nobody_can_take_goes_on() {
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, &[plan("a", 100)], ms(0));
    let due = fleet.pop_probe(ms(100)).expect("due");
    fleet.on_sent(&due, at(ms(100)));
    fleet.lose(&due, ms(100));
    let key = fleet.pop_window(ms(2_000)).expect("its first window");
    fleet.keep_open(key, ms(2_100));
    assert_eq!(fleet.pop_window(ms(2_099)), None);
    assert_eq!(fleet.pop_window(ms(2_100)), Some(key));
    let closed = fleet.close(key, ms(2_100)).expect("one loss");
    assert_eq!((closed.window.window, closed.window.sent), (Some(Millis(2_100)), Some(Count(1))));
}

#[test]
fn a_step_voids_what_is_on_its_way() {
    let mut fleet = Fleet::default();
    fleet.set(WINDOW, &[plan("a", 100)], ms(0));
    let due = fleet.pop_probe(ms(100)).expect("due");
    fleet.on_sent(&due, at(ms(100)));
    assert_eq!(fleet.void_outstanding(), 1);
    fleet.on_deadline(ms(1_000));
    let closed = fleet.close(due.key, ms(2_000)).expect("a voided probe is worth telling");
    assert_eq!((closed.window.sent, closed.window.voided), (Some(Count(0)), Some(Count(1))));
}
