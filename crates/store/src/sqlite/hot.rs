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

/// One hot batch, without its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HotRow {
    pub(super) id: i64,
    pub(super) received_ms: i64,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    pub(super) bytes: usize,
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
        let row = HotRow { id, received_ms, first_ms, last_ms, bytes: usize::try_from(bytes).unwrap_or(0) };
        hot.add(parsed(&agent)?, row);
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
        let is_ripe = |row: &&HotRow| row.received_ms <= received_until;
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
                let full = batches >= options.max_batches || bytes + row.bytes > options.max_bytes;
                if full && batches > 0 {
                    if !ids.is_empty() {
                        picked.push((agent.clone(), ids));
                    }
                    return (picked, true);
                }
                batches += 1;
                bytes += row.bytes;
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
        let overlapping = || rows.iter().filter(|row| row.first_ms <= to && row.last_ms >= from);
        let ids = overlapping().map(|row| row.id);
        let mut wanted = Wanted {
            points: Vec::new(),
            missing: Vec::new(),
            earliest: overlapping().map(|row| row.first_ms).min().unwrap_or(i64::MAX),
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
