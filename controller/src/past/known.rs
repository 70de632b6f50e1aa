//! Answers that were worked out, remembered for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use wasl_model::Timestamp;

use super::REMEMBERED;

/// Answers by key, each with what it follows from: one that would follow from something else now is no answer.
pub(super) struct Known<K, B, V>(BTreeMap<K, Answer<B, V>>);

struct Answer<B, V> {
    at: Timestamp,
    basis: B,
    value: V,
}

impl<K, B, V> Default for Known<K, B, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone, B: PartialEq, V: Clone> Known<K, B, V> {
    /// The answer, if it follows from the same and is no older at `now` than such a value is good for.
    pub(super) fn get(
        &self,
        key: &K,
        basis: &B,
        now: Timestamp,
        good_for: impl Fn(&V) -> Duration,
    ) -> Option<V> {
        let answer = self.0.get(key)?;
        let holds = answer.basis == *basis && now.since(answer.at) < good_for(&answer.value);
        holds.then(|| answer.value.clone())
    }

    /// Remembers an answer, in the place of the oldest where there are too many.
    pub(super) fn put(&mut self, key: K, basis: B, now: Timestamp, value: V) {
        if self.0.len() >= REMEMBERED
            && !self.0.contains_key(&key)
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, answer)| answer.at).map(|(key, _)| key.clone())
        {
            self.0.remove(&oldest);
        }
        self.0.insert(key, Answer { at: now, basis, value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn an_answer_holds_for_its_time_and_for_what_it_follows_from() {
        let mut known = Known::default();
        known.put("a", 1, Timestamp(0), "x");
        let get = |basis, at| known.get(&"a", &basis, Timestamp(at), |_| MINUTE);
        assert_eq!((get(1, 59_999), get(1, 60_000), get(2, 0)), (Some("x"), None, None));
        assert_eq!(known.get(&"b", &1, Timestamp(0), |_| MINUTE), None);
    }

    #[test]
    fn the_oldest_goes_first() {
        let mut known = Known::default();
        for n in 0..=REMEMBERED {
            known.put(n, (), Timestamp(n as i64), n);
        }
        assert_eq!(known.0.len(), REMEMBERED);
        assert_eq!(known.get(&0, &(), Timestamp(0), |_| MINUTE), None);
        assert_eq!(known.get(&1, &(), Timestamp(1), |_| MINUTE), Some(1));
    }
}
