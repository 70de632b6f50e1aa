//! Copies of the store, and what a look at it finds.

use std::fs;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use wasl_model::Timestamp;
use wasl_store::{
    AgentRegistry, Depth, ErrorKind, Finding, Gravity, HealthStore, HistoryStore, Ingest, SqliteStore, Upkeep,
};

use crate::fixtures::*;

async fn shell(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).connect().await.expect("a database shell")
}

async fn run(file: &Path, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&mut shell(file).await).await.expect("runs");
}

const NOW: Timestamp = Timestamp(START + DAY);

async fn codes(file: &Path, depth: Depth) -> Vec<&'static str> {
    let found = SqliteStore::inspect(file, NOW, depth).await.expect("looked at");
    found.iter().map(|finding| finding.code).collect()
}

/// Six hours of one target: three raw blocks and two of cells.
async fn filled_store(place: &SqlitePlace) -> SqliteStore {
    let store = place.store().await;
    let seen: Vec<(&str, i64, i64)> = (0..36).map(|n| ("a", START + n * 10 * MINUTE, n)).collect();
    store.ingest(vec![upload("gw", START, vec![item(1, &seen)])]).await.expect("ingest");
    compact_all(&store, NOW.0, &force()).await;
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_moment_of_a_store_that_goes_on() {
    let place = SqlitePlace::new();
    let store = place.store().await;
    let (enough, mut told) = tokio::sync::watch::channel(0);
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for seq in 1.. {
                let items = vec![item(seq, &[("a", START + seq as i64 * MINUTE, seq as i64)])];
                store.ingest(vec![upload("gw", START, items)]).await.expect("ingest");
                if seq % 50 == 0 {
                    let now = Timestamp(START + seq as i64 * MINUTE);
                    store.compact(now, &force(), None).await.expect("compaction");
                }
                if enough.send(seq).is_err() {
                    break;
                }
            }
        }
    });
    let copies = tempfile::tempdir().expect("a directory");
    for round in 1..=3 {
        told.wait_for(|seq| *seq >= round * 120).await.expect("it writes");
        let before = *told.borrow();
        let to = copies.path().join(format!("copy-{round}"));
        let report = store.backup(NOW, &to).await.expect("a backup");
        assert_eq!((report.findings.as_slice(), &report.file), (&[][..], &to));
        assert_eq!(report.bytes, fs::metadata(&to).expect("there").len());
        let refused = store.backup(NOW, &to).await.expect_err("the name is taken");
        assert_eq!(refused.kind(), &ErrorKind::Exists);

        let copy = open(&to).await;
        assert_eq!(copy.incarnation(), store.incarnation());
        let account = &copy.streams(None).await.expect("accounts")[0];
        assert!(account.contiguous >= before, "{} of {before} that were acknowledged", account.contiguous);
        let expected: Vec<(i64, i64)> =
            (1..=account.stored as i64).map(|n| (START + n * MINUTE, n)).collect();
        assert_eq!(filled(&all(&copy, &key("a", "gw")).await), expected, "neither more nor less");
        assert_eq!(copy.hot_batches(0, 1000).await.expect("hot").len() as u64, report.hot_batches);
    }
    drop(told);
    writing.await.expect("the writer");
    let names: Vec<String> = fs::read_dir(copies.path())
        .expect("read")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .filter(|name| name.contains("partial"))
        .collect();
    assert_eq!(names, Vec::<String>::new());
}

/// The agent's side of it is in `wasl-spool`: it rewinds to what the session says is contiguous.
#[tokio::test]
async fn after_a_restore_agents_deliver_again_and_every_batch_counts_once() {
    let place = SqlitePlace::new();
    let store = place.store().await;
    let batches = |from: u64, to: u64| {
        (from..=to).map(|n| item(n, &[("a", START + n as i64 * MINUTE, n as i64)])).collect::<Vec<_>>()
    };
    store.ingest(vec![upload("gw", START, batches(1, 10))]).await.expect("ingest");
    let copy = place.file().with_file_name("copy");
    store.backup(NOW, &copy).await.expect("a backup");
    store.ingest(vec![upload("gw", START, batches(11, 20))]).await.expect("ingest");
    let incarnation = store.incarnation();

    let in_use = SqliteStore::restore(&copy, &place.file(), NOW).await.expect_err("it is in use");
    assert_eq!(in_use.kind(), &ErrorKind::InUse);
    drop(store);
    let aside =
        SqliteStore::restore(&copy, &place.file(), NOW).await.expect("restored").expect("one was there");
    // What was replaced is whole, its log included.
    assert_eq!(open(&aside).await.streams(None).await.expect("accounts")[0].contiguous, 20);

    let store = place.store().await;
    assert_eq!(store.incarnation(), incarnation);
    assert_eq!(store.streams(None).await.expect("accounts")[0].contiguous, 10, "the agent rewinds to this");
    let again = store.ingest(vec![upload("gw", START, batches(11, 22))]).await.expect("ingest");
    assert_eq!((again[0].stored, again[0].contiguous), (12, 22));
    compact_all(&store, NOW.0, &force()).await;
    let expected: Vec<(i64, i64)> = (1..=22).map(|n| (START + n * MINUTE, n)).collect();
    assert_eq!(filled(&all(&store, &key("a", "gw")).await), expected);
}

#[tokio::test]
async fn a_copy_that_is_damaged_is_never_put_in_place() {
    let place = SqlitePlace::new();
    let store = filled_store(&place).await;
    let copy = place.file().with_file_name("copy");
    store.backup(NOW, &copy).await.expect("a backup");
    store.close().await.expect("closed");
    drop(store);
    let mut bytes = fs::read(&copy).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    fs::write(&copy, bytes).expect("spoilt");
    let before = fs::read(place.file()).expect("read");
    let refused = SqliteStore::restore(&copy, &place.file(), NOW).await.expect_err("refused");
    assert!(matches!(refused.kind(), ErrorKind::BadCopy(_)), "{refused:?}");
    assert!(fs::read(place.file()).expect("read") == before, "the store that is there stays");
    // A store with a log beside it is no backup.
    let other = SqlitePlace::new();
    let live = filled_store(&other).await;
    let refused = SqliteStore::restore(&other.file(), &place.file(), NOW).await.expect_err("refused");
    assert!(format!("{:?}", std::error::Error::source(&refused)).contains("write-ahead log"), "{refused:?}");
    drop(live);
    assert_eq!(codes(&place.file(), Depth::Full).await, Vec::<&str>::new());
}

#[tokio::test]
async fn a_sound_store_has_no_findings_and_looking_changes_nothing() {
    let place = SqlitePlace::new();
    let store = filled_store(&place).await;
    let none: Vec<Finding> = Vec::new();
    for depth in [Depth::Quick, Depth::Full] {
        assert_eq!(store.check(NOW, depth).await.expect("looked at"), none);
    }
    store.close().await.expect("closed");
    drop(store);
    let before = fs::read(place.file()).expect("read");
    for depth in [Depth::Quick, Depth::Full] {
        assert_eq!(SqliteStore::inspect(&place.file(), NOW, depth).await.expect("looked at"), none);
    }
    assert!(fs::read(place.file()).expect("read") == before, "not a byte changed");
    let missing = place.file().with_file_name("missing");
    assert!(SqliteStore::inspect(&missing, NOW, Depth::Quick).await.is_err());
}

#[tokio::test]
async fn each_damaged_block_is_named_and_copied_as_it_is() {
    let place = SqlitePlace::new();
    let store = filled_store(&place).await;
    run(&place.file(), "UPDATE block SET body = CAST(X'5A5A5A5A' || SUBSTR(body, 5) AS BLOB) WHERE tier = 1")
        .await;
    run(&place.file(), "UPDATE block SET codec = 77 WHERE tier = 0 AND start_ms = 1767232800000").await;
    run(&place.file(), "UPDATE block SET end_ms = end_ms + 1 WHERE tier = 2").await;
    for depth in [Depth::Quick, Depth::Full] {
        let mut found: Vec<String> = SqliteStore::inspect(&place.file(), NOW, depth)
            .await
            .expect("looked at")
            .into_iter()
            .filter(|finding| (finding.code, finding.gravity) == ("block_damaged", Gravity::Fault))
            .map(|finding| finding.message)
            .collect();
        found.retain(|message| message.contains("target/a#sent@gw") || message.contains("target/a#loss@gw"));
        let with = |what: &str| found.iter().filter(|message| message.contains(what)).count();
        assert_eq!(with("5 minutes, from 1767225600000"), with("checksum"), "{found:?}");
        assert!(with("checksum") >= 1, "{found:?}");
        assert!(
            with("raw, from 1767232800000 to 1767239400000 ms since 1970: it is in codec 77") >= 1,
            "{found:?}"
        );
        assert!(with("1 hour") >= 1 && with("where its row says") >= 1, "{found:?}");
    }
    let copy = place.file().with_file_name("copy");
    let report = store.backup(NOW, &copy).await.expect("what can be copied is");
    assert!(report.findings.iter().all(|finding| finding.code == "block_damaged"), "{report:?}");
    assert!(report.findings.len() >= 3 && report.blocks >= 5, "{report:?}");
}

#[tokio::test]
async fn a_damaged_file_is_found_whatever_was_hit() {
    let place = SqlitePlace::new();
    filled_store(&place).await.close().await.expect("closed");
    let sound = fs::read(place.file()).expect("read");
    assert_eq!(codes(&place.file(), Depth::Full).await, Vec::<&str>::new());
    let mut found = 0;
    for page in 1..sound.len() / 4096 {
        let mut bytes = sound.clone();
        // The header of the page and its first pointers.
        bytes[page * 4096..page * 4096 + 40].fill(0xa5);
        fs::write(place.file(), bytes).expect("spoilt");
        let codes = codes(&place.file(), Depth::Full).await;
        // A page that is free holds nothing that could be damaged.
        found += usize::from(!codes.is_empty());
        assert!(codes.iter().all(|code| *code != "not_a_store"), "{codes:?}");
    }
    let pages = sound.len() / 4096 - 1;
    assert!(found * 10 >= pages * 9, "{found} of {pages}");
    fs::write(place.file(), b"not a database at all, but long enough to look at").expect("written");
    assert_eq!(codes(&place.file(), Depth::Quick).await, ["not_a_store"]);
}

#[tokio::test]
async fn what_does_not_add_up_is_found() {
    let cases: [(&str, &str); 9] = [
        ("UPDATE stream SET stored = stored + 1", "account_wrong"),
        ("UPDATE stream SET received = X'8080'", "account_wrong"),
        ("INSERT INTO kind_floor VALUES (0, 5, 1867225600000)", "floor_ahead"),
        ("INSERT INTO entity_state VALUES (5, 'a', NULL, 'ok', 0, '{}')", "judgement_unreadable"),
        ("INSERT INTO incident VALUES (1, 'critical', 0, NULL, '{')", "incident_unreadable"),
        ("UPDATE block SET sealed = FALSE WHERE tier = 0", "sealing_behind"),
        ("INSERT INTO batch VALUES (99, 1, 1, 1767225600000, 0, 0, X'')", "compaction_behind"),
        ("PRAGMA user_version = 99", "schema_newer"),
        ("PRAGMA application_id = 5", "not_a_store"),
    ];
    for (sql, code) in cases {
        let place = SqlitePlace::new();
        let store = filled_store(&place).await;
        run(&place.file(), sql).await;
        for depth in [Depth::Quick, Depth::Full] {
            let found = store.check(NOW, depth).await.expect("looked at");
            let found: Vec<&str> = found.iter().map(|finding| finding.code).collect();
            assert_eq!(found, [code], "{sql}");
        }
    }
    let place = SqlitePlace::new();
    let store = filled_store(&place).await;
    run(&place.file(), "PRAGMA foreign_keys = OFF; DELETE FROM series WHERE field = 'sent'").await;
    let found = store.check(NOW, Depth::Full).await.expect("looked at");
    assert!(found.iter().all(|finding| finding.code == "row_orphaned") && !found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn an_unreadable_judgement_or_incident_costs_only_itself() {
    let place = SqlitePlace::new();
    let store = place.store().await;
    run(&place.file(), "INSERT INTO entity_state VALUES (5, 'a', NULL, 'ok', 0, '{}')").await;
    run(&place.file(), "INSERT INTO incident VALUES (1, 'critical', 0, NULL, '{')").await;
    assert_eq!(store.health().await.expect("read"), []);
    assert_eq!(store.incidents(&wasl_store::IncidentFilter::default()).await.expect("read"), []);
    assert_eq!(store.incident(1).await.expect_err("unreadable").kind(), &ErrorKind::Corrupt);
    assert_eq!(store.agents().await.expect("read"), []);
}
