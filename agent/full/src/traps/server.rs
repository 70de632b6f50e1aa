//! From a datagram at the port to an event, a poll and some probes.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use snmp::{AuthoritativeEngine, SecurityLevel, UsmUser};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use wasl_agent_core::secrets::Secret;
use wasl_model::assignment::DeviceAssignment;
use wasl_model::{EntityKind, Event, EventCode, Severity, Subject};

use super::Parts;
use super::community::{self, Read};
use super::gate::{Dropped, Gate, Rates};
use super::meaning::{self, Notification};
use super::secured::{Desk, Outcome, Report, Secured};
use super::senders::{self, Proof, Sender, Senders};
use super::socket::{Port, Received};

/// How often what was not kept is told.
const TELL: Duration = Duration::from_secs(5);
/// Datagrams that are taken before others have their turn.
const TURN: usize = 64;
/// So many addresses that are no device's are told apart.
const STRANGERS: usize = 64;
/// And so many are named: with the longest addresses they fit an argument of an event.
const STRANGERS_TOLD: usize = 4;
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
    secured: HashMap<String, Receiving>,
    engine: AuthoritativeEngine,
    /// How many receivers of v3 there have been.
    receivers: u64,
    tell_outcome: mpsc::Sender<Report>,
    outcomes: mpsc::Receiver<Report>,
    strangers: Strangers,
    _following: AbortOnDropHandle<()>,
}

/// The receiver of a device that sends v3.
struct Receiving {
    /// What it works by.
    of: Arc<Sender>,
    number: u64,
    secured: Secured,
    /// Datagrams that it was handed and has not said anything of.
    waiting: u64,
}

/// What came from no device, or was lost before anybody looked whose it was.
#[derive(Debug, Default)]
struct Strangers {
    foreign: u64,
    overflowed: u64,
    /// How many came from where, for the first addresses.
    from: HashMap<IpAddr, u64>,
}

impl Strangers {
    fn note(&mut self, from: IpAddr) {
        self.foreign += 1;
        if self.from.len() < STRANGERS || self.from.contains_key(&from) {
            *self.from.entry(from).or_default() += 1;
        }
    }

    /// The addresses that most came from, with how many.
    fn most(&self) -> String {
        let mut from: Vec<(&IpAddr, &u64)> = self.from.iter().collect();
        from.sort_by_key(|(address, count)| (std::cmp::Reverse(**count), **address));
        let from: Vec<String> =
            from.iter().take(STRANGERS_TOLD).map(|(address, count)| format!("{address} ({count})")).collect();
        from.join(", ")
    }
}

/// A notification to tell, and about what.
struct Told {
    subject: Subject,
    event: Event,
}

impl Server {
    /// Receives at `port` from these devices, and looks every `refresh` who they are.
    pub(super) fn new(
        parts: Parts,
        port: Port,
        devices: Vec<DeviceAssignment>,
        engine: AuthoritativeEngine,
        refresh: Duration,
    ) -> Self {
        let mut gate = Gate::new(Rates::default());
        gate.assign(devices.iter().map(|device| device.id.as_str()), Duration::ZERO);
        let (tell, senders) = watch::channel(Arc::new(Senders::new()));
        let (tell_outcome, outcomes) = mpsc::channel(OUTCOMES);
        let following = tokio::spawn(senders::follow(
            devices,
            parts.secrets.clone(),
            parts.addresses.clone(),
            tell,
            refresh,
        ));
        Self {
            engine,
            receivers: 0,
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
                Ok(()) = self.senders.changed() => self.retire_stale().await,
                _ = tell.tick() => self.tell_dropped().await,
                Some(report) = self.outcomes.recv() => self.take_report(report).await,
                ready = socket.readable() => {
                    if ready.is_ok() {
                        self.turn().await;
                    }
                }
            }
        }
        let receiving: Vec<String> = self.secured.keys().cloned().collect();
        for device in receiving {
            self.retire(&device).await;
        }
        self.tell_dropped().await;
    }

    /// Ends the receivers of devices that prove themselves otherwise by now, or not at all. The others go on: what they
    /// have learnt about their senders' engines keeps old messages from being heard again.
    async fn retire_stale(&mut self) {
        let senders = self.senders.borrow().clone();
        let current: HashMap<&str, &Arc<Sender>> =
            senders.values().map(|sender| (sender.device.as_str(), sender)).collect();
        let is_stale = |(device, receiving): &(&String, &Receiving)| {
            current.get(device.as_str()).is_none_or(|sender| **sender != receiving.of)
        };
        let stale: Vec<String> =
            self.secured.iter().filter(is_stale).map(|(device, _)| device.clone()).collect();
        for device in stale {
            self.retire(&device).await;
        }
    }

    /// Ends a device's receiver. What it has said is heard, and what it has not looked at is counted.
    async fn retire(&mut self, device: &str) {
        while let Ok(report) = self.outcomes.try_recv() {
            self.take_report(report).await;
        }
        if let Some(receiving) = self.secured.remove(device) {
            self.gate.limit(device, receiving.waiting);
        }
    }

    async fn take_report(&mut self, report: Report) {
        let Report { device, receiver, outcome } = report;
        // What one that was retired still said is counted already.
        let Some(receiving) = self.secured.get_mut(&device).filter(|one| one.number == receiver) else {
            return;
        };
        let count = match outcome {
            Outcome::Notification(_) => 1,
            Outcome::Refused(count) | Outcome::AskedBack(count) => count,
        };
        receiving.waiting = receiving.waiting.saturating_sub(count);
        match outcome {
            Outcome::Notification(notification) => {
                let sender = receiving.of.clone();
                let told = self.notified(&sender, notification);
                self.tell(told).await;
            }
            Outcome::Refused(count) => self.gate.refuse(&device, count),
            Outcome::AskedBack(count) => self.gate.ask_back(&device, count),
        }
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
            let ip = from.ip().to_canonical();
            let Some(sender) = senders.get(&ip) else {
                self.strangers.note(ip);
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
    async fn take(&mut self, sender: &Arc<Sender>, datagram: &[u8], from: SocketAddr) {
        let device = &sender.device;
        match (community::version(datagram), &sender.proof) {
            (Some(0 | 1), Some(Proof::Community(community))) => match community::read(datagram, community) {
                Read::Refused => self.gate.refuse(device, 1),
                Read::Malformed => self.gate.malformed(device),
                Read::Notification(notification, answer) => {
                    let told = self.notified(sender, notification);
                    self.tell(told).await;
                    if let Some(answer) = answer {
                        // Also where it is not kept: the sender is to stop repeating it.
                        let _ = self.port.socket().try_send_to(&answer, from);
                    }
                }
            },
            (Some(3), Some(Proof::User(user, least))) => {
                let usable = |one: &Receiving| one.of == *sender && !one.secured.has_ended();
                if !self.secured.get(device).is_some_and(usable) {
                    self.retire(device).await;
                    self.start(sender, (**user).clone(), *least);
                }
                match self.secured.get_mut(device) {
                    Some(one) if one.secured.hand_in(datagram, from) => one.waiting += 1,
                    _ => self.gate.limit(device, 1),
                }
            }
            (Some(0 | 1 | 3), _) => self.gate.refuse(device, 1),
            _ => self.gate.malformed(device),
        }
    }

    /// Starts the receiver of a device that sends v3.
    fn start(&mut self, sender: &Arc<Sender>, user: UsmUser, least: SecurityLevel) {
        self.receivers += 1;
        let (device, number) = (sender.device.clone(), self.receivers);
        let desk = Desk { device: device.clone(), receiver: number, tell: self.tell_outcome.clone() };
        let secured = Secured::start(user, least, self.engine.clone(), self.port.socket().clone(), desk);
        self.secured.insert(device, Receiving { of: sender.clone(), number, secured, waiting: 0 });
    }

    /// Decides about a notification whose origin is proved as far as it can be.
    fn notified(&mut self, sender: &Sender, notification: Notification) -> Option<Told> {
        let device = sender.device.as_str();
        let is_link = meaning::of(&notification).is_link();
        if !self.gate.keep(device, &notification, is_link, self.epoch.elapsed()) {
            return None;
        }
        let secrets: Vec<&str> = sender.secrets.iter().map(Secret::expose).collect();
        let meaning = meaning::of(&notification.without(&secrets));
        let bell = self.parts.bells.find(device);
        let polled = meaning.if_index.and_then(|index| bell.as_ref()?.interface(index));
        let subject = |name| Subject::lenient(EntityKind::Interface, &format!("{device}/{name}"));
        let named = meaning.if_name.as_deref().map(subject);
        if meaning.is_link() {
            self.hint(device, polled.as_ref(), named.as_ref());
        }
        let about = Subject::lenient(EntityKind::Device, device);
        let subject = polled.or(named).filter(|_| meaning.is_link()).unwrap_or(about);
        if let Some(bell) = bell {
            // A device that starts anew has other counters, and a link that moved another state.
            bell.ring();
        }
        Some(Told { subject, event: meaning.event })
    }

    /// Has the links probed that end in an interface, which is `polled` by the last poll's numbers and `named` by the device
    /// itself; all that end in the device where neither can be told.
    fn hint(&self, device: &str, polled: Option<&Subject>, named: Option<&Subject>) {
        let hints = &self.parts.hints;
        let mut is_end = false;
        // Both, since the device may have numbered its interfaces anew.
        for interface in polled.into_iter().chain(named) {
            is_end |= hints.interface(interface);
        }
        // The poll's name is the configuration's. Another need not be, so that no link ends there says nothing.
        if !is_end && polled.is_none() {
            hints.device(device);
        }
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
                // Among what was not looked at may have been a link; the poll and the probes show it.
                if let Some(bell) = self.parts.bells.find(&device) {
                    bell.ring();
                }
                self.parts.hints.device(&device);
            }
            let subject = Subject::lenient(EntityKind::Device, &device);
            self.parts.reporter.report(subject, dropped_event(&dropped)).await;
        }
        let strangers = std::mem::take(&mut self.strangers);
        let Strangers { foreign, overflowed, .. } = strangers;
        if foreign + overflowed > 0 {
            let mut detail = format!(
                "{foreign} datagrams at the port for notifications came from no device of this agent, and {overflowed} \
                 were lost before they were looked at"
            );
            let addresses = strangers.most();
            if foreign > 0 {
                let remedy = format!(
                    ". Most came from {addresses}: if that is another address of a device, add it to the `trap_sources` of \
                     the device in the configuration"
                );
                detail.push_str(&remedy);
            }
            let event = Event::new(EventCode::TrapsDropped, Severity::Warning, detail);
            let event = if foreign > 0 { event.with("addresses", addresses) } else { event };
            let event = event
                .with("dropped", foreign + overflowed)
                .with("foreign", foreign)
                .with("overflowed", overflowed);
            self.parts.reporter.report(self.parts.about.clone(), event).await;
        }
    }
}

fn dropped_event(dropped: &Dropped) -> Event {
    let Dropped { limited, duplicate, refused, malformed, asked_back, in_vain } = *dropped;
    let serious = in_vain || limited + refused + malformed > 0;
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
    let mut detail = Vec::new();
    if total > 0 {
        detail.push(format!(
            "{total} notifications of the device were not kept one by one: {}",
            reasons.join(", ")
        ));
    }
    if in_vain {
        detail.push(format!(
            "{asked_back} messages of the device were answered with this agent's engine and its time, and none came through \
             after that: look at the device's informs, and restart its SNMP agent if it holds another time"
        ));
    }
    let detail = detail.join(". ");
    Event::new(EventCode::TrapsDropped, severity, detail)
        .with("dropped", total)
        .with("limited", limited)
        .with("duplicate", duplicate)
        .with("refused", refused)
        .with("malformed", malformed)
        .with("asked_back", asked_back)
}
