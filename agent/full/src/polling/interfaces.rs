//! The interface columns of IF-MIB (RFC 2863), and readings made of them.
//!
//! What changes at every moment is read at every poll; who an interface is and how fast it may go is read
//! when the device says that its table has changed, and now and then.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use wasl_model::Subject;
use wasl_probe::snmp::walk::{Fault, Row, Table};
use wasl_probe::snmp::{Datum, Oid};

use super::counters::{Counter, Reading};
use super::identity::{self, Identity, Label, Names};

/// `ifNumber` and `ifTableLastChange`: whether the table is another than before.
pub(crate) const HEAD: &[&[u32]] = &[&[1, 3, 6, 1, 2, 1, 2, 1], &[1, 3, 6, 1, 2, 1, 31, 1, 5]];
/// The place of `ifTableLastChange` in [`HEAD`].
const LAST_CHANGE: usize = 1;

/// The columns that are read at every poll; a column's number is its place here. What belongs to one moment
/// stands in one third, because thirds are read as lanes of their own.
pub(crate) const TRAFFIC: &[&[u32]] = &[
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 19],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 7],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 7],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 8],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 9],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 14],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 13],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 11],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 12],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 13],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 20],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 19],
];
/// Into how many lanes [`TRAFFIC`] falls.
pub(crate) const LANES: usize = 3;
/// `ifHCInOctets`, `ifHCOutOctets`.
const OCTETS: [usize; 2] = [0, 1];
const DISCONTINUITY: usize = 2;
const OPER_STATUS: usize = 3;
const ADMIN_STATUS: usize = 4;
/// `notPresent` of `ifOperStatus`.
const NOT_PRESENT: i64 = 6;
/// Unicast, multicast and broadcast, in and out, in 64 bits.
const PACKETS: [[usize; 3]; 2] = [[5, 6, 7], [10, 11, 12]];
const ERRORS: [usize; 2] = [8, 13];
const DISCARDS: [usize; 2] = [9, 14];

/// The columns that are read as well where an interface lacks 64-bit counters.
pub(crate) const NARROW: &[&[u32]] = &[
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 10],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 16],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 11],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 2],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 3],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 17],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 4],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 5],
];
const NARROW_OCTETS: [usize; 2] = [0, 1];
const NARROW_PACKETS: [[usize; 3]; 2] = [[2, 3, 4], [5, 6, 7]];

/// The columns that are read rarely: `ifName`, `ifHighSpeed`, `ifConnectorPresent`, `ifSpeed`.
pub(crate) const FIXED: &[&[u32]] = &[
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 15],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 17],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 5],
];
const NAME: usize = 0;
const HIGH_SPEED: usize = 1;
const CONNECTOR: usize = 2;
const SPEED: usize = 3;

/// The columns that are read with [`FIXED`] where those do not tell enough: `ifDescr`, `ifPhysAddress`,
/// `ifAlias`.
pub(crate) const MORE: &[&[u32]] =
    &[&[1, 3, 6, 1, 2, 1, 2, 2, 1, 2], &[1, 3, 6, 1, 2, 1, 2, 2, 1, 6], &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18]];
const DESCRIPTION: usize = 0;
const HARDWARE: usize = 1;
const ALIAS: usize = 2;

/// The names of columns, for people.
pub(crate) fn column_name(column: &[u32]) -> &'static str {
    match column {
        [1, 3, 6, 1, 2, 1, 31, 1, 1, 1, arc] => match arc {
            1 => "ifName",
            2 => "ifInMulticastPkts",
            3 => "ifInBroadcastPkts",
            4 => "ifOutMulticastPkts",
            5 => "ifOutBroadcastPkts",
            6 => "ifHCInOctets",
            7 => "ifHCInUcastPkts",
            8 => "ifHCInMulticastPkts",
            9 => "ifHCInBroadcastPkts",
            10 => "ifHCOutOctets",
            11 => "ifHCOutUcastPkts",
            12 => "ifHCOutMulticastPkts",
            13 => "ifHCOutBroadcastPkts",
            15 => "ifHighSpeed",
            17 => "ifConnectorPresent",
            18 => "ifAlias",
            19 => "ifCounterDiscontinuityTime",
            _ => "ifXTable",
        },
        [1, 3, 6, 1, 2, 1, 2, 2, 1, arc] => match arc {
            2 => "ifDescr",
            5 => "ifSpeed",
            6 => "ifPhysAddress",
            7 => "ifAdminStatus",
            8 => "ifOperStatus",
            10 => "ifInOctets",
            11 => "ifInUcastPkts",
            13 => "ifInDiscards",
            14 => "ifInErrors",
            16 => "ifOutOctets",
            17 => "ifOutUcastPkts",
            19 => "ifOutDiscards",
            20 => "ifOutErrors",
            _ => "ifTable",
        },
        _ => "a column",
    }
}

/// Rows by `ifIndex`.
type Rows = BTreeMap<Oid, Row>;

/// How far the columns of a table were read. Where replies were lost, a missing cell does not mean that the device does
/// not have it.
struct Reach<'a>(BTreeMap<usize, Option<&'a Oid>>);

impl<'a> Reach<'a> {
    fn of(table: &'a Table) -> Self {
        let unread = table.faults.iter().filter(|(_, fault)| *fault == Fault::Unread);
        let last = |column| table.rows.iter().rev().find(|(_, row)| row.cells.contains_key(&column));
        Self(unread.map(|&(column, _)| (column, last(column).map(|(index, _)| index))).collect())
    }

    fn covers(&self, column: usize, index: &[u32]) -> bool {
        self.0.get(&column).is_none_or(|last| last.is_some_and(|last| index <= last.as_slice()))
    }
}

/// Whether [`NARROW`] has to be read as well: whether a device lacks wide counters, not whether they were lost.
pub(crate) fn lacks_wide(traffic: &Table) -> bool {
    let reach = Reach::of(traffic);
    let lacks = |(index, row): (&Oid, &Row)| {
        OCTETS.iter().any(|column| counter(row, *column).is_none() && reach.covers(*column, index))
    };
    traffic.rows.is_empty() || traffic.rows.iter().any(lacks)
}

/// Whether the rows tell which interfaces live, as far as the device does.
pub(crate) fn tells_status(traffic: &Table) -> bool {
    let lost = |(column, fault): &(usize, Fault)| {
        *fault == Fault::Unread && [OPER_STATUS, ADMIN_STATUS].contains(column)
    };
    !traffic.faults.iter().any(lost)
}

/// Whether [`MORE`] has to be read as well.
pub(crate) fn lacks_names(fixed: &Table) -> bool {
    let names: Vec<Option<String>> =
        fixed.rows.values().map(|row| row.cells.get(&NAME).and_then(Datum::text)).collect();
    names.is_empty() || !identity::names_suffice(names.iter().map(Option::as_deref))
}

/// What is known of the interfaces besides their counters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fixed {
    interfaces: BTreeMap<u32, Port>,
    /// Rows that a device still has of interfaces that were replaced.
    remains: BTreeSet<u32>,
    last_change: Option<u32>,
}

#[derive(Debug, Clone)]
struct Port {
    identity: Identity,
    speed: Option<u64>,
    connector: Option<bool>,
}

impl Fixed {
    /// From the rows of [`FIXED`] and [`MORE`], for the interfaces that these and those of [`TRAFFIC`] and [`NARROW`]
    /// show.
    pub(crate) fn new(
        device: &str,
        fixed: &Table,
        more: &Table,
        [traffic, narrow]: [&Table; 2],
        names: &mut Names,
    ) -> Self {
        let none = Row::default();
        let mut labels = BTreeMap::new();
        for index in indices([fixed, more, traffic, narrow]) {
            let (fixed, more) = rows(&fixed.rows, &more.rows, index, &none);
            let text = |row: &Row, column| row.cells.get(&column).and_then(Datum::text);
            let hardware = match more.cells.get(&HARDWARE) {
                Some(Datum::Text(bytes)) => hardware(bytes),
                _ => None,
            };
            let label = Label {
                name: text(fixed, NAME),
                alias: text(more, ALIAS),
                hardware,
                description: text(more, DESCRIPTION),
                alive: is_alive(traffic, index),
            };
            labels.insert(index, label);
        }
        let port = |(index, identity)| {
            let (fixed, _) = rows(&fixed.rows, &more.rows, index, &none);
            (
                index,
                Port { identity, speed: speed(fixed), connector: number(fixed, CONNECTOR).map(|n| n == 1) },
            )
        };
        let interfaces: BTreeMap<_, _> =
            identity::identify(device, &labels, names).into_iter().map(port).collect();
        let remains = labels.into_keys().filter(|index| !interfaces.contains_key(index)).collect();
        Self { interfaces, remains, last_change: last_change(fixed) }
    }

    /// Whether these are still the interfaces of a table that was read later.
    pub(crate) fn fits(&self, traffic: &Table) -> bool {
        let now = last_change(traffic);
        let knows = |index: &u32| {
            self.interfaces.contains_key(index) || self.remains.contains(index) && !lives(traffic, *index)
        };
        self.last_change == now && indices([traffic]).iter().all(knows)
    }

    /// Whether the device tells when its table changes; where it does not, one has to look more often.
    pub(crate) fn is_announced(&self) -> bool {
        self.last_change.is_some()
    }
}

/// Whether an interface is neither disabled nor away, as far as its row tells.
fn is_alive(traffic: &Table, index: u32) -> bool {
    let key: &[u32] = &[index];
    let status = |column| traffic.rows.get(key).and_then(|row| number(row, column));
    status(ADMIN_STATUS) != Some(2) && status(OPER_STATUS) != Some(NOT_PRESENT)
}

/// Whether its row says that an interface lives.
fn lives(traffic: &Table, index: u32) -> bool {
    let key: &[u32] = &[index];
    let told = |row: &Row| [OPER_STATUS, ADMIN_STATUS].iter().any(|column| row.cells.contains_key(column));
    traffic.rows.get(key).is_some_and(told) && is_alive(traffic, index)
}

/// The nominal speed in bits per second, where the device tells it.
fn speed(fixed: &Row) -> Option<u64> {
    let positive = |column| number(fixed, column).and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    // At its end it means more than it can tell (RFC 2863, ifSpeed).
    let bits = positive(SPEED).filter(|n| *n < u64::from(u32::MAX));
    match positive(HIGH_SPEED) {
        // Millions of bits are what it should count; switches of D-Link write the same number into both.
        Some(millions) if Some(millions) != bits => Some(millions.saturating_mul(1_000_000)),
        // Less than a million, and by firewalls of Palo Alto and switches of H3C also more than that.
        _ => bits,
    }
}

fn last_change(table: &Table) -> Option<u32> {
    table.head.get(LAST_CHANGE).and_then(Datum::ticks)
}

fn indices<'a>(tables: impl IntoIterator<Item = &'a Table>) -> BTreeSet<u32> {
    let keys = tables.into_iter().flat_map(|table| table.rows.keys());
    keys.filter_map(|key| <[u32; 1]>::try_from(key.as_slice()).ok()).map(|[index]| index).collect()
}

fn rows<'a>(main: &'a Rows, more: &'a Rows, index: u32, none: &'a Row) -> (&'a Row, &'a Row) {
    let key: &[u32] = &[index];
    (main.get(key).unwrap_or(none), more.get(key).unwrap_or(none))
}

/// A hardware address as people write it, if it is one: zeros are not.
fn hardware(bytes: &[u8]) -> Option<String> {
    let any = (1..=20).contains(&bytes.len()) && bytes.iter().any(|byte| *byte != 0);
    any.then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
}

/// The interfaces with their readings, from the rows of [`TRAFFIC`] and [`NARROW`].
pub(crate) fn readings(fixed: &Fixed, traffic: &Table, narrow: &Table) -> Vec<(Subject, Reading)> {
    let none = Row::default();
    let reach = Reach::of(traffic);
    indices([traffic, narrow])
        .into_iter()
        .filter_map(|index| {
            let port = fixed.interfaces.get(&index)?;
            let (row, more) = rows(&traffic.rows, &narrow.rows, index, &none);
            Some((port.identity.subject.clone(), reading(index, port, row, more, &reach)))
        })
        .collect()
}

fn reading(index: u32, port: &Port, row: &Row, more: &Row, reach: &Reach<'_>) -> Reading {
    let lacks = |column: usize| counter(row, column).is_none() && reach.covers(column, &[index]);
    let narrow = OCTETS.into_iter().all(lacks);
    // The bytes decide which reply's moment is the reading's.
    let (at, uptime) =
        if narrow && !more.cells.is_empty() { (more.at, more.uptime) } else { (row.at, row.uptime) };
    let pick =
        |wide: usize, narrow: usize| if lacks(wide) { counter(more, narrow) } else { counter(row, wide) };
    let status = |column: usize| match number(row, column) {
        Some(1) => Some(true),
        Some(2 | 3 | 5..=7) => Some(false),
        _ => None,
    };
    Reading {
        at,
        uptime,
        index,
        by_number: port.identity.by_number,
        speed: port.speed,
        connector: port.connector,
        up: status(OPER_STATUS),
        enabled: status(ADMIN_STATUS),
        status_missed: [OPER_STATUS, ADMIN_STATUS].map(|column| !row.cells.contains_key(&column)),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn table(rows: impl IntoIterator<Item = (u32, Vec<(usize, Datum)>)>) -> Table {
        let row = |(index, cells): (u32, Vec<(usize, Datum)>)| {
            (vec![index], Row { cells: cells.into_iter().collect(), ..Row::default() })
        };
        Table { rows: rows.into_iter().map(row).collect(), ..Table::default() }
    }

    fn text(text: &str) -> Datum {
        Datum::Text(text.into())
    }

    fn fixed(fixed: &Table, more: &Table, traffic: &Table) -> Fixed {
        Fixed::new("r", fixed, more, [traffic, &Table::default()], &mut Names::default())
    }

    #[test]
    fn an_interface_without_wide_counters_is_read_from_the_narrow_ones_at_their_moment() {
        let mut traffic = table([(7, vec![(OPER_STATUS, Datum::Number(1))])]);
        assert!(lacks_wide(&traffic));
        let mut narrow = table([(7, vec![(NARROW_OCTETS[0], Datum::Counter32(5))])]);
        let row = narrow.rows.get_mut(&vec![7]).expect("put there");
        (row.at, row.uptime) = (Duration::from_secs(9), Some(900));
        let names = table([(7, vec![(NAME, text("ppp0")), (SPEED, Datum::Number(2_000_000))])]);
        let known = fixed(&names, &Table::default(), &traffic);
        let read = readings(&known, &traffic, &narrow);
        assert_eq!(read[0].0.id, "r/ppp0");
        assert_eq!(read[0].1.octets, [Some(Counter::Narrow(5)), None]);
        assert_eq!(
            (read[0].1.uptime, read[0].1.speed, read[0].1.up),
            (Some(900), Some(2_000_000), Some(true))
        );
        let row = traffic.rows.get_mut(&vec![7]).expect("put there");
        row.cells.extend([(OCTETS[0], Datum::Counter64(1)), (OCTETS[1], Datum::Counter64(1))]);
        assert!(!lacks_wide(&traffic));
    }

    /// Catches: replies that are lost behind some row, taken for a device without wide counters: each port would be
    /// read with narrow ones once, and begin anew twice.
    #[test]
    fn wide_counters_that_were_lost_are_not_replaced_by_narrow_ones() {
        let wide = || vec![(OCTETS[0], Datum::Counter64(1)), (OCTETS[1], Datum::Counter64(1))];
        let lost = || vec![(ERRORS[0], Datum::Counter32(4))];
        let mut traffic = table([(1, wide()), (2, lost()), (3, wide()), (4, lost())]);
        for row in [1, 3] {
            let row = traffic.rows.get_mut(&vec![row]).expect("put there");
            row.cells.insert(OPER_STATUS, Datum::Number(1));
            row.cells.insert(ADMIN_STATUS, Datum::Number(1));
        }
        assert!(lacks_wide(&traffic) && tells_status(&traffic));
        traffic.faults = (0..=ADMIN_STATUS).map(|column| (column, Fault::Unread)).collect();
        assert!(lacks_wide(&traffic), "the second port has none, and the third was read behind it");
        assert!(!tells_status(&traffic));
        let narrow = table((1..=4).map(|index| (index, vec![(NARROW_OCTETS[0], Datum::Counter32(5))])));
        let names = table((1..=4).map(|index| (index, vec![(NAME, text(&format!("p{index}")))])));
        let read = readings(&fixed(&names, &Table::default(), &traffic), &traffic, &narrow);
        let octets: Vec<_> = read.iter().map(|(_, reading)| reading.octets[0]).collect();
        let one = Some(Counter::Wide(1));
        assert_eq!(octets, [one, Some(Counter::Narrow(5)), one, None]);
        assert_eq!(
            read.iter().map(|(_, r)| r.status_missed).collect::<Vec<_>>(),
            [[false; 2], [true; 2], [false; 2], [true; 2]]
        );
        traffic.rows.remove([2].as_slice());
        assert!(!lacks_wide(&traffic));
    }

    #[test]
    fn values_of_wrong_types_are_as_good_as_none() {
        let traffic = table([(
            1,
            vec![
                (OCTETS[0], Datum::Number(7)),
                (OCTETS[1], text("")),
                (OPER_STATUS, text("up")),
                (DISCONTINUITY, Datum::Other),
            ],
        )]);
        let names =
            table([(1, vec![(NAME, Datum::Number(3)), (HIGH_SPEED, text("fast")), (CONNECTOR, Datum::End)])]);
        let known = fixed(&names, &Table::default(), &traffic);
        let read = readings(&known, &traffic, &Table::default());
        assert_eq!(read[0].0.id, "r/if1");
        let reading = &read[0].1;
        assert_eq!(
            (reading.octets, reading.speed, reading.up, reading.discontinuity),
            ([None; 2], None, None, None)
        );
    }

    #[test]
    fn a_table_with_another_interface_or_another_change_is_another_table() {
        let told = |ticks| vec![Datum::Number(1), Datum::Ticks(ticks)];
        let head = |mut table: Table, ticks| {
            table.head = told(ticks);
            table
        };
        let known =
            fixed(&head(table([(1, vec![(NAME, text("a"))])]), 5), &Table::default(), &Table::default());
        let now = |index, ticks| head(table([(index, vec![])]), ticks);
        assert!(known.is_announced() && known.fits(&now(1, 5)));
        assert!(!known.fits(&now(2, 5)) && !known.fits(&now(1, 6)));
    }

    #[test]
    fn remains_are_not_read_until_they_live() {
        let row = |status| vec![(ADMIN_STATUS, Datum::Number(status)), (OPER_STATUS, Datum::Number(status))];
        let label = |index| (index, vec![(NAME, text("ppp0"))]);
        let mut names = Names::default();
        let mut read = |fixed: &Table, traffic: &Table| {
            Fixed::new("r", fixed, &Table::default(), [traffic, &Table::default()], &mut names)
        };
        let before = table([(4, row(1))]);
        assert!(read(&table([label(4)]), &before).fits(&before));
        let after = table([(4, row(2)), (9, row(1))]);
        let known = read(&table([label(4), label(9)]), &after);
        assert!(known.fits(&after));
        let found = readings(&known, &after, &Table::default());
        assert_eq!(found.iter().map(|(_, reading)| reading.index).collect::<Vec<_>>(), [9]);
        assert!(!known.fits(&table([(4, row(1)), (9, row(1))])), "it lives: who is it?");
        let lost = table([(4, vec![(ERRORS[0], Datum::Counter32(1))]), (9, row(1))]);
        assert!(known.fits(&lost), "nothing says that it lives");
        let away = table([(4, vec![(OPER_STATUS, Datum::Number(NOT_PRESENT))]), (9, row(1))]);
        assert!(known.fits(&away));
    }

    /// As recordings of real devices have them (snmpsim-data 1.0.1), `ifHighSpeed` first.
    #[test]
    fn a_speed_is_told_by_what_makes_sense_of_both_objects() {
        for (name, high, low, bits) in [
            ("an ordinary port", Some(1_000), 1_000_000_000, Some(1_000_000_000)),
            ("faster than ifSpeed can tell", Some(10_000), 4_294_967_295, Some(10_000_000_000)),
            ("dptech-dpx800-a5: ifSpeed has wrapped", Some(10_000), 1_410_065_408, Some(10_000_000_000)),
            ("dlink-des3038: bits in both", Some(100_000_000), 100_000_000, Some(100_000_000)),
            ("h3c-e528-2: no millions, but 1 Gbit/s", Some(0), 1_000_000_000, Some(1_000_000_000)),
            ("huawei-unknown-001: less than a million", Some(0), 64_000, Some(64_000)),
            ("an old device", None, 10_000_000, Some(10_000_000)),
            ("a port that is down", Some(0), 0, None),
            ("nothing known", None, 4_294_967_295, None),
        ] {
            let mut row = Row::default();
            row.cells.extend(high.map(|n| (HIGH_SPEED, Datum::Number(n))));
            row.cells.insert(SPEED, Datum::Number(low));
            assert_eq!(speed(&row), bits, "{name}");
        }
    }

    #[test]
    fn every_column_has_its_name() {
        for column in [TRAFFIC, NARROW, FIXED, MORE].concat() {
            assert!(!["ifTable", "ifXTable", "a column"].contains(&column_name(column)), "{column:?}");
        }
    }
}
