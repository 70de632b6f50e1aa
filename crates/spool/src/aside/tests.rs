use std::collections::BTreeSet;

use super::*;
use crate::{Class, Dropped, Policy, Record, Standing};

const OLD: Epoch = Epoch(0xa);
const NEW: Epoch = Epoch(0xb);

/// A controller as the spool knows it: what it stored of each epoch.
#[derive(Default)]
struct Centre {
    stored: BTreeSet<(u64, u64, Vec<u8>)>,
    given_up: BTreeSet<(u64, u64)>,
    duplicates: u64,
}

impl Centre {
    fn has(&self, epoch: Epoch, seq: u64) -> bool {
        self.stored.iter().any(|(e, s, _)| (*e, *s) == (epoch.0, seq))
            || self.given_up.contains(&(epoch.0, seq))
    }

    fn highest(&self, epoch: Epoch) -> u64 {
        let stored = self.stored.iter().filter(|(e, ..)| *e == epoch.0).map(|(_, seq, _)| *seq);
        stored.max().unwrap_or(0)
    }

    fn contiguous(&self, epoch: Epoch) -> u64 {
        (1..=1000).take_while(|seq| self.has(epoch, *seq)).last().unwrap_or(0)
    }

    /// Takes what waits, the first `most` of it.
    fn take(&mut self, spool: &mut Spool, most: usize) {
        let epoch = spool.epoch();
        spool.acknowledge(self.contiguous(epoch), 0).unwrap();
        for Record { seq, payload, .. } in spool.read(0, most, usize::MAX).unwrap() {
            spool.sent(seq);
            if self.has(epoch, seq) {
                self.duplicates += 1;
            } else {
                self.stored.insert((epoch.0, seq, payload));
            }
        }
        let gaps = spool.gaps().to_vec();
        for gap in &gaps {
            for seq in gap.first..=gap.last {
                if !self.has(epoch, seq) {
                    self.given_up.insert((epoch.0, seq));
                }
            }
        }
        spool.confirm_gaps(&gaps).unwrap();
        let lost = self.given_up.iter().filter(|(e, _)| *e == epoch.0).count() as u64;
        spool.agree(Dropped { rolled_back: lost, ..Dropped::default() }).unwrap();
        spool.acknowledge(self.contiguous(epoch), 0).unwrap();
    }

    fn payloads(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.stored.iter().map(|(_, _, payload)| String::from_utf8(payload.clone()).unwrap()).collect();
        all.sort();
        all
    }
}

fn write(spool: &mut Spool, words: impl IntoIterator<Item = &'static str>) {
    for word in words {
        spool.append(Class::Sample, word.as_bytes(), 7).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn open_in(dir: &Path) -> Spool {
    open(dir, &Options::lab(), NEW, 0).unwrap().0
}

/// A spool whose batches a, b were delivered and c, d wait; it is copied; e, f follow and c, e are delivered;
/// then the copy is put back, and x, y follow.
fn rolled_back(dir: &Path, centre: &mut Centre) -> Spool {
    let (home, backup) = (dir.join("spool"), dir.join("backup"));
    let (mut spool, ..) = open(&home, &Options::lab(), OLD, 0).unwrap();
    assert_eq!(spool.meet(0).unwrap(), Standing::Continues);
    write(&mut spool, ["a", "b"]);
    centre.take(&mut spool, 2);
    write(&mut spool, ["c", "d"]);
    spool.close().unwrap();
    copy(&home, &backup);
    write(&mut spool, ["e", "f"]);
    centre.take(&mut spool, 1);
    centre.stored.insert((OLD.0, 5, b"e".to_vec()));
    drop(spool);
    fs::remove_dir_all(&home).unwrap();
    fs::rename(&backup, &home).unwrap();
    let mut spool = open_in(&home);
    write(&mut spool, ["x"]);
    drop(spool);
    // The number of the controller is passed before it is met again.
    let mut spool = open_in(&home);
    write(&mut spool, ["y"]);
    assert_eq!((spool.epoch(), spool.accounting().produced), (OLD, 6));
    spool
}

#[test]
fn a_restored_directory_neither_loses_nor_repeats_a_batch() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("spool");
    let mut centre = Centre::default();
    let mut spool = rolled_back(dir.path(), &mut centre);
    let highest = centre.highest(OLD);
    assert_eq!(highest, 5);
    assert_eq!(spool.meet(highest).unwrap(), Standing::RolledBack { shared: 4 });
    let SetAside { mut spool, mut aside, moved } = spool.set_aside(&home, (4, highest), NEW, 0).unwrap();
    assert_eq!((moved, spool.epoch(), aside.spool.epoch()), (2, NEW, OLD));
    assert_eq!(aside.path, dir.path().join("spool.rolled-back-000000000000000a"));
    assert_eq!(spool.read(0, 9, 999).unwrap().iter().map(|r| r.at_ms).collect::<Vec<_>>(), [7, 7]);
    assert_eq!(spool.meet(0).unwrap(), Standing::Continues);
    centre.take(&mut aside.spool, 9);
    centre.take(&mut spool, 9);
    assert_eq!(centre.payloads(), ["a", "b", "c", "d", "e", "x", "y"], "only f was destroyed, unsent");
    assert_eq!(centre.duplicates, 0);
    for spool in [&spool, &aside.spool] {
        let a = spool.accounting();
        assert!(spool.is_settled());
        assert_eq!((a.acknowledged, a.pending, a.dropped.total()), (a.produced, 0, 0), "{a:?}");
    }
    assert_eq!((spool.accounting().produced, aside.spool.accounting().produced), (2, 5));
}

#[test]
fn what_the_roll_back_destroyed_unsent_below_a_sent_number_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("spool");
    let mut centre = Centre::default();
    let mut spool = rolled_back(dir.path(), &mut centre);
    centre.stored.insert((OLD.0, 8, b"h".to_vec()));
    assert_eq!(spool.meet(8).unwrap(), Standing::RolledBack { shared: 4 });
    let SetAside { mut aside, .. } = spool.set_aside(&home, (4, 8), NEW, 0).unwrap();
    centre.take(&mut aside.spool, 9);
    let a = aside.spool.accounting();
    assert_eq!(a.dropped, Dropped { rolled_back: 2, ..Dropped::default() }, "6 and 7; 5 and 8 are there");
    assert_eq!((a.produced, a.acknowledged, a.pending), (8, 6, 0));
    assert_eq!(centre.contiguous(OLD), 8);
}

#[test]
fn a_spool_that_was_not_rolled_back_goes_on_however_often_it_starts() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("spool");
    let mut centre = Centre::default();
    for round in 1..=4 {
        let mut spool = open(&home, &Options::lab(), OLD, 0).unwrap().0;
        write(&mut spool, ["a", "b", "c"]);
        drop(spool);
        let mut spool = open_in(&home);
        write(&mut spool, ["d"]);
        assert_eq!(spool.meet(centre.highest(OLD)).unwrap(), Standing::Continues, "round {round}");
        centre.take(&mut spool, 3);
        write(&mut spool, ["e"]);
        assert_eq!(spool.meet(centre.highest(OLD)).unwrap(), Standing::Continues, "a second session");
        centre.take(&mut spool, 1);
    }
    assert_eq!((centre.duplicates, centre.highest(OLD)), (0, 16));
}

#[test]
fn a_disk_that_is_reset_at_every_boot_sends_its_old_batches_once() {
    let dir = tempfile::tempdir().unwrap();
    let (home, frozen) = (dir.path().join("spool"), dir.path().join("frozen"));
    // Made without ever having reached the controller, over two starts.
    write(&mut open(&home, &Options::lab(), OLD, 0).unwrap().0, ["a", "b"]);
    write(&mut open_in(&home), ["c"]);
    copy(&home, &frozen);
    let mut centre = Centre::default();
    for (round, words) in [["p"], ["q"], ["r"]].into_iter().enumerate() {
        fs::remove_dir_all(&home).unwrap();
        copy(&frozen, &home);
        for aside in left_behind(&home).unwrap() {
            fs::remove_dir_all(aside).unwrap();
        }
        let fresh = Epoch(100 + round as u64);
        let mut spool = open_in(&home);
        write(&mut spool, words);
        let highest = centre.highest(OLD);
        match spool.meet(highest).unwrap() {
            Standing::Continues => centre.take(&mut spool, 9),
            Standing::RolledBack { shared } => {
                assert_eq!(shared, 3);
                let SetAside { mut spool, mut aside, moved } =
                    spool.set_aside(&home, (shared, highest), fresh, 0).unwrap();
                assert_eq!(moved, 1);
                centre.take(&mut aside.spool, 9);
                centre.take(&mut spool, 9);
            }
        }
    }
    assert_eq!(centre.payloads(), ["a", "b", "c", "p", "q", "r"]);
    assert_eq!(centre.duplicates, 0);
}

#[test]
fn a_crash_between_any_two_acts_leaves_one_whole_spool() {
    for stage in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("spool");
        let mut centre = Centre::default();
        let mut spool = rolled_back(dir.path(), &mut centre);
        assert_eq!(spool.meet(5).unwrap(), Standing::RolledBack { shared: 4 });
        let next = beside(&home, ".next");
        let mut fresh = Spool::fresh(&next, Options::lab(), NEW, 0).unwrap();
        spool.move_own(4, &mut fresh).unwrap();
        drop(fresh);
        if stage > 0 {
            spool.cut(4, 5).unwrap();
        }
        drop(spool);
        if stage > 1 {
            rename(&home, &beside(&home, ".rolled-back-000000000000000a")).unwrap();
        }
        if stage > 2 {
            rename(&next, &home).unwrap();
        }
        let (mut spool, _, mut asides) = open(&home, &Options::lab(), Epoch(99), 0).unwrap();
        assert!(!next.exists(), "stage {stage}");
        if stage == 0 {
            assert_eq!((spool.epoch(), asides.len()), (OLD, 0));
            assert_eq!(spool.meet(5).unwrap(), Standing::RolledBack { shared: 4 }, "it is found again");
            let set = spool.set_aside(&home, (4, 5), NEW, 0).unwrap();
            (spool, asides) = (set.spool, vec![set.aside]);
        }
        assert_eq!((spool.epoch(), asides.len()), (NEW, 1), "stage {stage}");
        centre.take(&mut asides[0].spool, 9);
        centre.take(&mut spool, 9);
        assert_eq!(centre.payloads(), ["a", "b", "c", "d", "e", "x", "y"], "stage {stage}");
        assert_eq!(centre.duplicates, 0, "stage {stage}");
    }
}

#[test]
fn drops_of_the_new_life_move_with_its_batches_and_few_old_directories_stay() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("spool");
    let mut centre = Centre::default();
    let mut spool = rolled_back(dir.path(), &mut centre);
    spool.skip(3, Policy::DiskFull).unwrap();
    let set = spool.set_aside(&home, (4, 5), NEW, 0).unwrap();
    let a = set.spool.accounting();
    assert_eq!((a.produced, a.pending, a.dropped.disk_full), (5, 2, 3), "{a:?}");
    assert_eq!(inspect_asides(&home).unwrap()[0].epoch, OLD);
    drop(set);
    for n in 0..6 {
        let (spool, ..) = open(&home, &Options::lab(), NEW, 0).unwrap();
        spool.set_aside(&home, (0, 0), Epoch(50 + n), 0).unwrap();
    }
    let (_, _, asides) = open(&home, &Options::lab(), NEW, 0).unwrap();
    let waiting = asides.iter().filter(|aside| !aside.spool.is_settled()).count();
    assert_eq!((waiting, asides.len()), (1, 1 + SETTLED_KEPT), "what waits stays, of the rest a few");
}
