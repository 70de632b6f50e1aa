//! The TCP lane, for where ICMP is not permitted: how long a connection attempt takes to be answered.
//!
//! A refusal is as good an answer as an accept, since both come from the target's network stack. It
//! runs on the shared runtime and is stamped there, so its times include the runtime's own delays;
//! they are an upper bound.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time;
use wasl_model::assignment::Via;
use wasl_probe::clock::Reading;
use wasl_probe::fleet::{Due, Fleet};

use super::clock::Clock;
use super::lane::{Lane, Orders, Report, close_windows, timestamp};
use super::socket;
use super::usual::{KEEP_EVERY, Usual};

/// Connection attempts at once; each takes a file descriptor, of which a service has 1024.
const AT_ONCE: usize = 512;

/// The longest sleep, which only bounds the timer.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Answered,
    /// No answer within the time-out.
    Silent,
    /// The network has no way to the target.
    NoWay,
    /// This machine could not try.
    Local,
}

/// Starts the task. It ends when the lane is dropped.
pub(super) fn start(via: Option<Via>, usual: Usual, outlet: mpsc::Sender<Report>) -> Lane {
    let (lane, orders) = Lane::new(None);
    tokio::spawn(run(via.map(Arc::new), orders, usual, outlet));
    lane
}

async fn run(via: Option<Arc<Via>>, mut orders: Orders, usual: Usual, outlet: mpsc::Sender<Report>) {
    let mut learnt = Duration::ZERO;
    let clock = Clock::new();
    let mut fleet = Fleet::default();
    let mut attempts: JoinSet<(Due, Outcome, Reading)> = JoinSet::new();
    loop {
        let wake = fleet.next_wake().unwrap_or(clock.mono() + LONGEST_SLEEP);
        tokio::select! {
            changed = orders.desired.changed() => {
                if changed.is_err() {
                    break;
                }
                let desired = orders.desired.borrow_and_update().clone();
                let now = clock.read();
                for closed in fleet.set(desired.window, &desired.plans, now.mono) {
                    if outlet.send(Report::Window(timestamp(now), closed)).await.is_err() {
                        return;
                    }
                }
                usual.tell(&mut fleet, via.as_deref());
            }
            Some(first) = orders.hints.recv() => {
                let hinted = orders.hinted(first);
                fleet.hint(|id| hinted.contains(id), clock.mono());
            }
            Some(Ok((due, outcome, at))) = attempts.join_next() => settle(&mut fleet, &due, &outcome, at),
            () = time::sleep_until(clock.instant(wake).into()) => {}
        }
        let now = clock.read();
        while let Some(Ok((due, outcome, at))) = attempts.try_join_next() {
            settle(&mut fleet, &due, &outcome, at);
        }
        fleet.on_deadline(now.mono);
        while let Some(due) = fleet.pop_probe(now.mono) {
            fleet.on_sent(&due, clock.read());
            if attempts.len() < AT_ONCE {
                let via = via.clone();
                attempts.spawn(async move {
                    let outcome = attempt(&due, via.as_deref()).await;
                    (due, outcome, clock.read())
                });
            } else {
                fleet.void(&due);
            }
        }
        close_windows(&mut fleet, now, &outlet);
        if now.mono.saturating_sub(learnt) >= KEEP_EVERY {
            learnt = now.mono;
            usual.learn(&fleet, via.as_deref(), timestamp(now));
        }
    }
    let now = clock.read();
    usual.learn(&fleet, via.as_deref(), timestamp(now));
    for closed in fleet.set(Duration::ZERO, &[], now.mono) {
        if outlet.send(Report::Window(timestamp(now), closed)).await.is_err() {
            return;
        }
    }
}

fn settle(fleet: &mut Fleet, due: &Due, outcome: &Outcome, at: Reading) {
    match outcome {
        Outcome::Answered => {
            fleet.on_reply(due.key, due.number, due.to.ip(), None, at);
        }
        Outcome::Silent => {} // the deadline decides
        Outcome::NoWay => fleet.lose(due, at.mono),
        Outcome::Local => fleet.void(due),
    }
}

async fn attempt(due: &Due, via: Option<&Via>) -> Outcome {
    match time::timeout(due.timeout, connect(due.to, via)).await {
        Ok(result) => outcome(result.map(drop)),
        Err(_) => Outcome::Silent,
    }
}

async fn connect(to: SocketAddr, via: Option<&Via>) -> io::Result<TcpStream> {
    let Some(via) = via else { return TcpStream::connect(to).await };
    let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // A way that is not there is none, whatever the kernel calls it.
    socket::bind(&socket, via).map_err(|_| Errno::ENETUNREACH)?;
    TcpSocket::from_std_stream(socket.into()).connect(to).await
}

fn outcome(result: io::Result<()>) -> Outcome {
    let Err(error) = result else { return Outcome::Answered };
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED | Errno::ECONNRESET) => Outcome::Answered,
        Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::ENETDOWN | Errno::EHOSTDOWN) => Outcome::NoWay,
        Some(Errno::ETIMEDOUT) => Outcome::Silent,
        _ => Outcome::Local,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_an_answer_and_a_local_shortage_is_none() {
        let of = |errno: Errno| outcome(Err(io::Error::from(errno)));
        assert_eq!(outcome(Ok(())), Outcome::Answered);
        assert_eq!(of(Errno::ECONNREFUSED), Outcome::Answered);
        assert_eq!(of(Errno::ENETUNREACH), Outcome::NoWay);
        assert_eq!(of(Errno::EHOSTUNREACH), Outcome::NoWay);
        for errno in [Errno::EMFILE, Errno::EADDRNOTAVAIL, Errno::ENOBUFS, Errno::EPERM] {
            assert_eq!(of(errno), Outcome::Local, "{errno}");
        }
    }
}
