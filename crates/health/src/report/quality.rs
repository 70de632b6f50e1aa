//! How much was lost, with how sure that is, and how long round trips took.

/// What was lost of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Loss {
    /// Probes whose fate is known.
    pub sent: u64,
    /// Those that were lost.
    pub lost: u64,
}

impl Loss {
    /// Adds a window or cell of so many probes with this mean loss.
    pub fn add(&mut self, sent: f64, loss: f64) {
        if sent.is_finite() && loss.is_finite() && sent > 0.0 {
            let sent = sent.round();
            self.sent = self.sent.saturating_add(sent as u64);
            self.lost = self.lost.saturating_add((sent * loss.clamp(0.0, 1.0)).round() as u64);
        }
    }

    /// The share that was lost; `None` where nothing was sent.
    pub fn share(self) -> Option<f64> {
        (self.sent > 0).then(|| self.lost as f64 / self.sent as f64)
    }

    /// The 95 % confidence interval of the share. It takes losses as independent; losses come in bursts, so
    /// the truth is somewhat wider.
    pub fn interval(self) -> Option<(f64, f64)> {
        wasl_model::quality::Loss::of(self.sent, self.lost).map(wasl_model::quality::Loss::interval)
    }
}

/// Between which two a quantile of [`Times`] lies: cells are 2 % wide, and windows tell their quantiles only.
pub fn within(seconds: f64) -> (f64, f64) {
    (seconds / 1.05, seconds * 1.05)
}

/// Whether what lies between two bounds is no more than was promised; `None` where the bounds disagree.
pub fn keeps((low, high): (f64, f64), most: f64) -> Option<bool> {
    match (low <= most, high <= most) {
        (_, true) => Some(true),
        (false, _) => Some(false),
        (true, false) => None,
    }
}

/// Round-trip times or jitters of a month, gathered from windows of which only some quantiles are kept.
///
/// Each window spreads its answered probes between its own quantiles; the whole is a histogram of cells of
/// 2 %, so that a quantile of the month is within some percent of that of all single round trips.
#[derive(Debug, Clone, Default)]
pub struct Times {
    /// Weights, from that of the shortest time on. A month of two ends is some six million additions.
    cells: Vec<f64>,
    max: Option<f64>,
    min: Option<f64>,
}

/// The growth from one cell to the next.
const STEP: f64 = 1.02;
/// What is shorter is in the first cell, seconds.
const SHORTEST: f64 = 1e-7;
/// What is longer is in the last cell, seconds.
const LONGEST: f64 = 1e6;

impl Times {
    /// Adds one value with a weight. Seconds.
    pub fn add(&mut self, seconds: f64, weight: f64) {
        if !(seconds.is_finite() && weight.is_finite() && seconds >= 0.0 && weight > 0.0) {
            return;
        }
        let cell = ((seconds.clamp(SHORTEST, LONGEST) / SHORTEST).ln() / STEP.ln()) as usize;
        if cell >= self.cells.len() {
            self.cells.resize(cell + 1, 0.0);
        }
        self.cells[cell] += weight;
        self.max = Some(self.max.map_or(seconds, |max| max.max(seconds)));
        self.min = Some(self.min.map_or(seconds, |min| min.min(seconds)));
    }

    /// Adds a window of `answered` probes by its least value, median, 95th and 99th percentile and largest.
    pub fn add_window(&mut self, answered: f64, quantiles: [f64; 5]) {
        const SHARES: [f64; 4] = [0.5, 0.45, 0.04, 0.01];
        for (pair, share) in quantiles.windows(2).zip(SHARES) {
            let (low, high) = (pair[0], pair[1].max(pair[0]));
            let parts = if share >= 0.4 { 4 } else { 2 };
            for part in 0..parts {
                let at = (f64::from(part) + 0.5) / f64::from(parts);
                self.add(low + (high - low) * at, answered * share / f64::from(parts));
            }
        }
        if let Some(most) = Some(quantiles[4]).filter(|most| most.is_finite()) {
            self.max = Some(self.max.map_or(most, |max| max.max(most)));
        }
        if let Some(least) = Some(quantiles[0]).filter(|least| least.is_finite() && *least >= 0.0) {
            self.min = Some(self.min.map_or(least, |min| min.min(least)));
        }
    }

    /// Adds all that another has.
    pub fn merge(&mut self, other: &Self) {
        if self.cells.len() < other.cells.len() {
            self.cells.resize(other.cells.len(), 0.0);
        }
        for (own, weight) in self.cells.iter_mut().zip(&other.cells) {
            *own += weight;
        }
        if let (Some(min), Some(max)) = (other.min, other.max) {
            self.min = Some(self.min.map_or(min, |own| own.min(min)));
            self.max = Some(self.max.map_or(max, |own| own.max(max)));
        }
    }

    /// The value that a share `q` of all does not exceed, seconds; `None` where nothing was added.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total: f64 = self.cells.iter().sum();
        let mut left = total * q.clamp(0.0, 1.0);
        let mut last = None;
        for (cell, weight) in self.cells.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            last = Some(SHORTEST * STEP.powf(cell as f64 + 0.5));
            left -= weight;
            if left <= total * 1e-12 {
                break;
            }
        }
        let value = last?;
        Some(value.clamp(self.min.unwrap_or(value), self.max.unwrap_or(value)))
    }

    /// The largest value.
    pub fn max(&self) -> Option<f64> {
        self.max
    }
}

#[cfg(test)]
mod tests;
