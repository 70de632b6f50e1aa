use super::*;
use proptest::prelude::*;

fn trap(n: u32) -> Notification {
    Notification { uptime: n, ..Notification::default() }
}

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn gate(devices: &[&str]) -> Gate {
    let mut gate = Gate::new(Rates::default());
    gate.assign(devices.iter().copied(), Duration::ZERO);
    gate
}

#[test]
fn chatter_never_keeps_out_a_link_that_goes() {
    let mut gate = gate(&["sw"]);
    let kept = (0..1000).filter(|n| gate.keep("sw", &trap(*n), false, Duration::ZERO)).count();
    assert_eq!(kept, 60, "100 less the reserve of 40");
    let kept = (1000..1100).filter(|n| gate.keep("sw", &trap(*n), true, Duration::ZERO)).count();
    assert_eq!(kept, 40);
    assert!(gate.keep("sw", &trap(2000), true, second(1)), "the bucket fills again");
}

#[test]
fn a_device_that_shouts_takes_nothing_from_another() {
    let mut gate = gate(&["loud", "quiet"]);
    for n in 0..10_000 {
        gate.look("loud", Duration::ZERO);
        gate.keep("loud", &trap(n), true, Duration::ZERO);
    }
    assert!(gate.look("quiet", Duration::ZERO) && gate.keep("quiet", &trap(1), false, Duration::ZERO));
}

/// Catches: a sender that is asked for the time again and again, and of whom nobody hears.
#[test]
fn one_that_is_asked_back_in_vain_is_told_and_one_that_comes_through_is_not() {
    let mut gate = gate(&["lost", "well"]);
    for n in 0..10 {
        gate.ask_back("lost", 1);
        gate.ask_back("well", 1);
        gate.keep("well", &trap(n), true, Duration::ZERO);
    }
    let told = Dropped { asked_back: 10, in_vain: true, ..Dropped::default() };
    assert_eq!(gate.take_dropped(), [("lost".to_owned(), told)]);
    gate.ask_back("lost", 9);
    assert_eq!(gate.take_dropped(), [], "not again at once");
    gate.refuse("well", 1);
    let told = Dropped { asked_back: 10, refused: 1, ..Dropped::default() };
    assert_eq!(gate.take_dropped(), [("well".to_owned(), told)]);
}

/// Catches: a device whose informs all come, each after two questions that are counted only later, and that is called lost.
#[test]
fn what_is_counted_after_it_came_through_was_not_in_vain() {
    let mut gate = gate(&["card"]);
    (0..5).for_each(|n| assert!(gate.keep("card", &trap(n), true, Duration::ZERO)));
    gate.ask_back("card", 10);
    assert_eq!(gate.take_dropped(), []);
    gate.ask_back("card", 10);
    assert!(gate.take_dropped()[0].1.in_vain, "nothing came meanwhile");
}

#[test]
fn many_devices_that_shout_together_are_bounded() {
    let names: Vec<String> = (0..100).map(|n| format!("sw{n}")).collect();
    let mut gate = gate(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut kept = 0;
    for name in &names {
        kept += (0..100).filter(|n| gate.keep(name, &trap(*n), true, Duration::ZERO)).count();
    }
    assert_eq!(kept, 500);
    let dropped: u64 = gate.take_dropped().iter().map(|(_, dropped)| dropped.total()).sum();
    assert_eq!(dropped, 9_500);
}

#[test]
fn an_inform_that_is_sent_again_is_one_and_the_same_later_is_another() {
    let mut gate = gate(&["sw"]);
    let kept: Vec<bool> = [0, 1, 5, 30, 31].map(|at| gate.keep("sw", &trap(7), true, second(at))).to_vec();
    assert_eq!(kept, [true, false, false, false, true]);
    assert_eq!(gate.take_dropped(), [("sw".to_owned(), Dropped { duplicate: 3, ..Dropped::default() })]);
    assert_eq!(gate.take_dropped(), [], "told once");
}

#[test]
fn who_is_not_assigned_has_no_lane() {
    let mut gate = gate(&["sw"]);
    assert!(!gate.look("other", Duration::ZERO) && !gate.keep("other", &trap(1), true, Duration::ZERO));
    gate.assign(["other"], second(1));
    assert!(gate.look("other", second(1)) && !gate.look("sw", second(1)));
}

proptest! {
    #[test]
    fn what_was_received_was_kept_or_dropped(
        steps in proptest::collection::vec((0u64..2_000, 0u8..5, 0u32..40, any::<bool>()), 0..600),
    ) {
        let mut gate = gate(&["a", "b"]);
        let (mut now, mut received, mut kept) = (Duration::ZERO, 0, 0);
        let (mut dropped, mut asked_back) = (0, 0);
        for (wait, what, n, link) in steps {
            now += Duration::from_millis(wait / 100);
            let device = if n % 3 == 0 { "a" } else { "b" };
            received += 1;
            if gate.look(device, now) {
                match what {
                    0 => gate.refuse(device, 1),
                    1 => gate.malformed(device),
                    2 => gate.ask_back(device, 1),
                    _ => kept += u64::from(gate.keep(device, &trap(n), link, now)),
                }
            }
            if wait == 7 {
                for (_, told) in gate.take_dropped() {
                    (dropped, asked_back) = (dropped + told.total(), asked_back + told.asked_back);
                }
            }
            for lane in gate.lanes.values() {
                prop_assert!(lane.seen.len() <= REMEMBERED && lane.kept.tokens >= 0.0);
            }
        }
        let left = gate.lanes.values().map(|lane| lane.dropped.total() + lane.dropped.asked_back).sum::<u64>();
        prop_assert_eq!(received, kept + dropped + asked_back + left);
    }
}
