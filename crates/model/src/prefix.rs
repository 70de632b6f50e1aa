//! Blocks of addresses, as routing tables and address plans name them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A block of addresses: the lowest one, and how many leading bits they share (CIDR, RFC 4632).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix {
    network: IpAddr,
    length: u8,
}

/// A text that names no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPrefix {
    /// It has another form.
    #[error("write an address and a length, such as `10.20.0.0/16` or `2001:db8:20::/48`")]
    Form,
    /// The length is larger than the address.
    #[error("an address of this kind has {0} bits, so the length cannot be larger")]
    Length(u8),
    /// An address within a block in the place of its lowest one.
    #[error("this is an address within a block; the block is `{0}`")]
    Within(Prefix),
}

impl Prefix {
    /// The block of this length that an address lies in; `None` if it has no such length.
    pub fn of(address: IpAddr, length: u8) -> Option<Self> {
        let network = match address {
            IpAddr::V4(v4) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
            }
            IpAddr::V6(v6) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => return None,
        };
        Some(Self { network, length })
    }

    /// The lowest address.
    pub fn network(self) -> IpAddr {
        self.network
    }

    /// How many leading bits its addresses share.
    pub fn length(self) -> u8 {
        self.length
    }

    /// Whether an address lies in it.
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.network.is_ipv4() && Self::of(address, self.length) == Some(self)
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    /// A bare address is a block of its own.
    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| InvalidPrefix::Form)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => bits,
            Some(length) if (1..=3).contains(&length.len()) && length.bytes().all(|b| b.is_ascii_digit()) => {
                length.parse().map_err(|_| InvalidPrefix::Length(bits))?
            }
            Some(_) => return Err(InvalidPrefix::Form),
        };
        let block = Self::of(address, length).ok_or(InvalidPrefix::Length(bits))?;
        if block.network == address { Ok(block) } else { Err(InvalidPrefix::Within(block)) }
    }
}

impl TryFrom<String> for Prefix {
    type Error = InvalidPrefix;
    fn try_from(text: String) -> Result<Self, InvalidPrefix> {
        text.parse()
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a block")
    }

    #[test]
    fn a_block_is_written_by_its_lowest_address_and_no_other() {
        for text in ["10.20.0.0/16", "0.0.0.0/0", "10.0.0.1/32", "2001:db8::/32", "::/0", "2001:db8::1/128"] {
            assert_eq!(prefix(text).to_string(), text);
        }
        assert_eq!(prefix("10.0.0.1"), prefix("10.0.0.1/32"));
        assert_eq!("10.20.3.4/16".parse::<Prefix>(), Err(InvalidPrefix::Within(prefix("10.20.0.0/16"))));
        assert_eq!("10.0.0.0/33".parse::<Prefix>(), Err(InvalidPrefix::Length(32)));
        assert_eq!("::/999".parse::<Prefix>(), Err(InvalidPrefix::Length(128)));
        for text in
            ["", "/", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "ten/8", "10.0.0/8", "10.0.0.0/0008"]
        {
            assert_eq!(text.parse::<Prefix>(), Err(InvalidPrefix::Form), "{text:?}");
        }
    }

    #[test]
    fn blocks_overlap_when_one_lies_in_the_other() {
        assert!(prefix("10.0.0.0/8").overlaps(prefix("10.20.0.0/16")));
        assert!(prefix("10.20.0.0/16").overlaps(prefix("10.0.0.0/8")));
        assert!(!prefix("10.20.0.0/16").overlaps(prefix("10.21.0.0/16")));
        assert!(!prefix("0.0.0.0/0").overlaps(prefix("::/0")), "two kinds of addresses share none");
        assert!(prefix("10.20.0.0/16").contains("10.20.255.255".parse().expect("an address")));
    }
}
