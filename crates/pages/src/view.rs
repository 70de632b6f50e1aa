//! What the pages show, as plain data. The controller fills these; nothing here is formatted yet.
//!
//! `None` always means "not known" and is shown as such; it is never a zero. Ratios are 0 to 1,
//! times of round trips and clocks are seconds, rates are per second.

mod accounting;
mod agents;
mod directions;
mod discovery;
mod entity;
mod events;
mod incidents;
mod links;
mod login;
mod machines;
mod month;

pub use accounting::{AccountingView, ShareView, TalkerView, TalkersView};
pub use agents::{AgentDetailView, AgentView, AgentsView, JoinHint};
pub use directions::{DirectionView, DirectionsView, MeasuredView, TestsMonthView, WayMonthView};
pub use discovery::{DiscoveryView, Known, NeighbourView, StationView};
pub use entity::{ChartView, EntityView, FigureView, PartView};
pub use events::{ChangeView, OccurrenceView};
pub use incidents::{IncidentView, IncidentsView, MaintenanceView};
pub use links::{ContractView, EndView, FlowView, IrregularView, LinkView, LinksView, PlaceView, RingView};
pub use login::{ErrorView, LoginError, LoginView};
pub use machines::{DeviceView, DiskView, InterfaceView, MachineView, PortsView, TargetView};
pub use month::{
    CarriedView, EndMonthView, ForecastView, LinkPageView, MonthView, OutageView, PlannedView, PromiseView,
    QualityView, ReportView, ShareMonthView,
};

use wasl_model::health::{Health, Proof, Reason};
use wasl_model::{BackupOutcome, EntityKind, Localized, NoticeCode, Severity, Subject, Timestamp, UserRole};

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
