//! The stations at one interface, heard by ARP and by Neighbour Discovery, and how they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use wasl_agent_core::report::Reporter;
use wasl_model::{EntityKind, NoticeCode, Severity, Station, Subject, Timestamp};
use wasl_probe::roster::{Present, Roster, Word};
use wasl_probe::{sweep, sweep6};

/// What the subnets of an interface share: the roster, the moment from which they count, and why some of them are not
/// looked at.
#[derive(Clone)]
pub(super) struct Register {
    epoch: Instant,
    roster: Arc<Mutex<Roster>>,
    troubles: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Register {
    /// See [`Roster::new`].
    pub(super) fn new(hold: Duration, kept: Duration) -> Self {
        let roster = Arc::new(Mutex::new(Roster::new(hold, kept)));
        Self { epoch: Instant::now(), roster, troubles: Arc::default() }
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

    /// A subnet is looked at, or it is not: then `trouble` says why. There is one notice about the interface, with the
    /// troubles of all its subnets.
    pub(super) async fn note(
        &self,
        reporter: &Reporter,
        about: &Subject,
        subnet: String,
        trouble: Option<String>,
    ) {
        let words: Vec<String> = {
            let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
            match trouble {
                Some(words) => troubles.insert(subnet, words),
                None => troubles.remove(&subnet),
            };
            troubles.values().collect::<BTreeSet<_>>().into_iter().cloned().collect()
        };
        if words.is_empty() {
            return reporter.clear(about.clone(), NoticeCode::NotSupported).await;
        }
        let words = format!("stations are not looked for: {}", words.join("; "));
        reporter.raise(about.clone(), NoticeCode::NotSupported, Severity::Warning, words).await;
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

#[cfg(test)]
mod tests {
    use wasl_model::{Notice, Value};

    use super::*;

    #[tokio::test]
    async fn the_troubles_of_two_subnets_are_one_notice_that_is_said_once() {
        let (reporter, mut out) = Reporter::new();
        let register = Register::new(Duration::ZERO, Duration::from_secs(60));
        let about = Subject::lenient(EntityKind::Interface, "gw/lab0");
        let mut said = async |subnet: &str, trouble: Option<&str>| {
            register.note(&reporter, &about, subnet.to_owned(), trouble.map(str::to_owned)).await;
            match out.try_recv().map(|seen| seen.value) {
                Ok(Value::Notice(Notice { cleared, detail, .. })) => Some((cleared, detail)),
                _ => None,
            }
        };
        let stands = |words: &str| Some((false, format!("stations are not looked for: {words}")));
        assert_eq!(said("v4", Some("no address")).await, stands("no address"));
        assert_eq!(said("v6", None).await, None, "the other one's trouble goes on");
        assert_eq!(said("v6", Some("no link")).await, stands("no address; no link"));
        assert_eq!(said("v4", Some("no address")).await, None, "tried again in vain");
        assert_eq!(said("v4", None).await, stands("no link"));
        assert_eq!(said("v6", None).await, Some((true, String::new())));
    }
}
