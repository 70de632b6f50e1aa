//! What reports say of a link's past: read from the history, added up by [`wasl_health::report`].
//!
//! A month is read in pieces that fit what the store gives at once, so that windows as they were measured
//! are used as far back as they are kept, and means of five minutes before. What was worked out is
//! remembered for some minutes: a month over two ends is millions of values.

mod known;
pub mod month;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::Mutex;
use wasl_health::report::{self, Forecast};
use wasl_model::{Subject, Timestamp};
use wasl_pages::view::{ContractView, FlowView, ForecastView, LinkView, MonthView, PlannedView, ShareView};
use wasl_store::{Error, Store};

use known::Known;
pub use month::Month;
pub(crate) use read::Question;

/// How long an answer is good for.
const GOOD_FOR: Duration = Duration::from_mins(5);
/// How long that of a month is that is over: only backfill still changes it.
const SETTLED_FOR: Duration = Duration::from_hours(1);
/// The most answers of a kind that are remembered.
const REMEMBERED: usize = 600;
/// The most outages that are listed.
const LISTED: usize = 1000;
const DAY_MS: i64 = 86_400_000;
/// How far back months are looked for: five years, for which means are kept if not said otherwise, and a month.
const OLDEST_DAYS: i64 = 5 * 366 + 31;

/// Works months and forecasts out, one at a time, and remembers them for a while.
#[derive(Default)]
pub struct Past {
    months: Mutex<Known<(String, Month), MonthBasis, Arc<MonthView>>>,
    forecasts: Mutex<Known<(String, bool), ForecastBasis, ForecastView>>,
    firsts: Mutex<Known<String, Vec<String>, Option<i64>>>,
    shares: Mutex<Known<String, SharesBasis, Vec<SharePeaks>>>,
}

/// The series of a direction, and what it is held against.
type FlowBasis = (Option<String>, Option<u64>, Option<Subject>);

/// Who measures both directions, to where, by which way, how often, and where that leads.
type TestsBasis = (String, String, Option<String>, f64, Option<bool>);

/// All of a question about a month that its answer follows from, beside the history.
#[derive(Debug, Clone, PartialEq)]
struct MonthBasis {
    ends: Vec<String>,
    contract: ContractView,
    flows: [FlowBasis; 2],
    shares: Vec<(String, FlowBasis, FlowBasis)>,
    tests: Vec<TestsBasis>,
    planned: Vec<PlannedView>,
    window: Duration,
    pace: Duration,
    zone: Option<String>,
}

/// The same of a forecast: the direction and the zone.
type ForecastBasis = (FlowBasis, Option<String>);

/// The same of the shares of a line: each with the series of its directions; the month, and the zone.
type SharesBasis = (Vec<ShareSeries>, Month, Option<String>);

/// The identifier of a share, and the series of what it takes and gives.
type ShareSeries = (String, Option<String>, Option<String>);

/// What a share used each way, 95th percentiles.
type SharePeaks = [Option<f64>; 2];

fn flow_basis(flow: &FlowView) -> FlowBasis {
    let interface = flow.interface.as_ref().map(|(subject, _)| subject.clone());
    (flow.series.clone(), flow.contracted, interface)
}

fn zone_name(zone: &TimeZone) -> Option<String> {
    zone.iana_name().map(str::to_owned)
}

impl MonthBasis {
    fn of(question: &Question<'_>, planned: &[PlannedView]) -> Self {
        let link = question.link;
        let shares = link.accounting.iter().flat_map(|accounting| &accounting.shares);
        Self {
            ends: link.ends.iter().map(|end| end.agent.clone()).collect(),
            contract: link.contract,
            flows: [flow_basis(&link.down), flow_basis(&link.up)],
            shares: shares
                .map(|share| (share.id.clone(), flow_basis(&share.down), flow_basis(&share.up)))
                .collect(),
            tests: link
                .directions
                .iter()
                .flat_map(|directions| &directions.measured)
                .map(|end| (end.agent.clone(), end.to.clone(), end.via.clone(), end.pace, end.leads_down))
                .collect(),
            planned: planned.to_vec(),
            window: question.window,
            pace: question.pace,
            zone: zone_name(&question.zone),
        }
    }
}

impl Past {
    /// A month of a link.
    pub(crate) async fn month(
        &self,
        store: &dyn Store,
        question: &Question<'_>,
        month: Month,
    ) -> Result<Arc<MonthView>, Error> {
        let planned = read::maintenances(store, question, month).await?;
        // Held while it is worked out: whoever asks for the same waits instead of reading it all again.
        let mut months = self.months.lock().await;
        let (key, basis) = ((question.link.id.clone(), month), MonthBasis::of(question, &planned));
        let good_for = |known: &Arc<MonthView>| if known.over { SETTLED_FOR } else { GOOD_FOR };
        if let Some(known) = months.get(&key, &basis, question.now, good_for) {
            return Ok(known);
        }
        let found = Arc::new(read::month(store, question, month, planned).await?);
        months.put(key, basis, question.now, found.clone());
        Ok(found)
    }

    /// The months of a link, the newest first, back to the first of which anything is kept; at most `most`.
    /// Months between them of which nothing is kept are among them: nobody looked then.
    pub(crate) async fn months(
        &self,
        store: &dyn Store,
        question: &Question<'_>,
        most: usize,
    ) -> Result<Vec<Arc<MonthView>>, Error> {
        let this = Month::of(question.now, &question.zone);
        let first = self.first(store, question).await?;
        let mut out = Vec::new();
        for month in std::iter::successors(Some(this), |month| Some(month.before())).take(most) {
            if !out.is_empty() && first.is_none_or(|first| month.span(&question.zone).to <= first) {
                break;
            }
            out.push(self.month(store, question, month).await?);
        }
        Ok(out)
    }

    /// Since when anything is kept of a link, to a day.
    async fn first(&self, store: &dyn Store, question: &Question<'_>) -> Result<Option<i64>, Error> {
        let mut known = self.firsts.lock().await;
        let ends: Vec<String> = question.link.ends.iter().map(|end| end.agent.clone()).collect();
        if let Some(first) = known.get(&question.link.id, &ends, question.now, |_| GOOD_FOR) {
            return Ok(first);
        }
        let within = report::Span { from: question.now.0 - OLDEST_DAYS * DAY_MS, to: question.now.0 };
        let first = read::first(store, question, within).await?;
        known.put(question.link.id.clone(), ends, question.now, first);
        Ok(first)
    }

    /// Fills in what each institution on a shared line used of it in this month: the 95th percentile of the
    /// five-minute means, each way.
    pub(crate) async fn fill_shares(
        &self,
        store: &dyn Store,
        link: &mut LinkView,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<(), Error> {
        let Some(accounting) = link.accounting.as_mut().filter(|accounting| !accounting.shares.is_empty())
        else {
            return Ok(());
        };
        let month = Month::of(now, zone);
        let series =
            |share: &ShareView| (share.id.clone(), share.down.series.clone(), share.up.series.clone());
        let basis = (accounting.shares.iter().map(series).collect(), month, zone_name(zone));
        let mut known = self.shares.lock().await;
        let found = if let Some(found) = known.get(&link.id, &basis, now, |_| GOOD_FOR) {
            found
        } else {
            let within = month.span(zone);
            let within = report::Span { to: within.to.min(now.0).max(within.from), ..within };
            let mut found = Vec::new();
            for share in &accounting.shares {
                let (down, up) = (&share.down, &share.up);
                let carried =
                    [read::carried(store, down, within).await?, read::carried(store, up, within).await?];
                found.push(carried.map(|carried| carried.p95));
            }
            known.put(link.id.clone(), basis, now, found.clone());
            found
        };
        for (share, [down, up]) in accounting.shares.iter_mut().zip(found) {
            (share.down_p95, share.up_p95) = (down, up);
        }
        Ok(())
    }

    /// When a direction of a link will be full. `down`: towards its last place.
    pub(crate) async fn forecast(
        &self,
        store: &dyn Store,
        link: &LinkView,
        down: bool,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<ForecastView, Error> {
        let flow = if down { &link.down } else { &link.up };
        let mut forecasts = self.forecasts.lock().await;
        let (key, basis) = ((link.id.clone(), down), (flow_basis(flow), zone_name(zone)));
        if let Some(known) = forecasts.get(&key, &basis, now, |_| GOOD_FOR) {
            return Ok(known);
        }
        let found = forecast(store, flow, now, zone).await?;
        forecasts.put(key, basis, now, found);
        Ok(found)
    }
}

async fn forecast(
    store: &dyn Store,
    flow: &FlowView,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<ForecastView, Error> {
    let (Some(series), Some(bought)) = (&flow.series, flow.contracted.filter(|bits| *bits > 0)) else {
        return Ok(ForecastView::Unasked);
    };
    let from = now.0 - (report::forecast::DAYS as i64 + 1) * DAY_MS;
    let averages = read::averages(store, series, report::Span { from, to: now.0 }).await?;
    let mut days: BTreeMap<i64, Vec<(i64, f64)>> = BTreeMap::new();
    for (at, bytes) in averages {
        days.entry(month::day(at, zone)).or_default().push((at, bytes * 8.0 / bought as f64));
    }
    let today = month::day(now.0, zone);
    // Today is not over, and its busy hour may be still to come.
    let busy: Vec<(f64, f64)> = days
        .iter()
        .filter(|(day, _)| **day < today)
        .filter_map(|(day, averages)| Some((*day as f64, report::busy_hour(averages)?)))
        .collect();
    let at = |days: f64| Timestamp(now.0 + (days.max(0.0) * DAY_MS as f64) as i64);
    Ok(match report::forecast(&busy, today as f64) {
        Forecast::TooLittle { days } => {
            ForecastView::TooLittle { days: days as u64, needed: report::forecast::LEAST as u64 }
        }
        Forecast::Full { now } => ForecastView::Full { now },
        Forecast::Steady { now } => ForecastView::Steady { now },
        Forecast::Grows { now, per_day, days, earliest, latest } => ForecastView::Grows {
            now,
            per_month: per_day * 30.0,
            at: days.map(at),
            earliest: earliest.map(at),
            latest: latest.map(at),
        },
    })
}
