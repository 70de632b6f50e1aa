//! The interface columns of IF-MIB (RFC 2863), and readings made of them.
//!
//! An interface is known by its name, never by its `ifIndex`: a device may number its interfaces anew at
//! each restart, and a history that followed the number would mix one port's traffic with another's.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use wasl_model::{EntityKind, Subject};

use super::client::Datum;
use super::counters::{Counter, Reading};
use super::walk::Row;

/// An interface's name and its device's, within the limit of a subject, leave room for `~` and an index.
const NAME_BYTES: usize = 160;

/// The columns that are read at every poll; a column's number is its place here.
pub(crate) const COLUMNS: &[&[u32]] = &[
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 15],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 17],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 19],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 7],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 8],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 9],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 11],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 12],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 13],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 14],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 20],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 13],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 19],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 7],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8],
];
const NAME: usize = 0;
const HIGH_SPEED: usize = 1;
const CONNECTOR: usize = 2;
const DISCONTINUITY: usize = 3;
/// `ifHCInOctets`, `ifHCOutOctets`.
const OCTETS: [usize; 2] = [4, 5];
/// Unicast, multicast and broadcast, in and out, in 64 bits.
const PACKETS: [[usize; 3]; 2] = [[6, 7, 8], [9, 10, 11]];
const ERRORS: [usize; 2] = [12, 13];
const DISCARDS: [usize; 2] = [14, 15];
const ADMIN_STATUS: usize = 16;
const OPER_STATUS: usize = 17;

/// The columns that are read as well where an interface lacks 64-bit counters or a name.
pub(crate) const FALLBACK: &[&[u32]] = &[
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 2],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 5],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 10],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 16],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 11],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 2],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 3],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 17],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 4],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 5],
];
const DESCRIPTION: usize = 0;
const SPEED: usize = 1;
const NARROW_OCTETS: [usize; 2] = [2, 3];
const NARROW_PACKETS: [[usize; 3]; 2] = [[4, 5, 6], [7, 8, 9]];

/// Rows by `ifIndex`.
pub(crate) type Rows = BTreeMap<u32, Row>;

/// Whether [`FALLBACK`] has to be read as well.
pub(crate) fn incomplete(rows: &Rows) -> bool {
    let whole =
        |row: &Row| name(row, NAME).is_some() && OCTETS.iter().all(|column| counter(row, *column).is_some());
    rows.is_empty() || !rows.values().all(whole)
}

/// The interfaces of `device` with their readings, from the rows of [`COLUMNS`] and [`FALLBACK`].
pub(crate) fn readings(device: &str, rows: &Rows, fallback: &Rows) -> Vec<(Subject, Reading)> {
    let none = Row::default();
    let indices: BTreeSet<u32> = rows.keys().chain(fallback.keys()).copied().collect();
    let named: Vec<(u32, String)> = indices
        .iter()
        .map(|&index| {
            let name = rows.get(&index).and_then(|row| name(row, NAME));
            let name = name.or_else(|| fallback.get(&index).and_then(|row| self::name(row, DESCRIPTION)));
            (index, name.unwrap_or_else(|| format!("if{index}")))
        })
        .collect();
    let subjects = subjects(device, &named);
    named
        .into_iter()
        .zip(subjects)
        .map(|((index, _), subject)| {
            let (main, more) = (rows.get(&index).unwrap_or(&none), fallback.get(&index).unwrap_or(&none));
            (subject, reading(index, main, more))
        })
        .collect()
}

/// A subject for each interface; where a device gives one name to several, each gets its index.
fn subjects(device: &str, named: &[(u32, String)]) -> Vec<Subject> {
    let subject = |text: &str| Subject::lenient(EntityKind::Interface, text);
    let plain = |name: &str| format!("{device}/{}", cut(name, NAME_BYTES.saturating_sub(device.len())));
    let mut times: HashMap<String, usize> = HashMap::new();
    for (_, name) in named {
        *times.entry(subject(&plain(name)).id).or_default() += 1;
    }
    let mut taken: HashSet<String> =
        times.iter().filter(|(_, n)| **n == 1).map(|(id, _)| id.clone()).collect();
    let mut out = Vec::with_capacity(named.len());
    for (index, name) in named {
        let mut text = plain(name);
        if times[&subject(&text).id] > 1 {
            text = format!("{text}~{index}");
            while !taken.insert(subject(&text).id) {
                text.push('~');
            }
        }
        out.push(subject(&text));
    }
    out
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn reading(index: u32, row: &Row, more: &Row) -> Reading {
    let narrow = OCTETS.iter().all(|column| counter(row, *column).is_none());
    // The bytes decide which reply's moment is the reading's.
    let timed = if narrow && !more.cells.is_empty() { more } else { row };
    let pick = |wide: usize, narrow: usize| counter(row, wide).or_else(|| counter(more, narrow));
    let status = |column: usize| match number(row, column) {
        Some(1) => Some(true),
        Some(2 | 3 | 5..=7) => Some(false),
        _ => None,
    };
    let high = number(row, HIGH_SPEED).filter(|&n| n > 0).and_then(|n| u64::try_from(n).ok());
    let low =
        number(more, SPEED).filter(|&n| n > 0 && n < i64::from(u32::MAX)).and_then(|n| u64::try_from(n).ok());
    Reading {
        at: timed.at,
        uptime: timed.uptime,
        index,
        speed: high.map(|n| n.saturating_mul(1_000_000)).or(low),
        connector: number(row, CONNECTOR).map(|n| n == 1),
        up: status(OPER_STATUS),
        enabled: status(ADMIN_STATUS),
        discontinuity: row.cells.get(&DISCONTINUITY).and_then(Datum::ticks),
        octets: [0, 1].map(|way| pick(OCTETS[way], NARROW_OCTETS[way])),
        packets: [0, 1].map(|way| [0, 1, 2].map(|cast| pick(PACKETS[way][cast], NARROW_PACKETS[way][cast]))),
        errors: ERRORS.map(|column| counter(row, column)),
        discards: DISCARDS.map(|column| counter(row, column)),
    }
}

fn counter(row: &Row, column: usize) -> Option<Counter> {
    match row.cells.get(&column)? {
        Datum::Counter32(n) => Some(Counter::Narrow(*n)),
        Datum::Counter64(n) => Some(Counter::Wide(*n)),
        _ => None,
    }
}

fn number(row: &Row, column: usize) -> Option<i64> {
    match row.cells.get(&column)? {
        Datum::Number(n) => Some(*n),
        _ => None,
    }
}

fn name(row: &Row, column: usize) -> Option<String> {
    let Datum::Text(bytes) = row.cells.get(&column)? else { return None };
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(name: &str, octets: Datum) -> Row {
        let cells = [(NAME, Datum::Text(name.into())), (OCTETS[0], octets.clone()), (OCTETS[1], octets)];
        Row { cells: cells.into(), ..Row::default() }
    }

    fn ids(readings: &[(Subject, Reading)]) -> Vec<&str> {
        readings.iter().map(|(subject, _)| subject.id.as_str()).collect()
    }

    #[test]
    fn names_fall_back_and_duplicates_are_told_apart() {
        let wide = Datum::Counter64(1);
        let rows: Rows = [
            (1, row("Gi0/1", wide.clone())),
            (2, row("Gi0/1", wide.clone())),
            (3, row("", wide.clone())),
            (4, row("  \0", wide.clone())),
            (5, row("Gi0/1~1", wide)),
        ]
        .into();
        let mut described = Row::default();
        described.cells.insert(DESCRIPTION, Datum::Text(b"Port three".to_vec()));
        let fallback: Rows = [(3, described)].into();
        let readings = readings("sw", &rows, &fallback);
        assert_eq!(ids(&readings), ["sw/Gi0/1~1~", "sw/Gi0/1~2", "sw/Port three", "sw/if4", "sw/Gi0/1~1"]);
    }

    #[test]
    fn an_interface_without_wide_counters_is_read_from_the_narrow_ones_at_their_moment() {
        let mut rows: Rows = [(7, row("ppp0", Datum::Missing))].into();
        assert!(incomplete(&rows));
        let mut narrow = Row { at: std::time::Duration::from_secs(9), uptime: Some(900), ..Row::default() };
        narrow.cells.insert(NARROW_OCTETS[0], Datum::Counter32(5));
        narrow.cells.insert(SPEED, Datum::Number(2_000_000));
        let read = readings("r", &rows, &[(7, narrow)].into());
        assert_eq!(read[0].1.octets, [Some(Counter::Narrow(5)), None]);
        assert_eq!((read[0].1.uptime, read[0].1.speed), (Some(900), Some(2_000_000)));
        rows.insert(7, row("ppp0", Datum::Counter64(1)));
        assert!(!incomplete(&rows));
    }

    proptest! {
        /// However a device numbers its interfaces, each keeps its series.
        #[test]
        fn shuffled_indices_make_no_new_series(order in Just((1u32..=40).collect::<Vec<_>>()).prop_shuffle()) {
            let numbered = |indices: &[u32]| -> HashSet<(String, Option<Counter>)> {
                let rows: Rows = indices.iter().enumerate()
                    .map(|(port, index)| (*index, row(&format!("ge-{port}"), Datum::Counter64(port as u64))))
                    .collect();
                readings("sw", &rows, &Rows::new()).into_iter().map(|(s, r)| (s.id, r.octets[0])).collect()
            };
            let plain: Vec<u32> = (1..=40).collect();
            prop_assert_eq!(numbered(&plain), numbered(&order));
        }

        /// Any names at all make as many different valid subjects as there are interfaces.
        #[test]
        fn every_interface_has_a_subject_of_its_own(names in prop::collection::vec(".{0,300}|a|a~1|a~2", 1..30)) {
            let rows: Rows = names.iter().enumerate()
                .map(|(index, name)| (index as u32, row(name, Datum::Counter64(0)))).collect();
            let readings = readings("sw", &rows, &Rows::new());
            let distinct: HashSet<_> = readings.iter().map(|(subject, _)| subject.clone()).collect();
            prop_assert_eq!(distinct.len(), names.len());
            for subject in distinct {
                prop_assert!(Subject::new(subject.kind, subject.id.clone()).is_ok());
            }
        }
    }
}
