//! Every input of the corpus, on every run of the tests: what once broke something stays mended.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use wasl_fuzz_targets::TARGETS;

fn inputs(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| {
        panic!("{}: {e}; `cargo run -p wasl-fuzz-targets --example seed` makes it", folder.display())
    });
    entries.map(|entry| entry.expect("readable").path()).collect()
}

/// Catches: a reader that an input brings down which the fuzzer found before.
#[test]
fn every_input_of_the_corpus_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let mut fatal = Vec::new();
    for (name, target) in TARGETS {
        let inputs = inputs(&corpus.join(name));
        assert!(!inputs.is_empty(), "{name} has no inputs");
        for input in inputs {
            let data = fs::read(&input).expect("readable");
            if catch_unwind(|| target(&data)).is_err() {
                fatal.push(input.display().to_string());
            }
        }
    }
    assert!(fatal.is_empty(), "these inputs are fatal: {fatal:#?}");
}

/// Catches: a target that is renamed and leaves its corpus behind.
#[test]
fn every_folder_of_the_corpus_has_a_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for folder in inputs(&corpus) {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(wasl_fuzz_targets::target(&name).is_some(), "{name} has no target");
    }
}

/// Without any input, and with every single byte.
#[test]
fn next_to_nothing_is_survived() {
    for (_, target) in TARGETS {
        target(&[]);
        (0..=255).for_each(|byte| target(&[byte]));
    }
}
