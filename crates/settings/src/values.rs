//! Single values of a configuration: identifiers, names of secrets, addresses, words from a list.

use std::fmt;
use std::net::IpAddr;

use garde::Validate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use wasl_model::assignment::{Address, Via};
use wasl_model::id::MAX_LEN;
use wasl_model::prefix::{InvalidPrefix, Prefix};
use wasl_model::{EntityKind, Localized, SiteId, Subject};

use crate::problem::{Code, Complaint};
use crate::snippet::quote;

/// An identifier of any kind, checked against the alphabet of [`wasl_model::id`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Id(String);

impl Id {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        if SiteId::new(text.clone()).is_ok() {
            return Ok(Self(text));
        }
        let complaint = Complaint::new(
            Code::BadValue,
            format!(
                "{} cannot be an identifier: use a-z, 0-9, `-`, `_` and `.`, at most {MAX_LEN} of them, and begin \
                 with a letter or digit",
                quote(&text)
            ),
        );
        let repaired: String =
            text.trim().to_lowercase().chars().map(|c| if c.is_whitespace() { '-' } else { c }).collect();
        Err(match SiteId::new(repaired.clone()) {
            Ok(_) => complaint.help(format!("write `{repaired}`")),
            Err(_) => complaint.help("other writing, Arabic too, belongs under `name:`"),
        })
    }
}

impl JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An identifier; it stands in certificates, metrics and URLs.",
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9_.-]{0,62}$",
        })
    }
}

/// A thing that is named elsewhere in the configuration: `kind/identifier`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct EntityRef(pub(crate) Subject);

/// The kinds that a reference may name: those that the configuration itself defines, and the interfaces of
/// its devices and agents.
const REFERABLE: [EntityKind; 8] = [
    EntityKind::Agent,
    EntityKind::Device,
    EntityKind::Interface,
    EntityKind::Site,
    EntityKind::Target,
    EntityKind::Link,
    EntityKind::Ring,
    EntityKind::BackupJob,
];

impl TryFrom<String> for EntityRef {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        let complaint = |message: String| Complaint::new(Code::BadValue, message);
        let kinds = REFERABLE.map(|kind| format!("`{kind}`")).join(", ");
        match text.parse::<Subject>() {
            Ok(subject) if REFERABLE.contains(&subject.kind) => Ok(Self(subject)),
            Ok(subject) => Err(complaint(format!("a {} cannot stand here", subject.kind))
                .help(format!("the kinds that can are {kinds}"))),
            Err(_) => Err(complaint(format!("{} names no entity", quote(&text))).help(format!(
                "write the kind and the identifier, such as `link/jenin-fibre`; the kinds are {kinds}"
            ))),
        }
    }
}

impl JsonSchema for EntityRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EntityRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A thing that the configuration defines, as kind/identifier; an interface as \
                            interface/OWNER/NAME.",
            "type": "string",
            "pattern": "^(agent|device|interface|site|target|link|ring|backup_job)/.+$",
            "examples": ["link/jenin-fibre", "interface/jenin-core/Gi0/1"],
        })
    }
}

/// A kind of thing that has a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Kind(pub(crate) EntityKind);

impl TryFrom<String> for Kind {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        let with_history = |kind: &EntityKind| !wasl_model::series::fields(*kind).is_empty();
        if let Some(kind) = text.parse().ok().filter(with_history) {
            return Ok(Self(kind));
        }
        let words: Vec<&str> =
            EntityKind::ALL.iter().filter(|kind| with_history(kind)).map(|kind| kind.as_str()).collect();
        let complaint =
            Complaint::new(Code::BadValue, format!("{} is no kind of thing with a history", quote(&text)));
        Err(match crate::nearest::nearest(&text, words.iter().copied()) {
            Some(word) => complaint.help(format!("did you mean `{word}`?")),
            None => complaint.help(format!("write one of {}", words.join(", "))),
        })
    }
}

impl garde::error::PathComponentKind for Kind {
    fn component_kind() -> garde::error::Kind {
        garde::error::Kind::Key
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Kind {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Kind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A kind of thing that has a history.",
            "type": "string",
            "enum": ["agent", "machine", "disk", "interface", "target", "device", "backup_job", "link"],
        })
    }
}

/// The name of a secret. The secret itself lies in a file of that name on the host that uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretName(String);

impl SecretName {
    pub(crate) fn into_inner(self) -> String {
        self.0
    }
}

/// Whether `text` can name a secret: what an agent accepts as a file name in its folder of secrets.
pub(crate) fn is_secret_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(plain)
}

/// Communities that devices leave the factory with: as the name of a secret they are certainly a mistake.
const FACTORY: [&str; 4] = ["public", "private", "password", "admin"];

impl<'de> Deserialize<'de> for SecretName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = SecretName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a secret")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretName, E> {
                let remedy = "put the secret into a file in the agent's folder `secrets`, and write the file's \
                              name here, such as `jenin-core-snmp`";
                let message = if FACTORY.contains(&text) {
                    "this is a factory setting, not the name of a secret"
                } else if is_secret_name(text) {
                    return Ok(SecretName(text.to_owned()));
                } else {
                    "this looks like a secret itself, and only the name of a secret may stand here"
                };
                Err(E::custom(Complaint::new(Code::InlineSecret, message).help(remedy)))
            }
        }

        deserializer.deserialize_str(Name)
    }
}

impl JsonSchema for SecretName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The name of a secret, never the secret: the file of that name lies in the folder \
                            `secrets` of the agent that uses it.",
            "type": "string",
            "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
        })
    }
}

/// A name for people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Name {
    /// In English; also shown where a language has no name of its own.
    #[garde(custom(line))]
    pub(crate) en: String,
    /// In Arabic.
    #[garde(inner(custom(line)))]
    pub(crate) ar: Option<String>,
}

impl From<Name> for Localized {
    fn from(name: Name) -> Self {
        Self { en: name.en, ar: name.ar }
    }
}

/// One line of text: not empty, not long, nothing invisible.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands the context on by reference")]
pub(crate) fn line(text: &str, (): &()) -> garde::Result {
    let complaint = if text.trim().is_empty() {
        Complaint::new(Code::BadValue, "the text is empty").help("write it, or delete the key")
    } else if text.chars().count() > 200 {
        Complaint::new(Code::OutOfRange, "the text is longer than 200 characters").help("shorten it")
    } else if text.chars().any(char::is_control) {
        Complaint::new(Code::BadValue, "the text holds a line break or another control character")
            .help("write it on one line")
    } else {
        return Ok(());
    };
    Err(garde::Error::new(complaint))
}

/// Where a probe goes, as [`Address`] without its ambiguities.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct TargetAddress(pub(crate) Address);

impl TryFrom<String> for TargetAddress {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        Ok(Self(match text.as_str() {
            "default-gateway" => Address::DefaultGateway,
            "resolver" => Address::Resolver,
            other => match crate::nearest::nearest(other, ["default-gateway", "resolver"]) {
                Some(word) => {
                    return Err(Complaint::new(
                        Code::BadValue,
                        format!("{} is not an address", quote(other)),
                    )
                    .help(format!(
                        "did you mean `{word}`? A host that is really called so needs its domain"
                    )));
                }
                None => Address::Host(host(other)?),
            },
        }))
    }
}

impl JsonSchema for TargetAddress {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TargetAddress".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An IP address, a host name, `default-gateway` (of the agent's machine, whatever it is \
                            at the moment) or `resolver` (its first name server).",
            "type": "string",
            "examples": ["192.0.2.1", "portal.example.edu", "default-gateway", "resolver"],
        })
    }
}

/// Whether the kernel takes `text` as the name of a network interface (`dev_valid_name`): up to 15 bytes, no `/`, no `:`,
/// no white space.
pub(crate) fn is_interface_name(text: &str) -> bool {
    let odd = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
    (1..=15).contains(&text.len()) && !text.contains(odd) && text != "." && text != ".."
}

/// Whether this is the name of an interface that can stand in a rule of the packet filter as it is.
pub(crate) fn is_plain_interface_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    is_interface_name(text) && !text.starts_with('-') && text.bytes().all(plain)
}

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PrefixText(pub(crate) Prefix);

impl TryFrom<String> for PrefixText {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        text.parse().map(Self).map_err(|error: InvalidPrefix| {
            Complaint::new(Code::BadValue, format!("{} is no block of addresses", quote(&text)))
                .help(error.to_string())
        })
    }
}

impl JsonSchema for PrefixText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Prefix".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A block of addresses, or one address.",
            "type": "string",
            "pattern": "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$",
            "examples": ["10.20.0.0/16", "2001:db8:20::/48"],
        })
    }
}

/// By which way probes leave: the name of a network interface, or one of the machine's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ViaText(pub(crate) Via);

impl TryFrom<String> for ViaText {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(Via::Source(address)));
        }
        if is_interface_name(&text) {
            return Ok(Self(Via::Interface(text)));
        }
        let message = format!("{} is neither a network interface nor an address", quote(&text));
        Err(Complaint::new(Code::BadValue, message).help(
            "write the name as `ip link` shows it, such as `wan0`, or one of the machine's own addresses",
        ))
    }
}

impl JsonSchema for ViaText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Via".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A network interface of the agent's machine, or one of its addresses.",
            "type": "string",
            "examples": ["wan0", "192.0.2.10"],
        })
    }
}

/// An IP address or a host name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(crate) struct Host(pub(crate) String);

impl TryFrom<String> for Host {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        host(&text).map(Self)
    }
}

fn host(text: &str) -> Result<String, Complaint> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let numeric = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !numeric && name.len() <= 253 && name.split('.').all(label) {
        return Ok(text.to_owned());
    }
    let complaint =
        Complaint::new(Code::BadValue, format!("{} is neither an IP address nor a host name", quote(text)));
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let bare = bare.split(['/', '?', '#']).next().unwrap_or_default();
    let (bare, port) = match bare.split_once(':') {
        Some((bare, port)) if !port.contains(':') => (bare, Some(port)),
        _ => (bare, None),
    };
    Err(if bare != text && !bare.is_empty() && host(bare).is_ok() {
        match port {
            Some(port) => {
                complaint.help(format!("write only `{bare}`; the port {} has a key of its own", quote(port)))
            }
            None => complaint.help(format!("write only `{bare}`")),
        }
    } else if numeric {
        complaint.help("an IPv4 address has four numbers from 0 to 255")
    } else if !text.is_ascii() {
        complaint.help("write an internationalised name in its `xn--` form")
    } else {
        complaint.help("a host name has letters, digits, `-` and `.`")
    })
}

/// A backup repository as its tool names it, without a password in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(crate) struct Repository(pub(crate) String);

impl TryFrom<String> for Repository {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        let authority = text.split_once("://").map_or("", |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        if authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return Err(Complaint::new(Code::InlineSecret, "the repository's address holds a password")
                .help(
                    "write it without `user:password@`; restic takes them from RESTIC_REST_USERNAME and \
                 RESTIC_REST_PASSWORD in the environment of the agent's service",
                ));
        }
        if text.trim().is_empty() || text.len() > 1000 || text.chars().any(char::is_control) {
            return Err(Complaint::new(Code::BadValue, "this cannot be a repository")
                .help("write a path or address as restic takes it, such as `/srv/backup/documents`"));
        }
        Ok(Self(text))
    }
}

/// What somebody may see on the loopback listener without a login.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoopbackRole {
    /// What viewers see. Whoever can log in to this machine can open its loopback addresses.
    #[default]
    Viewer,
    /// Nothing but the page to log in.
    None,
}

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(crate) struct TimeZone(pub(crate) String);

impl TryFrom<String> for TimeZone {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        // The bundled table, so that the same configuration is right or wrong on every machine.
        let known = jiff::tz::TimeZoneDatabase::bundled();
        if known.get(&text).is_ok() {
            return Ok(Self(text));
        }
        let names: Vec<String> = known.available().map(|name| name.to_string()).collect();
        let complaint = Complaint::new(Code::BadValue, format!("{} is not a time zone", quote(&text)));
        Err(match crate::nearest::nearest(&text, names.iter().map(String::as_str)) {
            Some(name) => complaint.help(format!("did you mean `{name}`?")),
            None => complaint.help("write a name of the IANA database, such as `Asia/Hebron` or `Asia/Gaza`"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_slips() {
        for good in [
            "192.0.2.1",
            "2001:db8::1",
            "portal.example.edu",
            "a",
            "portal.example.edu.",
            "xn--mgbh0fb.example",
        ] {
            assert_eq!(host(good).as_deref(), Ok(good));
        }
        for (bad, help) in [
            ("https://portal.example.edu/login", "write only `portal.example.edu`"),
            ("192.0.2.1:8443", "write only `192.0.2.1`; the port `8443` has a key of its own"),
            ("a:84\t43", "write only `a`; the port `84→43` has a key of its own"),
            ("192.0.2.0/24", "write only `192.0.2.0`"),
            ("192.0.2.300", "an IPv4 address has four numbers from 0 to 255"),
            ("1921681", "an IPv4 address has four numbers from 0 to 255"),
            ("جنين.example", "write an internationalised name in its `xn--` form"),
            ("", "an IPv4 address has four numbers from 0 to 255"),
            ("a_b", "a host name has letters, digits, `-` and `.`"),
        ] {
            assert_eq!(host(bad).expect_err(bad).help.as_deref(), Some(help), "{bad}");
        }
        assert_eq!(TargetAddress::try_from("resolver".to_owned()), Ok(TargetAddress(Address::Resolver)));
        let near = TargetAddress::try_from("default_gateway".to_owned()).expect_err("misspelt");
        assert!(near.help.is_some_and(|help| help.contains("`default-gateway`")));
    }

    #[test]
    fn names_of_secrets_are_what_the_agent_accepts() {
        for good in ["jenin-core-snmp", "a", "A.b_c-1", &"a".repeat(64)] {
            assert!(is_secret_name(good), "{good}");
        }
        for bad in ["", ".hidden", "two words", "p@ss", "../x", "سر", &"a".repeat(65)] {
            assert!(!is_secret_name(bad), "{bad}");
        }
    }
}
