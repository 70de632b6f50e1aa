//! From observations to judgements: pure functions of what was seen, what is expected, and the time.
//!
//! Nothing here reads a clock, so any sequence of observations can be judged again in a test. Every
//! judgement carries a reason code with figures; the codes are listed in [`reasons::ALL`], and the
//! pages have a text for each in every language.
//!
//! [`judge`] looks at one value of one entity. [`Engine`] keeps all of them together: it holds every
//! witness's [`Word`], follows the [`Graph`] of what depends on what, and tells causes from consequences.
//! [`capacity`] tells a full line from a faulty one, and who fills it; [`directions`] which way of it loses. [`report`] sums up a month of a link and holds it against what was promised.

pub mod activity;
pub mod capacity;
pub mod directions;
pub mod engine;
pub mod graph;
pub mod judge;
pub mod reasons;
pub mod report;
pub mod word;

pub use engine::{Engine, Policy};
pub use graph::{Dependency, Graph, Node};
pub use word::Word;

use serde::{Deserialize, Serialize};

use wasl_model::Timestamp;
use wasl_model::health::{EntityState, Health, Proof, Reason};

/// What an entity is, without since when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Does it work?
    pub health: Health,
    /// What is it doing?
    pub activity: Option<String>,
    /// Was it shown to be restorable?
    pub proof: Option<Proof>,
    /// Why.
    pub reason: Reason,
    /// How sure, 0 to 1.
    pub confidence: f64,
}

impl Judgement {
    fn new(health: Health, reason: Reason) -> Self {
        let confidence = if health == Health::Unknown { 0.0 } else { 1.0 };
        Self { health, activity: None, proof: None, reason, confidence }
    }
}

/// Carries the time since when an entity has its health from one judgement to the next.
pub fn since(before: Option<&EntityState>, judgement: Judgement, now: Timestamp) -> EntityState {
    let since = match before {
        Some(before) if before.health == judgement.health => before.since,
        _ => now,
    };
    EntityState {
        health: judgement.health,
        activity: judgement.activity,
        proof: judgement.proof,
        reason: judgement.reason,
        since,
        confidence: judgement.confidence,
        caused_by: None,
    }
}
