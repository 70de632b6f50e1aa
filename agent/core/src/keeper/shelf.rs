//! The spool that is written, and those that were left behind and may still have something to deliver. Lives on the spool's
//! thread.

use std::path::{Path, PathBuf};

use wasl_runtime::chain;
use wasl_spool::{Aside, Epoch, Error, Gap, Options, Recovery, SetAside, Spool, Standing};

/// What came of [`super::SpoolHandle::meet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// Where the spool was set aside because its directory had been restored from an older copy: how many batches moved to
    /// the fresh epoch, and up to how many of the former may be lost.
    pub set_aside: Option<(u64, u64)>,
    /// The controller has another store than the last time.
    pub another_store: bool,
}

/// A spool that was left behind and has something to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    /// Its life.
    pub epoch: Epoch,
    /// Its last sequence.
    pub produced: u64,
    /// Its gaps that the controller does not know.
    pub gaps: Vec<Gap>,
}

pub(super) struct Shelf {
    dir: PathBuf,
    /// None after a change of epoch that went wrong half-way; only a new start mends that.
    spool: Option<Spool>,
    asides: Vec<Aside>,
}

impl Shelf {
    pub(super) fn open(dir: &Path, options: &Options, fresh: Epoch) -> Result<(Self, Recovery), Error> {
        let (spool, recovery, asides) = wasl_spool::open(dir, options, fresh, super::now_ms())?;
        Ok((Self { dir: dir.to_owned(), spool: Some(spool), asides }, recovery))
    }

    /// The one that is written.
    pub(super) fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().expect("the thread ends when the shelf is broken")
    }

    pub(super) fn is_broken(&self) -> bool {
        self.spool.is_none()
    }

    /// The one of an epoch.
    pub(super) fn of(&mut self, epoch: Epoch) -> Option<&mut Spool> {
        let asides = self.asides.iter_mut().map(|aside| &mut aside.spool);
        self.spool.iter_mut().chain(asides).find(|spool| spool.epoch() == epoch)
    }

    pub(super) fn meet(
        &mut self,
        epoch: Epoch,
        highest: u64,
        incarnation: u64,
        fresh: Epoch,
        now_ms: i64,
    ) -> Result<Met, Error> {
        let spool = self.spool();
        let before = spool.incarnation();
        let mut met = Met { set_aside: None, another_store: before != 0 && before != incarnation };
        spool.set_incarnation(incarnation);
        if spool.epoch() == epoch
            && let Standing::RolledBack { shared } = spool.meet(highest)?
        {
            let moved = self.set_aside(shared, highest, fresh, now_ms)?;
            met.set_aside = Some((moved, highest.saturating_sub(shared)));
        }
        Ok(met)
    }

    fn set_aside(&mut self, shared: u64, highest: u64, fresh: Epoch, now_ms: i64) -> Result<u64, Error> {
        let spool = self.spool.take().expect("the thread ends when the shelf is broken");
        match spool.set_aside(&self.dir, (shared, highest), fresh, now_ms) {
            Ok(SetAside { spool, aside, moved }) => {
                self.spool = Some(spool);
                self.asides.push(aside);
                Ok(moved)
            }
            Err((spool, error)) => {
                self.spool = spool.map(|spool| *spool);
                Err(error)
            }
        }
    }

    pub(super) fn left_behind(&self) -> Vec<LeftBehind> {
        let waiting = self.asides.iter().filter(|aside| !aside.spool.is_settled());
        waiting
            .map(|Aside { spool, .. }| LeftBehind {
                epoch: spool.epoch(),
                produced: spool.accounting().produced,
                gaps: spool.gaps().to_vec(),
            })
            .collect()
    }

    pub(super) fn tidy(&mut self) {
        if let Err(error) = wasl_spool::tidy(&mut self.asides) {
            tracing::warn!(error = %chain(&error), "a spool that was left behind could not be removed");
        }
    }

    pub(super) fn close(&mut self) {
        for spool in self.asides.iter_mut().map(|aside| &mut aside.spool).chain(&mut self.spool) {
            if let Err(error) = spool.close() {
                tracing::warn!(error = %chain(&error), "the spool could not be closed well; some batches may be sent again");
            }
        }
    }
}
