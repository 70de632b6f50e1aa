//! What the pages show, as plain data. The controller fills these; nothing here is formatted yet.
//!
//! `None` always means "not known" and is shown as such; it is never a zero. Ratios are 0 to 1,
//! times of round trips and clocks are seconds, rates are per second.

mod accounting;
mod discovery;
mod links;
mod month;

pub use month::{
    CarriedView, ChangeView, EndMonthView, ForecastView, LinkPageView, MonthView, OutageView, PlannedView,
    QualityView, ReportView,
};

pub use discovery::{DiscoveryView, Known, NeighbourView, StationView};

pub use accounting::{AccountingView, ShareView, TalkerView, TalkersView};
pub use links::{ContractView, EndView, FlowView, LinkView, LinksView, PlaceView, RingView};

use wasl_model::health::{Health, Proof, Reason};
use wasl_model::units::Unit;
use wasl_model::{
    AgentRole, BackupOutcome, EntityKind, IncidentEvent, IncidentSeverity, Localized, NoticeCode,
    ProbeMethod, Severity, Subject, TimelineEntry, Timestamp, UserRole,
};

/// What stands around every page.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The institution's name.
    pub institution: Localized,
    /// Whether the reader may look at the pages; without, there is no navigation.
    pub may_look: bool,
    /// Who is logged in.
    pub user: Option<(String, UserRole)>,
    /// The path that was asked for, with its query; where logging in leads back to.
    pub path: String,
    /// The token against forged requests, for the forms.
    pub csrf: String,
    /// The controller's version.
    pub version: String,
}

/// The places in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nav {
    /// `/`
    Overview,
    /// `/links`
    Links,
    /// `/backups`
    Backups,
    /// `/incidents`
    Incidents,
    /// `/agents`
    Agents,
    /// `/discovery`
    Discovery,
}

impl Nav {
    /// All places, in order.
    pub const ALL: [Self; 6] =
        [Self::Overview, Self::Links, Self::Backups, Self::Incidents, Self::Agents, Self::Discovery];

    /// The path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Links => "/links",
            Self::Backups => "/backups",
            Self::Incidents => "/incidents",
            Self::Agents => "/agents",
            Self::Discovery => "/discovery",
        }
    }

    /// The key of the label.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Overview => "nav-overview",
            Self::Links => "nav-links",
            Self::Backups => "nav-backups",
            Self::Incidents => "nav-incidents",
            Self::Agents => "nav-agents",
            Self::Discovery => "nav-discovery",
        }
    }
}

/// How a thing is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Does it work?
    pub health: Health,
    /// Why.
    pub reason: Reason,
    /// Since when the health has been what it is.
    pub since: Option<Timestamp>,
}

impl Judgement {
    /// Whether the since-time adds anything: some reasons tell their own.
    pub(crate) fn tells_since(&self) -> bool {
        self.since.is_some() && !self.reason.args.contains_key("since")
    }
}

/// How many entities of a kind are in which health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindTotal {
    /// The kind.
    pub kind: EntityKind,
    /// How many, in the order of [`Health::ALL`].
    pub counts: [u64; 5],
}

impl KindTotal {
    /// Counts entities of one kind by their health.
    pub fn of(kind: EntityKind, healths: impl IntoIterator<Item = Health>) -> Self {
        let mut counts = [0; 5];
        for health in healths {
            for (slot, known) in counts.iter_mut().zip(Health::ALL) {
                *slot += u64::from(known == health);
            }
        }
        Self { kind, counts }
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The healths that occur and how often, worst first.
    pub fn worst_first(&self) -> impl Iterator<Item = (Health, u64)> + '_ {
        Health::ALL.into_iter().zip(self.counts).rev().filter(|(_, n)| *n > 0)
    }
}

/// How somebody's first agent would be joined to this controller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JoinHint {
    /// Host and port of the agents' listener, as an agent would reach it.
    pub controller: String,
}

/// `/`
#[derive(Debug, Clone, Default)]
pub struct OverviewView {
    /// One entry per kind that has entities.
    pub totals: Vec<KindTotal>,
    /// Open incidents, in any order; the worst of them are shown.
    pub incidents: Vec<IncidentView>,
    /// How many incidents are open; the list may be cut.
    pub incidents_open: u64,
    /// Notices that stand.
    pub notices: Vec<NoticeView>,
    /// The targets.
    pub targets: Vec<TargetView>,
    /// The machines.
    pub machines: Vec<MachineView>,
    /// The agents.
    pub agents: Vec<AgentView>,
    /// For the case that there is no agent.
    pub join: JoinHint,
}

impl OverviewView {
    /// Incidents that the overview shows.
    const INCIDENTS: usize = 5;

    /// The worst of the open incidents.
    pub(crate) fn worst_incidents(&self) -> Vec<&IncidentView> {
        let mut worst = IncidentView::worst_first(&self.incidents);
        worst.truncate(Self::INCIDENTS);
        worst
    }

    /// Open incidents that are not shown.
    pub(crate) fn more_incidents(&self) -> u64 {
        let open = self.incidents_open.max(self.incidents.len() as u64);
        open - self.incidents.len().min(Self::INCIDENTS) as u64
    }
}

/// A notice that stands.
#[derive(Debug, Clone)]
pub struct NoticeView {
    /// The agent that told it.
    pub agent: String,
    /// What it is about.
    pub subject: Option<Subject>,
    /// What kind of thing.
    pub code: NoticeCode,
    /// How much it matters.
    pub severity: Severity,
    /// The agent's words, in English.
    pub detail: String,
    /// Since when it has stood.
    pub since: Timestamp,
}

/// A machine, its disks and interfaces.
#[derive(Debug, Clone)]
pub struct MachineView {
    /// The entity's identifier.
    pub id: String,
    /// Its site's name.
    pub site: Option<Localized>,
    /// How it is judged.
    pub state: Judgement,
    /// Share of processor time in use.
    pub cpu_busy: Option<f64>,
    /// The same over the last hour, oldest first.
    pub cpu_history: Vec<Option<f64>>,
    /// How many processors.
    pub processors: Option<u64>,
    /// Memory in all, bytes.
    pub memory_total: Option<u64>,
    /// Memory that is left, bytes.
    pub memory_available: Option<u64>,
    /// Swap space in all, bytes.
    pub swap_total: Option<u64>,
    /// Swap space that is left, bytes.
    pub swap_free: Option<u64>,
    /// When it was started.
    pub booted_at: Option<Timestamp>,
    /// How many people are logged in.
    pub sessions: Option<u64>,
    /// Its mounted file systems.
    pub disks: Vec<DiskView>,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceView>,
}

impl MachineView {
    /// Memory in use, bytes.
    pub fn memory_used(&self) -> Option<u64> {
        Some(self.memory_total?.saturating_sub(self.memory_available?))
    }

    /// Share of memory in use.
    pub fn memory_share(&self) -> Option<f64> {
        share(self.memory_used()?, self.memory_total?)
    }

    /// The class of the memory's bar: the machine's health where memory is the reason for it.
    pub(crate) fn memory_class(&self) -> &'static str {
        if self.state.reason.code == "memory_low" { self.state.health.as_str() } else { "plain" }
    }

    /// Swap space in use, bytes; `None` also where there is no swap space.
    pub fn swap_used(&self) -> Option<u64> {
        let total = self.swap_total.filter(|n| *n > 0)?;
        Some(total.saturating_sub(self.swap_free?))
    }

    /// Share of swap space in use.
    pub fn swap_share(&self) -> Option<f64> {
        share(self.swap_used()?, self.swap_total?)
    }
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

/// A mounted file system.
#[derive(Debug, Clone)]
pub struct DiskView {
    /// The entity's identifier, `machine/mount-point`.
    pub id: String,
    /// Where it is mounted.
    pub mount: String,
    /// How it is judged.
    pub state: Judgement,
    /// Size in bytes.
    pub size: Option<u64>,
    /// What is left, in bytes.
    pub available: Option<u64>,
}

impl DiskView {
    /// Share in use.
    pub fn used_share(&self) -> Option<f64> {
        share(self.size?.saturating_sub(self.available?), self.size?)
    }
}

/// An interface of a machine or a device.
#[derive(Debug, Clone)]
pub struct InterfaceView {
    /// The entity's identifier, `owner/name`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it is judged.
    pub state: Judgement,
    /// Whether it is operational.
    pub up: Option<bool>,
    /// Its nominal speed in bits per second.
    pub speed: Option<u64>,
    /// Bytes received per second.
    pub receive: Option<f64>,
    /// Bytes sent per second.
    pub transmit: Option<f64>,
    /// Bytes received per second over the last hour, oldest first.
    pub receive_history: Vec<Option<f64>>,
    /// Bytes sent per second over the last hour, oldest first.
    pub transmit_history: Vec<Option<f64>>,
    /// Errors per second, both directions.
    pub errors: Option<f64>,
    /// Discards per second, both directions.
    pub discards: Option<f64>,
}

/// A target and its latest probe window.
#[derive(Debug, Clone)]
pub struct TargetView {
    /// The entity's identifier.
    pub id: String,
    /// What people call it; the identifier where it has no name.
    pub name: Localized,
    /// The address that is probed.
    pub address: String,
    /// The agent that probes it.
    pub agent: String,
    /// That agent's site.
    pub site: Option<Localized>,
    /// How it is judged.
    pub state: Judgement,
    /// How it is probed.
    pub method: Option<ProbeMethod>,
    /// Median round-trip time, seconds.
    pub rtt_p50: Option<f64>,
    /// 95th percentile of the round-trip time, seconds.
    pub rtt_p95: Option<f64>,
    /// Share of lost probes.
    pub loss: Option<f64>,
    /// Jitter, seconds.
    pub jitter: Option<f64>,
    /// Median round-trip time over the last hour, seconds, oldest first.
    pub rtt_history: Vec<Option<f64>>,
}

/// An agent.
#[derive(Debug, Clone)]
pub struct AgentView {
    /// Its identifier.
    pub id: String,
    /// Its site's name.
    pub site: Option<Localized>,
    /// What it is for.
    pub role: AgentRole,
    /// Its version, once it told it.
    pub version: Option<String>,
    /// How it is judged.
    pub state: Judgement,
    /// Whether it has a session now.
    pub connected: bool,
    /// When it was last heard of.
    pub last_seen: Option<Timestamp>,
    /// Batches that wait in its spool.
    pub spool_pending: Option<u64>,
    /// Bytes that its spool takes.
    pub spool_bytes: Option<u64>,
    /// Its clock minus the controller's, seconds.
    pub clock_offset: Option<f64>,
    /// The offset is within plus or minus this, seconds.
    pub clock_error: Option<f64>,
    /// When its certificate ends.
    pub certificate_expires: Option<Timestamp>,
}

/// `/agents`
#[derive(Debug, Clone, Default)]
pub struct AgentsView {
    /// All agents.
    pub agents: Vec<AgentView>,
    /// For the case that there is none.
    pub join: JoinHint,
}

/// `/agents/{id}`
#[derive(Debug, Clone)]
pub struct AgentDetailView {
    /// The agent.
    pub agent: AgentView,
    /// Its standing notices.
    pub notices: Vec<NoticeView>,
    /// The entities that it observes.
    pub observes: Vec<(Subject, Health)>,
    /// Its charts: resident memory, spool, clock.
    pub charts: Vec<ChartView>,
}

/// A device that is polled by SNMP.
#[derive(Debug, Clone)]
pub struct DeviceView {
    /// The entity's identifier.
    pub id: String,
    /// What people call it; the identifier where it has no name.
    pub name: Localized,
    /// Its address.
    pub host: String,
    /// The agent that polls it.
    pub agent: String,
    /// That agent's site.
    pub site: Option<Localized>,
    /// How it is judged.
    pub state: Judgement,
    /// Since when it has been up, as far as its SNMP agent knows.
    pub up_since: Option<Timestamp>,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceView>,
}

/// A backup job.
#[derive(Debug, Clone)]
pub struct BackupView {
    /// The entity's identifier.
    pub id: String,
    /// What people call it; the identifier where it has no name.
    pub name: Localized,
    /// The agent that looks at it.
    pub agent: String,
    /// That agent's site.
    pub site: Option<Localized>,
    /// The tool and its version.
    pub tool: String,
    /// How it is judged.
    pub state: Judgement,
    /// Whether it was shown to be restorable.
    pub proof: Proof,
    /// What the last look came to.
    pub outcome: Option<BackupOutcome>,
    /// When the newest backup was made.
    pub newest_at: Option<Timestamp>,
    /// Bytes that the newest covers.
    pub newest_bytes: Option<u64>,
    /// How many snapshots there are.
    pub snapshots: Option<u64>,
    /// When it was last looked at.
    pub looked_at: Option<Timestamp>,
    /// The agent's words, in English: what went wrong, what to do. Empty where nothing did.
    pub detail: String,
}

/// `/backups`
#[derive(Debug, Clone, Default)]
pub struct BackupsView {
    /// All jobs.
    pub jobs: Vec<BackupView>,
}

/// `/incidents`
#[derive(Debug, Clone, Default)]
pub struct IncidentsView {
    /// Those that last, in any order.
    pub open: Vec<IncidentView>,
    /// Those that ended lately, in the order in which they shall stand.
    pub ended: Vec<IncidentView>,
    /// What is being worked on, what will be, and what was lately.
    pub maintenances: Vec<MaintenanceView>,
    /// Whether the reader may take an incident on.
    pub may_act: bool,
}

/// An incident.
#[derive(Debug, Clone)]
pub struct IncidentView {
    /// Its number.
    pub id: u64,
    /// The entity whose trouble is the cause.
    pub root: Subject,
    /// What people call the root; the identifier where it has no name.
    pub name: Localized,
    /// The name of the root's site.
    pub site: Option<Localized>,
    /// The worst that it has been.
    pub severity: IncidentSeverity,
    /// The root's health now; `None` when the incident is over.
    pub health: Option<Health>,
    /// Why.
    pub reason: Reason,
    /// When it began.
    pub opened: Timestamp,
    /// When it was over; `None` while it lasts.
    pub ended: Option<Timestamp>,
    /// What suffers from it and its health now, without the root; after the end: what suffered last.
    pub affected: Vec<(Subject, Health)>,
    /// How many suffer from it; the list may be cut.
    pub affected_total: u64,
    /// Who has taken it on: when, the account's name, and what they wrote.
    pub acknowledged: Option<(Timestamp, String, String)>,
    /// The incident that turned out to be the cause of this one.
    pub merged_into: Option<u64>,
    /// What happened, in order.
    pub timeline: Vec<TimelineEntry>,
    /// Entries that the timeline had no room for.
    pub omitted: u64,
}

impl IncidentView {
    /// Entries of the timeline that a list shows.
    const LATEST: usize = 6;

    /// Whether the form to take it on has a point.
    pub(crate) fn may_be_taken(&self) -> bool {
        self.ended.is_none() && self.acknowledged.is_none()
    }

    /// Affected entities that are counted but not listed.
    pub(crate) fn unlisted(&self) -> u64 {
        self.affected_total.saturating_sub(self.affected.len() as u64)
    }

    /// The end of the timeline.
    pub(crate) fn latest(&self) -> &[TimelineEntry] {
        &self.timeline[self.timeline.len().saturating_sub(Self::LATEST)..]
    }

    /// Entries of the timeline before [`Self::latest`].
    pub(crate) fn earlier(&self) -> u64 {
        self.timeline.len().saturating_sub(Self::LATEST) as u64
    }

    /// The maintenance that ended it.
    pub(crate) fn ended_by_maintenance(&self) -> bool {
        matches!(self.timeline.last(), Some(TimelineEntry { event: IncidentEvent::Maintenance { .. }, .. }))
    }

    /// The most urgent first, among these the latest first.
    pub(crate) fn worst_first(incidents: &[Self]) -> Vec<&Self> {
        let mut sorted: Vec<&Self> = incidents.iter().collect();
        sorted.sort_by_key(|i| std::cmp::Reverse((i.severity, i.opened, i.id)));
        sorted
    }
}

/// A stretch of time in which trouble is expected.
#[derive(Debug, Clone)]
pub struct MaintenanceView {
    /// Its number.
    pub id: u64,
    /// The name of the entity or site that it covers.
    pub about: Localized,
    /// That entity, or the site as an entity; `None` where there is no page for it.
    pub subject: Option<Subject>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The account's name.
    pub by: String,
    /// Why; may be empty.
    pub note: String,
    /// Whether it is in force now.
    pub under_way: bool,
}

/// `/entities/{kind}/{id}`
#[derive(Debug, Clone)]
pub struct EntityView {
    /// Which entity.
    pub subject: Subject,
    /// What people call it; the identifier where it has no name.
    pub name: Localized,
    /// Its site's name.
    pub site: Option<Localized>,
    /// How it is judged.
    pub state: Judgement,
    /// What it is doing, as a word of the API.
    pub activity: Option<String>,
    /// Whether it was shown to be restorable; only datasets and backup jobs have this.
    pub proof: Option<Proof>,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// The entity whose trouble causes this one's.
    pub caused_by: Option<Subject>,
    /// The open incident that it is the cause of or suffers from.
    pub incident: Option<u64>,
    /// The agent that observes it and when it last did.
    pub observed: Option<(String, Timestamp)>,
    /// The current values by the names of the history's fields, in the fields' units.
    pub values: Vec<FigureView>,
    /// The charts.
    pub charts: Vec<ChartView>,
    /// Entities that belong to it: a machine's disks and interfaces, a device's sensors.
    pub parts: Vec<PartView>,
}

/// An entity that belongs to another.
#[derive(Debug, Clone)]
pub struct PartView {
    /// Which entity.
    pub subject: Subject,
    /// Its health.
    pub health: Health,
    /// What one looks for first: an interface's rates, how full a disk is, what a sensor measures.
    pub values: Vec<FigureView>,
}

/// A named value.
#[derive(Debug, Clone)]
pub struct FigureView {
    /// The history's name for it, such as `rtt_p50`.
    pub field: String,
    /// Its unit.
    pub unit: Unit,
    /// The value in that unit.
    pub value: Option<f64>,
}

/// A chart of one series.
#[derive(Debug, Clone)]
pub struct ChartView {
    /// The series, `kind/identifier#field@agent`.
    pub series: String,
    /// The history's name for the field.
    pub field: String,
    /// Its unit.
    pub unit: Unit,
}

/// `/login`
#[derive(Debug, Clone, Default)]
pub struct LoginView {
    /// The name that was given before.
    pub name: String,
    /// Why the last attempt came to nothing.
    pub error: Option<LoginError>,
    /// The path to go to afterwards.
    pub next: String,
}

/// Why somebody was not logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// The name or the password is wrong; which one is not told.
    Refused,
    /// Too many attempts; how many minutes to wait.
    TooMany(u64),
    /// The form was too old or came from elsewhere.
    Expired,
}

/// An error's page.
#[derive(Debug, Clone, Default)]
pub struct ErrorView {
    /// The HTTP status.
    pub status: u16,
    /// What an operator may look for in the log.
    pub request: Option<String>,
    /// What happened, in English and safe to show.
    pub detail: Option<String>,
}
