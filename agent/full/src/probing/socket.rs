//! ICMP echo sockets: whichever kind the kernel permits, with a kernel time stamp on every answer.
//!
//! Linux has two kinds. Datagram sockets need no privilege but a group within
//! `net.ipv4.ping_group_range` (which by default admits nobody, not even root); raw sockets need
//! CAP_NET_RAW. The stamp (`SO_TIMESTAMPNS`) is taken when the packet enters the network stack, so
//! the round-trip time does not depend on when this process gets to run.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrStorage, getsockopt, sendmmsg, setsockopt,
    sockopt::{RcvBufForce, ReceiveTimestampns},
};
use nix::{getsockopt_impl, libc, setsockopt_impl, sockopt_impl};
use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};
use thiserror::Error;
use wasl_model::ProbeMethod;
use wasl_model::assignment::Via;
use wasl_probe::icmp::{Family, MAGIC, MAGIC_OFFSET, MESSAGE_LEN, V4_ECHO_REPLY, V6_ECHO_REPLY};

use crate::arrival::{self, AT_ONCE};

/// Answers to some thousand probes may wait while the machine is busy.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Longer than any answer to a probe of ours, IP options included.
const PACKET: usize = 256;

/// Why there is no ICMP socket.
#[derive(Debug, Error)]
pub(super) enum OpenError {
    /// Neither kind is permitted.
    #[error("the kernel permits this process neither datagram nor raw ICMP sockets")]
    NotPermitted(#[source] io::Error),
    /// Something else, such as a machine without IPv6.
    #[error("could not open an ICMP socket for IP{}", match .0 { Family::V4 => "v4", Family::V6 => "v6" })]
    Unavailable(Family, #[source] io::Error),
    /// The interface or address that probes are to leave by is not there.
    #[error("could not send by {}; is it there?", match .0 { Via::Interface(name) => name.clone(), Via::Source(ip) => ip.to_string() })]
    NoSuchWay(Via, #[source] io::Error),
}

/// One socket for all targets of one address family.
pub(super) struct EchoSocket {
    socket: Socket,
    method: ProbeMethod,
    packets: Vec<u8>,
    /// How many answers the buffer has had no room for.
    dropped: u32,
}

/// A request that is ready to be sent.
pub(super) type Request = ([u8; MESSAGE_LEN], SocketAddr);

/// A packet that was received; its bytes are not checked.
pub(super) struct Received<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) from: IpAddr,
    /// The kernel's wall-clock stamp, since 1970-01-01T00:00:00Z.
    pub(super) arrived: Option<Duration>,
}

impl EchoSocket {
    /// A non-blocking datagram socket where it is permitted, else a raw one; bound to the way that its probes
    /// must leave by, if one is given.
    pub(super) fn open(family: Family, via: Option<&Via>) -> Result<Self, OpenError> {
        let (domain, protocol) = match family {
            Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let open = |kind: Type| Socket::new(domain, kind.nonblocking(), Some(protocol));
        let (socket, method) = match open(Type::DGRAM) {
            Ok(socket) => (socket, ProbeMethod::IcmpDatagram),
            Err(_) => match open(Type::RAW) {
                Ok(socket) => (socket, ProbeMethod::IcmpRaw),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(OpenError::NotPermitted(error));
                }
                Err(error) => return Err(OpenError::Unavailable(family, error)),
            },
        };
        if let Some(via) = via {
            bind(&socket, via).map_err(|error| OpenError::NoSuchWay(via.clone(), error))?;
        }
        let unavailable = |error: io::Error| OpenError::Unavailable(family, error);
        setsockopt(&socket, ReceiveTimestampns, &true).map_err(|errno| unavailable(errno.into()))?;
        // What follows makes it better but is not needed to measure.
        if setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER).is_err() {
            let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        }
        if family == Family::V4 {
            let _ = setsockopt(&socket, MtuDiscover, &libc::IP_PMTUDISC_DO);
        }
        if method == ProbeMethod::IcmpRaw {
            let _ = match family {
                Family::V4 => setsockopt(&socket, IcmpFilter, &!(1 << V4_ECHO_REPLY)),
                Family::V6 => setsockopt(&socket, Icmp6Filter, &only_type(V6_ECHO_REPLY)),
            };
            let _ = socket.attach_filter(&only_our_replies(family));
        }
        Ok(Self { socket, method, packets: vec![0; PACKET * AT_ONCE], dropped: 0 })
    }

    /// Which kind it became.
    pub(super) fn method(&self) -> ProbeMethod {
        self.method
    }

    /// Sends requests in their order by one call; how many have left. If that is not all, the next could not be
    /// sent, and sending it again tells why.
    ///
    /// # Errors
    ///
    /// That of the first request.
    pub(super) fn send(&self, requests: &[Request]) -> io::Result<usize> {
        if let [(message, to)] = requests {
            return self.socket.send_to(message, &SockAddr::from(*to)).map(|_| 1);
        }
        let slices: Vec<_> = requests.iter().map(|(message, _)| [IoSlice::new(message)]).collect();
        let to: Vec<_> = requests.iter().map(|(_, to)| Some(SockaddrStorage::from(*to))).collect();
        let mut headers = MultiHeaders::preallocate(requests.len(), None);
        let sent = sendmmsg(self.socket.as_raw_fd(), &mut headers, &slices, to, [], MsgFlags::empty())?;
        Ok(sent.count())
    }

    /// Hands over packets that wait, as many as one call takes; how many they were.
    pub(super) fn receive(&mut self, mut take: impl FnMut(&Received<'_>)) -> io::Result<usize> {
        arrival::receive_many(&self.socket, &mut self.packets, PACKET, |bytes, arrival| {
            take(&Received { bytes, from: arrival.from.ip(), arrived: arrival.at });
        })
    }

    /// Whether the buffer has had no room for an answer since this was last asked. The kernel is asked for its count
    /// because it tells it beside packets (SO_RXQ_OVFL) on raw sockets only, and not before the next one arrives.
    pub(super) fn overflowed(&mut self) -> bool {
        let dropped = getsockopt(&self.socket, MemInfo).map_or(self.dropped, |counts| counts[MEMINFO_DROPS]);
        std::mem::replace(&mut self.dropped, dropped) != dropped
    }
}

/// Makes packets leave by this way only, and answers count only where they come in by it. Both are permitted to
/// everybody (SO_BINDTODEVICE since Linux 5.7). An address alone would not do: by which interface a packet leaves is
/// chosen by where it goes, so the interface that has the address is bound to as well.
pub(super) fn bind(socket: &Socket, via: &Via) -> io::Result<()> {
    match via {
        Via::Interface(name) => socket.bind_device(Some(name.as_bytes())),
        Via::Source(address) => {
            socket.bind(&SockAddr::from(SocketAddr::new(*address, 0)))?;
            match interface_of(*address)? {
                Some(name) => socket.bind_device(Some(name.as_bytes())),
                None => Ok(()),
            }
        }
    }
}

/// The interface that has an address. None for one that belongs to the machine as a whole, as on the loopback or a dummy
/// interface, and for one that several lines share.
fn interface_of(address: IpAddr) -> io::Result<Option<String>> {
    let leads = |flags: InterfaceFlags| {
        let nowhere =
            flags.contains(InterfaceFlags::IFF_NOARP) && !flags.contains(InterfaceFlags::IFF_POINTOPOINT);
        !flags.contains(InterfaceFlags::IFF_LOOPBACK) && !nowhere
    };
    let has = |one: &InterfaceAddress| {
        one.address.as_ref().and_then(arrival::address_of).is_some_and(|own| own.ip() == address)
    };
    let mut having = getifaddrs()?.filter(has);
    let (first, another) = (having.next(), having.next());
    Ok(first.filter(|one| another.is_none() && leads(one.flags)).map(|one| one.interface_name))
}

impl AsFd for EchoSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

sockopt_impl!(
    /// The types of ICMP messages that a raw socket is not given, a bit for each of the first 32 (raw(7)). Others are
    /// not even copied for it.
    IcmpFilter,
    SetOnly,
    libc::SOL_RAW,
    ICMP_FILTER,
    u32
);

sockopt_impl!(
    /// The types of ICMPv6 messages that a raw socket is not given, a bit for each (RFC 3542, section 3.2; Linux blocks
    /// where the bit is set).
    Icmp6Filter,
    SetOnly,
    libc::IPPROTO_ICMPV6,
    ICMPV6_FILTER,
    [u32; 8]
);

sockopt_impl!(
    /// Whether packets may be cut into pieces on their way (ip(7)). Where they may not, they need no identification
    /// (RFC 6864, section 4.1), and the kernel need not draw one for each, which takes it a tenth of what a probe costs.
    MtuDiscover,
    SetOnly,
    libc::IPPROTO_IP,
    libc::IP_MTU_DISCOVER,
    i32
);

sockopt_impl!(
    /// The counts that `ss -m` shows of a socket (Linux 4.12): at [`MEMINFO_DROPS`] the packets that found no room.
    MemInfo,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; 9]
);

const MEMINFO_DROPS: usize = 8;
const ICMP_FILTER: i32 = 1;
const ICMPV6_FILTER: i32 = 1;

/// An ICMPv6 filter that lets through one type only.
fn only_type(kind: u8) -> [u32; 8] {
    let mut blocked = [u32::MAX; 8];
    blocked[usize::from(kind / 32)] &= !(1 << (kind % 32));
    blocked
}

/// A raw socket receives every ICMP message that reaches the machine. This program for the kernel's packet filter lets only
/// echo replies with our magic word wake us; what gets through is still checked in full.
fn only_our_replies(family: Family) -> Vec<SockFilter> {
    const LOAD_HEADER_LENGTH: u16 = 0xb1; // X = 4 * (packet[k] & 0xf)
    const LOAD_BYTE: u16 = 0x30; // A = packet[k]
    const LOAD_WORD: u16 = 0x20;
    const BEYOND_X: u16 = 0x20; // added to a load: packet[X + k]
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;

    let magic = u32::from_be_bytes(MAGIC);
    let (kind, beyond) = match family {
        Family::V4 => (V4_ECHO_REPLY, BEYOND_X),
        Family::V6 => (V6_ECHO_REPLY, 0),
    };
    let mut program = Vec::new();
    if family == Family::V4 {
        program.push(SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0));
    }
    program.extend([
        SockFilter::new(LOAD_BYTE + beyond, 0, 0, 0),
        SockFilter::new(JUMP_EQUAL, 0, 3, u32::from(kind)),
        SockFilter::new(LOAD_WORD + beyond, 0, 0, MAGIC_OFFSET as u32),
        SockFilter::new(JUMP_EQUAL, 0, 1, magic),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]);
    program
}

#[cfg(test)]
mod tests;
