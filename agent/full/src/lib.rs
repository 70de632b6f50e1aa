//! The full agent: what the small one does, and probing, device polling and backup evidence.

pub mod backup;
pub mod cli;
pub mod polling;
pub mod probing;

#[cfg(test)]
mod skips;
