//! The three axes on which an entity is judged, and the reason for the judgement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::subject::Subject;
use crate::time::Timestamp;

/// Whether a thing works. `unknown` is not `down`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It works as it should.
    Ok,
    /// It is left alone on purpose.
    Maintenance,
    /// Nobody knows.
    Unknown,
    /// It works, but not as it should.
    Degraded,
    /// It does not work.
    Down,
}

impl Health {
    /// Every value, best first.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Maintenance, Self::Unknown, Self::Degraded, Self::Down];

    /// The word in the API, metrics and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Maintenance => "maintenance",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }

    /// Whether a person should look.
    pub fn is_unhealthy(self) -> bool {
        matches!(self, Self::Degraded | Self::Down)
    }
}

/// Whether a dataset was shown to be restorable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Bytes were read back and compared with a manifest made at the source.
    Proved,
    /// It was proved, too long ago.
    Due,
    /// It was never proved.
    None,
    /// The last attempt failed.
    Failed,
}

impl Proof {
    /// The word in the API, metrics and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Due => "due",
            Self::None => "none",
            Self::Failed => "failed",
        }
    }
}

/// Why a thing is judged as it is: a code with a text in each language, and the figures in the text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The code; all are listed in `docs/reasons.md`.
    pub code: String,
    /// The figures and names that the texts mention.
    pub args: BTreeMap<String, String>,
}

impl Reason {
    /// A reason without figures.
    pub fn new(code: &str) -> Self {
        Self { code: code.to_owned(), args: BTreeMap::new() }
    }

    /// Adds a figure or name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.args.insert(name.to_owned(), value.to_string());
        self
    }
}

/// The judgement of one entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntityState {
    /// Does it work?
    pub health: Health,
    /// What is it doing? The words depend on the kind of entity.
    pub activity: Option<String>,
    /// Was it shown to be restorable?
    pub proof: Option<Proof>,
    /// Why.
    pub reason: Reason,
    /// Since when the health has been what it is.
    pub since: Timestamp,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// The entity whose trouble causes this one.
    pub caused_by: Option<Subject>,
}
