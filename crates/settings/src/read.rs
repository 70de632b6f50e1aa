//! From the tree to types, past every fault.
//!
//! A derived `Deserialize` gives up at the first error. Here the error carries the value that caused it; the
//! value is struck out, the fault is noted, and the reading starts again without it, until nothing is
//! wrong any more. A key that is missing only because its value was struck out is not reported.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::nearest::{nearest, remedy};
use crate::node::{Node, Value};
use crate::problem::{Code, Complaint, Place};
use crate::snippet::quote;

/// After so many faults the rest of a file is left for the next run.
const MAX_FAULTS: usize = 100;

/// Reads `root` as a `T` and notes every fault. Something is returned whenever all faults could be stepped
/// over; what was struck out is then absent from it.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    root: &'a Node,
    faults: &mut Vec<(Place, Complaint)>,
) -> Option<T> {
    let notes = Notes::default();
    let mut result = None;
    for _ in 0..MAX_FAULTS {
        match T::deserialize(Reader { node: root, key: None, notes: &notes }) {
            Ok(value) => {
                result = Some(value);
                break;
            }
            Err(fault) => {
                if let Some(complaint) = fault.complaint {
                    notes.faults.borrow_mut().push((fault.place.unwrap_or(root.place), complaint));
                }
                if !fault.culprit.is_some_and(|culprit| notes.strike(culprit)) {
                    break;
                }
            }
        }
    }
    faults.append(&mut notes.faults.into_inner());
    result
}

#[derive(Default)]
struct Notes {
    faults: RefCell<Vec<(Place, Complaint)>>,
    /// The addresses of values that are passed over; the tree does not move while it is read.
    struck: RefCell<BTreeSet<usize>>,
}

impl Notes {
    /// Strikes a value out; false if it already was.
    fn strike(&self, value: usize) -> bool {
        self.struck.borrow_mut().insert(value)
    }

    fn is_struck(&self, value: &Node) -> bool {
        self.struck.borrow().contains(&address(value))
    }
}

fn address(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}

/// An error on its way up: what is wrong, and which value is to blame.
#[derive(Debug)]
struct Fault {
    /// Nothing where the fault was noted already.
    complaint: Option<Complaint>,
    /// Filled in by the innermost container.
    place: Option<Place>,
    /// The value to strike out, likewise.
    culprit: Option<usize>,
    /// The key whose absence is the fault.
    missing: Option<&'static str>,
}

impl Fault {
    fn new(complaint: Complaint) -> Self {
        Self { complaint: Some(complaint), place: None, culprit: None, missing: None }
    }

    fn located(mut self, place: Place, culprit: &Node) -> Self {
        self.place.get_or_insert(place);
        self.culprit.get_or_insert(address(culprit));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.complaint.as_ref().map_or("reported already", |complaint| &complaint.message))
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(Complaint::decode(&text.to_string()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { complaint: None, place: None, culprit: None, missing: Some(field) }
    }
}

/// A value about to be read.
#[derive(Clone, Copy)]
struct Reader<'a, 'n> {
    node: &'a Node,
    /// The key it stands under; none for the document and for items of a list.
    key: Option<&'a Node>,
    notes: &'n Notes,
}

impl<'a> Reader<'a, '_> {
    fn label(&self) -> String {
        match self.key.and_then(Node::text) {
            Some(key) => quote(key),
            None => "this value".to_owned(),
        }
    }

    /// Where to point: at a short value itself, otherwise at its key.
    fn place(&self) -> Place {
        match (&self.node.value, self.key) {
            (Value::Null | Value::Map(_) | Value::List(_), Some(key)) => key.place,
            _ => self.node.place,
        }
    }

    fn wrong(&self, wanted: &str, help: Option<String>) -> Fault {
        let mut complaint = if matches!(self.node.value, Value::Null) {
            Complaint::new(Code::WrongType, format!("{} has no value", self.label()))
                .help(format!("write {wanted} after the colon"))
        } else {
            Complaint::new(
                Code::WrongType,
                format!("{} must be {wanted}, found {}", self.label(), self.node.kind()),
            )
        };
        if help.is_some() {
            complaint.help = help;
        }
        self.fault(complaint)
    }

    fn fault(&self, complaint: Complaint) -> Fault {
        Fault::new(complaint).located(self.place(), self.node)
    }

    fn text(&self) -> Result<&'a str, Fault> {
        self.node.text().ok_or_else(|| self.wrong("text", None))
    }

    /// A whole number within the range of its type.
    fn number(&self, min: i128, max: i128) -> Result<i128, Fault> {
        let wanted = if max > i128::from(u32::MAX) {
            "a whole number".to_owned()
        } else {
            format!("a whole number from {min} to {max}")
        };
        match &self.node.value {
            Value::Plain(text) => match text.parse::<i128>() {
                Ok(number) if (min..=max).contains(&number) => Ok(number),
                _ => Err(self.wrong(&wanted, None)),
            },
            Value::Text(text) if text.parse::<i128>().is_ok() => {
                Err(self.wrong(&wanted, Some(format!("write `{text}` without quotes"))))
            }
            _ => Err(self.wrong(&wanted, None)),
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let number = self.number(i128::from($type::MIN), i128::from($type::MAX))?;
            let number = $type::try_from(number).map_err(|_| self.wrong("a whole number", None))?;
            visitor.$visit(number).map_err(|fault: Fault| fault.located(self.place(), self.node))
        }
    )* };
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Text(_) | Value::Plain(_) => self.deserialize_str(visitor),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text()?;
        visitor.visit_borrowed_str(text).map_err(|fault: Fault| fault.located(self.place(), self.node))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match (&self.node.value, self.node.text()) {
            (Value::Plain(_), Some("true" | "True" | "TRUE")) => visitor.visit_bool(true),
            (Value::Plain(_), Some("false" | "False" | "FALSE")) => visitor.visit_bool(false),
            (_, Some("yes" | "Yes" | "on" | "On" | "true")) => {
                Err(self.wrong("`true` or `false`", Some("write `true`".to_owned())))
            }
            (_, Some("no" | "No" | "off" | "Off" | "false")) => {
                Err(self.wrong("`true` or `false`", Some("write `false`".to_owned())))
            }
            _ => Err(self.wrong("`true` or `false`", None)),
        }
    }

    numbers! {
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
        deserialize_i64 visit_i64 i64
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let number = match &self.node.value {
            // Not `inf`, `NaN` and their kin.
            Value::Plain(text) if text.bytes().any(|b| b.is_ascii_digit()) => text.parse::<f64>().ok(),
            _ => None,
        };
        match number.filter(|number| number.is_finite()) {
            Some(number) => {
                visitor.visit_f64(number).map_err(|fault: Fault| fault.located(self.place(), self.node))
            }
            None => Err(self.wrong("a number", None)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if matches!(self.node.value, Value::Null) {
            let complaint = Complaint::new(Code::WrongType, format!("{} has no value", self.label()))
                .help("write one, or delete the key");
            return Err(self.fault(complaint));
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Value::List(items) = &self.node.value else {
            let help = self.node.text().map(|text| format!("write {}", quote(&format!("[{text}]"))));
            return Err(self.wrong("a list", help));
        };
        visitor.visit_seq(Items { items: items.iter(), notes: self.notes })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries = match &self.node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => &[],
            _ => return Err(self.wrong("keys and values, one of each per line", None)),
        };
        visitor.visit_map(Entries { rest: entries.iter(), value: None, notes: self.notes })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let entries = match &self.node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => &[],
            _ => {
                let known: Vec<_> = fields.iter().take(4).map(|field| format!("`{field}: …`")).collect();
                let more = if fields.len() > 4 { ", …" } else { "" };
                let help = format!("write {}{more}", known.join(", "));
                return Err(self.wrong("keys and values", Some(help)));
            }
        };
        // Keys that are there in some form, and hence not missing.
        let mut present: Vec<&str> = Vec::new();
        for (key, value) in entries {
            let name = key.text().unwrap_or_default();
            let known = fields.contains(&name);
            present.push(if known { name } else { nearest(name, fields.iter().copied()).unwrap_or(name) });
            if !known && self.notes.strike(address(value)) {
                let place = match self.key.and_then(Node::text) {
                    Some(owner) => format!("{} has no key {}", quote(owner), quote(name)),
                    None => format!("there is no section {}", quote(name)),
                };
                let mut complaint = Complaint::new(Code::UnknownKey, place);
                complaint.help = remedy(name, fields.iter().copied());
                self.notes.faults.borrow_mut().push((key.place, complaint));
            }
        }
        let access = Entries { rest: entries.iter(), value: None, notes: self.notes };
        visitor.visit_map(access).map_err(|mut fault: Fault| {
            if let Some(field) = fault.missing.take() {
                fault.place = Some(self.key.unwrap_or(self.node).place);
                if !present.contains(&field) {
                    let complaint =
                        Complaint::new(Code::MissingKey, format!("{} lacks the key `{field}`", self.label()));
                    fault.complaint = Some(complaint.help(format!("add `{field}: …`")));
                }
            }
            fault
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let text = self.text()?;
        if !variants.contains(&text) {
            let mut complaint =
                Complaint::new(Code::BadValue, format!("{} cannot be {}", self.label(), quote(text)));
            complaint.help = remedy(text, variants.iter().copied());
            return Err(self.fault(complaint));
        }
        visitor
            .visit_enum(BorrowedStrDeserializer::new(text))
            .map_err(|fault: Fault| fault.located(self.place(), self.node))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

struct Items<'a, 'n> {
    items: std::slice::Iter<'a, Node>,
    notes: &'n Notes,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let notes = self.notes;
        let Some(node) = self.items.find(|node| !notes.is_struck(node)) else {
            return Ok(None);
        };
        seed.deserialize(Reader { node, key: None, notes })
            .map(Some)
            .map_err(|fault| fault.located(node.place, node))
    }
}

struct Entries<'a, 'n> {
    rest: std::slice::Iter<'a, (Node, Node)>,
    value: Option<&'a (Node, Node)>,
    notes: &'n Notes,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let notes = self.notes;
        self.value = self.rest.find(|(_, value)| !notes.is_struck(value));
        let Some((key, value)) = self.value else {
            return Ok(None);
        };
        seed.deserialize(Reader { node: key, key: None, notes }).map(Some).map_err(|mut fault| {
            fault.place.get_or_insert(key.place);
            fault.culprit = Some(address(value));
            fault
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, value)) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let reader = Reader { node: value, key: Some(key), notes: self.notes };
        seed.deserialize(reader).map_err(|fault| fault.located(reader.place(), value))
    }
}

#[cfg(test)]
mod tests;
