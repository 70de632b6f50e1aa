//! Random tokens, comparing secrets, and secrets in files.
//!
//! On Unix a secret file is readable by its owner alone, and a file that others can read is refused with
//! the remedy rather than used. On Windows the file inherits the access list of its directory, so the
//! installer must restrict the state directory; there is no mode to check.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac};
use thiserror::Error;

/// The largest secret file that is read, in bytes.
pub const MAX_SECRET: u64 = 1024 * 1024;

/// A secret was not made, written or read.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The operating system gave no random bytes.
    #[error("could not read random bytes from the operating system")]
    Random,
    /// Writing failed; the file still holds what it held before.
    #[error(
        "could not write the secret file {}: its directory must exist, be writable by this user and have free \
         space", path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Reading failed.
    #[error("could not read the secret file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A directory or a device.
    #[error("could not read the secret file {}: it is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// More than [`MAX_SECRET`].
    #[error("could not read the secret file {}: it is larger than {MAX_SECRET} bytes", .0.display())]
    TooLarge(PathBuf),
    /// Others may read or change it.
    #[error(
        "refused the secret file {path}: other users can read or change it (mode {mode:04o}); run `chmod 600 {path}`, \
         and replace the secret if others use this machine", path = path.display()
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// 32 random bytes as 43 characters of base64url: session identifiers, API tokens.
pub fn random_token() -> Result<String, SecretError> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SecretError::Random)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

/// SHA-256 in lower-case hex. Only for secrets with full entropy, never for passwords.
pub fn sha256_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Whether two secrets are equal, in a time that tells nothing about where they differ.
///
/// Both pass through an HMAC whose verification compares in constant time, so lengths are hidden as well.
pub fn same_secret(one: &[u8], other: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"wasl secret comparison");
    hmac::verify(&key, one, hmac::sign(&key, other).as_ref()).is_ok()
}

/// Puts `bytes` into `path` with mode 0600, whole or not at all: a reader, or a machine that loses power, sees
/// the old content or the new one. A symbolic link at `path` is replaced, not followed.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), SecretError> {
    let failed = |source| SecretError::Write { path: path.to_owned(), source };
    let Some(name) = path.file_name() else {
        return Err(failed(io::Error::from(io::ErrorKind::InvalidInput)));
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).map_err(|_| SecretError::Random)?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", HEXLOWER.encode(&random)));
    let temporary = directory.join(temporary);

    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = written {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_file(&temporary);
        return Err(failed(source));
    }
    sync_directory(directory).map_err(failed)
}

/// Reads a secret file. On Unix a file that group or others may touch is refused.
pub fn read_secret(path: &Path) -> Result<Vec<u8>, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // Asked of the open file, not of the path, which may point elsewhere a moment later.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile(path.to_owned()));
    }
    check_mode(path, &metadata)?;
    let mut bytes = Vec::new();
    file.take(MAX_SECRET + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_SECRET {
        return Err(SecretError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &fs::Metadata) -> Result<(), SecretError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
    let for_others = mode & 0o077;
    if for_others == 0 { Ok(()) } else { Err(SecretError::TooOpen { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _metadata: &fs::Metadata) -> Result<(), SecretError> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
