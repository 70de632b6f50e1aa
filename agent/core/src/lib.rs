//! What every agent does: observe its machine, keep observations in the spool, and bring them to the
//! controller. The full agent adds its collectors to [`Agent`]; a laboratory machine needs no more.

pub mod agent;
pub mod cli;
pub mod clock;
pub mod enrol;
pub mod facts;
pub mod host;
pub mod keeper;
pub mod report;
pub mod secrets;
pub mod selfwatch;
pub mod state;
pub mod uplink;

pub use agent::{Agent, BuildError};
