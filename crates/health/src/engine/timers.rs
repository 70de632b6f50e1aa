//! Deadlines in the order in which they come, so that the passing of time costs only what is due.

use std::collections::{BTreeMap, BTreeSet};

use wasl_model::Timestamp;

/// One deadline for each key.
#[derive(Debug)]
pub(super) struct Timers<K> {
    of: BTreeMap<K, Timestamp>,
    due: BTreeSet<(Timestamp, K)>,
}

impl<K: Ord> Default for Timers<K> {
    fn default() -> Self {
        Self { of: BTreeMap::new(), due: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// Sets, moves or removes a key's deadline.
    pub(super) fn set(&mut self, key: &K, at: Option<Timestamp>) {
        if self.of.get(key).copied() == at {
            return;
        }
        if let Some(old) = self.of.remove(key) {
            self.due.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.of.insert(key.clone(), at);
            self.due.insert((at, key.clone()));
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes a key whose deadline has come.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        self.of.remove(&key);
        Some(key)
    }
}
