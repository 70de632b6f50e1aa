//! The reflector: answers the assigned peers, and nobody else.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio::time;
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::{SecretError, Secrets};
use wasl_model::assignment::StampReflector;
use wasl_model::{NoticeCode, Severity, Subject};
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
    reflect(socket, reflector, &error).await;
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
    Ok((socket, Reflector::new(peers, port, key, Limits::default())))
}

/// Answers for ever.
pub(super) async fn reflect(mut socket: StampSocket, mut reflector: Reflector, error: &ClockError) {
    let clock = Clock::new();
    loop {
        let received = match socket.receive().await {
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
