//! One link's sender.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::time;
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::Secrets;
use wasl_model::assignment::StampSession;
use wasl_model::units::{Count, Millis};
use wasl_model::{EntityKind, NoticeCode, Severity, StampWindow, Subject, Timestamp};
use wasl_probe::schedule::phase;
use wasl_probe::stamp::ledger::Verdict;
use wasl_probe::stamp::packet::{Key, Reflection};
use wasl_probe::stamp::sender::{Plan, Sender};

use super::error::ClockError;
use super::key::Hmac;
use super::socket::StampSocket;
use crate::probing::clock::Clock;
use crate::probing::{Unsent, unsent};

/// How often what failed is tried again.
const AGAIN: Duration = Duration::from_secs(10);
const LOOKUP: Duration = Duration::from_secs(10);
/// How long a loss may wait for what tells its direction.
const HOLD: Duration = Duration::from_secs(10);
/// The delay of a direction is of no use if the clocks may be off by more.
const WORST_ERROR: Duration = Duration::from_millis(20);
const SHORTEST: Duration = Duration::from_millis(10);
/// After so many windows without an answer, the far end's name is looked up again.
const SILENT_WINDOWS: u32 = 3;

/// Measures one link.
pub(super) struct Session {
    reporter: Reporter,
    secrets: Secrets,
    assigned: StampSession,
    window: Duration,
    error: ClockError,
    subject: Subject,
}

impl Session {
    pub(super) fn new(
        reporter: Reporter,
        secrets: Secrets,
        assigned: StampSession,
        window: Duration,
        error: ClockError,
    ) -> Self {
        let subject = Subject::lenient(EntityKind::Path, &assigned.id);
        Self { reporter, secrets, assigned, window, error, subject }
    }

    /// Measures for ever; while that cannot be, a notice says why.
    pub(super) async fn run(self) {
        let (mut last, mut answered) = (None, Instant::now());
        loop {
            let Some(key) = self.key().await else {
                time::sleep(AGAIN).await;
                continue;
            };
            let Some(to) = self.look_up(last).await else {
                time::sleep(AGAIN).await;
                continue;
            };
            last = Some(to);
            match StampSocket::connect(to, self.assigned.via.as_deref()) {
                Ok(socket) => self.measure(socket, key, &mut answered).await,
                Err(error) => {
                    tracing::warn!(link = %self.assigned.id, %to, %error, "no socket for STAMP tests; trying again");
                    time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// `Some(None)` for an open session; nothing if the key is missing.
    async fn key(&self) -> Option<Option<Hmac>> {
        let (subject, code) = (self.subject.clone(), NoticeCode::SecretMissing);
        match Hmac::read(&self.secrets, self.assigned.key.as_deref()) {
            Ok(key) => {
                self.reporter.clear(subject, code).await;
                Some(key)
            }
            Err(error) => {
                self.reporter.raise(subject, code, Severity::Error, error.to_string()).await;
                None
            }
        }
    }

    /// Where the far end is; where it was `last` if nobody can say, since a cut line takes the name service with
    /// it.
    async fn look_up(&self, last: Option<SocketAddr>) -> Option<SocketAddr> {
        let (subject, code) = (self.subject.clone(), NoticeCode::NameUnresolved);
        let name = (self.assigned.to.as_str(), self.assigned.port);
        let found = time::timeout(LOOKUP, tokio::net::lookup_host(name)).await;
        let found = found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let error = match found.map(|mut addresses| addresses.next()) {
            Ok(Some(address)) => {
                self.reporter.clear(subject, code).await;
                return Some(address);
            }
            Ok(None) => "it has no address".to_owned(),
            Err(error) => error.to_string(),
        };
        let detail = format!("the link's far end {:?} was not found: {error}", self.assigned.to);
        self.reporter.raise(subject, code, Severity::Warning, detail).await;
        last
    }

    /// Measures until the far end has been silent for so long that it may be elsewhere. `answered`: when the last answer
    /// came.
    async fn measure(&self, mut socket: StampSocket, key: Option<Hmac>, answered: &mut Instant) {
        let key = key.as_ref().map(|key| key as &dyn Key);
        let clock = Clock::new();
        let every = Duration::from_millis(self.assigned.every_ms).max(SHORTEST);
        let plan = Plan {
            every,
            timeout: Duration::from_millis(self.assigned.timeout_ms),
            hold: HOLD,
            worst_error: WORST_ERROR,
            ssid: if self.assigned.ssid == 0 { identifier() } else { self.assigned.ssid },
        };
        let first = phase(&self.assigned.id, every.min(Duration::from_secs(1)));
        let mut sender = Sender::new(plan, first, clock.mono());
        let (mut end, mut silent) = (self.window, 0);
        while silent < SILENT_WINDOWS {
            let wake = clock.instant(sender.due().min(end));
            tokio::select! {
                received = socket.receive() => match received {
                    Ok(received) => {
                        let now = clock.read();
                        match Reflection::read(received.bytes, key) {
                            Ok(reflection) => {
                                let bound = self.error.bound();
                                if sender.on_reply(&reflection, received.at, now, bound) != Verdict::Unknown {
                                    *answered = Instant::now();
                                }
                            }
                            Err(malformed) => tracing::trace!(%malformed, "no answer to a STAMP test"),
                        }
                    }
                    // A test was refused: it is lost, and will be settled as that.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(error) => {
                        tracing::debug!(%error, "a STAMP answer could not be received");
                        time::sleep(SHORTEST).await;
                    }
                },
                () = time::sleep_until(wake.into()) => {}
            }
            let now = clock.mono();
            if sender.poll(now) {
                self.send(&socket, &mut sender, key, clock);
            }
            if now >= end {
                end = now + self.window;
                if let Some(mut window) = sender.close_window(now) {
                    window.silent = Some(Millis(answered.elapsed().as_millis() as u64));
                    silent = if is_silent(&window) { silent + 1 } else { 0 };
                    let wall = clock.read().wall;
                    let at = Timestamp(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX));
                    self.reporter.report_at(self.subject.clone(), at, window).await;
                }
            }
        }
    }

    fn send(&self, socket: &StampSocket, sender: &mut Sender, key: Option<&dyn Key>, clock: Clock) {
        let test = sender.test(clock.read(), self.error.bound());
        if let Err(error) = socket.send(&test.write(key))
            && unsent(&error, self.assigned.via.is_some()) == Unsent::Local
            && error.kind() != io::ErrorKind::ConnectionRefused
        {
            tracing::debug!(link = %self.assigned.id, %error, "a STAMP test could not be sent and does not count");
            sender.unsent(test.sequence);
        }
    }
}

/// Takes back what a session that is no longer wanted had to say.
pub(super) async fn forget(reporter: &Reporter, assigned: &StampSession) {
    let subject = Subject::lenient(EntityKind::Path, &assigned.id);
    for code in [NoticeCode::SecretMissing, NoticeCode::NameUnresolved] {
        reporter.clear(subject.clone(), code).await;
    }
}

fn is_silent(window: &StampWindow) -> bool {
    window.received == Some(Count(0)) && window.sent > Some(Count(0))
}

/// A session's identifier, not 0, so that a reflector does not take this session for one before.
fn identifier() -> u16 {
    let mut bytes = [0; 2];
    // Without random numbers the port alone tells sessions apart.
    let _ = SystemRandom::new().fill(&mut bytes);
    u16::from_ne_bytes(bytes).max(1)
}
