use proptest::prelude::*;

use super::*;

fn sample() -> Vec<u8> {
    let mut ledger = Ledger::default();
    ledger.add(3, 9, Policy::Quota);
    ledger.confirm(5);
    ledger.add(12, 12, Policy::Forgotten);
    encode(Epoch(42), 11, 1234, &ledger)
}

#[test]
fn what_was_written_is_read() {
    let state = decode(&sample()).unwrap();
    assert_eq!((state.epoch, state.watermark, state.clock_ms), (Epoch(42), 11, 1234));
    assert_eq!(state.ledger.holes().len(), 3);
    assert_eq!(encode(state.epoch, state.watermark, state.clock_ms, &state.ledger), sample());
}

#[test]
fn one_wrong_byte_or_a_short_file_is_damage() {
    for at in 0..sample().len() {
        let mut bytes = sample();
        bytes[at] ^= 0x20;
        assert_eq!(decode(&bytes), Err(Fault::Damaged), "byte {at}");
        assert_eq!(decode(&sample()[..at]), Err(Fault::Damaged), "cut at {at}");
    }
}

#[test]
fn holes_that_overlap_are_damage_though_the_checksum_holds() {
    let mut bytes = sample();
    bytes.truncate(bytes.len() - CRC);
    bytes[FIXED + HOLE..FIXED + HOLE + 8].copy_from_slice(&4u64.to_le_bytes());
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    assert_eq!(decode(&bytes), Err(Fault::Damaged));
}

proptest! {
    #[test]
    fn any_body_under_a_right_checksum_is_read_without_panic(tail in proptest::collection::vec(any::<u8>(), 0..120)) {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&tail);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        if let Ok(state) = decode(&bytes) {
            prop_assert!(state.watermark < SEQ_LIMIT);
        }
    }
}
