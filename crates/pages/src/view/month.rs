//! A calendar month of a link, as reports show it.

use wasl_model::units::Unit;
use wasl_model::{Localized, Timestamp};

use super::{ChangeView, LinkView, MeasuredView, Subject, TalkersView, TestsMonthView, WayMonthView};

/// A calendar month of a link. Lengths are seconds, shares are 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MonthView {
    /// `2026-11`.
    pub month: String,
    /// Its beginning in the institution's time zone.
    pub from: Timestamp,
    /// Its end, or now while it lasts.
    pub to: Timestamp,
    /// Whether it is over.
    pub over: bool,
    /// The length that is looked at.
    pub total: f64,
    /// How long the link was up.
    pub up: f64,
    /// How long it was down, planned maintenance included.
    pub down: f64,
    /// How long nobody looked.
    pub unobserved: f64,
    /// How much of the time as up may have been down unseen, as only means are kept of it.
    pub hidden: f64,
    /// How much of the time as down may have been up, or planned, as only means are kept of it.
    pub doubtful: f64,
    /// How long maintenance was planned for.
    pub planned: f64,
    /// How much of the time down was planned.
    pub planned_down: f64,
    /// Up out of what was observed.
    pub observed: Option<f64>,
    /// Up out of what was observed outside of planned maintenance.
    pub owed: Option<f64>,
    /// That, had it been up whenever nobody looked.
    pub best: Option<f64>,
    /// That, had it been down whenever nobody looked.
    pub worst: Option<f64>,
    /// Share of the time that was observed.
    pub covered: Option<f64>,
    /// The availability that was promised.
    pub promised: Option<f64>,
    /// `kept`, `broken`, `open` (what nobody saw decides) or `none` (nothing was promised).
    pub verdict: &'static str,
    /// The outages in order; the list may be cut.
    pub outages: Vec<OutageView>,
    /// How many there were.
    pub outages_total: u64,
    /// The longest, seconds.
    pub longest: Option<f64>,
    /// All ends together.
    pub quality: QualityView,
    /// Towards the last place.
    pub down_flow: CarriedView,
    /// The other way.
    pub up_flow: CarriedView,
    /// Each end for itself.
    pub ends: Vec<EndMonthView>,
    /// What each end that measures both directions found, in the order of the configuration.
    pub tests: Vec<TestsMonthView>,
    /// Planned maintenance that touches the month.
    pub maintenances: Vec<PlannedView>,
    /// Seconds, over all ends, that rest on windows as they were measured.
    pub from_windows: f64,
    /// Seconds, over all ends, that rest on means of five minutes or longer.
    pub from_means: f64,
    /// Seconds of both that rest on losses alone, as the agent told no time down.
    pub by_loss: f64,
    /// What was promised beside the availability, and whether it was kept.
    pub promises: Vec<PromiseView>,
    /// What each institution used of a shared line, in the order of the configuration.
    pub shares: Vec<ShareMonthView>,
    /// The length of a window, seconds.
    pub window: f64,
    /// The time between two probes, seconds.
    pub pace: f64,
    /// The name of the institution's time zone.
    pub zone: String,
    /// Stored blocks that were damaged and are missing.
    pub damaged: u64,
}

/// A limit from above that a month is held against: `loss`, `rtt` or `jitter`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PromiseView {
    /// What is limited.
    pub item: &'static str,
    /// The most that was promised: a share, or seconds.
    pub most: f64,
    /// What was found; `None` where nothing was measured.
    pub found: Option<f64>,
    /// `kept`, `broken`, or `open` (what was measured does not decide).
    pub verdict: &'static str,
}

/// What one institution used of a shared line.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareMonthView {
    /// Its identifier within the link.
    pub id: String,
    /// What people call it.
    pub name: Localized,
    /// Towards it.
    pub down: CarriedView,
    /// The other way.
    pub up: CarriedView,
}

/// A stretch during which nothing got through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutageView {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Seconds of it that were planned.
    pub planned: f64,
    /// Whether it touches time that nobody looked at, so that it may have been longer.
    pub open: bool,
    /// Whether it rests on means, so that only its length is known, and not where in these it lies.
    pub placed: bool,
}

impl OutageView {
    /// Its length, seconds.
    pub fn seconds(&self) -> f64 {
        (self.to.0 - self.from.0) as f64 / 1000.0
    }
}

/// What was lost and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct QualityView {
    /// Probes whose fate is known.
    pub sent: u64,
    /// Probes that the time has room for at the link's pace.
    pub expected: u64,
    /// Those that were lost.
    pub lost: u64,
    /// Their share.
    pub loss: Option<f64>,
    /// The 95 % interval of that share.
    pub loss_between: Option<(f64, f64)>,
    /// Round-trip times, seconds.
    pub rtt_p50: Option<f64>,
    /// 95th percentile.
    pub rtt_p95: Option<f64>,
    /// 99th percentile.
    pub rtt_p99: Option<f64>,
    /// The longest.
    pub rtt_max: Option<f64>,
    /// Median of the windows' jitter, seconds.
    pub jitter_p50: Option<f64>,
    /// 95th percentile of it.
    pub jitter_p95: Option<f64>,
    /// Mean opinion score by the medians and the loss while it was up.
    pub mos: Option<f64>,
}

/// What one direction carried.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CarriedView {
    /// 95th percentile of the 5-minute averages, bytes per second.
    pub p95: Option<f64>,
    /// The largest average.
    pub max: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// Bytes in all, as far as there are averages.
    pub bytes: Option<f64>,
    /// Averages that there are.
    pub samples: u64,
    /// Averages that the time has room for.
    pub expected: u64,
    /// What was bought, bits per second.
    pub contracted: Option<u64>,
    /// The interface and the direction there.
    pub interface: Option<(Subject, &'static str)>,
}

impl CarriedView {
    /// The 95th percentile as a share of what was bought.
    pub fn share(&self) -> Option<f64> {
        let bought = self.contracted.filter(|bits| *bits > 0)?;
        Some(self.p95? * 8.0 / bought as f64)
    }
}

/// What one end saw in a month.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndMonthView {
    /// The agent that probes.
    pub agent: String,
    /// Its site.
    pub site: Option<Localized>,
    /// Seconds up.
    pub up: f64,
    /// Seconds down.
    pub down: f64,
    /// Seconds that it did not look.
    pub unobserved: f64,
    /// Loss and times.
    pub quality: QualityView,
    /// The least and the greatest offset of its clock from the controller's in the month, seconds.
    pub clock: Option<(f64, f64)>,
}

/// Planned maintenance.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedView {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who announced it.
    pub by: String,
    /// Why.
    pub note: String,
}

/// When a direction will be full.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ForecastView {
    /// There is no contracted rate, or no interface that tells the traffic.
    Unasked,
    /// Too few days: how many there are, and how many it takes.
    TooLittle {
        /// Days with a busy hour.
        days: u64,
        /// Days that it takes.
        needed: u64,
    },
    /// It is full already.
    Full {
        /// The busy hour now, a share of what was bought.
        now: f64,
    },
    /// No growth can be told.
    Steady {
        /// The busy hour now, a share of what was bought.
        now: f64,
    },
    /// It grows.
    Grows {
        /// The busy hour now, a share of what was bought.
        now: f64,
        /// Growth in 30 days, in shares of what was bought.
        per_month: f64,
        /// When it is full; `None` where that is more than two years away.
        at: Option<Timestamp>,
        /// At the earliest.
        earliest: Option<Timestamp>,
        /// At the latest.
        latest: Option<Timestamp>,
    },
}

impl ForecastView {
    /// The word of the API.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::TooLittle { .. } => "too_little",
            Self::Full { .. } => "full",
            Self::Steady { .. } => "steady",
            Self::Grows { .. } => "grows",
        }
    }
}

/// `/entities/link/{id}`
#[derive(Debug, Clone)]
pub struct LinkPageView {
    /// The link now.
    pub link: LinkView,
    /// Its latest changes, newest first.
    pub changes: Vec<ChangeView>,
    /// Its months, newest first.
    pub months: Vec<MonthView>,
    /// Towards the last place.
    pub down_forecast: ForecastView,
    /// The other way.
    pub up_forecast: ForecastView,
}

/// `/links/{id}/report`
#[derive(Debug, Clone)]
pub struct ReportView {
    /// The link as it is configured now.
    pub link: LinkView,
    /// The month.
    pub month: MonthView,
    /// Who asked for it; `None` for somebody who is not known by name.
    pub by: Option<String>,
}

/// A chart on a link's page.
#[derive(Debug, Clone)]
pub(crate) struct LinkChart {
    /// The series.
    pub(crate) series: String,
    /// Its unit.
    pub(crate) unit: Unit,
    /// What was bought, bits per second.
    pub(crate) contracted: Option<u64>,
    /// That in the series' unit, for the line in the chart; empty where nothing was bought.
    pub(crate) mark: String,
    /// Whose share of the line it is, or who measured it; `None` for the line's own traffic.
    pub(crate) whose: Option<Localized>,
}

/// Shares of a line that are drawn; the table has them all.
const SHARES_DRAWN: usize = 12;

impl LinkPageView {
    /// Who uses it most, where that is counted.
    pub(crate) fn talkers(&self) -> Option<&TalkersView> {
        self.link.accounting.as_ref()?.talkers.as_ref()
    }

    fn this_month(&self) -> Option<&MonthView> {
        self.months.first()
    }

    pub(crate) fn month_rtt(&self) -> Option<f64> {
        self.this_month()?.quality.rtt_p50
    }

    pub(crate) fn month_jitter(&self) -> Option<f64> {
        self.this_month()?.quality.jitter_p50
    }

    pub(crate) fn month_loss(&self) -> Option<f64> {
        self.this_month()?.quality.loss
    }

    pub(crate) fn month_owed(&self) -> Option<f64> {
        self.this_month()?.owed
    }

    /// The 95th percentile of this month's traffic.
    pub(crate) fn month_p95(&self, down: bool) -> Option<f64> {
        let month = self.this_month()?;
        if down { month.down_flow.p95 } else { month.up_flow.p95 }
    }

    /// The charts of its two directions, of its traffic and of the institutions' that share it, each with the key of its
    /// label.
    pub(crate) fn charts(&self) -> Vec<(LinkChart, &'static str)> {
        let chart = |flow: &super::FlowView, whose: Option<&Localized>, label| {
            let series = flow.series.clone()?;
            let chart = LinkChart {
                series,
                unit: Unit::BytesPerSecond,
                contracted: flow.contracted,
                mark: flow.contracted.map(|bits| (bits as f64 / 8.0).to_string()).unwrap_or_default(),
                whose: whose.cloned(),
            };
            Some((chart, label))
        };
        let both = |down, up, whose| {
            [chart(down, whose, "throughput-down"), chart(up, whose, "throughput-up")].into_iter().flatten()
        };
        let shares = self.link.accounting.iter().flat_map(|accounting| &accounting.shares);
        let shares =
            shares.take(SHARES_DRAWN).flat_map(|share| both(&share.down, &share.up, Some(&share.name)));
        let directions = self.link.directions.iter().flat_map(|directions| &directions.measured);
        let directions = directions.filter(|end| end.at.is_some()).flat_map(charts_of_directions);
        directions.chain(both(&self.link.down, &self.link.up, None)).chain(shares).collect()
    }
}

/// What one end measures of both directions; the delays where they are told.
fn charts_of_directions(end: &MeasuredView) -> impl Iterator<Item = (LinkChart, &'static str)> {
    let chart = |series: &String, unit, label| {
        let whose = Some(Localized::from(end.agent.as_str()));
        (LinkChart { series: series.clone(), unit, contracted: None, mark: String::new(), whose }, label)
    };
    let losses = [(&end.there, "field-loss_forward"), (&end.back, "field-loss_back")]
        .map(|(way, label)| chart(&way.loss_series, Unit::Ratio, label));
    let delays = [(&end.there, "field-delay_forward_p50"), (&end.back, "field-delay_back_p50")]
        .map(|(way, label)| chart(&way.delay_series, Unit::Seconds, label));
    losses.into_iter().chain(delays.into_iter().filter(|_| end.clock_error.is_some()))
}

impl ReportView {
    /// Whether outages were left out of the list.
    pub(crate) fn is_cut(&self) -> bool {
        self.month.outages_total > self.month.outages.len() as u64
    }

    /// Directions of what institutions used, each with its name and the key of its direction.
    pub(crate) fn shares(&self) -> Vec<(&Localized, &'static str, &CarriedView)> {
        self.month
            .shares
            .iter()
            .flat_map(|share| {
                [(&share.name, "throughput-down", &share.down), (&share.name, "throughput-up", &share.up)]
            })
            .collect()
    }

    /// All ends together, then each.
    pub(crate) fn qualities(&self) -> Vec<(Option<&str>, &QualityView)> {
        let all = std::iter::once((None, &self.month.quality));
        all.chain(self.month.ends.iter().map(|end| (Some(end.agent.as_str()), &end.quality))).collect()
    }

    /// The directions that are measured by themselves, each with who measures it, and as in [`TestsMonthView::ways`].
    pub(crate) fn ways(&self) -> Vec<(&TestsMonthView, bool, Option<bool>, &WayMonthView)> {
        let tests = self.month.tests.iter();
        tests.flat_map(|end| end.ways().map(|(there, down, way)| (end, there, down, way))).collect()
    }

    /// Whether the delay of any direction is told.
    pub(crate) fn tells_delays(&self) -> bool {
        self.month.tests.iter().any(|end| end.windows_with_delays > 0)
    }

    pub(crate) fn flows(&self) -> [(&'static str, &CarriedView); 2] {
        [("throughput-down", &self.month.down_flow), ("throughput-up", &self.month.up_flow)]
    }
}
