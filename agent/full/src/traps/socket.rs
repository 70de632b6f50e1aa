//! The port at which notifications arrive.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
    sockopt::{RcvBufForce, RxqOvfl},
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Several seconds of a flood of a thousand notifications a second.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Longer than what a device sends in one datagram; what is longer is malformed.
const DATAGRAM: usize = 8_192;

/// A bound UDP socket.
pub(super) struct Port {
    socket: Arc<UdpSocket>,
    buffer: Vec<u8>,
    control: Vec<u8>,
    /// The kernel's count of datagrams that its buffer had no room for.
    overflowed: u32,
}

/// A datagram that arrived.
pub(super) struct Received<'a> {
    /// `None` if it was too long.
    pub(super) bytes: Option<&'a [u8]>,
    pub(super) from: SocketAddr,
    /// Datagrams that were lost for want of room since the one before.
    pub(super) lost: u32,
}

impl Port {
    /// Binds the address.
    pub(super) fn open(listen: SocketAddr) -> io::Result<Self> {
        let domain = if listen.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        // What follows makes it better but is not needed.
        let _ = setsockopt(&socket, RxqOvfl, &1);
        if setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER).is_err() {
            let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        }
        socket.bind(&listen.into())?;
        Ok(Self {
            socket: Arc::new(UdpSocket::from_std(socket.into())?),
            buffer: vec![0; DATAGRAM],
            control: nix::cmsg_space!(u32),
            overflowed: 0,
        })
    }

    /// For answers.
    pub(super) fn socket(&self) -> &Arc<UdpSocket> {
        &self.socket
    }

    /// The next datagram; `None` if there is none.
    pub(super) fn receive(&mut self) -> io::Result<Option<Received<'_>>> {
        let fd = self.socket.as_raw_fd();
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let control = &mut self.control;
        let received = self.socket.try_io(Interest::READABLE, || {
            let flags = MsgFlags::MSG_DONTWAIT;
            let message = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(control), flags)?;
            let mut overflowed = None;
            for control in message.cmsgs()? {
                if let ControlMessageOwned::RxqOvfl(count) = control {
                    overflowed = Some(count);
                }
            }
            let from = message.address.as_ref().and_then(address).ok_or(Errno::EAFNOSUPPORT)?;
            let whole = !message.flags.contains(MsgFlags::MSG_TRUNC);
            Ok((from, whole.then_some(message.bytes), overflowed))
        });
        let (from, length, overflowed) = match received {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        let overflowed = overflowed.unwrap_or(self.overflowed);
        let lost = overflowed.wrapping_sub(std::mem::replace(&mut self.overflowed, overflowed));
        Ok(Some(Received { bytes: length.map(|length| &self.buffer[..length]), from, lost }))
    }
}

fn address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|a| SocketAddr::new(IpAddr::V4(a.ip()), a.port()));
    v4.or_else(|| address.as_sockaddr_in6().map(|a| SocketAddr::new(IpAddr::V6(a.ip()), a.port())))
}
