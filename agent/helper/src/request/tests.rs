use proptest::prelude::*;

use wasl_model::assignment::Way;

use super::*;
use crate::count::Line;

fn one_line(interface: &str) -> Lines {
    let line = Line {
        interface: interface.to_owned().try_into().expect("a name"),
        down: Way::In,
        shares: vec![vec!["10.1.0.0/16".parse().expect("a block")]],
        talkers: true,
    };
    vec![line].try_into().expect("within bounds")
}

#[test]
fn each_verb_is_read_and_reads_back_as_itself() {
    let unit = || Unit::try_from("unbound.service".to_owned()).expect("a name");
    for (text, request) in [
        (r#"{"verb":"version"}"#, Request::Version {}),
        (r#"{"verb":"ping-group-range"}"#, Request::PingGroupRange {}),
        (r#"{"verb":"service-status","unit":"unbound.service"}"#, Request::ServiceStatus { unit: unit() }),
        (r#"{"verb":"service-reload","unit":"unbound.service"}"#, Request::ServiceReload { unit: unit() }),
        (r#"{"verb":"power","action":"off"}"#, Request::Power { action: PowerAction::Off }),
        (r#"{"verb":"power","action":"reboot"}"#, Request::Power { action: PowerAction::Reboot }),
        (r#"{"verb":"accounting-read"}"#, Request::AccountingRead {}),
        (r#"{"verb":"accounting-clear"}"#, Request::AccountingClear {}),
        (
            r#"{"verb":"accounting-set","lines":[{"interface":"wan0","down":"in","shares":[["10.1.0.0/16"]],"talkers":true}]}"#,
            Request::AccountingSet { lines: one_line("wan0") },
        ),
    ] {
        assert_eq!(parse(text.as_bytes()), Ok(request.clone()));
        assert_eq!(serde_json::to_string(&request).expect("text"), text);
        assert!(text.contains(&format!("\"{}\"", request.verb())));
    }
}

#[test]
fn whatever_is_not_exactly_a_request_is_none() {
    for text in [
        "",
        "\0",
        "null",
        "[]",
        "{}",
        r#"{"verb":"shell"}"#,
        r#"{"verb":"Version"}"#,
        r#"{"verb":"version","unit":"a.service"}"#,
        r#"{"verb":"version"} {"verb":"power","action":"off"}"#,
        r#"{"verb":"version","verb":"power","action":"off"}"#,
        r#"{"verb":"service-reload"}"#,
        r#"{"verb":"service-reload","unit":["a.service"]}"#,
        r#"{"verb":"service-reload","unit":"a.service","unit":"b.service"}"#,
        r#"{"verb":"service-reload","unit":"a.service","force":true}"#,
        r#"{"verb":"accounting-set","lines":[]}"#,
        r#"{"verb":"accounting-set","lines":[{"interface":"wan*","down":"in","shares":[],"talkers":true}]}"#,
        r#"{"verb":"accounting-set","lines":[{"interface":"wan0","down":"both","shares":[],"talkers":true}]}"#,
        r#"{"verb":"accounting-set","lines":[{"interface":"wan0","down":"in","shares":[["10.1.2.3/16"]],"talkers":true}]}"#,
        r#"{"verb":"accounting-set","lines":[{"interface":"wan0","down":"in","shares":[["0/0; flush ruleset"]],"talkers":true}]}"#,
        r#"{"verb":"accounting-set","lines":[{"interface":"wan0","down":"in","shares":[],"talkers":true,"hook":"x"}]}"#,
        r#"{"verb":"accounting-read","table":"filter"}"#,
        r#"{"verb":"power","action":"halt"}"#,
        r#"{"verb":"power","action":{"off":null,"reboot":null}}"#,
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    assert!(parse(deep.as_bytes()).is_err());
    let long = format!(r#"{{"verb":"version"{}}}"#, " ".repeat(MAX_REQUEST));
    assert!(parse(long.as_bytes()).is_err_and(|error| error.to_string().contains("longer")));
}

#[test]
fn a_unit_is_neither_a_path_nor_an_option_nor_another_kind() {
    for name in [
        "",
        ".service",
        "-.service",
        "--force.service",
        "../etc/shadow.service",
        "/etc/systemd/system/evil.service",
        "a/b.service",
        "a b.service",
        "a\n.service",
        "a\0.service",
        "a;reboot.service",
        "$(reboot).service",
        "a*.service",
        "a\\x2f.service",
        "ünbound.service",
        "unbound",
        "unbound.socket",
        "poweroff.target",
        "unbound.service ",
    ] {
        assert_eq!(Unit::try_from(name.to_owned()), Err(NoUnit), "{name:?}");
    }
    assert_eq!(Unit::try_from(format!("{}.service", "a".repeat(100))), Err(NoUnit));
    for name in
        ["unbound.service", "postfix@-.service", "dbus-org.freedesktop.login1.service", "knot.service"]
    {
        assert!(Unit::try_from(name.to_owned()).is_ok(), "{name}");
    }
}

proptest! {
    #[test]
    fn no_line_makes_the_parser_panic(line in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let _ = parse(&line);
    }

    #[test]
    fn what_is_read_is_written_as_itself(
        verb in "(version|ping-group-range|service-status|service-reload|power|[a-z-]{0,12})",
        key in "(unit|action|[a-z]{0,4})",
        value in "([a-z]{1,6}\\.service|off|reboot|.{0,20})",
    ) {
        let text = serde_json::json!({ "verb": verb, key: value }).to_string();
        if let Ok(request) = parse(text.as_bytes()) {
            let back = serde_json::to_vec(&request).expect("text");
            prop_assert_eq!(parse(&back), Ok(request));
        }
    }

    #[test]
    fn an_answer_is_one_short_line(message in ".{0,40}", times in 1usize..2000) {
        let line = Reply::failed(message.repeat(times)).line();
        prop_assert!(line.len() <= MAX_REPLY);
        prop_assert_eq!(line.iter().position(|b| *b == b'\n'), Some(line.len() - 1));
        prop_assert!(serde_json::from_slice::<Reply>(&line).is_ok());
    }
}
