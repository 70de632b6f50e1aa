//! Wasl: the controller and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasl_controller::cli::main()
}
