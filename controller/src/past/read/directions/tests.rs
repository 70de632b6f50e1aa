#![allow(clippy::float_cmp, reason = "whole seconds are exact")]

use wasl_model::units::{Count, Micros, Millis};
use wasl_model::{Observation, StampWindow, Timestamp};
use wasl_pages::view::{DirectionsView, MonthView};
use wasl_store::SqliteStore;

use super::*;
use crate::past::{Month, Past, Question};

use super::super::DAY_MS;
use super::super::tests::{START, age, link as line, question, store};

const HOUR: i64 = 3_600_000;

/// 50 tests in 10 s. Now and then some are lost, each way; every second window tells delays, with another error each time.
fn window(number: u64) -> StampWindow {
    let lost = |each: u64, so_many: u64| if number.is_multiple_of(each) { so_many } else { 0 };
    let (there, back, undecided) = (lost(7, 3), lost(11, 2), lost(13, 1));
    let mut window = StampWindow {
        window: Some(Millis(10_000)),
        sent: Some(Count(50)),
        received: Some(Count(50 - there - back - undecided)),
        reflected: Some(Count(50 - there - undecided)),
        lost_forward: Some(Count(there)),
        lost_back: Some(Count(back)),
        undecided: Some(Count(undecided)),
        clock_error: Some(Micros(400 + number)),
        ..StampWindow::default()
    };
    if number.is_multiple_of(2) {
        window.forward.record(5_000);
        window.back.record(20_000);
    }
    window
}

/// Two hours of windows, of which a quarter of an hour is missing.
fn two_hours() -> Vec<Observation> {
    (1..=720)
        .filter(|number| !(181..=270).contains(number))
        .map(|number| Observation {
            subject: Subject::lenient(EntityKind::Path, "jenin"),
            at: Timestamp(START + number * 10_000 - 1),
            value: window(number.unsigned_abs()).into(),
        })
        .collect()
}

fn measured(leads_down: Option<bool>) -> LinkView {
    let end =
        MeasuredView { agent: "gw".into(), to: "10.0.0.1".into(), leads_down, ..MeasuredView::default() };
    LinkView { directions: Some(DirectionsView { state: None, measured: vec![end] }), ..line() }
}

async fn tests_of(past: &Past, store: &SqliteStore, link: &LinkView, now: i64) -> Vec<TestsMonthView> {
    let month: Month = "2026-11".parse().expect("a month");
    let found: std::sync::Arc<MonthView> =
        past.month(store, &question(link, now), month).await.expect("read");
    found.tests.clone()
}

/// Catches: a month whose loss is another once windows have become means, or of which time counts that nobody measured.
#[tokio::test]
async fn a_month_of_both_directions_is_the_same_by_windows_and_by_cells_of_any_width() {
    let (_dir, store) = store(two_hours()).await;
    let link = measured(Some(false));
    let seen: Vec<StampWindow> = (1..=720).filter(|n| !(181..=270).contains(n)).map(window).collect();
    let sum =
        |of: fn(&StampWindow) -> Option<Count>| seen.iter().filter_map(of).map(|count| count.0).sum::<u64>();
    let (reached, there, back) = (sum(|w| w.reflected), sum(|w| w.lost_forward), sum(|w| w.lost_back));

    let fresh = tests_of(&Past::default(), &store, &link, START + 2 * HOUR).await;
    let [found] = &fresh[..] else { panic!("{fresh:?}") };
    assert_eq!((found.there.tests, found.there.lost), (reached + there, there));
    assert_eq!((found.back.tests, found.back.lost), (reached, back));
    assert_eq!(found.there.loss, Some(there as f64 / (reached + there) as f64));
    assert_eq!(
        (found.undecided, found.observed, found.covered),
        (sum(|w| w.undecided), 6_300.0, Some(0.875))
    );
    assert_eq!((found.windows, found.windows_with_delays), (630, 315));
    let (delay, error) = (found.there.delay.expect("told"), found.delay_error.expect("told"));
    assert!((0.0049..0.0052).contains(&delay) && found.back.delay.is_some_and(|d| d > 0.019), "{found:?}");
    let errors = seen.iter().filter(|w| w.forward.count() > 0).filter_map(|w| w.clock_error);
    let mean = errors.map(|micros| micros.0 as f64 * 1e-6).sum::<f64>() / 315.0;
    assert!((error - mean).abs() < 1e-9, "{error} is not {mean}");

    // Only cells of five minutes are left, and then only those of an hour.
    for days in [40, 400] {
        let later = START + days * DAY_MS;
        age(&store, later).await;
        let aged = tests_of(&Past::default(), &store, &link, later).await;
        let near = |a: Option<f64>, b: Option<f64>| a.zip(b).is_some_and(|(a, b)| (a - b).abs() < 1e-9);
        assert!(near(aged[0].there.delay, Some(delay)) && near(aged[0].delay_error, Some(error)), "{aged:?}");
        let as_before = TestsMonthView {
            covered: found.covered,
            delay_error: found.delay_error,
            there: WayMonthView { delay: found.there.delay, ..aged[0].there },
            back: WayMonthView { delay: found.back.delay, ..aged[0].back },
            ..aged[0].clone()
        };
        assert_eq!(as_before, *found, "after {days} days");
        assert_eq!(aged[0].covered, Some(6_300.0 / (30.0 * 86_400.0)), "the month is over");
    }
}

/// Catches: tests that count in two months or in none, because a month begins within a cell of an hour.
#[tokio::test]
async fn a_test_counts_in_one_month_only() {
    // The clocks there are five hours and a half ahead: November begins at 18:30 UTC.
    let zone = jiff::tz::TimeZone::get("Asia/Kolkata").expect("the zone");
    let begins = START - 5 * HOUR - HOUR / 2;
    let seen: Vec<Observation> = (-360_i64..720)
        .map(|number| Observation {
            subject: Subject::lenient(EntityKind::Path, "jenin"),
            at: Timestamp(begins + number * 10_000),
            value: window(number.unsigned_abs()).into(),
        })
        .collect();
    let tests = |number: i64| 50 - u64::from(number.unsigned_abs().is_multiple_of(13));
    let (before, after) = ((-360..0).map(tests).sum::<u64>(), (0..720).map(tests).sum::<u64>());
    let (_dir, store) = store(seen).await;
    let link = measured(Some(true));
    let both = async |now: i64| {
        let past = Past::default();
        let question = Question { zone: zone.clone(), ..question(&link, now) };
        let mut out = Vec::new();
        for month in ["2026-10", "2026-11"] {
            let month: Month = month.parse().expect("a month");
            out.push(past.month(&store, &question, month).await.expect("read").tests[0].there.tests);
        }
        out
    };
    assert_eq!(both(START + DAY_MS).await, [before, after]);
    age(&store, START + 40 * DAY_MS).await;
    assert_eq!(both(START + 40 * DAY_MS).await, [before, after]);
    age(&store, START + 400 * DAY_MS).await;
    let by_hours = both(START + 400 * DAY_MS).await;
    assert_eq!(by_hours.iter().sum::<u64>(), before + after, "{by_hours:?}");
}

#[tokio::test]
async fn who_measures_and_has_told_nothing_has_a_row_without_figures_and_who_does_not_measure_none() {
    let (_dir, store) = store(Vec::new()).await;
    let past = Past::default();
    let found = tests_of(&past, &store, &measured(None), START + HOUR).await;
    let nothing = WayMonthView::default();
    assert_eq!((found.len(), found[0].there, found[0].back), (1, nothing, nothing));
    assert_eq!((found[0].observed, found[0].covered, found[0].delay_error), (0.0, Some(0.0), None));
    assert_eq!(
        tests_of(&past, &store, &line(), START + HOUR).await,
        [],
        "another question has another answer"
    );
}

/// Catches: a remembered month whose loss goes by the place that the way led to before the configuration changed.
#[tokio::test]
async fn a_way_that_leads_elsewhere_now_is_told_so_at_once() {
    let (_dir, store) = store(two_hours()).await;
    let past = Past::default();
    for leads_down in [Some(false), Some(true), None] {
        let found = tests_of(&past, &store, &measured(leads_down), START + 2 * HOUR).await;
        let [(_, there, _), (_, back, way)] = found[0].ways();
        assert_eq!((there, back), (leads_down, leads_down.map(|down| !down)));
        assert_eq!(way.tests, found[0].back.tests);
    }
}
