//! From hot batches to blocks.
//!
//! Reading, decoding and compressing happen beside the writer: batches are never changed, and blocks
//! only by whoever holds `maintenance`. The outcome is written in one transaction, so that a crash
//! leaves either the batches or the blocks.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use wasl_model::{AgentId, Subject};

use super::Inner;
use super::blocks::{self, NewBlock};
use super::hot::Picked;
use super::rows::damaged;
use crate::block::{BUCKET, Encoded, Tier, encode_points};
use crate::rollup::{Point, floor, settle};
use crate::seal::{Change, Floors, Stored, seal};
use crate::transpose::Transposed;
use crate::{CompactOptions, Compacted, Decode};

/// How many series are read and compressed at a time; bounds memory, not the outcome.
const SERIES_AT_ONCE: usize = 100;

/// How many batches are read and decoded at a time.
const BATCHES_AT_ONCE: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SeriesRef {
    Known(i64),
    /// The index in [`Plan::new_series`].
    New(usize),
}

struct SeriesName {
    agent: AgentId,
    subject: Subject,
    field: &'static str,
}

/// What is to be done to one series.
struct Work {
    series: SeriesRef,
    /// The number of the kind of entity that it is about.
    kind: i64,
    /// Points by the beginning of their two hours.
    buckets: BTreeMap<i64, Vec<Point>>,
}

/// Everything that the transaction writes.
#[derive(Default)]
struct Plan {
    new_series: Vec<SeriesName>,
    insert: Vec<(SeriesRef, Tier, bool, Encoded)>,
    delete: Vec<i64>,
    give_up: Vec<i64>,
    report: Compacted,
}

/// One round. It takes a processor for long, so it is to be polled on a thread that delays no other task.
pub(super) async fn compact(
    inner: &Inner,
    now: i64,
    options: &CompactOptions,
    snapshot: Option<Vec<u8>>,
) -> sqlx::Result<Compacted> {
    let _turn = inner.maintenance.lock().await;
    let (received_until, closed_before) = if options.force {
        (i64::MAX, floor(now, BUCKET))
    } else {
        let stride = millis(options.stride).max(1);
        let received_until = floor(now.saturating_sub(millis(options.seal_after)), stride);
        (received_until, floor(received_until.saturating_sub(stride), BUCKET))
    };
    let (mut picked, more) = inner.hot().pick(received_until, options);
    let mut plan = Plan::default();
    plan.report.more = more;
    prepare(inner, &mut picked, closed_before, options, &mut plan).await?;
    if picked.is_empty() && plan.insert.is_empty() && plan.delete.is_empty() && plan.give_up.is_empty() {
        return Ok(plan.report);
    }
    write(inner, now, &picked, snapshot, plan).await
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Finds what is to be written. Of `picked`, what is too much for one round is taken out.
async fn prepare(
    inner: &Inner,
    picked: &mut Picked,
    closed_before: i64,
    options: &CompactOptions,
    plan: &mut Plan,
) -> sqlx::Result<()> {
    let mut tx = inner.readers.begin().await?;
    let floors = blocks::floors(&mut tx).await?;
    let mut work = Vec::new();
    let mut room = options.max_points;
    for (agent, ids) in picked.iter_mut() {
        let wanted = ids.len();
        let data = read_batches(&mut tx, inner.decode, ids, room).await?;
        plan.report.more |= ids.len() < wanted;
        room = room.saturating_sub(data.points);
        plan.report.batches += ids.len() as u64;
        plan.report.points += data.points as u64;
        plan.report.timeless += data.timeless;
        if data.timeless > 0 {
            tracing::warn!(%agent, observations = data.timeless, "left out of the history: their times are before 1970 or after 9999; set that machine's clock");
        }
        name_series(&mut tx, agent, data, options.max_series, &mut work, plan).await?;
    }
    picked.retain(|(_, ids)| !ids.is_empty());
    add_ripe(&mut tx, closed_before, options.max_blocks, &mut work, plan).await?;
    while !work.is_empty() {
        let rest = work.split_off(work.len().min(SERIES_AT_ONCE));
        let mut existing = existing_blocks(&mut tx, &work, closed_before).await?;
        for work in work {
            let own = match work.series {
                SeriesRef::Known(series) => existing.remove(&series).unwrap_or_default(),
                SeriesRef::New(_) => Vec::new(),
            };
            let floors = floors.of(work.kind);
            let (series, small, change) = rearrange(work, &own, closed_before, &floors);
            adopt(inner, series, small, change, plan);
        }
        work = rest;
    }
    Ok(())
}

/// Reads batches until there are `room` points, and takes from `ids` those that were not read. The first
/// is read in any case where there is room at all.
async fn read_batches(
    tx: &mut SqliteConnection,
    decode: Decode,
    ids: &mut Vec<i64>,
    room: usize,
) -> sqlx::Result<Transposed> {
    let mut data = Transposed::default();
    let mut read = 0;
    while read < ids.len() && data.points < room {
        let some = &ids[read..ids.len().min(read + BATCHES_AT_ONCE)];
        let bodies = blocks::bodies(tx, some).await?;
        let mut done = some.len();
        for (place, (_, body)) in bodies.into_iter().enumerate() {
            if data.points >= room {
                done = place;
                break;
            }
            data.add(decode(&body));
        }
        read += done;
    }
    ids.truncate(read);
    Ok(data)
}

/// Runs what takes a processor and not the disk where it delays no other task.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> sqlx::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|gone| sqlx::Error::Io(gone.into()))
}

/// Finds the numbers of an agent's series, and sorts their points by stretch of time.
async fn name_series(
    tx: &mut SqliteConnection,
    agent: &AgentId,
    data: Transposed,
    max_series: usize,
    work: &mut Vec<Work>,
    plan: &mut Plan,
) -> sqlx::Result<()> {
    let rows: Vec<(i64, i64, String, String)> =
        sqlx::query_as("SELECT id, kind, subject, field FROM series WHERE agent = $1")
            .bind(agent.as_str())
            .fetch_all(tx)
            .await?;
    let mut room = max_series.saturating_sub(rows.len());
    let mut crowded = 0;
    let mut known: HashMap<(i64, String), Vec<(String, i64)>> = HashMap::new();
    for (id, kind, subject, field) in rows {
        known.entry((kind, subject)).or_default().push((field, id));
    }
    for (subject, fields) in data.subjects {
        let key = (i64::from(subject.kind.code()), subject.id.clone());
        let ids = known.get(&key).map_or(&[][..], Vec::as_slice);
        for (field, points) in fields {
            let id = ids.iter().find(|(name, _)| name == field).map(|(_, id)| *id);
            if id.is_none() && room == 0 {
                crowded += points.len() as u64;
                continue;
            }
            room -= usize::from(id.is_none());
            let series = id.map_or_else(
                || {
                    plan.new_series.push(SeriesName {
                        agent: agent.clone(),
                        subject: subject.clone(),
                        field,
                    });
                    SeriesRef::New(plan.new_series.len() - 1)
                },
                SeriesRef::Known,
            );
            let mut buckets: BTreeMap<i64, Vec<Point>> = BTreeMap::new();
            for point in points {
                buckets.entry(floor(point.0, BUCKET)).or_default().push(point);
            }
            work.push(Work { series, kind: key.0, buckets });
        }
    }
    plan.report.crowded += crowded;
    if crowded > 0 {
        tracing::error!(%agent, points = crowded, series = max_series, "left out of the history: the agent has too many series; look at what that machine reports, and revoke the agent if it is not yours");
    }
    Ok(())
}

/// Adds the stretches that are over and still have unsealed blocks.
async fn add_ripe(
    tx: &mut SqliteConnection,
    closed_before: i64,
    max_blocks: usize,
    work: &mut Vec<Work>,
    plan: &mut Plan,
) -> sqlx::Result<()> {
    let ripe: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT b.series, b.start_ms, s.kind FROM block b CROSS JOIN series s \
         WHERE s.id = b.series AND NOT b.sealed AND b.start_ms < $1 \
         ORDER BY b.start_ms, b.series LIMIT $2",
    )
    .bind(closed_before)
    .bind(i64::try_from(max_blocks.max(1)).unwrap_or(i64::MAX))
    .fetch_all(tx)
    .await?;
    plan.report.more |= ripe.len() >= max_blocks.max(1);
    let mut places: HashMap<i64, usize> = HashMap::new();
    for (place, work) in work.iter().enumerate() {
        if let SeriesRef::Known(id) = work.series {
            places.insert(id, place);
        }
    }
    for (series, start, kind) in ripe {
        let place = *places.entry(series).or_insert_with(|| {
            work.push(Work { series: SeriesRef::Known(series), kind, buckets: BTreeMap::new() });
            work.len() - 1
        });
        work[place].buckets.entry(floor(start, BUCKET)).or_default();
    }
    Ok(())
}

/// The blocks that sealing the closed buckets of `work` needs to see, by series. Most series need the same
/// stretches, which are then read together.
async fn existing_blocks(
    tx: &mut SqliteConnection,
    work: &[Work],
    closed_before: i64,
) -> sqlx::Result<HashMap<i64, Vec<Stored>>> {
    let mut wanted: BTreeMap<(Tier, (i64, i64)), Vec<i64>> = BTreeMap::new();
    for work in work {
        let SeriesRef::Known(series) = work.series else { continue };
        for tier in Tier::ALL {
            let closed = work.buckets.keys().filter(|bucket| **bucket < closed_before);
            for run in runs(closed.map(|bucket| floor(*bucket, tier.span())), tier.span()) {
                wanted.entry((tier, run)).or_default().push(series);
            }
        }
    }
    let mut existing: HashMap<i64, Vec<Stored>> = HashMap::new();
    for ((tier, run), series) in wanted {
        for (series, stored) in blocks::select_many(tx, &series, tier, run).await? {
            existing.entry(series).or_default().push(stored);
        }
    }
    Ok(existing)
}

/// Joins ascending stretches of the same length to runs `from..to`.
fn runs(starts: impl Iterator<Item = i64>, span: i64) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for start in starts {
        match runs.last_mut() {
            Some((_, to)) if *to >= start => *to = start.saturating_add(span),
            _ => runs.push((start, start.saturating_add(span))),
        }
    }
    runs
}

/// Seals closed buckets; the points of open ones become one small block each.
fn rearrange(
    mut work: Work,
    existing: &[Stored],
    closed_before: i64,
    floors: &Floors,
) -> (SeriesRef, Vec<Encoded>, Change) {
    let open = work.buckets.split_off(&closed_before);
    let small = open.into_values().map(|mut points| {
        settle(&mut points);
        encode_points(&points)
    });
    (work.series, small.collect(), seal(existing, work.buckets, floors))
}

fn adopt(inner: &Inner, series: SeriesRef, small: Vec<Encoded>, change: Change, plan: &mut Plan) {
    for (block, damage) in &change.damaged {
        let SeriesRef::Known(series) = series else { continue };
        tracing::error!(file = %inner.file.display(), block, series, %damage, "a block of the history is damaged and left alone");
    }
    plan.report.skipped_blocks += change.damaged.len() as u64;
    plan.report.blocks_merged += change.delete.len() as u64;
    plan.delete.extend(change.delete);
    plan.give_up.extend(change.give_up);
    let small = small.into_iter().map(|block| (Tier::Raw, false, block));
    let sealed = change.insert.into_iter().map(|(tier, block)| (tier, true, block));
    for (tier, is_sealed, block) in small.chain(sealed) {
        plan.report.blocks_written += 1;
        plan.report.bytes_written += block.body.len() as u64;
        plan.insert.push((series, tier, is_sealed, block));
    }
}

async fn write(
    inner: &Inner,
    now: i64,
    picked: &Picked,
    snapshot: Option<Vec<u8>>,
    plan: Plan,
) -> sqlx::Result<Compacted> {
    let mut writer = inner.writer.lock().await;
    let mut tx = writer.transaction().await?;
    let first_new = insert_series(&mut tx, &plan.new_series).await?;
    let blocks = plan.insert.into_iter().map(|(series, tier, sealed, block)| NewBlock {
        series: match series {
            SeriesRef::Known(id) => id,
            SeriesRef::New(place) => first_new.saturating_add_unsigned(place as u64),
        },
        tier,
        sealed,
        block,
    });
    blocks::insert(&mut tx, blocks.collect()).await?;
    blocks::delete(&mut tx, "block", &plan.delete).await?;
    blocks::give_up(&mut tx, &plan.give_up).await?;
    for (_, ids) in picked {
        blocks::delete(&mut tx, "batch", ids).await?;
    }
    if let Some(body) = snapshot {
        keep_snapshot(&mut tx, "live", now, &body).await?;
    }
    let _layout = inner.layout.write().await;
    tx.commit().await?;
    inner.hot().forget(picked);
    Ok(plan.report)
}

pub(super) async fn keep_snapshot(
    connection: &mut SqliteConnection,
    name: &str,
    at: i64,
    body: &[u8],
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO snapshot (name, at_ms, body) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body",
    )
    .bind(name)
    .bind(at)
    .bind(body)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Inserts these series under numbers one after another, and tells the first. Asking for each number by itself
/// took a fifth of a large gateway's first compaction: at each, two threads waited for each other.
async fn insert_series(tx: &mut SqliteConnection, names: &[SeriesName]) -> sqlx::Result<i64> {
    // As SQLite would choose them; nobody else writes meanwhile.
    let last: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM series").fetch_one(&mut *tx).await?;
    let end = last.checked_add_unsigned(names.len() as u64);
    let end = end.ok_or_else(|| damaged("the numbers of series are used up"))?;
    let first = last.saturating_add(1);
    let mut ids = first..=end;
    for names in names.chunks(blocks::ROWS) {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("INSERT INTO series (id, agent, kind, subject, field) ");
        query.push_values(names.iter().zip(ids.by_ref()), |mut row, (name, id)| {
            row.push_bind(id)
                .push_bind(name.agent.as_str())
                .push_bind(i64::from(name.subject.kind.code()))
                .push_bind(name.subject.id.as_str())
                .push_bind(name.field);
        });
        query.build().persistent(names.len() == blocks::ROWS).execute(&mut *tx).await?;
    }
    Ok(first)
}
