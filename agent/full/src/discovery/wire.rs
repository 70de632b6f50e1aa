//! The socket by which a subnet's stations are asked and heard.
//!
//! A packet socket needs the privilege that hearing LLDP needs anyway (CAP_NET_RAW). The other way, to let the kernel
//! ask by sending each address a datagram, needs none, but it fills the kernel's own table of neighbours with
//! addresses that nobody has, on a gateway whose traffic lives by that table; and of two stations that answer for one
//! address the table shows one.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage, bind, send};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use thiserror::Error;
use tokio::sync::mpsc;
use wasl_model::Prefix;
use wasl_model::assignment::{Sweep6Assignment, SweepAssignment};
use wasl_probe::arp::{self, Mac};
use wasl_probe::{nd, sweep6};

use super::listener::receive;

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
    NoAddress(String, IpAddr, u8),
    /// It does not speak IPv6.
    #[error(
        "the interface {0} has no link-local address of IPv6, and questions come from it; IPv6 may be switched off there \
         (`sysctl net.ipv6.conf.{0}.disable_ipv6`)"
    )]
    NoLocal(String),
    /// The kernel refuses.
    #[error("stations cannot be asked; the agent needs CAP_NET_RAW for it")]
    Socket(#[source] io::Error),
}

/// An interface as it is now.
struct Interface {
    all: Vec<InterfaceAddress>,
    link: LinkAddr,
    mac: Mac,
}

impl Interface {
    fn find(name: &str) -> Result<Self, OpenError> {
        let all = getifaddrs().map_err(|errno| OpenError::Socket(errno.into()))?;
        let all: Vec<InterfaceAddress> = all.filter(|one| one.interface_name == *name).collect();
        let mut addresses = all.iter().filter_map(|one| one.address.as_ref());
        let link = addresses.find_map(SockaddrStorage::as_link_addr);
        let link = link.filter(|link| link.hatype() == ETHERNET && link.halen() == 6).copied();
        let (Some(link), Some(mac)) = (link, link.and_then(|link| link.addr())) else {
            return Err(OpenError::NoInterface(name.to_owned()));
        };
        if !all.iter().any(|one| one.flags.contains(InterfaceFlags::IFF_UP)) {
            return Err(OpenError::Down(name.to_owned()));
        }
        Ok(Self { all, link, mac: Mac(mac) })
    }

    fn addresses(&self) -> impl Iterator<Item = &SockaddrStorage> {
        self.all.iter().filter_map(|one| one.address.as_ref())
    }
}

/// Who asks by ARP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) mac: Mac,
    pub(super) ip: std::net::Ipv4Addr,
    pub(super) link: LinkAddr,
}

impl Own {
    /// What this host is called on a subnet now.
    pub(super) fn find(wanted: &SweepAssignment) -> Result<Self, OpenError> {
        let SweepAssignment { interface: name, network, prefix, .. } = wanted;
        let interface = Interface::find(name)?;
        let subnet = Prefix::of((*network).into(), *prefix);
        let ip = interface
            .addresses()
            .filter_map(|address| address.as_sockaddr_in().map(SockaddrIn::ip))
            .find(|ip| subnet.is_some_and(|subnet| subnet.contains((*ip).into())));
        let ip = ip.ok_or_else(|| OpenError::NoAddress(name.clone(), (*network).into(), *prefix))?;
        Ok(Self { mac: interface.mac, ip, link: interface.link })
    }
}

/// Who asks by Neighbour Discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Own6 {
    pub(super) own: sweep6::Own,
    pub(super) link: LinkAddr,
}

impl Own6 {
    /// What this host is called on a subnet now.
    pub(super) fn find(wanted: &Sweep6Assignment) -> Result<Self, OpenError> {
        let Sweep6Assignment { interface: name, network, prefix, .. } = wanted;
        let interface = Interface::find(name)?;
        let addresses = || interface.addresses().filter_map(|a| a.as_sockaddr_in6().map(SockaddrIn6::ip));
        let local = addresses().find(|ip| nd::is_link_local(*ip));
        let local = local.ok_or_else(|| OpenError::NoLocal(name.clone()))?;
        let subnet = Prefix::of((*network).into(), *prefix);
        let is_there = |ip: &std::net::Ipv6Addr| subnet.is_some_and(|subnet| subnet.contains((*ip).into()));
        // The lowest, so that it is the same one each time.
        let ip = addresses().filter(|ip| is_there(ip) && !nd::is_link_local(*ip)).min();
        Ok(Self { own: sweep6::Own { mac: interface.mac, local, ip }, link: interface.link })
    }
}

/// What is heard of a wire.
pub(super) struct Hearing<T> {
    /// The thread's name.
    pub(super) name: &'static str,
    pub(super) ethertype: u16,
    pub(super) longest: usize,
    /// What the kernel lets through, if not everything of that type.
    pub(super) filter: Vec<SockFilter>,
    /// Frames a second that are looked into.
    pub(super) frames: u32,
    /// What is heard and may wait; the rest is lost, and comes again.
    pub(super) queue: usize,
    pub(super) read: fn(&[u8], u64) -> Option<T>,
}

/// ARP: twice what the fastest sweep is answered.
pub(super) fn arp() -> Hearing<arp::Said> {
    Hearing {
        name: "arp",
        ethertype: arp::ETHERTYPE,
        longest: arp::MAX_FRAME,
        filter: Vec::new(),
        frames: 400,
        queue: 256,
        read: |frame, _| arp::frame(frame).ok(),
    }
}

/// Neighbour Discovery. Everybody who is called answers at once, by a question and an answer.
pub(super) fn neighbours() -> Hearing<nd::Said> {
    Hearing {
        name: "nd",
        ethertype: nd::ETHERTYPE,
        longest: nd::MAX_FRAME,
        filter: only_neighbours(),
        frames: 4_000,
        queue: 1_024,
        read: |frame, nonce| nd::frame(frame, nonce).ok(),
    }
}

/// A packet socket for IPv6 hears all that comes to this host, on a gateway all that goes through it. This program for the
/// kernel's packet filter lets only the messages through that are read; what gets through is still checked in full.
fn only_neighbours() -> Vec<SockFilter> {
    const LOAD_HALF: u16 = 0x28; // A = packet[k..k + 2]
    const LOAD_BYTE: u16 = 0x30; // A = packet[k]
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;

    let types = nd::TYPES.len() as u8;
    let mut program = vec![
        SockFilter::new(LOAD_HALF, 0, 0, 12),
        SockFilter::new(JUMP_EQUAL, 0, types + 3, u32::from(nd::ETHERTYPE)),
        SockFilter::new(LOAD_BYTE, 0, 0, 14 + 6),
        SockFilter::new(JUMP_EQUAL, 0, types + 1, u32::from(nd::ICMPV6)),
        SockFilter::new(LOAD_BYTE, 0, 0, 14 + 40),
    ];
    // Each jumps over the ones behind it and the refusal.
    program.extend(
        (0..types).zip(nd::TYPES).map(|(n, kind)| SockFilter::new(JUMP_EQUAL, types - n, 0, u32::from(kind))),
    );
    program.extend([SockFilter::new(RETURN, 0, 0, 0), SockFilter::new(RETURN, 0, 0, u32::MAX)]);
    program
}

/// A socket on one interface, and a thread that hears what comes by it. The thread ends when this is dropped.
pub(super) struct Wire<T> {
    socket: Arc<Socket>,
    heard: mpsc::Receiver<io::Result<T>>,
}

impl<T: Send + 'static> Wire<T> {
    /// Opens it. `nonce` is what this process's calls carry.
    pub(super) fn open(link: LinkAddr, hearing: Hearing<T>, nonce: u64) -> Result<Self, OpenError> {
        let open = || -> io::Result<_> {
            // The kernel wants the EtherType in the order of the wire (packet(7)).
            let protocol = Protocol::from(i32::from(hearing.ethertype.to_be()));
            let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
            if !hearing.filter.is_empty() {
                socket.attach_filter(&hearing.filter)?;
            }
            bind(socket.as_raw_fd(), &link)?;
            socket.set_read_timeout(Some(LOOK))?;
            let socket = Arc::new(socket);
            let (out, heard) = mpsc::channel(hearing.queue);
            let hears = socket.clone();
            let thread = std::thread::Builder::new().name(hearing.name.into());
            thread.spawn(move || listen(&hears, link.ifindex(), &hearing, nonce, &out))?;
            Ok(Self { socket, heard })
        };
        open().map_err(OpenError::Socket)
    }

    /// Sends a question. What the interface has no room for is not sent; the next round asks again.
    pub(super) fn ask(&self, frame: &[u8]) -> io::Result<()> {
        match send(self.socket.as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT) {
            Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// What somebody says next.
    pub(super) async fn next(&mut self) -> io::Result<T> {
        self.heard.recv().await.unwrap_or_else(|| Err(io::Error::other("the listening thread has ended")))
    }
}

fn listen<T>(
    socket: &Socket,
    interface: usize,
    hearing: &Hearing<T>,
    nonce: u64,
    out: &mpsc::Sender<io::Result<T>>,
) {
    let mut buffer = vec![0; hearing.longest];
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
        // Until it was bound the socket heard every interface, and until it had its filter, everything.
        if looked > hearing.frames || index != Some(interface) {
            continue;
        }
        if let Some(said) = (hearing.read)(&buffer[..length], nonce) {
            let _ = out.try_send(Ok(said));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// The kernel itself runs the program, on a pair of sockets that need no privilege.
    #[test]
    fn the_kernel_lets_through_what_is_read_and_nothing_else() {
        let (mut here, mut there) = Socket::pair(Domain::UNIX, Type::DGRAM, None).expect("a pair");
        here.attach_filter(&only_neighbours()).expect("a sound program");
        here.set_nonblocking(true).expect("it can be");
        let mut passes = |frame: &[u8]| {
            there.write_all(frame).expect("sent");
            here.read(&mut [0; 200]).is_ok()
        };
        let own = Mac([2, 0, 0, 0, 0, 1]);
        let sound =
            nd::solicit(own, "fe80::1".parse().expect("valid"), own, "fe80::2".parse().expect("valid"));
        let with = |place: usize, byte: u8| {
            let mut frame = sound;
            frame[place] = byte;
            frame
        };
        let through: Vec<u8> = (0..=255).filter(|kind| passes(&with(54, *kind))).collect();
        assert_eq!(through, nd::TYPES);
        for (place, byte) in [(12, 0x08), (13, 0), (20, 6), (20, 17), (20, 0)] {
            assert!(!passes(&with(place, byte)), "{byte} at {place}");
        }
        assert!(!passes(&sound[..54]), "an end before the type");
    }
}
