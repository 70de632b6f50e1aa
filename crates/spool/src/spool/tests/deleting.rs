//! Retention, age and quota: what the spool does to itself.

use super::*;

#[test]
fn a_real_directory_drops_thins_and_forgets() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(dir.path(), small(), FRESH, 0).unwrap();
    fill(&mut spool, 1, Class::Event);
    fill(&mut spool, 60, Class::Sample);
    let before = spool.accounting();
    assert!(before.dropped.quota > 0);
    drop(spool);
    let (mut spool, recovery) = Spool::open(dir.path(), small(), FRESH, 0).unwrap();
    assert_eq!((spool.accounting(), recovery.lost), (before, vec![]));
    assert_eq!(pending(&mut spool)[0], 1, "the event outlives the samples");
    let on_disk: u64 = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".segment"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert_eq!(on_disk, before.bytes);
}

#[test]
fn samples_go_before_events_and_the_oldest_first() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, small());
    for n in 1..=120 {
        fill(&mut spool, 1, if n % 9 == 0 { Class::Event } else { Class::Sample });
        assert!(spool.accounting().bytes <= 1600);
        assert_balanced(&spool);
    }
    let kept = pending(&mut spool);
    let events: Vec<u64> = (1..=120).filter(|n| n % 9 == 0).collect();
    assert!(events.iter().all(|n| kept.contains(n)), "no event went while there were samples: {kept:?}");
    let samples: Vec<u64> = kept.iter().copied().filter(|n| n % 9 != 0).collect();
    let newest: Vec<u64> = (1..=120).filter(|n| n % 9 != 0).rev().take(samples.len()).collect();
    assert_eq!(
        samples.iter().rev().copied().collect::<Vec<_>>(),
        newest,
        "the newest samples are the ones kept"
    );
    let a = spool.accounting();
    assert_eq!((a.dropped.total(), a.dropped.quota), (a.produced - kept.len() as u64, a.dropped.quota));
    assert_eq!(spool.gaps().iter().map(|gap| gap.last - gap.first + 1).sum::<u64>(), a.dropped.quota);
}

#[test]
fn acknowledged_segments_go_before_anything_is_lost() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, small());
    for n in 1..=200 {
        fill(&mut spool, 1, Class::Sample);
        spool.acknowledge(n - n.min(10), 0).unwrap();
    }
    assert_eq!(spool.accounting().dropped.total(), 0);
    assert_eq!(pending(&mut spool), (191..=200).collect::<Vec<_>>());
}

#[test]
fn a_wrong_date_drops_nothing_and_a_week_of_waiting_does() {
    let disk = FakeDisk::default();
    let options = Options { max_age_ms: Some(24 * HOUR), segment_age_ms: HOUR, ..roomy() };
    let (mut spool, _) = open(&disk, options.clone());
    fill(&mut spool, 20, Class::Event);
    spool.maintain(30 * 365 * 24 * HOUR).unwrap();
    spool.maintain(0).unwrap();
    spool.append(Class::Event, &payload(21), HOUR).unwrap();
    assert_eq!(spool.accounting().dropped.total(), 0);

    let (mut spool, _) = Spool::open_on(disk.revive().boxed(), options, FRESH, 0).unwrap();
    for hour in 1..=24 {
        spool.maintain(hour * HOUR).unwrap();
    }
    assert_eq!(spool.gaps(), [gap(1, 20, Policy::Age)]);
    assert_eq!(pending(&mut spool), [21]);
    assert_balanced(&spool);
}

#[test]
fn acknowledged_segments_stay_for_the_retention_and_no_longer() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, Options { retain_acked_ms: 2 * HOUR, ..roomy() });
    fill(&mut spool, 30, Class::Sample);
    let segments = spool.accounting().segments;
    spool.acknowledge(30, 0).unwrap();
    spool.maintain(HOUR).unwrap();
    assert_eq!(spool.accounting().segments, segments);
    assert_eq!(spool.rewind(12).unwrap(), Rewound { again: 18, forgotten: vec![] });
    assert_eq!(pending(&mut spool), (13..=30).collect::<Vec<_>>());

    spool.acknowledge(30, HOUR).unwrap();
    spool.maintain(2 * HOUR).unwrap();
    assert_eq!(spool.accounting().segments, segments, "the rewind starts the retention again");
    spool.maintain(3 * HOUR).unwrap();
    assert_eq!(spool.accounting().segments, 1);
    let kept = spool.segments[0].first;
    assert_eq!(spool.rewind(12).unwrap(), Rewound { again: 31 - kept, forgotten: vec![(13, kept - 1)] });
    assert_eq!(spool.gaps(), [gap(13, kept - 1, Policy::Forgotten)]);
    assert_balanced(&spool);
    let (mut spool, _) = open(&disk.revive(), roomy());
    assert_eq!(spool.gaps(), [gap(13, kept - 1, Policy::Forgotten)]);
    assert_eq!(pending(&mut spool), (kept..=30).collect::<Vec<_>>());
}

#[test]
fn a_confirmed_gap_is_told_again_to_a_restored_controller() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, small());
    fill(&mut spool, 60, Class::Sample);
    let last = spool.gaps()[0].last;
    spool.acknowledge(last + 2, 0).unwrap();
    assert_eq!(spool.gaps(), [gap(1, last, Policy::Quota)], "an acknowledgement alone confirms no gap");
    spool.confirm_gaps(&[gap(1, last + 2, Policy::Quota)]).unwrap();
    assert_eq!(spool.gaps(), []);
    let (mut spool, _) = open(&disk.revive(), small());
    assert_eq!(spool.gaps(), []);
    let dropped = spool.accounting().dropped;
    spool.rewind(5).unwrap();
    assert_eq!(spool.gaps(), [gap(6, last, Policy::Quota)]);
    assert_eq!(spool.accounting().dropped, dropped, "a drop is counted once");
    assert_balanced(&spool);
    spool.acknowledge(last, 0).unwrap();
    spool.confirm_gaps(&[gap(6, last, Policy::Quota)]).unwrap();
    spool.agree(Dropped { quota: dropped.quota - 5, ..Dropped::default() }).unwrap();
    assert_eq!(spool.accounting().dropped.quota, dropped.quota - 5);
    assert_balanced(&spool);
}
