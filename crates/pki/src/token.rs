//! One-time enrolment tokens: what an operator hands to a new agent.
//!
//! A token is `wasl1.` and 84 characters of base32 (RFC 4648, no padding, lower case) for
//!
//! | bytes | content |
//! |---|---|
//! | 16 | secret, random; it is what makes the token valid |
//! | 32 | SHA-256 of the CA certificate, so that the agent can recognise the controller |
//! | 4 | first bytes of a SHA-256 over both: finds typing and copying mistakes, protects nothing |
//!
//! Base32 and not base64 because tokens are also read aloud over the telephone: capitals do not matter. Site,
//! role, expiry and "used once" are not in the token; the controller keeps them beside
//! [`EnrolToken::token_hash`], where they can be changed or withdrawn. A plain hash is enough there, as the
//! secret has 128 random bits.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use ring::digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use thiserror::Error;

use crate::fingerprint::Fingerprint;
use crate::secret::{SecretError, sha256_hex};

const PREFIX: &str = "wasl1.";
const SECRET: usize = 16;
const CA: usize = 32;
const CHECKSUM: usize = 4;

/// The characters that follow the prefix.
const BODY: usize = 84;

/// A longer text is not looked at. Bytes.
const MAX_TEXT: usize = 4096;

/// A token that cannot be used. It never repeats the token's text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// The text does not begin like a token.
    #[error("this is not an enrolment token: a token begins with `{PREFIX}`; copy it again as a whole")]
    NotAToken,
    /// A token of another version.
    #[error(
        "this enrolment token is of another version than `{PREFIX}`: update the agent to the controller's version"
    )]
    OtherVersion,
    /// A character that no token contains.
    #[error(
        "the enrolment token is mangled: its character {position} is {character:?}, and only a-z and 2-7 occur; \
         copy it again as a whole"
    )]
    Character {
        /// Counted from 1, without white space.
        position: usize,
        /// The foreign character.
        character: char,
    },
    /// Characters are missing or too many.
    #[error(
        "the enrolment token is mangled: {found} characters follow `{PREFIX}` where {BODY} belong; copy it again \
         as a whole"
    )]
    Length {
        /// How many there are.
        found: usize,
    },
    /// The checksum differs.
    #[error("the enrolment token is mangled: at least one character is wrong; copy it again as a whole")]
    Checksum,
}

/// A one-time token. `Display` is the secret text itself, for the one moment in which it is shown; `Debug`
/// shows the CA only.
#[derive(Clone)]
pub struct EnrolToken {
    secret: [u8; SECRET],
    ca: Fingerprint,
}

impl EnrolToken {
    /// Makes a token for agents of the CA with this fingerprint.
    pub fn generate(ca: Fingerprint) -> Result<Self, SecretError> {
        let mut secret = [0; SECRET];
        SystemRandom::new().fill(&mut secret).map_err(|_| SecretError::Random)?;
        Ok(Self { secret, ca })
    }

    /// The CA that the controller must show.
    pub const fn ca(&self) -> Fingerprint {
        self.ca
    }

    /// What the controller stores and looks up, in lower-case hex: SHA-256 over the text
    /// `wasl enrolment token 1`, the secret and the CA's fingerprint.
    pub fn token_hash(&self) -> String {
        let mut bytes = b"wasl enrolment token 1".to_vec();
        bytes.extend(self.secret);
        bytes.extend(self.ca.as_bytes());
        sha256_hex(&bytes)
    }
}

impl fmt::Debug for EnrolToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolToken").field("ca", &self.ca).finish_non_exhaustive()
    }
}

impl fmt::Display for EnrolToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(SECRET + CA + CHECKSUM);
        bytes.extend(self.secret);
        bytes.extend(self.ca.as_bytes());
        bytes.extend(checksum(&bytes));
        write!(f, "{PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }
}

impl FromStr for EnrolToken {
    type Err = TokenError;

    /// White space anywhere (a line break from a mail, the end of a file) and capitals are forgiven.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        if text.len() > MAX_TEXT {
            return Err(TokenError::NotAToken);
        }
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = text.to_ascii_uppercase();
        let Some(body) = text.strip_prefix(PREFIX.to_ascii_uppercase().as_str()) else {
            return Err(other_prefix(&text));
        };
        let foreign = |(_, c): &(usize, char)| !matches!(c, 'A'..='Z' | '2'..='7');
        if let Some((index, character)) = body.chars().enumerate().find(foreign) {
            return Err(TokenError::Character { position: PREFIX.len() + index + 1, character });
        }
        if body.len() != BODY {
            return Err(TokenError::Length { found: body.len() });
        }
        // With alphabet and length right, decoding can fail only at surplus bits of the last character.
        let bytes = BASE32_NOPAD.decode(body.as_bytes()).map_err(|_| TokenError::Checksum)?;
        let (content, sum) = bytes.split_at(SECRET + CA);
        if checksum(content) != sum {
            return Err(TokenError::Checksum);
        }
        let mut secret = [0; SECRET];
        let mut ca = [0; CA];
        secret.copy_from_slice(&content[..SECRET]);
        ca.copy_from_slice(&content[SECRET..]);
        Ok(Self { secret, ca: Fingerprint::from_bytes(ca) })
    }
}

fn other_prefix(upper: &str) -> TokenError {
    let version = upper.strip_prefix("WASL").and_then(|rest| rest.split_once('.'));
    match version {
        Some((digits, _)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            TokenError::OtherVersion
        }
        _ => TokenError::NotAToken,
    }
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(PREFIX.as_bytes());
    context.update(content);
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&context.finish().as_ref()[..CHECKSUM]);
    sum
}

#[cfg(test)]
mod tests;
