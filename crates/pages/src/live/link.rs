//! The live parts of a link's page.

use askama::Template;
use wasl_model::EntityKind;

use super::Fragment;
use crate::Painter;
use crate::pages::fill;
use crate::view::LinkPageView;

macro_rules! fragment {
    ($name:ident, $file:literal) => {
        #[derive(Template)]
        #[template(path = $file)]
        struct $name<'a> {
            p: &'a Painter<'a>,
            view: &'a LinkPageView,
        }
    };
}

fragment!(Head, "live/link_head.html");
fragment!(Contract, "live/link_contract.html");
fragment!(Ends, "live/link_ends.html");
fragment!(Directions, "live/link_directions.html");
fragment!(Shares, "live/link_shares.html");
fragment!(Talkers, "live/link_talkers.html");
fragment!(Events, "live/link_events.html");

/// The fragments of a link's page, in the order in which they stand on it; the charts and the months stand before the
/// last. One that has nothing to show is there all the same, hidden, so that it can be replaced when it has.
pub fn link_fragments(p: &Painter<'_>, view: &LinkPageView) -> Vec<Fragment> {
    vec![
        ("live-link-head", fill(&Head { p, view })),
        ("live-link-contract", fill(&Contract { p, view })),
        ("live-link-ends", fill(&Ends { p, view })),
        ("live-link-directions", fill(&Directions { p, view })),
        ("live-link-shares", fill(&Shares { p, view })),
        ("live-link-talkers", fill(&Talkers { p, view })),
        ("live-link-events", fill(&Events { p, view })),
    ]
}
