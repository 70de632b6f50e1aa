//! The full agent: what the small one does, and probing, device polling, backup evidence and STAMP.

pub mod accounting;
pub mod backup;
pub mod cli;
pub mod discovery;
pub mod polling;
pub mod probing;
pub mod stamp;
pub mod traps;

mod arrival;

#[cfg(test)]
mod skips;
