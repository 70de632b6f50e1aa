//! Which batches go next: what was just seen first, what waited behind it.
//!
//! The agent may have one request under way on each lane. The live lane carries the batches written
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

/// One lane: sequences `next..=end` wait, `flight` is on its way.
#[derive(Debug, Clone, Default)]
struct Track {
    next: u64,
    end: u64,
    flight: Option<(u64, u64)>,
}

impl Lanes {
    /// A session begins: the controller has everything up to `contiguous`, the spool goes to `last`.
    pub fn begin(contiguous: u64, last: u64) -> Self {
        Self {
            backfill: Track { next: contiguous + 1, end: last, flight: None },
            live: Track { next: last + 1, end: last, flight: None },
        }
    }

    /// The spool has grown to `last`.
    pub fn written(&mut self, last: u64) {
        self.live.end = self.live.end.max(last);
    }

    /// What to send now, live first; `None` while nothing waits or both lanes are busy.
    pub fn poll(&self) -> Option<Run> {
        let run = |track: &Track, lane| {
            (track.flight.is_none() && track.next <= track.end).then_some(Run {
                lane,
                first: track.next,
                last: track.end,
            })
        };
        run(&self.live, Lane::Live).or_else(|| run(&self.backfill, Lane::Backfill))
    }

    /// A request with the sequences `first..=last` of a run has left.
    pub fn sent(&mut self, lane: Lane, first: u64, last: u64) {
        let track = self.track(lane);
        track.flight = Some((first, last));
        track.next = last + 1;
    }

    /// The request on this lane was answered: everything it carried is durable.
    pub fn answered(&mut self, lane: Lane) {
        self.track(lane).flight = None;
    }

    /// The request on this lane failed: what it carried waits again.
    pub fn failed(&mut self, lane: Lane) {
        let track = self.track(lane);
        if let Some((first, _)) = track.flight.take() {
            track.next = track.next.min(first);
        }
    }

    /// How many sequences wait or are on their way.
    pub fn pending(&self) -> u64 {
        [&self.backfill, &self.live]
            .iter()
            .map(|t| {
                let from = t.flight.map_or(t.next, |(first, _)| first.min(t.next));
                (t.end + 1).saturating_sub(from)
            })
            .sum()
    }

    /// Whether what had been waiting when the session began has all been answered.
    pub fn caught_up(&self) -> bool {
        self.backfill.flight.is_none() && self.backfill.next > self.backfill.end
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
