//! Whether a target is up, degraded or down, and why.
//!
//! Two speeds. The **fast path** finds black holes: so many probes in a row without an answer raise
//! suspicion, not when they are lost but as soon as they are overdue by an adaptive time-out; then
//! further probes are sent at a faster pace, and only if all of them remain unanswered the target is
//! down. How many it takes depends on the loss that the link has shown: a run that is one in ten
//! thousand million by chance on a clean link is an everyday event on one that loses every fifth packet.
//! The **slow path** finds brown-outs: loss, latency and jitter over a window, against what is usual for
//! this link and against its contract.
//!
//! A **hint** ([`Detector::hint`]) says that the target may have moved: a device sent a trap, say. It may be true, late or
//! a lie, so nothing is believed of it. It only asks for the faster pace for as many probes as it takes to see
//! for oneself, and they are judged as all others are.
//!
//! Everything here follows from what is handed in. Time alone changes nothing: a program that was
//! suspended has seen no probe go unanswered. Voided probes change nothing either.

use std::sync::Arc;
use std::time::Duration;

use class::micros;
use damper::Damper;
use slow::Slow;
use timeout::Adaptive;

mod class;
mod damper;
mod slow;
mod state;
mod timeout;

pub use class::{Class, Contract, Excess, Thresholds};
pub use slow::Baseline;
pub use state::{Cause, Change, State, Yardstick};

/// How likely a run of losses may be by chance before it counts as a black hole: at ten probes a
/// second, less than one in ten thousand days.
const CHANCE: f64 = 1e-10;
/// Loss that any link is assumed to have, so that a clean record is not taken for a promise.
const ASSUMED_LOSS: f64 = 0.05;

/// How a probe was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// No answer within the probe's time-out.
    Silent,
    /// It found no way out of this machine.
    NoRoute,
}

/// Watches the probes to one target. Times are monotonic.
#[derive(Debug, Clone)]
pub struct Detector {
    thresholds: Arc<Thresholds>,
    adaptive: Adaptive,
    slow: Slow,
    damper: Damper,
    /// What it is, before flapping is looked at, and since when.
    raw: State,
    raw_since: Duration,
    /// What was told.
    told: State,
    told_since: Duration,
    /// When the last answer came.
    heard: Option<Duration>,
    run: Run,
    /// Since when there is suspicion.
    suspected: Option<Duration>,
    hinted: Option<Hint>,
    /// Answers since "down" or the beginning, and when the first of them came.
    good: u32,
    first_good: Option<Duration>,
    /// Losses of probes sent before this belong to an outage that has been told.
    losses_from: Duration,
}

/// The last hint that was followed.
#[derive(Debug, Clone, Copy)]
struct Hint {
    at: Duration,
    /// For so long after it the faster pace is asked for.
    lasts: Duration,
    /// Whether the target was down then. Once that is otherwise, there is nothing more to find.
    down: bool,
}

/// Probes in a row, sent since the last answer came, that have none.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    /// When the first was sent.
    from: Duration,
    /// Overdue, but not lost.
    waiting: u32,
    /// Lost, for whatever reason.
    lost: u32,
    /// Of these, lost because there was no route.
    no_route: u32,
}

impl Run {
    fn length(&self) -> u32 {
        self.waiting.saturating_add(self.lost)
    }
}

impl Detector {
    /// A detector that has seen nothing. `timeout` is the probes' own.
    pub fn new(thresholds: impl Into<Arc<Thresholds>>, contract: Contract, timeout: Duration) -> Self {
        let thresholds = thresholds.into();
        Self {
            adaptive: Adaptive::new(thresholds.margin, timeout),
            slow: Slow::new(&thresholds, contract),
            damper: Damper::default(),
            thresholds,
            raw: State::Unknown,
            raw_since: Duration::ZERO,
            told: State::Unknown,
            told_since: Duration::ZERO,
            heard: None,
            run: Run::default(),
            suspected: None,
            hinted: None,
            good: 0,
            first_good: None,
            losses_from: Duration::ZERO,
        }
    }

    /// Takes what was usual before the process was started, or before the settings changed.
    pub fn restore(&mut self, baseline: Baseline) {
        self.slow.restore(baseline);
    }

    /// What is usual for the target, to be kept; `None` while nothing was learnt.
    pub fn baseline(&self) -> Option<Baseline> {
        self.slow.baseline()
    }

    /// What the target is.
    pub fn state(&self) -> State {
        self.told
    }

    /// Since when it is so.
    pub fn since(&self) -> Duration {
        self.told_since
    }

    /// Since when the target is down or is not, whether it flaps or not.
    pub fn turned(&self) -> Duration {
        self.raw_since
    }

    /// How long after its sending a probe without an answer is to be told by
    /// [`overdue`](Self::overdue). Never more than the probe's time-out.
    pub fn patience(&self) -> Duration {
        self.adaptive.get()
    }

    /// The time between probes that suspicion or a hint asks for at `now`; `None` for the usual pace.
    pub fn confirming(&self, now: Duration) -> Option<Duration> {
        (self.is_suspected(now) || self.is_hinted(now)).then_some(self.thresholds.confirm_every)
    }

    /// Whether there is suspicion that asks for the faster pace.
    pub(crate) fn is_suspected(&self, now: Duration) -> bool {
        self.suspected.is_some_and(|since| now.saturating_sub(since) < self.thresholds.confirm_for)
    }

    fn is_hinted(&self, now: Duration) -> bool {
        self.hinted
            .is_some_and(|hint| hint.down == self.raw.is_down() && now.saturating_sub(hint.at) < hint.lasts)
    }

    /// Somebody says that the target may have moved. The verdict and what leads to it stay as they are; it only is
    /// [probed faster](Self::confirming) for a moment, and however often this is said, no more than once in
    /// [`hinted_for`](Thresholds::hinted_for) while it proves to be wrong.
    pub fn hint(&mut self, now: Duration) {
        let (down, longest) = (self.raw.is_down(), self.thresholds.hinted_for);
        if self.hinted.is_some_and(|last| last.down == down && now.saturating_sub(last.at) < longest) {
            return;
        }
        // An answer that was on its way may come as late as patience lasts, and probes sent before it prove nothing.
        let end = self.thresholds.confirm_every.saturating_mul(self.enough()).saturating_add(self.patience());
        // Traffic returns some time after the port that it goes by, and nobody knows how long.
        let lasts = if down { longest } else { end.min(longest) };
        self.hinted = Some(Hint { at: now, lasts, down });
    }

    /// A probe was answered in time.
    pub fn answered(&mut self, rtt: Duration, now: Duration) -> Option<Change> {
        let rtt = micros(rtt);
        self.adaptive.record(rtt);
        self.advance(now);
        if !self.raw.is_down() {
            self.slow.answered(rtt, &self.thresholds);
        }
        self.alive(now)
    }

    /// A probe was answered after its time-out. It stays lost, but whoever answers is not down.
    pub fn answered_late(&mut self, now: Duration) -> Option<Change> {
        self.advance(now);
        self.alive(now)
    }

    /// A probe sent at `sent` has been without an answer for as long as [`patience`](Self::patience)
    /// says. It is not lost yet.
    pub fn overdue(&mut self, sent: Duration, now: Duration) -> Option<Change> {
        if !self.is_unheard(sent) {
            return None;
        }
        self.run.waiting = self.run.waiting.saturating_add(1);
        self.missed(sent, now)
    }

    /// The probe sent at `sent` is lost; `overdue` tells whether it was told to be
    /// [overdue](Self::overdue) before.
    pub fn lost(&mut self, how: Lost, sent: Duration, overdue: bool, now: Duration) -> Option<Change> {
        self.advance(now);
        if !self.is_unheard(sent) {
            if !self.raw.is_down() && sent >= self.losses_from {
                self.slow.lost(1);
                self.weigh(now);
            }
            return self.tell(now);
        }
        if overdue {
            self.run.waiting = self.run.waiting.saturating_sub(1);
        }
        self.run.lost = self.run.lost.saturating_add(1);
        self.run.no_route = self.run.no_route.saturating_add(u32::from(how == Lost::NoRoute));
        if overdue { None } else { self.missed(sent, now) }
    }

    /// So many probes that had been told to be [overdue](Self::overdue) do not count after all.
    pub fn voided(&mut self, overdue: u32) {
        self.run.waiting = self.run.waiting.saturating_sub(overdue);
        if self.run.length() < self.thresholds.suspect_after {
            self.suspected = None;
        }
    }

    /// Whether nothing was heard since that moment.
    fn is_unheard(&self, sent: Duration) -> bool {
        self.heard.is_none_or(|heard| sent > heard)
    }

    fn advance(&mut self, now: Duration) {
        let well = self.raw == State::Up && self.run.length() == 0;
        self.slow.advance(now, well);
    }

    fn missed(&mut self, sent: Duration, now: Duration) -> Option<Change> {
        let length = self.run.length();
        if length <= 1 {
            self.run.from = sent;
        }
        if length >= self.thresholds.suspect_after {
            self.good = 0;
            self.first_good = None;
            if !self.raw.is_down() {
                self.suspected.get_or_insert(now);
                if length >= self.enough() {
                    let unanswered = length;
                    let cause = if self.run.no_route == length {
                        Cause::NoRoute { unanswered }
                    } else {
                        Cause::BlackHole { unanswered }
                    };
                    self.turn_into(State::Down(cause), self.run.from, now);
                }
            }
        }
        self.tell(now)
    }

    /// How long a run must be to be no chance on this link.
    fn enough(&self) -> u32 {
        let loss = self.slow.likely_loss(&self.thresholds).unwrap_or(0.0).clamp(ASSUMED_LOSS, 0.99);
        let needed = (CHANCE.ln() / loss.ln()).ceil() as u32;
        let least = self.thresholds.down_after.max(1);
        needed.clamp(least, self.thresholds.down_at_most.max(least))
    }

    fn alive(&mut self, now: Duration) -> Option<Change> {
        let run = std::mem::take(&mut self.run);
        self.suspected = None;
        self.heard = self.heard.max(Some(now));
        match self.raw {
            State::Unknown | State::Down(_) => {
                self.good = self.good.saturating_add(1);
                let first = *self.first_good.get_or_insert(now);
                if self.good >= self.thresholds.recover_after {
                    self.good = 0;
                    self.first_good = None;
                    self.losses_from = first;
                    let cause = self.slow.judge(None, &self.thresholds);
                    self.turn_into(cause.map_or(State::Up, State::Degraded), first, now);
                }
            }
            State::Up | State::Degraded(_) => {
                if run.from >= self.losses_from {
                    self.slow.lost(run.lost);
                }
                self.weigh(now);
            }
        }
        self.tell(now)
    }

    /// What the slow path says of a target that answers.
    fn weigh(&mut self, now: Duration) {
        let before = match self.raw {
            State::Up => None,
            State::Degraded(cause) => Some(cause),
            State::Unknown | State::Down(_) => return,
        };
        if let Some(Cause::Latency { against, .. } | Cause::Jitter { against, .. }) = before
            && against == Yardstick::Baseline
            && now.saturating_sub(self.raw_since) >= self.thresholds.rebase_after
        {
            self.slow.rebase();
        }
        self.slow.forgive(before);
        let cause = self.slow.judge(before, &self.thresholds);
        self.turn_into(cause.map_or(State::Up, State::Degraded), now, now);
    }

    fn turn_into(&mut self, state: State, since: Duration, now: Duration) {
        let before = std::mem::replace(&mut self.raw, state);
        if state.is_like(&before) {
            return;
        }
        self.raw_since = since;
        if state.is_down() {
            self.suspected = None;
            self.good = 0;
            self.first_good = None;
        }
        // It flaps if it comes and goes. Brown-outs have their hysteresis.
        if before != State::Unknown && before.is_down() != state.is_down() {
            self.damper.on_change(now, self.thresholds.flap_changes, self.thresholds.flap_within);
        }
    }

    /// Tells what has become. A target that flaps is called down as soon as any other; only that it is well again is
    /// believed later.
    fn tell(&mut self, now: Duration) -> Option<Change> {
        let held = self.damper.holds(now, self.thresholds.flap_steady);
        let (state, since) = if held && !self.raw.is_down() {
            let changes = self.damper.recent(now, self.thresholds.flap_within);
            (State::Degraded(Cause::Flapping { changes }), now)
        } else {
            (self.raw, self.raw_since)
        };
        let from = std::mem::replace(&mut self.told, state);
        if state.is_like(&from) {
            return None;
        }
        self.told_since = since;
        Some(Change { from, to: state, since, at: now })
    }
}

#[cfg(test)]
mod tests;
