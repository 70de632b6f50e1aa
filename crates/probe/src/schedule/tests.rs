use proptest::prelude::*;

use super::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Every turn up to `until`, taken exactly when it is due.
fn turns(schedule: &mut Schedule<u32>, until: Duration) -> Vec<(Duration, u32)> {
    let mut out = Vec::new();
    while let Some(at) = schedule.next_due().filter(|at| *at <= until) {
        let key = schedule.pop_due(at).expect("something is due at its due time");
        out.push((at, key));
    }
    out
}

#[test]
fn the_first_turn_comes_when_asked_and_the_rest_lie_on_the_grid() {
    let mut schedule = Schedule::default();
    schedule.insert(7, ms(10_000), ms(0), ms(2_000));
    let at: Vec<_> = turns(&mut schedule, ms(35_000)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(at, [ms(2_000), ms(10_000), ms(20_000), ms(30_000)]);
}

#[test]
fn a_grid_point_right_after_the_first_turn_is_left_out() {
    let mut schedule = Schedule::default();
    schedule.insert(7, ms(10_000), ms(0), ms(9_900));
    let at: Vec<_> = turns(&mut schedule, ms(25_000)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(at, [ms(9_900), ms(20_000)]);
}

#[test]
fn missed_turns_are_skipped_and_not_made_up_for() {
    let mut schedule = Schedule::default();
    schedule.insert(1, ms(100), ms(30), ms(30));
    assert_eq!(schedule.pop_due(ms(29)), None);
    assert_eq!(schedule.pop_due(ms(5_000)), Some(1), "the process was stopped for five seconds");
    assert_eq!(schedule.pop_due(ms(5_000)), None);
    assert_eq!(schedule.next_due(), Some(ms(5_130)), "on the old grid, not a full period later");
}

#[test]
fn a_postponed_turn_keeps_its_grid_and_a_removed_one_is_gone() {
    let mut schedule = Schedule::default();
    schedule.insert(1, ms(1_000), ms(0), ms(1_000));
    assert_eq!(schedule.pop_due(ms(1_000)), Some(1));
    schedule.postpone(1, ms(1_100));
    assert_eq!(schedule.pop_due(ms(1_100)), Some(1));
    assert_eq!(schedule.next_due(), Some(ms(2_000)));
    schedule.remove(1);
    schedule.postpone(1, ms(3));
    assert_eq!(schedule.next_due(), None);
}

#[test]
fn turns_that_are_moved_again_and_again_take_no_more_room() {
    let mut schedule = Schedule::default();
    for key in 0..10u32 {
        schedule.insert(key, ms(1_000), ms(0), ms(1_000));
    }
    for n in 0..10_000 {
        schedule.postpone(n as u32 % 10, ms(2_000 + n));
        assert!(schedule.due.len() <= STALE * 11 + 1, "{} turns after {n} moves", schedule.due.len());
    }
    assert_eq!(schedule.next_due(), Some(ms(11_990)), "the last move of each counts");
    assert_eq!(turns(&mut schedule, ms(11_999)).len(), 10);
}

#[test]
fn targets_with_names_in_a_row_are_spread_over_the_period() {
    let period = ms(1_000);
    let mut tenths = [0; 10];
    for n in 0..1_000 {
        tenths[(phase(&format!("branch-{n}"), period).as_millis() / 100) as usize] += 1;
    }
    // 100 are expected in each; fewer than 60 or more than 140 has a chance below 1 in 10 000.
    assert!(tenths.iter().all(|n| (60..140).contains(n)), "{tenths:?}");
}

proptest! {
    #[test]
    fn each_gets_its_turn_once_per_period(
        periods in prop::collection::vec(1u64..500, 1..20), names in any::<u32>(), until in 1_000u64..3_000,
    ) {
        let mut schedule = Schedule::default();
        for (key, period) in periods.iter().enumerate() {
            let phase = phase(&format!("{names}-{key}"), ms(*period));
            schedule.insert(key as u32, ms(*period), phase, phase);
        }
        let taken = turns(&mut schedule, ms(until));
        prop_assert!(taken.is_sorted_by_key(|(at, _)| *at));
        for (key, period) in periods.iter().enumerate() {
            let own: Vec<_> = taken.iter().filter(|(_, k)| *k == key as u32).map(|(at, _)| *at).collect();
            prop_assert!(own.windows(2).all(|w| w[1] == w[0] + ms(*period)));
            let expected = until / period;
            prop_assert!((own.len() as u64).abs_diff(expected) <= 1, "{} turns, expected {expected}", own.len());
        }
    }
}
