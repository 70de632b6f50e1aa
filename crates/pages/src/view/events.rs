//! What changed and what happened, for the pages of those that it concerns.

use std::collections::BTreeMap;

use wasl_model::health::{Health, Reason};
use wasl_model::{Severity, Subject, Timestamp};

/// A change of health, or something that happened otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeView {
    /// When.
    pub at: Timestamp,
    /// Which entity; `None` where it is the one that the page is about.
    pub subject: Option<Subject>,
    /// What it became; `None` where it is no longer followed.
    pub health: Option<Health>,
    /// Why.
    pub reason: Option<Reason>,
    /// What happened, where it is no change of health.
    pub occurrence: Option<OccurrenceView>,
}

/// Something that happened, such as a device's trap.
#[derive(Debug, Clone, PartialEq)]
pub struct OccurrenceView {
    /// A word of the API.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// In words of the agent's, which are English; it may quote what a device said.
    pub detail: String,
    /// The figures and names in it.
    pub args: BTreeMap<String, String>,
    /// Whether it was told so long after it happened that it is history and no news.
    pub late: bool,
}
