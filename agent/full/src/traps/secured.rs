//! SNMP v3 messages: proving, decrypting and answering is the SNMP library's work (RFC 3414).
//!
//! The library's receiver wants a socket of its own and answers whoever writes to it. So each device that
//! sends v3 gets a receiver on loopback, and only what passed the gate is handed to it; its answers go out
//! by the port at which the device wrote.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use snmp::{
    AuthoritativeEngine, Notification as Heard, NotificationAcceptance, NotificationReceiver,
    PersistedAuthoritativeEngine, SecurityLevel, UsmUser,
};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::community::objects;
use super::meaning::Notification;

/// Datagrams of one device that may wait.
const QUEUE: usize = 64;
/// Longer than any answer.
const ANSWER: usize = 8_192;
/// How often silent refusals are counted.
const COUNT: Duration = Duration::from_secs(1);

/// What became of a device's datagrams.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A notification whose origin is proved.
    Notification(Notification),
    /// So many were refused.
    Refused(u64),
}

/// The receiver of one device. It ends when this is dropped.
pub(super) struct Secured {
    datagrams: mpsc::Sender<(Vec<u8>, SocketAddr)>,
    task: JoinHandle<()>,
}

impl Drop for Secured {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who this agent is to senders of informs: an engine identifier that stays the same, and a number of boots that grows.
///
/// The number of boots is made of the wall clock, so that nothing has to be kept: it grows with every start as
/// long as the clock is not set back (RFC 3414, 2.2.2, lets it reach 2^31 - 1).
#[derive(Debug, Clone)]
pub(super) struct Engine {
    identifier: Vec<u8>,
    boots: u32,
}

impl Engine {
    pub(super) fn of(agent: &str) -> Self {
        // RFC 3411, `SnmpEngineID`: enterprise 0 is reserved, so no vendor's; format 4 is administratively assigned text.
        let mut identifier = vec![0x80, 0, 0, 0, 4];
        identifier.extend(agent.bytes().take(27));
        let since = Duration::from_secs(1_700_000_000);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let boots = u32::try_from(now.saturating_sub(since).as_secs()).unwrap_or(1).clamp(1, 1 << 30);
        Self { identifier, boots }
    }
}

impl Secured {
    /// Starts a device's receiver. `tell` is called with the device's name and what became of its datagrams.
    pub(super) fn start(
        device: String,
        user: UsmUser,
        least: SecurityLevel,
        engine: Engine,
        front: Arc<UdpSocket>,
        tell: mpsc::Sender<(String, Outcome)>,
    ) -> Self {
        let (datagrams, queue) = mpsc::channel(QUEUE);
        let task = tokio::spawn(async move {
            if let Err(error) = run(&device, user, least, engine, front, queue, tell).await {
                tracing::warn!(device, error = %wasl_runtime::chain(&*error), "v3 notifications cannot be received");
            }
        });
        Self { datagrams, task }
    }

    /// Hands a datagram in; `false` if too many wait.
    pub(super) fn hand_in(&self, datagram: &[u8], from: SocketAddr) -> bool {
        self.datagrams.try_send((datagram.to_vec(), from)).is_ok()
    }

    /// Whether the receiver has failed.
    pub(super) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn run(
    device: &str,
    user: UsmUser,
    least: SecurityLevel,
    engine: Engine,
    front: Arc<UdpSocket>,
    mut queue: mpsc::Receiver<(Vec<u8>, SocketAddr)>,
    tell: mpsc::Sender<(String, Outcome)>,
) -> Result<(), Failure> {
    let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let own = relay.local_addr()?;
    let previous = PersistedAuthoritativeEngine::new(engine.identifier, engine.boots)?;
    let engine = AuthoritativeEngine::restart(previous, |_| Ok::<(), std::convert::Infallible>(()))?;
    let receiver = NotificationReceiver::builder()
        .bind("127.0.0.1:0")
        .authoritative_engine(engine)
        // A community that nobody knows: this receiver is for v3 alone.
        .community(own.to_string().into_bytes())
        .usm_user(user.username().clone(), |_| Ok(user))?
        .acceptance_policy(move |notification| {
            if notification.source == own && notification.security_level >= Some(least) {
                NotificationAcceptance::Accept
            } else {
                NotificationAcceptance::Reject
            }
        })
        .build()
        .await?;
    relay.connect(receiver.local_addr()).await?;
    let heard = AtomicU64::new(0);
    let hear = async {
        // Nothing else may interrupt the library's receiving: what it had begun with would be lost.
        loop {
            let received = receiver.recv().await?;
            heard.fetch_add(1, Ordering::Relaxed);
            let outcome =
                notification(&received.notification).map_or(Outcome::Refused(1), Outcome::Notification);
            if tell.send((device.to_owned(), outcome)).await.is_err() {
                return Ok(());
            }
        }
    };
    let hand_on = async {
        let (mut last_from, mut handed, mut quiet, mut refused_before) = (None, 0, true, 0);
        let mut answer = vec![0; ANSWER];
        let mut count = tokio::time::interval(COUNT);
        loop {
            tokio::select! {
                datagram = queue.recv() => {
                    let Some((datagram, from)) = datagram else { return Ok(()) };
                    last_from = Some(from);
                    relay.send(&datagram).await?;
                    (handed, quiet) = (handed + 1, false);
                }
                answered = relay.recv(&mut answer) => {
                    if let Some(to) = last_from {
                        // An answer that cannot be sent is asked for again.
                        let _ = front.send_to(&answer[..answered?], to).await;
                    }
                }
                _ = count.tick() => {
                    // The library does not say what it refused; but what it neither told nor asked back for is that.
                    let asked_back = u64::from(receiver.usm_unknown_engine_ids())
                        + u64::from(receiver.usm_not_in_time_windows());
                    let accounted = heard.load(Ordering::Relaxed) + asked_back;
                    let refused = u64::saturating_sub(handed, accounted).max(refused_before);
                    let new = refused - refused_before;
                    // While datagrams are under way it cannot be told.
                    if std::mem::replace(&mut quiet, true) && new > 0 {
                        refused_before = refused;
                        if tell.send((device.to_owned(), Outcome::Refused(new))).await.is_err() {
                            return Ok(());
                        }
                    }
                }
            }
        }
    };
    // Whichever ends first ends both.
    tokio::select! {
        ended = hear => ended,
        ended = hand_on => ended,
    }
}

fn notification(heard: &Heard) -> Option<Notification> {
    Some(Notification {
        name: heard.trap_oid().ok()?.arcs().to_vec(),
        uptime: heard.uptime(),
        objects: objects(heard.varbinds()),
    })
}
