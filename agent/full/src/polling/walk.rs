//! Reading several columns of a table in step, several rows to a request.
//!
//! A walk per column costs a request per few rows *and* column (78 datagrams for 48 interfaces with the
//! common exporters). Here one GETBULK asks for the next rows of all columns, sized from what earlier rows
//! took so that a reply fits an Ethernet frame: larger ones are cut into fragments, and firewalls drop those.
//!
//! Each column has its own cursor, so a column with holes, one that a device lacks, one that loops and one
//! that answers with an error end alone and leave the others their rows.
//!
//! Pure: it says what to ask next and takes what came.

use std::collections::BTreeMap;
use std::time::Duration;

use super::client::{Binding, Datum, Oid};

/// What a reply's bindings may take: an Ethernet frame's 1400 safe bytes, less the headers of SNMPv3.
const REPLY_BYTES: usize = 1400 - 150;
/// What a binding of a first request is taken to need.
const BINDING_BYTES: usize = 25;
/// The most rows that are asked for at once.
const MOST_ROWS: u32 = 64;
/// A column that is longer than this is not an interface table.
const LONGEST_COLUMN: usize = 20_000;

/// `sysUpTime`, without its instance.
pub(crate) const SYS_UPTIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3];

/// One GETBULK: `sysUpTime` as the non-repeater, then the columns' cursors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ask {
    /// The object names, `sysUpTime` first.
    pub oids: Vec<Oid>,
    /// `max-repetitions`.
    pub repetitions: u32,
    /// Which columns the names after the first belong to.
    columns: Vec<usize>,
}

/// One row of the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// The cells by column number.
    pub cells: BTreeMap<usize, Datum>,
    /// When the reply with the row's first cell came, from any fixed origin.
    pub at: Duration,
    /// `sysUpTime` in that reply.
    pub uptime: Option<u32>,
}

/// A walk that is under way.
#[derive(Debug)]
pub(crate) struct Walk {
    columns: Vec<Column>,
    rows: BTreeMap<u32, Row>,
    /// How many columns one request may ask for.
    width: usize,
    /// The bytes that the dearest row so far took, per column.
    cell_bytes: usize,
    /// A ceiling on rows per request, which falls when a reply was too big or did not come.
    ceiling: u32,
}

#[derive(Debug)]
struct Column {
    base: Oid,
    cursor: Oid,
    cells: usize,
    open: bool,
    failed: bool,
}

impl Walk {
    /// A walk over the columns whose names, without row index, are `columns`.
    pub(crate) fn new(columns: &[&[u32]]) -> Self {
        let column = |base: &&[u32]| Column {
            base: base.to_vec(),
            cursor: base.to_vec(),
            cells: 0,
            open: true,
            failed: false,
        };
        Self {
            columns: columns.iter().map(column).collect(),
            rows: BTreeMap::new(),
            width: columns.len(),
            cell_bytes: BINDING_BYTES,
            ceiling: MOST_ROWS,
        }
    }

    /// What to ask next; `None` when every column is at its end.
    pub(crate) fn next(&self) -> Option<Ask> {
        let columns: Vec<usize> =
            (0..self.columns.len()).filter(|&i| self.columns[i].open).take(self.width).collect();
        if columns.is_empty() {
            return None;
        }
        let fit = REPLY_BYTES / (columns.len() * self.cell_bytes).max(1);
        let repetitions = (fit as u32).clamp(1, self.ceiling);
        let cursors = columns.iter().map(|&i| self.columns[i].cursor.clone());
        let oids = std::iter::once(SYS_UPTIME.to_vec()).chain(cursors).collect();
        Some(Ask { oids, repetitions, columns })
    }

    /// Takes the reply to `ask` that came at `at`.
    pub(crate) fn take(&mut self, ask: &Ask, reply: &[Binding], at: Duration) {
        let uptime = reply.first().filter(|b| b.oid.starts_with(SYS_UPTIME)).and_then(|b| b.value.ticks());
        let cells = reply.get(1..).unwrap_or_default();
        if cells.is_empty() {
            // An answer without an answer: asking again would be the same question.
            return self.give_up(ask);
        }
        for row in cells.chunks(ask.columns.len()) {
            let bytes: usize = row.iter().map(Binding::encoded_len).sum();
            self.cell_bytes = self.cell_bytes.max(bytes.div_ceil(row.len()));
            for (&column, cell) in ask.columns.iter().zip(row) {
                self.cell(column, cell, at, uptime);
            }
        }
    }

    /// The reply would not have fitted: fewer rows, then fewer columns, then without this column.
    pub(crate) fn too_big(&mut self, ask: &Ask) {
        if ask.repetitions > 1 {
            self.ceiling = ask.repetitions / 2;
        } else if ask.columns.len() > 1 {
            self.width = ask.columns.len() / 2;
        } else {
            self.give_up(ask);
        }
    }

    /// The device refused the request because of its `index`-th name, counted from 1; 0 if it did not say.
    pub(crate) fn refused(&mut self, ask: &Ask, index: u32) {
        let named = (index as usize).checked_sub(2).and_then(|i| ask.columns.get(i));
        match named {
            Some(&column) => self.fail(column),
            None if ask.columns.len() > 1 => self.width = 1,
            None => self.give_up(ask),
        }
    }

    /// No reply came. Whether a smaller question is worth asking.
    pub(crate) fn unanswered(&mut self, ask: &Ask) -> bool {
        let smaller = ask.repetitions > 1;
        self.ceiling = 1;
        smaller
    }

    /// The rows by their index, and how many columns failed.
    pub(crate) fn finish(self) -> (BTreeMap<u32, Row>, usize) {
        let failed = self.columns.iter().filter(|c| c.failed).count();
        (self.rows, failed)
    }

    fn give_up(&mut self, ask: &Ask) {
        for &column in &ask.columns {
            self.fail(column);
        }
    }

    fn fail(&mut self, column: usize) {
        self.columns[column].open = false;
        self.columns[column].failed = true;
    }

    fn cell(&mut self, number: usize, cell: &Binding, at: Duration, uptime: Option<u32>) {
        let column = &mut self.columns[number];
        if !column.open {
            return;
        }
        if cell.value == Datum::End || !cell.oid.starts_with(&column.base) {
            column.open = false;
            return;
        }
        if cell.oid <= column.cursor || column.cells >= LONGEST_COLUMN {
            return self.fail(number);
        }
        column.cursor.clone_from(&cell.oid);
        column.cells += 1;
        let &[index] = &cell.oid[column.base.len()..] else { return };
        if cell.value == Datum::Missing {
            return;
        }
        let row = self.rows.entry(index).or_insert_with(|| Row { at, uptime, ..Row::default() });
        row.cells.insert(number, cell.value.clone());
    }
}

#[cfg(test)]
mod tests;
