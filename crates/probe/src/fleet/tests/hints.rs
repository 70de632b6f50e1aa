//! Targets of whom it is said that they may have moved: what is probed then, and what is not believed.

use std::collections::HashSet;

use proptest::prelude::*;
use wasl_model::LinkVerdict::{self, Degraded, Down, Up};

use super::watch::{Seen, fleet, run_hinted_by, watched};
use super::*;
use crate::detector::{Class, Thresholds};

const CLASSES: [Class; 3] = [Class::Uplink, Class::Link, Class::Target];
const RTT: Duration = Duration::from_millis(20);

/// Runs a link of this class; `is_cut` says when nothing comes through.
fn run(class: Class, until: u64, hints: &[u64], is_cut: impl Fn(Duration) -> bool) -> Seen {
    let mut fleet = fleet(&[watched("link", class)]);
    let seen = run_hinted_by(
        &mut fleet,
        0..=until,
        hints,
        |mono| at(mono).wall,
        |now, _| (!is_cut(now)).then_some(RTT),
    );
    assert!(fleet.confirming <= 1);
    seen
}

/// When a verdict was found, the first after a moment.
fn found(seen: &Seen, verdict: LinkVerdict, after: u64) -> Duration {
    let changes = seen.changes.iter().map(|changed| changed.change);
    let mut wanted = changes.filter(|change| change.at >= ms(after) && change.to.verdict() == Some(verdict));
    wanted.next().unwrap_or_else(|| panic!("it is not found {verdict:?}: {:?}", seen.changes)).at
}

/// Catches: a hint that is not followed, and one that is believed without the eight probes in a row that it takes.
#[test]
fn a_cut_that_is_said_is_found_by_eight_probes_at_once() {
    for class in CLASSES {
        let every = Thresholds::of(class).confirm_every;
        // A cut anywhere between two probes, of which somebody hears 30 ms later.
        for offset in 0..20 {
            let cut = 60_000 + class.pace().as_millis() as u64 * offset / 20;
            let is_cut = |now: Duration| now + RTT >= ms(cut);
            let [silent, told] = [&[][..], &[cut + 30]].map(|hints| run(class, 70_000, hints, is_cut));
            let (silent, at) = (found(&silent, Down, 60_000), found(&told, Down, 60_000));
            assert!(at < silent, "{class:?}: {at:?}, and {silent:?} without a word");
            // Eight probes at the faster pace, patience with the last, and what was on its way.
            let most = ms(cut + 30) + every * 8 + RTT + Thresholds::of(class).margin + RTT;
            assert!(at <= most, "{class:?}: found at {at:?}, cut at {cut} ms");
            let unanswered = told.sent.iter().filter(|(sent, _)| is_cut(*sent) && *sent < at);
            assert!(unanswered.count() >= 8, "{class:?} is down after too few");
        }
    }
    // What the ordinary pace cannot do: its third probe leaves two seconds after the first.
    let told = run(Class::Target, 70_000, &[60_030], |now| now >= ms(60_000));
    assert!(found(&told, Down, 60_000) < ms(61_000));
}

/// Catches: a lie that changes a verdict, or is followed for longer than it takes to find it out.
#[test]
fn a_lie_costs_a_healthy_link_ten_probes_and_nothing_else() {
    for class in CLASSES {
        let [silent, told] = [&[][..], &[60_030]].map(|hints| run(class, 120_000, hints, |_| false));
        assert_eq!((silent.verdicts(), told.verdicts()), (vec![Some(Up)], vec![Some(Up)]), "{class:?}");
        let more = told.sent.len() - silent.sent.len();
        let most = if class == Class::Target { 10 } else { 8 };
        assert!((4..=most).contains(&more), "{class:?}: {more} more");
        let burst = told.sent_within(60_030, 60_631);
        assert!(burst >= 8, "{class:?}: {burst} within 600 ms");
        assert_eq!(told.sent_within(70_000, 110_000), silent.sent_within(70_000, 110_000), "{class:?}");
    }
}

/// Catches: a flood that is answered by a flood of probes.
#[test]
fn however_often_it_is_said_probes_do_not_come_faster_than_under_suspicion() {
    let flood: Vec<u64> = (20_000..40_000).collect();
    for class in CLASSES {
        let every = Thresholds::of(class).confirm_every;
        for (what, is_dead) in [("healthy", false), ("dead", true)] {
            let seen = run(class, 60_000, &flood, |_| is_dead);
            let close =
                seen.sent.windows(2).find(|two| two[0].0 >= ms(20_000) && two[1].0 < two[0].0 + every);
            assert_eq!(close, None, "{what} {class:?}");
            let verdict = if is_dead { Down } else { Up };
            assert_eq!(seen.verdicts(), [Some(verdict)], "{what} {class:?}");
        }
        // While it proves to be wrong, it is not worth more than one look in a second.
        let seen = run(class, 60_000, &flood, |_| false);
        let sent = seen.sent_within(20_000, 40_000);
        let ordinary = seen.sent_within(0, 20_000);
        assert!(sent <= ordinary + 20 * 10, "{class:?}: {sent} within 20 s");
    }
}

/// Catches: a port that is said to be up again and is believed, and a line that is mended and waits for its turn.
#[test]
fn a_mended_link_that_is_said_to_be_is_up_sooner_and_not_by_fewer_answers() {
    for class in CLASSES {
        let (cut, mend) = (ms(60_000), ms(80_013));
        let is_cut = |now: Duration| (cut..mend).contains(&now);
        // The port comes up, and traffic flows 400 ms later.
        let [silent, told] = [&[][..], &[79_613]].map(|hints| run(class, 100_000, hints, is_cut));
        let (silent, at) = (found(&silent, Up, 80_000), found(&told, Up, 80_000));
        assert!(at < silent, "{class:?}: {at:?}, and {silent:?} without a word");
        let answered = told.sent.iter().filter(|(sent, _)| *sent >= mend && *sent + RTT <= at).count();
        assert_eq!(answered as u32, Thresholds::of(class).recover_after, "{class:?}");
        // Once it is up there is nothing more to find.
        let after = at.as_millis() as u64 + 1;
        let pace = class.pace().as_millis() as usize;
        assert!(told.sent_within(after, after + 600) <= 600 / pace + 1, "{class:?}");

        let never = run(class, 100_000, &[79_613], |now| now >= cut);
        assert_eq!(never.verdicts(), [Some(Up), Some(Down)], "{class:?}");
    }
}

/// Catches: a link that bounces, of which the second word counts for nothing because there was a first.
#[test]
fn what_is_said_after_a_change_is_followed_at_once() {
    let is_cut = |now: Duration| (ms(60_000)..ms(60_600)).contains(&now) || now >= ms(61_000);
    let seen = run(Class::Target, 70_000, &[60_010, 60_610, 61_010], is_cut);
    assert_eq!(seen.verdicts(), [Some(Up), Some(Down), Some(Up), Some(Down)]);
    assert!(found(&seen, Up, 60_600) < ms(60_700) && found(&seen, Down, 61_000) < ms(61_700));
}

/// Catches: a storm of hints that becomes one of probes, or takes from real suspicion the room that it needs.
#[test]
fn hints_about_thousands_leave_room_for_suspicion() {
    let said = (0..1_000).map(|n| watched(&format!("t{n}"), Class::Target));
    let unsaid = (0..100).map(|n| watched(&format!("unsaid{n}"), Class::Target));
    let plans: Vec<_> = said.chain(unsaid).collect();
    let run = |hints: &[u64]| {
        let mut fleet = fleet(&plans);
        let unsaid = fleet.targets.iter().filter(|(_, target)| target.plan.id.starts_with("unsaid"));
        let unsaid: HashSet<u64> = unsaid.map(|(key, _)| *key).collect();
        let seen = run_hinted_by(
            &mut fleet,
            0..=26_000,
            hints,
            |mono| at(mono).wall,
            |now, key| (now < ms(20_000) || !unsaid.contains(&key)).then_some(RTT),
        );
        let downs = seen.changes.iter().filter(|changed| changed.change.to.verdict() == Some(Down));
        let mut downs: Vec<_> = downs.map(|changed| (changed.id.clone(), changed.change.at)).collect();
        downs.sort();
        (seen, downs)
    };
    let flood: Vec<u64> = (10_000..26_000).step_by(10).collect();
    let ((_, alone), (seen, beside)) = (run(&[]), run(&flood));
    for second in 11..20 {
        let sent = seen.sent_within(second * 1_000, (second + 1) * 1_000);
        assert!((1_300..=1_200 + MAX_HINTED * 21).contains(&sent), "{sent} probes in second {second}");
    }
    assert_eq!((alone.len(), beside), (100, alone), "nobody is found later");
}

#[test]
fn nobody_is_hinted_who_is_not_named_and_what_is_not_watched_cannot_be() {
    let mut fleet =
        fleet(&[watched("one", Class::Target), watched("other", Class::Target), plan("a", 1_000)]);
    run_hinted_by(&mut fleet, 0..=10_000, &[], |mono| at(mono).wall, |_, _| Some(RTT));
    fleet.hint(|id| id == "a", ms(10_000));
    assert_eq!(fleet.confirming, 0);
    fleet.hint(|id| id == "one", ms(10_000));
    assert_eq!(fleet.confirming, 1);
    fleet.set(WINDOW, &[], ms(10_010));
    assert_eq!((fleet.confirming, fleet.next_wake()), (0, None));
}

proptest! {
    /// Whatever is said, only probes decide: what is called down left eight in a row without an answer, and what is called
    /// up again answered so often since as its class asks for.
    #[test]
    fn only_probes_decide(
        class in prop_oneof![Just(Class::Uplink), Just(Class::Link), Just(Class::Target)],
        cuts in proptest::collection::vec((1u64..4_000, 1u64..4_000), 1..12),
        mut hints in proptest::collection::vec(10_000u64..50_000, 0..60),
    ) {
        hints.sort_unstable();
        let mut spans = Vec::new();
        let mut begin = 10_000;
        for (well, ill) in cuts {
            spans.push(ms(begin + well)..ms(begin + well + ill));
            begin += well + ill;
        }
        let is_cut = |now: Duration| spans.iter().any(|span| span.contains(&now));
        let seen = run(class, 60_000, &hints, is_cut);
        let (thresholds, mut told_down) = (Thresholds::of(class), ms(0));
        for changed in &seen.changes {
            let at = changed.change.at;
            let before = seen.sent.iter().rev().map(|(sent, _)| *sent).filter(|sent| *sent <= at);
            match (changed.change.from.verdict(), changed.change.to.verdict()) {
                (_, Some(Down)) => {
                    // An answer that is under way says nothing yet.
                    let decided = before.skip_while(|sent| !is_cut(*sent) && *sent + RTT > at);
                    let unanswered = decided.take_while(|sent| is_cut(*sent)).count();
                    prop_assert!(unanswered as u32 >= thresholds.down_after, "{unanswered} at {at:?}");
                    told_down = at;
                }
                (Some(Down), Some(Up | Degraded)) => {
                    let answered = before.filter(|sent| !is_cut(*sent)).map(|sent| sent + RTT);
                    let answered = answered.filter(|heard| (told_down..=at).contains(heard)).count();
                    prop_assert!(answered as u32 >= thresholds.recover_after, "{answered} at {at:?}");
                }
                _ => {}
            }
        }
    }
}
