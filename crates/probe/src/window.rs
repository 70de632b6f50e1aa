//! The fate of each probe to one target, summed up into windows.
//!
//! A probe counts in the window in which its fate is decided: answered in time, or given up when its
//! time-out passed. So in every window `sent` is exactly what was received plus what was lost, windows
//! add up, and a probe that is still on its way at a boundary is neither lost nor counted twice. An
//! answer that comes after its probe was given up is counted as late and does not take the loss back:
//! whoever acted on the loss would otherwise find a history in which it never happened.
//!
//! Memory is bounded: at most [`MAX_OUTSTANDING`] probes wait for their fate, and the fates of the last
//! [`MEMORY`] are remembered to tell a late or duplicate answer from one to nothing.

use std::collections::VecDeque;
use std::time::Duration;

use wasl_model::units::{Count, Micros, Millis};
use wasl_model::{Histogram, ProbeMethod, ProbeWindow};

use crate::clock::{Reading, round_trip};
use crate::schedule::{Nanos, nanos};

use past::Past;

mod past;

pub use past::MEMORY;

/// Probes that may wait for their fate at once; beyond, the oldest is given up early.
pub const MAX_OUTSTANDING: usize = 4096;

/// Round-trip times of one window that count towards its jitter; 100 s at one per 100 ms.
const MAX_JITTER_TIMES: usize = 1024;

/// What an answer turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The first answer, in time, after this round trip.
    Fresh(Duration),
    /// A further answer to the same probe.
    Duplicate,
    /// The answer to a probe that has been given up.
    Late,
    /// The answer to a probe that does not count.
    Voided,
    /// The answer to no probe that is remembered.
    Unknown,
}

/// What became of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    Lost,
    LostThenAnswered,
    Voided,
}

/// In nanoseconds, because of these there are many, and this is half of what a [`Reading`] takes.
#[derive(Debug, Clone, Copy)]
struct Probe {
    mono: Nanos,
    wall: Nanos,
    /// `None` while it is undecided.
    fate: Option<Fate>,
}

impl Probe {
    fn new(at: Reading) -> Self {
        Self { mono: nanos(at.mono), wall: nanos(at.wall), fate: None }
    }

    /// When it was sent, monotonic.
    fn mono(&self) -> Duration {
        Duration::from_nanos(self.mono)
    }

    fn sent(&self) -> Reading {
        Reading { mono: self.mono(), wall: Duration::from_nanos(self.wall) }
    }
}

/// A probe whose fate is, or was until now, undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecided {
    /// When it was sent, monotonic.
    pub sent: Duration,
    /// Whether it was told to be [overdue](Tracker::overdue).
    pub overdue: bool,
}

/// The probes to one target.
///
/// Probes are numbered by the tracker, in the order in which they are sent.
#[derive(Debug, Clone)]
pub struct Tracker {
    timeout: Duration,
    /// The probes since the oldest that is undecided, in the order of sending; that one is number `first`.
    probes: VecDeque<Probe>,
    first: u32,
    /// What became of those before it.
    past: Past,
    /// How many of `probes`, from the front, were looked at by [`overdue`](Self::overdue).
    examined: usize,
    /// The latest probe, in the order of sending, that was answered.
    newest_answered: Option<u32>,
    opened: Duration,
    open: Totals,
    /// The latest probe of an earlier window with its round-trip time, so that jitter knows no boundary.
    previous: Option<(u32, u32)>,
}

/// What the open window has come to so far.
#[derive(Debug, Clone, Default)]
struct Totals {
    decided: u64,
    received: u64,
    late: u64,
    duplicates: u64,
    voided: u64,
    reordered: u64,
    forged: u64,
    /// The shortest and the longest round-trip time, in microseconds.
    extremes: Option<(u32, u32)>,
    /// Number and round-trip time in microseconds of the first answered probes, as the answers came.
    times: Vec<(u32, u32)>,
    /// The round-trip times of all others, in microseconds.
    rtt: Histogram,
}

impl Tracker {
    /// A tracker whose first window opens at `now` (monotonic). A probe is given up after `timeout`.
    pub fn new(timeout: Duration, now: Duration) -> Self {
        Self {
            timeout,
            probes: VecDeque::new(),
            first: 0,
            past: Past::default(),
            examined: 0,
            newest_answered: None,
            opened: now,
            open: Totals::default(),
            previous: None,
        }
    }

    /// After which a probe is given up.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The number that the next probe will have.
    pub fn upcoming(&self) -> u32 {
        self.first.wrapping_add(self.probes.len() as u32)
    }

    /// A probe was sent; its number.
    pub fn on_sent(&mut self, at: Reading) -> u32 {
        let number = self.upcoming();
        self.make_room();
        self.probes.push_back(Probe::new(at));
        number
    }

    /// An answer to probe `number` was read at `now`; `arrived` is the kernel's wall-clock stamp.
    ///
    /// An answer whose round trip took longer than the time-out is late even if nobody has looked at
    /// the deadline yet; one that arrived in time but is read after the deadline was looked at stays
    /// lost, so read before calling [`on_deadline`](Self::on_deadline).
    pub fn on_reply(&mut self, number: u32, arrived: Option<Duration>, now: Reading) -> Verdict {
        if let Some(probe) = self.pending(number) {
            return self.first_answer(number, probe.sent(), arrived, now);
        }
        match self.fate(number) {
            Some(Fate::Lost) => {
                self.open.late += 1;
                self.set(number, Fate::LostThenAnswered);
                Verdict::Late
            }
            Some(Fate::Answered | Fate::LostThenAnswered) => {
                self.open.duplicates += 1;
                Verdict::Duplicate
            }
            Some(Fate::Voided) => Verdict::Voided,
            None => Verdict::Unknown,
        }
    }

    fn first_answer(
        &mut self,
        number: u32,
        sent: Reading,
        arrived: Option<Duration>,
        now: Reading,
    ) -> Verdict {
        match round_trip(sent, arrived, now) {
            None => {
                self.open.voided += 1;
                self.set(number, Fate::Voided);
                Verdict::Voided
            }
            Some(rtt) if rtt > self.timeout => {
                self.open.decided += 1;
                self.open.late += 1;
                self.set(number, Fate::LostThenAnswered);
                Verdict::Late
            }
            Some(rtt) => {
                self.open.answered(number, rtt);
                self.note_order(number);
                self.set(number, Fate::Answered);
                Verdict::Fresh(rtt)
            }
        }
    }

    /// An answer to a probe of ours came from another address than the target's.
    pub fn on_forged(&mut self) {
        self.open.forged += 1;
    }

    /// Gives up the oldest probe whose time-out has passed at `now`. Call it until there is none.
    pub fn give_up(&mut self, now: Duration) -> Option<Undecided> {
        let sent = self.probes.front().map(Probe::mono).filter(|sent| *sent + self.timeout <= now)?;
        let was = Undecided { sent, overdue: self.examined > 0 };
        self.lose(self.first);
        Some(was)
    }

    /// Gives up every probe whose time-out has passed at `now`; how many.
    pub fn on_deadline(&mut self, now: Duration) -> usize {
        std::iter::from_fn(|| self.give_up(now)).count()
    }

    /// The oldest undecided probe that is without an answer for `patience` at `now`: when it was sent.
    /// Each is told once. Call it until there is none.
    pub fn overdue(&mut self, patience: Duration, now: Duration) -> Option<Duration> {
        while let Some(probe) = self.probes.get(self.examined) {
            let pending = probe.fate.is_none();
            if pending && probe.mono() + patience > now {
                return None;
            }
            self.examined += 1;
            if pending {
                return Some(probe.mono());
            }
        }
        None
    }

    /// When the next probe will be [overdue](Self::overdue).
    pub fn next_overdue(&self, patience: Duration) -> Option<Duration> {
        let pending = |probe: &&Probe| probe.fate.is_none();
        self.probes.range(self.examined..).find(pending).map(|probe| probe.mono() + patience)
    }

    /// How many undecided probes were told to be [overdue](Self::overdue).
    pub fn overdue_now(&self) -> u32 {
        self.probes.range(..self.examined).filter(|probe| probe.fate.is_none()).count() as u32
    }

    /// The probe with this number, if its fate is undecided.
    pub fn undecided(&self, number: u32) -> Option<Undecided> {
        let overdue = (number.wrapping_sub(self.first) as usize) < self.examined;
        self.pending(number).map(|probe| Undecided { sent: probe.mono(), overdue })
    }

    /// When the oldest undecided probe is to be given up.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.probes.front().map(|probe| probe.mono() + self.timeout)
    }

    /// Decides at once that an undecided probe is lost, because it found no way out.
    pub fn lose(&mut self, number: u32) {
        if self.decide(number, Fate::Lost) {
            self.open.decided += 1;
        }
    }

    /// Takes an undecided probe out of the account, because it says nothing about the network.
    pub fn void(&mut self, number: u32) {
        if self.decide(number, Fate::Voided) {
            self.open.voided += 1;
        }
    }

    /// [Voids](Self::void) every undecided probe; how many.
    pub fn void_outstanding(&mut self) -> usize {
        let mut voided = 0;
        for probe in self.probes.iter_mut().filter(|probe| probe.fate.is_none()) {
            probe.fate = Some(Fate::Voided);
            voided += 1;
        }
        self.open.voided += voided as u64;
        self.settle();
        voided
    }

    /// Closes the window at `now` and opens the next. `None` if nothing happened in it, since then
    /// there is nothing to say; a window of losses is not nothing.
    ///
    /// Jitter is the mean of the differences, without sign, between the round-trip times of successive
    /// answered probes in the order of sending: `|D(i-1,i)|` of RFC 3550 section 6.4.1 over the round
    /// trip, as a plain mean instead of the running one, so that a window does not depend on the ones
    /// before it. The last answered probe of the window before counts as a predecessor.
    pub fn close(&mut self, now: Duration, method: ProbeMethod) -> Option<ProbeWindow> {
        let length = now.saturating_sub(self.opened);
        self.opened = now;
        let mut totals = std::mem::take(&mut self.open);
        if totals.is_idle() {
            return None;
        }
        for (_, micros) in &totals.times {
            totals.rtt.record(u64::from(*micros));
        }
        let jitter = self.jitter(&mut totals.times);
        totals.times.clear();
        self.open.times = totals.times; // its room serves the next window
        Some(ProbeWindow {
            window: Some(Millis(length.as_millis() as u64)),
            method: Some(method),
            sent: Some(Count(totals.decided)),
            received: Some(Count(totals.received)),
            late: Some(Count(totals.late)),
            duplicates: Some(Count(totals.duplicates)),
            rtt_min: totals.extremes.map(|(min, _)| Micros(min.into())),
            rtt_max: totals.extremes.map(|(_, max)| Micros(max.into())),
            jitter,
            voided: Some(Count(totals.voided)),
            reordered: Some(Count(totals.reordered)),
            forged: Some(Count(totals.forged)),
            rtt: totals.rtt,
            ..ProbeWindow::default()
        })
    }

    /// Whether a probe's fate is undecided.
    pub fn is_waiting(&self) -> bool {
        !self.probes.is_empty()
    }

    /// An answer is reordered if it comes after that of a later probe (RFC 4737, section 3.3).
    fn note_order(&mut self, number: u32) {
        match self.newest_answered {
            Some(newest) if (number.wrapping_sub(newest) as i32) < 0 => self.open.reordered += 1,
            _ => self.newest_answered = Some(number),
        }
    }

    /// A window of this length in which no probe's fate was decided.
    pub fn empty(length: Duration, method: ProbeMethod) -> ProbeWindow {
        let (window, none) = (Some(Millis(length.as_millis() as u64)), Some(Count(0)));
        ProbeWindow { window, method: Some(method), sent: none, received: none, ..ProbeWindow::default() }
    }

    /// When the open window was opened.
    pub fn opened(&self) -> Duration {
        self.opened
    }

    fn jitter(&mut self, times: &mut Vec<(u32, u32)>) -> Option<Micros> {
        times.extend(self.previous);
        let first = self.first;
        times.sort_unstable_by_key(|(number, _)| number.wrapping_sub(first) as i32);
        self.previous = times.last().copied();
        let sum: u64 = times.windows(2).map(|pair| u64::from(pair[0].1.abs_diff(pair[1].1))).sum();
        let pairs = times.len().saturating_sub(1) as u64;
        sum.checked_div(pairs).map(Micros)
    }

    fn pending(&self, number: u32) -> Option<&Probe> {
        let place = number.wrapping_sub(self.first);
        self.probes.get(place as usize).filter(|probe| probe.fate.is_none())
    }

    /// What became of a probe, if it is decided and not forgotten.
    fn fate(&self, number: u32) -> Option<Fate> {
        let place = number.wrapping_sub(self.first);
        match self.probes.get(place as usize) {
            Some(probe) => probe.fate,
            None => self.past.get(place.wrapping_neg()),
        }
    }

    fn set(&mut self, number: u32, fate: Fate) {
        let place = number.wrapping_sub(self.first);
        match self.probes.get_mut(place as usize) {
            Some(probe) => {
                probe.fate = Some(fate);
                self.settle();
            }
            None => self.past.set(place.wrapping_neg(), fate),
        }
    }

    fn decide(&mut self, number: u32, fate: Fate) -> bool {
        let pending = self.pending(number).is_some();
        if pending {
            self.set(number, fate);
        }
        pending
    }

    /// Moves the probes before the oldest that is undecided to the past.
    fn settle(&mut self) {
        while let Some(fate) = self.probes.front().and_then(|probe| probe.fate) {
            self.probes.pop_front();
            self.past.push(fate);
            self.first = self.first.wrapping_add(1);
            self.examined = self.examined.saturating_sub(1);
        }
        if self.probes.is_empty() {
            self.probes.clear(); // the next one takes the first place again, which is at hand
        }
    }

    /// Gives up the oldest probe if too many wait.
    fn make_room(&mut self) {
        if self.probes.len() >= MAX_OUTSTANDING {
            self.lose(self.first);
        }
    }
}

impl Totals {
    fn answered(&mut self, number: u32, rtt: Duration) {
        let micros = u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX);
        self.decided += 1;
        self.received += 1;
        let (min, max) = self.extremes.unwrap_or((micros, micros));
        self.extremes = Some((min.min(micros), max.max(micros)));
        // Counted by time when the window is closed, all at once.
        if self.times.len() < MAX_JITTER_TIMES {
            self.times.push((number, micros));
        } else {
            self.rtt.record(u64::from(micros));
        }
    }

    fn is_idle(&self) -> bool {
        self.decided + self.late + self.duplicates + self.voided + self.forged == 0
    }
}

#[cfg(test)]
mod tests;
