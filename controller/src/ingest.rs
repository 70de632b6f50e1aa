//! Uploads on their way into the store: gathered, committed together, and only then acknowledged.
//!
//! One task writes. While it commits, uploads gather in a bounded queue, and the next commit takes
//! them all, so that a thousand agents cost one fsync and not a thousand. When the queue is full,
//! agents wait for their answer; their spools hold the rest.

mod bounds;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use wasl_model::{AgentId, Observation, Subject};
use wasl_protocol::message::{Upload, UploadItem};
use wasl_protocol::pack::UnpackError;
use wasl_protocol::{batch, limits, pack};
use wasl_store::{Gap, Ingested, Item, Store, StreamAccount, Upload as StoreUpload};

use crate::intent::Intent;
use crate::live::Live;
use crate::time::now;
use bounds::Bounds;

/// Uploads that may wait for the store.
const QUEUE: usize = 256;
/// Observations may be ahead of this controller's clock by this much.
const TOMORROW_MS: i64 = 86_400_000;
/// Uploads that one commit takes.
const GROUP: usize = 128;
/// A small upload: its batches, and the bytes of each. What makes the most of so few bytes unpacks in milliseconds.
const SMALL: (usize, usize) = (4, 2048);

/// Why an upload was not taken. Nothing of it was kept.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The upload breaks a rule of the protocol; trying again does not help.
    #[error("the upload is malformed: {what}")]
    Malformed {
        /// Which rule.
        what: &'static str,
        /// The first sequence at fault; 0 where that cannot be said.
        sequence: u64,
    },
    /// The agent would take more room for its accounts than an agent may.
    #[error("{what}; keep the batches and try again later")]
    TooMuch {
        /// The word for programs.
        code: &'static str,
        /// What there would be too much of.
        what: String,
    },
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

/// What became of an upload.
#[derive(Debug)]
pub struct Taken {
    /// All sequences of the epoch up to this one are stored or given up.
    pub contiguous: u64,
    /// Batches that were new.
    pub stored: u64,
    /// Batches that had been stored or given up before.
    pub duplicates: u64,
    /// The account of the epoch, if the upload had gaps.
    pub account: Option<StreamAccount>,
}

/// The way into the store. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    jobs: mpsc::Sender<Job>,
    store: Arc<dyn Store>,
    bounds: Arc<Bounds>,
    intent: Arc<Intent>,
    counts: Arc<IngestCounts>,
}

/// The task that writes.
pub struct Writer {
    jobs: mpsc::Receiver<Job>,
    store: Arc<dyn Store>,
    live: Arc<Live>,
    counts: Arc<IngestCounts>,
    /// The agents of which it was said that they speak of more than there is room for.
    too_many: HashSet<AgentId>,
}

/// The way in and the task behind it.
pub fn new(store: Arc<dyn Store>, live: Arc<Live>, intent: Arc<Intent>) -> (Ingest, Writer) {
    let (send, jobs) = mpsc::channel(QUEUE);
    let counts = Arc::new(IngestCounts::default());
    let own = store.clone();
    (
        Ingest { jobs: send, store: own, bounds: Arc::default(), intent, counts: counts.clone() },
        Writer { jobs, store, live, counts, too_many: HashSet::new() },
    )
}

impl Ingest {
    /// Keeps an upload of an agent; returns when it is durable. An upload without anything is answered and leaves no
    /// trace.
    pub async fn take(&self, agent: &AgentId, upload: Upload) -> Result<Taken, IngestError> {
        check(&upload)?;
        let epoch = upload.epoch;
        if upload.items.is_empty() && upload.packed.is_empty() && upload.gaps.is_empty() {
            let contiguous = self.account(agent, epoch).await?.map_or(0, |account| account.contiguous);
            return Ok(Taken { contiguous, stored: 0, duplicates: 0, account: None });
        }
        let (upload, observations) = if is_small(&upload) {
            self.prepare(agent, upload)?
        } else {
            let (agent, own) = (agent.clone(), self.clone());
            let prepared = tokio::task::spawn_blocking(move || own.prepare(&agent, upload)).await;
            let malformed = |_| IngestError::Malformed { what: "it could not be unpacked", sequence: 0 };
            prepared.map_err(malformed)??
        };
        self.stays_within_bounds(&upload).await?;
        let has_gaps = !upload.gaps.is_empty();
        let (answer, wait) = oneshot::channel();
        self.jobs.send(Job { upload, observations, answer }).await.map_err(|_| IngestError::Ending)?;
        let Ingested { contiguous, stored, duplicates, .. } =
            wait.await.map_err(|_| IngestError::Ending)??;
        let account = if has_gaps { self.account(agent, epoch).await? } else { None };
        Ok(Taken { contiguous, stored, duplicates, account })
    }

    async fn account(&self, agent: &AgentId, epoch: u64) -> Result<Option<StreamAccount>, IngestError> {
        let failed = |error| IngestError::Store(Arc::new(error));
        let streams = self.store.streams(Some(agent)).await.map_err(failed)?;
        Ok(streams.into_iter().find(|stream| stream.epoch == epoch))
    }

    async fn stays_within_bounds(&self, upload: &StoreUpload) -> Result<(), IngestError> {
        if !self.bounds.knows(&upload.agent, upload.epoch) {
            let failed = |error| IngestError::Store(Arc::new(error));
            let streams = self.store.streams(Some(&upload.agent)).await.map_err(failed)?;
            self.bounds.learn(&upload.agent, &streams);
        }
        self.bounds.enter(upload)
    }

    /// The figures.
    pub fn counts(&self) -> &IngestCounts {
        &self.counts
    }

    fn prepare(
        &self,
        agent: &AgentId,
        mut upload: Upload,
    ) -> Result<(StoreUpload, Vec<Vec<Observation>>), IngestError> {
        let received = now();
        if !upload.packed.is_empty() {
            let packed = std::mem::take(&mut upload.packed);
            upload.items.extend(pack::unpack(&packed).map_err(|error| {
                tracing::warn!(%agent, error = %wasl_runtime::chain(&error), "packed batches cannot be taken apart");
                let sequence = if let UnpackError::BatchTooLarge(sequence) = error { sequence } else { 0 };
                IngestError::Malformed { what: "its packed batches cannot be taken apart", sequence }
            })?);
            check(&upload)?;
        }
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
            let before = seen.len();
            let mut own: Vec<Observation> = seen;
            // What claims to be of tomorrow would keep out of the live state all that comes today.
            own.retain(|o| (0..=received.0 + TOMORROW_MS).contains(&o.at.0));
            let (first_ms, last_ms) = batch::span(&own).unwrap_or((received.0, received.0));
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
        Ok((
            StoreUpload { agent: agent.clone(), epoch: upload.epoch, received_ms: received.0, items, gaps },
            observations,
        ))
    }
}

/// Whether unpacking takes less time than handing it to another thread, as with a heartbeat. Anything more, up to a
/// thousand batches, is work for a thread of its own.
fn is_small(upload: &Upload) -> bool {
    upload.packed.is_empty()
        && upload.items.len() <= SMALL.0
        && upload.items.iter().all(|item| item.body.len() <= SMALL.1)
}

/// Checks what the store relies on.
fn check(upload: &Upload) -> Result<(), IngestError> {
    let malformed = |what, sequence| Err(IngestError::Malformed { what, sequence });
    if upload.items.len() > limits::MAX_UPLOAD_BATCHES || upload.gaps.len() > limits::MAX_UPLOAD_BATCHES {
        return malformed("it has too many batches or gaps", 0);
    }
    if upload.last > limits::MAX_SEQUENCE {
        return malformed("its last sequence is beyond all bounds", 0);
    }
    let mut last = 0;
    for item in &upload.items {
        if item.sequence <= last {
            return malformed("its sequences do not ascend from 1", item.sequence);
        }
        if item.sequence > upload.last {
            return malformed("a batch is beyond what was written", item.sequence);
        }
        if item.body.len() > limits::MAX_BATCH_BYTES {
            return malformed("one of its batches is too large", item.sequence);
        }
        last = item.sequence;
    }
    for gap in &upload.gaps {
        if gap.first == 0 || gap.first > gap.last || gap.last > upload.last {
            return malformed("a gap is not within what was written", 0);
        }
        if gap.policy.is_empty()
            || gap.policy.len() > 32
            || !gap.policy.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        {
            return malformed("a gap has no policy", 0);
        }
    }
    Ok(())
}

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
                        let left_out = self.live.apply(&agent, fresh, now());
                        self.counts.refused.fetch_add(left_out, Ordering::Relaxed);
                        if left_out > 0 && self.too_many.insert(agent.clone()) {
                            tracing::warn!(%agent, "the agent speaks of more things than there is room for; the rest is left out");
                        }
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
            upload(&[101]),
            Upload { last: u64::MAX, ..upload(&[1]) },
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_batch_at_fault() {
        let too_large = UploadItem { sequence: 7, body: vec![0; limits::MAX_BATCH_BYTES + 1] };
        let mut mixed = upload(&[3, 5]);
        mixed.items.push(too_large);
        let culprit = |upload: &Upload| match check(upload) {
            Err(IngestError::Malformed { sequence, .. }) => sequence,
            other => panic!("{other:?}"),
        };
        assert_eq!(culprit(&mixed), 7);
        assert_eq!(culprit(&upload(&[3, 101])), 101);
        assert_eq!(culprit(&with_gap(1, 2, "")), 0, "no batch is at fault");
    }
}
