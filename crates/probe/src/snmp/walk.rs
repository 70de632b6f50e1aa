//! Reading several columns of a table in step, several rows to a request.
//!
//! A walk per column costs a request per few rows *and* column (78 requests for 48 interfaces with the
//! common exporters). Here one GETBULK (RFC 3416 4.2.3) asks for the next rows of several columns, sized
//! from what the cells of the poll before took, so that a reply fits the datagram that the path carries
//! whole: larger ones are cut into fragments, and firewalls drop those.
//!
//! * Columns are read in *lanes*, neighbours in step; lanes may be under way at the same time, which hides
//!   the round-trip time of a far device.
//! * Each column has its own cursor. A column with holes, one that a device lacks, one that loops and one
//!   that answers with an error end alone and leave the others their cells; why one ended early is told.
//! * What the last walk found is taken as a promise as long as the table says of itself that it has not
//!   changed: then no request is spent on finding out that there is nothing more.
//!
//! Pure: it says what to ask next and takes what came.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::{Binding, Datum, Oid};

/// What a cell of an unknown column is taken to need.
const CELL_BYTES: usize = 25;
/// The most rows that are asked for at once.
const MOST_ROWS: usize = 128;
/// A column that is longer than this is not worth reading on; such devices answer without an end.
const LONGEST_COLUMN: usize = 20_000;
/// Nor is one that has twice as many cells as any that has ended, and so many more.
const LONGER_THAN_OTHERS: usize = 500;

/// Of two replies of one walk the later sent may come first by so much, in hundredths of a second.
const OVERTAKEN: u32 = 1_000;

/// `sysUpTime`, without its instance. It is asked for in every request: a counter says something only
/// beside the uptime of the same reply.
pub const SYS_UPTIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3];

/// Why a column was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its names do not increase: the device would answer without an end.
    NotIncreasing,
    /// It has more cells than any table of worth.
    Endless,
    /// The device refused to read it.
    Refused,
    /// Not even one cell fits the device's reply.
    TooBig,
    /// The device answered without a cell.
    Empty,
    /// There was no reply, or no time left.
    Unread,
}

impl Fault {
    /// Whether the same question would bring the same again.
    fn is_hopeless(self) -> bool {
        matches!(self, Self::NotIncreasing | Self::Endless)
    }

    /// In words, for a sentence that begins with the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotIncreasing => "its object names do not increase",
            Self::Endless => "it does not end",
            Self::Refused => "the device answers it with an error",
            Self::TooBig => "not even one value fits into the device's reply",
            Self::Empty => "the device's reply holds no value",
            Self::Unread => "there was no reply, or no time left",
        }
    }
}

/// One GETBULK.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The object names, non-repeaters first.
    pub oids: Vec<Oid>,
    /// How many of the names are `non-repeaters`; the first of them is `sysUpTime`.
    pub single: usize,
    /// `max-repetitions`.
    pub repetitions: u32,
    /// The bytes that the reply's bindings are expected to take.
    pub bytes: usize,
    lane: usize,
    columns: Vec<usize>,
}

/// One row of the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// The cells by column number.
    pub cells: BTreeMap<usize, Datum>,
    /// When the reply with the row's cell of the lowest column number came, from any fixed origin.
    pub at: Duration,
    /// `sysUpTime` in that reply.
    pub uptime: Option<u32>,
}

/// What a walk found, for the next one of the same columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    head: Vec<Datum>,
    /// How many cells each column has.
    cells: Vec<usize>,
    /// The bytes of each column's largest cell.
    bytes: Vec<usize>,
    /// Columns that would go on for ever, and are left alone.
    hopeless: Vec<(usize, Fault)>,
}

impl Known {
    /// The next walk reads every column to its end, whatever the table says of itself.
    pub fn distrust(&mut self) {
        self.head.clear();
        self.hopeless.clear();
    }
}

/// All that a walk brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The rows by their index: the arcs after the column's name.
    pub rows: BTreeMap<Oid, Row>,
    /// The scalars that were asked for first, as far as they were there.
    pub head: Vec<Datum>,
    /// The newest `sysUpTime`.
    pub uptime: Option<u32>,
    /// The columns that were not read to their end, by number.
    pub faults: Vec<(usize, Fault)>,
    /// The device restarted between two replies: cells of this table do not belong together.
    pub restarted: bool,
    /// For the next walk.
    pub known: Known,
}

/// A walk that is under way.
#[derive(Debug)]
pub struct Walk {
    head: Vec<Oid>,
    /// The head's values, once they came.
    told: Option<Vec<Datum>>,
    columns: Vec<Column>,
    lanes: Vec<Lane>,
    rows: BTreeMap<Oid, Row>,
    known: Known,
    uptime: Option<u32>,
    restarted: bool,
}

#[derive(Debug)]
struct Column {
    base: Oid,
    cursor: Oid,
    cells: usize,
    bytes: usize,
    open: bool,
    fault: Option<Fault>,
}

#[derive(Debug)]
struct Lane {
    columns: Range<usize>,
    /// The most columns that one request may hold; fewer once the device refused without saying why.
    width: usize,
    /// The most bytes that a reply may have; fewer once the device said that one would be too big.
    ceiling: usize,
}

impl Walk {
    /// A walk over the columns whose names, without row index, are `columns`.
    ///
    /// `head` names scalars, without instance, that tell whether the table has changed; they are asked for
    /// with the first request of lane 0. `lanes` is into how many lanes neighbouring columns are divided.
    pub fn new(columns: &[&[u32]], head: &[&[u32]], lanes: usize, known: Known) -> Self {
        let many = columns.len();
        let guess = |number: usize| known.bytes.get(number).copied().filter(|n| *n > 0).unwrap_or(CELL_BYTES);
        let hopeless = |number| known.hopeless.iter().find(|(n, _)| *n == number).map(|(_, fault)| *fault);
        let column = |(number, base): (usize, &&[u32])| Column {
            base: base.to_vec(),
            cursor: base.to_vec(),
            cells: 0,
            bytes: guess(number),
            open: hopeless(number).is_none(),
            fault: hopeless(number),
        };
        let width = many.div_ceil(lanes.max(1)).max(1);
        let lanes = (0..many)
            .step_by(width)
            .map(|from| Lane { columns: from..many.min(from + width), width, ceiling: usize::MAX })
            .collect();
        Self {
            head: head.iter().map(|oid| oid.to_vec()).collect(),
            told: head.is_empty().then(Vec::new),
            columns: columns.iter().enumerate().map(column).collect(),
            lanes,
            rows: BTreeMap::new(),
            known,
            uptime: None,
            restarted: false,
        }
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// What to ask next in this lane, with a reply of about `budget` bytes of bindings; `None` when its columns
    /// are at their end. One request of a lane at a time.
    pub fn next(&mut self, lane: usize, budget: usize) -> Option<Ask> {
        if self.told.is_some() {
            self.close_complete();
        }
        let at = self.lanes.get(lane)?;
        let mut columns: Vec<usize> = at.columns.clone().filter(|&i| self.columns[i].open).collect();
        if columns.is_empty() {
            return None;
        }
        // Where not even a row fits, those that are behind come first.
        columns.sort_by_key(|&i| self.columns[i].cells);
        let with_head = lane == 0 && self.told.is_none();
        let single = 1 + if with_head { self.head.len() } else { 0 };
        let budget = budget.min(at.ceiling).saturating_sub(single * CELL_BYTES);
        let mut row = 0;
        let fitting = columns.iter().take_while(|&&i| {
            row += self.columns[i].bytes;
            row <= budget
        });
        let width = fitting.count().clamp(1, at.width);
        columns.truncate(width);
        columns.sort_unstable();
        let row: usize = columns.iter().map(|&i| self.columns[i].bytes).sum();
        let fit = (budget / row.max(1)).clamp(1, MOST_ROWS);
        let repetitions = match columns.iter().map(|&i| self.left(i)).max().flatten() {
            // As many requests as are needed anyway, of equal size.
            Some(left) if left > 0 => left.div_ceil(left.div_ceil(fit)),
            _ => fit,
        };
        let mut oids = vec![SYS_UPTIME.to_vec()];
        if with_head {
            oids.extend(self.head.iter().cloned());
        }
        oids.extend(columns.iter().map(|&i| self.columns[i].cursor.clone()));
        let bytes = repetitions * row;
        Some(Ask { oids, single, repetitions: repetitions as u32, bytes, lane, columns })
    }

    /// How many cells of a column are left by what is known; `None` if nothing is.
    fn left(&self, column: usize) -> Option<usize> {
        if !self.may_trust() {
            return None;
        }
        self.known.cells.get(column).map(|cells| cells.saturating_sub(self.columns[column].cells))
    }

    /// What is known still holds, or may hold as long as the table has not told.
    fn may_trust(&self) -> bool {
        match &self.told {
            None => !self.known.head.is_empty(),
            Some(told) => {
                *told == self.known.head && told.iter().any(|v| !matches!(v, Datum::Missing | Datum::End))
            }
        }
    }

    /// Takes the reply to `ask` that came at `at`.
    pub fn take(&mut self, ask: &Ask, reply: &[Binding], at: Duration) {
        let uptime = reply.first().filter(|b| b.oid.starts_with(SYS_UPTIME)).and_then(|b| b.value.ticks());
        self.note_uptime(uptime);
        if ask.single > 1 && self.told.is_none() {
            let value = |(place, name): (usize, &Oid)| match reply.get(place + 1) {
                Some(binding) if binding.oid.starts_with(name) => binding.value.clone(),
                _ => Datum::Missing,
            };
            self.told = Some(self.head.iter().enumerate().map(value).collect());
        }
        let cells = reply.get(ask.single..).unwrap_or_default();
        if cells.is_empty() {
            // An answer without an answer: asking again would be the same question.
            return self.end(&ask.columns, Fault::Empty);
        }
        for row in cells.chunks(ask.columns.len()).take(ask.repetitions as usize) {
            for (&column, cell) in ask.columns.iter().zip(row) {
                self.cell(column, cell, at, uptime);
            }
        }
    }

    /// Columns of which nothing is left by what is known need no request to find that out.
    fn close_complete(&mut self) {
        for column in 0..self.columns.len() {
            if self.left(column) == Some(0) {
                self.columns[column].open = false;
            }
        }
    }

    /// The device said that the reply to `ask` would be too big: the lane asks for half of it, and gives up a
    /// column of which not even one cell fits.
    pub fn too_big(&mut self, ask: &Ask) {
        if ask.repetitions > 1 || ask.columns.len() > 1 {
            self.lanes[ask.lane].ceiling = ask.single * CELL_BYTES + ask.bytes / 2;
        } else {
            self.end(&ask.columns, Fault::TooBig);
        }
    }

    /// The device refused the request because of its `index`-th name, counted from 1; 0 if it did not say.
    pub fn refused(&mut self, ask: &Ask, index: u32) {
        let place = index as usize;
        if (1..=ask.single).contains(&place) && self.told.is_none() {
            // A scalar that it cannot even refuse properly is done without.
            self.told = Some(vec![Datum::Missing; self.head.len()]);
            return;
        }
        match place.checked_sub(ask.single + 1).and_then(|i| ask.columns.get(i)) {
            Some(&column) => self.end(&[column], Fault::Refused),
            None if ask.columns.len() > 1 => self.lanes[ask.lane].width = 1,
            // net-snmp 5.9 says so of a reply in SNMPv3 that would be too big.
            None if ask.repetitions > 1 => self.too_big(ask),
            None => self.end(&ask.columns, Fault::Refused),
        }
    }

    /// No reply came, and none is awaited any more: the lane ends with what it has.
    pub fn give_up(&mut self, lane: usize) {
        if let Some(lane) = self.lanes.get(lane) {
            let open: Vec<usize> = lane.columns.clone().filter(|&i| self.columns[i].open).collect();
            self.end(&open, Fault::Unread);
        }
    }

    /// What was read.
    pub fn finish(mut self) -> Table {
        for lane in 0..self.lanes.len() {
            self.give_up(lane);
        }
        let faults: Vec<(usize, Fault)> =
            self.columns.iter().enumerate().filter_map(|(i, c)| Some((i, c.fault?))).collect();
        let head = self.told.unwrap_or_default();
        let whole = faults.is_empty() && !self.restarted;
        let known = Known {
            head: if whole { head.clone() } else { Vec::new() },
            cells: self.columns.iter().map(|c| c.cells).collect(),
            bytes: self.columns.iter().map(|c| c.bytes).collect(),
            hopeless: faults.iter().copied().filter(|(_, fault)| fault.is_hopeless()).collect(),
        };
        Table { rows: self.rows, head, uptime: self.uptime, faults, restarted: self.restarted, known }
    }

    /// Replies overtake each other, so a small step back is no restart.
    fn note_uptime(&mut self, uptime: Option<u32>) {
        let Some(now) = uptime else { return };
        let Some(before) = self.uptime else {
            self.uptime = Some(now);
            return;
        };
        // In the arithmetic of 32 bits, so that day 497 is no restart.
        let back = before.wrapping_sub(now);
        if back > u32::MAX / 2 {
            self.uptime = Some(now);
        } else if back > OVERTAKEN {
            self.restarted = true;
        }
    }

    /// How many cells a column may have, by those that have ended.
    fn longest(&self) -> usize {
        let ended = self.columns.iter().filter(|c| !c.open && c.fault.is_none()).map(|c| c.cells).max();
        ended
            .filter(|cells| *cells > 0)
            .map_or(LONGEST_COLUMN, |cells| LONGEST_COLUMN.min(cells * 2 + LONGER_THAN_OTHERS))
    }

    fn end(&mut self, columns: &[usize], fault: Fault) {
        for &column in columns {
            let column = &mut self.columns[column];
            column.open = false;
            column.fault.get_or_insert(fault);
        }
    }

    fn cell(&mut self, number: usize, cell: &Binding, at: Duration, uptime: Option<u32>) {
        let longest = self.longest();
        let column = &mut self.columns[number];
        if !column.open {
            return;
        }
        if cell.value == Datum::End || !cell.oid.starts_with(&column.base) {
            column.open = false;
            return;
        }
        if cell.oid <= column.cursor {
            return self.end(&[number], Fault::NotIncreasing);
        }
        if column.cells >= longest {
            return self.end(&[number], Fault::Endless);
        }
        column.cursor.clone_from(&cell.oid);
        let bytes = cell.encoded_len();
        // The first cell replaces the guess; what the walk before saw stays until this one is through.
        column.bytes =
            if column.cells == 0 && self.known.bytes.is_empty() { bytes } else { column.bytes.max(bytes) };
        column.cells += 1;
        if cell.value == Datum::Missing {
            return;
        }
        let index = &cell.oid[column.base.len()..];
        if !self.rows.contains_key(index) {
            self.rows.insert(index.to_vec(), Row::default());
        }
        if let Some(row) = self.rows.get_mut(index) {
            if row.cells.keys().next().is_none_or(|first| number < *first) {
                (row.at, row.uptime) = (at, uptime);
            }
            row.cells.insert(number, cell.value.clone());
        }
    }
}

#[cfg(test)]
mod tests;
