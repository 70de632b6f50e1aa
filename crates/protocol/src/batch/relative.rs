//! A batch told by its differences to the batches before it.
//!
//! What one agent sees of the same subjects hardly changes in ten seconds: the round-trip times of a line stay near its
//! own, and far from those of the line below it in the table. So where a column of a table has the rows of the one
//! before, its values go as differences to them, if that is smaller by an eighth: what
//! is hardly smaller would be compressed less well. It is exact: all differences wrap.

use std::collections::BTreeMap;

use prost::Message;

use super::columns::differences;
use super::wire::{Batch, Column, Table};

/// Larger batches are not told by differences; values. What is decoded here takes eight bytes a value.
const LARGEST: usize = 250_000;
/// Kinds of tables that are kept; there are some ten.
const KINDS: usize = 32;

/// The latest table of each kind.
#[derive(Debug, Default)]
pub(crate) struct Before {
    tables: BTreeMap<u32, BTreeMap<u32, Column>>,
}

impl Before {
    /// An uncompressed batch, and which of its columns (counted through all its tables) are now told by differences.
    /// `None` for what would not come back byte by byte, such as a batch of a later version.
    pub(crate) fn relate(&mut self, plain: &[u8]) -> Option<(Vec<u8>, Vec<u32>)> {
        let mut batch = Batch::decode(plain).ok()?;
        if is_too_large(&batch) || batch.encode_to_vec() != plain {
            return None;
        }
        let (mut ordinal, mut related) = (0, Vec::new());
        for table in &mut batch.tables {
            let before = self.tables.remove(&table.kind).unwrap_or_default();
            let mut now = BTreeMap::new();
            for column in &mut table.columns {
                let whole = absolute(column);
                let values = before.get(&column.field).and_then(|before| minus(&whole, before));
                if let Some(values) = values.filter(|values| bits(values) * 8 < bits(&column.values) * 7) {
                    column.values = values;
                    related.push(ordinal);
                }
                ordinal += 1;
                now.insert(column.field, whole);
            }
            self.keep(table, now);
        }
        Some((batch.encode_to_vec(), related))
    }

    /// The opposite of [`Self::relate`], for the same batches in the same order; `None` for what cannot have come
    /// from there.
    pub(crate) fn restore(&mut self, relative: &[u8], related: &[u32]) -> Option<Vec<u8>> {
        let mut batch = Batch::decode(relative).ok()?;
        if is_too_large(&batch) {
            return None;
        }
        let (mut ordinal, mut related) = (0, related.iter().copied().peekable());
        for table in &mut batch.tables {
            let before = self.tables.remove(&table.kind).unwrap_or_default();
            let mut now = BTreeMap::new();
            for column in &mut table.columns {
                if related.next_if_eq(&ordinal).is_some() {
                    let whole = plus(column, before.get(&column.field)?)?;
                    column.values =
                        if column.differences { differences(&whole.values) } else { whole.values.clone() };
                    now.insert(column.field, whole);
                } else {
                    now.insert(column.field, absolute(column));
                }
                ordinal += 1;
            }
            self.keep(table, now);
        }
        related.next().is_none().then(|| batch.encode_to_vec())
    }

    /// Both sides keep the same.
    fn keep(&mut self, table: &Table, columns: BTreeMap<u32, Column>) {
        if self.tables.len() < KINDS {
            self.tables.insert(table.kind, columns);
        }
    }
}

fn is_too_large(batch: &Batch) -> bool {
    let columns = batch.tables.iter().flat_map(|table| &table.columns);
    columns.map(|column| column.values.len() + column.lengths.len()).sum::<usize>() > LARGEST
}

/// A column whose values are no differences to the row before.
fn absolute(column: &Column) -> Column {
    let mut whole = column.clone();
    if column.differences {
        let mut last = 0i64;
        for value in &mut whole.values {
            last = last.wrapping_add(*value);
            *value = last;
        }
    }
    whole
}

/// About how much the values say: the bits without the leading ones that only tell the sign.
fn bits(values: &[i64]) -> u64 {
    values.iter().map(|v| u64::from(65 - (v ^ (v >> 63)).leading_zeros())).sum()
}

/// The values of a column without those of one before, if the two have the same rows.
fn minus(column: &Column, before: &Column) -> Option<Vec<i64>> {
    combine(column, before, i64::wrapping_sub)
}

/// A column as it was before [`minus`]; its values are absolute.
fn plus(column: &Column, before: &Column) -> Option<Column> {
    let values = combine(column, before, i64::wrapping_add)?;
    Some(Column { values, ..column.clone() })
}

fn combine(column: &Column, before: &Column, one: fn(i64, i64) -> i64) -> Option<Vec<i64>> {
    if column.lengths.is_empty() && before.lengths.is_empty() {
        let fits = column.values.len() == before.values.len() && column.present == before.present;
        return fits.then(|| column.values.iter().zip(&before.values).map(|(a, b)| one(*a, *b)).collect());
    }
    // Of the list of each row the first value: of a histogram the lowest class. The others are steps from there.
    if column.lengths.len() != before.lengths.len() {
        return None;
    }
    let mut values = column.values.clone();
    let (mut at, mut at_before) = (0, 0);
    for (length, length_before) in column.lengths.iter().zip(&before.lengths) {
        if *length > 0 && *length_before > 0 {
            let (value, before) = (values.get_mut(at)?, before.values.get(at_before)?);
            *value = one(*value, *before);
        }
        at += *length as usize;
        at_before += *length_before as usize;
    }
    Some(values)
}

#[cfg(test)]
mod tests;
