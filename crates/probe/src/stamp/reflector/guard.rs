//! How often, and never the same twice.

use std::time::Duration;

/// Packets before the highest that can still be told from replays.
const REMEMBERED: u32 = 64;

/// A token bucket that holds one second's worth, kept as the moment when it would be full again.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    full_at: Duration,
}

impl Allowance {
    /// Whether one more may be taken at `now`; none if `per_second` is 0.
    pub(super) fn takes(&mut self, now: Duration, per_second: u32) -> bool {
        let Some(one) = Duration::from_secs(1).checked_div(per_second) else { return false };
        let full_at = self.full_at.max(now) + one;
        if full_at > now + Duration::from_secs(1) {
            return false;
        }
        self.full_at = full_at;
        true
    }
}

/// Which packets of one sender have been answered. A sender that is started anew has another port or
/// identifier, so what an earlier one sent is of another session.
#[derive(Debug, Default)]
pub(super) struct Replays {
    highest: Option<Highest>,
}

#[derive(Debug)]
struct Highest {
    sequence: u32,
    sent: u64,
    /// Bit `n`: the packet `n` before the highest was answered.
    answered: u64,
}

impl Replays {
    /// Whether a packet with this number and time was not answered before; then it is from now on. Numbers
    /// that go back with a time that goes on are a sender that was started anew.
    pub(super) fn is_new(&mut self, sequence: u32, sent: u64) -> bool {
        let begin = Highest { sequence, sent, answered: 1 };
        let Some(highest) = &mut self.highest else {
            self.highest = Some(begin);
            return true;
        };
        let ahead = sequence.wrapping_sub(highest.sequence) as i32;
        if ahead > 0 {
            let answered = highest.answered.checked_shl(ahead.unsigned_abs()).unwrap_or(0) | 1;
            *highest = Highest { sequence, sent, answered };
            return true;
        }
        if (sent.wrapping_sub(highest.sent) as i64) > 0 {
            *highest = begin;
            return true;
        }
        let behind = ahead.unsigned_abs();
        if behind >= REMEMBERED || highest.answered >> behind & 1 == 1 {
            return false;
        }
        highest.answered |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_packets_at_once_and_then_one_at_a_time() {
        let mut allowance = Allowance::default();
        let begin = Duration::from_secs(100);
        let taken = (0..50).filter(|_| allowance.takes(begin, 10)).count();
        assert_eq!(taken, 10);
        assert!(!allowance.takes(begin + Duration::from_millis(99), 10));
        assert!(allowance.takes(begin + Duration::from_millis(100), 10));
        assert!(!allowance.takes(begin + Duration::from_millis(101), 10));
        assert!(!Allowance::default().takes(begin, 0));
    }

    #[test]
    fn no_packet_is_new_twice_in_whatever_order_they_come() {
        let mut replays = Replays::default();
        for (sequence, sent) in [(5, 50), (7, 70), (6, 60), (4, 40), (200, 2000), (150, 1500)] {
            assert!(replays.is_new(sequence, sent), "{sequence}");
            assert!(!replays.is_new(sequence, sent), "{sequence} again");
        }
        assert!(!replays.is_new(7, 70), "too long ago to be told");
        assert!(replays.is_new(0, 3000), "the sender was started anew");
        assert!(!replays.is_new(0, 3000));
    }

    #[test]
    fn numbers_that_begin_again_at_zero_go_on() {
        let mut replays = Replays::default();
        assert!(replays.is_new(u32::MAX, 10) && replays.is_new(0, 11));
        assert!(!replays.is_new(u32::MAX, 10));
    }
}
