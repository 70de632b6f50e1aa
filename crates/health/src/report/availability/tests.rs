use proptest::prelude::*;

use super::*;
use crate::report::record::{Record, Seen, Told};

const W: i64 = 10_000;
const CELL: i64 = 300_000;

/// Windows that end every ten seconds after 0, with these losses.
fn windows(losses: &[f64]) -> Vec<(i64, f64)> {
    losses.iter().enumerate().map(|(i, loss)| ((i as i64 + 1) * W, *loss)).collect()
}

fn by_windows(points: &[(i64, f64)]) -> Vec<Stretch> {
    let mut record = Record::default();
    for (at, loss) in points {
        record.window(Seen { at: *at, loss: Some(*loss), told: None }, W);
    }
    record.stretches().to_vec()
}

fn by_cells(points: &[(i64, f64)]) -> Vec<Stretch> {
    let mut record = Record::default();
    for (at, loss) in points {
        record.cell(Seen { at: *at, loss: Some(*loss), told: None }, CELL, 30);
    }
    record.stretches().to_vec()
}

/// Cells that were observed all along, after 0, down for so many milliseconds.
fn told_cells(down: &[i64]) -> Vec<Stretch> {
    let mut record = Record::default();
    for (i, down) in down.iter().enumerate() {
        let told = Some(Told { down: *down, observed: CELL });
        record.cell(Seen { at: i as i64 * CELL, loss: Some(0.1), told }, CELL, 30);
    }
    record.stretches().to_vec()
}

fn month(windows: i64) -> Span {
    Span { from: 0, to: windows * W }
}

#[test]
fn a_window_without_an_answer_is_down_and_a_lossy_one_is_not() {
    let seen = by_windows(&windows(&[0.0, 0.5, 1.0, 1.0, 0.98, 0.0]));
    let found = availability(&seen, &[], month(6));
    assert_eq!((found.up, found.down, found.unobserved), (4 * W, 2 * W, 0));
    assert_eq!(
        found.outages,
        [Outage { span: Span { from: 2 * W, to: 4 * W }, planned: 0, open: false, placed: false }]
    );
    assert_eq!(found.owed(), Some(4.0 / 6.0));
    assert_eq!((found.best(), found.worst()), (found.owed(), found.owed()));
}

#[test]
fn time_that_nobody_looked_at_is_given_apart_and_bounds_the_truth() {
    let mut points = windows(&[0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    points.drain(3..6);
    let found = availability(&by_windows(&points), &[], month(10));
    assert_eq!((found.up, found.down, found.unobserved), (5 * W, 2 * W, 3 * W));
    assert_eq!(found.owed(), Some(5.0 / 7.0));
    assert_eq!((found.best(), found.worst()), (Some(0.8), Some(0.5)));
    assert!(found.outages[0].open, "nobody saw when it ended");
    assert_eq!(found.keeps(0.9), Some(false));
    assert_eq!(found.keeps(0.7), None, "what was not seen decides");
    assert_eq!(found.keeps(0.5), Some(true));
}

#[test]
fn a_month_that_nobody_looked_at_has_no_availability() {
    let found = availability(&[], &[], month(10));
    assert_eq!((found.observed(), found.owed()), (None, None));
    assert_eq!((found.best(), found.worst()), (Some(1.0), Some(0.0)));
}

#[test]
fn planned_maintenance_is_not_held_against_the_provider() {
    let seen = by_windows(&windows(&[0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]));
    let planned = [Span { from: W, to: 3 * W }, Span { from: 2 * W, to: 3 * W }, Span { from: -W, to: 0 }];
    let found = availability(&seen, &planned, month(10));
    assert_eq!((found.planned, found.planned_down), (2 * W, 2 * W));
    assert_eq!(found.outages[0].planned, 2 * W);
    assert_eq!(found.observed(), Some(0.7));
    assert_eq!(found.owed(), Some(7.0 / 8.0));
}

#[test]
fn a_mean_of_five_minutes_hides_what_it_hides() {
    let cells = [(0, 0.0), (300_000, 0.4), (600_000, 1.0), (900_000, 0.0)];
    let seen = by_cells(&cells);
    let found = availability(&seen, &[], Span { from: 0, to: 1_200_000 });
    assert_eq!((found.up, found.down, found.hidden), (900_000, 300_000, 120_000));
    assert_eq!((found.best(), found.worst()), (Some(0.75), Some(0.65)));
}

#[test]
fn one_end_that_is_answered_proves_the_link() {
    let here = by_windows(&windows(&[0.0, 1.0, 1.0, 0.0]));
    let there = by_windows(&windows(&[0.0, 0.0, 1.0, 0.0]));
    let found = availability(&combine(&[here.clone(), there]), &[], month(4));
    assert_eq!(found.down, W);
    let silent = availability(&combine(&[here, Vec::new()]), &[], month(4));
    assert_eq!(silent.down, 2 * W, "an end that says nothing does not vouch for it");
}

#[test]
fn small_holes_between_windows_are_no_gaps_and_overlaps_count_once() {
    let points = [(10_000, 0.0), (20_400, 0.0), (30_000, 0.0), (38_000, 0.0)];
    let found = availability(&by_windows(&points), &[], Span { from: 0, to: 38_000 });
    assert_eq!((found.up, found.unobserved), (38_000, 0));
}

#[test]
fn a_cell_that_tells_the_time_down_hides_nothing() {
    let seen = told_cells(&[0, 240_000, 0, 60_000, 300_000, 10_000, 0]);
    let found = availability(&seen, &[], Span { from: 0, to: 7 * CELL });
    assert_eq!((found.down, found.hidden, found.doubtful), (610_000, 0, 0));
    assert_eq!((found.best(), found.worst()), (found.owed(), found.owed()));
    let spans: Vec<(i64, i64, bool)> =
        found.outages.iter().map(|o| (o.span.from / 1000, o.span.to / 1000, o.placed)).collect();
    assert_eq!(spans, [(300, 540, true), (1140, 1510, true)], "what touches a cut is a part of it");
}

#[test]
fn what_two_ends_tell_by_cells_is_bounded_by_what_they_must_have_in_common() {
    let ends =
        [told_cells(&[240_000, 100_000, 0, 300_000]), told_cells(&[200_000, 100_000, 300_000, 30_000])];
    let found = availability(&combine(&ends), &[], Span { from: 0, to: 4 * CELL });
    assert_eq!(found.down, 200_000 + 100_000 + 30_000);
    assert_eq!(found.doubtful, 60_000 + 100_000, "both were cut, but perhaps one after the other");
    assert_eq!(found.hidden, 0);
    assert!(found.best() > found.owed() && found.worst() == found.owed());
}

#[test]
fn maintenance_in_a_part_of_a_cell_may_explain_what_was_down_in_it() {
    let seen = told_cells(&[0, 150_000, 0]);
    let planned = [Span { from: CELL, to: CELL + 150_000 }];
    let found = availability(&seen, &planned, Span { from: 0, to: 3 * CELL });
    assert_eq!((found.down, found.planned_down), (150_000, 75_000));
    assert_eq!((found.doubtful, found.hidden), (75_000, 75_000), "all or nothing of it was planned");
}

proptest! {
    #[test]
    fn nothing_is_counted_twice_or_forgotten(
        ends in prop::collection::vec(prop::collection::btree_map(0..200i64, 0..=4u8, 0..120), 1..4),
        cells in prop::collection::vec(prop::collection::vec(-20_000..=320_000i64, 7..8), 0..3),
        planned in prop::collection::vec((0..2_000_000i64, 0..600_000i64), 0..4),
        from in 0..500_000i64,
    ) {
        let within = Span { from, to: 2_000_000 };
        let mut seen: Vec<Vec<Stretch>> = ends
            .iter()
            .map(|end| {
                let points: Vec<(i64, f64)> =
                    end.iter().map(|(i, loss)| (i * W, f64::from(*loss) / 4.0)).collect();
                by_windows(&points)
            })
            .collect();
        seen.extend(cells.iter().map(|down| told_cells(down)));
        for stretches in seen.iter().chain([&combine(&seen)]) {
            for pair in stretches.windows(2) {
                prop_assert!(pair[0].span.to <= pair[1].span.from);
            }
        }
        let planned: Vec<Span> = planned.iter().map(|(from, length)| Span { from: *from, to: from + length }).collect();
        let found = availability(&combine(&seen), &planned, within);
        prop_assert_eq!(found.up + found.down + found.unobserved, found.total);
        prop_assert!(found.unobserved >= 0 && found.planned_unobserved >= 0);
        prop_assert!(found.planned_down + found.planned_unobserved <= found.planned);
        prop_assert_eq!(found.outages.iter().map(|o| o.span.length()).sum::<i64>(), found.down);
        if let (Some(worst), Some(owed), Some(best)) = (found.worst(), found.owed(), found.best()) {
            prop_assert!(worst <= owed + 1e-9 && owed <= best + 1e-9, "{worst} {owed} {best}");
        }
    }
}
