use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000;

/// A block table of one series, kept by obeying the changes.
#[derive(Default)]
struct Table {
    blocks: Vec<Stored>,
    next: i64,
}

impl Table {
    fn insert(&mut self, tier: Tier, sealed: bool, block: Encoded) {
        self.next += 1;
        self.blocks.push(Stored { id: self.next, tier, sealed, block });
    }

    fn seal(&mut self, new: &[Point], also: &[i64], floors: &Floors) -> Change {
        let mut buckets: BTreeMap<i64, Vec<Point>> = BTreeMap::new();
        for bucket in also {
            buckets.entry(*bucket).or_default();
        }
        for point in new {
            buckets.entry(floor(point.0, BUCKET)).or_default().push(*point);
        }
        let change = seal(&self.blocks, buckets, floors);
        self.blocks.retain(|b| !change.delete.contains(&b.id));
        for block in &mut self.blocks {
            block.sealed |= change.give_up.contains(&block.id);
        }
        for (tier, block) in change.insert.clone() {
            self.insert(tier, true, block);
        }
        change
    }

    fn of(&self, tier: Tier) -> impl Iterator<Item = &Stored> {
        self.blocks.iter().filter(move |b| b.tier == tier)
    }

    fn points(&self) -> Vec<Point> {
        let mut all: Vec<Point> =
            self.of(Tier::Raw).flat_map(|b| decode_points(&b.block).unwrap_or_default()).collect();
        all.sort_by_key(|p| p.0);
        all
    }

    fn cells(&self, tier: Tier) -> Vec<Cell> {
        let mut all: Vec<Cell> = self.of(tier).flat_map(|b| decode_cells(&b.block).expect("sound")).collect();
        all.sort_by_key(|c| c.start);
        all
    }
}

proptest! {
    /// Whatever the order in which points arrive, and however often their stretch is sealed, the raw
    /// blocks hold each exactly once and the roll-ups are those of all points.
    #[test]
    fn arrival_order_does_not_matter(
        times in prop::collection::btree_set(0i64..40 * HOUR, 1..80)
            .prop_map(|t| t.into_iter().collect::<Vec<_>>()).prop_shuffle(),
        cuts in prop::collection::vec(any::<(prop::sample::Index, bool)>(), 0..6),
    ) {
        let points: Vec<Point> = times.iter().map(|t| (*t, (*t % 97) as f64)).collect();
        let mut cuts: Vec<(usize, bool)> =
            cuts.into_iter().map(|(i, unsealed)| (i.index(points.len() + 1), unsealed)).collect();
        cuts.sort_unstable();
        cuts.push((points.len(), false));
        let mut table = Table::default();
        let mut from = 0;
        let mut open = Vec::new();
        for (to, unsealed) in cuts {
            let part = &points[from..to];
            from = to;
            if unsealed {
                for point in part {
                    table.insert(Tier::Raw, false, encode_points(&[*point]));
                    open.push(floor(point.0, BUCKET));
                }
            } else {
                table.seal(part, &open, &Floors::NONE);
                open.clear();
            }
        }
        let mut sorted = points.clone();
        settle(&mut sorted);
        prop_assert_eq!(table.points(), sorted.clone());
        for tier in [Tier::FiveMinutes, Tier::OneHour] {
            let width = tier.cell().expect("a roll-up");
            prop_assert_eq!(table.cells(tier), widen(sorted.iter().copied().map(Cell::of), width));
            let mut spans: Vec<i64> = table.of(tier).map(|b| floor(b.block.start, tier.span())).collect();
            spans.sort_unstable();
            let all = spans.len();
            spans.dedup();
            prop_assert_eq!(spans.len(), all, "one block per stretch");
        }
    }
}

#[test]
fn sealing_what_is_sealed_changes_nothing() {
    let mut table = Table::default();
    table.seal(&[(1, 1.0), (2, 2.0)], &[], &Floors::NONE);
    let change = table.seal(&[], &[0], &Floors::NONE);
    assert!(change.delete.is_empty() && change.insert.is_empty());
}

#[test]
fn a_damaged_block_stays_and_does_not_thin_the_roll_ups() {
    let mut table = Table::default();
    table.seal(&[(1, 1.0), (2, 2.0), (3, 3.0)], &[], &Floors::NONE);
    let raw = table.blocks.iter_mut().find(|b| b.tier == Tier::Raw).expect("sealed above");
    raw.block.body[0] ^= 1;
    let id = raw.id;
    let change = table.seal(&[(4, 9.0)], &[], &Floors::NONE);
    assert_eq!(change.damaged, [(id, Damage::Checksum)]);
    assert!(table.blocks.iter().any(|b| b.id == id), "kept for mending");
    assert_eq!(table.points(), [(4, 9.0)]);
    assert_eq!(table.cells(Tier::FiveMinutes)[0].count, 3);
}

#[test]
fn a_damaged_block_of_an_open_stretch_is_tried_once() {
    let mut table = Table::default();
    table.insert(Tier::Raw, false, encode_points(&[(1, 1.0)]));
    table.blocks[0].block.crc ^= 1;
    let change = table.seal(&[], &[0], &Floors::NONE);
    assert_eq!(change.give_up, [1]);
    assert!(change.insert.is_empty());
    assert!(table.blocks[0].sealed);
}

#[test]
fn points_that_come_after_their_raw_neighbours_expired_add_to_the_cells() {
    let mut table = Table::default();
    table.seal(&[(0, 1.0), (10_000, 2.0)], &[], &Floors::NONE);
    let floors = Floors([BUCKET, i64::MIN, i64::MIN]);
    table.seal(&[(5_000, 6.0)], &[], &floors);
    assert_eq!(table.points(), [(0, 1.0), (10_000, 2.0)], "the late point is not kept raw");
    for tier in [Tier::FiveMinutes, Tier::OneHour] {
        let cells = table.cells(tier);
        assert_eq!((cells.len(), cells[0].count, cells[0].sum), (1, 3, 9.0));
        assert_eq!((cells[0].max, cells[0].last), (6.0, 2.0));
    }
    let all_gone = Floors([i64::MAX; 3]);
    assert!(table.seal(&[(7_000, 1.0)], &[], &all_gone).insert.is_empty());
}
