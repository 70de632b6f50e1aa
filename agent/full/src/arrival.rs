//! Receiving with the kernel's stamp of the moment.
//!
//! The stamp (`SO_TIMESTAMPNS`) is taken when the packet enters the network stack, so what is measured does not
//! depend on when this process gets to run.

use std::array;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, recvmsg,
};
use nix::sys::time::TimeSpec;

/// The most packets that [`receive_many`] takes.
pub(crate) const AT_ONCE: usize = 64;

/// A packet that was received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// How much of the buffer it fills; a longer packet was cut to the buffer.
    pub(crate) length: usize,
    pub(crate) from: SocketAddr,
    /// The kernel's wall-clock stamp, since 1970-01-01T00:00:00Z.
    pub(crate) at: Option<Duration>,
}

/// Room for what the kernel says beside a packet.
pub(crate) fn control() -> Vec<u8> {
    nix::cmsg_space!(TimeSpec)
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
    Ok(Some(arrival(&message)?))
}

/// The packets that wait at a datagram socket, as many as `packets` has room for at `size` bytes each, by one
/// call and without waiting; how many they were.
///
/// # Errors
///
/// Of the call; what `take` was given before is whole.
pub(crate) fn receive_many(
    socket: &impl AsRawFd,
    packets: &mut [u8],
    size: usize,
    mut take: impl FnMut(&[u8], &Arrival),
) -> io::Result<usize> {
    let mut rooms = packets.chunks_exact_mut(size);
    // Made anew each time, because the kernel notes in the headers how much room it has used, and would find only
    // so much the next time.
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(rooms.len().min(AT_ONCE), Some(control()));
    let mut slices: [_; AT_ONCE] = array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
    let fd = socket.as_raw_fd();
    let messages = match recvmmsg(fd, &mut headers, &mut slices, MsgFlags::MSG_DONTWAIT, None) {
        Ok(messages) => messages,
        Err(Errno::EAGAIN) => return Ok(0),
        Err(errno) => return Err(errno.into()),
    };
    let mut count = 0;
    for message in messages {
        take(message.iovs().next().unwrap_or_default(), &arrival(&message)?);
        count += 1;
    }
    Ok(count)
}

/// What the kernel says of a packet.
fn arrival(message: &RecvMsg<'_, '_, SockaddrStorage>) -> io::Result<Arrival> {
    let at = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    });
    let from = message.address.as_ref().and_then(address_of).ok_or(Errno::EAFNOSUPPORT)?;
    Ok(Arrival { length: message.bytes, from, at })
}

/// An Internet address, if it is one.
pub(crate) fn address_of(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|a| SocketAddr::V4((*a).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|a| SocketAddr::V6((*a).into())))
}
