//! Wasl: the controller and its command line.

use std::process::ExitCode;

/// Gives back what a burst leaves, and keeps many small things of five thousand agents close together: glibc's either
/// holds far more or takes half as much processor time again. Its settings are in `.cargo/config.toml`; `_RJEM_MALLOC_CONF` in
/// the environment overrides them (jemalloc 5.3, section "TUNING").
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    wasl_controller::cli::main()
}
