//! Looks for what is there: the neighbours that announce themselves (LLDP) at the ports that the assignment names, for
//! which nothing is sent, and the stations of the subnets that it names, which are asked one by one (ARP) or called all
//! together (Neighbour Discovery).
//!
//! [`neighbours`] decides what is news of neighbours; pure. [`listener`] is the socket at which they are heard,
//! [`reach`] looks whether a card lets them through.
//! [`stations`] is the loop around `wasl_probe::sweep`, [`stations6`] the one around `wasl_probe::sweep6`, [`wire`] their
//! socket, and [`register`] what they have in common at an interface.

mod listener;
pub(crate) mod neighbours;
mod reach;
mod register;
mod stations;
mod stations6;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use wasl_agent_core::report::Reporter;
use wasl_model::assignment::{Assignment, Discovery, SweepAssignment};
use wasl_model::{AgentId, EntityKind, NoticeCode, Severity, Subject};

use listener::Listener;
use neighbours::Neighbours;
use register::Register;

/// How often it is looked whether a neighbour has fallen silent.
const LOOK: Duration = Duration::from_secs(1);
/// A neighbour announces itself every 30 s, so a port at which none was heard for so long is looked into.
const QUIET: Duration = Duration::from_mins(2);
/// How soon a socket that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(30);
/// Subnets beyond these are not looked at, whatever an assignment says; of either family.
const SWEEPS: usize = 16;
/// A station is said again hourly, so what was not is over.
const SAID: Duration = Duration::from_hours(2);

/// Listens for neighbours and looks for stations until `shutdown`, where the assignment says so.
///
/// Reports a `Neighbour` for each that is new or says something new, and hourly; and an event
/// `neighbour_changed` about the interface when one comes or goes. While the socket cannot be opened there
/// is a notice, and one about a port whose card keeps announcements back. For stations see [`stations::look`].
pub async fn run(
    reporter: Reporter,
    agent: AgentId,
    mut assignment: watch::Receiver<Arc<Assignment>>,
    shutdown: CancellationToken,
) {
    loop {
        let wanted = assignment.borrow().discovery.clone();
        let changed = async {
            while assignment.borrow().discovery == wanted {
                if assignment.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let lldp = wanted.lldp.clone();
        let looking = look(&reporter, &agent, &wanted);
        let listening = async {
            loop {
                listen(&reporter, &agent, &lldp).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = changed => {}
            () = listening => {}
            () = looking => {}
        }
        let swept = wanted.sweeps.iter().map(|sweep| &sweep.interface);
        let swept = swept.chain(wanted.sweeps6.iter().map(|sweep| &sweep.interface));
        for port in wanted.lldp.iter().chain(swept) {
            reporter.clear(interface(&agent, port), NoticeCode::NotSupported).await;
        }
    }
}

/// Looks for the stations of all subnets for ever.
async fn look(reporter: &Reporter, agent: &AgentId, Discovery { sweeps, sweeps6, .. }: &Discovery) {
    let at = |interface: &str| -> Vec<SweepAssignment> {
        sweeps.iter().take(SWEEPS).filter(|sweep| sweep.interface == interface).cloned().collect()
    };
    let mut registers: BTreeMap<&str, Register> = BTreeMap::new();
    let mut register = |interface| {
        let others = sweeps6.iter().filter(|sweep| sweep.interface == interface).map(|sweep| sweep.every_ms);
        let rounds =
            3 * Duration::from_millis(others.max().unwrap_or(0)).max(stations::round_of(&at(interface)));
        let new = || Register::new(stations::round_of(&at(interface)), rounds.max(SAID));
        registers.entry(interface).or_insert_with(new).clone()
    };
    let v4 = sweeps.iter().take(SWEEPS).map(|sweep| {
        let register = register(&sweep.interface);
        stations::look(reporter.clone(), agent.clone(), sweep.clone(), register)
    });
    let v4: Vec<_> = v4.collect();
    let v6 = sweeps6.iter().take(SWEEPS).map(|sweep| {
        let places = stations::addresses_of(&at(&sweep.interface));
        let register = register(&sweep.interface);
        stations6::look(reporter.clone(), agent.clone(), sweep.clone(), register, places)
    });
    join(join_all(v4), join_all(v6)).await;
    // There are none.
    std::future::pending::<()>().await;
}

/// What is told of a port as such is about this.
fn interface(agent: &AgentId, port: &str) -> Subject {
    Subject::lenient(EntityKind::Interface, &format!("{agent}/{port}"))
}

/// Says of ports at which nobody was heard what may be the cause.
async fn wonder(reporter: &Reporter, agent: &AgentId, quiet: &mut BTreeMap<&String, bool>) {
    for (port, told) in quiet {
        let about = interface(agent, port);
        if reach::is_kept_back(port) {
            let words = reach::remedy(port);
            reporter.raise(about, NoticeCode::NotSupported, Severity::Warning, words).await;
            *told = true;
        } else if std::mem::take(told) {
            reporter.clear(about, NoticeCode::NotSupported).await;
        }
    }
}

/// Listens at some ports; returns when the socket has failed, or never.
async fn listen(reporter: &Reporter, agent: &AgentId, ports: &[String]) {
    let machine = Subject::lenient(EntityKind::Machine, agent.as_str());
    if ports.is_empty() {
        reporter.clear(machine, NoticeCode::NotSupported).await;
        return std::future::pending().await;
    }
    let mut listener = loop {
        match Listener::open() {
            Ok(listener) => break listener,
            Err(error) => {
                let words =
                    format!("neighbours cannot be heard: {error}. The agent needs CAP_NET_RAW for it.");
                reporter.raise(machine.clone(), NoticeCode::NotSupported, Severity::Warning, words).await;
                sleep(RETRY).await;
            }
        }
    };
    reporter.clear(machine, NoticeCode::NotSupported).await;
    let epoch = Instant::now();
    let mut neighbours = Neighbours::new(ports.iter().cloned());
    // Ports at which nobody was heard yet, and whether that was told.
    let mut quiet: BTreeMap<&String, bool> = ports.iter().map(|port| (port, false)).collect();
    let mut looked = Duration::ZERO;
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let news = tokio::select! {
            heard = listener.next() => match heard {
                Ok((port, announcement)) => {
                    if quiet.remove(&port) == Some(true) {
                        reporter.clear(interface(agent, &port), NoticeCode::NotSupported).await;
                    }
                    neighbours.heard(&port, announcement, epoch.elapsed())
                }
                Err(error) => {
                    tracing::warn!(%error, "listening for neighbours failed; it is tried again");
                    return sleep(RETRY).await;
                }
            },
            _ = look.tick() => {
                let now = epoch.elapsed();
                if now.saturating_sub(looked) >= QUIET {
                    looked = now;
                    wonder(reporter, agent, &mut quiet).await;
                }
                neighbours.expire(now)
            }
        };
        for news in news {
            news.tell(reporter, agent.as_str()).await;
        }
    }
}
