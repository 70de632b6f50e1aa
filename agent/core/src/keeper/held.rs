//! Batches that the disk does not take, in memory and in bounds. Pure.
//!
//! What is on the disk already is older and stays; what comes waits here. When that is full, the oldest samples go, and
//! events only when there is nothing else.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use wasl_spool::Class;

/// All that is held; bytes and batches.
const MOST: (usize, usize) = (2 << 20, 1024);

/// Batches that wait for the disk, oldest first.
#[derive(Debug, Default)]
pub(super) struct Held {
    batches: VecDeque<(Class, Vec<u8>)>,
    bytes: usize,
    /// Gone, and not counted in the spool yet.
    lost: u64,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    lost: u64,
}

impl Held {
    pub(super) fn push(&mut self, class: Class, body: Vec<u8>) {
        self.bytes += body.len();
        self.batches.push_back((class, body));
        while (self.bytes > MOST.0 || self.batches.len() > MOST.1) && self.batches.len() > 1 {
            let at = self.batches.iter().position(|(class, _)| *class == Class::Sample).unwrap_or(0);
            if let Some((_, body)) = self.batches.remove(at) {
                self.bytes -= body.len();
                self.lost += 1;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.batches.len()
    }

    /// The one to be kept next.
    pub(super) fn next(&self) -> Option<(Class, Vec<u8>)> {
        self.batches.front().cloned()
    }

    /// It is on the disk.
    pub(super) fn kept(&mut self) {
        if let Some((_, body)) = self.batches.pop_front() {
            self.bytes -= body.len();
        }
    }

    /// How many are gone and not counted in the spool.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// They are counted in the spool.
    pub(super) fn counted(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.lost += self.lost;
        }
        self.lost = 0;
    }

    pub(super) fn is_troubled(&self) -> bool {
        self.trouble.is_some()
    }

    /// The disk takes nothing, from now on.
    pub(super) fn trouble(&mut self, now: Instant) {
        self.trouble.get_or_insert(Trouble { since: now, lost: 0 });
    }

    /// If it was so, it is over now: for how long, and how many were lost.
    pub(super) fn recovered(&mut self, now: Instant) -> Option<(Duration, u64)> {
        self.trouble.take().map(|trouble| (now.duration_since(trouble.since), trouble.lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_samples_go_first_and_each_is_counted_once() {
        let mut held = Held::default();
        let now = Instant::now();
        held.trouble(now);
        for n in 0..MOST.1 as u64 + 10 {
            let class = if n % 4 == 0 { Class::Event } else { Class::Sample };
            held.push(class, n.to_le_bytes().to_vec());
        }
        assert_eq!((held.count(), held.lost()), (MOST.1, 10));
        let kept: Vec<u64> = std::iter::from_fn(|| {
            let (_, body) = held.next()?;
            held.kept();
            Some(u64::from_le_bytes(body.try_into().expect("a number")))
        })
        .collect();
        let gone: Vec<u64> = (0..MOST.1 as u64 + 10).filter(|n| !kept.contains(n)).collect();
        assert_eq!(gone, [1, 2, 3, 5, 6, 7, 9, 10, 11, 13], "the oldest, and no event");
        assert!(kept.is_sorted());
        held.counted();
        assert_eq!((held.lost(), held.bytes), (0, 0));
        assert_eq!(held.recovered(now + Duration::from_secs(9)), Some((Duration::from_secs(9), 10)));
        assert_eq!(held.recovered(now), None);
    }

    #[test]
    fn memory_is_bounded_even_by_events_alone() {
        let mut held = Held::default();
        for _ in 0..10 {
            held.push(Class::Event, vec![0; MOST.0 / 3]);
        }
        assert_eq!((held.count(), held.lost()), (3, 7));
        held.push(Class::Event, vec![0; MOST.0 * 2]);
        assert_eq!(held.count(), 1, "one is always held");
    }
}
