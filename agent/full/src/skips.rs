//! Tests that cannot run here are skipped by name, with the reason, and never silently.

use std::fs::OpenOptions;
use std::io::Write;

/// Says that a test is skipped, here and in the list that `make test` shows.
pub(crate) fn skip(test: &str, reason: &str) {
    println!("SKIP {test}: {reason}");
    if let Some(list) = std::env::var_os("WASL_TEST_SKIPS") {
        let mut list =
            OpenOptions::new().create(true).append(true).open(list).expect("the list of skips can be opened");
        list.write_all(format!("{test}: {reason}\n").as_bytes()).expect("written");
    }
}
