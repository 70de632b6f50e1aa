//! The table `wasl_acct`: whose traffic goes over which line, counted by the kernel.
//!
//! What is asked for is made of closed types here and becomes a ruleset of nft's in which nothing is a caller's
//! text but checked names of interfaces and blocks of addresses. All objects are numbered: line 0's share 2 is
//! counted by `l0s2_down` and `l0s2_up`, and its talkers are the elements of `l0t_down4` and its like.
//!
//! * What comes in is counted before any filter, because it has used the line; what leaves is counted after the
//!   filters. Both see the inside addresses, also where the gateway translates them: the `forward` hook lies
//!   between the two halves of the translation.
//! * Packets of flows that are offloaded (`flowtable`) skip the hooks and are not counted.
//! * No rule has a verdict that stops a packet.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wasl_model::Prefix;
use wasl_model::assignment::Way;

/// The table's name, in the family `inet`. Nobody else's table has it.
pub const TABLE: &str = "wasl_acct";
/// The most lines.
pub const MAX_LINES: usize = 8;
/// The most shares of a line.
pub const MAX_SHARES: usize = 16;
/// The most blocks of addresses of a share.
pub const MAX_PREFIXES: usize = 32;
/// The most addresses that are told apart, over all lines; each direction and family has a set of its own.
const MAX_TALKERS: usize = 8192;
/// An address that was silent so long makes room for another, in seconds.
const SILENT: u32 = 120;

/// The name of a network interface, of letters, digits, `.`, `_` and `-`: it stands in a ruleset as it is, and is no
/// pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interface(String);

/// A text that names no interface.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("this is not the name of a network interface: 1 to 15 letters, digits, `.`, `_` and `-`")]
pub struct NoInterface;

impl Interface {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Interface {
    type Error = NoInterface;

    fn try_from(name: String) -> Result<Self, NoInterface> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let odd = name == "." || name == ".." || name.starts_with('-');
        let sound = (1..=15).contains(&name.len()) && name.bytes().all(plain) && !odd;
        if sound { Ok(Self(name)) } else { Err(NoInterface) }
    }
}

impl From<Interface> for String {
    fn from(name: Interface) -> Self {
        name.0
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line whose traffic is told apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The interface that it ends in.
    pub interface: Interface,
    /// Which way of the interface is towards those whose addresses are counted.
    pub down: Way,
    /// The blocks of addresses of each share.
    pub shares: Vec<Vec<Prefix>>,
    /// Whether single addresses are told apart.
    pub talkers: bool,
}

/// All lines of a gateway, within bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Line>", into = "Vec<Line>")]
pub struct Lines(Vec<Line>);

/// Lines that are not counted.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadLines {
    /// None.
    #[error("there is no line to count; to stop counting there is another verb")]
    None,
    /// Beyond a bound.
    #[error(
        "there is more to count than may be: {MAX_LINES} lines, {MAX_SHARES} shares of each, {MAX_PREFIXES} blocks of each share"
    )]
    TooMuch,
    /// A share that would count nothing.
    #[error("a share has no addresses")]
    NoAddresses,
    /// An interface that stands twice.
    #[error("two lines end in one interface")]
    Twice,
}

impl TryFrom<Vec<Line>> for Lines {
    type Error = BadLines;

    fn try_from(lines: Vec<Line>) -> Result<Self, BadLines> {
        if lines.is_empty() {
            return Err(BadLines::None);
        }
        let many = |line: &Line| {
            line.shares.len() > MAX_SHARES || line.shares.iter().any(|share| share.len() > MAX_PREFIXES)
        };
        if lines.len() > MAX_LINES || lines.iter().any(many) {
            return Err(BadLines::TooMuch);
        }
        if lines.iter().flat_map(|line| &line.shares).any(Vec::is_empty) {
            return Err(BadLines::NoAddresses);
        }
        if lines.iter().map(|line| &line.interface).collect::<BTreeSet<_>>().len() < lines.len() {
            return Err(BadLines::Twice);
        }
        Ok(Self(lines))
    }
}

impl From<Lines> for Vec<Line> {
    fn from(lines: Lines) -> Self {
        lines.0
    }
}

/// Towards those whose addresses are counted, or from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Towards them.
    Down,
    /// From them.
    Up,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Down, Self::Up];

    fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
        }
    }

    /// Which address of a packet is counted.
    fn end(self) -> &'static str {
        match self {
            Self::Down => "daddr",
            Self::Up => "saddr",
        }
    }
}

/// The name of a share's counter.
pub fn counter(line: usize, share: usize, direction: Direction) -> String {
    format!("l{line}s{share}_{}", direction.as_str())
}

/// The name of the set of a line's addresses.
pub fn talkers(line: usize, direction: Direction, v6: bool) -> String {
    format!("l{line}t_{}{}", direction.as_str(), if v6 { 6 } else { 4 })
}

fn members(line: usize, share: usize, v6: bool) -> String {
    format!("l{line}s{share}_{}", if v6 { 6 } else { 4 })
}

impl Lines {
    /// The lines, in the order of their numbers.
    pub fn as_slice(&self) -> &[Line] {
        &self.0
    }

    /// How many addresses are told apart in each set of a line's talkers.
    pub fn room(&self) -> usize {
        let lines = self.0.iter().filter(|line| line.talkers).count();
        (MAX_TALKERS / 4).checked_div(lines).unwrap_or(0)
    }

    /// The ruleset that puts these lines, and only these, in the table: one transaction of `nft -f`.
    pub fn ruleset(&self) -> String {
        let mut out = without();
        let room = self.room();
        let _ = writeln!(out, "table inet {TABLE} {{");
        for (number, line) in self.0.iter().enumerate() {
            line.objects(&mut out, number, room);
        }
        // A chain that is called stands before its callers.
        for (chain, hook, way) in [
            ("arriving", "forward", Way::In),
            ("arriving_here", "input", Way::In),
            ("leaving", "forward", Way::Out),
            ("leaving_here", "output", Way::Out),
        ] {
            let (priority, end) = match way {
                Way::In => (-10, "iifname"),
                Way::Out => (10, "oifname"),
            };
            let _ = writeln!(
                out,
                " chain {chain} {{\n  type filter hook {hook} priority {priority}; policy accept;"
            );
            for (number, line) in self.0.iter().enumerate() {
                let direction = if line.down == way { Direction::Down } else { Direction::Up };
                let _ = writeln!(out, "  {end} \"{}\" jump l{number}_{}", line.interface, direction.as_str());
            }
            out.push_str(" }\n");
        }
        out.push_str("}\n");
        out
    }
}

impl Line {
    /// Sets, counters and the two chains of one line.
    fn objects(&self, out: &mut String, number: usize, room: usize) {
        let of = |share: &[Prefix], v6: bool| {
            let of_family = share.iter().filter(|prefix| prefix.network().is_ipv6() == v6);
            of_family.map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let family = |v6: bool| if v6 { ("ipv6_addr", "ip6") } else { ("ipv4_addr", "ip") };
        for (index, share) in self.shares.iter().enumerate() {
            for v6 in [false, true] {
                let elements = of(share, v6);
                if !elements.is_empty() {
                    let (name, kind) = (members(number, index, v6), family(v6).0);
                    let _ = writeln!(
                        out,
                        " set {name} {{ type {kind}; flags interval; auto-merge; elements = {{ {elements} }}; }}"
                    );
                }
            }
            for direction in Direction::ALL {
                let _ = writeln!(out, " counter {} {{ }}", counter(number, index, direction));
            }
        }
        for direction in Direction::ALL {
            for v6 in [false, true].into_iter().filter(|_| self.talkers) {
                let (name, kind) = (talkers(number, direction, v6), family(v6).0);
                let _ = writeln!(
                    out,
                    " set {name} {{ type {kind}; flags dynamic,timeout; size {room}; timeout {SILENT}s; counter; }}"
                );
            }
            let _ = writeln!(out, " chain l{number}_{} {{", direction.as_str());
            let end = direction.end();
            for (index, share) in self.shares.iter().enumerate() {
                for v6 in [false, true].into_iter().filter(|v6| !of(share, *v6).is_empty()) {
                    let (set, of) = (members(number, index, v6), counter(number, index, direction));
                    let _ = writeln!(out, "  {} {end} @{set} counter name {of}", family(v6).1);
                }
            }
            for v6 in [false, true].into_iter().filter(|_| self.talkers) {
                let name = talkers(number, direction, v6);
                let _ = writeln!(out, "  update @{name} {{ {} {end} counter }}", family(v6).1);
            }
            out.push_str(" }\n");
        }
    }
}

/// The ruleset that takes the table away, whether it is there or not.
pub fn without() -> String {
    format!("table inet {TABLE} {{ }}\ndelete table inet {TABLE}\n")
}

#[cfg(test)]
mod tests;
