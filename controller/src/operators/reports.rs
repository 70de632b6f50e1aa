//! What pages and API ask of a link's past.

use std::sync::Arc;

use jiff::tz::TimeZone;
use wasl_model::SiteId;
use wasl_model::assignment::LinkClass;
use wasl_pages::view::{ForecastView, LinkView, MonthView};

use super::Operators;
use super::access::Who;
use super::problem::Problem;
use crate::past::{Month, Question};
use crate::time::now;

/// The institution's time zone.
pub(super) fn zone(operators: &Operators) -> TimeZone {
    TimeZone::get(&operators.intent.settings().institution().timezone).unwrap_or(TimeZone::UTC)
}

/// The month that is asked for; this one where none is named.
pub(super) fn wanted(operators: &Operators, month: Option<&str>) -> Result<Month, Problem> {
    match month {
        None => Ok(Month::of(now(), &zone(operators))),
        Some(text) => {
            text.parse().map_err(|e: crate::past::month::InvalidMonth| Problem::bad("month", e.to_string()))
        }
    }
}

/// The time between two probes of a link.
pub(super) fn pace(link: &LinkView) -> std::time::Duration {
    let class = match link.class {
        "uplink" => LinkClass::Uplink,
        "target" => LinkClass::Target,
        _ => LinkClass::Link,
    };
    std::time::Duration::from_millis(class.every_ms())
}

/// The sites whose maintenance covers a link: where trouble with it is noted.
fn sites(operators: &Operators, link: &LinkView) -> Vec<SiteId> {
    let settings = operators.intent.settings();
    settings.links().get(&link.id).and_then(|link| link.site.clone()).into_iter().collect()
}

fn question<'a>(operators: &Operators, link: &'a LinkView, sites: &'a [SiteId]) -> Question<'a> {
    Question {
        link,
        sites,
        window: operators.intent.settings().window().as_duration(),
        pace: pace(link),
        zone: zone(operators),
        now: now(),
    }
}

/// A month of a link.
pub(super) async fn month(
    operators: &Operators,
    link: &LinkView,
    month: Month,
) -> Result<Arc<MonthView>, Problem> {
    let sites = sites(operators, link);
    let found = operators.past.month(&*operators.store, &question(operators, link, &sites), month).await;
    found.map_err(|e| Problem::internal("reading a month of a link", &e))
}

/// The latest months of a link, the newest first.
pub(super) async fn months(
    operators: &Operators,
    link: &LinkView,
    most: usize,
) -> Result<Vec<Arc<MonthView>>, Problem> {
    let sites = sites(operators, link);
    let found = operators.past.months(&*operators.store, &question(operators, link, &sites), most).await;
    found.map_err(|e| Problem::internal("reading the months of a link", &e))
}

/// Fills in what each institution on a shared line used of it in this month.
pub(super) async fn fill_shares(operators: &Operators, link: &mut LinkView) -> Result<(), Problem> {
    let filled = operators.past.fill_shares(&*operators.store, link, now(), &zone(operators)).await;
    filled.map_err(|e| Problem::internal("reading the traffic of those who share a link", &e))
}

/// When both directions of a link will be full.
pub(super) async fn forecasts(
    operators: &Operators,
    link: &LinkView,
) -> Result<(ForecastView, ForecastView), Problem> {
    let (zone, at) = (zone(operators), now());
    let internal = |e| Problem::internal("reading the traffic of a link", &e);
    let store = &*operators.store;
    let down = operators.past.forecast(store, link, true, at, &zone).await.map_err(internal)?;
    let up = operators.past.forecast(store, link, false, at, &zone).await.map_err(internal)?;
    Ok((down, up))
}

/// The name of somebody who asks for a report.
pub(super) fn named(who: &Who) -> Option<String> {
    match who {
        Who::Nobody | Who::Loopback | Who::Cli => None,
        Who::Script(account, _) | Who::Person(account, _) => Some(account.name.clone()),
    }
}
