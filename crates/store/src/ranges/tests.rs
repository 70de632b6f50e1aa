use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn behaves_like_a_set_of_numbers(steps in prop::collection::vec((0u64..60, 0u64..8), 0..60)) {
        let mut set = RangeSet::default();
        let mut model = BTreeSet::new();
        for (first, more) in steps {
            let fresh = (first..=first + more).filter(|n| model.insert(*n)).count() as u64;
            prop_assert_eq!(set.insert_range(first, first + more), fresh);
            let contiguous = (1..100).take_while(|n| model.contains(n)).last().unwrap_or(0);
            prop_assert_eq!(set.contiguous(), contiguous);
            prop_assert_eq!(set.first(), model.first().copied());
            prop_assert_eq!(set.last(), model.last().copied());
            let numbers: Vec<u64> = set.iter().flat_map(|(a, b)| a..=b).collect();
            prop_assert_eq!(&numbers, &model.iter().copied().collect::<Vec<_>>());
            let ranges: Vec<_> = set.iter().collect();
            prop_assert!(ranges.windows(2).all(|w| w[0].1 + 1 < w[1].0), "not coalesced: {:?}", ranges);
            prop_assert_eq!(RangeSet::from_bytes(&set.to_bytes()), Ok(set.clone()));
        }
    }

    #[test]
    fn bytes_that_are_no_list_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(set) = RangeSet::from_bytes(&bytes) {
            prop_assert_eq!(RangeSet::from_bytes(&set.to_bytes()), Ok(set));
        }
    }
}

#[test]
fn the_ends_of_the_number_line_do_not_overflow() {
    let mut set = RangeSet::default();
    assert!(set.insert(u64::MAX));
    assert!(!set.insert(u64::MAX));
    assert_eq!(set.insert_range(u64::MAX - 2, u64::MAX), 2);
    assert_eq!(set.contiguous(), 0);
    assert_eq!(set.insert_range(0, u64::MAX), u64::MAX - 2);
    assert_eq!(set.contiguous(), u64::MAX);
    assert_eq!(RangeSet::from_bytes(&set.to_bytes()), Ok(set.clone()));
    assert_eq!(set.insert_range(5, 4), 0);
}
