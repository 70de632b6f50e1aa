//! When a link was up, when it was down, and when nobody looked.

/// A stretch of time, `from` included and `to` not, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its beginning.
    pub from: i64,
    /// Its end; never before the beginning.
    pub to: i64,
}

impl Span {
    /// Its length in milliseconds.
    pub fn length(self) -> i64 {
        (self.to - self.from).max(0)
    }

    /// What lies in both; `None` where nothing does.
    pub fn within(self, other: Self) -> Option<Self> {
        let span = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        (span.from < span.to).then_some(span)
    }
}

/// What a link was during a stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum State {
    /// Something got through. `hidden`: the share of the stretch, 0 to 1, that may have been down unseen.
    Up {
        /// See above.
        hidden: f64,
    },
    /// Nothing got through.
    Down,
}

/// A stretch during which one thing held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// When.
    pub span: Span,
    /// What.
    pub state: State,
}

/// One end's windows as stretches in order, without overlap.
///
/// `points` are `(milliseconds, loss)`; `stamp` says whether a time is the window's end (as measured) or
/// its beginning (cells of a roll-up). A window is `length` long, or reaches to its neighbour where that is
/// nearer; a hole of up to half a window more is the agent's own rounding and no gap.
pub fn stretches(points: &[(i64, f64)], length: i64, stamp: Stamp) -> Vec<Stretch> {
    let mut out: Vec<Stretch> = Vec::with_capacity(points.len().min(1024));
    for (index, (at, loss)) in points.iter().enumerate() {
        let mut span = match stamp {
            Stamp::End => Span { from: at - length, to: *at },
            Stamp::Beginning => Span { from: *at, to: at + length },
        };
        if let Some(last) = out.last() {
            let hole = span.from - last.span.to;
            if hole < 0 || (hole <= length / 2 && matches!(stamp, Stamp::End)) {
                span.from = last.span.to;
            }
        }
        if let (Stamp::Beginning, Some((next, _))) = (stamp, points.get(index + 1)) {
            span.to = span.to.min(*next);
        }
        if span.from >= span.to {
            continue;
        }
        let state = if *loss >= 1.0 {
            State::Down
        } else if matches!(stamp, Stamp::End) {
            State::Up { hidden: 0.0 }
        } else {
            State::Up { hidden: loss.clamp(0.0, 1.0) }
        };
        match out.last_mut() {
            Some(last) if last.state == state && last.span.to == span.from => last.span.to = span.to,
            _ => out.push(Stretch { span, state }),
        }
    }
    out
}

/// What the time of a point means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The end of what was measured.
    End,
    /// The beginning of a cell.
    Beginning,
}

/// What all ends together say: up where any saw it up, down where nobody did and somebody looked.
pub fn combine(ends: &[Vec<Stretch>]) -> Vec<Stretch> {
    let mut edges: Vec<i64> =
        ends.iter().flatten().flat_map(|stretch| [stretch.span.from, stretch.span.to]).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut next = vec![0; ends.len()];
    let mut out: Vec<Stretch> = Vec::new();
    for pair in edges.windows(2) {
        let span = Span { from: pair[0], to: pair[1] };
        let mut state: Option<State> = None;
        for (stretches, index) in ends.iter().zip(&mut next) {
            while stretches.get(*index).is_some_and(|stretch| stretch.span.to <= span.from) {
                *index += 1;
            }
            let seen = stretches.get(*index).filter(|stretch| stretch.span.from <= span.from);
            let Some(Stretch { state: seen, .. }) = seen else { continue };
            state = Some(match (state, *seen) {
                (None, seen) => seen,
                (Some(State::Up { hidden: a }), State::Up { hidden: b }) => State::Up { hidden: a.min(b) },
                (Some(up @ State::Up { .. }), State::Down) | (Some(State::Down), up) => up,
            });
        }
        let Some(state) = state else { continue };
        match out.last_mut() {
            Some(last) if last.state == state && last.span.to == span.from => last.span.to = span.to,
            _ => out.push(Stretch { span, state }),
        }
    }
    out
}

/// A stretch during which nothing got through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// From the first window that lost everything to the last.
    pub span: Span,
    /// How much of it was planned, milliseconds.
    pub planned: i64,
    /// Whether it begins or ends where nobody looked, so that it may have been longer.
    pub open: bool,
}

/// A month's availability. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Availability {
    /// The length of the time that is looked at.
    pub total: i64,
    /// How long it was up.
    pub up: i64,
    /// How long it was down, planned maintenance included.
    pub down: i64,
    /// How long nobody looked.
    pub unobserved: i64,
    /// How much of the time as up may have been down unseen, because only means are kept of it.
    pub hidden: i64,
    /// How long maintenance was planned for.
    pub planned: i64,
    /// How long it was down during planned maintenance.
    pub planned_down: i64,
    /// How long nobody looked during planned maintenance.
    pub planned_unobserved: i64,
    /// The outages in order.
    pub outages: Vec<Outage>,
}

impl Availability {
    /// Up out of what was observed, maintenance counted as any other time; `None` where nobody looked.
    pub fn observed(&self) -> Option<f64> {
        ratio(self.up, self.up + self.down)
    }

    /// Up out of what was observed outside of planned maintenance: what a contract is held against.
    pub fn owed(&self) -> Option<f64> {
        let planned_up = self.planned - self.planned_down - self.planned_unobserved;
        let (up, down) = (self.up - planned_up, self.down - self.planned_down);
        ratio(up, up + down)
    }

    /// [`Self::owed`] if it was up whenever nobody looked.
    pub fn best(&self) -> Option<f64> {
        let outside = self.total - self.planned;
        ratio(outside - (self.down - self.planned_down), outside)
    }

    /// [`Self::owed`] if it was down whenever nobody looked, and for all that means may hide.
    pub fn worst(&self) -> Option<f64> {
        let outside = self.total - self.planned;
        let bad = self.down - self.planned_down + self.unobserved - self.planned_unobserved + self.hidden;
        ratio((outside - bad).max(0), outside)
    }

    /// The share of the time that was observed.
    pub fn covered(&self) -> Option<f64> {
        ratio(self.up + self.down, self.total)
    }

    /// Whether a promise was kept: `None` where the time that nobody looked at decides.
    pub fn keeps(&self, promised: f64) -> Option<bool> {
        match (self.worst()? >= promised, self.best()? >= promised) {
            (true, _) => Some(true),
            (_, false) => Some(false),
            (false, true) => None,
        }
    }
}

fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Adds up what a link was within `within`. `seen` is in order and without overlap; `planned` may overlap.
pub fn availability(seen: &[Stretch], planned: &[Span], within: Span) -> Availability {
    let planned = merged(planned, within);
    let overlap = |span: Span| -> i64 {
        let after = planned.partition_point(|p| p.to <= span.from);
        planned[after..].iter().map_while(|p| span.within(*p)).map(Span::length).sum()
    };
    let mut out = Availability {
        total: within.length(),
        planned: planned.iter().map(|span| span.length()).sum(),
        ..Availability::default()
    };
    let mut observed_planned = 0;
    let mut hidden = 0.0;
    let mut end = within.from;
    for stretch in seen {
        let Some(span) = stretch.span.within(within) else { continue };
        let in_plan = overlap(span);
        observed_planned += in_plan;
        let gap_before = span.from > end;
        match stretch.state {
            State::Up { hidden: share } => {
                out.up += span.length();
                hidden += share * (span.length() - in_plan) as f64;
                if gap_before && let Some(last) = out.outages.last_mut().filter(|last| last.span.to == end) {
                    last.open = true;
                }
            }
            State::Down => {
                out.down += span.length();
                out.planned_down += in_plan;
                if gap_before && let Some(last) = out.outages.last_mut().filter(|o| o.span.to == end) {
                    last.open = true;
                }
                match out.outages.last_mut() {
                    Some(last) if last.span.to == span.from => {
                        last.span.to = span.to;
                        last.planned += in_plan;
                    }
                    _ => out.outages.push(Outage { span, planned: in_plan, open: gap_before }),
                }
            }
        }
        end = span.to;
    }
    if end < within.to
        && let Some(last) = out.outages.last_mut().filter(|last| last.span.to == end)
    {
        last.open = true;
    }
    out.unobserved = out.total - out.up - out.down;
    out.planned_unobserved = out.planned - observed_planned;
    out.hidden = hidden.ceil() as i64;
    out
}

/// The parts of spans that lie within another, in order and without overlap.
fn merged(spans: &[Span], within: Span) -> Vec<Span> {
    let mut spans: Vec<Span> = spans.iter().filter_map(|span| span.within(within)).collect();
    spans.sort_unstable();
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if last.to >= span.from => last.to = last.to.max(span.to),
            _ => out.push(span),
        }
    }
    out
}

#[cfg(test)]
mod tests;
