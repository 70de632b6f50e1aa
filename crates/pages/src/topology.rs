//! The picture of all links, as inline SVG that the server draws: places as points, links as lines.
//!
//! There are two pictures and the style sheet shows the one that fits: a wide one with the centre in the
//! middle, and a narrow one for telephones where the branches stand below each other. The layout
//! ([`layout`]) depends on the places and links alone, so nothing moves when a state changes. A state is
//! told by colour, by the kind of line and by a mark in its middle; each line and place is a link with its
//! words, reachable by keyboard. The table below the picture says the same in words.

pub(crate) mod layout;

use std::fmt::Write as _;

use wasl_model::EntityKind;
use wasl_model::health::Health;

use crate::paint::{Markup, Painter, escape};
use crate::view::{LinkView, LinksView};
use layout::{Anchor, Graph, Scene, Spot};

/// The longest label, in characters; the whole name is in the title.
const LABEL: usize = 26;

/// Both pictures.
pub(crate) fn picture(p: &Painter<'_>, view: &LinksView) -> Markup {
    if view.links.is_empty() {
        return Markup::default();
    }
    let graph = graph(view);
    let mirrored = p.lang().dir() == "rtl";
    let mut out = String::new();
    for (class, scene) in [("wide", layout::wide(&graph)), ("narrow", layout::narrow(&graph))] {
        draw(&mut out, p, view, &scene, class, mirrored);
    }
    Markup(out)
}

fn graph(view: &LinksView) -> Graph {
    let place = |id: &str| view.places.iter().position(|place| place.id == id);
    let links = view.links.iter().map(|link| {
        let mut ends = link.places.iter().map(|(id, _)| place(id));
        (ends.next().flatten(), ends.next().flatten())
    });
    Graph {
        places: view.places.iter().map(|place| place.id.clone()).collect(),
        links: links.collect(),
        rings: view
            .rings
            .iter()
            .map(|ring| ring.places.iter().filter_map(|id| place(id)).collect())
            .collect(),
    }
}

fn draw(out: &mut String, p: &Painter<'_>, view: &LinksView, scene: &Scene, class: &str, mirrored: bool) {
    let x = |at: f64| if mirrored { scene.width - at } else { at };
    let _ = write!(
        out,
        "<svg class=\"{class}\" viewBox=\"0 0 {:.0} {:.0}\" role=\"group\" aria-label=\"{}\">",
        scene.width,
        scene.height,
        escape(&p.t("topology"))
    );
    if let Some((from, to)) = scene.trunk {
        let (start, end) = (x(from.0), x(to.0));
        let _ = write!(out, "<path class=\"trunk\" d=\"M{start:.1} {:.1}L{end:.1} {:.1}\"/>", from.1, to.1);
    }
    // What is wrong is drawn last, on top of the others.
    let mut lines: Vec<&layout::Line> = scene.lines.iter().collect();
    lines.sort_by_key(|line| view.links.get(line.link).map(|link| link.state.health));
    for line in lines {
        let Some(link) = view.links.get(line.link) else { continue };
        let [from, bend, to] = line.curve.map(|(at, y)| (x(at), y));
        let path =
            format!("M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}", from.0, from.1, bend.0, bend.1, to.0, to.1);
        let middle = (0.25 * from.0 + 0.5 * bend.0 + 0.25 * to.0, 0.25 * from.1 + 0.5 * bend.1 + 0.25 * to.1);
        let health = link.state.health;
        let words = escape(&words(p, link));
        let waits = if link.activity == "standby" { " waits" } else { "" };
        let _ = write!(
            out,
            "<a class=\"edge is-{}{waits}\" href=\"{}\" aria-label=\"{words}\"><title>{words}</title><path class=\"hit\" d=\"{path}\"/><path class=\"stroke\" d=\"{path}\"/>",
            health.as_str(),
            escape(&p.href(EntityKind::Link, &link.id)),
        );
        if health != Health::Ok {
            let _ = write!(
                out,
                "<circle class=\"halo\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"8.5\"/><use class=\"mark is-{}\" href=\"#mark-{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\"/>",
                middle.0,
                middle.1,
                health.as_str(),
                health.as_str(),
                middle.0 - 6.0,
                middle.1 - 6.0
            );
        }
        out.push_str("</a>");
    }
    for spot in &scene.spots {
        point(out, p, view, spot, x(spot.x), mirrored);
    }
    out.push_str("</svg>");
}

/// A place with its name.
fn point(out: &mut String, p: &Painter<'_>, view: &LinksView, spot: &Spot, x: f64, mirrored: bool) {
    let anchor = match spot.anchor {
        Anchor::Middle => "middle",
        // SVG's start is where the page's direction begins, and mirroring swaps the sides as well.
        Anchor::After => "start",
        Anchor::Before => "end",
    };
    let shift = if mirrored { -spot.label.0 } else { spot.label.0 };
    let label = |name: &str| {
        format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x + shift,
            spot.y + spot.label.1,
            escape(&short(name))
        )
    };
    let Some(place) = spot.place.and_then(|index| view.places.get(index)) else {
        let _ = write!(
            out,
            "<g class=\"place elsewhere\"><circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"6\"/>{}</g>",
            spot.y,
            label(&p.t("internet"))
        );
        return;
    };
    let name = p.plain(p.called(&place.name));
    let words = escape(&format!("{name}: {}", p.health_word(place.health)));
    let (class, radius) = if spot.centre { ("place centre", 10) } else { ("place", 6) };
    let _ = write!(
        out,
        "<a class=\"{class} is-{}\" href=\"{}\" aria-label=\"{words}\"><title>{words}</title><circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"{radius}\"/>{}</a>",
        place.health.as_str(),
        escape(&p.href(EntityKind::Site, &place.id)),
        spot.y,
        label(&name)
    );
}

/// What a line says: which link, how it is and why, and what it does.
fn words(p: &Painter<'_>, link: &LinkView) -> String {
    let name = p.plain(p.called(&link.name));
    let activity = p.word("activity", link.activity);
    let reason = p.reason(&link.state.reason);
    format!("{name}: {} – {reason} ({activity})", p.health_word(link.state.health))
}

fn short(name: &str) -> String {
    if name.chars().count() <= LABEL {
        return name.to_owned();
    }
    name.chars().take(LABEL - 1).chain(['…']).collect()
}
