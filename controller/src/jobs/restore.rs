//! What was known before a restart: the snapshot of the last compaction, and the batches since.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasl_model::{SeriesKey, Subject};
use wasl_protocol::batch;
use wasl_store::Store;

use crate::live::{Live, trend};
use crate::shared::Shared;
use crate::time::now;

/// Batches that are read at once.
const PAGE: u32 = 500;
/// Trends that are drawn again from the history; the others begin anew.
const TRENDS: usize = 300;

/// Restores the live state.
pub async fn live(store: &dyn Store, live: &Live) -> Result<(), wasl_store::Error> {
    let now = now();
    if let Some(snapshot) = store.snapshot("live").await? {
        let unreadable = live.restore_snapshot(&snapshot, now);
        if unreadable > 0 {
            tracing::warn!(
                unreadable,
                "parts of the last snapshot could not be read; they fill again as observations come"
            );
        }
    }
    let mut after = 0;
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
