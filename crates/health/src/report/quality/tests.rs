use proptest::prelude::*;

use super::*;

#[test]
fn an_interval_holds_the_share_and_nothing_sent_has_none() {
    let (low, high) = Loss { sent: 10_000, lost: 1 }.interval().expect("sent");
    assert!(low < 1e-4 && 1e-4 < high && high < 6e-4, "{low} {high}");
    assert_eq!(Loss::default().interval(), None);
}

#[test]
fn loss_is_weighed_by_what_was_sent() {
    let mut loss = Loss::default();
    loss.add(50.0, 0.0);
    loss.add(50.0, 0.04);
    loss.add(100.0, 1.0);
    loss.add(f64::NAN, 1.0);
    assert_eq!(loss, Loss { sent: 200, lost: 102 });
}

#[test]
fn a_promise_is_kept_or_broken_only_where_both_bounds_say_so() {
    assert_eq!(keeps((0.001, 0.002), 0.002), Some(true));
    assert_eq!(keeps((0.001, 0.002), 0.0015), None);
    assert_eq!(keeps((0.001, 0.002), 0.0005), Some(false));
    assert_eq!(keeps(within(0.101), 0.1), None, "the quantile is not that sure");
    assert_eq!((keeps(within(0.08), 0.1), keeps(within(0.12), 0.1)), (Some(true), Some(false)));
}

#[test]
fn a_hundredth_of_a_percent_is_told() {
    let mut loss = Loss::default();
    for window in 0..1000 {
        loss.add(50.0, if window % 200 == 0 { 0.02 } else { 0.0 });
    }
    assert_eq!(loss.share(), Some(0.0001));
}

#[test]
fn the_quantiles_of_like_windows_are_their_own() {
    let mut times = Times::default();
    for _ in 0..500 {
        times.add_window(50.0, [0.010, 0.012, 0.020, 0.040, 0.090]);
    }
    for (q, expected) in [(0.5, 0.012), (0.95, 0.020), (0.99, 0.040)] {
        let found = times.quantile(q).expect("some");
        assert!((found / expected - 1.0).abs() < 0.15, "{q}: {found}");
    }
    assert_eq!(times.max(), Some(0.090));
    assert_eq!(Times::default().quantile(0.5), None);
}

proptest! {
    #[test]
    fn a_quantile_is_near_that_of_all_values(mut values in prop::collection::vec(1e-4..2.0f64, 1..400), q in 0.0..1.0f64) {
        let mut times = Times::default();
        for value in &values {
            times.add(*value, 1.0);
        }
        values.sort_by(f64::total_cmp);
        let exact = values[((values.len() as f64 * q).ceil() as usize).max(1) - 1];
        let found = times.quantile(q).expect("some");
        prop_assert!((found / exact - 1.0).abs() < 0.021, "{found} {exact}");
    }
}
