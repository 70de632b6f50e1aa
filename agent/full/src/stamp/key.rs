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
