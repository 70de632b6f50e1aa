//! `kill -9` at moments that nobody chose: whatever was acknowledged is there, once.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use wasl_model::Timestamp;
use wasl_store::{HistoryStore, Ingest};

use crate::fixtures::*;

const CHILD: &str = "WASL_STORE_CRASH_CHILD";

/// As the child, ingests and compacts until it is killed, and says which batches were acknowledged.
async fn ingest_for_ever(file: &Path) {
    let store = open(file).await;
    let account = store.streams(None).await.expect("accounts");
    let first = account.first().map_or(0, |a| a.last_seq) + 1;
    for seq in first.. {
        let items = vec![item(seq, &[("a", START + seq as i64 * MINUTE, seq as i64)])];
        store.ingest(vec![upload("gw", START, items)]).await.expect("ingest");
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nack {seq}").and_then(|()| out.flush()).expect("the parent listens");
        drop(out);
        if seq % 3 == 0 {
            let now = Timestamp(START + seq as i64 * MINUTE);
            let snapshot = Some(seq.to_string().into_bytes());
            store.compact(now, &force(), snapshot).await.expect("compaction");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_nine_exactly_once() {
    if let Some(file) = std::env::var_os(CHILD) {
        ingest_for_ever(Path::new(&file)).await;
    }
    let place = SqlitePlace::new();
    let mut dice = Dice(5);
    let mut acknowledged = 0u64;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["what_was_acknowledged_survives_kill_nine_exactly_once", "--nocapture"])
            .env(CHILD, place.file())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut wanted = 5 + dice.roll(60);
        while wanted > 0 {
            let line = lines.next().expect("the child goes on").expect("text");
            if let Some(seq) = line.strip_prefix("ack ") {
                acknowledged = seq.parse().expect("a number");
                wanted -= 1;
            }
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        // What was written between the last line that was read and the end.
        for line in lines.map_while(Result::ok) {
            if let Some(seq) = line.strip_prefix("ack ").and_then(|s| s.parse().ok()) {
                acknowledged = seq;
            }
        }

        let store = place.store().await;
        let account = &store.streams(None).await.expect("accounts")[0];
        assert!(account.contiguous >= acknowledged, "round {round}: lost after {acknowledged}");
        assert_eq!((account.stored, account.contiguous), (account.last_seq, account.last_seq));
        let points = filled(&all(&store, &key("a", "gw")).await);
        let expected: Vec<(i64, i64)> =
            (1..=account.last_seq as i64).map(|n| (START + n * MINUTE, n)).collect();
        assert_eq!(points, expected, "round {round}");
        // Snapshot and hot batches together are everything.
        let snapshot = store.snapshot("live").await.expect("a snapshot").expect("made");
        let covered: u64 = String::from_utf8(snapshot).expect("text").parse().expect("a number");
        let hot: BTreeSet<u64> =
            store.hot_batches(0, 10_000).await.expect("hot").iter().map(|b| b.seq).collect();
        assert_eq!(hot, (covered + 1..=account.last_seq).collect(), "round {round}");
    }
}
