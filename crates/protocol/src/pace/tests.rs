use super::*;

/// A line that sends one byte after another, and a controller that answers `beside` after a request is through.
struct Line {
    bytes_a_second: f64,
    beside: f64,
    free_at: f64,
}

impl Line {
    /// When the answer to a request that leaves at `now` is there.
    fn carry(&mut self, now: f64, bytes: usize) -> f64 {
        self.free_at = self.free_at.max(now) + bytes as f64 / self.bytes_a_second;
        self.free_at + self.beside
    }
}

/// Runs a backfill for a minute beside a live batch of 2 kB every second: the share of the line that was used, and the
/// longest that a live batch took.
fn run(megabits: f64, beside_ms: f64) -> (f64, f64) {
    let mut line = Line { bytes_a_second: megabits * 125_000.0, beside: beside_ms / 1000.0, free_at: 0.0 };
    let mut pace = Pace::default();
    let mut flights: Vec<(f64, f64, usize, usize)> = Vec::new();
    let (mut now, mut carried, mut slowest, mut live_at) = (0.0, 0usize, 0.0f64, 0.5);
    while now < 60.0 {
        while flights.len() < DEPTH {
            let bytes = pace.size();
            let under_way = pace.sent(bytes);
            flights.push((line.carry(now, bytes), now, bytes, under_way));
        }
        let at = flights.iter().map(|flight| flight.0).fold(f64::INFINITY, f64::min);
        if live_at < at {
            now = live_at;
            slowest = slowest.max(line.carry(now, 2000) - now);
            live_at += 1.0;
            continue;
        }
        now = at;
        let done = flights.iter().position(|flight| flight.0 <= now).expect("the earliest");
        let (_, sent, bytes, under_way) = flights.remove(done);
        pace.answered(bytes, under_way, Duration::from_secs_f64(now - sent));
        carried += bytes;
    }
    (carried as f64 / 60.0 / line.bytes_a_second, slowest)
}

#[test]
fn the_present_is_never_late_and_the_line_is_used() {
    for (megabits, beside_ms, share) in [
        (10.0, 5.0, 0.9),
        (10.0, 40.0, 0.85),
        (10.0, 80.0, 0.6),
        (100.0, 20.0, 0.8),
        (2.0, 60.0, 0.75),
        (0.5, 60.0, 0.8),
    ] {
        let (used, slowest) = run(megabits, beside_ms);
        assert!(slowest < 1.5, "{megabits} Mbit/s, {beside_ms} ms: a live batch took {slowest:.2} s");
        assert!(used >= share, "{megabits} Mbit/s, {beside_ms} ms: {used:.2} of the line is used");
    }
}

#[test]
fn requests_stay_within_their_bounds_whatever_is_measured() {
    let mut pace = Pace::default();
    assert_eq!(pace.size(), FIRST);
    for took in [0, 1, 60_000, 0] {
        let under_way = pace.sent(1 << 20);
        pace.answered(1 << 20, under_way, Duration::from_millis(took));
        assert!((SIZE.0..=SIZE.1).contains(&pace.size()), "{}", pace.size());
    }
    pace.failed(usize::MAX);
    assert_eq!(pace.sent(5), 5);
}
