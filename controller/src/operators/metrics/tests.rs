use std::time::Duration;

use super::*;

#[test]
fn every_round_trip_stands_in_exactly_one_bucket() {
    let mut histogram = Histogram::default();
    for micros in [40, 90, 99, 700, 30_000, 9_000_000] {
        histogram.record(micros);
    }
    let buckets = buckets(&histogram);
    assert_eq!(buckets.len(), RTT_BOUNDS.len() + 1);
    assert_eq!(buckets.iter().map(|(_, n)| n).sum::<u64>(), 6);
    assert_eq!(buckets.last().map(|(_, n)| *n), Some(1));
}

fn settings() -> Settings {
    let text = "institution: { id: u, name: { en: U }, timezone: Asia/Hebron }
sites: { centre: { name: { en: Centre } }, jenin: { name: { en: Jenin } } }
agents: { jenin-gw: { site: jenin, role: gateway, host_every: 10s } }
links:
  l:
    name: { en: L }
    between: [centre, jenin]
    contract: { down: 8Mbit/s, up: 2Mbit/s }
    probes: [{ from: jenin-gw, to: 10.0.0.1 }]
    accounting:
      from: jenin-gw
      interface: wan0
      shares: [{ id: one, name: { en: One }, prefixes: [10.1.0.0/16], share: 25% }]
";
    wasl_settings::load_from(&[("wasl.yaml".into(), text.to_owned())]).expect("sound")
}

/// Catches: a dashboard that cannot say how full a line is, or shows the traffic of before a cut.
#[test]
fn what_was_bought_is_told_always_and_what_is_used_while_it_is_known() {
    use wasl_model::units::{Bytes, Millis};
    let (settings, at) = (settings(), Timestamp(1_795_000_000_000));
    let live = crate::live::Live::default();
    let value = Value::Interface(wasl_model::InterfaceSample {
        interval: Some(Millis(10_000)),
        receive_bytes: Some(Bytes(2_500_000)),
        ..Default::default()
    });
    let subject = "interface/jenin-gw/wan0".parse().expect("valid");
    let agent = "jenin-gw".parse().expect("valid");
    live.apply(&agent, vec![wasl_model::Observation { subject, at, value }], at);
    let told = |seconds| {
        let mut page = Exposition::default();
        let (board, now) = (Board::default(), at.plus(Duration::from_secs(seconds)));
        capacity(&mut page, &settings, &board, &live.read(), "l", &settings.links()["l"], now);
        page.render()
    };
    let used = "wasl_link_used_bits_per_second{site=\"\",link=\"l\",direction=\"down\"} 2000000.0\n";
    assert!(told(40).contains(used) && !told(40).contains("direction=\"up\"} 0"), "{}", told(40));
    assert!(!told(41).contains("wasl_link_used"), "{}", told(41));
    for line in [
        "wasl_link_contract_bits_per_second{site=\"\",link=\"l\",direction=\"down\"} 8000000.0\n",
        "wasl_link_contract_bits_per_second{site=\"\",link=\"l\",direction=\"up\"} 2000000.0\n",
        "wasl_link_share_due_bits_per_second{site=\"\",link=\"l\",share=\"one\",direction=\"up\"} 500000.0\n",
    ] {
        assert!(told(41).contains(line), "{line} {}", told(41));
    }
}

/// Catches: an alert that never comes, because a state is told under the name of another kind, or of a wrong entity.
#[test]
fn every_state_is_told_as_that_of_its_kind() {
    use wasl_model::health::{EntityState, Reason};
    let mut board = Board::default();
    for (subject, health) in [
        ("link/l", Health::Degraded),
        ("path/l", Health::Down),
        ("ring/north", Health::Degraded),
        ("share/l/partner", Health::Maintenance),
        ("share/l", Health::Ok),
        ("machine/m", Health::Unknown),
        ("sensor/ups/battery", Health::Ok),
        ("target/t", Health::Down),
    ] {
        let subject: Subject = subject.parse().expect("valid");
        let state = EntityState {
            health,
            activity: (subject.kind == EntityKind::Link).then(|| "backup".to_owned()),
            proof: None,
            reason: Reason::new("x"),
            since: Timestamp(0),
            confidence: 1.0,
            caused_by: None,
        };
        let site = Some("jenin".parse().expect("valid"));
        let entity = crate::board::Entity { subject: subject.clone(), state, site, agent: None, at: None };
        board.entities.insert(subject, Box::new(entity));
    }
    let mut page = Exposition::default();
    states(&mut page, &board);
    let text = page.render();
    let mut told: Vec<&str> = text.lines().filter(|line| line.ends_with(" 1.0")).collect();
    told.sort_unstable();
    let mut expected = [
        r#"wasl_link_activity{site="jenin",link="l",activity="backup"} 1.0"#,
        r#"wasl_link_share_state{site="jenin",link="l",share="partner",state="maintenance"} 1.0"#,
        r#"wasl_link_state{site="jenin",link="l",state="degraded"} 1.0"#,
        r#"wasl_machine_health{site="jenin",machine="m",health="unknown"} 1.0"#,
        r#"wasl_path_state{site="jenin",link="l",state="down"} 1.0"#,
        r#"wasl_ring_state{site="jenin",ring="north",state="degraded"} 1.0"#,
        r#"wasl_sensor_state{site="jenin",device="ups",sensor="battery",state="ok"} 1.0"#,
    ];
    expected.sort_unstable();
    assert_eq!(told, expected, "{text}");
    for kind in ["link", "path", "ring", "link_share", "sensor"] {
        let states = text.lines().filter(|line| line.starts_with(&format!("wasl_{kind}_state{{"))).count();
        assert_eq!(states, Health::ALL.len(), "each state of {kind}, that it has or not: {text}");
    }
}

/// Catches: a boot that moves with each poll, or lies in the future.
#[test]
fn a_device_has_been_up_since_one_moment() {
    use wasl_model::units::Millis;
    let (agent, live) = ("gw".parse::<AgentId>().expect("valid"), crate::live::Live::default());
    let boot = |at: i64, up: Option<u64>| {
        let sample = wasl_model::DeviceSample { uptime: up.map(Millis), ..Default::default() };
        let subject: Subject = "device/sw".parse().expect("valid");
        let (at, value) = (Timestamp(at), Value::Device(sample));
        live.apply(&agent, vec![wasl_model::Observation { subject, at, value }], at);
        let mut page = Exposition::default();
        for ((agent, subject), latest) in &live.read().values {
            entity(&mut page, "s", agent, subject, latest, true);
        }
        let text = page.render();
        let told = text.lines().find(|line| line.starts_with("wasl_device_boot_timestamp_seconds{"));
        told.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    assert_eq!(boot(1_000_000, Some(400_000)).as_deref(), Some("600.0"));
    assert_eq!(boot(1_060_000, Some(460_000)).as_deref(), Some("600.0"));
    assert_eq!(boot(1_120_000, Some(20_000)).as_deref(), Some("1100.0"), "it began anew");
    assert_eq!(boot(1_180_000, None), None, "it did not tell");
}

#[test]
fn what_is_irregular_is_summed_up_over_all_windows() {
    use wasl_model::units::Count;
    let live = crate::live::Live::default();
    let agent = "gw".parse().expect("valid");
    let window = |late: u64| wasl_model::ProbeWindow {
        sent: Some(Count(10)),
        late: Some(Count(late)),
        forged: Some(Count(1)),
        ..Default::default()
    };
    let interface = wasl_model::InterfaceSample {
        receive_packets: Some(Count(4)),
        transmit_discards: Some(Count(2)),
        ..Default::default()
    };
    let of = |subject: &str, at, value| wasl_model::Observation {
        subject: subject.parse().expect("valid"),
        at: Timestamp(at),
        value,
    };
    let all = vec![
        of("link/l", 1, Value::Probe(window(2).into())),
        of("link/l", 2, Value::Probe(window(5).into())),
        of("interface/gw/e", 1, Value::Interface(interface.clone())),
        of("interface/gw/e", 2, Value::Interface(interface)),
    ];
    live.apply(&agent, all, Timestamp(3));
    let mut page = Exposition::default();
    for ((agent, subject), latest) in &live.read().values {
        entity(&mut page, "s", agent, subject, latest, true);
    }
    let text = page.render();
    let link = "{site=\"s\",agent=\"gw\",link=\"l\",target=\"\"}";
    let port = "{site=\"s\",device=\"gw\",interface=\"e\"}";
    for line in [
        format!("wasl_link_probes_late_total{link} 7.0\n"),
        format!("wasl_link_probes_forged_total{link} 2.0\n"),
        format!("wasl_link_probes_voided_total{link} 0.0\n"),
        format!("wasl_interface_receive_packets_total{port} 8.0\n"),
        format!("wasl_interface_transmit_discards_total{port} 4.0\n"),
        format!("wasl_interface_receive_errors_total{port} 0.0\n"),
    ] {
        assert!(text.contains(&line), "{line} {text}");
    }
}

/// Catches: the figures of a branch that was cut three days ago, flat for ever.
#[test]
fn what_says_nothing_of_now_is_left_out_and_counters_stay() {
    use wasl_model::units::{BitsPerSecond, Bytes, Millis};
    use wasl_model::{BackupEvidence, BackupOutcome, InterfaceSample, Observation};
    let (agent, at) = ("gw".parse::<AgentId>().expect("valid"), Timestamp(1_000));
    let live = crate::live::Live::default();
    let interface = InterfaceSample {
        receive_bytes: Some(Bytes(5)),
        up: Some(true),
        speed: Some(BitsPerSecond(9)),
        ..InterfaceSample::default()
    };
    let backup = BackupEvidence {
        tool: "restic".into(),
        tool_version: String::new(),
        outcome: BackupOutcome::Read,
        snapshots: 3,
        newest_at: Some(at),
        newest_id: None,
        newest_bytes: None,
        took: Millis(1),
        detail: String::new(),
    };
    let of = |subject: &str, value| Observation { subject: subject.parse().expect("valid"), at, value };
    let told =
        vec![of("interface/gw/eth0", Value::Interface(interface)), of("backup_job/b", Value::Backup(backup))];
    live.apply(&agent, told, at);
    let told = |fresh| {
        let mut page = Exposition::default();
        for ((agent, subject), latest) in &live.read().values {
            entity(&mut page, "s", agent, subject, latest, fresh);
        }
        page.render()
    };
    for (metric, stays) in [
        ("wasl_interface_receive_bytes_total{", true),
        ("wasl_interface_up{", false),
        ("wasl_interface_speed_bits_per_second{", false),
        ("wasl_backup_last_good_timestamp_seconds{", true),
        ("wasl_backup_snapshots{", false),
    ] {
        assert!(told(true).contains(metric), "{metric}");
        assert_eq!(told(false).contains(metric), stays, "{metric}");
    }
}
