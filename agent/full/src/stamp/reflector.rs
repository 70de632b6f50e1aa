//! The reflector: answers the assigned peers, and nobody else; and reports what arrives of the assigned sessions.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio::time;
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::{SecretError, Secrets};
use wasl_model::assignment::{ReflectedSession, StampReflector};
use wasl_model::units::{Count, Millis};
use wasl_model::{EntityKind, NoticeCode, Severity, StampWindow, Subject, Timestamp};
use wasl_probe::stamp::packet::Key;
use wasl_probe::stamp::peers::{InvalidPrefix, Prefix};
use wasl_probe::stamp::reflector::{Limits, Reflector};
use wasl_probe::stamp::time::ErrorEstimate;

use super::error::ClockError;
use super::key::Hmac;
use super::socket::StampSocket;
use crate::probing::clock::Clock;

/// How often what failed is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// Why there is no reflector.
#[derive(Debug, Error)]
enum Hindrance {
    #[error(transparent)]
    Key(#[from] SecretError),
    #[error("the STAMP reflector's peers are wrong: {0}")]
    Peers(#[from] InvalidPrefix),
    #[error("the STAMP reflector cannot listen at {0}: {1}. A port below 1024 needs CAP_NET_BIND_SERVICE")]
    Listen(SocketAddr, io::Error),
}

impl Hindrance {
    fn code(&self) -> NoticeCode {
        match self {
            Self::Key(_) => NoticeCode::SecretMissing,
            Self::Peers(_) | Self::Listen(..) => NoticeCode::NotSupported,
        }
    }
}

/// Reflects for ever; while it cannot, `about` has a notice that says why.
pub(super) async fn run(
    reporter: Reporter,
    secrets: Secrets,
    about: Subject,
    assigned: StampReflector,
    window: Duration,
    error: ClockError,
) {
    let (socket, reflector) = loop {
        match open(&secrets, &assigned) {
            Ok(open) => break open,
            Err(hindrance) => {
                let (code, words) = (hindrance.code(), hindrance.to_string());
                reporter.raise(about.clone(), code, Severity::Error, words).await;
            }
        }
        time::sleep(AGAIN).await;
    };
    forget(&reporter, &about).await;
    tracing::info!(at = %assigned.listen, port = assigned.port, locked = assigned.key.is_some(), "reflecting STAMP tests");
    let arrivals = Arrivals { reporter, sessions: assigned.sessions, window };
    reflect(socket, reflector, &error, &arrivals).await;
}

/// Takes back what the reflector had to say.
pub(super) async fn forget(reporter: &Reporter, about: &Subject) {
    for code in [NoticeCode::SecretMissing, NoticeCode::NotSupported] {
        reporter.clear(about.clone(), code).await;
    }
}

fn open(secrets: &Secrets, assigned: &StampReflector) -> Result<(StampSocket, Reflector), Hindrance> {
    let peers = assigned.peers.iter().map(|peer| peer.parse()).collect::<Result<Vec<Prefix>, _>>()?;
    let key = Hmac::read(secrets, assigned.key.as_deref())?;
    let at = SocketAddr::new(assigned.listen, assigned.port);
    let listen = |error| Hindrance::Listen(at, error);
    let socket = StampSocket::listen(at).map_err(listen)?;
    let port = socket.local().map_err(listen)?.port();
    let key = key.map(|key| Box::new(key) as Box<dyn Key>);
    let counted = assigned.sessions.iter().map(|session| session.ssid);
    Ok((socket, Reflector::new(peers, port, key, Limits::default()).counting(counted)))
}

/// Of whose tests it is reported how many arrive, and how often.
pub(super) struct Arrivals {
    pub(super) reporter: Reporter,
    pub(super) sessions: Vec<ReflectedSession>,
    pub(super) window: Duration,
}

impl Arrivals {
    /// Reports a window that ends now, about each session of which anything has come yet.
    async fn report(&self, reflector: &mut Reflector, length: Duration, wall: Duration) {
        let at = Timestamp(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX));
        for (ssid, arrived) in reflector.take_arrivals().collect::<Vec<_>>() {
            let Some(session) = self.sessions.iter().find(|session| session.ssid == ssid) else { continue };
            let subject = Subject::lenient(EntityKind::Path, &format!("{}/{}", session.link, session.from));
            let window = StampWindow {
                window: Some(Millis(length.as_millis() as u64)),
                reflected: Some(Count(arrived)),
                ..StampWindow::default()
            };
            self.reporter.report_at(subject, at, window).await;
        }
    }
}

/// Answers for ever.
pub(super) async fn reflect(
    mut socket: StampSocket,
    mut reflector: Reflector,
    error: &ClockError,
    arrivals: &Arrivals,
) {
    let clock = Clock::new();
    let mut opened = clock.mono();
    loop {
        let end = clock.instant(opened + arrivals.window);
        let received = tokio::select! {
            received = socket.receive() => received,
            () = time::sleep_until(end.into()) => {
                let now = clock.read();
                arrivals.report(&mut reflector, now.mono.saturating_sub(opened), now.wall).await;
                opened = now.mono;
                continue;
            }
        };
        let received = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "a STAMP test could not be received");
                // Whatever it is, it must not make a busy loop.
                time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let (now, from) = (clock.read(), received.from);
        let arrived = received.at.unwrap_or(now.wall);
        let reply = match reflector.on_packet(received.bytes, from, None, arrived, now.mono) {
            Ok(reply) => reply,
            Err(refusal) => {
                tracing::trace!(%refusal, %from, "a STAMP test was not answered");
                continue;
            }
        };
        let estimate = ErrorEstimate::new(error.bound());
        let bytes = reflector.seal(&reply, clock.read().wall, estimate);
        if let Err(error) = socket.send_to(&bytes, reply.to) {
            tracing::debug!(%error, to = %reply.to, "a STAMP test could not be answered");
        }
    }
}
