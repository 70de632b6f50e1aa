//! Damping: an entity that changes between working and not working again and again is one trouble, not
//! one for each change.
//!
//! Only changes of its own count. What goes up and down with its cause does not flap.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use wasl_model::Timestamp;
use wasl_model::health::Health;

use super::Policy;

/// The latest changes of one entity.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Flap {
    /// Whether it was unhealthy when that was last known.
    unhealthy: Option<bool>,
    /// When it changed; only as many as the policy needs.
    changes: VecDeque<Timestamp>,
    /// Whether one of its states since was down.
    pub(super) was_down: bool,
    /// Whether it is held in trouble.
    pub(super) held: bool,
}

impl Flap {
    /// Takes in the present health. `own` is whether a change of it would be the entity's own.
    pub(super) fn note(&mut self, health: Health, own: bool, now: Timestamp, policy: &Policy) {
        self.changes.retain(|at| now.since(*at) < policy.flap_window);
        let unhealthy = match health {
            Health::Ok => Some(false),
            Health::Degraded | Health::Down => Some(true),
            Health::Unknown | Health::Maintenance => None,
        };
        if let Some(unhealthy) = unhealthy {
            let before = self.unhealthy.replace(unhealthy);
            if own && before.is_some_and(|before| before != unhealthy) {
                self.changes.push_back(now);
                if self.changes.len() > policy.flap_enter.max(policy.flap_leave + 1) {
                    self.changes.pop_front();
                }
            }
        }
        let enough = if self.held { policy.flap_leave + 1 } else { policy.flap_enter };
        self.held = self.changes.len() >= enough;
        if self.changes.is_empty() && !self.held {
            self.was_down = false;
        }
        self.was_down |= health == Health::Down;
    }

    /// When it will be let go if it stays as it is.
    pub(super) fn next(&self, policy: &Policy) -> Option<Timestamp> {
        let last_needed = self.changes.iter().rev().nth(policy.flap_leave)?;
        self.held.then(|| last_needed.plus(policy.flap_window))
    }
}
