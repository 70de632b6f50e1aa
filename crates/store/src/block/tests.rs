use proptest::prelude::*;

use super::*;
use crate::rollup::{settle, widen};

fn points() -> impl Strategy<Value = Vec<Point>> {
    prop::collection::vec((any::<i32>(), prop::num::f64::NORMAL | prop::num::f64::ZERO), 1..300).prop_map(
        |points| {
            let mut points: Vec<Point> = points.into_iter().map(|(t, v)| (i64::from(t), v)).collect();
            settle(&mut points);
            points
        },
    )
}

proptest! {
    #[test]
    fn points_and_cells_come_back_bit_for_bit(points in points()) {
        let block = encode_points(&points);
        prop_assert_eq!(block.start, points[0].0);
        prop_assert_eq!(block.end, points[points.len() - 1].0);
        prop_assert_eq!(decode_points(&block), Ok(points.clone()));
        let cells = widen(points.into_iter().map(Cell::of), 3_600_000);
        prop_assert_eq!(decode_cells(&encode_cells(&cells)), Ok(cells));
    }

    #[test]
    fn any_flipped_bit_is_noticed(points in points(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut block = encode_points(&points);
        let at = at.index(block.body.len());
        block.body[at] ^= 1 << bit;
        prop_assert_eq!(decode_points(&block), Err(Damage::Checksum));
    }

    #[test]
    fn a_wrong_count_beside_a_sound_body_is_damage(points in points(), count in 0usize..400) {
        let mut block = encode_points(&points);
        prop_assume!(count != block.count);
        block.count = count;
        prop_assert_eq!(decode_points(&block), Err(Damage::Form));
    }
}

#[test]
fn a_few_points_are_stored_plainly_and_many_are_packed() {
    let regular = |n: i64| (0..n).map(|i| (i * 10_000, 21.5)).collect::<Vec<Point>>();
    let few = encode_points(&regular(1));
    assert_eq!((few.codec, few.body.len()), (PLAIN, 16));
    let many = encode_points(&regular(720));
    assert_eq!(many.codec, PCO);
    assert!(many.body.len() < 120, "{} bytes for a flat line", many.body.len());
}

#[test]
fn a_codec_from_the_future_is_named() {
    let mut block = encode_points(&[(1, 1.0)]);
    block.codec = 9;
    assert_eq!(decode_points(&block), Err(Damage::Codec(9)));
}
