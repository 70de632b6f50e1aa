//! The addresses behind the names of devices.
//!
//! In an outage the name server is often cut off with everything else. A device is then asked at its last address, and
//! what comes from there is known to be from it: that is when it matters.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

/// How long a name may take of which nothing is known yet.
const LOOK_UP: Duration = Duration::from_secs(5);
/// And one that has a last address.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(1);
/// So many names are remembered.
const MOST_NAMES: usize = 10_000;

/// What names meant when they were last looked up, shared by all who ask devices or hear them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Addresses(Arc<Mutex<HashMap<String, Vec<SocketAddr>>>>);

impl Addresses {
    /// The addresses of a device's `host`, with port 0: as they are now, or as they were when they could last be looked
    /// up. None where it never had one.
    pub(crate) async fn look_up(&self, host: &str) -> Vec<SocketAddr> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>() {
            return vec![SocketAddr::new(address, 0)];
        }
        self.after(host, async { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) }).await
    }

    async fn after(
        &self,
        host: &str,
        asking: impl Future<Output = io::Result<Vec<SocketAddr>>>,
    ) -> Vec<SocketAddr> {
        let last = self.held().get(host).cloned();
        let patience = if last.is_some() { LOOK_UP_AGAIN } else { LOOK_UP };
        match timeout(patience, asking).await {
            Ok(Ok(found)) if !found.is_empty() => {
                let mut known = self.held();
                if last.is_some() || known.len() < MOST_NAMES {
                    known.insert(host.to_owned(), found.clone());
                }
                found
            }
            _ => last.unwrap_or_default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Vec<SocketAddr>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a device that is lost with the name server.
    #[tokio::test(start_paused = true)]
    async fn a_name_that_cannot_be_looked_up_any_more_has_its_last_address() {
        let addresses = Addresses::default();
        let told = |last| Ok(vec![SocketAddr::from(([10, 0, 0, last], 0))]);
        let cut = || std::future::pending::<io::Result<Vec<SocketAddr>>>();
        assert_eq!(addresses.after("core", cut()).await, []);
        assert_eq!(addresses.after("core", async { told(1) }).await.len(), 1);
        let shared = addresses.clone();
        assert_eq!(shared.after("core", cut()).await, told(1).expect("one"));
        let refused = async { Err(io::ErrorKind::NotFound.into()) };
        assert_eq!(shared.after("core", refused).await, told(1).expect("one"));
        assert_eq!(shared.after("core", async { told(2) }).await, told(2).expect("another"), "it moved");
        assert_eq!(shared.after("core", async { Ok(vec![]) }).await, told(2).expect("another"));
        assert_eq!(shared.after("edge", cut()).await, [], "that was another");
    }

    #[tokio::test]
    async fn an_address_needs_no_name_server() {
        let look_up = async |host: &str| Addresses::default().look_up(host).await;
        assert_eq!(look_up("192.0.2.1").await, [SocketAddr::from(([192, 0, 2, 1], 0))]);
        assert_eq!(look_up("[2001:db8::1]").await, ["[2001:db8::1]:0".parse().expect("an address")]);
    }
}
