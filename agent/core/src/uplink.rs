//! Brings the spool to the controller and the controller's wishes to the agent.
//!
//! One task keeps one session: it connects, tells what it has, learns what the controller has, and
//! then sends what [`Lanes`] says, live before backfill, until the connection ends; then it waits a
//! little longer each time and begins again. A batch leaves the spool only on the controller's word
//! that it is durable there.

pub mod connection;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use rustls::ClientConfig;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wasl_model::assignment::Assignment;
use wasl_pki::tls::{SystemClock, TlsError};
use wasl_pki::{KeyAndRequest, SwappableCertificate, client_config, renew_at};
use wasl_protocol::lanes::{Lanes, Run};
use wasl_protocol::message::{
    Certificate, ClockReading, Deframer, Facts, Gap, Lane, RenewRequest, SessionRequest, SessionResponse,
    Upload, UploadItem, UploadResponse, downlink, path,
};

use wasl_runtime::chain;
use wasl_spool::Policy;

use crate::clock::{Offset, OffsetFilter};
use crate::keeper::{SpoolGone, SpoolHandle};
use crate::state::{Bootstrap, Ledger, StateDir, StateError};
use connection::{Connection, ConnectionError};

/// The shortest and the longest pause between two attempts to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// The controller says something at least every ten seconds; silence beyond this ends the session.
const SILENCE: Duration = Duration::from_secs(35);
/// How long to wait before a renewal that failed is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(60);
/// How long the last batches may take when the agent ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// What the uplink knows that others report.
#[derive(Debug, Clone, Default)]
pub struct UplinkStatus {
    /// The clock against the controller's.
    pub offset: Option<Offset>,
    /// When the certificate ends, seconds since 1970.
    pub certificate_expires: i64,
    /// The generation of the assignment in force.
    pub generation: u64,
}

/// Why the uplink cannot go on at all.
#[derive(Debug, Error)]
pub enum UplinkError {
    /// The spool's thread is gone.
    #[error("the spool cannot be used any more")]
    Spool(#[from] SpoolGone),
    /// The state folder cannot be used.
    #[error("the agent's state cannot be used")]
    State(#[from] StateError),
    /// TLS could not be set up.
    #[error("preparing the connection")]
    Tls(#[from] TlsError),
}

/// Why a session ended.
#[derive(Debug, Error)]
enum SessionError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("the spool cannot be read")]
    Spool(#[from] wasl_spool::Error),
    #[error(transparent)]
    Gone(#[from] SpoolGone),
    #[error("the controller has been silent for {} s", SILENCE.as_secs())]
    Silent,
    #[error("the controller ended the session: {0}")]
    Goodbye(String, Duration),
    #[error(transparent)]
    Downlink(#[from] wasl_protocol::message::DownlinkError),
    #[error("the agent ends")]
    Ended,
}

/// An upload that is over: its lane, when it left by both clocks, and the answer.
type Uploaded = (Lane, (i64, Instant), Result<UploadResponse, ConnectionError>);

/// The uplink of one agent.
pub struct Uplink {
    state: StateDir,
    bootstrap: Bootstrap,
    spool: SpoolHandle,
    facts: Facts,
    boot: u64,
    tls: Arc<ClientConfig>,
    certificate: SwappableCertificate,
    validity: (i64, i64),
    renewal_failed: Option<Instant>,
    assignment: watch::Sender<Arc<Assignment>>,
    generation: u64,
    clock: OffsetFilter,
    status: Arc<Mutex<UplinkStatus>>,
}

impl Uplink {
    /// Reads identity and ledger; connects to nobody yet. `boot` is a fresh random number.
    pub fn build(state: StateDir, spool: SpoolHandle, facts: Facts, boot: u64) -> Result<Self, UplinkError> {
        let bootstrap = state.bootstrap()?;
        let identity = state.identity()?;
        let certificate = SwappableCertificate::new(identity.credentials);
        let tls = tls(&state, &certificate)?;
        let ledger = state.ledger();
        let uplink = Self {
            state,
            bootstrap,
            spool,
            facts,
            boot,
            tls,
            certificate,
            validity: (identity.peer.not_before, identity.peer.not_after),
            renewal_failed: None,
            assignment: watch::channel(Arc::new(ledger.assignment)).0,
            generation: ledger.generation,
            clock: OffsetFilter::default(),
            status: Arc::default(),
        };
        uplink.tell();
        Ok(uplink)
    }

    /// Follows the assignment.
    pub fn assignment(&self) -> watch::Receiver<Arc<Assignment>> {
        self.assignment.subscribe()
    }

    /// What others may report of the uplink.
    pub fn status(&self) -> Arc<Mutex<UplinkStatus>> {
        self.status.clone()
    }

    /// Keeps sessions until `finish` is cancelled, then sends what is left within a few seconds.
    pub async fn run(mut self, finish: CancellationToken) -> Result<(), UplinkError> {
        let mut pause = PAUSE.0;
        let mut last_words = String::new();
        loop {
            let begun = Instant::now();
            let error = match self.session(&finish).await {
                Err(SessionError::Ended) | Ok(()) => return Ok(()),
                Err(SessionError::Gone(error)) => return Err(error.into()),
                Err(error) => error,
            };
            if begun.elapsed() > Duration::from_secs(60) {
                pause = PAUSE.0;
            }
            let wait = match &error {
                SessionError::Goodbye(_, wait) => (*wait).clamp(PAUSE.0, Duration::from_secs(300)),
                _ => pause,
            };
            // The same trouble is told once, not at each attempt.
            let words = chain(&error);
            if words == last_words {
                tracing::debug!(error = %words, retry_ms = wait.as_millis() as u64, "no session with the controller");
            } else {
                tracing::warn!(error = %words, retry_ms = wait.as_millis() as u64, "no session with the controller; observations are kept in the spool");
                last_words = words;
            }
            tokio::select! {
                () = finish.cancelled() => return Ok(()),
                () = tokio::time::sleep(jitter(wait, self.boot)) => {}
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn session(&mut self, finish: &CancellationToken) -> Result<(), SessionError> {
        let connection = tokio::select! {
            () = finish.cancelled() => return Err(SessionError::Ended),
            connection = Connection::open(&self.bootstrap.controller, self.tls.clone()) => connection?,
        };
        let mut written = self.spool.written();
        let request = SessionRequest {
            protocol: wasl_protocol::VERSION,
            facts: Some(self.facts.clone()),
            epoch: self.spool.epoch().0,
            last: *written.borrow_and_update(),
            boot: self.boot,
            generation: self.generation,
        };
        let sent = (now_us(), Instant::now());
        let opened: SessionResponse = connection.ask(path::SESSION, &request).await?;
        self.learn_clock(sent, opened.clock);
        let account = self.spool.begin(opened.contiguous).await??;
        let mut lanes = Lanes::begin(opened.contiguous, account.produced);
        tracing::info!(
            controller = %self.bootstrap.controller,
            waiting = lanes.pending(),
            "a session with the controller is open"
        );
        let downlink = connection.stream(&format!("{}{}", path::DOWNLINK, opened.session)).await?;
        let mut downlink = DownlinkReader::new(downlink);
        let mut uploads: JoinSet<Uploaded> = JoinSet::new();
        let mut farewell = None;
        loop {
            while let Some(run) = lanes.poll() {
                let upload = self.upload(&opened, run, &mut lanes).await?;
                let connection = connection.clone();
                uploads.spawn(async move {
                    let sent = (now_us(), Instant::now());
                    let answer = connection.ask(path::UPLOAD, &upload).await;
                    (run.lane, sent, answer)
                });
            }
            if farewell.is_some() && lanes.pending() == 0 {
                return Err(SessionError::Ended);
            }
            tokio::select! {
                changed = written.changed() => {
                    changed.map_err(|_| SpoolGone)?;
                    lanes.written(*written.borrow_and_update());
                }
                Some(done) = uploads.join_next() => {
                    let Ok((lane, sent, answer)) = done else { continue };
                    let answer = answer.inspect_err(|_| lanes.failed(lane))?;
                    lanes.answered(lane);
                    self.learn_clock(sent, answer.clock);
                    self.spool.acknowledge(answer.contiguous).await??;
                }
                message = downlink.next() => match message? {
                    Some(downlink::What::Assignment(message)) => self.take_over(&message),
                    Some(downlink::What::Goodbye(bye)) => {
                        return Err(SessionError::Goodbye(bye.reason, Duration::from_millis(bye.retry_after_ms)));
                    }
                    Some(downlink::What::Alive(_)) | None => {}
                },
                () = tokio::time::sleep(self.until_renewal()) => self.renew(&connection).await,
                () = wait_until(farewell) => return Err(SessionError::Ended),
                () = finish.cancelled(), if farewell.is_none() => {
                    farewell = Some(tokio::time::Instant::now() + FAREWELL);
                    // The last batch may be in the spool without its news having arrived here.
                    lanes.written(self.spool.accounting().await?.produced);
                }
            }
        }
    }

    /// The next upload of a run: its batches, and what will never be sent.
    async fn upload(
        &self,
        session: &SessionResponse,
        run: Run,
        lanes: &mut Lanes,
    ) -> Result<Upload, SessionError> {
        let records = self.spool.read(run.first, run.last).await??;
        // Where nothing of the run is left to read, all of it is gaps.
        let upto = records.last().map_or(run.last, |r| r.seq);
        lanes.sent(run.lane, run.first, upto);
        let gaps = self.spool.gaps().await?;
        Ok(Upload {
            session: session.session,
            epoch: self.spool.epoch().0,
            lane: run.lane.into(),
            items: records.into_iter().map(|r| UploadItem { sequence: r.seq, body: r.payload }).collect(),
            gaps: gaps
                .into_iter()
                .take(wasl_protocol::limits::MAX_UPLOAD_BATCHES)
                .map(|g| Gap { first: g.first, last: g.last, policy: word(g.policy).to_owned() })
                .collect(),
            last: *self.spool.written().borrow(),
        })
    }

    /// Takes over a new assignment: first into the ledger, then into force.
    fn take_over(&mut self, message: &wasl_protocol::message::AssignmentMessage) {
        if message.generation == self.generation {
            return;
        }
        let assignment = match serde_json::from_slice::<Assignment>(&message.json) {
            Ok(assignment) => assignment,
            Err(error) => {
                tracing::error!(%error, generation = message.generation, "the assignment cannot be read; the present one stays in force");
                return;
            }
        };
        let ledger = Ledger { generation: message.generation, assignment };
        if let Err(error) = self.state.keep_ledger(&ledger) {
            tracing::error!(error = %chain(&error), "the assignment cannot be kept; it holds until the agent stops");
        }
        tracing::info!(generation = ledger.generation, "a new assignment is in force");
        self.generation = ledger.generation;
        self.assignment.send_replace(Arc::new(ledger.assignment));
        self.tell();
    }

    /// How long until two thirds of the certificate's life are over, or until a failed renewal is
    /// tried again; at most an hour, because clocks are set.
    fn until_renewal(&self) -> Duration {
        let due = renew_at(self.validity.0, self.validity.1, &self.bootstrap.agent);
        let left = Duration::from_secs(u64::try_from(due - now_us() / 1_000_000).unwrap_or(0));
        let pause = self.renewal_failed.map_or(Duration::ZERO, |at| RENEW_AGAIN.saturating_sub(at.elapsed()));
        left.max(pause).min(Duration::from_secs(3600))
    }

    /// Asks for a new certificate if that is due. Failing is told and tried again; the present one
    /// still has a third of its life.
    async fn renew(&mut self, connection: &Connection) {
        if !self.until_renewal().is_zero() {
            return;
        }
        match self.try_renew(connection).await {
            Ok(()) => {
                self.renewal_failed = None;
                tracing::info!("the agent's certificate is renewed");
            }
            Err(error) => {
                self.renewal_failed = Some(Instant::now());
                tracing::error!(%error, "the agent's certificate could not be renewed");
            }
        }
    }

    async fn try_renew(&mut self, connection: &Connection) -> Result<(), String> {
        let key = KeyAndRequest::generate().map_err(|e| e.to_string())?;
        let request = RenewRequest { csr: key.request_der().to_vec() };
        let answer: Certificate = connection.ask(path::RENEW, &request).await.map_err(|e| chain(&e))?;
        self.state
            .keep_identity(&answer.chain, &key.private_key_pem(), &answer.authorities, &self.bootstrap)
            .map_err(|e| chain(&e))?;
        let identity = self.state.identity().map_err(|e| chain(&e))?;
        self.validity = (identity.peer.not_before, identity.peer.not_after);
        self.certificate.replace(identity.credentials);
        self.tls = tls(&self.state, &self.certificate).map_err(|e| chain(&e))?;
        self.tell();
        Ok(())
    }

    fn learn_clock(&mut self, (sent_us, sent): (i64, Instant), reading: Option<ClockReading>) {
        if let Some(reading) = reading {
            self.clock.add(sent_us, sent.elapsed().as_micros() as u64, reading);
            self.tell();
        }
    }

    fn tell(&self) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = UplinkStatus {
            offset: self.clock.best(),
            certificate_expires: self.validity.1,
            generation: self.generation,
        };
    }
}

/// The policy's word on the wire and in the accounting.
fn word(policy: Policy) -> &'static str {
    match policy {
        Policy::Quota => "quota",
        Policy::Corrupt => "corrupt",
        Policy::Age => "age",
        Policy::Forgotten => "forgotten",
    }
}

/// The present identity, and whom the agent trusts.
fn tls(state: &StateDir, certificate: &SwappableCertificate) -> Result<Arc<ClientConfig>, UplinkError> {
    let config = client_config(&state.authorities()?, Some(certificate), &["h2"], Arc::new(SystemClock))?;
    Ok(Arc::new(config))
}

struct DownlinkReader {
    body: Incoming,
    deframer: Deframer,
    heard: tokio::time::Instant,
}

impl DownlinkReader {
    fn new(body: Incoming) -> Self {
        Self { body, deframer: Deframer::default(), heard: tokio::time::Instant::now() }
    }

    /// The next message; `Ok(None)` for one that this version does not know. Safe to drop midway.
    async fn next(&mut self) -> Result<Option<downlink::What>, SessionError> {
        loop {
            if let Some(message) = self.deframer.next_message()? {
                return Ok(message.what);
            }
            let frame = tokio::time::timeout_at(self.heard + SILENCE, self.body.frame()).await;
            let frame = frame.map_err(|_| SessionError::Silent)?;
            self.heard = tokio::time::Instant::now();
            match frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.deframer.push(data);
                    }
                }
                Some(Err(error)) => return Err(ConnectionError::Broken(Some(chain(&error))).into()),
                None => return Err(ConnectionError::Broken(None).into()),
            }
        }
    }
}

async fn wait_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Spreads the return of many agents after a cut: half to all of the pause, by a number of the agent's own.
fn jitter(pause: Duration, seed: u64) -> Duration {
    let part = (seed ^ now_us() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
    pause / 2 + pause / 2 * part as u32 / 1024
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
