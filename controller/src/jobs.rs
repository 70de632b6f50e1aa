//! Work that recurs. Each job takes no input, may run at any time, and leaves things as they should be.

pub mod restore;

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use wasl_model::{AgentId, Value};
use wasl_store::{CompactOptions, HealthRetention, KindRetention, Retention, RetentionRules};

use crate::shared::Shared;
use crate::time::kept::Verdict;
use crate::time::{self, now};

/// How often batches become blocks, and how often old blocks go.
const COMPACT: Duration = Duration::from_secs(60);
const RETAIN: Duration = Duration::from_secs(3600);
/// How often the enrolled agents are read again, whatever happens.
const REGISTRY: Duration = Duration::from_secs(30);
/// Agents that join or come back together cost one reading.
const GATHER: Duration = Duration::from_millis(50);

/// Keeps the table of enrolled agents fresh, notes who is connected, and forgets sessions of people
/// that are over.
pub async fn registry(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), wasl_store::Error> {
    let mut stale = shared.agents_stale();
    loop {
        stale.mark_unchanged();
        shared.refresh_agents().await?;
        tokio::time::sleep(GATHER).await;
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = stale.changed() => continue,
            () = tokio::time::sleep(REGISTRY) => {}
        }
        let now = now();
        let here: Vec<AgentId> = shared.sessions.connected().into_iter().collect();
        shared.store.agents_seen(&here, now).await?;
        shared.store.purge_sessions(now).await?;
    }
}

/// When the first round comes: by then the judgements that follow from the last run are kept.
const SETTLED: Duration = Duration::from_secs(5);
/// More batches than this since the last snapshot are a reason for another, so that a start never has many to read.
const BEHIND: i64 = 2_000;

/// Turns batches into history, keeps what is known now beside it, and lets the oldest history go.
pub async fn history(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), wasl_store::Error> {
    let options = CompactOptions::default();
    let mut retained = tokio::time::Instant::now();
    let mut pause = SETTLED;
    // What is in a snapshot is not heard again after a restart. So it tells of no batch that is newer than the last
    // round: what happened in that one has been told and kept since.
    let (mut heard, mut covered) = (shared.store.latest_batch().await?, 0);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => pause = COMPACT,
        }
        let covers = std::mem::replace(&mut heard, shared.store.latest_batch().await?);
        let mut snapshot = Some(shared.live.snapshot(covers));
        if covers > covered + BEHIND
            && let Some(snapshot) = snapshot.take()
        {
            covered = covers;
            shared.store.save_snapshot("live", now(), &snapshot).await?;
        }
        loop {
            // It is kept with the first batches that become blocks, if it was not kept before.
            let compacted = shared.store.compact(now(), &options, snapshot.take()).await?;
            if compacted.batches > 0 {
                tracing::debug!(?compacted, "batches became blocks");
            }
            if !compacted.more || stop.is_cancelled() {
                break;
            }
        }
        if retained.elapsed() >= RETAIN {
            retained = tokio::time::Instant::now();
            let settings = shared.intent.settings();
            let gone = shared.store.retain_by_kind(now(), &rules(&settings.controller().retention)).await?;
            let over = shared.store.retain_health(now(), &HealthRetention::default()).await?;
            tracing::debug!(?gone, ?over, "old history went");
        }
    }
}

/// How often agents' clocks are asked about a clock that was set.
const CLOCK: Duration = Duration::from_secs(5);

/// Settles what the time is after this machine's clock was set: by the agents that have told of theirs since.
pub async fn clock(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), std::convert::Infallible> {
    let mut before = Verdict::Open;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(CLOCK) => {}
        }
        let Some(since) = time::set_since() else {
            before = Verdict::Open;
            continue;
        };
        let connected = shared.sessions.connected();
        let ahead: Vec<i64> = {
            let live = shared.live.read();
            let told = live
                .values
                .iter()
                .filter(|((agent, _), latest)| latest.at >= since && connected.contains(agent));
            let ahead = |value: &Value| match value {
                Value::Agent(sample) => sample.clock_offset.map(|ahead| ahead.0),
                _ => None,
            };
            told.filter_map(|(_, latest)| ahead(&latest.value)).collect()
        };
        let (asked, correction_s) = (ahead.len(), time::correction_s());
        let verdict = time::hear(ahead);
        if verdict == Verdict::Followed {
            tracing::warn!(
                agents = asked,
                changed_by_s = -correction_s,
                "this machine's clock is followed as it was set"
            );
        } else if verdict == Verdict::Kept && before != Verdict::Kept {
            tracing::warn!(
                agents = asked,
                correction_s,
                "this machine's clock is wrong, as the agents' clocks say. Put it right; until then the time goes on as it \
                 should"
            );
        }
        before = verdict;
    }
}

fn rules(wanted: &wasl_settings::Retention) -> RetentionRules {
    let kept = wanted.all;
    RetentionRules {
        every: Retention {
            raw: kept.raw.as_duration(),
            five_minutes: kept.five_minutes.as_duration(),
            one_hour: kept.one_hour.as_duration(),
        },
        kinds: wanted
            .kinds
            .iter()
            .map(|(kind, kept)| {
                let kept = KindRetention {
                    raw: Some(kept.raw.as_duration()),
                    five_minutes: Some(kept.five_minutes.as_duration()),
                    one_hour: Some(kept.one_hour.as_duration()),
                };
                (*kind, kept)
            })
            .collect(),
    }
}

/// Reads the configuration again at SIGHUP. A faulty one is told and changes nothing.
pub async fn configuration(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), std::io::Error> {
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = hangup.recv() => {}
        }
        let own = shared.clone();
        let outcome = tokio::task::spawn_blocking(move || own.intent.reload()).await;
        match outcome.map_err(std::io::Error::other)? {
            Ok(changed) => tracing::info!(changed, "the configuration was read again"),
            Err(problems) => {
                for problem in &problems {
                    tracing::error!("{problem}");
                }
                tracing::error!(
                    problems = problems.len(),
                    "the new configuration is faulty; the one before stays in force"
                );
            }
        }
    }
}
