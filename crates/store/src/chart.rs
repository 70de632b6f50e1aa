//! From stored cells to the points of a chart: down-sampling, and gaps that show as gaps.

use wasl_model::units::Unit;

use crate::history::MAX_POINTS;
use crate::rollup::{Cell, widen};

/// What a chart draws: `(milliseconds since 1970, value)`, `None` where the line breaks.
pub(crate) type Line = Vec<(i64, Option<f64>)>;

/// A line with what its points stand for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Drawn {
    /// How far apart points usually are, in milliseconds.
    pub(crate) resolution: i64,
    /// The width of what a point stands for, in milliseconds; 0 for raw points.
    pub(crate) cell: i64,
    pub(crate) line: Line,
    /// Of how many raw points each point of the line is made.
    pub(crate) counts: Vec<u64>,
}

impl Drawn {
    fn with_room(points: usize) -> Self {
        Self { line: Line::with_capacity(points), counts: Vec::with_capacity(points), ..Self::default() }
    }

    fn point(&mut self, unit: Unit, cell: &Cell) {
        self.line.push((cell.start, Some(value(unit, cell))));
        self.counts.push(cell.count);
    }

    fn gap(&mut self, at: i64) {
        self.line.push((at, None));
        self.counts.push(0);
    }
}

/// Draws ascending cells (a raw point is a cell of one). `native` is their width in milliseconds, 0
/// for raw points; `step` the width that was asked for.
pub(crate) fn draw(cells: Vec<Cell>, unit: Unit, native: i64, step: Option<i64>) -> Drawn {
    if let Some(step) = step {
        return draw_steps(cells, unit, step.max(native).max(1));
    }
    let spacing = median_spacing(&cells);
    let gaps = |cells: &[Cell]| cells.windows(2).filter(|w| is_gap(w[0].start, w[1].start, spacing)).count();
    if cells.len() + gaps(&cells) > MAX_POINTS {
        return draw_steps(cells, unit, native.max(1));
    }
    let mut drawn = Drawn::with_room(cells.len());
    let mut before = None;
    for cell in &cells {
        if let Some(before) = before.filter(|b| is_gap(*b, cell.start, spacing)) {
            drawn.gap(before + spacing);
        }
        drawn.point(unit, cell);
        before = Some(cell.start);
    }
    (drawn.resolution, drawn.cell) = (if native > 0 { native } else { spacing }, native);
    drawn
}

fn draw_steps(cells: Vec<Cell>, unit: Unit, step: i64) -> Drawn {
    let mut drawn = Drawn { resolution: step, cell: step, ..Drawn::default() };
    let (Some(first), Some(last)) = (cells.first(), cells.last()) else {
        return drawn;
    };
    let span = last.start.saturating_sub(first.start);
    // One less, because a span that begins in the middle of a step touches one step more.
    let most = MAX_POINTS as i64 - 1;
    let step = step.saturating_mul((span / step / most + 1).max(1));
    (drawn.resolution, drawn.cell) = (step, step);
    let mut before: Option<i64> = None;
    for cell in widen(cells, step) {
        let mut next = before.map_or(cell.start, |b| b.saturating_add(step));
        while next < cell.start {
            drawn.gap(next);
            next = next.saturating_add(step);
        }
        drawn.point(unit, &cell);
        before = Some(cell.start);
    }
    drawn
}

/// A mean of moments says nothing; there the latest counts.
fn value(unit: Unit, cell: &Cell) -> f64 {
    if unit == Unit::UnixSeconds { cell.last } else { cell.mean() }
}

fn is_gap(before: i64, after: i64, spacing: i64) -> bool {
    after.saturating_sub(before) > spacing.saturating_mul(3)
}

/// The usual distance between neighbours, in milliseconds; 0 for fewer than two.
fn median_spacing(cells: &[Cell]) -> i64 {
    let mut steps: Vec<i64> = cells.windows(2).map(|w| w[1].start.saturating_sub(w[0].start)).collect();
    if steps.is_empty() {
        return 0;
    }
    let middle = steps.len() / 2;
    *steps.select_nth_unstable(middle).1
}

#[cfg(test)]
mod tests;
