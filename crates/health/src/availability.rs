//! How much of a month something was available, and whether that is what was promised.
//!
//! Time that nobody observed is neither up nor down. Availability is told over the observed time, with
//! the best and the worst that the month can have been, and a promise is called broken only if it is
//! even in the best case. Announced maintenance is left out on both sides and stated apart.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasl_model::Timestamp;
use wasl_model::units::{Millis, Ppm};

/// What something was during a span of time. Where spans overlap, the later one in this list holds:
/// whoever saw it down knew more than who saw it up, and maintenance was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Was {
    /// Nobody can say.
    Unknown,
    /// It worked.
    Up,
    /// It worked badly.
    Degraded,
    /// It did not work.
    Down,
    /// Work on it had been announced.
    Maintenance,
}

/// A stretch of time in which something was the same. It ends right before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it; a span that ends before it begins counts for nothing.
    pub to: Timestamp,
    /// What it was.
    pub was: Was,
}

/// What was promised for a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The least availability.
    pub availability: Ppm,
    /// Whether degraded time counts as time in which it did not work.
    pub degraded_is_down: bool,
    /// The longest that one outage may take.
    pub longest_outage: Option<Millis>,
}

/// Whether a promise was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It was, whatever happened while nobody looked.
    Kept,
    /// It was not, whatever happened while nobody looked.
    Broken,
    /// It depends on time that nobody observed, or that has not passed.
    CannotBeTold,
}

/// An outage: from where it was first seen down until it was seen to work again. Unknown time and
/// maintenance in between neither end it nor add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// When it began, or the month.
    pub from: Timestamp,
    /// For how long it was down.
    pub down: Millis,
}

/// The account of a month. The six parts add up to its length.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    /// It worked.
    pub up: Millis,
    /// It worked badly.
    pub degraded: Millis,
    /// It did not work.
    pub down: Millis,
    /// Nobody can say.
    pub unknown: Millis,
    /// Work on it had been announced.
    pub maintenance: Millis,
    /// It has not passed yet.
    pub ahead: Millis,
    /// How many outages there were.
    pub outages: u32,
    /// The longest of them; of equals, the first.
    pub longest: Option<Outage>,
}

/// Reckons the month from `from` until right before `to`, as far as it has passed by `now`. The spans may
/// come in any order, overlap, and reach beyond the month; what none of them covers is unknown.
pub fn reckon(
    from: Timestamp,
    to: Timestamp,
    now: Timestamp,
    spans: impl IntoIterator<Item = Span>,
) -> Account {
    let to = to.max(from);
    let passed = now.clamp(from, to);
    let mut edges = Vec::new();
    for span in spans {
        let (begin, end) = (span.from.max(from), span.to.min(passed));
        if begin < end {
            edges.push((begin, span.was, true));
            edges.push((end, span.was, false));
        }
    }
    edges.sort_unstable();
    let mut account = Account { ahead: between(passed, to), ..Account::default() };
    let mut open = [0u64; 5];
    let (mut at, mut outage) = (from, None);
    for (edge, was, begins) in edges.into_iter().chain([(passed, Was::Unknown, true)]) {
        if edge > at {
            account.add(at, edge, strongest(&open), &mut outage);
            at = edge;
        }
        let count = &mut open[was as usize];
        // An end sorts before a beginning at the same moment; it never comes before its own beginning.
        *count = if begins { *count + 1 } else { count.saturating_sub(1) };
    }
    account.end(outage);
    account
}

impl Account {
    fn add(&mut self, from: Timestamp, to: Timestamp, was: Was, outage: &mut Option<Outage>) {
        let length = between(from, to);
        let part = match was {
            Was::Unknown => &mut self.unknown,
            Was::Up => &mut self.up,
            Was::Degraded => &mut self.degraded,
            Was::Down => &mut self.down,
            Was::Maintenance => &mut self.maintenance,
        };
        part.0 += length.0;
        match was {
            Was::Up | Was::Degraded => self.end(outage.take()),
            Was::Down => outage.get_or_insert(Outage { from, down: Millis(0) }).down.0 += length.0,
            Was::Unknown | Was::Maintenance => {}
        }
    }

    fn end(&mut self, outage: Option<Outage>) {
        let Some(outage) = outage else { return };
        self.outages += 1;
        if self.longest.is_none_or(|longest| outage.down > longest.down) {
            self.longest = Some(outage);
        }
    }

    /// How long the month is.
    pub fn month(&self) -> Millis {
        let parts = [self.up, self.degraded, self.down, self.unknown, self.maintenance, self.ahead];
        Millis(parts.iter().map(|part| part.0).sum())
    }

    /// The share of the observed time, without maintenance, in which it worked, well or badly. `None` if
    /// nothing was observed.
    pub fn availability(&self) -> Option<f64> {
        let worked = self.up.0 + self.degraded.0;
        share(worked, worked + self.down.0)
    }

    /// The least and the most that [availability](Self::availability) over the whole month can come to,
    /// if all that nobody observed or that has not passed is down, or up. `None` if the whole month is
    /// maintenance.
    pub fn bounds(&self) -> Option<(f64, f64)> {
        let worked = self.up.0 + self.degraded.0;
        let open = self.unknown.0 + self.ahead.0;
        let all = worked + self.down.0 + open;
        Some((share(worked, all)?, share(worked + open, all)?))
    }

    /// The mean time to repair: down time by outages. `None` without an outage.
    pub fn mean_time_to_repair(&self) -> Option<Duration> {
        self.down.0.checked_div(self.outages.into()).map(Duration::from_millis)
    }

    /// The mean time between failures: working time by outages. `None` without an outage.
    pub fn mean_time_between_failures(&self) -> Option<Duration> {
        (self.up.0 + self.degraded.0).checked_div(self.outages.into()).map(Duration::from_millis)
    }

    /// Whether this is what was promised.
    pub fn kept(&self, promise: &Promise) -> Kept {
        let spoilt = if promise.degraded_is_down { self.degraded.0 } else { 0 };
        let worked = self.up.0 + self.degraded.0 - spoilt;
        let open = self.unknown.0 + self.ahead.0;
        let all = worked + spoilt + self.down.0 + open;
        // Compared as whole numbers: 99.9 % of a month to the millisecond.
        let enough = |worked: u64| {
            u128::from(worked) * 1_000_000 >= u128::from(all) * u128::from(promise.availability.0)
        };
        let longest = self.longest.map_or(0, |outage| outage.down.0);
        let limit = promise.longest_outage.map_or(u64::MAX, |limit| limit.0);
        if !enough(worked + open) || longest > limit {
            Kept::Broken
        } else if enough(worked) && longest.saturating_add(open) <= limit {
            Kept::Kept
        } else {
            Kept::CannotBeTold
        }
    }
}

fn strongest(open: &[u64; 5]) -> Was {
    let order = [Was::Maintenance, Was::Down, Was::Degraded, Was::Up];
    order.into_iter().find(|was| open[*was as usize] > 0).unwrap_or(Was::Unknown)
}

fn between(from: Timestamp, to: Timestamp) -> Millis {
    Millis(to.0.abs_diff(from.0))
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

#[cfg(test)]
mod tests;
