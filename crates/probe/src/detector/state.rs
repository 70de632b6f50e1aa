//! What a target can be, and why.

use std::mem::discriminant;
use std::time::Duration;

use wasl_model::units::{Micros, Ppm};
use wasl_model::{LinkCause, LinkVerdict};

/// What a measured value is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yardstick {
    /// What is usual for the link.
    Baseline,
    /// What was promised for it.
    Contract,
}

/// Why a target is not simply up, with the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Probes leave and nothing comes back.
    BlackHole {
        /// Probes in a row without an answer when that was found.
        unanswered: u32,
    },
    /// This machine has no route to the target.
    NoRoute {
        /// Probes in a row that found no way out.
        unanswered: u32,
    },
    /// Probes are lost.
    Loss {
        /// The share in the window.
        loss: Ppm,
    },
    /// Round trips take too long.
    Latency {
        /// The mean round-trip time in the window.
        rtt: Micros,
        /// The limit that more than half of them exceeded when it began.
        limit: Micros,
        /// Where the limit comes from.
        against: Yardstick,
    },
    /// Round trips differ too much.
    Jitter {
        /// The mean difference in the window.
        jitter: Micros,
        /// The limit.
        limit: Micros,
        /// Where the limit comes from.
        against: Yardstick,
    },
    /// It answers now, but it goes down and comes back too often for that to be believed.
    Flapping {
        /// Changes in the stretch that is looked at.
        changes: u32,
    },
}

impl Cause {
    /// The word for it.
    pub fn word(&self) -> LinkCause {
        match self {
            Self::BlackHole { .. } => LinkCause::BlackHole,
            Self::NoRoute { .. } => LinkCause::NoRoute,
            Self::Loss { .. } => LinkCause::Loss,
            Self::Latency { .. } => LinkCause::Latency,
            Self::Jitter { .. } => LinkCause::Jitter,
            Self::Flapping { .. } => LinkCause::Flapping,
        }
    }
}

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Too little was seen yet.
    Unknown,
    /// It answers as it should.
    Up,
    /// It answers, but worse than it should.
    Degraded(Cause),
    /// It does not answer.
    Down(Cause),
}

impl State {
    /// The word for it; `None` while unknown.
    pub fn verdict(&self) -> Option<LinkVerdict> {
        match self {
            Self::Unknown => None,
            Self::Up => Some(LinkVerdict::Up),
            Self::Degraded(_) => Some(LinkVerdict::Degraded),
            Self::Down(_) => Some(LinkVerdict::Down),
        }
    }

    /// Why it is not up.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::Unknown | Self::Up => None,
            Self::Degraded(cause) | Self::Down(cause) => Some(*cause),
        }
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self, Self::Down(_))
    }

    /// Whether it is the same but for the figures.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        discriminant(self) == discriminant(other)
            && self.cause().map(|cause| cause.word()) == other.cause().map(|cause| cause.word())
    }
}

/// The state has changed: its word, or the word of its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
    /// Since when it is so: for "down" the first probe that stayed unanswered, after it the first
    /// answer. Monotonic.
    pub since: Duration,
    /// When that was found.
    pub at: Duration,
}
