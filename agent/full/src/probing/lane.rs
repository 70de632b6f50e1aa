//! A lane carries the probes of one kind: ICMP over IPv4, ICMP over IPv6, or TCP.
//!
//! It is told the whole of what it should do and works towards that; it hands back the windows that
//! have closed. The outlet is bounded: while it is full, windows stay open and grow instead of being
//! lost, and the measuring itself never waits. Hints come by a way of their own, since they are no state: one that
//! finds no room is dropped, and costs nothing but time.

use std::collections::HashSet;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use wasl_model::{Subject, Timestamp};
use wasl_probe::clock::{Reading, Step};
use wasl_probe::fleet::{Closed, Fleet, Plan};

/// How long a window that nobody could take is kept open before it is offered again.
const OFFER_AGAIN: Duration = Duration::from_millis(100);

/// Hints that may wait for a lane to look at them.
const HINTS: usize = 256;

/// All that a lane is to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Desired {
    pub(super) window: Duration,
    pub(super) plans: Vec<Plan>,
}

/// What a lane tells.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "almost every report is a window")]
pub(super) enum Report {
    /// A target's window has closed.
    Window(Timestamp, Closed),
    /// The wall clock was set; what was on its way has been voided.
    Step(Step),
    /// This machine could not send a probe, for a reason that says nothing of the network. Told now and then.
    Unsent(std::io::Error),
}

/// The end by which a lane is told what to do. Dropping it ends the lane, which then hands in what
/// it has.
pub(super) struct Lane {
    desired: watch::Sender<Desired>,
    hints: mpsc::Sender<String>,
    /// Interrupts a thread that waits for its sockets; a task needs none.
    waker: Option<UnixStream>,
}

/// The lane's own end of it.
pub(super) struct Orders {
    /// What it is to do.
    pub(super) desired: watch::Receiver<Desired>,
    /// Targets that are said to have moved.
    pub(super) hints: mpsc::Receiver<String>,
}

impl Orders {
    /// The targets that are said to have moved, beginning with one that was taken already.
    pub(super) fn hinted(&mut self, first: String) -> HashSet<String> {
        let others = std::iter::from_fn(|| self.hints.try_recv().ok()).take(HINTS);
        std::iter::once(first).chain(others).collect()
    }
}

impl Lane {
    pub(super) fn new(waker: Option<UnixStream>) -> (Self, Orders) {
        let (desired, orders) = watch::channel(Desired::default());
        let (hints, hinted) = mpsc::channel(HINTS);
        (Self { desired, hints, waker }, Orders { desired: orders, hints: hinted })
    }

    /// Says what to do from now on.
    pub(super) fn set(&self, desired: Desired) {
        let changed = self.desired.send_if_modified(|current| {
            let changed = *current != desired;
            *current = desired;
            changed
        });
        if changed {
            self.wake();
        }
    }

    /// Says that a target may have moved.
    pub(super) fn hint(&self, target: &Subject) {
        if self.hints.try_send(target.to_string()).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(mut waker) = self.waker.as_ref() {
            // A full pipe means that the lane is already to be woken; a closed one that it has ended.
            let _ = waker.write(&[1]);
        }
    }
}

/// The moment of a reading as observations carry it.
pub(super) fn timestamp(now: Reading) -> Timestamp {
    Timestamp(i64::try_from(now.wall.as_millis()).unwrap_or(i64::MAX))
}

/// Hands in every window that has ended, as far as the outlet takes them.
pub(super) fn close_windows(fleet: &mut Fleet, now: Reading, outlet: &mpsc::Sender<Report>) {
    while let Some(key) = fleet.pop_window(now.mono) {
        match outlet.try_reserve() {
            Ok(permit) => {
                if let Some(closed) = fleet.close(key, now.mono) {
                    permit.send(Report::Window(timestamp(now), closed));
                }
            }
            Err(_) => fleet.keep_open(key, now.mono + OFFER_AGAIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use wasl_model::ProbeMethod;
    use wasl_model::units::{Count, Millis};

    use super::*;

    #[test]
    fn a_window_that_finds_the_outlet_full_is_handed_in_later_and_whole() {
        let (outlet, mut reports) = mpsc::channel(1);
        let plan = |id: &str| Plan {
            id: id.to_owned(),
            to: ([127, 0, 0, 1], 0).into(),
            method: ProbeMethod::IcmpRaw,
            every: Duration::from_millis(100),
            timeout: Duration::from_millis(100),
            detect: None,
        };
        let at =
            |millis| Reading { mono: Duration::from_millis(millis), wall: Duration::from_millis(millis) };
        let mut fleet = Fleet::default();
        fleet.set(Duration::from_secs(1), &[plan("a"), plan("b")], Duration::ZERO);
        while let Some(due) = fleet.pop_probe(at(100).mono) {
            fleet.on_sent(&due, at(100));
            fleet.lose(&due, at(100).mono);
        }
        close_windows(&mut fleet, at(1_000), &outlet);
        let Ok(Report::Window(_, first)) = reports.try_recv() else { panic!("there was room for one") };
        assert!(reports.try_recv().is_err(), "there was no room for two");
        close_windows(&mut fleet, at(1_099), &outlet);
        assert!(reports.try_recv().is_err());
        close_windows(&mut fleet, at(1_100), &outlet);
        let Ok(Report::Window(_, second)) = reports.try_recv() else { panic!("it was offered again") };
        assert_ne!(first.id, second.id);
        assert_eq!(second.window.window, Some(Millis(1_100)));
        assert_eq!(second.window.sent, Some(Count(1)));
    }

    /// Catches: a lane that hears of a hint when its next probe is due, and a prober that waits for a lane that is busy.
    #[test]
    fn a_hint_wakes_the_lane_and_those_that_find_no_room_are_dropped() {
        let (waker, mut wake) = UnixStream::pair().expect("a pair");
        waker.set_nonblocking(true).expect("set");
        wake.set_nonblocking(true).expect("set");
        let (lane, mut orders) = Lane::new(Some(waker));
        let target = |n: usize| Subject::lenient(wasl_model::EntityKind::Link, &n.to_string());
        lane.hint(&target(7));
        assert_eq!(std::io::Read::read(&mut wake, &mut [0; 64]).expect("it is woken"), 1);
        for n in 0..10 * HINTS {
            lane.hint(&target(n % 300));
        }
        let first = orders.hints.try_recv().expect("it is there");
        assert_eq!(first, "link/7");
        let hinted = orders.hinted(first);
        assert!((HINTS - 1..=HINTS).contains(&hinted.len()), "{}", hinted.len());
        lane.hint(&target(1_000));
        assert_eq!(orders.hints.try_recv().as_deref(), Ok("link/1000"), "there is room again");
    }
}
