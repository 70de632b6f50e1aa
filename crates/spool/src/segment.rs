//! What is kept in memory of a segment: which sequences it holds, and where to begin reading for one.
//!
//! Runs of sequences instead of single ones, and one mark per 64 KiB instead of one per record, keep a full gigabyte's
//! index below a megabyte.

use crate::Class;
use crate::ledger::uncovered;

const SUFFIX: &str = ".segment";
const DIGITS: usize = 20;
const BLOCK_BYTES: u64 = 64 << 10;

/// Contiguous sequences of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) class: Class,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    seq: u64,
    offset: u64,
}

/// Part of a segment that begins with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    /// Its records have sequences in `first..=last`.
    pub(crate) first: u64,
    pub(crate) last: u64,
}

#[derive(Debug)]
pub(crate) struct Segment {
    /// Lowest sequence it may hold; its name.
    pub(crate) first: u64,
    /// The spool clock when it was opened.
    pub(crate) opened_ms: u64,
    /// Its size up to the last promised byte.
    pub(crate) bytes: u64,
    /// It can be read, not continued: its header is damaged, or a successor was begun.
    pub(crate) sealed: bool,
    /// The spool clock when it was first seen to be acknowledged as a whole.
    pub(crate) settled_ms: Option<u64>,
    runs: Vec<Run>,
    marks: Vec<Mark>,
}

pub(crate) fn name_of(first: u64) -> String {
    format!("{first:0DIGITS$}{SUFFIX}")
}

/// The first sequence that a file's name states, if it is a segment's name.
pub(crate) fn parse_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    if digits.len() != DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|first| (1..crate::format::SEQ_LIMIT).contains(first))
}

impl Segment {
    pub(crate) fn new(first: u64, opened_ms: u64, bytes: u64) -> Self {
        Self { first, opened_ms, bytes, sealed: false, settled_ms: None, runs: Vec::new(), marks: Vec::new() }
    }

    pub(crate) fn name(&self) -> String {
        name_of(self.first)
    }

    /// Notes a record at `offset`; sequences and offsets ascend.
    pub(crate) fn push(&mut self, seq: u64, class: Class, offset: u64) {
        match self.runs.last_mut() {
            Some(run) if run.last + 1 == seq && run.class == class => run.last = seq,
            _ => self.runs.push(Run { first: seq, last: seq, class }),
        }
        if self.marks.last().is_none_or(|mark| offset - mark.offset >= BLOCK_BYTES) {
            self.marks.push(Mark { seq, offset });
        }
    }

    /// The sequences `first..=last` are in a hole now.
    pub(crate) fn remove(&mut self, first: u64, last: u64) {
        if last < self.first || self.last_seq().is_none_or(|newest| newest < first) {
            return;
        }
        let runs = std::mem::take(&mut self.runs);
        for Run { first: from, last: to, class } in runs {
            let kept = uncovered(from, to, [(first, last)]);
            self.runs.extend(kept.into_iter().map(|(first, last)| Run { first, last, class }));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn last_seq(&self) -> Option<u64> {
        self.runs.last().map(|run| run.last)
    }

    pub(crate) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.runs.iter().map(|run| (run.first, run.last))
    }

    pub(crate) fn has_pending(&self, watermark: u64) -> bool {
        self.last_seq().is_some_and(|last| last > watermark)
    }

    /// What it holds above the watermark.
    pub(crate) fn pending(&self, watermark: u64) -> impl DoubleEndedIterator<Item = Run> + '_ {
        self.runs
            .iter()
            .filter(move |run| run.last > watermark)
            .map(move |run| Run { first: run.first.max(watermark + 1), ..*run })
    }

    /// The lowest pending sequence from `seq` on.
    pub(crate) fn pending_from(&self, seq: u64, watermark: u64) -> Option<u64> {
        let from = seq.max(watermark + 1);
        let run = self.runs.get(self.runs.partition_point(|run| run.last < from))?;
        Some(run.first.max(from))
    }

    /// Pending samples and pending events.
    pub(crate) fn count_pending(&self, watermark: u64) -> (u64, u64) {
        self.pending(watermark).fold((0, 0), |(samples, events), run| {
            let count = run.last - run.first + 1;
            match run.class {
                Class::Sample => (samples + count, events),
                Class::Event => (samples, events + count),
            }
        })
    }

    /// The block where a record of sequence `seq` or the next higher one is to be looked for.
    pub(crate) fn block_of(&self, seq: u64) -> Option<Block> {
        let after = self.marks.partition_point(|mark| mark.seq <= seq).max(1);
        let mark = self.marks.get(after - 1)?;
        let next = self.marks.get(after);
        Some(Block {
            offset: mark.offset,
            bytes: next.map_or(self.bytes, |next| next.offset) - mark.offset,
            first: mark.seq,
            last: next.map_or(self.last_seq()?, |next| next.seq - 1),
        })
    }
}
