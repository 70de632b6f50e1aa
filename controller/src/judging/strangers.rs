//! Stations that the configuration does not know: each is an event when it is first seen, and many at once are a few
//! events and a count.
//!
//! Whoever is on a wire can make up stations. What they cost here is bounded: so many events for a site in a
//! stretch of time, then one that says how many more there were. The list (`wasl discovery`) has them all, within its
//! own bound.

use std::collections::BTreeMap;
use std::time::Duration;

use wasl_model::{AgentId, EntityKind, Event, EventCode, Severity, Station, Subject, Timestamp};
use wasl_settings::Settings;

use crate::live::{Happened, Newcomer};

/// Strangers of one site that are told one by one within a stretch.
const EACH: u32 = 10;
/// The length of a stretch.
const STRETCH: Duration = Duration::from_mins(10);
/// Sites with a stretch of their own; beyond them strangers are told one by one, within the bound on all events.
const SITES: usize = 1_000;

/// The strangers of the stretches that are not over.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    sites: BTreeMap<String, Stretch>,
}

#[derive(Debug)]
struct Stretch {
    began: Timestamp,
    told: u32,
    more: u64,
    /// Who says it, and about which interface.
    agent: AgentId,
    about: Subject,
}

impl Strangers {
    /// Somebody was seen for the first time; an event, if nobody knows him and it is one of the first.
    pub(super) fn meet(
        &mut self,
        newcomer: Newcomer,
        settings: &Settings,
        now: Timestamp,
    ) -> Option<Happened> {
        let Newcomer { agent, subject, at, station } = newcomer;
        let site = site_of(&subject)?.to_owned();
        if settings.familiar(&site, &station.mac, &station.addresses()).is_some() {
            return None;
        }
        if self.sites.len() < SITES || self.sites.contains_key(&site) {
            let about = Subject::lenient(EntityKind::Interface, &format!("{agent}/{}", station.interface));
            let new = Stretch { began: now, told: 0, more: 0, agent: agent.clone(), about };
            let stretch = self.sites.entry(site.clone()).or_insert(new);
            if stretch.told >= EACH {
                stretch.more += 1;
                return None;
            }
            stretch.told += 1;
        }
        let event = stranger(&station, &site);
        Some(Happened { at, subject, agent, event })
    }

    /// The counts of the stretches that are over.
    pub(super) fn count(&mut self, now: Timestamp) -> Vec<Happened> {
        let mut counts = Vec::new();
        self.sites.retain(|site, stretch| {
            let lasts = now >= stretch.began && now.since(stretch.began) < STRETCH;
            if !lasts && stretch.more > 0 {
                let words = format!(
                    "{} more stations that are on no list were seen at {site}; `wasl discovery` shows who they are",
                    stretch.more
                );
                counts.push(Happened {
                    at: now,
                    subject: stretch.about.clone(),
                    agent: stretch.agent.clone(),
                    event: Event::new(EventCode::UnknownStation, Severity::Warning, words)
                        .with("site", site)
                        .with("count", stretch.more),
                });
            }
            lasts
        });
        counts
    }
}

/// The site of a station.
pub(super) fn site_of(station: &Subject) -> Option<&str> {
    let (site, _) = station.id.rsplit_once('/')?;
    (station.kind == EntityKind::Station).then_some(site)
}

fn stranger(station: &Station, site: &str) -> Event {
    let Station { ip, mac, interface, .. } = station;
    let words = format!("a station that is on no list was seen on {interface}: {mac} with the address {ip}");
    Event::new(EventCode::UnknownStation, Severity::Warning, words)
        .with("mac", mac)
        .with("ip", ip)
        .with("interface", interface)
        .with("site", site)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn settings() -> Settings {
        let text = "institution: { id: u, name: { en: U }, timezone: Asia/Hebron }
sites: { jenin: { name: { en: Jenin } }, hebron: { name: { en: Hebron } } }
agents:
  jenin-gw:
    site: jenin
    role: gateway
    discovery: { sweep: [{ interface: lab0, subnet: 10.3.16.0/24, known: [02:00:00:00:00:01] }] }
  hebron-gw: { site: hebron, role: gateway }
stations: { pc-2: { mac: 02:00:00:00:00:02, site: jenin }, pc-3: { mac: 02:00:00:00:00:03, site: hebron } }
devices: { core: { host: 10.3.16.7, from: jenin-gw, snmp: { version: v2c, community: c } } }
targets: { s: { address: 'fd00:7:0::7', from: [jenin-gw] }, t: { address: 10.3.16.8, from: [jenin-gw] }, u: { address: 10.3.16.9, from: [hebron-gw] } }
";
        wasl_settings::load_from(&[("wasl.yaml".into(), text.to_owned())]).expect("sound")
    }

    fn newcomer(number: u32, last: u8) -> Newcomer {
        let [a, b, c, d] = number.to_be_bytes();
        let mac = format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}");
        Newcomer {
            agent: "jenin-gw".parse().expect("valid"),
            subject: Subject::lenient(EntityKind::Station, &format!("jenin/{mac}")),
            at: NOW,
            station: Station {
                ip: [10, 3, 16, last].into(),
                mac,
                interface: "lab0".into(),
                first: NOW,
                last: NOW,
                ip6: Vec::new(),
            },
        }
    }

    #[test]
    fn whom_the_configuration_knows_at_that_site_is_no_event() {
        let settings = settings();
        let mut strangers = Strangers::default();
        let acquaintances = settings.acquaintances();
        let mut met = |number, last| {
            let new = newcomer(number, last);
            let knows = acquaintances.knows("jenin", &new.station.mac, &new.station.addresses());
            let met = strangers.meet(new, &settings, NOW).is_some();
            assert_eq!(met, !knows, "asked about many, it says the same: {number}, {last}");
            met
        };
        assert!(!met(1, 100), "listed by the sweep");
        assert!(!met(2, 100), "a station of the configuration");
        assert!(met(3, 100), "a station of another site");
        assert!(!met(4, 7), "a device");
        assert!(!met(5, 8), "a target");
        assert!(met(6, 9), "a target that another site watches");
    }

    #[test]
    fn a_station_is_known_by_any_of_its_addresses() {
        let settings = settings();
        let mut strangers = Strangers::default();
        let mut met = |number, ips: &[&str]| {
            let mut newcomer = newcomer(number, 100);
            let ips: Vec<std::net::Ipv6Addr> = ips.iter().map(|ip| ip.parse().expect("valid")).collect();
            newcomer.station.ip = ips[0].into();
            newcomer.station.ip6 = ips;
            strangers.meet(newcomer, &settings, NOW).is_some()
        };
        assert!(!met(4, &["fd00:7::4", "fd00:7::7"]), "a target, written otherwise");
        assert!(met(5, &["fd00:7::8", "fe80::7"]));
    }

    #[test]
    fn a_thousand_strangers_are_some_events_and_a_count() {
        let settings = settings();
        let mut strangers = Strangers::default();
        let told: Vec<Happened> =
            (10..1_010).filter_map(|n| strangers.meet(newcomer(n, 100), &settings, NOW)).collect();
        assert_eq!(told.len(), 10);
        assert_eq!(told[0].event.args["mac"], "02:00:00:00:00:0a");
        assert_eq!(told[0].subject.to_string(), "station/jenin/02:00:00:00:00:0a");
        assert!(strangers.count(NOW.plus(Duration::from_secs(599))).is_empty());
        let counts = strangers.count(NOW.plus(STRETCH));
        assert_eq!(counts.len(), 1);
        assert_eq!(counts[0].event.args["count"], "990");
        assert_eq!(counts[0].subject.to_string(), "interface/jenin-gw/lab0");
        assert!(strangers.count(NOW.plus(STRETCH * 2)).is_empty());
        assert!(strangers.meet(newcomer(2_000, 100), &settings, NOW.plus(STRETCH)).is_some());
    }
}
