//! What is known now: the latest value of everything, standing notices, running totals and short
//! trends. It is made from the stream of observations, and after a restart from the store's snapshot
//! and the batches that came after it.

pub mod bounded;
pub mod trend;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message;
use tokio::sync::watch;
use wasl_health::judge;
use wasl_model::units::Scalar;
use wasl_model::{
    AgentId, EntityKind, Event, Histogram, Notice, NoticeCode, Observation, Station, Subject, Timestamp,
    Value,
};
use wasl_protocol::batch;

use bounded::Bounded;
use trend::Trend;

/// An observation this far in the future comes from a clock that was wrong; the next one replaces it.
pub const FUTURE: Duration = Duration::from_secs(60);

/// The most finds (neighbours, stations) of one agent; beyond it the one that was seen longest ago goes. Whoever is on
/// the wire can make up as many as he likes.
const FINDS: usize = 4_096;
/// The most things of which one agent may speak: several times what a gateway has to tell that polls five hundred switches.
/// Names of interfaces, file systems and sensors are the agent's own, and he who has taken over an agent can make up any.
const THINGS: usize = 65_536;
/// The most notices of one agent, those that were taken back included.
const NOTICES: usize = 16_384;
/// The most things of one agent that are remembered to be gone; beyond it the one that went first is forgotten.
const GONE: usize = 4_096;
/// What has happened and is not taken yet; beyond it the oldest go.
const HAPPENED: usize = 20_000;

/// Something that an agent says has happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// When, by the agent's clock.
    pub at: Timestamp,
    /// About what.
    pub subject: Subject,
    /// Who says it.
    pub agent: AgentId,
    /// What.
    pub event: Event,
}

/// A station that an agent says it sees and that was not among its finds before.
#[derive(Debug, Clone, PartialEq)]
pub struct Newcomer {
    /// Who says it.
    pub agent: AgentId,
    /// What the station is called.
    pub subject: Subject,
    /// When, by the agent's clock.
    pub at: Timestamp,
    /// What was seen.
    pub station: Station,
}

/// Something that an agent reported and that is no longer there.
#[derive(Debug, Clone, PartialEq)]
pub struct Went {
    /// Who says it.
    pub agent: AgentId,
    /// What.
    pub subject: Subject,
    /// When, by the agent's clock.
    pub at: Timestamp,
}

/// What an agent last said of a subject. The time is when it was seen, by the agent's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// When.
    pub at: Timestamp,
    /// What.
    pub value: Value,
    /// Sums over all that came since the controller was started.
    pub totals: Totals,
    /// The last hour, where the pages draw it.
    pub trend: Trend,
}

impl Latest {
    /// Whether it says anything of now; `every`: how often it is renewed. The rule is that of all judgements.
    pub fn is_of_now(&self, every: Duration, now: Timestamp) -> bool {
        now.since(self.at) <= judge::holds(every)
    }
}

/// Sums for Prometheus counters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Bytes received.
    pub receive_bytes: u64,
    /// Bytes sent.
    pub transmit_bytes: u64,
    /// Packets lost to errors.
    pub errors: u64,
    /// Of an interface.
    pub receive: Packets,
    /// Of an interface.
    pub transmit: Packets,
    /// Increments of a device's counters that were left out.
    pub voided: u64,
    /// Probes decided.
    pub probes: u64,
    /// Probes lost.
    pub lost: u64,
    /// Answers to probes, and probes, that were not as they should be.
    pub irregular: Irregular,
    /// Round-trip times.
    pub rtt: Histogram,
}

/// Packets of an interface, one way.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Packets {
    /// Those that passed.
    pub passed: u64,
    /// Lost to an error.
    pub errors: u64,
    /// Good ones that were thrown away.
    pub discards: u64,
}

/// Answers to probes, and probes, that were not as they should be; by the names of [`wasl_model::ProbeWindow`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Irregular {
    /// After the probe had been given up.
    pub late: u64,
    /// Beyond the first.
    pub duplicates: u64,
    /// After the answer to a later probe.
    pub reordered: u64,
    /// From another address.
    pub forged: u64,
    /// Probes without meaning.
    pub voided: u64,
}

/// Who says it, and of what.
pub type Key = (AgentId, Subject);

/// Everything that is known now.
#[derive(Default)]
pub struct State {
    /// The latest values, in boxes: they are large, and a map's nodes are half empty.
    pub values: Bounded<Key, Box<Latest>, THINGS>,
    /// What has a new latest value since that was last asked.
    changed: BTreeSet<Key>,
    /// The last word on each notice.
    notices: Bounded<(Key, NoticeCode), Word, NOTICES>,
    /// What has happened since that was last asked. It stands for nothing and is handed on once.
    happened: VecDeque<Happened>,
    /// Who is new since that was last asked.
    newcomers: VecDeque<Newcomer>,
    /// What has gone since that was last asked.
    went: VecDeque<Went>,
}

/// The last word on a notice. That it was taken back is remembered, because an older word may still be
/// on its way.
#[derive(Debug, Clone, PartialEq)]
struct Word {
    /// Since when it has stood; when it was taken back.
    since: Timestamp,
    /// When the word was said.
    at: Timestamp,
    /// What was said.
    notice: Notice,
}

impl State {
    /// Hands out what has a new latest value since this was last called.
    pub fn take_changed(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.changed)
    }

    /// Hands out what has happened since this was last called, in the order in which it was heard.
    pub fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened).into()
    }

    /// Hands out the stations that are new since this was last called.
    pub fn take_newcomers(&mut self) -> Vec<Newcomer> {
        std::mem::take(&mut self.newcomers).into()
    }

    /// Hands out what has gone since this was last called. Of the agents that told it, no more is remembered than there is
    /// room for.
    pub fn take_went(&mut self) -> Vec<Went> {
        let went: Vec<Went> = std::mem::take(&mut self.went).into();
        let agents: BTreeSet<&AgentId> = went.iter().map(|went| &went.agent).collect();
        for agent in agents {
            self.forget_long_gone(agent);
        }
        went
    }

    /// Counts everything as changed.
    pub fn all_changed(&mut self) {
        self.changed.extend(self.values.keys().cloned());
    }

    /// Every agent that has said anything, with its last word on each notice.
    fn words(&self) -> BTreeMap<AgentId, Vec<Observation>> {
        let mut agents: BTreeMap<AgentId, Vec<Observation>> =
            self.values.agents().map(|agent| (agent.clone(), Vec::new())).collect();
        for (((agent, subject), _), word) in &self.notices {
            let value = Value::Notice(word.notice.clone());
            let observation = Observation { subject: subject.clone(), at: word.since, value };
            agents.entry(agent.clone()).or_default().push(observation);
        }
        agents
    }

    /// Every agent of which something is known.
    pub fn agents(&self) -> impl Iterator<Item = &AgentId> {
        self.values.agents()
    }

    /// What an agent last said of each thing of a kind.
    pub fn of_kind<'a>(
        &'a self,
        agent: &'a AgentId,
        kind: EntityKind,
    ) -> impl Iterator<Item = (&'a Key, &'a Latest)> {
        let first = (agent.clone(), Subject { kind, id: String::new() });
        let all = self.values.range(first..).take_while(move |((by, s), _)| by == agent && s.kind == kind);
        all.map(|(key, latest)| (key, &**latest))
    }

    /// The latest values of an agent.
    fn values_of(&self, agent: &AgentId) -> impl Iterator<Item = Observation> {
        let first = (agent.clone(), Subject { kind: EntityKind::ALL[0], id: String::new() });
        let values = self.values.range(first..).take_while(move |((by, _), _)| by == agent);
        values.map(|((_, subject), latest)| Observation {
            subject: subject.clone(),
            at: latest.at,
            value: latest.value.clone(),
        })
    }

    /// The notices that stand and since when.
    pub fn notices(&self) -> impl Iterator<Item = (&Key, Timestamp, &Notice)> {
        self.notices.iter().filter(|(_, w)| !w.notice.cleared).map(|((key, _), w)| (key, w.since, &w.notice))
    }
}

/// The state behind a lock, with a signal for each change. The lock is held for moments only.
pub struct Live {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

impl Default for Live {
    fn default() -> Self {
        Self { state: Mutex::default(), changes: watch::channel(0).0 }
    }
}

#[derive(Clone, PartialEq, Message)]
struct Snapshot {
    #[prost(message, repeated, tag = "1")]
    agents: Vec<AgentSnapshot>,
    #[prost(int64, tag = "2")]
    covers: i64,
}

/// What came of reading a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Parts that could not be read and were left out.
    pub unreadable: usize,
    /// The number of the last batch whose observations are in it; 0 where that is not known.
    pub covers: i64,
}

#[derive(Clone, PartialEq, Message)]
struct AgentSnapshot {
    #[prost(string, tag = "1")]
    agent: String,
    #[prost(bytes = "vec", repeated, tag = "2")]
    bodies: Vec<Vec<u8>>,
}

impl Live {
    /// Reads what is known.
    pub fn read(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Takes in what an agent saw; how much of it was left out because there is no more room for what that agent says.
    pub fn apply(&self, agent: &AgentId, observations: Vec<Observation>, now: Timestamp) -> u64 {
        if observations.is_empty() {
            return 0;
        }
        let mut state = self.read();
        let taken = observations.into_iter().map(|observation| state.take(agent, observation, now, true));
        let left_out = taken.filter(|taken| !taken).count() as u64;
        drop(state);
        self.changes.send_modify(|n| *n += 1);
        left_out
    }

    /// Takes in what was known before a restart: values, but no totals.
    pub fn restore(&self, agent: &AgentId, observations: Vec<Observation>, now: Timestamp) {
        let mut state = self.read();
        for observation in observations {
            state.take(agent, observation, now, false);
        }
    }

    /// The state as bytes for the store; `covers`: the number of a batch that is in it, with all before.
    ///
    /// It is made agent by agent: no copy of the whole is made on the way, and nobody waits for longer than one
    /// agent's copy takes.
    pub fn snapshot(&self, covers: i64) -> Vec<u8> {
        let agents = self.read().words();
        let mut bytes = Vec::new();
        let mut add = |part: Snapshot| part.encode(&mut bytes).expect("a vector has room");
        for (agent, mut observations) in agents {
            observations.extend(self.read().values_of(&agent));
            let bodies = observations.chunks(5_000).map(batch::encode).collect();
            // Messages of one kind behind each other are one message, with all that the lists of each hold.
            add(Snapshot { agents: vec![AgentSnapshot { agent: agent.to_string(), bodies }], covers: 0 });
        }
        add(Snapshot { agents: Vec::new(), covers });
        bytes
    }

    /// Takes in a snapshot; what cannot be read of it is left out and counted.
    pub fn restore_snapshot(&self, bytes: &[u8], now: Timestamp) -> Restored {
        let Ok(snapshot) = Snapshot::decode(bytes) else { return Restored { unreadable: 1, covers: 0 } };
        let mut unreadable = 0;
        for AgentSnapshot { agent, bodies } in snapshot.agents {
            let Ok(agent) = AgentId::new(agent) else {
                unreadable += 1;
                continue;
            };
            for body in bodies {
                match batch::decode(&body) {
                    Ok(decoded) => self.restore(&agent, decoded.observations, now),
                    Err(_) => unreadable += 1,
                }
            }
        }
        // They were told when they came, and when they went.
        let mut state = self.read();
        (state.newcomers, state.went) = Default::default();
        drop(state);
        // What could not be read may stand in the batches.
        Restored { unreadable, covers: if unreadable == 0 { snapshot.covers } else { 0 } }
    }

    /// Forgets what an agent has not spoken of for so long although it spoke, unless it is something that `stays`; what was
    /// forgotten. An agent that is cut off says nothing of anything, and loses nothing by it. That a notice was taken back is
    /// forgotten as well: what is still on its way is not as old as that.
    pub fn forget_silent(&self, so_long: Duration, now: Timestamp, stays: impl Fn(&Key) -> bool) -> Vec<Key> {
        let mut state = self.read();
        let mut spoke: BTreeMap<AgentId, Timestamp> = BTreeMap::new();
        for ((agent, _), latest) in &state.values {
            let last = spoke.entry(agent.clone()).or_insert(latest.at);
            *last = latest.at.max(*last).min(now);
        }
        state.notices.retain(|_, word| !word.notice.cleared || word.at >= now.minus(so_long));
        let mut forgotten = Vec::new();
        state.values.retain(|key, latest| {
            let then = spoke.get(&key.0).map_or(now, |last| last.minus(so_long));
            let keep = latest.at >= then || stays(key);
            if !keep {
                forgotten.push(key.clone());
            }
            keep
        });
        forgotten
    }

    /// Forgets what an agent said, when the agent is gone.
    pub fn forget(&self, agent: &AgentId) {
        let mut state = self.read();
        state.values.retain(|(a, _), _| a != agent);
        state.notices.retain(|((a, _), _), _| a != agent);
    }
}

impl State {
    /// Takes an observation in; `false` if there is no room for it.
    fn take(&mut self, agent: &AgentId, observation: Observation, now: Timestamp, counts: bool) -> bool {
        let key = (agent.clone(), observation.subject);
        let at = observation.at;
        match observation.value {
            Value::Notice(notice) => return self.hear(key, at, notice),
            Value::Event(event) => {
                self.happen(key, at, event);
                return true;
            }
            _ => {}
        }
        self.make_room(&key);
        let newcomer = self.newcomer(&key, at, &observation.value);
        let first = || {
            let value = observation.value.clone();
            Box::new(Latest { at, value, totals: Totals::default(), trend: Trend::default() })
        };
        let Some(latest) = self.values.get_or_insert_with(key.clone(), first) else { return false };
        if counts {
            latest.totals.add(&observation.value);
        }
        latest.trend.add(at, &observation.value);
        if at >= latest.at || latest.at > now.plus(FUTURE) {
            let went = observation.value == Value::Gone && latest.value != Value::Gone;
            latest.at = at;
            latest.value = observation.value;
            self.changed.insert(key.clone());
            if went {
                latest.trend = Trend::default();
                self.bury(key, at);
            }
        }
        if let Some(newcomer) = newcomer {
            self.welcome(newcomer);
        }
        true
    }
}

impl State {
    fn hear(&mut self, key: Key, at: Timestamp, notice: Notice) -> bool {
        let first = || Word { since: at, at, notice: notice.clone() };
        let Some(word) = self.notices.get_or_insert_with((key, notice.code), first) else { return false };
        if word.at <= at {
            let stands_on = !word.notice.cleared && !notice.cleared;
            let since = if stands_on { word.since } else { at };
            *word = Word { since, at, notice };
        }
        true
    }
}

impl State {
    fn make_room(&mut self, key: &Key) {
        let is_find = |kind| matches!(kind, EntityKind::Neighbour | EntityKind::Station);
        if !is_find(key.1.kind) || self.values.contains_key(key) {
            return;
        }
        let first = (key.0.clone(), Subject { kind: EntityKind::Neighbour, id: String::new() });
        // Kinds are sorted by their numbers, and these two are the last.
        let finds =
            || self.values.range(first.clone()..).take_while(|((a, s), _)| *a == key.0 && is_find(s.kind));
        if finds().count() >= FINDS
            && let Some(oldest) = finds().min_by_key(|(_, latest)| latest.at).map(|(key, _)| key.clone())
        {
            self.values.remove(&oldest);
        }
    }

    fn newcomer(&self, key: &Key, at: Timestamp, value: &Value) -> Option<Newcomer> {
        let Value::Station(station) = value else { return None };
        let (agent, subject) = key.clone();
        let is_new = !self.values.contains_key(key);
        is_new.then(|| Newcomer { agent, subject, at, station: station.clone() })
    }

    fn welcome(&mut self, newcomer: Newcomer) {
        if self.newcomers.len() >= HAPPENED {
            self.newcomers.pop_front();
        }
        self.newcomers.push_back(newcomer);
    }

    /// That something is gone is kept as its latest value, so that what was said of it earlier and comes later does
    /// not bring it back.
    fn bury(&mut self, (agent, subject): Key, at: Timestamp) {
        if self.went.len() >= HAPPENED {
            self.went.pop_front();
        }
        self.went.push_back(Went { agent, subject, at });
    }

    fn forget_long_gone(&mut self, agent: &AgentId) {
        let first = (agent.clone(), Subject { kind: EntityKind::ALL[0], id: String::new() });
        let own = self.values.range(first..).take_while(|((by, _), _)| by == agent);
        let gone = own.filter(|(_, latest)| latest.value == Value::Gone);
        let mut gone: Vec<(Timestamp, Key)> = gone.map(|(key, latest)| (latest.at, key.clone())).collect();
        let excess = gone.len().saturating_sub(GONE);
        if excess > 0 {
            gone.sort_unstable();
            for (_, key) in gone.iter().take(excess) {
                self.values.remove(key);
            }
        }
    }

    fn happen(&mut self, (agent, subject): Key, at: Timestamp, event: Event) {
        if self.happened.len() >= HAPPENED {
            self.happened.pop_front();
        }
        self.happened.push_back(Happened { at, subject, agent, event });
    }
}

impl Totals {
    fn add(&mut self, value: &Value) {
        let plus = |total: &mut u64, step: Option<u64>| *total = total.saturating_add(step.unwrap_or(0));
        match value {
            Value::Interface(i) => {
                plus(&mut self.receive_bytes, i.receive_bytes.map(|v| v.0));
                plus(&mut self.transmit_bytes, i.transmit_bytes.map(|v| v.0));
                plus(&mut self.errors, i.receive_errors.map(|v| v.0));
                plus(&mut self.errors, i.transmit_errors.map(|v| v.0));
                plus(&mut self.receive.passed, i.receive_packets.map(|v| v.0));
                plus(&mut self.receive.errors, i.receive_errors.map(|v| v.0));
                plus(&mut self.receive.discards, i.receive_discards.map(|v| v.0));
                plus(&mut self.transmit.passed, i.transmit_packets.map(|v| v.0));
                plus(&mut self.transmit.errors, i.transmit_errors.map(|v| v.0));
                plus(&mut self.transmit.discards, i.transmit_discards.map(|v| v.0));
            }
            Value::Probe(p) => {
                plus(&mut self.probes, p.sent.map(|v| v.0));
                let lost = p.sent.zip(p.received).map(|(s, r)| s.0.saturating_sub(r.0));
                plus(&mut self.lost, lost);
                plus(&mut self.irregular.late, p.late.map(|v| v.0));
                plus(&mut self.irregular.duplicates, p.duplicates.map(|v| v.0));
                plus(&mut self.irregular.reordered, p.reordered.map(|v| v.0));
                plus(&mut self.irregular.forged, p.forged.map(|v| v.0));
                plus(&mut self.irregular.voided, p.voided.map(|v| v.0));
                self.rtt.merge(&p.rtt);
            }
            Value::Device(d) => plus(&mut self.voided, d.voided.map(|v| v.0)),
            _ => {}
        }
    }
}

/// The number of a named history field in a value, in its base unit.
pub fn number(value: &Value, field: &str) -> Option<f64> {
    let mut found = None;
    wasl_model::series::points(value, |name, number| {
        if name == field {
            found = Some(number);
        }
    });
    found
}

/// A quantity in its base unit, where it is known.
pub fn value_of<T: Scalar>(quantity: Option<T>) -> Option<f64> {
    quantity.map(Scalar::value)
}

#[cfg(test)]
mod tests;
