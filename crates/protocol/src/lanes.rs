//! Which batches go next: what was just seen first, what waited behind it.
//!
//! The agent may have one request under way on the live lane and a few on the other. The live lane carries the batches written
//! since the session began; the backfill lane carries those that were waiting then, oldest first. A
//! request that fails gives its batches back to its lane. The controller's word (`contiguous`) is
//! the only thing that moves a batch out of the plan for good.

use crate::message::Lane;

/// A run of sequences to send on one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The lane.
    pub lane: Lane,
    /// The first sequence.
    pub first: u64,
    /// The last sequence that may go; the sender stops earlier where a request would grow too large.
    pub last: u64,
}

/// The plan of one session.
#[derive(Debug, Clone)]
pub struct Lanes {
    backfill: Track,
    live: Track,
}

/// One lane: sequences `next..=end` wait, `again` waits after it failed, `flights` are on their way.
#[derive(Debug, Clone)]
struct Track {
    next: u64,
    end: u64,
    again: Vec<(u64, u64)>,
    flights: Vec<(u64, u64)>,
    /// Requests at once.
    depth: usize,
    /// Sequences that the next request may carry.
    most: u64,
}

impl Track {
    fn new(next: u64, end: u64) -> Self {
        Self { next, end, again: Vec::new(), flights: Vec::new(), depth: 1, most: u64::MAX }
    }

    fn poll(&self) -> Option<(u64, u64)> {
        let (first, last) = match self.again.first() {
            Some(range) => *range,
            None => (self.next, self.end),
        };
        (self.flights.len() < self.depth && first <= last)
            .then(|| (first, last.min(first.saturating_add(self.most - 1))))
    }

    fn sent(&mut self, first: u64, last: u64) {
        self.flights.push((first, last));
        match self.again.first_mut() {
            Some(range) if range.0 <= first => {
                range.0 = last + 1;
                self.again.retain(|(first, last)| first <= last);
            }
            _ => self.next = last + 1,
        }
    }

    /// Takes flights that did not arrive back.
    fn give_back(&mut self, flights: Vec<(u64, u64)>) {
        self.again.extend(flights);
        self.again.sort_unstable();
        while self.again.last().is_some_and(|(_, last)| last + 1 >= self.next) {
            let (first, _) = self.again.pop().unwrap_or((self.next, 0));
            self.next = self.next.min(first);
        }
    }

    fn take_flight(&mut self, first: u64) -> Option<(u64, u64)> {
        let at = self.flights.iter().position(|flight| flight.0 == first)?;
        Some(self.flights.remove(at))
    }

    fn is_done(&self) -> bool {
        self.flights.is_empty() && self.again.is_empty() && self.next > self.end
    }

    fn pending(&self) -> u64 {
        let waiting = self.again.iter().chain(&self.flights).map(|(first, last)| last - first + 1);
        waiting.sum::<u64>() + (self.end + 1).saturating_sub(self.next)
    }
}

/// What to do about a request that the controller refuses for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRefusal {
    /// It was made smaller: ask again with [`Lanes::poll`].
    Smaller,
    /// This one sequence is at fault.
    Culprit(u64),
}

impl Lanes {
    /// A session begins: the controller has everything up to `contiguous`, the spool goes to `last`.
    pub fn begin(contiguous: u64, last: u64) -> Self {
        Self { backfill: Track::new(contiguous + 1, last), live: Track::new(last + 1, last) }
    }

    /// Lets so many requests of the backfill be under way at once; 1 otherwise. Then requests are told apart by their
    /// first sequence.
    #[must_use]
    pub fn with_depth(mut self, depth: usize) -> Self {
        self.backfill.depth = depth.max(1);
        self
    }

    /// The spool has grown to `last`.
    pub fn written(&mut self, last: u64) {
        self.live.end = self.live.end.max(last);
    }

    /// What to send now, live first; `None` while nothing waits or both lanes are busy.
    pub fn poll(&self) -> Option<Run> {
        let run = |track: &Track, lane| track.poll().map(|(first, last)| Run { lane, first, last });
        run(&self.live, Lane::Live).or_else(|| run(&self.backfill, Lane::Backfill))
    }

    /// A request with the sequences `first..=last` of a run has left.
    pub fn sent(&mut self, lane: Lane, first: u64, last: u64) {
        self.track(lane).sent(first, last);
    }

    /// The request on this lane was answered: everything it carried is durable.
    pub fn answered(&mut self, lane: Lane) {
        self.track(lane).flights.clear();
    }

    /// As [`Self::answered`], of the request that began with `first`.
    pub fn answered_one(&mut self, lane: Lane, first: u64) {
        let track = self.track(lane);
        track.take_flight(first);
        track.most = track.most.saturating_mul(2);
    }

    /// The requests on this lane failed: what they carried waits again.
    pub fn failed(&mut self, lane: Lane) {
        let track = self.track(lane);
        let flights = std::mem::take(&mut track.flights);
        track.give_back(flights);
    }

    /// The request that began with `first` will never be taken as it is. Halves it until what is at fault stands alone,
    /// unless the controller has named it (`culprit`, 0 for none).
    pub fn refused(&mut self, lane: Lane, first: u64, culprit: u64) -> Option<AfterRefusal> {
        let track = self.track(lane);
        let (first, last) = track.take_flight(first)?;
        track.give_back(vec![(first, last)]);
        if (first..=last).contains(&culprit) {
            return Some(AfterRefusal::Culprit(culprit));
        }
        if first == last {
            return Some(AfterRefusal::Culprit(first));
        }
        track.most = (last - first).div_ceil(2).max(1);
        Some(AfterRefusal::Smaller)
    }

    /// How many sequences wait or are on their way.
    pub fn pending(&self) -> u64 {
        self.backfill.pending() + self.live.pending()
    }

    /// Whether what had been waiting when the session began has all been answered.
    pub fn caught_up(&self) -> bool {
        self.backfill.is_done()
    }

    fn track(&mut self, lane: Lane) -> &mut Track {
        match lane {
            Lane::Live => &mut self.live,
            Lane::Backfill | Lane::Unspecified => &mut self.backfill,
        }
    }
}

#[cfg(test)]
mod tests;
