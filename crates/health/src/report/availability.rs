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
    /// It was down for a part of the stretch, and where in it is not known. Shares of the stretch, 0 to 1.
    Part {
        /// For how much of it: exact for one end; together, what ends can have had in common at most.
        down: f64,
        /// What they must have had in common.
        surely: f64,
    },
}

impl State {
    /// Up, and nothing is hidden.
    pub const UP: Self = Self::Up { hidden: 0.0 };

    /// Down for so many milliseconds of so many.
    pub(super) fn part(down: i64, of: i64) -> Self {
        let down = down as f64 / of.max(1) as f64;
        Self::Part { down, surely: down }
    }

    pub(super) fn is_part(self) -> bool {
        matches!(self, Self::Part { .. })
    }

    /// What two ends together say that were both looking.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Up { hidden: a }, Self::Up { hidden: b }) => Self::Up { hidden: a.min(b) },
            (Self::Up { hidden }, Self::Part { down, .. })
            | (Self::Part { down, .. }, Self::Up { hidden }) => Self::Up { hidden: hidden.min(down) },
            (Self::Part { down: a, surely: at_least }, Self::Part { down: b, surely: and_at_least }) => {
                Self::Part { down: a.min(b), surely: (at_least + and_at_least - 1.0).max(0.0) }
            }
            (Self::Down, other) | (other, Self::Down) => other,
        }
    }
}

/// A stretch during which one thing held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// When.
    pub span: Span,
    /// What.
    pub state: State,
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
            state = Some(state.map_or(*seen, |state| state.and(*seen)));
        }
        let Some(state) = state else { continue };
        match out.last_mut() {
            Some(last) if last.state == state && last.span.to == span.from && !state.is_part() => {
                last.span.to = span.to;
            }
            _ => out.push(Stretch { span, state }),
        }
    }
    out
}

/// A stretch during which nothing got through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// From its first moment to its last.
    pub span: Span,
    /// How much of it was planned, milliseconds.
    pub planned: i64,
    /// Whether it begins or ends where nobody looked, so that it may have been longer.
    pub open: bool,
    /// Whether it rests on cells of which only the time down is known: when in the cell it was, and whether it was
    /// one outage or several, is not.
    pub placed: bool,
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
    /// How much of the time as down outside of planned maintenance may have been up, because only means are kept of
    /// it: two ends may not have been cut at the same time, or maintenance may explain it.
    pub doubtful: i64,
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

    /// [`Self::owed`] if it was up whenever nobody looked, and whenever means leave a doubt.
    pub fn best(&self) -> Option<f64> {
        let outside = self.total - self.planned;
        ratio(outside - (self.down - self.planned_down - self.doubtful).max(0), outside)
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
    let mut bounds = Bounds::default();
    let mut outages = Outages::default();
    let mut end = within.from;
    for (index, stretch) in seen.iter().enumerate() {
        let Some(span) = stretch.span.within(within) else { continue };
        let in_plan = overlap(span);
        observed_planned += in_plan;
        if span.from > end {
            outages.unseen(end);
        }
        let gap_before = span.from > end;
        match stretch.state {
            State::Up { hidden } => {
                out.up += span.length();
                bounds.hidden += hidden * (span.length() - in_plan) as f64;
            }
            State::Down => {
                out.down += span.length();
                out.planned_down += in_plan;
                outages.add(Outage { span, planned: in_plan, open: gap_before, placed: false });
            }
            State::Part { down, surely } => {
                let length = span.length();
                let share = |of: i64| (down.clamp(0.0, 1.0) * of as f64).round() as i64;
                let (long, planned) = (share(length), share(in_plan));
                out.down += long;
                out.up += length - long;
                out.planned_down += planned;
                bounds.part(length, in_plan, long - planned, (down, surely));
                let goes_on = seen
                    .get(index + 1)
                    .is_some_and(|next| next.span.from == span.to && !matches!(next.state, State::Up { .. }));
                let placed = if goes_on && !outages.reaches(span.from) {
                    Span { from: span.to - long, ..span }
                } else {
                    Span { to: span.from + long, ..span }
                };
                outages.add(Outage { span: placed, planned, open: false, placed: true });
            }
        }
        end = span.to;
    }
    if end < within.to {
        outages.unseen(end);
    }
    out.outages = outages.0;
    out.unobserved = out.total - out.up - out.down;
    out.planned_unobserved = out.planned - observed_planned;
    // Shares of a length are not exact; a thousandth of a millisecond is nothing.
    let whole = |length: f64| (length - 1e-3).ceil().max(0.0) as i64;
    (out.hidden, out.doubtful) = (whole(bounds.hidden), whole(bounds.doubtful));
    out
}

/// By how much the time that counts as up or down may be wrong, outside of planned maintenance. Milliseconds.
#[derive(Default)]
struct Bounds {
    hidden: f64,
    doubtful: f64,
}

impl Bounds {
    /// Adds a stretch of which `counted` counts as down outside of `in_plan`, by the shares of [`State::Part`].
    fn part(&mut self, length: i64, in_plan: i64, counted: i64, (down, surely): (f64, f64)) {
        let (length, in_plan, counted) = (length as f64, in_plan as f64, counted as f64);
        let most = (down * length).min(length - in_plan);
        let least = (surely * length - in_plan).max(0.0);
        self.hidden += (most - counted).max(0.0);
        self.doubtful += (counted - least).max(0.0);
    }
}

/// Outages as they are found, in order.
#[derive(Default)]
struct Outages(Vec<Outage>);

impl Outages {
    /// Whether the last one lasts until then.
    fn reaches(&self, end: i64) -> bool {
        self.0.last().is_some_and(|last| last.span.to == end)
    }

    /// From `end` on nobody looked.
    fn unseen(&mut self, end: i64) {
        if let Some(last) = self.0.last_mut().filter(|last| last.span.to == end) {
            last.open = true;
        }
    }

    fn add(&mut self, outage: Outage) {
        if outage.span.length() == 0 {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.span.to == outage.span.from => {
                last.span.to = outage.span.to;
                last.planned += outage.planned;
                last.open |= outage.open;
                last.placed |= outage.placed;
            }
            _ => self.0.push(outage),
        }
    }
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
