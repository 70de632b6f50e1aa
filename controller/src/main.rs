//! Wasl: the controller and its command line.

mod agents;
mod board;
mod cli;
mod controller;
mod home;
mod ingest;
mod intent;
mod jobs;
mod live;
mod operators;
mod sessions;
mod time;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}

/// An error with what caused it, on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
