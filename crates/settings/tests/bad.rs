//! A table of broken configurations in `config/bad`, each with the exact text that it must produce.
//!
//! `UPDATE=1 cargo test -p wasl-settings` writes the texts anew; read the difference before committing it.

use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/bad")
}

/// What `wasl check` would print, with paths relative to the folder.
fn printed(case: &Path) -> String {
    let result = if case.is_dir() {
        wasl_settings::load(case)
    } else {
        // A single file gets a directory of its own, so that it takes the whole way from the disk.
        let dir = tempfile::tempdir().expect("a directory");
        let name = case.file_name().expect("a name");
        fs::copy(case, dir.path().join(name)).expect("a copy");
        wasl_settings::load(dir.path()).map_err(|mut problems| {
            for problem in &mut problems {
                problem.file = folder().join(problem.file.strip_prefix(dir.path()).expect("below"));
                let inside = format!("{}/", dir.path().display());
                problem.message = problem.message.replace(&inside, "");
                problem.suggestion = problem.suggestion.take().map(|text| text.replace(&inside, ""));
            }
            problems
        })
    };
    let problems = result.expect_err("every configuration in this folder is broken");
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("\n\n").replace(&format!("{}/", folder().display()), "") + "\n"
}

#[test]
fn every_broken_configuration_gives_exactly_its_text() {
    let mut cases: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 20, "the folder of broken configurations is incomplete");
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for case in cases {
        let got = printed(&case);
        let text = case.with_extension("txt");
        if update {
            fs::write(&text, &got).expect("the text can be written");
        }
        let expected = fs::read_to_string(&text).unwrap_or_default();
        if got != expected {
            wrong.push(format!("--- {}\nexpected:\n{expected}\ngot:\n{got}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_problem_in_json_has_the_keys_of_the_contract() {
    let problems = wasl_settings::load(&folder().join("unknown-agent")).expect_err("broken");
    let json = serde_json::to_value(&problems[0]).expect("JSON");
    assert_eq!((&json["line"], &json["column"]), (&8.into(), &12.into()));
    assert_eq!(json["code"], "unknown-name");
    assert_eq!(json["message"], "no agent is called `jenin-gv`");
    assert!(json["file"].as_str().is_some_and(|file| file.ends_with("unknown-agent/sites/jenin.yaml")));
    assert!(json["suggestion"].as_str().is_some_and(|text| text.starts_with("did you mean `jenin-gw`")));
    for problem in problems {
        assert_eq!(serde_json::to_value(problem.code).expect("JSON"), problem.code.as_str());
    }
}

#[test]
fn no_text_repeats_a_secret() {
    for case in ["inline-secret.yaml", "misspelt-secret.yaml"] {
        let text = printed(&folder().join(case));
        for secret in ["S3cret", "Jenin!", "hunter2", "horse", "staple"] {
            assert!(!text.contains(secret), "{case} repeats {secret}:\n{text}");
        }
    }
}
