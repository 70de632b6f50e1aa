//! What a link carried, as lines are billed: the 95th percentile of 5-minute averages over a calendar month.

/// The length of an average, milliseconds.
pub const AVERAGE_MS: i64 = 300_000;

/// What was carried in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Burst {
    /// Averages that there are.
    pub samples: u64,
    /// Averages that the time has room for.
    pub expected: u64,
    /// The largest average once the highest 5 % are left out, in the unit of the averages.
    pub p95: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// The mean of all.
    pub mean: Option<f64>,
}

/// The 95th percentile of averages over a time of this length in milliseconds: sorted, the highest 5 % are
/// left out, and the next one is taken. Averages that are missing are not made up; how many there are is told.
pub fn burst(averages: &[f64], length: i64) -> Burst {
    let mut sorted: Vec<f64> = averages.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let rank = (n * 95).div_ceil(100);
    Burst {
        samples: n as u64,
        expected: u64::try_from(length / AVERAGE_MS).unwrap_or(0),
        p95: rank.checked_sub(1).and_then(|index| sorted.get(index)).copied(),
        max: sorted.last().copied(),
        mean: (n > 0).then(|| sorted.iter().sum::<f64>() / n as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_of_the_averages_are_free() {
        let averages: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let burst = burst(&averages, 100 * AVERAGE_MS);
        assert_eq!((burst.p95, burst.max, burst.mean), (Some(95.0), Some(100.0), Some(50.5)));
        assert_eq!((burst.samples, burst.expected), (100, 100));
    }

    #[test]
    fn a_burst_of_thirty_five_hours_in_a_month_costs_nothing() {
        let mut averages = vec![1.0; 8640];
        averages[..432].fill(9.0);
        assert_eq!(burst(&averages, 0).p95, Some(1.0));
        averages[432] = 9.0;
        assert_eq!(burst(&averages, 0).p95, Some(9.0));
    }

    #[test]
    fn nothing_carried_is_not_known() {
        assert_eq!(burst(&[f64::NAN], AVERAGE_MS * 2), Burst { expected: 2, ..Burst::default() });
    }
}
