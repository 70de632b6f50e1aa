//! Polls of a device that loses some requests.

use std::collections::BTreeMap;

use wasl_model::profile::{Quantity, SensorProfile};
use wasl_probe::snmp::walk::SYS_UPTIME;

use super::*;

const VALUE: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 1];
const IN_OCTETS: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6];

/// A device with these objects, and what was asked of it.
struct Device {
    objects: Mutex<BTreeMap<Oid, Datum>>,
    /// Requests that name this are lost.
    lost: Mutex<Option<Oid>>,
    asked: Mutex<Vec<Oid>>,
    began: Instant,
}

impl Device {
    fn new() -> Self {
        let objects = BTreeMap::from([
            ([SYS_OBJECT_ID, &[0]].concat(), Datum::Name(vec![1, 3, 6, 1, 4, 1, 9, 1])),
            ([VALUE, &[0]].concat(), Datum::Number(21)),
            ([IN_OCTETS, &[1]].concat(), Datum::Counter64(5)),
        ]);
        Self {
            objects: Mutex::new(objects),
            lost: Mutex::default(),
            asked: Mutex::default(),
            began: Instant::now(),
        }
    }

    fn lose(&self, oid: Option<&[u32]>) {
        *self.lost.lock().expect("ours") = oid.map(<[u32]>::to_vec);
    }

    fn set(&self, oid: Oid, value: Option<Datum>) {
        let mut objects = self.objects.lock().expect("ours");
        match value {
            Some(value) => drop(objects.insert(oid, value)),
            None => drop(objects.remove(&oid)),
        }
    }

    /// How often a column was asked for since this was last called.
    fn asked(&self, column: &[u32]) -> usize {
        std::mem::take(&mut *self.asked.lock().expect("ours")).iter().filter(|oid| *oid == column).count()
    }

    fn after(&self, oid: &[u32]) -> Binding {
        if oid == SYS_UPTIME {
            let ticks = 1_000 + self.began.elapsed().as_millis() as u32 / 10;
            return Binding { oid: [SYS_UPTIME, &[0]].concat(), value: Datum::Ticks(ticks) };
        }
        let objects = self.objects.lock().expect("ours");
        let next = objects.iter().find(|(name, _)| name.as_slice() > oid);
        next.map_or_else(
            || Binding { oid: oid.to_vec(), value: Datum::End },
            |(name, value)| Binding { oid: name.clone(), value: value.clone() },
        )
    }
}

impl SnmpClient for Device {
    async fn get_bulk(&self, ask: &Ask, _: Duration) -> Result<(Vec<Binding>, Duration), SnmpError> {
        self.asked.lock().expect("ours").extend(ask.oids.iter().cloned());
        let lost = self.lost.lock().expect("ours").clone();
        if lost.is_some_and(|lost| ask.oids.iter().any(|oid| oid.starts_with(&lost))) {
            return Err(SnmpError::Silent);
        }
        let (single, mut cursors) = (&ask.oids[..ask.single], ask.oids[ask.single..].to_vec());
        let mut reply: Vec<Binding> = single.iter().map(|oid| self.after(oid)).collect();
        for _ in 0..ask.repetitions {
            for cursor in &mut cursors {
                let next = self.after(cursor);
                cursor.clone_from(&next.oid);
                reply.push(next);
            }
        }
        Ok((reply, Duration::from_millis(1)))
    }

    async fn try_once(&self, _: Duration) -> Result<(), SnmpError> {
        Ok(())
    }

    async fn diagnose(&self) -> Result<(), SnmpError> {
        Err(SnmpError::Silent)
    }

    fn overhead(&self) -> usize {
        50
    }

    fn requests(&self) -> u64 {
        0
    }
}

fn tables() -> Tables {
    let sensor = SensorProfile {
        name: "inlet".into(),
        column: VALUE.to_vec(),
        measures: Quantity::Temperature,
        ..SensorProfile::default()
    };
    let profile =
        Profile { id: "cisco".into(), matches: vec![vec![1, 3, 6, 1, 4, 1, 9]], sensors: vec![sensor] };
    Tables::new("r", vec![profile], Instant::now(), Duration::from_secs(1))
}

/// A poll after `wait`: how many sensors it brought, and what of them could not be read, where they were read.
async fn poll(tables: &mut Tables, device: &Device, wait: Duration) -> (usize, Option<Faults>) {
    tokio::time::advance(wait).await;
    let answer = tables.poll(device, Instant::now() + Duration::from_secs(5)).await.expect("it answers");
    match answer.sensors {
        Some(sensors) => (sensors.samples.len(), Some(sensors.faults)),
        None => (0, None),
    }
}

const LATER: Duration = Duration::from_secs(31);

/// Catches: sensors that are gone for an hour because one request was lost.
#[tokio::test(start_paused = true)]
async fn what_kind_of_device_it_is_stays_known_while_it_cannot_be_asked() {
    let (device, mut tables) = (Device::new(), tables());
    device.lose(Some(SYS_OBJECT_ID));
    let unread = Some(vec![("sysObjectID".to_owned(), Fault::Unread)]);
    assert_eq!(poll(&mut tables, &device, Duration::ZERO).await, (0, unread.clone()));
    device.lose(None);
    assert_eq!(poll(&mut tables, &device, LATER).await, (1, Some(vec![])), "asked again at once");
    device.lose(Some(SYS_OBJECT_ID));
    assert_eq!(poll(&mut tables, &device, FIXED_FOR).await, (1, unread), "it is what it was");
    device.lose(None);
    device.asked(SYS_OBJECT_ID);
    assert_eq!(poll(&mut tables, &device, LATER).await, (1, Some(vec![])));
    assert_eq!(device.asked(SYS_OBJECT_ID), 1);
    assert_eq!(poll(&mut tables, &device, LATER).await.0, 1);
    assert_eq!(device.asked(SYS_OBJECT_ID), 0, "known for another hour");
}

#[tokio::test(start_paused = true)]
async fn a_sensor_that_cannot_be_read_is_named() {
    let (device, mut tables) = (Device::new(), tables());
    device.lose(Some(VALUE));
    let (found, faults) = poll(&mut tables, &device, Duration::ZERO).await;
    assert_eq!((found, faults), (0, Some(vec![("cisco/inlet".to_owned(), Fault::Unread)])));
    assert_eq!(poll(&mut tables, &device, Duration::from_secs(5)).await.1, None, "not read so soon");
}

/// Catches: sensors that one empty answer removes for an hour; and requests for ever for what a device never had.
#[tokio::test(start_paused = true)]
async fn only_what_was_never_there_is_left_alone() {
    let (device, mut tables) = (Device::new(), tables());
    let inlet = [VALUE, &[0]].concat();
    assert_eq!(poll(&mut tables, &device, Duration::ZERO).await.0, 1);
    device.set(inlet.clone(), None);
    for _ in 0..5 {
        assert_eq!(poll(&mut tables, &device, LATER).await.0, 0);
    }
    device.set(inlet.clone(), Some(Datum::Number(22)));
    assert_eq!(poll(&mut tables, &device, LATER).await.0, 1);

    device.set(inlet.clone(), None);
    let mut tables = self::tables();
    device.asked(VALUE);
    for _ in 0..6 {
        assert_eq!(poll(&mut tables, &device, LATER).await.0, 0);
    }
    assert_eq!(device.asked(VALUE), EMPTY_READS as usize);
    poll(&mut tables, &device, FIXED_FOR).await;
    assert_eq!(device.asked(VALUE), 1, "looked for once an hour");
}

/// Catches: a sensor that is called gone although it only has no value at the moment, or although the part of the device
/// that knows of it has died.
#[tokio::test(start_paused = true)]
async fn a_sensor_is_gone_only_from_a_table_that_has_others_and_has_been_read() {
    let (device, mut tables) = (Device::new(), tables());
    let row = |index: u32| [VALUE, &[index]].concat();
    device.set(row(0), None);
    for index in [1, 2] {
        device.set(row(index), Some(Datum::Number(20)));
    }
    let mut read = async |after: Duration| {
        tokio::time::advance(after).await;
        let answer = tables.poll(&device, Instant::now() + Duration::from_secs(5)).await.expect("it answers");
        let sensors = answer.sensors.expect("it was time for them");
        let ids = |subjects: &mut dyn Iterator<Item = &Subject>| -> Vec<String> {
            subjects.map(|subject| subject.id["r/inlet ".len()..].to_owned()).collect()
        };
        let told = ids(&mut sensors.samples.iter().map(|(subject, _)| subject));
        (told, ids(&mut sensors.present.iter()), sensors.whole)
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        read(Duration::ZERO).await,
        (names(&["1", "2"]), names(&["1", "2"]), false),
        "it has just started"
    );
    let settled = Duration::from_secs(300);
    device.set(row(2), Some(Datum::Other));
    assert_eq!(
        read(settled).await,
        (names(&["1"]), names(&["1", "2"]), true),
        "it is there and says nothing"
    );
    device.set(row(2), None);
    assert_eq!(read(LATER).await, (names(&["1"]), names(&["1"]), true));
    device.lose(Some(VALUE));
    assert_eq!(read(LATER).await, (names(&[]), names(&[]), false));
    device.lose(None);
    device.set(row(1), None);
    assert_eq!(read(LATER).await, (names(&[]), names(&[]), false), "not one row");
}
