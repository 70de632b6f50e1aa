//! What a fleet does on behalf of its targets' detectors: it lets them hear of what happens, probes faster
//! under suspicion and on a hint, and ends the window of a target whose verdict has changed.

use std::sync::Arc;
use std::time::Duration;

use super::downtime::Downtime;
use super::{Fleet, Plan};
use crate::detector::{Baseline, Change, Class, Contract, Detector, State, Thresholds};
use crate::schedule::phase;

/// Targets that may be probed at the faster pace of suspicion at once. When a line is cut behind which
/// thousands lie, the others are found down at their usual pace instead of by a storm of probes.
pub const MAX_CONFIRMING: usize = 256;

/// With so many of them none is added for a mere hint, so that no flood of hints takes the room of suspicion.
pub const MAX_HINTED: usize = MAX_CONFIRMING / 2;

/// How a target is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detect {
    /// The numbers to decide by, which many targets share.
    pub thresholds: Arc<Thresholds>,
    /// What was promised.
    pub contract: Contract,
}

impl Detect {
    /// With a class's usual numbers at this pace, and no contract.
    pub fn of(class: Class, every: Duration) -> Self {
        Self { thresholds: Thresholds::of(class).paced(every).into(), contract: Contract::default() }
    }
}

/// A target's verdict has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The target's identifier.
    pub id: String,
    /// From what to what, since when, and when that was found.
    pub change: Change,
}

/// A target's detector, and what was done on its behalf.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) detector: Detector,
    /// The change that was not taken yet.
    change: Option<Change>,
    /// Whether the last window carried another verdict than the one that holds.
    pub(super) untold: bool,
    /// How long the target was down.
    pub(super) downtime: Downtime,
}

impl Watch {
    pub(super) fn new(detector: Detector) -> Self {
        Self { detector, change: None, untold: false, downtime: Downtime::default() }
    }
}

impl Fleet {
    /// The verdicts that have changed since this was last asked; of a target that changed more than
    /// once, from the first to the last.
    pub fn take_changes(&mut self) -> Vec<Changed> {
        let mut changes = Vec::new();
        for key in std::mem::take(&mut self.changed) {
            if let Some(target) = self.targets.get_mut(&key)
                && let Some(change) = target.watch.as_mut().and_then(|watch| watch.change.take())
            {
                changes.push(Changed { id: target.plan.id.clone(), change });
            }
        }
        changes
    }

    /// What is usual for each watched target, to be kept over a restart.
    pub fn baselines(&self) -> impl Iterator<Item = (&Plan, Baseline)> {
        self.targets
            .values()
            .filter_map(|target| Some((&*target.plan, target.watch.as_ref()?.detector.baseline()?)))
    }

    /// Tells what was usual before the process was started, for those watched targets that have learnt nothing yet.
    pub fn restore(&mut self, known: impl Fn(&Plan) -> Option<Baseline>) {
        for target in self.targets.values_mut() {
            if let Some(watch) = &mut target.watch
                && watch.detector.baseline().is_none()
                && let Some(baseline) = known(&target.plan)
            {
                watch.detector.restore(baseline);
            }
        }
    }

    /// Somebody says that the targets with these identifiers may have moved; it may be a lie. Those that are watched are
    /// probed at the pace of suspicion until it is known, for about a second at most and not more often than once in a
    /// second ([`Detector::hint`]). Their verdicts follow from the probes alone.
    pub fn hint(&mut self, is_said: impl Fn(&str) -> bool, now: Duration) {
        let mut hinted = Vec::new();
        for (key, target) in &mut self.targets {
            if let Some(watch) = &mut target.watch
                && is_said(&target.plan.id)
            {
                watch.detector.hint(now);
                hinted.push(*key);
            }
        }
        for key in hinted {
            self.set_pace(key, now);
        }
    }

    pub(super) fn look_for_overdue(&mut self, key: u64, now: Duration) {
        while let Some(target) = self.targets.get_mut(&key)
            && let Some(patience) = target.patience
            && let Some(sent) = target.tracker.overdue(patience, now)
        {
            self.watch(key, now, |detector| detector.overdue(sent, now));
        }
    }

    /// Lets a target's detector hear of something, and does what it asks for.
    pub(super) fn watch(
        &mut self,
        key: u64,
        now: Duration,
        tell: impl FnOnce(&mut Detector) -> Option<Change>,
    ) {
        let Some(target) = self.targets.get_mut(&key) else { return };
        let Some(watch) = &mut target.watch else { return };
        let change = tell(&mut watch.detector);
        target.patience = Some(watch.detector.patience());
        if let Some(change) = change {
            let from = watch.change.map_or(change.from, |earlier| earlier.from);
            if watch.change.replace(Change { from, ..change }).is_none() {
                self.changed.push(key);
            }
            watch.untold = true;
            watch.downtime.on_change(&change, watch.detector.turned());
            // That a new target is up is no news that cannot wait for its first window.
            if change.from != State::Unknown || change.to != State::Up {
                self.windows.postpone(key, now);
            }
        }
        if target.confirming != watch.detector.confirming(now).is_some() {
            self.set_pace(key, now);
        }
    }

    /// Probes a target at the pace that its detector asks for.
    pub(super) fn set_pace(&mut self, key: u64, now: Duration) {
        let Some(target) = self.targets.get_mut(&key) else { return };
        let Some(watch) = &target.watch else { return };
        let suspected = watch.detector.is_suspected(now);
        let room = self.confirming < if suspected { MAX_CONFIRMING } else { MAX_HINTED };
        match watch.detector.confirming(now) {
            Some(every) if !target.confirming && room && every < target.plan.every => {
                self.confirming += 1;
                target.confirming = true;
                // Hints may come at any rate; they bring no two probes nearer to each other than the faster pace.
                let soonest = target.sent.filter(|_| !suspected).map_or(now, |sent| sent + every);
                let first = now.max(soonest);
                let phase = first.as_nanos() % every.as_nanos().max(1);
                self.probes.insert(key, every, Duration::from_nanos(phase as u64), first);
            }
            None if target.confirming => {
                self.confirming -= 1;
                target.confirming = false;
                let every = target.plan.every;
                self.probes.change_pace(key, every, phase(&target.plan.id, every), now);
            }
            _ => {}
        }
    }
}
