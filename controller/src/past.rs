//! What reports say of a link's past: read from the history, added up by [`wasl_health::report`].
//!
//! A month is read in pieces that fit what the store gives at once, so that windows as they were measured
//! are used as far back as they are kept, and means of five minutes before. What was worked out is
//! remembered for some minutes: a month over two ends is millions of values.

pub mod month;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::Mutex;
use wasl_health::report::{self, Forecast};
use wasl_model::Timestamp;
use wasl_pages::view::{FlowView, ForecastView, LinkView, MonthView};
use wasl_store::{Error, Store};

pub use month::Month;
pub(crate) use read::Question;

/// How long an answer is good for: a month that is over may still be completed by backfill.
const GOOD_FOR: Duration = Duration::from_mins(5);
/// The most answers that are remembered.
const REMEMBERED: usize = 600;
/// The most outages that are listed.
const LISTED: usize = 1000;
const DAY_MS: i64 = 86_400_000;

/// What was worked out, and when.
type Known<K, V> = Mutex<BTreeMap<K, (Timestamp, V)>>;

/// Works months and forecasts out, one at a time, and remembers them for a while.
#[derive(Default)]
pub struct Past {
    months: Known<(String, Month), Arc<MonthView>>,
    forecasts: Known<(String, bool), ForecastView>,
    shares: Known<String, Vec<[Option<f64>; 2]>>,
}

impl Past {
    /// A month of a link.
    pub(crate) async fn month(
        &self,
        store: &dyn Store,
        question: &Question<'_>,
        month: Month,
    ) -> Result<Arc<MonthView>, Error> {
        // Held while it is worked out: whoever asks for the same waits instead of reading it all again.
        let mut months = self.months.lock().await;
        let key = (question.link.id.clone(), month);
        if let Some((at, known)) = months.get(&key)
            && question.now.since(*at) < GOOD_FOR
            && known.promised == question.link.contract.availability
        {
            return Ok(known.clone());
        }
        let found = Arc::new(read::month(store, question, month).await?);
        if months.len() >= REMEMBERED {
            months.clear();
        }
        months.insert(key, (question.now, found.clone()));
        Ok(found)
    }

    /// The months of a link, the newest first, back to the first of `most` of which nothing is kept.
    pub(crate) async fn months(
        &self,
        store: &dyn Store,
        question: &Question<'_>,
        most: usize,
    ) -> Result<Vec<Arc<MonthView>>, Error> {
        let mut out = Vec::new();
        let mut month = Month::of(question.now, &question.zone);
        for _ in 0..most {
            let found = self.month(store, question, month).await?;
            if found.quality.sent == 0 && !out.is_empty() {
                break;
            }
            out.push(found);
            month = month.before();
        }
        Ok(out)
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
        let mut known = self.shares.lock().await;
        let fresh = known
            .get(&link.id)
            .filter(|(at, found)| now.since(*at) < GOOD_FOR && found.len() == accounting.shares.len());
        let found = if let Some((_, found)) = fresh {
            found.clone()
        } else {
            let within = Month::of(now, zone).span(zone);
            let within = report::Span { to: within.to.min(now.0).max(within.from), ..within };
            let mut found = Vec::new();
            for share in &accounting.shares {
                let (down, up) = (&share.down, &share.up);
                let carried =
                    [read::carried(store, down, within).await?, read::carried(store, up, within).await?];
                found.push(carried.map(|carried| carried.p95));
            }
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(link.id.clone(), (now, found.clone()));
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
        let key = (link.id.clone(), down);
        if let Some((at, known)) = forecasts.get(&key)
            && now.since(*at) < GOOD_FOR
        {
            return Ok(*known);
        }
        let found = forecast(store, flow, now, zone).await?;
        if forecasts.len() >= REMEMBERED {
            forecasts.clear();
        }
        forecasts.insert(key, (now, found));
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
        Forecast::Full => ForecastView::Full,
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
