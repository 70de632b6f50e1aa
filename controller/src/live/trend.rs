//! The last hour of a few numbers, a cell a minute, for the small drawings beside the values.

use wasl_model::{Timestamp, Value};

/// How many minutes are remembered.
const MINUTES: u32 = 60;

/// The numbers that are remembered of a kind of value, at most two.
pub fn fields(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Host(_) => &["cpu_busy"],
        Value::Interface(_) => &["receive_rate", "transmit_rate"],
        Value::Probe(_) => &["rtt_p50", "loss"],
        _ => &[],
    }
}

/// Means per minute. Tens of thousands of values have one, so each has room for what it remembers and no more.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trend {
    lines: [Option<Box<Line>>; 2],
}

/// The minutes of one number, each in the place of its remainder.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    /// The newest minute, since 1970.
    newest: u32,
    sums: [f32; MINUTES as usize],
    counts: [u8; MINUTES as usize],
}

impl Line {
    /// Takes in a number of a minute; one that is too old, or the 256th of its minute, changes nothing.
    fn put(&mut self, minute: u32, number: f64) {
        if self.newest.saturating_sub(minute) >= MINUTES {
            return;
        }
        for passed in self.newest.saturating_add(1).max(minute.saturating_sub(MINUTES - 1))..=minute {
            let place = (passed % MINUTES) as usize;
            (self.sums[place], self.counts[place]) = (0.0, 0);
        }
        self.newest = self.newest.max(minute);
        let place = (minute % MINUTES) as usize;
        if let Some(count) = self.counts[place].checked_add(1) {
            self.counts[place] = count;
            self.sums[place] += number as f32;
        }
    }

    fn mean(&self, minute: u32) -> Option<f64> {
        let place = (minute % MINUTES) as usize;
        let known = minute <= self.newest && self.newest - minute < MINUTES && self.counts[place] > 0;
        known.then(|| f64::from(self.sums[place]) / f64::from(self.counts[place]))
    }
}

impl Trend {
    /// Adds what a value says.
    pub fn add(&mut self, at: Timestamp, value: &Value) {
        for (index, field) in fields(value).iter().enumerate() {
            if let Some(number) = super::number(value, field) {
                self.put(at, index, number);
            }
        }
    }

    /// Adds one number of the field at `index`.
    pub fn put(&mut self, at: Timestamp, index: usize, number: f64) {
        let (Some(minute), Some(line)) = (minute(at), self.lines.get_mut(index)) else { return };
        let empty = || {
            let (sums, counts) = ([0.0; MINUTES as usize], [0; MINUTES as usize]);
            Box::new(Line { newest: minute, sums, counts })
        };
        line.get_or_insert_with(empty).put(minute, number);
    }

    /// The field at `index` over the hour that ends now, oldest first, `None` where nothing came.
    pub fn line(&self, index: usize, now: Timestamp) -> Vec<Option<f64>> {
        let (end, line) = (minute(now), self.lines.get(index).and_then(Option::as_deref));
        let mean = |back: u32| line?.mean(end?.checked_sub(back)?);
        (0..MINUTES).rev().map(mean).collect()
    }
}

fn minute(at: Timestamp) -> Option<u32> {
    u32::try_from(at.0.div_euclid(60_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_minutes_without_values_stay_empty() {
        let mut trend = Trend::default();
        let at = |minute: i64| Timestamp(minute * 60_000 + 1_000);
        trend.put(at(0), 0, 9.0);
        trend.put(at(100), 0, 2.0);
        trend.put(at(100), 0, 4.0);
        trend.put(at(98), 0, 1.0);
        trend.put(at(20), 0, 5.0);
        let line = trend.line(0, at(101));
        assert_eq!(line.len(), 60);
        assert_eq!(&line[56..], [Some(1.0), None, Some(3.0), None]);
        assert_eq!(line.iter().flatten().count(), 2, "older than an hour is gone");
        assert!(trend.line(1, at(101)).iter().all(Option::is_none));
    }

    #[test]
    fn a_minute_is_forgotten_when_its_place_is_another_minutes() {
        let at = |minute: i64| Timestamp(minute * 60_000);
        let mut trend = Trend::default();
        for minute in 0..200 {
            trend.put(at(minute), 1, minute as f64);
        }
        assert_eq!(trend.line(1, at(199)), (140..200).map(|n| Some(f64::from(n))).collect::<Vec<_>>());
        trend.put(at(230), 1, 7.0);
        let line = trend.line(1, at(230));
        let early = line[..29].iter().map(Option::is_some);
        assert!(early.eq((171..200).map(|_| true)), "what is not an hour old stays: {line:?}");
        assert!(line[29..59].iter().all(Option::is_none) && line[59] == Some(7.0), "{line:?}");
        trend.put(at(1_000_000), 1, 8.0);
        assert_eq!(trend.line(1, at(1_000_000)).iter().flatten().count(), 1);
        let before = trend.clone();
        trend.put(at(5), 1, 9.0);
        trend.put(at(5), 2, 9.0);
        trend.put(Timestamp(i64::MAX), 1, 9.0);
        assert_eq!(trend, before, "too old, no such field, no such minute");
    }

    proptest::proptest! {
        /// Whatever the order, a line is the means of what came of each of the last sixty minutes.
        #[test]
        fn a_line_is_the_means_of_its_minutes(minutes in proptest::collection::vec(0i64..150, 1..120)) {
            let mut trend = Trend::default();
            let mut sums = std::collections::BTreeMap::<i64, (f64, f64)>::new();
            let mut newest = 0;
            for (number, minute) in minutes.into_iter().enumerate() {
                trend.put(Timestamp(minute * 60_000 + 59_999), 0, number as f64);
                newest = newest.max(minute);
                if newest - minute < 60 {
                    let (sum, count) = sums.entry(minute).or_default();
                    (*sum, *count) = (*sum + number as f64, *count + 1.0);
                }
            }
            let expected: Vec<Option<f64>> =
                (newest - 59..=newest).map(|minute| sums.get(&minute).map(|(sum, count)| sum / count)).collect();
            let line = trend.line(0, Timestamp(newest * 60_000));
            let near = |a: &Option<f64>, b: &Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-3,
                (a, b) => a == b,
            };
            proptest::prop_assert!(line.iter().zip(&expected).all(|(a, b)| near(a, b)), "{line:?} is not {expected:?}");
        }
    }
}
