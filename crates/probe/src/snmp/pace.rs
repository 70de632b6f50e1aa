//! How large, how many and how patient the requests to one device are.
//!
//! The size of a reply follows additive increase and multiplicative decrease: a reply that did not come or
//! would have been too big halves it, each one that came adds a little. How long one is waited for
//! follows RFC 6298, which TCP uses; each attempt has a request-id of its own, so that a reply tells which
//! attempt it answers and every one may be measured.
//!
//! Pure: no clock.

use std::time::Duration;

/// What a reply may take with its headers: a datagram of 1400 bytes, less the headers of IP and UDP. Every
/// tunnel in common use carries that in one piece.
pub const MESSAGE_BYTES: usize = 1400 - 28;
/// The smallest reply that is worth a request: some cells and `sysUpTime`.
const LEAST_BYTES: usize = 120;
/// What each reply that came adds to the size of the next.
const STEP_BYTES: usize = 100;
/// Before anything is known (RFC 6298 2.1).
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
/// Devices answer from a processor that has other things to do; waiting for less makes needless requests.
const LEAST_PATIENCE: Duration = Duration::from_millis(300);
/// How often a request is sent before its lane is given up.
pub const ATTEMPTS: u32 = 3;
/// After this many replies without a loss one request more may be under way.
const CALM: u32 = 50;

/// What has been learnt about one device's way of answering.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// The most that a reply's bindings may take.
    most: usize,
    /// What they are asked to take.
    bytes: usize,
    /// How many requests may be under way at once.
    window: usize,
    widest: usize,
    calm: u32,
    smoothed: Option<Duration>,
    deviation: Duration,
    /// Doubles with each silence, until there is a reply.
    patience: Duration,
    longest: Duration,
}

impl Pace {
    /// A device of which nothing is known. `overhead` is what a message takes besides its bindings, in
    /// bytes; at most `widest` requests are under way at once, and none is awaited for more than `longest`.
    pub fn new(overhead: usize, widest: usize, longest: Duration) -> Self {
        let most = MESSAGE_BYTES.saturating_sub(overhead).max(LEAST_BYTES);
        Self {
            most,
            bytes: most,
            window: widest.max(1),
            widest: widest.max(1),
            calm: 0,
            smoothed: None,
            deviation: Duration::ZERO,
            patience: FIRST_PATIENCE.min(longest),
            longest,
        }
    }

    /// The bytes that a reply's bindings should take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many requests may be under way at once.
    pub fn window(&self) -> usize {
        self.window
    }

    /// How long to wait for a reply.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// A reply came after `rtt`.
    pub fn answered(&mut self, rtt: Duration) {
        // RFC 6298 2.2 and 2.3, with alpha = 1/8 and beta = 1/4.
        let smoothed = match self.smoothed {
            None => {
                self.deviation = rtt / 2;
                rtt
            }
            Some(before) => {
                self.deviation = (self.deviation * 3 + before.abs_diff(rtt)) / 4;
                (before * 7 + rtt) / 8
            }
        };
        self.smoothed = Some(smoothed);
        self.patience = (smoothed + self.deviation * 4).max(LEAST_PATIENCE).min(self.longest);
        self.bytes = (self.bytes + STEP_BYTES).min(self.most);
        self.calm += 1;
        if self.calm >= CALM && self.window < self.widest {
            self.window += 1;
            self.calm = 0;
        }
    }

    /// No reply came in time: it is waited longer, and less is asked of a device that may be slow, or behind
    /// a path that loses what is large.
    pub fn silent(&mut self) {
        self.patience = (self.patience * 2).min(self.longest);
        self.shrink(self.bytes);
        self.window = (self.window / 2).max(1);
        self.calm = 0;
    }

    /// The device said that a reply with `asked` bytes of bindings would be too big for it. That is a limit of
    /// the device, not of the moment, so it stays.
    pub fn too_big(&mut self, asked: usize) {
        self.shrink(asked.min(self.bytes));
        self.most = self.bytes;
    }

    fn shrink(&mut self, from: usize) {
        self.bytes = (from / 2).max(LEAST_BYTES).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn pace() -> Pace {
        Pace::new(60, 3, Duration::from_secs(2))
    }

    #[test]
    fn patience_follows_the_round_trip_time() {
        let mut pace = pace();
        assert_eq!(pace.patience(), FIRST_PATIENCE);
        for _ in 0..50 {
            pace.answered(400 * MS);
        }
        assert!((400 * MS..450 * MS).contains(&pace.patience()), "{:?}", pace.patience());
        for _ in 0..50 {
            pace.answered(2 * MS);
        }
        assert_eq!(pace.patience(), LEAST_PATIENCE);
        pace.silent();
        assert_eq!(pace.patience(), LEAST_PATIENCE * 2);
        for _ in 0..9 {
            pace.silent();
        }
        assert_eq!(pace.patience(), Duration::from_secs(2), "never beyond what the beat of polls leaves");
    }

    #[test]
    fn a_lost_reply_halves_the_size_and_replies_bring_it_back() {
        let mut pace = pace();
        let full = pace.bytes();
        assert_eq!(full, MESSAGE_BYTES - 60);
        pace.silent();
        assert_eq!((pace.bytes(), pace.window()), (full / 2, 1));
        for _ in 0..20 {
            pace.silent();
        }
        assert_eq!(pace.bytes(), LEAST_BYTES);
        for _ in 0..200 {
            pace.answered(MS);
        }
        assert_eq!((pace.bytes(), pace.window()), (full, 3));
    }

    #[test]
    fn what_is_too_big_for_a_device_stays_too_big() {
        let mut pace = pace();
        pace.too_big(1000);
        for _ in 0..100 {
            pace.answered(MS);
        }
        assert_eq!(pace.bytes(), 500);
    }
}
