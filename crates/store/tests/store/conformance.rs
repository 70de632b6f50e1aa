//! The stories. Each takes a place of any kind of store; `stories!` makes them tests of one kind. Here are those of batches:
//! how they are kept, counted, and turned into history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasl_model::{SeriesKey, Timestamp};
use wasl_store::{CompactOptions, MAX_EPOCHS, MAX_RANGES, Retention, Store, Upload};

use crate::fixtures::*;

mod health;
mod history;
mod people;

pub(crate) use health::*;
pub(crate) use history::*;
pub(crate) use people::*;

macro_rules! stories {
    ($place:ty: $($story:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $story() {
            let place = <$place as $crate::fixtures::Place>::new();
            $crate::conformance::$story(&place).await;
        }
    )*};
    ($place:ty) => {
        $crate::conformance::stories!($place:
            a_batch_is_stored_once_however_often_it_is_delivered
            two_lanes_interleave_and_the_acknowledgement_waits_for_the_slower
            a_gap_moves_the_acknowledgement_and_is_counted_by_policy
            epochs_and_agents_have_accounts_of_their_own
            a_power_cut_between_ingest_and_compaction_loses_nothing
            a_power_cut_after_compaction_doubles_nothing
            batches_have_ascending_numbers_for_ever
            every_point_is_in_the_history_exactly_once_at_every_moment
            charts_drawn_while_compacting_never_see_a_point_twice_or_not_at_all
            a_compaction_round_is_bounded_and_tells_that_more_remains
            young_batches_stay_hot
            what_came_within_one_stride_is_compacted_together
            a_batch_that_unpacks_to_very_much_waits_for_its_turn
            an_agent_that_names_things_for_ever_is_bounded_and_counted
            hundreds_of_new_things_at_once_have_each_a_history_of_its_own
            an_agent_that_leaves_holes_for_ever_is_bounded_and_told
            an_agent_with_ever_new_epochs_is_bounded_and_told
            a_late_batch_for_a_closed_stretch_lands_in_points_and_roll_ups
            a_late_batch_beyond_the_raw_points_still_lands_in_the_roll_ups
            a_gap_in_the_line_is_a_null
            steps_are_means_and_empty_steps_are_nulls
            wide_steps_tell_the_same_whatever_they_are_made_of
            a_chart_is_never_larger_than_the_limit
            old_tiers_go_and_coarser_ones_answer_instead
            each_kind_is_kept_for_as_long_as_its_own_rule_says
            broken_clocks_are_left_out_and_counted
            a_series_that_does_not_exist_is_refused_and_an_empty_one_is_empty
            the_incarnation_stays
            a_caller_that_goes_away_leaves_store_and_memory_in_step
            a_token_is_redeemed_exactly_once
            a_token_says_why_it_is_refused
            an_agent_whose_renewal_answer_was_lost_can_renew_again
            an_agent_that_enrols_anew_loses_its_old_certificates
            accounts_sessions_and_tokens_come_back_as_they_were_kept
            the_audit_log_is_read_page_by_page
            since_times_and_sites_survive_a_restart
            what_was_judged_is_kept_whole_or_not_at_all
            an_event_keeps_its_number_across_restarts_and_deletion
            events_are_found_by_what_they_are_about
            an_incident_is_found_by_time_entity_and_site
            the_number_of_an_incident_is_never_given_again
            incidents_that_last_are_never_too_old
            maintenance_is_kept_changed_and_forgotten
        );
    };
}
pub(crate) use stories;

async fn take(store: &dyn Store, uploads: Vec<Upload>) -> Vec<wasl_store::Ingested> {
    store.ingest(uploads).await.expect("ingest")
}

pub(crate) async fn a_batch_is_stored_once_however_often_it_is_delivered(place: &impl Place) {
    let store = place.open().await;
    let answers =
        take(&*store, vec![upload("gw", START, empty([1, 2, 2])), upload("gw", START, empty([2, 3]))]).await;
    assert_eq!(answers[0].fresh, [true, true, false]);
    assert_eq!((answers[0].stored, answers[0].duplicates, answers[0].contiguous), (2, 1, 2));
    assert_eq!(answers[1].fresh, [false, true]);
    assert_eq!(answers[1].contiguous, 3);
    compact_all(&*store, START, &force()).await;
    drop(store);

    let store = place.open().await;
    let again = take(&*store, vec![upload("gw", START, empty([1, 2, 3]))]).await;
    assert_eq!(again[0].fresh, [false; 3], "compacted is not forgotten");
    let accounts = store.streams(Some(&agent("gw"))).await.expect("accounts");
    assert_eq!(accounts.len(), 1);
    assert_eq!((accounts[0].stored, accounts[0].duplicates_dropped), (3, 5));
    assert_eq!((accounts[0].first_seq, accounts[0].last_seq, accounts[0].contiguous), (1, 3, 3));
    assert_eq!(store.hot_batches(0, 10).await.expect("hot"), []);
}

pub(crate) async fn two_lanes_interleave_and_the_acknowledgement_waits_for_the_slower(place: &impl Place) {
    let store = place.open().await;
    let live = take(&*store, vec![upload("gw", START, empty([7, 8]))]).await;
    assert_eq!((live[0].contiguous, live[0].stored), (0, 2));
    let backfill = take(&*store, vec![upload("gw", START, empty([2, 1, 3]))]).await;
    assert_eq!((backfill[0].contiguous, backfill[0].stored), (3, 3));
    let rest = take(&*store, vec![upload("gw", START, empty([6, 4, 5, 7]))]).await;
    assert_eq!((rest[0].contiguous, rest[0].duplicates), (8, 1));
    let hot = store.hot_batches(0, 3).await.expect("hot");
    let order: Vec<u64> = hot.iter().map(|b| b.seq).collect();
    assert_eq!(order, [7, 8, 2], "in order of arrival");
    let after = store.hot_batches(hot[2].id, 10).await.expect("hot");
    assert_eq!(after.iter().map(|b| b.seq).collect::<Vec<_>>(), [1, 3, 6, 4, 5]);
}

pub(crate) async fn a_gap_moves_the_acknowledgement_and_is_counted_by_policy(place: &impl Place) {
    let store = place.open().await;
    let mut first = upload("gw", START, empty([1, 5, 9]));
    first.gaps = vec![gap(2, 4, "spool_quota"), gap(5, 6, "spool_quota"), gap(7, 7, "disk_full")];
    let answers = take(&*store, vec![first]).await;
    assert_eq!(answers[0].contiguous, 7);
    // The same word again, and a batch of the gap that was still on its way.
    let mut second = upload("gw", START, empty([3, 8]));
    second.gaps = vec![gap(2, 4, "spool_quota"), gap(9, 8, "nonsense")];
    let answers = take(&*store, vec![second]).await;
    assert_eq!((answers[0].contiguous, answers[0].fresh.as_slice()), (9, &[false, true][..]));
    let account = &store.streams(None).await.expect("accounts")[0];
    assert_eq!(account.stored, 4);
    let dropped = BTreeMap::from([("spool_quota".to_owned(), 4), ("disk_full".to_owned(), 1)]);
    assert_eq!(account.dropped, dropped);
    assert_eq!(account.stored + dropped.values().sum::<u64>(), account.last_seq);
}

pub(crate) async fn epochs_and_agents_have_accounts_of_their_own(place: &impl Place) {
    let store = place.open().await;
    let mut new_epoch = upload("a", START, empty([1]));
    new_epoch.epoch = u64::MAX;
    take(&*store, vec![upload("b", START, empty([1, 2])), upload("a", START, empty([4])), new_epoch]).await;
    let accounts = store.streams(None).await.expect("accounts");
    let short: Vec<_> =
        accounts.iter().map(|s| (s.agent.as_str(), s.epoch, s.first_seq, s.last_seq, s.contiguous)).collect();
    assert_eq!(short, [("a", 1, 4, 4, 0), ("a", u64::MAX, 1, 1, 1), ("b", 1, 1, 2, 2)]);
    assert_eq!(store.streams(Some(&agent("b"))).await.expect("accounts").len(), 1);
    assert_eq!(store.streams(Some(&agent("c"))).await.expect("accounts"), []);
}

pub(crate) async fn a_power_cut_between_ingest_and_compaction_loses_nothing(place: &impl Place) {
    let store = place.open().await;
    let items = vec![item(1, &[("a", START, 5)]), item(2, &[("a", START + SECOND, 6)])];
    take(&*store, vec![upload("gw", START, items)]).await;
    let cut = place.after_power_cut();
    let store = cut.open().await;
    let again = take(&*store, vec![upload("gw", START, empty([1, 2]))]).await;
    assert_eq!((again[0].duplicates, again[0].contiguous), (2, 2));
    let points = [(START, 5), (START + SECOND, 6)];
    assert_eq!(filled(&all(&*store, &key("a", "gw")).await), points);
    compact_all(&*store, START + DAY, &force()).await;
    assert_eq!(filled(&all(&*store, &key("a", "gw")).await), points);
}

pub(crate) async fn a_power_cut_after_compaction_doubles_nothing(place: &impl Place) {
    let store = place.open().await;
    take(&*store, vec![upload("gw", START, vec![item(1, &[("a", START, 5)])])]).await;
    store.compact(Timestamp(START + DAY), &force(), Some(b"state".to_vec())).await.expect("compaction");
    let cut = place.after_power_cut();
    let store = cut.open().await;
    assert_eq!(store.hot_batches(0, 10).await.expect("hot"), []);
    assert_eq!(store.snapshot("live").await.expect("snapshot").as_deref(), Some(&b"state"[..]));
    assert_eq!(store.snapshot("other").await.expect("snapshot"), None);
    assert_eq!(filled(&all(&*store, &key("a", "gw")).await), [(START, 5)]);
    store.save_snapshot("live", Timestamp(START), b"later").await.expect("kept");
    store.save_snapshot("other", Timestamp(START), b"another").await.expect("kept");
    assert_eq!(store.snapshot("live").await.expect("snapshot").as_deref(), Some(&b"later"[..]));
    assert_eq!(store.snapshot("other").await.expect("snapshot").as_deref(), Some(&b"another"[..]));
}

pub(crate) async fn batches_have_ascending_numbers_for_ever(place: &impl Place) {
    let store = place.open().await;
    assert_eq!(store.latest_batch().await.expect("a number"), 0);
    take(&*store, vec![upload("gw", START, vec![item(1, &[("a", START, 5)]), item(2, &[("a", START, 6)])])])
        .await;
    let first = store.latest_batch().await.expect("a number");
    assert_eq!(store.hot_batches(0, 10).await.expect("hot").last().map(|hot| hot.id), Some(first));
    assert_eq!(store.hot_batches(first, 10).await.expect("hot"), []);
    compact_all(&*store, START + DAY, &force()).await;
    assert_eq!(store.latest_batch().await.expect("a number"), 0, "it is history");
    drop(store);
    let store = place.open().await;
    take(&*store, vec![upload("gw", START, vec![item(3, &[("a", START, 7)])])]).await;
    assert!(store.latest_batch().await.expect("a number") > first);
}

/// Three days of two agents and two targets, delivered in any order with rounds of compaction
/// between, at moments when stretches are open, closed, or long closed.
pub(crate) async fn every_point_is_in_the_history_exactly_once_at_every_moment(place: &impl Place) {
    let store = place.open().await;
    let mut dice = Dice(42);
    let mut expected: BTreeMap<(&str, &str), BTreeMap<i64, i64>> = BTreeMap::new();
    let mut deliveries = Vec::new();
    for name in ["a", "b"] {
        let mut at = START;
        for seq in 1..=150 {
            let mut seen = Vec::new();
            for _ in 0..4 {
                at += 1 + dice.roll(12 * MINUTE as u64) as i64;
                for target in ["x", "y"] {
                    seen.push((target, at, dice.roll(1000) as i64));
                }
            }
            deliveries.push((name, item(seq, &seen), seen));
        }
    }
    let mut late = deliveries.split_off(200);
    dice.shuffle(&mut deliveries[50..]);
    dice.shuffle(&mut late);
    deliveries.extend(late);
    let options =
        CompactOptions { max_batches: 17, max_agents: 2, max_blocks: 13, ..CompactOptions::default() };
    for (n, (name, item, seen)) in deliveries.into_iter().enumerate() {
        // The clock of the controller runs through the three days while this goes on.
        let now = START + n as i64 * 15 * MINUTE;
        for (target, at, count) in seen {
            expected.entry((name, target)).or_default().insert(at, count);
        }
        take(&*store, vec![upload(name, now, vec![item])]).await;
        if n % 23 == 0 {
            compact_all(&*store, now, &options).await;
        } else if n % 7 == 0 {
            store.compact(Timestamp(now), &options, None).await.expect("compaction");
        }
        if n % 29 == 0 {
            for ((name, target), points) in &expected {
                let history = all(&*store, &key(target, name)).await;
                let points: Vec<(i64, i64)> = points.iter().map(|(t, v)| (*t, *v)).collect();
                assert_eq!(filled(&history), points, "{target}@{name} after {n} deliveries");
                assert_eq!(history.skipped_blocks, 0);
            }
        }
    }
    compact_all(&*store, START + 30 * DAY, &force()).await;
    // Raw points go; the cells must tell the same.
    let keep = |raw: i64, five: i64| Retention {
        raw: Duration::from_millis(raw as u64),
        five_minutes: Duration::from_millis(five as u64),
        one_hour: Duration::from_hours(24 * 400),
    };
    for (retention, width) in [(keep(0, 300 * DAY), 5 * MINUTE), (keep(0, 0), HOUR)] {
        store.retain(Timestamp(START + 30 * DAY), &retention).await.expect("retention");
        for ((name, target), points) in &expected {
            let mut cells: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
            for (at, value) in points {
                let cell = cells.entry(at - at.rem_euclid(width)).or_default();
                *cell = (cell.0 + value, cell.1 + 1);
            }
            let means: Vec<(i64, f64)> =
                cells.iter().map(|(t, (sum, n))| (*t, *sum as f64 / *n as f64)).collect();
            let history = all(&*store, &key(target, name)).await;
            assert_eq!(history.resolution_ms, width);
            let got: Vec<(i64, f64)> = history.points.iter().filter_map(|(t, v)| Some((*t, (*v)?))).collect();
            assert_eq!(got, means, "{target}@{name} in cells of {width} ms");
        }
    }
}

pub(crate) async fn charts_drawn_while_compacting_never_see_a_point_twice_or_not_at_all(place: &impl Place) {
    let store: Arc<dyn Store> = Arc::from(place.open().await);
    // Roll-ups answer for times before the floor, and add up: a doubled batch would show in the mean.
    let retention = Retention { raw: Duration::ZERO, ..Retention::default() };
    store.retain(Timestamp(START + DAY), &retention).await.expect("retention");
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 0..60u64 {
                let at = START + (n % 3) as i64;
                let value = if n == 0 { 100 } else { 0 };
                let items = vec![item(n + 1, &[("a", at + 3 * n as i64, value)])];
                take(&*store, vec![upload("gw", START, items)]).await;
                if n % 3 == 2 {
                    compact_all(&*store, START + DAY, &force()).await;
                }
            }
        }
    });
    let series = key("a", "gw");
    let mut least = 0;
    while !writer.is_finished() {
        let history = all(&*store, &series).await;
        if let [(_, Some(mean))] = history.points[..] {
            let counted = (100.0 / mean).round() as u64;
            assert!(counted >= least, "{counted} points after {least}");
            assert!(counted <= 60 && (100.0 / counted as f64 - mean).abs() < 1e-9, "mean {mean}");
            least = counted;
        } else {
            assert_eq!(least, 0, "no points any more");
        }
    }
    writer.await.expect("the writer");
    let history = all(&*store, &series).await;
    assert_eq!(history.points, [(START, Some(100.0 / 60.0))]);
}

pub(crate) async fn a_compaction_round_is_bounded_and_tells_that_more_remains(place: &impl Place) {
    let store = place.open().await;
    for name in ["a", "b"] {
        take(&*store, vec![upload(name, START, empty(1..=5))]).await;
    }
    let options = CompactOptions { max_batches: 3, ..force() };
    let done = store.compact(Timestamp(START), &options, None).await.expect("compaction");
    assert_eq!((done.batches, done.points, done.more), (3, 3, true));
    let hot = store.hot_batches(0, 100).await.expect("hot");
    assert_eq!(hot.len(), 7);
    assert!(hot.iter().all(|b| b.agent != agent("a") || b.seq > 3), "an agent's oldest go first");
    let alone = CompactOptions { max_agents: 1, ..force() };
    let done = store.compact(Timestamp(START), &alone, None).await.expect("compaction");
    assert_eq!((done.batches, done.more), (2, true), "the rest of the first agent and nothing of the other");
    let tiny = CompactOptions { max_bytes: 1, ..force() };
    assert_eq!(compact_all(&*store, START, &tiny).await, 5, "one batch at a time");
    assert_eq!(store.hot_batches(0, 100).await.expect("hot"), []);
    let idle = store.compact(Timestamp(START), &options, None).await.expect("compaction");
    assert_eq!(idle, wasl_store::Compacted::default());
}

pub(crate) async fn young_batches_stay_hot(place: &impl Place) {
    let store = place.open().await;
    take(&*store, vec![upload("gw", START, empty([1]))]).await;
    take(&*store, vec![upload("gw", START + 5 * MINUTE, empty([2]))]).await;
    let options = CompactOptions::default();
    let before = store.compact(Timestamp(START + 9 * MINUTE), &options, None).await;
    assert_eq!(before.expect("compaction").batches, 0);
    let after = store.compact(Timestamp(START + 10 * MINUTE), &options, None).await;
    assert_eq!(after.expect("compaction").batches, 1);
    let hot = store.hot_batches(0, 10).await.expect("hot");
    assert_eq!(hot.iter().map(|b| b.seq).collect::<Vec<_>>(), [2]);
}

pub(crate) async fn what_came_within_one_stride_is_compacted_together(place: &impl Place) {
    let store = place.open().await;
    let options = CompactOptions::default();
    let mut rounds = Vec::new();
    for minute in 0..150i64 {
        let at = START + minute * MINUTE;
        // The last one of each minute is seen in it and comes in the next.
        let seen = [("a", at - SECOND, minute), ("a", at, minute)];
        let items = vec![item(minute as u64 + 1, if minute == 0 { &seen[1..] } else { &seen })];
        take(&*store, vec![upload("gw", at, items)]).await;
        let done = store.compact(Timestamp(at), &options, Some(b"state".to_vec())).await.expect("compaction");
        if done != wasl_store::Compacted::default() {
            rounds.push((minute, done.batches, done.blocks_merged));
        }
    }
    // The stretch of two hours is closed once, after what came late for it.
    let expected: Vec<(i64, u64, u64)> =
        (1..=14).map(|n| (n * 10, if n == 1 { 1 } else { 10 }, if n == 14 { 13 } else { 0 })).collect();
    assert_eq!(rounds, expected);
    assert_eq!(filled(&all(&*store, &key("a", "gw")).await).len(), 299);
}

pub(crate) async fn a_batch_that_unpacks_to_very_much_waits_for_its_turn(place: &impl Place) {
    let store = place.open().await;
    for name in ["a", "b"] {
        let items = (1..=4).map(|seq| {
            let seen: Vec<_> = (0..100).map(|n| ("a", START + seq as i64 * HOUR + n * SECOND, n)).collect();
            item(seq, &seen)
        });
        take(&*store, vec![upload(name, START, items.collect())]).await;
    }
    // Two numbers for each of the hundred: how many were sent, and that there was no loss to tell of.
    let options = CompactOptions { max_points: 250, ..force() };
    let mut rounds = Vec::new();
    loop {
        let done = store.compact(Timestamp(START + DAY), &options, None).await.expect("compaction");
        rounds.push(done.batches);
        if !done.more {
            break;
        }
    }
    assert!(rounds.len() > 1 && rounds.iter().all(|batches| (1..=3).contains(batches)), "{rounds:?}");
    assert_eq!(rounds.iter().sum::<u64>(), 8);
    for name in ["a", "b"] {
        assert_eq!(filled(&all(&*store, &key("a", name)).await).len(), 400);
    }
    // A round without room still takes one batch, or it would never end.
    take(&*store, vec![upload("a", START, vec![item(9, &[("a", START, 1)])])]).await;
    let none = CompactOptions { max_points: 1, ..force() };
    let done = store.compact(Timestamp(START + DAY), &none, None).await.expect("compaction");
    assert_eq!((done.batches, done.more), (1, false));
}

pub(crate) async fn an_agent_that_names_things_for_ever_is_bounded_and_counted(place: &impl Place) {
    let store = place.open().await;
    let options = CompactOptions { max_series: 10, ..force() };
    let mut left_out = 0;
    for seq in 1..=5u64 {
        let names: Vec<String> = (0..4).map(|n| format!("t{}", seq * 4 + n)).collect();
        let seen: Vec<_> = names.iter().map(|name| (name.as_str(), START, 1)).collect();
        take(&*store, vec![upload("bad", START, vec![item(seq, &seen)])]).await;
        take(&*store, vec![upload("good", START, vec![item(seq, &[("a", START + seq as i64, 1)])])]).await;
        let done = store.compact(Timestamp(START), &options, None).await.expect("compaction");
        assert_eq!(done.batches, 2, "it holds nobody up");
        left_out += done.crowded;
    }
    let account = store.streams(Some(&agent("bad"))).await.expect("accounts");
    assert_eq!(account[0].stored, 5, "the batches count as stored; their content is what is left out");
    assert_eq!(filled(&all(&*store, &key("a", "good")).await).len(), 5);
    let mut kept = 0;
    for n in 4..24 {
        kept += filled(&all(&*store, &key(&format!("t{n}"), "bad")).await).len();
    }
    assert!((1..=10).contains(&kept), "{kept}");
    assert!(left_out >= 20 - kept as u64, "{left_out} were told");
    // What is known goes on.
    take(&*store, vec![upload("bad", START, vec![item(6, &[("t4", START + 9, 3)])])]).await;
    let done = store.compact(Timestamp(START), &options, None).await.expect("compaction");
    assert_eq!(done.crowded, 0);
}

pub(crate) async fn hundreds_of_new_things_at_once_have_each_a_history_of_its_own(place: &impl Place) {
    let store = place.open().await;
    let mut expected: BTreeMap<SeriesKey, Vec<(i64, i64)>> = BTreeMap::new();
    // The second time some are known, and others are new again.
    for (seq, names) in [(1, 0..250_i64), (2, 130..399)] {
        let at = START + i64::from(seq) * MINUTE;
        for (which, name) in ["a", "b"].into_iter().enumerate() {
            let count = |n: i64| 1000 * which as i64 + n;
            let targets: Vec<String> = names.clone().map(|n| format!("t{n}")).collect();
            let seen: Vec<_> = targets
                .iter()
                .zip(names.clone())
                .map(|(target, n)| (target.as_str(), at, count(n)))
                .collect();
            for (target, at, count) in &seen {
                expected.entry(key(target, name)).or_default().push((*at, *count));
            }
            take(&*store, vec![upload(name, at, vec![item(seq as u64, &seen)])]).await;
        }
        compact_all(&*store, at, &force()).await;
    }
    for (key, points) in expected {
        assert_eq!(filled(&all(&*store, &key).await), points, "{key}");
    }
}

pub(crate) async fn an_agent_that_leaves_holes_for_ever_is_bounded_and_told(place: &impl Place) {
    let store = place.open().await;
    let most = MAX_RANGES as u64;
    let mut first = upload("bad", START, Vec::new());
    first.gaps = (0..most - 1).map(|n| gap(10 + n * 10, 11 + n * 10, "quota")).collect();
    take(&*store, vec![first]).await;
    let far = most * 100;
    let mut more = upload("bad", START, empty([far, far + 10, 12, 10]));
    more.gaps = vec![gap(far + 50, far + 60, "quota"), gap(13, 19, "quota")];
    let answers = take(&*store, vec![more, upload("good", START, empty([1, 2]))]).await;
    // The list is full with the first; what joins known stretches still comes in.
    assert_eq!((answers[0].fresh.as_slice(), answers[0].refused), (&[true, false, true, false][..], 2));
    assert_eq!((answers[0].stored, answers[0].duplicates), (2, 1));
    assert_eq!((answers[1].stored, answers[1].refused), (2, 0), "nobody else suffers");
    let account = &store.streams(Some(&agent("bad"))).await.expect("accounts")[0];
    assert_eq!((account.stored, account.last_seq), (2, far));
    assert_eq!(account.dropped["quota"], (most - 1) * 2 + 7);
    // The last gap joined two stretches, so there is room for one again.
    let again = take(&*store, vec![upload("bad", START, empty([far + 10, far + 20]))]).await;
    assert_eq!(again[0].fresh, [true, false], "refused is not received");
}

pub(crate) async fn an_agent_with_ever_new_epochs_is_bounded_and_told(place: &impl Place) {
    let store = place.open().await;
    let of = |epoch: u64| Upload { epoch, ..upload("bad", START, empty([1])) };
    take(&*store, (1..=MAX_EPOCHS as u64).map(of).collect()).await;
    let answers =
        take(&*store, vec![of(MAX_EPOCHS as u64 + 1), of(5), upload("good", START, empty([1]))]).await;
    assert_eq!(
        (answers[0].fresh.as_slice(), answers[0].refused, answers[0].contiguous),
        (&[false][..], 1, 0)
    );
    assert_eq!((answers[1].duplicates, answers[2].stored), (1, 1));
}

pub(crate) async fn the_incarnation_stays(place: &impl Place) {
    let first = place.open().await.incarnation();
    assert_eq!(place.open().await.incarnation(), first);
}

pub(crate) async fn a_caller_that_goes_away_leaves_store_and_memory_in_step(place: &impl Place) {
    let store = place.open().await;
    let mut given_up = 0;
    for n in 0..200u64 {
        let items = vec![item(n + 1, &[("a", START + n as i64, 1)])];
        // How far it gets before the caller leaves differs from one to the next.
        tokio::select! {
            biased;
            answer = store.ingest(vec![upload("gw", START, items)]) => {
                answer.expect("ingest");
            }
            () = async { for _ in 0..n % 7 { tokio::task::yield_now().await; } } => given_up += 1,
        }
        if n % 31 == 0 {
            let options = force();
            tokio::select! {
                biased;
                done = store.compact(Timestamp(START), &options, None) => { done.expect("compaction"); }
                () = tokio::task::yield_now() => {}
            }
        }
    }
    assert!(given_up > 0, "nobody left");
    // Each was begun, so each comes to its end.
    let all_stored = async {
        loop {
            let account = store.streams(None).await.expect("accounts").pop();
            if let Some(account) = account.filter(|account| account.stored == 200) {
                return account;
            }
            tokio::task::yield_now().await;
        }
    };
    let deadline = Duration::from_secs(30);
    let account = tokio::time::timeout(deadline, all_stored).await.expect("some were cut off");
    // The last one may be committed and not yet at its end; this comes after it.
    take(&*store, Vec::new()).await;
    let in_history = filled(&all(&*store, &key("a", "gw")).await).len() as u64;
    assert_eq!(in_history, account.stored, "hot and compacted together");
    compact_all(&*store, START + DAY, &force()).await;
    assert_eq!(store.hot_batches(0, 500).await.expect("hot"), [], "none is forgotten in the table");
    assert_eq!(filled(&all(&*store, &key("a", "gw")).await).len() as u64, account.stored);
}
