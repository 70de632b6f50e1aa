//! What happens to one series when a stretch of time is over: its small blocks become one, and the
//! roll-ups of that stretch are made anew.
//!
//! Pure: it is given the series' blocks and new points and says which rows to delete and which to
//! insert; the caller does that in one transaction. Late points take the same way, however late they
//! are: the stretch is merged and rolled up once more. Where its raw points are gone by retention,
//! late points are added to the cells that remain.

use std::collections::BTreeMap;

use crate::block::{BUCKET, Damage, Encoded, Tier, decode_cells, decode_points, encode_cells, encode_points};
use crate::rollup::{Cell, Point, floor, settle, widen};

/// A block as it stands in the table.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) id: i64,
    pub(crate) tier: Tier,
    pub(crate) sealed: bool,
    pub(crate) block: Encoded,
}

/// Per tier: blocks that begin before this time are gone or going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Floors(pub(crate) [i64; 3]);

impl Floors {
    pub(crate) const NONE: Self = Self([i64::MIN; 3]);

    pub(crate) fn of(&self, tier: Tier) -> i64 {
        self.0[tier as usize]
    }
}

/// What to do to the block table. Everything that is inserted is sealed.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) delete: Vec<i64>,
    pub(crate) insert: Vec<(Tier, Encoded)>,
    /// Unsealed blocks that cannot be read: marked as sealed, so that they are not tried for ever.
    pub(crate) give_up: Vec<i64>,
    /// Blocks that cannot be read; they stay where they are, for whoever can mend them.
    pub(crate) damaged: Vec<(i64, Damage)>,
}

#[derive(Clone, Copy)]
enum How {
    /// All points of the bucket are known: its cells are what they say.
    Replace,
    /// Some points could not be read: an old cell that counts more of them is better.
    KeepFuller,
    /// The old points are gone, the new ones were never counted.
    Add,
}

struct Fresh {
    bucket: i64,
    cells: Vec<Cell>,
    how: How,
}

/// Seals the buckets of one series that are keys of `new`, whose values are the points to add.
/// `existing` must hold the series' raw blocks of these buckets and the roll-up blocks around them,
/// in the order in which they were made.
pub(crate) fn seal(existing: &[Stored], new: BTreeMap<i64, Vec<Point>>, floors: &Floors) -> Change {
    let mut change = Change::default();
    let mut fresh = Vec::new();
    for (bucket, points) in new {
        fresh.extend(seal_bucket(existing, bucket, points, floors, &mut change));
    }
    roll_up(existing, Tier::FiveMinutes, &fresh, floors, &mut change);
    roll_up(existing, Tier::OneHour, &fresh, floors, &mut change);
    change
}

fn seal_bucket(
    existing: &[Stored],
    bucket: i64,
    new: Vec<Point>,
    floors: &Floors,
    change: &mut Change,
) -> Option<Fresh> {
    let raw_is_kept = bucket >= floors.of(Tier::Raw);
    let own = existing.iter().filter(|s| {
        // Below the floor a sealed block is in the roll-ups already, and about to go.
        s.tier == Tier::Raw && floor(s.block.start, BUCKET) == bucket && (raw_is_kept || !s.sealed)
    });
    let mut points = Vec::new();
    let mut read = Vec::new();
    let mut damaged = false;
    for stored in own {
        match decode_points(&stored.block) {
            Ok(decoded) => {
                points.extend(decoded);
                read.push(stored);
            }
            Err(damage) => {
                damaged = true;
                change.damaged.push((stored.id, damage));
                if !stored.sealed {
                    change.give_up.push(stored.id);
                }
            }
        }
    }
    if new.is_empty() && matches!(read.as_slice(), [] | [Stored { sealed: true, .. }]) {
        return None;
    }
    points.extend(new);
    settle(&mut points);
    change.delete.extend(read.iter().map(|s| s.id));
    if raw_is_kept {
        change.insert.push((Tier::Raw, encode_points(&points)));
    }
    Some(Fresh {
        bucket,
        cells: widen(points.into_iter().map(Cell::of), 300_000),
        how: match (raw_is_kept, damaged) {
            (false, _) => How::Add,
            (true, true) => How::KeepFuller,
            (true, false) => How::Replace,
        },
    })
}

fn roll_up(existing: &[Stored], tier: Tier, fresh: &[Fresh], floors: &Floors, change: &mut Change) {
    let Some(width) = tier.cell() else { return };
    let mut by_span: BTreeMap<i64, Vec<&Fresh>> = BTreeMap::new();
    for bucket in fresh {
        let span = floor(bucket.bucket, tier.span());
        if span >= floors.of(tier) {
            by_span.entry(span).or_default().push(bucket);
        }
    }
    for (span, buckets) in by_span {
        let mut cells: BTreeMap<i64, Cell> = BTreeMap::new();
        for stored in existing {
            if stored.tier != tier || floor(stored.block.start, tier.span()) != span {
                continue;
            }
            match decode_cells(&stored.block) {
                Ok(decoded) => {
                    change.delete.push(stored.id);
                    cells.extend(decoded.into_iter().map(|c| (c.start, c)));
                }
                Err(damage) => change.damaged.push((stored.id, damage)),
            }
        }
        for bucket in buckets {
            apply(&mut cells, bucket, width);
        }
        let cells: Vec<Cell> = cells.into_values().collect();
        if !cells.is_empty() {
            change.insert.push((tier, encode_cells(&cells)));
        }
    }
}

fn apply(cells: &mut BTreeMap<i64, Cell>, fresh: &Fresh, width: i64) {
    if matches!(fresh.how, How::Replace) {
        let end = fresh.bucket.saturating_add(BUCKET);
        cells.retain(|start, _| *start < fresh.bucket || *start >= end);
    }
    for cell in widen(fresh.cells.iter().copied(), width) {
        let Some(old) = cells.get_mut(&cell.start) else {
            cells.insert(cell.start, cell);
            continue;
        };
        match fresh.how {
            How::Add => {
                // Late points are older than the latest, as a rule.
                let last = old.last;
                old.add(&cell);
                old.last = last;
            }
            How::Replace | How::KeepFuller if old.count <= cell.count => *old = cell,
            How::Replace | How::KeepFuller => {}
        }
    }
}

#[cfg(test)]
mod tests;
