//! The connection that writes.
//!
//! When the disk is full or an input or output fails, SQLite ends the transaction by itself
//! (<https://www.sqlite.org/lang_transaction.html>, "Response To Errors Within A Transaction"). sqlx 0.9
//! does not notice: it goes on to believe in that transaction and refuses every later one. So a
//! connection that still claims a transaction when nobody has one is replaced.

use std::ops::{Deref, DerefMut};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, Transaction};

pub(super) struct Writer {
    options: SqliteConnectOptions,
    connection: SqliteConnection,
}

impl Writer {
    pub(super) async fn connect(options: SqliteConnectOptions) -> sqlx::Result<Self> {
        let connection = options.connect().await?;
        Ok(Self { options, connection })
    }

    /// Begins a transaction that holds SQLite's write lock from the start.
    pub(super) async fn transaction(&mut self) -> sqlx::Result<Transaction<'_, Sqlite>> {
        if is_stuck(&mut self.connection).await? {
            self.connection = self.options.connect().await?;
        }
        self.connection.begin_with("BEGIN IMMEDIATE").await
    }
}

/// Whether a connection that is between transactions believes to be in one.
pub(super) async fn is_stuck(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    if connection.is_in_transaction() {
        // A rollback may be waiting in the connection's queue; the answer comes after it.
        connection.ping().await?;
    }
    Ok(connection.is_in_transaction())
}

impl Deref for Writer {
    type Target = SqliteConnection;
    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Writer {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
