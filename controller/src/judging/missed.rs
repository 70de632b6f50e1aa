//! What is no longer there although nobody says so.
//!
//! An agent tells that an interface is gone only if it remembers that it was there. A machine that is started without its modem,
//! or a stack of switches of which half comes back after a power cut while the gateway is started as well, is met by an agent
//! that remembers nothing. So the centre, which remembers, looks: an owner whose whole table is told again and again, without an
//! interface that stood there before, has it no more.
//!
//! Where a cut ends and the present is told before the past, the centre may find what is gone before the agent's own word of
//! it comes; that word is older then, and changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use wasl_health::reasons;
use wasl_model::health::EntityState;
use wasl_model::{AgentId, EntityKind, Observation, Subject, Timestamp, Value};

use crate::live::{FUTURE, Key, Latest, Live, State};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(10);
/// For so many readings of its owner it was not told.
const READINGS: u32 = 10;
/// Who started less than this ago may not have found all that he has.
const STARTING: Duration = Duration::from_mins(5);

/// What was missed when it was last looked.
#[derive(Debug, Default)]
pub(super) struct Missed {
    looked: Timestamp,
    /// With the reading of its owner in which it was missed first. Gone is what a later one misses as well: the batch that
    /// brings the owner may be ahead of the one that brings its interfaces, and one reading may have met a moment of its own.
    missed: BTreeMap<Key, Timestamp>,
}

impl Missed {
    /// What two readings of its owner have missed, with the moment of the later one; nothing between looks. `every`: how often
    /// a subject is observed.
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
        for (key, without) in missing(live, every, now) {
            match before.get(&key) {
                Some(first) if *first < without => gone.push((key, without)),
                first => {
                    let first = first.copied().unwrap_or(without);
                    self.missed.insert(key, first);
                }
            }
        }
        gone
    }
}

/// Takes for gone what was missed.
pub(super) fn bury(live: &Live, gone: Vec<(Key, Timestamp)>, now: Timestamp) {
    for ((agent, subject), at) in gone {
        live.apply(&agent, vec![Observation { subject, at, value: Value::Gone }], now);
    }
}

/// Takes for gone what the last run had taken for gone, which stands in no batch. `before`: what that run held of everything;
/// of what only left the views it held nothing. That it went has been told.
pub(super) fn bury_again(
    live: &Live,
    before: &BTreeMap<Subject, EntityState>,
    every: impl Fn(&AgentId, &Subject) -> Duration,
    now: Timestamp,
) {
    let mut gone = missing(&live.read(), every, now);
    gone.retain(|((_, subject), _)| {
        before.get(subject).is_none_or(|state| state.reason.code == reasons::INTERFACE_GONE)
    });
    bury(live, gone, now);
    live.read().take_went();
}

/// What its owner has not told for so many readings although it told of all that it has, with its latest reading.
pub(super) fn missing(
    live: &State,
    every: impl Fn(&AgentId, &Subject) -> Duration,
    now: Timestamp,
) -> Vec<(Key, Timestamp)> {
    let mut missing = Vec::new();
    for agent in live.agents() {
        // Interfaces of one owner stand behind each other.
        let mut rest = live.of_kind(agent, EntityKind::Interface).peekable();
        while let Some(first) = rest.next() {
            let owner = owner(&first.0.1);
            let mut own = vec![first];
            while let Some(next) = rest.next_if(|(key, _)| self::owner(&key.1) == owner) {
                own.push(next);
            }
            let whole = seen_whole(live, agent, owner).filter(|at| *at <= now.plus(FUTURE));
            let Some(without) = whole else { continue };
            missing.extend(
                missing_of(&own, without, every(agent, &first.0.1)).map(|key| (key.clone(), without)),
            );
        }
    }
    missing
}

/// Which of an owner's interfaces are missing from its reading of that moment; none, if it told of none at all: that reading
/// failed.
fn missing_of<'a>(
    own: &[(&'a Key, &'a Latest)],
    without: Timestamp,
    every: Duration,
) -> impl Iterator<Item = &'a Key> {
    let there = own.iter().copied().filter(|(_, latest)| latest.value != Value::Gone);
    let (told, silent): (Vec<_>, Vec<_>) =
        there.partition(|(_, latest)| without.since(latest.at) <= every * READINGS);
    // One that has namesakes now is told by a longer name.
    let is_longer = |name: &str, id: &str| name.strip_prefix(id).is_some_and(|rest| rest.starts_with('~'));
    let silent = silent.into_iter().map(|(key, _)| key);
    silent
        .filter(move |key| !told.is_empty() && !told.iter().any(|(told, _)| is_longer(&told.1.id, &key.1.id)))
}

/// Whose interface it is.
fn owner(interface: &Subject) -> &str {
    interface.id.split_once('/').map_or(&interface.id, |(owner, _)| owner)
}

/// When an owner last told of all that it has.
fn seen_whole(live: &State, agent: &AgentId, owner: &str) -> Option<Timestamp> {
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
    use wasl_model::{DeviceSample, HostSample, InterfaceSample};

    use super::*;

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

    const LEFT: [&str; 4] = ["machine/gw", "interface/gw/wan", "device/sw", "interface/sw/Gi0/1"];

    #[test]
    fn what_did_not_come_back_with_its_owner_is_gone_once_two_readings_miss_it() {
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        rig.see(100, &LEFT);
        assert_eq!((rig.look(100), rig.look(110)), (vec![], vec![]), "ten readings are not over");
        rig.see(120, &LEFT);
        assert_eq!((rig.look(125), rig.look(135)), (vec![], vec![]), "one reading is not enough");
        rig.see(140, &LEFT);
        assert_eq!(rig.look(140), [], "too soon after the last look");
        let gone = [("interface/gw/wwan0".to_owned(), 140), ("interface/sw/Gi1/1".to_owned(), 140)];
        assert_eq!(rig.look(145), gone);
    }

    /// Catches: a machine that wakes up, and whose first reading has no modem yet.
    #[test]
    fn what_is_back_in_the_second_reading_is_not_gone() {
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        rig.see(900, &LEFT);
        assert_eq!((rig.look(900), rig.look(910)), (vec![], vec![]));
        rig.see(910, &ALL);
        assert_eq!((rig.look(920), rig.look(930)), (vec![], vec![]));
    }

    /// Catches: an agent that was cut off, and of which the first batch after the cut has the machine, and the second its interfaces.
    #[test]
    fn what_is_only_late_is_not_gone() {
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        assert_eq!((rig.look(3_600), rig.look(3_610)), (vec![], vec![]), "nobody has seen the owner either");
        rig.see(3_615, &["machine/gw", "device/sw"]);
        assert_eq!(rig.look(3_620), []);
        rig.see(3_625, &ALL);
        assert_eq!((rig.look(3_630), rig.look(3_640)), (vec![], vec![]));
    }

    #[test]
    fn an_owner_that_tells_of_nothing_at_all_could_not_be_read() {
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        for seconds in [500, 510, 520] {
            rig.see(seconds, &["machine/gw", "device/sw"]);
            assert_eq!(rig.look(seconds), []);
        }
    }

    /// Catches: a clock that is a little ahead, for whose owner nothing would ever be missed; and one that was set.
    #[test]
    fn a_clock_that_is_a_little_ahead_keeps_nothing_back() {
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        for (told, looked) in [(545, 500), (555, 510)] {
            rig.see(told, &LEFT);
            let gone = rig.look(looked);
            assert_eq!(gone.len(), if looked == 510 { 2 } else { 0 });
        }
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        for (told, looked) in [(4_100, 500), (4_110, 510)] {
            rig.see(told, &LEFT);
            assert_eq!(rig.look(looked), [], "an hour ahead");
        }
    }

    #[test]
    fn one_that_has_namesakes_now_has_a_longer_name() {
        let mut rig = Rig::new();
        rig.see(0, &["device/sw", "interface/sw/lo", "interface/sw/tun0", "interface/sw/tun1"]);
        for seconds in [500, 510, 520] {
            rig.see(seconds, &["device/sw", "interface/sw/lo", "interface/sw/tun0~02:00"]);
            rig.see(seconds, &["interface/sw/tun0~02:01"]);
        }
        let (first, second) = (rig.look(500), rig.look(510));
        assert_eq!((first, second), (vec![], vec![]), "one reading");
        rig.see(530, &["device/sw", "interface/sw/lo", "interface/sw/tun0~02:00"]);
        assert_eq!(rig.look(530), [("interface/sw/tun1".to_owned(), 530)]);
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
        for (seconds, ports) in [(780, 0), (790, 0), (799, 0), (820, 0), (830, 2)] {
            rig.see(seconds, &LEFT);
            rig.tell(seconds, "machine/gw", booted(500));
            rig.tell(seconds, "device/sw", up(seconds as u64 - 500));
            assert_eq!(rig.look(seconds).len(), ports, "{seconds}");
        }
    }

    #[test]
    fn a_device_that_is_silent_or_answers_in_part_says_nothing_of_what_it_has() {
        let none = DeviceSample { interfaces: Some(Count(0)), ..whole() };
        let part = DeviceSample { columns_failed: Some(Count(1)), ..whole() };
        let silent = DeviceSample { answered: Some(false), ..whole() };
        for sample in [none, part, silent, DeviceSample::default()] {
            let mut rig = Rig::new();
            rig.see(0, &ALL);
            for seconds in [500, 510, 520] {
                rig.tell(seconds, "interface/sw/Gi0/1", InterfaceSample::default());
                rig.tell(seconds, "device/sw", sample.clone());
                assert_eq!(rig.look(seconds), [], "{sample:?}");
            }
            rig.tell(530, "device/sw", whole());
            assert_eq!(rig.look(530), []);
            rig.tell(540, "device/sw", whole());
            assert_eq!(rig.look(540).len(), 1);
        }
    }

    #[test]
    fn what_is_told_to_be_gone_is_not_found_again() {
        let mut rig = Rig::new();
        rig.see(0, &ALL);
        rig.tell(10, "interface/gw/wwan0", Value::Gone);
        for seconds in [500, 510, 520] {
            rig.see(seconds, &["machine/gw", "interface/gw/wan"]);
            assert_eq!(rig.look(seconds), []);
        }
    }
}
