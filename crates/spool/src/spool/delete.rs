//! Deleting: retention, age, quota. A hole is durable before its bytes go.

use super::Spool;
use crate::format::{self, Header};
use crate::quota::{self, Candidate, Step};
use crate::segment::Segment;
use crate::{Class, Error, Policy};

/// Above this many holes the quota unlinks whole segments only, which adds none: the state file stays small.
const MOST_HOLES: usize = 4096;

impl Spool {
    /// Retention and age.
    pub(super) fn expire(&mut self) -> Result<(), Error> {
        while let Some(at) = self.closed().iter().position(Segment::is_empty) {
            self.unlink(at)?;
        }
        let (now, watermark) = (self.clock.elapsed_ms(), self.watermark);
        let closed = self.segments.len() - 1;
        for segment in &mut self.segments[..closed] {
            if !segment.has_pending(watermark) {
                segment.settled_ms.get_or_insert(now);
            }
        }
        let retain = self.options.retain_acked_ms;
        while self.closed().first().is_some_and(|oldest| {
            oldest.settled_ms.is_some_and(|settled| self.clock.is_past(settled, retain))
        }) {
            self.unlink(0)?;
        }
        let Some(max_age) = self.options.max_age_ms else {
            return Ok(());
        };
        let is_aged = |spool: &Self, at: usize| {
            spool.clock.is_past(spool.segments[at + 1].opened_ms, max_age)
                && spool.segments[at].has_pending(watermark)
        };
        while let Some(at) = (0..self.closed().len()).find(|at| is_aged(self, *at)) {
            self.drop_segment(at, Policy::Age)?;
        }
        Ok(())
    }

    /// Deletes closed segments by policy until `needed` more bytes fit into the quota.
    pub(super) fn make_room(&mut self, needed: u64) -> Result<(), Error> {
        while self.bytes() + needed > self.options.quota_bytes {
            let candidates: Vec<Candidate> = self
                .closed()
                .iter()
                .map(|segment| segment.count_pending(self.watermark))
                .map(|(pending_samples, pending_events)| Candidate { pending_samples, pending_events })
                .collect();
            let may_thin = self.ledger.holes().len() < MOST_HOLES;
            match quota::next_step(&candidates, may_thin) {
                Some(Step::Forget(at)) => self.unlink(at)?,
                Some(Step::Thin(at)) => self.thin(at)?,
                Some(Step::Drop(at)) => self.drop_segment(at, Policy::Quota)?,
                // What is left is one segment and one append, each at most half of the quota.
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Deletes all acknowledged closed segments; true if there were any.
    pub(super) fn forget_acknowledged(&mut self) -> Result<bool, Error> {
        let before = self.segments.len();
        while self.closed().first().is_some_and(|oldest| !oldest.has_pending(self.watermark)) {
            self.unlink(0)?;
        }
        Ok(self.segments.len() < before)
    }

    pub(super) fn unlink(&mut self, at: usize) -> Result<(), Error> {
        if self.unsaved {
            match self.save() {
                // The missing beginning of the spool tells as much as the watermark would.
                Err(error) if error.is_disk_full() && at == 0 => {}
                done => done?,
            }
        }
        let name = self.segments[at].name();
        self.disk.remove(&name).map_err(|e| Error::io("deleting", &name, e))?;
        self.segments.remove(at);
        Ok(())
    }

    /// Makes holes of these sequences, durably, before their bytes go.
    pub(super) fn give_up(&mut self, runs: &[(u64, u64)], policy: Policy) -> Result<(), Error> {
        let before = self.ledger.clone();
        for &(first, last) in runs {
            self.ledger.add(first, last, policy);
        }
        self.save().inspect_err(|_| self.ledger = before)
    }

    pub(super) fn drop_segment(&mut self, at: usize, policy: Policy) -> Result<(), Error> {
        let runs: Vec<_> =
            self.segments[at].pending(self.watermark).map(|run| (run.first, run.last)).collect();
        self.give_up(&runs, policy)?;
        for (first, last) in runs {
            self.segments[at].remove(first, last);
        }
        self.unlink(at)
    }

    /// Rewrites a segment with its pending events only.
    pub(super) fn thin(&mut self, at: usize) -> Result<(), Error> {
        let (first, opened_ms) = (self.segments[at].first, self.segments[at].opened_ms);
        let header = Header { epoch: self.epoch, first, clock_ms: opened_ms };
        let mut bytes = format::encode_header(&header).to_vec();
        let mut thinned = Segment::new(first, opened_ms, 0);
        let mut next = first.max(self.watermark + 1);
        while let Some(seq) = self.segments[at].pending_from(next, self.watermark) {
            let Some(block) = self.segments[at].block_of(seq) else {
                break;
            };
            for record in self.read_block(at, block, seq)? {
                if record.class == Class::Event {
                    thinned.push(record.seq, record.class, bytes.len() as u64);
                    format::encode_record(
                        &mut bytes,
                        record.seq,
                        record.at_ms,
                        record.class,
                        &record.payload,
                    );
                }
            }
            next = block.last.saturating_add(1).max(seq + 1);
        }
        thinned.bytes = bytes.len() as u64;
        let samples: Vec<_> = self.segments[at]
            .pending(self.watermark)
            .filter(|run| run.class == Class::Sample)
            .map(|run| (run.first, run.last))
            .collect();
        let before = self.ledger.clone();
        self.give_up(&samples, Policy::Quota)?;
        let name = thinned.name();
        if let Err(error) = self.disk.replace(&name, &bytes)
            && self.disk.size(&name).ok() != Some(thinned.bytes)
        {
            self.ledger = before;
            // If this fails too, a crash before the next save drops what could have been kept; it is counted.
            let _ = self.save();
            return Err(Error::io("thinning", &name, error));
        }
        self.segments[at] = thinned;
        Ok(())
    }
}
