use std::time::Instant;

use wasl_probe::icmp::{self, Echo};

use super::super::tests::icmp_is_permitted;
use super::super::tests::namespace::{inside_as, permit_datagrams};
use super::*;

const NONCE: u64 = 0x5eed;

fn request(number: u32, to: [u8; 4]) -> Request {
    let echo = Echo { target: 7, nonce: NONCE, counter: number };
    (icmp::request(Family::V4, &echo), (to, 0).into())
}

/// Requests to the loopback, numbered from `from`, each to an address of its own.
fn requests(from: u32, count: u32) -> Vec<Request> {
    (from..from + count).map(|number| request(number, [127, 0, 1, number as u8])).collect()
}

/// What is received until a number is, or nothing comes any more: each answer's number, sender, and whether it was
/// stamped.
fn receive(socket: &mut EchoSocket, count: usize) -> Vec<(u32, IpAddr, bool)> {
    let by = Instant::now() + Duration::from_secs(5);
    let mut all = Vec::new();
    while all.len() < count && Instant::now() < by {
        let received = socket.receive(|received| {
            if let Ok(echo) = icmp::reply(Family::V4, received.bytes, NONCE) {
                all.push((echo.counter, received.from, received.arrived.is_some()));
            }
        });
        received.expect("it can be received");
    }
    all
}

#[test]
fn answers_to_many_requests_are_received_whole_stamped_and_with_their_sender() {
    if !icmp_is_permitted() {
        return;
    }
    let mut socket = EchoSocket::open(Family::V4, None).expect("it is permitted");
    let all = requests(0, 2 * AT_ONCE as u32 + 1);
    for batch in all.chunks(8) {
        assert_eq!(socket.send(batch).expect("it can be sent"), batch.len());
    }
    let mut received = receive(&mut socket, all.len());
    received.sort_unstable();
    let expected: Vec<_> =
        (0..all.len() as u32).map(|n| (n, IpAddr::from([127, 0, 1, n as u8]), true)).collect();
    assert_eq!(received, expected);
    assert!(!socket.overflowed(), "there was room for all");
}

#[test]
fn a_request_that_cannot_be_sent_holds_up_none_and_tells_why() {
    if !icmp_is_permitted() {
        return;
    }
    let mut socket = EchoSocket::open(Family::V4, None).expect("it is permitted");
    let broadcast = request(1, [255; 4]);
    let all = [request(0, [127, 0, 0, 1]), broadcast, request(2, [127, 0, 0, 2])];
    assert_eq!(socket.send(&all).expect("the first can be sent"), 1);
    socket.send(&all[1..]).expect_err("a broadcast is not permitted");
    assert_eq!(socket.send(&all[2..]).expect("the last can be sent"), 1);
    let mut numbers: Vec<_> = receive(&mut socket, 2).into_iter().map(|(number, ..)| number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 2]);
}

#[test]
fn an_overflow_of_either_kind_of_socket_is_told_once_and_at_once() {
    let test = "an_overflow_of_either_kind_of_socket_is_told_once_and_at_once";
    if !inside_as("probing::socket::tests", test, &[]) {
        return;
    }
    let raw = EchoSocket::open(Family::V4, None).expect("root may have a raw socket");
    assert_eq!(raw.method(), ProbeMethod::IcmpRaw);
    overflows(raw);
    permit_datagrams();
    let datagram = EchoSocket::open(Family::V4, None).expect("it is permitted");
    assert_eq!(datagram.method(), ProbeMethod::IcmpDatagram);
    overflows(datagram);
}

fn overflows(mut socket: EchoSocket) {
    let _ = setsockopt(&socket.socket, RcvBufForce, &4096);
    socket.socket.set_recv_buffer_size(4096).expect("a small buffer");
    for batch in requests(0, 64).chunks(8) {
        socket.send(batch).expect("it can be sent");
    }
    let mut before = 0;
    while socket.receive(|_| before += 1).expect("it can be received") > 0 {}
    assert!(before < 64, "the buffer did not overflow");
    assert!(socket.overflowed(), "{:?}", socket.method());
    for number in 100..104 {
        socket.send(&[request(number, [127, 0, 0, 1])]).expect("it can be sent");
        let [(received, _, stamped)] = receive(&mut socket, 1)[..] else { panic!("no answer") };
        assert_eq!((received, stamped, socket.overflowed()), (number, true, false));
    }
}
