//! The few acts on a directory that the spool is made of.
//!
//! Each is durable when it returns. They stand behind a trait because a full disk and a power cut at every single act can
//! then be tested without either.

#[cfg(test)]
pub(crate) mod fake;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::Error;

pub(crate) const LOCK: &str = "spool.lock";
pub(crate) const TEMPORARY: &str = ".tmp";

pub(crate) trait Disk: Send {
    /// The names of the regular files.
    fn list(&mut self) -> io::Result<Vec<String>>;
    /// Size in bytes.
    fn size(&mut self, name: &str) -> io::Result<u64>;
    /// Up to `length` bytes from `offset` on; fewer at the end of the file.
    fn read(&mut self, name: &str, offset: u64, length: u64) -> io::Result<Vec<u8>>;
    /// Makes `name` a file of exactly these bytes, or leaves what was there.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Writes at `offset`, which is the end of the file. On an error any part may have been written.
    fn append(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to `length` bytes.
    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()>;
    /// Unlinks. This act alone may come undone in a power cut.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Gives a file another name.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
}

/// A real directory, locked.
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
    /// The file appended to last, kept open.
    tail: Option<(String, File)>,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let fault = |doing| move |source| Error::io(doing, &path.display().to_string(), source);
        create(path).map_err(fault("creating the directory"))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(fault("opening the lock in"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock, tail: None }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked(shown)),
            Err(TryLockError::Error(source)) => Err(fault("locking")(source)),
        }
    }

    fn tail(&mut self, name: &str) -> io::Result<&mut File> {
        let file = match self.tail.take() {
            Some((open, file)) if open == name => file,
            _ => OpenOptions::new().write(true).open(self.path.join(name))?,
        };
        Ok(&mut self.tail.insert((name.to_owned(), file)).1)
    }

    fn forget(&mut self, name: &str) {
        if self.tail.as_ref().is_some_and(|(open, _)| open == name) {
            self.tail = None;
        }
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }
}

impl Directory {
    pub(crate) fn list_of(path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    pub(crate) fn read_of(file: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(file)?;
        let left = file.metadata()?.len().saturating_sub(offset).min(length);
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(left as usize);
        file.take(left).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Disk for Directory {
    fn list(&mut self) -> io::Result<Vec<String>> {
        Self::list_of(&self.path)
    }

    fn size(&mut self, name: &str) -> io::Result<u64> {
        Ok(std::fs::metadata(self.path.join(name))?.len())
    }

    fn read(&mut self, name: &str, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        Self::read_of(&self.path.join(name), offset, length)
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.forget(name);
        let temporary = self.path.join(format!("{name}{TEMPORARY}"));
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = written.and_then(|()| std::fs::rename(&temporary, self.path.join(name))) {
            // The half-written file holds space that may be what is missing. The next start removes it otherwise.
            let _ = std::fs::remove_file(&temporary);
            return Err(error);
        }
        self.sync()
    }

    fn append(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.tail(name)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        let file = self.tail(name)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.forget(name);
        match std::fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.forget(from);
        std::fs::rename(self.path.join(from), self.path.join(to))?;
        self.sync()
    }
}

/// Creates the directory and its parents, readable by their owner only, and makes the entry durable.
fn create(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Windows has no way to sync a directory; NTFS journals its entries.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the Unix one can fail")]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
