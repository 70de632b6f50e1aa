//! The live parts of the page of all links.

use std::fmt::Write as _;

use askama::Template;
use wasl_model::EntityKind;
use wasl_model::health::Health;

use super::Fragment;
use crate::Painter;
use crate::pages::fill;
use crate::paint::Markup;
use crate::topology;
use crate::view::{KindTotal, LinksView};

macro_rules! fragment {
    ($name:ident, $file:literal $(, $extra:ident: $ty:ty)*) => {
        #[derive(Template)]
        #[template(path = $file)]
        struct $name<'a> {
            p: &'a Painter<'a>,
            view: &'a LinksView,
            $($extra: $ty,)*
        }
    };
}

fragment!(Head, "live/links_head.html", title: String, worst: Health, sentence: String, total: KindTotal);
fragment!(Picture, "live/topology.html", drawn: Markup);
fragment!(Links, "live/links.html");
fragment!(Rings, "live/rings.html");
fragment!(Targets, "live/link_targets.html");
fragment!(Devices, "live/devices.html");

/// The fragments of `/links`, in the order in which they stand on the page.
pub fn links_fragments(p: &Painter<'_>, view: &LinksView) -> Vec<Fragment> {
    let total = KindTotal::of(EntityKind::Link, view.links.iter().map(|link| link.state.health));
    let (worst, sentence) = headline(p, &total);
    let drawn = topology::picture(p, view);
    vec![
        ("live-head", fill(&Head { p, view, title: title(p, view), worst, sentence, total })),
        ("live-topology", fill(&Picture { p, view, drawn })),
        ("live-links", fill(&Links { p, view })),
        ("live-rings", fill(&Rings { p, view })),
        ("live-link-targets", fill(&Targets { p, view })),
        ("live-devices", fill(&Devices { p, view })),
    ]
}

/// The page's title with what is wrong in front.
pub(crate) fn title(p: &Painter<'_>, view: &LinksView) -> String {
    let of = |health| view.links.iter().filter(|link| link.state.health == health).count();
    let mut title = String::new();
    for (sign, n) in [("■", of(Health::Down)), ("▲", of(Health::Degraded))] {
        if n > 0 {
            let _ = write!(title, "{sign}{n} ");
        }
    }
    title + &p.t("nav-links")
}

fn headline(p: &Painter<'_>, total: &KindTotal) -> (Health, String) {
    match total.worst_first().next() {
        None => (Health::Unknown, p.t("links-none")),
        Some((Health::Ok | Health::Maintenance, _)) => (Health::Ok, p.t("links-ok")),
        Some((Health::Unknown, n)) => (Health::Unknown, p.tn("links-unknown", n)),
        Some((Health::Degraded, n)) => (Health::Degraded, p.tn("links-degraded", n)),
        Some((Health::Down, n)) => (Health::Down, p.tn("links-down", n)),
    }
}
