//! What a sender sends, and what its windows come to (RFC 8762, section 4.2).
//!
//! A test counts in the window in which its fate is decided: answered in time, or settled by the
//! [ledger](super::ledger). The round trip is taken from this machine's clock alone, less the time that the
//! reflector says it kept the packet, which is a difference within the reflector's clock: it needs no
//! synchronised clocks. The delay of a direction is told only if both sides state an error, their sum is small
//! enough to be of use, and the measurement itself does not show it to be wrong. A step of either clock voids
//! the window's delays.

use std::collections::VecDeque;
use std::time::Duration;

use wasl_model::StampWindow;
use wasl_model::units::{Count, Micros, Millis};

use super::ledger::{Ledger, MAX_OUTSTANDING, Mark, Verdict};
use super::packet::{Reflection, Test};
use super::time::{ErrorEstimate, ntp};
use crate::clock::Reading;

use delays::Delays;
use exchange::Exchange;

mod delays;
mod exchange;

/// The number that is spent on no packet. A reflector that repeats the sender's numbers never answers with less
/// than it was sent; one that counts by itself is behind after this gap, and is known by that.
const LEFT_OUT: u32 = 1;

/// How a session is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The time between tests.
    pub every: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How much longer to wait for what tells the direction of a loss.
    pub hold: Duration,
    /// The delay of one direction is not told if the clocks may be off by more than this.
    pub worst_error: Duration,
    /// The session's identifier.
    pub ssid: u16,
}

/// One session's sender.
#[derive(Debug)]
pub struct Sender {
    plan: Plan,
    due: Duration,
    next: u32,
    ledger: Ledger,
    sent: VecDeque<Sent>,
    opened: Duration,
    open: Totals,
    delays: Delays,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    sequence: u32,
    at: Reading,
    stamp: u64,
}

/// What the open window has come to so far.
#[derive(Debug, Default)]
struct Totals {
    received: u64,
    late: u64,
    duplicates: u64,
    reordered: u64,
    restarts: u64,
}

impl Sender {
    /// A sender whose first test is due at `first` and whose first window opens at `now`, both monotonic.
    pub fn new(plan: Plan, first: Duration, now: Duration) -> Self {
        Self {
            plan,
            due: first,
            next: 0,
            ledger: Ledger::new(plan.timeout, plan.hold),
            sent: VecDeque::new(),
            opened: now,
            open: Totals::default(),
            delays: Delays::new(plan.worst_error),
        }
    }

    /// When the next test is due.
    pub fn due(&self) -> Duration {
        self.due
    }

    /// Whether a test is due at `now`. Turns that were missed are left out, not made up for.
    pub fn poll(&mut self, now: Duration) -> bool {
        if now < self.due {
            return false;
        }
        self.due += self.plan.every;
        if self.due <= now {
            self.due = now + self.plan.every;
        }
        true
    }

    /// The test that leaves at `at`, by a clock that is within `error` of UTC if that is known.
    pub fn test(&mut self, at: Reading, error: Option<Duration>) -> Test {
        let sequence = self.next;
        self.next = sequence.wrapping_add(1);
        if self.next == LEFT_OUT {
            self.next += 1;
        }
        let stamp = ntp(at.wall);
        self.ledger.on_sent(sequence, at.mono);
        let old = at.mono.saturating_sub(self.plan.timeout + self.plan.hold);
        while self.sent.front().is_some_and(|s| s.at.mono < old) || self.sent.len() >= MAX_OUTSTANDING {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { sequence, at, stamp });
        Test { sequence, sent: stamp, error: ErrorEstimate::new(error), ssid: self.plan.ssid }
    }

    /// The test was not sent, for a reason that says nothing of the network. (That there is no way out of this
    /// machine is a loss on the way there, and comes to be known as one.)
    pub fn unsent(&mut self, sequence: u32) {
        self.ledger.on_unsent(sequence);
    }

    /// A reflection from the reflector was read at `now`; `arrived` is the kernel's stamp of the wall clock, and
    /// `error` what this clock may be off by. One that does not repeat a test's number and time is to no test.
    pub fn on_reply(
        &mut self,
        reply: &Reflection,
        arrived: Option<Duration>,
        now: Reading,
        error: Option<Duration>,
    ) -> Verdict {
        let test = self.sent.iter().rev().find(|sent| sent.sequence == reply.test_sequence);
        let Some(test) = test.filter(|test| test.stamp == reply.test_sent).copied() else {
            return Verdict::Unknown;
        };
        let mark = Mark { sequence: reply.sequence, sent: reply.sent };
        let verdict = self.ledger.on_answer(reply.test_sequence, mark, now.mono);
        match verdict {
            Verdict::Fresh { reordered, restarted } => {
                self.open.received += 1;
                self.open.reordered += u64::from(reordered);
                self.open.restarts += u64::from(restarted);
                self.delays.add(Exchange::of(test.at, reply, arrived, now), error, now.mono);
            }
            Verdict::Duplicate => self.open.duplicates += 1,
            Verdict::Late => self.open.late += 1,
            Verdict::Unknown => {}
        }
        verdict
    }

    /// Closes the window at `now` and opens the next. `None` if nothing was decided in it.
    pub fn close_window(&mut self, now: Duration) -> Option<StampWindow> {
        let length = now.saturating_sub(self.opened);
        self.opened = now;
        self.ledger.settle(now);
        let (totals, losses) = (std::mem::take(&mut self.open), self.ledger.take());
        let mut window = self.delays.close();
        let decided = totals.received + losses.forward + losses.back + losses.undecided;
        if decided + totals.late + totals.duplicates == 0 {
            return None;
        }
        window.window = Some(Millis(length.as_millis() as u64));
        window.sent = Some(Count(decided));
        window.reflected = Some(Count(totals.received + losses.back));
        window.received = Some(Count(totals.received));
        window.lost_forward = Some(Count(losses.forward));
        window.lost_back = Some(Count(losses.back));
        window.undecided = Some(Count(losses.undecided));
        window.late = Some(Count(totals.late));
        window.duplicates = Some(Count(totals.duplicates));
        window.reordered = Some(Count(totals.reordered));
        window.restarts = Some(Count(totals.restarts));
        Some(window)
    }
}

fn micros(time: Duration) -> Micros {
    Micros(time.as_micros() as u64)
}

#[cfg(test)]
mod tests;
