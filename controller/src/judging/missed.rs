//! What is no longer there although nobody says so.
//!
//! An agent tells that an interface is gone only if it remembers that it was there. A machine that is started without its modem,
//! or a stack of switches of which half comes back after a power cut while the gateway is started as well, is met by an agent
//! that remembers nothing. So the centre, which remembers, looks: an owner whose whole table is told again and again, without an
//! interface that stood there before, has it no more.
//!
//! Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use wasl_model::{AgentId, EntityKind, Subject, Timestamp, Value};

use crate::live::{Key, State};

/// How often it is looked. What was missed is gone at the second look: a batch that brings the owner may be ahead of the one
/// that brings its interfaces.
const LOOK: Duration = Duration::from_secs(10);
/// For so many readings of its owner it was not told.
const READINGS: u32 = 10;

/// Who started less than this ago may not have found all that he has.
const STARTING: Duration = Duration::from_mins(5);

/// What was missed when it was last looked.
#[derive(Debug, Default)]
pub(super) struct Missed {
    looked: Timestamp,
    missed: BTreeSet<Key>,
}

impl Missed {
    /// What was missed at this look and at the one before, with when its owner was seen without it; nothing between looks.
    /// `every`: how often a subject is observed.
    pub(super) fn look(
        &mut self,
        live: &State,
        every: impl Fn(&AgentId, &Subject) -> Duration,
        now: Timestamp,
    ) -> Vec<(Key, Timestamp)> {
        if now >= self.looked && now.since(self.looked) < LOOK {
            return Vec::new();
        }
        self.looked = now;
        let before = std::mem::take(&mut self.missed);
        let mut gone = Vec::new();
        for agent in live.agents() {
            for (key, latest) in live.of_kind(agent, EntityKind::Interface) {
                if latest.value == Value::Gone {
                    continue;
                }
                let Some(without) = seen_whole(live, key).filter(|at| *at <= now) else { continue };
                if without.since(latest.at) <= every(agent, &key.1) * READINGS {
                    continue;
                }
                if before.contains(key) {
                    gone.push((key.clone(), without));
                } else {
                    self.missed.insert(key.clone());
                }
            }
        }
        gone
    }
}

/// When the owner of an interface last told of all that it has.
fn seen_whole(live: &State, (agent, interface): &Key) -> Option<Timestamp> {
    let (owner, _) = interface.id.split_once('/')?;
    let kind = if owner == agent.as_str() { EntityKind::Machine } else { EntityKind::Device };
    let latest = live.values.get(&(agent.clone(), Subject::lenient(kind, owner)))?;
    let is_whole = match &latest.value {
        Value::Host(machine) => machine.booted_at.is_none_or(|at| latest.at.since(at) >= STARTING),
        Value::Device(device) => {
            let all = device.columns_failed.is_some_and(|failed| failed.0 == 0);
            let some = device.interfaces.is_some_and(|count| count.0 > 0);
            let starts = device.uptime.is_some_and(|up| Duration::from_millis(up.0) < STARTING);
            device.answered == Some(true) && all && some && !starts
        }
        _ => false,
    };
    is_whole.then_some(latest.at)
}

#[cfg(test)]
mod tests {
    use wasl_model::units::{Count, Millis};
    use wasl_model::{DeviceSample, HostSample, InterfaceSample, Observation};

    use super::*;
    use crate::live::Live;

    const EVERY: Duration = Duration::from_secs(10);

    struct Rig {
        live: Live,
        missed: Missed,
    }

    impl Rig {
        fn new() -> Self {
            Self { live: Live::default(), missed: Missed::default() }
        }

        fn tell(&self, seconds: i64, subject: &str, value: impl Into<Value>) {
            let subject = subject.parse().expect("valid");
            let observation = Observation { subject, at: Timestamp(seconds * 1_000), value: value.into() };
            self.live.apply(&"gw".parse().expect("valid"), vec![observation], Timestamp(seconds * 1_000));
        }

        fn see(&self, seconds: i64, subjects: &[&str]) {
            for subject in subjects {
                let value: Value = match subject.split('/').next() {
                    Some("machine") => HostSample::default().into(),
                    Some("device") => whole().into(),
                    _ => InterfaceSample::default().into(),
                };
                self.tell(seconds, subject, value);
            }
        }

        /// What is gone at a look at so many seconds, and since when.
        fn look(&mut self, seconds: i64) -> Vec<(String, i64)> {
            let live = self.live.read();
            let gone = self.missed.look(&live, |_, _| EVERY, Timestamp(seconds * 1_000));
            gone.into_iter().map(|((_, subject), at)| (subject.to_string(), at.0 / 1_000)).collect()
        }
    }

    fn whole() -> DeviceSample {
        DeviceSample {
            answered: Some(true),
            interfaces: Some(Count(1)),
            columns_failed: Some(Count(0)),
            ..DeviceSample::default()
        }
    }

    const ALL: [&str; 6] = [
        "machine/gw",
        "interface/gw/wan",
        "interface/gw/wwan0",
        "device/sw",
        "interface/sw/Gi0/1",
        "interface/sw/Gi1/1",
    ];

    #[test]
    fn what_did_not_come_back_with_its_owner_is_gone_at_the_second_look() {
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        rig.see(100, &["machine/gw", "interface/gw/wan", "device/sw", "interface/sw/Gi0/1"]);
        assert_eq!((rig.look(100), rig.look(110)), (vec![], vec![]), "ten readings are not over");
        rig.see(120, &["machine/gw", "interface/gw/wan", "device/sw", "interface/sw/Gi0/1"]);
        assert_eq!((rig.look(125), rig.look(130)), (vec![], vec![]), "once, and too soon after it");
        let gone = [("interface/gw/wwan0".to_owned(), 120), ("interface/sw/Gi1/1".to_owned(), 120)];
        assert_eq!(rig.look(135), gone);
    }

    /// Catches: an agent that was cut off, and of which the first batch after the cut has the machine, and the second its interfaces.
    #[test]
    fn what_is_only_late_is_not_gone() {
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        assert_eq!((rig.look(3_600), rig.look(3_610)), (vec![], vec![]), "nobody has seen the owner either");
        rig.see(3_615, &["machine/gw", "device/sw"]);
        assert_eq!(rig.look(3_620), []);
        rig.see(3_615, &ALL);
        assert_eq!((rig.look(3_630), rig.look(3_640)), (vec![], vec![]));
    }

    #[test]
    fn who_has_just_started_may_still_find_what_he_has() {
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        let booted = |seconds: i64| HostSample {
            booted_at: Some(Timestamp(seconds * 1_000)),
            ..HostSample::default()
        };
        let up = |seconds: u64| DeviceSample { uptime: Some(Millis(seconds * 1_000)), ..whole() };
        rig.tell(799, "machine/gw", booted(500));
        rig.tell(799, "device/sw", up(299));
        assert_eq!((rig.look(800), rig.look(810)), (vec![], vec![]));
        rig.tell(820, "machine/gw", booted(500));
        rig.tell(820, "device/sw", up(320));
        assert_eq!((rig.look(820).len(), rig.look(830).len()), (0, 4));
    }

    #[test]
    fn a_device_that_is_silent_or_answers_in_part_says_nothing_of_what_it_has() {
        let none = DeviceSample { interfaces: Some(Count(0)), ..whole() };
        let part = DeviceSample { columns_failed: Some(Count(1)), ..whole() };
        let silent = DeviceSample { answered: Some(false), ..whole() };
        for sample in [none, part, silent, DeviceSample::default()] {
            let mut rig = Rig::new();
            rig.see(0, &ALL);
            rig.tell(500, "device/sw", sample.clone());
            assert_eq!((rig.look(500), rig.look(510)), (vec![], vec![]), "{sample:?}");
            rig.tell(520, "device/sw", whole());
            assert_eq!((rig.look(520).len(), rig.look(530).len()), (0, 2));
        }
    }

    #[test]
    fn what_is_told_to_be_gone_is_not_found_again() {
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        rig.tell(10, "interface/gw/wwan0", Value::Gone);
        rig.see(500, &["machine/gw", "interface/gw/wan"]);
        assert_eq!((rig.look(500), rig.look(510)), (vec![], vec![]));
    }
}
