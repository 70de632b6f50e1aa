//! How far this machine's clock is from the controller's.
//!
//! Each exchange with the controller gives the four times of NTP (RFC 5905, 8): when the request
//! left and the answer came here, when the request came and the answer left there. The offset is
//! known to within half of the time that the exchange spent on the way. The best of the last few
//! exchanges is used, because a short exchange bounds the error tightly and a long one does not.
//!
//! From that, [`Timeline`] keeps the times of observations right while the wall clock is set, and [`Beat`] says when
//! readings are due without asking the wall clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

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
    /// Adds an exchange: this clock when the request left and now that the answer is here, how long the exchange took by
    /// the monotonic clock, and what the controller's clock said. Exchanges that contradict themselves (a clock was set
    /// meanwhile) are left out: what they say is of a clock that is no more. True if this one counts.
    pub fn add(&mut self, (sent_us, now_us): (i64, i64), took_us: u64, remote: ClockReading) -> bool {
        let step_us = now_us.saturating_sub(sent_us).saturating_sub_unsigned(took_us);
        if step_us.saturating_abs() > TOLERANCE_MS * 1000 {
            return false;
        }
        let there = remote.answered_us.saturating_sub(remote.received_us);
        let took = i64::try_from(took_us).unwrap_or(i64::MAX);
        let Some(way) = took.checked_sub(there).filter(|way| *way >= 0 && there >= 0) else {
            return false;
        };
        let received_us = sent_us.saturating_add(took);
        let offset_us = (i128::from(sent_us) - i128::from(remote.received_us) + i128::from(received_us)
            - i128::from(remote.answered_us))
            / 2;
        let Ok(offset_us) = i64::try_from(offset_us) else {
            return false;
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
        true
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

/// The wall clock may differ from the time that went by by this much before it counts as set.
const TOLERANCE_MS: i64 = 500;
/// A clock that is further from the controller's than this is not believed, whatever it did.
const FAR_MS: i64 = 60_000;
/// For so long after a change, observations may still come that were made before it.
const ON_THEIR_WAY: Duration = Duration::from_mins(1);

/// The times that observations get, whatever is done to the wall clock.
///
/// A wall clock that is set while the agent runs would put an hour of observations where others are, or leave an hour empty.
/// So once the controller has confirmed the clock, a step of it is not followed: times go on as the monotonic clock does.
/// At the next exchange the controller's clock decides which is right, the clock as it was set or the time as it was kept;
/// where both are far off, its own time is taken. Before any exchange the wall clock is all there is, and is followed:
/// machines boot in 1970 and learn the date. Pure.
#[derive(Debug, Default)]
pub struct Timeline {
    /// The wall clock as it was last looked at.
    last: Option<(i64, Instant)>,
    /// What is added to the wall clock; milliseconds.
    correction_ms: i64,
    /// What was added before, and until when.
    before: Option<(i64, Instant)>,
    /// An exchange with the controller has shown the clock to be right, or what to add.
    confirmed: bool,
}

impl Timeline {
    /// Looks at the clocks; to be done at least as often as observations come. Returns a step that was seen, milliseconds.
    pub fn observe(&mut self, wall_ms: i64, now: Instant) -> Option<i64> {
        let last = self.last.replace((wall_ms, now));
        let (before_ms, before) = last?;
        let went_by = i64::try_from(now.saturating_duration_since(before).as_millis()).unwrap_or(i64::MAX);
        let step = wall_ms.saturating_sub(before_ms).saturating_sub(went_by);
        if step.saturating_abs() <= TOLERANCE_MS {
            return None;
        }
        if self.confirmed {
            self.before = Some((self.correction_ms, now));
            self.correction_ms = self.correction_ms.saturating_sub(step);
        }
        Some(step)
    }

    /// An exchange told how far the wall clock is from the controller's. Returns what is added from now on if that changed
    /// by more than the tolerance, milliseconds.
    pub fn exchange(&mut self, offset: Offset) -> Option<i64> {
        let (wall_is_off, error) =
            (offset.offset_us / 1000, i64::try_from(offset.error_us / 1000).unwrap_or(i64::MAX));
        let kept_is_off = wall_is_off.saturating_add(self.correction_ms);
        let before = self.correction_ms;
        self.confirmed = true;
        if wall_is_off.saturating_abs() <= kept_is_off.saturating_abs() {
            self.correction_ms = 0;
        }
        let is_off = wall_is_off.saturating_add(self.correction_ms).saturating_abs();
        if is_off.saturating_sub(error) > FAR_MS {
            self.correction_ms = wall_is_off.saturating_neg();
        }
        let changed = self.correction_ms.saturating_sub(before).saturating_abs() > TOLERANCE_MS;
        if let (true, Some((_, now))) = (changed, self.last) {
            self.before = Some((before, now));
        }
        changed.then_some(self.correction_ms)
    }

    /// The time of an observation whose wall clock said `at_ms` a moment ago. Whether that was before or after a step is
    /// told by what is nearest to now.
    pub fn place(&self, at_ms: i64) -> i64 {
        let Some((wall_ms, looked)) = self.last else { return at_ms };
        let now = wall_ms.saturating_add(self.correction_ms);
        let corrected = at_ms.saturating_add(self.correction_ms);
        let placed = if now.abs_diff(corrected) <= now.abs_diff(at_ms) { corrected } else { at_ms };
        let is_fresh = |(_, until): &(i64, Instant)| looked.saturating_duration_since(*until) < ON_THEIR_WAY;
        let Some((before_ms, _)) = self.before.filter(is_fresh) else { return placed };
        // An observation may be some seconds old, so what was added before must fit clearly better.
        let former = at_ms.saturating_add(before_ms);
        if now.abs_diff(former) + FAR_MS.unsigned_abs() < now.abs_diff(placed) { former } else { placed }
    }
}

/// When readings of one agent are due: all on one beat, so that what is read at the same time travels together and its times
/// agree. Monotonic, so that a clock that is set neither skips a reading nor doubles it.
#[derive(Debug, Clone, Copy)]
pub struct Beat {
    begun: Instant,
}

impl Beat {
    /// The beat begins now.
    pub fn begin(now: Instant) -> Self {
        Self { begun: now }
    }

    /// The first beat of this length at least half of it after `since`.
    pub fn after(&self, since: Instant, every: Duration) -> Instant {
        let every = every.max(Duration::from_millis(1));
        let earliest = since.saturating_duration_since(self.begun) + every / 2;
        let beats = earliest.as_nanos().div_ceil(every.as_nanos());
        self.begun + every * u32::try_from(beats).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(received_us: i64, answered_us: i64) -> ClockReading {
        ClockReading { received_us, answered_us }
    }

    const HOUR: i64 = 3_600_000;

    fn offset(ms: i64) -> Offset {
        Offset { offset_us: ms * 1000, error_us: 20_000 }
    }

    /// A machine whose wall clock is `wrong_by` off the controller's; its time goes on by whole seconds.
    struct Machine {
        timeline: Timeline,
        begun: Instant,
        truth_ms: i64,
        wrong_by: i64,
    }

    impl Machine {
        fn new(wrong_by: i64) -> Self {
            let truth_ms = 1_795_000_000_000;
            Self { timeline: Timeline::default(), begun: Instant::now(), truth_ms, wrong_by }
        }

        /// Takes a reading each second; how far its times are from the truth.
        fn read(&mut self, seconds: u32) -> Vec<i64> {
            let mut off = Vec::new();
            for _ in 0..seconds {
                self.truth_ms += 1000;
                let went_by = Duration::from_millis((self.truth_ms - 1_795_000_000_000) as u64);
                let stamp = self.truth_ms + self.wrong_by - 100;
                self.timeline.observe(self.truth_ms + self.wrong_by, self.begun + went_by);
                off.push(self.timeline.place(stamp) - (self.truth_ms - 100));
            }
            off
        }
    }

    #[test]
    fn a_clock_that_is_set_back_and_forth_by_an_hour_moves_no_observation() {
        let mut machine = Machine::new(30);
        assert_eq!(machine.read(3), [30; 3]);
        assert_eq!(machine.timeline.exchange(offset(30)), None);
        for step in [HOUR, -2 * HOUR, HOUR] {
            machine.wrong_by += step;
            assert_eq!(machine.read(5), [30; 5], "while the centre is away");
            assert_eq!(
                machine.timeline.exchange(offset(machine.wrong_by)),
                None,
                "the time as it was kept is right"
            );
            assert_eq!(machine.read(5), [30; 5]);
        }
        assert_eq!(machine.timeline.correction_ms, 0);
    }

    /// Catches: a reading that was made just before the clock was set and is handed in just after it, off by an hour or two.
    #[test]
    fn a_reading_that_the_step_overtakes_stays_where_it_was_made() {
        for confirmed_between in [false, true] {
            let mut machine = Machine::new(30);
            machine.read(3);
            machine.timeline.exchange(offset(30));
            for step in [HOUR, -2 * HOUR, HOUR, -HOUR, 2 * HOUR, -HOUR] {
                let (stamp, truth) = (machine.truth_ms + machine.wrong_by, machine.truth_ms);
                machine.wrong_by += step;
                assert_eq!(machine.read(1), [30], "what is made after it");
                if confirmed_between {
                    machine.timeline.exchange(offset(machine.wrong_by));
                }
                assert_eq!(machine.timeline.place(stamp) - truth, 30, "after a step of {step} ms");
                machine.read(3);
            }
        }
    }

    /// Catches: an observation of some seconds ago that is taken for one from before the clock was put right.
    #[test]
    fn what_is_some_seconds_old_is_not_taken_for_what_was_made_before_a_small_step() {
        let mut machine = Machine::new(20_000);
        machine.read(1);
        machine.timeline.exchange(offset(20_000));
        machine.wrong_by = 0;
        machine.read(1);
        assert_eq!(machine.timeline.exchange(offset(0)), Some(0));
        machine.read(30);
        assert_eq!(machine.timeline.place(machine.truth_ms - 20_000), machine.truth_ms - 20_000);
    }

    #[test]
    fn a_clock_that_was_put_right_is_followed_as_soon_as_the_controller_confirms_it() {
        let mut machine = Machine::new(20_000);
        machine.read(1);
        machine.timeline.exchange(offset(20_000));
        assert_eq!(machine.read(2), [20_000; 2], "not far enough to overrule the machine's own clock");
        machine.wrong_by = 0;
        assert_eq!(machine.read(2), [20_000; 2]);
        assert_eq!(machine.timeline.exchange(offset(0)), Some(0));
        assert_eq!(machine.read(2), [0; 2]);
    }

    #[test]
    fn a_machine_that_boots_in_1970_gets_the_controllers_time_and_one_that_learns_the_date_alone_is_believed()
    {
        let mut machine = Machine::new(-1_795_000_000_000);
        machine.read(2);
        assert_eq!(machine.timeline.exchange(offset(-1_795_000_000_000)), Some(1_795_000_000_000));
        assert_eq!(machine.read(2), [0; 2]);
        machine.wrong_by = 0;
        assert_eq!(machine.read(2), [0; 2], "the date comes later and changes nothing");
        machine.timeline.exchange(offset(0));
        assert_eq!(machine.read(2), [0; 2]);

        let mut alone = Machine::new(-1_795_000_000_000);
        alone.read(2);
        alone.wrong_by = 0;
        assert_eq!(alone.read(2), [0; 2]);
    }

    #[test]
    fn what_was_stamped_before_a_step_and_comes_after_it_keeps_its_time() {
        let mut machine = Machine::new(0);
        machine.read(1);
        machine.timeline.exchange(offset(0));
        let stamped = machine.truth_ms;
        machine.wrong_by = -HOUR;
        machine.read(1);
        assert_eq!(machine.timeline.place(stamped), stamped);
    }

    #[test]
    fn readings_of_one_length_fall_on_one_beat() {
        let begun = Instant::now();
        let (beat, every) = (Beat::begin(begun), Duration::from_secs(10));
        let at = |ms| begun + Duration::from_millis(ms);
        assert_eq!(beat.after(at(0), every), at(10_000));
        assert_eq!(beat.after(at(2_003), every), at(10_000));
        assert_eq!(beat.after(at(7_000), every), at(20_000), "not after next to nothing");
        assert_eq!(beat.after(at(10_004), every), at(20_000), "a late reading does not shift the next");
        assert_eq!(beat.after(at(10_004), Duration::from_secs(3)), at(12_000));
    }

    #[test]
    fn the_shortest_exchange_wins() {
        let mut filter = OffsetFilter::default();
        assert_eq!(filter.best(), None);
        // This clock is 500 µs ahead; the way there takes 100 µs or 4000 µs, the way back 100 µs.
        let add = |filter: &mut OffsetFilter, sent, took, remote| {
            filter.add((sent, sent + took), took as u64, remote)
        };
        assert!(add(&mut filter, 1_000_500, 4_120, remote(1_004_000, 1_004_020)));
        assert!(add(&mut filter, 2_000_500, 220, remote(2_000_100, 2_000_120)));
        assert_eq!(filter.best(), Some(Offset { offset_us: 500, error_us: 100 }));
    }

    #[test]
    fn a_clock_that_was_set_is_believed_at_once() {
        let mut filter = OffsetFilter::default();
        filter.add((1_000_000, 1_000_200), 200, remote(1_000_100, 1_000_100));
        filter.add((3_601_000_000, 3_601_000_400), 400, remote(1_000_200, 1_000_200));
        assert_eq!(filter.best(), Some(Offset { offset_us: 3_600_000_000, error_us: 200 }));
    }

    #[test]
    fn an_exchange_that_contradicts_itself_is_left_out() {
        let mut filter = OffsetFilter::default();
        assert!(!filter.add((0, 100), 100, remote(0, 5_000)));
        assert!(!filter.add((0, 100), 100, remote(5_000, 0)));
        assert_eq!(filter.best(), None);
        filter.add((i64::MIN, i64::MAX), u64::MAX, remote(i64::MAX, i64::MAX));
    }

    #[test]
    fn an_exchange_during_which_the_clock_was_set_says_nothing_of_the_clock_as_it_is() {
        let mut filter = OffsetFilter::default();
        assert!(filter.add((1_000_000, 1_000_200), 200, remote(1_000_100, 1_000_100)));
        // A request waits six seconds in a cut, and meanwhile the clock is set forward by an hour.
        let (sent, took) = (2_000_000, 6_000_000);
        for step in [HOUR * 1000, -HOUR * 1000] {
            assert!(!filter.add((sent, sent + took + step), took as u64, remote(7_900_000, 7_900_000)));
        }
        assert_eq!(filter.best(), Some(Offset { offset_us: 0, error_us: 100 }));
    }
}
