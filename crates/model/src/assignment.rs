//! What an agent is asked to observe: its desired state, sent whole, with a generation number.
//!
//! It travels as JSON inside the protocol: unknown keys are ignored by older agents and missing ones
//! have defaults, so an agent and a controller of different ages understand each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::prefix::Prefix;
use crate::profile::Profile;

/// Everything that one agent is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Assignment {
    /// How often the host, its disks and interfaces are read, in milliseconds.
    pub host_every_ms: u64,
    /// The length of a probe window, in milliseconds.
    pub window_ms: u64,
    /// The addresses to probe.
    pub targets: Vec<TargetAssignment>,
    /// The links to probe, from this end.
    pub links: Vec<LinkAssignment>,
    /// The devices to poll.
    pub devices: Vec<DeviceAssignment>,
    /// The backup jobs to look at.
    pub backups: Vec<BackupAssignment>,
    /// The links whose two directions are measured from here.
    pub stamp: Vec<StampSession>,
    /// The answering of such measurements from elsewhere.
    pub reflect: Option<StampReflector>,
    /// What kinds of devices can tell; devices name them.
    pub profiles: Vec<Profile>,
    /// Where to receive the notifications of the assigned devices; nowhere, if nothing stands here.
    pub traps: Option<TrapReceiver>,
    /// What to look for.
    pub discovery: Discovery,
    /// The lines whose traffic is told apart by whose it is, where they enter this gateway.
    pub accounting: Vec<AccountingAssignment>,
}

impl Assignment {
    /// What an agent does before it was told anything, and for what it was not told: its host
    /// every 10 s.
    pub fn baseline() -> Self {
        Self { host_every_ms: 10_000, window_ms: 10_000, ..Self::default() }
    }
}

/// A line whose traffic is told apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountingAssignment {
    /// The link's identifier, unique in the configuration.
    pub id: String,
    /// The network interface that the line ends in.
    pub interface: String,
    /// Which way of the interface leads towards the link's last place.
    pub down: Way,
    /// Whose addresses are told apart. No two have an address in common.
    #[serde(default)]
    pub shares: Vec<ShareAssignment>,
    /// How many addresses that use the line most are reported; 0: none.
    #[serde(default)]
    pub talkers: u16,
}

/// Packets that come in by an interface, or that leave by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// They come in.
    In,
    /// They leave.
    Out,
}

/// The addresses of one institution on a shared line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareAssignment {
    /// Its identifier, unique within the link.
    pub id: String,
    /// Its blocks of addresses.
    pub prefixes: Vec<Prefix>,
}

/// Where notifications (traps and informs) are received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrapReceiver {
    /// The UDP address and port.
    pub listen: SocketAddr,
}

/// What an agent looks for. Nothing is looked for that does not stand here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Discovery {
    /// The network interfaces at which neighbours' announcements (LLDP) are heard.
    pub lldp: Vec<String>,
    /// The subnets whose stations are looked for.
    pub sweeps: Vec<SweepAssignment>,
    /// The subnets of IPv6 whose stations are looked for: a key of their own, which older agents pass over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sweeps6: Vec<Sweep6Assignment>,
}

/// A subnet whose stations are looked for by ARP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepAssignment {
    /// The network interface that is on the subnet.
    pub interface: String,
    /// The subnet's lowest address.
    pub network: Ipv4Addr,
    /// How many leading bits of an address name the subnet.
    pub prefix: u8,
    /// The time between two sweeps, in milliseconds.
    pub every_ms: u64,
    /// The most requests in a second.
    pub rate: u16,
    /// Stations are called `scope/hardware-address`.
    pub scope: String,
}

/// A subnet whose stations are looked for by Neighbour Discovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep6Assignment {
    /// The network interface that is on the subnet.
    pub interface: String,
    /// The subnet's lowest address; `fe80::` where there are none but the link's own.
    pub network: Ipv6Addr,
    /// How many leading bits of an address name the subnet.
    pub prefix: u8,
    /// The time between two rounds, in milliseconds.
    pub every_ms: u64,
    /// The most requests in a second.
    pub rate: u16,
    /// Stations are called `scope/hardware-address`.
    pub scope: String,
}

/// Where a probe goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// An IP address or a name.
    Host(String),
    /// The default gateway of the agent's machine, whatever it is at the moment.
    DefaultGateway,
    /// The first name server that the agent's machine is configured with.
    Resolver,
}

/// One address to probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetAssignment {
    /// The target's identifier, unique in the configuration.
    pub id: String,
    /// Where the probes go.
    pub address: Address,
    /// The time between probes, in milliseconds.
    pub every_ms: u64,
    /// How long an answer may take, in milliseconds.
    pub timeout_ms: u64,
    /// The port for TCP connect where ICMP is not permitted; a refusal counts as an answer.
    pub tcp_port: u16,
}

/// A link to probe from one of its ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkAssignment {
    /// The link's identifier, unique in the configuration.
    pub id: String,
    /// Where the probes go: something at the other end.
    pub address: Address,
    /// By which way they must leave; as the routes say, if nothing stands here.
    #[serde(default)]
    pub via: Option<Via>,
    /// How closely it is watched.
    pub class: LinkClass,
    /// What it is held to.
    #[serde(default)]
    pub limits: LinkLimits,
    /// The port for TCP connect where ICMP is not permitted; a refusal counts as an answer.
    pub tcp_port: u16,
    /// The interfaces that it ends in, as `owner/name`: when a device says that one of them has moved, the link is probed at
    /// once. Texts, so that none of them can make an assignment unreadable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<String>,
}

/// By which way probes leave, so that one line never answers for another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By this network interface (`SO_BINDTODEVICE`).
    Interface(String),
    /// With this address as their source, and by the interface that has it.
    Source(IpAddr),
}

/// How closely a link is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkClass {
    /// 100 ms between probes, three lost in a row are suspicious: what a failover hangs on.
    Uplink,
    /// 200 ms between probes, five lost in a row are suspicious.
    #[default]
    Link,
    /// One probe a second.
    Target,
}

impl LinkClass {
    /// The time between two probes, in milliseconds.
    pub const fn every_ms(self) -> u64 {
        match self {
            Self::Uplink => 100,
            Self::Link => 200,
            Self::Target => 1_000,
        }
    }
}

/// What a link is held to; beyond one of these it is degraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkLimits {
    /// Round-trip time, in microseconds.
    pub rtt_us: Option<u64>,
    /// Jitter, in microseconds.
    pub jitter_us: Option<u64>,
    /// Loss, in parts per million.
    pub loss_ppm: Option<u64>,
}

/// One link to measure by STAMP (RFC 8762), from here to its far end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StampSession {
    /// The link's identifier, unique in the configuration.
    pub id: String,
    /// The reflector's address or name.
    pub to: String,
    /// The reflector's UDP port.
    #[serde(default = "stamp_port")]
    pub port: u16,
    /// The time between tests, in milliseconds.
    pub every_ms: u64,
    /// How long an answer may take, in milliseconds.
    #[serde(default = "stamp_timeout")]
    pub timeout_ms: u64,
    /// The name of the secret that authenticates both sides; without one the session is open.
    #[serde(default)]
    pub key: Option<String>,
    /// The network interface that tests leave by, where the routes are not to decide.
    #[serde(default)]
    pub via: Option<String>,
    /// The session's identifier (RFC 8972, section 3), by which the reflector's agent knows whose tests it answers; 0:
    /// the agent chooses one.
    #[serde(default)]
    pub ssid: u16,
}

/// A STAMP reflector on the agent's host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StampReflector {
    /// The address to listen at. On a host of several addresses it should be the one that is asked, since the
    /// answer must come from there.
    pub listen: IpAddr,
    /// The UDP port to listen at.
    #[serde(default = "stamp_port")]
    pub port: u16,
    /// Who is answered: addresses, or blocks of addresses such as `10.20.0.0/16`.
    pub peers: Vec<String>,
    /// The name of the secret that authenticates both sides; without one, open tests are answered.
    #[serde(default)]
    pub key: Option<String>,
    /// Sessions of which it is reported what arrives.
    #[serde(default)]
    pub sessions: Vec<ReflectedSession>,
}

/// A session that a reflector may be asked in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReflectedSession {
    /// The session's identifier (RFC 8972, section 3).
    pub ssid: u16,
    /// The link that is measured in it.
    pub link: String,
    /// The agent that measures.
    pub from: String,
}

fn stamp_port() -> u16 {
    862
}

fn stamp_timeout() -> u64 {
    2_000
}

/// One device to poll by SNMP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAssignment {
    /// The device's identifier, unique in the configuration.
    pub id: String,
    /// Its address or name.
    pub host: String,
    /// Its UDP port.
    pub port: u16,
    /// The time between polls, in milliseconds.
    pub every_ms: u64,
    /// How to prove oneself to it.
    pub access: SnmpAccess,
    /// The profiles that may be for it, by their names.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// From which addresses its notifications may come, besides those of `host`.
    #[serde(default)]
    pub trap_sources: Vec<IpAddr>,
}

/// How to prove oneself to a device. Secrets are names; the files of those names lie on the agent's host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "version", rename_all = "snake_case")]
pub enum SnmpAccess {
    /// SNMPv2c.
    V2c {
        /// The name of the secret that holds the community.
        community: String,
    },
    /// SNMPv3 with the user-based security model (RFC 3414).
    V3 {
        /// The user's name.
        user: String,
        /// Authentication protocol and the name of the secret that holds its password.
        auth: Option<(AuthProtocol, String)>,
        /// Privacy protocol and the name of the secret that holds its password.
        privacy: Option<(PrivacyProtocol, String)>,
    },
}

/// SNMPv3 authentication (RFC 3414, RFC 7860).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthProtocol {
    /// HMAC-SHA-1-96.
    Sha1,
    /// HMAC-SHA-224.
    Sha224,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-384.
    Sha384,
    /// HMAC-SHA-512.
    Sha512,
}

/// SNMPv3 privacy (RFC 3826 and the common 256-bit extensions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyProtocol {
    /// AES-128 in CFB mode.
    Aes128,
    /// AES-256 with the key extension of draft-blumenthal-aes-usm.
    Aes256,
    /// AES-256 with the key extension of draft-reeder-snmpv3-usm-3desede, as Cisco devices use it.
    Aes256Reeder,
}

/// One backup job to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupAssignment {
    /// The job's identifier, unique in the configuration.
    pub id: String,
    /// The time between looks, in milliseconds.
    pub every_ms: u64,
    /// Which tool, and where its repository is.
    pub tool: BackupTool,
}

/// A backup tool and its repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum BackupTool {
    /// restic, 0.14 or later.
    Restic {
        /// The repository as restic names it.
        repository: String,
        /// The name of the secret that holds its password.
        password: String,
    },
}
