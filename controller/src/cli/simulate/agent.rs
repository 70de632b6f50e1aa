//! One simulated agent: a source that makes batches on time whatever happens, and a courier that brings
//! them to the controller and comes back after each cut.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use prost::Message;
use ring::digest;
use rustls::ClientConfig;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use wasl_model::Timestamp;
use wasl_protocol::batch;
use wasl_protocol::message::{Deframer, DownlinkError, SessionRequest, SessionResponse, downlink, path};

use super::chance::{exponential, mix, unit};
use super::courier::{Backlog, Courier};
use super::link::{Link, LinkError, facts};
use super::load::{self, Load};
use super::queue::Queue;
use super::tally::Tally;

/// The shortest and the longest pause between two attempts to connect; as real agents have it.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// The controller says something at least every ten seconds; silence beyond this ends the session.
const SILENCE: Duration = Duration::from_secs(35);

/// A batch that was made; the report has a line for each.
#[derive(Debug, Clone)]
pub(super) struct Produced {
    pub agent: Arc<str>,
    pub epoch: u64,
    pub sequence: u64,
    pub sha256: [u8; 32],
    pub body: Bytes,
}

/// What all agents share.
pub(super) struct Common {
    /// The agents' listener.
    pub controller: String,
    pub heartbeat: Duration,
    pub backfill: Duration,
    /// The mean time between two cuts of an agent's connection.
    pub cuts: Option<Duration>,
    pub tally: Tally,
    /// Latencies of what is due from then on are counted.
    pub measured_from: OnceLock<Instant>,
    /// Lines of the report.
    pub report: mpsc::Sender<Produced>,
    /// Cancelled when nothing is to be produced any more.
    pub finish: CancellationToken,
    /// Cancelled when nothing is to be delivered any more.
    pub stop: CancellationToken,
}

/// An enrolled agent. Its source and its courier meet at the queue.
pub(super) struct Agent {
    pub name: Arc<str>,
    tls: Arc<ClientConfig>,
    load: Load,
    /// The life of the queue, and the start of the agent; random as with real agents.
    epoch: u64,
    boot: u64,
    queue: Mutex<Queue>,
    written: watch::Sender<Written>,
}

/// How far the source has come.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    last: u64,
    /// Nothing more will come.
    over: bool,
}

/// An agent's account at its end.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub agent: Arc<str>,
    pub epoch: u64,
    pub produced: u64,
    pub acknowledged: u64,
}

/// Why a session ended.
#[derive(Debug, Error)]
enum Ended {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Downlink(#[from] DownlinkError),
    #[error("the controller was silent for too long")]
    Silent,
    #[error("the controller ended the session")]
    Goodbye,
    #[error("cut on purpose")]
    Cut,
    #[error("everything is delivered")]
    Done,
}

impl Agent {
    /// An agent with an empty queue.
    pub(super) fn new(name: Arc<str>, tls: Arc<ClientConfig>, load: Load, epoch: u64, boot: u64) -> Self {
        let written = watch::Sender::default();
        Self { name, tls, load, epoch, boot, queue: Mutex::default(), written }
    }

    /// Makes what an agent that was cut off until now would have waiting.
    pub(super) async fn make_backlog(self: Arc<Self>, common: Arc<Common>) {
        let now = crate::time::now();
        let (mut at, until) = (now.minus(common.backfill), now.minus(common.heartbeat / 2));
        while at < until && !common.finish.is_cancelled() {
            let (own, waiting) = (self.clone(), self.queue().pending());
            let Ok(made) = tokio::task::spawn_blocking(move || own.make(at, waiting)).await else { return };
            self.keep(&common, made, Instant::now()).await;
            at = at.plus(common.heartbeat);
        }
    }

    /// Produces until `finish`, delivers until everything is delivered or `stop`.
    pub(super) async fn run(self: Arc<Self>, common: Arc<Common>) -> Account {
        let begun = Instant::now() + self.load.phase();
        tokio::select! {
            ((), ()) = async { tokio::join!(self.produce(&common, begun), self.deliver(&common, begun)) } => {}
            () = common.stop.cancelled() => {}
        }
        let queue = self.queue();
        Account {
            agent: self.name.clone(),
            epoch: self.epoch,
            produced: queue.last(),
            acknowledged: queue.acknowledged(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a batch each heartbeat, on a grid of its own: a late one does not shift the next.
    async fn produce(&self, common: &Common, mut due: Instant) {
        while timeout_at(due, common.finish.cancelled()).await.is_err() {
            let waiting = self.queue().pending();
            self.keep(common, self.make(crate::time::now(), waiting), due).await;
            due += common.heartbeat;
        }
        self.written.send_modify(|written| written.over = true);
    }

    fn make(&self, at: Timestamp, waiting: u64) -> Made {
        let seen = self.load.observe(at, waiting);
        let body = batch::encode(&seen);
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest::digest(&digest::SHA256, &body).as_ref());
        Made { body: body.into(), sha256, scalars: load::scalars(&seen), points: load::points(&seen) }
    }

    async fn keep(&self, common: &Common, made: Made, due: Instant) {
        let Made { body, sha256, scalars, points } = made;
        let sequence = self.queue().last() + 1;
        let line =
            Produced { agent: self.name.clone(), epoch: self.epoch, sequence, sha256, body: body.clone() };
        // It stands in the report before it can be delivered.
        if common.report.send(line).await.is_err() {
            return;
        }
        common.tally.lock().produced(body.len() as u64, scalars, points);
        let last = self.queue().push(body, due);
        self.written.send_modify(|written| written.last = last);
    }

    /// Keeps sessions until everything is delivered.
    async fn deliver(&self, common: &Common, begin: Instant) {
        let mut backlog = Backlog { upto: self.queue().last(), since: None };
        sleep_until(begin).await;
        let mut pause = PAUSE.0;
        for attempt in 0u64.. {
            let begun = Instant::now();
            match self.session(common, &mut backlog, attempt).await {
                Ended::Done => return,
                Ended::Cut => common.tally.lock().cuts += 1,
                trouble => common.tally.lock().trouble(wasl_runtime::chain(&trouble)),
            }
            if begun.elapsed() > Duration::from_secs(10) {
                pause = PAUSE.0;
            }
            tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * unit(mix(self.boot ^ attempt)))).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn session(&self, common: &Common, backlog: &mut Backlog, attempt: u64) -> Ended {
        let cut = async {
            let Some(mean) = common.cuts else { return std::future::pending().await };
            tokio::time::sleep(mean.mul_f64(exponential(mix(self.boot ^ mix(attempt))))).await;
        };
        tokio::select! {
            ended = self.exchange(common, backlog) => ended.unwrap_or_else(|ended| ended),
            () = cut => Ended::Cut,
        }
    }

    async fn exchange(&self, common: &Common, backlog: &mut Backlog) -> Result<Ended, Ended> {
        let mut written = self.written.subscribe();
        let link = Link::open(&common.controller, self.tls.clone()).await?;
        let request = SessionRequest {
            protocol: wasl_protocol::VERSION,
            facts: Some(facts()),
            epoch: self.epoch,
            last: self.queue().last(),
            boot: self.boot,
            generation: 0,
            authorities: Vec::new(),
        };
        let opened: SessionResponse = link.ask(path::SESSION, request.encode_to_vec()).await?;
        common.tally.lock().sessions += 1;
        backlog.since.get_or_insert_with(Instant::now);
        let mut courier = Courier::begin(link, &self.queue, self.epoch, &opened);
        let mut stream = courier.downlink(opened.session).await?;
        let mut deframer = Deframer::default();
        let mut silent_at = Instant::now() + SILENCE;
        loop {
            courier.send_more(&self.queue, &common.tally).await;
            if written.borrow().over && self.queue().pending() == 0 {
                return Ok(Ended::Done);
            }
            tokio::select! {
                Ok(()) = written.changed() => courier.written(written.borrow_and_update().last),
                Some(done) = courier.next_answer() => courier.answered(done, &self.queue, common, backlog)?,
                frame = timeout_at(silent_at, stream.frame()) => {
                    let frame = frame.map_err(|_| Ended::Silent)?.ok_or(Ended::Goodbye)?;
                    silent_at = Instant::now() + SILENCE;
                    if let Some(data) = frame.map_err(LinkError::Broken)?.data_ref() {
                        deframer.push(data);
                    }
                    while let Some(message) = deframer.next_message()? {
                        if matches!(message.what, Some(downlink::What::Goodbye(_))) {
                            return Err(Ended::Goodbye);
                        }
                    }
                }
            }
        }
    }
}

/// A batch before it has a number.
struct Made {
    body: Bytes,
    sha256: [u8; 32],
    scalars: u64,
    points: u64,
}
