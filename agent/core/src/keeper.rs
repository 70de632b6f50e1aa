//! From observations to durable batches.
//!
//! A collector hands observations to the [`crate::report::Reporter`]; here they are gathered for a
//! moment, made into a batch and appended to the spool. The spool works on a thread of its own,
//! because it waits for the disk; everybody else speaks to it through [`SpoolHandle`].

mod held;
mod shelf;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use wasl_model::{Notice, NoticeCode, Observation, Severity, Subject, Timestamp, Value};
use wasl_protocol::message::{Dropped, SessionResponse};
use wasl_protocol::{batch, limits};
use wasl_runtime::chain;
use wasl_spool::{Accounting, Class, Epoch, Gap, Options, Policy, Record, Recovery};

use crate::clock::Timeline;
use crate::report::Reporter;
use held::Held;
use shelf::Shelf;
pub use shelf::{LeftBehind, Met};

/// How long the first observation of a batch waits for company.
const LINGER: Duration = Duration::from_secs(1);
/// How long an event waits.
const EVENT_LINGER: Duration = Duration::from_millis(50);
/// A batch is closed at so many observations.
const MAX_OBSERVATIONS: usize = 10_000;
/// How long to wait before a disk that takes nothing is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// Work for the spool's thread, and then the answer to whoever asked, who by then finds all that is shown up to date.
type Job = Box<dyn FnOnce(&mut Shelf) -> Reply + Send>;
type Reply = Box<dyn FnOnce() + Send>;

/// The spool's thread is gone: the agent is ending, or the thread failed.
#[derive(Debug, Error)]
#[error("the spool has ended")]
pub struct SpoolGone;

/// Speaks to the spool's thread. Cheap to clone.
#[derive(Clone)]
pub struct SpoolHandle {
    jobs: mpsc::Sender<Job>,
    last: watch::Receiver<u64>,
    epoch: Arc<AtomicU64>,
    max_payload: usize,
}

/// What one upload carries of the spool.
#[derive(Debug, Default)]
pub struct Parcel {
    /// Pending batches, ascending.
    pub records: Vec<Record>,
    /// What will never be sent and the controller does not know yet.
    pub gaps: Vec<Gap>,
    /// The last sequence that was written.
    pub last: u64,
}

impl SpoolHandle {
    /// Opens the spool, and those that were left behind beside it, and starts their thread.
    pub fn open(dir: &Path, options: &Options, fresh: Epoch) -> Result<(Self, Recovery), wasl_spool::Error> {
        let max_payload = options.max_payload;
        let (mut shelf, recovery) = Shelf::open(dir, options, fresh)?;
        let (jobs, mut work) = mpsc::channel::<Job>(64);
        let (written, last) = watch::channel(shelf.spool().accounting().produced);
        let epoch = Arc::new(AtomicU64::new(shelf.spool().epoch().0));
        let shown = epoch.clone();
        std::thread::Builder::new()
            .name("spool".into())
            .spawn(move || {
                while let Some(job) = work.blocking_recv() {
                    let reply = job(&mut shelf);
                    if shelf.is_broken() {
                        tracing::error!("the spool cannot be used any more until the agent starts again");
                        break;
                    }
                    shown.store(shelf.spool().epoch().0, Ordering::Release);
                    written.send_if_modified(|last| {
                        let produced = shelf.spool().accounting().produced;
                        std::mem::replace(last, produced) != produced
                    });
                    reply();
                }
                shelf.close();
            })
            .map_err(|source| wasl_spool::Error::Io {
                doing: "starting the thread for",
                name: dir.display().to_string(),
                source,
            })?;
        Ok((Self { jobs, last, epoch, max_payload }, recovery))
    }

    /// The life of the spool that is written now.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
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
        self.ask(move |shelf| shelf.spool().append(class, &body, now_ms())).await
    }

    /// Counts batches that could not be kept.
    pub async fn skip(&self, count: u64) -> Result<Result<(), wasl_spool::Error>, SpoolGone> {
        self.ask(move |shelf| shelf.spool().skip(count, Policy::DiskFull)).await
    }

    /// The pending batches from a sequence on, within the bounds of one upload.
    pub async fn read(
        &self,
        from: u64,
        upto: u64,
    ) -> Result<Result<Vec<Record>, wasl_spool::Error>, SpoolGone> {
        let parcel = self.parcel(self.epoch(), from, upto, usize::MAX).await?;
        Ok(parcel.map(|parcel| parcel.records))
    }

    /// What the next upload carries: batches of an epoch within `from..=upto` and within `bytes` and the bounds of one
    /// upload, and gaps. It counts as sent.
    pub async fn parcel(
        &self,
        epoch: Epoch,
        from: u64,
        upto: u64,
        bytes: usize,
    ) -> Result<Result<Parcel, wasl_spool::Error>, SpoolGone> {
        let most = usize::try_from((upto + 1).saturating_sub(from))
            .unwrap_or(usize::MAX)
            .min(limits::MAX_UPLOAD_BATCHES);
        // Room for the message around the batches.
        let bytes = bytes.min(limits::MAX_UPLOAD_BYTES - limits::MAX_REQUEST_BYTES);
        self.ask(move |shelf| {
            let Some(spool) = shelf.of(epoch) else { return Ok(Parcel::default()) };
            let mut records = spool.read(from, most, bytes)?;
            records.retain(|r| r.seq <= upto);
            let gaps: Vec<Gap> = spool.gaps().iter().take(limits::MAX_UPLOAD_BATCHES).copied().collect();
            let highest =
                records.last().map(|r| r.seq).into_iter().chain(gaps.iter().map(|gap| gap.last)).max();
            spool.sent(highest.unwrap_or(0));
            Ok(Parcel { records, gaps, last: spool.accounting().produced })
        })
        .await
    }

    /// A session begins: is this still the spool that the controller knows? To be asked before [`Self::begin`]; where the
    /// spool has been set aside, the session must be opened again for the new epoch.
    pub async fn meet(
        &self,
        epoch: Epoch,
        opened: &SessionResponse,
        fresh: Epoch,
    ) -> Result<Result<Met, wasl_spool::Error>, SpoolGone> {
        let (highest, incarnation) = (opened.highest, opened.incarnation);
        self.ask(move |shelf| shelf.meet(epoch, highest, incarnation, fresh, now_ms())).await
    }

    /// A session begins and the controller has everything up to `contiguous`: batches that it lost
    /// are pending again.
    pub async fn begin(&self, contiguous: u64) -> Result<Result<Accounting, wasl_spool::Error>, SpoolGone> {
        self.ask(move |shelf| {
            let spool = shelf.spool();
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

    /// An upload was answered: the controller has everything of the epoch up to `contiguous`, knows the gaps that were in
    /// the upload, and, where there were some, said what it counts as dropped.
    pub async fn settle(
        &self,
        epoch: Epoch,
        contiguous: u64,
        told: Vec<Gap>,
        dropped: Option<wasl_spool::Dropped>,
    ) -> Result<Result<Accounting, wasl_spool::Error>, SpoolGone> {
        self.ask(move |shelf| {
            let Some(spool) = shelf.of(epoch) else { return Ok(shelf.spool().accounting()) };
            spool.acknowledge(contiguous, now_ms())?;
            spool.settle(&told, dropped)?;
            let accounting = spool.accounting();
            shelf.tidy();
            Ok(accounting)
        })
        .await
    }

    /// The controller refuses a batch for good. False when it does not wait any more.
    pub async fn refuse(&self, epoch: Epoch, seq: u64) -> Result<Result<bool, wasl_spool::Error>, SpoolGone> {
        self.ask(move |shelf| shelf.of(epoch).map_or(Ok(false), |spool| spool.refuse(seq))).await
    }

    /// The spools that were left behind and have something to deliver, oldest first.
    pub async fn left_behind(&self) -> Result<Vec<LeftBehind>, SpoolGone> {
        self.ask(|shelf| shelf.left_behind()).await
    }

    /// Where every batch is.
    pub async fn accounting(&self) -> Result<Accounting, SpoolGone> {
        self.ask(|shelf| shelf.spool().accounting()).await
    }

    /// Keeps a notice that no collector says.
    pub async fn tell(&self, about: &Subject, code: NoticeCode, severity: Severity, detail: String) {
        tracing::warn!(code = code.as_str(), "{detail}");
        let said = notice(about, code, severity, false, detail);
        if let Ok(Err(error)) = self.append(Class::Event, batch::encode(&[said])).await {
            tracing::error!(error = %chain(&error), "a notice cannot be kept");
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Shelf) -> T + Send + 'static,
    ) -> Result<T, SpoolGone> {
        let (answer, wait) = oneshot::channel();
        let job: Job = Box::new(move |shelf| {
            let done = job(shelf);
            Box::new(move || {
                let _ = answer.send(done);
            })
        });
        self.jobs.send(job).await.map_err(|_| SpoolGone)?;
        wait.await.map_err(|_| SpoolGone)
    }
}

/// What the controller counts, in the spool's words. Words that this version does not know are left out: it told none.
pub(crate) fn dropped(told: &[Dropped]) -> wasl_spool::Dropped {
    let mut out = wasl_spool::Dropped::default();
    for Dropped { policy, batches } in told {
        if let Some(policy) = Policy::from_word(policy) {
            *out.count_mut(policy) = *batches;
        }
    }
    out
}

/// Takes observations until the last reporter is gone, and keeps them.
///
/// A disk that takes nothing does not hold up the collectors: batches wait in memory, and when that is full too, the oldest
/// samples go; they are counted, as `disk_full`, once there is room again.
pub async fn run(
    mut observations: mpsc::Receiver<Observation>,
    spool: SpoolHandle,
    about: Subject,
    timeline: Arc<Mutex<Timeline>>,
) -> Result<(), SpoolGone> {
    let mut waiting: Vec<Observation> = Vec::new();
    let mut held = Held::default();
    loop {
        let retry = async {
            if held.is_empty() { std::future::pending().await } else { tokio::time::sleep(RETRY).await }
        };
        let more = tokio::select! {
            more = gather(&mut observations, &mut waiting) => more,
            () = retry => true,
        };
        place(&timeline, &mut waiting);
        let class = if waiting.iter().any(is_event) { Class::Event } else { Class::Sample };
        for body in bodies(&std::mem::take(&mut waiting), spool.max_payload) {
            held.push(class, body);
        }
        if let Some(notice) = flush(&mut held, &spool, &about).await? {
            waiting.push(notice);
        }
        if !more {
            if !held.is_empty() {
                tracing::error!(batches = held.count(), "the last observations could not be kept");
            }
            return Ok(());
        }
    }
}

/// Brings to the disk what is held, as far as it takes it. Returns what a person should know of it.
async fn flush(
    held: &mut Held,
    spool: &SpoolHandle,
    about: &Subject,
) -> Result<Option<Observation>, SpoolGone> {
    while let Some((class, body)) = held.next() {
        // What could not be held is counted first, so that the sequences ascend as the batches were made.
        let kept = match spool.skip(held.lost()).await? {
            Ok(()) => {
                held.counted();
                spool.append(class, body).await?.map(|_| ())
            }
            Err(error) => Err(error),
        };
        match kept {
            Ok(()) => held.kept(),
            Err(error) if held.is_troubled() => {
                tracing::debug!(error = %chain(&error), "observations still cannot be kept");
                return Ok(None);
            }
            Err(error) => {
                tracing::error!(error = %chain(&error), "observations cannot be kept; they wait in memory");
                held.trouble(Instant::now());
                let detail = "the disk of the spool is full or failing, new observations wait in memory: free space on the agent's disk";
                return Ok(Some(notice(about, NoticeCode::DiskFull, Severity::Error, false, detail.into())));
            }
        }
    }
    let Some((took, lost)) = held.recovered(Instant::now()) else { return Ok(None) };
    tracing::info!(lost, "observations are kept again");
    let detail = format!(
        "the disk of the spool took nothing for {} s; {lost} batches could not be held in memory and are counted as lost (policy disk_full): keep space free on the agent's disk",
        took.as_secs()
    );
    Ok(Some(notice(about, NoticeCode::DiskFull, Severity::Info, true, detail)))
}

fn notice(
    about: &Subject,
    code: NoticeCode,
    severity: Severity,
    cleared: bool,
    detail: String,
) -> Observation {
    Observation {
        subject: about.clone(),
        at: Timestamp::from(SystemTime::now()),
        value: Value::Notice(Notice { code, severity, cleared, detail }),
    }
}

/// Puts the times of fresh observations right if the wall clock was set meanwhile.
fn place(timeline: &Mutex<Timeline>, fresh: &mut [Observation]) {
    let mut timeline = timeline.lock().unwrap_or_else(PoisonError::into_inner);
    timeline.observe(now_ms(), std::time::Instant::now());
    for observation in fresh {
        observation.at = Timestamp(timeline.place(observation.at.0));
    }
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

/// Whether it is news, which waits for no others.
fn is_event(observation: &Observation) -> bool {
    match &observation.value {
        Value::Notice(_)
        | Value::Backup(_)
        | Value::Event(_)
        | Value::Neighbour(_)
        | Value::Station(_)
        | Value::Gone => true,
        Value::Probe(window) => window.has_turned(),
        _ => false,
    }
}

/// The batches of some observations: one, or several where one would be too large.
fn bodies(observations: &[Observation], max: usize) -> Vec<Vec<u8>> {
    if observations.is_empty() {
        return Vec::new();
    }
    let body = batch::encode(observations);
    if body.len() <= limits::MAX_BATCH_BYTES.min(max) {
        return vec![body];
    }
    if observations.len() < 2 {
        tracing::error!(bytes = body.len(), subject = %observations[0].subject, "an observation is too large to be kept");
        return Vec::new();
    }
    let (one, other) = observations.split_at(observations.len() / 2);
    let mut all = bodies(one, max);
    all.extend(bodies(other, max));
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
