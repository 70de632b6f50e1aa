use proptest::prelude::*;

use super::*;
use crate::report::{Availability, availability};

const W: i64 = 10_000;
const CELL: i64 = 300_000;
/// How late a detector is sure that a link is down, and that it is back.
const SURE_DOWN: i64 = 1_400;
const SURE_UP: i64 = 900;

/// The windows of an agent that saw these outages, `(from, to)` in order, as agents make them: one ends at each
/// turn of the verdict and on the grid, and tells what was found since the one before.
fn windows(outages: &[(i64, i64)], until: i64) -> Vec<Seen> {
    let mut turns: Vec<(i64, i64, bool)> = outages
        .iter()
        .filter(|(from, to)| to - from > SURE_DOWN)
        .flat_map(|(from, to)| [(from + SURE_DOWN, *from, true), (to + SURE_UP, *to, false)])
        .collect();
    turns.sort_unstable();
    let grid = (1..=until / W).map(|i| i * W);
    let mut ends: Vec<i64> = turns.iter().map(|(at, ..)| *at).chain(grid).filter(|at| *at <= until).collect();
    ends.sort_unstable();
    ends.dedup();
    let (mut before, mut over, mut since, mut told) = (0, 0, None, 0);
    let mut turns = turns.into_iter().peekable();
    let mut window = |at: i64| {
        while let Some((_, of, down)) = turns.next_if(|(found, ..)| *found <= at) {
            if down {
                since = Some(of);
            } else if let Some(since) = since.take() {
                over += of - since;
            }
        }
        let all = over + since.map_or(0, |since| at - since);
        let told = Told { down: all - std::mem::replace(&mut told, all), observed: at - before };
        before = at;
        Seen { at, loss: Some(0.0), told: Some(told) }
    };
    ends.into_iter().map(&mut window).collect()
}

/// The same as cells.
fn cells(windows: &[Seen]) -> Vec<(Seen, u64)> {
    let mut out: Vec<(Seen, u64)> = Vec::new();
    for window in windows {
        let at = window.at.div_euclid(CELL) * CELL;
        match out.last_mut() {
            Some((Seen { at: same, told: Some(sum), .. }, count)) if *same == at => {
                let told = window.told.unwrap_or(Told { down: 0, observed: 0 });
                (sum.down, sum.observed) = (sum.down + told.down, sum.observed + told.observed);
                *count += 1;
            }
            _ => out.push((Seen { at, ..*window }, 1)),
        }
    }
    out
}

fn found(record: &Record, until: i64) -> Availability {
    availability(record.stretches(), &[], Span { from: 0, to: until })
}

fn by_windows(windows: &[Seen]) -> Record {
    let mut record = Record::default();
    for window in windows {
        record.window(*window, W);
    }
    record
}

fn by_cells(windows: &[Seen]) -> Record {
    let mut record = Record::default();
    for (cell, count) in cells(windows) {
        record.cell(cell, CELL, count);
    }
    record
}

#[test]
fn an_outage_begins_and_ends_to_the_moment_whatever_windows_it_lies_in() {
    let outages = [(12_345, 15_000), (29_500, 33_200), (49_900, 95_050), (103_000, 104_300)];
    let record = by_windows(&windows(&outages, 200_000));
    let found = found(&record, 200_000);
    let spans: Vec<(i64, i64)> = found.outages.iter().map(|o| (o.span.from, o.span.to)).collect();
    assert_eq!(spans, outages[..3], "and 1.3 s are no outage");
    assert_eq!((found.unobserved, found.hidden), (0, 0));
    assert_eq!((record.from_windows, record.by_loss), (200_000, 0));
}

#[test]
fn an_hour_of_short_outages_is_as_long_by_cells_as_by_windows() {
    let outages: Vec<(i64, i64)> = (0..15).map(|i| (i * 320_000 + 50_000, i * 320_000 + 290_000)).collect();
    let windows = windows(&outages, 4_800_000);
    let (fine, coarse) = (found(&by_windows(&windows), 4_800_000), found(&by_cells(&windows), 4_800_000));
    assert_eq!((fine.down, coarse.down), (3_600_000, 3_600_000));
    assert_eq!(coarse.keeps(0.999), Some(false), "what was broken is broken for ever");
}

#[test]
fn an_end_that_was_not_there_for_half_a_cell_has_seen_half_of_it() {
    let mut windows = windows(&[(310_000, 350_000)], 900_000);
    windows.retain(|window| !(450_000..600_001).contains(&window.at));
    let coarse = found(&by_cells(&windows), 900_000);
    assert_eq!(coarse.down, 40_000);
    assert!((150_000..=160_000).contains(&coarse.unobserved), "to a window: {}", coarse.unobserved);
}

#[test]
fn windows_without_a_word_go_by_their_loss_and_say_so() {
    let mut record = by_windows(&windows(&[], 30_000));
    for (at, loss) in [(40_000, 1.0), (50_000, 0.4)] {
        record.window(Seen { at, loss: Some(loss), told: None }, W);
    }
    record.window(Seen { at: 60_000, loss: None, told: None }, W);
    let found = found(&record, 60_000);
    assert_eq!((found.down, found.up, found.unobserved), (W, 4 * W, W));
    assert_eq!(record.by_loss, 2 * W);
}

proptest! {
    #[test]
    fn any_outages_are_as_long_as_they_were_by_windows_and_by_cells(
        lengths in prop::collection::vec((1_500..400_000i64, 1_500..400_000i64), 0..30),
    ) {
        let mut at = 0;
        let outages: Vec<(i64, i64)> = lengths
            .iter()
            .map(|(up, down)| {
                at += up + down;
                (at - down, at)
            })
            .collect();
        let until = (at / W + 60) * W;
        let truth: i64 = outages.iter().map(|(from, to)| to - from).sum();
        let windows = windows(&outages, until);
        let slack = 2 * SLACK * outages.len() as i64;
        let fine = found(&by_windows(&windows), until);
        prop_assert!((fine.down - truth).abs() <= slack, "{} {truth}", fine.down);
        prop_assert_eq!(fine.unobserved, 0);
        let coarse = found(&by_cells(&windows), until);
        prop_assert!((coarse.down - truth).abs() <= slack, "{} {truth}", coarse.down);
        prop_assert_eq!((coarse.hidden, coarse.doubtful), (0, 0));
        prop_assert!(coarse.unobserved <= W, "{}", coarse.unobserved);
    }

    #[test]
    fn no_told_time_breaks_the_order(
        rows in prop::collection::vec((0..2_000i64, prop::option::of((any::<i64>(), any::<i64>(), any::<bool>())), any::<bool>()), 0..60),
    ) {
        let (mut record, mut at) = (Record::default(), 0);
        for (step, told, cell) in rows {
            at += step * 1_000;
            // Plausible, or anything.
            let told = told.map(|(down, observed, wild)| {
                if wild { Told { down, observed } } else { Told { down: down % 700_000, observed: (observed % 700_000).abs() } }
            });
            let seen = Seen { at, loss: Some(0.5), told };
            if cell { record.cell(Seen { at: at / CELL * CELL, ..seen }, CELL, 30) } else { record.window(seen, W) }
        }
        for pair in record.stretches().windows(2) {
            prop_assert!(pair[0].span.from < pair[0].span.to && pair[0].span.to <= pair[1].span.from);
        }
        let found = found(&record, at + CELL);
        prop_assert_eq!(found.up + found.down + found.unobserved, found.total);
    }
}
