//! What a notification says: its name and its objects become a word and arguments.
//!
//! Names and objects: RFC 3418 (`snmpTraps`), RFC 2863 (`linkDown`, `linkUp`, `ifTable`, `ifXTable`).

use std::fmt::Write;

use wasl_model::{Event, EventCode, Severity};

/// The objects of a notification that are kept.
const OBJECTS: usize = 8;
/// The longest text of an object that is kept, in characters.
const TEXT: usize = 80;
/// A secret of so many bytes is looked for within texts as well; a shorter one, which may be a common word, is only
/// compared with the whole.
const SOUGHT_WITHIN: usize = 8;

const SNMP_TRAPS: &[u32] = &[1, 3, 6, 1, 6, 3, 1, 1, 5];
const IF_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1];
const IF_X_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
/// `snmpTrapCommunity`: whoever makes a v2 trap of a v1 trap puts its community into it (RFC 3584, 3.1).
const SNMP_TRAP_COMMUNITY: &[u32] = &[1, 3, 6, 1, 6, 3, 18, 1, 4];

/// A notification, whichever version brought it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Notification {
    /// `snmpTrapOID`.
    pub name: Vec<u32>,
    /// `sysUpTime` in hundredths of a second.
    pub uptime: u32,
    /// The objects that came with it.
    pub objects: Vec<(Vec<u32>, Object)>,
}

impl Notification {
    /// Without the texts that hold one of these secrets: events are stored and shown to many.
    pub(crate) fn without(mut self, secrets: &[&str]) -> Self {
        for (_, value) in &mut self.objects {
            if let Object::Text(text) = value
                && secrets.iter().any(|secret| tells(text, secret.as_bytes()))
            {
                *value = Object::Other("a secret of the device, which is not shown");
            }
        }
        self
    }
}

/// Whether a text gives a secret away.
fn tells(text: &[u8], secret: &[u8]) -> bool {
    if secret.len() >= SOUGHT_WITHIN {
        return text.windows(secret.len()).any(|part| part == secret);
    }
    let padding = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let begin = text.iter().take_while(|byte| padding(byte)).count();
    let end = text.iter().rev().take_while(|byte| padding(byte)).count();
    !secret.is_empty() && text.get(begin..text.len() - end) == Some(secret)
}

/// The value of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Object {
    /// Any whole number.
    Number(i128),
    /// An octet string.
    Text(Vec<u8>),
    /// A name.
    Name(Vec<u32>),
    /// Of a type that is shown by its type only.
    Other(&'static str),
}

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// For people and programs; about the interface if `if_index` is set, otherwise about the device.
    pub event: Event,
    /// The number of the interface that it is about.
    pub if_index: Option<u32>,
    /// What the device calls that interface, if it says so: `ifName`, else `ifDescr`.
    pub if_name: Option<String>,
}

impl Meaning {
    /// Whether it is about a link that goes or comes: what must be looked at at once.
    pub(crate) fn is_link(&self) -> bool {
        matches!(self.event.code, EventCode::LinkDownTrap | EventCode::LinkUpTrap)
    }
}

/// Reads a notification.
pub(crate) fn of(notification: &Notification) -> Meaning {
    let standard = match notification.name.strip_prefix(SNMP_TRAPS) {
        Some([which]) => *which,
        _ => 0,
    };
    let (code, severity, detail) = match standard {
        1 => (
            EventCode::ColdStart,
            Severity::Warning,
            "the device starts anew, perhaps with another configuration",
        ),
        2 => (EventCode::WarmStart, Severity::Warning, "the device starts anew"),
        3 => return link(notification, EventCode::LinkDownTrap),
        4 => return link(notification, EventCode::LinkUpTrap),
        5 => (
            EventCode::AuthenticationFailure,
            Severity::Warning,
            "somebody asked the device with a wrong community or key",
        ),
        _ => (EventCode::OtherTrap, Severity::Info, "the device sent a notification"),
    };
    let mut event = Event::new(code, severity, detail).with("trap", dotted(&notification.name));
    let shown_ones = notification.objects.iter().filter(|(name, _)| !name.starts_with(SNMP_TRAP_COMMUNITY));
    for (n, (name, value)) in shown_ones.take(OBJECTS).enumerate() {
        event = event.with(&format!("object_{}", n + 1), format!("{} = {}", dotted(name), shown(value)));
    }
    Meaning { event, if_index: None, if_name: None }
}

fn link(notification: &Notification, code: EventCode) -> Meaning {
    let (mut index, mut name, mut description, mut alias) = (None, None, None, None);
    let (mut admin, mut operational) = (None, None);
    for (object, value) in &notification.objects {
        let (column, instance) = match (object.strip_prefix(IF_ENTRY), object.strip_prefix(IF_X_ENTRY)) {
            (Some([column, instance]), _) => (*column, *instance),
            (_, Some([column, instance])) => (100 + *column, *instance),
            _ => continue,
        };
        index = index.or(Some(instance));
        match (column, value) {
            (1, Object::Number(n)) => index = u32::try_from(*n).ok().or(index),
            (2, Object::Text(text)) => description = words(text),
            (7, Object::Number(n)) => admin = status(*n),
            (8, Object::Number(n)) => operational = status(*n),
            (101, Object::Text(text)) => name = words(text),
            (118, Object::Text(text)) => alias = words(text),
            _ => {}
        }
    }
    let (severity, detail) = match (code, admin) {
        (EventCode::LinkUpTrap, _) => (Severity::Info, "the device says that a link has left the down state"),
        (_, Some("down")) => (Severity::Info, "the device says that a link was shut down on purpose"),
        _ => (Severity::Warning, "the device says that a link goes down"),
    };
    let mut event = Event::new(code, severity, detail);
    let args = [
        ("if_index", index.map(|n| n.to_string())),
        ("if_name", name.clone()),
        ("if_descr", description.clone()),
        ("if_alias", alias),
        ("if_admin_status", admin.map(str::to_owned)),
        ("if_oper_status", operational.map(str::to_owned)),
    ];
    for (name, value) in args {
        if let Some(value) = value {
            event = event.with(name, value);
        }
    }
    Meaning { event, if_index: index, if_name: name.or(description) }
}

/// `ifAdminStatus` and `ifOperStatus` (RFC 2863).
fn status(n: i128) -> Option<&'static str> {
    let words = ["up", "down", "testing", "unknown", "dormant", "not_present", "lower_layer_down"];
    words.get(usize::try_from(n).ok()?.checked_sub(1)?).copied()
}

/// A text of a device for people; `None` if there is nothing in it.
fn words(text: &[u8]) -> Option<String> {
    let text: String = String::from_utf8_lossy(&text[..text.len().min(4 * TEXT)])
        .chars()
        .filter(|c| !c.is_control())
        .take(TEXT)
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn dotted(name: &[u32]) -> String {
    let mut text = String::new();
    for arc in name.iter().take(64) {
        let dot = if text.is_empty() { "" } else { "." };
        // Writing to a string cannot fail.
        let _ = write!(text, "{dot}{arc}");
    }
    text
}

fn shown(value: &Object) -> String {
    match value {
        Object::Number(n) => n.to_string(),
        Object::Name(name) => dotted(name),
        Object::Other(kind) => (*kind).to_owned(),
        Object::Text(text) => match std::str::from_utf8(text) {
            Ok(_) => words(text).unwrap_or_default(),
            Err(_) => text.iter().take(TEXT / 2).fold(String::from("0x"), |mut all, byte| {
                let _ = write!(all, "{byte:02x}");
                all
            }),
        },
    }
}

#[cfg(test)]
mod tests;
