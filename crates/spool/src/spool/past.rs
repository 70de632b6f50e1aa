//! What the controller says of this spool's past, and what becomes of batches that cannot go their ordinary way.

use super::Spool;
use crate::segment::Segment;
use crate::state::{Start, note_start};
use crate::{Class, Epoch, Error, Options, Policy, Record, Standing};

/// Files of refused batches that are kept, the newest.
const REFUSED_KEPT: usize = 16;
const REFUSED: &str = ".refused";

impl Spool {
    /// To be called at the start of every session, before anything is sent in it. `highest` is the highest sequence of
    /// this epoch that the controller has or was told of.
    ///
    /// What was here when this run began can only have grown from what was sent before; so a higher number at the
    /// controller was sent by another life of this directory, from which a copy of an earlier day led here. That this run,
    /// or one before it, has gone on writing since the copy was put back does not hide it: starts without a word from the
    /// controller are remembered, each with the last sequence that it found.
    pub fn meet(&mut self, highest: u64) -> Result<Standing, Error> {
        let limit = self.starts.first().map_or(self.reach, |start| start.last.max(self.reach));
        if highest <= limit {
            self.reach = self.reach.max(highest);
            if !self.starts.is_empty() {
                let starts = std::mem::take(&mut self.starts);
                // Were this forgotten in a crash, what is sent from now on would look like another life's.
                self.save_anyhow().inspect_err(|_| self.starts = starts)?;
            }
            return Ok(Standing::Continues);
        }
        // Where several starts come into question, the last one: disks that are reset at every boot go back to the same
        // day again and again, and what they hold from before it was sent in the first of these lives.
        let starts = self.starts.iter().map(|start| start.last);
        let shared = starts.filter(|last| *last < highest).max().unwrap_or(limit);
        Ok(Standing::RolledBack { shared: shared.max(self.watermark) })
    }

    /// Sequences up to `upto` are about to be sent, as batches or as gaps.
    pub fn sent(&mut self, upto: u64) {
        self.reach = self.reach.max(upto);
    }

    /// The life of the store that the controller spoke of last; 0 before the first session.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// The controller has another store than before.
    pub fn set_incarnation(&mut self, incarnation: u64) {
        self.unsaved |= self.incarnation != incarnation;
        self.incarnation = incarnation;
    }

    /// Gives `count` sequences to batches that exist no more, so that they are counted. Durable when it returns.
    pub fn skip(&mut self, count: u64, policy: Policy) -> Result<(), Error> {
        if count == 0 {
            return Ok(());
        }
        let (first, last) = (self.produced + 1, self.produced + count);
        self.give_up(&[(first, last)], policy)?;
        self.produced = last;
        // The next segment's name keeps these numbers used should the state file be lost. Without room for it, the next
        // append makes one.
        let _ = self.roll();
        Ok(())
    }

    /// The controller refuses a batch for good. Its bytes go to a file of their own, for a person; it becomes a gap. False
    /// when it is not pending.
    pub fn refuse(&mut self, seq: u64) -> Result<bool, Error> {
        let Some(record) = self.read(seq, 1, 0)?.pop().filter(|record| record.seq == seq) else {
            return Ok(false);
        };
        let name = format!("{seq:020}{REFUSED}");
        self.disk.replace(&name, &record.payload).map_err(|e| Error::io("setting aside", &name, e))?;
        self.give_up(&[(seq, seq)], Policy::Refused)?;
        for segment in &mut self.segments {
            segment.remove(seq, seq);
        }
        let mut kept = self.disk.list().map_err(|e| Error::io("listing", "its directory", e))?;
        kept.retain(|name| name.ends_with(REFUSED));
        kept.sort_unstable();
        for name in kept.iter().rev().skip(REFUSED_KEPT) {
            self.disk.remove(name).map_err(|e| Error::io("removing", name, e))?;
        }
        Ok(true)
    }

    pub(super) fn note_start(&mut self) -> bool {
        let start = Start { last: self.produced, place: self.disk.place() };
        note_start(&mut self.starts, start)
    }

    pub(crate) fn options(&self) -> Options {
        self.options.clone()
    }

    /// What [`Self::move_own`] moves is gone from here: batches above `shared` bear other numbers now. What another life
    /// sent under these numbers up to `highest` and the controller has not got is lost.
    pub(crate) fn cut(&mut self, shared: u64, highest: u64) -> Result<(), Error> {
        self.ledger.erase(shared + 1, u64::MAX);
        if highest > shared {
            self.ledger.add(shared + 1, highest, Policy::RolledBack);
        }
        self.cut = Some(shared);
        self.save()
    }

    /// Gives everything above `shared` a sequence in another spool, with its time and its fate. Returns how many batches
    /// wait there now.
    pub(crate) fn move_own(&mut self, shared: u64, to: &mut Self) -> Result<u64, Error> {
        let (mut next, mut moved) = (shared + 1, 0);
        loop {
            let records = self.read(next, 1000, 1 << 20)?;
            let Some(last) = records.last() else { break };
            next = last.seq + 1;
            moved += records.len() as u64;
            let records: Vec<(Class, i64, &[u8])> = records
                .iter()
                .map(|Record { class, at_ms, payload, .. }| (*class, *at_ms, &payload[..]))
                .collect();
            to.append_records(&records)?;
        }
        let lost: Vec<(u64, Policy)> = self
            .ledger
            .holes()
            .iter()
            .filter(|hole| hole.last > shared)
            .map(|hole| (hole.last - hole.first.max(shared + 1) + 1, hole.policy))
            .collect();
        for (count, policy) in lost {
            to.skip(count, policy)?;
        }
        to.incarnation = self.incarnation;
        to.unsaved = true;
        to.close()?;
        Ok(moved)
    }

    /// Nothing waits here and the controller knows it all.
    pub fn is_settled(&self) -> bool {
        self.gaps().is_empty()
            && !self.segments.iter().any(|segment: &Segment| segment.has_pending(self.watermark))
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    pub(crate) fn fresh(
        dir: &std::path::Path,
        options: Options,
        epoch: Epoch,
        now_ms: i64,
    ) -> Result<Self, Error> {
        Ok(Self::open(dir, options, epoch, now_ms)?.0)
    }
}
