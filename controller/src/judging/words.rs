//! From what is known to what the engine is told.

use std::collections::BTreeMap;
use std::time::Duration;

use wasl_health::directions::{Directions, LossLimit};
use wasl_health::{Judgement, Word, judge, reasons};
use wasl_model::health::{EntityState, Health};
use wasl_model::{AgentId, AgentSample, EntityKind, Subject, Timestamp, Value};
use wasl_settings::Settings;

use crate::live::{Latest, State};

/// How often a backup is expected where the configuration no longer says so.
const EXPECT: Duration = Duration::from_secs(86_400);

/// An agent's word on something that it observes; nothing for what is not judged this way.
pub(super) fn of_value(
    latest: &Latest,
    subject: &Subject,
    settings: &Settings,
    every: Duration,
) -> Option<Word> {
    let judgement = match &latest.value {
        Value::Host(host) => judge::machine(host),
        Value::Disk(disk) => judge::disk(disk),
        Value::Interface(interface) => judge::interface(interface, settings.watches(subject)),
        // It stands until the interface is reported again: nobody renews it.
        Value::Gone if subject.kind == EntityKind::Interface && settings.watches(subject) => {
            return Some(Word::new(judge::interface_gone(), latest.at));
        }
        Value::Probe(window) if subject.kind == EntityKind::Link => judge::link(window),
        Value::Probe(window) => judge::target(window),
        Value::Stamp(window) if !subject.id.contains('/') => judge::path(window),
        Value::Device(device) => judge::device(device),
        Value::Sensor(sensor) => judge::sensor(sensor),
        Value::Backup(evidence) => {
            let job = settings.backups().get(&subject.id);
            let expect = job.map_or(EXPECT, |job| job.expect_every.as_duration());
            return Some(Word::of_backup(evidence, expect, latest.at, every));
        }
        // A share is judged together with the others of its line, and what arrives of a path's tests together with what
        // their sender sees; what was found of them holds until then. The others are not judged.
        Value::Share(_)
        | Value::Talkers(_)
        | Value::Stamp(_)
        | Value::Agent(_)
        | Value::Notice(_)
        | Value::Event(_)
        | Value::Neighbour(_)
        | Value::Station(_)
        | Value::Gone => return None,
    };
    Some(Word::sampled(judgement, latest.at, every))
}

/// The words on the two directions of a link, one of each agent that measures them; what the agents say at whose
/// reflectors the tests arrive is part of them.
pub(super) fn of_path(
    directions: &mut BTreeMap<(AgentId, String), Directions>,
    live: &State,
    settings: &Settings,
    link: &str,
    every: Duration,
) -> Vec<(AgentId, Subject, Word)> {
    let Some(configured) = settings.links().get(link) else { return Vec::new() };
    let granted = configured.contract.limits.loss_ppm.map(|ppm| LossLimit::agreed(ppm as f64 / 1e6));
    let limit = granted.unwrap_or(LossLimit::USUAL);
    let window = |agent: &AgentId, id: &str| {
        let latest = live.values.get(&(agent.clone(), Subject::lenient(EntityKind::Path, id)))?;
        let Value::Stamp(window) = &latest.value else { return None };
        Some((latest.at, window.as_ref()))
    };
    let reflecting = || settings.agents().iter().filter(|(_, agent)| agent.reflect.is_some());
    directions.retain(|(agent, of), _| of != link || configured.stamp.iter().any(|test| test.from == *agent));
    configured
        .stamp
        .iter()
        .filter_map(|test| {
            let (at, seen) = window(&test.from, link)?;
            let arriving = format!("{link}/{}", test.from);
            let arrivals = reflecting().filter_map(|(agent, _)| window(agent, &arriving));
            let newest =
                arrivals.max_by_key(|(at, _)| *at).filter(|(then, _)| at.since(*then) <= judge::holds(every));
            let directions = directions.entry((test.from.clone(), link.to_owned())).or_default();
            let judgement = directions.judge(at, seen, limit);
            let judgement = judge::path_from_both_ends(at, seen, judgement, newest);
            let subject = Subject::lenient(EntityKind::Path, link);
            Some((test.from.clone(), subject, Word::sampled(judgement, at, every)))
        })
        .collect()
}

/// The controller's own word on an agent.
pub(super) fn of_agent(
    live: &State,
    agent: &AgentId,
    subject: &Subject,
    connected: bool,
    now: Timestamp,
) -> Word {
    Word::of_agent(connected, Some(now), sample(live, agent, subject), now)
}

fn sample<'a>(live: &'a State, agent: &AgentId, subject: &Subject) -> Option<&'a AgentSample> {
    match &live.values.get(&(agent.clone(), subject.clone()))?.value {
        Value::Agent(sample) => Some(sample),
        _ => None,
    }
}

/// While the controller was away it saw nobody, which says nothing of the agents: each is what it was until
/// it has had the time to come back.
pub(super) fn of_agent_after_restart(
    before: Option<&EntityState>,
    last_seen: Option<Timestamp>,
    started: Timestamp,
) -> Word {
    let away = Word::of_agent(false, last_seen.map(|_| started), None, started);
    let Some(before) = before.filter(|_| last_seen.is_some()) else { return away };
    let kept = kept(before);
    let gone = started.plus(judge::SESSION_GRACE);
    Word::new(kept, started).turning(gone, judge::agent(false, Some(started), None, gone))
}

/// What was found from more than one observation holds over a restart until there are new ones: who exceeds a share,
/// why a line is poor that is still poor, that it is cut for one end only, and which of its directions loses.
pub(super) fn after_restart(
    word: Option<Word>,
    before: Option<&EntityState>,
    subject: &Subject,
    at: Timestamp,
    every: Duration,
) -> Option<Word> {
    let Some(before) = before else { return word };
    let was = |codes: [&str; 2]| codes.contains(&before.reason.code.as_str());
    let laid = was([reasons::LINK_CONGESTED, reasons::LINK_FAULTY]);
    let one_ended = before.reason.code == reasons::LINK_ONE_ENDED;
    let one_way = was([reasons::PATH_CUT_THERE, reasons::PATH_CUT_BACK]);
    let loses = was([reasons::PATH_LOSES_THERE, reasons::PATH_LOSES_BACK]);
    let says = word.as_ref().map(|word| word.judgement.health);
    let still = says == Some(before.health);
    match subject.kind {
        EntityKind::Share if subject.id.contains('/') => Some(Word::sampled(kept(before), at, every)),
        EntityKind::Path if (one_way && still) || (loses && says == Some(Health::Ok)) => {
            Some(Word::sampled(kept(before), at, every))
        }
        EntityKind::Link if (laid && still) || (one_ended && says == Some(Health::Down)) => {
            Some(Word::sampled(kept(before), at, every))
        }
        _ => word,
    }
}

fn kept(before: &EntityState) -> Judgement {
    Judgement {
        health: before.health,
        activity: before.activity.clone(),
        proof: before.proof,
        reason: before.reason.clone(),
        confidence: before.confidence,
    }
}
