//! What is said of machines, targets and devices.

use wasl_model::{Localized, ProbeMethod, Timestamp};

use super::{Judgement, KindTotal};

/// A machine, its disks and interfaces.
#[derive(Debug, Clone)]
pub struct MachineView {
    /// The entity's identifier.
    pub id: String,
    /// Its site's name.
    pub site: Option<Localized>,
    /// How it is judged.
    pub state: Judgement,
    /// Share of processor time in use.
    pub cpu_busy: Option<f64>,
    /// The same over the last hour, oldest first.
    pub cpu_history: Vec<Option<f64>>,
    /// How many processors.
    pub processors: Option<u64>,
    /// Memory in all, bytes.
    pub memory_total: Option<u64>,
    /// Memory that is left, bytes.
    pub memory_available: Option<u64>,
    /// Swap space in all, bytes.
    pub swap_total: Option<u64>,
    /// Swap space that is left, bytes.
    pub swap_free: Option<u64>,
    /// When it was started.
    pub booted_at: Option<Timestamp>,
    /// How many people are logged in.
    pub sessions: Option<u64>,
    /// Its mounted file systems.
    pub disks: Vec<DiskView>,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceView>,
}

impl MachineView {
    /// Memory in use, bytes.
    pub fn memory_used(&self) -> Option<u64> {
        Some(self.memory_total?.saturating_sub(self.memory_available?))
    }

    /// Share of memory in use.
    pub fn memory_share(&self) -> Option<f64> {
        share(self.memory_used()?, self.memory_total?)
    }

    /// The class of the memory's bar: the machine's health where memory is the reason for it.
    pub(crate) fn memory_class(&self) -> &'static str {
        if self.state.reason.code == "memory_low" { self.state.health.as_str() } else { "plain" }
    }

    /// Swap space in use, bytes; `None` also where there is no swap space.
    pub fn swap_used(&self) -> Option<u64> {
        let total = self.swap_total.filter(|n| *n > 0)?;
        Some(total.saturating_sub(self.swap_free?))
    }

    /// Share of swap space in use.
    pub fn swap_share(&self) -> Option<f64> {
        share(self.swap_used()?, self.swap_total?)
    }
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

/// A mounted file system.
#[derive(Debug, Clone)]
pub struct DiskView {
    /// The entity's identifier, `machine/mount-point`.
    pub id: String,
    /// Where it is mounted.
    pub mount: String,
    /// How it is judged.
    pub state: Judgement,
    /// Size in bytes.
    pub size: Option<u64>,
    /// What is left, in bytes.
    pub available: Option<u64>,
}

impl DiskView {
    /// Share in use.
    pub fn used_share(&self) -> Option<f64> {
        share(self.size?.saturating_sub(self.available?), self.size?)
    }
}

/// An interface of a machine or a device.
#[derive(Debug, Clone)]
pub struct InterfaceView {
    /// The entity's identifier, `owner/name`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it is judged.
    pub state: Judgement,
    /// Whether it is operational.
    pub up: Option<bool>,
    /// Its nominal speed in bits per second.
    pub speed: Option<u64>,
    /// Bytes received per second.
    pub receive: Option<f64>,
    /// Bytes sent per second.
    pub transmit: Option<f64>,
    /// Bytes received per second over the last hour, oldest first.
    pub receive_history: Vec<Option<f64>>,
    /// Bytes sent per second over the last hour, oldest first.
    pub transmit_history: Vec<Option<f64>>,
    /// Errors per second, both directions.
    pub errors: Option<f64>,
    /// Discards per second, both directions.
    pub discards: Option<f64>,
}

/// A target and its latest probe window.
#[derive(Debug, Clone)]
pub struct TargetView {
    /// The entity's identifier.
    pub id: String,
    /// What people call it; the identifier where it has no name.
    pub name: Localized,
    /// The address that is probed.
    pub address: String,
    /// The agent that probes it.
    pub agent: String,
    /// That agent's site.
    pub site: Option<Localized>,
    /// How it is judged.
    pub state: Judgement,
    /// How it is probed.
    pub method: Option<ProbeMethod>,
    /// Median round-trip time, seconds.
    pub rtt_p50: Option<f64>,
    /// 95th percentile of the round-trip time, seconds.
    pub rtt_p95: Option<f64>,
    /// Share of lost probes.
    pub loss: Option<f64>,
    /// Jitter, seconds.
    pub jitter: Option<f64>,
    /// Median round-trip time over the last hour, seconds, oldest first.
    pub rtt_history: Vec<Option<f64>>,
}

/// A device that is polled by SNMP.
#[derive(Debug, Clone)]
pub struct DeviceView {
    /// The entity's identifier.
    pub id: String,
    /// What people call it; the identifier where it has no name.
    pub name: Localized,
    /// Its address.
    pub host: String,
    /// The agent that polls it.
    pub agent: String,
    /// That agent's site.
    pub site: Option<Localized>,
    /// How it is judged.
    pub state: Judgement,
    /// Since when it has been up, as far as its SNMP agent knows.
    pub up_since: Option<Timestamp>,
    /// Its interfaces, counted.
    pub ports: PortsView,
}

/// The interfaces of a device, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortsView {
    /// By their health.
    pub healths: KindTotal,
    /// Those that are operational.
    pub up: u64,
    /// Those that are not.
    pub down: u64,
}
