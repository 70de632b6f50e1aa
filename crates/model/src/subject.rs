//! What an observation is about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest subject identifier in bytes.
pub const MAX_SUBJECT_LEN: usize = 200;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $text:literal,)*) => {
        /// The kinds of things that Wasl keeps a state for. The numbers are the wire's and the
        /// store's: they are never given again to another kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum EntityKind {
            $($(#[$doc])* #[serde(rename = $text)] $variant = $code,)*
        }

        impl EntityKind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in URLs, metrics and configuration.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The kind with this wire number, if this version knows it.
            pub fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }

        impl FromStr for EntityKind {
            type Err = UnknownKind;
            fn from_str(text: &str) -> Result<Self, UnknownKind> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(UnknownKind(text.chars().take(40).collect())) }
            }
        }
    };
}

/// A word that names no kind of entity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a kind of entity; known are {known}",
    known = EntityKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
)]
pub struct UnknownKind(pub String);

kinds!(
    /// An agent process.
    Agent = 1 "agent",
    /// A computer with an agent on it.
    Machine = 2 "machine",
    /// A mounted file system of a machine: `machine/mount-point`.
    Disk = 3 "disk",
    /// A network interface of a machine or device: `owner/name`.
    Interface = 4 "interface",
    /// An address that is probed.
    Target = 5 "target",
    /// A device that is polled by SNMP.
    Device = 6 "device",
    /// One backup job of one tool and repository.
    BackupJob = 7 "backup_job",
    /// A place of the institution. Agents do not speak of it; it is judged by what leads to it.
    Site = 8 "site",
    /// A line between two places, or from a place to the Internet; probed from its ends.
    Link = 9 "link",
    /// Links that form a ring. Agents do not speak of it; it is judged by its links.
    Ring = 10 "ring",
    /// The two directions of a link as STAMP measures them; its identifier is the link's.
    Path = 11 "path",
    /// Something that a device measures: `device/name`.
    Sensor = 12 "sensor",
    /// An institution's part of a shared line: `link/name`; `link` alone is the line as it is counted.
    Share = 13 "share",
    /// Who is at the other end of a port: `owner/port/chassis`.
    Neighbour = 14 "neighbour",
    /// Who answered on a subnet: `scope/hardware-address`, where the scope is the agent's site or the subnet.
    Station = 15 "station",
);

impl EntityKind {
    /// The wire's and the store's number.
    pub fn code(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One entity: its kind and its identifier within the kind.
///
/// The identifier may hold what the thing calls itself (an interface name, a mount point), so it
/// takes any printable text up to 200 bytes; whoever shows it escapes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// What kind of thing.
    pub kind: EntityKind,
    /// Which one.
    pub id: String,
}

/// A subject that no agent may speak about.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSubject {
    /// Empty, too long, or with control characters.
    #[error("a subject's identifier must be 1 to {MAX_SUBJECT_LEN} bytes of printable text")]
    Id,
    /// Not of the form `kind/identifier`.
    #[error("{0:?} is not of the form kind/identifier")]
    Form(String),
    /// An unknown kind.
    #[error(transparent)]
    Kind(#[from] UnknownKind),
}

impl Subject {
    /// Checks the identifier's length and characters.
    pub fn new(kind: EntityKind, id: impl Into<String>) -> Result<Self, InvalidSubject> {
        let id = id.into();
        if id.is_empty() || id.len() > MAX_SUBJECT_LEN || id.chars().any(char::is_control) {
            return Err(InvalidSubject::Id);
        }
        Ok(Self { kind, id })
    }

    /// A subject for a name that a device or system gave: control characters become `_` and the
    /// name is cut at the limit, so that an odd name costs its oddness and not the observation.
    pub fn lenient(kind: EntityKind, id: &str) -> Self {
        let mut text: String = id.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
        if text.is_empty() {
            text.push('_');
        }
        let mut end = text.len().min(MAX_SUBJECT_LEN);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        Self { kind, id: text }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

impl FromStr for Subject {
    type Err = InvalidSubject;
    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        let (kind, id) =
            text.split_once('/').ok_or_else(|| InvalidSubject::Form(text.chars().take(80).collect()))?;
        Self::new(kind.parse()?, id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_keeps_its_slashes() {
        let subject: Subject = "disk/pc-1//var/lib".parse().expect("valid");
        assert_eq!(subject.id, "pc-1//var/lib");
        assert_eq!(subject.to_string(), "disk/pc-1//var/lib");
    }

    #[test]
    fn an_odd_device_name_is_kept_as_far_as_it_can_be() {
        let odd = format!("sw/Gi0\n{}", "ع".repeat(200));
        let subject = Subject::lenient(EntityKind::Interface, &odd);
        assert!(subject.id.starts_with("sw/Gi0_ع"));
        assert_eq!(Subject::new(subject.kind, subject.id.clone()), Ok(subject));
        assert_eq!(Subject::lenient(EntityKind::Device, "").id, "_");
    }

    #[test]
    fn wire_numbers_round_trip() {
        for kind in EntityKind::ALL {
            assert_eq!(EntityKind::from_code(kind.code()), Some(*kind));
        }
        assert_eq!(EntityKind::from_code(0), None);
    }
}
