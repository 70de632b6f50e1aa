//! What an agent listens for and looks for beside its targets, devices and links: traps, neighbours, stations.

use std::net::{IpAddr, Ipv4Addr};

use garde::Validate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::{Limits, port_number, refuse};
use crate::period::Period;
use crate::problem::{Code, Complaint};
use crate::snippet::quote;
use crate::values::{Name, is_interface_name};

/// Receives notifications (traps and informs) from the devices that this agent polls, and from no others.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Traps {
    /// The address to listen at. Default: 0.0.0.0, all IPv4 addresses.
    #[garde(skip)]
    #[schemars(with = "Option<String>")]
    pub(crate) listen: Option<IpAddr>,
    /// The UDP port. Default: 162.
    #[garde(inner(custom(port_number)))]
    #[schemars(range(min = 1))]
    pub(crate) port: Option<u16>,
}

/// Looks for what is there. Nothing is looked for that is not named here.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Discovery {
    /// The network interfaces at which to hear the neighbours' announcements (LLDP); nothing is sent.
    #[garde(inner(custom(interfaces)))]
    #[schemars(length(max = 32))]
    pub(crate) lldp: Option<Vec<String>>,
    /// The subnets whose stations are looked for.
    #[garde(custom(few_sweeps), dive)]
    #[schemars(length(max = 16))]
    pub(crate) sweep: Option<Vec<Sweep>>,
}

/// A subnet whose stations are looked for, address by address (ARP).
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sweep {
    /// The network interface that is on the subnet.
    #[garde(custom(named_interface))]
    pub(crate) interface: String,
    /// The subnet: private addresses (RFC 1918), and no larger than a /20.
    #[garde(skip)]
    pub(crate) subnet: Subnet,
    /// The time between two sweeps, 10s to 1d. Default: 10m.
    #[garde(custom(SWEEP_EVERY.rule()))]
    pub(crate) every: Option<Period>,
    /// The most requests in a second, 1 to 200. Default: 20.
    #[garde(inner(custom(pace)))]
    #[schemars(range(min = 1, max = 200))]
    pub(crate) rate: Option<u16>,
    /// The hardware addresses of stations that belong there, such as `52:54:00:12:34:56`. One that is neither here nor
    /// under `stations`, and has no address of a device, target or link that is watched from there, is an event.
    #[garde(inner(length(max = 8192)))]
    pub(crate) known: Option<Vec<Mac>>,
}

/// A station that belongs where it is: it is no event when it is found on a subnet.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Station {
    /// Its name for people. Default: its identifier.
    #[garde(dive)]
    pub(crate) name: Option<Name>,
    /// Its hardware address, such as `52:54:00:12:34:56`.
    #[garde(skip)]
    pub(crate) mac: Mac,
    /// Where it stands.
    #[garde(skip)]
    pub(crate) site: String,
}

/// Sweeps that follow each other faster would be one.
const SWEEP_EVERY: Limits = Limits(Period::from_secs(10), Period::from_days(1));

/// An IPv4 subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Subnet {
    pub(crate) network: Ipv4Addr,
    pub(crate) prefix: u8,
}

impl TryFrom<String> for Subnet {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        let complaint = |message: &str| Complaint::new(Code::BadValue, format!("{} {message}", quote(&text)));
        let parsed = text.split_once('/').and_then(|(network, prefix)| {
            Some((network.parse::<Ipv4Addr>().ok()?, prefix.parse::<u8>().ok().filter(|p| *p <= 32)?))
        });
        let Some((given, prefix)) = parsed else {
            return Err(
                complaint("is not a subnet").help("write it as network and prefix, such as `10.3.16.0/22`")
            );
        };
        if prefix < 20 {
            return Err(
                complaint("is too large to sweep").help("name subnets of at most 4096 addresses (/20)")
            );
        }
        if prefix > 30 {
            return Err(complaint("has no stations to look for").help("name a subnet from /20 to /30"));
        }
        let network = Ipv4Addr::from(u32::from(given) & (u32::MAX << (32 - u32::from(prefix))));
        if network != given {
            return Err(
                complaint("is an address within a subnet").help(format!("write `{network}/{prefix}`"))
            );
        }
        if !network.is_private() {
            return Err(complaint("is not within the private ranges")
                .help("only 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 (RFC 1918) are swept"));
        }
        Ok(Self { network, prefix })
    }
}

impl JsonSchema for Subnet {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Subnet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A private IPv4 subnet from /20 to /30.",
            "type": "string",
            "pattern": "^[0-9]{1,3}(\\.[0-9]{1,3}){3}/(2[0-9]|30)$",
            "examples": ["10.3.16.0/22"],
        })
    }
}

/// A hardware address, in small letters with colons whatever the form it was written in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Mac(pub(crate) String);

impl TryFrom<String> for Mac {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            let message = format!("{} is not a hardware address", quote(&text));
            return Err(Complaint::new(Code::BadValue, message).help("write it as `52:54:00:12:34:56`"));
        }
        let digits = digits.to_ascii_lowercase();
        let pairs: Vec<&str> = (0..6).map(|n| &digits[2 * n..2 * n + 2]).collect();
        Ok(Self(pairs.join(":")))
    }
}

impl JsonSchema for Mac {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mac".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A hardware address.",
            "type": "string",
            "pattern": "^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$|^([0-9A-Fa-f]{4}\\.){2}[0-9A-Fa-f]{4}$|^[0-9A-Fa-f]{12}$",
            "examples": ["52:54:00:12:34:56"],
        })
    }
}

#[expect(clippy::ref_option, reason = "garde hands values on by reference")]
fn few_sweeps(sweeps: &Option<Vec<Sweep>>, (): &()) -> garde::Result {
    if sweeps.as_ref().is_none_or(|sweeps| sweeps.len() <= 16) {
        return Ok(());
    }
    Err(refuse("there are more than 16 subnets", "give some of them to another agent"))
}

fn named_interface(name: &str, (): &()) -> garde::Result {
    if is_interface_name(name) {
        return Ok(());
    }
    Err(refuse(
        format!("{} is no network interface", quote(name)),
        "write the name as `ip link` shows it, such as `lab0`",
    ))
}

fn interfaces(names: &[String], (): &()) -> garde::Result {
    if names.len() > 32 {
        return Err(refuse("there are more than 32 interfaces", "name the ones that lead to neighbours"));
    }
    names.iter().try_for_each(|name| named_interface(name, &()))
}

fn pace(rate: &u16, (): &()) -> garde::Result {
    if (1..=200).contains(rate) {
        return Ok(());
    }
    Err(refuse(format!("{rate} requests a second are not a careful sweep"), "write 1 to 200; 20 is usual"))
}
