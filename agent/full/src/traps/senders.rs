//! Who may send: the addresses of the assigned devices, and how each proves itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use snmp::{MasterKeys, SecurityLevel, UsmUser};
use tokio::sync::{Semaphore, watch};
use wasl_agent_core::secrets::{Secret, Secrets};
use wasl_model::assignment::{DeviceAssignment, SnmpAccess};

use crate::polling::Addresses;
use crate::polling::client::{auth_protocol, privacy_protocol};

/// Names are looked up, and secrets read, again after this time.
pub(super) const REFRESH: Duration = Duration::from_secs(300);
/// So many names are looked up at once.
const AT_ONCE: usize = 16;

/// A device and how it proves itself.
#[derive(Debug)]
pub(super) struct Sender {
    /// The device's identifier.
    pub(super) device: String,
    /// Its community or passwords.
    pub(super) secrets: Vec<Secret>,
    /// How it proves itself; `None` while its secrets cannot be used, which its poller tells.
    pub(super) proof: Option<Proof>,
}

/// A proof is made of the device's access, which stays, and its secrets.
impl PartialEq for Sender {
    fn eq(&self, other: &Self) -> bool {
        (&self.device, &self.secrets, self.proof.is_some())
            == (&other.device, &other.secrets, other.proof.is_some())
    }
}

/// How a device proves itself.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    /// By a community (v1, v2c).
    Community(Vec<u8>),
    /// As a user (v3), with at least this security.
    User(Box<UsmUser>, SecurityLevel),
}

/// By address, in its plain form (never an IPv4 address within IPv6).
pub(super) type Senders = HashMap<IpAddr, Arc<Sender>>;

/// Keeps what is known of the senders up to date, looking every `refresh`, until nobody asks any more. It is told once
/// at first, and then where something changed.
pub(super) async fn follow(
    devices: Vec<DeviceAssignment>,
    secrets: Secrets,
    addresses: Addresses,
    tell: watch::Sender<Arc<Senders>>,
    refresh: Duration,
) {
    let mut keys = HashMap::new();
    let mut first = true;
    loop {
        let mut senders = Senders::new();
        let turns = Semaphore::new(AT_ONCE);
        let look_up = async |device: &DeviceAssignment| {
            let _turn = turns.acquire().await;
            addresses.look_up(&device.host).await
        };
        let found = join_all(devices.iter().map(look_up)).await;
        for (device, found) in devices.iter().zip(found) {
            let found = found.into_iter().map(|address| address.ip());
            let found: Vec<IpAddr> =
                found.chain(device.trap_sources.iter().copied()).map(|ip| ip.to_canonical()).collect();
            // The poller asks the first of a name's addresses: what it may use there is used here.
            let Some(first) = found.first() else { continue };
            let own = of_device(&device.access, *first, &secrets);
            let proof = match &own {
                Some(own) => proof(device, own, &mut keys).await,
                None => None,
            };
            let sender =
                Arc::new(Sender { device: device.id.clone(), secrets: own.unwrap_or_default(), proof });
            for address in found {
                // Of two devices behind one address the first is taken for the sender.
                senders.entry(address).or_insert_with(|| sender.clone());
            }
        }
        let is_first = std::mem::take(&mut first);
        tell.send_if_modified(|known| {
            let modified = is_first || **known != senders;
            if modified {
                *known = Arc::new(senders);
            }
            modified
        });
        tokio::select! {
            () = tokio::time::sleep(refresh) => {}
            () = tell.closed() => return,
        }
    }
}

/// The secrets that an access names; `None` while one cannot be used towards the address.
fn of_device(access: &SnmpAccess, address: IpAddr, secrets: &Secrets) -> Option<Vec<Secret>> {
    let names: Vec<&String> = match access {
        SnmpAccess::V2c { community } => vec![community],
        SnmpAccess::V3 { auth, privacy, .. } => {
            let (auth, privacy) =
                (auth.as_ref().map(|(_, name)| name), privacy.as_ref().map(|(_, name)| name));
            auth.into_iter().chain(privacy).collect()
        }
    };
    names.into_iter().map(|name| secrets.read_for(name, address).ok()).collect()
}

/// The passwords that keys were made of, by device, so that they are not made again.
type Known = HashMap<String, (Vec<Secret>, UsmUser)>;

/// How a device proves itself, with the secrets that its access names.
async fn proof(device: &DeviceAssignment, secrets: &[Secret], known: &mut Known) -> Option<Proof> {
    let (user, auth, privacy) = match (&device.access, secrets) {
        (SnmpAccess::V2c { .. }, [community]) => {
            return Some(Proof::Community(community.expose().as_bytes().to_vec()));
        }
        (SnmpAccess::V3 { user, auth: None, privacy: None }, _) => {
            return Some(Proof::User(Box::new(UsmUser::new(user.clone())), SecurityLevel::NoAuthNoPriv));
        }
        (SnmpAccess::V3 { user, auth: Some((auth, _)), privacy: None }, [password]) => {
            (user.clone(), (*auth, password.clone()), None)
        }
        (SnmpAccess::V3 { user, auth: Some((auth, _)), privacy: Some((privacy, _)) }, [password, second]) => {
            (user.clone(), (*auth, password.clone()), Some((*privacy, second.clone())))
        }
        _ => return None,
    };
    let level = if privacy.is_some() { SecurityLevel::AuthPriv } else { SecurityLevel::AuthNoPriv };
    if let Some((_, made)) = known.get(&device.id).filter(|(of, _)| of == secrets) {
        return Some(Proof::User(Box::new(made.clone()), level));
    }
    // Making a key out of a password takes a million hashes (RFC 3414, A.2).
    let made = tokio::task::spawn_blocking(move || {
        let (protocol, password) = auth;
        let mut keys = MasterKeys::new(auth_protocol(protocol), password.expose().as_bytes())?;
        if let Some((protocol, password)) = privacy {
            keys = keys.with_privacy(privacy_protocol(protocol), password.expose().as_bytes())?;
        }
        UsmUser::new(user).with_master_keys(keys)
    });
    let made = made.await.ok()?.ok()?;
    known.insert(device.id.clone(), (secrets.to_vec(), made.clone()));
    Some(Proof::User(Box::new(made), level))
}
