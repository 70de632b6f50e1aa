//! A map of what agents say that holds only so much of each: whoever makes up names without end harms himself and takes nobody's
//! room.

use std::collections::BTreeMap;
use std::collections::btree_map::{self, Entry};
use std::ops::Deref;

use wasl_model::{AgentId, NoticeCode};

use super::Key;

/// Names whose word it is.
pub trait Said {
    /// Who says it.
    fn by(&self) -> &AgentId;
}

impl Said for Key {
    fn by(&self) -> &AgentId {
        &self.0
    }
}

impl Said for (Key, NoticeCode) {
    fn by(&self) -> &AgentId {
        self.0.by()
    }
}

/// A map that holds at most `MOST` entries of each agent. It reads as what it is, a [`BTreeMap`].
#[derive(Debug, PartialEq)]
pub struct Bounded<K, V, const MOST: usize> {
    all: BTreeMap<K, V>,
    /// How many there are of each agent; never 0.
    of: BTreeMap<AgentId, usize>,
}

impl<K, V, const MOST: usize> Default for Bounded<K, V, MOST> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), of: BTreeMap::new() }
    }
}

impl<K, V, const MOST: usize> Deref for Bounded<K, V, MOST> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl<'a, K, V, const MOST: usize> IntoIterator for &'a Bounded<K, V, MOST> {
    type Item = (&'a K, &'a V);
    type IntoIter = btree_map::Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

impl<K: Said + Ord, V, const MOST: usize> Bounded<K, V, MOST> {
    /// The value of a key, to be changed; `first` makes it where there is none. `None` if it is new and its agent has no room
    /// left.
    pub(super) fn get_or_insert_with(&mut self, key: K, first: impl FnOnce() -> V) -> Option<&mut V> {
        match self.all.entry(key) {
            Entry::Occupied(there) => Some(there.into_mut()),
            Entry::Vacant(new) => {
                let of_agent = self.of.entry(new.key().by().clone()).or_default();
                if *of_agent >= MOST {
                    return None;
                }
                *of_agent += 1;
                Some(new.insert(first()))
            }
        }
    }

    /// The value of a key that is there, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.all.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: &K) {
        if self.all.remove(key).is_some() {
            less(&mut self.of, key.by());
        }
    }

    /// Keeps only what `stays`.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&K, &V) -> bool) {
        let of = &mut self.of;
        self.all.retain(|key, value| {
            let keep = stays(key, value);
            if !keep {
                less(of, key.by());
            }
            keep
        });
    }

    /// Everybody of whom there is something.
    pub(super) fn agents(&self) -> impl Iterator<Item = &AgentId> {
        self.of.keys()
    }
}

fn less(of: &mut BTreeMap<AgentId, usize>, agent: &AgentId) {
    let left = of.get_mut(agent).map_or(0, |count| {
        *count -= 1;
        *count
    });
    if left == 0 {
        of.remove(agent);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasl_model::{EntityKind, Subject};

    use super::*;

    const MOST: usize = 3;

    fn key(agent: usize, id: usize) -> Key {
        let agent = format!("gw{agent}").parse().expect("a name");
        (agent, Subject { kind: EntityKind::Disk, id: id.to_string() })
    }

    proptest! {
        /// Catches: an agent that has more than its room, or less after something of it left, or that takes another's.
        #[test]
        fn each_has_its_own_room_whatever_comes_and_goes(
            steps in proptest::collection::vec((0..3_usize, 0..2_usize, 0..8_usize), 0..60),
        ) {
            let mut map = Bounded::<Key, usize, MOST>::default();
            let mut model: BTreeMap<Key, usize> = BTreeMap::new();
            let of = |model: &BTreeMap<Key, usize>, agent: &AgentId| model.keys().filter(|key| key.0 == *agent).count();
            for (what, agent, id) in steps {
                let key = key(agent, id);
                match what {
                    0 => {
                        let room = model.contains_key(&key) || of(&model, &key.0) < MOST;
                        prop_assert_eq!(map.get_or_insert_with(key.clone(), || id).is_some(), room);
                        if room {
                            model.insert(key, id);
                        }
                    }
                    1 => {
                        map.remove(&key);
                        model.remove(&key);
                    }
                    _ => {
                        map.retain(|_, value| *value != id);
                        model.retain(|_, value| *value != id);
                    }
                }
                prop_assert_eq!(&*map, &model);
                let agents: Vec<_> = map.agents().cloned().collect();
                let mut wanted: Vec<_> = model.keys().map(|key| key.0.clone()).collect();
                wanted.dedup();
                prop_assert_eq!(agents, wanted);
            }
        }
    }
}
