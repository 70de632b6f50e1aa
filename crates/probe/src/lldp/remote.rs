//! What a device has heard of its neighbours, as it tells by SNMP (LLDP-MIB, IEEE Std 802.1AB-2005, 12).
//!
//! A device passes on what its neighbours said, and may get it wrong on its own account, so nothing here is trusted
//! more than a frame. A row without a sound chassis or port is left out; the tables are joined by their index, and what
//! does not fit is nothing.

use std::collections::BTreeMap;

use super::{Announcement, Kind, identifier, ip, text};
use crate::snmp::Datum;
use crate::snmp::walk::{Row, Table};

/// `lldpRemChassisIdSubtype` to `lldpRemSysDesc`; the index is time mark, local port, number.
pub const REMOTE: &[&[u32]] = &[
    &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 4],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 5],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 6],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 7],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 8],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 9],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 10],
];
/// `lldpRemManAddrIfSubtype`; the address is in the index, after that of [`REMOTE`].
pub const MANAGEMENT: &[&[u32]] = &[&[1, 0, 8802, 1, 1, 2, 1, 4, 2, 1, 3]];
/// `lldpLocPortIdSubtype`, `lldpLocPortId`, `lldpLocPortDesc`; the index is the local port.
pub const LOCAL: &[&[u32]] = &[
    &[1, 0, 8802, 1, 1, 2, 1, 3, 7, 1, 2],
    &[1, 0, 8802, 1, 1, 2, 1, 3, 7, 1, 3],
    &[1, 0, 8802, 1, 1, 2, 1, 3, 7, 1, 4],
];

/// The most neighbours of one device; a switch has a port for each, and few have more ports.
pub const MOST: usize = 1_000;
/// The longest text that a frame could have carried.
const LONGEST: usize = 255;
/// The subtype of a port that is called as its interface (8.5.3).
const INTERFACE_NAME: i64 = 5;

/// The neighbours by the device's own port, out of the three tables. What they said is taken to hold for `ttl` seconds.
pub fn neighbours(
    remote: &Table,
    management: &Table,
    local: &Table,
    ttl: u16,
) -> Vec<(String, Announcement)> {
    let mut addresses = BTreeMap::new();
    for index in management.rows.keys() {
        // Time mark, local port, number; the family, the length, the address.
        let Some((key, [family, length, address @ ..])) = index.split_first_chunk::<3>() else { continue };
        let address: Option<Vec<u8>> = address.iter().map(|arc| u8::try_from(*arc).ok()).collect();
        let Some(address) = address.filter(|address| address.len() == *length as usize) else { continue };
        if let Some(ip) = u8::try_from(*family).ok().and_then(|family| ip(family, &address)) {
            addresses.entry(*key).or_insert(ip);
        }
    }
    let found = remote.rows.iter().filter_map(|(index, row)| {
        let key: [u32; 3] = index.as_slice().try_into().ok()?;
        let announcement = Announcement {
            chassis: name(row, 0, Kind::Chassis)?,
            port: name(row, 2, Kind::Port)?,
            ttl,
            port_description: words(row, 4),
            system_name: words(row, 5),
            system_description: words(row, 6),
            management_address: addresses.get(&key).copied(),
        };
        Some((port(local, key[1]), announcement))
    });
    found.take(MOST).collect()
}

/// What the device calls a port of its own: as the interface, so that it is the same one, or else as it describes it.
fn port(local: &Table, number: u32) -> String {
    let row = local.rows.get([number].as_slice());
    let found = row.and_then(|row| {
        let is_name = row.cells.get(&0).and_then(Datum::number) == Some(INTERFACE_NAME);
        let name = name(row, 0, Kind::Port);
        if is_name { name } else { words(row, 2).or(name) }
    });
    found.unwrap_or_else(|| number.to_string())
}

/// The identifier whose subtype is in this column and whose value is in the next.
fn name(row: &Row, column: usize, kind: Kind) -> Option<String> {
    let subtype = u8::try_from(row.cells.get(&column)?.number()?).ok()?;
    let Datum::Text(id) = row.cells.get(&(column + 1))? else { return None };
    let id = id.get(..id.len().min(LONGEST))?;
    identifier(&[&[subtype], id].concat(), kind).ok()
}

fn words(row: &Row, column: usize) -> Option<String> {
    let Datum::Text(bytes) = row.cells.get(&column)? else { return None };
    text(&bytes[..bytes.len().min(LONGEST)])
}

#[cfg(test)]
mod tests;
