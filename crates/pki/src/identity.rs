//! Who an agent is, as its certificate says it.
//!
//! The identity stands in one URI subject alternative name, `wasl://agent/<site>/<role>/<agent>`, and not
//! in the subject: libraries agree on how to read a URI name, and on nothing about subjects. The names
//! also become file names, metric labels and URLs, so their alphabet is the narrow one of
//! `wasl_model::id`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use wasl_model::access::UnknownRole;
use wasl_model::id::MAX_LEN;
use wasl_model::{AgentId, AgentRole, InvalidId, SiteId};

const SCHEME: &str = "wasl://agent/";

/// A name, role or URI that does not describe an agent. Foreign text in it is cut and escaped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// A site or agent name outside the alphabet.
    #[error(
        "{name:?} is not a usable {what} name: use 1 to {MAX_LEN} of a-z, 0-9, `-`, `_`, `.`, beginning with a \
         letter or a digit"
    )]
    InvalidName {
        /// `site` or `agent`.
        what: &'static str,
        /// The refused text, at most 80 characters.
        name: String,
    },
    /// A role that does not exist.
    #[error(transparent)]
    UnknownRole(#[from] UnknownRole),
    /// A URI of another form.
    #[error("{0:?} does not name an agent: the form is wasl://agent/<site>/<role>/<agent>")]
    OtherForm(String),
}

/// An agent's name, its site and its role. A value of this type is always well formed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentIdentity {
    /// The agent's name, unique in the institution.
    pub agent: AgentId,
    /// The site it stands in.
    pub site: SiteId,
    /// What it is for.
    pub role: AgentRole,
}

impl AgentIdentity {
    /// Checks both names.
    pub fn new(agent: &str, site: &str, role: AgentRole) -> Result<Self, IdentityError> {
        let invalid = |what| move |InvalidId(name)| IdentityError::InvalidName { what, name };
        Ok(Self {
            agent: AgentId::new(agent).map_err(invalid("agent"))?,
            site: SiteId::new(site).map_err(invalid("site"))?,
            role,
        })
    }
}

/// The URI that stands in the certificate.
impl fmt::Display for AgentIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}/{}", self.site, self.role, self.agent)
    }
}

impl FromStr for AgentIdentity {
    type Err = IdentityError;

    fn from_str(uri: &str) -> Result<Self, IdentityError> {
        let parts: Option<Vec<&str>> = uri.strip_prefix(SCHEME).map(|path| path.split('/').collect());
        match parts.as_deref() {
            Some([site, role, agent]) => Self::new(agent, site, role.parse()?),
            _ => Err(IdentityError::OtherForm(uri.chars().take(80).collect())),
        }
    }
}

#[cfg(test)]
mod tests;
