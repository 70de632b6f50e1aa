//! The stations of a subnet, asked address by address: whom to ask when, and what answers mean.
//!
//! Each address is asked once in a round, never two in a burst: the first round at the pace that was granted, so that a
//! person who has just set it up sees something soon, and all later ones spread over the time between two rounds. What
//! stations say to each other in the meantime counts as well, so one that has just been switched on is known at once.
//!
//! Whoever is on the wire can say anything: a thousand hardware addresses, or somebody else's. So the table has as
//! many places as the subnet has addresses, and who finds it full is only counted. An answer proves nothing, and
//! nothing is done on it: it is told.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::arp::{Mac, Said};

/// A station that was silent for so many rounds is forgotten.
const ROUNDS: u32 = 3;
/// What is unchanged is said again after this time, so that it is seen to be still so.
const AGAIN: Duration = Duration::from_hours(1);
/// Answers of two stations that come this close together answer the same question.
const TOGETHER: Duration = Duration::from_secs(3);
/// Conflicts that are told one by one in a round.
const CONFLICTS: usize = 8;
/// How much of the time between two rounds the questions are spread over, in hundredths.
const SPREAD: u32 = 80;

/// What is swept, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The subnet's lowest address.
    pub network: Ipv4Addr,
    /// How many leading bits of an address name the subnet; 16 to 30 is taken, anything else as the nearest.
    pub prefix: u8,
    /// The time between two rounds.
    pub every: Duration,
    /// The most questions in a second; at least 1.
    pub rate: u16,
    /// How long the first round waits, so that many agents do not all begin at the same moment.
    pub phase: Duration,
    /// Who asks.
    pub own: Mac,
    /// From which address.
    pub own_ip: Ipv4Addr,
}

/// A station, by the times of the caller's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Who it is.
    pub mac: Mac,
    /// The address that it has.
    pub ip: Ipv4Addr,
    /// Since when it is known.
    pub first: Duration,
    /// When it last said anything.
    pub last: Duration,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// A station that is new or has another address, or is still there.
    Present(Seen),
    /// Two stations answer for one address.
    Conflict(Ipv4Addr, [Mac; 2]),
    /// There are more stations than the subnet has addresses. Told once, until there is room again.
    Crowded,
}

struct Station {
    seen: Seen,
    /// When it last said that it has its address.
    ip_at: Duration,
    told: Duration,
}

/// Who answered for an address.
struct Holder {
    mac: Mac,
    at: Duration,
    /// Since when it has been told that somebody else does as well.
    conflict: Option<Duration>,
}

/// The state of sweeping one subnet.
pub struct Sweep {
    plan: Plan,
    /// How many addresses there are to ask; the subnet's own and the broadcast address are not.
    hosts: u32,
    /// Which one is next, counted from 0.
    next: u32,
    due: Duration,
    round_began: Duration,
    first_round: bool,
    stations: BTreeMap<Mac, Station>,
    holders: HashMap<Ipv4Addr, Holder>,
    conflicts: usize,
    crowded: bool,
}

impl Sweep {
    /// Begins at `now`.
    pub fn new(plan: Plan, now: Duration) -> Self {
        let prefix = plan.prefix.clamp(16, 30);
        let network = Ipv4Addr::from(u32::from(plan.network) & (u32::MAX << (32 - prefix)));
        let due = now + plan.phase;
        Self {
            plan: Plan { prefix, network, rate: plan.rate.max(1), ..plan },
            hosts: (1 << (32 - prefix)) - 2,
            next: 0,
            due,
            round_began: due,
            first_round: true,
            stations: BTreeMap::new(),
            holders: HashMap::new(),
            conflicts: 0,
            crowded: false,
        }
    }

    /// When the next question is due.
    pub fn due(&self) -> Duration {
        self.due
    }

    /// Whether the next question begins a round.
    pub fn begins(&self) -> bool {
        self.next == 0
    }

    /// The next address to ask, if it is time. Questions that were missed are not made up for.
    pub fn ask(&mut self, now: Duration) -> Option<Ipv4Addr> {
        if now < self.due {
            return None;
        }
        if self.next == 0 {
            self.begin(now);
        }
        let ip = Ipv4Addr::from(u32::from(self.plan.network) + 1 + self.next);
        self.next += 1;
        self.due = now + self.gap();
        if self.next == self.hosts {
            self.next = 0;
            self.first_round = false;
            self.due = self.due.max(self.round_began + self.plan.every);
        }
        (ip != self.plan.own_ip).then_some(ip)
    }

    /// The time between two questions.
    fn gap(&self) -> Duration {
        let least = Duration::from_secs(1) / u32::from(self.plan.rate);
        if self.first_round { least } else { least.max(self.plan.every * SPREAD / 100 / self.hosts) }
    }

    /// The time in which each address is asked once.
    fn period(&self) -> Duration {
        self.plan.every.max(Duration::from_secs(1) * self.hosts / u32::from(self.plan.rate))
    }

    fn begin(&mut self, now: Duration) {
        self.round_began = now;
        self.conflicts = 0;
        let kept = self.period() * ROUNDS;
        self.stations.retain(|_, station| now.saturating_sub(station.seen.last) < kept);
        self.holders.retain(|_, holder| now.saturating_sub(holder.at) < kept);
        self.crowded &= self.stations.len() >= self.hosts as usize;
    }

    /// Somebody said something.
    pub fn heard(&mut self, said: Said, now: Duration) -> Vec<Find> {
        let Said { mac, ip, answers } = said;
        let beyond = u32::from(ip).wrapping_sub(u32::from(self.plan.network));
        if mac == self.plan.own || !mac.is_station() || !(1..=self.hosts).contains(&beyond) {
            return Vec::new();
        }
        let mut finds = Vec::new();
        if answers == Some(self.plan.own) {
            finds.extend(self.conflict(mac, ip, now));
        }
        // Who has the address that this host has is no other station's place.
        if ip != self.plan.own_ip {
            finds.extend(self.present(mac, ip, now));
        }
        finds
    }

    fn present(&mut self, mac: Mac, ip: Ipv4Addr, now: Duration) -> Option<Find> {
        let left = self.period() + TOGETHER;
        if let Some(station) = self.stations.get_mut(&mac) {
            station.seen.last = now;
            let same = station.seen.ip == ip;
            // One that answers for many addresses, as a router may, has the one that it was first known by.
            let moved = !same && now.saturating_sub(station.ip_at) > left;
            if moved {
                station.seen.ip = ip;
            }
            if same || moved {
                station.ip_at = now;
            }
            if !moved && now.saturating_sub(station.told) < AGAIN {
                return None;
            }
            station.told = now;
            return Some(Find::Present(station.seen));
        }
        if self.stations.len() >= self.hosts as usize {
            return (!std::mem::replace(&mut self.crowded, true)).then_some(Find::Crowded);
        }
        let seen = Seen { mac, ip, first: now, last: now };
        self.stations.insert(mac, Station { seen, ip_at: now, told: now });
        Some(Find::Present(seen))
    }

    /// Whether somebody else answered for the same address just now.
    fn conflict(&mut self, mac: Mac, ip: Ipv4Addr, now: Duration) -> Option<Find> {
        let kept = self.period() * ROUNDS;
        let own = ip == self.plan.own_ip;
        let first = Holder { mac: if own { self.plan.own } else { mac }, at: now, conflict: None };
        let holder = self.holders.entry(ip).or_insert(first);
        if holder.mac == mac {
            holder.at = now;
            return None;
        }
        if !own && now.saturating_sub(holder.at) > TOGETHER {
            *holder = Holder { mac, at: now, conflict: holder.conflict };
            return None;
        }
        let since = holder.conflict.replace(now);
        if since.is_some_and(|since| now.saturating_sub(since) < kept) || self.conflicts >= CONFLICTS {
            return None;
        }
        self.conflicts += 1;
        Some(Find::Conflict(ip, [holder.mac, mac]))
    }
}

#[cfg(test)]
mod tests;
