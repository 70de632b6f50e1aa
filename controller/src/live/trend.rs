//! The last hour of a few numbers, a cell a minute, for the small drawings beside the values.

use std::collections::VecDeque;

use wasl_model::{Timestamp, Value};

/// How many minutes are remembered.
const MINUTES: u32 = 60;

/// The numbers that are remembered of a kind of value, at most two.
pub fn fields(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Host(_) => &["cpu_busy"],
        Value::Interface(_) => &["receive_rate", "transmit_rate"],
        Value::Probe(_) => &["rtt_p50", "loss"],
        _ => &[],
    }
}

/// Means per minute.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trend {
    cells: VecDeque<Cell>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Cell {
    /// Since 1970. Tens of thousands of trends have sixty cells each: 16 bytes, not 24.
    minute: u32,
    sum: [f32; 2],
    count: [u16; 2],
}

impl Trend {
    /// Adds what a value says.
    pub fn add(&mut self, at: Timestamp, value: &Value) {
        for (index, field) in fields(value).iter().enumerate() {
            if let Some(number) = super::number(value, field) {
                self.put(at, index, number);
            }
        }
    }

    /// Adds one number of the field at `index`.
    pub fn put(&mut self, at: Timestamp, index: usize, number: f64) {
        let Some(minute) = minute(at) else { return };
        if self.cells.back().is_some_and(|c| minute.saturating_add(MINUTES) <= c.minute) {
            return;
        }
        let place = self.cells.partition_point(|c| c.minute < minute);
        if self.cells.get(place).is_none_or(|c| c.minute != minute) {
            self.cells.insert(place, Cell { minute, sum: [0.0; 2], count: [0; 2] });
        }
        if let Some(cell) = self.cells.get_mut(place)
            && let (Some(sum), Some(count)) = (cell.sum.get_mut(index), cell.count.get_mut(index))
        {
            *sum += number as f32;
            *count = count.saturating_add(1);
        }
        while self.cells.back().zip(self.cells.front()).is_some_and(|(b, f)| b.minute - f.minute >= MINUTES) {
            self.cells.pop_front();
        }
    }

    /// The field at `index` over the hour that ends now, oldest first, `None` where nothing came.
    pub fn line(&self, index: usize, now: Timestamp) -> Vec<Option<f64>> {
        let mut line = vec![None; MINUTES as usize];
        let Some(end) = minute(now) else { return line };
        for cell in &self.cells {
            if let Some(back) = end.checked_sub(cell.minute).filter(|back| *back < MINUTES)
                && let (Some(sum), Some(count)) = (cell.sum.get(index), cell.count.get(index))
                && *count > 0
            {
                line[(MINUTES - 1 - back) as usize] = Some(f64::from(*sum) / f64::from(*count));
            }
        }
        line
    }
}

fn minute(at: Timestamp) -> Option<u32> {
    u32::try_from(at.0.div_euclid(60_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_minutes_without_values_stay_empty() {
        let mut trend = Trend::default();
        let at = |minute: i64| Timestamp(minute * 60_000 + 1_000);
        trend.put(at(0), 0, 9.0);
        trend.put(at(100), 0, 2.0);
        trend.put(at(100), 0, 4.0);
        trend.put(at(98), 0, 1.0);
        trend.put(at(20), 0, 5.0);
        let line = trend.line(0, at(101));
        assert_eq!(line.len(), 60);
        assert_eq!(&line[56..], [Some(1.0), None, Some(3.0), None]);
        assert_eq!(line.iter().flatten().count(), 2, "older than an hour is gone");
        assert!(trend.line(1, at(101)).iter().all(Option::is_none));
    }
}
