use proptest::prelude::*;

use super::*;

fn state() -> State {
    let mut ledger = Ledger::default();
    ledger.add(3, 9, Policy::Quota);
    ledger.confirm(1, 5);
    ledger.add(12, 12, Policy::Forgotten);
    ledger.add(20, 21, Policy::RolledBack);
    State {
        epoch: Epoch(42),
        watermark: 11,
        clock_ms: 1234,
        ledger,
        incarnation: 77,
        cut: Some(19),
        correction: Correction::between(
            Dropped { quota: 7, ..Dropped::default() },
            Dropped { quota: 5, age: 2, ..Dropped::default() },
        ),
        starts: vec![Start { last: 4, place: 1 }, Start { last: 9, place: 2 }],
    }
}

fn sample() -> Vec<u8> {
    encode(&state())
}

#[test]
fn what_was_written_is_read() {
    let read = decode(&sample()).unwrap();
    assert_eq!((read.epoch, read.watermark, read.clock_ms), (Epoch(42), 11, 1234));
    assert_eq!(read.ledger.holes().len(), 4);
    assert_eq!(read, state());
    assert_eq!(encode(&read), sample());
}

#[test]
fn a_correction_turns_the_lengths_of_the_holes_into_the_controllers_counts() {
    let told = Dropped { quota: 5, age: 2, ..Dropped::default() };
    assert_eq!(state().correction.apply(Dropped { quota: 7, ..Dropped::default() }), told);
    let later = state().correction.apply(Dropped { quota: 8, forgotten: 1, ..Dropped::default() });
    assert_eq!(later, Dropped { quota: 6, age: 2, forgotten: 1, ..Dropped::default() });
}

#[test]
fn a_watermark_is_believed_for_its_own_epoch_and_whole() {
    let bytes = encode_watermark(Epoch(42), 11);
    assert_eq!(decode_watermark(&bytes, Epoch(42)), Some(11));
    assert_eq!(decode_watermark(&bytes, Epoch(43)), None);
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        assert_eq!(
            (decode_watermark(&broken, Epoch(42)), decode_watermark(&bytes[..at], Epoch(42))),
            (None, None)
        );
    }
}

#[test]
fn a_restart_in_the_same_boot_is_not_another_start() {
    let mut starts = Vec::new();
    assert!(note_start(&mut starts, Start { last: 5, place: 1 }));
    assert!(!note_start(&mut starts, Start { last: 9, place: 1 }));
    assert!(note_start(&mut starts, Start { last: 12, place: 2 }));
    assert_eq!(starts.iter().map(|start| start.last).collect::<Vec<_>>(), [5, 12]);
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
