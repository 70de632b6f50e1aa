mod upgrade;

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use wasl_model::Timestamp;

use super::*;
use crate::{CompactOptions, HistoryStore, Ingest, Item, Upload};

async fn store(dir: &Path) -> SqliteStore {
    let file = dir.join("wasl.db");
    SqliteStore::open(&file, |_| Vec::new(), 7).await.expect("opens")
}

fn uploads(seq: u64, bytes: usize) -> Vec<Upload> {
    vec![Upload {
        agent: "gw".parse().expect("a name"),
        epoch: 1,
        received_ms: 0,
        items: vec![Item { seq, first_ms: 0, last_ms: 0, body: vec![7; bytes] }],
        gaps: Vec::new(),
    }]
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store(dir.path()).await;
    store.ingest(uploads(1, 10)).await.expect("ingest");
    let limit = async |sql: &'static str| {
        let mut writer = store.inner.writer.lock().await;
        sqlx::raw_sql(sql).execute(&mut **writer).await.expect("a limit");
    };
    limit("PRAGMA max_page_count = 1").await; // SQLite takes the present size as the least
    let error = store.ingest(uploads(2, 1 << 20)).await.expect_err("no room");
    assert!(error.is_disk_full(), "{error:?}");
    assert!(error.to_string().contains("free some space"), "{error}");
    limit("PRAGMA max_page_count = 1073741823").await;
    let after = store.ingest(uploads(2, 1 << 20)).await.expect("room again");
    assert_eq!((after[0].stored, after[0].contiguous), (1, 2));
    let options = CompactOptions { force: true, ..CompactOptions::default() };
    let done = store.compact(Timestamp(0), &options, None).await.expect("compaction");
    assert_eq!(done.batches, 2);
}

#[tokio::test]
async fn each_migration_applies_to_an_empty_file_and_again_does_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("wasl.db");
    let mut connection =
        SqliteConnectOptions::new().filename(&file).create_if_missing(true).connect().await.expect("opens");
    for (version, sql) in (1..).zip(migrate::MIGRATIONS) {
        sqlx::raw_sql(*sql).execute(&mut connection).await.expect("applies");
        assert!(version <= migrate::MIGRATIONS.len());
    }
    drop(connection);
    std::fs::remove_file(&file).expect("removed");

    let schema = async |store: &SqliteStore| -> Vec<(String, Option<String>)> {
        sqlx::query_as("SELECT name, sql FROM sqlite_master ORDER BY name")
            .fetch_all(&store.inner.readers)
            .await
            .expect("a schema")
    };
    let first = store(dir.path()).await;
    let made = schema(&first).await;
    first.close().await.expect("closed");
    drop(first);
    let before = std::fs::read(&file).expect("read");
    let second = store(dir.path()).await;
    assert_eq!(schema(&second).await, made);
    second.close().await.expect("closed");
    drop(second);
    let after = std::fs::read(&file).expect("read");
    let changed: Vec<usize> =
        (0..after.len().max(before.len())).filter(|i| after.get(*i) != before.get(*i)).collect();
    assert_eq!(changed, Vec::<usize>::new(), "reopening changed the file");
}

#[tokio::test]
async fn the_file_is_set_up_for_durability() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store(dir.path()).await;
    let mut writer = store.inner.writer.lock().await;
    for (pragma, expected) in [
        ("PRAGMA synchronous", "2"),
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA auto_vacuum", "2"),
    ] {
        let row: sqlx::sqlite::SqliteRow =
            sqlx::query(pragma).fetch_one(&mut **writer).await.expect("a pragma");
        let value = sqlx::Row::try_get::<String, _>(&row, 0)
            .or_else(|_| sqlx::Row::try_get::<i64, _>(&row, 0).map(|n| n.to_string()))
            .expect("a value");
        assert_eq!(value, expected, "{pragma}");
    }
}

/// A scan instead of an index is right at first and slow in a year; so the plan itself is looked at.
#[tokio::test]
async fn frequent_queries_use_their_index() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store(dir.path()).await;
    for (query, expected) in [
        (
            "EXPLAIN QUERY PLAN SELECT b.series, b.start_ms, s.kind FROM block b CROSS JOIN series s \
             WHERE s.id = b.series AND NOT b.sealed AND b.start_ms < 5 ORDER BY b.start_ms, b.series LIMIT 5",
            "block_unsealed",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT body FROM block WHERE series = 1 AND tier = 1 \
             AND start_ms >= 1 AND start_ms < 5 AND (NOT sealed OR TRUE) ORDER BY id",
            "block_by_series",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT b.id, b.start_ms FROM block b CROSS JOIN series s \
             WHERE s.id = b.series AND b.sealed AND b.tier = 1 AND b.start_ms >= 1 AND b.start_ms < 5 \
             AND s.kind IN (1, 2) ORDER BY b.start_ms LIMIT 5",
            "block_by_time (tier=? AND start_ms>? AND start_ms<?)",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT b.id, s.agent FROM batch b JOIN stream s ON s.id = b.stream \
             WHERE b.id > 5 ORDER BY b.id LIMIT 5",
            "SEARCH b USING INTEGER PRIMARY KEY (rowid>?)",
        ),
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(query).fetch_all(&store.inner.readers).await.expect("a plan");
        let plan = plan.into_iter().map(|row| row.3).collect::<Vec<_>>().join("; ");
        assert!(plan.contains(expected), "{plan}");
    }
}

/// Both would be found by chance only, as a batch that is hot and compacted at once, or neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_commits_and_charts_begin_one_after_the_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store(dir.path()).await;
    store.ingest(uploads(1, 10)).await.expect("ingest");
    let never = Duration::from_millis(200);

    let chart = store.inner.layout.read().await;
    let mut compaction = tokio::spawn({
        let store = store.clone();
        async move {
            let options = CompactOptions { force: true, ..CompactOptions::default() };
            store.compact(Timestamp(0), &options, None).await
        }
    });
    assert!(tokio::time::timeout(never, &mut compaction).await.is_err(), "committed under a chart");
    assert_eq!(store.hot_batches(0, 1).await.expect("hot").len(), 1);
    drop(chart);
    compaction.await.expect("no panic").expect("compaction");
    assert_eq!(store.hot_batches(0, 1).await.expect("hot").len(), 0);

    let compaction = store.inner.layout.write().await;
    let key = "target/a#sent@gw".parse().expect("a series");
    let chart = store.history(&key, Timestamp(0), Timestamp(1), None);
    assert!(tokio::time::timeout(never, chart).await.is_err(), "drawn under a compaction");
    drop(compaction);
}
