//! The full agent: for gateways, servers, and hosts of backups and mail.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
