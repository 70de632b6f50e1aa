//! Who may do what: the roles of agents and of people.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! roles {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// All roles, least first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for this role in configuration, certificates and the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownRole;
            fn from_str(text: &str) -> Result<Self, UnknownRole> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(UnknownRole {
                        given: text.chars().take(40).collect(),
                        known: &[$($text,)*],
                    }),
                }
            }
        }
    };
}

/// A word that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a role: use one of {}", known.join(", "))]
pub struct UnknownRole {
    /// What was given, shortened.
    pub given: String,
    /// The words that would do.
    pub known: &'static [&'static str],
}

roles!(
    /// What an agent is for; bound into its enrolment token and its certificate.
    AgentRole {
        /// A branch gateway: links, devices, relay for its site.
        Gateway = "gateway",
        /// Any server, including backup and mail hosts.
        Server = "server",
        /// A laboratory machine.
        Lab = "lab",
        /// The e-library proxy's data plane.
        Elibrary = "elibrary",
    }
);

roles!(
    /// What a person may do. Each role includes those before it, except that a librarian and an
    /// engineer differ in their field, not in their rank; see [`UserRole::includes`].
    UserRole {
        /// Sees everything operators see, changes nothing.
        Viewer = "viewer",
        /// Also works on laboratory machines.
        Technician = "technician",
        /// Also works on the e-library.
        Librarian = "librarian",
        /// Also works on links, devices and desired state, and enrols agents.
        Engineer = "engineer",
        /// Also manages accounts and identities.
        Admin = "admin",
    }
);

impl UserRole {
    /// Whether somebody with this role may do what `needed` may do.
    pub fn includes(self, needed: Self) -> bool {
        match (self, needed) {
            (Self::Admin, _) | (_, Self::Viewer) | (Self::Engineer, Self::Technician) => true,
            (own, needed) => own == needed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engineer_does_a_technicians_work_but_not_a_librarians() {
        assert!(UserRole::Engineer.includes(UserRole::Technician));
        assert!(!UserRole::Engineer.includes(UserRole::Librarian));
        assert!(!UserRole::Technician.includes(UserRole::Engineer));
        for role in UserRole::ALL {
            assert!(UserRole::Admin.includes(*role));
            assert!(role.includes(UserRole::Viewer));
        }
        assert!(!UserRole::Engineer.includes(UserRole::Admin));
    }

    #[test]
    fn words_round_trip() {
        for role in AgentRole::ALL {
            assert_eq!(role.as_str().parse::<AgentRole>().as_ref(), Ok(role));
        }
        let error = "root".parse::<AgentRole>().expect_err("no such role");
        assert!(error.to_string().contains("gateway, server"), "{error}");
    }
}
