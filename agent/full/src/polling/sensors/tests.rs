use proptest::prelude::*;
use wasl_model::profile::{Bounds, Except, Only, Unknown};

use super::*;

const VALUE: &[u32] = &[1, 3, 1];
const LABEL: &[u32] = &[1, 3, 2];
const THIRD: &[u32] = &[1, 3, 3];
const FOURTH: &[u32] = &[1, 3, 4];
const FIFTH: &[u32] = &[1, 3, 5];

fn profile(sensor: SensorProfile) -> Profile {
    Profile { id: "p".into(), matches: vec![], sensors: vec![sensor] }
}

fn sensor(measures: Quantity) -> SensorProfile {
    SensorProfile { name: "battery".into(), column: VALUE.to_vec(), measures, ..SensorProfile::default() }
}

/// A table whose columns are those of the profile, in its order.
fn table(rows: &[(&[u32], &[Datum])]) -> Table {
    let row = |(index, cells): &(&[u32], &[Datum])| {
        (index.to_vec(), Row { cells: cells.iter().cloned().enumerate().collect(), ..Row::default() })
    };
    Table { rows: rows.iter().map(row).collect(), ..Table::default() }
}

fn one(profile: &Profile, cells: &[Datum]) -> Option<SensorSample> {
    samples("ups", profile, &table(&[(&[0], cells)]), &mut Rates::default()).pop().map(|(_, sample)| sample)
}

#[test]
fn a_scalar_is_a_sensor_of_its_name_and_bounds_say_what_it_means() {
    let charge = profile(SensorProfile {
        scale: 0.01,
        degraded: Bounds { below: Some(0.5), above: None },
        down: Bounds { below: Some(0.2), above: None },
        ..sensor(Quantity::Charge)
    });
    let found = samples("ups", &charge, &table(&[(&[0], &[Datum::Number(80)])]), &mut Rates::default());
    assert_eq!(found[0].0.to_string(), "sensor/ups/battery");
    let state = |percent| one(&charge, &[Datum::Number(percent)]).and_then(|s| s.state);
    assert_eq!(state(80), Some(SensorState::Ok));
    assert_eq!(state(49), Some(SensorState::Degraded));
    assert_eq!(state(19), Some(SensorState::Down));
    assert_eq!(one(&charge, &[Datum::Number(80)]).and_then(|s| s.charge), Some(Ppm(800_000)));
    assert_eq!(one(&charge, &[Datum::Number(200)]), None, "no battery is fuller than full");
    assert_eq!(one(&charge, &[Datum::Other]), None);
}

#[test]
fn rates_come_with_the_second_poll_and_rows_have_the_names_that_the_profile_gives_them() {
    let dropped = profile(SensorProfile {
        rows: [(1, "IPv4".to_owned())].into(),
        degraded: Bounds { below: None, above: Some(2.0) },
        ..sensor(Quantity::Rate)
    });
    let mut rates = Rates::default();
    let mut poll = |seconds: u64, counters: [u64; 2]| {
        let cells = counters.map(|n| [Datum::Counter64(n)]);
        let mut table = table(&[(&[1], &cells[0]), (&[2], &cells[1])]);
        table.rows.values_mut().for_each(|row| row.at = std::time::Duration::from_secs(seconds));
        let found = samples("r", &dropped, &table, &mut rates);
        let told = |(subject, sample): (Subject, SensorSample)| (subject.id, sample.rate, sample.state);
        found.into_iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(poll(30, [1_000, 7]), []);
    assert_eq!(
        poll(60, [1_015, 97]),
        [
            ("r/battery IPv4".to_owned(), Some(MilliPerSecond(500)), Some(SensorState::Ok)),
            ("r/battery 2".to_owned(), Some(MilliPerSecond(3_000)), Some(SensorState::Degraded)),
        ]
    );
}

#[test]
fn a_state_means_what_the_profile_says() {
    let source = profile(SensorProfile {
        states: [(3, SensorState::Ok), (5, SensorState::Degraded)].into(),
        ..sensor(Quantity::Status)
    });
    let read = |n| one(&source, &[Datum::Number(n)]).map(|s| (s.status, s.state));
    assert_eq!(read(3), Some((Some(Count(3)), Some(SensorState::Ok))));
    assert_eq!(read(5), Some((Some(Count(5)), Some(SensorState::Degraded))));
    assert_eq!(read(9), Some((Some(Count(9)), None)), "of a number that the profile lacks nothing is said");
}

#[test]
fn rows_have_the_names_that_the_device_gives_them() {
    let probes = profile(SensorProfile { label: Some(LABEL.to_vec()), ..sensor(Quantity::Temperature) });
    let text = |text: &str| Datum::Text(text.into());
    let rows: &[(&[u32], &[Datum])] = &[
        (&[1], &[Datum::Number(20), text("intake")]),
        (&[2], &[Datum::Number(21), text("intake")]),
        (&[3, 7], &[Datum::Number(-5), text("")]),
        (&[4], &[Datum::Number(9_999), text("broken")]),
    ];
    let found = samples("sw", &probes, &table(rows), &mut Rates::default());
    let names: Vec<_> = found.iter().map(|(subject, _)| subject.id.as_str()).collect();
    assert_eq!(names, ["sw/battery intake", "sw/battery intake 2", "sw/battery 3.7"]);
    assert_eq!(found[2].1.temperature, Some(MilliCelsius(-5000)));
}

#[test]
fn storage_is_told_in_bytes_and_judged_by_its_share() {
    let disks = profile(SensorProfile {
        times: Some(LABEL.to_vec()),
        size: Some(THIRD.to_vec()),
        only: Some(Only { column: FOURTH.to_vec(), numbers: vec![], names: vec![vec![1, 9]] }),
        degraded: Bounds { below: None, above: Some(0.9) },
        ..sensor(Quantity::Storage)
    });
    let read = |used, size, kind: &[u32]| {
        one(
            &disks,
            &[Datum::Number(used), Datum::Number(4096), Datum::Number(size), Datum::Name(kind.to_vec())],
        )
    };
    let disk = read(50, 100, &[1, 9]).expect("a disk");
    assert_eq!((disk.used, disk.size), (Some(Bytes(204_800)), Some(Bytes(409_600))));
    assert_eq!(disk.state, Some(SensorState::Ok));
    assert_eq!(read(95, 100, &[1, 9]).and_then(|s| s.state), Some(SensorState::Degraded));
    assert_eq!(read(50, 100, &[1, 8]), None, "not of the wanted kind");
    assert_eq!(read(200, 100, &[1, 9]), None, "more in use than there is");
    assert_eq!(read(0, 0, &[1, 9]), None);
}

/// An UPS on mains that has no estimate says 0 minutes, one that has no probe -1 degrees, and one counts in tenths of a
/// volt (eastpower-istars-swv053 and huawei-gse200m of snmpsim-data 1.0.1).
#[test]
fn what_a_device_says_when_it_does_not_know_is_no_value() {
    let unknown = |numbers: &[i64], below, above| Unknown {
        numbers: numbers.to_vec(),
        beyond: Bounds { below, above },
    };
    let runtime = profile(SensorProfile {
        scale: 60.0,
        unknown: unknown(&[0], None, None),
        down: Bounds { below: Some(60.0), above: None },
        ..sensor(Quantity::Runtime)
    });
    assert_eq!(one(&runtime, &[Datum::Number(0)]), None, "no UPS on mains is down for want of an estimate");
    assert_eq!(one(&runtime, &[Datum::Number(-1)]), None);
    let minute = one(&runtime, &[Datum::Number(1)]).expect("an estimate");
    assert_eq!((minute.runtime, minute.state), (Some(Millis(60_000)), Some(SensorState::Ok)));
    let battery = profile(SensorProfile {
        unknown: unknown(&[-1], Some(-40.0), Some(100.0)),
        ..sensor(Quantity::Temperature)
    });
    let celsius = |n| one(&battery, &[Datum::Number(n)]).and_then(|sample| sample.temperature);
    assert_eq!(
        [-41, -1, -2, 36, 101].map(celsius),
        [None, None, Some(MilliCelsius(-2_000)), Some(MilliCelsius(36_000)), None]
    );
}

/// The root of a camera is an image (semac-ipcam-500 of snmpsim-data 1.0.1), and a router has dozens of them, of which
/// only the names tell (juniper-mx960-16-1r6-7-a).
#[test]
fn what_is_full_by_its_nature_is_no_full_disk() {
    let (by, access) = (vec![1, 4, 7], vec![1, 4, 5]);
    let disks = profile(SensorProfile {
        label: Some(LABEL.to_vec()),
        size: Some(THIRD.to_vec()),
        except: Some(Except { by: by.clone(), column: access.clone(), numbers: vec![2] }),
        ignore: vec!["/dev".to_owned(), "/dev/md*".to_owned()],
        down: Bounds { below: None, above: Some(0.98) },
        ..sensor(Quantity::Storage)
    });
    assert_eq!(
        columns(&disks),
        [VALUE, LABEL, THIRD].into_iter().map(<[u32]>::to_vec).chain([by, access]).collect::<Vec<_>>()
    );
    let text = |text: &str| Datum::Text(text.into());
    let number = Datum::Number;
    let full = |label| vec![number(100), text(label), number(100)];
    let rows = [
        (vec![31], full("/")),
        (vec![32], full("/var/log")),
        (vec![33], full("/dev")),
        (vec![34], full("/dev/md0.uzip, mounted on: /")),
        (vec![35], full("/dev/hd9var")),
    ];
    let mut table =
        table(&rows.iter().map(|(index, cells)| (index.as_slice(), cells.as_slice())).collect::<Vec<_>>());
    for (row, storage, access) in [(1, 31, 2), (2, 32, 1)] {
        let cells = [(3, number(storage)), (4, number(access))].into();
        table.rows.insert(vec![row], Row { cells, ..Row::default() });
    }
    let found = samples("cam", &disks, &table, &mut Rates::default());
    let told: Vec<_> = found.iter().map(|(subject, sample)| (subject.id.as_str(), sample.state)).collect();
    let down = Some(SensorState::Down);
    assert_eq!(told, [("cam/battery /var/log", down), ("cam/battery /dev/hd9var", down)]);
}

/// The examples of RFC 3433: a value with a scale and a precision.
#[test]
fn typed_rows_say_themselves_what_they_measure() {
    let [kind, scale, precision, status] = [LABEL, THIRD, FOURTH, FIFTH].map(<[u32]>::to_vec);
    let entity = profile(SensorProfile {
        typed: Some(Typed { kind, scale, precision, status }),
        ..sensor(Quantity::Status)
    });
    let read = |value, kind, scale, precision, status| {
        one(&entity, &[value, kind, scale, precision, status].map(Datum::Number))
    };
    let celsius = read(254, 8, 9, 1, 1).expect("a temperature");
    assert_eq!((celsius.temperature, celsius.state), (Some(MilliCelsius(25_400)), Some(SensorState::Ok)));
    assert_eq!(read(3300, 4, 8, 0, 1).and_then(|s| s.voltage), Some(MilliVolts(3300)));
    assert_eq!(read(45, 9, 9, 0, 1).and_then(|s| s.humidity), Some(Ppm(450_000)));
    assert_eq!(read(5400, 10, 9, 0, 1).and_then(|s| s.fan), Some(TurnsPerMinute(5400)));
    assert_eq!(read(254, 8, 9, 1, 2), None, "the device calls it unavailable");
    assert_eq!(read(254, 8, 99, 1, 1), None);
}

#[test]
fn a_profile_is_for_the_devices_that_it_names() {
    let all = profile(sensor(Quantity::Load));
    let some = Profile { matches: vec![vec![1, 3, 6, 1, 4, 1, 318]], ..all.clone() };
    assert!(applies(&all, None));
    assert!(applies(&some, Some(&[1, 3, 6, 1, 4, 1, 318, 1, 3])));
    assert!(!applies(&some, Some(&[1, 3, 6, 1, 4, 1, 9])) && !applies(&some, None));
}

proptest! {
    /// Whatever the cells hold, every sensor has a valid name of its own.
    #[test]
    fn any_cells_make_valid_sensors(
        rows in prop::collection::btree_map(
            prop::collection::vec(0u32..5, 0..4),
            prop::collection::vec(prop_oneof![
                any::<i64>().prop_map(Datum::Number), any::<u64>().prop_map(Datum::Counter64),
                prop::collection::vec(any::<u8>(), 0..300).prop_map(Datum::Text), Just(Datum::Other),
            ], 0..6),
            0..20,
        ),
        which in 0..Quantity::WORDS.len(),
        scale in any::<f64>(),
    ) {
        let measures = Quantity::from(Quantity::WORDS[which].to_owned());
        let [a, b, c] = [LABEL, THIRD, FOURTH].map(|c| Some(c.to_vec()));
        let profile = profile(SensorProfile { scale, label: a, times: b, size: c, ..sensor(measures) });
        let table = Table {
            rows: rows.into_iter()
                .map(|(i, cells)| (i, Row { cells: cells.into_iter().enumerate().collect(), ..Row::default() }))
                .collect(),
            ..Table::default()
        };
        let found = samples("device", &profile, &table, &mut Rates::default());
        let names: HashSet<_> = found.iter().map(|(subject, _)| subject.clone()).collect();
        prop_assert_eq!(names.len(), found.len());
        for subject in names {
            prop_assert!(Subject::new(subject.kind, subject.id.clone()).is_ok());
        }
    }
}
