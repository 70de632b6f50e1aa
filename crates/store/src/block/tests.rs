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
    fn whole_numbers_and_steps_come_back(
        times in prop::collection::btree_set(any::<i64>(), 2..200),
        values in prop::collection::vec(any::<i32>(), 200),
        scale in prop::sample::select(vec![1.0, 1e-6, 0.5e-6, 1e-3, 8.0]),
    ) {
        let points: Vec<Point> = times.into_iter().zip(values).map(|(t, v)| (t, f64::from(v) * scale)).collect();
        let block = encode_points(&points);
        prop_assert_eq!(decode_points(&block), Ok(points));
    }

    #[test]
    fn any_body_is_refused_or_read_but_never_fatal(
        body in prop::collection::vec(any::<u8>(), 0..200),
        codec in 0u8..3,
        count in 0usize..5_000,
    ) {
        let block = Encoded { start: 0, end: 0, count, codec, crc: crc32fast::hash(&body), body };
        let _ = (decode_points(&block), decode_cells(&block));
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
    assert_eq!(many.codec, MIXED);
    assert!(many.body.len() < 80, "{} bytes for a flat line", many.body.len());
}

/// What the writer made before there was codec 2.
fn in_codec_1(times: &[i64], columns: &[&[f64]], counts: Option<&[u64]>) -> Encoded {
    use pco::standalone::simple_compress;
    use pco::{ChunkConfig, DeltaSpec};
    let values = ChunkConfig::default();
    let steps = ChunkConfig::default().with_delta_spec(DeltaSpec::TryConsecutive(1));
    let mut packed = vec![simple_compress(times, &steps).expect("packed")];
    packed.extend(columns.iter().map(|column| simple_compress(column, &values).expect("packed")));
    packed.extend(counts.map(|counts| simple_compress(counts, &values).expect("packed")));
    let mut body = Vec::new();
    for column in packed {
        body.extend((column.len() as u32).to_le_bytes());
        body.extend(column);
    }
    let (start, end) = (times[0], times[times.len() - 1]);
    Encoded { start, end, count: times.len(), codec: PCO, crc: crc32fast::hash(&body), body }
}

#[test]
fn blocks_of_the_earlier_codec_are_read() {
    let points: Vec<Point> = (0..720).map(|i| (i * 10_000 + i % 3, (i % 17) as f64 / 7.0)).collect();
    let (times, values): (Vec<i64>, Vec<f64>) = points.iter().copied().unzip();
    assert_eq!(decode_points(&in_codec_1(&times, &[&values], None)), Ok(points.clone()));
    let cells = widen(points.into_iter().map(Cell::of), 300_000);
    let times: Vec<i64> = cells.iter().map(|c| c.start).collect();
    let number = |get: fn(&Cell) -> f64| cells.iter().map(get).collect::<Vec<f64>>();
    let (min, max) = (number(|c| c.min), number(|c| c.max));
    let (sum, last) = (number(|c| c.sum), number(|c| c.last));
    let counts: Vec<u64> = cells.iter().map(|c| c.count).collect();
    let block = in_codec_1(&times, &[&min, &max, &sum, &last], Some(&counts));
    assert_eq!(decode_cells(&block), Ok(cells));
}

/// What it is, the value at each time, and the most bytes of each of few and of many points, with their times.
type Case = (&'static str, fn(i64) -> f64, f64, f64);

#[test]
fn what_networks_tell_is_stored_small() {
    let at = |i: i64| 1_767_225_600_000 + i * 10_000 + (i * 7919) % 4;
    let micros = |i: i64| f64::from(20_000 + (i * 104_729 % 1500) as i32) * 1e-6;
    let halves = |i: i64| (f64::from(20_000 + (i * 104_729 % 1500) as i32) + 0.5) * 1e-6;
    let cases: [Case; 4] = [
        ("a round-trip time", micros, 3.5, 2.5),
        ("the middle of a bucket", halves, 3.5, 2.5),
        ("a count", |i| (i % 5) as f64, 2.5, 1.5),
        ("an error rate", |_| 0.0, 1.6, 0.8),
    ];
    for (what, value, short, long) in cases {
        for (count, most) in [(60, short), (720, long)] {
            let points: Vec<Point> = (0..count).map(|i| (at(i), value(i))).collect();
            let block = encode_points(&points);
            let each = block.body.len() as f64 / count as f64;
            assert!(each < most, "{what}: {each} bytes each of {count}");
            assert_eq!(decode_points(&block), Ok(points));
        }
    }
}

#[test]
fn odd_numbers_come_back_bit_for_bit() {
    let odd =
        [0.0, -0.0, 1e-6, 0.1 + 0.2, 9.007_199_254_740_993e15, -1e300, f64::MIN_POSITIVE, f64::INFINITY];
    for count in [odd.len(), 200] {
        for value in odd {
            let mut values: Vec<f64> = vec![value; count];
            for last in odd {
                values[count - 1] = last;
                let points: Vec<Point> =
                    values.iter().enumerate().map(|(i, v)| (i64::MAX - 500 + i as i64, *v)).collect();
                let back = decode_points(&encode_points(&points)).expect("readable");
                let bits = |points: &[Point]| points.iter().map(|p| (p.0, p.1.to_bits())).collect::<Vec<_>>();
                assert_eq!(bits(&back), bits(&points));
            }
        }
    }
}

#[test]
fn a_codec_from_the_future_is_named() {
    let mut block = encode_points(&[(1, 1.0)]);
    block.codec = 9;
    assert_eq!(decode_points(&block), Err(Damage::Codec(9)));
}
