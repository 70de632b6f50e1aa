use super::*;
use proptest::prelude::*;

const OWN: Mac = Mac([0x52, 0x54, 0, 0, 0, 1]);
const OTHER: Mac = Mac([0x52, 0x54, 0, 0, 0, 2]);
const NONCE: u64 = 0x0123_4567_89ab_cdef;
const NOBODY: Ipv6Addr = Ipv6Addr::UNSPECIFIED;

fn ip(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 7, 0, 0, 0, 0, 0, last)
}

fn local(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last)
}

/// A frame of [`OTHER`] with a message: type, code and what comes after the checksum.
fn sent(from: Ipv6Addr, to: Ipv6Addr, kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut out = [&[0; HEADS][..], &[kind, 0, 0, 0], rest].concat();
    finish(&mut out, OTHER, OWN, from, to, 255);
    out
}

/// A message about an address: flags, the address, options.
fn about(flags: u8, ip: Ipv6Addr, options: &[u8]) -> Vec<u8> {
    [&[flags, 0, 0, 0], &ip.octets()[..], options].concat()
}

/// The option with a hardware address.
fn option(kind: u8, mac: Mac) -> Vec<u8> {
    [&[kind, 1], &mac.0[..]].concat()
}

fn told(options: &[u8]) -> Vec<u8> {
    sent(local(2), local(1), TOLD, &about(0x60, ip(2), options))
}

/// The answer to a call, as a station's kernel makes it.
fn answer(call: &[u8], from: Ipv6Addr) -> Vec<u8> {
    let mut out = call.to_vec();
    out[HEADS] = V6_ECHO_REPLY;
    out[HEADS + 2..HEADS + 4].fill(0);
    finish(&mut out, OTHER, OWN, from, local(1), 64);
    out
}

fn has(ip: Ipv6Addr) -> Said {
    Said { mac: OTHER, ip, has: true }
}

#[test]
fn a_call_is_answered_and_a_solicitation_read_back() {
    let call = call(OWN, local(1), NONCE);
    assert_eq!(call[..6], [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(frame(&call, NONCE), Err(Invalid::Foreign), "a call itself says nothing");
    let answered = answer(&call, ip(2));
    assert_eq!(frame(&answered, NONCE), Ok(has(ip(2))));
    assert_eq!(frame(&answered, NONCE + 1), Err(Invalid::Nonce));

    let asked = solicit(OWN, local(1), OTHER, ip(2));
    assert_eq!(asked[..6], OTHER.0);
    assert_eq!(frame(&asked, NONCE), Ok(Said { mac: OWN, ip: local(1), has: true }));
    let padded = [&told(&option(TARGET, OTHER))[..], &[0xff; 18]].concat();
    assert_eq!(frame(&padded, NONCE), Ok(has(ip(2))), "whatever Ethernet pads with");
    let tagged = [&padded[..12], &[0x81, 0, 0, 7], &padded[12..]].concat();
    assert_eq!(frame(&tagged, NONCE), Ok(has(ip(2))));
}

/// What a Linux kernel sends when its interface comes up: it looks whether its address is free, then for routers.
#[test]
fn what_a_kernel_sent_is_read() {
    let read = |text: &str| {
        let digits = text.split_whitespace().flat_map(|word| word.as_bytes().chunks(2));
        let pairs = digits.map(|pair| std::str::from_utf8(pair).expect("text"));
        let bytes: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect();
        frame(&bytes, NONCE)
    };
    let mac = Mac([2, 0, 0, 0, 0x10, 5]);
    let looks = read(
        "3333ff000005 020000001005 86dd 6000000000203aff 00000000000000000000000000000000 \
         ff0200000000000000000001ff000005 8700ce6000000000 fd000007000000000000000000000005 0e0132fe5ea90f85",
    );
    assert_eq!(looks, Ok(Said { mac, ip: ip(5), has: false }));
    let asks = read(
        "333300000002 020000001005 86dd 6000000000103aff fe80000000000000000000fffe001005 \
         ff020000000000000000000000000002 85005b2400000000 0101020000001005",
    );
    assert_eq!(asks, Ok(Said { mac, ip: "fe80::ff:fe00:1005".parse().expect("valid"), has: true }));
}

#[test]
fn who_looks_whether_an_address_is_free_does_not_have_it_yet() {
    let asks = |from, to, options: &[u8]| frame(&sent(from, to, ASKED, &about(0, ip(2), options)), NONCE);
    let group: Ipv6Addr = "ff02::1:ff00:2".parse().expect("valid");
    assert_eq!(asks(NOBODY, group, &[]), Ok(Said { mac: OTHER, ip: ip(2), has: false }));
    // The number by which a host knows its own question again (RFC 7527).
    assert_eq!(asks(NOBODY, group, &[14, 1, 1, 2, 3, 4, 5, 6]).map(|said| said.has), Ok(false));
    assert_eq!(asks(NOBODY, group, &option(SOURCE, OTHER)), Err(Invalid::Rules), "nobody names himself");
    assert_eq!(asks(NOBODY, ip(2), &[]), Err(Invalid::Rules), "to one station alone");
    // Who asks from an address has that one, not the one that he asks for.
    assert_eq!(asks(local(2), group, &option(SOURCE, OTHER)), Ok(has(local(2))));
    assert_eq!(asks(local(2), group, &[]), Ok(has(local(2))));
}

#[test]
fn routers_and_who_asks_for_them_are_stations_as_well() {
    let asks = [&[0; 4], &option(SOURCE, OTHER)[..]].concat();
    assert_eq!(frame(&sent(local(2), ALL, ROUTER_ASKED, &asks), NONCE), Ok(has(local(2))));
    assert_eq!(frame(&sent(NOBODY, ALL, ROUTER_ASKED, &[0; 4]), NONCE), Err(Invalid::Address));
    let mut announces = [&[64, 0, 7, 8][..], &[0; 8], &option(SOURCE, OTHER)[..], &[3, 4]].concat();
    announces.resize(announces.len() + 30, 0);
    assert_eq!(frame(&sent(local(2), ALL, ROUTER, &announces), NONCE), Ok(has(local(2))));
    assert_eq!(frame(&sent(ip(2), ALL, ROUTER, &announces), NONCE), Err(Invalid::Rules));
}

#[test]
fn what_came_through_a_router_was_damaged_or_is_against_the_rules_is_refused() {
    let sound = told(&option(TARGET, OTHER));
    assert_eq!(frame(&sound, NONCE), Ok(has(ip(2))));
    for length in 0..sound.len() {
        assert_eq!(frame(&sound[..length], NONCE), Err(Invalid::Short), "{length} bytes");
    }
    let with = |place: usize, byte: u8| {
        let mut frame = sound.clone();
        frame[place] = byte;
        frame
    };
    assert_eq!(frame(&with(13, 0), NONCE), Err(Invalid::Foreign), "not IPv6");
    assert_eq!(frame(&with(14, 0x40), NONCE), Err(Invalid::Foreign), "another version");
    assert_eq!(frame(&with(20, 44), NONCE), Err(Invalid::Foreign), "a fragment");
    assert_eq!(frame(&with(HEADS, 137), NONCE), Err(Invalid::Foreign), "a redirect");
    assert_eq!(frame(&with(21, 64), NONCE), Err(Invalid::Hops));
    assert_eq!(frame(&with(HEADS + 3, sound[HEADS + 3] ^ 1), NONCE), Err(Invalid::Checksum));
    assert_eq!(frame(&with(6, 0x53), NONCE), Err(Invalid::Sender), "a group");

    let coded = {
        let mut out = [&[0; HEADS][..], &[TOLD, 1, 0, 0], &about(0x60, ip(2), &[])].concat();
        finish(&mut out, OTHER, OWN, local(2), local(1), 255);
        out
    };
    assert_eq!(frame(&coded, NONCE), Err(Invalid::Rules), "a code that there is not");
    let to_all = |flags| frame(&sent(local(2), ALL, TOLD, &about(flags, ip(2), &[])), NONCE);
    assert_eq!(to_all(0x60), Err(Invalid::Rules), "an answer to everybody");
    assert_eq!(to_all(0x20), Ok(has(ip(2))));
    let from_a_group = sent(ALL, local(1), TOLD, &about(0x60, ip(2), &[]));
    assert_eq!(frame(&from_a_group, NONCE), Err(Invalid::Address));
    let of_a_group = sent(local(2), local(1), TOLD, &about(0x60, ALL, &[]));
    assert_eq!(frame(&of_a_group, NONCE), Err(Invalid::Address));
}

#[test]
fn options_are_walked_over_and_must_not_contradict_the_sender() {
    let unknown = [&[200, 2], &[0; 14][..], &option(TARGET, OTHER)].concat();
    assert_eq!(frame(&told(&unknown), NONCE), Ok(has(ip(2))));
    assert_eq!(frame(&told(&[TARGET, 0, 0, 0, 0, 0, 0, 0]), NONCE), Err(Invalid::Options), "no length");
    assert_eq!(frame(&told(&[200, 2, 0, 0, 0, 0, 0, 0]), NONCE), Err(Invalid::Options), "beyond the end");
    assert_eq!(frame(&told(&[200]), NONCE), Err(Invalid::Options));
    assert_eq!(frame(&told(&[200, 1, 0, 0, 0, 0, 0, 0].repeat(OPTIONS)), NONCE), Ok(has(ip(2))));
    let many = [200, 1, 0, 0, 0, 0, 0, 0].repeat(OPTIONS + 1);
    assert_eq!(frame(&told(&many), NONCE), Err(Invalid::Options), "too many");
    assert_eq!(frame(&told(&option(TARGET, OWN)), NONCE), Err(Invalid::Disagrees));
    let long = [&[TARGET, 2], &OTHER.0[..], &[0; 8]].concat();
    assert_eq!(frame(&told(&long), NONCE), Err(Invalid::Disagrees), "an address of another kind");
    // In another message it is another option.
    assert_eq!(frame(&told(&option(SOURCE, OWN)), NONCE), Ok(has(ip(2))));
}

proptest! {
    #[test]
    fn whatever_is_on_the_wire_is_read_within_bounds_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        kind in prop::sample::select(TYPES.to_vec()),
        from in any::<u128>(),
        body in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let _ = frame(&bytes, NONCE);
        // Sound as far as the checksum, so that what is behind it is reached.
        let sound = sent(Ipv6Addr::from(from), local(1), kind, &body);
        if let Ok(said) = frame(&sound, NONCE) {
            prop_assert!(said.mac == OTHER && !said.ip.is_multicast() && !said.ip.is_unspecified());
        }
    }

    #[test]
    fn one_altered_byte_is_never_taken_for_another_address(
        place in 0..CALL,
        byte in any::<u8>(),
    ) {
        let sound = told(&option(TARGET, OTHER));
        let mut altered = sound.clone();
        altered[place % sound.len()] = byte;
        if let Ok(said) = frame(&altered, NONCE) {
            prop_assert_eq!(said.ip, ip(2));
        }
    }
}
