//! Whether a line is full, whose fault that is, and whether trouble with it comes of that.
//!
//! * [`Loads`] remembers how much of what was bought was used, and says nothing of times that it does not know.
//! * [`lay`] tells a line that is congested from one that is faulty: lost and late packets come of congestion where
//!   the line was full meanwhile, and of a fault where it was not, either way. What lies between, and what is not known, stays as
//!   the detector told it.
//! * [`Fairness`] finds who uses more of a full line than it pays for while others who want some use less than they pay
//!   for.
//!
//! Pure: times are passed in.

mod fairness;

use std::collections::VecDeque;
use std::time::Duration;

use wasl_model::health::{Health, Reason};
use wasl_model::units::Scalar;
use wasl_model::{ProbeWindow, Timestamp};

use crate::judge::millis;
use crate::{Judgement, reasons};

pub use fairness::{Fairness, Use};

/// Of a full line queues grow and packets are lost.
const CONGESTED: f64 = 0.85;
/// Below this a mean over some seconds hides no burst that could fill the line for long.
const UNLOADED: f64 = 0.5;
/// How long loads are remembered.
const REMEMBERED: Duration = Duration::from_mins(5);
/// The most loads that are remembered.
const MOST: usize = 400;
/// Clocks of two agents, and two readings of one, may be this far apart.
const SLACK: Duration = Duration::from_secs(2);
/// A load that ended longer ago than this says nothing of now.
const FRESH: Duration = Duration::from_secs(90);

/// The two ways of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Towards its last place, or from the Internet.
    Down,
    /// The other way.
    Up,
}

impl Direction {
    /// Both, in the order in which pairs of figures stand.
    pub const ALL: [Self; 2] = [Self::Down, Self::Up];

    /// The word in reasons and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

/// How much of what was bought was used, in the direction where that was most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// The direction.
    pub direction: Direction,
    /// Used over bought.
    pub ratio: f64,
    /// Whether so much arrived over the line that it cannot have been cut meanwhile.
    pub arrived: bool,
    /// Whether the load of both directions is known, so that the other one was not fuller.
    pub whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Spell {
    from: Timestamp,
    to: Timestamp,
    ratio: [Option<f64>; 2],
}

/// How much of a line was used in the last minutes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loads {
    /// By their ends.
    spells: VecDeque<Spell>,
    /// What arrives where it is read; the other direction is read before it has passed the line.
    arriving: Option<Direction>,
}

impl Loads {
    /// Nothing is known yet; `arriving`: which direction has passed the line where it is read.
    pub fn new(arriving: Direction) -> Self {
        Self { arriving: Some(arriving), ..Self::default() }
    }

    /// Between two times so much of what was bought was used, down and up; `None` where that is not known.
    pub fn add(&mut self, from: Timestamp, to: Timestamp, ratio: [Option<f64>; 2]) {
        if self.spells.back().is_some_and(|last| last.to >= to) {
            // A clock that was set back; what was known by the other time would only confuse.
            self.spells.retain(|spell| spell.to < to);
        }
        self.spells.push_back(Spell { from, to, ratio });
        let old = to.minus(REMEMBERED);
        while self.spells.len() > MOST || self.spells.front().is_some_and(|first| first.to < old) {
            self.spells.pop_front();
        }
    }

    /// The largest load between two times; `None` unless all of that time is known in a direction.
    pub fn during(&self, from: Timestamp, to: Timestamp) -> Option<Load> {
        let least_of = |direction: Direction| {
            let within = self.spells.iter().filter(|spell| spell.to > from && spell.from < to);
            within.filter_map(|spell| spell.ratio[direction as usize]).fold(f64::INFINITY, f64::min)
        };
        let most = |direction: Direction| {
            let mut known = from;
            let mut most: Option<f64> = None;
            for spell in &self.spells {
                let Some(ratio) = spell.ratio[direction as usize] else { continue };
                if spell.to > from && spell.from < to {
                    if spell.from > known.plus(SLACK) {
                        return None;
                    }
                    known = known.max(spell.to);
                    most = Some(most.map_or(ratio, |most| most.max(ratio)));
                }
            }
            let ratio = most.filter(|_| known.plus(SLACK) >= to)?;
            let arrived = self.arriving == Some(direction) && least_of(direction) >= CONGESTED;
            Some(Load { direction, ratio, arrived, whole: false })
        };
        let both = Direction::ALL.map(most);
        let whole = both.iter().all(Option::is_some);
        // What is sent into a line that is cut may be counted as more than what arrived before.
        let fuller = |a: &Load, b: &Load| a.arrived.cmp(&b.arrived).then(a.ratio.total_cmp(&b.ratio));
        both.into_iter().flatten().max_by(fuller).map(|load| Load { whole, ..load })
    }

    /// How much is used now, down and up.
    pub fn now(&self, now: Timestamp) -> [Option<f64>; 2] {
        self.spells.back().filter(|last| is_of_now(last.to, now)).map_or([None, None], |last| last.ratio)
    }

    /// Whether nothing was told for so long that nothing is known of now.
    pub fn is_silent(&self, now: Timestamp) -> bool {
        self.spells.back().is_none_or(|last| !is_of_now(last.to, now))
    }
}

/// Whether a load that ended then says anything of now.
pub fn is_of_now(ended: Timestamp, now: Timestamp) -> bool {
    now.since(ended) <= FRESH
}

/// What trouble with a line was laid to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Blame {
    /// It was full.
    Congestion(Load),
    /// It was so full that no probe came through.
    Drowned(Load),
    /// It had room, both ways.
    Fault(Load),
}

/// Lays what a detector found to congestion or to a fault, and says to which.
///
/// `judged`: what [`crate::judge::link`] says of `window`. `load`: how full the line was meanwhile. `before`: to what
/// trouble was laid by the window before, which holds on while the trouble lasts and nothing else is known.
pub fn lay(
    judged: Judgement,
    window: &ProbeWindow,
    load: Option<Load>,
    before: Option<Blame>,
) -> (Judgement, Option<Blame>) {
    let comes_of_load =
        [reasons::LINK_LOSSY, reasons::LINK_SLOW, reasons::LINK_JITTERY, reasons::LINK_FLAPPING];
    if judged.reason.code == reasons::LINK_CUT {
        return drowned(judged, window, load, before);
    }
    if judged.health != Health::Degraded || !comes_of_load.contains(&judged.reason.code.as_str()) {
        return (judged, None);
    }
    let blame = match load {
        Some(load) if load.ratio >= CONGESTED => Some(Blame::Congestion(load)),
        Some(load) if load.whole && load.ratio < UNLOADED => Some(Blame::Fault(load)),
        Some(_) | None => before,
    };
    // What goes up and down on a line with room says more than that it is faulty.
    let told_better = judged.reason.code == reasons::LINK_FLAPPING;
    let blame =
        blame.filter(|blame| !told_better || matches!(blame, Blame::Congestion(_) | Blame::Drowned(_)));
    let Some(blame) = blame else { return (judged, None) };
    (because(judged, window, blame), Some(blame))
}

/// A line that seems cut, because so much traffic goes over it that no probe comes through. Only traffic that has
/// arrived over it shows that. Once it was shown, it holds until something else is known; before, and where nothing
/// is known, what seems cut is cut.
fn drowned(
    judged: Judgement,
    window: &ProbeWindow,
    load: Option<Load>,
    before: Option<Blame>,
) -> (Judgement, Option<Blame>) {
    let blame = match load {
        // Of a window in which it was still whole nothing can be said.
        Some(load) if load.arrived && !window.has_turned() => Some(Blame::Drowned(load)),
        Some(_) => None,
        None => before.filter(|before| matches!(before, Blame::Drowned(_))),
    };
    match blame {
        Some(blame) => {
            let poor = Judgement { health: Health::Degraded, ..judged };
            (because(poor, window, blame), Some(blame))
        }
        None => (judged, None),
    }
}

/// The judgement with the reason that was found.
fn because(judged: Judgement, window: &ProbeWindow, blame: Blame) -> Judgement {
    let (code, load) = match blame {
        Blame::Congestion(load) | Blame::Drowned(load) => (reasons::LINK_CONGESTED, load),
        Blame::Fault(load) => (reasons::LINK_FAULTY, load),
    };
    let loss = window.judged_loss.map(Scalar::value).or_else(|| window.loss());
    let rtt = window.judged_rtt.map(|us| us.0 as f64).or_else(|| window.rtt.quantile(0.5));
    let told = |figure: Option<f64>| figure.map_or_else(|| "?".to_owned(), |figure| format!("{figure:.2}"));
    let mut reason = Reason::new(code)
        .with("load_percent", format!("{:.0}", load.ratio * 100.0))
        .with("loss_percent", told(loss.map(|loss| loss * 100.0)))
        .with("rtt_ms", rtt.map_or_else(|| "?".to_owned(), millis));
    if code == reasons::LINK_CONGESTED {
        reason = reason.with("direction", load.direction.as_str());
    }
    Judgement { reason, ..judged }
}

#[cfg(test)]
mod tests;
