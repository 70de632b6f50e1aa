//! What can go wrong with the store, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// A failure of the store: what was being done, where, and what to do next.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing} in {}: {kind}", file.display())]
pub struct Error {
    doing: &'static str,
    file: PathBuf,
    kind: ErrorKind,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of failure that call for different remedies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No room is left for the file. Nothing was changed; agents keep what is not acknowledged.
    DiskFull,
    /// Another process holds SQLite's lock for longer than the time-out.
    Busy,
    /// Another controller has opened this store.
    InUse,
    /// The file or a record in it is damaged.
    Corrupt,
    /// A newer version of Wasl made this store.
    Newer {
        /// The schema's number in the file.
        found: i64,
        /// The newest schema that this version knows.
        known: i64,
    },
    /// The file is a database of something else.
    Foreign,
    /// The file cannot be opened, made or written by this user.
    Permission,
    /// A file of the name that was asked for is there already.
    Exists,
    /// A copy was made and found damaged, and is gone again; what was found is in the text.
    BadCopy(String),
    /// No such series is kept.
    NoSuchSeries,
    /// Anything else; the source says more.
    Other,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull => f.write_str(
                "the disk is full; free some space there (nothing was changed, and agents keep what was not acknowledged)",
            ),
            Self::Busy => f.write_str(
                "another process keeps the file locked; stop that process (a backup, a database shell?) and try again",
            ),
            Self::InUse => f.write_str(
                "another controller is using this store; stop it, or give this one a state directory of its own",
            ),
            Self::Corrupt => f.write_str(
                "the file is damaged; run `wasl doctor`, and restore the latest backup if it says so",
            ),
            Self::Newer { found, known } => write!(
                f,
                "it was made by a newer version of Wasl (schema {found}, this version knows up to {known}); install that version or a later one",
            ),
            Self::Foreign => f.write_str(
                "the file is not a Wasl store; move it away or choose another state directory",
            ),
            Self::Permission => f.write_str(
                "the file cannot be opened for writing; check that its directory exists and belongs to the user that runs Wasl",
            ),
            Self::Exists => f.write_str("a file of that name exists; choose another name, or move it away"),
            Self::BadCopy(what) => write!(
                f,
                "the copy is damaged and was not kept ({what}); run `wasl doctor --full`, and look at the disk"
            ),
            Self::NoSuchSeries => f.write_str("the history keeps no series of that kind and field"),
            Self::Other => f.write_str("the database refused; run `wasl doctor`, and report this if it finds nothing"),
        }
    }
}

impl Error {
    pub(crate) fn new(doing: &'static str, file: &Path, kind: ErrorKind) -> Self {
        Self { doing, file: file.to_owned(), kind, source: None }
    }

    pub(crate) fn with_source(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Which kind of failure it is.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether it is for want of room on the disk.
    pub fn is_disk_full(&self) -> bool {
        self.kind == ErrorKind::DiskFull
    }
}
