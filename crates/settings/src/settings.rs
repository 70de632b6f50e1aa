//! The configuration once it is known to be sound: defaults filled in, every reference resolved.
//!
//! There is no secret in here, only names of secrets, so it may be printed and compared freely.

mod accounting;
mod link;
mod station;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use wasl_model::assignment::{
    Address, Assignment, BackupAssignment, BackupTool, DeviceAssignment, Discovery, SnmpAccess,
    StampReflector, Sweep6Assignment, SweepAssignment, TargetAssignment, TrapReceiver,
};
use wasl_model::profile::Profile;
use wasl_model::{AgentId, AgentRole, EntityKind, Localized, SiteId, Subject};

use crate::period::Period;
use crate::values::LoopbackRole;
pub use accounting::{Accounting, ShareOf};
pub use link::{Contract, Link, LinkProbe, Ring, StampTest};
pub use station::{Acquaintances, Familiar, Station};
pub use watch::Watch;

/// A sound configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub(crate) institution: Institution,
    pub(crate) controller: Controller,
    pub(crate) health: HealthPolicy,
    pub(crate) window: Period,
    pub(crate) sites: BTreeMap<SiteId, Site>,
    pub(crate) agents: BTreeMap<AgentId, Agent>,
    pub(crate) targets: BTreeMap<String, Target>,
    pub(crate) links: BTreeMap<String, Link>,
    pub(crate) rings: BTreeMap<String, Ring>,
    pub(crate) devices: BTreeMap<String, Device>,
    pub(crate) stations: BTreeMap<String, Station>,
    pub(crate) backups: BTreeMap<String, Backup>,
    pub(crate) profiles: BTreeMap<String, Profile>,
    /// The interfaces on which something depends.
    pub(crate) needed: BTreeSet<Subject>,
}

/// Whose network this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Institution {
    /// A short identifier in the alphabet of [`wasl_model::id`].
    pub id: String,
    /// Its name for people.
    pub name: Localized,
    /// Its time zone, a name of the IANA database.
    pub timezone: String,
}

/// What the controller itself does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    /// What somebody on the loopback listener may see without a login.
    pub loopback_role: LoopbackRole,
    /// How many days an agent's certificate is valid, 1 to 365.
    pub agent_certificate_days: u16,
    /// How long history is kept.
    pub retention: Retention,
}

/// When trouble becomes an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthPolicy {
    /// How long trouble must last before an incident is opened.
    pub confirm_after: Period,
    /// The stretch in which changes are counted.
    pub flap_window: Period,
    /// So many changes within it are called flapping.
    pub flap_changes: u16,
}

/// How long history is kept; a coarser resolution at least as long as a finer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Where nothing else is said.
    pub all: Kept,
    /// The kinds that differ.
    pub kinds: BTreeMap<EntityKind, Kept>,
}

/// How long each resolution is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Every sample.
    pub raw: Period,
    /// Roll-ups of five minutes.
    pub five_minutes: Period,
    /// Roll-ups of one hour.
    pub one_hour: Period,
}

/// A place of the institution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name for people.
    pub name: Localized,
    /// What leads to it; any one of these is enough.
    pub uplinks: Vec<Subject>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Where it stands; one of [`Settings::sites`].
    pub site: SiteId,
    /// What it is for.
    pub role: AgentRole,
    /// How often it reads its host.
    pub host_every: Period,
    /// A note for colleagues.
    pub description: Option<String>,
    /// Where it receives the notifications of the devices that it polls, if it does.
    pub traps: Option<SocketAddr>,
    /// The interfaces at which it hears its neighbours.
    pub lldp: Vec<String>,
    /// The subnets whose stations it looks for.
    pub sweeps: Vec<Sweep>,
    /// Without which it cannot work.
    pub depends_on: Vec<Subject>,
    /// Whose STAMP tests it answers.
    pub reflect: Option<StampReflector>,
    /// The interfaces of its machine that are meant to be up.
    pub watch: Watch,
}

/// A subnet whose stations are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// What is asked of the agent.
    pub assignment: Sweeping,
    /// Stations are called `scope/hardware-address`.
    pub scope: String,
    /// The hardware addresses of stations that belong there, `aa:bb:cc:dd:ee:ff`.
    pub known: BTreeSet<String>,
}

/// How a subnet's stations are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sweeping {
    /// Address by address (ARP).
    V4(SweepAssignment),
    /// All together (Neighbour Discovery).
    V6(Sweep6Assignment),
}

impl Sweep {
    fn v4(&self) -> Option<&SweepAssignment> {
        if let Sweeping::V4(sweep) = &self.assignment { Some(sweep) } else { None }
    }

    fn v6(&self) -> Option<&Sweep6Assignment> {
        if let Sweeping::V6(sweep) = &self.assignment { Some(sweep) } else { None }
    }
}

/// An address to probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name for people.
    pub name: Localized,
    /// Where the probes go.
    pub address: Address,
    /// Who probes it: at least one, each of them one of [`Settings::agents`], none twice.
    pub from: Vec<AgentId>,
    /// The time between two probes.
    pub every: Period,
    /// How long an answer may take.
    pub timeout: Period,
    /// The port for TCP connect where ICMP is not permitted.
    pub tcp_port: u16,
    /// Where it stands; one of [`Settings::sites`], unless none is known.
    pub site: Option<SiteId>,
    /// Without which it cannot work.
    pub depends_on: Vec<Subject>,
}

/// A device to poll by SNMP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name for people.
    pub name: Localized,
    /// Its IP address or host name.
    pub host: String,
    /// Its UDP port.
    pub port: u16,
    /// Who polls it; one of [`Settings::agents`].
    pub from: AgentId,
    /// The time between two polls.
    pub every: Period,
    /// How to prove oneself to it; secrets are names.
    pub access: SnmpAccess,
    /// The profiles that may be for it, by name.
    pub profiles: Vec<String>,
    /// Its interfaces that are meant to be up.
    pub watch: Watch,
    /// From which addresses its notifications may come, besides those of `host`.
    pub trap_sources: Vec<IpAddr>,
    /// Where it stands; one of [`Settings::sites`], unless none is known.
    pub site: Option<SiteId>,
    /// Without which it cannot work.
    pub depends_on: Vec<Subject>,
}

/// A backup job to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its name for people.
    pub name: Localized,
    /// The tool and its repository; the password is the name of a secret.
    pub tool: BackupTool,
    /// Who looks; one of [`Settings::agents`].
    pub from: AgentId,
    /// The time between two looks.
    pub every: Period,
    /// How often there must be a new backup.
    pub expect_every: Period,
    /// Where it stands; one of [`Settings::sites`], unless none is known.
    pub site: Option<SiteId>,
    /// Without which it cannot work.
    pub depends_on: Vec<Subject>,
}

impl Settings {
    /// Whose network this is.
    pub fn institution(&self) -> &Institution {
        &self.institution
    }

    /// What the controller itself does.
    pub fn controller(&self) -> &Controller {
        &self.controller
    }

    /// When trouble becomes an incident.
    pub fn health(&self) -> HealthPolicy {
        self.health
    }

    /// The time that one summary of probes covers, for every agent.
    pub fn window(&self) -> Period {
        self.window
    }

    /// The places of the institution.
    pub fn sites(&self) -> &BTreeMap<SiteId, Site> {
        &self.sites
    }

    /// The agents.
    pub fn agents(&self) -> &BTreeMap<AgentId, Agent> {
        &self.agents
    }

    /// The addresses to probe.
    pub fn targets(&self) -> &BTreeMap<String, Target> {
        &self.targets
    }

    /// The lines that join the places.
    pub fn links(&self) -> &BTreeMap<String, Link> {
        &self.links
    }

    /// The rings that links form.
    pub fn rings(&self) -> &BTreeMap<String, Ring> {
        &self.rings
    }

    /// The devices to poll.
    pub fn devices(&self) -> &BTreeMap<String, Device> {
        &self.devices
    }

    /// Whether an interface is meant to be up: something depends on it, or the `watch` of its device or machine says so.
    pub fn watches(&self, interface: &Subject) -> bool {
        self.needed.contains(interface) || self.watch_of(interface).any(|(watch, name)| watch.covers(name))
    }

    /// Whether the configuration names this interface, by more than the beginning of its name.
    pub fn names(&self, interface: &Subject) -> bool {
        self.needed.contains(interface) || self.watch_of(interface).any(|(watch, name)| watch.names(name))
    }

    /// What is said of the interfaces of an interface's device or machine, and the name of this one.
    fn watch_of<'a>(&'a self, interface: &'a Subject) -> impl Iterator<Item = (&'a Watch, &'a str)> {
        let (owner, name) = interface.id.split_once('/').unwrap_or((&interface.id, ""));
        let device = self.devices.get(owner).map(|device| &device.watch);
        let agent = AgentId::new(owner).ok().and_then(|id| Some(&self.agents.get(&id)?.watch));
        device.into_iter().chain(agent).map(move |watch| (watch, name))
    }

    /// The backup jobs to look at.
    pub fn backups(&self) -> &BTreeMap<String, Backup> {
        &self.backups
    }

    /// What `agent` is asked to observe, each list sorted by identifier; nothing for an agent that the
    /// configuration does not name, which then works by [`Assignment::baseline`].
    ///
    /// Equal settings give equal assignments, so a hash of its JSON serves as its generation.
    pub fn assignment_for(&self, agent: &AgentId) -> Option<Assignment> {
        let own = self.agents.get(agent)?;
        let targets = self.targets.iter().filter(|(_, target)| target.from.contains(agent));
        let devices = self.devices.iter().filter(|(_, device)| device.from == *agent);
        let backups = self.backups.iter().filter(|(_, backup)| backup.from == *agent);
        let named: BTreeSet<&String> = devices.clone().flat_map(|(_, device)| &device.profiles).collect();
        let profiles = self.profiles.values().filter(|profile| named.contains(&profile.id));
        Some(Assignment {
            host_every_ms: own.host_every.as_millis(),
            window_ms: self.window.as_millis(),
            targets: targets
                .map(|(id, target)| TargetAssignment {
                    id: id.clone(),
                    address: target.address.clone(),
                    every_ms: target.every.as_millis(),
                    timeout_ms: target.timeout.as_millis(),
                    tcp_port: target.tcp_port,
                })
                .collect(),
            links: self.links_of(agent).collect(),
            accounting: self.accounting_of(agent).collect(),
            stamp: self.stamp_of(agent).collect(),
            reflect: self.reflector_of(own),
            traps: own.traps.map(|listen| TrapReceiver { listen }),
            discovery: Discovery {
                lldp: own.lldp.clone(),
                sweeps: own.sweeps.iter().filter_map(Sweep::v4).cloned().collect(),
                sweeps6: own.sweeps.iter().filter_map(Sweep::v6).cloned().collect(),
            },
            devices: devices
                .map(|(id, device)| DeviceAssignment {
                    id: id.clone(),
                    host: device.host.clone(),
                    port: device.port,
                    every_ms: device.every.as_millis(),
                    access: device.access.clone(),
                    profiles: device.profiles.clone(),
                    trap_sources: device.trap_sources.clone(),
                })
                .collect(),
            profiles: profiles.cloned().collect(),
            backups: backups
                .map(|(id, backup)| BackupAssignment {
                    id: id.clone(),
                    every_ms: backup.every.as_millis(),
                    tool: backup.tool.clone(),
                })
                .collect(),
        })
    }
}
