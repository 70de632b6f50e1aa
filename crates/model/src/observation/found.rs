//! What discovery finds: neighbours at ports and stations on subnets.

use std::net::IpAddr;

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
    /// Its address, the latest if it has had several.
    pub ip: IpAddr,
    /// Its hardware address, `aa:bb:cc:dd:ee:ff`.
    pub mac: String,
    /// The own interface on whose subnet it is.
    pub interface: String,
    /// When it was first seen since the agent started.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
}
