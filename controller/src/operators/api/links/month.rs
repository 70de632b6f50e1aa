//! A calendar month of a link as the API tells it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_pages::view::{
    CarriedView, EndMonthView, MonthView, PlannedView, PromiseView, QualityView, ShareMonthView,
    TestsMonthView, WayMonthView,
};

/// A calendar month of a link in the institution's time zone. Lengths are seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MonthBody {
    /// `2026-11`.
    pub month: String,
    /// Its beginning.
    pub from: i64,
    /// Its end, or now while it lasts.
    pub to: i64,
    /// Whether it is over.
    pub over: bool,
    /// The length that is looked at.
    pub total: f64,
    /// Time up.
    pub up: f64,
    /// Time down, planned maintenance included.
    pub down: f64,
    /// Time that nobody looked at.
    pub unobserved: f64,
    /// How much of the time up may have been down unseen, as only means are kept of it.
    pub hidden: f64,
    /// How much of the time down may have been up, or planned, as only means are kept of it.
    #[serde(default)]
    pub doubtful: f64,
    /// Planned maintenance.
    pub planned: f64,
    /// Time down during it.
    pub planned_down: f64,
    /// Up out of what was observed.
    pub availability: Option<f64>,
    /// Up out of what was observed outside of planned maintenance.
    pub availability_owed: Option<f64>,
    /// That, had it been up whenever nobody looked.
    pub availability_best: Option<f64>,
    /// That, had it been down whenever nobody looked.
    pub availability_worst: Option<f64>,
    /// Share of the time that was observed.
    pub covered: Option<f64>,
    /// The availability that was promised.
    pub promised: Option<f64>,
    /// `kept`, `broken`, `open` (what nobody saw decides) or `none` (nothing was promised).
    pub verdict: String,
    /// The outages in order, at most 1000.
    pub outages: Vec<OutageBody>,
    /// How many there were.
    pub outages_total: u64,
    /// All ends together.
    pub quality: QualityBody,
    /// Each end for itself.
    pub ends: Vec<EndMonthBody>,
    /// What was carried towards the last of `between`.
    pub down_flow: CarriedBody,
    /// The other way.
    pub up_flow: CarriedBody,
    /// Seconds, over all ends, that rest on windows as they were measured.
    pub from_windows: f64,
    /// Seconds, over all ends, that rest on means of five minutes or longer.
    pub from_means: f64,
    /// Seconds of both of which no detector told anything, so that only full loss counts as down.
    #[serde(default)]
    pub by_loss: f64,
    /// What was promised beside the availability, and whether it was kept.
    #[serde(default)]
    pub promises: Vec<PromiseBody>,
    /// What each institution used of a shared line.
    #[serde(default)]
    pub shares: Vec<ShareMonthBody>,
    /// What each end that measures both directions by STAMP (RFC 8762) found; empty where none does.
    #[serde(default)]
    pub tests: Vec<TestsMonthBody>,
    /// Planned maintenance that touches the month.
    #[serde(default)]
    pub maintenances: Vec<PlannedBody>,
    /// Stored blocks that are damaged and missing.
    #[serde(default)]
    pub damaged: u64,
    /// The length of a window, seconds.
    #[serde(default)]
    pub window: f64,
    /// The time between two probes, seconds.
    #[serde(default)]
    pub pace: f64,
    /// The time zone of the month.
    #[serde(default)]
    pub zone: String,
}

/// A limit from above that a month is held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PromiseBody {
    /// `loss` (a share), `rtt` or `jitter` (seconds, medians).
    pub item: String,
    /// The most that was promised.
    pub most: f64,
    /// What was found.
    pub found: Option<f64>,
    /// `kept`, `broken` or `open` (what was measured does not decide).
    pub verdict: String,
}

/// What one institution used of a shared line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShareMonthBody {
    /// Its identifier within the link.
    pub id: String,
    /// Towards it. `contracted` is its share.
    pub down: CarriedBody,
    /// The other way.
    pub up: CarriedBody,
}

/// What one end's tests told. "Forward" is from it to the other end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestsMonthBody {
    /// The agent that measures.
    pub agent: String,
    /// The reflector.
    pub to: String,
    /// The network interface that tests leave by, where that is bound.
    pub via: Option<String>,
    /// The time between two tests, seconds.
    pub pace: f64,
    /// The way there.
    pub forward: WayMonthBody,
    /// The way back.
    pub back: WayMonthBody,
    /// Lost tests of which nobody knows the direction; they count in neither.
    pub undecided: u64,
    /// For how long the fates of tests were decided, seconds.
    pub observed: f64,
    /// That as a share of the time that is looked at.
    pub covered: Option<f64>,
    /// Windows.
    pub windows: u64,
    /// Windows that tell delays, because both clocks were known to be right.
    pub windows_with_delays: u64,
    /// By how much both delays may be off, seconds: the mean over the windows that tell delays.
    pub delay_error: Option<f64>,
}

/// One direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WayMonthBody {
    /// `down` leads to the last of `between`, `up` the other way; none where the tests come from elsewhere.
    pub direction: Option<String>,
    /// Tests whose fate in this direction is known.
    pub tests: u64,
    /// Those that it lost.
    pub lost: u64,
    /// Their share.
    pub loss: Option<f64>,
    /// The least that the share is at 95 %.
    pub loss_low: Option<f64>,
    /// The most.
    pub loss_high: Option<f64>,
    /// The mean of the windows' median delays, seconds, true to within `delay_error`.
    pub delay: Option<f64>,
}

/// Planned maintenance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedBody {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub until: i64,
    /// Who announced it.
    pub by: String,
    /// Why.
    pub note: String,
}

/// A stretch during which nothing got through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutageBody {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// Its length, seconds.
    pub seconds: f64,
    /// Seconds of it that were planned.
    pub planned: f64,
    /// Whether it touches time that nobody looked at.
    pub open: bool,
    /// Whether it is put together from means, so that its length is known, but not where within them it lies.
    #[serde(default)]
    pub placed: bool,
}

/// What was lost and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QualityBody {
    /// Probes that the time has room for.
    pub expected: u64,
    /// Probes whose fate is known.
    pub sent: u64,
    /// Probes that were lost.
    pub lost: u64,
    /// Their share.
    pub loss: Option<f64>,
    /// The least that the share is at 95 %.
    pub loss_low: Option<f64>,
    /// The most.
    pub loss_high: Option<f64>,
    /// Round-trip time, median, seconds.
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
    /// Mean opinion score of a call while it was up.
    pub mos: Option<f64>,
}

/// What one end saw in a month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndMonthBody {
    /// The agent that probes.
    pub agent: String,
    /// Seconds up.
    pub up: f64,
    /// Seconds down.
    pub down: f64,
    /// Seconds that it did not look.
    pub unobserved: f64,
    /// Loss and times.
    pub quality: QualityBody,
    /// The least offset of its clock, seconds.
    pub clock_low: Option<f64>,
    /// The greatest.
    pub clock_high: Option<f64>,
}

/// What one direction carried: 5-minute averages over the calendar month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CarriedBody {
    /// 95th percentile, bits per second.
    pub p95: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// Bytes in all, as far as there are averages.
    #[serde(default)]
    pub bytes: Option<f64>,
    /// Averages that there are.
    pub samples: u64,
    /// Averages that the time has room for.
    pub expected: u64,
    /// Bits per second that were bought.
    pub contracted: Option<u64>,
    /// The 95th percentile as a share of that.
    pub share: Option<f64>,
}

impl From<&QualityView> for QualityBody {
    fn from(q: &QualityView) -> Self {
        Self {
            expected: q.expected,
            sent: q.sent,
            lost: q.lost,
            loss: q.loss,
            loss_low: q.loss_between.map(|(low, _)| low),
            loss_high: q.loss_between.map(|(_, high)| high),
            rtt_p50: q.rtt_p50,
            rtt_p95: q.rtt_p95,
            rtt_p99: q.rtt_p99,
            rtt_max: q.rtt_max,
            jitter_p50: q.jitter_p50,
            jitter_p95: q.jitter_p95,
            mos: q.mos,
        }
    }
}

impl From<&CarriedView> for CarriedBody {
    fn from(carried: &CarriedView) -> Self {
        let bits = |bytes: Option<f64>| bytes.map(|bytes| bytes * 8.0);
        Self {
            p95: bits(carried.p95),
            max: bits(carried.max),
            mean: bits(carried.mean),
            bytes: carried.bytes,
            samples: carried.samples,
            expected: carried.expected,
            contracted: carried.contracted,
            share: carried.share(),
        }
    }
}

impl From<&PromiseView> for PromiseBody {
    fn from(promise: &PromiseView) -> Self {
        Self {
            item: promise.item.to_owned(),
            most: promise.most,
            found: promise.found,
            verdict: promise.verdict.to_owned(),
        }
    }
}

impl From<&ShareMonthView> for ShareMonthBody {
    fn from(share: &ShareMonthView) -> Self {
        Self { id: share.id.clone(), down: (&share.down).into(), up: (&share.up).into() }
    }
}

impl WayMonthBody {
    fn of(way: &WayMonthView, leads_down: Option<bool>) -> Self {
        Self {
            direction: leads_down.map(|down| if down { "down" } else { "up" }.to_owned()),
            tests: way.tests,
            lost: way.lost,
            loss: way.loss,
            loss_low: way.loss_between.map(|(low, _)| low),
            loss_high: way.loss_between.map(|(_, high)| high),
            delay: way.delay,
        }
    }
}

impl From<&TestsMonthView> for TestsMonthBody {
    fn from(end: &TestsMonthView) -> Self {
        let [(_, there, forward), (_, home, back)] = end.ways();
        Self {
            agent: end.agent.clone(),
            to: end.to.clone(),
            via: end.via.clone(),
            pace: end.pace,
            forward: WayMonthBody::of(forward, there),
            back: WayMonthBody::of(back, home),
            undecided: end.undecided,
            observed: end.observed,
            covered: end.covered,
            windows: end.windows,
            windows_with_delays: end.windows_with_delays,
            delay_error: end.delay_error,
        }
    }
}

impl From<&PlannedView> for PlannedBody {
    fn from(planned: &PlannedView) -> Self {
        Self {
            from: planned.from.0,
            until: planned.until.0,
            by: planned.by.clone(),
            note: planned.note.clone(),
        }
    }
}

impl From<&EndMonthView> for EndMonthBody {
    fn from(end: &EndMonthView) -> Self {
        Self {
            agent: end.agent.clone(),
            up: end.up,
            down: end.down,
            unobserved: end.unobserved,
            quality: QualityBody::from(&end.quality),
            clock_low: end.clock.map(|(low, _)| low),
            clock_high: end.clock.map(|(_, high)| high),
        }
    }
}

impl From<&MonthView> for MonthBody {
    fn from(month: &MonthView) -> Self {
        Self {
            month: month.month.clone(),
            from: month.from.0,
            to: month.to.0,
            over: month.over,
            total: month.total,
            up: month.up,
            down: month.down,
            unobserved: month.unobserved,
            hidden: month.hidden,
            doubtful: month.doubtful,
            planned: month.planned,
            planned_down: month.planned_down,
            availability: month.observed,
            availability_owed: month.owed,
            availability_best: month.best,
            availability_worst: month.worst,
            covered: month.covered,
            promised: month.promised,
            verdict: month.verdict.to_owned(),
            outages: month
                .outages
                .iter()
                .map(|outage| OutageBody {
                    from: outage.from.0,
                    to: outage.to.0,
                    seconds: outage.seconds(),
                    planned: outage.planned,
                    open: outage.open,
                    placed: outage.placed,
                })
                .collect(),
            outages_total: month.outages_total,
            quality: QualityBody::from(&month.quality),
            ends: month.ends.iter().map(EndMonthBody::from).collect(),
            down_flow: CarriedBody::from(&month.down_flow),
            up_flow: CarriedBody::from(&month.up_flow),
            from_windows: month.from_windows,
            from_means: month.from_means,
            by_loss: month.by_loss,
            promises: month.promises.iter().map(PromiseBody::from).collect(),
            shares: month.shares.iter().map(ShareMonthBody::from).collect(),
            tests: month.tests.iter().map(TestsMonthBody::from).collect(),
            maintenances: month.maintenances.iter().map(PlannedBody::from).collect(),
            damaged: month.damaged,
            window: month.window,
            pace: month.pace,
            zone: month.zone.clone(),
        }
    }
}
