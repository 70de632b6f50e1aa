//! Which certificates are no longer welcome, changed while connections are being accepted.
//!
//! A set of serials replaces a CRL because issuer and verifier are one process: there is nothing to sign,
//! publish or let expire. It works at the next handshake; a connection that is already open lives on,
//! so whoever revokes also closes the open sessions of that serial.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use crate::serial;

/// A handle on the revoked serials. Clones share one set. Serials are accepted in any usual spelling
/// (capitals, colons, leading zeros).
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    serials: Arc<RwLock<HashSet<String>>>,
}

impl Revocations {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses this serial from now on. Returns whether it was new.
    pub fn revoke(&self, serial: &str) -> bool {
        let mut serials = self.serials.write().unwrap_or_else(PoisonError::into_inner);
        serials.insert(serial::from_text(serial))
    }

    /// Puts exactly these serials in place of all others, in one step.
    pub fn replace<S: AsRef<str>>(&self, serials: impl IntoIterator<Item = S>) {
        let fresh: HashSet<String> =
            serials.into_iter().map(|serial| serial::from_text(serial.as_ref())).collect();
        *self.serials.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    /// Whether a certificate with this serial is refused.
    pub fn is_revoked(&self, serial: &str) -> bool {
        let serials = self.serials.read().unwrap_or_else(PoisonError::into_inner);
        serials.contains(&serial::from_text(serial))
    }

    /// How many serials are refused.
    pub fn len(&self) -> usize {
        self.serials.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is refused.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_set_and_replace_forgets_the_rest() {
        let revocations = Revocations::new();
        let other = revocations.clone();
        assert!(other.revoke("0A:BC"));
        assert!(!other.revoke("0abc"));
        assert!(revocations.is_revoked("0abc"));
        revocations.replace(["77"]);
        assert!(!other.is_revoked("0abc"));
        assert!(other.is_revoked("0077"));
        assert_eq!(other.len(), 1);
    }
}
