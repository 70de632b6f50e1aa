//! What an agent listens for and looks for beside its targets, devices and links: traps, neighbours, stations.

use std::net::{IpAddr, Ipv6Addr};

use garde::Validate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use wasl_model::Prefix;

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

/// A subnet whose stations are looked for: of IPv4 address by address (ARP), of IPv6 by calling all together and hearing what
/// they ask each other (Neighbour Discovery).
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sweep {
    /// The network interface that is on the subnet.
    #[garde(custom(named_interface))]
    pub(crate) interface: String,
    /// The subnet: private addresses (RFC 1918), and no larger than a /20; or that of IPv6, mostly a /64, or `fe80::/64` where
    /// stations have no others.
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

/// A subnet of IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Subnet(pub(crate) Prefix);

impl TryFrom<String> for Subnet {
    type Error = Complaint;

    fn try_from(text: String) -> Result<Self, Complaint> {
        let complaint = |message: &str| Complaint::new(Code::BadValue, format!("{} {message}", quote(&text)));
        let parsed = text.split_once('/').and_then(|(network, length)| {
            let given: IpAddr = network.parse().ok()?;
            let length = length.parse().ok()?;
            Some((given, length, Prefix::of(given, length)?))
        });
        let Some((given, length, subnet)) = parsed else {
            return Err(complaint("is not a subnet")
                .help("write it as network and prefix, such as `10.3.16.0/22` or `fd00:7::/64`"));
        };
        match given {
            IpAddr::V4(_) if length < 20 => {
                return Err(
                    complaint("is too large to sweep").help("name subnets of at most 4096 addresses (/20)")
                );
            }
            IpAddr::V4(_) if length > 30 => {
                return Err(complaint("has no stations to look for").help("name a subnet from /20 to /30"));
            }
            // A wire's subnet is a /64 wherever stations make their addresses themselves (RFC 4862).
            IpAddr::V6(_) if !(64..=126).contains(&length) => {
                return Err(complaint("is no subnet of one wire").help(
                    "name the one that the interface is on, nearly always a /64; a /126 is the smallest",
                ));
            }
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        if subnet.network() != given {
            return Err(complaint("is an address within a subnet").help(format!("write `{subnet}`")));
        }
        match given {
            IpAddr::V4(network) if !network.is_private() => {
                Err(complaint("is not within the private ranges")
                    .help("only 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 (RFC 1918) are swept"))
            }
            IpAddr::V6(network) if !is_of_stations(network) => Err(complaint("is no subnet of stations")
                .help("name one within `fc00::/7` or `2000::/3`, or `fe80::/64` where there is no other")),
            IpAddr::V4(_) | IpAddr::V6(_) => Ok(Self(subnet)),
        }
    }
}

/// Whether stations may have addresses in a subnet that begins here: global ones, local ones (RFC 4193), the link's own.
/// Unlike questions by IPv4, those of Neighbour Discovery cannot leave the wire, so public addresses are no danger.
fn is_of_stations(network: Ipv6Addr) -> bool {
    network.octets()[0] >> 5 == 1 || network.is_unique_local() || network.segments()[..4] == [0xfe80, 0, 0, 0]
}

impl JsonSchema for Subnet {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Subnet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A private IPv4 subnet from /20 to /30, or an IPv6 subnet from /64 to /126.",
            "type": "string",
            "pattern": "^[0-9]{1,3}(\\.[0-9]{1,3}){3}/(2[0-9]|30)$|^[0-9A-Fa-f:]+/(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-6])$",
            "examples": ["10.3.16.0/22", "fd00:7::/64"],
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
