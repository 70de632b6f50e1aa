//! Small charts and bars as inline SVG, drawn by the server.
//!
//! They need neither script nor style attribute: geometry stands in attributes, colour in classes.
//! They are decoration beside a figure in words, hence hidden from screen readers.

use std::fmt::Write as _;

const WIDTH: f64 = 100.0;
const HEIGHT: f64 = 24.0;
/// Kept free above and below, so that a line at the edge keeps its full width.
const MARGIN: f64 = 1.5;

/// Draws one or two series over the same time and on one scale from zero to `top`, or to the
/// largest value where `top` is `None`. Holes stay holes.
pub(crate) fn sparkline(series: &[&[Option<f64>]], top: Option<f64>) -> String {
    let top = top
        .unwrap_or_else(|| {
            series
                .iter()
                .flat_map(|s| s.iter().flatten())
                .filter(|v| v.is_finite())
                .fold(0.0, |top: f64, v| top.max(*v))
        })
        .max(f64::MIN_POSITIVE);
    let mut svg = format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
    );
    for (index, values) in series.iter().enumerate() {
        let class = if index == 0 { "spark-a" } else { "spark-b" };
        for run in runs(values) {
            let points: Vec<(f64, f64)> =
                run.iter().map(|(i, v)| (x(*i, values.len()), y(*v / top))).collect();
            let (Some(first), Some(last)) = (points.first(), points.last()) else {
                continue;
            };
            if index == 0 {
                let _ = write!(svg, "<path class=\"spark-fill\" d=\"M{:.1} {HEIGHT}", first.0);
                for (x, y) in &points {
                    let _ = write!(svg, "L{x:.1} {y:.1}");
                }
                let _ = write!(svg, "L{:.1} {HEIGHT}Z\"/>", last.0);
            }
            let _ = write!(svg, "<polyline class=\"{class}\" points=\"");
            for (x, y) in &points {
                let _ = write!(svg, "{x:.1},{y:.1} ");
            }
            if points.len() == 1 {
                let _ = write!(svg, "{:.1},{:.1}", first.0 + 0.1, first.1); // a dot
            }
            svg.push_str("\"/>");
        }
    }
    svg.push_str("</svg>");
    svg
}

/// The stretches without a hole, as index and value.
fn runs(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let mut runs = vec![Vec::new()];
    for (i, value) in values.iter().enumerate() {
        match value.filter(|v| v.is_finite()) {
            Some(v) => {
                if let Some(run) = runs.last_mut() {
                    run.push((i, v));
                }
            }
            None => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn x(index: usize, count: usize) -> f64 {
    if count < 2 {
        return WIDTH;
    }
    index as f64 / (count - 1) as f64 * WIDTH
}

fn y(share: f64) -> f64 {
    HEIGHT - MARGIN - share.clamp(0.0, 1.0) * (HEIGHT - 2.0 * MARGIN)
}

/// A bar that is filled to `share` (0 to 1).
pub(crate) fn bar(share: Option<f64>, class: &str) -> String {
    let filled = share.map_or(0.0, |s| if s.is_finite() { s.clamp(0.0, 1.0) * 100.0 } else { 0.0 });
    segments(&[(class, filled)], 100.0)
}

/// A bar of several parts that add up to `total`.
pub(crate) fn segments(parts: &[(&str, f64)], total: f64) -> String {
    let mut svg =
        "<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
            .to_owned();
    let mut at = 0.0;
    for (class, part) in parts {
        let width = if total > 0.0 { part / total * 100.0 } else { 0.0 };
        if width > 0.0 {
            let _ =
                write!(svg, "<rect class=\"fill-{class}\" x=\"{at:.1}\" width=\"{width:.1}\" height=\"4\"/>");
        }
        at += width;
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_stays_a_hole() {
        let values = [Some(1.0), Some(2.0), None, Some(4.0), Some(f64::NAN), None];
        let svg = sparkline(&[&values], None);
        assert_eq!(svg.matches("<polyline").count(), 2, "{svg}");
        assert!(svg.contains("points=\"0.0,17.2 20.0,12.0 \""), "{svg}");
        assert!(svg.contains("points=\"60.0,1.5 60.1,1.5\""), "a lone value is a dot: {svg}");
    }

    #[test]
    fn nothing_known_draws_nothing() {
        assert!(!sparkline(&[&[None, None]], Some(1.0)).contains("polyline"));
        assert!(!sparkline(&[&[]], None).contains("polyline"));
        assert!(sparkline(&[&[Some(0.0), Some(0.0)]], None).contains("22.5"), "zero lies on the ground");
    }

    #[test]
    fn a_bar_stays_within_its_frame() {
        assert!(bar(Some(7.0), "down").contains("width=\"100.0\""));
        assert!(!bar(Some(f64::NAN), "ok").contains("rect"));
        assert!(!bar(None, "ok").contains("rect"));
        let three = segments(&[("ok", 2.0), ("degraded", 0.0), ("down", 2.0)], 4.0);
        assert!(three.contains("x=\"50.0\" width=\"50.0\""), "{three}");
    }
}
