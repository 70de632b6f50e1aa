use proptest::prelude::*;

use super::*;

fn line(days: usize, start: f64, per_day: f64) -> Vec<(f64, f64)> {
    (0..days).map(|day| (day as f64, start + per_day * day as f64)).collect()
}

#[test]
fn a_straight_line_is_full_on_its_day() {
    let Forecast::Grows { now, days, earliest, latest, .. } = forecast(&line(60, 0.4, 0.005), 59.0) else {
        panic!("it grows")
    };
    assert!((now - 0.695).abs() < 1e-9);
    for found in [days, earliest, latest] {
        assert!((found.expect("in time") - 41.0).abs() < 1e-6);
    }
}

#[test]
fn odd_days_do_not_bend_the_trend_but_widen_its_interval() {
    let mut days = line(90, 0.4, 0.003);
    for (i, day) in days.iter_mut().enumerate() {
        day.1 += if i % 7 == 5 { -0.25 } else { 0.004 * ((i * 37 % 11) as f64 - 5.0) };
    }
    days[80].1 = 0.0;
    days[85].1 = 0.99;
    let Forecast::Grows { days: Some(full), earliest: Some(early), latest: Some(late), per_day, .. } =
        forecast(&days, 89.0)
    else {
        panic!("it grows")
    };
    assert!((per_day - 0.003).abs() < 0.0004, "{per_day}");
    assert!(early < full && full < late, "{early} {full} {late}");
}

#[test]
fn a_line_whose_busy_hours_level_off_below_its_rate_is_full_and_not_steady() {
    let days: Vec<(f64, f64)> =
        (0..90).map(|i| (f64::from(i), 0.95 + 0.01 * f64::from((i * 37 % 21) - 10) / 10.0)).collect();
    let Forecast::Full { now } = forecast(&days, 90.0) else { panic!("it has been full for months") };
    assert!((now - 0.95).abs() < 0.005, "{now}");
    assert!(
        matches!(forecast(&line(60, 0.96, -0.0002), 60.0), Forecast::Full { .. }),
        "nor one that gives way"
    );
    assert!(matches!(forecast(&line(60, 0.85, 0.0), 60.0), Forecast::Steady { .. }));
}

#[test]
fn what_cannot_be_told_is_not_told() {
    assert_eq!(forecast(&line(13, 0.4, 0.01), 13.0), Forecast::TooLittle { days: 13 });
    assert!(matches!(forecast(&line(60, 0.4, 0.0), 60.0), Forecast::Steady { .. }));
    assert!(matches!(forecast(&line(60, 0.8, -0.002), 60.0), Forecast::Steady { .. }));
    assert!(matches!(forecast(&line(60, 0.9, 0.01), 60.0), Forecast::Full { .. }));
    assert!(matches!(forecast(&line(60, 0.1, 0.0001), 60.0), Forecast::Grows { days: None, .. }));
    let noise: Vec<(f64, f64)> = (0..40).map(|i| (f64::from(i), f64::from(i * 7919 % 13) / 20.0)).collect();
    assert!(matches!(forecast(&noise, 40.0), Forecast::Steady { .. }), "noise has no date");
}

#[test]
fn the_busy_hour_is_the_busiest_and_needs_a_day() {
    let day: Vec<(i64, f64)> =
        (0..288).map(|i| (i * 300_000, if (120..132).contains(&i) { 0.8 } else { 0.2 })).collect();
    assert_eq!(busy_hour(&day), Some(0.8));
    assert_eq!(busy_hour(&day[..130]), None, "half of a day says nothing of the day");
    let mut spike = day;
    spike[5].1 = 1.0;
    assert_eq!(busy_hour(&spike), Some(0.8), "one average makes no busy hour");
}

proptest! {
    #[test]
    fn any_days_have_an_answer(days in prop::collection::vec((0.0..200.0f64, 0.0..2.0f64), 0..120), today in 0.0..300.0f64) {
        match forecast(&days, today) {
            Forecast::Grows { days, earliest, latest, per_day, .. } => {
                prop_assert!(per_day > 0.0);
                for (a, b) in [(earliest, days), (days, latest)] {
                    if let (Some(a), Some(b)) = (a, b) {
                        prop_assert!(a <= b + 1e-9);
                    }
                }
            }
            Forecast::TooLittle { days } => prop_assert!(days < LEAST),
            Forecast::Full { now } => prop_assert!(now >= FULL),
            Forecast::Steady { now } => prop_assert!(now < FULL),
        }
    }
}
