//! A look at a spool that another process may be writing.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Directory, Disk};
use crate::{Accounting, Epoch, Error, Options, Spool};

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The life of the spool.
    pub epoch: Epoch,
    /// Where every batch of it is.
    pub accounting: Accounting,
}

/// Reads the account of the spool in `dir` without locking, mending or changing anything. A batch that is
/// being written at this moment may be missing from it.
pub fn inspect(dir: &Path) -> Result<Inspection, Error> {
    let (spool, _) = Spool::open_on(Box::new(ReadOnly(dir.to_owned())), Options::gateway(), Epoch(0), 0)?;
    Ok(Inspection { epoch: spool.epoch(), accounting: spool.accounting() })
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
