//! What people and tools write.

use std::path::PathBuf;

use wasl_pki::EnrolToken;

use crate::accounting::table;

/// An enrolment token.
pub(crate) fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<EnrolToken>() {
        Ok(token) => {
            let again: EnrolToken = token.to_string().parse().expect("its own text is a token");
            assert_eq!(again.token_hash(), token.token_hash());
        }
        Err(error) => {
            let (said, secret) = (error.to_string(), text.trim());
            if secret.len() >= 20 && said.contains(secret) {
                // Or the input repeats the error: then another input brings the very same words.
                let other = format!("?{secret}").parse::<EnrolToken>();
                assert_eq!(
                    other.err().map(|other| other.to_string()),
                    Some(said),
                    "the error repeats the token"
                );
            }
        }
    }
}

/// A configuration: refused with words, or in force.
pub(crate) fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    match wasl_settings::load_from(&[(PathBuf::from("wasl.yaml"), text)]) {
        Ok(settings) => {
            for agent in settings.agents().keys() {
                assert!(settings.assignment_for(agent).is_some());
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a word");
            for problem in problems {
                assert!(!problem.to_string().is_empty());
            }
        }
    }
}

/// The table of counts of a packet filter.
pub(crate) fn counts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(counts) = table::read(&text) {
        let elements: usize = counts.sets.values().map(Vec::len).sum();
        // Each takes at least its brackets, a name and a number.
        assert!(elements + counts.counters.len() <= text.len() / 10, "more was read than was written");
    }
}

/// A time as a backup tool writes it.
pub(crate) fn rfc3339(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = crate::backup::time(text);
    }
}
