//! Disks that are full, on either side, and a spool that is.

use std::collections::BTreeMap;
use std::time::Duration;

use wasl_tests::disk::Disk;
use wasl_tests::evidence::{self, Written};
use wasl_tests::{clock, packages, skip, wait};

use super::{NAME, OFTEN, Pair, SELDOM, SOON};

fn need() -> Result<(), String> {
    packages::need_network().and_then(|()| Disk::need())
}

/// Catches: an agent that a full disk ends or blinds, batches that are lost although memory could hold them, and a loss
/// that goes uncounted or is counted otherwise than it happened once memory is full too.
#[test]
fn a_full_disk_of_the_agent_costs_nothing_at_first_and_then_what_is_counted() {
    if let Err(reason) = need().and_then(|()| clock::need()) {
        skip!("a_full_disk_of_the_agent_costs_nothing_at_first_and_then_what_is_counted", reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let disk = Disk::mount(&dir.path().join(NAME), 2_048);
    let mut story = Pair::open_in(dir, SELDOM);
    let net = story.net.clone();
    story.deliver();

    // Long enough for some batches, short enough for memory to hold them.
    let run = |story: &mut Pair, behind_s: u64, lasting_s: u64| {
        story.agent.set_environment(clock::fast(behind_s, 2_000));
        story.agent.start();
        wait::until_true("the disk takes nothing", SOON, || {
            story.agent.daemon().assert_running();
            story.agent.daemon().log().contains("observations cannot be kept")
        });
        wait::during(Duration::from_secs(lasting_s) / 2_000, || story.agent.daemon().assert_running());
        disk.free();
        wait::until_true("the disk takes what waited", SOON, || {
            story.agent.daemon().log().contains("observations are kept again")
        });
        story.agent.end();
        let log = story.agent.daemon().log();
        let line =
            log.lines().find(|line| line.contains("observations are kept again")).expect("found above");
        let lost = line.rsplit_once("lost=").expect("it says how many").1;
        lost.trim().parse::<u64>().expect("a number")
    };
    let cut = net.cut(1);
    disk.fill();
    assert_eq!(run(&mut story, 30 * 3600, 1_800), 0, "memory holds half an hour");
    cut.heal();
    story.deliver();
    story.arrived_whole();

    let cut = net.cut(1);
    disk.fill();
    let lost = run(&mut story, 26 * 3600, 6 * 3600);
    assert!(lost > 100, "six hours were to be more than memory holds: {lost}");
    cut.heal();
    story.deliver();
    let account = only_drop(&story, "disk_full", lost);
    let written = story.written();
    assert_eq!(evidence::missing(&written, 1, account).len() as u64, lost);
    evidence::assert_history_is(&story.centre, NAME, &written);
    // The agent tells of itself every ten seconds: what is missing of that went with the batches that are counted.
    let told = evidence::points(NAME, &written);
    let told: Vec<i64> = told[&format!("agent/{NAME}#resident@{NAME}")].keys().copied().collect();
    let silent = told.windows(2).map(|pair| pair[1] - pair[0]).max().expect("many points");
    assert!(silent > 3_600_000, "{lost} batches are gone and the longest silence is {silent} ms");
}

/// Asserts that nothing was given up but so many batches by one policy; how many were produced.
fn only_drop(story: &Pair, policy: &str, count: u64) -> u64 {
    let accounts = evidence::balanced(&story.centre, &story.agent);
    assert_eq!(accounts.len(), 1, "{accounts:#?}");
    assert_eq!(accounts[0].dropped, BTreeMap::from([(policy.to_owned(), count)]), "{accounts:#?}");
    accounts[0].produced
}

/// Catches: a controller that acknowledges what its disk did not take, or that a full disk ends or damages.
#[test]
fn a_full_disk_of_the_controller_loses_nothing() {
    if let Err(reason) = need() {
        skip!("a_full_disk_of_the_controller_loses_nothing", reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let disk = Disk::mount(&dir.path().join("controller"), 16_384);
    let mut story = Pair::open_in(dir, OFTEN);
    story.agent.start();
    story.await_delivery(3);
    disk.fill();
    wait::until_true("the store takes nothing", SOON, || {
        story.centre.daemon.assert_running();
        story.centre.daemon.log().contains("uploads could not be kept")
    });
    story.await_production(3);
    assert!(story.pending() >= 3, "{:#}", story.agent.spool());
    let answer = story.centre.client.get("/api/v1/accounting");
    assert!(answer.status.is_success(), "it can still be asked: {}", answer.text());
    disk.free();
    story.finish();
    story.arrived_whole();

    // And when it is killed while the disk is full.
    story.agent.start();
    story.await_delivery(2);
    disk.fill();
    story.await_production(3);
    story.centre.daemon.kill();
    disk.free();
    story.centre.start_again();
    story.finish();
    story.arrived_whole();
}

/// Catches: a spool beyond its quota, a policy other than the one that is named, and counts that the two sides do not share.
#[test]
fn a_spool_over_its_quota_gives_up_the_oldest_samples_and_keeps_what_happened() {
    if let Err(reason) = packages::need_network().and_then(|()| clock::need()) {
        skip!("a_spool_over_its_quota_gives_up_the_oldest_samples_and_keeps_what_happened", reason);
    }
    let mut story = Pair::open(SELDOM);
    let net = story.net.clone();
    story.agent.set_options(&["--spool-quota", "200kB"]);
    story.deliver();
    let (first, delivered) = (story.written(), story.produced());
    let cut = net.cut(1);
    // Less than a week, after which it would be too old; and so long that what happened first, that the quota was reached,
    // would have gone with the samples around it.
    story.agent.set_environment(clock::fast(6 * 24 * 3600, 4_000));
    story.agent.start();
    wait::until_true("the quota is reached", SOON, || {
        story.agent.daemon().assert_running();
        story.agent.spool()["dropped"]["quota"].as_u64() > Some(1_300)
    });
    story.agent.end();
    let spool = story.agent.spool();
    assert!(spool["bytes"].as_u64() <= Some(200_000), "{spool:#}");
    let before = story.written();
    let gone = evidence::missing(&before, delivered + 1, story.produced());
    assert!(gone.len() > 200, "the quota was hardly reached: {spool:#}");
    assert_eq!(spool["dropped"]["quota"].as_u64(), Some(gone.len() as u64), "{spool:#}");
    // All that is gone is older than all samples that are left.
    let left = |events: bool| -> Vec<&Written> {
        before.iter().filter(|record| record.seq > delivered && record.is_event == events).collect()
    };
    assert!(left(false)[0].seq > gone[gone.len() - 1], "{} {gone:?}", left(false)[0].seq);
    assert!(
        left(true).iter().any(|event| event.seq < left(false)[0].seq),
        "what happened first is still there"
    );

    cut.heal();
    story.deliver();
    only_drop(&story, "quota", gone.len() as u64);
    let arrived: Vec<Written> = before.into_iter().filter(|record| record.seq > delivered).collect();
    // The spool keeps what is acknowledged only as far as the quota has room for it.
    let is_later = |record: &Written| arrived.last().is_some_and(|last| record.seq > last.seq);
    let later = story.written().into_iter().filter(is_later);
    let expected: Vec<Written> = first.into_iter().chain(arrived.iter().cloned()).chain(later).collect();
    evidence::assert_history_is(&story.centre, NAME, &expected);
}
