//! The store in one SQLite file.
//!
//! One connection writes, a few read. The writer commits with `synchronous = FULL` in WAL mode, so
//! that what was committed survives a power cut, and readers never wait for it. Compaction reads,
//! decodes and compresses beside the writer and holds it only to write the outcome.
//!
//! Which batches are hot is also kept in memory ([`hot::Hot`]). Two rules keep that and the file in
//! step: memory changes only after a commit, in a task that outlives its caller; and a compaction's
//! commit and its change in memory happen under `layout`, which a reader holds until its transaction
//! has a fixed view, so that no reader sees a batch both hot and compacted.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as BlockingMutex, MutexGuard as BlockingGuard, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, RwLock};

use crate::block::Tier;
use crate::{Decode, Error, ErrorKind};

mod agents;
mod audit;
mod backup;
mod blocks;
mod check;
mod compact;
mod health;
mod history;
mod hot;
mod ingest;
mod migrate;
mod people;
mod retain;
mod rows;
#[cfg(test)]
mod tests;
mod writer;

/// How many charts and pages may read at the same time.
const READERS: u32 = 4;

/// How long a connection waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The write-ahead log is cut back to this many bytes after a large transaction.
const WAL_LIMIT: &str = "67108864";

/// The store in one SQLite file. Clones are the same store.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    file: PathBuf,
    decode: Decode,
    incarnation: u64,
    writer: Mutex<writer::Writer>,
    readers: SqlitePool,
    /// Held by whoever rearranges blocks: one compaction or retention at a time.
    maintenance: Mutex<Maintenance>,
    /// Held by whoever makes a copy: one at a time, because the log cannot be cut back meanwhile.
    copying: Mutex<()>,
    layout: RwLock<()>,
    hot: BlockingMutex<hot::Hot>,
    /// Locked as long as the store is open.
    _lock: Option<File>,
}

/// What whoever rearranges blocks remembers from one turn to the next.
#[derive(Default)]
struct Maintenance {
    /// By tier and kind: where retention has looked before there is nothing left to delete. Empty at the
    /// start, so that what an earlier run left over is found.
    swept: HashMap<(Tier, i64), i64>,
}

impl SqliteStore {
    /// Opens the store in `file`, makes it if there is none, and brings its schema up to date. A new
    /// store takes `fresh_incarnation`, which should be random, as its incarnation.
    ///
    /// Only one process may have a store open in this way; the file `FILE.lock` sees to it.
    pub async fn open(file: &Path, decode: Decode, fresh_incarnation: u64) -> Result<Self, Error> {
        let lock = lock(file)?;
        Self::start(file, decode, fresh_incarnation, Some(lock)).await
    }

    /// Opens the store in `file` beside the controller that uses it, for a tool that looks at it or
    /// changes the registry. Such a store must not ingest or compact.
    pub async fn open_beside(file: &Path, decode: Decode) -> Result<Self, Error> {
        if !file.exists() {
            let missing = io::Error::from(io::ErrorKind::NotFound);
            return Err(Error::new("open the store", file, ErrorKind::Permission).with_source(missing));
        }
        Self::start(file, decode, 0, None).await
    }

    async fn start(
        file: &Path,
        decode: Decode,
        fresh_incarnation: u64,
        lock: Option<File>,
    ) -> Result<Self, Error> {
        let fail = |error| failure("open the store", file, error);
        private_file(file)
            .map_err(|e| Error::new("open the store", file, ErrorKind::Permission).with_source(e))?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .disable_statement_logging();
        let writing =
            options.clone().synchronous(SqliteSynchronous::Full).pragma("journal_size_limit", WAL_LIMIT);
        // Nothing is written before the file has turned out to be ours; a connection that may write would
        // move the log into the file when it ends.
        let mut looking = options.clone().read_only(true).connect().await.map_err(fail)?;
        let is_new = migrate::check(&mut looking, file).await?;
        looking.close().await.map_err(fail)?;
        let mut writer = writer::Writer::connect(writing).await.map_err(fail)?;
        let setup = if is_new {
            // In this order: once anything is written it is too late for auto_vacuum.
            "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL"
        } else {
            "PRAGMA journal_mode = WAL"
        };
        sqlx::raw_sql(setup).execute(&mut *writer).await.map_err(fail)?;
        migrate::migrate(&mut writer, file).await?;
        let incarnation = incarnation(&mut writer, fresh_incarnation).await.map_err(fail)?;
        let hot = hot::load(&mut writer).await.map_err(fail)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .after_release(|reader, _| Box::pin(async { Ok(!writer::is_stuck(reader).await?) }))
            .connect_with(options.read_only(true))
            .await
            .map_err(fail)?;
        Ok(Self {
            inner: Arc::new(Inner {
                file: file.to_owned(),
                decode,
                incarnation,
                writer: Mutex::new(writer),
                readers,
                maintenance: Mutex::default(),
                copying: Mutex::new(()),
                layout: RwLock::new(()),
                hot: BlockingMutex::new(hot),
                _lock: lock,
            }),
        })
    }

    /// Moves what is in the write-ahead log into the file and closes the readers. Not needed for
    /// safety; it leaves one tidy file behind.
    pub async fn close(&self) -> Result<(), Error> {
        self.inner.readers.close().await;
        let mut writer = self.inner.writer.lock().await;
        sqlx::raw_sql("PRAGMA wal_checkpoint (TRUNCATE)")
            .execute(&mut **writer)
            .await
            .map_err(self.inner.fail("close the store"))?;
        Ok(())
    }

    /// Runs work to its end even if the caller goes away.
    async fn to_the_end<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        match tokio::spawn(work).await {
            Ok(done) => done,
            Err(gone) => Err(Error::new(doing, &self.inner.file, ErrorKind::Other).with_source(gone)),
        }
    }
}

impl Inner {
    /// Says what was being done, for `map_err`.
    fn fail(&self, doing: &'static str) -> impl Fn(sqlx::Error) -> Error + '_ {
        move |error| failure(doing, &self.file, error)
    }

    fn hot(&self) -> BlockingGuard<'_, hot::Hot> {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn incarnation(writer: &mut SqliteConnection, fresh: u64) -> sqlx::Result<u64> {
    let kept: Option<i64> = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'incarnation'")
        .fetch_optional(&mut *writer)
        .await?;
    if let Some(kept) = kept {
        return Ok(kept.cast_unsigned());
    }
    sqlx::query("INSERT INTO meta (key, value) VALUES ('incarnation', $1)")
        .bind(fresh.cast_signed())
        .execute(writer)
        .await?;
    Ok(fresh)
}

fn lock(file: &Path) -> Result<File, Error> {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    let doing = "lock the store";
    let lock = private_file(Path::new(&name))
        .map_err(|e| Error::new(doing, file, ErrorKind::Permission).with_source(e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::new(doing, file, ErrorKind::InUse)),
        Err(TryLockError::Error(e)) => Err(Error::new(doing, file, ErrorKind::Other).with_source(e)),
    }
}

/// Opens a file, or makes it so that only its owner may read it; SQLite gives its side files the
/// same permissions.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn failure(doing: &'static str, file: &Path, error: sqlx::Error) -> Error {
    Error::new(doing, file, classify(&error)).with_source(error)
}

/// SQLite's primary result codes: <https://www.sqlite.org/rescode.html>.
fn classify(error: &sqlx::Error) -> ErrorKind {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<i32>().ok());
            match code.map(|code| code & 0xff) {
                Some(13) => ErrorKind::DiskFull,
                Some(5 | 6) => ErrorKind::Busy,
                Some(11) => ErrorKind::Corrupt,
                Some(26) => ErrorKind::Foreign,
                Some(3 | 8 | 14 | 23) => ErrorKind::Permission,
                _ => ErrorKind::Other,
            }
        }
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => ErrorKind::DiskFull,
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => ErrorKind::Corrupt,
        _ => ErrorKind::Other,
    }
}
