//! What a daemon owns once: its tasks and their end, its log, the list of its metrics, and its word to the
//! service manager.

pub mod errors;
pub mod logging;
pub mod metrics;
pub mod notify;
pub mod shutdown;
pub mod supervise;

pub use errors::chain;
