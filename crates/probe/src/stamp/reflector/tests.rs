use proptest::prelude::*;

use super::super::packet::tests::Sum;
use super::super::packet::{MAX_LEN, OPEN_LEN};
use super::super::time::{Format, moment};
use super::*;

/// 2026-11-28T12:00:00Z.
const WALL: Duration = Duration::from_secs(1_795_867_200);
const NOW: Duration = Duration::from_secs(1_000);

fn peers() -> Vec<Prefix> {
    vec!["192.0.2.0/24".parse().expect("a block")]
}

fn open() -> Reflector {
    Reflector::new(peers(), 8620, None, Limits::default())
}

fn locked() -> Reflector {
    Reflector::new(peers(), 8620, Some(Box::new(Sum(5))), Limits::default())
}

fn from(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn test(sequence: u32, ssid: u16) -> Test {
    let sent = ntp(WALL + Duration::from_millis(u64::from(sequence)));
    Test { sequence, sent, error: ErrorEstimate::new(None), ssid }
}

fn answer(reflector: &mut Reflector, bytes: &[u8], sender: &str) -> Result<Reflection, Refusal> {
    let reply = reflector.on_packet(bytes, from(sender), Some(61), WALL, NOW)?;
    let sealed = reflector.seal(&reply, WALL + Duration::from_micros(30), ErrorEstimate(0x8101));
    Ok(Reflection::read(&sealed, None).expect("a reflection"))
}

#[test]
fn each_session_is_counted_by_itself() {
    let mut reflector = open();
    let mut number = |sequence, ssid, sender| {
        answer(&mut reflector, &test(sequence, ssid).write(None), sender)
            .map(|r| (r.sequence, r.test_sequence))
    };
    assert_eq!(number(10, 1, "192.0.2.7:40000"), Ok((0, 10)));
    assert_eq!(number(13, 1, "192.0.2.7:40000"), Ok((1, 13)), "what did not come is not counted");
    assert_eq!(number(10, 2, "192.0.2.7:40000"), Ok((0, 10)), "another identifier");
    assert_eq!(number(10, 1, "192.0.2.7:40001"), Ok((0, 10)), "another port");
    assert_eq!(number(14, 1, "192.0.2.7:40000"), Ok((2, 14)));
}

#[test]
fn what_arrives_is_counted_of_whom_it_was_told_and_only_what_is_answered() {
    let mut reflector = locked().counting([1, 2]);
    let mut arrives = |sequence, ssid, sender| {
        let _ = answer(&mut reflector, &test(sequence, ssid).write(Some(&Sum(5))), sender);
    };
    arrives(1, 1, "192.0.2.7:40000");
    arrives(1, 1, "192.0.2.7:40000");
    arrives(1, 1, "192.0.2.7:40001");
    arrives(2, 1, "198.51.100.1:40000");
    arrives(1, 3, "192.0.2.7:40000");
    assert_eq!(
        reflector.take_arrivals().collect::<Vec<_>>(),
        [(1, 2)],
        "a replay and a stranger are not answered"
    );
    assert_eq!(reflector.take_arrivals().collect::<Vec<_>>(), [(1, 0)], "of the other nothing has ever come");
}

#[test]
fn an_answer_says_when_the_packet_came_and_when_it_leaves_and_repeats_what_it_said() {
    let sent = test(3, 77);
    let reflection = answer(&mut open(), &sent.write(None), "192.0.2.7:40000").expect("answered");
    assert_eq!(moment(reflection.received, Format::Ntp, WALL), Some(WALL));
    assert_eq!(moment(reflection.sent, Format::Ntp, WALL), Some(WALL + Duration::from_micros(30)));
    assert_eq!((reflection.error, reflection.ssid, reflection.test_ttl), (ErrorEstimate(0x8101), 77, 61));
    assert_eq!((reflection.test_sent, reflection.test_error), (sent.sent, sent.error));
}

#[test]
fn nobody_but_peers_is_answered_and_no_other_reflector() {
    let packet = test(0, 0).write(None);
    assert_eq!(answer(&mut open(), &packet, "198.51.100.7:40000"), Err(Refusal::Peer));
    assert_eq!(answer(&mut open(), &packet, "192.0.2.7:862"), Err(Refusal::Port));
    assert_eq!(answer(&mut open(), &packet, "192.0.2.7:8620"), Err(Refusal::Port));
    assert_eq!(open().sessions(), 0);
}

#[test]
fn a_reflector_with_a_key_answers_only_packets_of_that_key_and_each_once() {
    let mut reflector = locked();
    let mut give = |bytes: &[u8]| reflector.on_packet(bytes, from("192.0.2.7:40000"), None, WALL, NOW);
    assert!(matches!(give(&test(0, 0).write(None)), Err(Refusal::Malformed(Malformed::Short(_)))));
    assert_eq!(give(&test(0, 0).write(Some(&Sum(6)))), Err(Refusal::Malformed(Malformed::Tag)));
    let good = test(0, 0).write(Some(&Sum(5)));
    assert!(give(&good).is_ok());
    assert_eq!(give(&good), Err(Refusal::Replay));
    let reply = give(&test(1, 0).write(Some(&Sum(5)))).expect("answered");
    let sealed = reflector.seal(&reply, WALL, ErrorEstimate::new(None));
    let read = Reflection::read(&sealed, Some(&Sum(5))).expect("of the key");
    assert_eq!(read.sequence, 1, "what was refused is not counted");
}

#[test]
fn a_flood_is_answered_as_often_as_allowed_and_no_more() {
    let limits = Limits { per_session: 5, in_all: 8, ..Limits::default() };
    let mut reflector = Reflector::new(peers(), 8620, None, limits);
    let mut answered = |sender: &str| {
        (0..100).filter(|n| answer(&mut reflector, &test(*n, 0).write(None), sender).is_ok()).count()
    };
    assert_eq!(answered("192.0.2.7:40000"), 5);
    assert_eq!(answered("192.0.2.8:40000"), 3, "what is left of the total");
}

#[test]
fn a_full_table_gives_up_only_what_is_silent() {
    let limits = Limits { sessions: 2, ..Limits::default() };
    let mut reflector = Reflector::new(peers(), 8620, None, limits);
    let packet = test(0, 0).write(None);
    let mut give = |sender: &str, now| {
        reflector.on_packet(&packet, from(sender), None, WALL, now).map(|reply| reply.reflection.sequence)
    };
    assert_eq!(give("192.0.2.1:4000", NOW), Ok(0));
    assert_eq!(give("192.0.2.2:4000", NOW + limits.idle / 2), Ok(0));
    assert_eq!(give("192.0.2.3:4000", NOW + limits.idle / 2), Err(Refusal::Full));
    assert_eq!(give("192.0.2.3:4000", NOW + limits.idle), Ok(0));
    assert_eq!(give("192.0.2.2:4000", NOW + limits.idle), Ok(1), "the other was not disturbed");
}

/// Catches: senders whose answers are lost, who begin anew from port after port, until there is no place for anybody and
/// what arrives is no longer counted.
#[test]
fn a_sender_that_begins_anew_takes_its_own_place_and_what_finds_none_has_still_arrived() {
    let limits = Limits { sessions: 2, ..Limits::default() };
    let mut reflector = Reflector::new(peers(), 8620, None, limits).counting([1, 2]);
    let mut give = |ssid, sender: &str| {
        let packet = test(0, ssid).write(None);
        reflector.on_packet(&packet, from(sender), None, WALL, NOW).map(|reply| reply.reflection.sequence)
    };
    assert_eq!(give(9, "192.0.2.9:4000"), Ok(0));
    for port in 4000..4010 {
        assert_eq!(give(1, &format!("192.0.2.1:{port}")), Ok(0));
    }
    assert_eq!(give(9, "192.0.2.9:4000"), Ok(1), "the other was not disturbed");
    assert_eq!(give(2, "192.0.2.2:4000"), Err(Refusal::Full));
    assert_eq!(reflector.take_arrivals().collect::<Vec<_>>(), [(1, 10), (2, 1)]);
}

proptest! {
    #[test]
    fn an_answer_is_as_long_as_the_question(rest in proptest::collection::vec(any::<u8>(), 0..1600), locked_up: bool) {
        let mut reflector = if locked_up { locked() } else { open() };
        let key: Option<&dyn Key> = if locked_up { Some(&Sum(5)) } else { None };
        let mut bytes = test(0, 0).write(key);
        bytes.extend(rest);
        match reflector.on_packet(&bytes, from("192.0.2.7:40000"), None, WALL, NOW) {
            Ok(reply) => {
                let sealed = reflector.seal(&reply, WALL, ErrorEstimate::new(None));
                prop_assert_eq!(sealed.len(), bytes.len());
            }
            Err(refusal) => {
                prop_assert_eq!(refusal, Refusal::Malformed(Malformed::Long(bytes.len())));
                prop_assert!(bytes.len() > MAX_LEN);
            }
        }
    }

    #[test]
    fn any_octets_are_answered_with_no_more_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..1600)) {
        let mut reflector = open();
        if let Ok(reply) = reflector.on_packet(&bytes, from("192.0.2.7:40000"), None, WALL, NOW) {
            prop_assert!(bytes.len() >= OPEN_LEN);
            prop_assert_eq!(reflector.seal(&reply, WALL, ErrorEstimate::new(None)).len(), bytes.len());
        }
    }
}
