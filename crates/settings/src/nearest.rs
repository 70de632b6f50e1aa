//! The known word that a misspelt one most likely stands for.

use crate::snippet::quote;

/// The most words that a remedy lists.
const MAX_LISTED: usize = 12;

/// The nearest of `known` to `given`, if one is near enough to be worth a guess.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.len() > 80 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace([' ', '_', '-', '.'], "-");
    let wanted = plain(given);
    let allowed = (wanted.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .filter(|word| word.len().abs_diff(wanted.len()) <= 4 * allowed)
        .map(|word| (strsim::damerau_levenshtein(&wanted, &plain(word)), word))
        .filter(|(distance, word)| *distance <= allowed && *distance < word.chars().count())
        .min()
        .map(|(_, word)| word)
}

/// The remedy for a word that is none of `known`: the nearest one, or all of them where they are few.
pub(crate) fn remedy<'a>(given: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(word) = nearest(given, known.clone()) {
        return Some(format!("did you mean {}?", quote(word)));
    }
    let words: Vec<String> = known.into_iter().take(MAX_LISTED + 1).map(quote).collect();
    match words.len() {
        1 => Some(format!("use {}", words[0])),
        2..=MAX_LISTED => Some(format!("use one of {}", words.join(", "))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_slips_and_nothing_far_fetched() {
        let known = ["jenin-gw", "hebron-gw", "host_every", "sha256"];
        assert_eq!(nearest("jenin-gv", known), Some("jenin-gw"));
        assert_eq!(nearest("hostEvery", known), Some("host_every"));
        assert_eq!(nearest("SHA256", known), Some("sha256"));
        assert_eq!(nearest("host-every", known), Some("host_every"));
        assert_eq!(nearest("mailserver", known), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
