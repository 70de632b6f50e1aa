//! The stories. Each takes a place of any kind of store; `stories!` makes them tests of one kind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasl_model::units::Unit;
use wasl_model::{AgentRole, EntityKind, SeriesKey, Timestamp, UserRole};
use wasl_store::{
    Account, AgentFacts, AgentRecord, ApiToken, AuditEvent, CompactOptions, EnrolToken, ErrorKind, History,
    KindRetention, MAX_EPOCHS, MAX_POINTS, MAX_RANGES, NewAccount, Redemption, Retention, RetentionRules,
    Store, Upload, WebSession,
};

use crate::fixtures::*;

mod health;
pub(crate) use health::*;

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
    let options = CompactOptions { max_batches: 17, max_blocks: 13, ..CompactOptions::default() };
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
    let tiny = CompactOptions { max_bytes: 1, ..force() };
    assert_eq!(compact_all(&*store, START, &tiny).await, 7, "one batch at a time");
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

fn token(hash: u8) -> EnrolToken {
    EnrolToken {
        hash: [hash; 32],
        site: "jenin".parse().expect("a name"),
        role: AgentRole::Gateway,
        agent_name: Some(agent("jenin-gw")),
        created: Timestamp(START),
        expires: Timestamp(START + HOUR),
        created_by: "muna".into(),
        used: None,
    }
}

pub(crate) async fn a_token_is_redeemed_exactly_once(place: &impl Place) {
    let store: Arc<dyn Store> = Arc::from(place.open().await);
    store.create_token(&token(1)).await.expect("kept");
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..20 {
        let store = store.clone();
        let name = agent(&format!("pc-{n}"));
        tries.spawn(async move {
            let redemption = store.redeem_token(&[1; 32], &name, Timestamp(START)).await;
            (name, redemption.expect("an answer"))
        });
    }
    let mut winner = None;
    let mut seen = Vec::new();
    while let Some(done) = tries.join_next().await {
        match done.expect("no panic") {
            (name, Redemption::Redeemed(token)) => {
                assert_eq!(token.used, Some((Timestamp(START), name.clone())));
                assert!(winner.replace(name).is_none(), "redeemed twice");
            }
            (_, Redemption::Used(token)) => seen.push(token.used.expect("by somebody").1),
            (_, other) => panic!("{other:?}"),
        }
    }
    let winner = winner.expect("redeemed once");
    assert_eq!(seen, vec![winner; 19]);
}

pub(crate) async fn a_token_says_why_it_is_refused(place: &impl Place) {
    let store = place.open().await;
    let gw = agent("jenin-gw");
    store.create_token(&token(1)).await.expect("kept");
    assert!(store.create_token(&token(1)).await.is_err(), "a digest is unique");
    assert_eq!(store.token(&[1; 32]).await.expect("read"), Some(token(1)));
    let late = store.redeem_token(&[1; 32], &gw, Timestamp(START + HOUR)).await;
    assert_eq!(late.expect("an answer"), Redemption::Expired);
    let unknown = store.redeem_token(&[2; 32], &gw, Timestamp(START)).await;
    assert_eq!(unknown.expect("an answer"), Redemption::Unknown);
    assert_eq!(store.token(&[1; 32]).await.expect("read"), Some(token(1)), "not used up by that");
    store.redeem_token(&[1; 32], &gw, Timestamp(START)).await.expect("an answer");
    assert!(!store.delete_token(&[1; 32]).await.expect("an answer"), "a used one is evidence");
    store.create_token(&token(3)).await.expect("kept");
    assert!(store.delete_token(&[3; 32]).await.expect("an answer"));
    assert_eq!(store.tokens().await.expect("read").len(), 1);
}

fn record(name: &str, serial: &str) -> AgentRecord {
    AgentRecord {
        id: agent(name),
        site: "jenin".parse().expect("a name"),
        role: AgentRole::Server,
        serial: serial.into(),
        previous_serial: None,
        not_after: Timestamp(START + 30 * DAY),
        enrolled: Timestamp(START),
        last_seen: None,
        facts: AgentFacts::default(),
        revoked: None,
    }
}

pub(crate) async fn an_agent_whose_renewal_answer_was_lost_can_renew_again(place: &impl Place) {
    let store = place.open().await;
    let id = agent("s1");
    store.enrol_agent(&record("s1", "a")).await.expect("kept");
    let renew = async |using: &str, serial: &str| {
        let until = Timestamp(START + 60 * DAY);
        store.renew_agent(&id, using, serial, until).await.expect("an answer")
    };
    assert!(renew("a", "b").await);
    // The answer was lost: the agent still has "a".
    assert!(renew("a", "c").await);
    let kept = store.agent(&id).await.expect("read").expect("known");
    assert_eq!((kept.serial.as_str(), kept.previous_serial.as_deref()), ("c", Some("a")));
    assert!(kept.accepts("c") && kept.accepts("a") && !kept.accepts("b"));
    assert_eq!(kept.not_after, Timestamp(START + 60 * DAY));
    assert!(renew("c", "d").await);
    assert!(!renew("a", "e").await, "replaced by now");

    assert!(store.revoke_agent(&id, Timestamp(START + DAY), "stolen").await.expect("an answer"));
    assert!(!store.revoke_agent(&id, Timestamp(START + DAY), "again").await.expect("an answer"));
    assert!(!renew("d", "f").await, "revoked");
    let kept = store.agent(&id).await.expect("read").expect("known");
    assert_eq!(kept.revoked, Some((Timestamp(START + DAY), "stolen".into())));
    assert!(!kept.accepts("d"));
    let mut revoked: Vec<String> =
        store.revoked_serials().await.expect("read").into_iter().map(|r| r.serial).collect();
    revoked.sort();
    assert_eq!(revoked, ["c", "d"]);
    assert!(!store.revoke_agent(&agent("nobody"), Timestamp(0), "").await.expect("an answer"));
}

pub(crate) async fn an_agent_that_enrols_anew_loses_its_old_certificates(place: &impl Place) {
    let store = place.open().await;
    store.enrol_agent(&record("s1", "a")).await.expect("kept");
    store.enrol_agent(&record("s0", "z")).await.expect("kept");
    store.revoke_agent(&agent("s1"), Timestamp(START), "lost").await.expect("an answer");
    let anew = record("s1", "b");
    store.enrol_agent(&anew).await.expect("kept");
    let facts = AgentFacts {
        version: "1".into(),
        os: "Debian 12".into(),
        kernel: "6.1".into(),
        arch: "x86_64".into(),
    };
    assert!(store.agent_seen(&anew.id, Timestamp(START + 1), &facts).await.expect("an answer"));
    assert!(!store.agent_seen(&agent("no"), Timestamp(0), &facts).await.expect("an answer"));
    let seen = AgentRecord { last_seen: Some(Timestamp(START + 1)), facts, ..anew };
    assert_eq!(store.agents().await.expect("read"), [record("s0", "z"), seen.clone()]);
    store.agents_seen(&[], Timestamp(START + 2)).await.expect("nobody is here");
    store.agents_seen(&[agent("no"), seen.id.clone()], Timestamp(START + 3)).await.expect("kept");
    let later = AgentRecord { last_seen: Some(Timestamp(START + 3)), ..seen };
    assert_eq!(
        store.agents().await.expect("read"),
        [record("s0", "z"), later],
        "what it said of itself stays"
    );
    let revoked = store.revoked_serials().await.expect("read");
    assert_eq!(revoked.len(), 1);
    assert_eq!(
        (revoked[0].serial.as_str(), revoked[0].reason.as_str()),
        ("a", "lost"),
        "the first reason stays"
    );
}

pub(crate) async fn accounts_sessions_and_tokens_come_back_as_they_were_kept(place: &impl Place) {
    let store = place.open().await;
    let new = NewAccount {
        name: "muna".into(),
        password_hash: "$argon2id$".into(),
        role: UserRole::Engineer,
        sites: vec!["jenin".parse().expect("a name"), "nablus".parse().expect("a name")],
        created: Timestamp(START),
    };
    let id = store.create_account(&new).await.expect("made").expect("a free name");
    assert_eq!(store.create_account(&new).await.expect("an answer"), None, "the name is taken");
    let mut account = Account {
        id,
        name: new.name,
        password_hash: new.password_hash,
        role: new.role,
        sites: new.sites,
        created: new.created,
        disabled: None,
        failed_logins: 0,
        locked_until: None,
    };
    assert_eq!(store.account(id).await.expect("read").as_ref(), Some(&account));
    account.sites.clear();
    account.disabled = Some(Timestamp(5));
    assert!(store.update_account(&account).await.expect("an answer"));
    assert_eq!(store.login_failed(id).await.expect("counted"), 1);
    assert_eq!(store.login_failed(id).await.expect("counted"), 2);
    store.lock_account(id, Timestamp(9)).await.expect("locked");
    account.failed_logins = 2;
    account.locked_until = Some(Timestamp(9));
    assert_eq!(store.account_by_name("muna").await.expect("read").as_ref(), Some(&account));
    assert_eq!(store.account_by_name("Muna").await.expect("read"), None);
    store.login_succeeded(id).await.expect("noted");
    account.failed_logins = 0;
    account.locked_until = None;
    assert_eq!(store.accounts().await.expect("read"), [account]);

    let session = |n: u8, expires: i64| WebSession {
        token_hash: [n; 32],
        account: id,
        csrf: format!("c{n}"),
        created: Timestamp(1),
        seen: Timestamp(1),
        expires: Timestamp(expires),
    };
    for n in 1..=4 {
        store.create_session(&session(n, 10 * i64::from(n))).await.expect("kept");
    }
    store.touch_session(&[1; 32], Timestamp(7), Timestamp(70)).await.expect("noted");
    let touched = WebSession { seen: Timestamp(7), ..session(1, 70) };
    assert_eq!(store.session(&[1; 32]).await.expect("read"), Some(touched));
    assert_eq!(store.purge_sessions(Timestamp(21)).await.expect("purged"), 1);
    assert!(store.delete_session(&[3; 32]).await.expect("an answer"));
    assert_eq!(store.delete_sessions_of(id, Some(&[4; 32])).await.expect("ended"), 1);
    assert_eq!(store.session(&[4; 32]).await.expect("read"), Some(session(4, 40)));
    assert_eq!(store.delete_sessions_of(id, None).await.expect("ended"), 1);

    let mut token = ApiToken {
        hash: [9; 32],
        name: "grafana".into(),
        account: id,
        role: UserRole::Viewer,
        created: Timestamp(START),
        expires: None,
        last_used: None,
    };
    store.create_api_token(&token).await.expect("kept");
    store.touch_api_token(&[9; 32], Timestamp(3)).await.expect("noted");
    token.last_used = Some(Timestamp(3));
    assert_eq!(store.api_token(&[9; 32]).await.expect("read").as_ref(), Some(&token));
    assert_eq!(store.api_tokens(Some(id + 1)).await.expect("read"), []);
    assert_eq!(store.api_tokens(None).await.expect("read"), [token]);
    assert!(store.delete_api_token(&[9; 32]).await.expect("an answer"));
    assert!(!store.delete_api_token(&[9; 32]).await.expect("an answer"));
}

pub(crate) async fn the_audit_log_is_read_page_by_page(place: &impl Place) {
    let store = place.open().await;
    let event = |n: i64| AuditEvent {
        at: Timestamp(n),
        actor: "muna".into(),
        action: "agent.revoke".into(),
        object: "s1".into(),
        outcome: "ok".into(),
        detail: format!("{n}"),
    };
    for n in 0..5 {
        store.append_audit(&event(n)).await.expect("written");
    }
    let newest = store.audit_page(None, 2).await.expect("read");
    assert_eq!(newest.iter().map(|e| e.event.clone()).collect::<Vec<_>>(), [event(4), event(3)]);
    let rest = store.audit_page(Some(newest[1].id), 10).await.expect("read");
    assert_eq!(rest.iter().map(|e| e.event.at.0).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(store.audit_page(Some(rest[2].id), 10).await.expect("read"), []);
}
