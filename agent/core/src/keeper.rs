//! From observations to durable batches.
//!
//! A collector hands observations to the [`crate::report::Reporter`]; here they are gathered for a
//! moment, made into a batch and appended to the spool. The spool works on a thread of its own,
//! because it waits for the disk; everybody else speaks to it through [`SpoolHandle`].

use std::path::Path;
use std::time::{Duration, SystemTime};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use wasl_model::{NoticeCode, Observation, Severity, Subject, Timestamp, Value};
use wasl_protocol::{batch, limits};
use wasl_runtime::chain;
use wasl_spool::{Accounting, Class, Epoch, Gap, Options, Record, Recovery, Spool};

use crate::report::Reporter;

/// How long the first observation of a batch waits for company.
const LINGER: Duration = Duration::from_secs(1);
/// How long an event waits.
const EVENT_LINGER: Duration = Duration::from_millis(50);
/// A batch is closed at so many observations.
const MAX_OBSERVATIONS: usize = 10_000;
/// How long to wait before a full disk is tried again.
const RETRY: Duration = Duration::from_secs(2);

type Job = Box<dyn FnOnce(&mut Spool) + Send>;

/// The spool's thread is gone: the agent is ending, or the thread failed.
#[derive(Debug, Error)]
#[error("the spool has ended")]
pub struct SpoolGone;

/// Speaks to the spool's thread. Cheap to clone.
#[derive(Clone)]
pub struct SpoolHandle {
    jobs: mpsc::Sender<Job>,
    last: watch::Receiver<u64>,
    epoch: Epoch,
}

impl SpoolHandle {
    /// Opens the spool and starts its thread.
    pub fn open(dir: &Path, options: Options, fresh: Epoch) -> Result<(Self, Recovery), wasl_spool::Error> {
        let (mut spool, recovery) = Spool::open(dir, options, fresh, now_ms())?;
        let (jobs, mut work) = mpsc::channel::<Job>(64);
        let (written, last) = watch::channel(spool.accounting().produced);
        let epoch = spool.epoch();
        std::thread::Builder::new()
            .name("spool".into())
            .spawn(move || {
                while let Some(job) = work.blocking_recv() {
                    job(&mut spool);
                    written.send_if_modified(|last| {
                        let produced = spool.accounting().produced;
                        std::mem::replace(last, produced) != produced
                    });
                }
            })
            .map_err(|source| wasl_spool::Error::Io {
                doing: "starting the thread for",
                name: dir.display().to_string(),
                source,
            })?;
        Ok((Self { jobs, last, epoch }, recovery))
    }

    /// The life of the spool.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Follows the last sequence that was written.
    pub fn written(&self) -> watch::Receiver<u64> {
        self.last.clone()
    }

    /// Appends a batch; durable when it returns.
    pub async fn append(
        &self,
        class: Class,
        body: Vec<u8>,
    ) -> Result<Result<u64, wasl_spool::Error>, SpoolGone> {
        self.ask(move |spool| spool.append(class, &body, now_ms())).await
    }

    /// The pending batches from a sequence on, within the bounds of one upload.
    pub async fn read(
        &self,
        from: u64,
        upto: u64,
    ) -> Result<Result<Vec<Record>, wasl_spool::Error>, SpoolGone> {
        let most = usize::try_from(upto.saturating_sub(from) + 1)
            .unwrap_or(usize::MAX)
            .min(limits::MAX_UPLOAD_BATCHES);
        // Room for the message around the batches.
        let bytes = limits::MAX_UPLOAD_BYTES - limits::MAX_REQUEST_BYTES;
        self.ask(move |spool| {
            spool.read(from, most, bytes).map(|mut records| {
                records.retain(|r| r.seq <= upto);
                records
            })
        })
        .await
    }

    /// A session begins and the controller has everything up to `contiguous`: batches that it lost
    /// are pending again.
    pub async fn begin(&self, contiguous: u64) -> Result<Result<Accounting, wasl_spool::Error>, SpoolGone> {
        self.ask(move |spool| {
            let rewound = spool.rewind(contiguous)?;
            if rewound.again > 0 || !rewound.forgotten.is_empty() {
                tracing::warn!(
                    again = rewound.again,
                    forgotten = rewound.forgotten.len(),
                    "the controller has less than it had acknowledged; what is still here is sent again"
                );
            }
            spool.acknowledge(contiguous, now_ms())?;
            Ok(spool.accounting())
        })
        .await
    }

    /// The controller has everything up to `contiguous`.
    pub async fn acknowledge(&self, contiguous: u64) -> Result<Result<(), wasl_spool::Error>, SpoolGone> {
        self.ask(move |spool| {
            spool.acknowledge(contiguous, now_ms())?;
            spool.confirm_gaps(contiguous)
        })
        .await
    }

    /// What will never be sent and the controller does not know yet.
    pub async fn gaps(&self) -> Result<Vec<Gap>, SpoolGone> {
        self.ask(|spool| spool.gaps().to_vec()).await
    }

    /// Where every batch is.
    pub async fn accounting(&self) -> Result<Accounting, SpoolGone> {
        self.ask(|spool| spool.accounting()).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> Result<T, SpoolGone> {
        let (answer, wait) = oneshot::channel();
        let job: Job = Box::new(move |spool| {
            let _ = answer.send(job(spool));
        });
        self.jobs.send(job).await.map_err(|_| SpoolGone)?;
        wait.await.map_err(|_| SpoolGone)
    }
}

/// Takes observations until the last reporter is gone, and keeps them.
pub async fn run(
    mut observations: mpsc::Receiver<Observation>,
    spool: SpoolHandle,
    about: Subject,
) -> Result<(), SpoolGone> {
    let mut waiting: Vec<Observation> = Vec::new();
    let mut troubled = false;
    while gather(&mut observations, &mut waiting).await {
        let class = if waiting.iter().any(is_event) { Class::Event } else { Class::Sample };
        for body in bodies(&waiting) {
            loop {
                match spool.append(class, body.clone()).await? {
                    Ok(_) => break,
                    Err(error) => {
                        // Nothing is thrown away: collectors wait until there is room again.
                        if !std::mem::replace(&mut troubled, true) {
                            tracing::error!(error = %chain(&error), "observations cannot be kept; trying again");
                        }
                        tokio::time::sleep(RETRY).await;
                    }
                }
            }
        }
        waiting.clear();
        if std::mem::take(&mut troubled) {
            tracing::info!("observations are kept again");
            let detail = "the disk of the spool was full or failing for a while; nothing was lost, but collectors had to wait: free space on the agent's disk";
            waiting.push(Observation {
                subject: about.clone(),
                at: Timestamp::from(SystemTime::now()),
                value: Value::Notice(wasl_model::Notice {
                    code: NoticeCode::DiskFull,
                    severity: Severity::Info,
                    cleared: true,
                    detail: detail.into(),
                }),
            });
        }
    }
    Ok(())
}

/// Fills `waiting` with the next batch; `false` when there will be no more.
async fn gather(observations: &mut mpsc::Receiver<Observation>, waiting: &mut Vec<Observation>) -> bool {
    if waiting.is_empty() {
        match observations.recv().await {
            Some(first) => waiting.push(first),
            None => return false,
        }
    }
    let begun = Instant::now();
    let mut deadline = begun + if waiting.iter().any(is_event) { EVENT_LINGER } else { LINGER };
    while waiting.len() < MAX_OBSERVATIONS {
        match tokio::time::timeout_at(deadline, observations.recv()).await {
            Ok(Some(observation)) => {
                if is_event(&observation) {
                    deadline = deadline.min(Instant::now() + EVENT_LINGER);
                }
                waiting.push(observation);
            }
            Ok(None) | Err(_) => break,
        }
    }
    true
}

fn is_event(observation: &Observation) -> bool {
    matches!(observation.value, Value::Notice(_) | Value::Backup(_))
}

/// The batches of some observations: one, or several where one would be too large.
fn bodies(observations: &[Observation]) -> Vec<Vec<u8>> {
    let body = batch::encode(observations);
    if body.len() <= limits::MAX_BATCH_BYTES || observations.len() < 2 {
        return vec![body];
    }
    let (one, other) = observations.split_at(observations.len() / 2);
    let mut all = bodies(one);
    all.extend(bodies(other));
    all
}

/// Tells what was found when the spool was opened, where a person should know.
pub async fn tell_recovery(recovery: &Recovery, reporter: &Reporter, about: &Subject) {
    if recovery.lost.is_empty() && recovery.set_aside.is_empty() {
        return;
    }
    let lost: u64 = recovery.lost.iter().map(|(first, last)| last - first + 1).sum();
    let detail = format!(
        "{lost} batches in the spool could not be read back after the last stop and are counted as lost (policy corrupt); {} files were set aside: check the agent's disk",
        recovery.set_aside.len()
    );
    reporter.raise(about.clone(), NoticeCode::SpoolCorrupt, Severity::Warning, detail).await;
}

fn now_ms() -> i64 {
    Timestamp::from(SystemTime::now()).0
}

#[cfg(test)]
mod tests;
