//! Where the places and links of the picture stand.
//!
//! The centre is the place with the most neighbours. The others follow each other in a fixed order: first
//! the members of each ring in the ring's order, so that its lines are short, then the rest by identifier.
//! Coordinates are those of a reader from left to right; the drawing mirrors them.

use std::collections::{BTreeMap, BTreeSet};

/// What is to be drawn, by index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    /// Identifiers of the places.
    pub(crate) places: Vec<String>,
    /// The ends of each link; a link without a second end leads to the Internet.
    pub(crate) links: Vec<(Option<usize>, Option<usize>)>,
    /// The places of each ring, in its order.
    pub(crate) rings: Vec<Vec<usize>>,
}

/// On which side of a point its label stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The label ends at the point.
    Before,
    /// The label begins at the point.
    After,
    /// Above or below it.
    Middle,
}

/// A place in the picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spot {
    /// Which place; `None` for the Internet.
    pub(crate) place: Option<usize>,
    pub(crate) centre: bool,
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) anchor: Anchor,
    /// From the point to the label.
    pub(crate) label: (f64, f64),
}

/// A link in the picture: a quadratic curve by its beginning, its control point and its end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) link: usize,
    pub(crate) curve: [(f64, f64); 3],
}

/// A finished layout.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scene {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) spots: Vec<Spot>,
    pub(crate) lines: Vec<Line>,
    /// A line that all links to the centre share.
    pub(crate) trunk: Option<((f64, f64), (f64, f64))>,
}

impl Graph {
    /// The place with the most neighbours; the first by identifier among equals.
    fn centre(&self) -> Option<usize> {
        let mut neighbours: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for link in &self.links {
            if let (Some(a), Some(b)) = link {
                neighbours.entry(*a).or_default().insert(*b);
                neighbours.entry(*b).or_default().insert(*a);
            }
        }
        let rank =
            |i: &usize| (neighbours.get(i).map_or(0, BTreeSet::len), std::cmp::Reverse(&self.places[*i]));
        (0..self.places.len()).max_by(|a, b| rank(a).cmp(&rank(b)))
    }

    /// All places but the centre.
    fn around(&self, centre: Option<usize>) -> Vec<usize> {
        let mut by_name: Vec<usize> = (0..self.places.len()).collect();
        by_name.sort_by_key(|i| &self.places[*i]);
        let mut seen: BTreeSet<usize> = centre.into_iter().collect();
        let all = self.rings.iter().flatten().copied().filter(|i| *i < self.places.len()).chain(by_name);
        all.filter(|i| seen.insert(*i)).collect()
    }

    fn has_internet(&self) -> bool {
        self.links.iter().any(|(a, b)| a.is_some() && b.is_none())
    }

    /// For each link its place among those with the same ends, from the middle: −0.5 and 0.5 for two.
    fn offsets(&self) -> Vec<f64> {
        let key = |(a, b): &(Option<usize>, Option<usize>)| (*a.min(b), *a.max(b));
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        for link in &self.links {
            *counts.entry(key(link)).or_default() += 1;
        }
        let mut met: BTreeMap<_, usize> = BTreeMap::new();
        self.links
            .iter()
            .map(|link| {
                let nth = met.entry(key(link)).or_default();
                let offset = *nth as f64 - (counts[&key(link)] - 1) as f64 / 2.0;
                *nth += 1;
                offset
            })
            .collect()
    }
}

const WIDTH: f64 = 960.0;
const PITCH: f64 = 38.0;

/// The centre in the middle, the others around it on both sides with their labels outside.
pub(crate) fn wide(graph: &Graph) -> Scene {
    let centre = graph.centre();
    let around = graph.around(centre);
    let right = around.len().div_ceil(2);
    let head = if graph.has_internet() { 56.0 } else { 0.0 };
    let body = (right.max(3) as f64 * PITCH).max(150.0);
    let (cx, cy) = (WIDTH / 2.0, head + body / 2.0 + 10.0);
    let mut spots = Vec::new();
    // Clockwise: down on the right, up again on the left, so that neighbours stay neighbours.
    for (i, place) in around.iter().enumerate() {
        let on_right = i < right;
        let (row, rows) = if on_right { (i, right) } else { (around.len() - 1 - i, around.len() - right) };
        let y = cy + (row as f64 - (rows as f64 - 1.0) / 2.0) * PITCH;
        let bow = (1.0 - ((y - cy) / (body / 2.0 * 1.12)).powi(2)).max(0.0).sqrt();
        let reach = 140.0 + 130.0 * bow;
        let (x, anchor, label) = if on_right {
            (cx + reach, Anchor::After, (13.0, 4.5))
        } else {
            (cx - reach, Anchor::Before, (-13.0, 4.5))
        };
        spots.push(Spot { place: Some(*place), centre: false, x, y, anchor, label });
    }
    if let Some(place) = centre {
        let label = (0.0, 27.0);
        spots.push(Spot { place: Some(place), centre: true, x: cx, y: cy, anchor: Anchor::Middle, label });
    }
    if head > 0.0 {
        let label = (0.0, -12.0);
        spots.push(Spot { place: None, centre: false, x: cx, y: 30.0, anchor: Anchor::Middle, label });
    }
    let at = positions(&spots);
    let lines = graph.links.iter().zip(graph.offsets()).enumerate().filter_map(|(link, ((a, b), offset))| {
        let (a, b) = ((*a)?, *b);
        let (from, to) = (*at.get(&Some(a))?, *at.get(&b)?);
        let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(1.0);
        let mut control = (middle.0 - dy / length * offset * 30.0, middle.1 + dx / length * offset * 30.0);
        if Some(a) != centre && b != centre && b.is_some() {
            // A line between branches bows towards the centre, the further the longer it is.
            let inward = (18.0 + length * 0.22).min(130.0) * if middle.0 > cx { -1.0 } else { 1.0 };
            control.0 += inward;
        }
        Some(Line { link, curve: [from, control, to] })
    });
    let lines = lines.collect();
    Scene { width: WIDTH, height: cy + body / 2.0 + 22.0, spots, lines, trunk: None }
}

const NARROW: f64 = 360.0;
const ROW: f64 = 44.0;
const TRUNK: f64 = 28.0;
const NODES: f64 = 138.0;

/// The centre on top, the others below each other; what leads to the centre hangs on one trunk.
pub(crate) fn narrow(graph: &Graph) -> Scene {
    let centre = graph.centre();
    let around = graph.around(centre);
    let top = 26.0;
    let mut spots = Vec::new();
    let label = (15.0, 4.5);
    if let Some(place) = centre {
        let anchor = Anchor::After;
        spots.push(Spot { place: Some(place), centre: true, x: TRUNK, y: top, anchor, label });
    }
    let mut below: Vec<Option<usize>> = around.into_iter().map(Some).collect();
    if graph.has_internet() {
        below.push(None);
    }
    for (i, place) in below.iter().enumerate() {
        let y = top + (i + 1) as f64 * ROW;
        spots.push(Spot { place: *place, centre: false, x: NODES, y, anchor: Anchor::After, label });
    }
    let at = positions(&spots);
    let mut last = top;
    let mut lines = Vec::new();
    for (link, ((a, b), offset)) in graph.links.iter().zip(graph.offsets()).enumerate() {
        let Some(a) = *a else { continue };
        let (Some(from), Some(to)) = (at.get(&Some(a)), at.get(b)) else { continue };
        let branch = if Some(a) == centre { Some(to) } else { (*b == centre).then_some(from) };
        let curve = if let Some((x, y)) = branch {
            last = last.max(*y);
            let shifted = y + offset * 13.0;
            [(TRUNK, shifted), (f64::midpoint(TRUNK, *x), shifted), (*x, *y + offset * 4.0)]
        } else {
            // Beside the lines to the trunk, the further out the further it goes.
            let out = (16.0 + (from.1 - to.1).abs() * 0.28).min(80.0) + offset * 12.0;
            [*from, (NODES - out, f64::midpoint(from.1, to.1)), *to]
        };
        lines.push(Line { link, curve });
    }
    let height = top + below.len() as f64 * ROW + 24.0;
    let trunk = (last > top).then_some(((TRUNK, top), (TRUNK, last)));
    Scene { width: NARROW, height, spots, lines, trunk }
}

fn positions(spots: &[Spot]) -> BTreeMap<Option<usize>, (f64, f64)> {
    spots.iter().map(|spot| (spot.place, (spot.x, spot.y))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A centre and so many branches, each with two links, of which some form a ring.
    fn star(branches: usize, ring: &[usize]) -> Graph {
        let mut links: Vec<_> =
            (1..=branches).flat_map(|i| [(Some(0), Some(i)), (Some(0), Some(i))]).collect();
        for pair in ring.windows(2) {
            links.push((Some(pair[0]), Some(pair[1])));
        }
        Graph {
            places: (0..=branches).map(|i| format!("p{i:02}")).collect(),
            links,
            rings: vec![ring.to_vec()],
        }
    }

    fn spot(scene: &Scene, place: usize) -> &Spot {
        scene.spots.iter().find(|s| s.place == Some(place)).expect("each place has a spot")
    }

    #[test]
    fn the_centre_is_in_the_middle_and_ring_members_stand_beside_each_other() {
        let graph = star(24, &[17, 3, 9]);
        let scene = wide(&graph);
        assert!(spot(&scene, 0).centre);
        assert!((spot(&scene, 0).x - WIDTH / 2.0).abs() < 0.1);
        for pair in [(17, 3), (3, 9)] {
            let (a, b) = (spot(&scene, pair.0), spot(&scene, pair.1));
            assert!((a.y - b.y).abs() < PITCH + 0.1 && (a.x - b.x).abs() < 150.0, "{a:?} {b:?}");
            let (a, b) = (spot(&narrow(&graph), pair.0).y, spot(&narrow(&graph), pair.1).y);
            assert!((a - b).abs() < ROW + 0.1);
        }
    }

    #[test]
    fn labels_of_twenty_five_sites_do_not_touch() {
        let graph = star(25, &[]);
        for (scene, least) in [(wide(&graph), 30.0), (narrow(&graph), 40.0)] {
            for (i, a) in scene.spots.iter().enumerate() {
                for b in &scene.spots[i + 1..] {
                    let beside = (a.x < scene.width / 2.0) != (b.x < scene.width / 2.0);
                    assert!(beside || a.centre || b.centre || (a.y - b.y).abs() >= least, "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn two_links_between_the_same_places_are_two_lines() {
        let scene = wide(&star(1, &[]));
        assert_ne!(scene.lines[0].curve[1], scene.lines[1].curve[1]);
        let scene = narrow(&star(1, &[]));
        assert_ne!(scene.lines[0].curve, scene.lines[1].curve);
    }

    #[test]
    fn a_line_to_the_internet_has_somewhere_to_go() {
        let graph = Graph { places: vec!["a".into()], links: vec![(Some(0), None)], rings: Vec::new() };
        for scene in [wide(&graph), narrow(&graph)] {
            assert_eq!(scene.lines.len(), 1);
            assert!(scene.spots.iter().any(|s| s.place.is_none()));
        }
    }

    proptest! {
        #[test]
        fn whatever_is_configured_has_a_place_within_the_picture(
            n in 0..40usize,
            links in prop::collection::vec((0..40usize, prop::option::of(0..40usize)), 0..80),
            ring in prop::collection::vec(0..40usize, 0..8),
        ) {
            let within = |i: usize| (i < n).then_some(i);
            let graph = Graph {
                places: (0..n).map(|i| format!("p{i}")).collect(),
                links: links.iter().map(|(a, b)| (within(*a), b.and_then(within))).collect(),
                rings: vec![ring],
            };
            for scene in [wide(&graph), narrow(&graph)] {
                let places: BTreeSet<_> = scene.spots.iter().filter_map(|s| s.place).collect();
                prop_assert_eq!(places.len(), n);
                for s in &scene.spots {
                    prop_assert!((0.0..=scene.width).contains(&s.x) && (0.0..=scene.height).contains(&s.y));
                }
                for (x, y) in scene.lines.iter().flat_map(|l| l.curve) {
                    prop_assert!(x.is_finite() && y.is_finite());
                }
            }
        }
    }
}
