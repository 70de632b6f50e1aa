//! The YAML parser's complaints in the words of somebody who has to repair the file.

use serde_yaml::granit_parser::ErrorKind;
use serde_yaml::{DefaultMessageFormatter, Error, ExternalMessageSource, Location, MessageFormatter};

use crate::node::MAX_DEPTH;
use crate::problem::{Code, Complaint, Place};
use crate::snippet::printable;

/// Where a text stops being a usable YAML document, and why.
pub(crate) fn explain(error: &Error, text: &str) -> (Place, Complaint) {
    let used = alias(error);
    let error = inner(error);
    let place =
        used.or_else(|| error.location()).map_or(Place { line: 1, column: 1, length: 1 }, |at| Place {
            line: u32::try_from(at.line()).unwrap_or(u32::MAX).max(1),
            column: u32::try_from(at.column()).unwrap_or(u32::MAX).max(1),
            length: 1,
        });
    let place = within(place, text);
    if let Error::ExternalMessage { source, .. } = error
        && let ExternalMessageSource::Parser(scan) = &**source
    {
        return (place, syntax(scan.kind(), error, opener(text, place)));
    }
    let (message, help) = match error {
        Error::Budget { breach: serde_yaml::budget::BudgetBreach::Depth { .. }, .. } => (too_deep(), FLATTEN),
        Error::Budget { .. } => {
            ("the file is too large for one YAML document".to_owned(), "split it into several files")
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => (
            "the aliases (`*name`) of this file unfold into too much".to_owned(),
            "write the values out, or let fewer aliases refer to other aliases",
        ),
        Error::UnknownAnchor { .. } => (
            "this alias (`*name`) refers to no anchor (`&name`) of this file".to_owned(),
            "quote the text if it merely begins with `*`; anchors do not reach across files",
        ),
        Error::MultipleDocuments { .. } => (
            "a second YAML document begins here".to_owned(),
            "delete the `---`, or move what follows into a file of its own",
        ),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            ("`<<` can merge only keys and values".to_owned(), "let the anchor stand before keys and values")
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("this alias refers to what it is part of".to_owned(), "write the values out")
        }
        other => return (place, Complaint::new(Code::Syntax, own_words(other))),
    };
    (place, Complaint::new(Code::Syntax, message).help(help))
}

const FLATTEN: &str = "the sections need no more than six levels; look for stray `[`, `{` or `- `";

fn too_deep() -> String {
    format!("the file is nested deeper than {MAX_DEPTH} levels")
}

fn own_words(error: &Error) -> String {
    printable(&DefaultMessageFormatter.format_message(error))
}

/// Where the outermost alias stands, if the fault lies behind one.
fn alias(error: &Error) -> Option<Location> {
    match error {
        Error::WithSnippet { error, .. } => alias(error),
        Error::AliasError { locations, .. } => Some(locations.reference_location),
        _ => None,
    }
}

fn inner(mut error: &Error) -> &Error {
    while let Error::WithSnippet { error: within, .. } | Error::AliasError { error: within, .. } = error {
        error = within;
    }
    error
}

/// The bracket that is open at `place`, and its line. A guess by the text alone: strings are skipped where they
/// begin like one, comments where they do.
fn opener(text: &str, place: Place) -> Option<(char, usize)> {
    let mut open = Vec::new();
    for (index, line) in text.lines().enumerate().take(place.line as usize) {
        let end = if index + 1 == place.line as usize { place.column as usize - 1 } else { usize::MAX };
        let (mut string, mut last, mut before) = (None, ':', ' ');
        for c in line.chars().take(end) {
            match (string, c) {
                (Some(quote), c) => string = (c != quote).then_some(quote),
                (None, '"' | '\'') if matches!(last, ':' | ',' | '[' | '{') => string = Some(c),
                (None, '#') if before.is_whitespace() => break,
                (None, '[' | '{') => open.push((c, index + 1)),
                (None, ']' | '}') => drop(open.pop()),
                _ => {}
            }
            before = c;
            if !c.is_whitespace() {
                last = c;
            }
        }
    }
    open.pop()
}

fn syntax(kind: &ErrorKind, error: &Error, opener: Option<(char, usize)>) -> Complaint {
    let (message, help) = match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => (
            "there is a tab in the indentation, and YAML allows only spaces",
            "replace the tab by spaces, two for each level",
        ),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("a quote is opened here and never closed", "close the quote at the end of the text")
        }
        ErrorKind::InvalidQuotedScalarIndent => (
            "a quoted text runs on into this line, which is indented too little for it",
            "look for a quote that is opened above and not closed",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "something follows the closing quote",
            "put the whole text into the quotes; a quote inside is doubled ('') or escaped (\\\")",
        ),
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::ExpectedFlowMappingSeparator => {
            let (message, help) = match opener {
                Some((open, line)) => {
                    let close = if open == '[' { ']' } else { '}' };
                    (
                        format!(
                            "the `{open}` in line {line} is not closed, or a comma is missing before this place"
                        ),
                        format!("close it with `{close}`, or put `,` between its parts"),
                    )
                }
                None => (
                    "a bracket is not closed, or a comma is missing before this place".to_owned(),
                    "close every `[` with `]` and every `{` with `}`".to_owned(),
                ),
            };
            return Complaint::new(Code::Syntax, message).help(help);
        }
        ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            ("this closing bracket matches no opening one", "delete it, or open it where it belongs")
        }
        ErrorKind::RecursionLimitExceeded => return Complaint::new(Code::Syntax, too_deep()).help(FLATTEN),
        ErrorKind::MappingValueNotAllowed => (
            "a second `: ` stands on this line, or the line is indented too far",
            "quote a text that holds `: `, or align the key with its neighbours",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::BlockSequenceEntryNotAllowed => (
            "the indentation of this line fits nothing above it",
            "align it with its neighbours: the same number of spaces for keys of the same level",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            "a `key: value` was expected here",
            "write `: ` with a space after the key, or correct the indentation",
        ),
        ErrorKind::UnknownAnchor => (
            "this alias (`*name`) refers to no anchor (`&name`) of this file",
            "quote the text if it merely begins with `*`; anchors do not reach across files",
        ),
        ErrorKind::UnexpectedCharacter { character } => {
            return Complaint::new(
                Code::Syntax,
                printable(&format!("a value cannot begin with `{character}`")),
            )
            .help("put the text into quotes");
        }
        _ => return Complaint::new(Code::Syntax, own_words(error)),
    };
    Complaint::new(Code::Syntax, message).help(help)
}

/// The same place, or the last line with anything on it where the parser points behind the end.
fn within(place: Place, text: &str) -> Place {
    let line = text.lines().nth(place.line as usize - 1);
    if line.is_some_and(|line| !line.trim().is_empty()) {
        return place;
    }
    let above = text.lines().take(place.line as usize).enumerate();
    above.filter(|(_, line)| !line.trim().is_empty()).last().map_or(place, |(index, line)| Place {
        line: index as u32 + 1,
        column: line.trim_end().chars().count() as u32 + 1,
        length: 1,
    })
}
