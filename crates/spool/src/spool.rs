//! The spool itself: appends, reads, forgets. The invariants it keeps stand at the head of the crate.

mod delete;
mod past;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::ops::Range;
use std::path::Path;

use crate::clock::Clock;
use crate::disk::{Directory, Disk};
use crate::format::RECORD_BYTES;
use crate::ledger::{Ledger, uncovered};
use crate::recover::recover;
use crate::segment::Segment;
use crate::state::{Correction, Start, State};
use crate::{
    Accounting, Class, Dropped, Epoch, Error, Gap, Options, Policy, Record, Recovery, Rewound, StateFile,
    state,
};

/// How long a watermark may stay unsaved, on the spool's clock.
const SAVE_EVERY_MS: i64 = 30_000;

/// An open spool. Not shared: its owner runs it on one thread.
pub struct Spool {
    disk: Box<dyn Disk>,
    options: Options,
    epoch: Epoch,
    clock: Clock,
    /// Oldest first; never empty once open.
    segments: Vec<Segment>,
    ledger: Ledger,
    watermark: u64,
    produced: u64,
    /// A failed append left bytes beyond the newest segment's end.
    untrimmed: bool,
    incarnation: u64,
    cut: Option<u64>,
    correction: Correction,
    starts: Vec<Start>,
    /// The highest sequence that the controller may know from this run.
    reach: u64,
    /// The state file is behind what is known here.
    unsaved: bool,
    /// The spool clock when this run last saved the state.
    saved_ms: Option<u64>,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool")
            .field("epoch", &self.epoch)
            .field("accounting", &self.accounting())
            .finish_non_exhaustive()
    }
}

impl Spool {
    /// Opens the spool in `dir`, or creates it with `fresh_epoch`. Reads every segment once, one at a time.
    /// `now_ms`: the caller's clock, milliseconds since 1970.
    pub fn open(
        dir: &Path,
        options: Options,
        fresh_epoch: Epoch,
        now_ms: i64,
    ) -> Result<(Self, Recovery), Error> {
        options.check()?;
        Self::open_on(Box::new(Directory::open(dir)?), options, fresh_epoch, now_ms)
    }

    pub(crate) fn open_on(
        mut disk: Box<dyn Disk>,
        options: Options,
        fresh_epoch: Epoch,
        now_ms: i64,
    ) -> Result<(Self, Recovery), Error> {
        options.check()?;
        let (found, mut recovery) = recover(&mut *disk, fresh_epoch)?;
        let mut spool = Self {
            disk,
            options,
            epoch: found.epoch,
            clock: Clock::resume(found.clock_ms, now_ms),
            segments: found.segments,
            ledger: found.ledger,
            watermark: found.watermark,
            produced: found.produced,
            untrimmed: false,
            incarnation: found.incarnation,
            cut: found.cut,
            correction: found.correction,
            starts: found.starts,
            reach: 0,
            unsaved: false,
            saved_ms: None,
        };
        let is_new_start = !recovery.fresh && spool.note_start();
        let must_save = is_new_start || !recovery.lost.is_empty() || recovery.state == StateFile::Unreadable;
        if must_save && !recovery.fresh {
            // On a full disk the spool must open to be drained. Damage is found again at the next start, and a start is
            // saved before the first append.
            spool.unsaved = true;
            spool.save().or_else(|error| if error.is_disk_full() { Ok(()) } else { Err(error) })?;
        }
        if spool.segments.is_empty() {
            spool.roll()?;
        }
        recovery.pending = spool.accounting().pending;
        Ok((spool, recovery))
    }

    /// The life of the spool that all its sequences belong to.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Appends one payload and returns its sequence. Durable when it returns; on an error no sequence was consumed.
    pub fn append(&mut self, class: Class, payload: &[u8], now_ms: i64) -> Result<u64, Error> {
        Ok(self.append_all(&[(class, payload)], now_ms)?.start)
    }

    /// Appends payloads in order with one `fdatasync` and returns their sequences: all of them or, on an error, none.
    pub fn append_all(&mut self, payloads: &[(Class, &[u8])], now_ms: i64) -> Result<Range<u64>, Error> {
        self.clock.advance(now_ms);
        let records: Vec<_> = payloads.iter().map(|(class, payload)| (*class, now_ms, *payload)).collect();
        self.append_records(&records)
    }

    fn append_records(&mut self, payloads: &[(Class, i64, &[u8])]) -> Result<Range<u64>, Error> {
        let bytes = self.encode(payloads)?;
        if payloads.is_empty() {
            return Ok(self.produced + 1..self.produced + 1);
        }
        if self.unsaved && !self.starts.is_empty() {
            self.save()?;
        }
        let written = match self.write(&bytes) {
            Err(error) if error.is_disk_full() && self.forget_acknowledged()? => self.write(&bytes),
            done => done,
        };
        let start = written?;
        let segment = self.segments.last_mut().expect("a segment was written to");
        let first = self.produced + 1;
        let mut offset = start;
        for (class, _, payload) in payloads {
            self.produced += 1;
            segment.push(self.produced, *class, offset);
            offset += (RECORD_BYTES + payload.len()) as u64;
        }
        segment.bytes = offset;
        Ok(first..self.produced + 1)
    }

    /// Pending records from `from_seq` on, in order; lost sequences are skipped. Stops after `max_records`, or before the
    /// payloads would exceed `max_bytes`; but never returns nothing when there is something and `max_records` is not 0.
    /// A record found damaged becomes a gap.
    pub fn read(
        &mut self,
        from_seq: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<Record>, Error> {
        let mut records: Vec<Record> = Vec::new();
        let mut bytes = 0;
        let mut next = from_seq.max(self.watermark + 1);
        while records.len() < max_records
            && let Some((at, seq)) = self.pending_from(next)
        {
            let Some(block) = self.segments[at].block_of(seq) else {
                break;
            };
            for record in self.read_block(at, block, seq)? {
                let size = record.payload.len();
                if records.len() == max_records || (!records.is_empty() && bytes + size > max_bytes) {
                    return Ok(records);
                }
                bytes += size;
                next = record.seq + 1;
                records.push(record);
            }
            next = next.max(block.last.saturating_add(1));
        }
        Ok(records)
    }

    /// The controller has durably committed everything up to `contiguous`. Lower than known: nothing changes.
    /// Whole segments that are acknowledged and older than the retention go. The watermark is saved now and then only: see
    /// invariant 4.
    pub fn acknowledge(&mut self, contiguous: u64, now_ms: i64) -> Result<(), Error> {
        self.not_ahead(contiguous)?;
        self.clock.advance(now_ms);
        if contiguous > self.watermark {
            self.watermark = contiguous;
            self.unsaved = true;
            // Only a hint for whoever looks, and for the next start: see invariant 4.
            let _ = self.disk.note(state::WATERMARK, &state::encode_watermark(self.epoch, contiguous));
        }
        if self.unsaved && self.saved_ms.is_none_or(|saved| self.clock.is_past(saved, SAVE_EVERY_MS)) {
            self.save_if_possible()?;
        }
        self.expire()
    }

    /// Writes down what is known and not saved yet; to be called before the spool is dropped in good order.
    pub fn close(&mut self) -> Result<(), Error> {
        if self.unsaved { self.save() } else { Ok(()) }
    }

    /// The controller knows everything up to `contiguous` and nothing above; to be called at the start of every session,
    /// before [`Self::acknowledge`] with the same number. If the controller was restored from an older copy, what is still
    /// held above is pending again, and what is not becomes a gap. Gaps above are to be reported again, also those that
    /// were confirmed.
    pub fn rewind(&mut self, contiguous: u64) -> Result<Rewound, Error> {
        self.not_ahead(contiguous)?;
        let told_again = self.ledger.unconfirm(contiguous);
        if contiguous >= self.watermark {
            if told_again {
                self.save()?;
            }
            return Ok(Rewound::default());
        }
        let forgotten = uncovered(contiguous + 1, self.watermark, self.known());
        for &(first, last) in &forgotten {
            self.ledger.add(first, last, Policy::Forgotten);
        }
        let before = self.pending();
        self.watermark = contiguous;
        for segment in &mut self.segments {
            segment.settled_ms = None;
        }
        let _ = self.disk.note(state::WATERMARK, &state::encode_watermark(self.epoch, contiguous));
        self.save()?;
        Ok(Rewound { again: self.pending() - before, forgotten })
    }

    /// Sequences that will never be sent and that the controller has not confirmed to know of; ascending.
    pub fn gaps(&self) -> &[Gap] {
        self.ledger.open_gaps()
    }

    /// The controller has durably noted these gaps, whole or in part.
    pub fn confirm_gaps(&mut self, told: &[Gap]) -> Result<(), Error> {
        self.settle(told, None)
    }

    /// The controller counts these batches of the epoch as dropped. It decides: a batch that was dropped here may have
    /// arrived there (its answer was lost, or it was in flight), and a state file may have been lost here. Its figures
    /// become this account's as soon as it knows all gaps; until then they are not comparable and nothing changes.
    pub fn agree(&mut self, counted: Dropped) -> Result<(), Error> {
        self.settle(&[], Some(counted))
    }

    /// [`Self::confirm_gaps`] and [`Self::agree`] in one write.
    pub fn settle(&mut self, told: &[Gap], counted: Option<Dropped>) -> Result<(), Error> {
        let mut changed = false;
        for gap in told {
            changed |= self.ledger.confirm(gap.first, gap.last);
        }
        if let Some(counted) = counted.filter(|_| self.ledger.open_gaps().is_empty()) {
            let correction = Correction::between(self.ledger.dropped(), counted);
            changed |= correction != self.correction;
            self.correction = correction;
        }
        if changed { self.save() } else { Ok(()) }
    }

    /// Deletes what retention and age allow. Appending and acknowledging do this too; a spool that does neither for hours
    /// needs a call now and then.
    pub fn maintain(&mut self, now_ms: i64) -> Result<(), Error> {
        self.clock.advance(now_ms);
        self.expire()
    }

    /// Where every batch of the epoch is.
    pub fn accounting(&self) -> Accounting {
        let dropped = self.correction.apply(self.ledger.dropped());
        let dropped_beyond = self.ledger.count_above(self.watermark);
        let pending = self.pending();
        Accounting {
            produced: self.produced,
            watermark: self.watermark,
            acknowledged: (self.watermark + dropped_beyond).saturating_sub(dropped.total()),
            dropped,
            dropped_beyond,
            pending,
            oldest_pending: self
                .segments
                .iter()
                .find_map(|s| s.pending(self.watermark).next())
                .map(|run| run.first),
            newest_pending: self
                .segments
                .iter()
                .rev()
                .find_map(|s| s.pending(self.watermark).next_back())
                .map(|run| run.last),
            bytes: self.bytes(),
            segments: self.segments.len(),
        }
    }

    fn not_ahead(&self, contiguous: u64) -> Result<(), Error> {
        if contiguous > self.produced {
            return Err(Error::Ahead { contiguous, produced: self.produced });
        }
        Ok(())
    }

    fn state(&self) -> Vec<u8> {
        state::encode(&State {
            epoch: self.epoch,
            watermark: self.watermark,
            clock_ms: self.clock.elapsed_ms(),
            ledger: self.ledger.clone(),
            incarnation: self.incarnation,
            cut: self.cut,
            correction: self.correction,
            starts: self.starts.clone(),
        })
    }

    fn save(&mut self) -> Result<(), Error> {
        let bytes = self.state();
        self.disk.replace(state::NAME, &bytes).map_err(|e| Error::io("writing", state::NAME, e))?;
        self.unsaved = false;
        self.saved_ms = Some(self.clock.elapsed_ms());
        Ok(())
    }

    /// Saves even where there is no room for a second file: in place, which a power cut may spoil.
    fn save_anyhow(&mut self) -> Result<(), Error> {
        match self.save() {
            Err(error) if error.is_disk_full() => {
                let bytes = self.state();
                self.disk.note(state::NAME, &bytes).map_err(|e| Error::io("writing", state::NAME, e))
            }
            done => done,
        }
    }

    fn save_if_possible(&mut self) -> Result<(), Error> {
        self.save().or_else(|error| if error.is_disk_full() { Ok(()) } else { Err(error) })
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn pending(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.count_pending(self.watermark))
            .map(|(samples, events)| samples + events)
            .sum()
    }

    /// Sequences in segments or holes, ascending.
    fn known(&self) -> Vec<(u64, u64)> {
        let mut known: Vec<(u64, u64)> =
            self.segments.iter().flat_map(Segment::ranges).chain(self.ledger.ranges()).collect();
        known.sort_unstable();
        known
    }

    fn closed(&self) -> &[Segment] {
        self.segments.split_last().map_or(&[], |(_, closed)| closed)
    }
}
