//! Reading, which is also how damage that came after the start is found.

use super::Spool;
use crate::error::medium_failed;
use crate::ledger::uncovered;
use crate::segment::Block;
use crate::{Error, Policy, Record, format};

impl Spool {
    /// The segment that holds the lowest pending sequence from `seq` on, and that sequence.
    pub(super) fn pending_from(&self, seq: u64) -> Option<(usize, u64)> {
        let mut segments = self.segments.iter().enumerate();
        segments.find_map(|(at, segment)| Some((at, segment.pending_from(seq, self.watermark)?)))
    }

    /// The pending records of a block from `from` on. Those that should be there and are not become gaps.
    pub(super) fn read_block(&mut self, at: usize, block: Block, from: u64) -> Result<Vec<Record>, Error> {
        let segment = &self.segments[at];
        let name = segment.name();
        let bytes = match self.disk.read(&name, block.offset, block.bytes) {
            Ok(bytes) => bytes,
            Err(error) if medium_failed(&error) || error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::io("reading", &name, error)),
        };
        let expected: Vec<(u64, u64)> = segment
            .pending(self.watermark)
            .map(|run| (run.first.max(from), run.last.min(block.last)))
            .filter(|(first, last)| first <= last)
            .collect();
        let is_expected = |seq: u64| expected.iter().any(|(first, last)| (*first..=*last).contains(&seq));
        let records: Vec<Record> = format::scan_records(&bytes, 0, block.first - 1)
            .spans
            .iter()
            .filter(|span| is_expected(span.seq))
            .map(|span| Record {
                seq: span.seq,
                at_ms: span.at_ms,
                class: span.class,
                payload: span.payload(&bytes).to_vec(),
            })
            .collect();
        let mut lost = Vec::new();
        for (first, last) in expected {
            lost.extend(uncovered(first, last, records.iter().map(|record| (record.seq, record.seq))));
        }
        if !lost.is_empty() {
            for (first, last) in lost {
                self.ledger.add(first, last, Policy::Corrupt);
                self.segments[at].remove(first, last);
            }
            // Not saved for lack of space: the next start finds the same damage.
            self.save().or_else(|error| if error.is_disk_full() { Ok(()) } else { Err(error) })?;
        }
        Ok(records)
    }
}
