//! Which direction lost what.
//!
//! A stateful reflector numbers its answers by itself. Take two answered probes, the sender's numbers `a < b`
//! with the reflector's `x < y`. Of the probes between them, `u` were not answered; of the reflector's numbers
//! between theirs, `m` were never seen. Each of those `m` is an answer that was sent and did not come: `m`
//! were lost on the way back, and the `u - m` others never reached the reflector. No clock is needed, and the
//! result is exact, if the two answers are *cuts*: everything sent before was numbered before, everything sent
//! after was numbered after. Where the network changed the order, the ledger waits for the next cut.
//!
//! What cannot be told is counted as undecided and never guessed:
//!
//! * probes before the first answer, and after the last for longer than the ledger holds them (a line that is
//!   cut altogether says nothing of directions);
//! * probes between the last answer of a reflector's run and the first of its next;
//! * probes that were answered after they had been given up: they got lost in neither direction;
//! * everything, while the reflector has not been seen to count by itself. A stateless reflector (RFC 8762,
//!   section 4.3) repeats the sender's number. The [sender](super::sender) leaves one number out at the
//!   beginning, so that a reflector that counts falls behind by one and is known by that.
//!
//! An answer that the network doubled on the way *there* takes two of the reflector's numbers. If one of the
//! two does not come and at the same time a probe of the same span is lost on the way there, that loss is told
//! as one on the way back; that a doubled one is missing beyond the unanswered ones makes a span undecided.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Probes that are remembered at once; beyond, the oldest is settled as undecided.
pub const MAX_OUTSTANDING: usize = 4096;

/// Probes whose fate is remembered after it was settled, to know late and doubled answers by.
pub const MEMORY: usize = 64;

/// The reflector's part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The reflector's number.
    pub sequence: u32,
    /// When it was sent, as it stands on the wire: only the order counts.
    pub sent: u64,
}

/// What an answer turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The first, in time.
    Fresh {
        /// An answer to a later probe came before.
        reordered: bool,
        /// The reflector has begun to count anew.
        restarted: bool,
    },
    /// One more to the same probe.
    Duplicate,
    /// To a probe that has been given up.
    Late,
    /// To no probe that is remembered.
    Unknown,
}

/// What became of probes that were not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    /// On the way there.
    pub forward: u64,
    /// On the way back.
    pub back: u64,
    /// Nobody can tell.
    pub undecided: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pending,
    /// Answered in time, at this moment, with this number if it is of the present run.
    Answered(Duration, Option<i64>),
    /// Given up, and not counted yet.
    Lost,
    /// Given up, and counted as undecided.
    Undecided,
    /// Given up, and then answered.
    Late,
    /// Counted as lost in one direction.
    Settled,
}

#[derive(Debug, Clone, Copy)]
struct Probe {
    sequence: u32,
    sent: Duration,
    fate: Fate,
}

/// The account of one session. Times are monotonic.
#[derive(Debug, Clone)]
pub struct Ledger {
    timeout: Duration,
    hold: Duration,
    /// In the order of sending, which is that of their numbers.
    probes: VecDeque<Probe>,
    /// How many of `probes`, from the front, are settled and only remembered.
    settled: usize,
    run: Option<Run>,
    open: Losses,
}

/// What is known of the reflector since it began to count. Its numbers are kept without wrapping.
#[derive(Debug, Clone)]
struct Run {
    /// The number of the last cut.
    anchor: Option<i64>,
    /// The numbers that were seen since the last cut.
    seen: BTreeSet<i64>,
    highest: i64,
    /// When the answer with the highest number was sent.
    highest_sent: u64,
    /// Whether the reflector counts by itself.
    counts: bool,
    former: Option<Former>,
}

/// The run before.
#[derive(Debug, Clone, Copy)]
struct Former {
    highest: i64,
    /// Until when stragglers of it may come.
    until: Duration,
    /// When the first answer of the present run was sent.
    ended: u64,
}

impl Ledger {
    /// A ledger in which a probe is given up after `timeout`, and counts as undecided if its direction could
    /// not be told within `hold` after that.
    pub fn new(timeout: Duration, hold: Duration) -> Self {
        Self { timeout, hold, probes: VecDeque::new(), settled: 0, run: None, open: Losses::default() }
    }

    /// A probe with this number, higher than those before, is on its way.
    pub fn on_sent(&mut self, sequence: u32, now: Duration) {
        if self.probes.len() >= MAX_OUTSTANDING {
            if self.settled == 0 {
                self.open.undecided += u64::from(matches!(self.probes[0].fate, Fate::Pending | Fate::Lost));
                self.forget_anchor();
            }
            self.probes.pop_front();
            self.settled = self.settled.saturating_sub(1);
        }
        self.probes.push_back(Probe { sequence, sent: now, fate: Fate::Pending });
    }

    /// The probe did not leave this machine, for a reason that says nothing of the network. Whether it was
    /// still waited for.
    pub fn on_unsent(&mut self, sequence: u32) -> bool {
        let found = self.position(sequence).filter(|at| self.probes[*at].fate == Fate::Pending);
        found.and_then(|at| self.probes.remove(at)).is_some()
    }

    /// An answer to a probe came at `now`.
    pub fn on_answer(&mut self, sequence: u32, mark: Mark, now: Duration) -> Verdict {
        let Some(at) = self.position(sequence) else { return Verdict::Unknown };
        let probe = self.probes[at];
        match probe.fate {
            Fate::Answered(..) | Fate::Late => {
                self.see(mark, now);
                return Verdict::Duplicate;
            }
            Fate::Undecided | Fate::Settled => {
                self.see(mark, now);
                self.probes[at].fate = Fate::Late;
                return Verdict::Late;
            }
            Fate::Pending | Fate::Lost => {}
        }
        let restarted = self.follow(mark, now);
        let number = self.see(mark, now);
        if let Some(run) = &mut self.run {
            run.counts |= mark.sequence != sequence;
        }
        // Following a restart may have moved nothing, but settled some.
        let Some(at) = self.position(sequence) else { return Verdict::Unknown };
        if probe.fate == Fate::Lost || now > probe.sent + self.timeout {
            if matches!(self.probes[at].fate, Fate::Pending | Fate::Lost) {
                self.open.undecided += 1;
            }
            self.probes[at].fate = Fate::Late;
            return Verdict::Late;
        }
        self.probes[at].fate = Fate::Answered(now, number);
        let answered = |p: &Probe| matches!(p.fate, Fate::Answered(..));
        let reordered = self.probes.range(at + 1..).any(answered);
        Verdict::Fresh { reordered, restarted }
    }

    /// Gives up what has waited too long at `now`, and settles all that can be told.
    pub fn settle(&mut self, now: Duration) {
        for probe in self.probes.range_mut(self.settled..) {
            if probe.fate == Fate::Pending && probe.sent + self.timeout < now {
                probe.fate = Fate::Lost;
            }
        }
        while let Some(cut) = self.next_cut() {
            self.settle_before(cut);
        }
        let oldest = self.timeout + self.hold;
        for probe in self.probes.range_mut(self.settled..) {
            if probe.fate == Fate::Lost && probe.sent + oldest < now {
                probe.fate = Fate::Undecided;
                self.open.undecided += 1;
            }
        }
        while self.settled > MEMORY {
            self.probes.pop_front();
            self.settled -= 1;
        }
    }

    /// What was settled since this was last asked.
    pub fn take(&mut self) -> Losses {
        std::mem::take(&mut self.open)
    }

    /// Probes that are not settled: sent, and not yet in any count of losses or answers.
    pub fn outstanding(&self) -> usize {
        let open = |p: &&Probe| matches!(p.fate, Fate::Pending | Fate::Lost);
        self.probes.range(self.settled..).filter(open).count()
    }

    /// The first unsettled probe whose answer is a cut that will stay one, with everything before it decided.
    fn next_cut(&self) -> Option<usize> {
        let open = self.probes.range(self.settled..);
        // From the back: the lowest number and the earliest sending that is still waited for.
        let (mut lowest, mut waiting) = (i64::MAX, Duration::MAX);
        let mut stands = vec![false; open.len()];
        for (at, probe) in open.clone().enumerate().rev() {
            match probe.fate {
                Fate::Answered(came, Some(number)) => {
                    stands[at] = number < lowest && came < waiting;
                    lowest = lowest.min(number);
                }
                Fate::Pending => waiting = waiting.min(probe.sent),
                _ => {}
            }
        }
        let mut highest = i64::MIN;
        for (at, probe) in open.enumerate() {
            match probe.fate {
                Fate::Pending => return None,
                Fate::Answered(_, Some(number)) if number > highest => {
                    if stands[at] {
                        return Some(self.settled + at);
                    }
                    highest = number;
                }
                _ => {}
            }
        }
        None
    }

    fn settle_before(&mut self, cut: usize) {
        let Fate::Answered(_, Some(number)) = self.probes[cut].fate else { return };
        let (mut unanswered, mut told) = (0, 0);
        for probe in self.probes.range_mut(self.settled..cut) {
            match probe.fate {
                Fate::Lost => unanswered += 1,
                Fate::Undecided => told += 1,
                _ => continue,
            }
            probe.fate = Fate::Settled;
        }
        if let Some(run) = &mut self.run {
            let missing = run.missing_before(number);
            self.open.add(share(unanswered, told, missing));
            run.seen = run.seen.split_off(&(number + 1));
            run.anchor = Some(number);
        }
        self.settled = cut + 1;
    }

    /// Notices that the reflector began anew.
    fn follow(&mut self, mark: Mark, now: Duration) -> bool {
        let Some(run) = &self.run else {
            self.run = Some(Run::begin(mark, None));
            return false;
        };
        if run.is_straggler(mark, now) || !run.is_contradicted_by(mark) {
            return false;
        }
        let former = Former { highest: run.highest, until: now + self.timeout, ended: mark.sent };
        self.settle(now);
        for probe in &mut self.probes {
            if let Fate::Answered(_, number) = &mut probe.fate {
                *number = None;
            }
        }
        self.run = Some(Run::begin(mark, Some(former)));
        true
    }

    /// Takes note of a number of the present run; the number without wrapping.
    fn see(&mut self, mark: Mark, now: Duration) -> Option<i64> {
        let run = self.run.as_mut()?;
        let number = run.unwrapped(mark.sequence);
        if run.is_straggler(mark, now) || run.is_far(number) {
            return None;
        }
        if number > run.highest {
            (run.highest, run.highest_sent) = (number, mark.sent);
        }
        if run.anchor.is_none_or(|anchor| number > anchor) {
            run.seen.insert(number);
        }
        if run.seen.len() > 2 * MAX_OUTSTANDING {
            self.forget_anchor();
        }
        Some(number)
    }

    fn forget_anchor(&mut self) {
        if let Some(run) = &mut self.run {
            run.anchor = None;
            run.seen.clear();
        }
    }

    fn position(&self, sequence: u32) -> Option<usize> {
        let first = self.probes.front()?.sequence;
        let from_first = sequence.wrapping_sub(first);
        self.probes.binary_search_by_key(&from_first, |p| p.sequence.wrapping_sub(first)).ok()
    }
}

impl Run {
    fn begin(mark: Mark, former: Option<Former>) -> Self {
        Self {
            anchor: None,
            seen: BTreeSet::new(),
            highest: i64::from(mark.sequence),
            highest_sent: mark.sent,
            counts: false,
            former,
        }
    }

    fn unwrapped(&self, sequence: u32) -> i64 {
        self.highest + i64::from(sequence.wrapping_sub(self.highest as u32) as i32)
    }

    /// Whether an answer with this mark to a probe that had none can only come from a reflector that began
    /// anew: its number was used already, or goes back while its clock goes on.
    fn is_contradicted_by(&self, mark: Mark) -> bool {
        let number = self.unwrapped(mark.sequence);
        let later = (mark.sent.wrapping_sub(self.highest_sent) as i64) > 0;
        let used = self.anchor.is_some_and(|anchor| number <= anchor) || self.seen.contains(&number);
        used || number < self.highest && later || self.is_far(number)
    }

    /// Whether it is a late comer of the run before.
    fn is_straggler(&self, mark: Mark, now: Duration) -> bool {
        self.former.is_some_and(|former| now < former.until && former.has(mark))
    }

    fn is_far(&self, number: i64) -> bool {
        number.abs_diff(self.highest) > MAX_OUTSTANDING as u64
    }

    /// How many answers of numbers between the last cut and this one never came; `None` where that says
    /// nothing.
    fn missing_before(&self, number: i64) -> Option<u64> {
        let anchor = self.anchor.filter(|_| self.counts)?;
        let between = (number - anchor - 1) as u64;
        between.checked_sub(self.seen.range(anchor + 1..number).count() as u64)
    }
}

impl Former {
    /// Whether the mark is of this run.
    fn has(self, mark: Mark) -> bool {
        let behind = (self.highest as u32).wrapping_sub(mark.sequence) as i32;
        let before = (mark.sent.wrapping_sub(self.ended) as i64) < 0;
        before && behind.unsigned_abs() as usize <= MAX_OUTSTANDING
    }
}

/// Shares `unanswered` probes out among the directions, when `missing` of the reflector's answers did not come
/// and `told` others of the same span have been counted as undecided already.
fn share(unanswered: u64, told: u64, missing: Option<u64>) -> Losses {
    match missing {
        Some(0) => Losses { forward: unanswered, ..Losses::default() },
        Some(missing) if missing == unanswered + told => Losses { back: unanswered, ..Losses::default() },
        Some(missing) if told == 0 && missing < unanswered => {
            Losses { forward: unanswered - missing, back: missing, undecided: 0 }
        }
        _ => Losses { undecided: unanswered, ..Losses::default() },
    }
}

impl Losses {
    fn add(&mut self, other: Self) {
        self.forward += other.forward;
        self.back += other.back;
        self.undecided += other.undecided;
    }
}

#[cfg(test)]
mod tests;
