use wasl_protocol::batch;

use super::*;

const AT: Timestamp = Timestamp(1_795_000_020_000);

fn shape(kind: Kind) -> Shape {
    Shape { kind, targets: 20, interfaces: 100, heartbeat: Duration::from_secs(10), seed: 7 }
}

/// Catches: a report that cannot be made again, and agents that are copies of each other.
#[test]
fn the_same_seed_sees_the_same_and_another_agent_does_not() {
    let (one, same) = (Load::new(shape(Kind::Gateway), "a", 1), Load::new(shape(Kind::Gateway), "a", 1));
    assert_eq!(batch::encode(&one.observe(AT, 0)), batch::encode(&same.observe(AT, 0)));
    let other = Load::new(shape(Kind::Gateway), "a", 2);
    assert_ne!(one.observe(AT, 0), other.observe(AT, 0));
    assert_ne!(one.phase(), other.phase());
    let seeded = Load::new(Shape { seed: 8, ..shape(Kind::Gateway) }, "a", 1);
    assert_ne!(one.observe(AT, 0), seeded.observe(AT, 0));
}

/// Catches: interfaces in each batch, which would triple the load, or in none.
#[test]
fn a_gateway_sees_targets_each_time_and_switches_every_half_minute() {
    let load = Load::new(shape(Kind::Gateway), "gw", 0);
    let at = |seconds: i64| Timestamp(AT.0 / 30_000 * 30_000 + seconds * 1000 + 3_217);
    let counts: Vec<usize> = [0, 10, 20, 30].map(|s| load.observe(at(s), 0).len()).to_vec();
    assert_eq!(counts, [4 + 20 + 3 + 100, 24, 24, 4 + 20 + 3 + 100]);
    assert_eq!(Load::new(shape(Kind::Lab), "pc", 0).observe(at(0), 0).len(), 4);
}

/// Catches: figures that the protocol or the history would refuse, and a series without any values.
#[test]
fn what_is_seen_survives_the_wire_and_is_plausible() {
    let load = Load::new(shape(Kind::Gateway), "gw", 3);
    for hour in 0..24 {
        let seen = load.observe(AT.plus(Duration::from_secs(hour * 3600)), 5);
        let decoded = batch::decode(&batch::encode(&seen)).expect("readable");
        assert_eq!((decoded.unknown, decoded.invalid), (0, 0));
        assert_eq!(decoded.observations.len(), seen.len());
        assert!(points(&seen) < scalars(&seen));
        for observation in &seen {
            let Value::Probe(window) = &observation.value else { continue };
            assert_eq!(window.sent, Some(Count(10)));
            assert!(window.rtt_min <= window.rtt_max && window.received <= window.sent);
            assert_eq!(window.rtt.count(), window.received.expect("counted").0);
        }
    }
}

/// Catches: a configuration that the controller refuses, or that leaves out what the agents speak of.
#[test]
fn the_configuration_names_everything() {
    let dir = tempfile::tempdir().expect("a folder");
    let names = ["gw-1".to_owned(), "gw-2".to_owned()];
    let text = configuration(shape(Kind::Gateway), &["one".into(), "two".into()], &names);
    std::fs::write(dir.path().join("wasl.yaml"), &text).expect("written");
    let intent =
        crate::intent::Intent::load(dir.path()).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    for (number, name) in names.iter().enumerate() {
        let agent = name.parse().expect("a name");
        for observation in Load::new(shape(Kind::Gateway), name, number as u64).observe(Timestamp(0), 0) {
            assert!(intent.may_speak(&agent, &observation.subject), "{}", observation.subject);
        }
    }
}
