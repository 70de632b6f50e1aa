//! Brings the spool to the controller and the controller's wishes to the agent.
//!
//! One task keeps one session: it connects, tells what it has, learns what the controller has, and
//! then sends what its lanes say, live before backfill, until the connection ends; then it waits a
//! little longer each time and begins again. A batch leaves the spool only on the controller's word
//! that it is durable there.

pub mod connection;
mod delivery;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use rustls::ClientConfig;
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasl_model::assignment::Assignment;
use wasl_pki::tls::{SystemClock, TlsError};
use wasl_pki::{Fingerprint, KeyAndRequest, SwappableCertificate, client_config, renew_at};
use wasl_protocol::message::{
    Centre, Certificate, ClockReading, Deframer, Facts, Holds, Noted, RenewRequest, SessionRequest,
    SessionResponse, downlink, path,
};

use wasl_model::{EntityKind, NoticeCode, Severity, Subject};
use wasl_runtime::chain;
use wasl_spool::Epoch;

use crate::clock::{Offset, OffsetFilter, Timeline};
use crate::keeper::{SpoolGone, SpoolHandle};
use crate::state::{Bootstrap, Ledger, StateDir, StateError};
use connection::{Connection, ConnectionError};
use delivery::Delivery;

/// The shortest and the longest pause between two attempts to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// The controller says something at least every ten seconds; silence beyond this ends the session.
const SILENCE: Duration = Duration::from_secs(35);
/// How long to wait before a renewal that failed is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(60);
/// How long a renewal that was made stands, however short the certificate's life is.
const RENEW_PAUSE: Duration = Duration::from_secs(1);
/// Agents that are asked to renew at once do so within this time, not all in the same moment.
const RENEW_SPREAD: Duration = Duration::from_secs(5);
/// How long answers that are under way may take after the controller has said goodbye.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
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
    #[error("the spool goes on in a new epoch")]
    NewEpoch,
    #[error("the system gives no random numbers")]
    Random,
}

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
    serial: String,
    /// The SHA-256 of each authority that is trusted.
    held: Vec<Vec<u8>>,
    /// Since when a renewal is wanted before it is due.
    renew_early: Option<Instant>,
    /// Before this no renewal is tried again.
    renewal_rests: Option<Instant>,
    /// Which of the controller's addresses is tried next.
    address: usize,
    assignment: watch::Sender<Arc<Assignment>>,
    generation: u64,
    clock: OffsetFilter,
    timeline: Arc<Mutex<Timeline>>,
    about: Subject,
    status: Arc<Mutex<UplinkStatus>>,
}

impl Uplink {
    /// Reads identity and ledger; connects to nobody yet. `boot` is a fresh random number; `timeline` learns the clock's
    /// offset.
    pub fn build(
        state: StateDir,
        spool: SpoolHandle,
        facts: Facts,
        boot: u64,
        timeline: Arc<Mutex<Timeline>>,
    ) -> Result<Self, UplinkError> {
        let bootstrap = state.bootstrap()?;
        let about = Subject::lenient(EntityKind::Agent, &bootstrap.agent);
        let identity = state.identity()?;
        let certificate = SwappableCertificate::new(identity.credentials);
        let authorities = state.authorities()?;
        let tls = tls(&authorities, &certificate)?;
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
            serial: identity.peer.serial,
            held: digests(&authorities),
            renew_early: None,
            renewal_rests: None,
            address: 0,
            assignment: watch::channel(Arc::new(ledger.assignment)).0,
            generation: ledger.generation,
            clock: OffsetFilter::default(),
            timeline,
            about,
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
                Err(SessionError::NewEpoch) => continue,
                Err(error) => error,
            };
            if begun.elapsed() > Duration::from_secs(60) || matches!(error, SessionError::Goodbye(..)) {
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
        let controller = self.controller();
        let connection = tokio::select! {
            () = finish.cancelled() => return Err(SessionError::Ended),
            connection = Connection::open(&controller, self.tls.clone()) => connection,
        };
        // Where nobody answers, the next address is asked the next time.
        let connection = connection.inspect_err(|_| self.address += 1)?;
        let mut written = self.spool.written();
        let request = SessionRequest {
            protocol: wasl_protocol::VERSION,
            facts: Some(self.facts.clone()),
            epoch: self.spool.epoch().0,
            last: *written.borrow_and_update(),
            boot: self.boot,
            generation: self.generation,
            authorities: self.held.clone(),
        };
        let epoch = Epoch(request.epoch);
        let sent = (now_us(), Instant::now());
        let opened: SessionResponse = connection.ask(path::SESSION, &request).await?;
        self.learn_clock(sent, opened.clock);
        self.meet(epoch, &opened).await?;
        let account = self.spool.begin(opened.contiguous).await??;
        let mut delivery = Delivery::begin(
            connection.clone(),
            self.spool.clone(),
            self.about.clone(),
            epoch,
            &opened,
            account,
        )
        .await?;
        tracing::info!(
            %controller,
            waiting = delivery.pending(),
            "a session with the controller is open"
        );
        let downlink = connection.stream(&format!("{}{}", path::DOWNLINK, opened.session)).await?;
        let mut downlink = DownlinkReader::new(downlink);
        let mut farewell = None;
        loop {
            delivery.send_more().await?;
            if farewell.is_some() && delivery.pending() == 0 {
                return Err(SessionError::Ended);
            }
            tokio::select! {
                changed = written.changed() => {
                    changed.map_err(|_| SpoolGone)?;
                    delivery.written(*written.borrow_and_update());
                }
                Some(done) = delivery.next_answer() => {
                    if let Some((sent, reading)) = delivery.answered(done).await? {
                        self.learn_clock(sent, reading);
                    }
                }
                message = downlink.next() => match message? {
                    Some(downlink::What::Assignment(message)) => self.take_over(&message),
                    Some(downlink::What::Centre(centre)) => self.learn_centre(&centre, &connection).await,
                    Some(downlink::What::Ping(_)) => delivery.say_here(),
                    Some(downlink::What::Goodbye(bye)) => {
                        // What is under way is being committed; without its answer it would go again.
                        let _ = tokio::time::timeout(LAST_ANSWERS, delivery.drain()).await;
                        return Err(SessionError::Goodbye(bye.reason, Duration::from_millis(bye.retry_after_ms)));
                    }
                    Some(downlink::What::Alive(_)) | None => {}
                },
                () = tokio::time::sleep(self.until_renewal()) => self.renew(&connection).await,
                () = wait_until(farewell) => return Err(SessionError::Ended),
                () = finish.cancelled(), if farewell.is_none() => {
                    farewell = Some(tokio::time::Instant::now() + FAREWELL);
                    // The last batch may be in the spool without its news having arrived here.
                    delivery.written(self.spool.accounting().await?.produced);
                }
            }
        }
    }

    /// Makes sure that this spool is the one that the controller knows, before anything is sent.
    async fn meet(&self, epoch: Epoch, opened: &SessionResponse) -> Result<(), SessionError> {
        let fresh = Epoch(crate::agent::random().map_err(|_| SessionError::Random)?);
        let met = self.spool.meet(epoch, opened, fresh).await??;
        if met.another_store {
            let detail = "the controller works with another store than before: what only the former held is sent again as far as it is still here, the rest is counted as lost (policy forgotten); if the store was not replaced on purpose, restore its backup".to_owned();
            self.spool.tell(&self.about, NoticeCode::StoreReplaced, Severity::Warning, detail).await;
        }
        let Some((moved, lost)) = met.set_aside else { return Ok(()) };
        let detail = format!(
            "the spool's directory had gone back to an older copy: {moved} batches that were made since go on in a new epoch, and up to {lost} that were made in between may be lost (policy rolled_back). If this machine's disk is reset at every boot, keep the agent's state folder on a disk that is not"
        );
        self.spool.tell(&self.about, NoticeCode::SpoolRolledBack, Severity::Warning, detail).await;
        Err(SessionError::NewEpoch)
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
        let until = |at: Instant| at.saturating_duration_since(Instant::now());
        let left = Duration::from_secs(u64::try_from(due - now_us() / 1_000_000).unwrap_or(0));
        let left = self.renew_early.map_or(left, |at| left.min(until(at)));
        let pause = self.renewal_rests.map_or(Duration::ZERO, until);
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
                self.renewal_rests = Some(Instant::now() + RENEW_PAUSE);
                self.renew_early = None;
                tracing::info!("the agent's certificate is renewed");
                self.tell_what_is_held(connection).await;
            }
            Err(error) => {
                self.renewal_rests = Some(Instant::now() + RENEW_AGAIN);
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
        self.serial = identity.peer.serial;
        self.certificate.replace(identity.credentials);
        self.trust(&answer.authorities).map_err(|e| chain(&e))?;
        self.tell();
        Ok(())
    }

    /// Takes over by what the controller is recognised and where it may be found, and says what is held now.
    async fn learn_centre(&mut self, centre: &Centre, connection: &Connection) {
        if let Err(error) = self.keep_centre(centre) {
            tracing::error!(error = %chain(&error), "what the controller said of itself is not taken over");
            return;
        }
        if centre.renew && self.renew_early.is_none() {
            let spread = Duration::from_millis(self.boot % RENEW_SPREAD.as_millis() as u64);
            self.renew_early = Some(Instant::now() + spread);
        }
        self.tell_what_is_held(connection).await;
    }

    fn keep_centre(&mut self, centre: &Centre) -> Result<(), UplinkError> {
        if digests(&centre.authorities) != self.held {
            self.state.keep_authorities(&centre.authorities)?;
            self.trust(&centre.authorities)?;
            tracing::info!(authorities = self.held.len(), "the agent trusts other authorities from now on");
        }
        if centre.controllers != self.bootstrap.controllers {
            let bootstrap = Bootstrap { controllers: centre.controllers.clone(), ..self.bootstrap.clone() };
            self.state.keep_bootstrap(&bootstrap)?;
            self.bootstrap = bootstrap;
        }
        Ok(())
    }

    /// Trusts these from the next connection on.
    fn trust(&mut self, authorities: &[Vec<u8>]) -> Result<(), UplinkError> {
        self.tls = tls(authorities, &self.certificate)?;
        self.held = digests(authorities);
        Ok(())
    }

    /// The controller waits for this before another authority signs. Should it not arrive, the next session
    /// says it again.
    async fn tell_what_is_held(&self, connection: &Connection) {
        let holds = Holds { authorities: self.held.clone(), serial: self.serial.clone() };
        if let Err(error) = connection.ask::<Noted>(path::HOLDS, &holds).await {
            tracing::debug!(error = %chain(&error), "the controller did not note which authorities are held");
        }
    }

    /// The address to try now.
    fn controller(&self) -> String {
        let known = 1 + self.bootstrap.controllers.len();
        match self.address % known {
            0 => self.bootstrap.controller.clone(),
            other => self.bootstrap.controllers[other - 1].clone(),
        }
    }

    fn learn_clock(&mut self, (sent_us, sent): (i64, Instant), reading: Option<ClockReading>) {
        if let Some(reading) = reading {
            let counts = self.clock.add((sent_us, now_us()), sent.elapsed().as_micros() as u64, reading);
            if let Some(offset) = self.clock.best().filter(|_| counts) {
                let mut timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
                timeline.observe(now_us() / 1000, Instant::now());
                if let Some(by_ms) = timeline.exchange(offset) {
                    tracing::warn!(
                        by_ms,
                        "the times of observations are put right by the controller's clock"
                    );
                }
            }
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

/// The present identity, and whom the agent trusts.
fn tls(authorities: &[Vec<u8>], certificate: &SwappableCertificate) -> Result<Arc<ClientConfig>, TlsError> {
    Ok(Arc::new(client_config(authorities, Some(certificate), &["h2"], Arc::new(SystemClock))?))
}

fn digests(authorities: &[Vec<u8>]) -> Vec<Vec<u8>> {
    authorities.iter().map(|der| Fingerprint::of(der).as_bytes().to_vec()).collect()
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
