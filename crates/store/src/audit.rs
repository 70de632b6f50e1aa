//! Who did what, when, and what came of it.

use async_trait::async_trait;
use wasl_model::Timestamp;

use crate::Error;

/// Something that somebody did, to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// Who: an account's name, an agent, or `system`.
    pub actor: String,
    /// What, such as `agent.revoke`.
    pub action: String,
    /// To what.
    pub object: String,
    /// What came of it, such as `ok` or `refused`.
    pub outcome: String,
    /// In words, without secrets.
    pub detail: String,
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place in the log, ascending.
    pub id: i64,
    /// What was written down.
    pub event: AuditEvent,
}

/// Keeps the audit log. Lines are never changed or deleted; the database itself refuses it.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes a line and returns its place.
    async fn append_audit(&self, event: &AuditEvent) -> Result<i64, Error>;

    /// Up to `limit` lines before the place `before` (the end if `None`), newest first.
    async fn audit_page(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>, Error>;
}
