//! The ICMP lane: one socket, one thread of its own.
//!
//! A thread, because on the shared runtime a probe is sent and read when other tasks permit: measured
//! against a busy runtime, a library prober's p99 was 6.4 ms on loopback, this arrangement's 41 µs.
//! The kernel stamps the arrival; the sending is stamped by clock readings around it. Under load many probes are
//! sent and many answers read by one call each.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;
use wasl_model::assignment::Via;
use wasl_probe::clock::{Reading, StepDetector, departure};
use wasl_probe::fleet::{Due, Fleet};
use wasl_probe::icmp::{self, Echo, Family};

use super::clock::Clock;
use super::lane::{Lane, Orders, Report, close_windows, timestamp};
use super::socket::{EchoSocket, Request};
use super::usual::{KEEP_EVERY, Usual};
use crate::arrival::AT_ONCE;

/// So many probes leave together, if so many are due: by one call, whose time they share ([`departure`]). More would
/// cost hardly less, and leave an interruption within the call more room to hide in.
const TOGETHER: usize = 16;

/// After so many sends in a row, answers are read, so that a burst does not overflow the buffer.
const BURST: usize = 64;

/// When a third round would begin within this time, it is put off until the time is over, and so is every further one
/// while they follow so closely: beyond a few hundred probes a second, waking for each would cost more than the probe.
/// Nothing is measured worse by it, because the kernel stamps what arrives meanwhile.
const ROUND: Duration = Duration::from_millis(8);

/// The longest that the thread sleeps; it only bounds the argument of `poll`.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// How often a way that is gone is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How often it is told why probes cannot be sent.
const TELL_AGAIN: Duration = Duration::from_secs(1);

struct EchoLane {
    family: Family,
    /// By which way everything leaves.
    via: Option<Via>,
    /// When the socket is made anew, because what it was bound to is gone: an interface that comes back is
    /// another one to the kernel.
    renew_at: Option<Duration>,
    nonce: u64,
    clock: Clock,
    steps: StepDetector,
    fleet: Fleet,
    usual: Usual,
    /// When what is usual was last handed over.
    learnt: Duration,
    socket: EchoSocket,
    wake: UnixStream,
    /// Probes that leave together, and what is sent for them.
    due: Vec<Due>,
    requests: Vec<Request>,
    /// When the last two rounds began, the later one first.
    rounds: [Duration; 2],
    /// Whether the last one was put off.
    busy: bool,
    /// When it was last told why a probe could not be sent.
    unsent_told: Option<Duration>,
    orders: Orders,
    outlet: mpsc::Sender<Report>,
}

/// What a failed send says about the network.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// There is no way to the target: that is a loss.
    NoWay,
    /// This machine could not or would not send: that is no measurement.
    Local,
}

/// Starts the thread. It ends when the lane is dropped.
pub(super) fn start(
    family: Family,
    via: Option<Via>,
    socket: EchoSocket,
    nonce: u64,
    usual: Usual,
    outlet: mpsc::Sender<Report>,
) -> io::Result<(Lane, JoinHandle<()>)> {
    let (waker, wake) = UnixStream::pair()?;
    waker.set_nonblocking(true)?;
    wake.set_nonblocking(true)?;
    let (lane, orders) = Lane::new(Some(waker));
    let name = match family {
        Family::V4 => "wasl-probe-v4",
        Family::V6 => "wasl-probe-v6",
    };
    let echo = EchoLane {
        family,
        via,
        renew_at: None,
        nonce,
        clock: Clock::new(),
        steps: StepDetector::default(),
        fleet: Fleet::default(),
        usual,
        learnt: Duration::ZERO,
        socket,
        wake,
        due: Vec::with_capacity(TOGETHER),
        requests: Vec::with_capacity(TOGETHER),
        rounds: [Duration::ZERO; 2],
        busy: false,
        unsent_told: None,
        orders,
        outlet,
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(|| echo.run())?;
    Ok((lane, thread))
}

impl EchoLane {
    fn run(mut self) {
        while self.take_orders() {
            self.take_hints();
            self.wait();
            // Every answer that arrived before this moment is read before deadlines are looked at.
            let now = self.clock.read();
            if let Some(step) = self.steps.feed(now) {
                self.fleet.void_outstanding();
                // If the outlet is full the step is visible in the windows' count of voided probes.
                let _ = self.outlet.try_send(Report::Step(step));
            }
            self.read_answers();
            self.renew(now.mono);
            self.fleet.on_deadline(now.mono);
            self.send_due(now.mono);
            close_windows(&mut self.fleet, now, &self.outlet);
            if now.mono.saturating_sub(self.learnt) >= KEEP_EVERY {
                self.learnt = now.mono;
                self.usual.learn(&self.fleet, self.via.as_ref(), timestamp(now));
            }
        }
        let now = self.clock.read();
        self.usual.learn(&self.fleet, self.via.as_ref(), timestamp(now));
        for closed in self.fleet.set(Duration::ZERO, &[], now.mono) {
            if self.outlet.blocking_send(Report::Window(timestamp(now), closed)).is_err() {
                break;
            }
        }
    }

    /// Takes new orders, if any; `false` when there is nobody left to give them.
    fn take_orders(&mut self) -> bool {
        match self.orders.desired.has_changed() {
            Ok(false) => true,
            Err(_) => false,
            Ok(true) => {
                let now = self.clock.read();
                let desired = self.orders.desired.borrow_and_update().clone();
                for closed in self.fleet.set(desired.window, &desired.plans, now.mono) {
                    if let Err(error) = self.outlet.try_send(Report::Window(timestamp(now), closed)) {
                        tracing::warn!(%error, "a removed target's last window could not be handed in");
                    }
                }
                self.usual.tell(&mut self.fleet, self.via.as_ref());
                true
            }
        }
    }

    /// Has the targets probed at once that are said to have moved.
    fn take_hints(&mut self) {
        if let Ok(first) = self.orders.hints.try_recv() {
            let hinted = self.orders.hinted(first);
            self.fleet.hint(|id| hinted.contains(id), self.clock.mono());
        }
    }

    /// Waits for something to do.
    fn wait(&mut self) {
        let now = self.clock.mono();
        let [last, before] = self.rounds;
        let rest = (if self.busy { last } else { before } + ROUND).saturating_sub(now);
        self.busy = !rest.is_zero();
        if !self.busy || !self.sleep(rest, false) {
            let now = self.clock.mono();
            let until = self.fleet.next_wake().map_or(LONGEST_SLEEP, |at| at.saturating_sub(now));
            // After a rest there mostly is something due.
            if !(self.busy && until.is_zero()) {
                self.sleep(until, true);
            }
        }
        self.rounds = [self.clock.mono(), last];
    }

    /// Sleeps so long, or until there are orders, or until there are answers if they may wake; whether it was
    /// orders.
    fn sleep(&mut self, long: Duration, answers: bool) -> bool {
        // Rounded up, lest the last fraction of a millisecond is spent in a loop.
        let millis = long.min(LONGEST_SLEEP).as_nanos().div_ceil(1_000_000) as u16;
        let mut sources = [
            PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
        ];
        let sources = if answers { &mut sources[..] } else { &mut sources[..1] };
        match poll(sources, PollTimeout::from(millis)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => tracing::error!(%errno, "could not wait for ICMP answers"),
        }
        let ordered = sources[0].any() == Some(true);
        let mut bytes = [0; 64];
        while ordered && matches!((&self.wake).read(&mut bytes), Ok(n) if n > 0) {}
        ordered
    }

    /// Reads every answer that waits. Where some found no room, whatever is still undecided does not count.
    fn read_answers(&mut self) {
        loop {
            match self.read_some() {
                Ok(AT_ONCE) => {}
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::debug!(%error, "could not read an ICMP answer");
                    break;
                }
            }
        }
        if self.socket.overflowed() {
            let voided = self.fleet.void_outstanding();
            tracing::warn!(voided, "the ICMP socket's buffer overflowed; probes on their way do not count");
        }
    }

    fn read_some(&mut self) -> io::Result<usize> {
        let Self { family, nonce, clock, fleet, socket, .. } = self;
        let mut now = None;
        socket.receive(|received| {
            // One reading for all of them: it is later than every arrival.
            let now = *now.get_or_insert_with(|| clock.read());
            match icmp::reply(*family, received.bytes, *nonce) {
                Ok(echo) => {
                    fleet.on_reply(echo.target, echo.counter, received.from, received.arrived, now);
                }
                Err(rejection) => {
                    tracing::trace!(%rejection, from = %received.from, "not an answer to us");
                }
            }
        })
    }

    fn send_due(&mut self, now: Duration) {
        let mut sent = 0;
        loop {
            self.due.clear();
            self.due.extend(std::iter::from_fn(|| self.fleet.pop_probe(now)).take(TOGETHER));
            if self.due.is_empty() {
                return;
            }
            self.send();
            if self.due.len() < TOGETHER {
                return;
            }
            sent += TOGETHER;
            if sent % BURST == 0 {
                self.read_answers();
            }
        }
    }

    /// Makes the socket anew where its way was gone when it was last used.
    fn renew(&mut self, now: Duration) {
        if self.renew_at.is_none_or(|at| at > now) {
            return;
        }
        self.renew_at = None;
        match EchoSocket::open(self.family, self.via.as_ref()) {
            Ok(socket) => self.socket = socket,
            Err(error) => tracing::debug!(%error, "the way is still gone"),
        }
    }

    /// Sends the probes of `due`, which leave together.
    fn send(&mut self) {
        let Self { family, nonce, due, requests, .. } = self;
        requests.clear();
        requests.extend(due.iter().map(|due| {
            let echo = Echo { target: due.key, nonce: *nonce, counter: due.number };
            (icmp::request(*family, &echo), due.to)
        }));
        let mut next = 0;
        while next < self.due.len() {
            let begun = self.clock.read();
            match self.socket.send(&self.requests[next..]) {
                Ok(sent) => {
                    let done = self.clock.mono();
                    for place in 0..sent {
                        self.sent(next + place, departure(begun, done, place as u32, sent as u32));
                    }
                    next += sent;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.sent(next, begun);
                    self.not_sent(next, error);
                    next += 1;
                }
            }
        }
    }

    fn sent(&mut self, at: usize, moment: Reading) {
        self.fleet.on_sent(&self.due[at], moment);
    }

    /// The probe at this place of `due` could not be sent.
    fn not_sent(&mut self, at: usize, error: io::Error) {
        let due = &self.due[at];
        match unsent(&error, self.via.is_some()) {
            Unsent::NoWay => {
                if self.via.is_some() {
                    self.renew_at.get_or_insert(self.clock.mono() + LOOK_AGAIN);
                }
                self.fleet.lose(due, self.clock.mono());
            }
            Unsent::Local => {
                tracing::debug!(%error, to = %due.to.ip(), "a probe could not be sent and does not count");
                self.fleet.void(due);
                let now = self.clock.mono();
                if self.unsent_told.is_none_or(|told| now >= told + TELL_AGAIN) {
                    self.unsent_told = Some(now);
                    // If the outlet is full it is told with a later one.
                    let _ = self.outlet.try_send(Report::Unsent(error));
                }
            }
        }
    }
}

/// A missing route, a dead link or an unreachable neighbour is what a probe is to find out. So is a missing
/// interface or address where the probe is bound to it. A full queue, a firewall of this very machine or an address
/// that cannot be sent to is not.
pub(crate) fn unsent(error: &io::Error, bound: bool) -> Unsent {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::ENETDOWN | Errno::EHOSTDOWN) => Unsent::NoWay,
        Some(Errno::ENODEV | Errno::ENXIO | Errno::EADDRNOTAVAIL | Errno::EINVAL) if bound => Unsent::NoWay,
        _ => Unsent::Local,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_network_refuses_is_a_loss() {
        let of = |errno: Errno| unsent(&io::Error::from(errno), false);
        for errno in [Errno::ENETUNREACH, Errno::EHOSTUNREACH, Errno::ENETDOWN, Errno::EHOSTDOWN] {
            assert_eq!(of(errno), Unsent::NoWay, "{errno}");
        }
        for errno in [Errno::ENOBUFS, Errno::EPERM, Errno::EAGAIN, Errno::EINVAL, Errno::EACCES] {
            assert_eq!(of(errno), Unsent::Local, "{errno}");
        }
        for errno in [Errno::ENODEV, Errno::EADDRNOTAVAIL] {
            assert_eq!(unsent(&io::Error::from(errno), true), Unsent::NoWay, "{errno}");
            assert_eq!(of(errno), Unsent::Local, "{errno}");
        }
    }
}
