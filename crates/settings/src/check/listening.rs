//! What an agent listens for and looks for: the defaults, and what may not stand twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use wasl_model::SiteId;
use wasl_model::assignment::{Sweep6Assignment, SweepAssignment};

use super::Check;
use crate::file;
use crate::period::Period;
use crate::problem::{Code, Complaint};
use crate::settings::{Station, Sweep, Sweeping};
use crate::snippet::quote;
use crate::source::Defined;

/// Where SNMP notifications go (RFC 3411 and the IANA registry: `snmptrap`).
const TRAP_PORT: u16 = 162;
const SWEEP_RATE: u16 = 20;
const SWEEP_EVERY: Period = Period::from_secs(600);

/// Where traps are received.
pub(super) fn traps(traps: &file::Traps) -> SocketAddr {
    let listen = traps.listen.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    SocketAddr::new(listen, traps.port.unwrap_or(TRAP_PORT))
}

impl Check<'_> {
    /// The stations that belong where they are.
    pub(super) fn stations(
        &mut self,
        given: BTreeMap<String, Defined<file::Station>>,
    ) -> BTreeMap<String, Station> {
        let mut seen = BTreeMap::new();
        let mut stations = BTreeMap::new();
        for (id, station) in given {
            let file::Station { name, mac, site } = &station.value;
            let spot = self.sources.spot(&station, "site");
            self.sources.unknown(spot, "site", site, &self.known_sites);
            if let Some(other) = seen.insert((site.clone(), mac.0.clone()), id.clone()) {
                let spot = self.sources.spot(&station, "mac");
                let message =
                    format!("{} has this hardware address already, at the same site", quote(&other));
                let complaint = Complaint::new(Code::DuplicateKey, message).help("delete one of the two");
                self.sources.report(spot, complaint);
            }
            if let Ok(site) = SiteId::new(site.as_str()) {
                let name = super::name(name.clone(), &id);
                stations.insert(id, Station { name, mac: mac.0.clone(), site });
            }
        }
        stations
    }

    /// The interfaces and the subnets that an agent looks at.
    pub(super) fn discovery(&mut self, agent: &Defined<file::Agent>) -> (Vec<String>, Vec<Sweep>) {
        let Some(discovery) = &agent.value.discovery else { return (Vec::new(), Vec::new()) };
        let mut lldp: Vec<String> = Vec::new();
        for (index, interface) in discovery.lldp.iter().flatten().enumerate() {
            if lldp.contains(interface) {
                let spot = self.sources.spot(agent, &format!("discovery.lldp[{index}]"));
                let message = format!("the interface {} stands twice in this list", quote(interface));
                let complaint = Complaint::new(Code::DuplicateKey, message).help("delete one of the two");
                self.sources.report(spot, complaint);
            }
            lldp.push(interface.clone());
        }
        let mut seen = BTreeSet::new();
        let mut sweeps = Vec::new();
        for (index, sweep) in discovery.sweep.iter().flatten().enumerate() {
            let &file::Sweep { ref interface, subnet: file::Subnet(subnet), every, rate, ref known } = sweep;
            let (network, prefix) = (subnet.network(), subnet.length());
            if !seen.insert(subnet) {
                let spot = self.sources.spot(agent, &format!("discovery.sweep[{index}].subnet"));
                let complaint =
                    Complaint::new(Code::DuplicateKey, "this subnet is swept twice by this agent")
                        .help("delete one of the two");
                self.sources.report(spot, complaint);
            }
            let (every, rate) = (every.unwrap_or(SWEEP_EVERY), rate.unwrap_or(SWEEP_RATE));
            let (interface, every_ms) = (interface.clone(), every.as_millis());
            // An identifier must say where a station is even when it moves to another subnet of the place.
            let scope = agent.value.site.clone();
            let assignment = match network {
                IpAddr::V4(network) => {
                    let hosts = (1u64 << (32 - u32::from(prefix))) - 2;
                    let takes = hosts.div_ceil(u64::from(rate.max(1)));
                    if takes * 1_000 > every_ms {
                        let spot = self.sources.spot(agent, &format!("discovery.sweep[{index}].subnet"));
                        let message = format!(
                            "{hosts} addresses at {rate} a second take {takes}s, longer than {every}"
                        );
                        let complaint = Complaint::new(Code::OutOfRange, message)
                            .help(format!("raise `every` to {takes}s at least, or raise `rate`"));
                        self.sources.report(spot, complaint);
                    }
                    let scope = scope.clone();
                    Sweeping::V4(SweepAssignment { interface, network, prefix, every_ms, rate, scope })
                }
                IpAddr::V6(network) => {
                    let scope = scope.clone();
                    Sweeping::V6(Sweep6Assignment { interface, network, prefix, every_ms, rate, scope })
                }
            };
            let known = known.iter().flatten().map(|mac| mac.0.clone()).collect();
            sweeps.push(Sweep { assignment, scope, known });
        }
        (lldp, sweeps)
    }
}
