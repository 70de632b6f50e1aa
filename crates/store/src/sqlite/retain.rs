//! Letting go of what is old.
//!
//! The file remembers per kind of entity and tier a floor, before which blocks are gone or going. It
//! is written before anything is deleted, and it never falls: a longer retention does not bring back
//! what is gone.

use std::collections::BTreeMap;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use wasl_model::{EntityKind, Timestamp};

use super::{Inner, blocks};
use crate::block::Tier;
use crate::rollup::floor;
use crate::{Retained, RetentionRules};

/// Blocks per transaction, so that an ingest never waits long.
const BLOCKS: usize = 500;

/// Pages that the file gives back per transaction.
const PAGES: &str = "PRAGMA incremental_vacuum (1000)";

/// The share of free pages that is left for the next batches to fill: one in this many.
const SLACK: i64 = 8;

pub(super) async fn retain(inner: &Inner, now: Timestamp, rules: &RetentionRules) -> sqlx::Result<Retained> {
    let mut turn = inner.maintenance.lock().await;
    let mut retained = Retained::default();
    for tier in Tier::ALL {
        let deleted = match tier {
            Tier::Raw => &mut retained.raw,
            Tier::FiveMinutes => &mut retained.five_minutes,
            Tier::OneHour => &mut retained.one_hour,
        };
        // Kinds whose blocks of the same stretch are to go are looked for together.
        let mut stretches: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
        for (kind, floor) in raise_floors(inner, now, tier, rules).await? {
            let swept = turn.swept.get(&(tier, kind)).copied().unwrap_or(i64::MIN);
            stretches.entry((swept, floor)).or_default().push(kind);
        }
        for (stretch, kinds) in stretches {
            *deleted += delete(inner, tier, stretch, &kinds).await?;
            turn.swept.extend(kinds.into_iter().map(|kind| ((tier, kind), stretch.1)));
        }
    }
    retained.freed_bytes = vacuum(inner).await?;
    Ok(retained)
}

/// Notes where each kind's blocks of a tier begin to be kept, and returns it.
async fn raise_floors(
    inner: &Inner,
    now: Timestamp,
    tier: Tier,
    rules: &RetentionRules,
) -> sqlx::Result<Vec<(i64, i64)>> {
    let mut writer = inner.writer.lock().await;
    let mut tx = writer.transaction().await?;
    let before = blocks::floors(&mut tx).await?;
    let mut floors = Vec::with_capacity(EntityKind::ALL.len());
    for kind in EntityKind::ALL {
        let retention = rules.of(*kind);
        let keep = match tier {
            Tier::Raw => retention.raw,
            Tier::FiveMinutes => retention.five_minutes,
            Tier::OneHour => retention.one_hour,
        };
        let code = i64::from(kind.code());
        let (wanted, known) = (floor(now.minus(keep).0, tier.span()), before.of(code).of(tier));
        floors.push((code, wanted.max(known)));
        if wanted > known {
            sqlx::query(
                "INSERT INTO kind_floor (tier, kind, floor_ms) VALUES ($1, $2, $3) \
                 ON CONFLICT (tier, kind) DO UPDATE SET floor_ms = excluded.floor_ms",
            )
            .bind(tier.code())
            .bind(code)
            .bind(wanted)
            .execute(&mut *tx)
            .await?;
        }
    }
    tx.commit().await?;
    Ok(floors)
}

/// Deletes blocks that begin within `from..to`. Unsealed ones stay: they are in no roll-up yet.
///
/// What is old is looked for beside the writer: where the kinds' retentions differ, there may be many
/// blocks of other kinds among them.
async fn delete(inner: &Inner, tier: Tier, (from, to): (i64, i64), kinds: &[i64]) -> sqlx::Result<u64> {
    let mut all = 0;
    let mut from = from;
    loop {
        let mut query = old(tier, (from, to), kinds);
        let rows: Vec<(i64, i64)> = query.build_query_as().fetch_all(&inner.readers).await?;
        let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
        if !ids.is_empty() {
            let mut writer = inner.writer.lock().await;
            let mut tx = writer.transaction().await?;
            blocks::delete(&mut tx, "block", &ids).await?;
            tx.commit().await?;
        }
        all += ids.len() as u64;
        match rows.last() {
            Some((_, start)) if ids.len() == BLOCKS => from = *start,
            _ => return Ok(all),
        }
    }
}

/// `CROSS JOIN` keeps SQLite from walking all series of a kind instead of the stretch of time.
pub(super) fn old(tier: Tier, (from, to): (i64, i64), kinds: &[i64]) -> QueryBuilder<Sqlite> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
        "SELECT b.id, b.start_ms FROM block b CROSS JOIN series s WHERE s.id = b.series AND b.sealed \
         AND b.tier = ",
    );
    query.push_bind(tier.code()).push(" AND b.start_ms >= ").push_bind(from);
    query.push(" AND b.start_ms < ").push_bind(to).push(" AND s.kind IN (");
    let mut list = query.separated(", ");
    for kind in kinds {
        list.push_bind(*kind);
    }
    query.push(") ORDER BY b.start_ms LIMIT ").push_bind(BLOCKS as i64);
    query
}

/// Free pages are used again first; only where they are many does the file become smaller.
async fn vacuum(inner: &Inner) -> sqlx::Result<u64> {
    let mut freed = 0;
    loop {
        let mut writer = inner.writer.lock().await;
        let (pages, free, size) = pages(&mut writer).await?;
        if free * SLACK <= pages {
            return Ok(freed);
        }
        sqlx::raw_sql(PAGES).execute(&mut **writer).await?;
        let (left, _, _) = self::pages(&mut writer).await?;
        if left >= pages {
            return Ok(freed);
        }
        freed += u64::try_from((pages - left).saturating_mul(size)).unwrap_or(0);
    }
}

/// Pages in the file, free ones among them, and the bytes of one.
pub(super) async fn pages(connection: &mut SqliteConnection) -> sqlx::Result<(i64, i64, i64)> {
    let pages = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await?;
    let free = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&mut *connection).await?;
    let size = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut *connection).await?;
    Ok((pages, free, size))
}
