//! Accepting connections: bounded in number and time, fair between sources, and ended with the controller.
//!
//! A connection is a stranger until it has shown who it is. Strangers wait in rooms ([`crowd`]), by how far they
//! have come: nothing said yet, in the handshake, nothing asked yet. Each room is small and a stay in it is
//! short. Where a room is full, the longest stay of the source that fills it most is ended: ten thousand
//! connections that say nothing push out each other, and an agent that speaks passes them by.

pub mod crowd;
pub mod slow;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crowd::{Crowd, Entry, Room, Rooms, Source};

/// How long open requests may take when the controller ends.
pub const FAREWELL: Duration = Duration::from_secs(3);
/// How long a connection may say nothing at all.
pub const SILENT: Duration = Duration::from_secs(10);
/// How long a handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may wait for a place in the next room, and how often it looks.
const QUEUE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(20);
/// Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`).
const QUEUED: u32 = 4096;
/// Connections that have been sent away and are not closed yet: nobody new is let in while there are so many.
const LEAVING: usize = 128;
/// Descriptors that are kept for strangers, the store, the log and everything else.
const RESERVE: u64 = 6000;

/// Keeps the order at a listener's door.
pub struct Door {
    known: Arc<Semaphore>,
    crowd: Mutex<Crowd>,
    ends: Mutex<HashMap<u64, CancellationToken>>,
    /// How many have been sent away and are still here.
    leaving: watch::Sender<usize>,
}

impl Door {
    /// A door through which `known` may go at the same time, with rooms of these sizes.
    pub fn new(known: usize, rooms: Rooms) -> Arc<Self> {
        Arc::new(Self {
            known: Arc::new(Semaphore::new(known)),
            crowd: Mutex::new(Crowd::new(rooms)),
            ends: Mutex::default(),
            leaving: watch::Sender::new(0),
        })
    }

    /// Waits until those who were sent away have gone, all but a few. Without this, whoever comes fast enough fills
    /// the process with connections that have no place any more and have not had their turn to close.
    async fn until_clear(&self) {
        // The sender lives as long as this.
        let _ = self.leaving.subscribe().wait_for(|leaving| *leaving < LEAVING).await;
    }

    /// Somebody has come; `None` if there is no place even for who says nothing.
    fn enter(self: &Arc<Self>, from: SocketAddr) -> Option<Guest> {
        let source = Source::of(from.ip());
        let id = self.crowd().id();
        let end = CancellationToken::new();
        self.ends().insert(id, end.clone());
        let mut guest = Guest { door: self.clone(), source, id, room: None, end, known: None };
        if !self.admit(Room::Silent, source, id) {
            return None;
        }
        guest.room = Some(Room::Silent);
        Some(guest)
    }

    /// Lets somebody into a room, and whoever has to go for it out.
    fn admit(&self, room: Room, source: Source, id: u64) -> bool {
        let entry = self.crowd().enter(room, source, id, Instant::now());
        if let Entry::Instead(goes) = entry {
            self.end(goes);
        }
        entry != Entry::Later
    }

    fn end(&self, id: u64) {
        if let Some(end) = self.ends().remove(&id) {
            // Counted first: it may be gone in the next moment.
            self.leaving.send_modify(|leaving| *leaving += 1);
            end.cancel();
        }
    }

    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<u64, CancellationToken>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place at the door. Dropping it makes room.
pub struct Guest {
    door: Arc<Door>,
    source: Source,
    id: u64,
    room: Option<Room>,
    end: CancellationToken,
    /// Counts among the known while it lasts.
    known: Option<OwnedSemaphorePermit>,
}

impl Guest {
    /// Cancelled when this connection has to go, to make room for others.
    pub fn shed(&self) -> CancellationToken {
        self.end.clone()
    }

    /// It has come further. It keeps its place while there is none in the next room; `false` if it has to go.
    #[must_use]
    pub async fn moves_to(&mut self, room: Room) -> bool {
        let begun = Instant::now();
        while !self.door.admit(room, self.source, self.id) {
            if begun.elapsed() >= QUEUE {
                return false;
            }
            tokio::select! {
                () = self.end.cancelled() => return false,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
        if let Some(before) = self.room.replace(room) {
            self.door.crowd().leave(before, self.source, self.id);
        }
        !self.end.is_cancelled()
    }

    /// It has shown who it is. `false` if there are too many of those, too.
    #[must_use]
    pub fn is_known(&mut self) -> bool {
        if self.known.is_some() {
            return true;
        }
        if let Ok(permit) = self.door.known.clone().try_acquire_owned() {
            self.leave();
            self.known = Some(permit);
            return true;
        }
        false
    }

    fn leave(&mut self) {
        if let Some(room) = self.room.take() {
            self.door.crowd().leave(room, self.source, self.id);
        }
        self.door.ends().remove(&self.id);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.leave();
        if self.end.is_cancelled() {
            self.door.leaving.send_modify(|leaving| *leaving -= 1);
        }
    }
}

/// Opens a port. The queue of connections that nobody has accepted yet is long, because whoever does not find a place
/// in it tries again after a second only, and a crowd comes in bursts.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUED)
}

/// Hands each connection to `serve` as soon as it has said something, until `stop`; then waits a moment for those
/// that are open. Until its guest is known, `serve` has to end when it is shed.
pub async fn until_stopped<F>(
    listener: &TcpListener,
    door: &Arc<Door>,
    stop: &CancellationToken,
    serve: impl Fn(TcpStream, SocketAddr, Guest) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let tracker = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = async {
                door.until_clear().await;
                listener.accept().await
            } => accepted,
        };
        match accepted {
            Ok((tcp, from)) => {
                // Without this, Nagle's algorithm and delayed acknowledgements cost 40 ms each.
                let _ = tcp.set_nodelay(true);
                let Some(guest) = door.enter(from) else { continue };
                let (serve, stop) = (serve.clone(), stop.clone());
                tracker.spawn(async move {
                    // Nothing is made ready for a connection that is silent: it costs a descriptor and little else.
                    let (shed, mut first) = (guest.shed(), [0]);
                    let speaks = tokio::select! {
                        () = shed.cancelled() => false,
                        () = stop.cancelled() => false,
                        ready = tokio::time::timeout(SILENT, tcp.peek(&mut first)) => matches!(ready, Ok(Ok(1))),
                    };
                    if speaks {
                        Box::pin(serve(tcp, from, guest)).await;
                    }
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely; accepting again at once would spin.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    tracker.close();
    let _ = tokio::time::timeout(FAREWELL + Duration::from_secs(1), tracker.wait()).await;
}

/// Raises the number of descriptors that this process may have to what the system allows it, and tells how many
/// connections of known agents that leaves room for, at most `wanted`.
pub fn room_for(wanted: usize) -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    if soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(%error, soft, hard, "the number of open files could not be raised");
    }
    let allowed = getrlimit(Resource::RLIMIT_NOFILE).map_or(soft, |(soft, _)| soft);
    let room = usize::try_from(allowed.saturating_sub(RESERVE)).unwrap_or(usize::MAX).max(16);
    if room < wanted {
        tracing::info!(allowed, room, "the limit of open files bounds the number of agents' connections");
    }
    room.min(wanted)
}
