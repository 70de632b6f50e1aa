//! One device: its polls, what is kept between them, and what people are told when it does not answer.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until};
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::Secrets;
use wasl_model::assignment::{DeviceAssignment, SnmpAccess};
use wasl_model::units::{Count, Millis};
use wasl_model::{DeviceSample, EntityKind, NoticeCode, Severity, Subject, Timestamp};

use super::client::{self, ConnectError, Keys, Network, SnmpClient, SnmpError, UdpClient};
use super::counters::{self, Reading};
use super::interfaces::{self, Rows};
use super::rounds::Beat;
use super::walk::{SYS_UPTIME, Walk};

/// How long the reading of an interface that is gone is kept, so that one that returns has no gap.
const KEPT: Duration = Duration::from_hours(1);
/// How long a reply may take; less where polls are frequent.
const PATIENCE: Duration = Duration::from_secs(2);

/// The notices that are about a device.
const NOTICES: [NoticeCode; 4] = [
    NoticeCode::DeviceSilent,
    NoticeCode::SecretMissing,
    NoticeCode::NotSupported,
    NoticeCode::NameUnresolved,
];

/// What is told about the device as a whole is about this.
pub(super) fn subject(device: &DeviceAssignment) -> Subject {
    Subject::lenient(EntityKind::Device, &device.id)
}

/// Takes back what was said about a device that is polled no more.
pub(super) async fn forget(reporter: &Reporter, device: &DeviceAssignment) {
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
    client: Option<UdpClient>,
    keys: Option<Keys>,
    known: HashMap<Subject, Reading>,
}

/// What a poll of a device that answers brought.
struct Answer {
    uptime: Option<u32>,
    readings: Vec<(Subject, Reading)>,
}

impl Poller {
    pub(super) fn new(
        reporter: Reporter,
        secrets: Secrets,
        network: Network,
        device: DeviceAssignment,
        epoch: Instant,
    ) -> Self {
        let beat = Beat::new(&device.id, device.every_ms, epoch);
        Self {
            reporter,
            secrets,
            network,
            device,
            beat,
            epoch,
            client: None,
            keys: None,
            known: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let first = Instant::now();
        self.poll().await;
        sleep_until(self.beat.second(first)).await;
        self.poll().await;
        sleep_until(self.beat.settle(Instant::now())).await;
        loop {
            self.poll().await;
            sleep_until(self.beat.next(Instant::now())).await;
        }
    }

    async fn poll(&mut self) {
        let began = Instant::now();
        let client = match self.connected().await {
            Ok(client) => client,
            Err(error) => return self.unconnected(&error).await,
        };
        let before = client.requests();
        let answer = ask(&client, &self.device.id, self.epoch, began + self.beat.every()).await;
        let mut sample = DeviceSample {
            answered: Some(answer.is_ok()),
            duration: Some(Millis(began.elapsed().as_millis() as u64)),
            requests: Some(Count(client.requests() - before)),
            ..DeviceSample::default()
        };
        match answer {
            Ok(answer) => {
                self.client = Some(client);
                self.reporter.clear(subject(&self.device), NoticeCode::DeviceSilent).await;
                sample.uptime = answer.uptime.map(|ticks| Millis(u64::from(ticks) * 10));
                sample.interfaces = Some(Count(answer.readings.len() as u64));
                sample.voided = Some(Count(self.compare(answer.readings).await));
            }
            Err(error) => {
                // The client goes, so that the next poll reads the secrets and resolves the name anew.
                let words = silence(&self.device, &error);
                self.reporter
                    .raise(subject(&self.device), NoticeCode::DeviceSilent, Severity::Error, words)
                    .await;
            }
        }
        self.reporter.report(subject(&self.device), sample).await;
    }

    async fn connected(&mut self) -> Result<UdpClient, ConnectError> {
        if let Some(client) = self.client.take() {
            return Ok(client);
        }
        // Three attempts end before the next poll is due.
        let timeout = PATIENCE.min(self.beat.every() / 5);
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

    /// Reports each interface against its previous reading; how many increments could not be told.
    async fn compare(&mut self, readings: Vec<(Subject, Reading)>) -> u64 {
        let (now, wall) = (self.epoch.elapsed(), Timestamp::from(SystemTime::now()));
        let mut voided = 0;
        for (subject, reading) in readings {
            let (sample, voids) = counters::compare(self.known.get(&subject), &reading);
            voided += voids;
            let at = wall.minus(now.saturating_sub(reading.at));
            self.known.insert(subject.clone(), reading);
            self.reporter.report_at(subject, at, sample).await;
        }
        self.known.retain(|_, reading| now.saturating_sub(reading.at) < KEPT);
        voided
    }
}

/// One poll: `sysUpTime` shows whether the device answers, then come the interfaces as far as time allows.
async fn ask(
    client: &impl SnmpClient,
    device: &str,
    epoch: Instant,
    deadline: Instant,
) -> Result<Answer, SnmpError> {
    let uptime = match uptime(client).await {
        Err(SnmpError::Silent) => {
            client.diagnose().await?;
            // It answers a discovery: either it has just become another device, or it refuses the user.
            uptime(client).await.map_err(|error| match error {
                SnmpError::Silent => SnmpError::Refused,
                other => other,
            })?
        }
        other => other?,
    };
    let rows = walk(client, interfaces::COLUMNS, epoch, deadline).await;
    let fallback = if interfaces::incomplete(&rows) {
        walk(client, interfaces::FALLBACK, epoch, deadline).await
    } else {
        Rows::new()
    };
    Ok(Answer { uptime, readings: interfaces::readings(device, &rows, &fallback) })
}

async fn uptime(client: &impl SnmpClient) -> Result<Option<u32>, SnmpError> {
    let instance = SYS_UPTIME.iter().copied().chain([0]).collect();
    match client.get(&[instance]).await {
        Ok(reply) => Ok(reply.first().and_then(|binding| binding.value.ticks())),
        // A device without `sysUpTime` is odd, but it answers.
        Err(SnmpError::Status { .. } | SnmpError::TooBig) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads columns; what could be read before something failed is kept.
async fn walk(client: &impl SnmpClient, columns: &[&[u32]], epoch: Instant, deadline: Instant) -> Rows {
    let mut walk = Walk::new(columns);
    while let Some(ask) = walk.next() {
        if Instant::now() >= deadline {
            tracing::debug!("the poll's time is over; the rest of the table is left out");
            break;
        }
        match client.get_bulk(&ask.oids, ask.repetitions).await {
            Ok(reply) => walk.take(&ask, &reply, epoch.elapsed()),
            Err(SnmpError::TooBig) => walk.too_big(&ask),
            Err(SnmpError::Status { index }) => walk.refused(&ask, index),
            Err(SnmpError::Silent) if walk.unanswered(&ask) => {}
            Err(error) => {
                tracing::debug!(%error, "the rest of the table is left out");
                break;
            }
        }
    }
    let (rows, failed) = walk.finish();
    if failed > 0 {
        tracing::debug!(failed, "columns could not be read to their end");
    }
    rows
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
