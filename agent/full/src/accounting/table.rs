//! The table of counts as `nft -j list table` writes it (libnftables-json(5), measured with nft 1.0.6).
//!
//! The text comes from the kernel by way of two programs of root's, and is read as if it came from anybody: its
//! length is bounded before it is read, and what is not understood is left out. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

/// The longest text.
const MAX_TEXT: usize = 2 * 1024 * 1024;
/// The most named counters.
const MAX_COUNTERS: usize = 1024;
/// The most elements of all sets together.
const MAX_ELEMENTS: usize = 20_000;

/// What the table held at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// The kernel's number for this very table: a table that was made anew has another.
    pub handle: u64,
    /// The named counters.
    pub counters: BTreeMap<String, Counted>,
    /// The counters of single addresses, by the name of their set.
    pub sets: BTreeMap<String, Vec<(IpAddr, Counted)>>,
}

/// What one counter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(crate) struct Counted {
    /// Packets.
    pub packets: u64,
    /// Bytes of whole IP packets.
    pub bytes: u64,
}

/// Why a text is no table of counts.
#[derive(Debug, Error)]
pub(crate) enum TableError {
    /// It is beyond a bound.
    #[error("the table of counts has {0} beyond what is read")]
    TooMuch(&'static str),
    /// It is not what nft writes.
    #[error("the table of counts is not understood")]
    Form(#[from] serde_json::Error),
    /// There is no table in it.
    #[error("the table of counts is not there")]
    Missing,
}

#[derive(Deserialize)]
struct Document {
    nftables: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    table: Option<Table>,
    counter: Option<Counter>,
    set: Option<Set>,
}

#[derive(Deserialize)]
struct Table {
    handle: u64,
}

#[derive(Deserialize)]
struct Counter {
    name: String,
    #[serde(flatten)]
    counted: Counted,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    #[serde(default)]
    elem: Vec<Element>,
}

/// An element with a counter, or one of a set of blocks, which counts nothing.
#[derive(Deserialize)]
#[serde(untagged)]
enum Element {
    Counted { elem: Address },
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Address {
    val: IpAddr,
    counter: Counted,
}

/// Reads a table.
pub(crate) fn read(text: &str) -> Result<Counts, TableError> {
    if text.len() > MAX_TEXT {
        return Err(TableError::TooMuch("a text"));
    }
    let document: Document = serde_json::from_str(text)?;
    let mut counts = Counts::default();
    let (mut found, mut elements) = (false, 0);
    for item in document.nftables {
        if let Some(table) = item.table {
            (found, counts.handle) = (true, table.handle);
        }
        if let Some(counter) = item.counter {
            if counts.counters.len() >= MAX_COUNTERS {
                return Err(TableError::TooMuch("counters"));
            }
            counts.counters.insert(counter.name, counter.counted);
        }
        if let Some(set) = item.set {
            let counted = |element| match element {
                Element::Counted { elem } => Some((elem.val, elem.counter)),
                Element::Other(_) => None,
            };
            let addresses: Vec<_> = set.elem.into_iter().filter_map(counted).collect();
            elements += addresses.len();
            if elements > MAX_ELEMENTS || counts.sets.len() >= MAX_COUNTERS {
                return Err(TableError::TooMuch("addresses"));
            }
            counts.sets.insert(set.name, addresses);
        }
    }
    if found { Ok(counts) } else { Err(TableError::Missing) }
}

#[cfg(test)]
mod tests;
