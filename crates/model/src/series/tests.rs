use super::*;
use crate::observation::{InterfaceSample, ProbeWindow};
use crate::units::{Bytes, Count, Millis};
use crate::{BackupEvidence, BackupOutcome, DiskSample, HostSample, Timestamp};

fn names(value: &Value) -> Vec<(&'static str, f64)> {
    let mut out = Vec::new();
    points(value, |name, number| out.push((name, number)));
    out
}

#[test]
fn a_series_key_survives_an_interface_name_with_odd_signs() {
    let subject = Subject::new(EntityKind::Interface, "sw/Gi1/0/1#uplink@2").expect("valid");
    let key = SeriesKey { subject, field: "receive_rate".into(), agent: "gw".parse().expect("valid") };
    assert_eq!(key.to_string().parse::<SeriesKey>().expect("round trip"), key);
}

#[test]
fn a_field_that_the_kind_does_not_have_is_refused() {
    assert!("target/x#cpu_busy@a".parse::<SeriesKey>().is_err());
    assert!("target/x@a".parse::<SeriesKey>().is_err());
    assert!("target/x#loss".parse::<SeriesKey>().is_err());
}

#[test]
fn a_rate_is_the_increment_over_its_own_interval() {
    let sample = InterfaceSample {
        interval: Some(Millis(2_000)),
        receive_bytes: Some(Bytes(1_000)),
        receive_errors: Some(Count(1)),
        transmit_errors: Some(Count(3)),
        ..Default::default()
    };
    assert_eq!(names(&Value::Interface(sample.clone())), [("receive_rate", 500.0), ("errors", 2.0)]);
    let still = InterfaceSample { interval: Some(Millis(0)), ..sample };
    assert_eq!(names(&Value::Interface(still)), [], "no rate over no time");
}

#[test]
fn loss_is_a_share_of_the_decided_probes_only() {
    let mut window = ProbeWindow { sent: Some(Count(0)), received: Some(Count(0)), ..Default::default() };
    assert_eq!(window.loss(), None);
    window.sent = Some(Count(8));
    window.received = Some(Count(6));
    assert_eq!(window.loss(), Some(0.25));
}

#[test]
fn the_time_down_is_a_series_where_it_can_be_true() {
    let told = |down: i64, window: u64| {
        let (down, window) = (Some(crate::units::SignedMicros(down)), Some(Millis(window)));
        names(&ProbeWindow { window, down, ..Default::default() }.into())
    };
    assert_eq!(told(4_000_000, 10_000), [("down", 4.0), ("observed", 10.0)]);
    assert_eq!(told(-500_000, 5_000), [("down", -0.5), ("observed", 5.0)], "the window before told too much");
    for (down, window) in [(i64::MAX, 10_000), (i64::MIN, 10_000), (0, u64::MAX), (-601_000_000, 10_000)] {
        assert_eq!(told(down, window), []);
    }
    assert_eq!(names(&ProbeWindow { window: Some(Millis(1)), ..Default::default() }.into()), []);
    // Catches: a month that is observed and up although its agent could not send a single probe.
    let unsent = ProbeWindow {
        sent: Some(Count(0)),
        received: Some(Count(0)),
        voided: Some(Count(1)),
        window: Some(Millis(10_000)),
        down: Some(crate::units::SignedMicros(0)),
        ..Default::default()
    };
    assert!(names(&unsent.into()).iter().all(|(field, _)| !["down", "observed", "loss"].contains(field)));
}

/// Catches: a month's loss of a direction that is put together from shares, or in which what arrived at the other end counts.
#[test]
fn what_each_direction_lost_is_told_in_numbers_that_add_up() {
    let mut window = crate::StampWindow {
        window: Some(Millis(10_000)),
        reflected: Some(Count(90)),
        lost_forward: Some(Count(10)),
        lost_back: Some(Count(3)),
        undecided: Some(Count(2)),
        clock_error: Some(crate::units::Micros(400)),
        ..Default::default()
    };
    let of = |window: &crate::StampWindow, field: &str| {
        let told = names(&window.clone().into());
        told.into_iter().find(|(name, _)| *name == field).map(|(_, number)| number)
    };
    let counted =
        ["reflected", "lost_forward", "lost_back", "undecided", "observed"].map(|field| of(&window, field));
    assert_eq!(counted, [90.0, 10.0, 3.0, 2.0, 10.0].map(Some));
    assert_eq!(of(&window, "delay_error"), None, "there is no delay that it is the error of");
    window.forward.record(5_000);
    assert!(of(&window, "delay_error").is_some_and(|error| (error - 0.000_4).abs() < 1e-9));
    window.window = Some(Millis(u64::MAX));
    assert_eq!((of(&window, "observed"), of(&window, "lost_back")), (None, None), "no window is that long");
    let arrived =
        crate::StampWindow { window: Some(Millis(10_000)), reflected: Some(Count(90)), ..Default::default() };
    assert_eq!(names(&arrived.into()), [("reflected", 90.0)]);
}

#[test]
fn a_repository_that_could_not_be_read_adds_no_numbers() {
    let evidence = BackupEvidence {
        tool: "restic".into(),
        tool_version: String::new(),
        outcome: BackupOutcome::Locked,
        snapshots: 0,
        newest_at: None,
        newest_id: None,
        newest_bytes: None,
        took: Millis(1),
        detail: String::new(),
    };
    assert_eq!(names(&Value::Backup(evidence)), []);
}

#[test]
fn every_point_has_a_declared_unit() {
    let full = [
        Value::Host(HostSample {
            cpu_busy: Some(crate::units::Ppm(1)),
            memory_total: Some(Bytes(2)),
            memory_available: Some(Bytes(1)),
            swap_total: Some(Bytes(0)),
            swap_free: Some(Bytes(0)),
            sessions: Some(Count(0)),
            booted_at: Some(Timestamp(1)),
            ..Default::default()
        }),
        Value::Disk(DiskSample {
            size: Some(Bytes(2)),
            available: Some(Bytes(1)),
            inodes: Some(Count(2)),
            inodes_free: Some(Count(1)),
            ..Default::default()
        }),
    ];
    for value in &full {
        let kind = kind_of(value).expect("a sample");
        let names = names(value);
        assert_eq!(names.len(), fields(kind).len());
        for (name, _) in names {
            assert!(field_unit(kind, name).is_some(), "{kind} {name}");
        }
    }
}

#[test]
fn sample_numbers_and_field_numbers_are_unique() {
    let mut kinds = SAMPLE_KINDS.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), SAMPLE_KINDS.len());
    unique::<HostSample>();
    unique::<DiskSample>();
    unique::<InterfaceSample>();
    unique::<ProbeWindow>();
    unique::<crate::AgentSample>();
    unique::<crate::StampWindow>();
    unique::<crate::DeviceSample>();
    unique::<crate::SensorSample>();
}

fn unique<S: Sample>() {
    let mut numbers: Vec<u32> = S::FIELDS.iter().map(|f| f.number).chain(S::LISTS.iter().copied()).collect();
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), all);
}
