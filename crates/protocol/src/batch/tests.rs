use proptest::prelude::*;
use wasl_model::units::{Bytes, Count, Micros, Millis};
use wasl_model::{
    BackupEvidence, BackupOutcome, EntityKind, Event, EventCode, Histogram, InterfaceSample, Neighbour,
    Notice, NoticeCode, ProbeMethod, ProbeWindow, Severity, ShareSample, Station, Subject, Talker, Talkers,
    Timestamp, Value, VoidReason,
};

use super::*;

fn target(n: u64, at: i64) -> Observation {
    let mut rtt = Histogram::default();
    for k in 0..10 {
        rtt.record(20_000 + n * 37 % 900 + k * 211 % 1500);
    }
    Observation {
        subject: Subject::new(EntityKind::Target, format!("branch-{n}-uplink")).expect("valid"),
        at: Timestamp(at),
        value: ProbeWindow {
            window: Some(Millis(10_000)),
            method: Some(ProbeMethod::IcmpDatagram),
            sent: Some(Count(10)),
            received: Some(Count(10 - n % 2)),
            rtt_min: Some(Micros(20_000 + n)),
            rtt_max: Some(Micros(21_500 + n)),
            jitter: Some(Micros(300 + n * 13 % 71)),
            rtt,
            ..Default::default()
        }
        .into(),
    }
}

fn interface(n: u64, at: i64) -> Observation {
    Observation {
        subject: Subject::new(EntityKind::Interface, format!("core-sw/GigabitEthernet1/0/{n}"))
            .expect("valid"),
        at: Timestamp(at),
        value: Value::Interface(InterfaceSample {
            interval: Some(Millis(30_000 + n % 7)),
            receive_bytes: Some(Bytes(if n.is_multiple_of(3) { 0 } else { n * 7919 * 31 % 10_000_000 })),
            transmit_bytes: (!n.is_multiple_of(5)).then_some(Bytes(n * 104_729 % 1_000_000)),
            receive_errors: Some(Count(0)),
            transmit_errors: Some(Count(0)),
            up: Some(true),
            voided: n.is_multiple_of(5).then_some(VoidReason::Discontinuity),
            ..Default::default()
        }),
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
            detail: "not permitted; run setcap".into(),
        }),
    }
}

fn evidence(at: i64) -> Observation {
    Observation {
        subject: Subject::new(EntityKind::BackupJob, "central-db").expect("valid"),
        at: Timestamp(at),
        value: Value::Backup(BackupEvidence {
            tool: "restic".into(),
            tool_version: "restic 0.14.0".into(),
            outcome: BackupOutcome::Read,
            snapshots: 3,
            newest_at: Some(Timestamp(at - 1)),
            newest_id: Some("abcd1234".into()),
            newest_bytes: None,
            took: Millis(812),
            detail: String::new(),
        }),
    }
}

fn occasional(at: i64) -> Vec<Observation> {
    let about = |kind, id: &str, value: Value| Observation {
        subject: Subject::new(kind, id).expect("valid"),
        at: Timestamp(at),
        value,
    };
    let trap = Event::new(EventCode::LinkDownTrap, Severity::Warning, "a link goes down")
        .with("if_index", 3)
        .with("name", "Gi0/3");
    let neighbour = Neighbour {
        local_port: "eth0".into(),
        chassis: "52:54:00:12:34:56".into(),
        port: "Gi0/3".into(),
        port_description: None,
        system_name: Some("core".into()),
        system_description: Some(String::new()),
        management_address: Some("fd00::1".parse().expect("valid")),
        ttl_s: 120,
    };
    let station = Station {
        ip: "10.3.16.7".parse().expect("valid"),
        mac: "52:54:00:12:34:57".into(),
        interface: "lab0".into(),
        first: Timestamp(at - 5),
        last: Timestamp(at),
        ip6: ["fd00:7::7", "fe80::7"].map(|ip| ip.parse().expect("valid")).to_vec(),
    };
    let talkers = Talkers {
        interval: Millis(10_000),
        talkers: ["10.1.0.7", "2001:db8::7"]
            .map(|address| Talker {
                address: address.parse().expect("valid"),
                down: Bytes(7_000),
                up: Bytes(u64::MAX),
            })
            .to_vec(),
        seen: 40,
        crowded: true,
    };
    vec![
        about(EntityKind::Share, "line", talkers.into()),
        about(EntityKind::Interface, "sw/Gi0/3", trap.into()),
        about(EntityKind::Neighbour, "gw/eth0/52:54:00:12:34:56", neighbour.into()),
        about(EntityKind::Station, "jenin/52:54:00:12:34:57", station.into()),
        about(EntityKind::Interface, "sw/Gi0/4", Value::Gone),
    ]
}

fn share(at: i64) -> Observation {
    let sample =
        ShareSample { interval: Some(Millis(10_000)), down_bytes: Some(Bytes(9)), ..ShareSample::default() };
    Observation {
        subject: Subject::new(EntityKind::Share, "line/partner").expect("valid"),
        at: Timestamp(at),
        value: sample.into(),
    }
}

#[test]
fn a_batch_gives_back_exactly_what_was_put_in() {
    let at = 1_795_000_000_000;
    let mut all: Vec<Observation> = (0..40).map(|n| target(n, at + n as i64)).collect();
    all.extend((0..60).map(|n| interface(n, at - 5)));
    all.push(share(at));
    all.extend([evidence(at), notice(at, false), notice(at + 1, true)]);
    all.extend(occasional(at));
    let decoded = decode(&encode(&all)).expect("readable");
    assert_eq!((decoded.unknown, decoded.invalid), (0, 0));
    assert_eq!(decoded.observations.len(), all.len());
    for observation in &all {
        assert!(decoded.observations.contains(observation), "{observation:?} is missing");
    }
    assert_eq!(span(&all), Some((at - 5, at + 59 - 20)));
}

/// What the largest gateway sees in a window of ten seconds: 500 targets, and 2000 interfaces once in 30 s.
pub(crate) fn gateway(window: u64) -> Vec<Observation> {
    let at = 1_795_000_000_000 + window as i64 * 10_000;
    let mut all: Vec<Observation> = (0..500)
        .map(|n| {
            let mut seen = target(n, at + (n * 17 % 40) as i64);
            if let Value::Probe(probe) = &mut seen.value {
                let noise = |k: u64| (n * 31 + window * 17 + k * 7) * 2_654_435_761 % 65_536;
                // Each line has a length of its own.
                let floor = 500 + n * n * 7 % 30_000;
                probe.rtt = Histogram::default();
                (0..10).for_each(|k| probe.rtt.record(floor + noise(k) % 3_000));
                probe.rtt_min = Some(Micros(floor + noise(3) % 500));
                probe.rtt_max = Some(Micros(floor + 1_500 + noise(4) % 1500));
                probe.jitter = Some(Micros(300 + noise(5) % 200));
            }
            seen
        })
        .collect();
    for n in (0..2000).filter(|n| n % 3 == window % 3) {
        let mut seen = interface(n, at + (n % 50) as i64);
        if let Value::Interface(sample) = &mut seen.value {
            let noise = (n * 131 + window * 7919) * 2_654_435_761 % 16_777_216;
            sample.receive_bytes = Some(Bytes(if n % 3 == 0 { 0 } else { noise }));
        }
        all.push(seen);
    }
    all
}

/// How many numbers some observations hold.
pub(crate) fn scalars(all: &[Observation]) -> usize {
    let of = |o: &Observation| match &o.value {
        Value::Probe(p) => 7 + p.rtt.iter().count() * 2,
        Value::Interface(_) => 7,
        _ => 0,
    };
    all.iter().map(of).sum()
}

/// The quota of a gateway's spool is reckoned at two bytes a scalar (design, delivery).
#[test]
fn a_gateways_batch_takes_less_than_two_bytes_a_value() {
    let at = 1_795_000_000_000;
    let mut all: Vec<Observation> = (0..500).map(|n| target(n, at)).collect();
    all.extend((0..2000).map(|n| interface(n, at)));
    let scalars = scalars(&all);
    let bytes = encode(&all).len();
    assert!(bytes < scalars * 2, "{bytes} bytes for {scalars} values");
}

#[test]
fn a_table_and_a_column_of_a_later_version_are_skipped_and_counted() {
    let mut batch = columns::build(&[target(1, 1000), target(2, 1001)]);
    let mut later = batch.tables[0].clone();
    later.kind = 9_999;
    batch.tables.push(later);
    batch.tables[0].columns.push(wire::Column { field: 77, values: vec![1, 2], ..Default::default() });
    batch.records.push(wire::Record { subject: 0, time: 0, what: None });
    let decoded = columns::read(&batch).expect("readable");
    assert_eq!(decoded.observations, [target(1, 1000), target(2, 1001)]);
    assert_eq!(decoded.unknown, 2 + 1 + 1);
    assert_eq!(decoded.invalid, 0);
}

/// Catches: an agent that has a link or itself leave the views.
#[test]
fn only_an_interface_or_a_sensor_can_be_gone() {
    let gone = |kind| Observation {
        subject: Subject::new(kind, "sw/x").expect("valid"),
        at: Timestamp(1),
        value: Value::Gone,
    };
    let all: Vec<Observation> = EntityKind::ALL.iter().copied().map(gone).collect();
    let decoded = decode(&encode(&all)).expect("readable");
    assert_eq!(decoded.observations, [gone(EntityKind::Interface), gone(EntityKind::Sensor)]);
    assert_eq!(decoded.invalid, all.len() as u64 - 2);
}

#[test]
fn a_row_that_makes_no_sense_costs_that_row() {
    let mut batch = columns::build(&[target(1, 1000), target(2, 1001), target(3, 1002)]);
    batch.subjects[1].kind = EntityKind::Disk.code();
    let decoded = columns::read(&batch).expect("readable");
    assert_eq!(decoded.observations, [target(1, 1000), target(3, 1002)]);
    assert_eq!(decoded.invalid, 1);
}

#[test]
fn a_column_with_too_few_values_costs_its_table() {
    let mut batch = columns::build(&[target(1, 1000), target(2, 1001), evidence(1002)]);
    batch.tables[0].columns[2].values.pop();
    let decoded = columns::read(&batch).expect("readable");
    assert_eq!(decoded.observations, [evidence(1002)]);
    assert_eq!(decoded.invalid, 2);
}

#[test]
fn more_rows_than_allowed_are_refused_before_they_are_made() {
    let batch = wire::Batch {
        tables: vec![wire::Table { kind: 1, subjects: vec![0; limits::MAX_ROWS + 1], ..Default::default() }],
        ..Default::default()
    };
    assert!(matches!(columns::read(&batch), Err(DecodeError::TooManyRows(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read_but_never_fatal(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(&bytes);
        let _ = decode(&zstd::bulk::compress(&bytes, 1).expect("packed"));
    }

    /// One changed byte inside the protobuf never panics and never invents more rows than there were.
    #[test]
    fn a_damaged_batch_is_contained(at in 0usize..2000, xor in 1u8..) {
        let mut plain = columns::build(&(0..20).map(|n| target(n, 5)).collect::<Vec<_>>()).encode_to_vec();
        let place = at % plain.len();
        plain[place] ^= xor;
        if let Ok(decoded) = decode(&zstd::bulk::compress(&plain, 1).expect("packed")) {
            prop_assert!(decoded.observations.len() <= 40);
        }
    }

    #[test]
    fn extreme_numbers_survive(times in proptest::collection::vec(any::<i64>(), 1..20), bytes in any::<u64>()) {
        let all: Vec<Observation> = times.iter().map(|t| Observation {
            subject: Subject::new(EntityKind::Interface, "a/b").expect("valid"),
            at: Timestamp(*t),
            value: Value::Interface(InterfaceSample {
                receive_bytes: Some(Bytes(bytes >> 1)),
                speed: None,
                ..Default::default()
            }),
        }).collect();
        prop_assert_eq!(decode(&encode(&all)).expect("readable").observations, all);
    }
}
