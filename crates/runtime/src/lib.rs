//! What a daemon owns once: its tasks and their end, its log, and the list of its metrics.

pub mod errors;
pub mod logging;
pub mod metrics;
pub mod shutdown;
pub mod supervise;

pub use errors::chain;
