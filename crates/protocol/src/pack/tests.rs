use proptest::prelude::*;

use super::*;
use crate::batch;
use crate::batch::tests::gateway;

fn items(count: u64) -> Vec<UploadItem> {
    (0..count).map(|n| UploadItem { sequence: n + 3, body: batch::encode(&gateway(n)) }).collect()
}

#[test]
fn what_was_packed_comes_out_as_it_was() {
    let mut items = items(5);
    items.push(UploadItem { sequence: 90, body: b"no batch at all".to_vec() });
    items.push(UploadItem { sequence: 91, body: Vec::new() });
    let [apart, related] = [1, 2].map(|level| pack(&items, level).expect("smaller"));
    assert_eq!(unpack(&apart).expect("whole"), items);
    assert_eq!(unpack(&related).expect("whole"), items);
    assert!(related.len() < apart.len());
    assert_eq!(pack(&items, 0), None, "such a controller would not look at it");
}

#[test]
fn a_batch_that_is_told_by_differences_to_nothing_is_refused() {
    let packed = pack(&items(3), 2).expect("smaller");
    let plain = limits::unpack(&packed, MAX_PACKED_PLAIN).expect("zstd");
    let mut packed = Packed::decode(plain.as_slice()).expect("protobuf");
    assert!(!packed.items[1].related.is_empty());
    let again = |packed: &Packed| unpack(&zstd::bulk::compress(&packed.encode_to_vec(), 1).expect("packed"));
    let mut first_is_gone = packed.clone();
    first_is_gone.items.remove(0);
    assert!(matches!(again(&first_is_gone), Err(UnpackError::Unrelated(4))));
    packed.items[2].related.push(1000);
    assert!(matches!(again(&packed), Err(UnpackError::Unrelated(5))), "no such column");
}

/// A day of a gateway with 500 targets and 2000 interfaces has to go over a line of 10 Mbit/s within a minute: 75 MB.
#[test]
fn a_day_of_the_largest_gateway_fits_through_a_thin_line_in_a_minute() {
    let items = items(12);
    let apart: usize = items.iter().map(|item| item.body.len()).sum();
    let packed = pack(&items, crate::LEVEL).expect("smaller").len();
    let values = 12 * batch::tests::scalars(&gateway(0));
    let (each, day) = (packed as f64 / values as f64, packed / items.len() * 8640);
    assert!(each < 2.0 && packed < apart, "{each:.2} bytes a value, {packed} bytes together, {apart} apart");
    assert!(day < 75_000_000, "{day} bytes a day, {each:.2} bytes a value, {packed} together, {apart} apart");
}

#[test]
fn a_bomb_of_batches_is_stopped_at_the_limit() {
    let bomb = zstd::bulk::compress(&vec![0u8; MAX_PACKED_PLAIN + 1], 19).expect("packed");
    assert!(matches!(unpack(&bomb), Err(UnpackError::TooMuch(TooMuch::Bomb(_)))));
    let giant = PackedItem { sequence: 7, plain: vec![0; MAX_BATCH_PLAIN + 1], ..PackedItem::default() };
    let packed = zstd::bulk::compress(&Packed { items: vec![giant] }.encode_to_vec(), 3).expect("packed");
    assert!(matches!(unpack(&packed), Err(UnpackError::BatchTooLarge(7))));
    let many = Packed { items: vec![PackedItem::default(); MAX_UPLOAD_BATCHES + 1] };
    let packed = zstd::bulk::compress(&many.encode_to_vec(), 3).expect("packed");
    assert!(matches!(unpack(&packed), Err(UnpackError::TooMany(_))));
}

#[test]
fn one_batch_alone_is_not_packed() {
    assert_eq!(pack(&items(1), crate::LEVEL), None);
    assert_eq!(pack(&[], crate::LEVEL), None);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read_but_never_fatal(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = unpack(&bytes);
        let _ = unpack(&zstd::bulk::compress(&bytes, 1).expect("packed"));
    }
}
