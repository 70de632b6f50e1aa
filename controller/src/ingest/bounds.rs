//! How much room one agent may take for the accounts of its batches.
//!
//! What was received is kept as ranges, rewritten at each commit, and each epoch has an account of its own. An honest agent
//! has a handful of ranges and a new epoch when its disk went back to an older day. A hostile one could send every second
//! sequence, or an epoch with each upload; it is told to stop before that costs anything. Nothing is refused for good: what
//! comes later closes ranges, and the next day brings room for epochs.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use wasl_model::AgentId;
use wasl_store::{RangeSet, StreamAccount, Upload};

use super::IngestError;

/// Ranges of one epoch. A spool that dropped samples and kept events has at most 4096 holes.
const MAX_RANGES: usize = 8192;
/// New epochs of one agent within a day.
const MAX_NEW_EPOCHS: usize = 64;
/// Epochs of one agent in all.
const MAX_EPOCHS: usize = 20_000;
const DAY: Duration = Duration::from_secs(86_400);
/// Epochs of one agent whose ranges are kept here; the store has them all.
const KEPT: usize = 8;

/// The bounds of all agents.
#[derive(Default)]
pub(super) struct Bounds {
    agents: Mutex<HashMap<AgentId, Agent>>,
}

#[derive(Default)]
struct Agent {
    epochs: HashSet<u64>,
    /// When epochs were begun in this run of the controller.
    begun: VecDeque<Instant>,
    /// What was received of the latest epochs, as far as it is known here: at least as few ranges as the store has.
    received: VecDeque<(u64, RangeSet)>,
}

impl Bounds {
    pub(super) fn knows(&self, agent: &AgentId, epoch: u64) -> bool {
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        agents.get(agent).is_some_and(|known| known.received.iter().any(|(own, _)| *own == epoch))
    }

    pub(super) fn learn(&self, agent: &AgentId, streams: &[StreamAccount]) {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let known = agents.entry(agent.clone()).or_default();
        known.epochs.extend(streams.iter().map(|stream| stream.epoch));
        for stream in streams.iter().rev().take(KEPT).rev() {
            if known.received.iter().all(|(epoch, _)| *epoch != stream.epoch) {
                let mut received = RangeSet::default();
                received.insert_range(1, stream.contiguous);
                if stream.last_seq > 0 {
                    received.insert(stream.last_seq);
                }
                known.keep(stream.epoch, received);
            }
        }
    }

    /// Notes what an upload brings, or refuses it.
    pub(super) fn enter(&self, upload: &Upload) -> Result<(), IngestError> {
        self.enter_at(upload, Instant::now())
    }

    fn enter_at(&self, upload: &Upload, now: Instant) -> Result<(), IngestError> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let known = agents.entry(upload.agent.clone()).or_default();
        known.begin(upload.epoch, now)?;
        if known.received.iter().all(|(epoch, _)| *epoch != upload.epoch) {
            known.keep(upload.epoch, RangeSet::default());
        }
        let Some((_, received)) = known.received.iter_mut().find(|(epoch, _)| *epoch == upload.epoch) else {
            return Ok(());
        };
        let mut after = received.clone();
        for item in &upload.items {
            after.insert(item.seq);
        }
        for gap in &upload.gaps {
            after.insert_range(gap.first, gap.last);
        }
        let (had, has) = (received.iter().count(), after.iter().count());
        if has > MAX_RANGES && has > had {
            return Err(IngestError::TooMuch {
                code: "too_many_ranges",
                what: format!(
                    "what was received would fall into {has} ranges, more than {MAX_RANGES}; send what lies between first"
                ),
            });
        }
        *received = after;
        Ok(())
    }
}

impl Agent {
    fn begin(&mut self, epoch: u64, now: Instant) -> Result<(), IngestError> {
        if self.epochs.contains(&epoch) {
            return Ok(());
        }
        while self.begun.front().is_some_and(|at| now.duration_since(*at) >= DAY) {
            self.begun.pop_front();
        }
        if self.begun.len() >= MAX_NEW_EPOCHS || self.epochs.len() >= MAX_EPOCHS {
            return Err(IngestError::TooMuch {
                code: "too_many_epochs",
                what: format!(
                    "the agent has begun {} epochs within a day and {} in all; look why its spool is lost so often",
                    self.begun.len(),
                    self.epochs.len()
                ),
            });
        }
        self.begun.push_back(now);
        self.epochs.insert(epoch);
        Ok(())
    }

    fn keep(&mut self, epoch: u64, received: RangeSet) {
        self.received.push_back((epoch, received));
        if self.received.len() > KEPT {
            self.received.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use wasl_store::{Gap, Item};

    fn upload(epoch: u64, sequences: impl IntoIterator<Item = u64>) -> Upload {
        let item = |seq| Item { seq, first_ms: 0, last_ms: 0, body: Vec::new() };
        Upload {
            agent: "gw".parse().expect("a name"),
            epoch,
            received_ms: 0,
            items: sequences.into_iter().map(item).collect(),
            gaps: Vec::new(),
        }
    }

    fn code(result: Result<(), IngestError>) -> &'static str {
        match result {
            Ok(()) => "",
            Err(IngestError::TooMuch { code, .. }) => code,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn an_agent_that_leaves_holes_everywhere_is_stopped_and_may_close_them() {
        let bounds = Bounds::default();
        let most = MAX_RANGES as u64;
        assert_eq!(code(bounds.enter(&upload(1, (1..=most).map(|n| n * 2)))), "");
        assert_eq!(code(bounds.enter(&upload(1, [most * 2 + 2]))), "too_many_ranges");
        assert_eq!(code(bounds.enter(&upload(1, [most * 2 + 1, 3]))), "", "it closes more than it opens");
        let mut gaps = upload(1, [most * 2 + 10]);
        gaps.gaps = vec![Gap { first: 1, last: most, policy: "quota".into() }];
        assert_eq!(code(bounds.enter(&gaps)), "");
        assert_eq!(code(bounds.enter(&upload(2, [1]))), "", "another epoch has room of its own");
    }

    #[test]
    fn epochs_are_bounded_by_the_day_and_known_ones_are_not_new() {
        let bounds = Bounds::default();
        let now = Instant::now();
        let stream = |epoch| StreamAccount {
            agent: "gw".parse().expect("a name"),
            epoch,
            first_seq: 1,
            last_seq: 9,
            contiguous: 5,
            stored: 6,
            duplicates_dropped: 0,
            dropped: BTreeMap::default(),
        };
        let agent = "gw".parse().expect("a name");
        assert!(!bounds.knows(&agent, 1_000_000));
        bounds.learn(&agent, &(0..100).map(|n| stream(1_000_000 + n)).collect::<Vec<_>>());
        assert!(bounds.knows(&agent, 1_000_099) && !bounds.knows(&agent, 1_000_000));
        for epoch in 0..MAX_NEW_EPOCHS as u64 {
            assert_eq!(code(bounds.enter_at(&upload(epoch, [1]), now)), "");
        }
        assert_eq!(code(bounds.enter_at(&upload(77_777, [1]), now)), "too_many_epochs");
        assert_eq!(code(bounds.enter_at(&upload(3, [2]), now)), "");
        assert_eq!(code(bounds.enter_at(&upload(1_000_000, [2]), now)), "");
        assert_eq!(code(bounds.enter_at(&upload(77_777, [1]), now + DAY)), "");
    }
}
