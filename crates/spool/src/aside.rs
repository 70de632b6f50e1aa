//! Spools that were left behind because their directory had gone back to an older day.
//!
//! A directory that is restored from a copy (a disk that is reset at every boot, a virtual machine that is rolled back, a
//! careful person with `cp`) would number new batches with numbers that other batches bore already, and the controller
//! would take them for duplicates. [`Spool::meet`] finds that out, and [`Spool::set_aside`] begins a new epoch:
//!
//! - Batches from before the copy keep their epoch and number: they are what was sent under it. What of them still waits is
//!   delivered from the directory `NAME.rolled-back-EPOCH`, and the controller knows what it has already.
//! - Batches from after it were never sent. They move to the new epoch, with their times.
//! - The numbers that the other life used and whose batches the controller has not got are batches that the roll-back
//!   destroyed: they become a gap of policy [`Policy::RolledBack`](crate::Policy::RolledBack) of the old epoch.
//!
//! So nothing is lost that the disk still holds, and nothing comes twice. What cannot be told apart: when the machine was
//! started anew several times without reaching the controller, and was reset before one of these starts, only the last is
//! taken for it; and the memory of a running machine that is rolled back together with its disk may hold batches that its
//! other life has sent since, which then come twice.
//!
//! Order of the acts, so that a crash between any two leaves one whole spool: the new spool is written beside
//! (`NAME.next`); the old one's state file says that it is cut, which commits; the old directory is renamed; the new one
//! takes its name. [`open`] finishes what a crash interrupted.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::sync_directory;
use crate::{Epoch, Error, Inspection, Options, Recovery, Spool, inspect};

/// Directories that wait for nothing any more and are kept for a person to look at.
const SETTLED_KEPT: usize = 3;

/// A spool that was left behind and may still have something to deliver.
#[derive(Debug)]
pub struct Aside {
    /// Its directory.
    pub path: PathBuf,
    /// The spool. Nothing is appended to it.
    pub spool: Spool,
}

/// What [`Spool::set_aside`] did.
#[derive(Debug)]
pub struct SetAside {
    /// The spool to go on with, of the fresh epoch, in the directory of the old one.
    pub spool: Spool,
    /// The old one.
    pub aside: Aside,
    /// Batches that wait in the new epoch now.
    pub moved: u64,
}

/// Opens the spool in `dir` and those that were left behind beside it, oldest first.
pub fn open(
    dir: &Path,
    options: &Options,
    fresh_epoch: Epoch,
    now_ms: i64,
) -> Result<(Spool, Recovery, Vec<Aside>), Error> {
    finish(dir, options, fresh_epoch, now_ms)?;
    let (spool, recovery) = Spool::open(dir, options.clone(), fresh_epoch, now_ms)?;
    let mut asides = Vec::new();
    for path in left_behind(dir)? {
        let (spool, _) = Spool::open(&path, options.clone(), Epoch(0), now_ms)?;
        asides.push(Aside { path, spool });
    }
    tidy(&mut asides)?;
    Ok((spool, recovery, asides))
}

/// The accounts of the spools that were left behind beside `dir`, oldest first.
pub fn inspect_asides(dir: &Path) -> Result<Vec<Inspection>, Error> {
    left_behind(dir)?.iter().map(|path| inspect(path)).collect()
}

/// Removes the oldest of the directories that wait for nothing any more.
pub fn tidy(asides: &mut Vec<Aside>) -> Result<(), Error> {
    let settled = asides.iter().filter(|aside| aside.spool.is_settled()).count();
    let mut extra = settled.saturating_sub(SETTLED_KEPT);
    while extra > 0
        && let Some(at) = asides.iter().position(|aside| aside.spool.is_settled())
    {
        let aside = asides.remove(at);
        drop(aside.spool);
        fs::remove_dir_all(&aside.path).map_err(|e| fault("removing", &aside.path, e))?;
        extra -= 1;
    }
    Ok(())
}

impl Spool {
    /// Leaves this spool behind, as [`Standing::RolledBack`](crate::Standing::RolledBack) asks, and goes on in a fresh
    /// epoch in the same directory. `highest`: what the controller said to [`Self::meet`]. After an error nothing has
    /// changed, unless the error is of renaming: then the next [`open`] finishes it.
    pub fn set_aside(
        mut self,
        dir: &Path,
        (shared, highest): (u64, u64),
        fresh_epoch: Epoch,
        now_ms: i64,
    ) -> Result<SetAside, (Option<Box<Self>>, Error)> {
        let prepared = (|| {
            let next = beside(dir, ".next");
            remove_if_there(&next)?;
            let mut spool = Self::fresh(&next, self.options(), fresh_epoch, now_ms)?;
            let moved = self.move_own(shared, &mut spool)?;
            drop(spool);
            self.cut(shared, highest)?;
            Ok(moved)
        })();
        let moved = match prepared {
            Ok(moved) => moved,
            Err(error) => return Err((Some(Box::new(self)), error)),
        };
        let options = self.options();
        let epoch = self.epoch();
        drop(self);
        let opened = (|| {
            let path = exchange(dir, epoch)?;
            let (spool, _) = Self::open(dir, options.clone(), fresh_epoch, now_ms)?;
            let (old, _) = Self::open(&path, options, Epoch(0), now_ms)?;
            Ok(SetAside { spool, aside: Aside { path, spool: old }, moved })
        })();
        opened.map_err(|error| (None, error))
    }
}

/// Goes on where a crash interrupted [`Spool::set_aside`].
fn finish(dir: &Path, options: &Options, fresh_epoch: Epoch, now_ms: i64) -> Result<(), Error> {
    let next = beside(dir, ".next");
    if !next.exists() {
        return Ok(());
    }
    if !dir.exists() {
        return rename(&next, dir);
    }
    let (spool, _) = Spool::open(dir, options.clone(), fresh_epoch, now_ms)?;
    if spool.is_cut() {
        let epoch = spool.epoch();
        drop(spool);
        exchange(dir, epoch)?;
        return Ok(());
    }
    remove_if_there(&next)
}

/// Renames the old directory, and gives its name to the new one.
fn exchange(dir: &Path, epoch: Epoch) -> Result<PathBuf, Error> {
    let aside = (1..=u32::MAX)
        .map(|n| if n == 1 { String::new() } else { format!(".{n}") })
        .map(|number| beside(dir, &format!(".rolled-back-{:016x}{number}", epoch.0)))
        .find(|path| !path.exists())
        .expect("not every number is taken");
    rename(dir, &aside)?;
    rename(&beside(dir, ".next"), dir)?;
    Ok(aside)
}

fn left_behind(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
        return Ok(Vec::new());
    };
    let prefix = format!("{}.rolled-back-", name.to_string_lossy());
    let entries = match fs::read_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|e| fault("listing", parent, e))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| fault("listing", parent, e))?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) && entry.path().is_dir() {
            let changed = entry.metadata().and_then(|entry| entry.modified()).ok();
            found.push((changed, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

fn beside(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.file_name().map_or_else(|| OsString::from("spool"), OsString::from);
    name.push(suffix);
    dir.with_file_name(name)
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::rename(from, to).and_then(|()| sync_directory(parent)).map_err(|e| fault("renaming", from, e))
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault("removing", path, error)),
        _ => Ok(()),
    }
}

fn fault(doing: &'static str, path: &Path, source: io::Error) -> Error {
    Error::io(doing, &path.display().to_string(), source)
}

#[cfg(test)]
mod tests;
