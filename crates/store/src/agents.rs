//! Agents, the tokens they enrol with, and the certificates that are no longer good.

use async_trait::async_trait;
use wasl_model::{AgentId, AgentRole, SiteId, Timestamp};

use crate::{Digest, Error};

/// A one-time permission to enrol an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolToken {
    /// The token's digest.
    pub hash: Digest,
    /// The site of the agent.
    pub site: SiteId,
    /// What the agent will be for.
    pub role: AgentRole,
    /// The only name that may enrol with it; any if `None`.
    pub agent_name: Option<AgentId>,
    /// When it was made.
    pub created: Timestamp,
    /// From when it is no longer good.
    pub expires: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When and by whom it was used.
    pub used: Option<(Timestamp, AgentId)>,
}

/// What trying a token came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redemption {
    /// It was good and is used up now.
    Redeemed(EnrolToken),
    /// There is no such token.
    Unknown,
    /// It expired before it was used.
    Expired,
    /// It was used before; by whom stands in it.
    Used(EnrolToken),
}

/// An agent that was enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRecord {
    /// Its name.
    pub id: AgentId,
    /// Its site.
    pub site: SiteId,
    /// What it is for.
    pub role: AgentRole,
    /// The serial number of its newest certificate, in hexadecimal.
    pub serial: String,
    /// The certificate that it renewed with; good until it expires or the next renewal, because the
    /// answer to a renewal can be lost.
    pub previous_serial: Option<String>,
    /// When the newest certificate ends.
    pub not_after: Timestamp,
    /// When it enrolled.
    pub enrolled: Timestamp,
    /// When it was last heard, and what it said about itself.
    pub last_seen: Option<Timestamp>,
    /// What it last said about itself.
    pub facts: AgentFacts,
    /// When and why it was revoked.
    pub revoked: Option<(Timestamp, String)>,
}

impl AgentRecord {
    /// Whether the certificate with this serial number is one of the agent's and the agent is not
    /// revoked. Whether it has expired is for whoever checks the certificate.
    pub fn accepts(&self, serial: &str) -> bool {
        self.revoked.is_none() && (self.serial == serial || self.previous_serial.as_deref() == Some(serial))
    }
}

/// What an agent says about itself when it connects; empty where it does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentFacts {
    /// The agent's version.
    pub version: String,
    /// The operating system and its version.
    pub os: String,
    /// The kernel's version.
    pub kernel: String,
    /// The processor architecture.
    pub arch: String,
}

/// A certificate that must not be accepted any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedSerial {
    /// The certificate's serial number, in hexadecimal.
    pub serial: String,
    /// Whose it was.
    pub agent: AgentId,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// Keeps the agents and their tokens.
#[async_trait]
pub trait AgentRegistry: Send + Sync {
    /// Keeps a new token; its `used` is not looked at.
    async fn create_token(&self, token: &EnrolToken) -> Result<(), Error>;

    /// All tokens, newest first.
    async fn tokens(&self) -> Result<Vec<EnrolToken>, Error>;

    /// Deletes a token that was not used; `false` if there is none.
    async fn delete_token(&self, hash: &Digest) -> Result<bool, Error>;

    /// Uses up a token for an agent: of any number of tries at once, exactly one is
    /// [`Redemption::Redeemed`]. A token for another agent's name is redeemed too; comparing names
    /// before is the caller's.
    async fn redeem_token(&self, hash: &Digest, agent: &AgentId, now: Timestamp)
    -> Result<Redemption, Error>;

    /// One token.
    async fn token(&self, hash: &Digest) -> Result<Option<EnrolToken>, Error>;

    /// Keeps an agent that enrolled. If the name was known, its record is replaced and its former
    /// certificates are revoked as `superseded`.
    async fn enrol_agent(&self, agent: &AgentRecord) -> Result<(), Error>;

    /// Notes a new certificate for an agent that proved itself with the certificate `using`. `false`
    /// if there is no such agent, it is revoked, or `using` is not one of its own.
    async fn renew_agent(
        &self,
        id: &AgentId,
        using: &str,
        serial: &str,
        not_after: Timestamp,
    ) -> Result<bool, Error>;

    /// Notes that an agent was heard and what it said about itself; `false` if it is not known.
    async fn agent_seen(&self, id: &AgentId, at: Timestamp, facts: &AgentFacts) -> Result<bool, Error>;

    /// Notes that agents are here. Those that are not known are left out.
    async fn agents_seen(&self, ids: &[AgentId], at: Timestamp) -> Result<(), Error>;

    /// Revokes an agent and its certificates; `false` if it is not known or was revoked before.
    async fn revoke_agent(&self, id: &AgentId, at: Timestamp, reason: &str) -> Result<bool, Error>;

    /// One agent.
    async fn agent(&self, id: &AgentId) -> Result<Option<AgentRecord>, Error>;

    /// All agents, by name.
    async fn agents(&self) -> Result<Vec<AgentRecord>, Error>;

    /// All certificates that were revoked, newest first.
    async fn revoked_serials(&self) -> Result<Vec<RevokedSerial>, Error>;
}
