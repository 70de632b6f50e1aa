//! A port that leaves a device and comes back.

use std::collections::BTreeSet;

use super::*;

/// One poll: its sample, the ports that were read, and those that are told to be gone.
struct Round {
    sample: DeviceSample,
    read: BTreeSet<String>,
    gone: Vec<String>,
}

impl Round {
    async fn next(stage: &mut Stage) -> Self {
        let (mut read, mut gone) = (BTreeSet::new(), Vec::new());
        loop {
            let Observation { subject, value, .. } = stage.next().await;
            match value {
                Value::Device(sample) => return Self { sample, read, gone },
                Value::Interface(_) => drop(read.insert(subject.id)),
                Value::Gone => gone.push(subject.id),
                _ => {}
            }
        }
    }

    fn has(&self, port: &str) -> bool {
        self.read.contains(port)
    }

    fn is_whole(&self) -> bool {
        self.sample.columns_failed.is_some_and(|n| n.0 == 0)
    }
}

const GONE: &str = "sw/port2";

/// Catches: a port that nobody misses; one that is missed because half a table was read; and one that is gone for good because
/// it was gone once.
#[tokio::test]
async fn a_port_that_leaves_is_told_after_two_whole_polls_and_comes_back_by_being_read() {
    let (mut stage, habit) = stage_every(Habit::None, 3_000).await;
    while !Round::next(&mut stage).await.has(GONE) {}

    habit.send_replace(Habit::BrokenWithout(2));
    let mut partial = 0;
    while partial < 3 {
        let round = Round::next(&mut stage).await;
        assert!(round.gone.is_empty(), "half a table says nothing of what it does not show");
        if !round.has(GONE) {
            assert!(!round.is_whole() && round.has("sw/port1"));
            partial += 1;
        }
    }

    habit.send_replace(Habit::Without(2));
    let mut whole = 0;
    while whole < 3 {
        let round = Round::next(&mut stage).await;
        assert!(!round.has(GONE));
        whole += u32::from(round.is_whole());
        let told = round.is_whole() && whole == 2;
        assert_eq!(round.gone, if told { vec![GONE] } else { vec![] }, "whole poll {whole}");
    }

    habit.send_replace(Habit::None);
    let back = loop {
        let round = Round::next(&mut stage).await;
        assert!(round.gone.is_empty());
        if round.has(GONE) {
            break round;
        }
    };
    assert_eq!(back.sample.voided.map(|n| n.0), Some(0), "it goes on from where it was");
    stage.end().await;
}

/// Catches: a chassis that starts anew, lists its cards one after the other, and has all others called gone.
#[tokio::test]
async fn a_device_that_has_just_started_may_not_have_listed_all_its_ports_yet() {
    let (mut stage, habit) = stage_with(Habit::None).await;
    while !Round::next(&mut stage).await.has(GONE) {}
    habit.send_replace(Habit::StartingWithout(2));
    let mut missed = 0;
    while missed < 4 {
        let round = Round::next(&mut stage).await;
        assert!(round.gone.is_empty(), "{:?}", round.gone);
        missed += u32::from(round.is_whole() && round.has("sw/port1") && !round.has(GONE));
    }
    habit.send_replace(Habit::Without(2));
    while Round::next(&mut stage).await.gone != [GONE] {}
    stage.end().await;
}
