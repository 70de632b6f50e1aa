//! Who belongs where: the stations that are no surprise when they are found on a subnet.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use wasl_model::assignment::Address;
use wasl_model::{Localized, SiteId};

use super::Settings;

/// A station that belongs where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// Its name for people.
    pub name: Localized,
    /// Its hardware address, `aa:bb:cc:dd:ee:ff`.
    pub mac: String,
    /// Where it stands; one of [`Settings::sites`].
    pub site: SiteId,
}

/// How the configuration knows a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Familiar<'a> {
    /// It is one of [`Settings::stations`].
    Station(&'a str),
    /// It has the address of one of [`Settings::devices`].
    Device(&'a str),
    /// It has the address of one of [`Settings::targets`].
    Target(&'a str),
    /// It has the address that a link's probes go to.
    Link(&'a str),
    /// Its hardware address stands in the `known` list of a sweep.
    Listed,
}

impl Settings {
    /// The stations that belong where they are.
    pub fn stations(&self) -> &BTreeMap<String, Station> {
        &self.stations
    }

    /// How a station is known that was found at `site` with these addresses; `None` for a stranger.
    ///
    /// Branches may have the same private addresses, so an address says something only of what is watched from that
    /// site.
    pub fn familiar(&self, site: &str, mac: &str, ips: &[IpAddr]) -> Option<Familiar<'_>> {
        let station = self.stations.iter().find(|(_, s)| s.site.as_str() == site && s.mac == mac);
        if let Some((id, _)) = station {
            return Some(Familiar::Station(id));
        }
        let here = |agent| self.agents.get(agent).is_some_and(|agent| agent.site.as_str() == site);
        let is_host = |host: &str| host.parse().is_ok_and(|ip: IpAddr| ips.contains(&ip));
        let is_it = |address: &Address| matches!(address, Address::Host(host) if is_host(host));
        if let Some((id, _)) = self.devices.iter().find(|(_, d)| is_host(&d.host) && here(&d.from)) {
            return Some(Familiar::Device(id));
        }
        let target = self.targets.iter().find(|(_, t)| is_it(&t.address) && t.from.iter().any(here));
        if let Some((id, _)) = target {
            return Some(Familiar::Target(id));
        }
        let link = self
            .links
            .iter()
            .find(|(_, l)| l.probes.iter().any(|probe| is_it(&probe.to) && here(&probe.from)));
        if let Some((id, _)) = link {
            return Some(Familiar::Link(id));
        }
        let mut sweeps = self.agents.values().flat_map(|agent| &agent.sweeps);
        sweeps.any(|sweep| sweep.scope == site && sweep.known.contains(mac)).then_some(Familiar::Listed)
    }

    /// Whom the configuration knows, made ready to be asked about many.
    pub fn acquaintances(&self) -> Acquaintances {
        let mut known = Acquaintances::default();
        let at = |agent| self.agents.get(agent).map(|agent| agent.site.to_string());
        let mut has_address = |host: &str, agent| {
            if let (Ok(ip), Some(site)) = (host.parse::<IpAddr>(), at(agent)) {
                known.addresses.entry(site).or_default().insert(ip);
            }
        };
        for device in self.devices.values() {
            has_address(&device.host, &device.from);
        }
        for target in self.targets.values() {
            if let Address::Host(host) = &target.address {
                target.from.iter().for_each(|agent| has_address(host, agent));
            }
        }
        for probe in self.links.values().flat_map(|link| &link.probes) {
            if let Address::Host(host) = &probe.to {
                has_address(host, &probe.from);
            }
        }
        let stations = self.stations.values().map(|s| (s.site.to_string(), s.mac.clone()));
        let sweeps = self.agents.values().flat_map(|agent| &agent.sweeps);
        let listed =
            sweeps.flat_map(|sweep| sweep.known.iter().map(|mac| (sweep.scope.clone(), mac.clone())));
        for (site, mac) in stations.chain(listed) {
            known.hardware.entry(site).or_default().insert(mac);
        }
        known
    }
}

/// Whom the configuration knows, by site.
#[derive(Debug, Clone, Default)]
pub struct Acquaintances {
    addresses: HashMap<String, HashSet<IpAddr>>,
    hardware: HashMap<String, HashSet<String>>,
}

impl Acquaintances {
    /// Whether a station is known, by the rule of [`Settings::familiar`].
    pub fn knows(&self, site: &str, mac: &str, ips: &[IpAddr]) -> bool {
        self.hardware.get(site).is_some_and(|known| known.contains(mac))
            || self.addresses.get(site).is_some_and(|known| ips.iter().any(|ip| known.contains(ip)))
    }
}
