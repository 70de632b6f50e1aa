use super::*;
use proptest::prelude::*;

const OWN: Mac = Mac([0x52, 0x54, 0, 0, 0, 1]);
const OTHER: Mac = Mac([0x52, 0x54, 0, 0, 0, 2]);

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 3, 16, last)
}

/// What a station answers.
fn answer(mac: Mac, from: Ipv4Addr) -> Vec<u8> {
    let mut out = request(mac, from, ip(1)).to_vec();
    out[..6].copy_from_slice(&OWN.0);
    out[21] = 2;
    out[32..38].copy_from_slice(&OWN.0);
    out
}

#[test]
fn what_is_asked_and_answered_is_read_back() {
    let asked = request(OWN, ip(1), ip(9));
    assert_eq!(frame(&asked), Ok(Said { mac: OWN, ip: ip(1), answers: None }));
    assert_eq!(asked[38..], ip(9).octets());
    let padded = [answer(OTHER, ip(9)), vec![0xff; 18]].concat();
    assert_eq!(frame(&padded), Ok(Said { mac: OTHER, ip: ip(9), answers: Some(OWN) }));
    let tagged = [&padded[..12], &[0x81, 0, 0, 7], &padded[12..]].concat();
    assert_eq!(frame(&tagged), frame(&padded));
    assert_eq!(OTHER.to_string(), "52:54:00:00:00:02");
}

#[test]
fn what_is_not_arp_or_names_no_station_is_refused() {
    let sound = answer(OTHER, ip(9));
    let with = |place: usize, byte: u8| {
        let mut frame = sound.clone();
        frame[place] = byte;
        frame
    };
    assert_eq!(frame(&sound[..REQUEST - 1]), Err(Invalid::Short));
    assert_eq!(frame(&sound[..13]), Err(Invalid::Short));
    assert_eq!(frame(&[]), Err(Invalid::Short));
    assert_eq!(frame(&with(13, 0)), Err(Invalid::Foreign), "IPv4 itself");
    assert_eq!(frame(&with(18, 8)), Err(Invalid::Foreign), "hardware addresses of eight bytes");
    assert_eq!(frame(&with(21, 3)), Err(Invalid::Operation), "RARP");
    assert_eq!(frame(&with(22, 0x53)), Err(Invalid::Sender), "a group");
    assert_eq!(frame(&answer(Mac([0; 6]), ip(9))), Err(Invalid::Sender));
}

proptest! {
    #[test]
    fn whatever_is_on_the_wire_is_read_within_bounds_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
        mac in any::<[u8; 6]>(),
        from in any::<u32>(),
    ) {
        let _ = frame(&bytes);
        let read = frame(&answer(Mac(mac), Ipv4Addr::from(from)));
        prop_assert_eq!(read.is_ok(), Mac(mac).is_station());
        if let Ok(said) = read {
            prop_assert_eq!(said, Said { mac: Mac(mac), ip: Ipv4Addr::from(from), answers: Some(OWN) });
        }
    }
}
