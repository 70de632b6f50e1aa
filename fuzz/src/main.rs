//! The fuzzer for one target, which the environment names: `WASL_FUZZ_TARGET=batch fuzz CORPUS`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wasl_fuzz_targets::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("WASL_FUZZ_TARGET").unwrap_or_default();
    wasl_fuzz_targets::target(&name).unwrap_or_else(|| {
        let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        panic!("WASL_FUZZ_TARGET must be one of {}", known.join(", "))
    })
});

fuzz_target!(|data: &[u8]| TARGET(data));
