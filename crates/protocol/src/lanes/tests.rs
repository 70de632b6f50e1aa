use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[test]
fn what_was_just_seen_overtakes_what_waited() {
    let mut lanes = Lanes::begin(10, 20);
    assert_eq!(lanes.poll(), Some(Run { lane: Lane::Backfill, first: 11, last: 20 }));
    lanes.sent(Lane::Backfill, 11, 15);
    assert_eq!(lanes.poll(), None, "one request a lane");
    lanes.written(21);
    assert_eq!(lanes.poll(), Some(Run { lane: Lane::Live, first: 21, last: 21 }));
    lanes.sent(Lane::Live, 21, 21);
    lanes.answered(Lane::Live);
    lanes.failed(Lane::Backfill);
    assert_eq!(lanes.poll(), Some(Run { lane: Lane::Backfill, first: 11, last: 20 }));
    assert_eq!(lanes.pending(), 10);
    assert!(!lanes.caught_up());
}

#[test]
fn a_new_agent_has_nothing_to_send() {
    let lanes = Lanes::begin(0, 0);
    assert_eq!(lanes.poll(), None);
    assert!(lanes.caught_up());
}

#[test]
fn what_is_refused_is_found_by_halves_and_the_rest_goes() {
    let mut lanes = Lanes::begin(0, 100).with_depth(2);
    let bad = [17, 60];
    let (mut arrived, mut aside, mut requests) = (BTreeSet::new(), Vec::new(), 0);
    while let Some(run) = lanes.poll() {
        requests += 1;
        lanes.sent(run.lane, run.first, run.last);
        if aside.contains(&run.first) && run.first == run.last {
            lanes.answered_one(run.lane, run.first);
        } else if bad.iter().any(|bad| (run.first..=run.last).contains(bad) && !aside.contains(bad)) {
            if let Some(AfterRefusal::Culprit(sequence)) = lanes.refused(run.lane, run.first, 0) {
                aside.push(sequence);
            }
        } else {
            arrived.extend(run.first..=run.last);
            lanes.answered_one(run.lane, run.first);
        }
    }
    assert_eq!(aside, bad);
    assert_eq!(arrived.len(), 98 + arrived.iter().filter(|s| bad.contains(s)).count());
    assert!(requests < 40, "{requests} requests");
    assert!(lanes.caught_up());
}

#[test]
fn a_culprit_that_the_controller_names_needs_no_search() {
    let mut lanes = Lanes::begin(0, 10).with_depth(2);
    lanes.sent(Lane::Backfill, 1, 5);
    lanes.sent(Lane::Backfill, 6, 10);
    assert_eq!(lanes.poll(), None);
    assert_eq!(lanes.refused(Lane::Backfill, 1, 3), Some(AfterRefusal::Culprit(3)));
    assert_eq!(lanes.pending(), 10);
    assert_eq!(lanes.poll(), Some(Run { lane: Lane::Backfill, first: 1, last: 5 }));
    lanes.answered_one(Lane::Backfill, 6);
    lanes.sent(Lane::Backfill, 1, 5);
    lanes.answered_one(Lane::Backfill, 1);
    assert!(lanes.caught_up());
}

#[derive(Debug, Clone)]
enum Step {
    Write(u64),
    Send(u64),
    Answer(bool),
    Fail(bool),
}

proptest! {
    /// Whatever fails and however the writes come, everything arrives, and nothing is asked for that
    /// was answered.
    #[test]
    fn everything_goes_and_nothing_goes_again(
        contiguous in 0u64..20,
        waiting in 0u64..20,
        steps in proptest::collection::vec(
            prop_oneof![
                (1u64..4).prop_map(Step::Write),
                (1u64..6).prop_map(Step::Send),
                any::<bool>().prop_map(Step::Answer),
                any::<bool>().prop_map(Step::Fail),
            ],
            0..80,
        ),
    ) {
        let mut last = contiguous + waiting;
        let mut lanes = Lanes::begin(contiguous, last);
        let mut arrived: BTreeSet<u64> = (1..=contiguous).collect();
        let mut flights: [Option<(u64, u64)>; 2] = [None, None];
        let place = |lane: Lane| usize::from(lane == Lane::Live);
        let send = |lanes: &mut Lanes, flights: &mut [Option<(u64, u64)>; 2], most: u64| {
            if let Some(run) = lanes.poll() {
                let end = run.last.min(run.first + most - 1);
                lanes.sent(run.lane, run.first, end);
                flights[place(run.lane)] = Some((run.first, end));
            }
        };
        for step in steps {
            match step {
                Step::Write(n) => { last += n; lanes.written(last); }
                Step::Send(most) => send(&mut lanes, &mut flights, most),
                Step::Answer(live) | Step::Fail(live) => {
                    let lane = if live { Lane::Live } else { Lane::Backfill };
                    if let Some((first, end)) = flights[place(lane)].take() {
                        if matches!(step, Step::Answer(_)) {
                            for sequence in first..=end {
                                prop_assert!(arrived.insert(sequence), "{sequence} went again");
                            }
                            lanes.answered(lane);
                        } else {
                            lanes.failed(lane);
                        }
                    }
                }
            }
            prop_assert_eq!(lanes.pending(), last - arrived.len() as u64);
        }
        for lane in [Lane::Live, Lane::Backfill] {
            lanes.failed(lane);
        }
        while let Some(run) = lanes.poll() {
            lanes.sent(run.lane, run.first, run.last);
            arrived.extend(run.first..=run.last);
            lanes.answered(run.lane);
        }
        prop_assert_eq!(arrived, (1..=last).collect::<BTreeSet<_>>());
    }
}
