//! What happens at a moment and does not stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Severity;
use crate::units::{Scalar, Unit};

words!(
    /// What can happen.
    EventCode {
        /// A device says that a link of its is going down (`linkDown`, RFC 2863).
        LinkDownTrap = 1 "link_down_trap",
        /// A device says that a link of its has left the down state (`linkUp`, RFC 2863).
        LinkUpTrap = 2 "link_up_trap",
        /// A device says that it starts anew and may have another configuration (`coldStart`, RFC 3418).
        ColdStart = 3 "cold_start",
        /// A device says that it starts anew with the configuration it had (`warmStart`, RFC 3418).
        WarmStart = 4 "warm_start",
        /// A device was asked with a wrong community or key (`authenticationFailure`, RFC 3418).
        AuthenticationFailure = 5 "authentication_failure",
        /// A device sent a notification that has no word of its own here.
        OtherTrap = 6 "other_trap",
        /// Notifications were not kept one by one; how many and why stands in the arguments.
        TrapsDropped = 7 "traps_dropped",
        /// A station that is on no list was seen on a subnet.
        UnknownStation = 8 "unknown_station",
        /// Another neighbour than before is at a port, or none.
        NeighbourChanged = 9 "neighbour_changed",
        /// Two stations answer for one address of a subnet.
        AddressConflict = 10 "address_conflict",
        /// An interface or a sensor is no longer there, as its device or machine shows.
        Gone = 11 "gone",
        /// A link does something else than before: it takes over from others, or waits again.
        ActivityChanged = 12 "activity_changed",
    }
);

/// The most arguments of an event.
pub const MAX_EVENT_ARGS: usize = 16;
/// The longest name of an argument, in bytes.
pub const MAX_EVENT_ARG_NAME: usize = 40;
/// The longest value of an argument, in bytes.
pub const MAX_EVENT_ARG_VALUE: usize = 256;

/// Something that happened at the observation's time, about its subject. Unlike a notice it does not
/// stand, and so it is never taken back; two that are equal are two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What kind of thing.
    pub code: EventCode,
    /// How much it matters.
    pub severity: Severity,
    /// In words, without secrets. It may quote what a device said, so whoever shows it escapes it.
    pub detail: String,
    /// The figures and names in it, for programs: at most [`MAX_EVENT_ARGS`].
    pub args: BTreeMap<String, String>,
}

impl Event {
    /// An event without arguments.
    pub fn new(code: EventCode, severity: Severity, detail: impl Into<String>) -> Self {
        Self { code, severity, detail: detail.into(), args: BTreeMap::new() }
    }

    /// Adds an argument. A name or value beyond its bound is cut, and one argument too many is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let name = cut(name, MAX_EVENT_ARG_NAME);
        if self.args.len() < MAX_EVENT_ARGS || self.args.contains_key(name) {
            self.args.insert(name.to_owned(), cut(&value.to_string(), MAX_EVENT_ARG_VALUE).to_owned());
        }
        self
    }

    /// Whether the arguments are within their bounds.
    pub fn is_within_bounds(&self) -> bool {
        self.args.len() <= MAX_EVENT_ARGS
            && self
                .args
                .iter()
                .all(|(name, value)| name.len() <= MAX_EVENT_ARG_NAME && value.len() <= MAX_EVENT_ARG_VALUE)
    }
}

/// The beginning of a text, in at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_says_at_length_is_cut_and_never_beyond_the_bounds() {
        let mut event = Event::new(EventCode::OtherTrap, Severity::Info, "");
        for n in 0..40 {
            event = event.with(&format!("name-{n}-{}", "x".repeat(60)), "ع".repeat(300));
        }
        assert_eq!(event.args.len(), MAX_EVENT_ARGS);
        assert!(event.is_within_bounds());
        event.args.insert("one more".into(), String::new());
        assert!(!event.is_within_bounds());
    }
}
