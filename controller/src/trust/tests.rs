use wasl_model::{AgentRole, Timestamp};
use wasl_store::AgentFacts;

use super::*;

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn home(dir: &std::path::Path) -> Home {
    Home::open(dir.join("state")).expect("a folder of our own")
}

fn open(home: &Home) -> Trust {
    Trust::open(home, "An institution", NOW).expect("it opens")
}

fn another() -> CertificateAuthority {
    CertificateAuthority::create("Another", NOW).expect("an authority")
}

fn record(name: &str, serial: &str) -> AgentRecord {
    AgentRecord {
        id: name.parse().expect("a name"),
        site: "one".parse().expect("a name"),
        role: AgentRole::Gateway,
        serial: serial.into(),
        previous_serial: None,
        not_after: Timestamp((NOW + 30 * DAY) * 1000),
        enrolled: Timestamp(0),
        last_seen: None,
        facts: AgentFacts::default(),
        revoked: None,
    }
}

fn agent(name: &str) -> AgentId {
    name.parse().expect("a name")
}

#[test]
fn a_rotation_survives_a_restart_at_each_step() {
    let dir = tempfile::tempdir().expect("a folder");
    let home = home(dir.path());
    let (first, next) = (open(&home).view().issuing.fingerprint(), another());
    open(&home).begin(&next, "an admin", NOW).expect("begun");
    let trust = open(&home);
    assert_eq!(trust.view().issuing.fingerprint(), first);
    assert_eq!(trust.view().newest(), next.fingerprint());
    assert_eq!(trust.view().trusted.len(), 2);

    trust.confirm(&agent("gw"), &[first, next.fingerprint()], "01").expect("noted");
    let trust = open(&home);
    let view = trust.view();
    let rotation = view.rotation.as_ref().expect("under way");
    let agents = [record("gw", "01"), record("away", "02")];
    let waiting: Vec<AgentId> = left_behind(rotation, &agents, NOW).into_iter().map(|w| w.agent).collect();
    assert_eq!(waiting, [agent("away")]);

    trust.promote(&agents, NOW).expect("promoted");
    let trust = open(&home);
    let view = trust.view();
    assert_eq!(view.issuing.fingerprint(), next.fingerprint());
    assert_eq!(view.trusted.len(), 2, "the former is still trusted");
    assert_eq!(view.above.len(), 2, "the cross certificate, and the former for tokens that pin it");

    trust.retire().expect("retired");
    let trust = open(&home);
    assert_eq!(trust.view().trusted.to_vec(), [next.certificate_der().to_vec()]);
    assert!(trust.view().above.is_empty() && !home.path().join("rotation.json").exists());
}

/// Catches: a machine that loses power between the two files, and a controller that never starts again.
#[test]
fn a_crash_while_the_authority_is_replaced_is_finished_at_the_next_start() {
    for written in 0..=2 {
        let dir = tempfile::tempdir().expect("a folder");
        let home = home(dir.path());
        let (trust, next) = (open(&home), another());
        trust.begin(&next, "an admin", NOW).expect("begun");
        let before = |name: &str| std::fs::read(home.path().join(name)).expect("it is there");
        let (key, certificate) = (before("ca.key"), before("ca.pem"));
        let introducing = before("rotation.json");
        trust.promote(&[record("gw", "01")], NOW).expect("promoted");
        // As it stood in the midst: the journal told what will be, and so many files were replaced.
        let Phase::Introducing { next: pem, key: key_pem, vouched, .. } =
            serde_json::from_slice::<Rotation>(&introducing).expect("readable").phase
        else {
            panic!("it was being introduced")
        };
        let overlap = Rotation::read(&home).expect("readable").expect("under way");
        let Phase::Overlap { former, since_s, hanging, .. } = overlap.phase else {
            panic!("it was promoted")
        };
        let phase = Phase::Promoting { next: pem, key: key_pem, vouched, former, since_s, hanging };
        Rotation { phase, confirmed: BTreeMap::new() }.write(&home).expect("written");
        if written < 2 {
            wasl_pki::secret::write_secret(&home.path().join("ca.pem"), &certificate).expect("written");
        }
        if written < 1 {
            wasl_pki::secret::write_secret(&home.path().join("ca.key"), &key).expect("written");
        }
        let view = open(&home).view();
        assert_eq!(view.issuing.fingerprint(), next.fingerprint(), "{written} files were replaced");
        assert!(matches!(view.rotation.as_ref().map(|r| &r.phase), Some(Phase::Overlap { .. })));
    }
}

#[test]
fn a_first_start_that_was_interrupted_begins_anew() {
    let dir = tempfile::tempdir().expect("a folder");
    let home = home(dir.path());
    wasl_pki::secret::write_secret(&home.path().join("ca.key"), b"half").expect("written");
    open(&home);
    std::fs::remove_file(home.path().join("ca.pem")).expect("it is there");
    std::fs::write(home.store(), b"a store").expect("written");
    let Err(error) = Trust::open(&home, "x", NOW) else { panic!("agents would be lost") };
    assert!(error.to_string().contains("backup"), "{error:#}");
}

#[test]
fn steps_out_of_turn_are_refused_and_change_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let home = home(dir.path());
    let trust = open(&home);
    let refused = |result: Result<(), TrustError>| matches!(result, Err(TrustError::NotNow(_)));
    assert!(refused(trust.retire()) && refused(trust.abandon()) && refused(trust.promote(&[], NOW)));
    let same = CertificateAuthority::from_pem(
        &trust.view().issuing.chain_pem(),
        &trust.view().issuing.private_key_pem(),
    );
    assert!(matches!(trust.begin(&same.expect("it loads"), "x", NOW), Err(TrustError::Same)));
    trust.begin(&another(), "x", NOW).expect("begun");
    assert!(matches!(trust.begin(&another(), "x", NOW), Err(TrustError::UnderWay(_))));
    assert!(refused(trust.retire()));
    trust.abandon().expect("abandoned");
    assert_eq!(trust.view().trusted.len(), 1);
    trust.begin(&another(), "x", NOW).expect("begun again");
}

#[test]
fn a_former_authority_is_needed_until_its_last_certificate_was_replaced_and_the_new_one_shown() {
    let dir = tempfile::tempdir().expect("a folder");
    let trust = open(&home(dir.path()));
    let next = another();
    trust.begin(&next, "x", NOW).expect("begun");
    trust.promote(&[record("gw", "01"), record("gone", "02")], NOW).expect("promoted");
    let names = |agents: &[AgentRecord], now_s| -> Vec<String> {
        let view = trust.view();
        let waiting = hanging(view.rotation.as_ref().expect("under way"), agents, now_s);
        waiting.into_iter().map(|w| w.agent.to_string()).collect()
    };
    let revoked = AgentRecord { revoked: Some((Timestamp(1), String::new())), ..record("gone", "02") };
    assert_eq!(names(&[record("gw", "01"), revoked.clone()], NOW), ["gw"]);
    assert!(trust.view().should_renew(&record("gw", "01"), NOW));
    assert!(names(&[record("gw", "01")], NOW + 31 * DAY).is_empty(), "it has ended");

    let renewed = AgentRecord { previous_serial: Some("01".into()), ..record("gw", "03") };
    assert_eq!(names(&[renewed.clone(), revoked.clone()], NOW), ["gw"], "the answer may have been lost");
    trust.confirm(&agent("gw"), &[next.fingerprint()], "03").expect("noted");
    assert!(names(&[renewed, revoked], NOW).is_empty());
    assert!(names(&[record("gw", "04")], NOW).is_empty(), "it has enrolled anew");
}

#[test]
fn an_agent_that_forgot_the_next_authority_counts_no_longer() {
    let dir = tempfile::tempdir().expect("a folder");
    let trust = open(&home(dir.path()));
    let (first, next) = (trust.view().issuing.fingerprint(), another());
    trust.begin(&next, "x", NOW).expect("begun");
    let confirmed = || trust.view().rotation.as_ref().expect("under way").confirmed.len();
    trust.confirm(&agent("gw"), &[first, next.fingerprint()], "01").expect("noted");
    assert_eq!(confirmed(), 1);
    // Its disk was put back from an older copy.
    trust.confirm(&agent("gw"), &[first], "01").expect("noted");
    assert_eq!(confirmed(), 0);
}

mod listeners {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::*;
    use crate::trust::listeners::{Kind, ListenerCertificate, names};

    #[test]
    fn a_listener_on_all_addresses_is_known_by_each_of_them_and_by_its_names() {
        let own: Vec<IpAddr> = ["192.0.2.7", "2001:db8::7"].map(|a| a.parse().expect("an address")).to_vec();
        let given = ["wasl.example.edu".to_owned(), "LOCALHOST".to_owned()];
        let on = |bound: &str| names(bound.parse().expect("an address"), &given, Some("centre\n"), &own);
        let all = on("0.0.0.0");
        for name in ["wasl.example.edu", "centre", "127.0.0.1", "192.0.2.7"] {
            assert!(all.iter().any(|n| n == name), "{name} in {all:?}");
        }
        assert!(!all.iter().any(|n| n.contains("2001")), "it does not listen there: {all:?}");
        assert_eq!(all.iter().filter(|n| n.eq_ignore_ascii_case("localhost")).count(), 1);
        assert!(on("::").iter().any(|n| n == "2001:db8::7") && on("::").iter().any(|n| n == "192.0.2.7"));
        let one = on("192.0.2.9");
        assert!(one.iter().any(|n| n == "192.0.2.9") && !one.iter().any(|n| n == "192.0.2.7"), "{one:?}");
        let nameless = names("0.0.0.0".parse().expect("an address"), &[], Some("(none)"), &own);
        assert!(!nameless.iter().any(|n| n.contains('(')), "{nameless:?}");
    }

    #[test]
    fn a_certificate_is_made_anew_at_two_thirds_and_when_another_authority_signs() {
        let dir = tempfile::tempdir().expect("a folder");
        let trust = open(&home(dir.path()));
        let days = |n: u64| Duration::from_secs(n * 86_400);
        let certificate =
            ListenerCertificate::new(Kind::Agents, Vec::new(), days(90), &trust.view(), NOW).expect("made");
        assert!(!certificate.renew_if_due(&trust.view(), NOW + 54 * DAY).expect("looked at"));
        assert!(certificate.renew_if_due(&trust.view(), NOW + 66 * DAY).expect("renewed"));
        assert!(!certificate.renew_if_due(&trust.view(), NOW + 66 * DAY).expect("looked at"));
        assert!(certificate.due_in(NOW + 66 * DAY) > days(50));
        let now = NOW + 66 * DAY;
        trust.begin(&another(), "x", now).expect("begun");
        assert!(!certificate.renew_if_due(&trust.view(), now).expect("looked at"), "the old one signs yet");
        trust.promote(&[], now).expect("promoted");
        assert!(certificate.renew_if_due(&trust.view(), now).expect("renewed"));
        trust.retire().expect("retired");
        assert!(certificate.renew_if_due(&trust.view(), now).expect("renewed"), "nobody vouches any more");
    }
}
