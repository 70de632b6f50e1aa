//! Any number of targets: what to send when, what came of it, and when to report.
//!
//! This is all of a prober but its sockets and clocks. The shell asks [`Fleet::next_wake`] how long it
//! may wait, sends what [`Fleet::pop_probe`] gives it, hands in what it reads, and takes the windows
//! that have closed. The same fleet serves a thread with ICMP sockets and a task that makes TCP
//! connections.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use wasl_model::{ProbeMethod, ProbeWindow};

use crate::clock::Reading;
use crate::schedule::{Schedule, phase};
use crate::window::{Tracker, Verdict};

/// A target's first window is closed this soon, so that a person who has just added it sees values.
pub const FIRST_WINDOW: Duration = Duration::from_secs(2);

/// A target's first probe is sent within this, however long its period is.
pub const FIRST_PROBE: Duration = Duration::from_secs(1);

/// What is to be probed, where, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The target's identifier.
    pub id: String,
    /// Where the probes go; the port is 0 for ICMP.
    pub to: SocketAddr,
    /// How they are sent, which the windows repeat.
    pub method: ProbeMethod,
    /// The time between probes.
    pub every: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A probe to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The target's key in this fleet; no two targets ever have the same.
    pub key: u64,
    /// The number that the probe will have.
    pub number: u32,
    /// Where it goes.
    pub to: SocketAddr,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A window that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// The target's identifier.
    pub id: String,
    /// What happened in it.
    pub window: ProbeWindow,
}

/// All targets of one prober. Times are monotonic, since any fixed moment.
#[derive(Debug, Default)]
pub struct Fleet {
    window: Duration,
    last_key: u64,
    targets: HashMap<u64, Target>,
    probes: Schedule<u64>,
    windows: Schedule<u64>,
    /// For each target with undecided probes, when to look for lost ones.
    deadlines: BTreeSet<(Duration, u64)>,
}

#[derive(Debug)]
struct Target {
    plan: Plan,
    tracker: Tracker,
    deadline: Option<Duration>,
}

impl Fleet {
    /// Makes the fleet be exactly this: windows of this length and these targets, the first of each
    /// identifier. What is unchanged goes on undisturbed; what is gone or changed closes its window,
    /// and its undecided probes are forgotten.
    pub fn set(&mut self, window: Duration, plans: &[Plan], now: Duration) -> Vec<Closed> {
        let mut wanted: HashMap<&str, &Plan> = HashMap::new();
        for plan in plans {
            wanted.entry(&plan.id).or_insert(plan);
        }
        let mut gone = Vec::new();
        for (key, target) in &self.targets {
            if wanted.get(target.plan.id.as_str()).is_some_and(|plan| **plan == target.plan) {
                wanted.remove(target.plan.id.as_str());
            } else {
                gone.push(*key);
            }
        }
        let closed = gone.iter().filter_map(|key| self.close(*key, now)).collect();
        for key in gone {
            self.remove(key);
        }
        if window != self.window {
            self.window = window;
            for key in self.targets.keys() {
                self.windows.insert(*key, window, Duration::ZERO, now + window.min(FIRST_WINDOW));
            }
        }
        for plan in wanted.into_values() {
            self.add(plan.clone(), now);
        }
        closed
    }

    /// How many targets there are.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is no target.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// When there is something to do next: a probe, a deadline or the end of a window.
    pub fn next_wake(&self) -> Option<Duration> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        [self.probes.next_due(), self.windows.next_due(), deadline].into_iter().flatten().min()
    }

    /// A probe that is to be sent by `now`. Call [`on_sent`](Self::on_sent) right before it leaves.
    pub fn pop_probe(&mut self, now: Duration) -> Option<Due> {
        let key = self.probes.pop_due(now)?;
        let target = self.targets.get(&key)?;
        Some(Due { key, number: target.tracker.upcoming(), to: target.plan.to, timeout: target.plan.timeout })
    }

    /// The probe that [`pop_probe`](Self::pop_probe) gave is about to be sent.
    pub fn on_sent(&mut self, due: &Due, at: Reading) {
        if let Some(target) = self.targets.get_mut(&due.key) {
            target.tracker.on_sent(at);
            if target.deadline.is_none() {
                self.arm(due.key);
            }
        }
    }

    /// The probe found no way out of this machine: for the network, that is a loss.
    pub fn lose(&mut self, due: &Due) {
        if let Some(target) = self.targets.get_mut(&due.key) {
            target.tracker.lose(due.number);
        }
    }

    /// The probe was not sent for a reason that says nothing about the network.
    pub fn void(&mut self, due: &Due) {
        if let Some(target) = self.targets.get_mut(&due.key) {
            target.tracker.void(due.number);
        }
    }

    /// An answer from `from` was read. One from another address than the target's is
    /// [unknown](Verdict::Unknown): a host answers from the address that it was asked at (RFC 1122,
    /// section 3.2.2.6).
    pub fn on_reply(
        &mut self,
        key: u64,
        number: u32,
        from: IpAddr,
        arrived: Option<Duration>,
        now: Reading,
    ) -> Verdict {
        match self.targets.get_mut(&key) {
            Some(target) if target.plan.to.ip() == from => target.tracker.on_reply(number, arrived, now),
            _ => Verdict::Unknown,
        }
    }

    /// Gives up every probe whose time-out has passed. Read all answers first.
    pub fn on_deadline(&mut self, now: Duration) {
        while let Some((at, key)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, key));
            if let Some(target) = self.targets.get_mut(&key) {
                target.deadline = None;
                target.tracker.on_deadline(now);
                self.arm(key);
            }
        }
    }

    /// Takes all undecided probes out of the account, after a clock step or a local fault; how many.
    pub fn void_outstanding(&mut self) -> usize {
        self.targets.values_mut().map(|target| target.tracker.void_outstanding()).sum()
    }

    /// A target whose window ends by `now`. Then [`close`](Self::close) it, or
    /// [keep it open](Self::keep_open).
    pub fn pop_window(&mut self, now: Duration) -> Option<u64> {
        self.windows.pop_due(now)
    }

    /// Closes a target's window; `None` if nothing happened in it.
    pub fn close(&mut self, key: u64, now: Duration) -> Option<Closed> {
        let target = self.targets.get_mut(&key)?;
        let window = target.tracker.close(now, target.plan.method)?;
        Some(Closed { id: target.plan.id.clone(), window })
    }

    /// Lets a target's window go on until `until`, because nobody can take it now. It will be longer
    /// and lose nothing.
    pub fn keep_open(&mut self, key: u64, until: Duration) {
        self.windows.postpone(key, until);
    }

    fn add(&mut self, plan: Plan, now: Duration) {
        self.last_key += 1;
        let key = self.last_key;
        let phase = phase(&plan.id, plan.every);
        let first = now + Duration::from_nanos((phase.as_nanos() % FIRST_PROBE.as_nanos()) as u64);
        self.probes.insert(key, plan.every, phase, first);
        self.windows.insert(key, self.window, Duration::ZERO, now + self.window.min(FIRST_WINDOW));
        let tracker = Tracker::new(plan.timeout, now);
        self.targets.insert(key, Target { plan, tracker, deadline: None });
    }

    fn remove(&mut self, key: u64) {
        self.probes.remove(key);
        self.windows.remove(key);
        if let Some(deadline) = self.targets.remove(&key).and_then(|target| target.deadline) {
            self.deadlines.remove(&(deadline, key));
        }
    }

    fn arm(&mut self, key: u64) {
        if let Some(target) = self.targets.get_mut(&key) {
            target.deadline = target.tracker.next_deadline();
            self.deadlines.extend(target.deadline.map(|at| (at, key)));
        }
    }
}

#[cfg(test)]
mod tests;
