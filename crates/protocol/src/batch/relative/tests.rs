use proptest::prelude::*;

use super::*;
use crate::batch::columns;
use crate::batch::tests::gateway;

fn column() -> impl Strategy<Value = Column> {
    let values = prop::collection::vec(prop_oneof![-3i64..3, any::<i64>()], 0..6);
    let lengths = prop::collection::vec(0u32..4, 0..4);
    (1u32..4, values, any::<bool>(), prop::collection::vec(any::<u8>(), 0..2), lengths).prop_map(
        |(field, values, differences, present, lengths)| Column {
            field,
            values,
            differences,
            present,
            lengths,
        },
    )
}

fn batch() -> impl Strategy<Value = Vec<u8>> {
    let table = (1u32..4, prop::collection::vec(column(), 0..4)).prop_map(|(kind, columns)| Table {
        kind,
        columns,
        ..Table::default()
    });
    prop::collection::vec(table, 0..4).prop_map(|tables| Batch { tables, ..Batch::default() }.encode_to_vec())
}

#[test]
fn what_an_agent_sees_again_is_told_by_differences() {
    let (mut before, mut there) = (Before::default(), Before::default());
    for n in 0..4 {
        let plain = columns::build(&gateway(n)).encode_to_vec();
        let (relative, related) = before.relate(&plain).expect("a batch");
        assert_eq!(related.is_empty(), n == 0, "{n}");
        assert!(n == 0 || relative.len() < plain.len());
        assert_eq!(there.restore(&relative, &related).as_deref(), Some(plain.as_slice()), "{n}");
    }
}

#[test]
fn a_batch_of_a_later_version_stays_as_it_is() {
    let mut plain = columns::build(&gateway(0)).encode_to_vec();
    // Field 15, a number.
    plain.extend([15 << 3, 1]);
    assert_eq!(Before::default().relate(&plain), None);
    assert_eq!(Before::default().relate(b"no batch at all"), None);
}

/// Eight bytes of memory for each byte of a frame: a bound of its own.
#[test]
fn a_batch_of_very_many_values_is_neither_told_by_differences_nor_read_so() {
    let column = |length| Column { field: 1, values: vec![0; length], ..Column::default() };
    let batch = |lengths: &[usize]| {
        let columns = lengths.iter().map(|length| column(*length)).collect();
        Batch { tables: vec![Table { kind: 1, columns, ..Table::default() }], ..Batch::default() }
            .encode_to_vec()
    };
    let (fits, too_large) = (batch(&[LARGEST]), batch(&[LARGEST, 1]));
    assert!(Before::default().relate(&fits).is_some());
    assert_eq!(Before::default().restore(&fits, &[]), Some(fits));
    assert_eq!(Before::default().relate(&too_large), None);
    assert_eq!(Before::default().restore(&too_large, &[]), None);
}

proptest! {
    #[test]
    fn whatever_was_related_is_restored(batches in prop::collection::vec(batch(), 0..6)) {
        let (mut before, mut there) = (Before::default(), Before::default());
        for plain in batches {
            let (relative, related) = before.relate(&plain).expect("it comes from this version");
            prop_assert_eq!(there.restore(&relative, &related), Some(plain));
        }
    }

    #[test]
    fn whatever_is_to_be_restored_is_never_fatal(
        batches in prop::collection::vec((batch(), prop::collection::vec(0u32..12, 0..12)), 0..6),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut there = Before::default();
        for (plain, related) in batches {
            let _ = there.restore(&plain, &related);
        }
        let _ = there.restore(&bytes, &[0]);
    }
}
