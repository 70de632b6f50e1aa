//! The slow path: loss, latency and jitter over a sliding window, against what is usual and what was
//! promised.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasl_model::units::{Micros, Ppm};

use super::class::{Contract, Thresholds, micros};
use super::{Cause, Yardstick};

/// Parts of the window; it slides by one of them.
const PARTS: usize = 12;
/// A baseline of so many parts, which is one window, is one to compare with.
const ENOUGH_PARTS: u32 = PARTS as u32;
/// The baseline forgets with this many parts: an hour of a window of one minute.
const MEMORY_PARTS: u32 = 720;
/// Fewer losses than this are chance, whatever share they are.
const MIN_LOST: u32 = 3;
/// A degradation by latency lasts while more than so many in a hundred round trips are above the limit that begins it.
const HELD_PERCENT: u64 = 40;
/// A run without a loss that is as unlikely as this while the loss goes on shows that it is over, although the window still
/// remembers it: a link that is mended is not to be called poor for another minute.
const OVER: f64 = 1e-6;

/// What is usual for a link, learnt while it was well. An agent keeps it over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The usual round-trip time.
    pub rtt: Micros,
    /// The usual jitter of the round trip.
    pub jitter: Micros,
    /// How much it was learnt from, in twelfths of a window; it stops counting at 720.
    pub parts: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    answered: u32,
    lost: u32,
    /// Sums, in microseconds.
    rtt: u64,
    jitter: u64,
    jitters: u32,
    /// Round trips above the limit that begins a degradation, and above the one that ends it.
    above_enter: u32,
    above_leave: u32,
}

impl Part {
    fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.lost += other.lost;
        self.rtt = self.rtt.saturating_add(other.rtt);
        self.jitter = self.jitter.saturating_add(other.jitter);
        self.jitters += other.jitters;
        self.above_enter += other.above_enter;
        self.above_leave += other.above_leave;
    }

    fn mean_rtt(&self) -> Option<u64> {
        self.rtt.checked_div(self.answered.into())
    }

    fn mean_jitter(&self) -> Option<u64> {
        self.jitter.checked_div(self.jitters.into())
    }

    fn samples(&self) -> u32 {
        self.answered + self.lost
    }

    fn loss(&self) -> f64 {
        f64::from(self.lost) / f64::from(self.samples().max(1))
    }
}

/// A baseline with fractions, without which small steps towards a new value would be lost.
#[derive(Debug, Clone, Copy)]
struct Usual {
    rtt: f64,
    jitter: f64,
    /// The same in whole microseconds, which every answer is compared with.
    whole: Baseline,
}

impl Usual {
    fn new(rtt: f64, jitter: f64, parts: u32) -> Self {
        let whole = |micros: f64| Micros(micros.round() as u64);
        Self { rtt, jitter, whole: Baseline { rtt: whole(rtt), jitter: whole(jitter), parts } }
    }
}

/// The window and the baseline.
#[derive(Debug, Clone)]
pub(super) struct Slow {
    parts: [Part; PARTS],
    /// Which part, counted since time zero, is being filled.
    current: u64,
    part_length: u64,
    last_rtt: Option<u64>,
    usual: Option<Usual>,
    contract: Contract,
    /// The sum of all parts but the current.
    closed: Part,
    /// Answers since the last loss.
    unbroken: u32,
    /// Whether the latest round trip was above the limit that begins a degradation.
    is_above: bool,
}

impl Slow {
    pub(super) fn new(thresholds: &Thresholds, contract: Contract) -> Self {
        Self {
            parts: [Part::default(); PARTS],
            current: 0,
            part_length: (micros(thresholds.window) / PARTS as u64).max(1),
            last_rtt: None,
            usual: None,
            contract,
            closed: Part::default(),
            unbroken: 0,
            is_above: false,
        }
    }

    pub(super) fn baseline(&self) -> Option<Baseline> {
        self.usual.map(|usual| usual.whole)
    }

    pub(super) fn restore(&mut self, baseline: Baseline) {
        let Baseline { rtt, jitter, parts } = baseline;
        self.usual = Some(Usual::new(rtt.0 as f64, jitter.0 as f64, parts));
    }

    /// Forgets what was usual, because what is now has become it.
    pub(super) fn rebase(&mut self) {
        self.usual = None;
    }

    /// Moves the window to `now`. The baseline learns from a part that ended while the link was well.
    pub(super) fn advance(&mut self, now: Duration, well: bool) {
        let target = micros(now) / self.part_length;
        if target <= self.current {
            return;
        }
        if well {
            self.learn();
        }
        let steps = (target - self.current).min(PARTS as u64);
        for step in (0..steps).rev() {
            self.parts[((target - step) % PARTS as u64) as usize] = Part::default();
        }
        if steps == PARTS as u64 {
            // Nothing was heard for a window: the next difference would be none of jitter.
            self.last_rtt = None;
        }
        self.current = target;
        self.closed = Part::default();
        for part in &self.parts {
            self.closed.add(part);
        }
    }

    pub(super) fn answered(&mut self, rtt: u64, thresholds: &Thresholds) {
        let enter = self.rtt_limit(thresholds.latency_enter, 100).is_some_and(|(limit, _)| rtt > limit);
        let leave = self.rtt_limit(thresholds.latency_leave, 90).is_some_and(|(limit, _)| rtt > limit);
        let jitter = self.last_rtt.replace(rtt).map(|last| last.abs_diff(rtt));
        self.is_above = enter;
        let part = self.part();
        part.answered += 1;
        self.unbroken = self.unbroken.saturating_add(1);
        let part = self.part();
        part.rtt = part.rtt.saturating_add(rtt);
        part.above_enter += u32::from(enter);
        part.above_leave += u32::from(leave);
        if let Some(jitter) = jitter {
            part.jitter = part.jitter.saturating_add(jitter);
            part.jitters += 1;
        }
    }

    pub(super) fn lost(&mut self, count: u32) {
        self.part().lost += count;
        if count > 0 {
            self.unbroken = 0;
        }
    }

    /// Forgets the losses where they are what is wrong and the answers since the last of them show that they are over.
    pub(super) fn forgive(&mut self, before: Option<Cause>) {
        let sum = self.sum();
        let until_then = sum.samples().saturating_sub(self.unbroken);
        if !matches!(before, Some(Cause::Loss { .. })) || until_then == 0 {
            return;
        }
        let loss = (f64::from(sum.lost) / f64::from(until_then)).min(1.0 - f64::EPSILON);
        if (1.0 - loss).ln() * f64::from(self.unbroken) < OVER.ln() {
            for part in &mut self.parts {
                part.lost = 0;
            }
            self.closed.lost = 0;
        }
    }

    /// The largest loss that the window makes likely: the measured one and two standard deviations of a
    /// share more. `None` if there are too few samples to say.
    pub(super) fn likely_loss(&self, thresholds: &Thresholds) -> Option<f64> {
        let sum = self.sum();
        let (samples, loss) = (sum.samples(), sum.loss());
        (samples >= thresholds.min_samples.max(1))
            .then(|| loss + 2.0 * (loss * (1.0 - loss) / f64::from(samples)).sqrt())
    }

    /// What is wrong by the window. A cause that holds stays until its own limit for leaving is met.
    pub(super) fn judge(&self, before: Option<Cause>, thresholds: &Thresholds) -> Option<Cause> {
        let sum = self.sum();
        if sum.samples() < thresholds.min_samples.max(1) {
            return before;
        }
        let held = match before {
            Some(Cause::Loss { .. }) => self.lossy(&sum, thresholds, true),
            Some(Cause::Latency { .. }) => self.slow(&sum, thresholds, true),
            Some(Cause::Jitter { .. }) => self.jittery(&sum, thresholds, true),
            _ => None,
        };
        held.or_else(|| self.lossy(&sum, thresholds, false))
            .or_else(|| self.slow(&sum, thresholds, false))
            .or_else(|| self.jittery(&sum, thresholds, false))
    }

    fn lossy(&self, sum: &Part, thresholds: &Thresholds, already: bool) -> Option<Cause> {
        let (enter, leave) = match self.contract.loss {
            Some(promised) => (promised, Ppm(promised.0 / 2)),
            None => (thresholds.loss_enter, thresholds.loss_leave),
        };
        let ppm = Ppm((sum.loss() * 1e6).round() as u32);
        // One lost probe of a few begins nothing, and holds nothing up.
        let is = if already { ppm > leave && sum.lost > 1 } else { ppm > enter && sum.lost >= MIN_LOST };
        is.then_some(Cause::Loss { loss: ppm })
    }

    fn slow(&self, sum: &Part, thresholds: &Thresholds, already: bool) -> Option<Cause> {
        if sum.answered < (thresholds.min_samples / 2).max(1) {
            return None;
        }
        // The median is above a limit if more than half of the values are. Where a brown-out fills just half of the window,
        // each part that the window loses would begin it anew, and each that it gains would end it: so it begins with
        // a value that is above the limit, and ends when clearly fewer than half are.
        let are_more = |above: u32, percent: u64| u64::from(above) * 100 > u64::from(sum.answered) * percent;
        let goes_on = already && (are_more(sum.above_leave, 50) || are_more(sum.above_enter, HELD_PERCENT));
        let begins = !already && self.is_above && are_more(sum.above_enter, 50);
        if !goes_on && !begins {
            return None;
        }
        let (limit, against) = self.rtt_limit(thresholds.latency_enter, 100)?;
        Some(Cause::Latency { rtt: Micros(sum.mean_rtt()?), limit: Micros(limit), against })
    }

    fn jittery(&self, sum: &Part, thresholds: &Thresholds, already: bool) -> Option<Cause> {
        let jitter = sum.mean_jitter().filter(|_| sum.jitters >= thresholds.min_samples / 2)?;
        let (limit, against) = self.jitter_limit(thresholds.jitter_enter, 100)?;
        let bound = if already { self.jitter_limit(thresholds.jitter_leave, 90)?.0 } else { limit };
        (jitter > bound).then_some(Cause::Jitter { jitter: Micros(jitter), limit: Micros(limit), against })
    }

    /// The stricter of what is usual and what was promised; `percent` of the latter.
    fn rtt_limit(&self, excess: super::Excess, percent: u64) -> Option<(u64, Yardstick)> {
        self.limit(excess, percent, |baseline| baseline.rtt, self.contract.rtt)
    }

    fn jitter_limit(&self, excess: super::Excess, percent: u64) -> Option<(u64, Yardstick)> {
        self.limit(excess, percent, |baseline| baseline.jitter, self.contract.jitter)
    }

    fn limit(
        &self,
        excess: super::Excess,
        percent: u64,
        of: impl Fn(Baseline) -> Micros,
        promised: Option<Duration>,
    ) -> Option<(u64, Yardstick)> {
        let usual = self.baseline().filter(|baseline| baseline.parts >= ENOUGH_PARTS);
        let usual = usual.map(|baseline| (excess.over(of(baseline).0), Yardstick::Baseline));
        let promised = promised.map(|time| (micros(time).saturating_mul(percent) / 100, Yardstick::Contract));
        usual.into_iter().chain(promised).min_by_key(|(limit, _)| *limit)
    }

    fn learn(&mut self) {
        let part = *self.part();
        let (Some(rtt), Some(jitter)) = (part.mean_rtt(), part.mean_jitter()) else { return };
        if part.above_enter * 2 > part.answered {
            return; // a degradation begins before it is found
        }
        let before = self.usual.unwrap_or(Usual::new(0.0, 0.0, 0));
        let parts = before.whole.parts.saturating_add(1).min(MEMORY_PARTS);
        let towards = |from: f64, now: u64| from + (now as f64 - from) / f64::from(parts);
        self.usual = Some(Usual::new(towards(before.rtt, rtt), towards(before.jitter, jitter), parts));
    }

    fn part(&mut self) -> &mut Part {
        &mut self.parts[(self.current % PARTS as u64) as usize]
    }

    fn sum(&self) -> Part {
        let mut sum = self.closed;
        sum.add(&self.parts[(self.current % PARTS as u64) as usize]);
        sum
    }
}
