//! The agent of a laboratory's machine. It observes the machine that it runs on and nothing else, so that it
//! costs a seat next to nothing: it has no probing, no polling, no listening port, and a spool of 64 MB.

use wasl_agent_core::cli::Program;
use wasl_spool::Options;

/// `wasl-lab-agent`.
pub const PROGRAM: Program = Program {
    name: "wasl-lab-agent",
    about: "Observes this machine and brings it to the controller",
    version: env!("CARGO_PKG_VERSION"),
    state: "/var/lib/wasl-lab-agent",
    spool: Options::lab,
    add_collectors: |_| {},
    examinations: &[],
};
