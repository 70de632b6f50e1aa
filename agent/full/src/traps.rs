//! Notifications (SNMP traps and informs) from the devices that this agent polls.
//!
//! A notification is a hint, not a measurement: it is told at once as an event, and the device is polled at
//! once to see what is so; if it is about a port, the links that end there are probed at once as well. So a lost one costs
//! some seconds and a forged one costs a poll and a few probes. Only the
//! addresses of assigned devices are listened to; whoever else sends is counted and never answered.
//!
//! * [`gate`] bounds what a flood can cost and counts what was not kept; pure.
//! * [`meaning`] reads a notification; pure. [`community`] takes a v1 or v2c message apart; pure.
//! * [`secured`] proves v3 messages and answers informs, by the SNMP library; [`socket`] is the port;
//!   [`senders`] knows who may send; [`server`] joins them.

mod community;
mod gate;
mod meaning;
#[cfg(test)]
mod recorded;
mod secured;
mod senders;
mod server;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::Secrets;
use wasl_model::assignment::{Assignment, DeviceAssignment, TrapReceiver};
use wasl_model::{NoticeCode, Severity, Subject};

use crate::polling::{Addresses, Bells};
use crate::probing::Hints;
use server::Server;
use socket::Port;

/// How soon a port that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// What the receiver works with.
#[derive(Clone)]
pub struct Parts {
    /// Where events go.
    pub reporter: Reporter,
    /// The communities and passwords of the devices.
    pub secrets: Secrets,
    /// How a device is polled at once.
    pub bells: Bells,
    /// How the links that end in an interface are probed at once.
    pub hints: Hints,
    /// What the names of devices mean.
    pub addresses: Addresses,
    /// The agent, for what is about no device.
    pub about: Subject,
}

/// What of an assignment matters here.
type Wanted = (Option<TrapReceiver>, Vec<DeviceAssignment>);

fn wanted(assignment: &watch::Receiver<Arc<Assignment>>) -> Wanted {
    let now = assignment.borrow();
    (now.traps, now.devices.clone())
}

/// Receives notifications until `shutdown`, where the assignment says so.
///
/// Reports an `Event` about the interface, the device or the agent for each that is kept, and for what was
/// not kept an event `traps_dropped` with the numbers, at most every few seconds. While the port cannot be
/// opened there is a notice.
pub async fn run(parts: Parts, assignment: watch::Receiver<Arc<Assignment>>, shutdown: CancellationToken) {
    run_every(senders::REFRESH, parts, assignment, shutdown).await;
}

/// As [`run`], looking every `refresh` who may send.
async fn run_every(
    refresh: Duration,
    parts: Parts,
    mut assignment: watch::Receiver<Arc<Assignment>>,
    shutdown: CancellationToken,
) {
    let engine = secured::engine(&parts.about.id);
    loop {
        let now = wanted(&assignment);
        let stop = shutdown.child_token();
        let changed = async {
            while wanted(&assignment) == now {
                if assignment.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let server = |port, devices| Server::new(parts.clone(), port, devices, engine.clone(), refresh);
        let serving = serve(&parts, now.clone(), server, stop.clone());
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => return,
            () = changed => {}
        }
        // It ends by itself, so that what it has counted is told.
        stop.cancel();
        serving.await;
    }
}

async fn serve(
    parts: &Parts,
    (traps, devices): Wanted,
    server: impl FnOnce(Port, Vec<DeviceAssignment>) -> Server,
    stop: CancellationToken,
) {
    let Some(TrapReceiver { listen }) = traps else {
        parts.reporter.clear(parts.about.clone(), NoticeCode::NotSupported).await;
        return stop.cancelled().await;
    };
    let port = loop {
        match Port::open(listen) {
            Ok(port) => break port,
            Err(error) => {
                let words = format!(
                    "notifications of devices cannot be received at {listen}: {error}. Ports below 1024 need \
                     CAP_NET_BIND_SERVICE, and no other program may hold the port (`ss -lunp`)."
                );
                parts
                    .reporter
                    .raise(parts.about.clone(), NoticeCode::NotSupported, Severity::Error, words)
                    .await;
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RETRY) => {}
                }
            }
        }
    };
    parts.reporter.clear(parts.about.clone(), NoticeCode::NotSupported).await;
    server(port, devices).run(stop).await;
}

#[cfg(test)]
mod tests;
