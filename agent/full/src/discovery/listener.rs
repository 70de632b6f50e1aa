//! The socket at which announcements are heard, on a thread of its own.
//!
//! One packet socket for the LLDP EtherType hears every interface; the kernel says by which one a frame
//! came. What a network card does not pass on is not heard; see [`super::reach`].

use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::net::if_::if_indextoname;
use nix::sys::socket::{LinkAddr, MsgFlags, SockaddrStorage, recvmsg};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;
use wasl_probe::lldp::{self, Announcement, ETHERTYPE, MAX_FRAME};

/// Frames a second that are looked into: a port's neighbour sends one in thirty seconds.
const FRAMES: u32 = 100;
/// Announcements that may wait; what comes while they do is lost, and comes again.
const QUEUE: usize = 64;
/// How soon the thread sees that nobody listens any more.
const LOOK: Duration = Duration::from_millis(500);

/// Announcements as they come, each with the name of the interface that it came by. The thread ends when this is
/// dropped.
pub(super) struct Listener(mpsc::Receiver<io::Result<(String, Announcement)>>);

impl Listener {
    /// Opens the socket, which needs CAP_NET_RAW, and starts the thread.
    pub(super) fn open() -> io::Result<Self> {
        // The kernel wants the EtherType in the order of the wire (packet(7)).
        let protocol = Protocol::from(i32::from(ETHERTYPE.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
        socket.set_read_timeout(Some(LOOK))?;
        let (send, receive) = mpsc::channel(QUEUE);
        std::thread::Builder::new().name("lldp".into()).spawn(move || listen(&socket, &send))?;
        Ok(Self(receive))
    }

    /// The next announcement.
    pub(super) async fn next(&mut self) -> io::Result<(String, Announcement)> {
        self.0.recv().await.unwrap_or_else(|| Err(io::Error::other("the listening thread has ended")))
    }
}

fn listen(socket: &Socket, out: &mpsc::Sender<io::Result<(String, Announcement)>>) {
    let mut buffer = vec![0; MAX_FRAME];
    let (mut since, mut looked) = (Instant::now(), 0);
    while !out.is_closed() {
        let (length, index) = match receive(socket, &mut buffer) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => continue,
            Err(errno) => {
                let _ = out.blocking_send(Err(errno.into()));
                return;
            }
        };
        if since.elapsed() >= Duration::from_secs(1) {
            (since, looked) = (Instant::now(), 0);
        }
        looked += 1;
        if looked > FRAMES {
            continue;
        }
        let name = index.and_then(|index| if_indextoname(u32::try_from(index).ok()?).ok());
        let Some(name) = name.and_then(|name| name.into_string().ok()) else { continue };
        if let Ok(announcement) = lldp::frame(&buffer[..length]) {
            let _ = out.try_send(Ok((name, announcement)));
        }
    }
}

/// A frame's length, and the number of the interface that it came by.
pub(super) fn receive(socket: &Socket, buffer: &mut [u8]) -> nix::Result<(usize, Option<usize>)> {
    let mut slices = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, None, MsgFlags::empty())?;
    let from = message.address.as_ref().and_then(SockaddrStorage::as_link_addr);
    Ok((message.bytes, from.map(LinkAddr::ifindex)))
}
