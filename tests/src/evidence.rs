//! What shows that nothing was lost, doubled or stamped anew: the accounts of both sides, and the agent's own spool on its
//! disk beside the controller's history.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wasl_model::{Observation, series};
use wasl_protocol::batch;
use wasl_spool::format;

use crate::centre::{Agent, Centre};

/// How far around an observation's time the history is read; milliseconds. Wider than any step of a clock in a story.
const AROUND_MS: i64 = 3 * 3_600_000;

/// The account of an epoch, the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The epoch, as text.
    pub epoch: String,
    /// Batches that were given a number.
    pub produced: u64,
    /// Batches that the controller keeps.
    pub stored: u64,
    /// Batches that came again and were recognised.
    pub duplicates: u64,
    /// Batches that were given up, by policy; without those of which there are none.
    pub dropped: BTreeMap<String, u64>,
}

/// The accounts of an agent that waits for nothing, oldest epoch first. Panics, with both sides' words, unless in each epoch
/// produced = stored + dropped, with the same policies and counts on both sides and no number left out.
pub fn balanced(centre: &Centre, agent: &Agent) -> Vec<Account> {
    let (own, theirs) = (agent.spools(), centre.accounts_of(&agent.name));
    let words = format!("{own:#?}\n{theirs:#?}");
    let epochs = |all: &[Value]| all.iter().map(|one| text(&one["epoch"])).collect::<BTreeSet<String>>();
    assert_eq!(epochs(&own), epochs(&theirs), "both sides know the same epochs: {words}");
    let of_epoch = |theirs: &Value| {
        let own = own.iter().find(|own| own["epoch"] == theirs["epoch"]).expect("compared above");
        let produced = number(&own["produced"], &words);
        let stored = number(&theirs["stored"], &words);
        let dropped = counts(&own["dropped"], &words);
        assert_eq!(number(&own["pending"], &words), 0, "something waits: {words}");
        assert_eq!(dropped, counts(&theirs["dropped"], &words), "policies and counts: {words}");
        let given_up: u64 = dropped.values().sum();
        assert_eq!(produced, stored + given_up, "produced = stored + dropped: {words}");
        assert_eq!(number(&own["acknowledged"], &words), stored, "{words}");
        assert_eq!(number(&theirs["contiguous"], &words), produced, "no number is left out: {words}");
        assert_eq!(number(&theirs["last_seq"], &words), produced, "{words}");
        let duplicates = number(&theirs["duplicates_dropped"], &words);
        Account { epoch: text(&theirs["epoch"]), produced, stored, duplicates, dropped }
    };
    theirs.iter().map(of_epoch).collect()
}

/// The same of an agent with one epoch of which nothing may be lost.
pub fn balanced_without_loss(centre: &Centre, agent: &Agent) -> Account {
    let mut all = balanced(centre, agent);
    assert_eq!(all.len(), 1, "its spool was never lost: {all:#?}");
    let account = all.remove(0);
    assert_eq!(account.dropped, BTreeMap::new(), "{account:#?}");
    account
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn number(value: &Value, words: &str) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number: {words}"))
}

fn counts(value: &Value, words: &str) -> BTreeMap<String, u64> {
    let all = value.as_object().unwrap_or_else(|| panic!("{value} has no policies: {words}"));
    let counted = all.iter().map(|(policy, count)| (policy.clone(), number(count, words)));
    counted.filter(|(_, count)| *count > 0).collect()
}

/// A record of a segment on an agent's disk.
#[derive(Debug, Clone)]
pub struct Written {
    /// The segment's file.
    pub file: PathBuf,
    /// Where its first byte lies in it, and one past its last.
    pub place: (usize, usize),
    /// Its number in the epoch.
    pub seq: u64,
    /// Whether it is worth more than a sample.
    pub is_event: bool,
    /// What it says.
    pub observations: Vec<Observation>,
}

/// The records of a spool that are on the disk and sound, whether acknowledged or not, ascending; none before the first
/// start.
pub fn written(spool: &Path) -> Vec<Written> {
    let entries = fs::read_dir(spool).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "segment"));
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let bytes = fs::read(&file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()));
        for span in format::scan(&bytes).records.spans {
            let decoded = batch::decode(span.payload(&bytes));
            let decoded =
                decoded.unwrap_or_else(|error| panic!("batch {} cannot be read: {error}", span.seq));
            assert_eq!((decoded.unknown, decoded.invalid), (0, 0), "batch {} makes no sense", span.seq);
            all.push(Written {
                file: file.clone(),
                place: (span.start, span.end),
                seq: span.seq,
                is_event: span.class == wasl_spool::Class::Event,
                observations: decoded.observations,
            });
        }
    }
    all
}

/// The sequences of `first..=last` that are not on the disk.
pub fn missing(written: &[Written], first: u64, last: u64) -> Vec<u64> {
    let there: BTreeSet<u64> = written.iter().map(|record| record.seq).collect();
    (first..=last).filter(|seq| !there.contains(seq)).collect()
}

/// The points of each series that observations add to the history. Panics where two have one time.
pub fn points<'a>(
    agent: &str,
    records: impl IntoIterator<Item = &'a Written>,
) -> BTreeMap<String, BTreeMap<i64, f64>> {
    let mut all: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
    for record in records {
        for Observation { subject, at, value } in &record.observations {
            series::points(value, |field, number| {
                let points = all.entry(format!("{subject}#{field}@{agent}")).or_default();
                let before = points.insert(at.0, number);
                assert!(
                    before.is_none(),
                    "the agent saw {subject}#{field} twice at {at:?}, the second time in batch {}",
                    record.seq
                );
            });
        }
    }
    all
}

/// Asserts that the controller's history of an agent is exactly what these records of the agent say: each point once, at the
/// agent's own time, with its value, and none besides. Returns how many points were compared.
pub fn assert_history_is(centre: &Centre, agent: &str, records: &[Written]) -> usize {
    let own = points(agent, records);
    assert!(!own.is_empty(), "{agent} has seen nothing");
    let mut compared = 0;
    for (series, own) in own {
        let (first, last) = (own.keys().next().expect("a point"), own.keys().next_back().expect("a point"));
        let kept = centre.history(&series, first - AROUND_MS, last + AROUND_MS);
        let kept: Vec<(i64, f64)> =
            kept.into_iter().filter_map(|(at, value)| value.map(|value| (at, value))).collect();
        let own: Vec<(i64, f64)> = own.into_iter().collect();
        if let Some(at) = (0..own.len().max(kept.len())).find(|at| own.get(*at) != kept.get(*at)) {
            panic!(
                "{series}: the agent has {} points, the controller {}; at place {at} the agent has {:?}, the controller {:?}",
                own.len(),
                kept.len(),
                &own[at.saturating_sub(1).min(own.len())..(at + 3).min(own.len())],
                &kept[at.saturating_sub(1).min(kept.len())..(at + 3).min(kept.len())],
            );
        }
        compared += own.len();
    }
    compared
}
