//! How much of the past may be on the line while the present goes by.
//!
//! A backfill that fills the line's queues makes everything behind it late, the present too. So its requests are kept so
//! small that what is under way needs about 0.5 s: a fresh batch never waits longer than that. Some requests
//! at once, because the line would stand idle while the controller commits one. The line's speed is learned from the
//! requests themselves; how long an exchange takes beside the line (the way, the commit) from the shortest of them. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits;

/// How much line time may be under way, over all requests of the backfill.
const UNDER_WAY: Duration = Duration::from_millis(500);
/// Backfill requests under way at once.
pub const DEPTH: usize = 3;
/// The smallest and the largest request; bytes.
const SIZE: (usize, usize) = (16 * 1024, limits::MAX_UPLOAD_BYTES - limits::MAX_REQUEST_BYTES);
/// The first request, before anything is known.
const FIRST: usize = SIZE.0;
/// Exchanges that tell how long one takes beside the line.
const REMEMBERED: usize = 32;

/// The pace of one session's backfill.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// Bytes a second.
    rate: Option<f64>,
    /// How long the last exchanges took, less the line's share; seconds.
    beside: VecDeque<f64>,
    under_way: usize,
}

impl Pace {
    /// How large the next request of the backfill may be; bytes.
    pub fn size(&self) -> usize {
        let Some(rate) = self.rate else { return FIRST };
        let share = UNDER_WAY.as_secs_f64() / DEPTH as f64;
        ((rate * share) as usize).clamp(SIZE.0, SIZE.1)
    }

    /// A request of the backfill leaves. Returns what is under way with it; to be given to [`Self::answered`].
    pub fn sent(&mut self, bytes: usize) -> usize {
        self.under_way += bytes;
        self.under_way
    }

    /// It was answered after `took`.
    pub fn answered(&mut self, bytes: usize, under_way: usize, took: Duration) {
        self.under_way = self.under_way.saturating_sub(bytes);
        let took = took.as_secs_f64();
        let beside = self.beside.iter().copied().fold(f64::INFINITY, f64::min);
        let line = if beside.is_finite() { took - beside.min(took) } else { took };
        let seen = under_way as f64 / line.max(0.002);
        // Faster is believed at once, slower over a few requests: one slow commit is not a slow line.
        self.rate = Some(match self.rate {
            Some(rate) if seen < rate => rate * 0.75 + seen * 0.25,
            _ => seen,
        });
        self.note(took, under_way);
    }

    /// A request of the live lane was answered after `took`, with nothing of the backfill before it.
    pub fn live_answered(&mut self, bytes: usize, took: Duration) {
        if self.under_way == 0 {
            self.note(took.as_secs_f64(), bytes);
        }
    }

    /// A request of the backfill will not be answered.
    pub fn failed(&mut self, bytes: usize) {
        self.under_way = self.under_way.saturating_sub(bytes);
    }

    fn note(&mut self, took: f64, bytes: usize) {
        let line = self.rate.map_or(0.0, |rate| bytes as f64 / rate);
        self.beside.push_back((took - line).max(0.0));
        if self.beside.len() > REMEMBERED {
            self.beside.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
