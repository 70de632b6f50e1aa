use std::time::Duration;

use proptest::prelude::*;

use super::super::time::{Format, moment};
use super::*;

/// Not a code that anybody should use: enough to see that it is asked for, and over what.
pub(in crate::stamp) struct Sum(pub(in crate::stamp) u8);

impl Key for Sum {
    fn tag(&self, covered: &[u8]) -> [u8; TAG_LEN] {
        let mut tag = [self.0; TAG_LEN];
        for (at, byte) in covered.iter().enumerate() {
            tag[at % TAG_LEN] = tag[at % TAG_LEN].wrapping_mul(31).wrapping_add(*byte);
        }
        tag
    }

    fn verifies(&self, covered: &[u8], tag: &[u8; TAG_LEN]) -> bool {
        self.tag(covered) == *tag
    }
}

fn test() -> Test {
    Test { sequence: 0x0102_0304, sent: 0x1112_1314_1516_1718, error: ErrorEstimate(0x8a0b), ssid: 0x2122 }
}

fn reflection() -> Reflection {
    Reflection {
        sequence: 0x0102_0304,
        sent: 0x1112_1314_1516_1718,
        error: ErrorEstimate(0x8a0b),
        ssid: 0x2122,
        received: 0x3132_3334_3536_3738,
        test_sequence: 0x4142_4344,
        test_sent: 0x5152_5354_5556_5758,
        test_error: ErrorEstimate(0x6162),
        test_ttl: 0x71,
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter_map(|b| (b as char).to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

#[test]
fn open_packets_lie_as_figures_2_and_4_of_rfc_8762_have_them() {
    let zeros = |n| "00".repeat(n);
    assert_eq!(test().write(None), hex(&format!("01020304 1112131415161718 8a0b 2122 {}", zeros(28))));
    let expected =
        "01020304 1112131415161718 8a0b 2122 3132333435363738 41424344 5152535455565758 6162 0000 71 000000";
    assert_eq!(reflection().write(None), hex(expected));
}

#[test]
fn authenticated_packets_lie_as_figures_3_and_5_of_rfc_8762_have_them() {
    let zeros = |n| "00".repeat(n);
    let covered = hex(&format!("01020304 {} 1112131415161718 8a0b 2122 {}", zeros(12), zeros(68)));
    let written = test().write(Some(&Sum(5)));
    assert_eq!(written[..96], covered);
    assert_eq!(written[96..], Sum(5).tag(&covered));
    let covered = hex(&format!(
        "01020304 {} 1112131415161718 8a0b 2122 {} 3132333435363738 {} 41424344 {} 5152535455565758 6162 {} 71 {}",
        zeros(12),
        zeros(4),
        zeros(8),
        zeros(12),
        zeros(6),
        zeros(15)
    ));
    let written = reflection().write(Some(&Sum(5)));
    assert_eq!(written[..96], covered);
    assert_eq!(written.len(), AUTHENTICATED_LEN);
}

#[test]
fn a_packet_of_another_key_or_with_one_octet_changed_is_refused() {
    let written = test().write(Some(&Sum(5)));
    assert_eq!(Test::read(&written, Some(&Sum(5))).map(|(test, _)| test), Ok(test()));
    assert_eq!(Test::read(&written, Some(&Sum(6))), Err(Malformed::Tag));
    for at in 0..written.len() {
        let mut changed = written.clone();
        changed[at] ^= 1;
        assert_eq!(Test::read(&changed, Some(&Sum(5))), Err(Malformed::Tag), "octet {at}");
    }
    let open = test().write(None);
    assert_eq!(Test::read(&open, Some(&Sum(5))), Err(Malformed::Short(OPEN_LEN)));
}

#[test]
fn too_short_and_too_long_are_refused() {
    assert_eq!(Test::read(&[0; OPEN_LEN - 1], None), Err(Malformed::Short(43)));
    assert_eq!(Reflection::read(&[0; MAX_LEN + 1], None), Err(Malformed::Long(1501)));
}

/// The packets of a recording: whether each is a test, and its octets.
fn recorded(text: &str) -> Vec<(bool, Vec<u8>)> {
    let line = |line: &str| line.split_once(' ').map(|(kind, octets)| (kind == "test", hex(octets)));
    text.lines().filter_map(line).collect()
}

/// 2026-11-28T15:01:51Z, when it was recorded.
const RECORDED: Duration = Duration::from_secs(1_795_878_111);

#[test]
fn open_packets_of_another_implementation_are_read_and_written_the_same() {
    let packets = recorded(include_str!("recorded/open.hex"));
    let (test, rest) = Test::read(&packets[0].1, None).expect("a test");
    assert_eq!((test.sequence, test.ssid, rest), (2, 0x1234, &[][..]));
    assert!(
        moment(test.sent, Format::Ntp, RECORDED).expect("a time").abs_diff(RECORDED)
            < Duration::from_secs(60)
    );
    assert_eq!(test.write(None), packets[0].1);
    let reflection = Reflection::read(&packets[1].1, None).expect("a reflection");
    assert_eq!((reflection.sequence, reflection.test_sequence), (0, 2), "it counts by itself");
    assert_eq!((reflection.test_sent, reflection.test_error), (test.sent, test.error));
    assert_eq!((reflection.ssid, reflection.test_ttl), (0x1234, 64));
    assert_eq!(reflection.write(None), packets[1].1);
}

/// Takes any code for right, and writes the one that it was given.
struct Given([u8; TAG_LEN]);

impl Key for Given {
    fn tag(&self, _: &[u8]) -> [u8; TAG_LEN] {
        self.0
    }

    fn verifies(&self, _: &[u8], tag: &[u8; TAG_LEN]) -> bool {
        *tag == self.0
    }
}

#[test]
fn authenticated_packets_of_another_implementation_are_read_and_written_the_same() {
    let packets = recorded(include_str!("recorded/authenticated.hex"));
    assert_eq!(packets.len(), 6);
    for (n, pair) in packets.chunks(2).enumerate() {
        let key = |octets: &[u8]| Given(*octets.last_chunk().expect("a code"));
        let key_of_test = key(&pair[0].1);
        let (test, _) = Test::read(&pair[0].1, Some(&key_of_test)).expect("a test");
        assert_eq!((test.sequence, test.ssid), (n as u32, 0x1234));
        assert_eq!(test.write(Some(&key_of_test)), pair[0].1);
        let key_of_reflection = key(&pair[1].1);
        let reflection = Reflection::read(&pair[1].1, Some(&key_of_reflection)).expect("a reflection");
        assert_eq!((reflection.sequence, reflection.test_sequence), (n as u32, n as u32));
        assert_eq!((reflection.test_sent, reflection.test_ttl), (test.sent, 64));
        assert!(
            moment(reflection.received, Format::Ntp, RECORDED)
                <= moment(reflection.sent, Format::Ntp, RECORDED)
        );
        assert_eq!(reflection.write(Some(&key_of_reflection)), pair[1].1);
    }
}

proptest! {
    #[test]
    fn packets_come_back_with_what_follows_them(
        numbers: (u32, u64, u16, u16),
        more: (u64, u32, u64, u16, u8),
        rest in proptest::collection::vec(any::<u8>(), 0..100),
        authenticated: bool,
    ) {
        let key: Option<&dyn Key> = if authenticated { Some(&Sum(1)) } else { None };
        let (sequence, sent, error, ssid) = numbers;
        let test = Test { sequence, sent, error: ErrorEstimate(error), ssid };
        let mut bytes = test.write(key);
        bytes.extend(&rest);
        prop_assert_eq!(Test::read(&bytes, key), Ok((test, rest.as_slice())));
        let (received, test_sequence, test_sent, test_error, test_ttl) = more;
        let reflection = Reflection {
            sequence, sent, error: ErrorEstimate(error), ssid, received, test_sequence, test_sent,
            test_error: ErrorEstimate(test_error), test_ttl,
        };
        let mut bytes = reflection.write(key);
        bytes.extend(&rest);
        prop_assert_eq!(Reflection::read(&bytes, key), Ok(reflection));
    }

    #[test]
    fn any_octets_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..1600)) {
        let _ = (Test::read(&bytes, None), Reflection::read(&bytes, None));
        let _ = (Test::read(&bytes, Some(&Sum(3))), Reflection::read(&bytes, Some(&Sum(3))));
    }
}
