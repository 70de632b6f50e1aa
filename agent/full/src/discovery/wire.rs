//! The socket by which a subnet's stations are asked.
//!
//! A packet socket needs the privilege that hearing LLDP needs anyway (CAP_NET_RAW). The other way, to let the kernel
//! ask by sending each address a datagram, needs none, but it fills the kernel's own table of neighbours with
//! addresses that nobody has, on a gateway whose traffic lives by that table; and of two stations that answer for one
//! address the table shows one.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, MsgFlags, SockaddrIn, SockaddrStorage, bind, send};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::sync::mpsc;
use wasl_model::assignment::SweepAssignment;
use wasl_probe::arp::{self, Mac, Said};

use super::listener::receive;

/// Frames a second that are looked into: twice what the fastest sweep is answered.
const FRAMES: u32 = 400;
/// What is heard and may wait; the rest is lost, and comes again.
const QUEUE: usize = 256;
/// How soon the thread sees that nobody listens any more.
const LOOK: Duration = Duration::from_millis(500);
/// The kind of hardware that Ethernet is (`ARPHRD_ETHER`), which every bridge, VLAN and veth calls itself, too.
const ETHERNET: u16 = 1;

/// Why nobody can be asked.
#[derive(Debug, Error)]
pub(super) enum OpenError {
    /// The interface is not there, or has no hardware address.
    #[error("there is no Ethernet interface {0}; `ip link` shows what there is")]
    NoInterface(String),
    /// It is switched off.
    #[error("the interface {0} is down")]
    Down(String),
    /// It is on another subnet.
    #[error("the interface {0} has no address on {1}/{2}, and a question must come from there")]
    NoAddress(String, Ipv4Addr, u8),
    /// The kernel refuses.
    #[error("stations cannot be asked; the agent needs CAP_NET_RAW for it")]
    Socket(#[source] io::Error),
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) mac: Mac,
    pub(super) ip: Ipv4Addr,
    link: LinkAddr,
}

impl Own {
    /// What this host is called on a subnet now.
    pub(super) fn find(wanted: &SweepAssignment) -> Result<Self, OpenError> {
        let name = &wanted.interface;
        let all = getifaddrs().map_err(|errno| OpenError::Socket(errno.into()))?;
        let all: Vec<InterfaceAddress> = all.filter(|one| one.interface_name == *name).collect();
        let addresses = || all.iter().filter_map(|one| one.address.as_ref());
        let link = addresses().find_map(SockaddrStorage::as_link_addr);
        let link = link.filter(|link| link.hatype() == ETHERNET && link.halen() == 6).copied();
        let (Some(link), Some(mac)) = (link, link.and_then(|link| link.addr())) else {
            return Err(OpenError::NoInterface(name.clone()));
        };
        if !all.iter().any(|one| one.flags.contains(InterfaceFlags::IFF_UP)) {
            return Err(OpenError::Down(name.clone()));
        }
        let mask = u32::MAX.checked_shl(32 - u32::from(wanted.prefix)).unwrap_or(0);
        let ip = addresses()
            .filter_map(|address| address.as_sockaddr_in().map(SockaddrIn::ip))
            .find(|ip| u32::from(*ip) & mask == u32::from(wanted.network));
        let ip = ip.ok_or_else(|| OpenError::NoAddress(name.clone(), wanted.network, wanted.prefix))?;
        Ok(Self { mac: Mac(mac), ip, link })
    }
}

/// A socket on one interface, and a thread that hears what comes by it. The thread ends when this is dropped.
pub(super) struct Wire {
    socket: Arc<Socket>,
    own: Own,
    heard: mpsc::Receiver<io::Result<Said>>,
}

impl Wire {
    /// Opens it.
    pub(super) fn open(own: Own) -> Result<Self, OpenError> {
        let open = || -> io::Result<_> {
            // The kernel wants the EtherType in the order of the wire (packet(7)).
            let protocol = Protocol::from(i32::from(arp::ETHERTYPE.to_be()));
            let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
            bind(socket.as_raw_fd(), &own.link)?;
            socket.set_read_timeout(Some(LOOK))?;
            let socket = Arc::new(socket);
            let (out, heard) = mpsc::channel(QUEUE);
            let hears = socket.clone();
            std::thread::Builder::new().name("arp".into()).spawn(move || listen(&hears, &own, &out))?;
            Ok(Self { socket, own, heard })
        };
        open().map_err(OpenError::Socket)
    }

    /// Asks who has an address. What the interface has no room for is not sent; the next round asks again.
    pub(super) fn ask(&self, ip: Ipv4Addr) -> io::Result<()> {
        let request = arp::request(self.own.mac, self.own.ip, ip);
        match send(self.socket.as_raw_fd(), &request, MsgFlags::MSG_DONTWAIT) {
            Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// What somebody says next.
    pub(super) async fn next(&mut self) -> io::Result<Said> {
        self.heard.recv().await.unwrap_or_else(|| Err(io::Error::other("the listening thread has ended")))
    }
}

fn listen(socket: &Socket, own: &Own, out: &mpsc::Sender<io::Result<Said>>) {
    let mut buffer = [0; arp::MAX_FRAME];
    let (mut since, mut looked) = (Instant::now(), 0);
    while !out.is_closed() {
        let (length, index) = match receive(socket, &mut buffer) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(errno) => {
                let _ = out.blocking_send(Err(errno.into()));
                return;
            }
        };
        if since.elapsed() >= Duration::from_secs(1) {
            (since, looked) = (Instant::now(), 0);
        }
        looked += 1;
        // Until it was bound the socket heard every interface.
        if looked > FRAMES || index != Some(own.link.ifindex()) {
            continue;
        }
        if let Ok(said) = arp::frame(&buffer[..length]) {
            let _ = out.try_send(Ok(said));
        }
    }
}
