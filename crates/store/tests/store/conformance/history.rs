//! What the history tells of series, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use wasl_model::units::Unit;
use wasl_model::{EntityKind, SeriesKey, Timestamp};
use wasl_store::{ErrorKind, History, KindRetention, MAX_POINTS, Retention, RetentionRules, Store};

use super::take;
use crate::fixtures::*;

pub(crate) async fn a_late_batch_for_a_closed_stretch_lands_in_points_and_roll_ups(place: &impl Place) {
    let store = place.open().await;
    let series = key("a", "gw");
    let early = vec![item(1, &[("a", START, 2), ("a", START + 2 * MINUTE, 4)])];
    take(&*store, vec![upload("gw", START, early)]).await;
    compact_all(&*store, START + DAY, &force()).await;
    let late = vec![item(2, &[("a", START + MINUTE, 9)])];
    take(&*store, vec![upload("gw", START + DAY, late)]).await;
    let points = [(START, 2), (START + MINUTE, 9), (START + 2 * MINUTE, 4)];
    assert_eq!(filled(&all(&*store, &series).await), points, "while it is hot");
    compact_all(&*store, START + DAY, &force()).await;
    assert_eq!(filled(&all(&*store, &series).await), points, "and as a block");
    let retention = Retention { raw: Duration::ZERO, ..Retention::default() };
    store.retain(Timestamp(START + 2 * DAY), &retention).await.expect("retention");
    assert_eq!(all(&*store, &series).await.points, [(START, Some(5.0))]);
}

pub(crate) async fn a_late_batch_beyond_the_raw_points_still_lands_in_the_roll_ups(place: &impl Place) {
    let store = place.open().await;
    let series = key("a", "gw");
    let early = vec![item(1, &[("a", START, 2), ("a", START + 2 * MINUTE, 4)])];
    take(&*store, vec![upload("gw", START, early)]).await;
    compact_all(&*store, START + DAY, &force()).await;
    let retention = Retention { raw: Duration::ZERO, ..Retention::default() };
    store.retain(Timestamp(START + 2 * DAY), &retention).await.expect("retention");
    let late = vec![item(2, &[("a", START + MINUTE, 9)])];
    take(&*store, vec![upload("gw", START + DAY, late)]).await;
    assert_eq!(all(&*store, &series).await.points, [(START, Some(5.0))], "while it is hot");
    for _ in 0..2 {
        compact_all(&*store, START + 3 * DAY, &force()).await;
        assert_eq!(all(&*store, &series).await.points, [(START, Some(5.0))]);
    }
}

pub(crate) async fn a_gap_in_the_line_is_a_null(place: &impl Place) {
    let store = place.open().await;
    let at = |n: i64| START + n * 10 * SECOND;
    let seen: Vec<(&str, i64, i64)> = [0, 1, 2, 9, 10].iter().map(|n| ("a", at(*n), 1)).collect();
    take(&*store, vec![upload("gw", START, vec![item(1, &seen[..3]), item(2, &seen[3..])])]).await;
    let history = all(&*store, &key("a", "gw")).await;
    assert_eq!((history.unit, history.resolution_ms), (Unit::Count, 10_000));
    assert_eq!(
        history.points,
        [
            (at(0), Some(1.0)),
            (at(1), Some(1.0)),
            (at(2), Some(1.0)),
            (at(3), None),
            (at(9), Some(1.0)),
            (at(10), Some(1.0))
        ]
    );
    let part =
        store.history(&key("a", "gw"), Timestamp(at(1)), Timestamp(at(9)), None).await.expect("a history");
    assert_eq!(filled(&part), [(at(1), 1), (at(2), 1), (at(9), 1)], "both ends belong to the range");
}

pub(crate) async fn steps_are_means_and_empty_steps_are_nulls(place: &impl Place) {
    let store = place.open().await;
    let seen: Vec<(&str, i64, i64)> =
        (0..12).filter(|n| !(4..8).contains(n)).map(|n| ("a", START + n * 15 * SECOND, n)).collect();
    take(&*store, vec![upload("gw", START, vec![item(1, &seen[..5])])]).await;
    compact_all(&*store, START + DAY, &force()).await;
    take(&*store, vec![upload("gw", START, vec![item(2, &seen[5..])])]).await;
    let minutes = Some(Duration::from_mins(1));
    let history = store
        .history(&key("a", "gw"), Timestamp(START), Timestamp(START + HOUR), minutes)
        .await
        .expect("a history");
    assert_eq!(history.resolution_ms, MINUTE);
    let expected = [(START, Some(1.5)), (START + MINUTE, None), (START + 2 * MINUTE, Some(9.5))];
    assert_eq!(history.points, expected);
}

pub(crate) async fn wide_steps_tell_the_same_whatever_they_are_made_of(place: &impl Place) {
    let store = place.open().await;
    let mut dice = Dice(3);
    let mut points = Vec::new();
    for n in 0..2_000i64 {
        // Now and then nothing is seen for a while.
        if n % 200 < 170 {
            points.push((START + n * MINUTE + dice.roll(MINUTE as u64) as i64, dice.roll(1000) as i64));
        }
    }
    let (early, late) = points.split_at(1_500);
    for (seq, part) in [early, late].into_iter().enumerate() {
        let seen: Vec<_> = part.iter().map(|(at, value)| ("a", *at, *value)).collect();
        take(&*store, vec![upload("gw", START, vec![item(seq as u64 + 1, &seen)])]).await;
        if seq == 0 {
            // The rest stays as batches, and the last stretch as points in no roll-up.
            compact_all(&*store, early[early.len() - 1].0, &force()).await;
        }
    }
    let series = key("a", "gw");
    for step in [5 * MINUTE, 10 * MINUTE, 7 * MINUTE, 90 * MINUTE, HOUR, 6 * HOUR, MINUTE] {
        let mut steps: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for (at, value) in &points {
            let cell = steps.entry(at - at.rem_euclid(step)).or_default();
            *cell = (cell.0 + value, cell.1 + 1);
        }
        let means: Vec<(i64, f64)> =
            steps.iter().map(|(at, (sum, n))| (*at, *sum as f64 / *n as f64)).collect();
        let wanted = Some(Duration::from_millis(step as u64));
        let history = store
            .history(&series, Timestamp(START), Timestamp(START + 2 * DAY), wanted)
            .await
            .expect("a history");
        let got: Vec<(i64, f64)> = history.points.iter().filter_map(|(t, v)| Some((*t, (*v)?))).collect();
        assert_eq!((history.resolution_ms, got), (step, means), "in steps of {step} ms");
    }
}

pub(crate) async fn a_chart_is_never_larger_than_the_limit(place: &impl Place) {
    let store = place.open().await;
    let mut items = Vec::new();
    for n in 0..24i64 {
        let seen: Vec<_> = (0..1000).map(|i| ("a", START + (n * 1000 + i) * SECOND, 1)).collect();
        items.push(item(n as u64 + 1, &seen));
    }
    take(&*store, vec![upload("gw", START, items)]).await;
    let hot = all(&*store, &key("a", "gw")).await;
    assert!(hot.points.len() <= MAX_POINTS, "{}", hot.points.len());
    assert!(hot.points.len() > MAX_POINTS / 4);
    // The last two hours are not over: their points are blocks, and in no roll-up yet.
    compact_all(&*store, START + 24_000 * SECOND, &force()).await;
    let open = all(&*store, &key("a", "gw")).await;
    assert_eq!(open.resolution_ms, 5 * MINUTE, "too many points: cells answer");
    assert_eq!(open.points.len(), 80);
    compact_all(&*store, START + DAY, &force()).await;
    assert_eq!(all(&*store, &key("a", "gw")).await, open);
    let fine = store
        .history(&key("a", "gw"), Timestamp(START), Timestamp(START + HOUR), None)
        .await
        .expect("a history");
    assert_eq!((fine.resolution_ms, fine.points.len()), (SECOND, 3601), "a part of it is not too many");
}

pub(crate) async fn old_tiers_go_and_coarser_ones_answer_instead(place: &impl Place) {
    let store = place.open().await;
    let seen: Vec<(&str, i64, i64)> = (0..40).map(|day| ("a", START + day * DAY + HOUR, day)).collect();
    take(&*store, vec![upload("gw", START, vec![item(1, &seen)])]).await;
    let now = START + 40 * DAY;
    compact_all(&*store, now, &force()).await;
    let gone = store.retain(Timestamp(now), &Retention::default()).await.expect("retention");
    assert_eq!((gone.raw, gone.five_minutes, gone.one_hour), (10, 0, 0));
    let series = key("a", "gw");
    let recent =
        store.history(&series, Timestamp(now - 29 * DAY), Timestamp(now), None).await.expect("a history");
    assert_eq!(recent.points[0], (START + 11 * DAY + HOUR, Some(11.0)));
    assert_eq!(filled(&all(&*store, &series).await).len(), 40, "cells reach back further");
    let short = Retention {
        raw: Duration::from_hours(24),
        five_minutes: Duration::from_hours(48),
        one_hour: Duration::from_hours(24 * 14),
    };
    store.retain(Timestamp(now), &short).await.expect("retention");
    let left = all(&*store, &series).await;
    assert_eq!(left.resolution_ms, HOUR);
    let weeks = filled(&left);
    assert!((14..=21).contains(&weeks.len()), "{}", weeks.len());
    // A longer retention does not bring back what is gone, and does not pretend to.
    store.retain(Timestamp(now), &Retention::default()).await.expect("retention");
    assert_eq!(filled(&all(&*store, &series).await), weeks);
}

pub(crate) async fn each_kind_is_kept_for_as_long_as_its_own_rule_says(place: &impl Place) {
    let series: SeriesKey = "interface/sw/1#up@gw".parse().expect("a series");
    let store = place.open().await;
    let mut items = Vec::new();
    for day in 0..10 {
        let at = START + day * DAY;
        let mut both = item(day as u64 + 1, &[("a", at, day)]);
        both.body.extend(interface_line("sw/1", at, day % 2 == 0).into_bytes());
        items.push(both);
    }
    take(&*store, vec![upload("gw", START, items)]).await;
    let now = Timestamp(START + 10 * DAY);
    compact_all(&*store, now.0, &force()).await;
    let days = |n: i64| Duration::from_millis((n * DAY) as u64);
    let mut rules =
        RetentionRules { every: Retention { raw: days(4), ..Retention::default() }, ..Default::default() };
    rules.kinds.insert(EntityKind::Interface, KindRetention { raw: Some(days(8)), ..Default::default() });
    let gone = store.retain_by_kind(now, &rules).await.expect("retention");
    assert_eq!((gone.raw, gone.five_minutes), (6 + 2, 0));
    let first = |history: History| (history.resolution_ms, history.points.first().map(|point| point.0));
    let since = async |store: &dyn Store, key: &SeriesKey, day: i64| {
        let history = store.history(key, Timestamp(START + day * DAY), now, None).await.expect("a history");
        first(history)
    };
    let target = key("a", "gw");
    assert_eq!(since(&*store, &series, 2).await, (DAY, Some(START + 2 * DAY)), "raw");
    assert_eq!(since(&*store, &target, 6).await, (DAY, Some(START + 6 * DAY)), "raw");
    assert_eq!(since(&*store, &target, 2).await, (5 * MINUTE, Some(START + 2 * DAY)), "cells");

    // The exception ends; what is gone of the others does not come back, after a restart neither.
    drop(store);
    let store = place.open().await;
    rules
        .kinds
        .insert(EntityKind::Interface, KindRetention { five_minutes: Some(days(3)), ..Default::default() });
    let gone = store.retain_by_kind(now, &rules).await.expect("retention");
    assert_eq!((gone.raw, gone.five_minutes), (4, 7));
    assert_eq!(since(&*store, &series, 5).await.0, HOUR);
    assert_eq!(since(&*store, &target, 5).await.0, 5 * MINUTE);
    rules.every.raw = days(9);
    store.retain_by_kind(now, &rules).await.expect("retention");
    assert_eq!(since(&*store, &target, 2).await.0, 5 * MINUTE, "it does not pretend to have raw points");
    // A late point of a kind whose raw points of that day are kept lands among them.
    take(&*store, vec![upload("gw", START, vec![item(11, &[("a", START + 7 * DAY + HOUR, 50)])])]).await;
    compact_all(&*store, now.0, &force()).await;
    let history = store.history(&target, Timestamp(START + 7 * DAY), now, None).await.expect("a history");
    assert!(filled(&history).contains(&(START + 7 * DAY + HOUR, 50)), "{:?}", history.points);
    // Nothing is left for another round.
    assert_eq!(store.retain_by_kind(now, &rules).await.expect("retention"), wasl_store::Retained::default());
}

pub(crate) async fn broken_clocks_are_left_out_and_counted(place: &impl Place) {
    let store = place.open().await;
    let seen = [("a", i64::MIN, 1), ("a", -1, 1), ("a", i64::MAX, 1), ("a", START + 900 * DAY, 3)];
    take(&*store, vec![upload("gw", START, vec![item(1, &seen)])]).await;
    let expected = [(START + 900 * DAY, 3)];
    assert_eq!(filled(&all(&*store, &key("a", "gw")).await), expected);
    let done = store.compact(Timestamp(START), &force(), None).await.expect("compaction");
    assert_eq!((done.points, done.timeless), (1, 3));
    assert_eq!(filled(&all(&*store, &key("a", "gw")).await), expected, "the future is kept");
}

pub(crate) async fn a_series_that_does_not_exist_is_refused_and_an_empty_one_is_empty(place: &impl Place) {
    let store = place.open().await;
    let mut series = key("a", "gw");
    assert_eq!(all(&*store, &series).await.points, []);
    series.field = "colour".into();
    let refused = store.history(&series, Timestamp(0), Timestamp(1), None).await;
    assert_eq!(refused.expect_err("no such field").kind(), &ErrorKind::NoSuchSeries);
}
