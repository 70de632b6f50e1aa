use proptest::prelude::*;
use wasl_model::units::{Count, Micros, Millis};
use wasl_model::{LinkCause, LinkVerdict};

use super::*;
use crate::judge;

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_795_000_000_000 + seconds * 1000)
}

fn loads(spells: &[(i64, i64, f64)]) -> Loads {
    let mut loads = Loads::new(Direction::Down);
    for (from, to, down) in spells {
        loads.add(at(*from), at(*to), [Some(*down), Some(0.1)]);
    }
    loads
}

fn window(verdict: LinkVerdict, cause: Option<LinkCause>) -> ProbeWindow {
    ProbeWindow {
        verdict: Some(verdict),
        cause,
        sent: Some(Count(50)),
        received: Some(Count(40)),
        judged_rtt: Some(Micros(240_000)),
        ..ProbeWindow::default()
    }
}

fn laid(load: Option<f64>, before: Option<Blame>) -> (String, Option<Blame>) {
    let window = window(LinkVerdict::Degraded, Some(LinkCause::Latency));
    let load = load.map(|ratio| Load { direction: Direction::Down, ratio, arrived: false, whole: true });
    let (judgement, blame) = lay(judge::link(&window), &window, load, before);
    assert_eq!(judgement.health, Health::Degraded, "why it is poor makes it no better");
    (judgement.reason.code, blame)
}

#[test]
fn a_full_line_is_congested_an_idle_one_faulty_and_an_unknown_one_is_not_guessed() {
    assert_eq!(laid(Some(0.97), None).0, "link_congested");
    assert_eq!(laid(Some(0.05), None).0, "link_faulty");
    assert_eq!(laid(Some(0.7), None), ("link_slow".to_owned(), None), "half full tells nothing");
    assert_eq!(laid(None, None), ("link_slow".to_owned(), None));
    let (_, congested) = laid(Some(0.9), None);
    assert_eq!(laid(None, congested).0, "link_congested", "what is not known yet changes nothing");
    assert_eq!(laid(Some(0.7), congested).0, "link_congested");
    assert_eq!(laid(Some(0.1), congested).0, "link_faulty", "it stays poor although the load is gone");

    let up = window(LinkVerdict::Up, None);
    let (judgement, blame) = lay(judge::link(&up), &up, None, congested);
    assert_eq!((judgement.health, blame), (Health::Ok, None));
    let down = window(LinkVerdict::Down, Some(LinkCause::BlackHole));
    let full = Load { direction: Direction::Up, ratio: 1.0, arrived: false, whole: true };
    assert_eq!(lay(judge::link(&down), &down, Some(full), congested).0.reason.code, "link_cut");
    let flaps = window(LinkVerdict::Degraded, Some(LinkCause::Flapping));
    let idle = Load { ratio: 0.1, ..full };
    let flapping = |load| lay(judge::link(&flaps), &flaps, load, None).0.reason.code;
    assert_eq!(flapping(Some(full)), "link_congested", "so full that hardly a probe comes through");
    assert_eq!(flapping(Some(idle)), "link_flapping");
}

/// Catches: a line that is cut and called full, and one that is so full that it is called cut.
#[test]
fn only_what_arrives_shows_that_a_line_is_not_cut() {
    let cut = ProbeWindow {
        verdict_age: Some(Millis(30_000)),
        window: Some(Millis(10_000)),
        received: Some(Count(0)),
        ..window(LinkVerdict::Down, Some(LinkCause::BlackHole))
    };
    let says = |window: &ProbeWindow, load, before| {
        let (judged, blame) = lay(judge::link(window), window, load, before);
        (judged.health, judged.reason.code, blame)
    };
    let sent = Load { direction: Direction::Up, ratio: 1.2, arrived: false, whole: true };
    let came = Load { direction: Direction::Down, ratio: 0.99, arrived: true, whole: true };
    let is_cut = (Health::Down, "link_cut".to_owned(), None);
    assert_eq!(says(&cut, None, None), is_cut);
    assert_eq!(says(&cut, Some(sent), Some(Blame::Congestion(sent))), is_cut, "sent into nowhere");
    assert_eq!(says(&cut, None, Some(Blame::Congestion(came))), is_cut, "told at once");
    let (health, code, drowned) = says(&cut, Some(came), None);
    assert_eq!((health, code.as_str()), (Health::Degraded, "link_congested"));
    assert_eq!(says(&cut, None, drowned).0, Health::Degraded, "until something else is known");
    assert_eq!(says(&cut, Some(sent), drowned), is_cut, "nothing arrives any more");
    let turned = ProbeWindow { verdict_age: Some(Millis(500)), ..cut };
    assert_eq!(says(&turned, Some(came), None), is_cut, "it arrived before the cut");
}

#[test]
fn what_arrives_must_arrive_all_the_time() {
    let mut loads = Loads::new(Direction::Down);
    loads.add(at(0), at(10), [Some(0.95), Some(0.5)]);
    loads.add(at(10), at(20), [Some(0.2), Some(1.3)]);
    let during = |from, to| loads.during(at(from), at(to)).expect("known");
    assert_eq!(during(1, 9), Load { direction: Direction::Down, ratio: 0.95, arrived: true, whole: true });
    assert_eq!(during(5, 15), Load { direction: Direction::Up, ratio: 1.3, arrived: false, whole: true });
}

/// Catches: a provider who is accused of a faulty line although nobody knows how full the other direction was.
#[test]
fn a_line_is_faulty_only_where_both_directions_are_known_to_have_room() {
    let mut loads = Loads::new(Direction::Down);
    loads.add(at(0), at(10), [Some(0.1), None]);
    let load = loads.during(at(1), at(9)).expect("one direction is known");
    assert!(!load.whole);
    let window = window(LinkVerdict::Degraded, Some(LinkCause::Loss));
    let laid = |load| lay(judge::link(&window), &window, Some(load), None).0.reason.code;
    assert_eq!(laid(load), "link_lossy", "it may be full the other way");
    assert_eq!(laid(Load { whole: true, ..load }), "link_faulty");
    assert_eq!(laid(Load { ratio: 0.95, ..load }), "link_congested", "one full direction is enough");
}

#[test]
fn a_congested_line_tells_its_figures() {
    let window = window(LinkVerdict::Degraded, Some(LinkCause::Loss));
    let full = Load { direction: Direction::Up, ratio: 0.987, arrived: false, whole: true };
    let reason = lay(judge::link(&window), &window, Some(full), None).0.reason;
    let told = ["direction", "load_percent", "loss_percent", "rtt_ms"].map(|arg| reason.args[arg].as_str());
    assert_eq!(told, ["up", "99", "20.00", "240.00"]);
}

#[test]
fn a_load_is_known_only_where_all_of_the_time_is_covered() {
    let known = loads(&[(0, 10, 0.2), (10, 20, 0.9), (20, 30, 0.3)]);
    let ratio = |from, to| known.during(at(from), at(to)).map(|load| load.ratio);
    assert_eq!(ratio(1, 9), Some(0.2));
    assert_eq!(ratio(5, 15), Some(0.9));
    assert_eq!(ratio(22, 29), Some(0.3));
    assert_eq!(ratio(22, 31), Some(0.3), "clocks differ a little");
    assert_eq!(ratio(25, 40), None, "the last ten seconds are not known yet");
    assert_eq!(ratio(-20, 5), None);
    let hole = loads(&[(0, 10, 0.2), (20, 30, 0.3)]);
    assert_eq!(hole.during(at(5), at(25)), None);
    assert_eq!(hole.now(at(31)), [Some(0.3), Some(0.1)]);
    assert_eq!(hole.now(at(300)), [None, None]);
}

const PATIENCE: Duration = Duration::from_mins(3);
const MBIT: f64 = 1e6;

fn using(used: f64, due: f64) -> Use {
    Use { used: [Some(used * MBIT), Some(0.0)], due: [Some(due * MBIT), Some(due * MBIT)] }
}

/// Judges every ten seconds; the code of the first share at the end of each stretch of `(seconds, line, uses)`.
fn story(stretches: &[(i64, f64, [Use; 2])]) -> Vec<String> {
    let (mut fairness, mut now, mut codes) = (Fairness::default(), 0, Vec::new());
    for (seconds, line, uses) in stretches {
        let mut code = String::new();
        for _ in 0..seconds / 10 {
            now += 10;
            let named = [("a", uses[0]), ("b", uses[1])];
            let judged = fairness.judge(&named, [Some(*line), Some(0.1)], PATIENCE, at(now));
            code.clone_from(&judged[0].reason.code);
            assert_ne!(judged[1].reason.code, "share_exceeded", "the other suffers");
        }
        codes.push(code);
    }
    codes
}

#[test]
fn one_that_takes_more_than_its_share_of_a_full_line_for_minutes_exceeds_it() {
    let greedy = [using(35.0, 20.0), using(8.0, 25.0)];
    let codes = story(&[
        (170, 0.95, greedy),
        (60, 0.95, greedy),
        (60, 0.75, greedy), // a pause of the others is no end
        (60, 0.4, greedy),
        (60, 0.4, greedy),
    ]);
    assert_eq!(codes, ["share_fair", "share_exceeded", "share_exceeded", "share_exceeded", "share_fair"]);
}

#[test]
fn nobody_exceeds_on_a_line_with_room_or_while_nobody_goes_short() {
    let greedy = [using(30.0, 20.0), using(5.0, 25.0)];
    assert_eq!(story(&[(600, 0.7, greedy)]), ["share_fair"]);
    let both = [using(22.0, 20.0), using(26.0, 25.0)];
    assert_eq!(story(&[(600, 1.0, both)]), ["share_fair"], "nobody gets less than it pays for");
    let closed = [using(38.0, 27.0), using(0.0, 18.0)];
    assert_eq!(
        story(&[(600, 0.84, closed), (600, 1.0, closed)]),
        ["share_fair", "share_fair"],
        "the backup at night"
    );
    let busy = [using(38.0, 27.0), using(6.0, 18.0)];
    assert_eq!(story(&[(600, 0.84, busy)]), ["share_fair"], "there is room");
    assert_eq!(story(&[(600, 0.97, busy)]), ["share_exceeded"]);
    let a_little = [using(20.5, 20.0), using(10.0, 25.0)];
    assert_eq!(story(&[(600, 1.0, a_little)]), ["share_fair"]);
    let bursts: Vec<_> =
        (0..20).flat_map(|_| [(100, 1.0, greedy), (20, 1.0, [using(5.0, 20.0), using(5.0, 25.0)])]).collect();
    assert!(story(&bursts).iter().all(|code| code == "share_fair"), "minutes in a row are meant");
}

#[test]
fn what_is_not_known_is_not_judged() {
    let mut fairness = Fairness::default();
    let unknown = Use { used: [None, None], due: [Some(1.0), Some(1.0)] };
    let free = Use { used: [Some(5.0), None], due: [None, None] };
    let judged = fairness.judge(&[("a", unknown), ("b", free)], [None, None], PATIENCE, at(0));
    let told: Vec<_> = judged.iter().map(|j| (j.health, j.reason.code.as_str())).collect();
    assert_eq!(told, [(Health::Unknown, "not_observed"), (Health::Ok, "share_counted")]);
    fairness.restore("c", true);
    let judged = fairness.judge(&[("c", unknown)], [None, None], PATIENCE, at(10));
    assert_eq!(judged[0].reason.code, "share_exceeded", "held over a restart until something else is known");
}

proptest! {
    /// Catches: a fault of the figures that panics, or one that is blamed although nothing says that the line is full.
    #[test]
    fn nobody_exceeds_while_the_line_is_not_known_to_be_full(
        uses in proptest::collection::vec((any::<[f64; 2]>(), any::<[f64; 2]>()), 0..4),
        line in prop_oneof![Just(None), (0.0..0.79f64).prop_map(Some)],
    ) {
        let mut fairness = Fairness::default();
        let uses: Vec<(String, Use)> = uses
            .into_iter()
            .enumerate()
            .map(|(n, (used, due))| (n.to_string(), Use { used: used.map(Some), due: due.map(Some) }))
            .collect();
        let named: Vec<(&str, Use)> = uses.iter().map(|(id, own)| (id.as_str(), *own)).collect();
        for second in 0..40 {
            for judged in fairness.judge(&named, [line, line], PATIENCE, at(second * 10)) {
                prop_assert_ne!(judged.reason.code, "share_exceeded");
            }
        }
    }
}
