//! What a device's table has had so far, and what of it is gone.
//!
//! Only a reading that brought the whole table says what is not in it; any other says nothing of what it does not show. And
//! one whole reading may have met the device at a moment of its own (a card that starts anew, a table that is just being
//! filled), so what is gone is told after two in a row, once, and comes back by being read again.
//!
//! Pure.

use std::collections::HashMap;
use std::time::Duration;

use wasl_model::Subject;

/// In so many whole readings in a row it was missed: it is gone.
const MISSED: u8 = 2;
/// What is remembered of something that is gone is kept so long, so that one that returns has no gap.
const KEPT: Duration = Duration::from_hours(1);
/// More than this are not remembered, unless they are there: a device that makes an interface for each caller would fill
/// the memory.
const MOST: usize = 4_096;

/// Everything that a table has had, with what is kept of each.
#[derive(Debug, Default)]
pub(crate) struct Known<T>(HashMap<Subject, Row<T>>);

#[derive(Debug, Default)]
struct Row<T> {
    kept: T,
    /// When it was last there.
    seen: Duration,
    /// It was in the reading that is under way.
    here: bool,
    /// In so many whole readings since then it was not.
    missed: u8,
}

impl<T> Row<T> {
    fn see(&mut self, now: Duration) {
        (self.seen, self.here, self.missed) = (now, true, 0);
    }
}

impl<T: Default> Known<T> {
    /// It is in the reading that is under way; what is kept of it.
    pub(crate) fn see(&mut self, subject: &Subject, now: Duration) -> &mut T {
        let row = self.0.entry(subject.clone()).or_default();
        row.see(now);
        &mut row.kept
    }

    /// The table has it, but nothing of it can be told: it is no newcomer, and not gone.
    pub(crate) fn still(&mut self, subject: &Subject, now: Duration) {
        if let Some(row) = self.0.get_mut(subject) {
            row.see(now);
        }
    }

    /// The reading is over; `whole`: it brought all that the table has. Which are gone since.
    pub(crate) fn end(&mut self, whole: bool, now: Duration) -> Vec<Subject> {
        let mut gone = Vec::new();
        self.0.retain(|subject, row| {
            if std::mem::take(&mut row.here) {
                return true;
            }
            if whole && row.missed < MISSED {
                row.missed += 1;
                if row.missed == MISSED {
                    gone.push(subject.clone());
                }
            }
            let is_old = now.saturating_sub(row.seen) >= KEPT;
            if is_old {
                row.kept = T::default();
            }
            // That it was there has to be remembered until it is told that it is no longer.
            !is_old || row.missed < MISSED
        });
        self.forget_excess(now);
        gone.sort_unstable();
        gone
    }

    /// The longest gone go first.
    fn forget_excess(&mut self, now: Duration) {
        let excess = self.0.len().saturating_sub(MOST);
        if excess == 0 {
            return;
        }
        let mut absent: Vec<(Duration, Subject)> = self
            .0
            .iter()
            .filter(|(_, row)| row.seen < now)
            .map(|(subject, row)| (row.seen, subject.clone()))
            .collect();
        absent.sort_unstable();
        for (_, subject) in absent.into_iter().take(excess) {
            self.0.remove(&subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use wasl_model::EntityKind;

    use super::*;

    fn port(n: u32) -> Subject {
        Subject::lenient(EntityKind::Interface, &format!("sw/{n}"))
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A reading at so many seconds; the ports that are told to be gone.
    fn read(known: &mut Known<u32>, seconds: u64, there: &[u32], whole: bool) -> Vec<String> {
        for n in there {
            *known.see(&port(*n), at(seconds)) += 1;
        }
        known.end(whole, at(seconds)).into_iter().map(|subject| subject.id).collect()
    }

    #[test]
    fn gone_is_what_two_whole_readings_in_a_row_did_not_have_and_it_is_told_once() {
        let mut known = Known::default();
        assert_eq!(read(&mut known, 0, &[1, 2], true), [""; 0]);
        assert_eq!(read(&mut known, 10, &[1], true), [""; 0], "once may be a moment of the device's");
        assert_eq!(read(&mut known, 20, &[1], true), ["sw/2"]);
        assert_eq!(read(&mut known, 30, &[1], true), [""; 0], "it is told once");
        assert_eq!(read(&mut known, 40, &[1, 2], true), [""; 0]);
        assert_eq!(known.0[&port(2)].kept, 2, "what was kept of it is still there");
        assert_eq!(read(&mut known, 50, &[1], true), [""; 0]);
        assert_eq!(read(&mut known, 60, &[1], true), ["sw/2"], "and it goes again as it went first");
    }

    /// Catches: ports that leave every page because a lossy line brings half a table.
    #[test]
    fn a_reading_in_part_neither_takes_anything_away_nor_begins_anew() {
        let mut known = Known::default();
        read(&mut known, 0, &[1, 2], true);
        for seconds in 1..100 {
            assert_eq!(read(&mut known, seconds, &[1], false), [""; 0]);
        }
        assert_eq!(read(&mut known, 100, &[1], true), [""; 0]);
        assert_eq!(read(&mut known, 101, &[], false), [""; 0]);
        assert_eq!(read(&mut known, 102, &[1], true), ["sw/2"]);
        read(&mut known, 103, &[1, 2], true);
        read(&mut known, 104, &[1], true);
        read(&mut known, 105, &[2], false);
        assert_eq!(read(&mut known, 106, &[1], true), [""; 0], "half a table shows what it shows");
    }

    #[test]
    fn what_the_table_has_without_a_value_is_not_gone_and_no_newcomer() {
        let mut known = Known::<u32>::default();
        read(&mut known, 0, &[1, 2], true);
        for seconds in 1..10 {
            known.still(&port(2), at(seconds));
            known.still(&port(3), at(seconds));
            assert_eq!(read(&mut known, seconds, &[1], true), [""; 0]);
        }
        assert_eq!(known.0.len(), 2);
    }

    /// Catches: a switch that was off for the night and of which nobody ever hears that a port is missing since.
    #[test]
    fn what_went_while_nothing_could_be_read_is_told_all_the_same() {
        let mut known = Known::default();
        read(&mut known, 0, &[1, 2], true);
        assert_eq!(read(&mut known, 40_000, &[1], true), [""; 0]);
        assert_eq!(known.0[&port(2)].kept, 0, "its readings are too old to be compared with");
        assert_eq!(read(&mut known, 40_010, &[1], true), ["sw/2"]);
        assert_eq!(known.0.len(), 1);
    }

    #[test]
    fn what_is_gone_is_remembered_for_an_hour() {
        let mut known = Known::default();
        read(&mut known, 0, &[1, 2], true);
        for seconds in [10, 20, 3_599] {
            read(&mut known, seconds, &[1], true);
        }
        assert_eq!(known.0.len(), 2);
        read(&mut known, 3_600, &[1], true);
        assert_eq!(known.0.len(), 1);
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for_and_those_that_are_there_stay() {
        let mut known = Known::default();
        let most = u32::try_from(MOST).expect("small");
        let all: Vec<u32> = (0..most).collect();
        read(&mut known, 0, &all[..10], true);
        read(&mut known, 1, &all[10..], false);
        assert_eq!(known.0.len(), MOST);
        read(&mut known, 2, &[most, most + 1, most + 2], false);
        assert_eq!(known.0.len(), MOST);
        let left = |n: u32| known.0.contains_key(&port(n));
        assert_eq!((0..10).filter(|n| left(*n)).count(), 7, "the longest gone go");
        assert!(left(most) && left(most + 2) && left(11));
        let many: Vec<u32> = (0..most + 500).collect();
        read(&mut known, 3, &many, true);
        assert_eq!(known.0.len(), MOST + 500, "all of them are there");
    }

    proptest! {
        /// Whatever comes and goes: what is told to be gone was there, is not there now, and was missed by the last two
        /// whole readings; and each that goes for good is told exactly once.
        #[test]
        fn only_what_was_there_and_is_not_is_told(
            readings in prop::collection::vec((prop::collection::btree_set(0u32..6, 0..6), any::<bool>()), 1..40),
        ) {
            let mut known = Known::<()>::default();
            let mut told = BTreeSet::new();
            for (nth, (there, whole)) in readings.iter().enumerate() {
                let now = at(nth as u64 * 10);
                for n in there {
                    known.see(&port(*n), now);
                    told.remove(n);
                }
                let gone: Vec<u32> = known
                    .end(*whole, now)
                    .iter()
                    .map(|subject| subject.id["sw/".len()..].parse().expect("a number"))
                    .collect();
                for n in gone {
                    prop_assert!(told.insert(n), "{n} was told twice");
                }
                for n in 0..6 {
                    let last = readings[..=nth].iter().rposition(|(there, _)| there.contains(&n));
                    let missed =
                        last.map(|last| readings[last + 1..=nth].iter().filter(|(_, whole)| *whole).count());
                    prop_assert_eq!(told.contains(&n), missed.is_some_and(|missed| missed >= 2), "{} at {}", n, nth);
                }
            }
        }
    }
}
