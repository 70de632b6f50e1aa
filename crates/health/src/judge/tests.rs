use super::*;
use wasl_model::Histogram;
use wasl_model::units::{Bytes, Count, Micros, Millis, SignedMicros};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn code(judgement: &Judgement) -> (Health, &str) {
    (judgement.health, judgement.reason.code.as_str())
}

#[test]
fn a_value_that_is_too_old_is_unknown_and_not_down() {
    let every = Duration::from_secs(10);
    let down = || Judgement::new(Health::Down, Reason::new(reasons::TARGET_SILENT));
    let at = NOW.minus(Duration::from_secs(40));
    assert_eq!(fresh(at, every, NOW, down()).health, Health::Down);
    let stale = fresh(at.minus(Duration::from_secs(1)), every, NOW, down());
    assert_eq!(code(&stale), (Health::Unknown, "observations_stale"));
    assert_eq!(stale.reason.args["age_s"], "41");
    assert!(stale.confidence < 1.0);
    let ahead = fresh(NOW.plus(Duration::from_secs(99)), every, NOW, down());
    assert_eq!(ahead.health, Health::Down, "a clock that is ahead makes nothing stale");
}

#[test]
fn an_agent_is_judged_by_its_session_first() {
    assert_eq!(code(&agent(false, None, None, NOW)), (Health::Unknown, "agent_never_seen"));
    assert_eq!(code(&agent(false, Some(NOW), None, NOW)), (Health::Unknown, "agent_disconnected"));
    let away = Some(NOW.minus(Duration::from_secs(30)));
    assert_eq!(code(&agent(false, away, None, NOW)), (Health::Down, "agent_disconnected"));
    assert_eq!(code(&agent(true, Some(NOW), None, NOW)), (Health::Ok, "agent_connected"));
    let off = AgentSample {
        clock_offset: Some(SignedMicros(-6_000_000)),
        clock_error: Some(Micros(900_000)),
        ..Default::default()
    };
    assert_eq!(code(&agent(true, Some(NOW), Some(&off), NOW)), (Health::Degraded, "agent_clock_off"));
    let unsure = AgentSample { clock_error: Some(Micros(1_100_000)), ..off };
    assert_eq!(agent(true, Some(NOW), Some(&unsure), NOW).health, Health::Ok, "the error may explain it");
    let ends = AgentSample {
        certificate_expires: Some(NOW.plus(Duration::from_secs(4 * 86_400))),
        ..Default::default()
    };
    assert_eq!(agent(true, Some(NOW), Some(&ends), NOW).reason.args["days"], "4");
}

#[test]
fn a_disk_is_as_full_as_the_scarcer_of_bytes_and_inodes() {
    let with = |available, inodes_free| DiskSample {
        size: Some(Bytes(1000)),
        available: Some(Bytes(available)),
        inodes: Some(Count(1000)),
        inodes_free: Some(Count(inodes_free)),
        read_only: None,
    };
    assert_eq!(code(&disk(&with(500, 500))), (Health::Ok, "disk_fine"));
    assert_eq!(code(&disk(&with(500, 50))), (Health::Degraded, "disk_filling"));
    assert_eq!(code(&disk(&with(10, 500))), (Health::Down, "disk_full"));
    let image = DiskSample { read_only: Some(true), ..with(0, 0) };
    assert_eq!(code(&disk(&image)), (Health::Ok, "disk_read_only"));
}

#[test]
fn an_interface_that_is_switched_off_on_purpose_is_no_fault() {
    let off = InterfaceSample { enabled: Some(false), up: Some(false), ..Default::default() };
    assert_eq!(code(&interface(&off, true)), (Health::Ok, "interface_disabled"));
    let cut = InterfaceSample { enabled: Some(true), up: Some(false), ..Default::default() };
    assert_eq!(code(&interface(&cut, true)), (Health::Down, "interface_down"));
    assert_eq!(
        code(&interface(&cut, false)),
        (Health::Ok, "interface_unused"),
        "a seat that is off is no trouble"
    );
    let faulty = InterfaceSample {
        up: Some(true),
        interval: Some(Millis(10_000)),
        receive_errors: Some(Count(11)),
        ..Default::default()
    };
    assert_eq!(code(&interface(&faulty, false)), (Health::Degraded, "interface_errors"));
    let few = InterfaceSample { receive_errors: Some(Count(10)), ..faulty };
    assert_eq!(interface(&few, true).health, Health::Ok);
}

#[test]
fn a_target_is_down_only_when_nothing_comes_back() {
    let window = |sent, received| {
        let mut rtt = Histogram::default();
        for _ in 0..received {
            rtt.record(20_000);
        }
        ProbeWindow { sent: Some(Count(sent)), received: Some(Count(received)), rtt, ..Default::default() }
    };
    assert_eq!(code(&target(&window(20, 0))), (Health::Down, "target_silent"));
    assert_eq!(code(&target(&window(20, 18))), (Health::Degraded, "target_lossy"));
    assert_eq!(code(&target(&window(20, 19))), (Health::Ok, "target_answers"));
    assert_eq!(code(&target(&window(0, 0))), (Health::Unknown, "not_observed"));
}

#[test]
fn a_list_of_snapshots_is_never_called_proved() {
    let evidence = BackupEvidence {
        tool: "restic".into(),
        tool_version: String::new(),
        outcome: BackupOutcome::Read,
        snapshots: 3,
        newest_at: Some(NOW.minus(Duration::from_secs(25 * 3600))),
        newest_id: None,
        newest_bytes: None,
        took: Millis(1),
        detail: String::new(),
    };
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(code(&backup(&evidence, day, NOW)), (Health::Degraded, "backup_stale"));
    let fresh = backup(&evidence, day * 2, NOW);
    assert_eq!((code(&fresh), fresh.proof), ((Health::Ok, "backup_fresh"), Some(Proof::None)));
    let locked = BackupEvidence { outcome: BackupOutcome::Locked, ..evidence.clone() };
    assert_eq!(code(&backup(&locked, day, NOW)), (Health::Unknown, "backup_unreadable"));
    let empty = BackupEvidence { newest_at: None, snapshots: 0, ..evidence };
    assert_eq!(code(&backup(&empty, day, NOW)), (Health::Down, "backup_empty"));
}

#[test]
fn since_moves_only_when_the_health_does() {
    let first = crate::since(None, unseen(), Timestamp(1));
    let same = crate::since(Some(&first), unseen(), Timestamp(5));
    assert_eq!(same.since, Timestamp(1));
    let up = crate::since(
        Some(&same),
        Judgement::new(Health::Ok, Reason::new(reasons::MACHINE_FINE)),
        Timestamp(9),
    );
    assert_eq!(up.since, Timestamp(9));
}

#[test]
fn a_sensor_is_what_its_profile_says_and_shows_its_value() {
    use wasl_model::units::{MilliCelsius, Ppm};
    let warm = |state| SensorSample { state, temperature: Some(MilliCelsius(45_200)), ..Default::default() };
    assert_eq!(code(&sensor(&warm(Some(SensorState::Ok)))), (Health::Ok, "sensor_fine"));
    let hot = sensor(&warm(Some(SensorState::Degraded)));
    assert_eq!(code(&hot), (Health::Degraded, "sensor_degraded"));
    assert_eq!(hot.reason.args["value"], "45.2 °C");
    let empty =
        SensorSample { state: Some(SensorState::Down), charge: Some(Ppm(30_000)), ..Default::default() };
    let empty = sensor(&empty);
    assert_eq!((code(&empty), empty.reason.args["value"].as_str()), ((Health::Down, "sensor_down"), "3 %"));
    assert_eq!(code(&sensor(&warm(None))), (Health::Ok, "sensor_measures"));
    assert_eq!(sensor(&SensorSample::default()).health, Health::Unknown);
}
