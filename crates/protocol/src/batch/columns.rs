//! Rows into columns and back.

use std::collections::HashMap;

use wasl_model::sample::Sample;
use wasl_model::{
    AgentSample, DeviceSample, DiskSample, EntityKind, HostSample, InterfaceSample, Observation, ProbeWindow,
    SensorSample, ShareSample, StampWindow, Subject, Timestamp, Value,
};

use super::records::{self, Read};
use super::{DecodeError, Decoded, wire};
use crate::limits::MAX_ROWS;

/// Runs `$body` with `$sample` as each regular sample type in turn.
macro_rules! each_sample {
    ($run:ident($($argument:expr),*)) => {
        $run!(Host, HostSample, $($argument),*);
        $run!(Disk, DiskSample, $($argument),*);
        $run!(Interface, InterfaceSample, $($argument),*);
        $run!(Probe, ProbeWindow, $($argument),*);
        $run!(Agent, AgentSample, $($argument),*);
        $run!(Device, DeviceSample, $($argument),*);
        $run!(Stamp, StampWindow, $($argument),*);
        $run!(Sensor, SensorSample, $($argument),*);
        $run!(Share, ShareSample, $($argument),*);
    };
}

pub(super) fn build(observations: &[Observation]) -> wire::Batch {
    let base_ms = observations.iter().map(|o| o.at.0).min().unwrap_or(0);
    let mut subjects = Subjects::default();
    let mut batch = wire::Batch { base_ms, ..Default::default() };
    macro_rules! table {
        ($variant:ident, $ty:ty, $observations:expr) => {
            let rows: Vec<(&Observation, &$ty)> = $observations
                .iter()
                .filter_map(|o| {
                    let Value::$variant(sample) = &o.value else { return None };
                    // The largest lie in boxes.
                    let sample: &$ty = sample;
                    Some((o, sample))
                })
                .collect();
            if !rows.is_empty() {
                batch.tables.push(write_table(&rows, base_ms, &mut subjects));
            }
        };
    }
    each_sample!(table(observations));
    for observation in observations {
        if let Some(what) = records::write(&observation.value) {
            batch.records.push(wire::Record {
                subject: subjects.place(&observation.subject),
                time: observation.at.0.wrapping_sub(base_ms),
                what: Some(what),
            });
        }
    }
    batch.subjects = subjects.entries;
    batch
}

pub(super) fn read(batch: &wire::Batch) -> Result<Decoded, DecodeError> {
    let rows = batch.tables.iter().fold(batch.records.len(), |sum, t| sum.saturating_add(t.subjects.len()));
    if rows > MAX_ROWS || batch.subjects.len() > MAX_ROWS {
        return Err(DecodeError::TooManyRows(rows.max(batch.subjects.len())));
    }
    let subjects: Vec<Option<Subject>> = batch
        .subjects
        .iter()
        .map(|s| Subject::new(EntityKind::from_code(s.kind)?, s.id.as_str()).ok())
        .collect();
    let mut out = Decoded::default();
    for table in &batch.tables {
        let mut known = false;
        macro_rules! table {
            ($variant:ident, $ty:ty, $table:expr) => {
                if $table.kind == <$ty>::KIND {
                    known = true;
                    read_table::<$ty>($table, batch.base_ms, &subjects, &mut out);
                }
            };
        }
        each_sample!(table(table));
        if !known {
            out.unknown += table.subjects.len() as u64;
        }
    }
    for record in &batch.records {
        let subject = subjects.get(record.subject as usize).and_then(Option::as_ref);
        match (subject, records::read(record.what.as_ref())) {
            (Some(subject), Read::Value(value)) if fits(subject, &value) => {
                out.observations.push(Observation {
                    subject: subject.clone(),
                    at: Timestamp(batch.base_ms.wrapping_add(record.time)),
                    value: *value,
                });
            }
            (_, Read::Unknown) => out.unknown += 1,
            _ => out.invalid += 1,
        }
    }
    Ok(out)
}

/// Whether such a value can be said of such a subject.
fn fits(subject: &Subject, value: &Value) -> bool {
    wasl_model::series::fits(value, subject.kind)
}

#[derive(Default)]
struct Subjects {
    entries: Vec<wire::SubjectEntry>,
    places: HashMap<Subject, u32>,
}

impl Subjects {
    fn place(&mut self, subject: &Subject) -> u32 {
        if let Some(place) = self.places.get(subject) {
            return *place;
        }
        let place = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(wire::SubjectEntry { kind: subject.kind.code(), id: subject.id.clone() });
        self.places.insert(subject.clone(), place);
        place
    }
}

fn write_table<S: Sample>(rows: &[(&Observation, &S)], base_ms: i64, subjects: &mut Subjects) -> wire::Table {
    let mut table = wire::Table { kind: S::KIND, ..Default::default() };
    let (mut last_subject, mut last_time) = (0i32, base_ms);
    for (observation, _) in rows {
        let place = subjects.place(&observation.subject) as i32;
        table.subjects.push(place.wrapping_sub(last_subject));
        table.times.push(observation.at.0.wrapping_sub(last_time));
        (last_subject, last_time) = (place, observation.at.0);
    }
    for (index, field) in S::FIELDS.iter().enumerate() {
        let cells: Vec<Option<i64>> = rows.iter().map(|(_, sample)| sample.cell(index)).collect();
        if cells.iter().any(Option::is_some) {
            table.columns.push(write_column(field.number, &cells));
        }
    }
    for (index, number) in S::LISTS.iter().enumerate() {
        let mut column = wire::Column { field: *number, ..Default::default() };
        for (_, sample) in rows {
            let list = sample.list(index);
            column.lengths.push(list.len() as u32);
            column.values.extend(list);
        }
        if !column.values.is_empty() {
            table.columns.push(column);
        }
    }
    table
}

fn write_column(field: u32, cells: &[Option<i64>]) -> wire::Column {
    let plain: Vec<i64> = cells.iter().flatten().copied().collect();
    let differences = differences(&plain);
    let smaller = size(&differences) < size(&plain);
    let mut present = Vec::new();
    if plain.len() < cells.len() {
        present = vec![0u8; cells.len().div_ceil(8)];
        for (row, _) in cells.iter().enumerate().filter(|(_, cell)| cell.is_some()) {
            present[row / 8] |= 1 << (row % 8);
        }
    }
    wire::Column {
        field,
        values: if smaller { differences } else { plain },
        differences: smaller,
        present,
        lengths: Vec::new(),
    }
}

pub(super) fn differences(values: &[i64]) -> Vec<i64> {
    let mut last = 0i64;
    values.iter().map(|v| v.wrapping_sub(std::mem::replace(&mut last, *v))).collect()
}

/// The bytes that the values take as zigzag varints.
fn size(values: &[i64]) -> usize {
    values
        .iter()
        .map(|v| {
            let zigzag = ((v << 1) ^ (v >> 63)) as u64;
            (64 - (zigzag | 1).leading_zeros() as usize).div_ceil(7)
        })
        .sum()
}

fn read_table<S: Sample + Into<Value>>(
    table: &wire::Table,
    base_ms: i64,
    subjects: &[Option<Subject>],
    out: &mut Decoded,
) {
    let rows = table.subjects.len();
    if table.times.len() != rows {
        out.invalid += rows as u64;
        return;
    }
    let mut samples: Vec<S> = (0..rows).map(|_| S::default()).collect();
    let mut sound = vec![true; rows];
    for column in &table.columns {
        let scalar = S::FIELDS.iter().position(|f| f.number == column.field);
        let list = S::LISTS.iter().position(|n| *n == column.field);
        let whole = match (scalar, list) {
            (Some(index), _) => read_scalars(column, index, &mut samples, &mut sound),
            (None, Some(index)) => read_lists(column, index, &mut samples, &mut sound),
            (None, None) => {
                out.unknown += 1;
                true
            }
        };
        if !whole {
            out.invalid += rows as u64;
            return;
        }
    }
    let (mut place, mut time) = (0i32, base_ms);
    for (row, (sample, sound)) in samples.into_iter().zip(sound).enumerate() {
        place = place.wrapping_add(table.subjects[row]);
        time = time.wrapping_add(table.times[row]);
        let subject = usize::try_from(place).ok().and_then(|p| subjects.get(p)).and_then(Option::as_ref);
        let value: Value = sample.into();
        match subject {
            Some(subject) if sound && fits(subject, &value) => {
                out.observations.push(Observation { subject: subject.clone(), at: Timestamp(time), value });
            }
            _ => out.invalid += 1,
        }
    }
}

/// Fills one field of all rows; `false` if the column's shape is broken.
fn read_scalars<S: Sample>(
    column: &wire::Column,
    index: usize,
    samples: &mut [S],
    sound: &mut [bool],
) -> bool {
    let all = column.present.is_empty();
    if !all && column.present.len() != samples.len().div_ceil(8) {
        return false;
    }
    let mut values = column.values.iter();
    let mut last = 0i64;
    for (row, sample) in samples.iter_mut().enumerate() {
        if !all && column.present[row / 8] & (1 << (row % 8)) == 0 {
            continue;
        }
        let Some(coded) = values.next() else { return false };
        let value = if column.differences { last.wrapping_add(*coded) } else { *coded };
        last = value;
        sound[row] &= sample.set_cell(index, value);
    }
    values.next().is_none()
}

/// Fills one list of all rows; `false` if the column's shape is broken.
fn read_lists<S: Sample>(column: &wire::Column, index: usize, samples: &mut [S], sound: &mut [bool]) -> bool {
    if column.lengths.len() != samples.len() {
        return false;
    }
    let mut rest = column.values.as_slice();
    for (row, sample) in samples.iter_mut().enumerate() {
        let Some((list, after)) = rest.split_at_checked(column.lengths[row] as usize) else {
            return false;
        };
        rest = after;
        sound[row] &= sample.set_list(index, list);
    }
    rest.is_empty()
}
