//! Upgrades of the schema: with data, and interrupted at any moment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use wasl_model::{Observation, Timestamp};

use super::super::*;
use crate::block::{encode_cells, encode_points};
use crate::rollup::Cell;
use crate::{AuditLog, HealthStore, HistoryStore, Ingest, People, Retention};

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000;
const HOUR: i64 = 3_600_000;

fn nothing(_: &[u8]) -> Vec<Observation> {
    Vec::new()
}

async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .pragma("auto_vacuum", "INCREMENTAL")
        .pragma("journal_mode", "WAL")
        .connect()
        .await
        .expect("opens")
}

/// A store as an earlier version left it, by that version's own migrations.
async fn made_by_schema(file: &Path, version: usize) -> SqliteConnection {
    let mut connection = connect(file).await;
    for (number, sql) in (1..).zip(&migrate::MIGRATIONS[..version]) {
        migrate::step(&mut connection, number, sql).await.expect("applies");
    }
    connection
}

/// What a controller of schema 2 had written.
async fn fill(connection: &mut SqliteConnection) {
    sqlx::raw_sql(
        "INSERT INTO meta VALUES ('incarnation', 41);
         INSERT INTO stream VALUES (1, 'gw', 5, X'0102', 2, 1);
         INSERT INTO stream_dropped VALUES (1, 'quota', 1);
         INSERT INTO batch VALUES (9, 1, 3, 1767225600000, 1767225600000, 1767225600000, X'07');
         INSERT INTO series VALUES (1, 'gw', 5, 'a', 'sent'), (2, 'gw', 4, 'sw/1', 'up');
         INSERT INTO floor VALUES (0, 1767225600000), (1, 1767225600000), (2, 1700000000000);
         INSERT INTO snapshot VALUES ('live', 1767225600000, X'0102');
         INSERT INTO account VALUES (3, 'muna', 'hash', 'engineer', 'jenin', 1, NULL, 0, NULL);
         INSERT INTO audit VALUES (12, 1, 'muna', 'login', 'muna', 'ok', '');",
    )
    .execute(&mut *connection)
    .await
    .expect("filled");
    let cells: Vec<Cell> = (0..24).map(|n| Cell::of((START - 24 * HOUR + n * HOUR, n as f64))).collect();
    let points: Vec<(i64, f64)> = (0..60).map(|n| (START + n * 60_000, n as f64)).collect();
    let mut blocks = Vec::new();
    for series in [1, 2] {
        let block = encode_points(&points);
        blocks.push(blocks::NewBlock { series, tier: Tier::Raw, sealed: true, block });
        let block = encode_cells(&cells);
        blocks.push(blocks::NewBlock { series, tier: Tier::OneHour, sealed: true, block });
    }
    blocks::insert(connection, blocks).await.expect("blocks");
}

async fn has_everything(store: &SqliteStore) {
    assert_eq!(store.incarnation(), 41);
    let account = &store.streams(None).await.expect("accounts")[0];
    assert_eq!((account.first_seq, account.last_seq, account.stored), (1, 3, 2));
    assert_eq!((account.duplicates_dropped, account.dropped["quota"]), (1, 1));
    let hot = store.hot_batches(0, 9).await.expect("hot");
    assert_eq!((hot.len(), hot[0].id, hot[0].body.as_slice()), (1, 9, &[7][..]));
    for name in ["target/a#sent@gw", "interface/sw/1#up@gw"] {
        let key = name.parse().expect("a series");
        let history = |from, to| store.history(&key, Timestamp(from), Timestamp(to), None);
        let raw = history(START, START + HOUR).await.expect("a history");
        assert_eq!((raw.resolution_ms, raw.points.len(), raw.skipped_blocks), (60_000, 60, 0));
        let cells = history(START - 24 * HOUR, START - 1).await.expect("a history");
        assert_eq!((cells.resolution_ms, cells.points.len()), (HOUR, 24), "below the floor of raw points");
    }
    assert_eq!(store.snapshot("live").await.expect("read").as_deref(), Some(&[1, 2][..]));
    assert_eq!(store.account(3).await.expect("read").expect("there").name, "muna");
    assert_eq!(store.audit_page(None, 9).await.expect("read")[0].id, 12);
    // The floors of the earlier schema hold for every kind: a longer retention brings nothing back.
    let long = Retention { raw: Duration::from_hours(24 * 365), ..Retention::default() };
    store.retain(Timestamp(START + HOUR), &long).await.expect("retention");
    let floors = blocks::floors(&mut store.inner.readers.acquire().await.expect("a reader")).await;
    let floors = floors.expect("floors");
    for kind in [1, 4, 5, 8] {
        assert_eq!(floors.of(kind).of(Tier::Raw), START, "kind {kind}");
    }
}

#[tokio::test]
async fn a_store_of_schema_2_is_upgraded_with_all_that_it_holds() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("wasl.db");
    let mut connection = made_by_schema(&file, 2).await;
    fill(&mut connection).await;
    connection.close().await.expect("closed");
    let before = SqliteStore::inspect(&file, Timestamp(START + HOUR), crate::Depth::Full).await;
    let codes: Vec<&str> = before.expect("looked at").iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["schema_older"]);
    for _ in 0..2 {
        let store = SqliteStore::open(&file, nothing, 7).await.expect("opens");
        has_everything(&store).await;
    }
    let after = SqliteStore::inspect(&file, Timestamp(START + HOUR), crate::Depth::Full).await;
    assert_eq!(after.expect("looked at"), []);
}

#[tokio::test]
async fn a_store_of_schema_3_keeps_its_events_and_takes_new_ones_after_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("wasl.db");
    let mut connection = made_by_schema(&file, 3).await;
    sqlx::raw_sql(
        "INSERT INTO health_event (id, at_ms, kind, subject, was, health, reason) VALUES \
         (6, 5, 5, 'a', 'ok', 'down', '{\"code\":\"target_silent\",\"args\":{}}'), \
         (7, 5, 5, 'a', 'ok', 'down', NULL), (5, 5, 5, 'a', 'ok', 'down', '{torn')",
    )
    .execute(&mut connection)
    .await
    .expect("filled");
    connection.close().await.expect("closed");
    let store = SqliteStore::open(&file, nothing, 7).await.expect("opens");
    let kept = store.events(5, 9).await.expect("read");
    assert_eq!((kept.len(), kept[1].id, &kept[1].event.occurrence), (2, 7, &None));
    let by_code = crate::EventFilter { code: Some("target_silent".into()), ..Default::default() };
    let found = store.find_events(&by_code).await.expect("found");
    assert_eq!(
        found.iter().map(|event| event.id).collect::<Vec<_>>(),
        [6],
        "old ones are found by their code too"
    );
    let by_subject =
        crate::EventFilter { subjects: vec![found[0].event.subject.clone()], ..Default::default() };
    let found = store.find_events(&by_subject).await.expect("found");
    assert_eq!(found.iter().map(|event| event.id).collect::<Vec<_>>(), [7, 6], "without the damaged one");
    let event = crate::HealthEvent { at: Timestamp(6), ..kept[1].event.clone() };
    let change = crate::HealthChange { events: vec![event], ..Default::default() };
    assert_eq!(store.save_health(&change).await.expect("kept"), [8]);
}

/// Copies the database and its log every some steps of SQLite's engine: each copy is what `kill -9` at
/// that moment would leave.
async fn moments_of(from: usize, every: i32) -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("wasl.db");
    let mut connection = made_by_schema(&file, from).await;
    if from == 2 {
        fill(&mut connection).await;
    }
    let copies = Arc::new(Mutex::new(Vec::new()));
    let (folder, taken) = (dir.path().to_owned(), copies.clone());
    connection.lock_handle().await.expect("a handle").set_progress_handler(every, move || {
        let mut taken = taken.lock().expect("not poisoned");
        let to = folder.join(format!("moment-{}.db", taken.len()));
        for suffix in ["", "-wal"] {
            let from = folder.join(format!("wasl.db{suffix}"));
            if from.exists() {
                fs::copy(from, folder.join(format!("moment-{}.db{suffix}", taken.len()))).expect("a copy");
            }
        }
        taken.push(to);
        true
    });
    migrate::migrate(&mut connection, &file).await.expect("upgraded");
    connection.lock_handle().await.expect("a handle").remove_progress_handler();
    let copies = std::mem::take(&mut *copies.lock().expect("not poisoned"));
    (dir, copies)
}

#[tokio::test]
async fn an_upgrade_that_is_killed_at_any_moment_is_done_anew() {
    let known = migrate::MIGRATIONS.len() as i64;
    for (from, every) in [(2, 20), (0, 20)] {
        let (_dir, moments) = moments_of(from, every).await;
        assert!(moments.len() > 20, "only {} moments from schema {from}", moments.len());
        let mut seen = std::collections::BTreeSet::new();
        for moment in moments {
            let mut left = connect(&moment).await;
            let version = migrate::version(&mut left).await.expect("a version");
            let tables: i64 =
                sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE name = 'incident'")
                    .fetch_one(&mut left)
                    .await
                    .expect("a count");
            assert_eq!(tables == 1, version >= 3, "half of a schema at {}", moment.display());
            seen.insert(version);
            left.close().await.expect("closed");
            let store = SqliteStore::open(&moment, nothing, 41).await.expect("upgraded");
            let mut writer = store.inner.writer.lock().await;
            assert_eq!(migrate::version(&mut writer).await.expect("a version"), known);
            drop(writer);
            if from == 2 {
                has_everything(&store).await;
            }
        }
        assert!(seen.contains(&(from as i64)), "never before the commit: {seen:?}");
    }
}

/// An upgrade that fails, for want of room say, leaves the store as it was, or at one of the versions between.
#[tokio::test]
async fn an_upgrade_that_fails_at_any_step_leaves_no_half_of_a_schema() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("wasl.db");
    let mut connection = made_by_schema(&file, 2).await;
    fill(&mut connection).await;
    connection.close().await.expect("closed");
    let schema = async |connection: &mut SqliteConnection| -> Vec<(String, Option<String>)> {
        sqlx::query_as("SELECT name, sql FROM sqlite_master ORDER BY name")
            .fetch_all(connection)
            .await
            .expect("a schema")
    };
    let mut whole = Vec::new();
    for version in 0..migrate::MIGRATIONS.len() {
        let other = dir.path().join(format!("whole-{version}.db"));
        let mut connection = made_by_schema(&other, version).await;
        whole.push(schema(&mut connection).await);
        connection.close().await.expect("closed");
    }
    let mut connection = connect(&file).await;
    let mut failures = 0;
    for steps in (1..).map(|n| n * 25) {
        let mut left = steps;
        connection.lock_handle().await.expect("a handle").set_progress_handler(1, move || {
            left -= 1;
            left > 0
        });
        let done = migrate::migrate(&mut connection, &file).await;
        connection.lock_handle().await.expect("a handle").remove_progress_handler();
        if done.is_ok() {
            break;
        }
        failures += 1;
        connection.close().await.expect("closed");
        connection = connect(&file).await;
        let version = migrate::version(&mut connection).await.expect("a version");
        assert_eq!(schema(&mut connection).await, whole[version as usize], "after {steps} steps");
    }
    assert!(failures > 20, "only {failures}");
    connection.close().await.expect("closed");
    has_everything(&SqliteStore::open(&file, nothing, 7).await.expect("opens")).await;
}
