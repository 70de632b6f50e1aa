//! The stations at one interface, heard by ARP and by Neighbour Discovery, and how they are told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use wasl_agent_core::report::Reporter;
use wasl_model::{EntityKind, Station, Subject, Timestamp};
use wasl_probe::roster::{Present, Roster, Word};
use wasl_probe::{sweep, sweep6};

/// What both families share at an interface: the roster, and the moment from which they count.
#[derive(Clone)]
pub(super) struct Register {
    epoch: Instant,
    roster: Arc<Mutex<Roster>>,
}

impl Register {
    /// See [`Roster::new`].
    pub(super) fn new(hold: Duration, kept: Duration) -> Self {
        Self { epoch: Instant::now(), roster: Arc::new(Mutex::new(Roster::new(hold, kept))) }
    }

    /// The moment from which both count.
    pub(super) fn epoch(&self) -> Instant {
        self.epoch
    }

    /// The time since then.
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// A station was heard by ARP.
    pub(super) fn v4(&self, seen: sweep::Seen) -> Present {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner).v4(seen, self.now())
    }

    /// A station was heard by Neighbour Discovery.
    pub(super) fn v6(&self, seen: &sweep6::Seen) -> Word {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner).v6(seen, self.now())
    }

    /// Reports a station.
    pub(super) async fn tell(&self, reporter: &Reporter, interface: &str, scope: &str, present: Present) {
        let Present { mac, ip, ip6, first, last } = present;
        let (now, wall) = (self.now(), Timestamp::from(SystemTime::now()));
        let mac = mac.to_string();
        let subject = Subject::lenient(EntityKind::Station, &format!("{scope}/{mac}"));
        let station = Station {
            ip,
            ip6,
            mac,
            interface: interface.to_owned(),
            first: wall.minus(now.saturating_sub(first)),
            last: wall.minus(now.saturating_sub(last)),
        };
        reporter.report_at(subject, wall, station).await;
    }
}
