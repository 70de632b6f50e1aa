use proptest::prelude::*;

use super::*;

const ECHO: Echo = Echo { target: 0x0102_0304_0506_0708, nonce: 0xfeed_beef_dead_cafe, counter: 70_000 };

/// What an undisturbed host makes of a request.
fn answered(family: Family, echo: &Echo) -> Vec<u8> {
    let mut message = request(family, echo).to_vec();
    message[0] = if family == Family::V4 { V4_ECHO_REPLY } else { V6_ECHO_REPLY };
    // The kernel of a datagram socket has put its own identifier there.
    message[4..6].copy_from_slice(&[0x12, 0x34]);
    message[2..4].fill(0);
    let sum = checksum(&[&message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

fn with_ip_header(message: &[u8], options: usize) -> Vec<u8> {
    let header = 20 + options;
    let total = (header + message.len()) as u16;
    let mut packet = vec![0; header];
    packet[0] = 0x40 | (header / 4) as u8;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[9] = 1;
    packet.extend_from_slice(message);
    packet
}

#[test]
fn the_checksum_is_that_of_rfc_1071() {
    // The worked example of RFC 1071, section 3: the sum is ddf2.
    assert_eq!(checksum(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
    assert_eq!(checksum(&[&request(Family::V4, &ECHO)]), 0);
}

#[test]
fn the_kernel_is_left_to_fill_in_the_checksum_of_version_6() {
    assert_eq!(request(Family::V6, &ECHO)[2..4], [0, 0]);
}

#[test]
fn a_reply_is_read_with_and_without_an_ip_header() {
    let v4 = answered(Family::V4, &ECHO);
    assert_eq!(reply(Family::V4, &v4, ECHO.nonce), Ok(ECHO));
    for options in [0, 4, 40] {
        assert_eq!(reply(Family::V4, &with_ip_header(&v4, options), ECHO.nonce), Ok(ECHO));
    }
    assert_eq!(reply(Family::V6, &answered(Family::V6, &ECHO), ECHO.nonce), Ok(ECHO));
}

#[test]
fn padding_after_the_ip_packet_is_not_part_of_the_message() {
    let mut packet = with_ip_header(&answered(Family::V4, &ECHO), 0);
    packet.extend_from_slice(&[0xaa; 14]);
    assert_eq!(reply(Family::V4, &packet, ECHO.nonce), Ok(ECHO));
}

#[test]
fn what_is_not_our_answer_is_told_apart() {
    let good = answered(Family::V4, &ECHO);
    let check = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        edit(&mut bytes);
        reply(Family::V4, &bytes, ECHO.nonce).expect_err("it was altered")
    };
    assert_eq!(check(&Vec::clear), Rejection::Short(0));
    assert_eq!(check(&|b| b.truncate(31)), Rejection::Short(31));
    assert_eq!(check(&|b| b.push(0)), Rejection::Length(33));
    assert_eq!(check(&|b| b[0] = 3), Rejection::NotReply(3));
    assert_eq!(check(&|b| b[8] = b'W'), Rejection::Foreign);
    assert_eq!(check(&|b| b[31] ^= 1), Rejection::Checksum);
    assert_eq!(reply(Family::V4, &good, 1), Err(Rejection::Nonce));
    assert_eq!(
        reply(Family::V4, &request(Family::V4, &ECHO), ECHO.nonce),
        Err(Rejection::NotReply(V4_ECHO_REQUEST)),
        "a raw socket on loopback sees its own requests"
    );
    let mut udp = with_ip_header(&good, 0);
    udp[9] = 17;
    assert_eq!(reply(Family::V4, &udp, ECHO.nonce), Err(Rejection::Header));
    let mut tiny = with_ip_header(&good, 0);
    tiny[0] = 0x44;
    assert_eq!(reply(Family::V4, &tiny, ECHO.nonce), Err(Rejection::Header));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..128), nonce: u64) {
        for family in [Family::V4, Family::V6] {
            prop_assert!(reply(family, &bytes, nonce).is_err());
        }
    }

    #[test]
    fn an_altered_reply_is_never_taken_for_another(
        target: u64, nonce: u64, counter: u32, at in 0usize..52, to: u8, cut in 0usize..=52,
    ) {
        let echo = Echo { target, nonce, counter };
        let mut packet = with_ip_header(&answered(Family::V4, &echo), 0);
        packet[at] = to;
        packet.truncate(cut);
        // One altered byte cannot keep the checksum: what is still accepted says what was sent.
        if let Ok(read) = reply(Family::V4, &packet, nonce) {
            prop_assert_eq!(read, echo);
        }
    }

    #[test]
    fn every_echo_survives_the_way(target: u64, nonce: u64, counter: u32) {
        let echo = Echo { target, nonce, counter };
        for family in [Family::V4, Family::V6] {
            prop_assert_eq!(reply(family, &answered(family, &echo), nonce), Ok(echo));
        }
    }
}
