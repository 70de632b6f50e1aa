//! A UDP socket of which the kernel stamps what arrives.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::ReceiveTimestampns};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use wasl_probe::stamp::packet::MAX_LEN;

use crate::arrival;

/// One octet more than is read, so that a longer packet is known for that.
const PACKET: usize = MAX_LEN + 1;

pub(super) struct StampSocket {
    socket: UdpSocket,
    packet: Box<[u8; PACKET]>,
    control: Vec<u8>,
}

/// A packet that was received; its bytes are not checked.
pub(super) struct Received<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) from: SocketAddr,
    /// The kernel's wall-clock stamp, since 1970-01-01T00:00:00Z.
    pub(super) at: Option<Duration>,
}

impl StampSocket {
    /// A socket that listens at this address.
    pub(super) fn listen(at: SocketAddr) -> io::Result<Self> {
        let socket = open(at)?;
        socket.bind(&at.into())?;
        Self::new(socket)
    }

    /// A socket that hears only this peer, at a port that the kernel picks, by this interface if one is named.
    pub(super) fn connect(to: SocketAddr, via: Option<&str>) -> io::Result<Self> {
        let socket = open(to)?;
        if let Some(via) = via {
            socket.bind_device(Some(via.as_bytes()))?;
        }
        let any: SocketAddr =
            if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        socket.bind(&any.into())?;
        socket.connect(&to.into())?;
        Self::new(socket)
    }

    fn new(socket: Socket) -> io::Result<Self> {
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self { socket, packet: Box::new([0; PACKET]), control: arrival::control() })
    }

    /// The address that the socket has.
    pub(super) fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends to the peer. That an earlier packet was refused, which the kernel says here, is not this one's
    /// fault: it is tried once more.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        // At once: what would wait here would leave later than it says.
        let socket = SockRef::from(&self.socket);
        match socket.send(bytes) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => socket.send(bytes).map(drop),
            sent => sent.map(drop),
        }
    }

    /// Sends to this address.
    pub(super) fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        SockRef::from(&self.socket).send_to(bytes, &to.into()).map(drop)
    }

    /// Waits for the next packet.
    pub(super) async fn receive(&mut self) -> io::Result<Received<'_>> {
        let (packet, control) = (self.packet.as_mut_slice(), self.control.as_mut_slice());
        let socket = &self.socket;
        let next = || {
            let arrival = arrival::receive(socket, packet, control)?;
            arrival.ok_or_else(|| io::ErrorKind::WouldBlock.into())
        };
        let arrival = socket.async_io(Interest::READABLE, next).await?;
        Ok(Received { bytes: &self.packet[..arrival.length], from: arrival.from, at: arrival.at })
    }
}

fn open(at: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(at), Type::DGRAM.nonblocking(), Some(Protocol::UDP))
}
