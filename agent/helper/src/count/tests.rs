use proptest::prelude::*;

use super::*;

fn line(interface: &str, shares: &[&[&str]], talkers: bool) -> Line {
    Line {
        interface: Interface::try_from(interface.to_owned()).expect("a name"),
        down: Way::In,
        shares: shares
            .iter()
            .map(|share| share.iter().map(|p| p.parse().expect("a block")).collect())
            .collect(),
        talkers,
    }
}

fn lines(lines: Vec<Line>) -> Lines {
    Lines::try_from(lines).expect("within bounds")
}

#[test]
fn the_whole_table_is_replaced_in_one_transaction() {
    let two = lines(vec![
        line("wan0", &[&["10.1.0.0/16", "2001:db8:1::/48"], &["10.2.0.0/16"]], true),
        Line { down: Way::Out, ..line("branch-3.7", &[&["10.3.0.0/16"]], false) },
    ]);
    let ruleset = two.ruleset();
    assert!(
        ruleset
            .starts_with("table inet wasl_acct { }\ndelete table inet wasl_acct\ntable inet wasl_acct {\n")
    );
    for wanted in [
        "iifname \"wan0\" jump l0_down",
        "oifname \"wan0\" jump l0_up",
        "iifname \"branch-3.7\" jump l1_up",
        "oifname \"branch-3.7\" jump l1_down",
        "ip daddr @l0s0_4 counter name l0s0_down",
        "ip6 saddr @l0s0_6 counter name l0s0_up",
        "update @l0t_up4 { ip saddr counter }",
    ] {
        assert!(ruleset.contains(wanted), "{wanted} in {ruleset}");
    }
    assert!(!ruleset.contains("l0s1_6"), "a set without elements");
    assert!(!ruleset.contains("l1t_"), "nobody asked for those talkers");
}

#[test]
fn what_is_beyond_the_bounds_is_refused() {
    let bad = |lines: Vec<Line>| Lines::try_from(lines).expect_err("beyond the bounds");
    let one = || line("wan0", &[&["10.0.0.0/8"]], false);
    assert_eq!(bad(vec![]), BadLines::None);
    assert_eq!(bad(vec![one(), one()]), BadLines::Twice);
    assert_eq!(bad(vec![line("wan0", &[&[]], false)]), BadLines::NoAddresses);
    let nine: Vec<Line> = (0..9).map(|n| line(&format!("wan{n}"), &[&["10.0.0.0/8"]], false)).collect();
    assert_eq!(bad(nine), BadLines::TooMuch);
    assert_eq!(bad(vec![line("wan0", &[["10.0.0.0/8"].as_slice(); 17], false)]), BadLines::TooMuch);
    assert_eq!(bad(vec![line("wan0", &[&["10.0.0.0/8"; 33]], false)]), BadLines::TooMuch);
}

#[test]
fn an_interface_is_a_plain_name_and_no_pattern() {
    for name in [
        "",
        ".",
        "..",
        "-a",
        "wan*",
        "wan0\"",
        "wan0;",
        "wan 0",
        "wan0\n",
        "wan{0}",
        "$x",
        "a/b",
        "eth0:1",
        "@x",
        "sixteen-letters-",
        "شبكة",
    ] {
        assert_eq!(Interface::try_from(name.to_owned()), Err(NoInterface), "{name:?}");
    }
    for name in ["wan0", "br-lan", "eth0.100", "enp3s0f1", "ppp_0"] {
        assert!(Interface::try_from(name.to_owned()).is_ok(), "{name}");
    }
}

proptest! {
    /// Catches: text of a caller's that reaches the ruleset as anything else than a name or a block.
    #[test]
    fn only_checked_signs_reach_the_ruleset(name in ".{0,20}", prefix in ".{0,40}", plain in "[a-z0-9./:\"}{;\n]{0,20}") {
        for (name, prefix) in [(&name, &prefix), (&plain, &plain)] {
            let request = serde_json::json!([
                { "interface": name, "down": "in", "shares": [[prefix]], "talkers": true },
            ]);
            if let Ok(lines) = serde_json::from_value::<Lines>(request) {
                let ruleset = lines.ruleset();
                let signs = |c: char| c.is_ascii_alphanumeric() || " \n.,:;_-{}@\"/=".contains(c);
                prop_assert!(ruleset.chars().all(signs), "{ruleset}");
                prop_assert_eq!(ruleset.matches('"').count(), 8, "{}", ruleset);
            }
        }
    }
}
