//! Judges every entity anew as observations come and as they grow old.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wasl_health::{Judgement, judge, since};
use wasl_model::{AgentId, EntityKind, Subject, Timestamp, Value};
use wasl_settings::Settings;

use crate::board::{Board, Entity};
use crate::live::State;
use crate::shared::Shared;
use crate::time::now;

/// Judgements are renewed at least this often, because values grow old without a word.
const RENEW: Duration = Duration::from_secs(1);

/// Renews the board until `stop`.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), std::convert::Infallible> {
    let mut live = shared.live.changes();
    let mut sessions = shared.sessions.changes();
    loop {
        let now = now();
        let board = evaluate(&shared, now);
        shared.boards.replace(board, now);
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(RENEW) => {}
            _ = live.changed() => {}
            _ = sessions.changed() => {}
        }
        // A burst of changes is judged once.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn evaluate(shared: &Shared, now: Timestamp) -> Board {
    let before = shared.boards.board();
    let settings = shared.intent.settings();
    let mut board = Board::default();
    let mut put = |subject: Subject, judgement: Judgement, agent: Option<AgentId>, at: Option<Timestamp>| {
        let site = agent.as_ref().and_then(|a| shared.site_of(a));
        // Where several agents see a thing, the worst word decides.
        if let Some(other) = board.entities.get(&subject)
            && other.state.health >= judgement.health
        {
            return;
        }
        let state = since(before.entities.get(&subject).map(|e| &e.state), judgement, now);
        board.entities.insert(subject.clone(), Entity { subject, state, site, agent, at });
    };

    let live = shared.live.read();
    for (key, latest) in &live.values {
        let (agent, subject) = key;
        if subject.kind == EntityKind::Agent || !shared.intent.may_speak(agent, subject) {
            continue;
        }
        let judgement = judge_value(&latest.value, subject, &settings, now);
        let every = shared.intent.every(agent, subject);
        let judgement = judge::fresh(latest.at, every, now, judgement);
        put(subject.clone(), judgement, Some(agent.clone()), Some(latest.at));
    }
    for record in shared.agents().iter().filter(|r| r.revoked.is_none()) {
        let subject = Subject::lenient(EntityKind::Agent, record.id.as_str());
        let sample = agent_sample(&live, &record.id, &subject);
        let connected = shared.sessions.is_connected(&record.id);
        let last_seen = if connected {
            Some(now)
        } else {
            // While the controller was away it saw nobody, which says nothing of the agents.
            let known = record.last_seen.max(before.entities.get(&subject).and_then(|e| e.at));
            known.map(|at| at.max(shared.started))
        };
        let judgement = judge::agent(connected, last_seen, sample.map(|(_, s)| s), now);
        put(subject, judgement, Some(record.id.clone()), last_seen);
    }
    drop(live);

    let expected = settings
        .targets()
        .iter()
        .flat_map(|(id, t)| t.from.iter().map(move |a| (EntityKind::Target, id, a)))
        .chain(settings.devices().iter().map(|(id, d)| (EntityKind::Device, id, &d.from)))
        .chain(settings.backups().iter().map(|(id, b)| (EntityKind::BackupJob, id, &b.from)));
    for (kind, id, agent) in expected {
        let subject = Subject::lenient(kind, id);
        board.entities.entry(subject.clone()).or_insert_with(|| {
            let state = since(before.entities.get(&subject).map(|e| &e.state), judge::unseen(), now);
            Entity { subject, state, site: shared.site_of(agent), agent: Some(agent.clone()), at: None }
        });
    }
    board
}

fn agent_sample<'a>(
    live: &'a State,
    agent: &AgentId,
    subject: &Subject,
) -> Option<(Timestamp, &'a wasl_model::AgentSample)> {
    let latest = live.values.get(&(agent.clone(), subject.clone()))?;
    match &latest.value {
        Value::Agent(sample) => Some((latest.at, sample)),
        _ => None,
    }
}

fn judge_value(value: &Value, subject: &Subject, settings: &Settings, now: Timestamp) -> Judgement {
    match value {
        Value::Host(host) => judge::machine(host),
        Value::Disk(disk) => judge::disk(disk),
        Value::Interface(interface) => judge::interface(interface),
        Value::Probe(window) => judge::target(window),
        Value::Device(device) => judge::device(device),
        Value::Backup(evidence) => {
            let job = settings.backups().get(&subject.id);
            let expect = job.map_or(Duration::from_secs(86_400), |j| j.expect_every.as_duration());
            judge::backup(evidence, expect, now)
        }
        Value::Agent(_) | Value::Notice(_) => judge::unseen(),
    }
}
