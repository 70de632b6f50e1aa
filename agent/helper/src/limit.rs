//! How much anybody may ask: a bucket of permissions that refills with time.

use std::time::Duration;

/// So many at once, and then one in each `every`.
#[derive(Debug, Clone)]
pub struct Bucket {
    size: u32,
    every: Duration,
    left: u32,
    /// Up to when refills were counted.
    counted: Duration,
}

impl Bucket {
    /// Full, at `now` on any clock that only goes forward.
    pub fn new(size: u32, every: Duration, now: Duration) -> Self {
        Self { size, every, left: size, counted: now }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Duration) -> bool {
        let refills = now.saturating_sub(self.counted).as_nanos() / self.every.as_nanos().max(1);
        let refills = u32::try_from(refills).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(refills).min(self.size);
        // A full bucket does not gather time.
        self.counted = if self.left == self.size { now } else { self.counted + self.every * refills };
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Catches: a bucket that gives more than it may over any stretch of time, or that dries up.
        #[test]
        fn it_never_gives_more_than_its_size_and_its_refills(
            pauses in proptest::collection::vec(prop_oneof![8 => 0u64..200, 1 => 0u64..5_000], 1..300),
        ) {
            let (size, every) = (10, Duration::from_secs(1));
            let mut bucket = Bucket::new(size, every, Duration::ZERO);
            let mut now = Duration::ZERO;
            let mut given = Vec::new();
            for pause in pauses {
                now += Duration::from_millis(pause);
                let took = bucket.take(now);
                if took {
                    given.push(now);
                }
                if pause >= 1_000 {
                    prop_assert!(took, "a pause of {pause} ms refills at least one");
                }
            }
            for (index, from) in given.iter().enumerate() {
                let most = |stretch: Duration| u128::from(size) + stretch.as_nanos() / every.as_nanos() + 1;
                for (more, to) in given[index..].iter().enumerate() {
                    prop_assert!((more as u128) < most(to.saturating_sub(*from)));
                }
            }
        }
    }
}
