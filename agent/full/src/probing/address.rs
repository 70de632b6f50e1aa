//! From what an assignment names to an address that packets can be sent to.
//!
//! The default gateway and the name server are read from where the kernel and the C library keep
//! them, so that "the gateway of this machine" stays true when a laptop moves or a line fails over.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::{fs, net, time};
use wasl_model::assignment::Address;

/// The C library may take longer; then the lookup counts as failed.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Flags of `<linux/route.h>`.
const RTF_UP: u32 = 0x1;
const RTF_REJECT: u32 = 0x200;

/// Where this machine's routes and name servers are written.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The IPv4 routing table, as `/proc/net/route`.
    pub route_v4: PathBuf,
    /// The IPv6 routing table, as `/proc/net/ipv6_route`.
    pub route_v6: PathBuf,
    /// The resolver's configuration, as `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            route_v4: "/proc/net/route".into(),
            route_v6: "/proc/net/ipv6_route".into(),
            resolv_conf: "/etc/resolv.conf".into(),
        }
    }
}

/// Why there is no address to probe.
#[derive(Debug, Error)]
pub(super) enum LookupError {
    #[error("could not read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("this machine has no default route; connect it, or give the target an address")]
    NoDefaultRoute,
    #[error("the default route over {0} has no gateway address; give the target an address beyond it")]
    PointToPoint(String),
    #[error("{} names no name server; configure one, or give the target an address", .0.display())]
    NoNameServer(PathBuf),
    #[error("could not find an address for `{0}`; check its spelling and this machine's name servers")]
    Name(String, #[source] io::Error),
    #[error("`{0}` has no address; check its spelling")]
    NoAddress(String),
    #[error("no name server has answered for `{0}`; check this machine's name servers")]
    NoAnswer(String),
    #[error("{0} is not the address of one host; give the target another")]
    NotOneHost(IpAddr),
    #[error("{0} is valid on one link only; write it with the interface, such as {0}%eth0")]
    NeedsInterface(IpAddr),
    #[error("there is no interface `{0}` on this machine")]
    NoInterface(String),
}

/// A next hop or name server: the address, and the interface where that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hop {
    ip: IpAddr,
    device: Option<String>,
}

/// The address to probe, with port 0. Where a name has several, `current` is kept if it is among them.
pub(super) async fn look_up(
    address: &Address,
    sources: &Sources,
    current: Option<SocketAddr>,
) -> Result<SocketAddr, LookupError> {
    match address {
        Address::DefaultGateway => {
            let v4 = read(&sources.route_v4).await?;
            let v6 = read(&sources.route_v6).await.unwrap_or_default(); // a machine without IPv6
            let hop = default_v4(&v4).or_else(|| default_v6(&v6)).ok_or(LookupError::NoDefaultRoute)?;
            if hop.ip.is_unspecified() {
                return Err(LookupError::PointToPoint(hop.device.unwrap_or_default()));
            }
            to_probe(&hop)
        }
        Address::Resolver => {
            let text = read(&sources.resolv_conf).await?;
            let hop =
                name_server(&text).ok_or_else(|| LookupError::NoNameServer(sources.resolv_conf.clone()))?;
            to_probe(&hop)
        }
        Address::Host(name) => match literal(name) {
            Some(hop) => to_probe(&hop),
            None => resolve(name, current).await,
        },
    }
}

/// Whether looking up again can give something else.
pub(super) fn can_change(address: &Address) -> bool {
    !matches!(address, Address::Host(name) if literal(name).is_some())
}

async fn resolve(name: &str, current: Option<SocketAddr>) -> Result<SocketAddr, LookupError> {
    let found = time::timeout(LOOKUP_TIMEOUT, net::lookup_host((name, 0)))
        .await
        .map_err(|_| LookupError::NoAnswer(name.to_owned()))?
        .map_err(|error| LookupError::Name(name.to_owned(), error))?;
    let found: Vec<_> = found.collect();
    let kept = current.filter(|current| found.contains(current));
    let chosen = kept.or(found.first().copied());
    let address = chosen.ok_or_else(|| LookupError::NoAddress(name.to_owned()))?;
    usable(address)
}

async fn read(path: &Path) -> Result<String, LookupError> {
    fs::read_to_string(path).await.map_err(|error| LookupError::Read(path.to_owned(), error))
}

fn to_probe(hop: &Hop) -> Result<SocketAddr, LookupError> {
    let IpAddr::V6(ip) = hop.ip else { return usable(SocketAddr::new(hop.ip, 0)) };
    let scope = match hop.device.as_deref().filter(|_| ip.is_unicast_link_local()) {
        Some(device) => {
            nix::net::if_::if_nametoindex(device).map_err(|_| LookupError::NoInterface(device.to_owned()))?
        }
        None => 0,
    };
    usable(SocketAddrV6::new(ip, 0, 0, scope).into())
}

fn usable(address: SocketAddr) -> Result<SocketAddr, LookupError> {
    let ip = address.ip();
    if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(LookupError::NotOneHost(ip));
    }
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0 => {
            Err(LookupError::NeedsInterface(ip))
        }
        _ => Ok(address),
    }
}

/// An address as people write it, with `%interface` where it needs one (RFC 4007, section 11).
fn literal(text: &str) -> Option<Hop> {
    let (ip, device) = match text.split_once('%') {
        Some((ip, device)) => (ip, Some(device.to_owned())),
        None => (text, None),
    };
    Some(Hop { ip: ip.parse().ok()?, device })
}

/// The first `nameserver` line's address (resolv.conf(5)).
fn name_server(text: &str) -> Option<Hop> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("nameserver"))
        .filter(|rest| rest.starts_with([' ', '\t']))
        .find_map(|rest| literal(rest.split_whitespace().next()?))
}

/// The default route with the lowest metric in the form of `/proc/net/route`: columns are interface,
/// destination, gateway, flags, two counters, metric, mask. Addresses are hexadecimal numbers in the
/// machine's byte order. The gateway is 0.0.0.0 where the route has none.
fn default_v4(table: &str) -> Option<Hop> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let hex = |at: usize| u32::from_str_radix(columns.get(at)?, 16).ok();
        let (destination, gateway, flags, mask) = (hex(1)?, hex(2)?, hex(3)?, hex(7)?);
        let metric: u32 = columns.get(6)?.parse().ok()?;
        let default = destination == 0 && mask == 0 && flags & RTF_UP != 0 && flags & RTF_REJECT == 0;
        let ip = IpAddr::V4(Ipv4Addr::from(gateway.to_ne_bytes()));
        default.then(|| (metric, Hop { ip, device: Some(columns[0].to_owned()) }))
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, hop)| hop)
}

/// The same for `/proc/net/ipv6_route`: destination, its prefix length, source, its prefix length, next
/// hop, metric, two counters, flags, interface. All numbers are hexadecimal.
fn default_v6(table: &str) -> Option<Hop> {
    let routes = table.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let hex = |at: usize| u32::from_str_radix(columns.get(at)?, 16).ok();
        let (length, source_length, metric, flags) = (hex(1)?, hex(3)?, hex(5)?, hex(8)?);
        let gateway = u128::from_str_radix(columns.get(4)?, 16).ok()?;
        let device = (*columns.get(9)?).to_owned();
        let default = length == 0 && source_length == 0 && flags & RTF_UP != 0 && flags & RTF_REJECT == 0;
        let ip = IpAddr::V6(Ipv6Addr::from(gateway));
        default.then_some((metric, Hop { ip, device: Some(device) }))
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, hop)| hop)
}

#[cfg(test)]
mod tests;
