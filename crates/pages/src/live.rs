//! Live updates: the server sends HTML, the page puts it in place by `id`.
//!
//! # The stream
//! `GET /live/overview?lang=en`, `/live/links` and `/live/link/ID` answer `text/event-stream` with two kinds of event:
//! - `fragments`: HTML elements one after the other, each with an `id`. The page replaces its
//!   elements of those ids. The first message after each connection holds all fragments, so that a
//!   page that was asleep catches up; later ones hold what [`changed`].
//! - `tick`: nothing new, but the controller is there. Send one at least every 15 s of silence. A page
//!   that hears nothing for 40 s says that its figures are old and connects again, because a connection
//!   that died without a word (a laptop's sleep, a cut line) looks like a quiet one.
//!
//! # Why not htmx
//! htmx 4 with its SSE extension was weighed for this and left out. Live replacement by `id` is the only
//! use there would be, and it costs 44 kB of a major version some weeks old, which compiles
//! attribute text with `new Function` (forbidden by our policy, harmless only as long as nobody writes
//! such an attribute) and reads the stream with `fetch`, with a reconnection of its own. `live.js` is
//! 60 lines over the browser's `EventSource`, keeps focus and a reader's text selection, and tells
//! when it has lost the controller.

mod link;
mod links;

pub use link::link_fragments;
pub use links::links_fragments;
pub(crate) use links::title as links_title;

use askama::Template;
use wasl_model::EntityKind;
use wasl_model::health::Health;

use crate::Painter;
use crate::pages::fill;
use crate::view::{KindTotal, OverviewView};

macro_rules! fragment {
    ($name:ident, $file:literal) => {
        #[derive(Template)]
        #[template(path = $file)]
        struct $name<'a> {
            p: &'a Painter<'a>,
            view: &'a OverviewView,
        }
    };
}

fragment!(Incidents, "live/incidents.html");
fragment!(Notices, "live/notices.html");
fragment!(Targets, "live/targets.html");
fragment!(Machines, "live/machines.html");
fragment!(Agents, "live/agents.html");

#[derive(Template)]
#[template(path = "live/summary.html")]
struct Summary<'a> {
    p: &'a Painter<'a>,
    view: &'a OverviewView,
    title: String,
    worst: Health,
    sentence: String,
}

/// A fragment: the `id` of the element that it replaces, and the new element.
pub type Fragment = (&'static str, String);

/// The fragments of `/`, in the order in which they stand on the page.
pub fn overview_fragments(p: &Painter<'_>, view: &OverviewView) -> Vec<Fragment> {
    let (worst, sentence) = headline(p, view);
    vec![
        ("live-summary", fill(&Summary { p, view, title: title(p, view), worst, sentence })),
        ("live-incidents", fill(&Incidents { p, view })),
        ("live-notices", fill(&Notices { p, view })),
        ("live-targets", fill(&Targets { p, view })),
        ("live-machines", fill(&Machines { p, view })),
        ("live-agents", fill(&Agents { p, view })),
    ]
}

/// The fragments of `now` that differ from those of `before`.
pub fn changed(before: &[Fragment], now: Vec<Fragment>) -> Vec<Fragment> {
    now.into_iter().filter(|fragment| !before.contains(fragment)).collect()
}

/// One whole `fragments` event, with the blank line that ends it.
pub fn sse_message(fragments: &[Fragment]) -> String {
    let mut message = "event: fragments\n".to_owned();
    for (_, html) in fragments {
        // A carriage return ends a line of an event stream as well.
        for line in html.split(['\n', '\r']).filter(|line| !line.trim().is_empty()) {
            message.push_str("data: ");
            message.push_str(line.trim());
            message.push('\n');
        }
    }
    message.push('\n');
    message
}

/// One whole `tick` event.
pub fn sse_tick() -> &'static str {
    "event: tick\ndata: 1\n\n"
}

/// The page's title with what is wrong in front, so that it shows in a browser's tab.
pub(crate) fn title(p: &Painter<'_>, view: &OverviewView) -> String {
    let count = |wanted| sum(view, wanted);
    match (count(Health::Down), count(Health::Degraded)) {
        (0, 0) => p.t("nav-overview"),
        (0, degraded) => format!("▲{degraded} {}", p.t("nav-overview")),
        (down, 0) => format!("■{down} {}", p.t("nav-overview")),
        (down, degraded) => format!("■{down} ▲{degraded} {}", p.t("nav-overview")),
    }
}

fn sum(view: &OverviewView, wanted: Health) -> u64 {
    view.totals
        .iter()
        .flat_map(KindTotal::worst_first)
        .filter(|(health, _)| *health == wanted)
        .map(|(_, n)| n)
        .sum()
}

/// The worst health and the sentence about it.
fn headline(p: &Painter<'_>, view: &OverviewView) -> (Health, String) {
    let worst = Health::ALL.into_iter().rev().find(|health| sum(view, *health) > 0);
    let sentence = match worst {
        None => return (Health::Unknown, p.t("headline-nothing")),
        Some(Health::Ok | Health::Maintenance) => p.t("headline-ok"),
        Some(Health::Unknown) => p.tn("headline-unknown", sum(view, Health::Unknown)),
        Some(Health::Degraded) => p.tn("headline-degraded", sum(view, Health::Degraded)),
        Some(Health::Down) => p.tn("headline-down", sum(view, Health::Down)),
    };
    (worst.unwrap_or(Health::Unknown), sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_be_split_by_what_it_carries() {
        let message = sse_message(&[
            ("a", "<p id=\"a\">one\r\n\r\ntwo\rdata: x</p>".to_owned()),
            ("b", "<p id=\"b\">\n\nthree</p>\n".to_owned()),
        ]);
        assert_eq!(
            message,
            "event: fragments\ndata: <p id=\"a\">one\ndata: two\ndata: data: x</p>\ndata: <p id=\"b\">\n\
             data: three</p>\n\n"
        );
        assert_eq!(message.matches("\n\n").count(), 1);
    }

    #[test]
    fn only_what_changed_is_sent_again() {
        let before = vec![("a", "1".to_owned()), ("b", "1".to_owned())];
        let now = vec![("a", "1".to_owned()), ("b", "2".to_owned())];
        assert_eq!(changed(&before, now.clone()), vec![("b", "2".to_owned())]);
        assert_eq!(changed(&[], now.clone()), now);
    }
}
