//! Stories that cannot run here say so, by name and with the reason.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Skips the rest of a story: `skip!("name", "reason")` prints `SKIP name: reason`, adds the line to the
/// list of skips and returns.
#[macro_export]
macro_rules! skip {
    ($name:expr, $reason:expr $(,)?) => {{
        $crate::skip::note($name, &$reason);
        return;
    }};
}

/// Prints a skip and adds it to the file of `WASL_TEST_SKIPS`, or else `target/test-skips.txt`.
#[expect(clippy::print_stdout, reason = "the output of a test is for its reader")]
pub fn note(name: &str, reason: &str) {
    println!("SKIP {name}: {reason}");
    let file = std::env::var_os("WASL_TEST_SKIPS")
        .map_or_else(|| crate::binaries::target().join("test-skips.txt"), PathBuf::from);
    let kept = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&file)
        .and_then(|mut file| file.write_all(format!("{name}: {reason}\n").as_bytes()));
    kept.unwrap_or_else(|error| panic!("{} could not be written: {error}", file.display()));
}
