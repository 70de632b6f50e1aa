//! SNMP v3 messages: proving, decrypting and answering is the SNMP library's work (RFC 3414).
//!
//! The library's receiver wants a socket of its own and answers whoever writes to it. So each device that
//! sends v3 gets a receiver on loopback, and only what passed the gate is handed to it; its answers go out
//! by the port at which the device wrote.

use std::convert::Infallible;
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
    /// So many were answered with this agent's engine or its time, which the sender has to know first.
    AskedBack(u64),
}

/// An outcome, and whose.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) device: String,
    /// The number of the receiver that it comes from.
    pub(super) receiver: u64,
    pub(super) outcome: Outcome,
}

/// Where the receiver with this number reports to.
pub(super) struct Desk {
    pub(super) device: String,
    pub(super) receiver: u64,
    pub(super) tell: mpsc::Sender<Report>,
}

impl Desk {
    /// `false` where nobody listens any more.
    async fn report(&self, outcome: Outcome) -> bool {
        let report = Report { device: self.device.clone(), receiver: self.receiver, outcome };
        self.tell.send(report).await.is_ok()
    }
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

/// Who this agent is to senders of informs: an engine identifier that stays the same, a number of boots that grows, and
/// the time since. Its clones share that clock. It is made once for as long as the agent runs: a sender remembers the
/// latest time that it heard and refuses an earlier one of the same number of boots for good (RFC 3414, 3.2, 7b).
///
/// The number of boots is made of the wall clock, so that nothing has to be kept: it grows with every start as
/// long as the clock is not set back (RFC 3414, 2.2.2, lets it reach 2^31 - 1).
pub(super) fn engine(agent: &str) -> AuthoritativeEngine {
    // RFC 3411, `SnmpEngineID`: enterprise 0 is reserved, so no vendor's; format 4 is administratively assigned text.
    let mut identifier = vec![0x80, 0, 0, 0, 4];
    identifier.extend(agent.bytes().take(27));
    let since = Duration::from_secs(1_700_000_000);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let boots = u32::try_from(now.saturating_sub(since).as_secs()).unwrap_or(1).clamp(1, 1 << 30);
    PersistedAuthoritativeEngine::new(identifier, boots)
        .and_then(|previous| AuthoritativeEngine::restart(previous, |_| Ok::<(), Infallible>(())))
        .expect("an identifier of 5 to 32 bytes, not all alike, and boots below 2^31 are a proper engine")
}

impl Secured {
    /// Starts a device's receiver, which reports to `desk` what becomes of its datagrams.
    pub(super) fn start(
        user: UsmUser,
        least: SecurityLevel,
        engine: AuthoritativeEngine,
        front: Arc<UdpSocket>,
        desk: Desk,
    ) -> Self {
        let (datagrams, queue) = mpsc::channel(QUEUE);
        let task = tokio::spawn(async move {
            if let Err(error) = run(user, least, engine, front, queue, &desk).await {
                let error = wasl_runtime::chain(&*error);
                tracing::warn!(device = desk.device, %error, "v3 notifications cannot be received");
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
    user: UsmUser,
    least: SecurityLevel,
    engine: AuthoritativeEngine,
    front: Arc<UdpSocket>,
    mut queue: mpsc::Receiver<(Vec<u8>, SocketAddr)>,
    desk: &Desk,
) -> Result<(), Failure> {
    let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let own = relay.local_addr()?;
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
            if !desk.report(outcome).await {
                return Ok(());
            }
        }
    };
    let hand_on = async {
        let (mut last_from, mut handed, mut quiet) = (None, 0, true);
        let (mut refused_before, mut asked_before) = (0, 0);
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
                    let asked_new = asked_back.saturating_sub(asked_before);
                    asked_before = asked_back;
                    if asked_new > 0 && !desk.report(Outcome::AskedBack(asked_new)).await {
                        return Ok(());
                    }
                    let accounted = heard.load(Ordering::Relaxed) + asked_back;
                    let refused = u64::saturating_sub(handed, accounted).max(refused_before);
                    let new = refused - refused_before;
                    // While datagrams are under way it cannot be told.
                    if std::mem::replace(&mut quiet, true) && new > 0 {
                        refused_before = refused;
                        if !desk.report(Outcome::Refused(new)).await {
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
