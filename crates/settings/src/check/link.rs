//! Links and rings: who probes them, by which way, and whether what they name exists.

use std::collections::BTreeSet;

use wasl_model::assignment::{LinkClass, LinkLimits};
use wasl_model::{EntityKind, SiteId, Subject};

use super::{Check, DEFAULT_TCP_PORT, name};
use crate::file;
use crate::problem::{Code, Complaint};
use crate::settings::{Contract, Link, LinkProbe, Ring};
use crate::snippet::quote;
use crate::source::Defined;

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
        let micros = |period: crate::Period| period.as_millis() * 1000;
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
