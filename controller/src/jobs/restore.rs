//! What was known before a restart: the snapshot of the last compaction, and the batches since.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasl_model::{SeriesKey, Subject};
use wasl_protocol::batch;
use wasl_store::Store;

use crate::live::{Live, Restored, trend};
use crate::shared::Shared;
use crate::time::now;

/// Batches that are read at once.
const PAGE: u32 = 500;
/// Trends that are drawn again from the history; the others begin anew.
const TRENDS: usize = 300;

/// Restores the live state.
pub async fn live(store: &dyn Store, live: &Live) -> Result<(), wasl_store::Error> {
    let now = now();
    let mut after = 0;
    if let Some(snapshot) = store.snapshot("live").await? {
        let Restored { unreadable, covers } = live.restore_snapshot(&snapshot, now);
        after = covers;
        if unreadable > 0 {
            tracing::warn!(
                unreadable,
                "parts of the last snapshot could not be read; they fill again as observations come"
            );
        }
    }
    loop {
        let page = store.hot_batches(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for hot in &page {
            if let Ok(decoded) = batch::decode(&hot.body) {
                live.restore(&hot.agent, decoded.observations, now);
            }
        }
    }
}

/// Draws the trends of the last hour again.
pub async fn trends(shared: &Arc<Shared>) {
    let now = now();
    let hour = Duration::from_secs(3600);
    let wanted: Vec<_> = {
        let live = shared.live.read();
        let keys = live.values.iter().filter(|(_, v)| !trend::fields(&v.value).is_empty());
        keys.take(TRENDS).map(|(key, latest)| (key.clone(), trend::fields(&latest.value))).collect()
    };
    let mut lines: BTreeMap<(wasl_model::AgentId, Subject), trend::Trend> = BTreeMap::new();
    for ((agent, subject), fields) in wanted {
        let mut line = trend::Trend::default();
        for (index, field) in fields.iter().enumerate() {
            let series =
                SeriesKey { subject: subject.clone(), field: (*field).to_owned(), agent: agent.clone() };
            let history =
                shared.store.history(&series, now.minus(hour), now, Some(Duration::from_secs(60))).await;
            for (at, value) in history.map(|h| h.points).unwrap_or_default() {
                if let Some(value) = value {
                    line.put(wasl_model::Timestamp(at), index, value);
                }
            }
        }
        lines.insert((agent, subject), line);
    }
    let mut live = shared.live.read();
    for (key, line) in lines {
        if let Some(latest) = live.values.get_mut(&key) {
            latest.trend = line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_model::{AgentId, EntityKind, HostSample, Observation, Timestamp, Value};
    use wasl_store::{HistoryStore, Ingest, Item, SqliteStore, Upload};

    fn seen(subject: &str) -> Observation {
        Observation {
            subject: Subject::new(EntityKind::Machine, subject).expect("valid"),
            at: Timestamp(1_000),
            value: Value::Host(HostSample::default()),
        }
    }

    #[tokio::test]
    async fn batches_that_the_snapshot_covers_are_not_read_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&dir.path().join("wasl.db"), |_| Vec::new(), 7).await.expect("a store");
        let agent: AgentId = "gw".parse().expect("valid");
        for (seq, subject) in [(1, "covered"), (2, "after")] {
            let body = batch::encode(&[seen(subject)]);
            let items = vec![Item { seq, first_ms: 1_000, last_ms: 1_000, body }];
            let upload =
                Upload { agent: agent.clone(), epoch: 1, received_ms: 1_000, items, gaps: Vec::new() };
            store.ingest(vec![upload]).await.expect("kept");
        }
        let known = async || {
            let restored = Live::default();
            live(&store, &restored).await.expect("restored");
            let names: Vec<String> = restored.read().values.keys().map(|(_, s)| s.id.clone()).collect();
            names
        };
        assert_eq!(known().await, ["after", "covered"], "without a snapshot all are read");
        let first = store.hot_batches(0, 1).await.expect("batches")[0].id;
        let held = Live::default();
        held.apply(&agent, vec![seen("held")], Timestamp(1_000));
        store.save_snapshot("live", Timestamp(1_000), &held.snapshot(first)).await.expect("kept");
        assert_eq!(known().await, ["after", "held"]);
    }
}
