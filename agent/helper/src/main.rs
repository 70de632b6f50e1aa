//! The root helper.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasl_helper::cli::main()
}
