//! The schema's versions. The file's `user_version` says which one it has, its `application_id` that
//! it is Wasl's.
//!
//! A migration that has been released is never edited; a change is a new file with the next number.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::failure;
use crate::{Error, ErrorKind};

/// "Wasl" in ASCII.
const APPLICATION: i64 = 0x5761_736c;

pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_observations.sql"),
    include_str!("../../migrations/sqlite/0002_registry.sql"),
    include_str!("../../migrations/sqlite/0003_health.sql"),
    include_str!("../../migrations/sqlite/0004_occurrences.sql"),
    include_str!("../../migrations/sqlite/0005_event_lookup.sql"),
];

/// Refuses, without writing, what is not a store or is one from the future. Whether the file is new.
pub(super) async fn check(connection: &mut SqliteConnection, file: &Path) -> Result<bool, Error> {
    let doing = "open the store";
    let (version, application, tables) = identity(connection).await.map_err(|e| failure(doing, file, e))?;
    let known = MIGRATIONS.len() as i64;
    let ours = application == APPLICATION || (application == 0 && version == 0 && tables == 0);
    if !ours {
        Err(Error::new(doing, file, ErrorKind::Foreign))
    } else if version > known {
        Err(Error::new(doing, file, ErrorKind::Newer { found: version, known }))
    } else {
        Ok(application == 0)
    }
}

/// Which schema the file has.
pub(super) async fn version(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await
}

/// Applies what is missing, each migration in a transaction of its own.
pub(super) async fn migrate(connection: &mut SqliteConnection, file: &Path) -> Result<(), Error> {
    for (version, sql) in (1..).zip(MIGRATIONS) {
        step(connection, version, sql).await.map_err(|e| failure("bring the schema up to date", file, e))?;
    }
    Ok(())
}

pub(super) async fn step(
    connection: &mut SqliteConnection,
    version: i64,
    sql: &'static str,
) -> sqlx::Result<()> {
    let current: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    if current >= version {
        return Ok(());
    }
    // Asked again inside, because another process may have been quicker.
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let current: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await?;
    if current < version {
        sqlx::raw_sql(sql).execute(&mut *tx).await?;
        let mark = format!("PRAGMA user_version = {version}; PRAGMA application_id = {APPLICATION}");
        sqlx::raw_sql(AssertSqlSafe(mark)).execute(&mut *tx).await?;
    }
    tx.commit().await
}

async fn identity(connection: &mut SqliteConnection) -> sqlx::Result<(i64, i64, i64)> {
    let version = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    let application = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let tables = sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master").fetch_one(connection).await?;
    Ok((version, application, tables))
}
