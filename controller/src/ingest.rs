//! Uploads on their way into the store: gathered, committed together, and only then acknowledged.
//!
//! One task writes. While it commits, uploads gather in a bounded queue, and the next commit takes
//! them all, so that a thousand agents cost one fsync and not a thousand. When the queue is full,
//! agents wait for their answer; their spools hold the rest.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use wasl_model::{AgentId, Observation, Subject};
use wasl_protocol::message::{Upload, UploadItem};
use wasl_protocol::{batch, limits};
use wasl_store::{Gap, Ingested, Item, Store, Upload as StoreUpload};

use crate::intent::Intent;
use crate::live::Live;
use crate::time::now;

/// Uploads that may wait for the store.
const QUEUE: usize = 256;
/// Uploads that one commit takes.
const GROUP: usize = 128;

/// Why an upload was not taken. Nothing of it was kept.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The upload breaks a rule of the protocol.
    #[error("the upload is malformed: {0}")]
    Malformed(&'static str),
    /// The store failed; the agent keeps its batches and tries again.
    #[error("the store could not keep the upload")]
    Store(#[source] Arc<wasl_store::Error>),
    /// The controller is ending.
    #[error("the controller is ending")]
    Ending,
}

/// Figures for the metrics.
#[derive(Debug, Default)]
pub struct IngestCounts {
    /// Batches stored.
    pub batches: AtomicU64,
    /// Batches that were there already.
    pub duplicates: AtomicU64,
    /// Observations that were left out of the live state.
    pub refused: AtomicU64,
}

struct Job {
    upload: StoreUpload,
    observations: Vec<Vec<Observation>>,
    answer: oneshot::Sender<Result<Ingested, IngestError>>,
}

/// The way into the store. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    jobs: mpsc::Sender<Job>,
    intent: Arc<Intent>,
    counts: Arc<IngestCounts>,
}

/// The task that writes.
pub struct Writer {
    jobs: mpsc::Receiver<Job>,
    store: Arc<dyn Store>,
    live: Arc<Live>,
    counts: Arc<IngestCounts>,
}

/// The way in and the task behind it.
pub fn new(store: Arc<dyn Store>, live: Arc<Live>, intent: Arc<Intent>) -> (Ingest, Writer) {
    let (send, jobs) = mpsc::channel(QUEUE);
    let counts = Arc::new(IngestCounts::default());
    (Ingest { jobs: send, intent, counts: counts.clone() }, Writer { jobs, store, live, counts })
}

impl Ingest {
    /// Keeps an upload of an agent; returns when it is durable.
    pub async fn take(&self, agent: &AgentId, upload: Upload) -> Result<Ingested, IngestError> {
        check(&upload)?;
        let (agent_id, own) = (agent.clone(), self.clone());
        // Unpacking up to a thousand batches is work for a thread of its own.
        let prepared = tokio::task::spawn_blocking(move || own.prepare(&agent_id, upload)).await;
        let (upload, observations) =
            prepared.map_err(|_| IngestError::Malformed("it could not be unpacked"))?;
        let (answer, wait) = oneshot::channel();
        self.jobs.send(Job { upload, observations, answer }).await.map_err(|_| IngestError::Ending)?;
        wait.await.map_err(|_| IngestError::Ending)?
    }

    /// The figures.
    pub fn counts(&self) -> &IngestCounts {
        &self.counts
    }

    fn prepare(&self, agent: &AgentId, upload: Upload) -> (StoreUpload, Vec<Vec<Observation>>) {
        let received = now();
        let mut items = Vec::with_capacity(upload.items.len());
        let mut observations = Vec::with_capacity(upload.items.len());
        let mut heard: HashSet<(Subject, bool)> = HashSet::new();
        for UploadItem { sequence, body } in upload.items {
            // A batch that cannot be read is kept all the same: refusing it would hold up everything
            // behind it for ever, and a later version may read it.
            let (seen, bad) = match batch::decode(&body) {
                Ok(decoded) => (decoded.observations, decoded.unknown + decoded.invalid),
                Err(error) => {
                    tracing::error!(%agent, sequence, %error, "a batch cannot be read; it is kept as it came");
                    (Vec::new(), 1)
                }
            };
            let (first_ms, last_ms) = batch::span(&seen).unwrap_or((received.0, received.0));
            let before = seen.len();
            let mut own: Vec<Observation> = seen;
            own.retain(|o| {
                let may = heard.contains(&(o.subject.clone(), true))
                    || (!heard.contains(&(o.subject.clone(), false))
                        && self.intent.may_speak(agent, &o.subject));
                heard.insert((o.subject.clone(), may));
                may
            });
            self.counts.refused.fetch_add(bad + (before - own.len()) as u64, Ordering::Relaxed);
            items.push(Item { seq: sequence, first_ms, last_ms, body });
            observations.push(own);
        }
        let gaps =
            upload.gaps.into_iter().map(|g| Gap { first: g.first, last: g.last, policy: g.policy }).collect();
        (
            StoreUpload { agent: agent.clone(), epoch: upload.epoch, received_ms: received.0, items, gaps },
            observations,
        )
    }
}

/// Checks what the store relies on.
fn check(upload: &Upload) -> Result<(), IngestError> {
    if upload.items.len() > limits::MAX_UPLOAD_BATCHES || upload.gaps.len() > limits::MAX_UPLOAD_BATCHES {
        return Err(IngestError::Malformed("it has too many batches"));
    }
    let mut last = 0;
    for item in &upload.items {
        if item.sequence <= last || item.sequence > MAX_SEQUENCE {
            return Err(IngestError::Malformed("its sequences do not ascend from 1"));
        }
        if item.body.len() > limits::MAX_BATCH_BYTES {
            return Err(IngestError::Malformed("one of its batches is too large"));
        }
        last = item.sequence;
    }
    for gap in &upload.gaps {
        if gap.first == 0 || gap.first > gap.last || gap.last > MAX_SEQUENCE || gap.last > upload.last {
            return Err(IngestError::Malformed("a gap is not within what was written"));
        }
        if gap.policy.is_empty()
            || gap.policy.len() > 32
            || !gap.policy.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        {
            return Err(IngestError::Malformed("a gap has no policy"));
        }
    }
    Ok(())
}

/// Sequences fit a database's signed number.
const MAX_SEQUENCE: u64 = i64::MAX as u64;

impl Writer {
    /// Writes until the last way in is gone.
    pub async fn run(mut self) -> Result<(), std::convert::Infallible> {
        let mut group = Vec::with_capacity(GROUP);
        while self.jobs.recv_many(&mut group, GROUP).await > 0 {
            let (mut uploads, mut rest) = (Vec::new(), Vec::new());
            for Job { upload, observations, answer } in group.drain(..) {
                rest.push((upload.agent.clone(), observations, answer));
                uploads.push(upload);
            }
            match self.store.ingest(uploads).await {
                Ok(all) => {
                    for (ingested, (agent, observations, answer)) in all.into_iter().zip(rest) {
                        self.counts.batches.fetch_add(ingested.stored, Ordering::Relaxed);
                        self.counts.duplicates.fetch_add(ingested.duplicates, Ordering::Relaxed);
                        let fresh = ingested.fresh.iter().zip(observations);
                        let fresh: Vec<_> = fresh.filter(|(f, _)| **f).flat_map(|(_, o)| o).collect();
                        self.live.apply(&agent, fresh, now());
                        let _ = answer.send(Ok(ingested));
                    }
                }
                Err(error) => {
                    tracing::error!(error = %wasl_runtime::chain(&error), "uploads could not be kept; the agents try again");
                    let error = Arc::new(error);
                    for (_, _, answer) in rest {
                        let _ = answer.send(Err(IngestError::Store(error.clone())));
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_protocol::message;

    fn upload(sequences: &[u64]) -> Upload {
        Upload {
            items: sequences.iter().map(|s| UploadItem { sequence: *s, body: vec![] }).collect(),
            last: 100,
            ..Default::default()
        }
    }

    fn with_gap(first: u64, last: u64, policy: &str) -> Upload {
        Upload { gaps: vec![message::Gap { first, last, policy: policy.into() }], ..upload(&[]) }
    }

    #[test]
    fn an_upload_that_breaks_the_rules_is_refused_whole() {
        assert!(check(&upload(&[1, 2, 5])).is_ok());
        assert!(check(&with_gap(3, 100, "quota")).is_ok());
        for bad in [
            upload(&[0]),
            upload(&[2, 2]),
            upload(&[3, 1]),
            upload(&[u64::MAX]),
            with_gap(0, 1, "quota"),
            with_gap(5, 4, "quota"),
            with_gap(1, 101, "quota"),
            with_gap(1, 2, "'; drop table"),
            with_gap(1, 2, ""),
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }
}
