//! How far this machine's clock is from the controller's.
//!
//! Each exchange with the controller gives the four times of NTP (RFC 5905, 8): when the request
//! left and the answer came here, when the request came and the answer left there. The offset is
//! known to within half of the time that the exchange spent on the way. The best of the last few
//! exchanges is used, because a short exchange bounds the error tightly and a long one does not.

use std::collections::VecDeque;

use wasl_protocol::message::ClockReading;

/// How many exchanges are remembered.
const REMEMBERED: usize = 8;

/// An estimate in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// This clock minus the controller's.
    pub offset_us: i64,
    /// The truth lies within plus or minus this.
    pub error_us: u64,
}

/// The last exchanges.
#[derive(Debug, Default)]
pub struct OffsetFilter {
    last: VecDeque<Offset>,
}

impl OffsetFilter {
    /// Adds an exchange: this clock when the request left, how long the exchange took by the
    /// monotonic clock, and what the controller's clock said. Exchanges that contradict themselves
    /// (a clock was set meanwhile) are left out.
    pub fn add(&mut self, sent_us: i64, took_us: u64, remote: ClockReading) {
        let there = remote.answered_us.saturating_sub(remote.received_us);
        let took = i64::try_from(took_us).unwrap_or(i64::MAX);
        let Some(way) = took.checked_sub(there).filter(|way| *way >= 0 && there >= 0) else {
            return;
        };
        let received_us = sent_us.saturating_add(took);
        let offset_us = (i128::from(sent_us) - i128::from(remote.received_us) + i128::from(received_us)
            - i128::from(remote.answered_us))
            / 2;
        let Ok(offset_us) = i64::try_from(offset_us) else {
            return;
        };
        let new = Offset { offset_us, error_us: (way as u64).div_ceil(2) };
        // A clock that was set makes the older estimates worthless.
        if self.last.iter().any(|old| !compatible(*old, new)) {
            self.last.clear();
        }
        self.last.push_back(new);
        if self.last.len() > REMEMBERED {
            self.last.pop_front();
        }
    }

    /// The tightest of the remembered estimates.
    pub fn best(&self) -> Option<Offset> {
        self.last.iter().min_by_key(|o| o.error_us).copied()
    }
}

/// Whether two estimates can both be true of clocks that drift by at most a millisecond meanwhile.
fn compatible(a: Offset, b: Offset) -> bool {
    a.offset_us.abs_diff(b.offset_us) <= a.error_us.saturating_add(b.error_us).saturating_add(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(received_us: i64, answered_us: i64) -> ClockReading {
        ClockReading { received_us, answered_us }
    }

    #[test]
    fn the_shortest_exchange_wins() {
        let mut filter = OffsetFilter::default();
        assert_eq!(filter.best(), None);
        // This clock is 500 µs ahead; the way there takes 100 µs or 4000 µs, the way back 100 µs.
        filter.add(1_000_500, 4_120, remote(1_004_000, 1_004_020));
        filter.add(2_000_500, 220, remote(2_000_100, 2_000_120));
        assert_eq!(filter.best(), Some(Offset { offset_us: 500, error_us: 100 }));
    }

    #[test]
    fn a_clock_that_was_set_is_believed_at_once() {
        let mut filter = OffsetFilter::default();
        filter.add(1_000_000, 200, remote(1_000_100, 1_000_100));
        filter.add(3_601_000_000, 400, remote(1_000_200, 1_000_200));
        assert_eq!(filter.best(), Some(Offset { offset_us: 3_600_000_000, error_us: 200 }));
    }

    #[test]
    fn an_exchange_that_contradicts_itself_is_left_out() {
        let mut filter = OffsetFilter::default();
        filter.add(0, 100, remote(0, 5_000));
        filter.add(0, 100, remote(5_000, 0));
        assert_eq!(filter.best(), None);
        filter.add(i64::MIN, u64::MAX, remote(i64::MAX, i64::MAX));
    }
}
