//! Tables for terminals.

use std::io::IsTerminal;

use wasl_model::health::Health;

/// Prints rows under a heading, each column as wide as its widest cell.
pub(super) fn print(heading: &[&str], rows: &[Vec<String>]) {
    let mut out = String::new();
    let widths: Vec<usize> = heading
        .iter()
        .enumerate()
        .map(|(column, title)| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
            cells.max().unwrap_or(0).max(title.chars().count())
        })
        .collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, full) in cells.zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', full.saturating_sub(width(cell)) + 2));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&mut heading.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    show(&out);
}

/// Prints text to standard output; a reader that went away is no failure.
pub(super) fn show(text: &str) {
    let _ = try_show(text);
}

/// Prints text to standard output; whether there is still somebody who reads it.
#[must_use]
pub(super) fn try_show(text: &str) -> bool {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_ok()
}

/// The visible characters of a cell; colours take no room.
fn width(cell: &str) -> usize {
    let mut count = 0;
    let mut escape = false;
    for c in cell.chars() {
        match (escape, c) {
            (false, '\u{1b}') => escape = true,
            (true, 'm') => escape = false,
            (false, _) => count += 1,
            (true, _) => {}
        }
    }
    count
}

/// A health by sign, word and, on a terminal, colour.
pub(super) fn health(word: &str) -> String {
    let (sign, colour) = match Health::ALL.into_iter().find(|h| h.as_str() == word) {
        Some(Health::Ok) => ("●", 32),
        Some(Health::Degraded) => ("▲", 33),
        Some(Health::Down) => ("■", 31),
        Some(Health::Maintenance) => ("⏸", 36),
        Some(Health::Unknown) | None => ("?", 90),
    };
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\u{1b}[{colour}m{sign} {word}\u{1b}[0m")
    } else {
        format!("{sign} {word}")
    }
}

/// How long ago, in one word.
pub(super) fn age(then_ms: i64, now_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(then_ms).max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_the_unit_that_people_would_use() {
        assert_eq!(age(0, 119_000), "119 s");
        assert_eq!(age(0, 120_000), "2 min");
        assert_eq!(age(0, 7_200_000), "2 h");
        assert_eq!(age(0, 3 * 86_400_000), "3 d");
        assert_eq!(age(5_000, 0), "0 s");
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(width("\u{1b}[32m● ok\u{1b}[0m"), 4);
    }
}
