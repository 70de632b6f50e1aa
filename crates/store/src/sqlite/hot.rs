//! Which batches are hot, and the points of those that a chart asked for.
//!
//! The hot table has no index by agent (see the schema), so the index is here, rebuilt when the store
//! opens. Decoded batches are kept per agent, because a page draws many series of the same one.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;
use wasl_model::{AgentId, SeriesKey};

use super::rows::parsed;
use crate::CompactOptions;
use crate::rollup::Point;
use crate::transpose::Transposed;

/// At 16 bytes per point some 32 MB, plus names.
pub(super) const MAX_CACHED_POINTS: usize = 2_000_000;

/// By how many places an agent's list grows at least.
const STEP: usize = 16;

/// One hot batch, without its body. Five thousand agents have 600 000 of them, so times are whole seconds since 1970 in
/// 24 bytes; they are rounded so that a batch is never ripe too early and never seems to hold less than it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HotRow {
    id: i64,
    /// Rounded up.
    received: u32,
    /// Rounded down.
    first: u32,
    /// Rounded up; the largest number stands for every later time.
    last: u32,
    bytes: u32,
}

impl HotRow {
    /// A batch of so many bytes, its times in milliseconds since 1970.
    pub(super) fn new(id: i64, received_ms: i64, (first_ms, last_ms): (i64, i64), bytes: usize) -> Self {
        Self {
            id,
            received: up(received_ms),
            first: seconds(first_ms.div_euclid(1000)),
            last: up(last_ms),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        }
    }

    fn is_ripe(self, received_until: i64) -> bool {
        i64::from(self.received) * 1000 <= received_until
    }

    fn first_ms(self) -> i64 {
        i64::from(self.first) * 1000
    }

    fn overlaps(self, from: i64, to: i64) -> bool {
        self.first_ms() <= to && (self.last == u32::MAX || i64::from(self.last) * 1000 >= from)
    }
}

fn up(ms: i64) -> u32 {
    seconds(ms.saturating_add(999).div_euclid(1000))
}

/// Times before 1970 or after 2106 become these.
fn seconds(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

/// Batches by agent, in order of arrival.
pub(super) type Picked = Vec<(AgentId, Vec<i64>)>;

#[derive(Debug, Default)]
pub(super) struct Hot {
    rows: HashMap<AgentId, Vec<HotRow>>,
    cache: HashMap<AgentId, Cached>,
    /// Counts compactions.
    generation: u64,
    uses: u64,
}

#[derive(Debug, Default)]
struct Cached {
    batches: HashSet<i64>,
    data: Transposed,
    used: u64,
}

/// The hot batches of one chart, as of one moment.
pub(super) struct Wanted {
    pub(super) points: Vec<Point>,
    /// Batches whose points are not among `points` yet.
    pub(super) missing: Vec<i64>,
    /// Where the earliest of all these batches begins.
    pub(super) earliest: i64,
    generation: u64,
}

/// Reads the index from the table.
pub(super) async fn load(connection: &mut SqliteConnection) -> sqlx::Result<Hot> {
    let rows: Vec<(i64, String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT b.id, s.agent, b.received_ms, b.first_ms, b.last_ms, LENGTH(b.body) \
         FROM batch b JOIN stream s ON s.id = b.stream ORDER BY b.id",
    )
    .fetch_all(connection)
    .await?;
    let mut hot = Hot::default();
    for (id, agent, received_ms, first_ms, last_ms, bytes) in rows {
        let bytes = usize::try_from(bytes).unwrap_or(0);
        hot.add(parsed(&agent)?, HotRow::new(id, received_ms, (first_ms, last_ms), bytes));
    }
    Ok(hot)
}

impl Hot {
    pub(super) fn add(&mut self, agent: AgentId, row: HotRow) {
        let rows = self.rows.entry(agent).or_default();
        // Thousands of agents have some seventy each: by doubling, half of the room would be for none.
        if rows.len() == rows.capacity() {
            rows.reserve_exact(STEP.max(rows.len() / 4));
        }
        rows.push(row);
    }

    /// Batches that came until `received_until`, the agents with the oldest first and each agent's
    /// together, because an agent's batches fill the same blocks. Also whether more would qualify.
    pub(super) fn pick(&self, received_until: i64, options: &CompactOptions) -> (Picked, bool) {
        let is_ripe = |row: &&HotRow| row.is_ripe(received_until);
        let mut agents: Vec<_> = self
            .rows
            .iter()
            .filter_map(|(agent, rows)| Some((rows.iter().find(is_ripe)?.id, agent, rows)))
            .collect();
        agents.sort_unstable_by_key(|(oldest, ..)| *oldest);
        let mut picked = Picked::new();
        let (mut batches, mut bytes) = (0, 0);
        for (_, agent, rows) in agents {
            if picked.len() >= options.max_agents.max(1) {
                return (picked, true);
            }
            let mut ids = Vec::new();
            for row in rows.iter().filter(is_ripe) {
                let full = batches >= options.max_batches || bytes + row.bytes as usize > options.max_bytes;
                if full && batches > 0 {
                    if !ids.is_empty() {
                        picked.push((agent.clone(), ids));
                    }
                    return (picked, true);
                }
                batches += 1;
                bytes += row.bytes as usize;
                ids.push(row.id);
            }
            picked.push((agent.clone(), ids));
        }
        (picked, false)
    }

    /// Drops what was compacted. The caller holds the layout lock for writing.
    pub(super) fn forget(&mut self, done: &Picked) {
        self.generation += 1;
        for (agent, ids) in done {
            self.cache.remove(agent);
            let Some(rows) = self.rows.get_mut(agent) else { continue };
            let ids: HashSet<i64> = ids.iter().copied().collect();
            rows.retain(|row| !ids.contains(&row.id));
            if rows.is_empty() {
                self.rows.remove(agent);
            }
        }
    }

    /// What is known about a series' hot points. The caller holds the layout lock for reading.
    pub(super) fn want(&mut self, key: &SeriesKey, from: i64, to: i64) -> Wanted {
        let rows = self.rows.get(&key.agent).map_or(&[][..], Vec::as_slice);
        let overlapping = || rows.iter().filter(|row| row.overlaps(from, to));
        let ids = overlapping().map(|row| row.id);
        let mut wanted = Wanted {
            points: Vec::new(),
            missing: Vec::new(),
            earliest: overlapping().map(|row| row.first_ms()).min().unwrap_or(i64::MAX),
            generation: self.generation,
        };
        match self.cache.get_mut(&key.agent) {
            Some(cached) => {
                self.uses += 1;
                cached.used = self.uses;
                let points = cached.data.points_of(&key.subject, &key.field, from, to);
                wanted.points.extend(points);
                wanted.missing.extend(ids.filter(|id| !cached.batches.contains(id)));
            }
            None => wanted.missing.extend(ids),
        }
        wanted
    }

    /// Keeps what was decoded for a chart, unless a compaction came between.
    pub(super) fn keep(&mut self, wanted: &Wanted, agent: &AgentId, decoded: Vec<(i64, Transposed)>) {
        if wanted.generation != self.generation {
            return;
        }
        self.uses += 1;
        let cached = self.cache.entry(agent.clone()).or_default();
        cached.used = self.uses;
        for (id, data) in decoded {
            if cached.batches.insert(id) {
                cached.data.merge(data);
            }
        }
        while self.cache.values().map(|c| c.data.points).sum::<usize>() > MAX_CACHED_POINTS {
            let oldest = self.cache.iter().min_by_key(|(_, cached)| cached.used);
            let Some(oldest) = oldest.map(|(agent, _)| agent.clone()) else { break };
            self.cache.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(received_ms: i64, first_ms: i64, last_ms: i64) -> HotRow {
        HotRow::new(1, received_ms, (first_ms, last_ms), 10)
    }

    #[test]
    fn a_batch_is_small() {
        assert_eq!(size_of::<HotRow>(), 24);
    }

    #[test]
    fn a_batch_is_ripe_when_its_stretch_is_over_and_not_before() {
        assert!(row(60_000, 0, 0).is_ripe(60_000));
        assert!(!row(60_001, 0, 0).is_ripe(60_000), "it came after it");
        assert!(row(-5, 0, 0).is_ripe(0));
        assert!(row(i64::MAX, 0, 0).is_ripe(i64::MAX), "all that there is");
    }

    #[test]
    fn a_batch_covers_at_least_its_own_times_whatever_they_are() {
        for (first, last) in [
            (1_500, 2_500),
            (0, 0),
            (-9_000, 1),
            (i64::MIN, i64::MAX),
            (5_000_000_000_000, 6_000_000_000_000),
        ] {
            let row = row(0, first, last);
            assert!(row.overlaps(last, i64::MAX) && row.overlaps(0, first.max(0)), "{first} to {last}");
        }
        assert!(!row(0, 1_500, 2_500).overlaps(3_001, 9_000), "the next second is another's");
        assert!(!row(0, 1_500, 2_500).overlaps(0, 999));
    }
}
