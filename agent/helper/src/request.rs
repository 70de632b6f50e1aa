//! What is asked and what is answered: one JSON object on a line each way.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::count::Lines;

/// The longest request in bytes, with its line feed: many lines with many blocks of addresses.
pub const MAX_REQUEST: usize = 64 * 1024;
/// The longest answer in bytes, with its line feed: the counts of some thousand addresses.
pub const MAX_REPLY: usize = 2 * 1024 * 1024;
/// The name of the fact that holds the table of counts, as nft writes it in JSON.
pub const COUNTS: &str = "counts";
/// The longest name of a unit in bytes.
const MAX_UNIT: usize = 100;

/// The verbs. All there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Which version this is, and what it is allowed to do.
    Version {},
    /// Let the caller's group send ICMP echo requests (`net.ipv4.ping_group_range`).
    PingGroupRange {},
    /// How a service stands.
    ServiceStatus {
        /// Its unit.
        unit: Unit,
    },
    /// Let a service read its configuration again.
    ServiceReload {
        /// Its unit.
        unit: Unit,
    },
    /// Let the kernel count whose traffic goes over these lines, and over no others. All counts begin at 0.
    AccountingSet {
        /// The lines.
        lines: Lines,
    },
    /// What was counted.
    AccountingRead {},
    /// Let nothing be counted any more.
    AccountingClear {},
    /// End this machine, or start it anew.
    Power {
        /// Which.
        action: PowerAction,
    },
}

impl Request {
    /// The verb as it is written.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Version {} => "version",
            Self::PingGroupRange {} => "ping-group-range",
            Self::ServiceStatus { .. } => "service-status",
            Self::ServiceReload { .. } => "service-reload",
            Self::AccountingSet { .. } => "accounting-set",
            Self::AccountingRead {} => "accounting-read",
            Self::AccountingClear {} => "accounting-clear",
            Self::Power { .. } => "power",
        }
    }

    /// Its argument, for the log.
    pub fn argument(&self) -> String {
        match self {
            Self::Version {}
            | Self::PingGroupRange {}
            | Self::AccountingRead {}
            | Self::AccountingClear {} => String::new(),
            Self::ServiceStatus { unit } | Self::ServiceReload { unit } => unit.to_string(),
            Self::AccountingSet { lines } => {
                lines.as_slice().iter().map(|line| line.interface.as_str()).collect::<Vec<_>>().join(" ")
            }
            Self::Power { action } => action.as_str().to_owned(),
        }
    }
}

impl Request {
    /// Whether it changes nothing and is asked all the time, so that the log has no use for each of it.
    pub fn is_routine(&self) -> bool {
        matches!(self, Self::AccountingRead {})
    }
}

/// The end of a machine's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerAction {
    /// It goes off.
    Off,
    /// It starts anew.
    Reboot,
}

impl PowerAction {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Reboot => "reboot",
        }
    }
}

/// The name of a service unit of systemd. It has no slash, does not begin with a hyphen, and ends with
/// `.service`, so it can be neither a path nor an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Unit(String);

/// A text that names no service unit.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "this is not the name of a service: write it whole, like `unbound.service`, with letters, digits, `@`, `_`, `.`, `:` and `-`, and at most {MAX_UNIT} bytes"
)]
pub struct NoUnit;

impl Unit {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Unit {
    type Error = NoUnit;

    fn try_from(name: String) -> Result<Self, NoUnit> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'_' | b'.' | b':' | b'-');
        let stem = name.strip_suffix(".service").ok_or(NoUnit)?;
        let sound = name.len() <= MAX_UNIT
            && stem.bytes().all(plain)
            && stem.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if sound { Ok(Self(name)) } else { Err(NoUnit) }
    }
}

impl From<Unit> for String {
    fn from(unit: Unit) -> Self {
        unit.0
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A line that is no request.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("this is not a request: {0}")]
pub struct Malformed(String);

/// Reads a request from a line.
pub fn parse(line: &[u8]) -> Result<Request, Malformed> {
    if line.len() > MAX_REQUEST {
        return Err(Malformed(format!("it is longer than {MAX_REQUEST} bytes")));
    }
    serde_json::from_slice(line).map_err(|error| Malformed(error.to_string()))
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It may not be done; nothing was changed.
    Refused,
    /// It was tried and did not succeed.
    Failed,
}

impl Outcome {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// How it ended.
    pub outcome: Outcome,
    /// In words; what to do next, where it was not done.
    pub message: String,
    /// What was asked for, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

impl Reply {
    /// It was done.
    pub fn done(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Done, message: message.into(), facts: BTreeMap::new() }
    }

    /// It may not be done.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused, ..Self::done(message) }
    }

    /// It did not succeed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, ..Self::done(message) }
    }

    /// As a line, never longer than [`MAX_REPLY`].
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        if line.is_empty() || line.len() >= MAX_REPLY {
            line = br#"{"outcome":"failed","message":"the answer is too long"}"#.to_vec();
        }
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests;
