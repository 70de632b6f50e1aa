use proptest::prelude::*;

use super::*;

#[test]
fn of_equal_times_the_later_addition_stays() {
    let mut points = vec![(5, 1.0), (3, 2.0), (5, 3.0), (3, 4.0), (9, 5.0)];
    settle(&mut points);
    assert_eq!(points, [(3, 4.0), (5, 3.0), (9, 5.0)]);
}

#[test]
fn a_cell_begins_on_its_grid_before_1970_too() {
    assert_eq!(floor(-1, 300_000), -300_000);
    assert_eq!(floor(0, 300_000), 0);
    assert_eq!(floor(i64::MIN, 300_000), i64::MIN);
}

proptest! {
    #[test]
    fn wide_cells_made_of_narrow_ones_equal_those_made_of_points(
        mut points in prop::collection::vec((0i64..20_000, -1000i32..1000), 1..200)
            .prop_map(|p| p.into_iter().map(|(t, v)| (t, f64::from(v))).collect::<Vec<_>>()),
    ) {
        settle(&mut points);
        let direct = widen(points.iter().copied().map(Cell::of), 3_000);
        let twice = widen(widen(points.iter().copied().map(Cell::of), 500), 3_000);
        prop_assert_eq!(&direct, &twice);
        prop_assert_eq!(direct.iter().map(|c| c.count).sum::<u64>(), points.len() as u64);
        for cell in &direct {
            let own: Vec<f64> = points
                .iter()
                .filter(|(t, _)| (cell.start..cell.start + 3_000).contains(t))
                .map(|(_, v)| *v)
                .collect();
            prop_assert_eq!(cell.last, own[own.len() - 1]);
            prop_assert_eq!(cell.min, own.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(cell.max, own.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        }
    }
}
