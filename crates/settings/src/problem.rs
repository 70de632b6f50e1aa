//! What is wrong with a configuration, where, and what to do about it.
//!
//! Whoever reads this may be at work at three in the morning: the place comes first, then the fault in
//! one sentence, the line itself, and the remedy.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::snippet;

/// The class of a problem, for scripts that read `wasl check --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// A file or directory could not be read, or there are too many, or they are too large.
    Unreadable,
    /// The directory, or one of its files, holds nothing.
    Empty,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text is not YAML, or is YAML beyond the limits (depth, aliases, nodes).
    Syntax,
    /// The same key stands twice in one mapping.
    DuplicateKey,
    /// The same thing is defined in two places.
    DuplicateId,
    /// A key that is not known here.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A list where a text should be, and the like.
    WrongType,
    /// A text or number that does not fit its key.
    BadValue,
    /// A value of the right kind beyond its limits.
    OutOfRange,
    /// A reference to something that no file defines.
    UnknownName,
    /// A secret itself where its name should be.
    InlineSecret,
}

impl Code {
    /// The word for this class in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Empty => "empty",
            Self::NotUtf8 => "not-utf8",
            Self::Syntax => "syntax",
            Self::DuplicateKey => "duplicate-key",
            Self::DuplicateId => "duplicate-id",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::BadValue => "bad-value",
            Self::OutOfRange => "out-of-range",
            Self::UnknownName => "unknown-name",
            Self::InlineSecret => "inline-secret",
        }
    }
}

/// One thing that is wrong with the configuration.
///
/// [`fmt::Display`] gives `file:line:column: message`, the line with a caret, and `help: …`; it ends
/// without a newline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, or the directory where no single file is at fault.
    #[serde(serialize_with = "lossy")]
    pub file: PathBuf,
    /// The line, from 1; 0 where the whole file is meant.
    pub line: u32,
    /// The column in characters, from 1; 0 where the whole file is meant.
    pub column: u32,
    /// The class of the problem.
    pub code: Code,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub suggestion: Option<String>,
    /// The line at fault with a caret under the place, secrets masked.
    pub snippet: Option<String>,
}

fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

impl Problem {
    /// A problem with a file or directory as a whole.
    pub(crate) fn with_file(file: &Path, complaint: Complaint) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            code: complaint.code,
            message: complaint.message,
            suggestion: complaint.help,
            snippet: None,
        }
    }

    /// A problem at a place of a file whose text is `text`.
    pub(crate) fn at(file: &Path, text: &str, place: Place, complaint: Complaint) -> Self {
        let hide = complaint.code == Code::InlineSecret;
        let place = place.within(text);
        Self {
            line: place.line,
            column: place.column,
            snippet: snippet::draw(text, place, hide),
            ..Self::with_file(file, complaint)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", snippet::printable(&self.file.to_string_lossy()))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{snippet}")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\nhelp: {suggestion}")?;
        }
        Ok(())
    }
}

/// A stretch of one line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) line: u32,
    /// In characters, from 1.
    pub(crate) column: u32,
    /// In characters; what reaches beyond the line's end is ignored.
    pub(crate) length: u32,
}

impl Place {
    /// The same, or the end of `text` where the parser missed something behind its last line.
    fn within(self, text: &str) -> Self {
        let lines = text.lines().count().max(1);
        if self.line as usize <= lines {
            return self;
        }
        let width = text.lines().next_back().map_or(0, |line| line.chars().count());
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self { line: number(lines), column: number(width + 1), length: 1 }
    }
}

/// What is wrong, before it is known where.
///
/// serde and garde hand on nothing but text, so a complaint travels through both of them as the text
/// that [`fmt::Display`] writes and [`Complaint::decode`] takes apart again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// ASCII's unit separator: never part of a message, because messages hold only printable text.
const SEPARATOR: char = '\u{1f}';

impl Complaint {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn decode(text: &str) -> Self {
        let mut parts = text.splitn(3, SEPARATOR);
        let (first, second) = (parts.next(), parts.next());
        let help = parts.next().filter(|help| !help.is_empty()).map(str::to_owned);
        match (first, second) {
            (Some(code), Some(message)) => {
                let code = match code {
                    "inline-secret" => Code::InlineSecret,
                    "out-of-range" => Code::OutOfRange,
                    "wrong-type" => Code::WrongType,
                    _ => Code::BadValue,
                };
                Self { code, message: message.to_owned(), help }
            }
            _ => Self::new(Code::BadValue, snippet::printable(text)),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let help = self.help.as_deref().unwrap_or_default();
        write!(f, "{}{SEPARATOR}{}{SEPARATOR}{help}", self.code.as_str(), self.message)
    }
}
