//! What each direction of a link lost in a month, and how long it took, as one end's tests (STAMP) tell it.
//!
//! Only what adds up is used: numbers of tests, and sums over windows. So a month comes to the same by windows and by cells
//! of any width. What nobody knows is left out and given by itself: a test whose direction of loss cannot be told counts in
//! neither, and delays count only where the error of both clocks was known.

use super::Loss;

/// A field of the windows of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sum {
    /// Its sum.
    pub sum: f64,
    /// Over so many windows.
    pub windows: u64,
}

/// What the windows of a stretch of time told; a field that none told is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tests {
    /// Tests that reached the far end.
    pub reflected: Option<Sum>,
    /// Tests that were lost on the way there, and on the way back.
    pub lost: [Option<Sum>; 2],
    /// Tests that were lost in a direction that nobody knows.
    pub undecided: Option<Sum>,
    /// The windows' lengths, seconds.
    pub observed: Option<Sum>,
    /// The windows' median delays there and back, seconds.
    pub delays: [Option<Sum>; 2],
    /// By how much the clocks may have been off in these windows, seconds.
    pub error: Option<Sum>,
}

/// A month of both directions: the way there, and the way back.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ways {
    /// What each lost of the tests whose fate in it is known.
    pub losses: [Loss; 2],
    /// Tests that were lost in a direction that nobody knows.
    pub undecided: u64,
    /// Milliseconds in which the fates of tests were decided.
    pub observed: i64,
    /// Windows.
    pub windows: u64,
    /// Windows that tell delays.
    pub windows_with_delays: u64,
    delays: [f64; 2],
    error: f64,
}

impl Ways {
    /// Adds what the windows of a stretch of time told, if its fields speak of the same windows: they do not where an older
    /// version has kept some of them only, and then no share can be told of it.
    pub fn add(&mut self, tests: &Tests) {
        let Some([reflected, there, back, undecided, observed]) =
            of_one([tests.reflected, tests.lost[0], tests.lost[1], tests.undecided, tests.observed])
        else {
            return;
        };
        self.windows = self.windows.saturating_add(reflected.windows);
        self.observed = self.observed.saturating_add((observed.sum * 1e3).round() as i64);
        self.undecided = self.undecided.saturating_add(whole(undecided));
        let lost = [whole(there), whole(back)];
        let sent = [whole(reflected).saturating_add(lost[0]), whole(reflected)];
        for ((loss, sent), lost) in self.losses.iter_mut().zip(sent).zip(lost) {
            loss.sent = loss.sent.saturating_add(sent);
            loss.lost = loss.lost.saturating_add(lost.min(sent));
        }
        if let Some([there, back, error]) = of_one([tests.delays[0], tests.delays[1], tests.error]) {
            self.windows_with_delays = self.windows_with_delays.saturating_add(there.windows);
            self.delays[0] += there.sum;
            self.delays[1] += back.sum;
            self.error += error.sum;
        }
    }

    /// The means of the windows' median delays, there and back, and how far they may be from the truth, seconds: by the mean
    /// of what the clocks may have been off by. `None` where no window told delays.
    pub fn delays(&self) -> Option<([f64; 2], f64)> {
        let windows = (self.windows_with_delays > 0).then_some(self.windows_with_delays as f64)?;
        Some((self.delays.map(|sum| sum / windows), self.error / windows))
    }
}

/// The fields, if all were told of the same number of windows.
fn of_one<const N: usize>(fields: [Option<Sum>; N]) -> Option<[Sum; N]> {
    let first = fields.first().copied().flatten()?;
    let is_told =
        |field: &Option<Sum>| field.is_some_and(|f| f.windows == first.windows && f.sum.is_finite());
    fields.iter().all(is_told).then(|| fields.map(|field| field.unwrap_or(first)))
}

/// A number of things that was summed up as a mean.
fn whole(sum: Sum) -> u64 {
    sum.sum.round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOWS: u64 = 30;

    /// Sums over so many windows.
    fn over(windows: u64) -> impl Fn(f64) -> Option<Sum> {
        move |sum| Some(Sum { sum, windows })
    }

    /// 30 windows of 10 s with 50 tests each.
    fn stretch() -> Tests {
        let told = over(WINDOWS);
        Tests {
            reflected: told(1_450.0),
            lost: [told(40.0), told(29.0)],
            undecided: told(10.0),
            observed: told(300.0),
            ..Tests::default()
        }
    }

    #[test]
    fn each_direction_is_held_against_the_tests_whose_fate_in_it_is_known() {
        let mut month = Ways::default();
        month.add(&stretch());
        month.add(&stretch());
        assert_eq!(month.losses, [Loss { sent: 2_980, lost: 80 }, Loss { sent: 2_900, lost: 58 }]);
        assert_eq!((month.undecided, month.observed, month.windows), (20, 600_000, 60));
        assert_eq!(month.delays(), None, "no clock was known to be right");
    }

    /// Catches: a month in which a controller was updated, and whose loss is told too small.
    #[test]
    fn what_was_kept_of_some_windows_only_tells_no_share() {
        let (mut month, told) = (Ways::default(), over(WINDOWS));
        for part in [
            Tests { lost: [over(3)(1.0), told(0.0)], ..stretch() },
            Tests { observed: None, ..stretch() },
            Tests { reflected: told(f64::NAN), ..stretch() },
            Tests::default(),
        ] {
            month.add(&part);
        }
        assert_eq!(month, Ways::default());
    }

    /// Catches: a delay that is told to be better known than it is, because windows without one count for its error.
    #[test]
    fn delays_are_means_over_the_windows_that_tell_them_and_so_is_their_error() {
        let (some, told) = (over(10), over(WINDOWS));
        let mut month = Ways::default();
        month.add(&Tests { delays: [some(0.05), some(0.2)], error: some(0.004), ..stretch() });
        month.add(&Tests { delays: [some(0.07), some(0.2)], error: some(0.006), ..stretch() });
        month.add(&Tests { delays: [some(9.0), some(9.0)], error: told(0.001), ..stretch() });
        month.add(&stretch());
        let ([there, back], error) = month.delays().expect("told");
        assert!((there - 0.006).abs() < 1e-12 && (back - 0.02).abs() < 1e-12, "{there} {back}");
        assert!((error - 0.000_5).abs() < 1e-12, "{error}");
        assert_eq!((month.windows_with_delays, month.windows), (20, 120));
    }

    proptest! {
        /// Catches: figures that depend on how wide the cells are, or that overflow.
        #[test]
        fn a_month_is_the_same_by_windows_and_by_cells(
            windows in proptest::collection::vec((0_u32..500, 0_u32..500, 0_u32..500, 0_u32..500, 1_u32..20_000), 1..60),
            width in 1_usize..20,
        ) {
            let cell = |part: &[(u32, u32, u32, u32, u32)]| {
                let count = part.len() as u64;
                // A cell is read as the mean that it has, and as of how many.
                let sum = |of: fn(&(u32, u32, u32, u32, u32)) -> f64| {
                    let mean = part.iter().map(of).sum::<f64>() / count as f64;
                    Some(Sum { sum: mean * count as f64, windows: count })
                };
                Tests {
                    reflected: sum(|w| w.0.into()),
                    lost: [sum(|w| w.1.into()), sum(|w| w.2.into())],
                    undecided: sum(|w| w.3.into()),
                    observed: sum(|w| f64::from(w.4) / 1e3),
                    ..Tests::default()
                }
            };
            let of = |width| {
                let mut month = Ways::default();
                windows.chunks(width).for_each(|part| month.add(&cell(part)));
                month
            };
            let (by_windows, by_cells) = (of(1), of(width));
            prop_assert_eq!(by_windows.losses[0], by_cells.losses[0]);
            prop_assert_eq!(by_windows.observed, by_cells.observed);
            prop_assert_eq!(by_windows.undecided, by_cells.undecided);
            let sent: u64 = windows.iter().map(|w| u64::from(w.0) + u64::from(w.1)).sum();
            prop_assert_eq!(by_windows.losses[0].sent, sent);
            prop_assert!(by_cells.losses.iter().all(|loss| loss.lost <= loss.sent));
        }
    }
}
