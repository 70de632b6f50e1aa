//! Cells: what remains of the points of five minutes or an hour.
//!
//! A cell keeps sum and count, not the mean, so that cells of any width add up to the same mean that
//! the points have.

/// A time in milliseconds since 1970 and a value in its base unit.
pub type Point = (i64, f64);

/// The points of one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    /// Where the stretch begins, in milliseconds since 1970.
    pub(crate) start: i64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
    pub(crate) count: u64,
    /// The value of the latest point.
    pub(crate) last: f64,
}

impl Cell {
    /// A cell of one point.
    pub(crate) fn of((start, value): Point) -> Self {
        Self { start, min: value, max: value, sum: value, count: 1, last: value }
    }

    /// Adds points that are not in this cell yet and that are no earlier than its own.
    pub(crate) fn add(&mut self, later: &Self) {
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.sum += later.sum;
        self.count += later.count;
        self.last = later.last;
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}

/// The beginning of the stretch of `width` milliseconds that `at` is in.
pub(crate) fn floor(at: i64, width: i64) -> i64 {
    at.div_euclid(width).saturating_mul(width)
}

/// Gathers ascending cells into wider ones; empty stretches have no cell.
pub(crate) fn widen(cells: impl IntoIterator<Item = Cell>, width: i64) -> Vec<Cell> {
    let mut out: Vec<Cell> = Vec::new();
    for mut cell in cells {
        cell.start = floor(cell.start, width);
        match out.last_mut() {
            Some(last) if last.start == cell.start => last.add(&cell),
            _ => out.push(cell),
        }
    }
    out
}

/// Sorts points by time and keeps, of those with equal times, the one that was added last.
pub(crate) fn settle(points: &mut Vec<Point>) {
    points.sort_by_key(|(at, _)| *at);
    let mut kept = 0;
    for i in 0..points.len() {
        if kept > 0 && points[kept - 1].0 == points[i].0 {
            kept -= 1;
        }
        points[kept] = points[i];
        kept += 1;
    }
    points.truncate(kept);
}

#[cfg(test)]
mod tests;
