//! A simulated agent's store-and-forward log, in memory: what the spool is to a real agent.
//!
//! A batch stays until the controller's word (`contiguous`) covers it. Batches are kept packed and without
//! their observations, so that thousands of agents with a backlog each fit on one machine.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;
use wasl_protocol::limits;
use wasl_protocol::message::{Gap, UploadItem};

/// A batch that the controller has not acknowledged.
#[derive(Debug, Clone)]
struct Waiting {
    body: Bytes,
    /// When it was due; an acknowledgement's latency counts from here. Unset once it was told.
    due: Option<Instant>,
}

/// The batches of one agent's epoch.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The sequence of the first in `waiting`, minus 1.
    acknowledged: u64,
    waiting: VecDeque<Waiting>,
}

impl Queue {
    /// Adds a batch; its sequence.
    pub(super) fn push(&mut self, body: Bytes, due: Instant) -> u64 {
        self.waiting.push_back(Waiting { body, due: Some(due) });
        self.last()
    }

    /// The last sequence that was written; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.acknowledged + self.waiting.len() as u64
    }

    /// The highest sequence that has left on the controller's word.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How many batches wait for the controller's word.
    pub(super) fn pending(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// The batches of `first..=last` that fit into an upload of about `max_bytes`, at least one if there is
    /// one.
    pub(super) fn read(&self, first: u64, last: u64, max_bytes: usize) -> Vec<UploadItem> {
        let mut items = Vec::new();
        let mut bytes = 0;
        for sequence in first.max(self.acknowledged + 1)..=last.min(self.last()) {
            let body = &self.waiting[(sequence - self.acknowledged - 1) as usize].body;
            bytes += body.len();
            if !items.is_empty() && (bytes > max_bytes || items.len() == limits::MAX_UPLOAD_BATCHES) {
                break;
            }
            items.push(UploadItem { sequence, body: body.to_vec() });
        }
        items
    }

    /// A batch is durable at the centre: when it was due, told once.
    pub(super) fn delivered(&mut self, sequence: u64) -> Option<Instant> {
        let place = sequence.checked_sub(self.acknowledged + 1)?;
        self.waiting.get_mut(place as usize)?.due.take()
    }

    /// The controller has everything up to `contiguous`.
    pub(super) fn acknowledge(&mut self, contiguous: u64) {
        while self.acknowledged < contiguous && self.waiting.pop_front().is_some() {
            self.acknowledged += 1;
        }
    }

    /// What a controller that has everything up to `contiguous` will never get, because it once
    /// acknowledged it and was restored from an older copy since.
    pub(super) fn forgotten(&self, contiguous: u64) -> Option<Gap> {
        (contiguous < self.acknowledged).then(|| Gap {
            first: contiguous + 1,
            last: self.acknowledged,
            policy: "forgotten".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(batches: usize) -> Queue {
        let mut queue = Queue::default();
        for size in 1..=batches {
            assert_eq!(queue.push(vec![0; size * 10].into(), Instant::now()), size as u64);
        }
        queue
    }

    fn sequences(items: &[UploadItem]) -> Vec<u64> {
        items.iter().map(|item| item.sequence).collect()
    }

    /// Catches: a batch that is sent under another's number, deleted too early or kept for ever.
    #[test]
    fn a_batch_stays_under_its_number_until_the_word_covers_it() {
        let mut queue = queue(5);
        assert_eq!(sequences(&queue.read(1, 5, 1000)), [1, 2, 3, 4, 5]);
        queue.acknowledge(2);
        assert_eq!((queue.acknowledged(), queue.pending(), queue.last()), (2, 3, 5));
        let items = queue.read(1, 9, 1000);
        assert_eq!(sequences(&items), [3, 4, 5]);
        assert_eq!(items[0].body.len(), 30);
        assert!(queue.delivered(2).is_none() && queue.delivered(6).is_none());
        assert!(queue.delivered(3).is_some() && queue.delivered(3).is_none());
        queue.acknowledge(1);
        assert_eq!(queue.acknowledged(), 2);
        assert_eq!(queue.push(Bytes::new(), Instant::now()), 6);
    }

    /// Catches: an upload that the controller refuses for its size, and a large batch that blocks for ever.
    #[test]
    fn an_upload_is_bounded_and_never_empty() {
        let queue = queue(5);
        assert_eq!(sequences(&queue.read(1, 5, 60)), [1, 2, 3]);
        assert_eq!(sequences(&queue.read(4, 5, 1)), [4]);
    }

    /// Catches: an agent that waits for ever for a controller that was restored from an older copy.
    #[test]
    fn what_was_forgotten_is_told_as_a_gap() {
        let mut queue = queue(5);
        queue.acknowledge(4);
        assert_eq!(queue.forgotten(4), None);
        let gap = queue.forgotten(1).expect("a gap");
        assert_eq!((gap.first, gap.last), (2, 4));
    }
}
