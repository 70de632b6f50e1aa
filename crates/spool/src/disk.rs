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
    /// Overwrites a small file in place. The one act that is not durable: after a power cut any part may be there.
    fn note(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Differs whenever this may be another copy of the directory, or the same after the disk was reset: it changes with
    /// the machine's boot and with the creation of the lock file.
    fn place(&mut self) -> u64;
}

/// A real directory, locked.
pub(crate) struct Directory {
    path: PathBuf,
    lock: File,
    /// The file appended to last, kept open.
    tail: Option<(String, File)>,
    /// The file noted to last, kept open.
    noted: Option<(String, File)>,
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
            Ok(()) => Ok(Self { path: path.to_owned(), lock, tail: None, noted: None }),
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
        for kept in [&mut self.tail, &mut self.noted] {
            if kept.as_ref().is_some_and(|(open, _)| open == name) {
                *kept = None;
            }
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
        if !self.path.is_dir() {
            // Somebody removed it under us. What it held is lost and will be counted; what comes need not be.
            create(&self.path)?;
        }
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
        if is_unlinked(file)? {
            self.tail = None;
            return Err(io::ErrorKind::NotFound.into());
        }
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

    fn note(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = match self.noted.take() {
            Some((open, file)) if open == name => file,
            _ => OpenOptions::new().create(true).truncate(false).write(true).open(self.path.join(name))?,
        };
        let (_, file) = self.noted.insert((name.to_owned(), file));
        file.seek(SeekFrom::Start(0))?;
        file.write_all(bytes)?;
        if file.metadata()?.len() == bytes.len() as u64 { Ok(()) } else { file.set_len(bytes.len() as u64) }
    }

    fn place(&mut self) -> u64 {
        // Where the system tells neither, every start counts as one in another place.
        let boot = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_else(|_| nonce());
        let lock = self.lock.metadata().map_or_else(|_| nonce(), |lock| identity(&lock));
        let halves = [crc32fast::hash(&boot), crc32fast::hash(&lock)];
        u64::from(halves[0]) << 32 | u64::from(halves[1])
    }
}

/// What tells a file from a copy of it that was put in its place.
fn identity(file: &std::fs::Metadata) -> Vec<u8> {
    let born = file.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let mut bytes = born.unwrap_or_default().as_nanos().to_le_bytes().to_vec();
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        bytes.extend_from_slice(&file.dev().to_le_bytes());
        bytes.extend_from_slice(&file.ino().to_le_bytes());
    }
    bytes
}

/// Another value at each call, as far as the system's hasher keys are random.
fn nonce() -> Vec<u8> {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0).to_le_bytes().to_vec()
}

#[cfg(unix)]
fn is_unlinked(file: &File) -> io::Result<bool> {
    Ok(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) == 0)
}

/// Windows does not unlink a file that is open.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the Unix one can fail")]
fn is_unlinked(_: &File) -> io::Result<bool> {
    Ok(false)
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
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Windows has no way to sync a directory; NTFS journals its entries.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the Unix one can fail")]
pub(crate) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
