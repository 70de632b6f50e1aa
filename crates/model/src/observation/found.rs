//! What discovery finds: neighbours at ports and stations on subnets.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The longest text in a neighbour, in bytes (IEEE 802.1AB, 8.5: the longest value of a TLV).
pub const MAX_NEIGHBOUR_TEXT: usize = 511;

/// The most addresses of IPv6 that a station is listed with: the link's, a lasting one, and those that a system makes anew
/// each day and keeps for a week (RFC 4941, 3.4).
pub const MAX_STATION_IP6: usize = 16;

/// Who is at the other end of a port, as it says of itself by LLDP (IEEE 802.1AB).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The own port at which it was heard.
    pub local_port: String,
    /// The neighbour's chassis identifier: `aa:bb:…` for a hardware address, otherwise as it was sent.
    pub chassis: String,
    /// The neighbour's port identifier.
    pub port: String,
    /// What the neighbour calls that port.
    pub port_description: Option<String>,
    /// The neighbour's name.
    pub system_name: Option<String>,
    /// The neighbour's description of itself.
    pub system_description: Option<String>,
    /// Where it can be managed.
    pub management_address: Option<IpAddr>,
    /// For how many seconds what it said holds; 0: it takes its leave.
    pub ttl_s: u32,
}

/// A station that answered on a subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Station {
    /// Its address, the latest if it has had several; of IPv4 if it has one.
    pub ip: IpAddr,
    /// Its addresses of IPv6, at most [`MAX_STATION_IP6`]: those of the subnet, then the link's. An agent that does not
    /// look for them tells none.
    #[serde(default)]
    pub ip6: Vec<Ipv6Addr>,
    /// Its hardware address, `aa:bb:cc:dd:ee:ff`.
    pub mac: String,
    /// The own interface on whose subnet it is.
    pub interface: String,
    /// When it was first seen since the agent started.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
}

impl Station {
    /// All its addresses, each once; [`Self::ip`] first.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let others = self.ip6.iter().copied().map(IpAddr::V6).filter(|ip| *ip != self.ip);
        std::iter::once(self.ip).chain(others).collect()
    }
}
