//! Who is at which port, and what of it is news.

use std::collections::BTreeMap;
use std::time::Duration;

use wasl_model::{Event, EventCode, Neighbour, Severity};
use wasl_probe::lldp::Announcement;

/// The most neighbours at one port; a port has one, a hub's port has some.
const MOST: usize = 32;
/// What is unchanged is said again after this time, so that it is seen to be still so.
const AGAIN: Duration = Duration::from_hours(1);

/// What is to be told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum News {
    /// A neighbour that is new or says something new, or is still there.
    Seen(Box<Neighbour>),
    /// One came or went at this port.
    Changed(String, Event),
}

struct Known {
    announcement: Announcement,
    until: Duration,
    told: Duration,
}

/// The neighbours at the ports that are listened to.
pub(super) struct Neighbours {
    /// By chassis and port of the neighbour.
    ports: BTreeMap<String, BTreeMap<(String, String), Known>>,
}

impl Neighbours {
    pub(super) fn new(ports: impl IntoIterator<Item = String>) -> Self {
        Self { ports: ports.into_iter().map(|port| (port, BTreeMap::new())).collect() }
    }

    /// An announcement was heard at a port.
    pub(super) fn heard(&mut self, port: &str, announcement: Announcement, now: Duration) -> Vec<News> {
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

    /// Forgets those whose word no longer holds (IEEE 802.1AB, 9.2.2.1).
    pub(super) fn expire(&mut self, now: Duration) -> Vec<News> {
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
