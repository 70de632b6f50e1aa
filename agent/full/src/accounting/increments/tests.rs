use proptest::prelude::*;
use wasl_model::assignment::{ShareAssignment, Way};

use super::*;

fn line(talkers: u16) -> AccountingAssignment {
    let share = |id: &str| ShareAssignment { id: id.into(), prefixes: Vec::new() };
    AccountingAssignment {
        id: "line".into(),
        interface: "wan0".into(),
        down: Way::In,
        shares: vec![share("one"), share("two")],
        talkers,
    }
}

fn counted(bytes: u64) -> Counted {
    Counted { packets: bytes / 100, bytes }
}

fn reading(seconds: u64, handle: u64, down: [u64; 2], talkers: &[(&str, u64)]) -> Reading {
    let counters = [(0, Direction::Down), (1, Direction::Down), (0, Direction::Up), (1, Direction::Up)]
        .into_iter()
        .map(|(share, way)| (count::counter(0, share, way), counted(down[share])))
        .collect();
    let addresses = talkers.iter().map(|(a, n)| (a.parse().expect("an address"), counted(*n))).collect();
    Reading {
        at: Duration::from_secs(seconds),
        counts: Counts {
            handle,
            counters,
            sets: [(count::talkers(0, Direction::Up, false), addresses)].into(),
        },
    }
}

fn bytes(carried: &Carried) -> Vec<Option<u64>> {
    carried.shares.iter().map(|sample| sample.down_bytes.map(|b| b.0)).collect()
}

#[test]
fn increments_are_of_one_and_the_same_table() {
    let first = reading(10, 7, [1000, 0], &[]);
    let begun = carried(&line(0), 0, 9, None, &first);
    assert_eq!(bytes(&begun), [None, None]);
    assert!(begun.shares.iter().all(|s| s.voided == Some(VoidReason::First) && s.interval.is_none()));

    let second = reading(20, 7, [5000, 100], &[]);
    let went = carried(&line(0), 0, 9, Some(&first), &second);
    assert_eq!(bytes(&went), [Some(4000), Some(100)]);
    assert_eq!(went.shares[0].interval, Some(Millis(10_000)));
    assert_eq!(went.shares[0].down_packets, Some(Count(40)));
    assert_eq!(went.shares[0].voided, None);

    // Somebody made the table anew, and it has already counted more than before.
    let anew = carried(&line(0), 0, 9, Some(&second), &reading(30, 8, [9000, 200], &[]));
    assert_eq!(bytes(&anew), [None, None]);
    assert!(anew.shares.iter().all(|s| s.voided == Some(VoidReason::Restart)));

    // Somebody set the counters back.
    let back = carried(&line(0), 0, 9, Some(&second), &reading(30, 7, [10, 300], &[]));
    assert_eq!(bytes(&back), [None, Some(200)]);
    assert_eq!(back.shares[0].voided, Some(VoidReason::Implausible));
}

#[test]
fn those_who_moved_most_come_first_and_new_ones_count_from_nothing() {
    let before = reading(10, 7, [0, 0], &[("10.0.0.1", 1_000_000), ("10.0.0.2", 50), ("10.0.0.4", 900)]);
    let after = reading(
        20,
        7,
        [0, 0],
        &[("10.0.0.1", 1_000_100), ("10.0.0.2", 5_050), ("10.0.0.3", 300), ("10.0.0.4", 40)],
    );
    let talkers = carried(&line(3), 0, 9, Some(&before), &after).talkers.expect("asked for");
    let told: Vec<_> = talkers.talkers.iter().map(|t| (t.address.to_string(), t.up.0, t.down.0)).collect();
    assert_eq!(
        told,
        [("10.0.0.2".to_owned(), 5000, 0), ("10.0.0.3".to_owned(), 300, 0), ("10.0.0.1".to_owned(), 100, 0)]
    );
    assert_eq!((talkers.seen, talkers.crowded), (4, false));
    assert!(carried(&line(3), 0, 4, Some(&before), &after).talkers.expect("asked for").crowded);
    assert_eq!(carried(&line(0), 0, 9, Some(&before), &after).talkers, None, "nobody asked");
    assert_eq!(carried(&line(3), 0, 9, None, &after).talkers, None, "since when is not known");
}

proptest! {
    /// Catches: an increment that is more than the counter itself, or of a table that is another.
    #[test]
    fn no_increment_is_more_than_what_was_counted(
        one in any::<[u64; 2]>(),
        two in any::<[u64; 2]>(),
        handles in (0u64..2, 0u64..2),
        seconds in (0u64..5, 0u64..5),
    ) {
        let (before, after) = (reading(seconds.0, handles.0, one, &[]), reading(seconds.1, handles.1, two, &[]));
        let carried = carried(&line(5), 0, 9, Some(&before), &after);
        for (share, sample) in carried.shares.iter().enumerate() {
            if let Some(bytes) = sample.down_bytes {
                prop_assert!(handles.0 == handles.1 && seconds.0 < seconds.1 && bytes.0 <= two[share]);
            } else {
                prop_assert!(sample.voided.is_some());
            }
        }
    }
}
