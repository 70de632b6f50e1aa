//! Reading series.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use tokio::runtime::Handle;
use wasl_model::units::Unit;
use wasl_model::{SeriesKey, Timestamp, series};

use super::compact::{self, blocking};
use super::hot::MAX_CACHED_POINTS;
use super::{Inner, SqliteStore, blocks, retain};
use crate::block::{BUCKET, Damage, Tier, decode_cells, decode_points};
use crate::chart::draw;
use crate::history::MAX_POINTS;
use crate::rollup::{Cell, Point, floor, settle, widen};
use crate::seal::{Floors, Stored};
use crate::transpose::Transposed;
use crate::{CompactOptions, Compacted, Error, ErrorKind, History, HistoryStore, Retained, RetentionRules};

/// The most stored points that one chart decodes where it asks for fewer: some eleven days at one
/// every 10 s.
const MAX_DECODED: u64 = 100_000;

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn history(
        &self,
        key: &SeriesKey,
        from: Timestamp,
        to: Timestamp,
        step: Option<Duration>,
    ) -> Result<History, Error> {
        let doing = "read a series";
        let unit = series::field_unit(key.subject.kind, &key.field)
            .ok_or_else(|| Error::new(doing, &self.inner.file, ErrorKind::NoSuchSeries))?;
        let step = step.map(|step| i64::try_from(step.as_millis()).unwrap_or(i64::MAX));
        history(&self.inner, key, unit, (from.0, to.0), step).await.map_err(self.inner.fail(doing))
    }

    async fn compact(
        &self,
        now: Timestamp,
        options: &CompactOptions,
        snapshot: Option<Vec<u8>>,
    ) -> Result<Compacted, Error> {
        let doing = "compact batches";
        let inner = self.inner.clone();
        let options = options.clone();
        // On a thread of its own from beginning to end, because each thread has a part of the heap: what is made and
        // dropped here by the million would otherwise lie between things that last, and its room could not be given back.
        let runtime = Handle::current();
        let work = move || {
            let work = compact::compact(&inner, now.0, &options, snapshot);
            runtime.block_on(work).map_err(inner.fail(doing))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(gone) => Err(Error::new(doing, &self.inner.file, ErrorKind::Other).with_source(gone)),
        }
    }

    async fn retain_by_kind(&self, now: Timestamp, rules: &RetentionRules) -> Result<Retained, Error> {
        retain::retain(&self.inner, now, rules).await.map_err(self.inner.fail("delete old blocks"))
    }

    async fn save_snapshot(&self, name: &str, at: Timestamp, body: &[u8]) -> Result<(), Error> {
        let mut writer = self.inner.writer.lock().await;
        compact::keep_snapshot(&mut writer, name, at.0, body)
            .await
            .map_err(self.inner.fail("keep a snapshot"))
    }

    async fn snapshot(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        sqlx::query_scalar("SELECT body FROM snapshot WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.inner.readers)
            .await
            .map_err(self.inner.fail("read a snapshot"))
    }
}

async fn history(
    inner: &Inner,
    key: &SeriesKey,
    unit: Unit,
    (from, to): (i64, i64),
    step: Option<i64>,
) -> sqlx::Result<History> {
    let mut tx = inner.readers.begin().await?;
    let (floors, mut wanted) = {
        let _layout = inner.layout.read().await;
        // The first read fixes what the transaction sees.
        let floors = blocks::floors(&mut tx).await?.of(i64::from(key.subject.kind.code()));
        let first = from.saturating_sub(Tier::OneHour.cell().unwrap_or(0));
        (floors, inner.hot().want(key, first, to))
    };
    let series = find(&mut tx, key).await?;
    let earliest = match series {
        Some(series) => earliest(&mut tx, series).await?,
        None => i64::MAX,
    };
    let begin = from.max(earliest.min(wanted.earliest));
    let tier = match (enough(begin, &floors, step), series) {
        (Some(tier), _) => tier,
        (None, Some(series)) => finest(&mut tx, series, (from, to), begin, &floors, step).await?,
        (None, None) => Tier::ALL.into_iter().find(|tier| begin >= floors.of(*tier)).unwrap_or(Tier::OneHour),
    };
    // A chart of cells begins with the cell that `from` is in.
    let from = tier.cell().map_or(from, |width| floor(from, width));
    let mut blocks = Vec::new();
    if let Some(series) = series {
        let end = to.saturating_add(1);
        let first = from.saturating_sub(tier.span());
        blocks.extend(blocks::select(&mut tx, series, tier, first, end, true).await?);
        if tier != Tier::Raw {
            // What is in no roll-up yet.
            let first = from.saturating_sub(BUCKET);
            blocks.extend(blocks::select(&mut tx, series, Tier::Raw, first, end, false).await?);
        }
    }
    let missing = blocks::bodies(&mut tx, &wanted.missing).await?;
    drop(tx);

    let decode = inner.decode;
    let own = key.clone();
    let (found, decoded) = blocking(move || {
        let (mut found, mut kept, mut decoded) = (Vec::new(), 0, Vec::new());
        for (id, body) in missing {
            let mut data = Transposed::default();
            data.add(decode(&body));
            found.extend(data.points_of(&own.subject, &own.field, from, to));
            kept += data.points;
            if kept <= MAX_CACHED_POINTS {
                decoded.push((id, data));
            }
        }
        (found, decoded)
    })
    .await?;
    let mut points = std::mem::take(&mut wanted.points);
    points.extend(found);
    inner.hot().keep(&wanted, &key.agent, decoded);

    let (history, damaged) = blocking(move || {
        let (cells, damaged) = assemble(blocks, points, tier, (from, to));
        let skipped_blocks = damaged.len() as u64;
        let drawn = draw(cells, unit, tier.cell().unwrap_or(0), step);
        let history = History {
            unit,
            resolution_ms: drawn.resolution,
            points: drawn.line,
            cell_ms: drawn.cell,
            counts: drawn.counts,
            skipped_blocks,
        };
        (history, damaged)
    })
    .await?;
    for (block, damage) in damaged {
        tracing::error!(file = %inner.file.display(), block, series = %key, %damage, "a block of the history is damaged and was left out");
    }
    Ok(history)
}

async fn find(tx: &mut SqliteConnection, key: &SeriesKey) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("SELECT id FROM series WHERE agent = $1 AND kind = $2 AND subject = $3 AND field = $4")
        .bind(key.agent.as_str())
        .bind(i64::from(key.subject.kind.code()))
        .bind(key.subject.id.as_str())
        .bind(key.field.as_str())
        .fetch_optional(tx)
        .await
}

/// Where a series begins.
async fn earliest(tx: &mut SqliteConnection, series: i64) -> sqlx::Result<i64> {
    let mut earliest = i64::MAX;
    for tier in Tier::ALL {
        let first: Option<i64> =
            sqlx::query_scalar("SELECT MIN(start_ms) FROM block WHERE series = $1 AND tier = $2")
                .bind(series)
                .bind(tier.code())
                .fetch_one(&mut *tx)
                .await?;
        earliest = earliest.min(first.unwrap_or(i64::MAX));
    }
    Ok(earliest)
}

/// The coarsest tier whose cells add up to the steps that were asked for: it tells the same as any finer one,
/// from fewer blocks.
fn enough(begin: i64, floors: &Floors, step: Option<i64>) -> Option<Tier> {
    let step = step?;
    let whole = |tier: &Tier| tier.cell().is_some_and(|width| step % width == 0);
    Tier::ALL.into_iter().rev().find(|tier| whole(tier) && begin >= floors.of(*tier))
}

/// The finest tier that reaches back to `begin` and is not too many points; the coarsest otherwise.
async fn finest(
    tx: &mut SqliteConnection,
    series: i64,
    (from, to): (i64, i64),
    begin: i64,
    floors: &Floors,
    step: Option<i64>,
) -> sqlx::Result<Tier> {
    let most = if step.is_some() { MAX_DECODED } else { MAX_POINTS as u64 };
    for tier in Tier::ALL.into_iter().filter(|tier| begin >= floors.of(*tier)) {
        let count: i64 = sqlx::query_scalar(
            "SELECT COALESCE(SUM(count), 0) FROM block \
             WHERE series = $1 AND tier = $2 AND start_ms >= $3 AND start_ms <= $4 AND end_ms >= $5",
        )
        .bind(series)
        .bind(tier.code())
        .bind(from.saturating_sub(tier.span()))
        .bind(to)
        .bind(from)
        .fetch_one(&mut *tx)
        .await?;
        if u64::try_from(count).unwrap_or(0) <= most {
            return Ok(tier);
        }
    }
    Ok(Tier::OneHour)
}

/// Everything between the ends (included) as ascending cells, each time once, and which blocks could
/// not be read. Hot points and unsealed blocks are in no roll-up, so that nothing counts twice.
fn assemble(
    blocks: Vec<Stored>,
    hot: Vec<Point>,
    tier: Tier,
    (from, to): (i64, i64),
) -> (Vec<Cell>, Vec<(i64, Damage)>) {
    let mut damaged = Vec::new();
    let mut cells = Vec::new();
    let mut points = Vec::new();
    for stored in blocks {
        if stored.block.end < from {
            continue;
        }
        let read = if stored.tier == Tier::Raw {
            decode_points(&stored.block).map(|decoded| points.extend(decoded))
        } else {
            decode_cells(&stored.block).map(|decoded| cells.extend(decoded))
        };
        if let Err(damage) = read {
            damaged.push((stored.id, damage));
        }
    }
    points.extend(hot);
    points.retain(|(at, _)| (from..=to).contains(at));
    settle(&mut points);
    let points = points.into_iter().map(Cell::of);
    let Some(width) = tier.cell() else {
        return (points.collect(), damaged);
    };
    cells.retain(|cell| (from..=to).contains(&cell.start));
    cells.extend(widen(points, width));
    cells.sort_by_key(|cell| cell.start);
    (widen(cells, width), damaged)
}
