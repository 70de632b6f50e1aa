//! What one end saw of a link, put together from its windows and, where these are gone, from cells of them.

use super::availability::{Span, State, Stretch};

/// A window counts as down all along if no more than this is missing, milliseconds: its length is measured by the
/// monotonic clock, its place by the wall clock.
const SLACK: i64 = 100;

/// The longest time that a window or cell tells of, milliseconds: ten days.
const MOST: i64 = 864_000_000;
/// In so many cells at most room is looked for.
const REACH: usize = 4;

/// What a detector told of a window, or of all windows of a cell together. Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// For how long it was down, less what earlier windows told: more than `observed`, or negative, where it
    /// corrects them.
    pub down: i64,
    /// How long the windows were.
    pub observed: i64,
}

impl Told {
    /// No more than a cell can hold, whatever a peer has told.
    fn bounded(self) -> Self {
        Self { down: self.down.clamp(-MOST, MOST), observed: self.observed.clamp(0, MOST) }
    }
}

/// A window, or a cell of windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// A window's end, or a cell's beginning, in milliseconds since 1970.
    pub at: i64,
    /// The mean loss; `None` where no probe was decided.
    pub loss: Option<f64>,
    /// What the detector told, where it did.
    pub told: Option<Told>,
}

/// What one end saw: stretches in order and without overlap. Windows and cells are added in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Record {
    stretches: Vec<Stretch>,
    /// Milliseconds that rest on windows.
    pub from_windows: i64,
    /// Milliseconds that rest on cells.
    pub from_cells: i64,
    /// Milliseconds of both in which no detector told anything, so that losses decide.
    pub by_loss: i64,
    /// By how much the last cell counts as down for longer than was told, because it is down all along and windows
    /// reach over the ends of cells; the next one counts so much less.
    ahead: i64,
}

impl Record {
    /// What was seen.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Adds a window. It is as long as was told, `usual` where nothing was, or reaches to the one before where
    /// that is nearer; a hole of up to half of the usual length is the agent's own rounding and no gap.
    pub fn window(&mut self, seen: Seen, usual: i64) {
        if seen.loss.is_none() && seen.told.is_none() {
            return;
        }
        let length = seen.told.map_or(usual, |told| told.bounded().observed);
        let mut from = seen.at.saturating_sub(length);
        let mut joined = false;
        if let Some(last) = self.stretches.last() {
            let hole = from.saturating_sub(last.span.to);
            if hole <= usual / 2 {
                from = last.span.to;
                joined = true;
            }
        }
        let span = Span { from, to: seen.at.max(from) };
        self.from_windows += span.length();
        let Some(told) = seen.told.map(Told::bounded) else {
            self.by_loss += span.length();
            let lost = seen.loss.is_some_and(|loss| loss >= 1.0);
            self.push(span, if lost { State::Down } else { State::UP });
            return;
        };
        let was_down = joined && self.stretches.last().is_some_and(|last| last.state == State::Down);
        let length = span.length();
        if told.down < 0 {
            self.turn(joined, told.down.saturating_neg(), State::UP);
            self.push(span, State::UP);
        } else if told.down > 0 && length - told.down <= SLACK.min(length / 50) {
            self.turn(joined, told.down - length, State::Down);
            self.push(span, State::Down);
        } else if was_down {
            // A window ends when the verdict changes: what began before it has ended in it.
            let turn = span.from + told.down;
            self.push(Span { to: turn, ..span }, State::Down);
            self.push(Span { from: turn, ..span }, State::UP);
        } else {
            let turn = span.to - told.down;
            self.push(Span { to: turn, ..span }, State::UP);
            self.push(Span { from: turn, ..span }, State::Down);
        }
    }

    /// Adds a cell of this width, of so many windows. Where in it the link was down is not known, nor where it was
    /// not observed.
    pub fn cell(&mut self, seen: Seen, width: i64, windows: u64) {
        let before = self.stretches.last().map_or(i64::MIN, |last| last.span.to);
        let whole = Span { from: seen.at.max(before), to: seen.at.saturating_add(width) };
        if whole.from >= whole.to || (seen.loss.is_none() && seen.told.is_none()) {
            return;
        }
        let Some(told) = seen.told.map(Told::bounded) else {
            self.from_cells += whole.length();
            self.by_loss += whole.length();
            let loss = seen.loss.unwrap_or(0.0);
            let hidden = loss.clamp(0.0, 1.0);
            self.push(whole, if loss >= 1.0 { State::Down } else { State::Up { hidden } });
            return;
        };
        let mean = told.observed / i64::try_from(windows).unwrap_or(i64::MAX).max(1);
        // Windows reach over the ends of cells.
        let full = told.observed + mean + mean / 2 >= whole.length();
        let joined = before == whole.from;
        let span = match (full, joined) {
            (true, _) => whole,
            (false, true) => Span { to: whole.from + told.observed, ..whole },
            (false, false) => Span { from: whole.to - told.observed, ..whole },
        };
        let length = span.length();
        if length == 0 {
            return;
        }
        self.from_cells += length;
        let all_down = told.observed.min(length) - told.down <= SLACK && told.down > 0;
        let down = told.down - std::mem::take(&mut self.ahead) * i64::from(joined);
        if joined {
            let mut beyond = if down < 0 { down } else { (down - length).max(0) };
            for _ in 0..REACH {
                beyond = self.amend(beyond, width);
            }
        }
        if all_down {
            self.ahead = (length - down).clamp(0, 2 * mean);
            self.push(span, State::Down);
        } else {
            self.push(span, if down <= 0 { State::UP } else { State::part(down.min(length), length) });
        }
    }

    /// Makes the last so many milliseconds be this, as far as they were seen without a gap.
    fn turn(&mut self, joined: bool, length: i64, state: State) {
        let Some(end) = self.stretches.last().map(|last| last.span.to).filter(|_| joined && length > 0)
        else {
            return;
        };
        let begin = end.saturating_sub(length);
        let mut from = end;
        while let Some(last) = self.stretches.last_mut().filter(|last| last.span.to == from && from > begin) {
            from = last.span.from.max(begin);
            if from > last.span.from {
                last.span.to = from;
                break;
            }
            self.stretches.pop();
        }
        self.push(Span { from, to: end }, state);
    }

    /// The cells of this width before were down for so much longer, or less long. Windows reach over the ends of
    /// cells: what does not fit into one was down in the last one before that was not down all along.
    ///
    /// Returns what found no place.
    fn amend(&mut self, by: i64, width: i64) -> i64 {
        if by == 0 {
            return 0;
        }
        let mut left = by;
        let full = |last: &mut Stretch| by > 0 && last.state == State::Down;
        let skipped = self.stretches.pop_if(full);
        let next =
            skipped.map(|skipped| skipped.span.from).or(self.stretches.last().map(|last| last.span.to));
        if let Some(last) = self.stretches.pop_if(|last| Some(last.span.to) == next) {
            let from = last.span.from.max(last.span.to - width);
            self.push(Span { to: from, ..last.span }, last.state);
            let span = Span { from, ..last.span };
            let length = span.length();
            let down = match last.state {
                State::Down => length,
                State::Up { .. } => 0,
                State::Part { down, .. } => (down * length as f64).round() as i64,
            };
            let amended = (down + by).clamp(0, length);
            left -= amended - down;
            let down = amended;
            let state = match (down, last.state) {
                // Of what no detector told anything, nothing is taken back.
                (0, State::Up { .. }) => last.state,
                (0, _) => State::UP,
                _ if down == length => State::Down,
                _ => State::part(down, length),
            };
            self.push(span, state);
        }
        if let Some(Stretch { span, state }) = skipped {
            self.push(span, state);
        }
        left
    }

    fn push(&mut self, span: Span, state: State) {
        if span.from >= span.to {
            return;
        }
        match self.stretches.last_mut() {
            // Of parts each keeps its own share, and cells their edges.
            Some(last) if last.state == state && last.span.to == span.from && !state.is_part() => {
                last.span.to = span.to;
            }
            _ => self.stretches.push(Stretch { span, state }),
        }
    }
}

#[cfg(test)]
mod tests;
