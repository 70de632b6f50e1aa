//! A directory in memory whose every act can be made to fail, to stop half-way, or to be the last before a power cut.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::Disk;

/// What happens at the chosen act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails and changes nothing, except that an append leaves half of its bytes.
    Error,
    /// It reports an error although it was done.
    ErrorButDone,
    /// The power goes before it.
    CrashBefore,
    /// The power goes while it is under way: half of an append, a replacement's temporary file.
    CrashWithin,
    /// As before, and the half that is there is zeros.
    CrashZeros,
    /// The power goes after it.
    CrashAfter,
    /// The power goes after it, and unlinked files are back.
    CrashUndoingUnlinks,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Changing acts so far.
    pub(crate) acts: usize,
    pub(crate) fault: Option<(usize, Fault)>,
    /// All bytes of all files may not exceed this.
    pub(crate) capacity: Option<usize>,
    /// Reading this file meets a bad sector.
    pub(crate) bad_sector: Option<String>,
    /// What [`Disk::place`] says.
    pub(crate) place: u64,
    pub(crate) dead: bool,
    unlinked: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Default)]
pub(crate) struct FakeDisk(Arc<Mutex<Inner>>);

impl FakeDisk {
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panics while it holds the disk")
    }

    pub(crate) fn boxed(&self) -> Box<dyn Disk> {
        Box::new(self.clone())
    }

    /// What is on the platter after the power came back.
    pub(crate) fn revive(&self) -> Self {
        let inner = self.inner();
        let (files, place) = (inner.files.clone(), inner.place);
        Self(Arc::new(Mutex::new(Inner { files, place, ..Inner::default() })))
    }

    /// The same files in a directory that was restored from them.
    pub(crate) fn restored(&self) -> Self {
        let copy = self.revive();
        copy.inner().place += 1;
        copy
    }
}

fn power_cut() -> io::Error {
    io::Error::other("the power is off")
}

impl Inner {
    fn used(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }

    /// Runs one changing act under the fault that is due.
    fn act(
        &mut self,
        whole: impl FnOnce(&mut Self) -> io::Result<()>,
        part: impl FnOnce(&mut Self, bool),
    ) -> io::Result<()> {
        if self.dead {
            return Err(power_cut());
        }
        self.acts += 1;
        let due = self.fault.filter(|(at, _)| *at == self.acts).map(|(_, fault)| fault);
        let Some(fault) = due else { return whole(self) };
        self.dead = !matches!(fault, Fault::Error | Fault::ErrorButDone);
        match fault {
            Fault::Error => {
                part(self, false);
                return Err(io::ErrorKind::StorageFull.into());
            }
            Fault::CrashBefore => {}
            Fault::CrashWithin => part(self, false),
            Fault::CrashZeros => part(self, true),
            Fault::ErrorButDone | Fault::CrashAfter => whole(self)?,
            Fault::CrashUndoingUnlinks => {
                whole(self)?;
                let mut back = std::mem::take(&mut self.unlinked);
                self.files.append(&mut back);
            }
        }
        Err(power_cut())
    }

    fn fits(&self, more: usize) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if self.used() + more > capacity => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl Disk for FakeDisk {
    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.inner().files.keys().cloned().collect())
    }

    fn size(&mut self, name: &str) -> io::Result<u64> {
        let inner = self.inner();
        inner.files.get(name).map(|bytes| bytes.len() as u64).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read(&mut self, name: &str, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let inner = self.inner();
        if inner.bad_sector.as_deref() == Some(name) {
            return Err(io::Error::from_raw_os_error(if cfg!(windows) { 23 } else { 5 }));
        }
        let bytes = inner.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(bytes.iter().skip(offset as usize).take(length as usize).copied().collect())
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let whole = |inner: &mut Inner| {
            inner.fits(bytes.len())?;
            inner.files.insert(name.to_owned(), bytes.to_vec());
            inner.unlinked.clear();
            Ok(())
        };
        let part = |inner: &mut Inner, _| {
            if inner.dead {
                inner.files.insert(format!("{name}.tmp"), bytes[..bytes.len() / 2].to_vec());
            }
        };
        self.inner().act(whole, part)
    }

    fn append(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let half = bytes.len() / 2;
        let whole = |inner: &mut Inner| {
            let room = inner.fits(bytes.len());
            let file = inner.files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
            assert_eq!(file.len() as u64, offset, "an append begins at the end of the file");
            file.extend_from_slice(if room.is_ok() { bytes } else { &bytes[..half] });
            room
        };
        let part = |inner: &mut Inner, zeros: bool| {
            let file = inner.files.get_mut(name).expect("the file appended to exists");
            file.extend(bytes[..half].iter().map(|byte| if zeros { 0 } else { *byte }));
        };
        self.inner().act(whole, part)
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        let whole = |inner: &mut Inner| {
            inner.files.get_mut(name).ok_or(io::ErrorKind::NotFound)?.truncate(length as usize);
            Ok(())
        };
        self.inner().act(whole, |_, _| {})
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let whole = |inner: &mut Inner| {
            if let Some(bytes) = inner.files.remove(name) {
                inner.unlinked.insert(name.to_owned(), bytes);
            }
            Ok(())
        };
        self.inner().act(whole, |_, _| {})
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let whole = |inner: &mut Inner| {
            let bytes = inner.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
            inner.files.insert(to.to_owned(), bytes);
            inner.unlinked.clear();
            Ok(())
        };
        self.inner().act(whole, |_, _| {})
    }

    fn note(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.dead {
            return Err(power_cut());
        }
        inner.files.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn place(&mut self) -> u64 {
        self.inner().place
    }
}
