//! Batches that come twice.

use wasl_tests::{clock, packages, skip, wait};

use super::{NAME, OFTEN, Pair, SOON};

/// Catches: a batch whose answer was lost and that is stored, shown or counted a second time when it comes again.
#[test]
fn batches_whose_answers_are_lost_come_again_and_are_recognised() {
    if let Err(reason) = packages::need_network().and_then(|()| clock::need()) {
        skip!("batches_whose_answers_are_lost_come_again_and_are_recognised", reason);
    }
    let mut story = Pair::open(OFTEN);
    let net = story.net.clone();
    story.deliver();
    let cut = net.cut(1);
    // A backlog that takes a while, so that the present overtakes it and lies above a hole at the controller.
    story.run_fast(4 * 3600, 3 * 3600, 2_000);
    let narrow = net.rate_up(1, 64);
    cut.heal();
    story.agent.set_environment(Vec::new());
    story.agent.start();
    wait::until_true("the present has overtaken the past", SOON, || {
        story.agent.daemon().assert_running();
        story.centre.accounts_of(NAME).iter().any(|account| {
            account["contiguous"].as_u64().expect("a number") + 10
                < account["last_seq"].as_u64().expect("a number")
        })
    });
    let deaf = net.deafen(1);
    wait::until_true("the agent gives the connection up", SOON, || {
        story.agent.daemon().assert_running();
        story.agent.daemon().log().contains("no session with the controller")
    });
    narrow.heal();
    deaf.heal();
    story.finish();
    let account = story.arrived_whole();
    assert!(account.duplicates > 0, "nothing came twice: {account:#?}");
}
