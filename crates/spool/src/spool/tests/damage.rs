//! Torn ends, wrong bytes, lost files: what the disk does to a spool.

use super::*;

#[test]
fn a_tail_torn_at_any_byte_costs_only_what_was_torn() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 13, Class::Sample);
    let name = spool.segments.last().unwrap().name();
    let first = spool.segments.last().unwrap().first;
    let whole = disk.inner().files[&name].len();
    let record = RECORD_BYTES + payload(1).len();
    for cut in format::HEADER_BYTES..=whole {
        let torn = disk.revive();
        torn.inner().files.get_mut(&name).unwrap().truncate(cut);
        let (mut spool, recovery) = open(&torn, roomy());
        let left = first - 1 + ((cut - format::HEADER_BYTES) / record) as u64;
        assert_eq!(pending(&mut spool), (1..=left).collect::<Vec<_>>(), "cut at {cut}");
        assert_eq!(recovery.torn_bytes as usize, (cut - format::HEADER_BYTES) % record);
        assert_eq!(spool.gaps(), []);
        fill(&mut spool, 1, Class::Sample);
        assert_balanced(&spool);
        let (mut again, recovery) = open(&torn.revive(), roomy());
        assert_eq!((recovery.torn_bytes, recovery.lost), (0, vec![]));
        assert_eq!(pending(&mut again), (1..=left + 1).collect::<Vec<_>>());
    }
}

#[test]
fn any_single_wrong_byte_is_either_cut_or_a_gap_and_never_a_wrong_record() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 20, Class::Sample);
    let names: Vec<String> = spool.segments.iter().map(Segment::name).collect();
    for name in &names {
        let size = disk.inner().files[name].len();
        for at in 0..size {
            let rotten = disk.revive();
            rotten.inner().files.get_mut(name).unwrap()[at] ^= 0xff;
            let (mut spool, _) = open(&rotten, roomy());
            let left = pending(&mut spool);
            let produced = spool.accounting().produced;
            let lost: Vec<u64> = spool.gaps().iter().flat_map(|gap| gap.first..=gap.last).collect();
            assert!(
                lost.len() as u64 + (20 - produced) <= 1,
                "{name} byte {at} costs one record at most: {lost:?}"
            );
            let mut all: Vec<u64> = left.iter().chain(&lost).copied().collect();
            all.sort_unstable();
            assert_eq!(all, (1..=produced).collect::<Vec<_>>(), "{name} byte {at}");
            assert_balanced(&spool);
            fill(&mut spool, 1, Class::Sample);
        }
    }
}

#[test]
fn rot_that_comes_after_the_start_becomes_a_gap_when_it_is_read() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 20, Class::Sample);
    disk.inner().files.get_mut(&name_of(1)).unwrap()[format::HEADER_BYTES + 30] ^= 1;
    assert_eq!(pending(&mut spool), (2..=20).collect::<Vec<_>>());
    assert_eq!(spool.gaps(), [gap(1, 1, Policy::Corrupt)]);
    assert_balanced(&spool);
    let (spool, recovery) = open(&disk.revive(), roomy());
    assert_eq!((spool.gaps(), recovery.lost), (&[gap(1, 1, Policy::Corrupt)][..], vec![]));
}

#[test]
fn a_segment_in_a_bad_sector_is_set_aside_and_does_not_block_the_rest() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 20, Class::Sample);
    let second = spool.segments[1].first;
    let third = spool.segments[2].first;
    let hurt = disk.revive();
    hurt.inner().bad_sector = Some(name_of(second));
    let (mut spool, recovery) = open(&hurt, roomy());
    assert_eq!(recovery.set_aside, [format!("{}.unreadable", name_of(second))]);
    assert_eq!(spool.gaps(), [gap(second, third - 1, Policy::Corrupt)]);
    assert_eq!(pending(&mut spool), (1..second).chain(third..=20).collect::<Vec<_>>());

    let newest = disk.inner().files.keys().next_back().unwrap().clone();
    let hurt = disk.revive();
    hurt.inner().bad_sector = Some(newest);
    let (mut spool, _) = open(&hurt, roomy());
    hurt.inner().bad_sector = None;
    assert!(
        spool.append(Class::Sample, b"x", 0).unwrap() > 20,
        "a sequence that may have been used is not given again"
    );
    assert_balanced(&spool);
}

#[test]
fn a_lost_state_file_costs_duplicates_only() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, Options { retain_acked_ms: 0, ..roomy() });
    fill(&mut spool, 30, Class::Sample);
    spool.acknowledge(17, 0).unwrap();
    let oldest = spool.segments[0].first;
    assert!(oldest > 1);
    for damage in [None, Some(b"garbage".to_vec())] {
        let hurt = disk.revive();
        hurt.inner().files.remove(state::WATERMARK);
        let was = hurt.inner().files.remove(state::NAME);
        assert!(was.is_some());
        if let Some(bytes) = damage.clone() {
            hurt.inner().files.insert(state::NAME.to_owned(), bytes);
        }
        let (mut spool, recovery) = open(&hurt, roomy());
        let wanted = if damage.is_some() { StateFile::Unreadable } else { StateFile::Missing };
        assert_eq!((recovery.state, recovery.fresh, spool.epoch()), (wanted, false, FRESH));
        assert_eq!(pending(&mut spool), (oldest..=30).collect::<Vec<_>>());
        assert_eq!(spool.gaps(), []);
        spool.acknowledge(17, 0).unwrap();
        assert_eq!(pending(&mut spool), (18..=30).collect::<Vec<_>>());
    }
}

#[test]
fn a_sequence_the_controller_has_is_never_given_out_again() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 3, Class::Sample);
    spool.acknowledge(3, 0).unwrap();
    disk.inner().files.get_mut(&name_of(1)).unwrap().truncate(format::HEADER_BYTES + 5);
    let (mut spool, _) = open(&disk.revive(), roomy());
    assert_eq!(spool.append(Class::Sample, &payload(4), 0).unwrap(), 4);
    assert_eq!((pending(&mut spool), spool.gaps()), (vec![4], &[][..]));

    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, Options { retain_acked_ms: 0, ..roomy() });
    fill(&mut spool, 30, Class::Sample);
    spool.acknowledge(30, 0).unwrap();
    disk.inner().files.remove(state::NAME);
    let (mut spool, _) = open(&disk.revive(), roomy());
    fill(&mut spool, 1, Class::Sample);
    assert_eq!(spool.accounting().produced, 31, "the newest segment bounds the sequences from below");
}

#[test]
fn a_new_life_gets_a_new_epoch_and_strangers_are_set_aside() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 12, Class::Sample);
    spool.acknowledge(1, 0).unwrap();
    let all: Vec<String> = spool.segments.iter().map(Segment::name).collect();

    let blind = disk.revive();
    blind.inner().files.remove(state::NAME);
    for name in &all {
        blind.inner().files.get_mut(name).unwrap()[3] ^= 1;
    }
    let (spool, recovery) = Spool::open_on(blind.boxed(), roomy(), Epoch(5), 0).unwrap();
    assert_eq!((spool.epoch(), recovery.fresh, recovery.set_aside.len()), (Epoch(5), true, all.len()));

    let headless = disk.revive();
    for name in &all {
        headless.inner().files.get_mut(name).unwrap()[3] ^= 1;
    }
    let (mut spool, recovery) = Spool::open_on(headless.boxed(), roomy(), Epoch(5), 0).unwrap();
    assert_eq!((spool.epoch(), recovery.damage.len()), (FRESH, all.len()), "the state knows the epoch");
    assert_eq!(pending(&mut spool), (2..=12).collect::<Vec<_>>());
    fill(&mut spool, 1, Class::Sample);

    let emptied = disk.revive();
    emptied.inner().files.retain(|name, _| name == state::NAME);
    let (spool, recovery) = Spool::open_on(emptied.boxed(), roomy(), Epoch(5), 0).unwrap();
    assert_eq!((spool.epoch(), recovery.fresh), (Epoch(5), true), "what it gave out cannot be known");
    assert!(
        !emptied.inner().files.contains_key(state::NAME),
        "the old epoch's state cannot claim the new segments"
    );
    let (spool, _) = Spool::open_on(emptied.revive().boxed(), roomy(), Epoch(6), 0).unwrap();
    assert_eq!(spool.epoch(), Epoch(5));

    let mixed = disk.revive();
    let stranger =
        format::encode_header(&format::Header { epoch: Epoch(77), first: 2, clock_ms: 0 }).to_vec();
    mixed.inner().files.insert(name_of(2), stranger);
    let (mut spool, recovery) = open(&mixed, roomy());
    assert_eq!((spool.epoch(), recovery.set_aside.len()), (FRESH, 1));
    assert!(pending(&mut spool).contains(&12));
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 3, Class::Sample);
    {
        let mut inner = disk.inner();
        let bytes = inner.files.get_mut(&name_of(1)).unwrap();
        bytes[8] = 9;
        let crc = crc32fast::hash(&bytes[..36]).to_le_bytes();
        bytes[36..40].copy_from_slice(&crc);
    }
    let before = disk.inner().files.clone();
    let refused = Spool::open_on(disk.boxed(), roomy(), FRESH, 0);
    assert!(matches!(refused, Err(Error::Version { version: 9, .. })));
    assert_eq!(disk.inner().files, before);
}

#[test]
fn a_state_older_than_the_segments_costs_duplicates_only() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, Options { retain_acked_ms: 0, ..roomy() });
    fill(&mut spool, 30, Class::Sample);
    spool.acknowledge(2, 0).unwrap();
    let older = disk.inner().files[state::NAME].clone();
    spool.acknowledge(17, 0).unwrap();
    let oldest = spool.segments[0].first;
    assert!(oldest > 3);
    disk.inner().files.insert(state::NAME.to_owned(), older);
    disk.inner().files.remove(state::WATERMARK);
    let (mut spool, recovery) = open(&disk.revive(), roomy());
    assert_eq!(
        (recovery.lost, spool.gaps()),
        (vec![], &[][..]),
        "what went before the oldest segment was delivered"
    );
    assert_eq!(pending(&mut spool), (oldest..=30).collect::<Vec<_>>());
    assert_balanced(&spool);
}
