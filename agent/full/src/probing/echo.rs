//! The ICMP lane: one socket, one thread of its own.
//!
//! A thread, because on the shared runtime a probe is sent and read when other tasks permit: measured
//! against a busy runtime, a library prober's p99 was 6.4 ms on loopback, this arrangement's 41 µs.
//! The kernel stamps the arrival; the sending is stamped by a clock reading right before it.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::{mpsc, watch};
use wasl_model::assignment::Via;
use wasl_probe::clock::StepDetector;
use wasl_probe::fleet::{Due, Fleet};
use wasl_probe::icmp::{self, Echo, Family};

use super::clock::Clock;
use super::lane::{Desired, Lane, Report, close_windows, timestamp};
use super::socket::EchoSocket;

/// After so many sends in a row, answers are read, so that a burst does not overflow the buffer.
const BURST: usize = 32;

/// The longest that the thread sleeps; it only bounds the argument of `poll`.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// How often a way that is gone is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

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
    socket: EchoSocket,
    wake: UnixStream,
    orders: watch::Receiver<Desired>,
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
        socket,
        wake,
        orders,
        outlet,
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(|| echo.run())?;
    Ok((lane, thread))
}

impl EchoLane {
    fn run(mut self) {
        while self.take_orders() {
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
        }
        let now = self.clock.read();
        for closed in self.fleet.set(Duration::ZERO, &[], now.mono) {
            if self.outlet.blocking_send(Report::Window(timestamp(now), closed)).is_err() {
                break;
            }
        }
    }

    /// Takes new orders, if any; `false` when there is nobody left to give them.
    fn take_orders(&mut self) -> bool {
        match self.orders.has_changed() {
            Ok(false) => true,
            Err(_) => false,
            Ok(true) => {
                let now = self.clock.read();
                let desired = self.orders.borrow_and_update().clone();
                for closed in self.fleet.set(desired.window, &desired.plans, now.mono) {
                    if let Err(error) = self.outlet.try_send(Report::Window(timestamp(now), closed)) {
                        tracing::warn!(%error, "a removed target's last window could not be handed in");
                    }
                }
                true
            }
        }
    }

    fn wait(&mut self) {
        let until = self.fleet.next_wake().map_or(LONGEST_SLEEP, |at| at.saturating_sub(self.clock.mono()));
        // Rounded up, lest the last fraction of a millisecond is spent in a loop.
        let millis = until.min(LONGEST_SLEEP).as_nanos().div_ceil(1_000_000) as u16;
        let mut sources = [
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut sources, PollTimeout::from(millis)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => tracing::error!(%errno, "could not wait for ICMP answers"),
        }
        let mut bytes = [0; 64];
        while matches!((&self.wake).read(&mut bytes), Ok(n) if n > 0) {}
    }

    fn read_answers(&mut self) {
        loop {
            let received = match self.socket.receive() {
                Ok(Some(received)) => received,
                Ok(None) => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::debug!(%error, "could not read an ICMP answer");
                    return;
                }
            };
            let now = self.clock.read();
            let overflow = received.overflow;
            match icmp::reply(self.family, received.bytes, self.nonce) {
                Ok(echo) => {
                    let (from, arrived) = (received.from, received.arrived);
                    self.fleet.on_reply(echo.target, echo.counter, from, arrived, now);
                }
                Err(rejection) => tracing::trace!(%rejection, from = %received.from, "not an answer to us"),
            }
            if overflow {
                let voided = self.fleet.void_outstanding();
                tracing::warn!(
                    voided,
                    "the ICMP socket's buffer overflowed; probes on their way do not count"
                );
            }
        }
    }

    fn send_due(&mut self, now: Duration) {
        let mut sent = 0;
        while let Some(due) = self.fleet.pop_probe(now) {
            self.send(&due);
            sent += 1;
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

    fn send(&mut self, due: &Due) {
        let echo = Echo { target: due.key, nonce: self.nonce, counter: due.number };
        let message = icmp::request(self.family, &echo);
        self.fleet.on_sent(due, self.clock.read());
        let Err(error) = self.socket.send(&message, due.to) else { return };
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
