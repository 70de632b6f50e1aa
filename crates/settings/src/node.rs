//! A YAML document as a tree that knows the place of every key and value.
//!
//! Reading happens in two steps: text to tree here, tree to types in `read`. serde alone stops at the
//! first fault of a document; with the tree in hand the reader can step over a faulty value, go on, and
//! report all faults of all files in one run.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};

use crate::problem::{Code, Complaint, Place};
use crate::snippet::quote;
use crate::syntax;

/// The deepest nesting of a document. The sections need six.
pub(crate) const MAX_DEPTH: usize = 32;

/// One key or value.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text, quoted or not.
    Text(String),
    /// An unquoted number or boolean, as it was written.
    Plain(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Plain(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping; none for anything else.
    pub(crate) fn entries(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Key and value of an entry.
    pub(crate) fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        self.entries().iter().find(|(name, _)| name.text() == Some(key)).map(|(name, value)| (name, value))
    }

    /// The place of what a path such as `snmp.auth` or `from[1]` leads to, or of the last step that exists.
    pub(crate) fn place_of(&self, path: &str) -> Option<Place> {
        let mut node = self;
        let mut place = None;
        for step in path.split(['.', '[']) {
            if let Some(index) = step.strip_suffix(']') {
                let Value::List(items) = &node.value else { break };
                let Some(item) = index.parse::<usize>().ok().and_then(|index| items.get(index)) else {
                    break;
                };
                node = item;
                place = Some(item.place);
            } else {
                let Some((key, value)) = node.entry(step) else { break };
                node = value;
                place = Some(if matches!(value.value, Value::Text(_) | Value::Plain(_)) {
                    value.place
                } else {
                    key.place
                });
            }
        }
        place
    }

    /// What it is, for "found …".
    pub(crate) fn kind(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Text(_) => "text".to_owned(),
            Value::Plain(text) => match text.as_str() {
                "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => format!("`{text}`"),
                _ => format!("the number {}", quote(text)),
            },
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "keys and values".to_owned(),
        }
    }
}

/// Reads one document. A document of nothing but comments is [`Value::Null`].
pub(crate) fn parse(text: &str, faults: &mut Vec<(Place, Complaint)>) -> Option<Node> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Some(Node { place: Place { line: 1, column: 1, length: 1 }, value: Value::Null });
    }
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            // A file of 300 devices that share one `snmp: *core` is sound; the limits on replay hold bombs off.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 8,
        },
        // Repeated keys come through, so that both places can be named.
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_yaml::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Some(build(raw, text, faults)),
        Err(error) => {
            faults.push(syntax::explain(&error, text));
            None
        }
    }
}

/// What serde sees of a node; the places come from the [`Spanned`] around it.
enum Raw {
    Null,
    Text(String),
    /// A number or boolean, whose spelling is read from the source.
    Plain,
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

/// Gives every node its place and drops repeated keys after reporting them.
///
/// A value that comes from an anchor has the place of its definition, since that is where it is mended.
fn build(raw: Spanned<Raw>, source: &str, faults: &mut Vec<(Place, Complaint)>) -> Node {
    let at = raw.defined;
    let place = place(&at);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Text(text) => Value::Text(text),
        Raw::Plain => Value::Plain(spelling(&at, source)),
        Raw::List(items) => Value::List(items.into_iter().map(|item| build(item, source, faults)).collect()),
        Raw::Map(entries) => {
            let mut seen: BTreeMap<String, Place> = BTreeMap::new();
            let mut kept = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let (key, value) = (build(key, source, faults), build(value, source, faults));
                let Some(name) = key.text() else {
                    let complaint =
                        Complaint::new(Code::WrongType, format!("a key must be text, found {}", key.kind()))
                            .help("quote a text that begins with `{`, `[`, `?`, `*` or `&`");
                    faults.push((key.place, complaint));
                    continue;
                };
                if let Some(first) = seen.get(name) {
                    let complaint = Complaint::new(
                        Code::DuplicateKey,
                        format!(
                            "the key {} stands twice here; the first is in line {}",
                            quote(name),
                            first.line
                        ),
                    )
                    .help("delete or rename one of the two");
                    faults.push((key.place, complaint));
                    continue;
                }
                seen.insert(name.to_owned(), key.place);
                kept.push((key, value));
            }
            Value::Map(kept)
        }
    };
    Node { place, value }
}

fn place(at: &Location) -> Place {
    let clamp = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Place { line: clamp(at.line()), column: clamp(at.column()), length: clamp(at.span().len()).max(1) }
}

/// How a number or boolean was written.
fn spelling(at: &Location, source: &str) -> String {
    let span = at.span();
    let range = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| {
        let start = usize::try_from(start).ok()?;
        source.get(start..start + usize::try_from(length).ok()?)
    });
    range.unwrap_or_default().trim().to_owned()
}
