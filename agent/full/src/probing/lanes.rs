//! The lanes, and what is probed by which: ICMP where the kernel permits it, else TCP.
//!
//! Each way out of the machine has ICMP sockets of its own, bound to it, so that one line never answers for
//! another.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use wasl_model::ProbeMethod;
use wasl_model::assignment::{LinkClass, LinkLimits, Via};
use wasl_model::units::Ppm;
use wasl_probe::detector::{Class, Contract};
use wasl_probe::fleet::{Detect, Plan};
use wasl_probe::icmp::Family;

use super::lane::{Desired, Lane, Report};
use super::socket::{EchoSocket, OpenError};
use super::usual::Usual;
use super::watched::Watched;
use super::{Transport, connect, echo, in_words};

const MIN_EVERY: Duration = Duration::from_millis(20);
const MAX_EVERY: Duration = Duration::from_hours(24);
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// Something to probe whose address is known.
pub(super) struct Located<'a> {
    pub(super) watched: &'a Watched,
    /// With port 0.
    pub(super) address: SocketAddr,
}

impl Located<'_> {
    fn key(&self) -> Key {
        let family = if self.address.is_ipv4() { Family::V4 } else { Family::V6 };
        (family, self.watched.via.clone())
    }
}

/// The sockets of one address family that leave by one way.
type Key = (Family, Option<Via>);

/// All lanes of one prober. A lane is made when a target first needs it.
pub(super) struct Lanes {
    transport: Transport,
    retry: Duration,
    usual: Usual,
    outlet: mpsc::Sender<Report>,
    echoes: HashMap<Key, Echo>,
    tcp: HashMap<Option<Via>, Lane>,
    threads: Vec<JoinHandle<()>>,
}

/// What became of an ICMP socket.
enum Echo {
    Running {
        lane: Lane,
        method: ProbeMethod,
    },
    /// The kernel does not permit it.
    Refused {
        again: Instant,
    },
    /// This machine has no such thing.
    Unavailable {
        again: Instant,
    },
}

impl Lanes {
    /// No lane yet. Windows go to `outlet`; ICMP is tried again every `retry` after a refusal.
    pub(super) fn new(
        transport: Transport,
        retry: Duration,
        usual: Usual,
        outlet: mpsc::Sender<Report>,
    ) -> Self {
        Self {
            transport,
            retry,
            usual,
            outlet,
            echoes: HashMap::new(),
            tcp: HashMap::new(),
            threads: Vec::new(),
        }
    }

    /// Makes the lanes probe exactly these.
    pub(super) fn set(&mut self, window: Duration, all: &[Located<'_>]) {
        let (mut icmp, mut tcp) = (HashMap::<Key, Vec<Plan>>::new(), HashMap::<_, Vec<Plan>>::new());
        let mut planner = Planner::default();
        for located in all {
            let Located { watched, address } = located;
            let key = located.key();
            if let Some(method) = self.icmp_method(&key) {
                icmp.entry(key).or_default().push(planner.plan(watched, *address, method));
            } else {
                let mut to = *address;
                to.set_port(watched.tcp_port);
                let plan = planner.plan(watched, to, ProbeMethod::TcpConnect);
                tcp.entry(watched.via.clone()).or_default().push(plan);
            }
        }
        // A way that nothing uses any more gives up its thread and its socket.
        self.echoes.retain(|key, echo| icmp.contains_key(key) || !matches!(echo, Echo::Running { .. }));
        for (key, plans) in icmp {
            if let Some(Echo::Running { lane, .. }) = self.echoes.get(&key) {
                lane.set(Desired { window, plans });
            }
        }
        self.tcp.retain(|via, _| tcp.contains_key(via));
        for (via, plans) in tcp {
            let (usual, outlet) = (&self.usual, &self.outlet);
            let lane = self
                .tcp
                .entry(via)
                .or_insert_with_key(|via| connect::start(via.clone(), usual.clone(), outlet.clone()));
            lane.set(Desired { window, plans });
        }
    }

    /// Tells the lane that probes this that it may have moved.
    pub(super) fn hint(&self, located: &Located<'_>) {
        let lane = match self.echoes.get(&located.key()) {
            Some(Echo::Running { lane, .. }) => Some(lane),
            _ => self.tcp.get(&located.watched.via),
        };
        if let Some(lane) = lane {
            lane.hint(&located.watched.subject);
        }
    }

    /// Whether ICMP was wanted and not permitted when it was last tried.
    pub(super) fn icmp_refused(&self) -> bool {
        self.echoes.values().any(|echo| matches!(echo, Echo::Refused { .. }))
    }

    /// When ICMP may be tried again.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.echoes.values().filter_map(Echo::again).min()
    }

    /// Lets ICMP be tried again at the next [`set`](Self::set), where it is time; whether it is.
    pub(super) fn retry_due(&mut self, now: Instant) -> bool {
        let before = self.echoes.len();
        self.echoes.retain(|_, echo| echo.again().is_none_or(|again| again > now));
        self.echoes.len() < before
    }

    /// Ends all lanes. They hand in their open windows, and the outlet closes after the last.
    pub(super) fn end(self) -> Vec<JoinHandle<()>> {
        self.threads
    }

    /// How is probed by ICMP that way; `None` where it is not.
    fn icmp_method(&mut self, key: &Key) -> Option<ProbeMethod> {
        if self.transport == Transport::Tcp {
            return None;
        }
        if !self.echoes.contains_key(key) {
            let echo = self.open(key);
            self.echoes.insert(key.clone(), echo);
        }
        match self.echoes.get(key) {
            Some(Echo::Running { method, .. }) => Some(*method),
            _ => None,
        }
    }

    fn open(&mut self, (family, via): &Key) -> Echo {
        let again = Instant::now() + self.retry;
        let started = EchoSocket::open(*family, via.as_ref()).and_then(|socket| {
            let method = socket.method();
            // Of its own for each lane, because a raw socket is given the answers to all of them. The standard library
            // seeds its hasher from the kernel's random numbers.
            let nonce = RandomState::new().build_hasher().finish();
            let started =
                echo::start(*family, via.clone(), socket, nonce, self.usual.clone(), self.outlet.clone());
            let (lane, thread) = started.map_err(|error| OpenError::Unavailable(*family, error))?;
            Ok((lane, thread, method))
        });
        match started {
            Ok((lane, thread, method)) => {
                tracing::info!(?family, ?via, method = method.as_str(), "probing by ICMP");
                self.threads.push(thread);
                Echo::Running { lane, method }
            }
            Err(OpenError::NotPermitted(_)) => Echo::Refused { again },
            Err(error @ (OpenError::Unavailable(..) | OpenError::NoSuchWay(..))) => {
                // By TCP connect a way that is not there is found to be none, and that is the answer.
                tracing::warn!("{}; probing by TCP connect instead", in_words(&error));
                Echo::Unavailable { again }
            }
        }
    }
}

impl Echo {
    fn again(&self) -> Option<Instant> {
        match self {
            Self::Refused { again } | Self::Unavailable { again } => Some(*again),
            Self::Running { .. } => None,
        }
    }
}

/// Makes plans; those of one class and pace share the numbers that they are judged by.
#[derive(Default)]
struct Planner {
    known: HashMap<(Class, Duration), Detect>,
}

impl Planner {
    fn plan(&mut self, watched: &Watched, to: SocketAddr, method: ProbeMethod) -> Plan {
        let every = watched.every.clamp(MIN_EVERY, MAX_EVERY);
        let class = watched.link.map_or(Class::for_pace(every), |(class, _)| class_of(class));
        let mut detect = self.known.entry((class, every)).or_insert_with(|| Detect::of(class, every)).clone();
        if let Some((_, limits)) = watched.link {
            detect.contract = contract(limits);
        }
        Plan {
            id: watched.subject.to_string(),
            to,
            method,
            every,
            timeout: watched.timeout.clamp(MIN_TIMEOUT, MAX_TIMEOUT),
            detect: Some(detect),
        }
    }
}

fn class_of(class: LinkClass) -> Class {
    match class {
        LinkClass::Uplink => Class::Uplink,
        LinkClass::Link => Class::Link,
        LinkClass::Target => Class::Target,
    }
}

fn contract(limits: LinkLimits) -> Contract {
    Contract {
        rtt: limits.rtt_us.map(Duration::from_micros),
        jitter: limits.jitter_us.map(Duration::from_micros),
        loss: limits.loss_ppm.map(|ppm| Ppm(u32::try_from(ppm).unwrap_or(u32::MAX))),
    }
}
