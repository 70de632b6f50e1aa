//! What the store reads back from its own file, which a disk may have damaged.

use crate::Bytes;
use crate::block::{Encoded, decode_cells, decode_points, encode_points};
use crate::ranges::RangeSet;

/// The list of received sequences, and one number more.
pub(crate) fn ranges(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (first, last) = (bytes.long(), bytes.long());
    let Ok(mut set) = RangeSet::from_bytes(bytes.0) else { return };
    assert_eq!(RangeSet::from_bytes(&set.to_bytes()).as_ref(), Ok(&set));
    assert!(Some(set.contiguous()) <= set.last().or(Some(0)));
    set.insert_range(first, last);
    assert_eq!(set.insert_range(first, last), 0, "a number that is there was added again");
    let all: Vec<_> = set.iter().collect();
    assert!(all.iter().all(|(from, to)| from <= to));
    assert!(all.windows(2).all(|pair| pair[0].1.saturating_add(1) < pair[1].0), "ranges touch: {all:?}");
    assert_eq!(RangeSet::from_bytes(&set.to_bytes()).as_ref(), Ok(&set));
}

/// A block of points and of cells, with a right checksum over any content.
pub(crate) fn block(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (codec, count) = (bytes.byte() % 6, bytes.short());
    let (start, end) = (bytes.long().cast_signed(), bytes.long().cast_signed());
    let body = bytes.0.to_vec();
    let crc = crc32fast::hash(&body);
    let mut block = Encoded { start, end, count: usize::from(count), codec, crc, body };
    let _ = decode_cells(&block);
    if let Ok(points) = decode_points(&block) {
        assert_eq!(points.len(), block.count);
        if !points.is_empty() {
            let bits =
                |points: &[(i64, f64)]| points.iter().map(|p| (p.0, p.1.to_bits())).collect::<Vec<_>>();
            let again = decode_points(&encode_points(&points)).expect("what was encoded can be read");
            assert_eq!(bits(&again), bits(&points));
        }
    }
    block.crc ^= 1;
    assert!(decode_points(&block).is_err(), "a wrong checksum was not seen");
}
