//! Who may send: the addresses of the assigned devices, and how each proves itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use snmp::{MasterKeys, SecurityLevel, UsmUser};
use tokio::sync::watch;
use tokio::time::timeout;
use wasl_agent_core::secrets::Secrets;
use wasl_model::assignment::{DeviceAssignment, SnmpAccess};

use crate::polling::client::{auth_protocol, privacy_protocol};

/// Names are looked up, and secrets read, again after this time.
const REFRESH: Duration = Duration::from_secs(300);
/// How long a name may take.
const LOOK_UP: Duration = Duration::from_secs(5);

/// A device and how it proves itself.
#[derive(Debug)]
pub(super) struct Sender {
    /// The device's identifier.
    pub(super) device: String,
    /// How it proves itself; `None` while its secrets cannot be used, which its poller tells.
    pub(super) proof: Option<Proof>,
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

/// Keeps what is known of the senders up to date until nobody asks any more.
pub(super) async fn follow(
    devices: Vec<DeviceAssignment>,
    secrets: Secrets,
    tell: watch::Sender<Arc<Senders>>,
) {
    let mut keys = HashMap::new();
    loop {
        let mut senders = Senders::new();
        for device in &devices {
            let host = device.host.trim_start_matches('[').trim_end_matches(']');
            let Ok(Ok(found)) = timeout(LOOK_UP, tokio::net::lookup_host((host, 0))).await else { continue };
            let found: Vec<IpAddr> = found.map(|address| address.ip().to_canonical()).collect();
            // The poller asks the first of a name's addresses: what it may use there is used here.
            let Some(first) = found.first() else { continue };
            let proof = proof(device, *first, &secrets, &mut keys).await;
            let sender = Arc::new(Sender { device: device.id.clone(), proof });
            for address in found {
                // Of two devices behind one address the first is taken for the sender.
                senders.entry(address).or_insert_with(|| sender.clone());
            }
        }
        if tell.send(Arc::new(senders)).is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(REFRESH) => {}
            () = tell.closed() => return,
        }
    }
}

/// The passwords that keys were made of, so that they are not made again.
type Known = HashMap<String, (String, UsmUser)>;

async fn proof(
    device: &DeviceAssignment,
    address: IpAddr,
    secrets: &Secrets,
    known: &mut Known,
) -> Option<Proof> {
    match &device.access {
        SnmpAccess::V2c { community } => {
            Some(Proof::Community(secrets.read_for(community, address).ok()?.expose().as_bytes().to_vec()))
        }
        SnmpAccess::V3 { user, auth: None, privacy: None } => {
            Some(Proof::User(Box::new(UsmUser::new(user.clone())), SecurityLevel::NoAuthNoPriv))
        }
        SnmpAccess::V3 { auth: None, .. } => None,
        SnmpAccess::V3 { user, auth: Some((auth, secret)), privacy } => {
            let auth_password = secrets.read_for(secret, address).ok()?.expose().to_owned();
            let privacy = match privacy {
                Some((protocol, secret)) => Some((
                    privacy_protocol(*protocol),
                    secrets.read_for(secret, address).ok()?.expose().to_owned(),
                )),
                None => None,
            };
            let level = match privacy {
                Some(_) => SecurityLevel::AuthPriv,
                None => SecurityLevel::AuthNoPriv,
            };
            let made_of = format!("{:?} {auth_password} {:?}", device.access, privacy);
            if let Some((_, made)) = known.get(&device.id).filter(|(of, _)| *of == made_of) {
                return Some(Proof::User(Box::new(made.clone()), level));
            }
            let (protocol, user) = (auth_protocol(*auth), user.clone());
            // Making a key out of a password takes a million hashes (RFC 3414, A.2).
            let made = tokio::task::spawn_blocking(move || {
                let mut keys = MasterKeys::new(protocol, auth_password.as_bytes())?;
                if let Some((protocol, password)) = privacy {
                    keys = keys.with_privacy(protocol, password.as_bytes())?;
                }
                UsmUser::new(user).with_master_keys(keys)
            });
            let made = made.await.ok()?.ok()?;
            known.insert(device.id.clone(), (made_of, made.clone()));
            Some(Proof::User(Box::new(made), level))
        }
    }
}
