//! What the controller says of the past, refused batches, batches that no disk took, and when the watermark is saved.

use super::*;
use crate::Standing;

#[test]
fn a_start_since_the_last_meeting_is_remembered_until_the_controller_is_met() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    assert_eq!(spool.meet(0).unwrap(), Standing::Continues);
    fill(&mut spool, 10, Class::Sample);
    spool.sent(10);
    let copy = disk.restored();
    fill(&mut spool, 5, Class::Sample);
    spool.sent(12);
    assert_eq!(spool.meet(12).unwrap(), Standing::Continues);
    assert_eq!(spool.meet(13).unwrap(), Standing::RolledBack { shared: 12 }, "this run did not send 13");

    let (mut spool, _) = open(&copy, roomy());
    fill(&mut spool, 4, Class::Sample);
    let (mut spool, _) = open(&copy.revive(), roomy());
    fill(&mut spool, 1, Class::Sample);
    assert_eq!(spool.accounting().produced, 15);
    assert_eq!(
        spool.meet(12).unwrap(),
        Standing::RolledBack { shared: 10 },
        "12 is less than what is here, and not ours"
    );
    assert_eq!(spool.meet(9).unwrap(), Standing::Continues, "the store was restored too");
    let (mut spool, _) = open(&copy.restored(), roomy());
    assert_eq!(spool.meet(10).unwrap(), Standing::Continues);
    assert!(spool.starts.is_empty());
}

#[test]
fn a_start_is_on_the_disk_before_its_first_append() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 3, Class::Sample);
    let full = disk.restored();
    let act = full.inner().acts + 1;
    full.inner().fault = Some((act, Fault::Error));
    let (mut spool, _) = open(&full, roomy());
    assert!(!full.inner().files.contains_key(state::NAME), "there was no room");
    fill(&mut spool, 1, Class::Sample);
    let state = state::decode(&full.inner().files[state::NAME]).unwrap();
    assert_eq!(state.starts.iter().map(|start| start.last).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_refused_batch_is_put_aside_and_few_are_kept() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 40, Class::Sample);
    spool.acknowledge(2, 0).unwrap();
    assert!(!spool.refuse(2).unwrap(), "it was delivered");
    for seq in 5..=30 {
        assert!(spool.refuse(seq).unwrap());
    }
    assert!(!spool.refuse(7).unwrap(), "once is enough");
    assert_eq!(spool.gaps(), [gap(5, 30, Policy::Refused)]);
    assert_eq!(pending(&mut spool), [3, 4].into_iter().chain(31..=40).collect::<Vec<_>>());
    assert_balanced(&spool);
    let files = disk.inner().files.clone();
    let aside: Vec<&String> = files.keys().filter(|name| name.ends_with(".refused")).collect();
    assert_eq!((aside.len(), aside[0].as_str()), (16, "00000000000000000015.refused"));
    assert_eq!(files["00000000000000000030.refused"], payload(30));
    let (spool, recovery) = open(&disk.revive(), roomy());
    assert_eq!((spool.accounting().dropped.refused, recovery.lost), (26, vec![]));
}

#[test]
fn batches_that_no_disk_took_are_counted_and_their_numbers_are_not_used_again() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, roomy());
    fill(&mut spool, 3, Class::Sample);
    spool.skip(4, Policy::DiskFull).unwrap();
    spool.skip(0, Policy::DiskFull).unwrap();
    let crashed = disk.revive();
    crashed.inner().files.remove(state::NAME);
    let (reopened, _) = open(&crashed, roomy());
    assert_eq!((reopened.accounting().produced, reopened.gaps()), (7, &[gap(4, 7, Policy::Corrupt)][..]));
    fill(&mut spool, 2, Class::Event);
    let a = spool.accounting();
    assert_eq!((a.produced, a.pending, a.dropped.disk_full), (9, 5, 4));
    assert_eq!(spool.gaps(), [gap(4, 7, Policy::DiskFull)]);
    assert_balanced(&spool);
    let crashed = disk.revive();
    crashed.inner().files.remove(state::NAME);
    let (mut spool, _) = open(&crashed, roomy());
    assert_eq!((spool.accounting().produced, spool.gaps()), (9, &[gap(4, 7, Policy::Corrupt)][..]));
    assert_eq!(pending(&mut spool), [1, 2, 3, 8, 9]);
    let act = disk.inner().acts + 1;
    disk.inner().fault = Some((act, Fault::Error));
    let (mut spool, _) = open(&disk, roomy());
    let act = disk.inner().acts + 1;
    disk.inner().fault = Some((act, Fault::Error));
    assert!(spool.skip(2, Policy::DiskFull).is_err());
    assert_eq!((spool.accounting().produced, spool.gaps().len()), (9, 1), "on an error nothing is counted");
}

#[test]
fn an_acknowledgement_costs_no_write_that_waits_for_the_disk() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, Options { retain_acked_ms: HOUR, ..roomy() });
    fill(&mut spool, 30, Class::Sample);
    spool.acknowledge(1, 0).unwrap();
    let before = disk.inner().acts;
    for seq in 2..=20 {
        spool.acknowledge(seq, 29_000).unwrap();
    }
    assert_eq!(disk.inner().acts, before);
    // Whatever of the note a power cut leaves, nothing is lost and nothing is counted twice.
    let noted = disk.inner().files[state::WATERMARK].clone();
    for note in [None, Some(b"torn".to_vec()), Some(noted)] {
        let crashed = disk.revive();
        crashed.inner().files.remove(state::WATERMARK);
        crashed.inner().files.extend(note.clone().map(|note| (state::WATERMARK.to_owned(), note)));
        let (mut spool, recovery) = open(&crashed, roomy());
        let from = if note.is_some_and(|note| note != b"torn") { 21 } else { 2 };
        assert_eq!((pending(&mut spool), recovery.lost), ((from..=30).collect(), vec![]));
        assert_balanced(&spool);
        spool.acknowledge(20, 0).unwrap();
        assert_eq!(pending(&mut spool), (21..=30).collect::<Vec<_>>());
    }
    spool.acknowledge(21, 31_000).unwrap();
    assert_eq!(disk.inner().acts, before + 1, "after half a minute it is saved");
    spool.acknowledge(25, 32_000).unwrap();
    spool.close().unwrap();
    assert_eq!(state::decode(&disk.inner().files[state::NAME]).unwrap().watermark, 25);
    let acts = disk.inner().acts;
    spool.close().unwrap();
    assert_eq!(disk.inner().acts, acts);
}

#[test]
fn nothing_but_the_beginning_is_deleted_while_the_watermark_is_unsaved() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, Options { retain_acked_ms: 0, ..roomy() });
    fill(&mut spool, 30, Class::Sample);
    spool.acknowledge(1, 0).unwrap();
    spool.acknowledge(28, 1).unwrap();
    assert!(spool.segments[0].first > 1, "segments went");
    let crashed = disk.revive();
    crashed.inner().files.remove(state::WATERMARK);
    let (mut spool, recovery) = open(&crashed, roomy());
    assert_eq!((pending(&mut spool), recovery.lost), (vec![29, 30], vec![]));
}

#[test]
fn the_controllers_count_decides_when_it_knows_all_gaps() {
    let disk = FakeDisk::default();
    let (mut spool, _) = open(&disk, small());
    fill(&mut spool, 60, Class::Sample);
    let told = spool.gaps().to_vec();
    let lost = spool.accounting().dropped.quota;
    let arrived = Dropped { quota: lost - 2, ..Dropped::default() };
    spool.agree(arrived).unwrap();
    assert_eq!(spool.accounting().dropped.quota, lost, "it does not know the gaps yet");
    spool.confirm_gaps(&told).unwrap();
    spool.agree(arrived).unwrap();
    let a = spool.accounting();
    assert_eq!((a.dropped.quota, a.acknowledged), (lost - 2, 2), "two were in flight when they were dropped");
    assert_balanced(&spool);
    let (mut spool, _) = open(&disk.revive(), small());
    assert_eq!(spool.accounting().dropped, a.dropped, "also after a crash");
    fill(&mut spool, 20, Class::Sample);
    let a = spool.accounting();
    assert_eq!(a.dropped.quota, spool.ledger.dropped().quota - 2, "what is dropped later is counted on top");
    assert_balanced(&spool);
}

#[test]
fn a_directory_that_somebody_removed_costs_what_it_held_and_nothing_that_comes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let (mut spool, _) = Spool::open(&path, roomy(), FRESH, 0).unwrap();
    fill(&mut spool, 5, Class::Sample);
    std::fs::remove_dir_all(&path).unwrap();
    assert!(spool.append(Class::Sample, &payload(6), 0).is_err());
    fill(&mut spool, 2, Class::Sample);
    assert_eq!(pending(&mut spool), [6, 7]);
    assert_eq!(spool.gaps(), [gap(1, 5, Policy::Corrupt)]);
    assert_balanced(&spool);
}
