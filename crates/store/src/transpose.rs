//! From batches, which hold what was seen together, to series, which are drawn one by one.

use std::collections::HashMap;

use wasl_model::{Observation, Subject, series};

use crate::rollup::Point;

/// 9999-12-31T23:59:59.999Z. Times beyond it, or before 1970, are a broken clock's.
const LAST_TIME: i64 = 253_402_300_799_999;

/// The points of one agent's observations by subject and field, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Transposed {
    pub(crate) subjects: HashMap<Subject, Vec<(&'static str, Vec<Point>)>>,
    /// How many points there are.
    pub(crate) points: usize,
    /// Observations whose time no calendar shows; they are left out.
    pub(crate) timeless: u64,
}

impl Transposed {
    pub(crate) fn add(&mut self, observations: Vec<Observation>) {
        for observation in observations {
            // A value about another kind of thing has no place in that thing's history.
            if !series::fits(&observation.value, observation.subject.kind) {
                continue;
            }
            let at = observation.at.0;
            if !(0..=LAST_TIME).contains(&at) {
                self.timeless += 1;
                continue;
            }
            let fields = self.subjects.entry(observation.subject).or_default();
            series::points(&observation.value, |name, value| {
                self.points += 1;
                match fields.iter_mut().find(|(field, _)| *field == name) {
                    Some((_, points)) => points.push((at, value)),
                    None => fields.push((name, vec![(at, value)])),
                }
            });
        }
    }

    /// Adds what another part of the same agent's batches held.
    pub(crate) fn merge(&mut self, other: Self) {
        self.points += other.points;
        self.timeless += other.timeless;
        for (subject, theirs) in other.subjects {
            let fields = self.subjects.entry(subject).or_default();
            for (name, points) in theirs {
                match fields.iter_mut().find(|(field, _)| *field == name) {
                    Some((_, own)) => own.extend(points),
                    None => fields.push((name, points)),
                }
            }
        }
    }

    /// The points of one series within `from..=to`.
    pub(crate) fn points_of(
        &self,
        subject: &Subject,
        field: &str,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = Point> {
        self.subjects
            .get(subject)
            .and_then(|fields| fields.iter().find(|(name, _)| *name == field))
            .into_iter()
            .flat_map(|(_, points)| points.iter().copied())
            .filter(move |(at, _)| (from..=to).contains(at))
    }
}
