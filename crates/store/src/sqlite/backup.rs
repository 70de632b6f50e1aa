//! Copies of the store, and putting one in its place.
//!
//! `VACUUM INTO` copies what one reader sees: the writer goes on beside it, in the write-ahead log,
//! which cannot be cut back until the copy is made. SQLite does not sync such a copy, so that is done
//! here, before the file is checked and gets its name.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use wasl_model::Timestamp;

use super::check::{self, Examined};
use super::retain::pages;
use super::rows::count;
use super::{Inner, SqliteStore, failure, lock, private_file};
use crate::{BackupReport, Depth, Error, ErrorKind, Finding, Gravity, Upkeep};

const DOING: &str = "back the store up";
const RESTORING: &str = "restore the store";

/// What belongs to a store's file.
const SIDE_FILES: [&str; 3] = ["", "-wal", "-shm"];

#[async_trait]
impl Upkeep for SqliteStore {
    async fn check(&self, now: Timestamp, depth: Depth) -> Result<Vec<Finding>, Error> {
        Self::inspect(&self.inner.file, now, depth).await
    }

    async fn backup(&self, now: Timestamp, to: &Path) -> Result<BackupReport, Error> {
        let (inner, to) = (self.inner.clone(), to.to_owned());
        self.to_the_end(DOING, async move { backup(&inner, now, &to).await }).await
    }
}

impl SqliteStore {
    /// Puts a copy of the store at `from` in the place `to`. The copy is checked first, is on the disk
    /// before it gets its name, and has the incarnation of the original (see [`Upkeep::backup`]). A store
    /// that is in the place is moved aside, with its log, and where to is returned; one that a controller
    /// uses is refused.
    pub async fn restore(from: &Path, to: &Path, now: Timestamp) -> Result<Option<PathBuf>, Error> {
        let _lock = lock(to)?;
        let partial = named(to, ".partial");
        let _own = claim(&partial, RESTORING)?;
        let made = async {
            copy(from, &partial).map_err(|e| told(RESTORING, from, e))?;
            sound(&partial, now, RESTORING).await
        };
        if let Err(error) = made.await {
            discard(&partial);
            return Err(error);
        }
        let aside = set_aside(to).map_err(|e| told(RESTORING, to, e))?;
        publish(&partial, to).map_err(|e| told(RESTORING, to, e))?;
        Ok(aside)
    }
}

async fn backup(inner: &Inner, now: Timestamp, to: &Path) -> Result<BackupReport, Error> {
    let _turn = inner.copying.lock().await;
    if to.exists() {
        return Err(Error::new(DOING, to, ErrorKind::Exists));
    }
    let mut source = check::open(&inner.file).await?;
    let fail = |error| failure(DOING, &inner.file, error);
    enough_room(&mut source, to).await.map_err(fail)?;
    let partial = named(to, ".partial");
    let _own = claim(&partial, DOING)?;
    let made = async {
        let before = accounted(&mut source).await.map_err(fail)?;
        let copying = Instant::now();
        sqlx::query("VACUUM INTO $1")
            .bind(partial.to_string_lossy())
            .execute(&mut source)
            .await
            .map_err(|error| failure(DOING, &partial, error))?;
        File::open(&partial).and_then(|file| file.sync_all()).map_err(|e| told(DOING, &partial, e))?;
        let copied_in = copying.elapsed();
        let after = accounted(&mut source).await.map_err(fail)?;
        let checking = Instant::now();
        let examined = sound(&partial, now, DOING).await?;
        let mut copy = check::open(&partial).await?;
        let (has, hot_batches) = async {
            let hot: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM batch").fetch_one(&mut copy).await?;
            sqlx::Result::Ok((accounted(&mut copy).await?, count(hot)))
        }
        .await
        .map_err(|error| failure(DOING, &partial, error))?;
        if !(before..=after).contains(&has) {
            let what = format!("it accounts for {has} batches, the original for {before} to {after}");
            return Err(Error::new(DOING, to, ErrorKind::BadCopy(what)));
        }
        let bytes = fs::metadata(&partial).map_err(|e| told(DOING, &partial, e))?.len();
        Ok(BackupReport {
            file: to.to_owned(),
            bytes,
            copied_in,
            checked_in: checking.elapsed(),
            blocks: examined.blocks,
            hot_batches,
            findings: examined.findings,
        })
    };
    let made = match made.await {
        Ok(report) => publish(&partial, to).map(|()| report).map_err(|e| told(DOING, to, e)),
        Err(error) => Err(error),
    };
    if made.is_err() {
        discard(&partial);
    }
    made
}

/// How many batches a store has ever accounted for.
async fn accounted(connection: &mut SqliteConnection) -> sqlx::Result<u64> {
    let sum: i64 =
        sqlx::query_scalar("SELECT COALESCE(SUM(stored), 0) FROM stream").fetch_one(connection).await?;
    Ok(count(sum))
}

async fn enough_room(source: &mut SqliteConnection, to: &Path) -> sqlx::Result<()> {
    let (pages, free, size) = pages(source).await?;
    let needed = count((pages - free).saturating_mul(size));
    #[cfg(unix)]
    if check::free_bytes(to).is_some_and(|free| free < needed) {
        return Err(sqlx::Error::Io(io::Error::new(
            io::ErrorKind::StorageFull,
            format!("the copy takes some {} MB", needed >> 20),
        )));
    }
    Ok(())
}

/// Checks a whole copy. What does not keep it from being used is left to the caller.
async fn sound(copy: &Path, now: Timestamp, doing: &'static str) -> Result<Examined, Error> {
    let mut connection = check::open(copy).await?;
    let mut examined = check::look(&mut connection, copy, now, Depth::Full).await?;
    if examined.broken {
        let worst = examined.findings.iter().find(|finding| finding.gravity == Gravity::Fault);
        let what = worst.map_or_else(String::new, |finding| finding.message.clone());
        return Err(Error::new(doing, copy, ErrorKind::BadCopy(what)));
    }
    // The disk's room and whether work keeps up are no property of a copy.
    examined.findings.retain(|finding| {
        !matches!(
            finding.code,
            "disk_full"
                | "disk_nearly_full"
                | "log_large"
                | "compaction_behind"
                | "sealing_behind"
                | "schema_older"
        )
    });
    Ok(examined)
}

fn told(doing: &'static str, file: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull => ErrorKind::DiskFull,
        _ => ErrorKind::Permission,
    };
    Error::new(doing, file, kind).with_source(error)
}

fn named(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// An empty file of that name that only its owner may read, locked as long as what is returned. What an
/// earlier run left there goes.
fn claim(partial: &Path, doing: &'static str) -> Result<File, Error> {
    let file = private_file(partial).map_err(|e| told(doing, partial, e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::new(doing, partial, ErrorKind::Exists)),
        Err(TryLockError::Error(error)) => return Err(told(doing, partial, error)),
    }
    file.set_len(0).map_err(|e| told(doing, partial, e))?;
    for suffix in &SIDE_FILES[1..] {
        let _ = fs::remove_file(named(partial, suffix));
    }
    Ok(file)
}

fn discard(partial: &Path) {
    for suffix in SIDE_FILES {
        let _ = fs::remove_file(named(partial, suffix));
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    // A log beside it would hold what the file lacks; a backup has none.
    if fs::metadata(named(from, "-wal")).is_ok_and(|log| log.len() > 0) {
        return Err(io::Error::other(
            "it has a write-ahead log beside it, so it is a store in use and not a backup; make a backup of it",
        ));
    }
    let mut target = File::options().write(true).open(to)?;
    io::copy(&mut File::open(from)?, &mut target)?;
    target.sync_all()
}

/// Gives a finished file its name, so that it is there after a power cut.
fn publish(partial: &Path, to: &Path) -> io::Result<()> {
    for suffix in &SIDE_FILES[1..] {
        let _ = fs::remove_file(named(partial, suffix));
    }
    fs::rename(partial, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Moves a store out of the way, with its log: without it, it would lack its latest batches.
fn set_aside(file: &Path) -> io::Result<Option<PathBuf>> {
    if !SIDE_FILES.iter().any(|suffix| named(file, suffix).exists()) {
        return Ok(None);
    }
    let mut free = (1..).map(|n| named(file, &format!(".replaced-{n}")));
    let aside = free.find(|aside| !aside.exists()).unwrap_or_else(|| named(file, ".replaced"));
    // The log first: a log beside another file than its own would be applied to it.
    for suffix in ["-shm", "-wal", ""] {
        let from = named(file, suffix);
        if from.exists() {
            fs::rename(from, named(&aside, suffix))?;
        }
    }
    Ok(Some(aside))
}
