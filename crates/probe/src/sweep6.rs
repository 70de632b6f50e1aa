//! The stations of a subnet of IPv6: whom to ask when, and what they have said.
//!
//! There are too many addresses to ask one by one. So in each round everybody is called together, which a station
//! may answer or not (RFC 4443, 4.2): Linux does, Windows does not. It is heard by what it asks itself: for a router, for
//! its gateway, whether its address is free. And whoever was not heard in a round is asked alone, one station after the
//! other at the pace that was granted, before it is forgotten. What of this does not reach an agent: `docs/stations.md`.
//!
//! A station has several addresses: one of the link, and in the subnet a lasting one and those that change daily (RFC 8981).
//! One that it only would like to have (RFC 4862, 5.4) does not count before it has answered for it.
//!
//! Whoever is on the wire can say anything. So there are so many places for stations, so many for the addresses of each,
//! and one pace for all questions, whatever was heard; nothing is done on what was said but to ask and to tell.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv6Addr;
use std::time::Duration;

use wasl_model::observation::MAX_STATION_IP6;

use crate::arp::Mac;
use crate::nd::{Said, is_link_local};

/// A station, or an address, that was silent for so many rounds is forgotten.
const ROUNDS: u32 = 3;
/// What is unchanged is said again after this time, so that it is seen to be still so.
const AGAIN: Duration = Duration::from_hours(1);
/// How often everybody is called in a round: an answer may be lost where all answer at once.
const CALLS: usize = 2;
/// The time between two calls, and then until those who were silent are asked alone.
const STEP: Duration = Duration::from_secs(1);
/// The first words of a station wait for the next ones: it has more than one address.
const SETTLE: Duration = Duration::from_secs(2);
/// A station whose addresses change is told no more often.
const CALM: Duration = Duration::from_mins(1);
/// When a station that would have an address has it: it looks for a second at least (RFC 4862, 5.1), and Windows for three.
const FREE: Duration = Duration::from_secs(4);
/// Stations that would have an address and are asked soon whether they have it; others are, in the next round.
const WANTS: usize = 256;

/// What is looked for, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The subnet's lowest address.
    pub network: Ipv6Addr,
    /// How many leading bits of an address name the subnet.
    pub prefix: u8,
    /// The time between two rounds; 10 s at least.
    pub every: Duration,
    /// The most questions in a second; at least 1.
    pub rate: u16,
    /// How long the first round waits, so that many agents do not all begin at the same moment.
    pub phase: Duration,
    /// How many stations are listed.
    pub places: usize,
    /// Who asks.
    pub own: Own,
}

/// What this host is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Its hardware address.
    pub mac: Mac,
    /// Its address of the link.
    pub local: Ipv6Addr,
    /// Its address in the subnet, if it has one. Without one the stations' addresses there are heard only by and by.
    pub ip: Option<Ipv6Addr>,
}

/// What is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Everybody, from this address of ours.
    All(Ipv6Addr),
    /// A station whether it has this address.
    One(Mac, Ipv6Addr),
}

/// A station, by the times of the caller's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who it is.
    pub mac: Mac,
    /// What it is best called by: the address in the subnet that has been known for longest, or else the link's.
    pub ip: Ipv6Addr,
    /// All its addresses, in that order.
    pub ips: Vec<Ipv6Addr>,
    /// Since when it is known.
    pub first: Duration,
    /// When it last said anything.
    pub last: Duration,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Find {
    /// A station that is new or has other addresses, or is still there.
    Present(Seen),
    /// There are more stations than places. Told once, until there is room again.
    Crowded,
}

#[derive(Debug, Default)]
struct Station {
    addresses: BTreeMap<Ipv6Addr, Address>,
    first: Duration,
    last: Duration,
    told: Option<Duration>,
    /// When it is to be told; its place in [`Sweep6::agenda`].
    tell: Option<Duration>,
}

#[derive(Debug)]
struct Address {
    first: Duration,
    last: Duration,
    /// Whether the station has it, or has only said that it would.
    sure: bool,
}

/// The state of looking for the stations of one subnet.
#[derive(Debug)]
pub struct Sweep6 {
    plan: Plan,
    /// Which step of the round is next: so many calls, then to see who was silent.
    step: usize,
    due: Duration,
    round_began: Duration,
    /// Before this no station is asked.
    paced: Duration,
    stations: BTreeMap<Mac, Station>,
    /// When whom to tell.
    agenda: BTreeSet<(Duration, Mac)>,
    /// Who would have which address, and when to ask.
    wants: VecDeque<(Duration, Mac, Ipv6Addr)>,
    /// Who was silent in this round.
    quiet: VecDeque<(Mac, Ipv6Addr)>,
    crowded: Crowded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crowded {
    No,
    Untold,
    Told,
}

impl Sweep6 {
    /// Begins at `now`.
    pub fn new(plan: Plan, now: Duration) -> Self {
        let due = now + plan.phase;
        let plan = Plan { rate: plan.rate.max(1), every: plan.every.max(Duration::from_secs(10)), ..plan };
        Self {
            plan,
            step: 0,
            due,
            round_began: due,
            paced: due,
            stations: BTreeMap::new(),
            agenda: BTreeSet::new(),
            wants: VecDeque::new(),
            quiet: VecDeque::new(),
            crowded: Crowded::No,
        }
    }

    /// This host is called otherwise now. Whoever is known stays known.
    pub fn called(&mut self, own: Own) {
        self.plan.own = own;
        self.forget(own.mac);
    }

    /// When there is something to ask or to tell.
    pub fn due(&self) -> Duration {
        let asked =
            if self.quiet.is_empty() { self.wants.front().map(|(at, ..)| *at) } else { Some(self.paced) };
        let asked = asked.map(|at| at.max(self.paced));
        let told = self.agenda.first().map(|(at, _)| *at);
        [asked, told].into_iter().flatten().fold(self.due, Duration::min)
    }

    /// Whether a round begins now.
    pub fn begins(&self, now: Duration) -> bool {
        self.step == 0 && now >= self.due
    }

    /// What to ask, if it is time. Questions that were missed are not made up for.
    pub fn ask(&mut self, now: Duration) -> Option<Ask> {
        if now >= self.due {
            if self.step == 0 {
                self.begin(now);
            }
            let own = [Some(self.plan.own.local), self.plan.own.ip];
            let call = own.into_iter().flatten().cycle().nth(self.step);
            let calls = own.into_iter().flatten().count() * CALLS;
            if self.step < calls {
                self.step += 1;
                self.due = now + STEP;
                self.paced = self.paced.max(now + self.gap());
                return call.map(Ask::All);
            }
            self.look_who_was_silent();
            self.step = 0;
            self.due = (now + STEP).max(self.round_began + self.plan.every);
        }
        if now < self.paced {
            return None;
        }
        let (mac, ip) = self.next_to_ask(now)?;
        self.paced = now + self.gap();
        Some(Ask::One(mac, ip))
    }

    fn gap(&self) -> Duration {
        Duration::from_secs(1) / u32::from(self.plan.rate)
    }

    /// The next station that is still to be asked.
    fn next_to_ask(&mut self, now: Duration) -> Option<(Mac, Ipv6Addr)> {
        let address = |stations: &BTreeMap<Mac, Station>, mac, ip| -> Option<(bool, Duration)> {
            stations.get(&mac)?.addresses.get(&ip).map(|address| (address.sure, address.last))
        };
        while self.wants.front().is_some_and(|(at, ..)| *at <= now) {
            let (_, mac, ip) = self.wants.pop_front()?;
            if address(&self.stations, mac, ip).is_some_and(|(sure, _)| !sure) {
                return Some((mac, ip));
            }
        }
        while let Some((mac, ip)) = self.quiet.pop_front() {
            if address(&self.stations, mac, ip).is_some_and(|(_, last)| last < self.round_began) {
                return Some((mac, ip));
            }
        }
        None
    }

    fn begin(&mut self, now: Duration) {
        self.round_began = now;
        self.quiet.clear();
        let kept = self.plan.every * ROUNDS;
        let mut changed = Vec::new();
        for (mac, station) in &mut self.stations {
            let before = station.addresses.values().filter(|address| address.sure).count();
            station.addresses.retain(|_, address| now.saturating_sub(address.last) < kept);
            if station.addresses.is_empty() {
                if let Some(at) = station.tell {
                    self.agenda.remove(&(at, *mac));
                }
            } else if station.addresses.values().filter(|address| address.sure).count() != before {
                changed.push(*mac);
            }
        }
        self.stations.retain(|_, station| !station.addresses.is_empty());
        for mac in changed {
            self.settle(mac, now);
        }
        if self.stations.len() < self.plan.places {
            self.crowded = Crowded::No;
        }
    }

    /// Who is known and was not heard since the round began: as many as can be asked before the next, the ones first that
    /// have been silent for longest.
    fn look_who_was_silent(&mut self) {
        let mut silent: Vec<(Duration, Mac, Ipv6Addr)> = self
            .stations
            .iter()
            .flat_map(|(mac, station)| {
                station.addresses.iter().map(|(ip, address)| (address.last, *mac, *ip))
            })
            .filter(|(last, ..)| *last < self.round_began)
            .collect();
        silent.sort_unstable();
        let most = self.plan.every.as_secs().saturating_mul(u64::from(self.plan.rate));
        silent.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        self.quiet = silent.into_iter().map(|(_, mac, ip)| (mac, ip)).collect();
    }

    /// Somebody said something. What is to be told of it comes from [`Self::news`].
    pub fn heard(&mut self, said: Said, now: Duration) {
        let Said { mac, ip, has } = said;
        // Who has an address that this host has is no other station's place.
        let own = self.plan.own;
        if mac == own.mac
            || !mac.is_station()
            || ip == own.local
            || Some(ip) == own.ip
            || !self.is_of_the_subnet(ip)
        {
            return;
        }
        if !self.stations.contains_key(&mac) && self.stations.len() >= self.plan.places {
            if self.crowded == Crowded::No {
                self.crowded = Crowded::Untold;
            }
            return;
        }
        let new = Station { first: now, ..Station::default() };
        let station = self.stations.entry(mac).or_insert(new);
        station.last = now;
        if station.addresses.len() >= MAX_STATION_IP6 && !station.addresses.contains_key(&ip) {
            // One that answers for many, as a router may, has those that it was first known by.
            let left = self.plan.every + STEP * 3;
            let oldest = station.addresses.iter().min_by_key(|(_, address)| address.last);
            let gone =
                oldest.filter(|(_, address)| now.saturating_sub(address.last) > left).map(|(ip, _)| *ip);
            let Some(gone) = gone else { return };
            station.addresses.remove(&gone);
        }
        let address = station.addresses.entry(ip).or_insert(Address { first: now, last: now, sure: false });
        address.last = now;
        let changed = has && !address.sure;
        address.sure |= has;
        let asked_soon = !address.sure && self.wants.len() < WANTS;
        if asked_soon {
            self.wants.push_back((now + FREE, mac, ip));
        }
        let again = station.told.is_some_and(|told| now.saturating_sub(told) >= AGAIN);
        if changed || again && station.tell.is_none() {
            self.settle(mac, now);
        }
    }

    fn is_of_the_subnet(&self, ip: Ipv6Addr) -> bool {
        let mask = u128::MAX.checked_shl(128 - u32::from(self.plan.prefix.min(128))).unwrap_or(0);
        let (network, ip_bits) = (u128::from(self.plan.network) & mask, u128::from(ip));
        // The lowest address is that of whichever router answers (RFC 4291, 2.6.1).
        is_link_local(ip) && ip.segments()[4..] != [0; 4] || ip_bits & mask == network && ip_bits != network
    }

    /// A station is to be told soon; one that is new and has no address in the subnet yet, when a round has passed: the
    /// configuration may know it by that address.
    fn settle(&mut self, mac: Mac, now: Duration) {
        let Some(station) = self.stations.get(&mac) else { return };
        let soon = now + SETTLE;
        let is_bare = || station.addresses.iter().all(|(ip, address)| !address.sure || is_link_local(*ip));
        let at = match station.told {
            Some(told) => soon.max(told + CALM),
            None if self.plan.own.ip.is_some() && is_bare() => {
                soon.max(station.first + self.plan.every + STEP * 5)
            }
            None => soon,
        };
        self.tell_at(mac, at);
    }

    fn tell_at(&mut self, mac: Mac, at: Duration) {
        let Some(station) = self.stations.get_mut(&mac) else { return };
        if station.tell.is_none_or(|before| at < before) {
            if let Some(before) = station.tell.replace(at) {
                self.agenda.remove(&(before, mac));
            }
            self.agenda.insert((at, mac));
        }
    }

    /// A station that was handed out is to be handed out again at that time, because it is not to be told yet.
    pub fn later(&mut self, mac: Mac, at: Duration) {
        if let Some(station) = self.stations.get_mut(&mac) {
            station.told = None;
        }
        self.tell_at(mac, at);
    }

    /// What is to be told by now.
    pub fn news(&mut self, now: Duration) -> Vec<Find> {
        let mut finds = Vec::new();
        while let Some((at, mac)) = self.agenda.first().copied().filter(|(at, _)| *at <= now) {
            self.agenda.remove(&(at, mac));
            let Some(station) = self.stations.get_mut(&mac) else { continue };
            station.tell = None;
            let mut ips: Vec<(bool, Duration, Ipv6Addr)> = station
                .addresses
                .iter()
                .filter(|(_, address)| address.sure)
                .map(|(ip, address)| (is_link_local(*ip), address.first, *ip))
                .collect();
            ips.sort_unstable();
            let ips: Vec<Ipv6Addr> = ips.into_iter().map(|(.., ip)| ip).collect();
            let Some(ip) = ips.first().copied() else { continue };
            station.told = Some(now);
            finds.push(Find::Present(Seen { mac, ip, ips, first: station.first, last: station.last }));
        }
        if self.crowded == Crowded::Untold {
            self.crowded = Crowded::Told;
            finds.push(Find::Crowded);
        }
        finds
    }

    fn forget(&mut self, mac: Mac) {
        if let Some(at) = self.stations.remove(&mac).and_then(|station| station.tell) {
            self.agenda.remove(&(at, mac));
        }
    }
}

#[cfg(test)]
mod tests;
