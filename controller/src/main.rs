//! Wasl: the controller and its command line.

use std::process::ExitCode;

/// Gives back what a burst leaves, and keeps the many small things of thousands of agents close together; docs/performance.md
/// has it beside others. Its settings are in `.cargo/config.toml`; `_RJEM_MALLOC_CONF` in the environment overrides them
/// (jemalloc 5.3, section "TUNING").
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    wasl_controller::cli::main()
}
