//! Letting go of what is old.

use std::time::Duration;

use sqlx::SqliteConnection;

use super::Inner;
use crate::block::Tier;
use crate::rollup::floor;
use crate::{Retained, Retention};

/// Blocks per transaction, so that an ingest never waits long.
const BLOCKS: i64 = 500;

/// Pages that the file gives back per transaction.
const PAGES: &str = "PRAGMA incremental_vacuum (1000)";

/// The share of free pages that is left for the next batches to fill: one in this many.
const SLACK: i64 = 8;

pub(super) async fn retain(inner: &Inner, now: i64, retention: &Retention) -> sqlx::Result<Retained> {
    let _turn = inner.maintenance.lock().await;
    let mut retained = Retained::default();
    for tier in Tier::ALL {
        let (keep, deleted) = match tier {
            Tier::Raw => (retention.raw, &mut retained.raw),
            Tier::FiveMinutes => (retention.five_minutes, &mut retained.five_minutes),
            Tier::OneHour => (retention.one_hour, &mut retained.one_hour),
        };
        raise_floor(inner, tier, floor(before(now, keep), tier.span())).await?;
        *deleted = delete_below_floor(inner, tier).await?;
    }
    retained.freed_bytes = vacuum(inner).await?;
    Ok(retained)
}

fn before(now: i64, keep: Duration) -> i64 {
    now.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX))
}

/// The floor is written before anything is deleted, and never falls: a longer retention does not
/// bring back what is gone.
async fn raise_floor(inner: &Inner, tier: Tier, floor: i64) -> sqlx::Result<()> {
    let mut writer = inner.writer.lock().await;
    sqlx::query(
        "INSERT INTO floor (tier, floor_ms) VALUES ($1, $2) \
         ON CONFLICT (tier) DO UPDATE SET floor_ms = excluded.floor_ms \
         WHERE excluded.floor_ms > floor.floor_ms",
    )
    .bind(tier.code())
    .bind(floor)
    .execute(&mut **writer)
    .await?;
    Ok(())
}

/// Unsealed blocks stay: they are in no roll-up yet.
async fn delete_below_floor(inner: &Inner, tier: Tier) -> sqlx::Result<u64> {
    let mut all = 0;
    loop {
        let mut writer = inner.writer.lock().await;
        let deleted = sqlx::query(
            "DELETE FROM block WHERE id IN (SELECT b.id FROM block b JOIN floor f ON f.tier = b.tier \
             WHERE b.tier = $1 AND b.start_ms < f.floor_ms AND b.sealed LIMIT $2)",
        )
        .bind(tier.code())
        .bind(BLOCKS)
        .execute(&mut **writer)
        .await?
        .rows_affected();
        all += deleted;
        if deleted < BLOCKS.cast_unsigned() {
            return Ok(all);
        }
    }
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
async fn pages(connection: &mut SqliteConnection) -> sqlx::Result<(i64, i64, i64)> {
    let pages = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await?;
    let free = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&mut *connection).await?;
    let size = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut *connection).await?;
    Ok((pages, free, size))
}
