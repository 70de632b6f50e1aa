//! Round-trip times and the delays of the directions, over a window.

use std::time::Duration;

use wasl_model::units::Count;
use wasl_model::{Histogram, StampWindow};

use super::exchange::Exchange;
use super::micros;
use crate::clock::{DRIFT_DIVISOR, SAMPLE_TOLERANCE};

/// What the open window has come to so far.
#[derive(Debug)]
pub(super) struct Delays {
    worst_error: Duration,
    rtt: Way,
    forward: Way,
    back: Way,
    error: Option<Duration>,
    voided: u64,
    unsynchronised: u64,
    stepped: bool,
    /// The exchange before, of this window or not, and when it was.
    previous: Option<(Exchange, Duration)>,
}

/// The times of one way.
#[derive(Debug, Default)]
struct Way {
    times: Histogram,
    extremes: Option<(Duration, Duration)>,
}

impl Way {
    fn add(&mut self, time: Duration) {
        self.times.record(micros(time).0);
        let (least, most) = self.extremes.unwrap_or((time, time));
        self.extremes = Some((least.min(time), most.max(time)));
    }
}

impl Delays {
    pub(super) fn new(worst_error: Duration) -> Self {
        Self {
            worst_error,
            rtt: Way::default(),
            forward: Way::default(),
            back: Way::default(),
            error: None,
            voided: 0,
            unsynchronised: 0,
            stepped: false,
            previous: None,
        }
    }

    /// An exchange that came to its end at `now`, `None` if it tells no times; this clock may be off by `own`.
    pub(super) fn add(&mut self, exchange: Option<Exchange>, own: Option<Duration>, now: Duration) {
        let Some(exchange) = exchange else {
            self.voided += 1;
            return;
        };
        self.rtt.add(exchange.rtt);
        if self.is_step(&exchange, now) {
            self.stepped = true;
        }
        self.previous = Some((exchange, now));
        let bound = exchange.error.zip(own).map(|(theirs, own)| theirs.saturating_add(own));
        self.error = self.error.max(bound);
        match bound.filter(|bound| *bound <= self.worst_error) {
            Some(bound) if plausible(exchange.forward, bound) && plausible(exchange.back, bound) => {
                self.forward.add(nanos(exchange.forward));
                self.back.add(nanos(exchange.back));
            }
            _ => self.unsynchronised += 1,
        }
    }

    /// The window's part of times.
    pub(super) fn close(&mut self) -> StampWindow {
        let previous = self.previous;
        let mut closed = std::mem::replace(self, Self { previous, ..Self::new(self.worst_error) });
        if closed.stepped {
            closed.voided += closed.forward.times.count();
            (closed.forward, closed.back) = (Way::default(), Way::default());
        }
        let told = closed.forward.times.count();
        let any = told + closed.unsynchronised + closed.voided > 0;
        StampWindow {
            voided: Some(Count(closed.voided)),
            unsynchronised: Some(Count(closed.unsynchronised)),
            rtt_min: closed.rtt.extremes.map(|(least, _)| micros(least)),
            rtt_max: closed.rtt.extremes.map(|(_, most)| micros(most)),
            forward_min: closed.forward.extremes.map(|(least, _)| micros(least)),
            back_min: closed.back.extremes.map(|(least, _)| micros(least)),
            clock_error: closed.error.map(micros),
            synchronised: any.then_some(told > 0 && closed.unsynchronised + closed.voided == 0),
            rtt: closed.rtt.times,
            forward: closed.forward.times,
            back: closed.back.times,
            ..StampWindow::default()
        }
    }

    /// Whether one of the clocks was set between the exchange before and this one. Each bounds how far the
    /// clocks are apart by half of its round trip, which holds however different the two ways are; if the two
    /// bounds do not meet, the distance has changed.
    fn is_step(&self, exchange: &Exchange, now: Duration) -> bool {
        let Some((before, then)) = &self.previous else { return false };
        let moved = Duration::from_nanos(exchange.offset().abs_diff(before.offset()));
        let drift = now.saturating_sub(*then) / DRIFT_DIVISOR;
        moved > (exchange.rtt + before.rtt) / 2 + drift + SAMPLE_TOLERANCE
    }
}

/// Whether a delay can be what it should be, not negative, with clocks that are off by at most `bound`.
fn plausible(delay: i64, bound: Duration) -> bool {
    delay >= 0 || Duration::from_nanos(delay.unsigned_abs()) <= bound
}

/// A delay; 0 for one that the clocks' error has made negative.
fn nanos(delay: i64) -> Duration {
    Duration::from_nanos(u64::try_from(delay).unwrap_or(0))
}
