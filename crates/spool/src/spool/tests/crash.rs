//! The power goes, or an error comes, at every single act on the disk.

use std::collections::BTreeMap;

use super::*;

/// What the outside world was promised.
#[derive(Default)]
struct Promised {
    appended: BTreeMap<u64, (Class, Vec<u8>)>,
    acknowledged: u64,
    /// Payloads of an append that never returned.
    in_flight: Vec<(Class, Vec<u8>)>,
}

/// A life with appends, batches, acknowledgements, quota drops, thinning and a rewind. Stops at a crash; goes on after an
/// error, giving the same payload again.
fn live(disk: &FakeDisk, promised: &mut Promised) {
    let options = Options { retain_acked_ms: 0, ..small() };
    let Ok((mut spool, _)) = Spool::open_on(disk.boxed(), options, FRESH, 0) else {
        return;
    };
    for step in 1..=70_u64 {
        let class = if step % 5 == 0 { Class::Event } else { Class::Sample };
        let count = if step % 7 == 0 { 3 } else { 1 };
        promised.in_flight =
            (0..count).map(|n| (class, format!("step {step} part {n}").repeat(2).into_bytes())).collect();
        loop {
            let batch: Vec<(Class, &[u8])> =
                promised.in_flight.iter().map(|(class, bytes)| (*class, bytes.as_slice())).collect();
            match spool.append_all(&batch, 0) {
                Ok(seqs) => {
                    let batch = std::mem::take(&mut promised.in_flight);
                    promised.appended.extend(seqs.zip(batch));
                    break;
                }
                Err(_) if disk.inner().dead => return,
                Err(_) => assert_balanced(&spool),
            }
        }
        let produced = spool.accounting().produced;
        if step == 12 || step == 40 {
            promised.acknowledged = produced - 2;
            let _ = spool.acknowledge(produced - 2, 0);
        }
        if step == 44 {
            let _ = spool.rewind(promised.acknowledged - 4);
            let _ = spool.confirm_gaps(&[gap(1, promised.acknowledged - 4, Policy::Quota)]);
        }
        if disk.inner().dead {
            return;
        }
        assert_balanced(&spool);
    }
    check(&mut spool, promised, "before the end");
}

fn check(spool: &mut Spool, promised: &Promised, why: &str) {
    let records: BTreeMap<u64, (Class, Vec<u8>)> = spool
        .read(0, usize::MAX, usize::MAX)
        .unwrap()
        .into_iter()
        .map(|record| (record.seq, (record.class, record.payload)))
        .collect();
    let in_gap = |seq: u64, policies: &[Policy]| {
        spool.ledger.holes().iter().any(|h| (h.first..=h.last).contains(&seq) && policies.contains(&h.policy))
    };
    let accounting = spool.accounting();
    for (seq, wanted) in promised.appended.range(promised.acknowledged + 1..) {
        match records.get(seq) {
            Some(found) => assert_eq!(found, wanted, "{why}: sequence {seq} is another's"),
            None => {
                assert!(in_gap(*seq, &[Policy::Quota]), "{why}: sequence {seq} is lost and in no quota gap");
            }
        }
    }
    let last = promised.appended.last_key_value().map_or(0, |(seq, _)| *seq);
    for (seq, found) in records.range(last + 1..) {
        assert_eq!(Some(found), promised.in_flight.get((*seq - last - 1) as usize), "{why}: sequence {seq}");
    }
    assert!(accounting.produced >= last, "{why}: a promised sequence would be given out again");
    assert_eq!(accounting.dropped.corrupt, 0, "{why}: a crash is not corruption: {:?}", spool.gaps());
    assert_balanced(spool);
}

fn acts_of_a_life() -> usize {
    let disk = FakeDisk::default();
    live(&disk, &mut Promised::default());
    disk.inner().acts
}

#[test]
fn the_power_may_go_at_any_act() {
    let acts = acts_of_a_life();
    assert!(acts > 100, "the life is long enough to matter: {acts}");
    let faults = [
        Fault::CrashBefore,
        Fault::CrashWithin,
        Fault::CrashZeros,
        Fault::CrashAfter,
        Fault::CrashUndoingUnlinks,
    ];
    for at in 1..=acts {
        for fault in faults {
            let disk = FakeDisk::default();
            disk.inner().fault = Some((at, fault));
            let mut promised = Promised::default();
            live(&disk, &mut promised);
            let why = format!("{fault:?} at act {at}");
            let options = Options { retain_acked_ms: 0, ..small() };
            let revived = disk.revive();
            let (mut spool, _) = Spool::open_on(revived.boxed(), options.clone(), FRESH, 0).expect(&why);
            check(&mut spool, &promised, &why);
            assert!(
                !revived.inner().files.keys().any(|name| name.ends_with(crate::disk::TEMPORARY)),
                "{why}"
            );
            let next = spool.accounting().produced + 1;
            assert_eq!(spool.append(Class::Event, b"life goes on", 0).expect(&why), next);
            assert!(spool.accounting().bytes <= options.quota_bytes, "{why}");
            let before = spool.accounting();
            let (spool, recovery) = Spool::open_on(revived.revive().boxed(), options, FRESH, 0).expect(&why);
            assert_eq!(
                (spool.accounting(), recovery.lost, recovery.torn_bytes),
                (before, vec![], 0),
                "{why}"
            );
        }
    }
}

#[test]
fn an_error_may_come_at_any_act() {
    for at in 1..=acts_of_a_life() {
        for fault in [Fault::Error, Fault::ErrorButDone] {
            let disk = FakeDisk::default();
            disk.inner().fault = Some((at, fault));
            let mut promised = Promised::default();
            live(&disk, &mut promised);
            let why = format!("{fault:?} at act {at}");
            let options = Options { retain_acked_ms: 0, ..small() };
            let (mut spool, _) = Spool::open_on(disk.revive().boxed(), options, FRESH, 0).expect(&why);
            check(&mut spool, &promised, &why);
        }
    }
}
