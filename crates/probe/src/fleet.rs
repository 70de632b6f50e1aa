//! Any number of targets: what to send when, what came of it, and when to report.
//!
//! This is all of a prober but its sockets and clocks. The shell asks [`Fleet::next_wake`] how long it
//! may wait, sends what [`Fleet::pop_probe`] gives it, hands in what it reads, and takes the windows
//! that have closed. The same fleet serves a thread with ICMP sockets and a task that makes TCP
//! connections.
//!
//! A target may be watched by a [`Detector`]. It hears of every fate, and of every probe that is overdue;
//! under suspicion, or when [somebody says](Fleet::hint) that it may have moved, its target is probed at a faster pace; and when its verdict changes, the target's
//! window ends at once and carries the new one, so that nothing waits for a window to fill.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use wasl_model::units::Millis;
use wasl_model::{ProbeMethod, ProbeWindow};

use crate::clock::Reading;
use crate::detector::{Baseline, Cause, Detector, Lost};
use crate::keys::ByKey;
use crate::schedule::{Nanos, Schedule, nanos, phase};
use crate::window::{Tracker, Verdict};

use watch::Watch;

mod downtime;
mod watch;

pub use watch::{Changed, Detect, MAX_CONFIRMING, MAX_HINTED};

/// A target's first window is closed this soon, so that a person who has just added it sees values.
pub const FIRST_WINDOW: Duration = Duration::from_secs(2);

/// A target's first probe is sent within this, however long its period is.
pub const FIRST_PROBE: Duration = Duration::from_secs(1);

/// So many deadlines may lie in the queue for each target.
const STALE: usize = 4;

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
    /// How it is watched; `None` if its windows are to carry no verdict.
    pub detect: Option<Detect>,
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
    targets: HashMap<u64, Target, ByKey>,
    probes: Schedule<u64>,
    windows: Schedule<u64>,
    /// For each target with undecided probes, when to look for lost ones; and moments that were given up since, at
    /// which there is nothing to do.
    deadlines: BinaryHeap<Reverse<(Nanos, u64)>>,
    /// Targets that are probed at the faster pace.
    confirming: usize,
    /// Targets whose verdict has changed since the changes were last taken.
    changed: Vec<u64>,
}

#[derive(Debug)]
struct Target {
    /// Apart, so that what each probe needs lies together.
    plan: Box<Plan>,
    to: SocketAddr,
    tracker: Tracker,
    /// When to look for overdue and lost probes.
    deadline: Option<Nanos>,
    /// When the last probe was sent.
    sent: Option<Duration>,
    /// Whether it is probed at the faster pace.
    confirming: bool,
    /// How long an answer may take before its absence means something; `None` where there is nobody to tell. Kept
    /// here, so that a detector is needed for answers only: with thousands of targets it must be fetched from far.
    patience: Option<Duration>,
    watch: Option<Box<Watch>>,
}

impl Target {
    /// When a probe of this target is overdue or lost next.
    fn next_deadline(&self) -> Option<Duration> {
        let overdue = self.patience.and_then(|patience| self.tracker.next_overdue(patience));
        overdue.into_iter().chain(self.tracker.next_deadline()).min()
    }
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
            if wanted.get(target.plan.id.as_str()).is_some_and(|plan| **plan == *target.plan) {
                wanted.remove(target.plan.id.as_str());
            } else {
                gone.push(*key);
            }
        }
        let closed = gone.iter().filter_map(|key| self.close(*key, now)).collect();
        let mut baselines = HashMap::new();
        for key in gone {
            if let Some((id, to, baseline)) = self.remove(key) {
                baselines.insert(id, (to, baseline));
            }
        }
        if window != self.window {
            self.window = window;
            for key in self.targets.keys() {
                self.windows.insert(*key, window, Duration::ZERO, now + window.min(FIRST_WINDOW));
            }
        }
        // In the order in which they will be probed, so that what is used in a row lies in a row in memory: with
        // thousands of targets, half of what a probe costs is waiting for memory.
        let mut wanted: Vec<_> = wanted.into_values().collect();
        wanted.sort_by_cached_key(|plan| phase(&plan.id, plan.every));
        for plan in wanted {
            // What is usual belongs to the place, not to the pace at which it is probed.
            let known = baselines.get(&plan.id).filter(|(to, _)| *to == plan.to);
            self.add(plan.clone(), known.map(|(_, baseline)| *baseline), now);
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
        let deadline = self.deadlines.peek().map(|Reverse((at, _))| Duration::from_nanos(*at));
        [self.probes.next_due(), self.windows.next_due(), deadline].into_iter().flatten().min()
    }

    /// A probe that is to be sent by `now`. Call [`on_sent`](Self::on_sent) when it has left.
    pub fn pop_probe(&mut self, now: Duration) -> Option<Due> {
        let key = self.probes.pop_due(now)?;
        let target = self.targets.get(&key)?;
        let (number, timeout) = (target.tracker.upcoming(), target.tracker.timeout());
        let due = Due { key, number, to: target.to, timeout };
        if target.confirming {
            self.set_pace(key, now); // suspicion and hints end by themselves, even if no probe can be sent
        }
        Some(due)
    }

    /// The probe that [`pop_probe`](Self::pop_probe) gave has left, or could not. Answers are told later than this.
    pub fn on_sent(&mut self, due: &Due, at: Reading) {
        if let Some(target) = self.targets.get_mut(&due.key) {
            target.tracker.on_sent(at);
            target.sent = Some(at.mono);
            let first = nanos(at.mono + target.patience.unwrap_or(due.timeout));
            if target.deadline.is_none_or(|deadline| first < deadline) {
                self.arm(due.key);
            }
        }
    }

    /// The probe found no way out of this machine: for the network, that is a loss.
    pub fn lose(&mut self, due: &Due, now: Duration) {
        let Some(target) = self.targets.get_mut(&due.key) else { return };
        let Some(probe) = target.tracker.undecided(due.number) else { return };
        target.tracker.lose(due.number);
        self.watch(due.key, now, |detector| detector.lost(Lost::NoRoute, probe.sent, probe.overdue, now));
    }

    /// The probe was not sent for a reason that says nothing about the network.
    pub fn void(&mut self, due: &Due) {
        let Some(target) = self.targets.get_mut(&due.key) else { return };
        let Some(probe) = target.tracker.undecided(due.number) else { return };
        target.tracker.void(due.number);
        if let Some(watch) = &mut target.watch {
            watch.detector.voided(probe.overdue.into());
        }
    }

    /// An answer from `from` was read. One from another address than the target's is
    /// [unknown](Verdict::Unknown) and counted as forged: a host answers from the address that it was
    /// asked at (RFC 1122, section 3.2.2.6).
    pub fn on_reply(
        &mut self,
        key: u64,
        number: u32,
        from: IpAddr,
        arrived: Option<Duration>,
        now: Reading,
    ) -> Verdict {
        let Some(target) = self.targets.get_mut(&key) else { return Verdict::Unknown };
        if target.to.ip() != from {
            target.tracker.on_forged();
            return Verdict::Unknown;
        }
        let probe = target.tracker.undecided(number);
        let verdict = target.tracker.on_reply(number, arrived, now);
        if target.deadline.is_some() && !target.tracker.is_waiting() {
            target.deadline = None;
            self.tidy();
        }
        let now = now.mono;
        match (verdict, probe) {
            (Verdict::Fresh(rtt), _) => self.watch(key, now, |detector| detector.answered(rtt, now)),
            (Verdict::Late, Some(probe)) => self.watch(key, now, |detector| {
                // First the sign of life: the loss of a probe that was answered makes nothing down.
                let alive = detector.answered_late(now);
                detector.lost(Lost::Silent, probe.sent, probe.overdue, now).or(alive)
            }),
            (Verdict::Late, None) => self.watch(key, now, |detector| detector.answered_late(now)),
            (Verdict::Voided, Some(probe)) => self.watch(key, now, |detector| {
                detector.voided(probe.overdue.into());
                None
            }),
            _ => {}
        }
        verdict
    }

    /// Tells overdue probes to the detectors, and gives up every probe whose time-out has passed. Read
    /// all answers first.
    pub fn on_deadline(&mut self, now: Duration) {
        let by = nanos(now);
        while let Some(Reverse((at, key))) = self.deadlines.peek().copied().filter(|first| first.0.0 <= by) {
            self.deadlines.pop();
            if let Some(target) = self.targets.get_mut(&key).filter(|target| target.deadline == Some(at)) {
                target.deadline = None;
                self.look_for_overdue(key, now);
                while let Some(probe) = self.targets.get_mut(&key).and_then(|t| t.tracker.give_up(now)) {
                    self.watch(key, now, |detector| {
                        detector.lost(Lost::Silent, probe.sent, probe.overdue, now)
                    });
                }
                self.arm(key);
            }
        }
    }

    /// Takes all undecided probes out of the account, after a clock step or a local fault; how many.
    pub fn void_outstanding(&mut self) -> usize {
        let mut voided = 0;
        for target in self.targets.values_mut() {
            if let Some(watch) = &mut target.watch {
                watch.detector.voided(target.tracker.overdue_now());
            }
            voided += target.tracker.void_outstanding();
        }
        voided
    }

    /// A target whose window ends by `now`. Then [`close`](Self::close) it, or
    /// [keep it open](Self::keep_open).
    pub fn pop_window(&mut self, now: Duration) -> Option<u64> {
        self.windows.pop_due(now)
    }

    /// Closes a target's window; `None` if nothing happened in it. A verdict that has changed is
    /// something, even while no probe's fate is decided.
    pub fn close(&mut self, key: u64, now: Duration) -> Option<Closed> {
        let target = self.targets.get_mut(&key)?;
        let length = now.saturating_sub(target.tracker.opened());
        let mut window = target.tracker.close(now, target.plan.method);
        if let Some(watch) = &mut target.watch {
            if std::mem::take(&mut watch.untold) {
                let empty = || Tracker::empty(length, target.plan.method);
                window = Some(window.unwrap_or_else(empty));
            }
            let window = window.as_mut()?;
            let state = watch.detector.state();
            window.verdict = state.verdict();
            window.cause = state.cause().map(|cause| cause.word());
            match state.cause() {
                Some(Cause::Loss { loss }) => window.judged_loss = Some(loss),
                Some(Cause::Latency { rtt, .. }) => window.judged_rtt = Some(rtt),
                Some(Cause::Jitter { jitter, .. }) => window.judged_jitter = Some(jitter),
                Some(Cause::BlackHole { .. } | Cause::NoRoute { .. } | Cause::Flapping { .. }) | None => {}
            }
            let age = now.saturating_sub(watch.detector.since());
            window.verdict_age = window.verdict.map(|_| Millis(age.as_millis() as u64));
            window.down = window.verdict.map(|_| watch.downtime.tell(now));
        }
        Some(Closed { id: target.plan.id.clone(), window: window? })
    }

    /// Lets a target's window go on until `until`, because nobody can take it now. It will be longer
    /// and lose nothing.
    pub fn keep_open(&mut self, key: u64, until: Duration) {
        self.windows.postpone(key, until);
    }

    fn add(&mut self, plan: Plan, baseline: Option<Baseline>, now: Duration) {
        self.last_key += 1;
        let key = self.last_key;
        let phase = phase(&plan.id, plan.every);
        let first = now + Duration::from_nanos((phase.as_nanos() % FIRST_PROBE.as_nanos()) as u64);
        self.probes.insert(key, plan.every, phase, first);
        self.windows.insert(key, self.window, Duration::ZERO, now + self.window.min(FIRST_WINDOW));
        let (to, tracker) = (plan.to, Tracker::new(plan.timeout, now));
        let watch = plan.detect.as_ref().map(|detect| {
            let mut detector = Detector::new(detect.thresholds.clone(), detect.contract, plan.timeout);
            if let Some(baseline) = baseline {
                detector.restore(baseline);
            }
            Box::new(Watch::new(detector))
        });
        let patience = watch.as_deref().map(|watch: &Watch| watch.detector.patience());
        let plan = Box::new(plan);
        let (deadline, sent, confirming) = (None, None, false);
        let target = Target { plan, to, tracker, deadline, sent, confirming, patience, watch };
        self.targets.insert(key, target);
    }

    /// Takes a target away; what was usual for it, if that is known.
    fn remove(&mut self, key: u64) -> Option<(String, SocketAddr, Baseline)> {
        self.probes.remove(key);
        self.windows.remove(key);
        self.changed.retain(|changed| *changed != key);
        let target = self.targets.remove(&key)?;
        self.tidy();
        self.confirming -= usize::from(target.confirming);
        Some((target.plan.id, target.to, target.watch?.detector.baseline()?))
    }

    /// Sets the moment of the target's deadline anew.
    fn arm(&mut self, key: u64) {
        if let Some(target) = self.targets.get_mut(&key) {
            let next = target.next_deadline().map(nanos);
            if target.deadline != next {
                target.deadline = next;
                self.deadlines.extend(next.map(|at| Reverse((at, key))));
                self.tidy();
            }
        }
    }

    /// Drops moments at which there is nothing to do: from the front, and all of them where they have become many.
    fn tidy(&mut self) {
        if self.deadlines.len() > STALE * (self.targets.len() + 1) {
            let armed = |(key, target): (&u64, &Target)| target.deadline.map(|at| Reverse((at, *key)));
            self.deadlines = self.targets.iter().filter_map(armed).collect();
        }
        while let Some(Reverse((at, key))) = self.deadlines.peek()
            && self.targets.get(key).is_none_or(|target| target.deadline != Some(*at))
        {
            self.deadlines.pop();
        }
    }
}

#[cfg(test)]
mod tests;
