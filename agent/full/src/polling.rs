//! Network devices, polled by SNMP for what their interfaces carry.
//!
//! Each device has a task of its own, so that one that is dead or slow delays no other; what they share is
//! a socket per address family and a limit on requests under way. A reading is turned into increments here,
//! next to the device, because only here are both readings, the monotonic time between them and the
//! device's `sysUpTime` at hand.
//!
//! * [`counters`] decides what two readings mean, [`past`] remembers them; pure.
//! * [`partial`] decides what of unread columns is told; pure.
//! * [`interfaces`] makes readings of columns, [`identity`] names interfaces; pure. What to ask, how much and
//!   how patiently is `wasl_probe::snmp`.
//! * [`sensors`] makes sensors of what profiles name, [`rates`] what counters among them do in a second; pure.
//! * [`addresses`] remembers what names mean; [`client`] is the trait to a device and its adapter; [`tables`] reads through it; [`device`] is the
//!   loop; [`rounds`] is the beat.

mod addresses;
pub(crate) mod client;
mod counters;
mod device;
mod identity;
mod interfaces;
mod known;
mod partial;
mod past;
mod rates;
pub(crate) mod rounds;
mod sensors;
mod tables;
mod wake;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::Secrets;
use wasl_model::assignment::{Assignment, DeviceAssignment};

pub use addresses::Addresses;
use client::Network;
use device::{Polled, Poller};
pub use wake::Bells;

/// Polls the assigned devices until `shutdown`: each one at once, again after two seconds so that it has
/// rates, then every `every_ms` at a phase of its own. Follows the assignment; a device whose part of it did
/// not change is not disturbed. Whoever rings a device's bell has it polled at once.
///
/// Reports a `DeviceSample` about the device and an `InterfaceSample` about each of its interfaces per poll, and
/// now and then a `SensorSample` about each of its sensors.
/// A device that does not answer, whose secrets are missing or whose name has no address has a notice for
/// as long as that is so.
pub async fn run(
    reporter: Reporter,
    secrets: Secrets,
    assignment: watch::Receiver<Arc<Assignment>>,
    bells: Bells,
    addresses: Addresses,
    shutdown: CancellationToken,
) {
    let network = Network::new(addresses);
    let epoch = Instant::now();
    let wanted = |assignment: &Assignment| {
        let polled = |device: &DeviceAssignment| {
            let named = assignment.profiles.iter().filter(|profile| device.profiles.contains(&profile.id));
            Polled { device: device.clone(), profiles: named.cloned().collect() }
        };
        assignment.devices.iter().map(|device| (device.id.clone(), polled(device))).collect()
    };
    let gone = (reporter.clone(), bells.clone());
    let start = move |polled: Polled| {
        Poller::new(reporter.clone(), secrets.clone(), network.clone(), polled, epoch, &bells).run()
    };
    let gone = move |polled: Polled| {
        let (reporter, bells) = gone.clone();
        async move { device::forget(&reporter, &bells, &polled.device).await }
    };
    rounds::follow(assignment, shutdown, wanted, start, gone).await;
}

#[cfg(test)]
mod tests;
