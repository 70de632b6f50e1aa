//! One station, both families: what is heard of it by ARP and by Neighbour Discovery, put together by its hardware address.
//!
//! A station that speaks both is one station, with one word about it. By IPv6 it is heard at once, by IPv4 only when its
//! address has its turn; and the configuration may know it by that address alone. So where both are looked for, a
//! station that was heard by IPv6 only is told when a round of the other has passed: otherwise every printer
//! that is a target would first be a stranger.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::arp::Mac;
use crate::{sweep, sweep6};

/// Stations that are put together; those beyond are told by each family for itself.
const PLACES: usize = 16_384;

/// A station, by the times of the caller's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Who it is.
    pub mac: Mac,
    /// Its address: that of IPv4 if one is known.
    pub ip: IpAddr,
    /// Its addresses of IPv6.
    pub ip6: Vec<Ipv6Addr>,
    /// Since when it is known.
    pub first: Duration,
    /// When it last said anything.
    pub last: Duration,
}

/// What is to be done about a station that was heard by IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Tell it.
    Tell(Present),
    /// Ask again at that time.
    Later(Duration),
}

#[derive(Debug)]
struct Entry {
    v4: Option<(Duration, sweep::Seen)>,
    v6: Option<(Duration, sweep6::Seen)>,
}

/// The stations at one interface.
#[derive(Debug)]
pub struct Roster {
    hold: Duration,
    kept: Duration,
    known: BTreeMap<Mac, Entry>,
}

impl Roster {
    /// `hold` is the time in which the addresses of IPv4 are asked once, zero where they are not; what a family has not
    /// told again for `kept` is over.
    pub fn new(hold: Duration, kept: Duration) -> Self {
        Self { hold, kept, known: BTreeMap::new() }
    }

    /// A station was heard by IPv4.
    pub fn v4(&mut self, seen: sweep::Seen, now: Duration) -> Present {
        let sweep::Seen { mac, ip, first, last } = seen;
        let mut present = Present { mac, ip: ip.into(), ip6: Vec::new(), first, last };
        if let Some(entry) = self.entry(mac, now) {
            entry.v4 = Some((now, seen));
            if let Some((_, v6)) = &entry.v6 {
                present.ip6.clone_from(&v6.ips);
                present.spans(v6.first, v6.last);
            }
        }
        present
    }

    /// A station was heard by IPv6.
    pub fn v6(&mut self, seen: &sweep6::Seen, now: Duration) -> Word {
        let sweep6::Seen { mac, ip, ref ips, first, last } = *seen;
        let ends = first + self.hold;
        let mut present = Present { mac, ip: ip.into(), ip6: ips.clone(), first, last };
        let entry = self.entry(mac, now).map(|entry| {
            entry.v6 = Some((now, seen.clone()));
            entry.v4
        });
        match entry.flatten() {
            Some((_, v4)) => {
                present.ip = v4.ip.into();
                present.spans(v4.first, v4.last);
            }
            None if now < ends => return Word::Later(ends),
            None => {}
        }
        Word::Tell(present)
    }

    /// What is known of a station, if there is a place for it.
    fn entry(&mut self, mac: Mac, now: Duration) -> Option<&mut Entry> {
        let kept = self.kept;
        let is_over = |at: Duration| now.saturating_sub(at) >= kept;
        if !self.known.contains_key(&mac) && self.known.len() >= PLACES {
            self.known.retain(|_, entry| {
                entry.v4.as_ref().is_some_and(|(at, _)| !is_over(*at))
                    || entry.v6.as_ref().is_some_and(|(at, _)| !is_over(*at))
            });
            if self.known.len() >= PLACES {
                return None;
            }
        }
        let entry = self.known.entry(mac).or_insert(Entry { v4: None, v6: None });
        entry.v4.take_if(|(at, _)| is_over(*at));
        entry.v6.take_if(|(at, _)| is_over(*at));
        Some(entry)
    }
}

impl Present {
    fn spans(&mut self, first: Duration, last: Duration) {
        self.first = self.first.min(first);
        self.last = self.last.max(last);
    }
}

#[cfg(test)]
mod tests;
