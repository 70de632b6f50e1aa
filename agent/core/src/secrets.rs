//! Secrets by name: an assignment says `core-snmp`, the file `secrets/core-snmp` on this host holds it.
//!
//! The controller never sees these values. A file that others can read is refused, because a secret
//! that leaked once cannot be told from one that did not.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The longest secret in bytes.
const MAX_SECRET: u64 = 4096;

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

    /// Reads a secret; a final newline is not part of it.
    pub fn read(&self, name: &str) -> Result<Secret, SecretError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || name.starts_with('.') || name.len() > 64 || !name.bytes().all(plain) {
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
