//! One device: its polls, what is kept between them, and what people are told when it does not answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until};
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::Secrets;
use wasl_model::assignment::{DeviceAssignment, SnmpAccess};
use wasl_model::profile::Profile;
use wasl_model::units::{Count, Millis};
use wasl_model::{DeviceSample, EntityKind, NoticeCode, Severity, Subject, Timestamp, Value, VoidReason};
use wasl_probe::lldp::Announcement;
use wasl_probe::snmp::quarantine::{Quarantine, Turn};

use super::client::{self, ConnectError, Keys, Network, SnmpClient, SnmpError, UdpClient};
use super::counters::Reading;
use super::known::Known;
use super::partial::{self, Stretch};
use super::past::Past;
use super::rounds::Beat;
use super::tables::{Answer, Sensors, Tables};
use super::wake::{Bell, Bells};
use crate::discovery::neighbours::Neighbours;

/// For so many polls that missed it, an interface is what it was.
const STATUS_FOR: u32 = 3;
/// How long a reply may take; less where polls are frequent.
const PATIENCE: Duration = Duration::from_secs(2);

/// Polls that somebody asked for are at least this far apart.
const APART: Duration = Duration::from_secs(1);
/// How long after the bell the poll begins: what happens to one link often happens to several.
const SETTLE: Duration = Duration::from_millis(100);

/// The notices that are about a device.
const NOTICES: [NoticeCode; 5] = [
    NoticeCode::DeviceSilent,
    NoticeCode::DevicePartial,
    NoticeCode::SecretMissing,
    NoticeCode::NotSupported,
    NoticeCode::NameUnresolved,
];

/// A device with the profiles that may be for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Polled {
    pub device: DeviceAssignment,
    pub profiles: Vec<Profile>,
}

/// What is told about the device as a whole is about this.
pub(super) fn subject(device: &DeviceAssignment) -> Subject {
    Subject::lenient(EntityKind::Device, &device.id)
}

/// Takes back what was said about a device that is polled no more.
pub(super) async fn forget(reporter: &Reporter, bells: &Bells, device: &DeviceAssignment) {
    bells.take_down(&device.id);
    for code in NOTICES {
        reporter.clear(subject(device), code).await;
    }
}

/// Polls one device until it is dropped.
pub(super) struct Poller {
    reporter: Reporter,
    secrets: Secrets,
    network: Network,
    device: DeviceAssignment,
    beat: Beat,
    epoch: Instant,
    bell: Arc<Bell>,
    client: Option<UdpClient>,
    keys: Option<Keys>,
    tables: Tables,
    quarantine: Quarantine,
    interfaces: Known<Past>,
    sensors: Known<()>,
    neighbours: Neighbours,
    /// What of the interfaces could not be read, and of the sensors.
    unread: [Stretch; 2],
}

impl Poller {
    pub(super) fn new(
        reporter: Reporter,
        secrets: Secrets,
        network: Network,
        Polled { device, profiles }: Polled,
        epoch: Instant,
        bells: &Bells,
    ) -> Self {
        let bell = bells.hang(&device.id);
        let beat = Beat::new(&device.id, device.every_ms, epoch);
        let tables = Tables::new(&device.id, profiles, epoch, longest(&beat));
        Self {
            reporter,
            secrets,
            network,
            device,
            beat,
            epoch,
            bell,
            client: None,
            keys: None,
            tables,
            quarantine: Quarantine::default(),
            interfaces: Known::default(),
            sensors: Known::default(),
            neighbours: Neighbours::new([]),
            unread: Default::default(),
        }
    }

    pub(super) async fn run(mut self) {
        let first = Instant::now();
        self.poll(false).await;
        let rung = self.rest(self.beat.second(first)).await;
        self.poll(rung).await;
        let mut rung = self.rest(self.beat.settle(Instant::now())).await;
        loop {
            self.poll(rung).await;
            rung = self.rest(self.beat.next(Instant::now())).await;
        }
    }

    /// Waits for the next poll: until then, or until somebody rings. Whether somebody did.
    async fn rest(&self, until: Instant) -> bool {
        let soonest = Instant::now() + APART;
        tokio::select! {
            () = sleep_until(until) => false,
            () = self.bell.rung() => {
                sleep_until(until.min(soonest.max(Instant::now() + SETTLE))).await;
                true
            }
        }
    }

    /// One turn. Where somebody `rung`, also a device that has long been silent is tried.
    async fn poll(&mut self, rung: bool) {
        let began = Instant::now();
        let client = match self.connected().await {
            Ok(client) => client,
            Err(error) => return self.unconnected(&error).await,
        };
        let turn = if rung { self.quarantine.asked_for() } else { self.quarantine.turn() };
        if turn == Turn::Skip {
            self.client = Some(client);
            return;
        }
        let before = client.requests();
        let answer = match turn {
            Turn::Try => client.try_once(self.tables.patience()).await,
            _ => Ok(()),
        };
        let answer = match answer {
            Ok(()) => ask(&client, &mut self.tables, began + self.beat.every()).await,
            Err(error) => Err(error),
        };
        let mut sample = DeviceSample {
            answered: Some(answer.is_ok()),
            duration: Some(Millis(began.elapsed().as_millis() as u64)),
            requests: Some(Count(client.requests() - before)),
            ..DeviceSample::default()
        };
        match answer {
            Ok(answer) => {
                self.client = Some(client);
                self.quarantine.answered();
                self.reporter.clear(subject(&self.device), NoticeCode::DeviceSilent).await;
                sample.uptime = answer.uptime.map(|ticks| Millis(u64::from(ticks) * 10));
                sample.interfaces = Some(Count(answer.readings.len() as u64));
                let sensors_failed = answer.sensors.as_ref().map_or(0, |sensors| sensors.faults.len());
                sample.columns_failed = Some(Count((answer.faults.len() + sensors_failed) as u64));
                self.unread[0].note(answer.faults);
                if let Some(sensors) = &answer.sensors {
                    self.unread[1].note(sensors.faults.clone());
                }
                self.tell_unread().await;
                if let Some(sensors) = answer.sensors {
                    self.sense(sensors).await;
                }
                if let Some(neighbours) = answer.neighbours {
                    self.meet(neighbours).await;
                }
                sample.voided = Some(Count(self.compare(answer.readings, answer.whole).await));
            }
            Err(error) => {
                // The client goes, so that the next poll reads the secrets and resolves the name anew.
                self.quarantine.silent();
                let words = silence(&self.device, &error);
                self.reporter
                    .raise(subject(&self.device), NoticeCode::DeviceSilent, Severity::Error, words)
                    .await;
            }
        }
        self.reporter.report(subject(&self.device), sample).await;
    }

    /// Tells who is new at the device's ports, or gone, and hourly who is there.
    async fn meet(&mut self, found: Vec<(String, Announcement)>) {
        for news in self.neighbours.read(found, self.epoch.elapsed()) {
            news.tell(&self.reporter, &self.device.id).await;
        }
    }

    /// Tells what could not be read.
    async fn tell_unread(&self) {
        let about = subject(&self.device);
        match partial::words([&self.unread[0], &self.unread[1]]) {
            Some(words) => {
                self.reporter.raise(about, NoticeCode::DevicePartial, Severity::Warning, words).await;
            }
            None => self.reporter.clear(about, NoticeCode::DevicePartial).await,
        }
    }

    async fn connected(&mut self) -> Result<UdpClient, ConnectError> {
        if let Some(client) = self.client.take() {
            return Ok(client);
        }
        let timeout = longest(&self.beat);
        let client =
            client::connect(&self.network, &self.secrets, &self.device, timeout, &mut self.keys).await?;
        for code in [NoticeCode::SecretMissing, NoticeCode::NotSupported, NoticeCode::NameUnresolved] {
            self.reporter.clear(subject(&self.device), code).await;
        }
        Ok(client)
    }

    /// There is no way to the device yet: nothing was sent, so nothing is known about it.
    async fn unconnected(&self, error: &ConnectError) {
        let code = match error {
            ConnectError::Secret(_) | ConnectError::Short(_) => NoticeCode::SecretMissing,
            ConnectError::PrivacyAlone | ConnectError::Client(_) => NoticeCode::NotSupported,
            ConnectError::Unresolved(_) => NoticeCode::NameUnresolved,
        };
        self.reporter.raise(subject(&self.device), code, Severity::Error, wasl_runtime::chain(error)).await;
    }

    /// Reports what the sensors say, and which are gone.
    async fn sense(&mut self, Sensors { samples, present, whole, .. }: Sensors) {
        let now = self.epoch.elapsed();
        for subject in &present {
            self.sensors.still(subject, now);
        }
        for (subject, sample) in samples {
            self.sensors.see(&subject, now);
            self.reporter.report(subject, sample).await;
        }
        for subject in self.sensors.end(whole, now) {
            self.reporter.report(subject, Value::Gone).await;
        }
    }

    /// Reports each interface against its previous reading, and which are gone; how many increments could not be told.
    async fn compare(&mut self, readings: Vec<(Subject, Reading)>, whole: bool) -> u64 {
        let (now, wall) = (self.epoch.elapsed(), Timestamp::from(SystemTime::now()));
        self.bell.learn(readings.iter().map(|(subject, reading)| (reading.index, subject.clone())).collect());
        let mut voided = 0;
        for (subject, reading) in readings {
            let at = wall.minus(now.saturating_sub(reading.at));
            let past = self.interfaces.see(&subject, now);
            let (samples, voids) = past.take(reading, self.beat.every() * STATUS_FOR);
            voided += voids;
            if samples.iter().any(|sample| sample.voided == Some(VoidReason::Implausible)) {
                // Its speed may be another by now.
                self.tables.distrust();
            }
            for (before, sample) in (0..samples.len() as u64).rev().zip(samples) {
                // Samples of one subject have moments of their own.
                let at = at.minus(Duration::from_millis(before));
                self.reporter.report_at(subject.clone(), at, sample).await;
            }
        }
        for subject in self.interfaces.end(whole, now) {
            self.reporter.report(subject, Value::Gone).await;
        }
        voided
    }
}

/// How long a reply is awaited at most: three attempts end before the next poll is due.
fn longest(beat: &Beat) -> Duration {
    PATIENCE.min(beat.every() / 5)
}

/// One poll, twice where a device has just become another one.
async fn ask(client: &impl SnmpClient, tables: &mut Tables, deadline: Instant) -> Result<Answer, SnmpError> {
    match tables.poll(client, deadline).await {
        Err(SnmpError::Silent) => {
            client.diagnose().await?;
            // It answers a discovery: either it has just become another device, or it refuses the user.
            tables.poll(client, deadline).await.map_err(|error| match error {
                SnmpError::Silent => SnmpError::Refused,
                other => other,
            })
        }
        other => other,
    }
}

/// What a device's silence may mean, and what to do.
fn silence(device: &DeviceAssignment, error: &SnmpError) -> String {
    let at = format!("{} port {}", device.host, device.port);
    match (error, &device.access) {
        (SnmpError::Silent, SnmpAccess::V2c { community }) => format!(
            "no answer from {at}: it cannot be reached, SNMP is off or filtered there, or the community in the secret \
             `{community}` is wrong, which a device meets with silence. Try `snmpget -v2c` from the agent's host."
        ),
        (SnmpError::Silent, SnmpAccess::V3 { .. }) => format!(
            "no answer at all from {at}, not even to a discovery: it cannot be reached, or SNMP is off or filtered \
             there. The user and the passwords have not been tried."
        ),
        (SnmpError::Refused, SnmpAccess::V3 { user, .. }) => format!(
            "{at} answers, but refuses the user `{user}`: the user's name, a password or a protocol is wrong, or the \
             device grants that user nothing. Compare them with the device's configuration."
        ),
        (SnmpError::Refused, SnmpAccess::V2c { community }) => format!(
            "{at} answers, but refuses the community in the secret `{community}`: allow it to read there."
        ),
        (error, _) => format!("{at} could not be asked: {}", wasl_runtime::chain(error)),
    }
}
