//! The two directions of a line, each by itself, from what its ends measured.

use wasl_model::{EntityKind, SeriesKey, SiteId, Subject, Timestamp, Value};
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
        measured: link
            .stamp
            .iter()
            .map(|test| measured(shared, settings, live, &path, link, test, now))
            .collect(),
    })
}

fn measured(
    shared: &Shared,
    settings: &Settings,
    live: &State,
    path: &Subject,
    link: &Link,
    test: &StampTest,
    now: Timestamp,
) -> MeasuredView {
    let from = settings.agents().get(&test.from).map(|agent| &agent.site);
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
        site: from.map(|site| site_name(shared, site)),
        to: test.to.clone(),
        via: test.via.clone(),
        pace: test.every.as_duration().as_secs_f64(),
        leads_down: from.and_then(|from| leads_down(&link.between, from)),
        there: way("loss_forward", "delay_forward_p50"),
        back: way("loss_back", "delay_back_p50"),
        clock_error: of("delay_error"),
        rtt_p50: of("rtt_p50"),
        at: latest.map(|latest| latest.at),
        old: latest.is_some_and(|latest| !latest.is_of_now(settings.window().as_duration(), now)),
    }
}

/// Whether the way from a site leads to the last of the places that a link joins; `None` where it begins elsewhere.
fn leads_down(between: &[SiteId], from: &SiteId) -> Option<bool> {
    match between {
        [.., last] if last == from => Some(false),
        [first, _] if first != from => None,
        _ => Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a loss that is blamed on the other direction.
    #[test]
    fn the_way_there_leads_to_the_place_that_the_tests_do_not_come_from() {
        let site = |id: &str| id.parse::<SiteId>().expect("a name");
        let down = |between: &[&str], from: &str| {
            leads_down(&between.iter().map(|id| site(id)).collect::<Vec<_>>(), &site(from))
        };
        assert_eq!(down(&["hub", "one"], "hub"), Some(true));
        assert_eq!(down(&["hub", "one"], "one"), Some(false), "back to the hub");
        assert_eq!(down(&["hub", "one"], "two"), None);
        assert_eq!(down(&["one"], "one"), Some(false), "out to the Internet");
        assert_eq!(down(&["one"], "hub"), Some(true), "from outside to the place");
    }
}
