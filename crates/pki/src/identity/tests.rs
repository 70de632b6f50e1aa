use proptest::prelude::*;

use super::*;

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9._-]{0,62}"
}

fn role() -> impl Strategy<Value = AgentRole> {
    prop::sample::select(AgentRole::ALL.to_vec())
}

proptest! {
    #[test]
    fn every_identity_survives_its_uri(agent in name(), site in name(), role in role()) {
        let identity = AgentIdentity::new(&agent, &site, role).unwrap();
        prop_assert_eq!(identity.to_string().parse::<AgentIdentity>(), Ok(identity));
    }

    /// Two texts for one identity would let two certificates look different and be the same agent.
    #[test]
    fn an_accepted_uri_is_the_only_spelling_of_its_identity(
        uri in "(wasl://agent/)?[a-zA-Z0-9._/%-]{0,40}"
    ) {
        if let Ok(identity) = uri.parse::<AgentIdentity>() {
            prop_assert_eq!(identity.to_string(), uri);
        }
    }

    #[test]
    fn garbage_never_panics(text in any::<String>()) {
        let _ = text.parse::<AgentIdentity>();
        let _ = text.parse::<AgentRole>();
        let _ = AgentIdentity::new(&text, &text, AgentRole::Lab);
    }
}

#[test]
fn the_uri_is_the_documented_one() {
    let identity = AgentIdentity::new("jenin-gw", "jenin", AgentRole::Gateway).unwrap();
    assert_eq!(identity.to_string(), "wasl://agent/jenin/gateway/jenin-gw");
}

#[test]
fn refuses_every_other_form() {
    for bad in [
        "",
        "wasl://agent/",
        "wasl://agent/jenin/gateway",
        "wasl://agent/jenin/gateway/",
        "wasl://agent//gateway/a",
        "wasl://agent/jenin/gateway/a/",
        "wasl://agent/jenin/gateway/a/b",
        "wasl://agent/jenin/gateway/a?role=relay",
        "wasl://agent/jenin/gateway/a#x",
        "wasl://agent/jenin/gateway/a%2fb",
        "wasl://agent/Jenin/gateway/a",
        "wasl://agent/jenin/Gateway/a",
        "wasl://agent/jenin/root/a",
        "wasl://agent/../gateway/a",
        "wasl://agent/jenin/gateway/-rf",
        "wasl://agent/جنين/gateway/a",
        "WASL://agent/jenin/gateway/a",
        "wasl://relay/jenin/gateway/a",
        " wasl://agent/jenin/gateway/a",
        "wasl://agent/jenin/gateway/a\n",
    ] {
        assert!(bad.parse::<AgentIdentity>().is_err(), "{bad:?}");
    }
    assert!(AgentIdentity::new(&"a".repeat(63), &"b".repeat(63), AgentRole::Lab).is_ok());
    assert!(AgentIdentity::new(&"a".repeat(64), "b", AgentRole::Lab).is_err());
}

#[test]
fn an_error_is_one_printable_line_whatever_was_sent() {
    let error = AgentIdentity::new("evil\x1b[2J\nname", "jenin", AgentRole::Lab).unwrap_err();
    assert!(error.to_string().chars().all(|c| !c.is_control()), "{error}");
}
