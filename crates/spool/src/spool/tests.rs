mod crash;
mod damage;
mod deleting;
mod model;
mod past;

use super::*;
use crate::disk::fake::{FakeDisk, Fault};
use crate::format;
use crate::segment::name_of;

const HOUR: i64 = 3_600_000;
const FRESH: Epoch = Epoch(1001);

/// Segments of 400 bytes, a quota of four of them, everything kept.
fn small() -> Options {
    Options {
        segment_bytes: 400,
        segment_age_ms: i64::MAX,
        quota_bytes: 1600,
        retain_acked_ms: i64::MAX,
        max_payload: 200,
        max_age_ms: None,
    }
}

fn roomy() -> Options {
    Options { quota_bytes: 1 << 30, ..small() }
}

fn open(disk: &FakeDisk, options: Options) -> (Spool, Recovery) {
    Spool::open_on(disk.boxed(), options, FRESH, 0).expect("the spool opens")
}

fn payload(seq: u64) -> Vec<u8> {
    format!("payload of {seq:04}").into_bytes()
}

/// Appends the sequences `1..=count`, each with its own payload.
fn fill(spool: &mut Spool, count: u64, class: Class) {
    for _ in 0..count {
        let next = spool.accounting().produced + 1;
        assert_eq!(spool.append(class, &payload(next), 0).unwrap(), next);
    }
}

fn pending(spool: &mut Spool) -> Vec<u64> {
    let records = spool.read(0, usize::MAX, usize::MAX).unwrap();
    for record in &records {
        assert_eq!(record.payload, payload(record.seq), "sequence {} has another's payload", record.seq);
    }
    records.iter().map(|record| record.seq).collect()
}

fn assert_balanced(spool: &Spool) {
    let a = spool.accounting();
    assert_eq!(a.produced, a.acknowledged + a.dropped.total() + a.pending, "{a:?}");
    assert_eq!(a.produced, a.watermark + a.dropped_beyond + a.pending, "{a:?}");
}

fn gap(first: u64, last: u64, policy: Policy) -> Gap {
    Gap { first, last, policy }
}

#[test]
fn what_was_appended_survives_in_a_real_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/spool");
    let (mut spool, recovery) = Spool::open(&path, roomy(), FRESH, 0).unwrap();
    assert!(recovery.fresh);
    std::fs::write(path.join("notes.txt"), "not ours").unwrap();
    std::fs::write(path.join("7.segment"), "not ours").unwrap();
    fill(&mut spool, 30, Class::Sample);
    spool.acknowledge(4, 0).unwrap();
    assert!(matches!(Spool::open(&path, roomy(), Epoch(2), 0), Err(Error::Locked(_))));
    drop(spool);

    std::fs::write(path.join("state.tmp"), "half").unwrap();
    let (mut spool, recovery) = Spool::open(&path, roomy(), Epoch(2), 0).unwrap();
    assert_eq!((recovery.fresh, recovery.state, recovery.pending), (false, StateFile::Good, 26));
    assert_eq!(spool.epoch(), FRESH);
    assert_eq!(pending(&mut spool), (5..=30).collect::<Vec<_>>());
    fill(&mut spool, 1, Class::Event);
    assert!(!path.join("state.tmp").exists());
    for foreign in ["notes.txt", "7.segment"] {
        assert_eq!(std::fs::read_to_string(path.join(foreign)).unwrap(), "not ours");
    }
}

#[test]
fn reading_stops_at_its_limits_and_crosses_segments_and_blocks() {
    let disk = FakeDisk::default();
    let options = Options { segment_bytes: 200_000, max_payload: 60_000, ..roomy() };
    let (mut spool, _) = open(&disk, options);
    let big = vec![7; 30_000];
    for _ in 0..20 {
        spool.append(Class::Sample, &big, 5).unwrap();
    }
    assert!(spool.accounting().segments > 3);
    let seqs = |records: Vec<Record>| records.iter().map(|record| record.seq).collect::<Vec<_>>();
    assert_eq!(seqs(spool.read(0, 100, usize::MAX).unwrap()), (1..=20).collect::<Vec<_>>());
    assert_eq!(seqs(spool.read(3, 4, usize::MAX).unwrap()), [3, 4, 5, 6]);
    assert_eq!(seqs(spool.read(18, 100, 65_000).unwrap()), [18, 19]);
    assert_eq!(seqs(spool.read(2, 100, 0).unwrap()), [2], "one record is always returned");
    assert_eq!(seqs(spool.read(21, 100, 1).unwrap()), [0; 0]);
    assert_eq!(seqs(spool.read(1, 0, usize::MAX).unwrap()), [0; 0]);
}

#[test]
fn a_controller_that_knows_more_than_was_produced_is_refused() {
    let (mut spool, _) = open(&FakeDisk::default(), roomy());
    fill(&mut spool, 3, Class::Sample);
    assert!(matches!(spool.acknowledge(4, 0), Err(Error::Ahead { contiguous: 4, produced: 3 })));
    assert!(matches!(spool.rewind(u64::MAX), Err(Error::Ahead { .. })));
    assert_eq!(pending(&mut spool), [1, 2, 3]);
}

#[test]
fn a_full_disk_refuses_the_append_and_nothing_else() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    disk.inner().capacity = Some(1000);
    let error = loop {
        let next = spool.accounting().produced + 1;
        if let Err(error) = spool.append(Class::Sample, &payload(next), 0) {
            break error;
        }
    };
    assert!(error.is_disk_full() && error.to_string().contains("disk is full"), "{error}");
    let produced = spool.accounting().produced;
    let (mut reopened, recovery) = open(&disk.revive(), roomy());
    assert_eq!((pending(&mut reopened), recovery.torn_bytes), ((1..=produced).collect(), 0));

    let all = pending(&mut spool);
    assert_eq!(all, (1..=produced).collect::<Vec<_>>());
    assert!(spool.append(Class::Sample, &payload(produced + 1), 0).is_err());
    let _ = spool.acknowledge(produced / 2 + 4, 0);
    fill(&mut spool, 3, Class::Sample);
    disk.inner().capacity = None;
    fill(&mut spool, 30, Class::Sample);
    assert_eq!(pending(&mut spool), (produced / 2 + 5..=produced + 33).collect::<Vec<_>>());
    assert_eq!(spool.accounting().dropped.total(), 0);
    let (mut reopened, recovery) = open(&disk.revive(), roomy());
    assert_eq!(recovery.lost, []);
    assert_eq!(pending(&mut reopened).last(), Some(&(produced + 33)));
}

#[test]
fn one_append_of_many_is_all_or_nothing() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    let payloads: Vec<Vec<u8>> = (1..=5).map(payload).collect();
    let batch: Vec<(Class, &[u8])> = payloads.iter().map(|p| (Class::Sample, p.as_slice())).collect();
    let act = disk.inner().acts + 1;
    disk.inner().fault = Some((act, Fault::Error));
    assert!(spool.append_all(&batch, 0).unwrap_err().is_disk_full());
    assert_eq!(pending(&mut spool), [0; 0]);
    let before = disk.inner().acts;
    assert_eq!(spool.append_all(&batch, 0).unwrap(), 1..6);
    assert_eq!(disk.inner().acts, before + 1, "one write, one sync");
    assert_eq!(pending(&mut spool), [1, 2, 3, 4, 5]);
    assert_eq!(spool.append_all(&[], 0).unwrap(), 6..6);
}

#[test]
fn what_cannot_fit_is_refused_before_anything_is_written() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, small());
    let acts = disk.inner().acts;
    assert!(matches!(
        spool.append(Class::Event, &[0; 201], 0),
        Err(Error::PayloadTooLarge { size: 201, max: 200 })
    ));
    let batch = [(Class::Event, &[0u8; 200][..]); 4];
    assert!(matches!(spool.append_all(&batch, 0), Err(Error::TooMuchAtOnce { .. })));
    assert_eq!(disk.inner().acts, acts);
    for broken in [
        Options { quota_bytes: 799, ..small() },
        Options { segment_bytes: 264, ..small() },
        Options { segment_age_ms: 0, ..small() },
    ] {
        assert!(matches!(Spool::open_on(disk.boxed(), broken, FRESH, 0), Err(Error::Options(_))));
    }
    for shipped in [Options::gateway(), Options::lab()] {
        shipped.check().unwrap();
    }
}

#[test]
fn a_successor_that_appears_in_spite_of_an_error_takes_the_next_append() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 6, Class::Sample);
    let act = disk.inner().acts + 1;
    disk.inner().fault = Some((act, Fault::ErrorButDone));
    assert!(spool.append(Class::Sample, &[0; 200], 0).is_err(), "it needs a new segment");
    fill(&mut spool, 1, Class::Sample);
    let (mut spool, recovery) = open(&disk.revive(), roomy());
    assert_eq!((pending(&mut spool), recovery.lost), ((1..=7).collect(), vec![]));
}
