//! What a reflector answers, and whom (RFC 8762, section 4.3).
//!
//! It is stateful: each session, which is a sender's address and port and its identifier (RFC 8972, section
//! 3), has a number of its own that goes up with every answer. That number is what lets the sender tell the
//! two directions' losses apart.
//!
//! A reflector answers whoever seems to ask, and the asker's address can be forged. So it answers configured
//! peers only, at most so often, never with more octets than it was sent, never to a port that reflectors
//! listen on (two that reflect each other's reflections would not stop), and in authenticated sessions no
//! packet twice.
//!
//! Where answers do not come back, only this end knows that tests arrive. So it counts those of sessions that it was
//! told of.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use super::packet::{Key, Malformed, Reflection, Test};
use super::peers::Prefix;
use super::time::{ErrorEstimate, ntp};
use super::{PORT, tlv};

use guard::{Allowance, Replays};

mod guard;

/// What a reflector bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at once.
    pub sessions: usize,
    /// A session that was silent for this long gives up its place if another needs it.
    pub idle: Duration,
    /// Answers per second in one session, and as many at once.
    pub per_session: u32,
    /// Answers per second in all, and as many at once.
    pub in_all: u32,
}

impl Default for Limits {
    /// 256 sessions of 100 packets per second, 2,000 in all; RFC 5357 has a session end after 15 silent
    /// minutes.
    fn default() -> Self {
        Self { sessions: 256, idle: Duration::from_mins(15), per_session: 100, in_all: 2_000 }
    }
}

/// Why a packet is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The sender is no configured peer.
    #[error("the sender is not among the peers")]
    Peer,
    /// It comes from a port that reflectors listen on.
    #[error("it comes from a reflector's port")]
    Port,
    /// It is no test packet, or not of the key.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It has been answered before, or is older than what can be told.
    #[error("it has been answered before")]
    Replay,
    /// Too many came.
    #[error("too many came")]
    Rate,
    /// All places for sessions are taken.
    #[error("all places for sessions are taken")]
    Full,
}

/// An answer that lacks only the moment at which it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Where it goes.
    pub to: SocketAddr,
    reflection: Reflection,
    extensions: Vec<u8>,
}

/// Answers test packets. Times of day are since 1970-01-01T00:00:00Z, other times monotonic.
pub struct Reflector {
    peers: Vec<Prefix>,
    port: u16,
    key: Option<Box<dyn Key>>,
    limits: Limits,
    all: Allowance,
    sessions: HashMap<(SocketAddr, u16), Session>,
    /// By identifier, whatever the address: a test that was answered is of the one that was told of.
    counted: BTreeMap<u16, Arrivals>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Arrivals {
    ever: bool,
    since_taken: u64,
}

#[derive(Debug, Default)]
struct Session {
    next: u32,
    last_seen: Duration,
    allowance: Allowance,
    replays: Replays,
}

impl Reflector {
    /// A reflector on `port` that answers these peers: authenticated packets only if there is a key, open
    /// ones only if there is none.
    pub fn new(peers: Vec<Prefix>, port: u16, key: Option<Box<dyn Key>>, limits: Limits) -> Self {
        Self {
            peers,
            port,
            key,
            limits,
            all: Allowance::default(),
            sessions: HashMap::new(),
            counted: BTreeMap::new(),
        }
    }

    /// Counts what arrives in sessions with these identifiers.
    #[must_use]
    pub fn counting(mut self, identifiers: impl IntoIterator<Item = u16>) -> Self {
        self.counted = identifiers.into_iter().map(|ssid| (ssid, Arrivals::default())).collect();
        self
    }

    /// How many tests have come since this was last asked, by the identifiers of the sessions that are counted. One
    /// of which nothing has ever come is left out: it may be that it goes elsewhere.
    pub fn take_arrivals(&mut self) -> impl Iterator<Item = (u16, u64)> {
        let heard = self.counted.iter_mut().filter(|(_, arrivals)| arrivals.ever);
        heard.map(|(ssid, arrivals)| (*ssid, std::mem::take(&mut arrivals.since_taken)))
    }

    /// How many sessions are remembered.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// A packet came from `from`, with this time to live if it could be read, at `arrived` by the clock and
    /// `now`.
    pub fn on_packet(
        &mut self,
        bytes: &[u8],
        from: SocketAddr,
        ttl: Option<u8>,
        arrived: Duration,
        now: Duration,
    ) -> Result<Reply, Refusal> {
        if !self.peers.iter().any(|peer| peer.contains(from.ip())) {
            return Err(Refusal::Peer);
        }
        if from.port() == PORT || from.port() == self.port || from.port() == 0 {
            return Err(Refusal::Port);
        }
        let (test, rest) = Test::read(bytes, self.key.as_deref())?;
        let authenticated = self.key.is_some();
        let limits = self.limits;
        if let Err(full) = self.make_room((from, test.ssid), now) {
            // It has arrived, even if it gets no answer.
            self.count(test.ssid);
            return Err(full);
        }
        let session = self.sessions.entry((from, test.ssid)).or_default();
        if authenticated && !session.replays.is_new(test.sequence, test.sent) {
            return Err(Refusal::Replay);
        }
        if !session.allowance.takes(now, limits.per_session) || !self.all.takes(now, limits.in_all) {
            return Err(Refusal::Rate);
        }
        session.last_seen = now;
        let sequence = session.next;
        session.next = sequence.wrapping_add(1);
        self.count(test.ssid);
        Ok(Reply {
            to: from,
            reflection: Reflection {
                sequence,
                sent: 0,
                error: test.error,
                ssid: test.ssid,
                received: ntp(arrived),
                test_sequence: test.sequence,
                test_sent: test.sent,
                test_error: test.error,
                test_ttl: ttl.unwrap_or(u8::MAX),
            },
            extensions: tlv::reflected(rest, authenticated),
        })
    }

    /// The octets of an answer that leaves at `sent` by a clock of which `error` is known.
    pub fn seal(&self, reply: &Reply, sent: Duration, error: ErrorEstimate) -> Vec<u8> {
        let reflection = Reflection { sent: ntp(sent), error, ..reply.reflection };
        let mut bytes = reflection.write(self.key.as_deref());
        bytes.extend(&reply.extensions);
        bytes
    }

    fn count(&mut self, ssid: u16) {
        if let Some(arrivals) = self.counted.get_mut(&ssid) {
            *arrivals = Arrivals { ever: true, since_taken: arrivals.since_taken + 1 };
        }
    }

    /// Sees to it that a session has or finds a place. A sender that is not answered begins anew from another port: where
    /// its session's identifier was told, the one before gives its place up.
    fn make_room(&mut self, id: (SocketAddr, u16), now: Duration) -> Result<(), Refusal> {
        if self.sessions.contains_key(&id) {
            return Ok(());
        }
        let (from, ssid) = id;
        if self.counted.contains_key(&ssid) {
            self.sessions.retain(|(other, of), _| *of != ssid || other.ip() != from.ip());
        }
        if self.sessions.len() < self.limits.sessions {
            return Ok(());
        }
        let oldest = self.sessions.iter().min_by_key(|(_, session)| session.last_seen);
        let idle = oldest.filter(|(_, s)| now.saturating_sub(s.last_seen) >= self.limits.idle);
        let id = *idle.ok_or(Refusal::Full)?.0;
        self.sessions.remove(&id);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
