//! The lanes, and which target goes by which: ICMP where the kernel permits it, else TCP.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use wasl_model::ProbeMethod;
use wasl_model::assignment::TargetAssignment;
use wasl_probe::fleet::Plan;
use wasl_probe::icmp::Family;

use super::lane::{Desired, Lane, Report};
use super::socket::{EchoSocket, OpenError};
use super::{Transport, connect, echo, in_words};

const MIN_EVERY: Duration = Duration::from_millis(20);
const MAX_EVERY: Duration = Duration::from_hours(24);
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// A target whose address is known.
pub(super) struct Located<'a> {
    pub(super) target: &'a TargetAssignment,
    /// With port 0.
    pub(super) address: SocketAddr,
}

/// All lanes of one prober. A lane is made when a target first needs it.
pub(super) struct Lanes {
    transport: Transport,
    retry: Duration,
    nonce: u64,
    outlet: mpsc::Sender<Report>,
    v4: Echo,
    v6: Echo,
    tcp: Option<Lane>,
    threads: Vec<JoinHandle<()>>,
}

/// What became of a family's ICMP socket.
enum Echo {
    Untried,
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
    pub(super) fn new(transport: Transport, retry: Duration, outlet: mpsc::Sender<Report>) -> Self {
        Self {
            transport,
            retry,
            // The standard library seeds its hasher from the kernel's random numbers.
            nonce: RandomState::new().build_hasher().finish(),
            outlet,
            v4: Echo::Untried,
            v6: Echo::Untried,
            tcp: None,
            threads: Vec::new(),
        }
    }

    /// Makes the lanes probe exactly these targets.
    pub(super) fn set(&mut self, window: Duration, targets: &[Located<'_>]) {
        let (mut icmp, mut tcp) = (HashMap::<Family, Vec<Plan>>::new(), Vec::new());
        for Located { target, address } in targets {
            let family = if address.is_ipv4() { Family::V4 } else { Family::V6 };
            if let Some(method) = self.icmp_method(family) {
                icmp.entry(family).or_default().push(plan(target, *address, method));
            } else {
                let mut to = *address;
                to.set_port(target.tcp_port);
                tcp.push(plan(target, to, ProbeMethod::TcpConnect));
            }
        }
        for (family, echo) in [(Family::V4, &self.v4), (Family::V6, &self.v6)] {
            if let Echo::Running { lane, .. } = echo {
                lane.set(Desired { window, plans: icmp.remove(&family).unwrap_or_default() });
            }
        }
        if self.tcp.is_none() && !tcp.is_empty() {
            self.tcp = Some(connect::start(self.outlet.clone()));
        }
        if let Some(lane) = &self.tcp {
            lane.set(Desired { window, plans: tcp });
        }
    }

    /// Whether ICMP was wanted and not permitted when it was last tried.
    pub(super) fn icmp_refused(&self) -> bool {
        [&self.v4, &self.v6].iter().any(|echo| matches!(echo, Echo::Refused { .. }))
    }

    /// When ICMP may be tried again.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        [&self.v4, &self.v6].iter().filter_map(|echo| echo.again()).min()
    }

    /// Lets ICMP be tried again at the next [`set`](Self::set), where it is time; whether it is.
    pub(super) fn retry_due(&mut self, now: Instant) -> bool {
        let mut due = false;
        for echo in [&mut self.v4, &mut self.v6] {
            if echo.again().is_some_and(|again| again <= now) {
                *echo = Echo::Untried;
                due = true;
            }
        }
        due
    }

    /// Ends all lanes. They hand in their open windows, and the outlet closes after the last.
    pub(super) fn end(self) -> Vec<JoinHandle<()>> {
        self.threads
    }

    /// How targets of a family are probed by ICMP; `None` where they are not.
    fn icmp_method(&mut self, family: Family) -> Option<ProbeMethod> {
        if self.transport == Transport::Tcp {
            return None;
        }
        if matches!(self.echo(family), Echo::Untried) {
            *self.echo(family) = self.open(family);
        }
        match self.echo(family) {
            Echo::Running { method, .. } => Some(*method),
            Echo::Untried | Echo::Refused { .. } | Echo::Unavailable { .. } => None,
        }
    }

    fn echo(&mut self, family: Family) -> &mut Echo {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    fn open(&mut self, family: Family) -> Echo {
        let again = Instant::now() + self.retry;
        let started = EchoSocket::open(family).and_then(|socket| {
            let method = socket.method();
            let started = echo::start(family, socket, self.nonce, self.outlet.clone());
            let (lane, thread) = started.map_err(|error| OpenError::Unavailable(family, error))?;
            Ok((lane, thread, method))
        });
        match started {
            Ok((lane, thread, method)) => {
                tracing::info!(?family, method = method.as_str(), "probing by ICMP");
                self.threads.push(thread);
                Echo::Running { lane, method }
            }
            Err(OpenError::NotPermitted(_)) => Echo::Refused { again },
            Err(error @ OpenError::Unavailable(..)) => {
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
            Self::Untried | Self::Running { .. } => None,
        }
    }
}

fn plan(target: &TargetAssignment, to: SocketAddr, method: ProbeMethod) -> Plan {
    Plan {
        id: target.id.clone(),
        to,
        method,
        every: Duration::from_millis(target.every_ms).clamp(MIN_EVERY, MAX_EVERY),
        timeout: Duration::from_millis(target.timeout_ms).clamp(MIN_TIMEOUT, MAX_TIMEOUT),
    }
}
