//! A look at a spool that another process may be writing.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Directory, Disk};
use crate::{Accounting, Epoch, Error, Options, Spool, state};

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The life of the spool.
    pub epoch: Epoch,
    /// Where every batch of it is.
    pub accounting: Accounting,
}

/// How often a look is taken again because files came or went meanwhile.
const LOOKS: usize = 50;

/// Reads the account of the spool in `dir` without locking, mending or changing anything. A batch that is
/// being written at this moment may be missing from it.
pub fn inspect(dir: &Path) -> Result<Inspection, Error> {
    inspect_on(|| Box::new(ReadOnly(dir.to_owned())))
}

/// What is read of a spool in which files come and go meanwhile belongs to no moment, and a batch in a file that went would
/// count as destroyed. So the look counts if the same files and the same state were there before and after it.
fn inspect_on(disk: impl Fn() -> Box<dyn Disk>) -> Result<Inspection, Error> {
    let mut looks = 1;
    loop {
        let before = surroundings(&mut *disk());
        let found = Spool::open_on(disk(), Options::gateway(), Epoch(0), 0);
        if before == surroundings(&mut *disk()) || looks == LOOKS {
            let (spool, _) = found?;
            return Ok(Inspection { epoch: spool.epoch(), accounting: spool.accounting() });
        }
        looks += 1;
    }
}

/// The names of the files, and the state.
fn surroundings(disk: &mut dyn Disk) -> (Vec<String>, Vec<u8>) {
    let mut names = disk.list().unwrap_or_default();
    names.sort_unstable();
    (names, disk.read(state::NAME, 0, u64::MAX).unwrap_or_default())
}

/// A directory on which every change succeeds and none happens.
struct ReadOnly(PathBuf);

impl Disk for ReadOnly {
    fn list(&mut self) -> io::Result<Vec<String>> {
        Directory::list_of(&self.0)
    }

    fn size(&mut self, name: &str) -> io::Result<u64> {
        Ok(std::fs::metadata(self.0.join(name))?.len())
    }

    fn read(&mut self, name: &str, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        Directory::read_of(&self.0.join(name), offset, length)
    }

    fn replace(&mut self, _: &str, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, _: &str, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, _: &str, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&mut self, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn note(&mut self, _: &str, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn place(&mut self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::Class;

    #[test]
    fn a_spool_in_use_can_be_looked_at_and_is_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(dir.path(), Options::lab(), Epoch(7), 0).unwrap();
        for n in 0..5u8 {
            spool.append(Class::Sample, &[n; 10], 0).unwrap();
        }
        spool.acknowledge(2, 0).unwrap();
        let before: Vec<_> = files(dir.path());
        let seen = inspect(dir.path()).unwrap();
        assert_eq!(seen, Inspection { epoch: Epoch(7), accounting: spool.accounting() });
        assert_eq!((seen.accounting.produced, seen.accounting.pending), (5, 3));
        assert_eq!(files(dir.path()), before);
    }

    type Change = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

    /// A directory that another process changes before the second file is read.
    struct Moving {
        inner: ReadOnly,
        change: Change,
        read: usize,
    }

    impl Disk for Moving {
        fn list(&mut self) -> io::Result<Vec<String>> {
            self.inner.list()
        }
        fn size(&mut self, name: &str) -> io::Result<u64> {
            self.inner.size(name)
        }
        fn read(&mut self, name: &str, offset: u64, length: u64) -> io::Result<Vec<u8>> {
            self.read += 1;
            if self.read == 2
                && let Some(change) = self.change.lock().unwrap().take()
            {
                change();
            }
            self.inner.read(name, offset, length)
        }
        fn replace(&mut self, _: &str, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
        fn append(&mut self, _: &str, _: u64, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
        fn truncate(&mut self, _: &str, _: u64) -> io::Result<()> {
            Ok(())
        }
        fn remove(&mut self, _: &str) -> io::Result<()> {
            Ok(())
        }
        fn rename(&mut self, _: &str, _: &str) -> io::Result<()> {
            Ok(())
        }
        fn note(&mut self, _: &str, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
        fn place(&mut self) -> u64 {
            0
        }
    }

    #[test]
    fn a_spool_that_drops_segments_meanwhile_is_looked_at_again() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options::lab().with_quota(200_000);
        let (mut spool, _) = Spool::open(dir.path(), options, Epoch(7), 0).unwrap();
        let payload = [5; 2_000];
        for _ in 0..60 {
            spool.append(Class::Sample, &payload, 0).unwrap();
        }
        let spool = Arc::new(Mutex::new(spool));
        let own = spool.clone();
        let drops = move || {
            for _ in 0..100 {
                own.lock().unwrap().append(Class::Sample, &payload, 0).unwrap();
            }
        };
        let change: Change = Arc::new(Mutex::new(Some(Box::new(drops))));
        let seen = inspect_on(|| {
            Box::new(Moving { inner: ReadOnly(dir.path().to_owned()), change: change.clone(), read: 0 })
        });
        let account = spool.lock().unwrap().accounting();
        assert!(account.dropped.quota > 0 && change.lock().unwrap().is_none());
        assert_eq!(seen.unwrap().accounting, account);
    }

    fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
            .collect();
        all.sort();
        all
    }
}
