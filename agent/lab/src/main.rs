//! The lab agent: small, for seats.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasl_agent_core::cli::main(&wasl_lab_agent::PROGRAM)
}
