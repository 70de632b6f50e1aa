//! Who is at which port, and what of it is news.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wasl_agent_core::report::Reporter;
use wasl_model::{EntityKind, Event, EventCode, Neighbour, Severity, Subject};
use wasl_probe::lldp::Announcement;

/// The most neighbours at one port; a port has one, a hub's port has some.
const MOST: usize = 32;
/// The most ports of a device with a neighbour.
const PORTS: usize = 1_000;
/// What is unchanged is said again after this time, so that it is seen to be still so.
const AGAIN: Duration = Duration::from_hours(1);

/// What is to be told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// A neighbour that is new or says something new, or is still there.
    Seen(Box<Neighbour>),
    /// One came or went at this port.
    Changed(String, Event),
}

impl News {
    /// Tells it, of a port of `owner`: an agent or a device.
    pub(crate) async fn tell(self, reporter: &Reporter, owner: &str) {
        match self {
            Self::Seen(neighbour) => {
                let id = format!("{owner}/{}/{}", neighbour.local_port, neighbour.chassis);
                reporter.report(Subject::lenient(EntityKind::Neighbour, &id), *neighbour).await;
            }
            Self::Changed(port, event) => {
                let interface = Subject::lenient(EntityKind::Interface, &format!("{owner}/{port}"));
                reporter.report(interface, event).await;
            }
        }
    }
}

struct Known {
    announcement: Announcement,
    until: Duration,
    told: Duration,
}

/// The neighbours at the ports that are listened to.
pub(crate) struct Neighbours {
    /// By chassis and port of the neighbour.
    ports: BTreeMap<String, BTreeMap<(String, String), Known>>,
    was_read: bool,
}

impl Neighbours {
    pub(crate) fn new(ports: impl IntoIterator<Item = String>) -> Self {
        Self { ports: ports.into_iter().map(|port| (port, BTreeMap::new())).collect(), was_read: false }
    }

    /// An announcement was heard at a port.
    pub(crate) fn heard(&mut self, port: &str, announcement: Announcement, now: Duration) -> Vec<News> {
        let Some(known) = self.ports.get_mut(port) else { return Vec::new() };
        let key = (announcement.chassis.clone(), announcement.port.clone());
        if announcement.ttl == 0 {
            let gone = known.remove(&key);
            return gone.map(|gone| went(port, &gone.announcement, "took its leave")).into_iter().collect();
        }
        let before = known.get(&key);
        if before.is_none() && known.len() >= MOST {
            return Vec::new();
        }
        let is_new = before.is_none();
        let same = before.is_some_and(|b| b.announcement == announcement);
        let told = before.map_or(now, |b| b.told);
        let tell = !same || now.saturating_sub(told) >= AGAIN;
        let mut news = Vec::new();
        if is_new {
            news.push(came(port, &announcement));
        }
        if tell {
            news.push(News::Seen(Box::new(neighbour(port, &announcement))));
        }
        let until = now + Duration::from_secs(u64::from(announcement.ttl));
        known.insert(key, Known { announcement, until, told: if tell { now } else { told } });
        news
    }

    /// A device told of all its neighbours, by its ports. What was there when it was first asked is no change.
    pub(crate) fn read(&mut self, found: Vec<(String, Announcement)>, now: Duration) -> Vec<News> {
        let first = !std::mem::replace(&mut self.was_read, true);
        let mut news = Vec::new();
        let mut there = BTreeSet::new();
        for (port, announcement) in found {
            if self.ports.len() < PORTS {
                self.ports.entry(port.clone()).or_default();
            }
            there.insert((port.clone(), announcement.chassis.clone(), announcement.port.clone()));
            news.extend(self.heard(&port, announcement, now));
        }
        for (port, known) in &mut self.ports {
            known.retain(|(chassis, far), one| {
                let is_there = there.contains(&(port.clone(), chassis.clone(), far.clone()));
                if !is_there {
                    news.push(went(port, &one.announcement, "is no longer there"));
                }
                is_there
            });
        }
        self.ports.retain(|_, known| !known.is_empty());
        news.retain(|news| !first || matches!(news, News::Seen(_)));
        news
    }

    /// Forgets those whose word no longer holds (IEEE 802.1AB, 9.2.2.1).
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<News> {
        let mut news = Vec::new();
        for (port, known) in &mut self.ports {
            known.retain(|_, one| {
                let holds = now < one.until;
                if !holds {
                    news.push(went(port, &one.announcement, "is no longer heard"));
                }
                holds
            });
        }
        news
    }
}

fn neighbour(port: &str, a: &Announcement) -> Neighbour {
    Neighbour {
        local_port: port.to_owned(),
        chassis: a.chassis.clone(),
        port: a.port.clone(),
        port_description: a.port_description.clone(),
        system_name: a.system_name.clone(),
        system_description: a.system_description.clone(),
        management_address: a.management_address,
        ttl_s: u32::from(a.ttl),
    }
}

fn came(port: &str, a: &Announcement) -> News {
    changed(port, a, Severity::Info, "came", "is at the port now")
}

fn went(port: &str, a: &Announcement, how: &str) -> News {
    changed(port, a, Severity::Warning, "went", how)
}

fn changed(port: &str, a: &Announcement, severity: Severity, what: &str, how: &str) -> News {
    let name = a.system_name.as_deref().unwrap_or(&a.chassis);
    let mut event = Event::new(EventCode::NeighbourChanged, severity, format!("the neighbour {name} {how}"))
        .with("change", what)
        .with("chassis", &a.chassis)
        .with("port", &a.port);
    if let Some(name) = &a.system_name {
        event = event.with("system_name", name);
    }
    News::Changed(port.to_owned(), event)
}

#[cfg(test)]
mod tests;
