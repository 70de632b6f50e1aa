//! The time as it is kept while the wall clock is set.
//!
//! Agents take the controller's clock for the truth where theirs is far off it, and everything is judged by how long ago it
//! was seen. A wall clock that is set by an hour would move the history of a whole institution, or make all of it stale. So
//! a step is not followed at once: the time goes on as the clock of the machine's uptime does, and the agents' own clocks
//! decide, each by which of the two it is nearer to. Where the step mended a wrong clock they say so; where there are no
//! agents, the wall clock is all there is.
//!
//! A wall clock that is behind what was kept before the start is wrong, as on a machine without a battery. Then the time
//! goes on from what was kept, and agents that find that nearer say how long the machine was off. It may also be that the
//! clock was ahead when that was kept; so a clock is believed that is far behind, but not before all that was kept: by a time
//! that is wrong by weeks, agents' certificates would be out of date, and nobody could object.
//!
//! Pure.

use std::time::Duration;

/// The wall clock may differ from the time that went by by this much before it counts as set; microseconds.
const TOLERANCE_US: i64 = 2_000_000;
/// How long agents are waited for until the wall clock is followed.
const PATIENCE: Duration = Duration::from_secs(60);
/// A clock is not believed that is behind by up to this.
const NOT_FAR: Duration = Duration::from_hours(7 * 24);
/// How long agents are waited for where the clock is known to be wrong.
const LONG_PATIENCE: Duration = Duration::from_mins(10);
/// Agents are asked after this time: a time server that sets one clock sets others soon after.
const SETTLES: Duration = Duration::from_secs(10);

/// What agents' clocks say of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough is known yet.
    Open,
    /// The time was right before the step, and goes on as before.
    Kept,
    /// The wall clock is right now, and is followed from now on.
    Followed,
}

/// The time that is kept.
#[derive(Debug, Default)]
pub struct Kept {
    /// The wall clock in microseconds since 1970 and the machine's uptime, when they were last looked at.
    last: Option<(i64, Duration)>,
    /// What is added to the wall clock; microseconds.
    correction_us: i64,
    /// The uptime at the last step that is not followed.
    stepped: Duration,
    /// Whether the time is only known not to be before what was kept.
    guessed: bool,
}

impl Kept {
    /// Nothing has been looked at yet.
    pub const fn new() -> Self {
        Self { last: None, correction_us: 0, stepped: Duration::ZERO, guessed: false }
    }

    /// Goes on from the last time that was kept before the start, unless the wall clock is past that or may be right all
    /// the same; by how much it is behind, in microseconds. `first_us` is the first time that was kept.
    pub fn resume(&mut self, first_us: i64, last_us: i64, wall_us: i64, uptime: Duration) -> Option<i64> {
        let behind_us = last_us.saturating_sub(wall_us);
        let is_wrong = wall_us < first_us || i128::from(behind_us) <= NOT_FAR.as_micros() as i128;
        if behind_us <= TOLERANCE_US || !is_wrong {
            return None;
        }
        *self =
            Self { last: Some((wall_us, uptime)), correction_us: behind_us, stepped: uptime, guessed: true };
        Some(behind_us)
    }

    /// The time now, and by how much the wall clock was set since this was last asked, in microseconds.
    pub fn read(&mut self, wall_us: i64, uptime: Duration) -> (i64, Option<i64>) {
        let mut step = None;
        if let Some((before_us, before)) = self.last.replace((wall_us, uptime)) {
            let went_by = i64::try_from(uptime.saturating_sub(before).as_micros()).unwrap_or(i64::MAX);
            let set_by = wall_us.saturating_sub(before_us).saturating_sub(went_by);
            if set_by.saturating_abs() > TOLERANCE_US {
                self.correction_us = self.correction_us.saturating_sub(set_by);
                self.stepped = uptime;
                self.guessed = false;
                step = Some(set_by);
            }
        }
        if self.correction_us.saturating_abs() <= TOLERANCE_US {
            self.correction_us = 0;
        }
        (wall_us.saturating_add(self.correction_us), step)
    }

    /// What is added to the wall clock; microseconds.
    pub fn correction_us(&self) -> i64 {
        self.correction_us
    }

    /// How long the wall clock has been wrong, or right and not followed; nothing if it is followed.
    pub fn unsettled_for(&self, uptime: Duration) -> Option<Duration> {
        (self.correction_us != 0).then(|| uptime.saturating_sub(self.stepped))
    }

    /// Hears how far the clocks of agents are ahead of the time that is kept, in microseconds, as seen since the step.
    pub fn hear(&mut self, ahead_us: impl IntoIterator<Item = i64>, uptime: Duration) -> Verdict {
        let Some(unsettled) = self.unsettled_for(uptime).filter(|since| *since >= SETTLES) else {
            return Verdict::Open;
        };
        let nearer_to_wall =
            |ahead: &i64| ahead.saturating_add(self.correction_us).saturating_abs() < ahead.saturating_abs();
        let (wall, mut kept): (Vec<i64>, Vec<i64>) = ahead_us.into_iter().partition(nearer_to_wall);
        let is_silent = wall.is_empty() && kept.is_empty();
        let patience = if self.guessed { LONG_PATIENCE } else { PATIENCE };
        if wall.len() > kept.len() || is_silent && unsettled >= patience {
            self.correction_us = 0;
            self.guessed = false;
            return Verdict::Followed;
        }
        if is_silent {
            return Verdict::Open;
        }
        if std::mem::take(&mut self.guessed) {
            kept.sort_unstable();
            // It is later than what was kept, whatever they say.
            let off_us = kept[(kept.len() - 1) / 2].max(0);
            self.correction_us = self.correction_us.saturating_add(off_us);
        }
        Verdict::Kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEGIN: i64 = 1_795_000_000_000_000;
    const HOUR: i64 = 3_600_000_000;
    const SECOND: i64 = 1_000_000;

    /// A machine with its wall clock so far off.
    struct Machine {
        kept: Kept,
        up: Duration,
        off: i64,
    }

    impl Machine {
        fn new(off: i64) -> Self {
            let mut machine = Self { kept: Kept::new(), up: Duration::from_secs(1_000), off };
            machine.after(0);
            machine
        }

        /// How far the kept time is off so many seconds later.
        fn after(&mut self, seconds: u64) -> i64 {
            self.up += Duration::from_secs(seconds);
            let truth = BEGIN + self.up.as_micros() as i64;
            self.kept.read(truth + self.off, self.up).0 - truth
        }

        /// The same where agents' clocks are so far off the truth.
        fn hears(&mut self, agents: &[i64]) -> Verdict {
            let own = self.after(0);
            self.kept.hear(agents.iter().map(|off| off - own), self.up)
        }
    }

    #[test]
    fn a_clock_that_is_set_wrong_is_not_followed_while_agents_know_better() {
        let mut machine = Machine::new(0);
        for off in [HOUR, -HOUR, 20 * SECOND] {
            machine.off = off;
            assert_eq!(machine.after(1), 0);
            assert_eq!(machine.hears(&[0, 30_000]), Verdict::Open, "too soon");
            assert_eq!(machine.after(10), 0);
            assert_eq!(machine.hears(&[0, 30_000, HOUR]), Verdict::Kept);
            assert_eq!(machine.after(300), 0);
        }
        machine.off = 0;
        assert_eq!(machine.after(1), 0);
        assert_eq!((machine.kept.correction_us(), machine.kept.unsettled_for(machine.up)), (0, None));
    }

    #[test]
    fn a_clock_that_is_put_right_is_followed_once_agents_confirm_it() {
        let mut machine = Machine::new(-HOUR);
        machine.off = 0;
        assert_eq!(machine.after(1), -HOUR);
        machine.after(10);
        assert_eq!(machine.hears(&[0, 40_000, -HOUR]), Verdict::Followed);
        assert_eq!(machine.after(1), 0);
    }

    #[test]
    fn where_there_is_no_agent_the_wall_clock_is_followed_after_a_while() {
        let mut machine = Machine::new(0);
        machine.off = HOUR;
        machine.after(50);
        machine.after(11);
        assert_eq!(machine.hears(&[]), Verdict::Open, "since the step, not since the start");
        machine.after(60);
        assert_eq!(machine.hears(&[]), Verdict::Followed);
        assert_eq!(machine.after(1), HOUR);
    }

    #[test]
    fn a_start_with_a_clock_that_is_behind_what_was_kept_goes_on_from_there_and_agents_tell_the_rest() {
        let year = 365 * 24 * HOUR;
        let mut machine = Machine::new(-year);
        let stopped = |machine: &Machine| BEGIN + machine.up.as_micros() as i64 - 180 * SECOND;
        let last = stopped(&machine);
        assert_eq!(
            machine.kept.resume(last - HOUR, last, last + 180 * SECOND - year, machine.up),
            Some(year - 180 * SECOND)
        );
        assert_eq!(machine.after(5), -180 * SECOND, "it was off for three minutes");
        machine.after(400);
        assert_eq!(machine.hears(&[]), Verdict::Open, "such a clock is not followed soon");
        // One runs on the same machine.
        assert_eq!(machine.hears(&[0, 40_000, -year]), Verdict::Kept);
        assert_eq!(machine.after(1), 0);
        assert_eq!(machine.hears(&[0, HOUR]), Verdict::Kept);
        assert_eq!(machine.after(1), 0, "told once");
        machine.off = 0;
        assert_eq!((machine.after(1), machine.kept.correction_us()), (0, 0), "put right");

        let mut alone = Machine::new(-year);
        let last = stopped(&alone);
        alone.kept.resume(last - HOUR, last, last + 180 * SECOND - year, alone.up);
        alone.after(601);
        assert_eq!((alone.hears(&[]), alone.after(0)), (Verdict::Followed, -year), "there is nothing else");
    }

    #[test]
    fn a_clock_that_was_put_right_before_any_agent_spoke_is_followed() {
        let mut machine = Machine::new(-HOUR);
        let last = BEGIN + machine.up.as_micros() as i64 - 180 * SECOND;
        machine.kept.resume(0, last, last + 180 * SECOND - HOUR, machine.up);
        machine.off = 0;
        assert_eq!(machine.after(1), -180 * SECOND);
        machine.after(10);
        assert_eq!((machine.hears(&[0, 0]), machine.after(0)), (Verdict::Followed, 0));
    }

    #[test]
    fn a_start_with_a_clock_that_may_be_right_changes_nothing() {
        for since_stopped in [-SECOND, 0, SECOND, HOUR] {
            let mut machine = Machine::new(0);
            let wall = BEGIN + machine.up.as_micros() as i64;
            assert_eq!(machine.kept.resume(0, wall - since_stopped, wall, machine.up), None);
            assert_eq!((machine.after(1), machine.kept.unsettled_for(machine.up)), (0, None));
        }
    }

    /// Catches: a right clock that is not believed because a wrong one was ahead when somebody was seen for the last time;
    /// all certificates are out of date by such a time, so that nobody can come and say so.
    #[test]
    fn what_was_kept_by_a_clock_that_was_far_ahead_holds_nobody_up() {
        let week = 7 * 24 * HOUR;
        let resumes = |first: i64, last: i64| {
            let mut machine = Machine::new(0);
            let wall = BEGIN + machine.up.as_micros() as i64;
            machine.kept.resume(wall + first, wall + last, wall, machine.up).is_some()
        };
        assert!(!resumes(-HOUR, week + SECOND));
        assert!(resumes(-HOUR, week), "agents still have good certificates then");
        assert!(resumes(1, week + SECOND), "before the first agent was enrolled");
        assert!(!resumes(-HOUR, i64::MAX - BEGIN - 2 * HOUR), "nonsense in the store");
    }

    #[test]
    fn who_says_that_it_is_earlier_than_what_was_kept_is_not_followed() {
        let mut machine = Machine::new(-HOUR);
        let last = BEGIN + machine.up.as_micros() as i64;
        machine.kept.resume(0, last, last - HOUR, machine.up);
        machine.after(11);
        assert_eq!(machine.hears(&[-20 * 60 * SECOND]), Verdict::Kept);
        assert_eq!(machine.after(0), 0);
    }

    #[test]
    fn what_a_time_server_does_little_by_little_is_followed() {
        let mut machine = Machine::new(0);
        for _ in 0..10 {
            machine.off += SECOND;
            assert_eq!(machine.after(1), machine.off);
        }
        assert_eq!(machine.kept.unsettled_for(machine.up), None);
    }

    proptest! {
        /// Whatever is done to the wall clock, without a verdict the time goes on as the uptime does, but for what
        /// counts as no step.
        #[test]
        fn the_time_goes_on(steps in prop::collection::vec((0u64..100, -100_000_000_000i64..100_000_000_000), 1..40)) {
            let mut machine = Machine::new(0);
            let count = steps.len() as i64;
            for (seconds, off) in steps {
                machine.off = off;
                let is_off = machine.after(seconds);
                prop_assert!(is_off.abs() <= count * TOLERANCE_US, "{is_off}");
            }
        }

        /// Any words of agents at all.
        #[test]
        fn any_words_are_heard(off in any::<i64>(), ahead in prop::collection::vec(any::<i64>(), 0..9)) {
            let mut kept = Kept::new();
            kept.read(0, Duration::ZERO);
            kept.read(off, Duration::from_secs(1));
            kept.hear(ahead, Duration::from_secs(100));
        }
    }
}
