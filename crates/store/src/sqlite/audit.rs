//! The audit log.

use async_trait::async_trait;
use wasl_model::Timestamp;

use super::SqliteStore;
use crate::{AuditEntry, AuditEvent, AuditLog, Error};

#[async_trait]
impl AuditLog for SqliteStore {
    async fn append_audit(&self, event: &AuditEvent) -> Result<i64, Error> {
        let mut writer = self.inner.writer.lock().await;
        sqlx::query_scalar(
            "INSERT INTO audit (at_ms, actor, action, object, outcome, detail) \
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        )
        .bind(event.at.0)
        .bind(event.actor.as_str())
        .bind(event.action.as_str())
        .bind(event.object.as_str())
        .bind(event.outcome.as_str())
        .bind(event.detail.as_str())
        .fetch_one(&mut **writer)
        .await
        .map_err(self.inner.fail("write the audit log"))
    }

    async fn audit_page(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        let rows: Vec<(i64, i64, String, String, String, String, String)> = sqlx::query_as(
            "SELECT id, at_ms, actor, action, object, outcome, detail FROM audit \
             WHERE id < $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&self.inner.readers)
        .await
        .map_err(self.inner.fail("read the audit log"))?;
        let entry = |(id, at, actor, action, object, outcome, detail)| AuditEntry {
            id,
            event: AuditEvent { at: Timestamp(at), actor, action, object, outcome, detail },
        };
        Ok(rows.into_iter().map(entry).collect())
    }
}
