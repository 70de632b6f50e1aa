//! STAMP packets off the wire: to a reflector, from a reflector, and long runs of answers.

use std::net::SocketAddr;
use std::time::Duration;

use wasl_probe::clock::Reading;
use wasl_probe::stamp::packet::{Key, Reflection, TAG_LEN, Test};
use wasl_probe::stamp::reflector::{Limits, Reflector};
use wasl_probe::stamp::sender::{Plan, Sender};
use wasl_probe::stamp::time::ErrorEstimate;

use crate::Bytes;

/// 2026-11-28T12:00:00Z.
const WALL: Duration = Duration::from_secs(1_795_867_200);

/// Takes every code for right, so that the fuzzer gets past it.
struct Anything;

impl Key for Anything {
    fn tag(&self, _: &[u8]) -> [u8; TAG_LEN] {
        [7; TAG_LEN]
    }

    fn verifies(&self, _: &[u8], _: &[u8; TAG_LEN]) -> bool {
        true
    }
}

/// Any octets: an answer is never longer than the question, and the account of a sender that hears anything
/// stays whole.
pub(crate) fn stamp(data: &[u8]) {
    reflect(data, false);
    reflect(data, true);
    for key in [None, Some(&Anything as &dyn Key)] {
        if let Ok((test, _)) = Test::read(data, key) {
            assert_eq!(Test::read(&test.write(key), key).map(|(again, _)| again), Ok(test));
        }
        if let Ok(reflection) = Reflection::read(data, key) {
            assert_eq!(Reflection::read(&reflection.write(key), key), Ok(reflection));
        }
    }
    account(data);
}

fn reflect(data: &[u8], authenticated: bool) {
    let peers = vec!["192.0.2.0/24".parse().expect("a block")];
    let key = authenticated.then(|| Box::new(Anything) as Box<dyn Key>);
    let mut reflector = Reflector::new(peers, 862, key, Limits::default());
    let from: SocketAddr = "192.0.2.7:40000".parse().expect("an address");
    if let Ok(reply) = reflector.on_packet(data, from, None, WALL, Duration::ZERO) {
        assert_eq!(reply.to, from);
        assert_eq!(reflector.seal(&reply, WALL, ErrorEstimate::new(None)).len(), data.len());
        let again = reflector.on_packet(data, from, None, WALL, Duration::ZERO);
        assert_eq!(again.is_ok(), !authenticated, "in an authenticated session, nothing is answered twice");
    }
}

/// A sender whose reflector numbers, repeats, delays and stamps as the octets say.
fn account(data: &[u8]) {
    let mut bytes = Bytes(data);
    let plan = Plan {
        every: Duration::from_millis(100),
        timeout: Duration::from_secs(2),
        hold: Duration::from_secs(10),
        worst_error: Duration::from_millis(20),
        ssid: 1,
    };
    let mut sender = Sender::new(plan, Duration::ZERO, Duration::ZERO);
    let (mut tests, mut decided, mut now) = (Vec::<Test>::new(), 0, Duration::ZERO);
    let reading = |mono| Reading { mono, wall: WALL + mono };
    let mut close = |sender: &mut Sender, now| {
        if let Some(w) = sender.close_window(now) {
            let count = |field: Option<wasl_model::units::Count>| field.expect("always counted").0;
            let parts = [w.received, w.lost_forward, w.lost_back, w.undecided].map(count);
            assert_eq!(count(w.sent), parts.iter().sum::<u64>());
            decided += count(w.sent);
        }
        decided
    };
    while !bytes.is_empty() && tests.len() < 1_000 {
        now += Duration::from_millis(u64::from(bytes.byte()) * 8);
        let what = bytes.byte();
        if what & 1 == 0 || tests.is_empty() {
            tests.push(sender.test(reading(now), Some(Duration::from_micros(u64::from(what)))));
        } else {
            let test = tests[tests.len() - 1 - usize::from(what >> 2) % tests.len()];
            let reflection = Reflection {
                sequence: u32::from(bytes.byte()),
                sent: test.sent.wrapping_add(u64::from(bytes.int())),
                error: ErrorEstimate(bytes.short()),
                ssid: 1,
                received: test.sent.wrapping_add(u64::from(bytes.int())),
                test_sequence: test.sequence,
                test_sent: test.sent,
                test_error: test.error,
                test_ttl: 64,
            };
            sender.on_reply(&reflection, None, reading(now), Some(Duration::from_micros(50)));
        }
        if what & 2 == 2 {
            close(&mut sender, now);
        }
    }
    let all = close(&mut sender, now + Duration::from_secs(60));
    assert_eq!(all, tests.len() as u64, "each test is decided once");
}
