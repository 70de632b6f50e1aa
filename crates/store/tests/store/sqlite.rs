//! The SQLite store: the common stories, and what concerns only a file.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use wasl_model::Timestamp;
use wasl_store::{AuditEvent, AuditLog, Error, ErrorKind, HistoryStore, Ingest, SqliteStore};

use crate::fixtures::*;

crate::conformance::stories!(SqlitePlace);

async fn shell(place: &SqlitePlace) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(place.file())
        .create_if_missing(true)
        .connect()
        .await
        .expect("a database shell")
}

async fn run(shell: &mut SqliteConnection, sql: &'static str) -> u64 {
    sqlx::raw_sql(sql).execute(shell).await.expect("runs").rows_affected()
}

async fn refused(place: &SqlitePlace) -> Error {
    match SqliteStore::open(&place.file(), decode, 7).await {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_damaged_block_costs_its_own_points_and_nothing_else() {
    let place = SqlitePlace::new();
    let store = place.store().await;
    let at = |hours: i64| START + hours * HOUR;
    let seen: Vec<(&str, i64, i64)> = (0..6).map(|n| ("a", at(n), n)).collect();
    store.ingest(vec![upload("gw", START, vec![item(1, &seen)])]).await.expect("ingest");
    compact_all(&store, START + DAY, &force()).await;
    let mut shell = shell(&place).await;
    let spoilt = sqlx::query(
        "UPDATE block SET body = CAST(X'5A5A5A5A' || SUBSTR(body, 5) AS BLOB) WHERE tier = 0 AND start_ms = $1",
    )
    .bind(at(2))
    .execute(&mut shell)
    .await
    .expect("spoilt");
    assert_eq!(spoilt.rows_affected(), 1);
    let history = all(&store, &key("a", "gw")).await;
    assert_eq!(history.skipped_blocks, 1);
    assert_eq!(filled(&history), [(at(0), 0), (at(1), 1), (at(4), 4), (at(5), 5)]);
    let beside = store.history(&key("a", "gw"), Timestamp(at(4)), Timestamp(at(9)), None).await;
    assert_eq!(beside.expect("a history").skipped_blocks, 0, "not in this range");

    // A late batch for the same two hours does not trip over it, and does not delete it.
    let late = vec![item(2, &[("a", at(2) + MINUTE, 9)])];
    store.ingest(vec![upload("gw", START, late)]).await.expect("ingest");
    let done = store.compact(Timestamp(START + DAY), &force(), None).await.expect("compaction");
    assert_eq!((done.skipped_blocks, done.more), (1, false));
    let history = all(&store, &key("a", "gw")).await;
    assert_eq!((history.skipped_blocks, filled(&history).len()), (1, 5));
    assert!(filled(&history).contains(&(at(2) + MINUTE, 9)));
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_untouched() {
    let place = SqlitePlace::new();
    place.store().await.close().await.expect("closed");
    let mut other = shell(&place).await;
    run(&mut other, "PRAGMA user_version = 99").await;
    other.close().await.expect("closed");
    let before = std::fs::read(place.file()).expect("read");
    let error = refused(&place).await;
    assert!(std::fs::read(place.file()).expect("read") == before, "not a byte changed");
    assert_eq!(error.kind(), &ErrorKind::Newer { found: 99, known: 5 });
    let text = error.to_string();
    assert!(text.contains("wasl.db") && text.contains("schema 99") && text.contains("install"), "{text}");
}

#[tokio::test]
async fn what_is_no_store_is_refused_untouched() {
    let place = SqlitePlace::new();
    let mut other = shell(&place).await;
    run(&mut other, "CREATE TABLE recipes (name TEXT)").await;
    drop(other);
    let before = std::fs::read(place.file()).expect("read");
    assert_eq!(refused(&place).await.kind(), &ErrorKind::Foreign);
    assert!(std::fs::read(place.file()).expect("read") == before, "not a byte changed");

    let place = SqlitePlace::new();
    std::fs::write(place.file(), "not a database at all, but long enough to look at").expect("written");
    assert_eq!(refused(&place).await.kind(), &ErrorKind::Foreign);

    let missing = place.file().with_file_name("no-such-directory").join("wasl.db");
    let error = SqliteStore::open(&missing, decode, 7).await.err().expect("refused");
    assert_eq!(error.kind(), &ErrorKind::Permission);
}

#[tokio::test]
async fn two_controllers_do_not_share_a_store() {
    let place = SqlitePlace::new();
    let store = place.store().await;
    let error = refused(&place).await;
    assert_eq!(error.kind(), &ErrorKind::InUse);
    // A tool may look beside it.
    let tool = SqliteStore::open_beside(&place.file(), decode).await.expect("opens");
    assert_eq!(tool.incarnation(), store.incarnation());
    drop((store, tool));
    place.store().await;
    assert!(SqliteStore::open_beside(&SqlitePlace::new().file(), decode).await.is_err());
}

#[tokio::test]
async fn the_audit_log_cannot_be_rewritten_in_the_database() {
    let place = SqlitePlace::new();
    let store = place.store().await;
    let event = AuditEvent {
        at: Timestamp(1),
        actor: "muna".into(),
        action: "login".into(),
        object: "muna".into(),
        outcome: "ok".into(),
        detail: String::new(),
    };
    store.append_audit(&event).await.expect("written");
    let mut shell = shell(&place).await;
    for sql in ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"] {
        let error = sqlx::raw_sql(sql).execute(&mut shell).await.expect_err("refused");
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn others_on_the_machine_cannot_read_the_store() {
    use std::os::unix::fs::PermissionsExt;
    let place = SqlitePlace::new();
    let store = place.store().await;
    store.ingest(vec![upload("gw", START, empty([1]))]).await.expect("ingest");
    for name in ["wasl.db", "wasl.db-wal", "wasl.db-shm", "wasl.db.lock"] {
        let mode = std::fs::metadata(place.file().with_file_name(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
}

#[tokio::test]
async fn a_file_that_became_empty_gives_its_room_back() {
    let place = SqlitePlace::new();
    let store = place.store().await;
    let mut dice = Dice(1);
    let mut items = Vec::new();
    for day in 0..40u64 {
        let seen: Vec<(&str, i64, i64)> = (0..1500)
            .map(|n| ("a", START + day as i64 * DAY + n * 50 * SECOND, dice.roll(1 << 31) as i64))
            .collect();
        items.push(item(day + 1, &seen));
    }
    store.ingest(vec![upload("gw", START, items)]).await.expect("ingest");
    compact_all(&store, START + 50 * DAY, &force()).await;
    let none = wasl_store::Retention {
        raw: std::time::Duration::ZERO,
        five_minutes: std::time::Duration::ZERO,
        one_hour: std::time::Duration::ZERO,
    };
    let gone = store.retain(Timestamp(START + 60 * DAY), &none).await.expect("retention");
    assert!(gone.raw > 400 && gone.five_minutes == 40 && gone.one_hour > 5, "{gone:?}");
    assert!(gone.freed_bytes > 500_000, "{gone:?}");
    store.close().await.expect("closed");
    let size = std::fs::metadata(place.file()).expect("there").len();
    assert!(size < 500_000, "{size} bytes are left");
}
