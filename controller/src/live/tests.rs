use super::*;
use wasl_model::units::{Bytes, Count};
use wasl_model::{EntityKind, HostSample, InterfaceSample, Severity};

fn agent() -> AgentId {
    "gw".parse().expect("valid")
}

fn host(at: i64, processors: u64) -> Observation {
    Observation {
        subject: Subject::new(EntityKind::Machine, "gw").expect("valid"),
        at: Timestamp(at),
        value: Value::Host(HostSample { processors: Some(Count(processors)), ..Default::default() }),
    }
}

fn interface(at: i64, bytes: u64) -> Observation {
    Observation {
        subject: Subject::new(EntityKind::Interface, "gw/eth0").expect("valid"),
        at: Timestamp(at),
        value: Value::Interface(InterfaceSample { receive_bytes: Some(Bytes(bytes)), ..Default::default() }),
    }
}

fn notice(at: i64, cleared: bool) -> Observation {
    Observation {
        subject: Subject::new(EntityKind::Agent, "gw").expect("valid"),
        at: Timestamp(at),
        value: Value::Notice(Notice {
            code: NoticeCode::IcmpNotPermitted,
            severity: Severity::Warning,
            cleared,
            detail: "x".into(),
        }),
    }
}

const NOW: Timestamp = Timestamp(1_000_000);

fn latest(live: &Live) -> Timestamp {
    live.read().values.values().next().expect("one").at
}

#[test]
fn backfill_never_replaces_what_is_newer() {
    let live = Live::default();
    live.apply(&agent(), vec![host(900_000, 2), host(800_000, 1)], NOW);
    assert_eq!(latest(&live), Timestamp(900_000));
    live.apply(&agent(), vec![host(5_000_000, 9)], NOW);
    live.apply(&agent(), vec![host(950_000, 3)], NOW);
    assert_eq!(latest(&live), Timestamp(950_000), "a value from a wrong clock does not stay");
}

#[test]
fn what_happens_is_handed_on_once_in_order_and_replaces_no_value() {
    let live = Live::default();
    let trap = |at: i64, detail: &str| Observation {
        subject: Subject::new(EntityKind::Interface, "gw/eth0").expect("valid"),
        at: Timestamp(at),
        value: Value::Event(Event::new(wasl_model::EventCode::LinkDownTrap, Severity::Warning, detail)),
    };
    live.apply(&agent(), vec![interface(900_000, 5), trap(950_000, "one"), trap(940_000, "two")], NOW);
    let details: Vec<String> = live.read().take_happened().into_iter().map(|h| h.event.detail).collect();
    assert_eq!(details, ["one", "two"]);
    assert_eq!(latest(&live), Timestamp(900_000));
    assert!(matches!(live.read().values.values().next().expect("one").value, Value::Interface(_)));
    assert!(live.read().take_happened().is_empty());

    let many = (0..=HAPPENED as i64).map(|n| trap(n, "")).collect();
    live.apply(&agent(), many, NOW);
    let kept = live.read().take_happened();
    assert_eq!((kept.len(), kept[0].at), (HAPPENED, Timestamp(1)), "the oldest goes");
}

/// Catches: an agent in the wrong hands that fills the controller's memory with names that it makes up.
#[test]
fn made_up_names_do_not_fill_memory_and_what_is_known_stays_alive() {
    let live = Live::default();
    let named = |n: usize, at: i64, value: &Value| Observation {
        subject: Subject::new(EntityKind::Interface, format!("gw/{n}")).expect("valid"),
        at: Timestamp(at),
        value: value.clone(),
    };
    let counters = interface(0, 1).value;
    let all = (0..THINGS + 10).map(|n| named(n, 1, &counters)).collect();
    assert_eq!(live.apply(&agent(), all, NOW), 10);
    assert_eq!(live.apply(&agent(), vec![named(0, 2, &counters)], NOW), 0, "what is known is renewed");
    let other: AgentId = "other".parse().expect("valid");
    assert_eq!(live.apply(&other, vec![host(1, 1)], NOW), 0, "nobody takes another's room");
    let said = notice(20, false).value;
    let all = (0..NOTICES + 10).map(|n| named(n, 1, &said)).collect();
    assert_eq!(live.apply(&agent(), all, NOW), 10);
    let state = live.read();
    assert_eq!((state.values.len(), state.notices().count()), (THINGS + 1, NOTICES));
    drop(state);
    live.forget(&agent());
    assert_eq!(live.apply(&agent(), vec![named(THINGS, 3, &counters), named(0, 3, &said)], NOW), 0);
}

#[test]
fn made_up_neighbours_do_not_fill_memory_and_the_latest_stay() {
    let live = Live::default();
    let neighbour = |n: usize| Observation {
        subject: Subject::new(EntityKind::Neighbour, format!("gw/eth0/{n}")).expect("valid"),
        at: Timestamp(n as i64),
        value: Value::Neighbour(wasl_model::Neighbour {
            local_port: "eth0".into(),
            chassis: n.to_string(),
            port: "1".into(),
            port_description: None,
            system_name: None,
            system_description: None,
            management_address: None,
            ttl_s: 120,
        }),
    };
    let mut all: Vec<Observation> = (1..=FINDS + 10).map(neighbour).collect();
    all.push(host(900_000, 1));
    live.apply(&agent(), all, NOW);
    let state = live.read();
    assert_eq!(state.values.len(), FINDS + 1);
    let oldest = state.values.values().map(|latest| latest.at).min();
    assert_eq!(oldest, Some(Timestamp(11)));
}

#[test]
fn counters_sum_every_increment_once_in_whatever_order() {
    let live = Live::default();
    live.apply(&agent(), vec![interface(900_000, 5), interface(800_000, 7)], NOW);
    assert_eq!(live.read().values.values().next().expect("one").totals.receive_bytes, 12);
}

#[test]
fn a_notice_that_was_raised_again_is_not_cleared_by_an_old_word() {
    let live = Live::default();
    live.apply(&agent(), vec![notice(20, false), notice(10, true)], NOW);
    assert_eq!(live.read().notices().count(), 1);
    live.apply(&agent(), vec![notice(30, true)], NOW);
    assert_eq!(live.read().notices().count(), 0);
}

/// What was just seen arrives before what waited: the end of a trouble before its beginning.
#[test]
fn a_notice_that_was_taken_back_stays_so_when_its_beginning_arrives_late() {
    let live = Live::default();
    live.apply(&agent(), vec![notice(30, true)], NOW);
    live.apply(&agent(), vec![notice(20, false)], NOW);
    assert_eq!(live.read().notices().count(), 0);
    let restored = Live::default();
    restored.restore_snapshot(&live.snapshot(0), NOW);
    restored.apply(&agent(), vec![notice(25, false)], NOW);
    assert_eq!(restored.read().notices().count(), 0);
}

#[test]
fn a_snapshot_brings_everything_back_but_the_totals() {
    let live = Live::default();
    live.apply(&agent(), vec![host(900_000, 2), interface(900_000, 5), notice(800_000, false)], NOW);
    let restored = Live::default();
    let whole = Restored { unreadable: 0, covers: 7 };
    assert_eq!(restored.restore_snapshot(&live.snapshot(7), NOW), whole);
    let (before, after) = (live.read(), restored.read());
    assert_eq!(before.notices, after.notices);
    assert_eq!(before.values.keys().collect::<Vec<_>>(), after.values.keys().collect::<Vec<_>>());
    for (key, latest) in &after.values {
        assert_eq!(latest.value, before.values[key].value);
        assert_eq!(latest.totals, Totals::default());
    }
    let nothing = Restored { unreadable: 1, covers: 0 };
    assert_eq!(restored.restore_snapshot(b"\xff\xff garbage", NOW), nothing);
}

#[test]
fn a_station_is_new_once_and_not_after_a_snapshot() {
    let station = |number: u8, at: i64| Observation {
        subject: Subject::new(EntityKind::Station, format!("jenin/02:00:00:00:00:{number:02x}"))
            .expect("valid"),
        at: Timestamp(at),
        value: Value::Station(Station {
            ip: [10, 3, 16, number].into(),
            mac: format!("02:00:00:00:00:{number:02x}"),
            interface: "lab0".into(),
            first: Timestamp(at),
            last: Timestamp(at),
            ip6: Vec::new(),
        }),
    };
    let new = |live: &Live| -> Vec<String> {
        live.read().take_newcomers().into_iter().map(|new| new.station.ip.to_string()).collect()
    };
    let live = Live::default();
    live.apply(&agent(), vec![station(1, 5), station(2, 5), station(1, 6)], NOW);
    assert_eq!(new(&live), ["10.3.16.1", "10.3.16.2"]);
    live.apply(&agent(), vec![station(2, 7), station(3, 7)], NOW);
    assert_eq!(new(&live), ["10.3.16.3"]);
    let after = Live::default();
    assert_eq!(after.restore_snapshot(&live.snapshot(0), NOW).unreadable, 0);
    after.restore(&agent(), vec![station(3, 8), station(4, 8)], NOW);
    assert_eq!(new(&after), ["10.3.16.4"], "what came after the snapshot");
}

fn gone(at: i64) -> Observation {
    Observation { value: Value::Gone, ..interface(at, 0) }
}

/// Catches: an interface that is back because a batch from before it went comes late, or after a restart.
#[test]
fn what_is_gone_stays_so_whatever_comes_late_and_until_it_is_reported_again() {
    let live = Live::default();
    live.apply(&agent(), vec![interface(900_000, 5), gone(920_000), interface(910_000, 6)], NOW);
    let value = |live: &Live| live.read().values.values().next().expect("one").value.clone();
    assert_eq!((latest(&live), value(&live)), (Timestamp(920_000), Value::Gone));
    let went: Vec<_> = live.read().take_went().into_iter().map(|w| (w.subject.to_string(), w.at.0)).collect();
    assert_eq!(went, [("interface/gw/eth0".to_owned(), 920_000)]);
    live.apply(&agent(), vec![gone(921_000)], NOW);
    assert!(live.read().take_went().is_empty(), "it has gone already");
    assert_eq!(live.read().values.values().next().expect("one").totals.receive_bytes, 11);

    let after = Live::default();
    assert_eq!(after.restore_snapshot(&live.snapshot(0), NOW).unreadable, 0);
    after.restore(&agent(), vec![interface(915_000, 1)], NOW);
    assert_eq!(value(&after), Value::Gone);
    assert!(after.read().take_went().is_empty(), "that was told before the restart");
    after.apply(&agent(), vec![interface(930_000, 1)], NOW);
    assert!(matches!(value(&after), Value::Interface(_)));
    after.apply(&agent(), vec![gone(940_000)], NOW);
    assert_eq!(after.read().take_went().len(), 1, "it went once more");
}

#[test]
fn what_was_never_there_does_not_go() {
    let live = Live::default();
    live.apply(&agent(), vec![gone(900_000)], NOW);
    assert!(live.read().take_went().is_empty());
}

/// Catches: a gateway that makes an interface for each caller and fills the memory with those of last week.
#[test]
fn so_many_that_are_gone_are_remembered_and_no_more() {
    let live = Live::default();
    let named = |n: usize, observation: Observation| Observation {
        subject: Subject::new(EntityKind::Interface, format!("gw/ppp{n}")).expect("valid"),
        ..observation
    };
    let there = (0..GONE + 3).map(|n| named(n, interface(1, 1)));
    live.apply(&agent(), there.chain([interface(1, 1)]).collect(), NOW);
    live.apply(&agent(), (0..GONE + 3).map(|n| named(n, gone(10 + n as i64))).collect(), NOW);
    let mut state = live.read();
    assert_eq!(state.take_went().len(), GONE + 3);
    assert_eq!(state.values.len(), GONE + 1, "the one that is there, and those");
    let oldest = state.values.values().filter(|latest| latest.value == Value::Gone).map(|l| l.at).min();
    assert_eq!(oldest, Some(Timestamp(13)), "who went first is forgotten");
}

#[test]
fn what_nobody_speaks_of_is_forgotten_and_named() {
    let live = Live::default();
    let other: Subject = "interface/gw/eth1".parse().expect("valid");
    let another = Observation { subject: other.clone(), ..interface(100, 1) };
    live.apply(&agent(), vec![host(100, 1), interface(100, 1), another], NOW);
    let forget = |live: &Live| {
        let forgotten = live.forget_silent(Duration::from_millis(50), NOW, |(_, subject)| *subject == other);
        forgotten.into_iter().map(|(_, subject)| subject.to_string()).collect::<Vec<_>>()
    };
    assert!(forget(&live).is_empty(), "the agent is cut off, and has spoken of all of them together");
    live.apply(&agent(), vec![host(150, 1)], NOW);
    assert!(forget(&live).is_empty());
    live.apply(&agent(), vec![host(151, 1)], NOW);
    assert_eq!(forget(&live), ["interface/gw/eth0"]);
    assert_eq!(live.read().values.len(), 2, "the machine, and what stays");

    // A word from far ahead is no proof that the agent has spoken for long.
    live.apply(&agent(), vec![interface(NOW.0 - 10, 1), host(NOW.0 + 45, 1)], NOW);
    assert!(!forget(&live).contains(&"interface/gw/eth0".to_owned()));
}
