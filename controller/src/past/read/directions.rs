//! What the tests (STAMP) of a month told of a link's two directions.
//!
//! Read in cells of five minutes, or wider where only these are left: numbers of tests and sums of times are the same in all
//! of them. A window counts in the month that it ends in.

use std::time::Duration;

use futures_util::future::try_join_all;
use wasl_health::report::{Span, Sum, Tests, Ways};
use wasl_model::{AgentId, EntityKind, SeriesKey, Subject};
use wasl_pages::view::{LinkView, MeasuredView, TestsMonthView, WayMonthView};
use wasl_store::{Error, History, Store};

use super::{CELL_MS, history, rows, seconds, widest};

const FIELDS: [&str; 8] = [
    "reflected",
    "lost_forward",
    "lost_back",
    "undecided",
    "observed",
    "delay_forward_p50",
    "delay_back_p50",
    "delay_error",
];

/// What each end that measures both directions found in this time, and how many stored blocks were damaged.
pub(super) async fn month(
    store: &dyn Store,
    link: &LinkView,
    within: Span,
) -> Result<(Vec<TestsMonthView>, u64), Error> {
    let (mut found, mut damaged) = (Vec::new(), 0);
    for end in link.directions.iter().flat_map(|directions| &directions.measured) {
        let fields = match AgentId::new(end.agent.clone()) {
            Ok(agent) => read(store, &link.id, &agent, within).await?,
            Err(_) => Vec::new(),
        };
        damaged += fields.iter().map(|field| field.skipped_blocks).sum::<u64>();
        found.push(view(end, &add_up(&fields, within), within));
    }
    Ok((found, damaged))
}

/// All fields in cells of one width.
async fn read(store: &dyn Store, link: &str, agent: &AgentId, within: Span) -> Result<Vec<History>, Error> {
    if within.length() <= 0 {
        return Ok(Vec::new());
    }
    let subject = Subject::lenient(EntityKind::Path, link);
    let keys = FIELDS.map(|field| SeriesKey {
        subject: subject.clone(),
        field: field.to_owned(),
        agent: agent.clone(),
    });
    let span = Span { from: within.from, to: within.to - 1 };
    let step = Duration::from_millis(CELL_MS.unsigned_abs());
    let mut fields = try_join_all(keys.iter().map(|key| history(store, key, span, Some(step)))).await?;
    let cell = widest(&fields);
    for (field, key) in fields.iter_mut().zip(&keys).filter(|(field, _)| field.cell_ms != cell) {
        if !field.points.is_empty() {
            *field = history(store, key, span, Some(Duration::from_millis(cell.unsigned_abs()))).await?;
        }
    }
    Ok(fields)
}

fn add_up(fields: &[History], within: Span) -> Ways {
    let mut ways = Ways::default();
    for (at, row) in rows::<{ FIELDS.len() }>(fields) {
        // A cell that began before belongs to the month before.
        if (within.from..within.to).contains(&at) {
            let told = row.map(|figure| figure.map(|f| Sum { sum: f.sum(), windows: f.count }));
            let [reflected, there, back, undecided, observed, delay_there, delay_back, error] = told;
            ways.add(&Tests {
                reflected,
                lost: [there, back],
                undecided,
                observed,
                delays: [delay_there, delay_back],
                error,
            });
        }
    }
    ways
}

fn view(end: &MeasuredView, ways: &Ways, within: Span) -> TestsMonthView {
    let delays = ways.delays();
    let way = |n: usize| WayMonthView {
        tests: ways.losses[n].sent,
        lost: ways.losses[n].lost,
        loss: ways.losses[n].share(),
        loss_between: ways.losses[n].interval(),
        delay: delays.map(|(delays, _)| delays[n]),
    };
    TestsMonthView {
        agent: end.agent.clone(),
        to: end.to.clone(),
        via: end.via.clone(),
        pace: end.pace,
        leads_down: end.leads_down,
        there: way(0),
        back: way(1),
        undecided: ways.undecided,
        observed: seconds(ways.observed),
        covered: (within.length() > 0)
            .then(|| ways.observed as f64 / within.length() as f64)
            .map(|c| c.min(1.0)),
        windows: ways.windows,
        windows_with_delays: ways.windows_with_delays,
        delay_error: delays.map(|(_, error)| error),
    }
}

#[cfg(test)]
mod tests;
