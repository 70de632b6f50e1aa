//! From files to settings: what no single value shows. References between sections, keys that belong
//! together, defaults, and the load that all of it puts on an agent.

mod accounting;
mod link;
mod listening;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use wasl_model::assignment::{BackupTool, SnmpAccess};
use wasl_model::{AgentId, EntityKind, Localized, SiteId, Subject};

use crate::file::{self, File, Snmp, SnmpVersion, Tool};
use crate::period::Period;
use crate::problem::{Code, Complaint, Problem};
use crate::settings::{
    Agent, Backup, Controller, Device, HealthPolicy, Institution, Kept, Link, Retention, Settings, Site,
    Target, Watch,
};
use crate::snippet::quote;
use crate::source::{Defined, Sources, Spot};
use crate::values::{EntityRef, Name};

/// The most probes a second that one agent is asked for: 500 targets at 100 ms. One gateway with two cores
/// answers for that; ten times as many are a misplaced unit.
const MAX_PROBES_PER_SECOND: f64 = 5_000.0;

/// How many probes of one target may be under way at once.
const MAX_IN_FLIGHT: u64 = 10;

const DEFAULT_TCP_PORT: u16 = 443;
const SNMP_PORT: u16 = 161;

/// Checks a whole configuration.
pub(crate) fn settings(texts: &[(PathBuf, String)]) -> Result<Settings, Vec<Problem>> {
    let mut texts = texts.to_vec();
    // Last, so that a name which a user's profile also has is complained of there.
    let built_in = crate::profile::BUILT_IN.iter();
    texts.extend(built_in.map(|(path, text)| (PathBuf::from(path), (*text).to_owned())));
    let texts = texts.as_slice();
    let (mut sources, files) = Sources::parse(texts);
    let parts = split(files);

    let institution = sources.single("institution", parts.institution);
    let controller = sources.single("controller", parts.controller);
    let defaults = sources.single("defaults", parts.defaults);
    let health = sources.single("health", parts.health).map(|health| health.value).unwrap_or_default();
    let sites = sources.gather("site", "sites", parts.sites);
    let agents = sources.gather("agent", "agents", parts.agents);
    let targets = sources.gather("target", "targets", parts.targets);
    let links = sources.gather("link", "links", parts.links);
    let rings = sources.gather("ring", "rings", parts.rings);
    let devices = sources.gather("device", "devices", parts.devices);
    let stations = sources.gather("station", "stations", parts.stations);
    let backups = sources.gather("backup", "backups", parts.backups);
    let profiles = sources.gather("profile", "profiles", parts.profiles);

    if institution.is_none() && !sources.incomplete && !sources.has("institution") {
        let file = texts.first().map_or(Path::new("wasl.yaml"), |(path, _)| path);
        let complaint = Complaint::new(Code::MissingKey, "no file has the section `institution`").help(
            "add `institution: { id: my-university, name: { en: My University }, timezone: Asia/Hebron }` to one of \
             the files",
        );
        sources.problems.push(Problem::with_file(file, complaint));
    }

    let mut check = Check {
        known_sites: sources.names("sites"),
        known_agents: sources.names("agents"),
        known_targets: sources.names("targets"),
        known_links: sources.names("links"),
        known_rings: sources.names("rings"),
        known_devices: sources.names("devices"),
        known_backups: sources.names("backups"),
        known_profiles: sources.names("profiles"),
        counted: BTreeMap::new(),
        sites_of_agents: agents.iter().map(|(id, agent)| (id.clone(), agent.value.site.clone())).collect(),
        defaults: Fallbacks::new(&defaults.map(|defaults| defaults.value).unwrap_or_default()),
        sources,
    };
    let controller = check.controller(controller);
    let agent_places: BTreeMap<String, Spot> =
        agents.iter().map(|(id, agent)| (id.clone(), (agent.file, agent.key))).collect();
    let agents: BTreeMap<_, _> =
        agents.into_iter().filter_map(|(id, agent)| check.agent(&id, agent)).collect();
    let targets: BTreeMap<_, _> =
        targets.into_iter().map(|(id, target)| (id.clone(), check.target(&id, target))).collect();
    let devices: BTreeMap<_, _> = devices
        .into_iter()
        .filter_map(|(id, device)| Some((id.clone(), check.device(&id, device)?)))
        .collect();
    let backups: BTreeMap<_, _> = backups
        .into_iter()
        .filter_map(|(id, backup)| Some((id.clone(), check.backup(&id, backup)?)))
        .collect();
    let stations = check.stations(stations);
    let links: BTreeMap<_, _> =
        links.into_iter().map(|(id, link)| (id.clone(), check.link(&id, link))).collect();
    let rings = rings.into_iter().map(|(id, ring)| (id.clone(), check.ring(&id, ring))).collect();
    check.load(&targets, &links, &agent_places);

    let sites: BTreeMap<_, _> = sites.into_iter().filter_map(|(id, site)| check.site(&id, site)).collect();
    let lines = links.values().flat_map(|link| link.interfaces.iter().chain(&link.depends_on));
    let things = targets.values().flat_map(|target| &target.depends_on);
    let things = things.chain(devices.values().flat_map(|device| &device.depends_on));
    let things = things.chain(agents.values().flat_map(|agent| &agent.depends_on));
    let things = things.chain(backups.values().flat_map(|backup| &backup.depends_on));
    let things = things.chain(sites.values().flat_map(|site| &site.uplinks));
    let needed = lines.chain(things).filter(|needed| needed.kind == EntityKind::Interface).cloned().collect();
    match institution {
        Some(institution) if check.sources.problems.is_empty() => Ok(Settings {
            institution: Institution {
                id: institution.value.id.as_str().to_owned(),
                name: institution.value.name.into(),
                timezone: institution.value.timezone.0,
            },
            controller,
            health: HealthPolicy {
                confirm_after: health.confirm_after.unwrap_or(Period::from_secs(5)),
                flap_window: health.flap_window.unwrap_or(Period::from_secs(600)),
                flap_changes: health.flap_changes.unwrap_or(6),
            },
            window: check.defaults.window,
            sites,
            agents,
            targets,
            links,
            rings,
            devices,
            stations,
            backups,
            profiles: profiles
                .into_iter()
                .map(|(id, profile)| (id.clone(), profile.value.into_model(&id)))
                .collect(),
            needed,
        }),
        _ => Err(check.sources.into_problems()),
    }
}

/// The sections of all files, each with one part per file.
#[derive(Default)]
struct Parts {
    institution: Vec<Option<file::Institution>>,
    controller: Vec<Option<file::Controller>>,
    defaults: Vec<Option<file::Defaults>>,
    health: Vec<Option<file::Health>>,
    sites: Vec<BTreeMap<crate::values::Id, file::Site>>,
    agents: Vec<BTreeMap<crate::values::Id, file::Agent>>,
    targets: Vec<BTreeMap<crate::values::Id, file::Target>>,
    links: Vec<BTreeMap<crate::values::Id, file::Link>>,
    rings: Vec<BTreeMap<crate::values::Id, file::Ring>>,
    devices: Vec<BTreeMap<crate::values::Id, file::Device>>,
    stations: Vec<BTreeMap<crate::values::Id, file::Station>>,
    backups: Vec<BTreeMap<crate::values::Id, file::Backup>>,
    profiles: Vec<BTreeMap<crate::values::Id, file::Profile>>,
}

fn split(files: Vec<File>) -> Parts {
    let mut parts = Parts::default();
    for file in files {
        parts.institution.push(file.institution);
        parts.controller.push(file.controller);
        parts.defaults.push(file.defaults);
        parts.health.push(file.health);
        parts.sites.push(file.sites);
        parts.agents.push(file.agents);
        parts.targets.push(file.targets);
        parts.links.push(file.links);
        parts.rings.push(file.rings);
        parts.devices.push(file.devices);
        parts.stations.push(file.stations);
        parts.backups.push(file.backups);
        parts.profiles.push(file.profiles);
    }
    parts
}

/// `defaults:` with its own defaults.
struct Fallbacks {
    host_every: Period,
    window: Period,
    probe_every: Period,
    probe_timeout: Period,
    poll_every: Period,
}

impl Fallbacks {
    fn new(given: &file::Defaults) -> Self {
        Self {
            host_every: given.host_every.unwrap_or(Period::from_secs(10)),
            window: given.window.unwrap_or(Period::from_secs(10)),
            probe_every: given.probe_every.unwrap_or(Period::from_secs(1)),
            probe_timeout: given.probe_timeout.unwrap_or(Period::from_secs(1)),
            poll_every: given.poll_every.unwrap_or(Period::from_secs(30)),
        }
    }
}

struct Check<'a> {
    sources: Sources<'a>,
    known_sites: BTreeMap<String, Spot>,
    known_agents: BTreeMap<String, Spot>,
    known_targets: BTreeMap<String, Spot>,
    known_links: BTreeMap<String, Spot>,
    known_rings: BTreeMap<String, Spot>,
    known_devices: BTreeMap<String, Spot>,
    known_profiles: BTreeMap<String, Spot>,
    known_backups: BTreeMap<String, Spot>,
    /// The site of each agent, as it was given.
    sites_of_agents: BTreeMap<String, String>,
    /// The interfaces of each agent that are counted.
    counted: BTreeMap<String, BTreeSet<String>>,
    defaults: Fallbacks,
}

impl Check<'_> {
    fn controller(&mut self, given: Option<Defined<file::Controller>>) -> Controller {
        let retention = given.as_ref().and_then(|given| given.value.retention.as_ref());
        let all = Kept {
            raw: retention.and_then(|kept| kept.raw).unwrap_or(Period::from_days(30)),
            five_minutes: retention.and_then(|kept| kept.five_minutes).unwrap_or(Period::from_days(365)),
            one_hour: retention.and_then(|kept| kept.one_hour).unwrap_or(Period::from_days(5 * 365)),
        };
        let kinds: BTreeMap<EntityKind, Kept> = retention
            .and_then(|kept| kept.kinds.as_ref())
            .into_iter()
            .flatten()
            .map(|(kind, kept)| {
                let kept = Kept {
                    raw: kept.raw.unwrap_or(all.raw),
                    five_minutes: kept.five_minutes.unwrap_or(all.five_minutes),
                    one_hour: kept.one_hour.unwrap_or(all.one_hour),
                };
                (kind.0, kept)
            })
            .collect();
        if let Some(given) = given.as_ref().filter(|given| given.sound) {
            self.coarser_is_longer(given, "retention", all);
            for (kind, kept) in &kinds {
                self.coarser_is_longer(given, &format!("retention.kinds.{kind}"), *kept);
            }
        }
        Controller {
            loopback_role: given.as_ref().and_then(|given| given.value.loopback_role).unwrap_or_default(),
            agent_certificate_days: given.and_then(|given| given.value.agent_certificate_days).unwrap_or(30),
            retention: Retention { all, kinds },
        }
    }

    fn coarser_is_longer(&mut self, given: &Defined<file::Controller>, group: &str, kept: Kept) {
        let order = [
            ("five_minutes", kept.five_minutes, "raw", kept.raw),
            ("one_hour", kept.one_hour, "five_minutes", kept.five_minutes),
        ];
        for (coarse, longer, fine, shorter) in order {
            if longer < shorter {
                let message =
                    format!("`{coarse}` ({longer}) is kept for less time than `{fine}` ({shorter})");
                let complaint = Complaint::new(Code::OutOfRange, message)
                    .help(format!("raise `{coarse}` to {shorter} at least, or lower `{fine}`"));
                self.sources.report(self.sources.spot(given, &format!("{group}.{coarse}")), complaint);
            }
        }
    }

    fn site(&mut self, id: &str, site: Defined<file::Site>) -> Option<(SiteId, Site)> {
        let own = Subject::lenient(EntityKind::Site, id);
        let uplinks = self.entities(&site, "uplinks", site.value.uplinks.as_deref(), &own);
        Some((SiteId::new(id).ok()?, Site { name: site.value.name.into(), uplinks }))
    }

    /// What a list of references names; what does not exist is reported.
    fn entities<T>(
        &mut self,
        thing: &Defined<T>,
        key: &str,
        given: Option<&[EntityRef]>,
        own: &Subject,
    ) -> Vec<Subject> {
        let mut subjects = Vec::new();
        for (index, EntityRef(subject)) in given.into_iter().flatten().enumerate() {
            let spot = self.sources.spot(thing, &format!("{key}[{index}]"));
            if subject == own {
                let complaint = Complaint::new(Code::BadValue, format!("{own} cannot hang on itself"))
                    .help("delete this entry");
                self.sources.report(spot, complaint);
            } else if subjects.contains(subject) {
                let message = format!("{subject} stands twice in this list");
                let complaint = Complaint::new(Code::DuplicateKey, message).help("delete one of the two");
                self.sources.report(spot, complaint);
            } else {
                self.known(spot, subject);
                subjects.push(subject.clone());
            }
        }
        subjects
    }

    fn known(&mut self, spot: Spot, subject: &Subject) {
        let id = subject.id.as_str();
        let (word, name, known) = match subject.kind {
            EntityKind::Site => ("site", id, &self.known_sites),
            EntityKind::Agent
            | EntityKind::Machine
            | EntityKind::Disk
            | EntityKind::Neighbour
            | EntityKind::Station => ("agent", id, &self.known_agents),
            EntityKind::Target => ("target", id, &self.known_targets),
            EntityKind::Link => ("link", id, &self.known_links),
            EntityKind::Ring => ("ring", id, &self.known_rings),
            EntityKind::Device => ("device", id, &self.known_devices),
            EntityKind::BackupJob => ("backup", id, &self.known_backups),
            EntityKind::Path | EntityKind::Share => return,
            EntityKind::Interface | EntityKind::Sensor => {
                let owner = id.split_once('/').map_or(id, |(owner, _)| owner);
                if self.known_agents.contains_key(owner) {
                    ("agent", owner, &self.known_agents)
                } else {
                    ("device", owner, &self.known_devices)
                }
            }
        };
        self.sources.unknown(spot, word, name, known);
    }

    /// Where a thing stands: as it says, or else where its observer does.
    fn site_of<T>(
        &mut self,
        thing: &Defined<T>,
        given: Option<&String>,
        observer: Option<&AgentId>,
    ) -> Option<SiteId> {
        if let Some(site) = given {
            let spot = self.sources.spot(thing, "site");
            self.sources.unknown(spot, "site", site, &self.known_sites);
            return SiteId::new(site.as_str()).ok();
        }
        let site = self.sites_of_agents.get(observer?.as_str())?;
        SiteId::new(site.as_str()).ok()
    }

    fn agent(&mut self, id: &str, agent: Defined<file::Agent>) -> Option<(AgentId, Agent)> {
        let spot = self.sources.spot(&agent, "site");
        self.sources.unknown(spot, "site", &agent.value.site, &self.known_sites);
        let own = Subject::lenient(EntityKind::Agent, id);
        let depends_on = self.entities(&agent, "depends_on", agent.value.depends_on.as_deref(), &own);
        let reflect = self.reflector(&agent);
        let traps = agent.value.traps.as_ref().map(listening::traps);
        let (lldp, sweeps) = self.discovery(&agent);
        let file::Agent { site, role, host_every, description, watch, .. } = agent.value;
        Some((
            AgentId::new(id).ok()?,
            Agent {
                site: SiteId::new(site).ok()?,
                role,
                host_every: host_every.unwrap_or(self.defaults.host_every),
                description,
                traps,
                lldp,
                sweeps,
                depends_on,
                reflect,
                watch: Watch(watch.unwrap_or_default()),
            },
        ))
    }

    fn target(&mut self, id: &str, target: Defined<file::Target>) -> Target {
        let mut from = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, agent) in target.value.from.iter().enumerate() {
            let spot = self.sources.spot(&target, &format!("from[{index}]"));
            if !seen.insert(agent.as_str()) {
                let message = format!("the agent {} stands twice in this list", quote(agent));
                let complaint = Complaint::new(Code::DuplicateKey, message).help("delete one of the two");
                self.sources.report(spot, complaint);
            }
            from.extend(self.agent_called(agent, spot));
        }

        let every = target.value.every.unwrap_or(self.defaults.probe_every);
        let timeout = target.value.timeout.unwrap_or(self.defaults.probe_timeout);
        if target.sound && every > self.defaults.window {
            let window = self.defaults.window;
            let message =
                format!("{} is probed every {every}, but a window is only {window} long", quote(id));
            let complaint = Complaint::new(Code::OutOfRange, message)
                .help(format!("lower `every` to {window} at most, or raise `defaults.window`"));
            self.sources.report(self.sources.spot(&target, "every"), complaint);
        }
        if target.sound && timeout.as_millis() > every.as_millis().saturating_mul(MAX_IN_FLIGHT) {
            let most = Period::from_millis(every.as_millis() * MAX_IN_FLIGHT);
            let message = format!("{} waits {timeout} for an answer, but is probed every {every}", quote(id));
            let complaint = Complaint::new(Code::OutOfRange, message)
                .help(format!("lower `timeout` to {most} at most (ten times `every`), or raise `every`"));
            let key = if target.value.timeout.is_some() { "timeout" } else { "every" };
            self.sources.report(self.sources.spot(&target, key), complaint);
        }
        let own = Subject::lenient(EntityKind::Target, id);
        let depends_on = self.entities(&target, "depends_on", target.value.depends_on.as_deref(), &own);
        let site = self.site_of(&target, target.value.site.as_ref(), from.first());
        Target {
            name: name(target.value.name, id),
            address: target.value.address.0,
            from,
            every,
            timeout,
            tcp_port: target.value.tcp_port.unwrap_or(DEFAULT_TCP_PORT),
            site,
            depends_on,
        }
    }

    fn device(&mut self, id: &str, device: Defined<file::Device>) -> Option<Device> {
        let spot = self.sources.spot(&device, "from");
        let from = self.agent_called(&device.value.from, spot);
        let access = self.snmp(&device);
        let own = Subject::lenient(EntityKind::Device, id);
        let depends_on = self.entities(&device, "depends_on", device.value.depends_on.as_deref(), &own);
        let site = self.site_of(&device, device.value.site.as_ref(), from.as_ref());
        for (at, profile) in device.value.profiles.iter().flatten().enumerate() {
            let spot = self.sources.spot(&device, &format!("profiles[{at}]"));
            self.sources.unknown(spot, "profile", profile, &self.known_profiles);
        }
        let profiles =
            device.value.profiles.clone().unwrap_or_else(|| self.known_profiles.keys().cloned().collect());
        Some(Device {
            name: name(device.value.name, id),
            host: device.value.host.0,
            port: device.value.port.unwrap_or(SNMP_PORT),
            from: from?,
            every: device.value.every.unwrap_or(self.defaults.poll_every),
            access: access?,
            profiles,
            watch: Watch(device.value.watch.unwrap_or_default()),
            trap_sources: device.value.trap_sources.unwrap_or_default(),
            site,
            depends_on,
        })
    }

    /// Which keys go with which version of SNMP.
    fn snmp(&mut self, device: &Defined<file::Device>) -> Option<SnmpAccess> {
        let Snmp { version, community, user, auth, privacy } = &device.value.snmp;
        let given = [
            ("community", SnmpVersion::V2c, community.is_some()),
            ("user", SnmpVersion::V3, user.is_some()),
            ("auth", SnmpVersion::V3, auth.is_some()),
            ("privacy", SnmpVersion::V3, privacy.is_some()),
        ];
        let word = |version| if version == SnmpVersion::V3 { "v3" } else { "v2c" };
        for (key, belongs, given) in given {
            if given && belongs != *version {
                let message = format!("`{key}` belongs to SNMP {}, not to {}", word(belongs), word(*version));
                let complaint = Complaint::new(Code::UnknownKey, message)
                    .help(format!("delete `{key}`, or write `version: {}`", word(belongs)));
                self.sources.report(self.sources.spot(device, &format!("snmp.{key}")), complaint);
            }
        }
        let missing = |check: &mut Self, key: &str, help: &str| {
            if check.sources.has_key(device, "snmp", key) {
                return;
            }
            let message = format!("SNMP {} needs the key `{key}`", word(*version));
            let spot = check.sources.spot(device, "snmp");
            check.sources.report(spot, Complaint::new(Code::MissingKey, message).help(help));
        };
        match version {
            SnmpVersion::V2c => {
                let Some(community) = community else {
                    missing(self, "community", "add `community:` with the name of the secret that holds it");
                    return None;
                };
                Some(SnmpAccess::V2c { community: community.clone().into_inner() })
            }
            SnmpVersion::V3 => {
                if privacy.is_some() && auth.is_none() {
                    missing(
                        self,
                        "auth",
                        "SNMPv3 encrypts only what it authenticates: add `auth: { protocol: …, secret: … }`",
                    );
                }
                let Some(user) = user else {
                    missing(self, "user", "add `user:` with the user's name on the device");
                    return None;
                };
                Some(SnmpAccess::V3 {
                    user: user.clone(),
                    auth: auth.as_ref().map(|auth| (auth.protocol, auth.secret.clone().into_inner())),
                    privacy: privacy
                        .as_ref()
                        .map(|privacy| (privacy.protocol, privacy.secret.clone().into_inner())),
                })
            }
        }
    }

    fn backup(&mut self, id: &str, backup: Defined<file::Backup>) -> Option<Backup> {
        let spot = self.sources.spot(&backup, "from");
        let from = self.agent_called(&backup.value.from, spot);
        let every = backup.value.every.unwrap_or(Period::from_secs(3600));
        let expect_every = backup.value.expect_every.unwrap_or(Period::from_days(1));
        if backup.sound && every > expect_every {
            let message =
                format!("a backup is expected every {expect_every}, but looked for only every {every}");
            let complaint = Complaint::new(Code::OutOfRange, message)
                .help(format!("lower `every` to {expect_every} at most, or raise `expect_every`"));
            let key = if backup.value.every.is_some() { "every" } else { "expect_every" };
            self.sources.report(self.sources.spot(&backup, key), complaint);
        }
        let own = Subject::lenient(EntityKind::BackupJob, id);
        let depends_on = self.entities(&backup, "depends_on", backup.value.depends_on.as_deref(), &own);
        let site = self.site_of(&backup, backup.value.site.as_ref(), from.as_ref());
        let file::Backup { name: given, tool, repository, password, .. } = backup.value;
        Some(Backup {
            name: name(given, id),
            tool: match tool {
                Tool::Restic => {
                    BackupTool::Restic { repository: repository.0, password: password.into_inner() }
                }
            },
            from: from?,
            every,
            expect_every,
            site,
            depends_on,
        })
    }

    /// The agent of this name, or a report that there is none.
    fn agent_called(&mut self, name: &str, spot: Spot) -> Option<AgentId> {
        self.sources.unknown(spot, "agent", name, &self.known_agents);
        AgentId::new(name).ok()
    }

    /// What all targets and links together ask of each agent.
    fn load(
        &mut self,
        targets: &BTreeMap<String, Target>,
        links: &BTreeMap<String, Link>,
        agents: &BTreeMap<String, Spot>,
    ) {
        let mut load: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
        for target in targets.values() {
            for agent in &target.from {
                let (rate, count) = load.entry(agent.as_str()).or_default();
                *rate += 1000.0 / target.every.as_millis().max(1) as f64;
                *count += 1;
            }
        }
        for link in links.values() {
            for probe in &link.probes {
                let (rate, count) = load.entry(probe.from.as_str()).or_default();
                *rate += 1000.0 / link.class.every_ms() as f64;
                *count += 1;
            }
        }
        for (agent, (rate, count)) in load {
            let Some(spot) = agents.get(agent).filter(|_| rate > MAX_PROBES_PER_SECOND) else { continue };
            let message = format!(
                "{} would send {rate:.0} probes a second to {count} targets; the most is {MAX_PROBES_PER_SECOND:.0}",
                quote(agent)
            );
            let complaint = Complaint::new(Code::OutOfRange, message)
                .help("raise `every` of its targets, or let other agents probe some of them");
            self.sources.report(*spot, complaint);
        }
    }
}

fn name(given: Option<Name>, id: &str) -> Localized {
    given.map_or_else(|| Localized::from(id), Localized::from)
}
