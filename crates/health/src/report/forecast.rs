//! When a line will be full: the trend of its busy hours, and the day on which they reach [`FULL`].
//!
//! The trend is Theil and Sen's: the median of the slopes between all pairs of days, which a few odd days
//! (an exam, a holiday, a cut) do not bend. Its interval is Sen's (P. K. Sen, JASA 63, 1968), from the
//! ranks of the slopes by Kendall's variance.

/// The most days that are looked at.
pub const DAYS: usize = 90;
/// Fewer days tell nothing: a trend over less than two weeks is mostly that of the week.
pub const LEAST: usize = 14;
/// How far ahead a date still means something, in days.
pub const HORIZON: f64 = 730.0;

/// The share of what was bought from which on a busy hour counts as full. A policed line never reaches all of it: TCP
/// levels off a little below, and the queue before it is long by then.
pub const FULL: f64 = 0.9;

/// What the trend says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Forecast {
    /// There are too few days with a busy hour.
    TooLittle {
        /// How many there are.
        days: usize,
    },
    /// The busy hours already reach [`FULL`], whether they still grow or not.
    Full {
        /// The middle of the trend now, as a share of what was bought.
        now: f64,
    },
    /// They do not grow, as far as can be told.
    Steady {
        /// The middle of the trend now, as a share of what was bought.
        now: f64,
    },
    /// They grow and will reach [`FULL`].
    Grows {
        /// The trend's value now, as a share of what was bought.
        now: f64,
        /// How much it grows a day, in shares of what was bought.
        per_day: f64,
        /// In how many days it is full; `None` beyond [`HORIZON`].
        days: Option<f64>,
        /// In how many days at the earliest, at 95 %.
        earliest: Option<f64>,
        /// At the latest; `None` where the trend may also be flat or the day is beyond [`HORIZON`].
        latest: Option<f64>,
    },
}

/// The utilisation of a day's busiest hour: the 95th percentile of the 5-minute averages in the hour whose
/// mean is the highest. `averages` are `(milliseconds, share)`; an hour needs half of its averages to count,
/// the day at least twelve such hours.
pub fn busy_hour(averages: &[(i64, f64)]) -> Option<f64> {
    const HOUR: i64 = 3_600_000;
    let mut hours: std::collections::BTreeMap<i64, Vec<f64>> = std::collections::BTreeMap::new();
    for (at, share) in averages.iter().filter(|(_, share)| share.is_finite()) {
        hours.entry(at.div_euclid(HOUR)).or_default().push(*share);
    }
    hours.retain(|_, shares| shares.len() >= 6);
    if hours.len() < 12 {
        return None;
    }
    let mean = |shares: &Vec<f64>| shares.iter().sum::<f64>() / shares.len() as f64;
    let busiest = hours.into_values().max_by(|a, b| mean(a).total_cmp(&mean(b)))?;
    super::carried::burst(&busiest, 0).p95
}

/// The forecast from `(day, utilisation)`, a whole number of days and a share of what was bought; `today` is
/// the day from which is counted.
pub fn forecast(days: &[(f64, f64)], today: f64) -> Forecast {
    let mut days: Vec<(f64, f64)> =
        days.iter().copied().filter(|(day, share)| day.is_finite() && share.is_finite()).collect();
    days.sort_by(|a, b| a.0.total_cmp(&b.0));
    days.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
    let days = &days[days.len().saturating_sub(DAYS)..];
    if days.len() < LEAST {
        return Forecast::TooLittle { days: days.len() };
    }
    let mut slopes: Vec<f64> = days
        .iter()
        .enumerate()
        .flat_map(|(i, a)| days[i + 1..].iter().map(move |b| (b.1 - a.1) / (b.0 - a.0)))
        .collect();
    slopes.sort_by(f64::total_cmp);
    let slope = median(&slopes);
    let now = {
        let mut values: Vec<f64> = days.iter().map(|(day, share)| share + slope * (today - day)).collect();
        values.sort_by(f64::total_cmp);
        median(&values)
    };
    if now >= FULL {
        return Forecast::Full { now };
    }
    let (low, high) = bounds(&slopes, days.len());
    if slope <= 0.0 || low <= 0.0 {
        return Forecast::Steady { now };
    }
    let until = |slope: f64| Some((FULL - now) / slope).filter(|days| *days <= HORIZON);
    Forecast::Grows { now, per_day: slope, days: until(slope), earliest: until(high), latest: until(low) }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (_, None) => 0.0,
        (1, Some(value)) => *value,
        (_, Some(value)) => f64::midpoint(sorted[middle - 1], *value),
    }
}

/// The 95 % interval of the slope from `n` points.
fn bounds(slopes: &[f64], n: usize) -> (f64, f64) {
    let n = n as f64;
    let spread = 1.959_964 * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let count = slopes.len() as f64;
    let low = ((count - spread) / 2.0).floor().max(0.0) as usize;
    let high = f64::midpoint(count, spread).ceil() as usize;
    let last = slopes.len().saturating_sub(1);
    (slopes[low.min(last)], slopes[high.min(last)])
}

#[cfg(test)]
mod tests;
