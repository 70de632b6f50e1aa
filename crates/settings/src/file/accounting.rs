//! Whose traffic a line carries: the institutions that share it, and who uses it most.

use garde::Validate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};

use super::{Limits, refuse};
use crate::period::Period;
use crate::problem::{Code, Complaint};
use crate::quantity::{Rate, Share};
use crate::snippet::quote;
use crate::values::{Id, Name, PrefixText, is_plain_interface_name};

/// Whose traffic a line carries, counted by the kernel of a gateway that it enters. The gateway needs `wasl-helper`
/// with the permission `account INTERFACE`.
#[derive(Debug, serde::Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accounting {
    /// The agent on the gateway.
    #[garde(skip)]
    pub(crate) from: String,
    /// The gateway's network interface that the line ends in.
    #[garde(custom(counted))]
    pub(crate) interface: String,
    /// The institutions that share the line, told apart by their addresses. Those addresses are at the last of
    /// `between`, or for a line to the Internet on the gateway's side.
    #[garde(custom(few_shares), dive)]
    #[schemars(length(max = 16))]
    pub(crate) shares: Option<Vec<ShareOf>>,
    /// How long one may use more than its share of a full line, while others get less than theirs, before that is
    /// trouble: 10s to 1h. Default: 3m.
    #[garde(custom(BREACH_AFTER.rule()))]
    pub(crate) breach_after: Option<Period>,
    /// Whether the addresses that use the line most are shown, or how many of them, 1 to 50. Default: none; `true` is 10.
    #[garde(custom(some_talkers))]
    pub(crate) talkers: Option<Talkers>,
}

/// The part of a line that one institution pays for.
#[derive(Debug, serde::Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareOf {
    /// Its identifier, unique within the link.
    #[garde(skip)]
    pub(crate) id: Id,
    /// Its name for people. Default: its identifier.
    #[garde(dive)]
    pub(crate) name: Option<Name>,
    /// Its addresses. No other share of this link has one of them.
    #[garde(custom(some_prefixes))]
    #[schemars(length(min = 1, max = 32))]
    pub(crate) prefixes: Vec<PrefixText>,
    /// What it may use while the line is full: a rate, or a percentage of the contract.
    #[garde(skip)]
    pub(crate) share: Option<Portion>,
}

/// A part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    /// So many bits per second, either way.
    Rate(Rate),
    /// So much of the contracted rate of each way.
    Part(Share),
}

impl<'de> Deserialize<'de> for Portion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let portion = if text.trim_end().ends_with('%') {
            Share::parse(&text).map(Self::Part)
        } else {
            Rate::parse(&text).map(Self::Rate)
        };
        portion.map_err(D::Error::custom)
    }
}

impl JsonSchema for Portion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Portion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A part of a line: a bit rate, or a percentage of the contract.",
            "type": "string",
            "pattern": "^[0-9]+(\\.[0-9]+)?(bit/s|kbit/s|Mbit/s|Gbit/s|%)$",
            "examples": ["40%", "18Mbit/s"],
        })
    }
}

/// Whether, or how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Talkers {
    /// The usual number, or none.
    Shown(bool),
    /// So many.
    Most(u64),
}

impl<'de> Deserialize<'de> for Talkers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match (text.as_str(), text.parse()) {
            ("true", _) => Ok(Self::Shown(true)),
            ("false", _) => Ok(Self::Shown(false)),
            (_, Ok(most)) => Ok(Self::Most(most)),
            _ => {
                let message = format!("{} says neither whether nor how many", quote(&text));
                let complaint = Complaint::new(Code::BadValue, message);
                Err(D::Error::custom(complaint.help("write `true`, `false`, or a number from 1 to 50")))
            }
        }
    }
}

impl JsonSchema for Talkers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Talkers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whether, or how many.",
            "anyOf": [{ "type": "boolean" }, { "type": "integer", "minimum": 1, "maximum": 50 }],
        })
    }
}

const BREACH_AFTER: Limits = Limits(Period::from_secs(10), Period::from_secs(3600));
/// The gateway's helper takes no more.
const MOST_SHARES: usize = 16;
const MOST_PREFIXES: usize = 32;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands the context on by reference")]
fn counted(name: &str, (): &()) -> garde::Result {
    if is_plain_interface_name(name) {
        return Ok(());
    }
    Err(refuse(
        format!("the traffic of {} cannot be counted", quote(name)),
        "write the name as `ip link` shows it; letters, digits, `.`, `_` and `-` can stand in it",
    ))
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "garde hands both on by reference")]
fn few_shares(shares: &Option<Vec<ShareOf>>, (): &()) -> garde::Result {
    if shares.as_ref().is_none_or(|shares| shares.len() <= MOST_SHARES) {
        return Ok(());
    }
    Err(refuse("more than 16 institutions share this line", "name those whose use matters"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands the context on by reference")]
fn some_prefixes(prefixes: &[PrefixText], (): &()) -> garde::Result {
    if (1..=MOST_PREFIXES).contains(&prefixes.len()) {
        return Ok(());
    }
    Err(refuse(
        format!("{} blocks of addresses tell nobody apart", prefixes.len()),
        "write 1 to 32 blocks, such as `[10.20.0.0/16]`",
    ))
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "garde hands both on by reference")]
fn some_talkers(talkers: &Option<Talkers>, (): &()) -> garde::Result {
    match talkers {
        Some(Talkers::Most(most)) if !(1..=50).contains(most) => {
            Err(refuse(format!("{most} addresses cannot be shown"), "write 1 to 50, or `true` for 10"))
        }
        _ => Ok(()),
    }
}
