//! How full the lines are, from what their interfaces carry; and from that, why a poor line is poor and who uses more
//! than a share. What is decided is decided in [`wasl_health::capacity`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wasl_health::capacity::{Blame, Direction, Fairness, Loads, Use, is_of_now, lay};
use wasl_health::{Engine, Judgement, Word, judge, reasons};
use wasl_model::health::EntityState;
use wasl_model::{AgentId, EntityKind, Subject, Timestamp, Value};
use wasl_settings::{Link, Rate, Settings};

use crate::lines::{self, Meter};
use crate::live::{Key, Latest, State, number};

/// The lines whose load is known, and what was found of them.
#[derive(Debug, Default)]
pub(super) struct Capacity {
    lines: BTreeMap<String, Line>,
    /// Which lines an interface tells of.
    metered: BTreeMap<Key, BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Line {
    /// In the order in which they are asked.
    meters: Vec<Meter>,
    /// Which of them is asked: the first that tells of now, since two may carry the same traffic.
    asked: Option<usize>,
    /// Bits per second, down and up.
    contract: [Option<u64>; 2],
    loads: Loads,
    /// To what each end's trouble was laid.
    blame: BTreeMap<AgentId, Blame>,
    fairness: Fairness,
}

impl Capacity {
    /// Follows the configuration; what is known of a line that is still there is kept.
    pub(super) fn configure(&mut self, settings: &Settings, engine: &Engine) {
        let mut before = std::mem::take(&mut self.lines);
        self.metered.clear();
        for (id, link) in settings.links() {
            let mut line = before.remove(id).unwrap_or_default();
            let meters = lines::meters(settings, link);
            if meters != line.meters {
                (line.meters, line.asked, line.loads) = (meters, None, Loads::default());
            }
            line.contract =
                [link.contract.down, link.contract.up].map(|rate| rate.map(Rate::bits_per_second));
            for meter in &line.meters {
                let key = (meter.agent.clone(), meter.interface.clone());
                self.metered.entry(key).or_default().insert(id.clone());
            }
            for share in link.accounting.iter().flat_map(|accounting| &accounting.shares) {
                let state = engine.state(&subject(id, &share.id));
                line.fairness.restore(&share.id, state.is_some_and(exceeds));
            }
            self.lines.insert(id.clone(), line);
        }
    }

    /// Takes in what an agent said; the lines of which something may be known now that was not before.
    pub(super) fn note(&mut self, key: &Key, latest: &Latest, now: Timestamp) -> BTreeSet<String> {
        let (_, subject) = key;
        match (&latest.value, subject.kind) {
            (Value::Interface(sample), _) => {
                let Some(metered) = self.metered.get(key) else { return BTreeSet::new() };
                let Some(interval) = sample.interval else { return BTreeSet::new() };
                let from = latest.at.minus(Duration::from_millis(interval.0));
                for id in metered {
                    let Some(line) = self.lines.get_mut(id) else { continue };
                    let place =
                        line.meters.iter().position(|m| (&m.agent, &m.interface) == (&key.0, subject));
                    let Some(place) = place.filter(|place| line.asks(*place, latest.at, now)) else {
                        continue;
                    };
                    if line.asked.replace(place) != Some(place) {
                        let down = line.meters[place].receives_down;
                        line.loads = Loads::new(if down { Direction::Down } else { Direction::Up });
                    }
                    let used = line.meters[place].fields().map(|field| number(&latest.value, field));
                    let ratio = |way: usize| {
                        let bought = line.contract[way].filter(|bits| *bits > 0)?;
                        Some(used[way]? * 8.0 / bought as f64)
                    };
                    line.loads.add(from, latest.at, [ratio(0), ratio(1)]);
                }
                metered.clone()
            }
            (_, EntityKind::Share) => {
                BTreeSet::from([subject.id.split_once('/').map_or(&*subject.id, |(link, _)| link).to_owned()])
            }
            _ => BTreeSet::new(),
        }
    }

    /// Why a line that one of its ends finds poor is so.
    pub(super) fn laid(&mut self, agent: &AgentId, link: &str, latest: &Latest) -> Option<Judgement> {
        let Value::Probe(window) = &latest.value else { return None };
        let judged = judge::link(window);
        let Some(line) = self.lines.get_mut(link) else { return Some(judged) };
        let length = window.window.map_or(Duration::ZERO, |window| Duration::from_millis(window.0));
        let load = line.loads.during(latest.at.minus(length), latest.at);
        let (judged, blame) = lay(judged, window, load, line.blame.remove(agent));
        if let Some(blame) = blame {
            line.blame.insert(agent.clone(), blame);
        }
        Some(judged)
    }

    /// What is to be said of those who share a line.
    pub(super) fn shares(
        &mut self,
        id: &str,
        link: &Link,
        live: &State,
        every: Duration,
        now: Timestamp,
    ) -> Vec<(AgentId, Subject, Word)> {
        let (Some(accounting), Some(line)) = (&link.accounting, self.lines.get_mut(id)) else {
            return Vec::new();
        };
        let agent = &accounting.from;
        let latest = |share: &str| live.values.get(&(agent.clone(), subject(id, share))).map(AsRef::as_ref);
        let fresh = |latest: &&Latest| latest.is_of_now(every, now);
        let uses: Vec<(&str, Use)> = accounting
            .shares
            .iter()
            .map(|share| {
                let value = latest(&share.id).filter(fresh).map(|latest| &latest.value);
                let bits = |field| number(value?, field).map(|bytes| bytes * 8.0);
                let due = [link.contract.down, link.contract.up].map(|contracted| {
                    share.share.and_then(|share| share.of(contracted)).map(|bits| bits as f64)
                });
                (share.id.as_str(), Use { used: [bits("down_rate"), bits("up_rate")], due })
            })
            .collect();
        let patience = accounting.breach_after.as_duration();
        let judged = line.fairness.judge(&uses, line.loads.now(now), patience, now);
        uses.iter()
            .zip(judged)
            .filter_map(|((share, _), judgement)| {
                let at = latest(share)?.at;
                Some((agent.clone(), subject(id, share), Word::sampled(judgement, at, every)))
            })
            .collect()
    }
}

impl Line {
    /// Whether a meter is heard that tells of a time that ended then: the one that is asked; one before it; and, once
    /// that one has fallen silent, one behind it. What is old takes the place of nobody.
    fn asks(&self, place: usize, at: Timestamp, now: Timestamp) -> bool {
        match self.asked {
            None => true,
            Some(asked) if asked == place => true,
            Some(asked) => is_of_now(at, now) && (place < asked || self.loads.is_silent(now)),
        }
    }
}

fn subject(link: &str, share: &str) -> Subject {
    Subject::lenient(EntityKind::Share, &format!("{link}/{share}"))
}

fn exceeds(state: &EntityState) -> bool {
    state.reason.code == reasons::SHARE_EXCEEDED
}

#[cfg(test)]
mod tests;
