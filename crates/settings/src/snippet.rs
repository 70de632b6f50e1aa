//! The line at fault, made safe to print.
//!
//! A configuration is text from elsewhere, and its errors end up in terminals, logs and tickets. So control
//! and direction characters are replaced, long lines are cut around the place, and whatever
//! stands under a key that smells of a secret is masked unless it is plainly the name of one.

use crate::problem::Place;
use crate::values::is_secret_name;

/// The widest piece of a line that is shown, in characters.
const WIDTH: usize = 110;
/// How much of a cut line stands before the place.
const LEAD: usize = 40;
/// The longest text that a message quotes.
const QUOTED: usize = 60;

/// The line of `place` with a caret under it, or nothing where there is no such line.
pub(crate) fn draw(text: &str, place: Place, hide: bool) -> Option<String> {
    let line = text.lines().nth((place.line as usize).checked_sub(1)?)?;
    let mut chars: Vec<char> = line.chars().map(visible).collect();
    mask_secrets(&mut chars);
    let start = (place.column as usize).saturating_sub(1).min(chars.len());
    if hide {
        let end = (start + place.length as usize).min(chars.len());
        chars[start..end].fill('*');
    }
    while chars.last().is_some_and(|last| last.is_whitespace()) {
        chars.pop();
    }
    if chars.is_empty() {
        return None;
    }

    let from = if start + 20 > WIDTH { start.saturating_sub(LEAD) } else { 0 };
    let to = (from + WIDTH).min(chars.len());
    let mut shown: String = chars.get(from..to)?.iter().collect();
    let mut pad = start - from;
    if from > 0 {
        shown.insert(0, '…');
        pad += 1;
    }
    let length = (place.length as usize).clamp(1, to.saturating_sub(start).max(1));
    if to < chars.len() {
        shown.push('…');
    }
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    Some(format!("{gutter} |\n{number} | {shown}\n{gutter} | {}{}", " ".repeat(pad), "^".repeat(length)))
}

/// `text` in backticks, printable, and cut where it is long.
pub(crate) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTED).map(visible).collect();
    if text.chars().nth(QUOTED).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

/// `text` without anything that could move a cursor or turn the direction of writing.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}

fn visible(c: char) -> char {
    match c {
        '\t' => '→',
        '\u{061c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// Replaces the values of keys that smell of secrets, and the user part of URLs, by stars.
fn mask_secrets(line: &mut [char]) {
    let mut at = 0;
    while let Some(colon) = (at..line.len()).find(|&i| line[i] == ':') {
        at = colon + 1;
        if line[colon..].starts_with(&[':', '/', '/']) {
            let begin = colon + 3;
            let end = (begin..line.len())
                .find(|&i| line[i] == '/' || line[i].is_whitespace())
                .unwrap_or(line.len());
            if let Some(sign) = (begin..end).rev().find(|&i| line[i] == '@') {
                line[begin..sign].fill('*');
            }
            continue;
        }
        let word = (0..colon)
            .rev()
            .take_while(|&i| line[i].is_alphanumeric() || matches!(line[i], '_' | '-'))
            .last();
        let Some(word) = word else { continue };
        let key: String = line[word..colon].iter().collect();
        let Some(begin) = (at..line.len()).find(|&i| !line[i].is_whitespace()) else {
            continue;
        };
        if line[begin] == '{' || line[begin] == '[' || !smells_of_secret(&key) {
            continue;
        }
        let end = value_end(line, begin);
        let value: String = line[begin..end].iter().collect();
        let known = matches!(key.as_str(), "password" | "community" | "secret");
        if !(known && is_secret_name(value.trim())) {
            line[begin..end].fill('*');
        }
        at = end;
    }
}

/// Where the value that begins at `begin` ends: at its closing quote, or before `, `, `}`, ` #` or the line's end.
fn value_end(line: &[char], begin: usize) -> usize {
    let quote = line[begin];
    if quote == '"' || quote == '\'' {
        return (begin + 1..line.len()).find(|&i| line[i] == quote).map_or(line.len(), |i| i + 1);
    }
    let in_flow = line[..begin].contains(&'{');
    let end = (begin..line.len()).find(|&i| in_flow && matches!(line[i], ',' | '}')).unwrap_or(line.len());
    let trailing = line[begin..end].iter().rev().take_while(|c| c.is_whitespace()).count();
    end - trailing
}

/// Whether a key, perhaps misspelt, is one under which people write secrets.
fn smells_of_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pass", "pwd", "secret", "communit", "token", "credential"].iter().any(|part| key.contains(part))
        || ["password", "community", "secret"].iter().any(|word| strsim::damerau_levenshtein(word, &key) <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(column: u32, length: u32) -> Place {
        Place { line: 1, column, length }
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(
            draw("    from: [jenin-gv]", at(12, 8), false).as_deref(),
            Some("  |\n1 |     from: [jenin-gv]\n  |            ^^^^^^^^")
        );
    }

    #[test]
    fn a_long_line_is_cut_and_the_caret_follows() {
        let line = format!("{}X{}", "a".repeat(300), "b".repeat(300));
        let drawn = draw(&line, at(301, 1), false).expect("there is such a line");
        let rows: Vec<Vec<char>> = drawn.lines().map(|row| row.chars().collect()).collect();
        let caret = rows[2].iter().position(|c| *c == '^').expect("a caret");
        assert_eq!(rows[1][caret], 'X');
        assert!(rows[1].len() < 130);
    }

    #[test]
    fn secrets_are_masked_and_names_of_secrets_are_not() {
        for (line, shown) in [
            ("pasword: hunter2", "pasword: *******"),
            ("password: correct horse", "password: *************"),
            ("a: { community: \"x, y\", port: 1 }", "a: { community: ******, port: 1 }"),
            ("password: jenin-key", "password: jenin-key"),
            ("repository: rest:https://me:pw@host/x", "repository: rest:https://*****@host/x"),
            ("name: { en: a b }", "name: { en: a b }"),
        ] {
            let drawn = draw(line, at(1, 1), false).expect("there is such a line");
            assert_eq!(drawn.lines().nth(1), Some(format!("1 | {shown}").as_str()));
        }
    }

    #[test]
    fn nothing_that_moves_a_cursor_is_printed() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
