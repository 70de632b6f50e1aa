//! What was measured by probes and tests within a stretch of time.

use crate::histogram::{BUCKETS, Histogram};
use crate::sample;
use crate::sample::List;
use crate::units::{Count, Micros, Millis, Ppm, Scalar as _, SignedMicros};

use super::{LinkCause, LinkVerdict, ProbeMethod};

/// A verdict on a link comes within this after what it speaks of, seconds: 40 probes without an answer at the slowest
/// class's pace are 40 s.
const LATEST_VERDICT: f64 = 600.0;
/// No window is longer, seconds: the settings allow minutes, and one that nobody takes is kept open for a while.
const LONGEST_WINDOW: f64 = 86_400.0;

sample! {
    /// A window of probes to one target.
    ProbeWindow = 4 {
        /// The monotonic length of the window.
        1 window: Millis,
        /// How the target was probed.
        2 method: ProbeMethod,
        /// Probes whose fate is decided in this window.
        3 sent: Count,
        /// Probes that were answered in time.
        4 received: Count,
        /// Answers that came after their probe had been given up.
        5 late: Count,
        /// Answers beyond the first to one probe.
        6 duplicates: Count,
        /// The smallest round-trip time.
        7 rtt_min: Micros,
        /// The largest round-trip time.
        8 rtt_max: Micros,
        /// Mean difference between successive round-trip times (after RFC 3550, 6.4.1).
        9 jitter: Micros,
        /// Probes that a clock step or a local fault made meaningless; not part of `sent`.
        10 voided: Count,
        /// What the agent's own detector holds of the target at the window's end; unset while it
        /// cannot tell, and by agents without a detector.
        11 verdict: LinkVerdict,
        /// Why the verdict is not `up`.
        12 cause: LinkCause,
        /// How long the verdict has held at the window's end, by the monotonic clock, so that a clock
        /// step does not bend it.
        13 verdict_age: Millis,
        /// Answers that arrived after that of a probe which was sent later (RFC 4737, section 3.3).
        14 reordered: Count,
        /// Answers that carried this target's secret, but came from another address.
        15 forged: Count,
        /// Where loss is the cause: the share that the detector saw, over a longer stretch than the window.
        16 judged_loss: Ppm,
        /// Where latency is the cause: the mean round-trip time that the detector saw.
        17 judged_rtt: Micros,
        /// Where jitter is the cause: the mean difference that the detector saw.
        18 judged_jitter: Micros,
        /// For how long the target was down, as the detector holds at the window's end, less what earlier windows
        /// told of it. So all windows together tell the time that it was down, to the moment of the first probe
        /// without an answer and of the first answer. A verdict comes later than what it speaks of: where that
        /// lies before the window, this is more than the window's length, or negative. Unset while the detector
        /// cannot tell, for targets that are no links, and by agents that do not count it.
        19 down: SignedMicros,
    }
    lists {
        /// Round-trip times.
        20 rtt: Histogram,
    }
}

sample! {
    /// A window of STAMP tests (RFC 8762): what each direction of a link lost, and how long it took.
    ///
    /// `sent` is always `received` plus `lost_forward`, `lost_back` and `undecided`. The reflecting end reports windows
    /// too, of which only `window` and `reflected` are set: what arrived there of one sender.
    StampWindow = 7 {
        /// The monotonic length of the window.
        1 window: Millis,
        /// Tests whose fate is decided in this window.
        2 sent: Count,
        /// Tests that are known to have reached the far end: answered in time, or lost on the way back.
        3 reflected: Count,
        /// Tests that were answered in time.
        4 received: Count,
        /// Tests that were lost on the way there.
        5 lost_forward: Count,
        /// Tests whose answer was lost on the way back.
        6 lost_back: Count,
        /// Tests without an answer in time of which the direction cannot be told.
        7 undecided: Count,
        /// Answers that came after their test had been given up.
        8 late: Count,
        /// Answers beyond the first to one test.
        9 duplicates: Count,
        /// Answers that came after the answer to a later test.
        10 reordered: Count,
        /// Answers whose times a step of either clock made meaningless.
        11 voided: Count,
        /// Answers of which the delay of one direction cannot be told, because the clocks' error is unknown, too
        /// large, or shown to be larger than stated.
        12 unsynchronised: Count,
        /// How often the far end began to count anew.
        13 restarts: Count,
        /// The smallest round-trip time without the far end's own.
        14 rtt_min: Micros,
        /// The largest round-trip time without the far end's own.
        15 rtt_max: Micros,
        /// The smallest delay on the way there; true to within `clock_error`.
        16 forward_min: Micros,
        /// The smallest delay on the way back; true to within `clock_error`.
        17 back_min: Micros,
        /// What both clocks together may be off by, at most; unset where that is not known.
        18 clock_error: Micros,
        /// Whether the delays of the directions could be told of every answer.
        19 synchronised: bool,
        /// How long ago the last answer came, at the window's end and by the monotonic clock; since measuring began,
        /// where none has come.
        20 silent: Millis,
    }
    lists {
        /// Round-trip times without the far end's own.
        30 rtt: Histogram,
        /// Delays on the way there; each true to within `clock_error`.
        31 forward: Histogram,
        /// Delays on the way back; each true to within `clock_error`.
        32 back: Histogram,
    }
}

impl List for Histogram {
    fn to_wire(&self) -> Vec<i64> {
        // Steps between filled buckets and their counts, in turn: small numbers that compress.
        let mut out = Vec::new();
        let mut last = 0;
        for (bucket, count) in self.iter() {
            out.push(i64::from(bucket) - last);
            out.push(i64::try_from(count).unwrap_or(i64::MAX));
            last = i64::from(bucket);
        }
        out
    }

    fn from_wire(values: &[i64]) -> Option<Self> {
        let pairs = values.chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return None;
        }
        let mut histogram = Self::default();
        let mut bucket = 0i64;
        for pair in pairs {
            let (step, count) = (pair[0], pair[1]);
            bucket = bucket.checked_add(step)?;
            if step < 0 || bucket >= i64::from(BUCKETS) || count < 1 {
                return None;
            }
            histogram.add(bucket as u16, count as u64);
        }
        Some(histogram)
    }
}

impl ProbeWindow {
    /// The share of decided probes that were not answered in time; `None` when none was decided.
    pub fn loss(&self) -> Option<f64> {
        let (sent, received) = (self.sent?.0, self.received?.0);
        (sent > 0).then(|| sent.saturating_sub(received) as f64 / sent as f64)
    }

    /// For how long the target was down, in seconds, as a correction of what earlier windows told; see `down`.
    ///
    /// `None` where that is more than a detector can be late by, and so is nothing that one has found; and where no probe
    /// could be sent, so that nobody looked.
    pub fn down_time(&self) -> Option<f64> {
        if self.is_unsent() {
            return None;
        }
        let (down, window) = (self.down?.value(), self.window?.value());
        let plausible =
            window <= LONGEST_WINDOW && (-LATEST_VERDICT..=window + LATEST_VERDICT).contains(&down);
        plausible.then_some(down)
    }

    /// Whether no probe could be sent, or all that were on their way do not count: then nothing is known of this time,
    /// whatever the verdict before.
    pub fn is_unsent(&self) -> bool {
        self.sent == Some(Count(0)) && self.voided.is_some_and(|n| n.0 > 0)
    }

    /// Whether the verdict has become another within this window.
    pub fn has_turned(&self) -> bool {
        self.verdict_age.zip(self.window).is_some_and(|(age, window)| age < window)
    }
}

impl StampWindow {
    /// The share of decided tests that were not answered in time; `None` when none was decided.
    pub fn loss(&self) -> Option<f64> {
        share(self.sent?.0.saturating_sub(self.received?.0), self.sent?.0)
    }

    /// For how long the fates of tests were decided, in seconds: the window's length where it tells them all, as the end
    /// does that sends tests. `None` for what arrived at a reflector, and for windows longer than there are any.
    pub fn observed(&self) -> Option<f64> {
        let is_whole =
            [self.reflected, self.lost_forward, self.lost_back, self.undecided].iter().all(Option::is_some);
        let length = self.window.filter(|_| is_whole)?.value();
        (length <= LONGEST_WINDOW).then_some(length)
    }

    /// The share of tests that were lost on the way there, of those whose direction is known.
    pub fn loss_forward(&self) -> Option<f64> {
        let (lost, reached) = (self.lost_forward?.0, self.reflected?.0);
        share(lost, lost.saturating_add(reached))
    }

    /// The share of answers that were lost on the way back, of those that are known to have been sent.
    pub fn loss_back(&self) -> Option<f64> {
        share(self.lost_back?.0, self.reflected?.0)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
