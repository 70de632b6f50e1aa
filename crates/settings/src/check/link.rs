//! Links and rings: who probes them, by which way, and whether what they name exists.

use std::collections::BTreeSet;
use std::net::IpAddr;

use wasl_model::assignment::{LinkClass, LinkLimits, StampReflector};
use wasl_model::{EntityKind, SiteId, Subject};

use super::{Check, DEFAULT_TCP_PORT, name};
use crate::file;
use crate::period::Period;
use crate::problem::{Code, Complaint};
use crate::settings::{Contract, Link, LinkProbe, Ring, StampTest};
use crate::snippet::quote;
use crate::source::Defined;
use crate::values::SecretName;

/// The port that IANA gave to STAMP.
const STAMP_PORT: u16 = 862;

impl Check<'_> {
    pub(super) fn link(&mut self, id: &str, link: Defined<file::Link>) -> Link {
        let own = Subject::lenient(EntityKind::Link, id);
        let mut between = Vec::new();
        for (index, site) in link.value.between.iter().enumerate() {
            let spot = self.sources.spot(&link, &format!("between[{index}]"));
            self.sources.unknown(spot, "site", site, &self.known_sites);
            if let Ok(site) = SiteId::new(site.as_str()) {
                if between.contains(&site) {
                    let message = format!("{} is at both ends", quote(site.as_str()));
                    let complaint = Complaint::new(Code::BadValue, message)
                        .help("name the other end, or only one site for a line to the Internet");
                    self.sources.report(spot, complaint);
                }
                between.push(site);
            }
        }
        let probes = self.probes(&link);
        let stamp = self.stamp(&link);
        let accounting = self.accounting(&link, &between);
        let interfaces = self.entities(&link, "interfaces", link.value.interfaces.as_deref(), &own);
        for (index, subject) in interfaces.iter().enumerate() {
            if subject.kind != EntityKind::Interface {
                let message = format!("{subject} is no interface");
                let complaint = Complaint::new(Code::BadValue, message)
                    .help("write `interface/DEVICE/NAME`; other things belong under `depends_on`");
                self.sources.report(self.sources.spot(&link, &format!("interfaces[{index}]")), complaint);
            }
        }
        let depends_on = self.entities(&link, "depends_on", link.value.depends_on.as_deref(), &own);
        let site = match &link.value.site {
            given @ Some(_) => self.site_of(&link, given.as_ref(), None),
            None => between.last().cloned(),
        };
        let file::Link { name: given, role, class, contract, .. } = link.value;
        let contract = contract.unwrap_or_default();
        let micros = |period: Period| period.as_millis() * 1000;
        Link {
            name: name(given, id),
            between,
            role: role.unwrap_or_default(),
            class: match class {
                Some(file::Class::Uplink) => LinkClass::Uplink,
                None | Some(file::Class::Link) => LinkClass::Link,
                Some(file::Class::Target) => LinkClass::Target,
            },
            probes,
            stamp,
            interfaces,
            contract: Contract {
                down: contract.down,
                up: contract.up,
                limits: LinkLimits {
                    rtt_us: contract.rtt.map(micros),
                    jitter_us: contract.jitter.map(micros),
                    loss_ppm: contract.loss.map(|share| u64::from(share.ppm())),
                },
                availability: contract.availability,
            },
            accounting,
            site,
            depends_on,
        }
    }

    fn probes(&mut self, link: &Defined<file::Link>) -> Vec<LinkProbe> {
        let mut seen = BTreeSet::new();
        let mut probes = Vec::new();
        for (index, probe) in link.value.probes.iter().enumerate() {
            let spot = self.sources.spot(link, &format!("probes[{index}].from"));
            if !seen.insert(probe.from.as_str()) {
                let message = format!("the agent {} probes this link twice", quote(&probe.from));
                let complaint = Complaint::new(Code::DuplicateKey, message)
                    .help("delete one of the two; further addresses are `targets`");
                self.sources.report(spot, complaint);
            }
            let Some(from) = self.agent_called(&probe.from, spot) else { continue };
            probes.push(LinkProbe {
                from,
                to: probe.to.0.clone(),
                via: probe.via.as_ref().map(|via| via.0.clone()),
                tcp_port: probe.tcp_port.unwrap_or(DEFAULT_TCP_PORT),
            });
        }
        probes
    }

    fn stamp(&mut self, link: &Defined<file::Link>) -> Vec<StampTest> {
        let mut tests: Vec<StampTest> = Vec::new();
        for (index, test) in link.value.stamp.iter().flatten().enumerate() {
            let spot = self.sources.spot(link, &format!("stamp[{index}].from"));
            if tests.iter().any(|other| other.from.as_str() == test.from) {
                let message = format!("the agent {} measures this link twice", quote(&test.from));
                let complaint = Complaint::new(Code::DuplicateKey, message).help("delete one of the two");
                self.sources.report(spot, complaint);
            }
            let Some(from) = self.agent_called(&test.from, spot) else { continue };
            tests.push(StampTest {
                from,
                to: test.to.0.clone(),
                port: test.port.unwrap_or(STAMP_PORT),
                every: test.every.unwrap_or(Period::from_millis(100)),
                via: test.via.clone(),
                key: test.key.clone().map(SecretName::into_inner),
            });
        }
        tests
    }

    /// Whose tests an agent answers; peers that are no addresses are reported.
    pub(super) fn reflector(&mut self, agent: &Defined<file::Agent>) -> Option<StampReflector> {
        let given = agent.value.reflect.as_ref()?;
        for (index, peer) in given.peers.iter().enumerate() {
            let (address, length) = peer.split_once('/').map_or((peer.as_str(), None), |(a, l)| (a, Some(l)));
            let bits = address.parse::<IpAddr>().map(|address| if address.is_ipv4() { 32 } else { 128 });
            let length = length.map_or(Some(0), |length| length.parse::<u8>().ok());
            if !bits.is_ok_and(|bits| length.is_some_and(|length| length <= bits)) {
                let complaint =
                    Complaint::new(Code::BadValue, format!("{} is no address and no block", quote(peer)))
                        .help("write an address such as `10.0.0.1`, or a block such as `10.20.0.0/16`");
                self.sources.report(self.sources.spot(agent, &format!("reflect.peers[{index}]")), complaint);
            }
        }
        Some(StampReflector {
            listen: given.listen,
            port: given.port.unwrap_or(STAMP_PORT),
            peers: given.peers.clone(),
            key: given.key.clone().map(SecretName::into_inner),
            sessions: Vec::new(),
        })
    }

    pub(super) fn ring(&mut self, id: &str, ring: Defined<file::Ring>) -> Ring {
        let mut links: Vec<String> = Vec::new();
        for (index, link) in ring.value.links.iter().enumerate() {
            let spot = self.sources.spot(&ring, &format!("links[{index}]"));
            self.sources.unknown(spot, "link", link, &self.known_links);
            if links.contains(link) {
                let message = format!("the link {} stands twice in this list", quote(link));
                let complaint = Complaint::new(Code::DuplicateKey, message).help("delete one of the two");
                self.sources.report(spot, complaint);
            }
            links.push(link.clone());
        }
        Ring { name: name(ring.value.name, id), links }
    }
}
