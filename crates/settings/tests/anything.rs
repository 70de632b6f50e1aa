//! No text whatever makes the reader panic, hang, or fail without saying where.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

fn example() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/example");
    ["wasl.yaml", "central.yaml", "sites/jenin.yaml"]
        .into_iter()
        .map(|name| {
            let text = fs::read_to_string(folder.join(name)).expect("the example");
            (PathBuf::from(name), text)
        })
        .collect()
}

/// Every problem can be printed, says something, and points into the file.
fn sound(files: &[(PathBuf, String)]) -> Result<(), TestCaseError> {
    let Err(problems) = wasl_settings::load_from(files) else { return Ok(()) };
    prop_assert!(!problems.is_empty());
    for problem in problems {
        let shown = problem.to_string();
        prop_assert!(!problem.message.is_empty());
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{:?}", shown);
        let text = &files.iter().find(|(path, _)| *path == problem.file).expect("a file that was given").1;
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert!(problem.line as usize <= text.lines().count().max(1), "{}", shown);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in any::<String>()) {
        sound(&[(PathBuf::from("a.yaml"), text)])?;
    }

    #[test]
    fn text_of_yaml_pieces(pieces in prop::collection::vec(prop::sample::select(vec![
        "sites:", "agents", ": ", "\n", "  ", "- ", "{", "}", "[", "]", ", ", "&a ", "*a", "<<: ", "\"", "'", "|\n", ">\n",
        "#", "!!str ", "---\n", "...\n", "? ", "~", "1e999", "0x1F", "yes", "10s", "\t", "\u{feff}", "جنين", "%YAML 1.1\n", "\r",
        "institution:", "name", "en", "from", "snmp:", "password: ", "@", "`",
    ]), 0..60)) {
        sound(&[(PathBuf::from("a.yaml"), pieces.concat())])?;
    }

    #[test]
    fn a_mutated_example(
        file in 0..3_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, "[ -~\n\t\u{600}-\u{640}]{0,6}"), 1..6),
    ) {
        let mut files = example();
        for (at, cut, insert) in edits {
            let mut chars: Vec<char> = files[file].1.chars().collect();
            let at = at.index(chars.len() + 1);
            let end = (at + cut).min(chars.len());
            chars.splice(at..end, insert.chars());
            files[file].1 = chars.into_iter().collect();
        }
        sound(&files)?;
    }
}

#[test]
fn every_kind_of_line_break_counts_as_one_line() {
    let text = "institution: { id: u, name: { en: U }, timezone: Asia/Gaza }\nsites: {}\nagnts: {}\n";
    for line_break in ["\n", "\r\n", "\r"] {
        let file = (PathBuf::from("a.yaml"), text.replace('\n', line_break));
        let problems = wasl_settings::load_from(&[file]).expect_err("a misspelt section");
        assert_eq!((problems[0].line, problems[0].column), (3, 1));
        assert!(problems[0].snippet.as_deref().is_some_and(|shown| shown.contains("3 | agnts: {}")));
    }
}

#[test]
fn what_is_missing_at_the_end_is_missed_in_the_last_line() {
    let file = (PathBuf::from("a.yaml"), "? #|\n".to_owned());
    let problems = wasl_settings::load_from(&[file]).expect_err("a key that is nothing");
    let at = |problem: &wasl_settings::Problem| (problem.line, problem.column);
    let placed: Vec<_> = problems.iter().map(at).filter(|(line, _)| *line > 0).collect();
    assert_eq!(placed, [(1, 5)], "{}", problems[0]);
}

#[test]
fn a_large_institution_is_read_in_a_moment() {
    let mut text = String::from(
        "institution: { id: u, name: { en: U }, timezone: Asia/Gaza }\nsites: { s: { name: { en: S } } }\n\
         agents: { a: { site: s, role: gateway } }\ndevices:\n  d0: &d { host: 192.0.2.1, from: a, snmp: &s { version: v2c, community: c } }\n",
    );
    for number in 1..3_000 {
        text.extend(["  d", &number.to_string(), ": { host: 192.0.2.1, from: a, snmp: *s }\n"]);
    }
    let settings = wasl_settings::load_from(&[(PathBuf::from("a.yaml"), text)]).expect("sound");
    assert_eq!(settings.devices().len(), 3_000);
}
