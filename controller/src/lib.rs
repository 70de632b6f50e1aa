//! The controller: takes in what agents observe, keeps it, judges it, and shows it.
//!
//! Data flows one way: [`agents`] receive uploads, [`ingest`] makes them durable in the store and hands
//! them to [`live`]; [`judging`] judges what changed and puts it on the [`board`]; [`operators`] show it. [`intent`] is the
//! configuration in force, which both sides ask; [`past`] adds up months; [`proposal`] makes configuration of what was found; [`jobs`] keep the house. [`controller`] wires it all,
//! and [`cli`] is how people start and ask it.

pub mod accept;
pub mod agents;
pub mod backup;
pub mod board;
pub mod cli;
pub mod controller;
pub mod home;
pub mod ingest;
pub mod intent;
pub mod jobs;
pub mod judging;
mod lines;
pub mod live;
pub mod operators;
pub mod past;
pub mod people;
pub mod proposal;
pub mod sessions;
pub mod shared;
pub mod time;
pub mod trust;
