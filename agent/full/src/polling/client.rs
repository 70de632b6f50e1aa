//! The way to a device: our own small trait, and its adapter over the SNMP library.
//!
//! The library is young and has one author; behind this trait it can be pinned, replaced or vendored
//! without a change to what decides. All devices share one UDP socket per address family (a socket each
//! took 140 MB for 2 000 devices, one took 12 MB), and at most [`IN_FLIGHT`] requests are under way at once,
//! because a burst beyond the socket's buffer loses replies.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use snmp::{Auth, Client, Error, ErrorStatus, MasterKeys, Retry, UdpHandle, UdpTransport, UsmConfig, Value};
use thiserror::Error as ThisError;
use tokio::sync::{OnceCell, Semaphore};
use wasl_agent_core::secrets::{Secret, SecretError, Secrets};
use wasl_model::assignment::{AuthProtocol, DeviceAssignment, PrivacyProtocol, SnmpAccess};
use wasl_probe::snmp::walk::{Ask, SYS_UPTIME};
use wasl_probe::snmp::{Binding, Datum, Oid, pace};

use super::addresses::Addresses;

/// How many requests may be under way at once, over all devices.
const IN_FLIGHT: usize = 100;
/// How many of devices in quarantine; the living ones do not wait for these.
const TRIALS: usize = 16;
/// What the socket may hold for us while others run: some hundred full replies.
const RECEIVE_BUFFER: usize = 1 << 20;
/// RFC 3414 11.2 asks for passwords of at least this many bytes.
const SHORTEST_PASSWORD: usize = 8;

/// Why a request brought nothing.
#[derive(Debug, ThisError)]
pub(crate) enum SnmpError {
    /// No reply.
    #[error("the device did not answer")]
    Silent,
    /// It answers a discovery, but not this user.
    #[error("the device answers, but refuses the user")]
    Refused,
    /// The reply would have been too big.
    #[error("the device's reply would be too big: ask for less")]
    TooBig,
    /// The device refused the request because of its `index`-th name, from 1; 0 where it does not say.
    #[error("the device refused the request at name {index}")]
    Status {
        /// Which name, from 1.
        index: u32,
    },
    /// Something else.
    #[error("the request could not be sent, or its reply not be understood")]
    Failed(#[source] Box<Error>),
}

/// Asks one device. Several requests may be under way at once.
pub(crate) trait SnmpClient: Send + Sync {
    /// One GETBULK, sent once and awaited for `patience`: the values after the single names, then row by row
    /// those after each of the others, as far as the device's reply goes; and how long it took.
    fn get_bulk(
        &self,
        ask: &Ask,
        patience: Duration,
    ) -> impl Future<Output = Result<(Vec<Binding>, Duration), SnmpError>> + Send;

    /// Whether a device in quarantine answers one small request by now.
    fn try_once(&self, patience: Duration) -> impl Future<Output = Result<(), SnmpError>> + Send;

    /// After silence: whether it is the user that is refused; and a new start if the device is another one
    /// by now. `Ok` means that asking once more is worth it.
    fn diagnose(&self) -> impl Future<Output = Result<(), SnmpError>> + Send;

    /// What its messages take besides their bindings, in bytes.
    fn overhead(&self) -> usize;

    /// Requests that were sent since the client was made.
    fn requests(&self) -> u64;
}

/// Why there is no way to a device.
#[derive(Debug, ThisError)]
pub(crate) enum ConnectError {
    /// A secret that its access names.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A password is too short for SNMPv3.
    #[error(
        "the secret `{0}` is shorter than the {SHORTEST_PASSWORD} bytes that SNMPv3 asks for: choose a longer password on the device and in the file"
    )]
    Short(String),
    /// Privacy without authentication.
    #[error("SNMPv3 privacy needs authentication as well: give the device's `auth` in the configuration")]
    PrivacyAlone,
    /// The name has no address.
    #[error("the name `{0}` has no address: check the name, and the name server of the agent's machine")]
    Unresolved(String),
    /// The library or the system refused.
    #[error("no SNMP client could be made for the device: check its address and access in the configuration")]
    Client(#[source] Box<Error>),
}

/// What all devices share: the sockets, the limit, and what names mean.
#[derive(Clone)]
pub(crate) struct Network {
    v4: Arc<OnceCell<UdpTransport>>,
    v6: Arc<OnceCell<UdpTransport>>,
    permits: Arc<Semaphore>,
    trials: Arc<Semaphore>,
    addresses: Addresses,
}

impl Network {
    /// Sockets are opened when first needed.
    pub(crate) fn new(addresses: Addresses) -> Self {
        Self {
            addresses,
            v4: Arc::default(),
            v6: Arc::default(),
            permits: Arc::new(Semaphore::new(IN_FLIGHT)),
            trials: Arc::new(Semaphore::new(TRIALS)),
        }
    }

    async fn transport(&self, to: SocketAddr) -> Result<&UdpTransport, Box<Error>> {
        let (cell, any) = if to.is_ipv4() { (&self.v4, "0.0.0.0:0") } else { (&self.v6, "[::]:0") };
        // An SNMPv3 agent keeps its replies within the capacity that it is told.
        let open = || {
            UdpTransport::builder()
                .bind(any)
                .receive_capacity(pace::MESSAGE_BYTES)
                .recv_buffer_size(RECEIVE_BUFFER)
                .build()
        };
        cell.get_or_try_init(open).await
    }
}

/// The keys that passwords were stretched to, kept because each takes a megabyte of hashing.
pub(crate) struct Keys {
    from: (AuthProtocol, Secret, Option<(PrivacyProtocol, Secret)>),
    keys: MasterKeys,
}

/// Reads the secrets and makes the client. No request is awaited for more than `timeout`; `keys` carries
/// stretched passwords from one call to the next.
pub(crate) async fn connect(
    network: &Network,
    secrets: &Secrets,
    device: &DeviceAssignment,
    timeout: Duration,
    keys: &mut Option<Keys>,
) -> Result<UdpClient, ConnectError> {
    // The address first: a secret may be limited to some.
    let address = resolve(&network.addresses, device).await?;
    let auth = access(secrets, &device.access, address.ip(), keys).await?;
    let transport = network.transport(address).await.map_err(ConnectError::Client)?;
    let overhead = overhead(&auth);
    let client = Client::builder(address, auth)
        .request_timeout(timeout)
        .retry(Retry::none())
        .build_with(transport)
        .await
        .map_err(ConnectError::Client)?;
    Ok(UdpClient {
        client,
        v3: matches!(device.access, SnmpAccess::V3 { .. }),
        overhead,
        permits: network.permits.clone(),
        trials: network.trials.clone(),
        requests: AtomicU64::new(0),
    })
}

async fn resolve(addresses: &Addresses, device: &DeviceAssignment) -> Result<SocketAddr, ConnectError> {
    let found = addresses.look_up(&device.host).await;
    let mut address = *found.first().ok_or_else(|| ConnectError::Unresolved(device.host.clone()))?;
    address.set_port(device.port);
    Ok(address)
}

async fn access(
    secrets: &Secrets,
    access: &SnmpAccess,
    address: IpAddr,
    keys: &mut Option<Keys>,
) -> Result<Auth, ConnectError> {
    match access {
        SnmpAccess::V2c { community } => Ok(Auth::v2c(secrets.read_for(community, address)?.expose())),
        SnmpAccess::V3 { user, auth: None, privacy: None } => Ok(UsmConfig::new(user.clone()).into()),
        SnmpAccess::V3 { auth: None, .. } => Err(ConnectError::PrivacyAlone),
        SnmpAccess::V3 { user, auth: Some((auth, auth_secret)), privacy } => {
            let password = |name: &str| {
                let secret = secrets.read_for(name, address)?;
                let long = secret.expose().len() >= SHORTEST_PASSWORD;
                if long { Ok(secret) } else { Err(ConnectError::Short(name.to_owned())) }
            };
            let privacy = match privacy {
                Some((protocol, name)) => Some((*protocol, password(name)?)),
                None => None,
            };
            let from = (*auth, password(auth_secret)?, privacy);
            let stretched = match keys.take() {
                Some(known) if known.from == from => known,
                _ => stretch(from).await?,
            };
            let config = UsmConfig::new(user.clone()).with_master_keys(stretched.keys.clone());
            *keys = Some(stretched);
            Ok(config.map_err(|error| unusable(&error))?.into())
        }
    }
}

/// Password to key (RFC 3414 A.2), off the threads that wait for sockets.
async fn stretch(
    from: (AuthProtocol, Secret, Option<(PrivacyProtocol, Secret)>),
) -> Result<Keys, ConnectError> {
    let work = tokio::task::spawn_blocking(move || {
        let (auth, password, privacy) = &from;
        let mut keys = MasterKeys::new(auth_protocol(*auth), password.expose().as_bytes())?;
        if let Some((protocol, password)) = privacy {
            keys = keys.with_privacy(privacy_protocol(*protocol), password.expose().as_bytes())?;
        }
        Ok(Keys { from, keys })
    });
    work.await.expect("hashing a password does not panic").map_err(|error| unusable(&error))
}

fn unusable(source: &snmp::CryptoError) -> ConnectError {
    ConnectError::Client(Box::new(Error::Config(source.to_string().into())))
}

pub(crate) fn auth_protocol(protocol: AuthProtocol) -> snmp::AuthProtocol {
    match protocol {
        AuthProtocol::Sha1 => snmp::AuthProtocol::Sha1,
        AuthProtocol::Sha224 => snmp::AuthProtocol::Sha224,
        AuthProtocol::Sha256 => snmp::AuthProtocol::Sha256,
        AuthProtocol::Sha384 => snmp::AuthProtocol::Sha384,
        AuthProtocol::Sha512 => snmp::AuthProtocol::Sha512,
    }
}

pub(crate) fn privacy_protocol(protocol: PrivacyProtocol) -> snmp::PrivProtocol {
    match protocol {
        PrivacyProtocol::Aes128 => snmp::PrivProtocol::Aes128,
        PrivacyProtocol::Aes256 => snmp::PrivProtocol::Aes256Blumenthal,
        PrivacyProtocol::Aes256Reeder => snmp::PrivProtocol::Aes256Reeder,
    }
}

/// What a message takes besides its bindings: for SNMPv2c version, community and the PDU's own fields (RFC 3416 3);
/// for SNMPv3 also the header, the engine's identifier twice, user, signature and salt (RFC 3412 6, RFC 3414 2.4).
fn overhead(auth: &Auth) -> usize {
    match auth {
        Auth::Community { community, .. } => 35 + community.as_bytes().len(),
        Auth::Usm(_) => 200,
    }
}

/// One device over the shared socket.
pub(crate) struct UdpClient {
    client: Client<UdpHandle>,
    v3: bool,
    overhead: usize,
    permits: Arc<Semaphore>,
    trials: Arc<Semaphore>,
    requests: AtomicU64,
}

impl UdpClient {
    /// Runs one exchange under a limit. A request that is given up is forgotten: its late reply has an
    /// identifier that nobody waits for.
    async fn exchange<T>(
        &self,
        limit: &Semaphore,
        patience: Duration,
        request: impl Future<Output = Result<T, Box<Error>>> + Send,
    ) -> Result<(T, Duration), SnmpError> {
        let _permit = limit.acquire().await.expect("the semaphore is never closed");
        self.requests.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        match tokio::time::timeout(patience, request).await {
            Ok(Ok(reply)) => Ok((reply, began.elapsed())),
            Ok(Err(error)) => Err(outcome(error)),
            Err(_) => Err(SnmpError::Silent),
        }
    }

    /// Learns anew which engine answers (RFC 3414 4). The library bounds it by the timeout that the client was
    /// made with.
    async fn discover(&self, limit: &Semaphore) -> Result<(), SnmpError> {
        let request = self.client.rediscover_engine();
        self.exchange(limit, Duration::MAX, request).await.map(|((), _)| ())
    }

    async fn bulk(
        &self,
        limit: &Semaphore,
        oids: &[Oid],
        single: usize,
        repetitions: u32,
        patience: Duration,
    ) -> Result<(Vec<Binding>, Duration), SnmpError> {
        let oids = wire(oids);
        let request = self.client.get_bulk_with_metadata(&oids, single as u32, repetitions);
        let (reply, took) = self.exchange(limit, patience, request).await?;
        Ok((bindings(reply.varbinds), took))
    }
}

fn outcome(error: Box<Error>) -> SnmpError {
    match error.exchange_source() {
        Error::Timeout { .. } => SnmpError::Silent,
        Error::Snmp { status: ErrorStatus::TooBig, .. } => SnmpError::TooBig,
        Error::Snmp { status: ErrorStatus::AuthorizationError, index: 0, .. }
        | Error::Auth { .. }
        | Error::Report { .. } => SnmpError::Refused,
        Error::Snmp { index, .. } => SnmpError::Status { index: *index },
        _ => SnmpError::Failed(error),
    }
}

fn wire(oids: &[Oid]) -> Vec<snmp::Oid> {
    oids.iter().map(|oid| snmp::Oid::from_slice(oid)).collect()
}

fn bindings(varbinds: Vec<snmp::VarBind>) -> Vec<Binding> {
    let binding =
        |varbind: snmp::VarBind| Binding { oid: varbind.oid.arcs().to_vec(), value: datum(varbind.value) };
    varbinds.into_iter().map(binding).collect()
}

fn datum(value: Value) -> Datum {
    match value {
        Value::Counter32(n) => Datum::Counter32(n),
        Value::Counter64(n) => Datum::Counter64(n),
        Value::TimeTicks(n) => Datum::Ticks(n),
        Value::Integer(n) => Datum::Number(i64::from(n)),
        Value::Gauge32(n) | Value::UInteger32(n) => Datum::Number(i64::from(n)),
        Value::OctetString(text) => Datum::Text(text.to_vec()),
        Value::ObjectIdentifier(name) => Datum::Name(name.arcs().to_vec()),
        Value::NoSuchObject | Value::NoSuchInstance => Datum::Missing,
        Value::EndOfMibView => Datum::End,
        _ => Datum::Other,
    }
}

impl SnmpClient for UdpClient {
    async fn get_bulk(&self, ask: &Ask, patience: Duration) -> Result<(Vec<Binding>, Duration), SnmpError> {
        self.bulk(&self.permits, &ask.oids, ask.single, ask.repetitions, patience).await
    }

    async fn try_once(&self, patience: Duration) -> Result<(), SnmpError> {
        let uptime = [SYS_UPTIME.to_vec()];
        match self.bulk(&self.trials, &uptime, 1, 0, patience).await {
            Err(SnmpError::Silent) if self.v3 => {
                self.discover(&self.trials).await?;
                Err(SnmpError::Refused)
            }
            Err(SnmpError::Silent) => Err(SnmpError::Silent),
            // An error is an answer too.
            _ => Ok(()),
        }
    }

    async fn diagnose(&self) -> Result<(), SnmpError> {
        if self.v3 { self.discover(&self.permits).await } else { Err(SnmpError::Silent) }
    }

    fn overhead(&self) -> usize {
        self.overhead
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
