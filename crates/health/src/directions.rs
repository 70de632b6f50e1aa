//! Which direction of a link loses, by its tests of the last minute.
//!
//! One window holds too few tests for a share: one lost of ten is no 10 %. So what the windows tell is summed up, and a
//! direction that loses is held to be so until it clearly does not any more.

use std::collections::VecDeque;
use std::time::Duration;

use wasl_model::health::{Health, Reason};
use wasl_model::{StampWindow, Timestamp};

use crate::judge::path;
use crate::{Judgement, reasons};

/// So long windows count.
const REMEMBERED: Duration = Duration::from_mins(1);
/// Or until there are so many tests, where they are rare.
const ENOUGH: u64 = 50;
/// But no longer than this.
const LONGEST: Duration = Duration::from_mins(15);
/// Fewer tests than this show no share, fewer lost ones none that is lost.
const LEAST_TESTS: u64 = 20;
const LEAST_LOST: u64 = 3;
/// If the loss went on, so many tests in a row would come through with less than this probability.
const OVER: f64 = 0.001;

/// How much one direction may lose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossLimit {
    /// Beyond this it is degraded, 0 to 1.
    pub enter: f64,
    /// Up to this it is well again.
    pub leave: f64,
}

impl LossLimit {
    /// Where nothing was agreed: as the detector of links has it.
    pub const USUAL: Self = Self { enter: 0.03, leave: 0.01 };

    /// What a contract grants, 0 to 1; well again at half of it, as the detector of links has it.
    pub fn agreed(loss: f64) -> Self {
        Self { enter: loss, leave: loss / 2.0 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    at: Timestamp,
    /// Tests whose fate in this direction is known, and those that it lost; there and back.
    tests: [u64; 2],
    lost: [u64; 2],
}

/// What the last windows of one end's tests told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Directions {
    /// By their ends.
    seen: VecDeque<Seen>,
    loses: [bool; 2],
}

impl Directions {
    /// Judges the two directions by a window that ended at `at` and those before it. A window that was already taken in
    /// is not counted again.
    pub fn judge(&mut self, at: Timestamp, window: &StampWindow, limit: LossLimit) -> Judgement {
        let base = path(window);
        if base.health != Health::Ok {
            return base;
        }
        self.take_in(at, window);
        let codes = [reasons::PATH_LOSES_THERE, reasons::PATH_LOSES_BACK];
        let losses = [0, 1].map(|way| self.loss(way, limit));
        let worst = losses.into_iter().zip(codes).filter_map(|(loss, code)| Some((loss?, code)));
        match worst.max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((loss, code)) => {
                let percent = format!("{:.2}", loss * 100.0);
                Judgement {
                    reason: Reason::new(code).with("loss_percent", percent),
                    health: Health::Degraded,
                    ..base
                }
            }
            None => base,
        }
    }

    fn take_in(&mut self, at: Timestamp, window: &StampWindow) {
        if self.seen.back().is_some_and(|last| last.at == at) {
            return;
        }
        // A clock that was set back; what was known by the other time would only confuse.
        self.seen.retain(|seen| seen.at < at);
        let count = |count: Option<wasl_model::units::Count>| count.map_or(0, |count| count.0.min(1 << 32));
        let lost = [count(window.lost_forward), count(window.lost_back)];
        // What reached the other end is what could be lost on the way back.
        let reached = count(window.reflected);
        self.seen.push_back(Seen { at, tests: [reached + lost[0], reached], lost });
        let tests = |seen: &VecDeque<Seen>| seen.iter().map(|seen| seen.tests[0]).sum::<u64>();
        while let Some(first) = self.seen.front().copied() {
            let age = at.since(first.at);
            let enough = tests(&self.seen) - first.tests[0] >= ENOUGH;
            if age > LONGEST || (age > REMEMBERED && enough) {
                self.seen.pop_front();
            } else {
                break;
            }
        }
    }

    /// The loss of a direction, if it is more than it may be.
    fn loss(&mut self, way: usize, limit: LossLimit) -> Option<f64> {
        if self.loses[way] {
            self.forgive(way);
        }
        let sum = |of: fn(&Seen) -> [u64; 2]| self.seen.iter().map(|seen| of(seen)[way]).sum::<u64>();
        let (tests, lost) = (sum(|seen| seen.tests), sum(|seen| seen.lost));
        let loss = lost as f64 / tests.max(1) as f64;
        self.loses[way] = if self.loses[way] {
            loss > limit.leave && lost > 1
        } else {
            tests >= LEAST_TESTS && lost >= LEAST_LOST && loss > limit.enter
        };
        self.loses[way].then_some(loss)
    }

    /// Forgets the losses where the tests since the last of them show that they are over.
    fn forgive(&mut self, way: usize) {
        let Some(last) = self.seen.iter().rposition(|seen| seen.lost[way] > 0) else { return };
        let (until, since) = (self.seen.range(..=last), self.seen.range(last + 1..));
        let (tests, lost) =
            until.fold((0, 0), |(tests, lost), seen| (tests + seen.tests[way], lost + seen.lost[way]));
        let unbroken: u64 = since.map(|seen| seen.tests[way]).sum();
        let loss = (lost as f64 / tests.max(1) as f64).min(1.0 - f64::EPSILON);
        if (1.0 - loss).ln() * (unbroken as f64) < OVER.ln() {
            self.seen.iter_mut().for_each(|seen| seen.lost[way] = 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasl_model::units::Count;

    use super::*;

    const START: Timestamp = Timestamp(1_795_000_000_000);

    fn window(tests: u64, there: u64, back: u64) -> StampWindow {
        StampWindow {
            sent: Some(Count(tests)),
            reflected: Some(Count(tests - there)),
            received: Some(Count(tests - there - back)),
            lost_forward: Some(Count(there)),
            lost_back: Some(Count(back)),
            ..StampWindow::default()
        }
    }

    /// The codes of windows that follow each other every ten seconds.
    fn codes(limit: LossLimit, windows: &[(u64, u64, u64)]) -> Vec<String> {
        let mut directions = Directions::default();
        let judged = windows.iter().zip(1..).map(|((tests, there, back), n)| {
            let at = START.plus(Duration::from_secs(10) * n);
            directions.judge(at, &window(*tests, *there, *back), limit).reason.code
        });
        judged.collect()
    }

    #[test]
    fn the_direction_that_loses_is_named_and_let_go_when_it_is_over() {
        let told =
            codes(LossLimit::USUAL, &[(100, 0, 0), (100, 20, 1), (100, 20, 0), (100, 0, 0), (100, 0, 0)]);
        assert_eq!(
            told,
            ["path_measured", "path_loses_there", "path_loses_there", "path_measured", "path_measured"]
        );
        assert_eq!(codes(LossLimit::USUAL, &[(100, 1, 20)]), ["path_loses_back"]);
        let mut directions = Directions::default();
        let judged = directions.judge(START, &window(100, 20, 0), LossLimit::USUAL);
        assert_eq!((judged.health, judged.reason.args["loss_percent"].as_str()), (Health::Degraded, "20.00"));
    }

    /// Catches: a path that is poor for ten seconds each time one of ten tests is lost.
    #[test]
    fn one_lost_test_of_few_is_no_loss() {
        let rare: Vec<(u64, u64, u64)> = (0..60).map(|n| (10, u64::from(n % 10 == 0), 0)).collect();
        assert!(codes(LossLimit::USUAL, &rare).iter().all(|code| code == "path_measured"), "1 % is not 3 %");
        let single: Vec<(u64, u64, u64)> = (0..90).map(|n| (1, u64::from(n == 40), 0)).collect();
        assert!(codes(LossLimit::USUAL, &single).iter().all(|code| code == "path_measured"));
        let slowly: Vec<(u64, u64, u64)> = (0..90).map(|n| (1, u64::from(n % 4 == 0), 0)).collect();
        assert_eq!(
            codes(LossLimit::USUAL, &slowly).last().expect("some"),
            "path_loses_there",
            "a quarter is"
        );
    }

    #[test]
    fn what_was_agreed_is_what_it_is_held_to() {
        let three_percent = [(100, 0, 3); 6];
        assert_eq!(codes(LossLimit::agreed(0.005), &three_percent).last().expect("some"), "path_loses_back");
        assert_eq!(codes(LossLimit::agreed(0.05), &three_percent).last().expect("some"), "path_measured");
    }

    #[test]
    fn a_window_counts_once_and_silence_is_told_as_it_is() {
        let mut directions = Directions::default();
        for _ in 0..10 {
            let judged = directions.judge(START, &window(10, 1, 0), LossLimit::USUAL);
            assert_eq!(judged.reason.code, "path_measured");
        }
        let silent = StampWindow { sent: Some(Count(9)), received: Some(Count(0)), ..StampWindow::default() };
        let judged = directions.judge(START.plus(REMEMBERED), &silent, LossLimit::USUAL);
        assert_eq!((judged.health, judged.reason.code.as_str()), (Health::Down, "path_silent"));
    }

    proptest! {
        /// Catches: memory without bound, sums that overflow, and a sound direction that is accused.
        #[test]
        fn few_windows_are_kept_and_a_direction_without_loss_is_sound(
            windows in proptest::collection::vec((1_i64..120_000, 0_u64..2000, 0_u64..2000), 1..200),
        ) {
            let (mut directions, mut at) = (Directions::default(), START);
            for (gap, tests, lost) in windows {
                at = Timestamp(at.0 + gap);
                let lost = lost.min(tests);
                let judged = directions.judge(at, &window(tests, lost, 0), LossLimit::USUAL);
                prop_assert_ne!(judged.reason.code, "path_loses_back");
                let kept = directions.seen.front().zip(directions.seen.back());
                prop_assert!(kept.is_none_or(|(first, last)| last.at.since(first.at) <= LONGEST));
            }
        }
    }
}
