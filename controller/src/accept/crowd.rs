//! Who waits at a door, and who has to go when too many do.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It has said nothing.
    Silent,
    /// In the handshake.
    Handshake,
    /// It has not shown who it is, or not asked for anything yet.
    Stranger,
    /// It asks, and nobody knows on whose behalf before each request is looked at.
    Asking,
}

/// The sizes of the rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rooms {
    /// [`Room::Silent`].
    pub silent: Size,
    /// [`Room::Handshake`].
    pub handshake: Size,
    /// [`Room::Stranger`].
    pub stranger: Size,
    /// [`Room::Asking`].
    pub asking: Size,
}

/// The size of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// How many may be there.
    pub most: usize,
    /// How many of one source.
    pub of_one_source: usize,
    /// How long somebody may stay before another of the same source can take the place. Many machines behind one
    /// address come at once when their line returns; without this they would push each other out for ever.
    pub grace: Duration,
}

impl Size {
    /// A size.
    pub const fn new(most: usize, of_one_source: usize, grace_s: u64) -> Self {
        Self { most, of_one_source, grace: Duration::from_secs(grace_s) }
    }
}

/// What comes of wanting to enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// In, and nobody has to go.
    In,
    /// In, and this one has to go.
    Instead(u64),
    /// Not now: the source has its share, and all of it is fresh.
    Later,
}

/// Where connections come from, as far as they are taken together: an IPv4 address, or the /64 that one machine
/// can choose its IPv6 addresses from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// The source of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self(address),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => Self(IpAddr::V4(v4)),
                None => Self(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)))),
            },
        }
    }
}

/// Everybody who waits. Ids rise with the time of arrival.
#[derive(Debug)]
pub struct Crowd {
    rooms: [Waiting; 4],
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    size: Size,
    total: usize,
    /// Since when each is here. A lower id came to the door earlier.
    by_source: HashMap<Source, BTreeMap<u64, Instant>>,
}

impl Crowd {
    /// Nobody.
    pub fn new(rooms: Rooms) -> Self {
        let room = |size| Waiting { size, total: 0, by_source: HashMap::new() };
        Self {
            rooms: [room(rooms.silent), room(rooms.handshake), room(rooms.stranger), room(rooms.asking)],
            next: 0,
        }
    }

    /// A name for somebody new.
    pub fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Somebody wants to enter a room.
    pub fn enter(&mut self, room: Room, source: Source, id: u64, now: Instant) -> Entry {
        let room = &mut self.rooms[room as usize];
        let own = room.by_source.get(&source).map_or(0, BTreeMap::len);
        let has_its_share = own >= room.size.of_one_source;
        let crowded = if has_its_share {
            Some(source)
        } else if room.total >= room.size.most {
            // The source with the most; among equals the one whose oldest came first.
            let most = |(_, ids): &(&Source, &BTreeMap<u64, Instant>)| {
                (ids.len(), std::cmp::Reverse(ids.keys().next().copied()))
            };
            room.by_source.iter().max_by_key(most).map(|(source, _)| *source)
        } else {
            None
        };
        let goes = crowded.and_then(|source| {
            let (id, since) = room.by_source.get(&source)?.first_key_value()?;
            Some((source, *id, *since))
        });
        let entry = match goes {
            Some((_, _, since)) if has_its_share && now.duration_since(since) < room.size.grace => {
                return Entry::Later;
            }
            Some((source, id, _)) => {
                room.remove(source, id);
                Entry::Instead(id)
            }
            None => Entry::In,
        };
        room.by_source.entry(source).or_default().insert(id, now);
        room.total += 1;
        entry
    }

    /// Somebody leaves a room. Who had to go has left already.
    pub fn leave(&mut self, room: Room, source: Source, id: u64) {
        self.rooms[room as usize].remove(source, id);
    }

    /// How many are in a room.
    pub fn len(&self, room: Room) -> usize {
        self.rooms[room as usize].total
    }
}

impl Waiting {
    fn remove(&mut self, source: Source, id: u64) {
        if let Some(ids) = self.by_source.get_mut(&source)
            && ids.remove(&id).is_some()
        {
            self.total -= 1;
            if ids.is_empty() {
                self.by_source.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests;
