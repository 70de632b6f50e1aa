use super::*;
use proptest::prelude::*;

fn part(kind: u16, value: &[u8]) -> Vec<u8> {
    [&(kind << 9 | value.len() as u16).to_be_bytes(), value].concat()
}

/// What a switch sends: chassis, port, time to live, and then what the parts say.
fn announced(parts: &[Vec<u8>]) -> Vec<u8> {
    let head = [
        part(1, &[4, 0x52, 0x54, 0, 0x12, 0x34, 0x56]),
        part(2, &[&[5][..], b"Gi1/0/3"].concat()),
        part(3, &[0, 120]),
    ];
    let ethernet = [&GROUPS[0][..], &[0x52, 0x54, 0, 0x12, 0x34, 0x57], &[0x88, 0xcc]].concat();
    [ethernet, head.concat(), parts.concat(), part(0, &[])].concat()
}

#[test]
fn a_switch_is_known_by_chassis_port_name_and_address() {
    let bytes = announced(&[
        part(4, b"to the gateway"),
        part(5, b"core"),
        part(6, b"Some switch\r\nversion 1"),
        part(7, &[0, 4, 0, 4]),
        part(8, &[5, 1, 192, 0, 2, 7, 2, 0, 0, 0, 1, 0]),
        part(127, &[0, 0x80, 0xc2, 1, 0, 1]),
    ]);
    let found = frame(&bytes).expect("an announcement");
    assert_eq!(
        (found.chassis.as_str(), found.port.as_str(), found.ttl),
        ("52:54:00:12:34:56", "Gi1/0/3", 120)
    );
    assert_eq!(found.port_description.as_deref(), Some("to the gateway"));
    assert_eq!(found.system_name.as_deref(), Some("core"));
    assert_eq!(found.system_description.as_deref(), Some("Some switch  version 1"));
    assert_eq!(found.management_address, Some(IpAddr::from([192, 0, 2, 7])));
    // Ethernet pads short frames; what follows the end is not looked at.
    assert_eq!(frame(&[bytes, vec![0xff; 20]].concat()), Ok(found));
}

#[test]
fn a_tag_before_it_does_not_hide_it() {
    let bytes = announced(&[]);
    let tagged = [&bytes[..12], &[0x81, 0, 0, 7], &bytes[12..]].concat();
    assert_eq!(frame(&tagged), frame(&bytes));
}

#[test]
fn what_is_not_lldp_or_breaks_its_rules_is_refused() {
    let mut other = announced(&[]);
    other[12..14].copy_from_slice(&[0x08, 0x00]);
    assert_eq!(frame(&other), Err(Invalid::Foreign));
    assert_eq!(frame(&[0; 11]), Err(Invalid::Short));
    assert_eq!(unit(&part(2, &[5, b'x'])), Err(Invalid::Order));
    assert_eq!(unit(&part(1, &[4])), Err(Invalid::Length), "an identifier of no bytes");
    assert_eq!(frame(&announced(&[part(3, &[0, 1])])), Err(Invalid::Order), "time to live twice");
    let whole = announced(&[]);
    assert_eq!(frame(&whole[..whole.len() - 2]), Err(Invalid::Short), "without its end");
    let too_long = [part(1, &[7, b'x']), vec![0x05, 0xff, b'y']].concat();
    assert_eq!(unit(&too_long), Err(Invalid::Short), "a part that is longer than the frame");
}

#[test]
fn identifiers_of_other_kinds_stay_readable() {
    let chassis = |value: &[u8]| {
        let unit_bytes = [part(1, value), part(2, &[7, b'p']), part(3, &[0, 0]), part(0, &[])].concat();
        unit(&unit_bytes).map(|found| found.chassis)
    };
    assert_eq!(chassis(&[5, 1, 10, 0, 0, 1]).as_deref(), Ok("10.0.0.1"));
    assert_eq!(chassis(&[7, b'a', b'b']).as_deref(), Ok("ab"));
    assert_eq!(chassis(&[7, 0, 1]).as_deref(), Ok("00-01"));
    assert_eq!(chassis(&[4, 1, 2]).as_deref(), Ok("01-02"), "an address of the wrong length");
}

proptest! {
    #[test]
    fn whatever_is_on_the_wire_is_read_within_bounds_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..MAX_FRAME),
        parts in proptest::collection::vec((0u16..128, proptest::collection::vec(any::<u8>(), 0..511)), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let _ = frame(&bytes);
        let made = announced(&parts.iter().map(|(kind, value)| part(*kind, value)).collect::<Vec<_>>());
        let _ = frame(&made[..cut.index(made.len())]);
        if let Ok(found) = frame(&made) {
            for text in [&found.port_description, &found.system_name, &found.system_description] {
                prop_assert!(text.as_ref().is_none_or(|t| !t.is_empty() && t.len() <= 511));
            }
            prop_assert!(!found.chassis.is_empty() && found.chassis.len() <= 255 * 3);
        }
    }
}
