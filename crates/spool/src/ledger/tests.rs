use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Add(u64, u64, Policy),
    Erase(u64, u64),
    Confirm(u64, u64),
    Unconfirm(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let policy = prop_oneof![Just(Policy::Quota), Just(Policy::Age)];
    prop_oneof![
        (1u64..60, 0u64..10, policy).prop_map(|(first, more, policy)| Act::Add(first, first + more, policy)),
        (1u64..60, 0u64..10).prop_map(|(first, more)| Act::Erase(first, first + more)),
        (0u64..70, 0u64..70).prop_map(|(first, last)| Act::Confirm(first, last)),
        (0u64..70).prop_map(Act::Unconfirm),
    ]
}

proptest! {
    /// Against a map of single sequences.
    #[test]
    fn the_ledger_is_a_map_of_sequences(acts in proptest::collection::vec(act(), 0..30)) {
        let mut ledger = Ledger::default();
        let mut model: BTreeMap<u64, (Policy, bool)> = BTreeMap::new();
        for act in acts {
            match act {
                Act::Add(first, last, policy) => {
                    ledger.add(first, last, policy);
                    for seq in first..=last {
                        model.entry(seq).or_insert((policy, false));
                    }
                }
                Act::Erase(first, last) => {
                    ledger.erase(first, last);
                    model.retain(|seq, _| !(first..=last).contains(seq));
                }
                Act::Confirm(first, last) => {
                    let told = |seq: &u64| (first..=last).contains(seq);
                    let news = model.iter().any(|(seq, (_, confirmed))| told(seq) && !confirmed);
                    prop_assert_eq!(ledger.confirm(first, last), news);
                    let told = model.iter_mut().filter(|(seq, _)| told(seq));
                    told.for_each(|(_, (_, confirmed))| *confirmed = true);
                }
                Act::Unconfirm(above) => {
                    let had = model.range(above + 1..).any(|(_, (_, confirmed))| *confirmed);
                    prop_assert_eq!(ledger.unconfirm(above), had);
                    model.range_mut(above + 1..).for_each(|(_, (_, confirmed))| *confirmed = false);
                }
            }
            let flat: BTreeMap<u64, (Policy, bool)> = ledger
                .holes()
                .iter()
                .flat_map(|hole| (hole.first..=hole.last).map(|seq| (seq, (hole.policy, hole.confirmed))))
                .collect();
            prop_assert_eq!(&flat, &model);
            prop_assert_eq!(ledger.dropped().total(), model.len() as u64);
            prop_assert_eq!(ledger.count_above(30), model.range(31..).count() as u64);
            let open: u64 = ledger.open_gaps().iter().map(|gap| gap.last - gap.first + 1).sum();
            prop_assert_eq!(open, model.values().filter(|(_, confirmed)| !confirmed).count() as u64);
            prop_assert_eq!(Ledger::from_holes(ledger.holes().to_vec()), Some(ledger.clone()));
        }
    }
}

#[test]
fn neighbours_of_one_policy_are_one_entry() {
    let mut ledger = Ledger::default();
    for first in (1..1000).step_by(10) {
        ledger.add(first, first + 9, Policy::Quota);
    }
    assert_eq!(ledger.holes().len(), 1);
}

#[test]
fn uncovered_leaves_what_nothing_covers() {
    assert_eq!(uncovered(1, 10, [(2, 3), (3, 5), (9, 20)]), [(1, 1), (6, 8)]);
    assert_eq!(uncovered(4, 6, [(1, 2), (8, 9)]), [(4, 6)]);
    assert_eq!(uncovered(4, 6, [(1, 9)]), []);
    assert_eq!(uncovered(7, 6, []), []);
}
