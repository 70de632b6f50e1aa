use super::super::meaning;
use super::super::recorded::{
    V1_COLD_START, V1_ENTERPRISE, V2C_INFORM_LINK_UP, V2C_LINK_DOWN, V3_LINK_DOWN, bytes,
};
use super::*;
use proptest::prelude::*;
use wasl_model::EventCode;

const COMMUNITY: &[u8] = b"story-community";

fn heard(hex: &str) -> (Notification, Option<Vec<u8>>) {
    match read(&bytes(hex), COMMUNITY) {
        Read::Notification(notification, answer) => (notification, answer),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_recorded_trap_says_which_link_went_down() {
    let (notification, answer) = heard(V2C_LINK_DOWN);
    assert_eq!((notification.uptime, answer), (4711, None), "a trap is not answered");
    let meaning = meaning::of(&notification);
    assert_eq!(meaning.event.code, EventCode::LinkDownTrap);
    assert_eq!((meaning.if_index, meaning.if_name.as_deref()), (Some(3), Some("Gi0/3")));
}

#[test]
fn a_recorded_inform_is_answered_with_what_it_said() {
    let datagram = bytes(V2C_INFORM_LINK_UP);
    let (notification, answer) = heard(V2C_INFORM_LINK_UP);
    assert_eq!(meaning::of(&notification).event.code, EventCode::LinkUpTrap);
    let answer = answer.expect("an inform is answered");
    // RFC 3416, 4.2.7: the same but for the kind of message.
    let place = datagram.iter().position(|byte| *byte == 0xa6).expect("an inform");
    let mut expected = datagram.clone();
    expected[place] = 0xa2;
    assert_eq!(answer, expected);
}

#[test]
fn traps_of_the_first_version_have_the_names_of_the_second() {
    assert_eq!(meaning::of(&heard(V1_COLD_START).0).event.code, EventCode::ColdStart);
    let event = meaning::of(&heard(V1_ENTERPRISE).0).event;
    assert_eq!(event.args["trap"], "1.3.6.1.4.1.9.9.43.2.0.1");
    assert_eq!(event.args["object_1"], "1.3.6.1.4.1.9.9.43.1 = config");
}

#[test]
fn another_community_is_refused_and_what_is_no_notification_is_malformed() {
    assert_eq!(read(&bytes(V2C_LINK_DOWN), b"another"), Read::Refused);
    let mut get = bytes(V2C_LINK_DOWN);
    let place = get.iter().position(|byte| *byte == 0xa7).expect("a trap");
    get[place] = 0xa0;
    assert_eq!(read(&get, COMMUNITY), Read::Malformed);
    let cut = &bytes(V2C_LINK_DOWN)[..100];
    assert_eq!(read(cut, COMMUNITY), Read::Malformed);
}

#[test]
fn the_version_is_told_without_taking_the_message_apart() {
    assert_eq!(version(&bytes(V1_COLD_START)), Some(0));
    assert_eq!(version(&bytes(V2C_LINK_DOWN)), Some(1));
    assert_eq!(version(&bytes(V3_LINK_DOWN)), Some(3));
    assert_eq!(version(b""), None);
    assert_eq!(version(&[0x30, 0x84]), None);
}

proptest! {
    #[test]
    fn whatever_arrives_is_read_or_refused(
        mut datagram in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            Just(bytes(V2C_LINK_DOWN)), Just(bytes(V2C_INFORM_LINK_UP)), Just(bytes(V1_ENTERPRISE)),
        ],
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        for (place, byte) in changes {
            if !datagram.is_empty() {
                let place = place.index(datagram.len());
                datagram[place] = byte;
            }
        }
        let _ = version(&datagram);
        if let Read::Notification(notification, _) = read(&datagram, COMMUNITY) {
            prop_assert!(notification.objects.len() <= MOST_OBJECTS);
            prop_assert!(meaning::of(&notification).event.is_within_bounds());
        }
    }
}
