//! Secrets by name: an assignment says `core-snmp`, the file `secrets/core-snmp` on this host holds it.
//!
//! The controller never sees these values. A file that others can read is refused, because a secret
//! that leaked once cannot be told from one that did not.
//!
//! A file `secrets/core-snmp.hosts` beside it says towards which addresses the secret may be used, whoever asks for
//! it: a controller that was taken over chooses the addresses of an assignment, but writes no file here.

mod hosts;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The longest secret in bytes.
const MAX_SECRET: u64 = 4096;
/// So many files are looked at where all are asked for.
const MAX_SECRETS: usize = 10_000;

/// A secret's text. It shows itself only where [`Secret::expose`] is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a secret cannot be used.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The name could lead out of the folder.
    #[error("`{0}` is not the name of a secret: use letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// It could not be read.
    #[error("the secret `{name}` could not be read: put it into {}, readable only by the agent's user", path.display())]
    Read {
        /// The secret's name.
        name: String,
        /// Where it should lie.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read it.
    #[error("the secret `{name}` is readable by others: run `chmod 600 {}`", path.display())]
    Exposed {
        /// The secret's name.
        name: String,
        /// Where it lies.
        path: PathBuf,
    },
    /// Empty, or beyond the limit.
    #[error("the secret `{0}` is empty or longer than {MAX_SECRET} bytes")]
    Size(String),
    /// Its list of addresses names another.
    #[error("the secret `{name}` may not be used towards {address}: if that device is yours, add its address to {}", list.display())]
    Elsewhere {
        /// The secret's name.
        name: String,
        /// The address that an assignment asks for.
        address: IpAddr,
        /// Where the list lies.
        list: PathBuf,
    },
    /// It has a list of addresses, and is asked for something that has no address.
    #[error("the secret `{name}` is for the devices in {} only: use another secret here", list.display())]
    DevicesOnly {
        /// The secret's name.
        name: String,
        /// Where the list lies.
        list: PathBuf,
    },
    /// Its list of addresses cannot be used, so it is used nowhere.
    #[error("the secret `{name}` is used nowhere until {} is in order: {problem}", list.display())]
    List {
        /// The secret's name.
        name: String,
        /// Where the list lies.
        list: PathBuf,
        /// What is the matter with it.
        problem: String,
    },
}

/// The folder of this host's secrets.
#[derive(Debug, Clone)]
pub struct Secrets {
    dir: PathBuf,
}

impl Secrets {
    /// The secrets in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The file of a secret, for tools that read it themselves; checked like [`Self::read`].
    pub fn file(&self, name: &str) -> Result<PathBuf, SecretError> {
        self.read(name)?;
        Ok(self.dir.join(name))
    }

    /// Reads a secret that is not limited to devices; a final newline is not part of it.
    pub fn read(&self, name: &str) -> Result<Secret, SecretError> {
        let secret = self.text(name)?;
        match hosts::read(&self.dir, name)? {
            None => Ok(secret),
            Some(_) => {
                Err(SecretError::DevicesOnly { name: name.to_owned(), list: hosts::path(&self.dir, name) })
            }
        }
    }

    /// Reads a secret for use towards a device's address, which must be in its list if it has one.
    pub fn read_for(&self, name: &str, address: IpAddr) -> Result<Secret, SecretError> {
        let secret = self.text(name)?;
        let address = address.to_canonical();
        match hosts::read(&self.dir, name)? {
            Some(list) if !list.iter().any(|block| block.contains(address)) => Err(SecretError::Elsewhere {
                name: name.to_owned(),
                address,
                list: hosts::path(&self.dir, name),
            }),
            _ => Ok(secret),
        }
    }

    /// The names of the secrets without a list of addresses, in order; or what is the matter with a list.
    pub fn unlimited(&self) -> Result<Vec<String>, SecretError> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten().take(MAX_SECRETS);
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_name(name))
            .collect();
        names.sort();
        let mut unlimited = Vec::new();
        for name in names {
            if hosts::read(&self.dir, &name)?.is_none() {
                unlimited.push(name);
            }
        }
        Ok(unlimited)
    }

    fn text(&self, name: &str) -> Result<Secret, SecretError> {
        if !is_name(name) {
            return Err(SecretError::Name(name.chars().take(64).collect()));
        }
        let path = self.dir.join(name);
        let read = |source| SecretError::Read { name: name.to_owned(), path: path.clone(), source };
        let meta = std::fs::metadata(&path).map_err(read)?;
        if meta.mode() & 0o077 != 0 {
            return Err(SecretError::Exposed { name: name.to_owned(), path });
        }
        if meta.len() > MAX_SECRET {
            return Err(SecretError::Size(name.to_owned()));
        }
        let text = std::fs::read_to_string(&path).map_err(read)?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(SecretError::Size(name.to_owned()));
        }
        Ok(Secret(text.to_owned()))
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Whether this can be the name of a secret: it does not lead out of the folder, and is no list of addresses.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !name.is_empty()
        && !name.starts_with('.')
        && !name.ends_with(hosts::ENDING)
        && name.len() <= 64
        && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_read_only_from_its_own_folder_and_only_if_nobody_else_can() {
        let dir = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(dir.path());
        let path = dir.path().join("core-snmp");
        std::fs::write(&path, "s3cret\n").expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("set");
        assert!(matches!(secrets.read("core-snmp"), Err(SecretError::Exposed { .. })));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("set");
        let secret = secrets.read("core-snmp").expect("readable");
        assert_eq!(secret.expose(), "s3cret");
        assert!(!format!("{secret:?}").contains("s3cret"));
        assert!(matches!(secrets.read("../core-snmp"), Err(SecretError::Name(_))));
        assert!(matches!(secrets.read(".."), Err(SecretError::Name(_))));
        assert!(matches!(secrets.read("absent"), Err(SecretError::Read { .. })));
    }
}
