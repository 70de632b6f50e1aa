//! From a counter that a profile names to how fast it goes.
//!
//! As with interfaces, two readings that do not belong together say nothing: where the device restarted in between,
//! where the counter went back, and where it is new. What cannot be told is left out.
//!
//! Pure: no clock and no socket.

use std::collections::HashMap;
use std::time::Duration;

use wasl_probe::snmp::walk::Row;
use wasl_probe::snmp::{Datum, Oid};

use super::counters;

/// The counters of one poll. What was not read in the last one is forgotten.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rates {
    before: HashMap<Key, Reading>,
    now: HashMap<Key, Reading>,
}

/// The sensor's place in its profile, and the row.
type Key = (usize, Oid);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    value: Counter,
    at: Duration,
    uptime: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Counter {
    Narrow(u32),
    Wide(u64),
}

impl Rates {
    /// Another poll begins.
    pub(crate) fn begin(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// How much a counter of a row went forward a second since the last poll, if that can be told.
    pub(crate) fn tell(&mut self, sensor: usize, index: &[u32], row: &Row, cell: &Datum) -> Option<f64> {
        let value = match cell {
            Datum::Counter32(n) => Counter::Narrow(*n),
            Datum::Counter64(n) => Counter::Wide(*n),
            _ => return None,
        };
        let reading = Reading { value, at: row.at, uptime: row.uptime };
        let key = (sensor, index.to_vec());
        self.now.insert(key.clone(), reading);
        let before = self.before.get(&key)?;
        let elapsed = reading.at.checked_sub(before.at).filter(|elapsed| !elapsed.is_zero())?;
        let uptimes = before.uptime.zip(reading.uptime);
        if uptimes.is_some_and(|(then, now)| counters::interrupted(then, now, elapsed).is_some()) {
            return None;
        }
        let step = match (before.value, value) {
            (Counter::Wide(then), Counter::Wide(now)) => now.checked_sub(then)?,
            // Half a turn and more is a counter that somebody set back.
            (Counter::Narrow(then), Counter::Narrow(now)) => {
                let step = now.wrapping_sub(then);
                let may_be = now >= then || uptimes.is_some() && step < 1 << 31;
                may_be.then_some(u64::from(step))?
            }
            _ => return None,
        };
        Some(step as f64 / elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rates of one counter at some moments: seconds, `sysUpTime`, and what was read.
    fn rates(readings: &[(u64, u32, Datum)]) -> Vec<Option<f64>> {
        let mut rates = Rates::default();
        let tell = |(at, uptime, cell): &(u64, u32, Datum)| {
            rates.begin();
            let row = Row { at: Duration::from_secs(*at), uptime: Some(*uptime), ..Row::default() };
            rates.tell(0, &[1], &row, cell)
        };
        readings.iter().map(tell).collect()
    }

    #[test]
    fn a_counter_that_goes_on_has_a_rate_from_the_second_poll_on() {
        let narrow = |n| Datum::Counter32(n);
        let read = [
            (10, 1_000, narrow(5)),
            (20, 2_000, narrow(105)),
            (50, 5_000, narrow(u32::MAX - 9)),
            (60, 6_000, narrow(10)),
        ];
        let found = rates(&read);
        assert_eq!((found[0], found[1], found[3]), (None, Some(10.0), Some(2.0)), "{found:?}");
        let wide = [(10, 1_000, Datum::Counter64(1 << 40)), (12, 1_200, Datum::Counter64((1 << 40) + 7))];
        assert_eq!(rates(&wide), [None, Some(3.5)]);
    }

    #[test]
    fn what_does_not_belong_together_has_none() {
        let wide = |n| Datum::Counter64(n);
        assert_eq!(rates(&[(10, 9_000, wide(50)), (20, 300, wide(60))]), [None, None], "it restarted");
        assert_eq!(rates(&[(10, 1_000, wide(50)), (20, 2_000, wide(40))]), [None, None], "it went back");
        let cleared = [(10, 1_000, Datum::Counter32(1 << 30)), (20, 2_000, Datum::Counter32(4))];
        assert_eq!(rates(&cleared)[1], None, "somebody cleared it");
        assert_eq!(rates(&[(10, 1_000, wide(50)), (10, 1_000, wide(60))]), [None, None], "no time went by");
        assert_eq!(rates(&[(10, 1_000, wide(50)), (20, 2_000, Datum::Counter32(60))]), [None, None]);
        assert_eq!(rates(&[(10, 1_000, Datum::Number(1)), (20, 2_000, Datum::Number(2))]), [None, None]);
        let missed = [(10, 1_000, wide(50)), (20, 2_000, Datum::Other), (30, 3_000, wide(90))];
        assert_eq!(rates(&missed), [None; 3]);
    }
}
