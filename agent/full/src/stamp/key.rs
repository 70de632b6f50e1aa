//! The codes of authenticated packets: HMAC-SHA-256 cut to 16 octets (RFC 8762, section 4.4).

use ring::hmac;
use wasl_agent_core::secrets::{Secret, SecretError, Secrets};
use wasl_probe::stamp::packet::{Key, TAG_LEN};

/// What begins a secret that is written in hexadecimal digits.
const HEX: &str = "hex:";

/// A key, made of a secret.
#[derive(Debug, Clone)]
pub(super) struct Hmac(hmac::Key);

impl Hmac {
    /// The key of the secret's octets; those that its hexadecimal digits stand for if it begins with `hex:`.
    pub(super) fn of(secret: &Secret) -> Self {
        let text = secret.expose();
        let octets = text.strip_prefix(HEX).and_then(from_hex);
        Self(hmac::Key::new(hmac::HMAC_SHA256, octets.as_deref().unwrap_or(text.as_bytes())))
    }

    /// The key of the secret of this name; none if none is named.
    pub(super) fn read(secrets: &Secrets, name: Option<&str>) -> Result<Option<Self>, SecretError> {
        name.map(|name| secrets.read(name).map(|secret| Self::of(&secret))).transpose()
    }
}

impl Key for Hmac {
    fn tag(&self, covered: &[u8]) -> [u8; TAG_LEN] {
        let full = hmac::sign(&self.0, covered);
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&full.as_ref()[..TAG_LEN]);
        tag
    }

    fn verifies(&self, covered: &[u8], tag: &[u8; TAG_LEN]) -> bool {
        // ring compares whole codes only, and in constant time: so the codes of the codes are compared.
        let given = hmac::sign(&self.0, tag);
        hmac::verify(&self.0, &self.tag(covered), given.as_ref()).is_ok()
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = digits.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let pairs = digits?;
    let (pairs, rest) = pairs.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use wasl_probe::stamp::packet::{Malformed, Reflection, Test};

    use super::*;

    fn key(text: &str) -> Hmac {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("line");
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("set");
        Hmac::read(&Secrets::new(dir.path()), Some("line")).expect("readable").expect("named")
    }

    #[test]
    fn the_codes_are_those_of_another_implementation() {
        let recorded = include_str!("../../../../crates/probe/src/stamp/packet/recorded/authenticated.hex");
        let (right, wrong) =
            (key("hex:00112233445566778899aabbccddeeff"), key("hex:00112233445566778899aabbccddeefe"));
        for line in recorded.lines() {
            let (kind, octets) = line.split_once(' ').expect("a kind");
            let octets = from_hex(octets).expect("octets");
            if kind == "test" {
                assert_eq!(
                    Test::read(&octets, Some(&right)).map(|(t, _)| t.write(Some(&right))),
                    Ok(octets.clone())
                );
                assert_eq!(Test::read(&octets, Some(&wrong)), Err(Malformed::Tag));
            } else {
                assert!(Reflection::read(&octets, Some(&right)).is_ok());
                assert_eq!(Reflection::read(&octets, Some(&wrong)), Err(Malformed::Tag));
            }
        }
    }

    #[test]
    fn a_secret_of_words_is_its_own_key() {
        assert_eq!(key("open sesame").tag(b"x"), key("hex:6f70656e20736573616d65").tag(b"x"));
        assert_ne!(key("hex:0").tag(b"x"), key("hex:00").tag(b"x"), "an odd number of digits is text");
    }
}
