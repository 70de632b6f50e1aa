//! A store that goes back to an older copy, and a spool that does.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use wasl_tests::evidence::{self, Written};
use wasl_tests::{binaries, clock, packages, skip, tool, wait};

use super::{NAME, OFTEN, Pair, SELDOM, SOON};

impl Pair {
    /// A copy of what the controller keeps, made while it runs.
    fn back_up(&self) -> PathBuf {
        let file = self.dir.path().join("copy.tar");
        let made = self.centre.wasl(&["backup", "--to", &file.to_string_lossy()]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        file
    }

    /// The controller's disk burns down; the copy takes its place.
    fn restore(&mut self, copy: &PathBuf) {
        self.centre.daemon.kill();
        fs::remove_dir_all(self.centre.state()).expect("its state");
        let mut restore = binaries::command("wasl");
        tool::finish(restore.arg("restore").arg(copy).arg("--state").arg(self.centre.state()));
        self.centre.start_again();
    }

    fn stored(&self) -> u64 {
        self.centre.accounts_of(NAME).iter().filter_map(|account| account["stored"].as_u64()).sum()
    }
}

/// Catches: what was acknowledged after the copy was made and is deleted too early, not sent again, or counted twice.
#[test]
fn a_controller_restored_from_an_hour_old_copy_gets_the_hour_again() {
    if let Err(reason) = packages::need_network().and_then(|()| clock::need()) {
        skip!("a_controller_restored_from_an_hour_old_copy_gets_the_hour_again", reason);
    }
    let mut story = Pair::open(SELDOM);
    let net = story.net.clone();
    story.deliver();
    let copy = story.back_up();
    let known = story.stored();
    let cut = net.cut(1);
    story.run_fast(4_500, 3_900, 1_000);
    cut.heal();
    story.deliver();
    let account = story.arrived_whole();
    assert!(account.stored > known + 100, "an hour has more than {} batches", account.stored - known);

    story.agent.start();
    story.await_delivery(1);
    story.restore(&copy);
    assert!(story.stored() <= known + 1, "it is the old copy");
    story.centre.await_agent(NAME);
    wait::until_true("the hour comes again", SOON, || story.stored() > account.stored);
    story.finish();
    story.arrived_whole();
}

/// Catches: a loss that a restoration causes and nobody counts: what was delivered since the copy, and for so long that the
/// agent does not keep it any more.
#[test]
fn what_the_agent_kept_no_longer_when_the_copy_was_restored_is_counted_as_forgotten() {
    if let Err(reason) = packages::need_network().and_then(|()| clock::need()) {
        skip!("what_the_agent_kept_no_longer_when_the_copy_was_restored_is_counted_as_forgotten", reason);
    }
    let mut story = Pair::open(SELDOM);
    let net = story.net.clone();
    story.deliver();
    let copy = story.back_up();
    // Three hours are delivered; then the agent is alone until it keeps the first of them no longer.
    for (behind, lasting) in [(9 * 3600, 3 * 3600), (5 * 3600, 4 * 3600)] {
        let cut = net.cut(1);
        story.run_fast(behind, lasting, 3_000);
        cut.heal();
        story.deliver();
    }
    let produced = evidence::balanced_without_loss(&story.centre, &story.agent).produced;
    let kept = story.written();
    story.restore(&copy);
    let known = story.centre.account_of(NAME)["contiguous"].as_u64().expect("a number");
    let gone = evidence::missing(&kept, known + 1, produced);
    assert!(gone.len() > 50 && gone.len() as u64 + 50 < produced, "{} of {produced} are gone", gone.len());

    story.deliver();
    let accounts = evidence::balanced(&story.centre, &story.agent);
    assert_eq!(accounts[0].dropped, [("forgotten".to_owned(), gone.len() as u64)].into(), "{accounts:#?}");
    // What the copy had and what the agent still had is what the history has.
    let written = story.written();
    let above: Vec<Written> = written.into_iter().filter(|record| record.seq > known).collect();
    let points = evidence::points(NAME, &above);
    let (series, own) = points.iter().next().expect("points");
    let first = *own.keys().next().expect("a point");
    let history = story.centre.history(series, first, wait::now_ms());
    let history: Vec<(i64, f64)> = history.into_iter().filter_map(|(at, n)| n.map(|n| (at, n))).collect();
    assert_eq!(history, own.iter().map(|(at, n)| (*at, *n)).collect::<Vec<_>>(), "{series}");
}

/// Catches: numbers that are given out a second time after an agent's folder went back to an older copy, so that new
/// batches are taken for old ones and are lost.
#[test]
fn a_spool_that_went_back_to_an_older_copy_goes_on_in_a_new_epoch_and_loses_nothing_delivered() {
    if let Err(reason) = packages::need_network() {
        skip!(
            "a_spool_that_went_back_to_an_older_copy_goes_on_in_a_new_epoch_and_loses_nothing_delivered",
            reason
        );
    }
    let mut story = Pair::open(OFTEN);
    story.agent.start();
    story.await_delivery(3);
    story.finish();
    let state = story.agent.state().to_owned();
    let copy = story.dir.path().join("copy");
    let copied = |from: &PathBuf, to: &PathBuf| {
        tool::run("cp", &["-a", &from.to_string_lossy(), &to.to_string_lossy()]);
    };
    copied(&state, &copy);
    story.agent.start();
    story.await_delivery(4);
    story.finish();
    let first_life = story.written();
    fs::remove_dir_all(&state).expect("its state");
    copied(&copy, &state);

    story.agent.start();
    wait::during(Duration::from_secs(2), || {});
    story.centre.await_agent(NAME);
    wait::until_true("it goes on in a new epoch", SOON, || {
        story.agent.daemon().assert_running();
        let accounts = story.centre.accounts_of(NAME);
        accounts.len() == 2 && accounts[1]["stored"].as_u64() >= Some(3)
    });
    story.finish();
    let accounts = evidence::balanced(&story.centre, &story.agent);
    assert_eq!(accounts.len(), 2, "{accounts:#?}");
    assert!(accounts.iter().all(|account| account.dropped.is_empty()), "{accounts:#?}");
    assert_eq!(accounts[0].produced, first_life.len() as u64, "{accounts:#?}");
    let all: Vec<Written> = first_life.into_iter().chain(story.written()).collect();
    evidence::assert_history_is(&story.centre, NAME, &all);
}
