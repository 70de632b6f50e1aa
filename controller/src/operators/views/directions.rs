//! The two directions of a line, each by itself, from what its ends measured.

use wasl_model::{EntityKind, SeriesKey, Subject, Timestamp, Value};
use wasl_pages::view::{DirectionView, DirectionsView, MeasuredView};
use wasl_settings::{Link, Settings, StampTest};

use super::{judgement, site_name};
use crate::board::Board;
use crate::live::{State, number};
use crate::shared::Shared;

pub(super) fn view(
    shared: &Shared,
    settings: &Settings,
    board: &Board,
    live: &State,
    id: &str,
    link: &Link,
    now: Timestamp,
) -> Option<DirectionsView> {
    if link.stamp.is_empty() {
        return None;
    }
    let path = Subject::lenient(EntityKind::Path, id);
    Some(DirectionsView {
        state: board.entities.get(&path).map(|entity| judgement(entity)),
        measured: link.stamp.iter().map(|test| measured(shared, settings, live, &path, test, now)).collect(),
    })
}

fn measured(
    shared: &Shared,
    settings: &Settings,
    live: &State,
    path: &Subject,
    test: &StampTest,
    now: Timestamp,
) -> MeasuredView {
    let latest = live.values.get(&(test.from.clone(), path.clone()));
    let latest = latest.filter(|latest| matches!(latest.value, Value::Stamp(_)));
    let series = |field: &str| {
        let (subject, agent) = (path.clone(), test.from.clone());
        SeriesKey { subject, field: field.to_owned(), agent }.to_string()
    };
    let of = |field: &str| number(&latest?.value, field);
    let way = |loss: &str, delay: &str| DirectionView {
        loss: of(loss),
        delay: of(delay),
        loss_series: series(loss),
        delay_series: series(delay),
    };
    MeasuredView {
        agent: test.from.to_string(),
        site: settings.agents().get(&test.from).map(|agent| site_name(shared, &agent.site)),
        to: test.to.clone(),
        via: test.via.clone(),
        there: way("loss_forward", "delay_forward_p50"),
        back: way("loss_back", "delay_back_p50"),
        clock_error: of("delay_error"),
        rtt_p50: of("rtt_p50"),
        at: latest.map(|latest| latest.at),
        old: latest.is_some_and(|latest| !latest.is_of_now(settings.window().as_duration(), now)),
    }
}
