//! Names that people choose for sites and agents.
//!
//! They stand in certificates, file names, metric labels and URLs, so one narrow alphabet serves all
//! of them: lower-case letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most
//! 63 bytes (the length of a DNS label).

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest identifier in bytes.
pub const MAX_LEN: usize = 63;

/// A name that does not fit the alphabet of identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a usable name: use 1 to 63 of a-z, 0-9, `-`, `_`, `.`, beginning with a letter or a digit"
)]
pub struct InvalidId(pub String);

fn check(text: &str) -> Result<(), InvalidId> {
    let ok_first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let ok_rest =
        text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'));
    if ok_first && ok_rest && text.len() <= MAX_LEN {
        Ok(())
    } else {
        Err(InvalidId(text.chars().take(80).collect()))
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the alphabet and the length.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id!(
    /// A place of the institution: a branch, the centre.
    SiteId
);
id!(
    /// One running agent, as its certificate names it.
    AgentId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_that_fit_a_dns_label_and_refuses_the_rest() {
        for good in ["jenin", "jenin-gw", "lab_2.pc-07", "0", &"a".repeat(63)] {
            assert!(AgentId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".hidden", "Jenin", "جنين", "a b", "a/b", "a\n", &"a".repeat(64)] {
            assert!(AgentId::new(bad).is_err(), "{bad:?}");
        }
    }
}
