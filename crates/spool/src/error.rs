//! What can go wrong with a spool, and what to do about it.

use std::io;

/// A spool operation that did not succeed. Unless a variant says otherwise, the spool is consistent and goes on working.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The options contradict each other.
    #[error("the spool's sizes do not fit together: {0}; change the options")]
    Options(&'static str),
    /// Another process has the directory open.
    #[error("the spool in {0} is in use by another process; stop that one first")]
    Locked(String),
    /// No space left. No sequence was consumed.
    #[error(
        "{doing} {name} in the spool: the disk is full; free space on its file system, then append again (nothing was lost)"
    )]
    DiskFull {
        /// The act, as in "writing".
        doing: &'static str,
        /// The file.
        name: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused.
    #[error(
        "{doing} {name} in the spool did not succeed; check the disk and the permissions of its directory"
    )]
    Io {
        /// The act, as in "writing".
        doing: &'static str,
        /// The file.
        name: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Written by a newer release. Nothing was touched.
    #[error(
        "{name} in the spool has format version {version}, newer than this program knows; install the newer release again"
    )]
    Version {
        /// The file.
        name: String,
        /// Its version.
        version: u32,
    },
    /// One payload is larger than [`Options::max_payload`](crate::Options::max_payload).
    #[error(
        "a payload of {size} bytes is larger than the {max} bytes a spool record may hold; split the batch"
    )]
    PayloadTooLarge {
        /// Its size; bytes.
        size: usize,
        /// The limit; bytes.
        max: usize,
    },
    /// The payloads of one [`Spool::append_all`](crate::Spool::append_all) are more than half of the quota.
    #[error(
        "payloads of {size} bytes at once are more than half of the spool's quota ({max} bytes); append fewer at once"
    )]
    TooMuchAtOnce {
        /// Their size on disk; bytes.
        size: u64,
        /// The limit; bytes.
        max: u64,
    },
    /// The controller knows sequences of this epoch that this spool never gave out: the directory was restored from an
    /// older copy. Appending would reuse their numbers, and the controller would take the new batches for duplicates.
    #[error(
        "the controller holds sequence {contiguous} of this epoch, but the spool has produced only {produced}: \
         its directory was restored from an older copy; set it aside and go on with a fresh epoch"
    )]
    Ahead {
        /// The controller's watermark.
        contiguous: u64,
        /// The last sequence of this spool.
        produced: u64,
    },
}

impl Error {
    pub(crate) fn io(doing: &'static str, name: &str, source: io::Error) -> Self {
        let name = name.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { doing, name, source }
            }
            _ => Self::Io { doing, name, source },
        }
    }

    /// True when space on the disk is what is missing.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }
}

/// True when the medium itself failed: reading again will not help. Shortage of file handles or memory is not that.
pub(crate) fn medium_failed(error: &io::Error) -> bool {
    #[cfg(windows)]
    const CODES: &[i32] = &[23, 27, 1117]; // ERROR_CRC, ERROR_SECTOR_NOT_FOUND, ERROR_IO_DEVICE
    #[cfg(not(windows))]
    const CODES: &[i32] = &[5]; // EIO
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}
