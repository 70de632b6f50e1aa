//! The listeners' own certificates: made at the start, and made anew while the controller runs when two thirds
//! of their life are over or another authority signs.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use wasl_pki::{Credentials, KeyAndRequest, SwappableCertificate, renew_at};

use super::View;

/// The names of a certificate at most, beside the fixed ones.
const NAMES: usize = 48;

/// Which listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Agents look for the controller's fixed name.
    Agents,
    /// Browsers look for what people type.
    Operators,
}

/// A listener's certificate.
pub struct ListenerCertificate {
    kind: Kind,
    names: Vec<String>,
    lifetime: Duration,
    shown: SwappableCertificate,
    made: Mutex<Made>,
}

/// What the certificate was made of.
#[derive(Debug, Clone, PartialEq)]
struct Made {
    /// Who signed, and what is shown beside it.
    chain: Vec<Vec<u8>>,
    not_before: i64,
    not_after: i64,
}

impl ListenerCertificate {
    /// Makes one.
    pub fn new(kind: Kind, names: Vec<String>, lifetime: Duration, view: &View, now_s: i64) -> Result<Self> {
        let (credentials, made) = make(kind, &names, lifetime, view, now_s)?;
        let shown = SwappableCertificate::new(credentials);
        Ok(Self { kind, names, lifetime, shown, made: Mutex::new(made) })
    }

    /// For the listener.
    pub fn shown(&self) -> &SwappableCertificate {
        &self.shown
    }

    /// For the log.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Agents => "agents",
            Kind::Operators => "operators",
        }
    }

    /// How long until it is due.
    pub fn due_in(&self, now_s: i64) -> Duration {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_secs(u64::try_from(due_at(&made, self.name()) - now_s).unwrap_or(0))
    }

    /// Makes it anew if it is due; whether it was.
    pub fn renew_if_due(&self, view: &View, now_s: i64) -> Result<bool> {
        {
            let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            if now_s < due_at(&made, self.name()) && made.chain == chain_of(view) {
                return Ok(false);
            }
        }
        let (credentials, made) = make(self.kind, &self.names, self.lifetime, view, now_s)?;
        self.shown.replace(credentials);
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = made;
        Ok(true)
    }
}

fn due_at(made: &Made, seed: &str) -> i64 {
    renew_at(made.not_before, made.not_after, seed)
}

fn chain_of(view: &View) -> Vec<Vec<u8>> {
    let mut chain = view.issuing.chain_der();
    chain.extend(view.above.iter().cloned());
    chain
}

fn make(
    kind: Kind,
    names: &[String],
    lifetime: Duration,
    view: &View,
    now_s: i64,
) -> Result<(Credentials, Made)> {
    let key = KeyAndRequest::generate()?;
    let issued = match kind {
        Kind::Agents => view.issuing.issue_controller(key.request_der(), names, now_s, lifetime)?,
        Kind::Operators => view.issuing.issue_server(key.request_der(), names, now_s, lifetime)?,
    };
    let chain = chain_of(view);
    let mut shown = vec![issued.chain_der[0].clone()];
    shown.extend(chain.iter().cloned());
    let credentials = Credentials::new(&shown, &key.private_key_pem())?;
    Ok((credentials, Made { chain, not_before: issued.not_before, not_after: issued.not_after }))
}

/// The names by which a listener on `bound` may be called: those that were `given`, this machine's name, and its
/// addresses: the one that it listens on, or all that it has (`own`) where it listens on all.
pub fn names(bound: IpAddr, given: &[String], host: Option<&str>, own: &[IpAddr]) -> Vec<String> {
    let mut names: Vec<String> = given.to_vec();
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    names.extend(host.map(str::trim).filter(|host| is_name(host)).map(str::to_owned));
    if bound.is_unspecified() {
        names.extend(own.iter().filter(|ip| bound.is_ipv6() || ip.is_ipv4()).map(ToString::to_string));
    } else {
        names.push(bound.to_string());
    }
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.to_ascii_lowercase()));
    names.truncate(NAMES);
    names
}

/// Whether a host's name can stand in a certificate; some machines are called `(none)`.
fn is_name(host: &str) -> bool {
    host != wasl_pki::CONTROLLER_NAME && rustls::pki_types::DnsName::try_from(host).is_ok()
}

/// The addresses of this machine, without those that mean something on one link only.
pub fn own_addresses() -> Vec<IpAddr> {
    let Ok(all) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let mut found: Vec<IpAddr> = all
        .filter_map(|interface| interface.address)
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .filter(|ip| match ip {
            IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
            IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// This machine's name.
pub fn host_name() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned())
}
