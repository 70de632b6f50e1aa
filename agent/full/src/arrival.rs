//! Receiving with the kernel's stamp of the moment.
//!
//! The stamp (`SO_TIMESTAMPNS`) is taken when the packet enters the network stack, so what is measured does not
//! depend on when this process gets to run.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use nix::sys::time::TimeSpec;

/// A packet that was received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// How much of the buffer it fills; a longer packet was cut to the buffer.
    pub(crate) length: usize,
    pub(crate) from: SocketAddr,
    /// The kernel's wall-clock stamp, since 1970-01-01T00:00:00Z.
    pub(crate) at: Option<Duration>,
    /// How many packets the socket's buffer had no room for, if the kernel says so.
    pub(crate) overflowed: Option<u32>,
}

/// Room for what the kernel says beside a packet.
pub(crate) fn control() -> Vec<u8> {
    nix::cmsg_space!(TimeSpec, u32)
}

/// The next packet of a datagram socket, without waiting; `None` if there is none.
pub(crate) fn receive(
    socket: &impl AsRawFd,
    packet: &mut [u8],
    control: &mut [u8],
) -> io::Result<Option<Arrival>> {
    let mut slices = [IoSliceMut::new(packet)];
    let fd = socket.as_raw_fd();
    let message = match recvmsg::<SockaddrStorage>(fd, &mut slices, Some(control), MsgFlags::MSG_DONTWAIT) {
        Ok(message) => message,
        Err(Errno::EAGAIN) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let (mut at, mut overflowed) = (None, None);
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::ScmTimestampns(stamp) => at = Some(Duration::from(stamp)),
            ControlMessageOwned::RxqOvfl(count) => overflowed = Some(count),
            _ => {}
        }
    }
    let from = message.address.as_ref().and_then(address_of).ok_or(Errno::EAFNOSUPPORT)?;
    Ok(Some(Arrival { length: message.bytes, from, at, overflowed }))
}

fn address_of(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|a| SocketAddr::V4((*a).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|a| SocketAddr::V6((*a).into())))
}
