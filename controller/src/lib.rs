//! The controller: takes in what agents observe, keeps it, judges it, and shows it.
//!
//! Data flows one way: [`agents`] receive uploads, [`ingest`] makes them durable in the store and hands
//! them to [`live`]; [`board`] judges what is known; [`operators`] show it. [`intent`] is the
//! configuration in force, which both sides ask; [`jobs`] keep the house. [`controller`] wires it all,
//! and [`cli`] is how people start and ask it.

pub mod agents;
pub mod board;
pub mod cli;
pub mod controller;
pub mod home;
pub mod ingest;
pub mod intent;
pub mod jobs;
pub mod live;
pub mod operators;
pub mod sessions;
pub mod time;

/// An error with what caused it, on one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
