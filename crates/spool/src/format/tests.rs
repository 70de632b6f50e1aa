use proptest::prelude::*;

use super::*;

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![Just(Class::Sample), Just(Class::Event)]
}

/// The checksum of a record worked out from its bytes, without the decoder.
fn checksum_holds(bytes: &[u8], span: &Span) -> bool {
    let stored = u32::from_le_bytes(bytes[span.start + 4..span.start + 8].try_into().unwrap());
    let length = u32::from_le_bytes(bytes[span.start..span.start + 4].try_into().unwrap()) as usize;
    span.end - span.start == RECORD_BYTES + length
        && crc32fast::hash(&bytes[span.start + 8..span.end]) == stored
}

fn assert_sound(bytes: &[u8], outcome: &ScanOutcome) {
    let mut last = 0;
    let mut end = 0;
    for span in &outcome.records.spans {
        assert!(checksum_holds(bytes, span), "{span:?} has a wrong checksum");
        assert!(span.seq > last && span.start >= end, "{span:?} does not ascend");
        (last, end) = (span.seq, span.end);
        assert_eq!(span.payload(bytes).len(), span.end - span.start - RECORD_BYTES);
    }
    assert!(outcome.records.end >= end && outcome.records.end <= bytes.len());
}

fn segment(payloads: &[(Class, Vec<u8>)], first: u64) -> Vec<u8> {
    let mut bytes = encode_header(&Header { epoch: Epoch(7), first, clock_ms: 3 }).to_vec();
    for (seq, (class, payload)) in (first..).zip(payloads) {
        encode_record(&mut bytes, seq, seq as i64 * 10, *class, payload);
    }
    bytes
}

proptest! {
    #[test]
    fn any_bytes_are_scanned_without_panic_or_false_record(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        assert_sound(&bytes, &scan(&bytes));
    }

    #[test]
    fn what_was_encoded_is_found(
        payloads in proptest::collection::vec((class(), proptest::collection::vec(any::<u8>(), 0..200)), 0..20),
        first in 1u64..1_000_000,
    ) {
        let bytes = segment(&payloads, first);
        let outcome = scan(&bytes);
        assert_sound(&bytes, &outcome);
        prop_assert_eq!(outcome.header, Ok(Header { epoch: Epoch(7), first, clock_ms: 3 }));
        let found: Vec<_> =
            outcome.records.spans.iter().map(|s| (s.seq, s.at_ms, s.class, s.payload(&bytes).to_vec())).collect();
        let wanted: Vec<_> =
            (first..).zip(&payloads).map(|(seq, (class, p))| (seq, seq as i64 * 10, *class, p.clone())).collect();
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(outcome.records.end, bytes.len());
    }

    #[test]
    fn damage_costs_only_the_records_it_touches(
        payloads in proptest::collection::vec((class(), proptest::collection::vec(any::<u8>(), 0..60)), 1..12),
        place in any::<prop::sample::Index>(),
        noise in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        let clean = segment(&payloads, 1);
        let whole = scan(&clean).records.spans;
        let mut bytes = clean.clone();
        let at = place.index(bytes.len());
        let end = (at + noise.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&noise[..end - at]);
        let outcome = scan(&bytes);
        assert_sound(&bytes, &outcome);
        for span in whole.iter().filter(|span| span.end <= at || span.start >= end) {
            prop_assert!(outcome.records.spans.contains(span), "{:?} was not touched by {}..{}", span, at, end);
        }
    }
}

#[test]
fn zeros_are_not_records() {
    let mut bytes = segment(&[(Class::Sample, vec![1, 2, 3])], 1);
    let end = bytes.len();
    bytes.resize(end + 1000, 0);
    let outcome = scan(&bytes);
    assert_eq!((outcome.records.spans.len(), outcome.records.end), (1, end));
}

#[test]
fn a_damaged_length_that_leads_to_a_later_record_costs_only_its_own() {
    let payloads: Vec<_> = [11, 44, 17].map(|length| (Class::Sample, vec![0; length])).into();
    let mut bytes = segment(&payloads, 1);
    let whole = scan(&bytes).records.spans;
    bytes[whole[0].start] = (whole[2].start - whole[0].start - RECORD_BYTES) as u8;
    assert_eq!(scan(&bytes).records.spans, whole[1..]);
}

#[test]
fn a_record_inside_a_damaged_payload_is_not_a_record() {
    let mut inner = Vec::new();
    encode_record(&mut inner, 2, 0, Class::Event, b"inner");
    inner.push(0);
    let mut bytes = segment(&[(Class::Sample, inner), (Class::Sample, b"outer".to_vec())], 1);
    let whole = scan(&bytes).records.spans;
    bytes[whole[0].end - 1] = 1;
    assert_eq!(scan(&bytes).records.spans, whole[1..]);
}

#[test]
fn a_record_inside_a_sound_payload_is_not_a_record() {
    let mut inner = Vec::new();
    encode_record(&mut inner, 2, 0, Class::Event, b"inner");
    let bytes = segment(&[(Class::Sample, inner), (Class::Sample, b"outer".to_vec())], 1);
    let spans = scan(&bytes).records.spans;
    assert_eq!(spans.iter().map(|s| s.payload(&bytes).len()).collect::<Vec<_>>(), [30, 5]);
}

#[test]
fn a_newer_version_is_told_from_damage() {
    let mut bytes = segment(&[], 1);
    bytes[8] = 2;
    assert_eq!(decode_header(&bytes), Err(HeaderFault::Damaged));
    let crc = crc32fast::hash(&bytes[..36]);
    bytes[36..40].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(decode_header(&bytes), Err(HeaderFault::Version(2)));
}
