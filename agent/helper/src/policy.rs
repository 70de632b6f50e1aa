//! What root allows, in a file of root's: a line for each permission, and nothing is allowed that is not written.
//!
//! ```text
//! peer wasl-agent                # who may ask, by the name of the user
//! ping-group-range
//! status unbound.service
//! reload unbound.service
//! account wan0                   # count whose traffic goes over the line at this interface
//! power reboot
//! ```
//!
//! It is read anew for each request, so a permission that is taken away is gone at once. A file with a fault
//! allows nothing at all.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use thiserror::Error;

use crate::count::Interface;
use crate::request::{PowerAction, Unit};

/// The longest file, in bytes.
const MAX_POLICY: u64 = 64 * 1024;

/// What is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// The users who may ask.
    pub peers: BTreeSet<String>,
    /// Whether a caller may be let into `net.ipv4.ping_group_range`.
    pub ping_group_range: bool,
    /// The services whose state may be asked for.
    pub status: BTreeSet<Unit>,
    /// The services that may be reloaded.
    pub reload: BTreeSet<Unit>,
    /// The interfaces at which traffic may be counted.
    pub account: BTreeSet<Interface>,
    /// How the machine's run may be ended.
    pub power: BTreeSet<PowerAction>,
}

/// Why a policy cannot be used.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The file could not be read.
    #[error("reading {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner could have written it.
    #[error(
        "{} is not safe: it must be a plain file of at most {MAX_POLICY} bytes that belongs to user {owner} and that nobody else can write; run `chown {owner} FILE; chmod 644 FILE`",
        path.display()
    )]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Whose it must be.
        owner: u32,
    },
    /// A line is not understood.
    #[error("{}:{line}: {what}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

impl Policy {
    /// Reads the file at `path`, which must belong to `owner` (0, but for tests).
    pub fn read(path: &Path, owner: u32) -> Result<Self, PolicyError> {
        let read = |source| PolicyError::Read { path: path.to_owned(), source };
        // Not through a link, and without waiting for the other end of a pipe.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).map_err(read)?;
        let meta = file.metadata().map_err(read)?;
        let safe =
            meta.is_file() && meta.uid() == owner && meta.mode() & 0o022 == 0 && meta.len() <= MAX_POLICY;
        if !safe {
            return Err(PolicyError::Exposed { path: path.to_owned(), owner });
        }
        let mut text = String::new();
        file.take(MAX_POLICY).read_to_string(&mut text).map_err(read)?;
        Self::parse(&text).map_err(|(line, what)| PolicyError::Line { path: path.to_owned(), line, what })
    }

    /// Reads a policy's text; a fault is the number of its line, from 1, and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut policy = Self::default();
        for (index, line) in text.lines().enumerate() {
            let words = line.split('#').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>();
            policy.allow(&words).map_err(|what| (index + 1, what))?;
        }
        Ok(policy)
    }

    fn allow(&mut self, words: &[&str]) -> Result<(), String> {
        let unit = |name: &str| Unit::try_from(name.to_owned()).map_err(|error| format!("`{name}`: {error}"));
        match *words {
            [] => {}
            ["ping-group-range"] => self.ping_group_range = true,
            ["peer", name] => {
                self.peers.insert(name.to_owned());
            }
            ["status", name] => {
                self.status.insert(unit(name)?);
            }
            ["reload", name] => {
                self.reload.insert(unit(name)?);
            }
            ["account", name] => {
                let interface = Interface::try_from(name.to_owned());
                self.account.insert(interface.map_err(|error| format!("`{name}`: {error}"))?);
            }
            ["power", "off"] => {
                self.power.insert(PowerAction::Off);
            }
            ["power", "reboot"] => {
                self.power.insert(PowerAction::Reboot);
            }
            _ => {
                return Err(format!(
                    "`{}` is not a permission: write `peer USER`, `ping-group-range`, `status UNIT`, `reload UNIT`, `account INTERFACE`, `power off` or `power reboot`",
                    words.join(" ")
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
