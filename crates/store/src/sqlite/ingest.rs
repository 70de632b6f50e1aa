//! Taking in batches.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use wasl_model::AgentId;

use super::hot::HotRow;
use super::rows::{count, parsed, ranges, whole};
use super::{Inner, SqliteStore};
use crate::ingest::{MAX_EPOCHS, MAX_RANGES};
use crate::{Error, HotBatch, Ingest, Ingested, RangeSet, StreamAccount, Upload};

#[async_trait]
impl Ingest for SqliteStore {
    fn incarnation(&self) -> u64 {
        self.inner.incarnation
    }

    async fn ingest(&self, uploads: Vec<Upload>) -> Result<Vec<Ingested>, Error> {
        let doing = "store batches";
        let inner = self.inner.clone();
        self.to_the_end(doing, async move { ingest(&inner, uploads).await.map_err(inner.fail(doing)) }).await
    }

    async fn streams(&self, agent: Option<&AgentId>) -> Result<Vec<StreamAccount>, Error> {
        streams(&self.inner, agent).await.map_err(self.inner.fail("read the accounts of batches"))
    }

    async fn hot_batches(&self, after: i64, limit: u32) -> Result<Vec<HotBatch>, Error> {
        hot_batches(&self.inner, after, limit).await.map_err(self.inner.fail("read batches"))
    }

    async fn latest_batch(&self) -> Result<i64, Error> {
        let latest: sqlx::Result<Option<i64>> =
            sqlx::query_scalar("SELECT MAX(id) FROM batch").fetch_one(&self.inner.readers).await;
        Ok(latest.map_err(self.inner.fail("find the latest batch"))?.unwrap_or(0))
    }
}

/// A row of `stream`.
struct Stream {
    id: i64,
    received: RangeSet,
    stored: u64,
    duplicates: u64,
}

async fn ingest(inner: &Inner, uploads: Vec<Upload>) -> sqlx::Result<Vec<Ingested>> {
    let mut writer = inner.writer.lock().await;
    let mut tx = writer.transaction().await?;
    let mut answers = Vec::with_capacity(uploads.len());
    let mut rows: Vec<(AgentId, HotRow)> = Vec::new();
    for upload in uploads {
        let Some(mut stream) = stream(&mut tx, &upload.agent, upload.epoch).await? else {
            tracing::error!(agent = %upload.agent, epoch = upload.epoch, epochs = MAX_EPOCHS, "refused an upload: the agent has had too many epochs; look at that machine, and revoke the agent if it is not yours");
            answers.push(refuse_all(&upload));
            continue;
        };
        let mut refused = 0;
        let mut duplicates = 0;
        let mut fresh = Vec::with_capacity(upload.items.len());
        for item in upload.items {
            if !stream.received.has_room_for(item.seq, item.seq, MAX_RANGES) {
                refused += 1;
                fresh.push(false);
                continue;
            }
            let is_fresh = stream.received.insert(item.seq);
            fresh.push(is_fresh);
            if !is_fresh {
                duplicates += 1;
                continue;
            }
            let bytes = item.body.len();
            let inserted = sqlx::query(
                "INSERT INTO batch (stream, seq, received_ms, first_ms, last_ms, body) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(stream.id)
            .bind(item.seq.cast_signed())
            .bind(upload.received_ms)
            .bind(item.first_ms)
            .bind(item.last_ms)
            .bind(item.body)
            .execute(&mut *tx)
            .await?;
            let id = inserted.last_insert_rowid();
            let row = HotRow::new(id, upload.received_ms, (item.first_ms, item.last_ms), bytes);
            rows.push((upload.agent.clone(), row));
        }
        for gap in upload.gaps {
            if !stream.received.has_room_for(gap.first, gap.last, MAX_RANGES) {
                refused += 1;
                continue;
            }
            let given_up = stream.received.insert_range(gap.first, gap.last);
            if given_up > 0 {
                add_dropped(&mut tx, stream.id, &gap.policy, given_up).await?;
            }
        }
        if refused > 0 {
            tracing::error!(agent = %upload.agent, refused, ranges = MAX_RANGES, "refused batches: the agent leaves too many holes in its sequence numbers; look at that machine, and revoke the agent if it is not yours");
        }
        let stored = fresh.iter().filter(|fresh| **fresh).count() as u64;
        stream.stored += stored;
        stream.duplicates += duplicates;
        save(&mut tx, &stream).await?;
        let contiguous = stream.received.contiguous();
        answers.push(Ingested { contiguous, stored, duplicates, fresh, refused });
    }
    tx.commit().await?;
    let mut hot = inner.hot();
    for (agent, row) in rows {
        hot.add(agent, row);
    }
    Ok(answers)
}

fn refuse_all(upload: &Upload) -> Ingested {
    Ingested {
        contiguous: 0,
        stored: 0,
        duplicates: 0,
        fresh: vec![false; upload.items.len()],
        refused: (upload.items.len() + upload.gaps.len()) as u64,
    }
}

/// The account of an epoch, which may be new; `None` if the agent has had too many.
async fn stream(tx: &mut SqliteConnection, agent: &AgentId, epoch: u64) -> sqlx::Result<Option<Stream>> {
    let known: Option<(i64, Vec<u8>, i64, i64)> =
        sqlx::query_as("SELECT id, received, stored, duplicates FROM stream WHERE agent = $1 AND epoch = $2")
            .bind(agent.as_str())
            .bind(epoch.cast_signed())
            .fetch_optional(&mut *tx)
            .await?;
    if let Some((id, received, stored, duplicates)) = known {
        return Ok(Some(Stream {
            id,
            received: ranges(&received)?,
            stored: count(stored),
            duplicates: count(duplicates),
        }));
    }
    let epochs: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM stream WHERE agent = $1")
        .bind(agent.as_str())
        .fetch_one(&mut *tx)
        .await?;
    if count(epochs) >= MAX_EPOCHS as u64 {
        return Ok(None);
    }
    let id = sqlx::query_scalar(
        "INSERT INTO stream (agent, epoch, received, stored, duplicates) \
         VALUES ($1, $2, $3, 0, 0) RETURNING id",
    )
    .bind(agent.as_str())
    .bind(epoch.cast_signed())
    .bind(RangeSet::default().to_bytes())
    .fetch_one(tx)
    .await?;
    Ok(Some(Stream { id, received: RangeSet::default(), stored: 0, duplicates: 0 }))
}

async fn save(tx: &mut SqliteConnection, stream: &Stream) -> sqlx::Result<()> {
    sqlx::query("UPDATE stream SET received = $2, stored = $3, duplicates = $4 WHERE id = $1")
        .bind(stream.id)
        .bind(stream.received.to_bytes())
        .bind(whole(stream.stored))
        .bind(whole(stream.duplicates))
        .execute(tx)
        .await?;
    Ok(())
}

/// Saturates, because a sum beyond BIGINT would become a floating-point number for good.
async fn add_dropped(tx: &mut SqliteConnection, stream: i64, policy: &str, batches: u64) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO stream_dropped (stream, policy, batches) VALUES ($1, $2, $3) \
         ON CONFLICT (stream, policy) DO UPDATE SET batches = \
         CASE WHEN stream_dropped.batches > 9223372036854775807 - excluded.batches \
         THEN 9223372036854775807 ELSE stream_dropped.batches + excluded.batches END",
    )
    .bind(stream)
    .bind(policy)
    .bind(whole(batches))
    .execute(tx)
    .await?;
    Ok(())
}

async fn streams(inner: &Inner, agent: Option<&AgentId>) -> sqlx::Result<Vec<StreamAccount>> {
    // One transaction, so that both tables are of the same moment.
    let mut tx = inner.readers.begin().await?;
    let agent = agent.map(AgentId::as_str);
    let streams: Vec<(i64, String, i64, Vec<u8>, i64, i64)> = sqlx::query_as(
        "SELECT id, agent, epoch, received, stored, duplicates FROM stream \
         WHERE $1 IS NULL OR agent = $1 ORDER BY agent, id",
    )
    .bind(agent)
    .fetch_all(&mut *tx)
    .await?;
    let dropped: Vec<(i64, String, i64)> = sqlx::query_as(
        "SELECT d.stream, d.policy, d.batches FROM stream_dropped d JOIN stream s ON s.id = d.stream \
         WHERE $1 IS NULL OR s.agent = $1",
    )
    .bind(agent)
    .fetch_all(&mut *tx)
    .await?;
    let mut by_stream: BTreeMap<i64, BTreeMap<String, u64>> = BTreeMap::new();
    for (stream, policy, batches) in dropped {
        by_stream.entry(stream).or_default().insert(policy, count(batches));
    }
    streams
        .into_iter()
        .map(|(id, agent, epoch, received, stored, duplicates)| {
            let received = ranges(&received)?;
            Ok(StreamAccount {
                agent: parsed(&agent)?,
                epoch: epoch.cast_unsigned(),
                first_seq: received.first().unwrap_or(0),
                last_seq: received.last().unwrap_or(0),
                contiguous: received.contiguous(),
                stored: count(stored),
                duplicates_dropped: count(duplicates),
                dropped: by_stream.remove(&id).unwrap_or_default(),
            })
        })
        .collect()
}

async fn hot_batches(inner: &Inner, after: i64, limit: u32) -> sqlx::Result<Vec<HotBatch>> {
    let rows: Vec<(i64, String, i64, i64, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT b.id, s.agent, s.epoch, b.seq, b.received_ms, b.body \
         FROM batch b JOIN stream s ON s.id = b.stream WHERE b.id > $1 ORDER BY b.id LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(&inner.readers)
    .await?;
    rows.into_iter()
        .map(|(id, agent, epoch, seq, received_ms, body)| {
            Ok(HotBatch {
                id,
                agent: parsed(&agent)?,
                epoch: epoch.cast_unsigned(),
                seq: seq.cast_unsigned(),
                received_ms,
                body,
            })
        })
        .collect()
}
