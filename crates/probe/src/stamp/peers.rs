//! Whom a reflector answers: addresses and blocks of addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// A text that names no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is neither an IP address nor a block such as 10.20.0.0/16")]
pub struct InvalidPrefix(pub String);

impl Prefix {
    /// Whether the block has this address. An IPv4 address that was mapped into IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same_head(own.to_bits().into(), other.to_bits().into(), 32 - self.length)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                same_head(own.to_bits(), other.to_bits(), 128 - self.length)
            }
            _ => false,
        }
    }
}

fn same_head(a: u128, b: u128, tail: u8) -> bool {
    (a ^ b).checked_shr(tail.into()).unwrap_or(0) == 0
}

impl FromStr for Prefix {
    type Err = InvalidPrefix;
    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let invalid = || InvalidPrefix(text.chars().take(80).collect());
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(most), str::parse).map_err(|_| invalid())?;
        if length > most {
            return Err(invalid());
        }
        Ok(Self { address, length })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(prefix: &str, address: &str) -> bool {
        let prefix: Prefix = prefix.parse().expect("a block");
        prefix.contains(address.parse().expect("an address"))
    }

    #[test]
    fn a_block_has_its_own_addresses_and_no_others() {
        assert!(has("10.20.0.0/16", "10.20.255.1"));
        assert!(!has("10.20.0.0/16", "10.21.0.1"));
        assert!(has("10.20.0.1", "10.20.0.1") && !has("10.20.0.1", "10.20.0.2"));
        assert!(has("10.20.0.1", "::ffff:10.20.0.1"), "a socket of both families says it so");
        assert!(has("0.0.0.0/0", "192.0.2.1") && !has("0.0.0.0/0", "2001:db8::1"));
        assert!(has("2001:db8::/32", "2001:db8:ffff::1") && !has("2001:db8::/32", "2001:db9::1"));
        assert!(has("::/0", "2001:db8::1"));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in ["", "10.20.0.0/33", "10.20.0.0/", "/8", "example.org", "::/129", "10.0.0.0/-1"] {
            assert!(text.parse::<Prefix>().is_err(), "{text:?}");
        }
    }
}
