use super::*;
use proptest::prelude::*;

fn standard(which: u32) -> Vec<u32> {
    [SNMP_TRAPS, &[which]].concat()
}

fn column(table: &[u32], column: u32, index: u32) -> Vec<u32> {
    [table, &[column, index]].concat()
}

#[test]
fn a_link_that_goes_down_is_named_by_its_number_and_its_name() {
    let meaning = of(&Notification {
        name: standard(3),
        uptime: 1,
        objects: vec![
            (column(IF_ENTRY, 1, 10_103), Object::Number(10_103)),
            (column(IF_ENTRY, 2, 10_103), Object::Text(b"GigabitEthernet1/0/3".to_vec())),
            (column(IF_X_ENTRY, 1, 10_103), Object::Text(b"Gi1/0/3".to_vec())),
            (column(IF_ENTRY, 7, 10_103), Object::Number(1)),
            (column(IF_ENTRY, 8, 10_103), Object::Number(2)),
        ],
    });
    assert!(meaning.is_link());
    assert_eq!((meaning.if_index, meaning.if_name.as_deref()), (Some(10_103), Some("Gi1/0/3")));
    assert_eq!((meaning.event.code, meaning.event.severity), (EventCode::LinkDownTrap, Severity::Warning));
    assert_eq!(meaning.event.args["if_admin_status"], "up");
    assert_eq!(meaning.event.args["if_oper_status"], "down");
}

#[test]
fn a_link_that_somebody_shut_down_is_no_warning() {
    let objects = vec![(column(IF_ENTRY, 7, 3), Object::Number(2))];
    let meaning = of(&Notification { name: standard(3), uptime: 1, objects });
    assert_eq!(meaning.event.severity, Severity::Info);
    assert_eq!(meaning.if_index, Some(3), "the instance tells the number as well");
}

#[test]
fn each_standard_notification_has_its_word_and_the_rest_are_other() {
    let code = |name: Vec<u32>| of(&Notification { name, ..Notification::default() }).event.code;
    assert_eq!(code(standard(1)), EventCode::ColdStart);
    assert_eq!(code(standard(2)), EventCode::WarmStart);
    assert_eq!(code(standard(4)), EventCode::LinkUpTrap);
    assert_eq!(code(standard(5)), EventCode::AuthenticationFailure);
    assert_eq!(code(standard(6)), EventCode::OtherTrap);
    assert_eq!(code([SNMP_TRAPS, &[3, 0]].concat()), EventCode::OtherTrap, "longer is another name");
    assert_eq!(code(vec![]), EventCode::OtherTrap);
}

#[test]
fn another_notification_shows_what_came_with_it() {
    let objects = vec![
        (vec![1, 3, 1], Object::Text(b"fan\n failed".to_vec())),
        (vec![1, 3, 2], Object::Text(vec![0, 0xff])),
        (vec![1, 3, 3], Object::Number(-1)),
    ];
    let event = of(&Notification { name: vec![1, 3, 6, 1, 4, 1, 9, 9], uptime: 1, objects }).event;
    assert_eq!(event.args["trap"], "1.3.6.1.4.1.9.9");
    assert_eq!(event.args["object_1"], "1.3.1 = fan failed");
    assert_eq!(event.args["object_2"], "1.3.2 = 0x00ff");
    assert_eq!(event.args["object_3"], "1.3.3 = -1");
}

/// Catches: a community that a converter of v1 traps adds, or that a device repeats, stored and shown to many.
#[test]
fn no_secret_gets_from_a_notification_into_an_event() {
    let text = |text: &str| Object::Text(text.as_bytes().to_vec());
    let community = [SNMP_TRAP_COMMUNITY, &[0]].concat();
    let objects = vec![
        (community, text("of-another-device")),
        (vec![1, 3, 1], text("hello")),
        (vec![1, 3, 2], text("hello world")),
        (vec![1, 3, 3], text(" hello\0")),
        (vec![1, 3, 4], text("user ops with long-password refused")),
        (vec![1, 3, 5], Object::Text(b"\xfflong-password".to_vec())),
    ];
    let name = vec![1, 3, 6, 1, 4, 1, 9, 9];
    let notification = Notification { name, uptime: 1, objects }.without(&["hello", "long-password", ""]);
    let event = of(&notification).event;
    let hidden = "a secret of the device, which is not shown";
    assert_eq!(event.args["object_1"], format!("1.3.1 = {hidden}"));
    assert_eq!(event.args["object_2"], "1.3.2 = hello world", "a short one may be a common word");
    for (n, name) in [(3, "1.3.3"), (4, "1.3.4"), (5, "1.3.5")] {
        assert_eq!(event.args[&format!("object_{n}")], format!("{name} = {hidden}"));
    }
    assert!(!event.args.contains_key("object_6"));

    let alias = (column(IF_X_ENTRY, 18, 3), text("long-password"));
    let link =
        Notification { name: standard(3), uptime: 1, objects: vec![alias] }.without(&["long-password"]);
    let meaning = of(&link);
    assert_eq!((meaning.if_index, meaning.event.args.get("if_alias")), (Some(3), None));
}

fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        any::<i64>().prop_map(|n| Object::Number(n.into())),
        proptest::collection::vec(any::<u8>(), 0..600).prop_map(Object::Text),
        proptest::collection::vec(any::<u32>(), 0..130).prop_map(Object::Name),
    ]
}

proptest! {
    #[test]
    fn whatever_a_device_says_becomes_a_bounded_event(
        standard_trap in any::<bool>(),
        which in 0u32..8,
        name in proptest::collection::vec(any::<u32>(), 0..130),
        objects in proptest::collection::vec(
            (prop_oneof![
                (0u32..20, any::<u32>()).prop_map(|(c, i)| column(IF_ENTRY, c, i)),
                (0u32..20, any::<u32>()).prop_map(|(c, i)| column(IF_X_ENTRY, c, i)),
                proptest::collection::vec(any::<u32>(), 0..130),
            ], object()),
            0..40,
        ),
    ) {
        let name = if standard_trap { standard(which) } else { name };
        let meaning = of(&Notification { name, uptime: 0, objects });
        prop_assert!(meaning.event.is_within_bounds());
        prop_assert!(meaning.event.args.values().all(|v| !v.chars().any(char::is_control)));
        prop_assert!(meaning.if_name.is_none_or(|name| name.chars().count() <= TEXT));
    }
}
