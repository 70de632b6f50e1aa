//! Random lives of a spool against a map of what was promised.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Append(Vec<(bool, u8)>),
    Acknowledge(u8),
    Rewind(u8),
    Confirm,
    Wait(u32),
    Reopen,
    /// Bytes that an interrupted append left.
    Tear(Vec<u8>),
    /// The newest segment loses its end, promised or not.
    Cut(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let payloads = proptest::collection::vec((prop::bool::weighted(0.2), 0u8..=150), 1..4);
    prop_oneof![
        8 => payloads.prop_map(Act::Append),
        2 => any::<u8>().prop_map(Act::Acknowledge),
        1 => any::<u8>().prop_map(Act::Rewind),
        1 => Just(Act::Confirm),
        1 => (0u32..5_000_000).prop_map(Act::Wait),
        1 => Just(Act::Reopen),
        1 => proptest::collection::vec(any::<u8>(), 1..80).prop_map(Act::Tear),
        1 => (1u8..200).prop_map(Act::Cut),
    ]
}

struct Model {
    promised: BTreeMap<u64, Record>,
    dropped: u64,
    now: i64,
    serial: u64,
}

fn run(options: &Options, acts: Vec<Act>) -> Accounting {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, options.clone());
    let mut model = Model { promised: BTreeMap::new(), dropped: 0, now: 0, serial: 0 };
    for act in acts {
        let share = |of: u8, whole: u64| whole * u64::from(of) / 255;
        let before = spool.accounting();
        match act {
            Act::Append(payloads) => {
                let records: Vec<(Class, Vec<u8>)> = payloads
                    .iter()
                    .map(|(is_event, size)| {
                        model.serial += 1;
                        let mut bytes = model.serial.to_le_bytes().to_vec();
                        bytes.resize(8 + usize::from(*size), 0xa5);
                        (if *is_event { Class::Event } else { Class::Sample }, bytes)
                    })
                    .collect();
                let batch: Vec<(Class, &[u8])> = records.iter().map(|(c, p)| (*c, p.as_slice())).collect();
                let seqs = spool.append_all(&batch, model.now).unwrap();
                assert_eq!(seqs, before.produced + 1..before.produced + 1 + records.len() as u64);
                for (seq, (class, payload)) in seqs.zip(records) {
                    model.promised.insert(seq, Record { seq, at_ms: model.now, class, payload });
                }
                assert!(spool.accounting().bytes <= options.quota_bytes);
            }
            Act::Acknowledge(of) => {
                let contiguous = share(of, before.produced);
                spool.acknowledge(contiguous, model.now).unwrap();
                assert_eq!(spool.accounting().watermark, contiguous.max(before.watermark));
            }
            Act::Rewind(of) => {
                let contiguous = share(of, before.watermark);
                let rewound = spool.rewind(contiguous).unwrap();
                let after = spool.accounting();
                assert_eq!(after.watermark, contiguous);
                assert_eq!(after.pending, before.pending + rewound.again);
                let forgotten: u64 = rewound.forgotten.iter().map(|(first, last)| last - first + 1).sum();
                assert_eq!(after.dropped.forgotten, before.dropped.forgotten + forgotten);
                model.dropped = after.dropped.total();
            }
            Act::Confirm => {
                spool.confirm_gaps(&[gap(1, before.watermark, Policy::Quota)]).unwrap();
                assert!(spool.gaps().iter().all(|gap| gap.first > before.watermark));
            }
            Act::Wait(ms) => {
                model.now += i64::from(ms);
                spool.maintain(model.now).unwrap();
            }
            Act::Reopen => {
                drop(spool);
                let (again, recovery) =
                    Spool::open_on(disk.boxed(), options.clone(), Epoch(9), model.now).unwrap();
                assert_eq!((&recovery.lost, recovery.torn_bytes, recovery.fresh), (&vec![], 0, false));
                assert_eq!(again.accounting(), before);
                spool = again;
            }
            Act::Tear(bytes) => {
                drop(spool);
                newest(&disk, |file| file.extend_from_slice(&bytes));
                let (again, recovery) =
                    Spool::open_on(disk.boxed(), options.clone(), Epoch(9), model.now).unwrap();
                assert_eq!(recovery.torn_bytes, bytes.len() as u64);
                assert_eq!(again.accounting(), before);
                spool = again;
            }
            Act::Cut(bytes) => {
                drop(spool);
                newest(&disk, |file| {
                    let left = file.len().saturating_sub(usize::from(bytes)).max(format::HEADER_BYTES);
                    file.truncate(left);
                });
                let (again, _) = Spool::open_on(disk.boxed(), options.clone(), Epoch(9), model.now).unwrap();
                let after = again.accounting();
                assert!((before.watermark..=before.produced).contains(&after.produced));
                model.promised.retain(|seq, _| *seq <= after.produced);
                model.dropped = after.dropped.total();
                spool = again;
            }
        }
        verify(&mut spool, &model);
        model.dropped = spool.accounting().dropped.total();
    }
    spool.accounting()
}

fn newest(disk: &FakeDisk, change: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = disk.inner();
    let (_, file) = inner.files.iter_mut().rfind(|(name, _)| name.ends_with("segment")).unwrap();
    change(file);
}

/// Every sequence has one fate, and what is pending is what was promised.
fn verify(spool: &mut Spool, model: &Model) {
    assert_balanced(spool);
    let records = spool.read(0, usize::MAX, usize::MAX).unwrap();
    let a = spool.accounting();
    assert_eq!(records.len() as u64, a.pending, "everything pending can be read");
    assert_eq!(records.first().map(|r| r.seq), a.oldest_pending);
    assert_eq!(records.last().map(|r| r.seq), a.newest_pending);
    let mut fate: BTreeMap<u64, &str> = BTreeMap::new();
    for record in &records {
        assert_eq!(Some(record), model.promised.get(&record.seq), "what is read is what was promised");
        assert!(record.seq > a.watermark);
        fate.insert(record.seq, "pending");
    }
    for hole in spool.ledger.holes() {
        for seq in (hole.first..=hole.last).filter(|seq| *seq > a.watermark) {
            assert_eq!(fate.insert(seq, "dropped"), None, "sequence {seq} has two fates");
        }
    }
    assert_eq!(fate.len() as u64, a.produced - a.watermark, "a sequence has no fate");
    assert!(a.dropped.total() >= model.dropped, "a drop is never taken back");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_dropped_while_there_is_room(acts in proptest::collection::vec(act(), 1..60)) {
        let cuts = acts.iter().any(|act| matches!(act, Act::Cut(_)));
        let end = run(&roomy(), acts);
        prop_assert!(cuts || end.dropped.total() == 0, "{:?}", end);
    }

    #[test]
    fn a_small_spool_accounts_for_all_it_drops(acts in proptest::collection::vec(act(), 1..60)) {
        let options = Options { retain_acked_ms: HOUR, max_age_ms: Some(3 * HOUR), segment_age_ms: HOUR, ..small() };
        run(&options, acts);
    }
}
