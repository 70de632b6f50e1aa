//! What may stand in a configuration file. The reader, the rules for single values and the JSON Schema all
//! come from these types; the comments become the schema's descriptions.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands values and context on by reference")]

use std::collections::BTreeMap;

mod accounting;
mod link;
mod listening;

use garde::Validate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use wasl_model::AgentRole;
use wasl_model::assignment::{AuthProtocol, PrivacyProtocol};

pub(crate) use crate::profile::Profile;

use crate::period::Period;
use crate::problem::{Code, Complaint};
pub use accounting::Portion;
pub(crate) use accounting::Talkers;
pub use link::LinkRole;
pub(crate) use link::{Class, Link, Reflect, Ring};
pub(crate) use listening::{Discovery, Station, Subnet, Sweep, Traps};

use crate::values::{
    EntityRef, Host, Id, Kind, LoopbackRole, Name, Repository, SecretName, TargetAddress, TimeZone, line,
};

/// One file of a Wasl configuration. Every section may be spread over several files, except `institution`,
/// `controller`, `defaults` and `health`, which stand once.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Wasl configuration")]
pub(crate) struct File {
    /// Whose network this is. Required, once.
    pub(crate) institution: Option<Institution>,
    /// What the controller itself does.
    pub(crate) controller: Option<Controller>,
    /// What applies where an agent, target or device says nothing else.
    pub(crate) defaults: Option<Defaults>,
    /// When trouble becomes an incident.
    pub(crate) health: Option<Health>,
    /// The places of the institution, by identifier.
    #[serde(default)]
    pub(crate) sites: BTreeMap<Id, Site>,
    /// The agents, by the name in their certificate.
    #[serde(default)]
    pub(crate) agents: BTreeMap<Id, Agent>,
    /// The addresses to probe, by identifier.
    #[serde(default)]
    pub(crate) targets: BTreeMap<Id, Target>,
    /// The lines that join the places, by identifier.
    #[serde(default)]
    pub(crate) links: BTreeMap<Id, Link>,
    /// The rings that links form, by identifier.
    #[serde(default)]
    pub(crate) rings: BTreeMap<Id, Ring>,
    /// The devices to poll by SNMP, by identifier.
    #[serde(default)]
    pub(crate) devices: BTreeMap<Id, Device>,
    /// The stations that belong where they are, by identifier.
    #[serde(default)]
    pub(crate) stations: BTreeMap<Id, Station>,
    /// The backup jobs to look at, by identifier.
    #[serde(default)]
    pub(crate) backups: BTreeMap<Id, Backup>,
    /// What kinds of devices can tell besides their interfaces, by identifier.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<Id, Profile>,
}

/// Whose network this is.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Institution {
    /// A short identifier.
    #[garde(skip)]
    pub(crate) id: Id,
    /// Its name for people.
    #[garde(dive)]
    pub(crate) name: Name,
    /// Its time zone in the IANA database; hours and days of reports are counted in it.
    #[garde(skip)]
    pub(crate) timezone: TimeZone,
}

/// What the controller itself does.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Controller {
    /// What somebody on the loopback listener may see without a login. Default: viewer.
    #[garde(skip)]
    pub(crate) loopback_role: Option<LoopbackRole>,
    /// How many days an agent's certificate is valid; it is renewed at two thirds. Default: 30.
    #[garde(inner(custom(days)))]
    #[schemars(range(min = 1, max = 365))]
    pub(crate) agent_certificate_days: Option<u16>,
    /// How long history is kept.
    #[garde(dive)]
    pub(crate) retention: Option<Retention>,
}

/// How long history is kept. A coarser resolution is kept at least as long as a finer one.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// Every sample, 1d to 20y. Default: 30d.
    #[garde(custom(KEPT.rule()))]
    pub(crate) raw: Option<Period>,
    /// Roll-ups of five minutes, 1d to 20y. Default: 1y.
    #[garde(custom(KEPT.rule()))]
    pub(crate) five_minutes: Option<Period>,
    /// Roll-ups of one hour, 1d to 20y. Default: 5y.
    #[garde(custom(KEPT.rule()))]
    pub(crate) one_hour: Option<Period>,
    /// Kinds of things whose history is kept for another time, such as `interface: { raw: 7d }`.
    #[garde(dive)]
    pub(crate) kinds: Option<BTreeMap<Kind, KindRetention>>,
}

/// How long the history of one kind is kept, where that differs.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct KindRetention {
    /// Every sample, 1d to 20y.
    #[garde(custom(KEPT.rule()))]
    pub(crate) raw: Option<Period>,
    /// Roll-ups of five minutes, 1d to 20y.
    #[garde(custom(KEPT.rule()))]
    pub(crate) five_minutes: Option<Period>,
    /// Roll-ups of one hour, 1d to 20y.
    #[garde(custom(KEPT.rule()))]
    pub(crate) one_hour: Option<Period>,
}

/// What applies where an agent, target or device says nothing else.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defaults {
    /// How often an agent reads its host, disks and interfaces, 1s to 1h. Default: 10s.
    #[garde(custom(HOST_EVERY.rule()))]
    pub(crate) host_every: Option<Period>,
    /// The time that one summary of probes covers, 1s to 5m. Default: 10s.
    #[garde(custom(WINDOW.rule()))]
    pub(crate) window: Option<Period>,
    /// The time between two probes of a target, 100ms to 5m. Default: 1s.
    #[garde(custom(PROBE_EVERY.rule()))]
    pub(crate) probe_every: Option<Period>,
    /// How long an answer to a probe may take, 10ms to 10s. Default: 1s.
    #[garde(custom(PROBE_TIMEOUT.rule()))]
    pub(crate) probe_timeout: Option<Period>,
    /// The time between two polls of a device, 5s to 1h. Default: 30s.
    #[garde(custom(POLL_EVERY.rule()))]
    pub(crate) poll_every: Option<Period>,
}

/// A place of the institution: a branch, the centre.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Site {
    /// Its name for people.
    #[garde(dive)]
    pub(crate) name: Name,
    /// What leads to it, such as `link/jenin-fibre`; one of these is enough to reach it. While all
    /// are down the site is down and everything there is a consequence; while some are, it is degraded.
    #[garde(inner(length(max = 16)))]
    pub(crate) uplinks: Option<Vec<EntityRef>>,
}

/// When trouble becomes an incident.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Health {
    /// How long trouble must last before an incident is opened, 1s to 5m. Meanwhile its cause may come to
    /// light. Default: 5s.
    #[garde(custom(CONFIRM.rule()))]
    pub(crate) confirm_after: Option<Period>,
    /// The stretch in which changes are counted, 1m to 1d. Default: 10m.
    #[garde(custom(FLAP_WINDOW.rule()))]
    pub(crate) flap_window: Option<Period>,
    /// So many changes between healthy and not within `flap_window` are called flapping, 3 to 100. Default: 6.
    #[garde(inner(custom(changes)))]
    #[schemars(range(min = 3, max = 100))]
    pub(crate) flap_changes: Option<u16>,
}

/// One running agent.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Agent {
    /// Where it stands.
    #[garde(skip)]
    pub(crate) site: String,
    /// What it is for.
    #[garde(skip)]
    #[schemars(schema_with = "agent_role")]
    pub(crate) role: AgentRole,
    /// How often it reads its host, 1s to 1h. Default: `defaults.host_every`.
    #[garde(custom(HOST_EVERY.rule()))]
    pub(crate) host_every: Option<Period>,
    /// A note for colleagues.
    #[garde(inner(custom(line)))]
    pub(crate) description: Option<String>,
    /// Receives the notifications of the devices that it polls. Without this it does not.
    #[garde(dive)]
    pub(crate) traps: Option<Traps>,
    /// Looks for neighbours and stations. Without this it does not.
    #[garde(dive)]
    pub(crate) discovery: Option<Discovery>,
    /// Without which of these it cannot work, such as `device/jenin-core`.
    #[garde(inner(length(max = 16)))]
    pub(crate) depends_on: Option<Vec<EntityRef>>,
    /// Whose tests of a link's two directions it answers.
    #[garde(dive)]
    pub(crate) reflect: Option<Reflect>,
    /// The interfaces of its machine that are meant to be up, by name; `eth*` is every one whose name begins with `eth`. Those
    /// on which something depends need not be named.
    #[garde(inner(length(max = 256), inner(custom(line))))]
    pub(crate) watch: Option<Vec<String>>,
}

/// An address to probe.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    /// Its name for people. Default: its identifier.
    #[garde(dive)]
    pub(crate) name: Option<Name>,
    /// Where the probes go.
    #[garde(skip)]
    pub(crate) address: TargetAddress,
    /// The agents that probe it, each for itself.
    #[garde(custom(some))]
    pub(crate) from: Vec<String>,
    /// The time between two probes, 100ms to 5m, not above the window. Default: `defaults.probe_every`.
    #[garde(custom(PROBE_EVERY.rule()))]
    pub(crate) every: Option<Period>,
    /// How long an answer may take, 10ms to 10s, at most ten times `every`. Default: `defaults.probe_timeout`.
    #[garde(custom(PROBE_TIMEOUT.rule()))]
    pub(crate) timeout: Option<Period>,
    /// The port for TCP connect where ICMP is not permitted; a refusal counts as an answer. Default: 443.
    #[garde(inner(custom(port_number)))]
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) tcp_port: Option<u16>,
    /// Where it stands. Default: where its first observer stands.
    #[garde(skip)]
    pub(crate) site: Option<String>,
    /// Without which of these it cannot work, such as `device/jenin-core`.
    #[garde(inner(length(max = 16)))]
    pub(crate) depends_on: Option<Vec<EntityRef>>,
}

/// A device to poll by SNMP.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Device {
    /// Its name for people. Default: its identifier.
    #[garde(dive)]
    pub(crate) name: Option<Name>,
    /// Its IP address or host name.
    #[garde(skip)]
    pub(crate) host: Host,
    /// Its UDP port. Default: 161.
    #[garde(inner(custom(port_number)))]
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) port: Option<u16>,
    /// The agent that polls it.
    #[garde(skip)]
    pub(crate) from: String,
    /// The time between two polls, 5s to 1h. Default: `defaults.poll_every`.
    #[garde(custom(POLL_EVERY.rule()))]
    pub(crate) every: Option<Period>,
    /// How to prove oneself to it.
    #[garde(dive)]
    pub(crate) snmp: Snmp,
    /// The profiles of its sensors. Default: all that match it.
    #[garde(inner(length(max = 16)))]
    pub(crate) profiles: Option<Vec<String>>,
    /// Its interfaces that are meant to be up, by name; `Gi0/*` is every one whose name begins with `Gi0/`. Those on which
    /// something depends need not be named. Of all others it is told whether they are up, and that is no trouble.
    #[garde(inner(length(max = 256), inner(custom(line))))]
    pub(crate) watch: Option<Vec<String>>,
    /// Other addresses of its own that its notifications come from, such as of the interface by which they leave.
    #[garde(inner(length(max = 16)))]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) trap_sources: Option<Vec<std::net::IpAddr>>,
    /// Where it stands. Default: where the agent stands that observes it.
    #[garde(skip)]
    pub(crate) site: Option<String>,
    /// Without which of these it cannot work, such as `device/jenin-core`.
    #[garde(inner(length(max = 16)))]
    pub(crate) depends_on: Option<Vec<EntityRef>>,
}

/// How to prove oneself to a device: with `version: v3` a user and, better, passwords for authentication
/// and privacy; with `version: v2c` a community, which travels in clear.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Snmp {
    /// The version of SNMP.
    #[garde(skip)]
    pub(crate) version: SnmpVersion,
    /// v2c: the name of the secret that holds the community.
    #[garde(skip)]
    pub(crate) community: Option<SecretName>,
    /// v3: the user's name on the device, 1 to 32 bytes (RFC 3414).
    #[garde(inner(custom(snmp_user)))]
    pub(crate) user: Option<String>,
    /// v3: authentication.
    #[garde(skip)]
    pub(crate) auth: Option<Auth>,
    /// v3: encryption; needs authentication.
    #[garde(skip)]
    pub(crate) privacy: Option<Privacy>,
}

/// The version of SNMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SnmpVersion {
    /// RFC 3416 with the user-based security model of RFC 3414.
    V3,
    /// RFC 1901; the community travels in clear.
    V2c,
}

/// Authentication.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    /// The protocol that the device has for this user.
    #[schemars(schema_with = "auth_protocol")]
    pub(crate) protocol: AuthProtocol,
    /// The name of the secret that holds the password.
    pub(crate) secret: SecretName,
}

/// Encryption.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Privacy {
    /// The protocol that the device has for this user; `aes256_reeder` is Cisco's AES-256.
    #[schemars(schema_with = "privacy_protocol")]
    pub(crate) protocol: PrivacyProtocol,
    /// The name of the secret that holds the password.
    pub(crate) secret: SecretName,
}

/// A backup job to look at.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    /// Its name for people. Default: its identifier.
    #[garde(dive)]
    pub(crate) name: Option<Name>,
    /// The tool that makes the backups.
    #[garde(skip)]
    pub(crate) tool: Tool,
    /// The repository as the tool names it, without a password in it.
    #[garde(skip)]
    pub(crate) repository: Repository,
    /// The name of the secret that holds the repository's password.
    #[garde(skip)]
    pub(crate) password: SecretName,
    /// The agent that looks, on a host that can reach the repository.
    #[garde(skip)]
    pub(crate) from: String,
    /// The time between two looks, 1m to 7d. Default: 1h.
    #[garde(custom(LOOK_EVERY.rule()))]
    pub(crate) every: Option<Period>,
    /// How often there must be a new backup, 1h to 1y, not below `every`. Default: 1d.
    #[garde(custom(EXPECT_EVERY.rule()))]
    pub(crate) expect_every: Option<Period>,
    /// Where it stands. Default: where the agent stands that observes it.
    #[garde(skip)]
    pub(crate) site: Option<String>,
    /// Without which of these it cannot work, such as `device/jenin-core`.
    #[garde(inner(length(max = 16)))]
    pub(crate) depends_on: Option<Vec<EntityRef>>,
}

/// A backup tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tool {
    /// restic, 0.14 or later.
    Restic,
}

/// The shortest and the longest period that a key takes.
pub(crate) struct Limits(Period, Period);

// Below the least values the watching itself becomes the load; above the most, a fault stays unseen for longer
// than anybody would wait.
const HOST_EVERY: Limits = Limits(Period::from_secs(1), Period::from_secs(3600));
const WINDOW: Limits = Limits(Period::from_secs(1), Period::from_secs(300));
const PROBE_EVERY: Limits = Limits(Period::from_millis(100), Period::from_secs(300));
const PROBE_TIMEOUT: Limits = Limits(Period::from_millis(10), Period::from_secs(10));
const POLL_EVERY: Limits = Limits(Period::from_secs(5), Period::from_secs(3600));
const LOOK_EVERY: Limits = Limits(Period::from_secs(60), Period::from_days(7));
const EXPECT_EVERY: Limits = Limits(Period::from_secs(3600), Period::from_days(365));
const CONFIRM: Limits = Limits(Period::from_secs(1), Period::from_secs(300));
const FLAP_WINDOW: Limits = Limits(Period::from_secs(60), Period::from_days(1));
const LIMIT: Limits = Limits(Period::from_millis(1), Period::from_secs(10));
const STAMP_EVERY: Limits = Limits(Period::from_millis(10), Period::from_secs(10));
const KEPT: Limits = Limits(Period::from_days(1), Period::from_days(20 * 365));

impl Limits {
    fn rule(self) -> impl FnOnce(&Option<Period>, &()) -> garde::Result {
        move |value, ()| {
            let Self(least, most) = self;
            let (word, value) = match *value {
                Some(value) if value < least => ("short", value),
                Some(value) if value > most => ("long", value),
                _ => return Ok(()),
            };
            Err(refuse(
                format!("`{value}` is too {word}"),
                format!("write a duration from {least} to {most}"),
            ))
        }
    }
}

fn refuse(message: impl Into<String>, help: impl Into<String>) -> garde::Error {
    garde::Error::new(Complaint::new(Code::OutOfRange, message).help(help))
}

fn days(days: &u16, (): &()) -> garde::Result {
    if (1..=365).contains(days) {
        return Ok(());
    }
    Err(refuse(format!("a certificate cannot be valid for {days} days"), "write 1 to 365; 30 is usual"))
}

fn changes(changes: &u16, (): &()) -> garde::Result {
    if (3..=100).contains(changes) {
        return Ok(());
    }
    Err(refuse(format!("{changes} changes cannot tell flapping from a fault"), "write 3 to 100; 6 is usual"))
}

fn port_number(port: &u16, (): &()) -> garde::Result {
    if *port > 0 {
        return Ok(());
    }
    Err(refuse("there is no port 0", "write 1 to 65535, or delete the key"))
}

fn some(from: &[String], (): &()) -> garde::Result {
    if from.is_empty() {
        return Err(refuse(
            "no agent probes this target",
            "name at least one agent, such as `from: [jenin-gw]`",
        ));
    }
    Ok(())
}

fn snmp_user(user: &str, (): &()) -> garde::Result {
    line(user, &())?;
    if user.len() > 32 {
        return Err(refuse("the user's name is longer than 32 bytes", "SNMPv3 allows no more (RFC 3414)"));
    }
    Ok(())
}

fn words(words: &[impl serde::Serialize]) -> Schema {
    json_schema!({ "type": "string", "enum": words })
}

fn agent_role(_: &mut SchemaGenerator) -> Schema {
    words(AgentRole::ALL)
}

fn auth_protocol(_: &mut SchemaGenerator) -> Schema {
    use AuthProtocol::{Sha1, Sha224, Sha256, Sha384, Sha512};
    words(&[Sha1, Sha224, Sha256, Sha384, Sha512])
}

fn privacy_protocol(_: &mut SchemaGenerator) -> Schema {
    use PrivacyProtocol::{Aes128, Aes256, Aes256Reeder};
    words(&[Aes128, Aes256, Aes256Reeder])
}
