use super::*;
use proptest::prelude::*;
use std::net::IpAddr;

fn table(cells: &[(&[u32], usize, Datum)]) -> Table {
    let mut table = Table::default();
    for (index, column, datum) in cells {
        table.rows.entry(index.to_vec()).or_default().cells.insert(*column, datum.clone());
    }
    table
}

fn bytes(text: &[u8]) -> Datum {
    Datum::Text(text.to_vec())
}

/// A neighbour as lldpd's subagent gives it.
fn remote(index: &'static [u32], name: &[u8]) -> Vec<(&'static [u32], usize, Datum)> {
    vec![
        (index, 0, Datum::Number(4)),
        (index, 1, bytes(&[0x52, 0x54, 0, 0x12, 0x34, 0x56])),
        (index, 2, Datum::Number(5)),
        (index, 3, bytes(b"Gi1/0/3")),
        (index, 4, bytes(b"to the library")),
        (index, 5, bytes(name)),
    ]
}

#[test]
fn a_device_tells_who_is_at_which_of_its_ports() {
    let remote = table(&[remote(&[300, 7, 1], b"core"), remote(&[0, 8, 2], b"")].concat());
    let management = table(&[
        (&[300, 7, 1, 2, 16, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 0, Datum::Number(2)),
        (&[300, 7, 1, 1, 4, 192, 0, 2, 7], 0, Datum::Number(2)),
        (&[0, 8, 2, 1, 4, 192, 0, 2, 700], 0, Datum::Number(2)),
        (&[0, 8, 2, 1, 3, 192, 0, 2, 7], 0, Datum::Number(2)),
    ]);
    let local = table(&[
        (&[7], 0, Datum::Number(5)),
        (&[7], 1, bytes(b"Gi0/7")),
        (&[7], 2, bytes(b"uplink")),
        (&[8], 0, Datum::Number(3)),
        (&[8], 1, bytes(&[2, 0, 0, 0, 0, 8])),
        (&[8], 2, bytes(b"port8")),
    ]);
    let found = neighbours(&remote, &management, &local, 900);
    let shown: Vec<_> = found.iter().map(|(port, a)| (port.as_str(), a.system_name.as_deref())).collect();
    assert_eq!(shown, [("port8", None), ("Gi0/7", Some("core"))]);
    let core = &found[1].1;
    assert_eq!((core.chassis.as_str(), core.port.as_str(), core.ttl), ("52:54:00:12:34:56", "Gi1/0/3", 900));
    assert_eq!(core.management_address, Some(IpAddr::from([192, 0, 2, 7])), "the lower family comes first");
    assert_eq!(found[0].1.management_address, None);
    // Without the local table a port is still told from another.
    assert_eq!(neighbours(&remote, &management, &Table::default(), 900)[1].0, "7");
}

#[test]
fn a_row_that_names_nobody_is_left_out() {
    for (place, datum) in [
        (0, Datum::Number(400)),
        (0, Datum::Missing),
        (1, bytes(b"")),
        (1, Datum::Number(1)),
        (3, Datum::End),
    ] {
        let mut cells = remote(&[1, 7, 1], b"core");
        cells[place].2 = datum;
        assert_eq!(neighbours(&table(&cells), &Table::default(), &Table::default(), 1), []);
    }
    let short = table(&[(&[7, 1], 0, Datum::Number(4))]);
    assert_eq!(neighbours(&short, &Table::default(), &Table::default(), 1), []);
}

fn datum() -> impl Strategy<Value = Datum> {
    prop_oneof![
        any::<i64>().prop_map(Datum::Number),
        (0i64..9).prop_map(Datum::Number),
        proptest::collection::vec(any::<u8>(), 0..600).prop_map(Datum::Text),
        Just(Datum::Missing),
    ]
}

fn tables(columns: usize) -> impl Strategy<Value = Table> {
    let arc = prop_oneof![0u32..5, any::<u32>()];
    let cell = (proptest::collection::vec(arc, 0..9), 0..columns, datum());
    proptest::collection::vec(cell, 0..40).prop_map(|cells| {
        table(&cells.iter().map(|(i, c, d)| (i.as_slice(), *c, d.clone())).collect::<Vec<_>>())
    })
}

proptest! {
    #[test]
    fn whatever_a_device_tells_is_read_within_bounds(
        remote in tables(7),
        management in tables(1),
        local in tables(3),
    ) {
        for (port, a) in neighbours(&remote, &management, &local, 1) {
            prop_assert!(!port.is_empty() && !a.chassis.is_empty() && !a.port.is_empty());
            prop_assert!(port.len() <= 255 * 3 && a.chassis.len() <= 255 * 3);
            prop_assert!(a.system_description.is_none_or(|text| text.len() <= 255 * 3));
        }
    }
}
