//! How others ask for a device to be polled at once, and learn what its interfaces are called.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use wasl_model::Subject;

/// One device's bell. Ringing it twice before the poll begins makes one poll.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Notify,
    interfaces: Mutex<BTreeMap<u32, Subject>>,
}

impl Bell {
    /// Asks for a poll now.
    pub(crate) fn ring(&self) {
        self.rung.notify_one();
    }

    /// Resolves when a poll was asked for.
    pub(super) async fn rung(&self) {
        self.rung.notified().await;
    }

    /// Keeps what the interfaces are called, by `ifIndex`.
    pub(super) fn learn(&self, interfaces: BTreeMap<u32, Subject>) {
        *self.interfaces.lock().unwrap_or_else(PoisonError::into_inner) = interfaces;
    }

    /// What the interface with this `ifIndex` was called at the last poll.
    pub(crate) fn interface(&self, index: u32) -> Option<Subject> {
        self.interfaces.lock().unwrap_or_else(PoisonError::into_inner).get(&index).cloned()
    }
}

/// The bells of all devices that are polled, by identifier. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bells(Arc<Mutex<HashMap<String, Arc<Bell>>>>);

impl Bells {
    /// The bell of a device that is polled.
    pub(crate) fn find(&self, device: &str) -> Option<Arc<Bell>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(device).cloned()
    }

    /// The bell for a device whose poller starts.
    pub(super) fn hang(&self, device: &str) -> Arc<Bell> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.entry(device.to_owned()).or_default().clone()
    }

    /// Forgets a device that is polled no more.
    pub(super) fn take_down(&self, device: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(device);
    }
}
