//! The full agent: for gateways, servers, and hosts of backups and mail.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasl_agent_core::cli::main(&wasl_agent::cli::PROGRAM)
}
