//! From a datagram at the port to an event and a poll.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use wasl_model::assignment::DeviceAssignment;
use wasl_model::{EntityKind, Event, EventCode, Severity, Subject};

use super::Parts;
use super::community::{self, Read};
use super::gate::{Dropped, Gate, Rates};
use super::meaning::{self, Notification};
use super::secured::{Engine, Outcome, Secured};
use super::senders::{self, Proof, Sender, Senders};
use super::socket::{Port, Received};

/// How often what was not kept is told.
const TELL: Duration = Duration::from_secs(5);
/// Datagrams that are taken before others have their turn.
const TURN: usize = 64;
/// Outcomes of v3 messages that may wait.
const OUTCOMES: usize = 256;

/// The receiver at one port.
pub(super) struct Server {
    parts: Parts,
    port: Port,
    gate: Gate,
    epoch: Instant,
    senders: watch::Receiver<Arc<Senders>>,
    /// Those that send v3, by device.
    secured: HashMap<String, Secured>,
    engine: Engine,
    tell_outcome: mpsc::Sender<(String, Outcome)>,
    outcomes: mpsc::Receiver<(String, Outcome)>,
    strangers: Strangers,
    _following: AbortOnDropHandle<()>,
}

/// What came from no device, or was lost before anybody looked whose it was.
#[derive(Debug, Default)]
struct Strangers {
    foreign: u64,
    overflowed: u64,
}

/// A notification to tell, and about what.
struct Told {
    subject: Subject,
    event: Event,
}

impl Server {
    pub(super) fn new(parts: Parts, port: Port, devices: Vec<DeviceAssignment>) -> Self {
        let mut gate = Gate::new(Rates::default());
        gate.assign(devices.iter().map(|device| device.id.as_str()), Duration::ZERO);
        let (tell, senders) = watch::channel(Arc::new(Senders::new()));
        let (tell_outcome, outcomes) = mpsc::channel(OUTCOMES);
        let following = tokio::spawn(senders::follow(devices, parts.secrets.clone(), tell));
        Self {
            engine: Engine::of(&parts.about.id),
            parts,
            port,
            gate,
            epoch: Instant::now(),
            senders,
            secured: HashMap::new(),
            tell_outcome,
            outcomes,
            strangers: Strangers::default(),
            _following: AbortOnDropHandle::new(following),
        }
    }

    /// Receives until `stop`, and then tells what it has counted.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        // Before it is known who may send, everybody is a stranger.
        tokio::select! {
            () = stop.cancelled() => return,
            _ = self.senders.changed() => {}
        }
        let mut tell = interval(TELL);
        tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let socket = self.port.socket().clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Ok(()) = self.senders.changed() => self.secured.clear(),
                _ = tell.tick() => self.tell_dropped().await,
                Some((device, outcome)) = self.outcomes.recv() => {
                    let told = match outcome {
                        Outcome::Notification(notification) => self.notified(&device, &notification),
                        Outcome::Refused(count) => {
                            (0..count).for_each(|_| self.gate.refuse(&device));
                            None
                        }
                    };
                    self.tell(told).await;
                }
                ready = socket.readable() => {
                    if ready.is_ok() {
                        self.turn().await;
                    }
                }
            }
        }
        self.tell_dropped().await;
    }

    async fn turn(&mut self) {
        for _ in 0..TURN {
            let received = match self.port.receive() {
                Ok(Some(received)) => received,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "a datagram could not be received");
                    return;
                }
            };
            let senders = self.senders.borrow().clone();
            let Received { bytes, from, lost } = received;
            self.strangers.overflowed += u64::from(lost);
            let Some(sender) = senders.get(&from.ip().to_canonical()) else {
                self.strangers.foreign += 1;
                continue;
            };
            let device = &sender.device;
            if !self.gate.look(device, self.epoch.elapsed()) {
                continue;
            }
            let Some(bytes) = bytes else {
                self.gate.malformed(device);
                continue;
            };
            let datagram = bytes.to_vec();
            self.take(sender, &datagram, from).await;
        }
    }

    /// Looks into a datagram of a device.
    async fn take(&mut self, sender: &Sender, datagram: &[u8], from: SocketAddr) {
        let device = &sender.device;
        match (community::version(datagram), &sender.proof) {
            (Some(0 | 1), Some(Proof::Community(community))) => match community::read(datagram, community) {
                Read::Refused => self.gate.refuse(device),
                Read::Malformed => self.gate.malformed(device),
                Read::Notification(notification, answer) => {
                    let told = self.notified(device, &notification);
                    self.tell(told).await;
                    if let Some(answer) = answer {
                        // Also where it is not kept: the sender is to stop repeating it.
                        let _ = self.port.socket().try_send_to(&answer, from);
                    }
                }
            },
            (Some(3), Some(Proof::User(user, least))) => {
                if self.secured.get(device).is_none_or(Secured::has_ended) {
                    let front = self.port.socket().clone();
                    let tell = self.tell_outcome.clone();
                    let user = (**user).clone();
                    let new = Secured::start(device.clone(), user, *least, self.engine.clone(), front, tell);
                    self.secured.insert(device.clone(), new);
                }
                if !self.secured.get(device).is_some_and(|secured| secured.hand_in(datagram, from)) {
                    self.gate.limit(device);
                }
            }
            (Some(0 | 1 | 3), _) => self.gate.refuse(device),
            _ => self.gate.malformed(device),
        }
    }

    /// Decides about a notification whose origin is proved as far as it can be.
    fn notified(&mut self, device: &str, notification: &Notification) -> Option<Told> {
        let meaning = meaning::of(notification);
        if !self.gate.keep(device, notification, meaning.is_link(), self.epoch.elapsed()) {
            return None;
        }
        let bell = self.parts.bells.find(device);
        let named = || {
            let name = meaning.if_name.as_deref()?;
            Some(Subject::lenient(EntityKind::Interface, &format!("{device}/{name}")))
        };
        let interface = meaning.if_index.and_then(|index| bell.as_ref()?.interface(index)).or_else(named);
        let about = Subject::lenient(EntityKind::Device, device);
        let subject = interface.filter(|_| meaning.is_link()).unwrap_or(about);
        if let Some(bell) = bell {
            // A device that starts anew has other counters, and a link that moved another state.
            bell.ring();
        }
        Some(Told { subject, event: meaning.event })
    }

    async fn tell(&self, told: Option<Told>) {
        if let Some(Told { subject, event }) = told {
            tracing::info!(%subject, code = event.code.as_str(), "{}", event.detail);
            self.parts.reporter.report(subject, event).await;
        }
    }

    async fn tell_dropped(&mut self) {
        for (device, dropped) in self.gate.take_dropped() {
            if dropped.limited > 0 {
                // Among what was not looked at may have been a link; the poll shows it.
                if let Some(bell) = self.parts.bells.find(&device) {
                    bell.ring();
                }
            }
            let subject = Subject::lenient(EntityKind::Device, &device);
            self.parts.reporter.report(subject, dropped_event(&dropped)).await;
        }
        let Strangers { foreign, overflowed } = std::mem::take(&mut self.strangers);
        if foreign + overflowed > 0 {
            let event = Event::new(
                EventCode::TrapsDropped,
                Severity::Warning,
                format!(
                    "{foreign} datagrams at the port for notifications came from no device of this agent, and {overflowed} \
                     were lost before they were looked at"
                ),
            );
            let event = event
                .with("dropped", foreign + overflowed)
                .with("foreign", foreign)
                .with("overflowed", overflowed);
            self.parts.reporter.report(self.parts.about.clone(), event).await;
        }
    }
}

fn dropped_event(dropped: &Dropped) -> Event {
    let Dropped { limited, duplicate, refused, malformed } = *dropped;
    let serious = limited + refused + malformed > 0;
    let severity = if serious { Severity::Warning } else { Severity::Info };
    let reasons: BTreeMap<&str, u64> = [
        ("beyond the rate that is kept", limited),
        ("repetitions", duplicate),
        ("with a wrong community, user or key", refused),
        ("unreadable", malformed),
    ]
    .into();
    let reasons: Vec<String> = reasons
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    let total = dropped.total();
    let detail =
        format!("{total} notifications of the device were not kept one by one: {}", reasons.join(", "));
    Event::new(EventCode::TrapsDropped, severity, detail)
        .with("dropped", total)
        .with("limited", limited)
        .with("duplicate", duplicate)
        .with("refused", refused)
        .with("malformed", malformed)
}
