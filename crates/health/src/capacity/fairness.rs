//! Who uses more of a full line than it pays for.

use std::collections::BTreeMap;
use std::time::Duration;

use wasl_model::Timestamp;
use wasl_model::health::{Health, Reason};

use super::Direction;
use crate::judge::unseen;
use crate::{Judgement, reasons};

/// A line that is used so much has nothing to give away.
const BUSY: f64 = 0.9;
/// And one that is used less than this has again.
const RELAXED: f64 = 0.7;
/// So much above a share is no rounding.
const BEYOND: f64 = 1.05;
/// Who uses less of its share than this wants no more: it is closed, or it is night.
const WANTS: f64 = 0.25;

/// What one institution uses of a line and what it may, down and up, in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Use {
    /// What it uses; `None` where that is not known.
    pub used: [Option<f64>; 2],
    /// What it may use while the line is full; `None` where nothing was agreed.
    pub due: [Option<f64>; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Standing {
    exceeds: bool,
    /// Since when it has looked the other way.
    turning: Option<Timestamp>,
    direction: Option<Direction>,
}

/// Judges the institutions that share one line.
///
/// One exceeds its share when, for `patience`, it uses more than it may of a direction that is nearly full while
/// another uses some of its share, but not all. It is let go when the line has room again, or it is within its share,
/// for half of that. On a line with room nobody is kept from anything, whatever one uses; and who uses next to nothing
/// goes not short of anything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fairness {
    standing: BTreeMap<String, Standing>,
}

impl Fairness {
    /// Takes up what was held before a restart.
    pub fn restore(&mut self, id: &str, exceeds: bool) {
        let new = Standing { exceeds, ..Standing::default() };
        self.standing.entry(id.to_owned()).or_insert(new);
    }

    /// Judges all of them at `now`, in their order. `line`: used over bought, down and up.
    pub fn judge(
        &mut self,
        uses: &[(&str, Use)],
        line: [Option<f64>; 2],
        patience: Duration,
        now: Timestamp,
    ) -> Vec<Judgement> {
        self.standing.retain(|id, _| uses.iter().any(|(known, _)| known == id));
        let judge = |(index, (id, own)): (usize, &(&str, Use))| {
            let others = || uses.iter().enumerate().filter(|(other, _)| *other != index);
            let beyond = Direction::ALL.into_iter().find(|direction| {
                let way = *direction as usize;
                let short = |other: &Use| {
                    other.used[way].zip(other.due[way]).is_some_and(|(u, d)| u < d && u >= d * WANTS)
                };
                let over = own.used[way].zip(own.due[way]).is_some_and(|(used, due)| used > due * BEYOND);
                over && line[way].is_some_and(|load| load >= BUSY)
                    && others().any(|(_, (_, other))| short(other))
            });
            let standing = self.standing.entry((*id).to_owned()).or_default();
            let turns = if standing.exceeds {
                // Still beyond, or not known: it goes on.
                let way = standing.direction.unwrap_or(Direction::Down) as usize;
                let eased = line[way].is_some_and(|load| load < RELAXED)
                    || own.used[way].zip(own.due[way]).is_some_and(|(used, due)| used <= due);
                beyond.is_none() && eased
            } else {
                beyond.is_some()
            };
            if beyond.is_some() {
                standing.direction = beyond;
            }
            if turns {
                let since = *standing.turning.get_or_insert(now);
                let wait = if standing.exceeds { patience / 2 } else { patience };
                if now.since(since) >= wait {
                    (standing.exceeds, standing.turning) = (!standing.exceeds, None);
                }
            } else {
                standing.turning = None;
            }
            judgement(own, line, standing)
        };
        uses.iter().enumerate().map(judge).collect()
    }
}

fn judgement(own: &Use, line: [Option<f64>; 2], standing: &Standing) -> Judgement {
    let parts =
        own.used.iter().zip(own.due).map(|(used, due)| Some((*used)? / due.filter(|due| *due > 0.0)?));
    let parts: Vec<Option<f64>> = parts.collect();
    let percent = |ratio: f64| format!("{:.0}", ratio * 100.0);
    if standing.exceeds {
        let direction = standing.direction.unwrap_or(Direction::Down);
        let told = |ratio: Option<f64>| ratio.map_or_else(|| "?".to_owned(), percent);
        let reason = Reason::new(reasons::SHARE_EXCEEDED)
            .with("direction", direction.as_str())
            .with("percent", told(parts[direction as usize]))
            .with("load_percent", told(line[direction as usize]));
        return Judgement::new(Health::Degraded, reason);
    }
    if own.used == [None, None] {
        return unseen();
    }
    match parts.into_iter().flatten().max_by(f64::total_cmp) {
        Some(part) => {
            Judgement::new(Health::Ok, Reason::new(reasons::SHARE_FAIR).with("percent", percent(part)))
        }
        None => Judgement::new(Health::Ok, Reason::new(reasons::SHARE_COUNTED)),
    }
}
