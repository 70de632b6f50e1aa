use proptest::prelude::*;

use super::*;

fn draw(cells: Vec<Cell>, unit: Unit, native: i64, step: Option<i64>) -> (i64, Line) {
    let drawn = super::draw(cells, unit, native, step);
    assert_eq!(drawn.counts.len(), drawn.line.len());
    assert!(drawn.line.iter().zip(&drawn.counts).all(|((_, value), count)| value.is_some() == (*count > 0)));
    (drawn.resolution, drawn.line)
}

#[test]
fn points_tell_what_they_stand_for() {
    // Two windows six hours apart are no cells of six hours.
    let raw = super::draw(cells(&[(0, 1.0), (21_600_000, 2.0)]), Unit::Ratio, 0, None);
    assert_eq!((raw.resolution, raw.cell, raw.counts), (21_600_000, 0, vec![1, 1]));
    let mut heavy = Cell::of((0, 2.0));
    heavy.add(&Cell::of((1, 4.0)));
    let tier = super::draw(vec![heavy, Cell::of((300_000, 1.0))], Unit::Ratio, 300_000, None);
    assert_eq!((tier.cell, tier.counts), (300_000, vec![2, 1]));
    let steps = super::draw(cells(&[(5, 1.0), (15, 3.0), (65, 9.0)]), Unit::Bytes, 0, Some(20));
    assert_eq!((steps.cell, steps.counts), (20, vec![2, 0, 0, 1]));
}

fn cells(points: &[(i64, f64)]) -> Vec<Cell> {
    points.iter().copied().map(Cell::of).collect()
}

#[test]
fn a_gap_breaks_the_line_and_jitter_does_not() {
    let line = draw(
        cells(&[(0, 1.0), (10, 2.0), (21, 3.0), (30, 4.0), (100, 5.0), (110, 6.0)]),
        Unit::Ratio,
        0,
        None,
    );
    assert_eq!(
        line,
        (
            10,
            vec![
                (0, Some(1.0)),
                (10, Some(2.0)),
                (21, Some(3.0)),
                (30, Some(4.0)),
                (40, None),
                (100, Some(5.0)),
                (110, Some(6.0)),
            ]
        )
    );
}

#[test]
fn steps_are_means_on_a_fixed_grid_with_empty_ones_between() {
    let (resolution, line) =
        draw(cells(&[(5, 1.0), (15, 3.0), (25, 7.0), (65, 9.0)]), Unit::Bytes, 0, Some(20));
    assert_eq!(resolution, 20);
    assert_eq!(line, [(0, Some(2.0)), (20, Some(7.0)), (40, None), (60, Some(9.0))]);
}

#[test]
fn the_mean_of_cells_weighs_their_points() {
    let mut heavy = Cell::of((0, 2.0));
    heavy.add(&Cell::of((1, 2.0)));
    heavy.add(&Cell::of((2, 2.0)));
    let light = Cell::of((300_000, 10.0));
    let (_, line) = draw(vec![heavy, light], Unit::Ratio, 300_000, Some(600_000));
    assert_eq!(line, [(0, Some(4.0))]);
}

#[test]
fn a_step_is_never_finer_than_what_is_stored() {
    let (resolution, _) = draw(cells(&[(0, 1.0)]), Unit::Ratio, 300_000, Some(1_000));
    assert_eq!(resolution, 300_000);
}

#[test]
fn moments_are_not_averaged() {
    let (_, line) = draw(cells(&[(0, 100.0), (1, 300.0)]), Unit::UnixSeconds, 0, Some(10));
    assert_eq!(line, [(0, Some(300.0))]);
}

#[test]
fn nothing_gives_nothing() {
    assert_eq!(draw(Vec::new(), Unit::Ratio, 0, None), (0, Vec::new()));
    assert_eq!(draw(Vec::new(), Unit::Ratio, 0, Some(10)), (10, Vec::new()));
}

proptest! {
    #[test]
    fn no_chart_is_larger_than_the_limit_and_no_value_is_lost_to_it(
        steps in prop::collection::vec(1i64..1_000_000_000, 1..50),
        extra in 0usize..30_000,
        step in prop::option::of(1i64..100_000),
    ) {
        let mut at = -5_000_000_000;
        let mut points = Vec::new();
        for step in steps {
            at += step;
            points.push((at, 1.0));
        }
        for i in 0..extra {
            points.push((at + 1 + i as i64, 1.0));
        }
        let all = cells(&points);
        let (_, line) = draw(all.clone(), Unit::Ratio, 0, step);
        prop_assert!(line.len() <= MAX_POINTS, "{}", line.len());
        prop_assert!(line.windows(2).all(|w| w[0].0 < w[1].0), "ascending");
        prop_assert!(line.iter().any(|(_, v)| v.is_some()));
        prop_assert!(line.last().is_some_and(|(_, v)| v.is_some()), "no null at the end");
    }
}
