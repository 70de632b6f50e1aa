//! The block table.

use sqlx::{AssertSqlSafe, FromRow, QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::block::{Encoded, Tier};
use crate::seal::{Floors, Stored};

/// Rows per statement: 9000 blocks took 534 ms one by one, 75 ms by the hundred, 69 ms by 500.
pub(super) const ROWS: usize = 100;

/// A block that is to be inserted.
pub(super) struct NewBlock {
    pub(super) series: i64,
    pub(super) tier: Tier,
    pub(super) sealed: bool,
    pub(super) block: Encoded,
}

pub(super) type Row = (i64, i64, bool, i64, i64, i64, i64, i64, Vec<u8>);

/// The blocks of a series and tier that begin within `from..to` and, unless `sealed_too`, are in no
/// roll-up yet; in the order in which they were made.
pub(super) async fn select(
    connection: &mut SqliteConnection,
    series: i64,
    tier: Tier,
    from: i64,
    to: i64,
    sealed_too: bool,
) -> sqlx::Result<Vec<Stored>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, tier, sealed, start_ms, end_ms, count, codec, crc, body FROM block \
         WHERE series = $1 AND tier = $2 AND start_ms >= $3 AND start_ms < $4 AND (NOT sealed OR $5) \
         ORDER BY id",
    )
    .bind(series)
    .bind(tier.code())
    .bind(from)
    .bind(to)
    .bind(sealed_too)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(stored).collect())
}

/// Like [`select`] with sealed ones, for many series at once: of each, by its number.
pub(super) async fn select_many(
    connection: &mut SqliteConnection,
    series: &[i64],
    tier: Tier,
    (from, to): (i64, i64),
) -> sqlx::Result<Vec<(i64, Stored)>> {
    let mut all = Vec::new();
    for series in series.chunks(ROWS) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT id, tier, sealed, start_ms, end_ms, count, codec, crc, body, series FROM block WHERE tier = ",
        );
        query.push_bind(tier.code()).push(" AND start_ms >= ").push_bind(from);
        query.push(" AND start_ms < ").push_bind(to).push(" AND series IN (");
        let mut list = query.separated(", ");
        for series in series {
            list.push_bind(*series);
        }
        query.push(") ORDER BY id");
        let rows = query.build().persistent(series.len() == ROWS).fetch_all(&mut *connection).await?;
        for row in rows {
            all.push((row.try_get("series")?, stored(Row::from_row(&row)?)));
        }
    }
    Ok(all)
}

/// Up to `limit` blocks after the one with this number, with the series that each belongs to.
pub(super) async fn after(
    connection: &mut SqliteConnection,
    after: i64,
    limit: u32,
) -> sqlx::Result<Vec<(i64, Row)>> {
    let sql = "SELECT id, tier, sealed, start_ms, end_ms, count, codec, crc, body, series FROM block \
               WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = sqlx::query(sql).bind(after).bind(limit).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("series")?, Row::from_row(row)?))).collect()
}

/// Numbers beyond what a block can have become numbers that fail its checks.
pub(super) fn stored((id, tier, sealed, start, end, count, codec, crc, body): Row) -> Stored {
    Stored {
        id,
        tier: Tier::from_code(tier).unwrap_or(Tier::Raw),
        sealed,
        block: Encoded {
            start,
            end,
            count: usize::try_from(count).unwrap_or(usize::MAX),
            codec: u8::try_from(codec).unwrap_or(u8::MAX),
            crc: u32::try_from(crc).unwrap_or(0),
            body,
        },
    }
}

pub(super) async fn insert(tx: &mut SqliteConnection, mut blocks: Vec<NewBlock>) -> sqlx::Result<()> {
    while !blocks.is_empty() {
        let rest = blocks.split_off(blocks.len().min(ROWS));
        let full = blocks.len() == ROWS;
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO block (series, tier, start_ms, end_ms, count, sealed, codec, crc, body) ",
        );
        query.push_values(blocks, |mut row, new| {
            row.push_bind(new.series)
                .push_bind(new.tier.code())
                .push_bind(new.block.start)
                .push_bind(new.block.end)
                .push_bind(new.block.count as i64)
                .push_bind(new.sealed)
                .push_bind(i64::from(new.block.codec))
                .push_bind(i64::from(new.block.crc))
                .push_bind(new.block.body);
        });
        query.build().persistent(full).execute(&mut *tx).await?;
        blocks = rest;
    }
    Ok(())
}

/// Deletes the rows with these keys from `block` or `batch`.
pub(super) async fn delete(tx: &mut SqliteConnection, table: &'static str, ids: &[i64]) -> sqlx::Result<()> {
    for ids in ids.chunks(ROWS) {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("DELETE FROM ");
        query.push(table).push(" WHERE id IN (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(*id);
        }
        query.push(")");
        query.build().persistent(ids.len() == ROWS).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Marks damaged blocks as done with.
pub(super) async fn give_up(tx: &mut SqliteConnection, ids: &[i64]) -> sqlx::Result<()> {
    for id in ids {
        sqlx::query("UPDATE block SET sealed = TRUE WHERE id = $1").bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

/// The bodies of these batches, in order of arrival.
pub(super) async fn bodies(
    connection: &mut SqliteConnection,
    ids: &[i64],
) -> sqlx::Result<Vec<(i64, Vec<u8>)>> {
    let mut all = Vec::with_capacity(ids.len());
    for ids in ids.chunks(ROWS) {
        let places = (1..=ids.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT id, body FROM batch WHERE id IN ({places}) ORDER BY id");
        let mut query = sqlx::query_as::<_, (i64, Vec<u8>)>(AssertSqlSafe(sql)).persistent(ids.len() == ROWS);
        for id in ids {
            query = query.bind(*id);
        }
        all.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(all)
}

/// The floors of every kind of entity, by the kind's number.
#[derive(Debug, Default)]
pub(super) struct AllFloors {
    rows: Vec<(Tier, i64, i64)>,
}

/// Stands for every kind in the table `kind_floor`.
const EVERY_KIND: i64 = 0;

impl AllFloors {
    pub(super) fn of(&self, kind: i64) -> Floors {
        let mut floors = Floors::NONE;
        for (tier, of, floor) in &self.rows {
            if *of == kind || *of == EVERY_KIND {
                let own = &mut floors.0[*tier as usize];
                *own = (*own).max(*floor);
            }
        }
        floors
    }
}

pub(super) async fn floors(connection: &mut SqliteConnection) -> sqlx::Result<AllFloors> {
    let rows: Vec<(i64, i64, i64)> =
        sqlx::query_as("SELECT tier, kind, floor_ms FROM kind_floor").fetch_all(connection).await?;
    let known = |(tier, kind, floor)| Some((Tier::from_code(tier)?, kind, floor));
    Ok(AllFloors { rows: rows.into_iter().filter_map(known).collect() })
}
