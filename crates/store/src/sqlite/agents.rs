//! Agents and enrolment tokens.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use wasl_model::{AgentId, Timestamp};

use super::rows::{digest, parsed, parsed_option, time};
use super::{Inner, SqliteStore};
use crate::{AgentFacts, AgentRecord, AgentRegistry, Digest, EnrolToken, Error, Redemption, RevokedSerial};

#[async_trait]
impl AgentRegistry for SqliteStore {
    async fn create_token(&self, token: &EnrolToken) -> Result<(), Error> {
        let mut writer = self.inner.writer.lock().await;
        sqlx::query(
            "INSERT INTO enrol_token (hash, site, role, agent_name, created_ms, expires_ms, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&token.hash[..])
        .bind(token.site.as_str())
        .bind(token.role.as_str())
        .bind(token.agent_name.as_ref().map(AgentId::as_str))
        .bind(token.created.0)
        .bind(token.expires.0)
        .bind(token.created_by.as_str())
        .execute(&mut **writer)
        .await
        .map_err(self.inner.fail("keep an enrolment token"))?;
        Ok(())
    }

    async fn tokens(&self) -> Result<Vec<EnrolToken>, Error> {
        tokens(&self.inner).await.map_err(self.inner.fail("read the enrolment tokens"))
    }

    async fn delete_token(&self, hash: &Digest) -> Result<bool, Error> {
        let mut writer = self.inner.writer.lock().await;
        let deleted = sqlx::query("DELETE FROM enrol_token WHERE hash = $1 AND used_ms IS NULL")
            .bind(&hash[..])
            .execute(&mut **writer)
            .await
            .map_err(self.inner.fail("delete an enrolment token"))?;
        Ok(deleted.rows_affected() > 0)
    }

    async fn redeem_token(
        &self,
        hash: &Digest,
        agent: &AgentId,
        now: Timestamp,
    ) -> Result<Redemption, Error> {
        redeem(&self.inner, hash, agent, now).await.map_err(self.inner.fail("redeem an enrolment token"))
    }

    async fn token(&self, hash: &Digest) -> Result<Option<EnrolToken>, Error> {
        let fail = self.inner.fail("read an enrolment token");
        let mut reader = self.inner.readers.acquire().await.map_err(&fail)?;
        token(&mut reader, hash).await.map_err(&fail)
    }

    async fn enrol_agent(&self, agent: &AgentRecord) -> Result<(), Error> {
        enrol(&self.inner, agent).await.map_err(self.inner.fail("keep an agent"))
    }

    async fn renew_agent(
        &self,
        id: &AgentId,
        using: &str,
        serial: &str,
        not_after: Timestamp,
    ) -> Result<bool, Error> {
        let mut writer = self.inner.writer.lock().await;
        let renewed = sqlx::query(
            "UPDATE agent SET previous_serial = $2, serial = $3, not_after_ms = $4 \
             WHERE id = $1 AND revoked_ms IS NULL AND (serial = $2 OR previous_serial = $2)",
        )
        .bind(id.as_str())
        .bind(using)
        .bind(serial)
        .bind(not_after.0)
        .execute(&mut **writer)
        .await
        .map_err(self.inner.fail("renew an agent"))?;
        Ok(renewed.rows_affected() > 0)
    }

    async fn agent_seen(&self, id: &AgentId, at: Timestamp, facts: &AgentFacts) -> Result<bool, Error> {
        let mut writer = self.inner.writer.lock().await;
        let seen = sqlx::query(
            "UPDATE agent SET last_seen_ms = $2, version = $3, os = $4, kernel = $5, arch = $6 \
             WHERE id = $1",
        )
        .bind(id.as_str())
        .bind(at.0)
        .bind(facts.version.as_str())
        .bind(facts.os.as_str())
        .bind(facts.kernel.as_str())
        .bind(facts.arch.as_str())
        .execute(&mut **writer)
        .await
        .map_err(self.inner.fail("note that an agent was heard"))?;
        Ok(seen.rows_affected() > 0)
    }

    async fn agents_seen(&self, ids: &[AgentId], at: Timestamp) -> Result<(), Error> {
        let ids: Vec<&str> = ids.iter().map(AgentId::as_str).collect();
        let list = serde_json::to_string(&ids).expect("a list of texts is JSON");
        let mut writer = self.inner.writer.lock().await;
        sqlx::query("UPDATE agent SET last_seen_ms = $2 WHERE id IN (SELECT value FROM json_each($1))")
            .bind(list)
            .bind(at.0)
            .execute(&mut **writer)
            .await
            .map_err(self.inner.fail("note which agents are here"))?;
        Ok(())
    }

    async fn revoke_agent(&self, id: &AgentId, at: Timestamp, reason: &str) -> Result<bool, Error> {
        revoke(&self.inner, id, at, reason).await.map_err(self.inner.fail("revoke an agent"))
    }

    async fn agent(&self, id: &AgentId) -> Result<Option<AgentRecord>, Error> {
        let found = agents(&self.inner, Some(id)).await.map_err(self.inner.fail("read an agent"))?;
        Ok(found.into_iter().next())
    }

    async fn agents(&self) -> Result<Vec<AgentRecord>, Error> {
        agents(&self.inner, None).await.map_err(self.inner.fail("read the agents"))
    }

    async fn revoked_serials(&self) -> Result<Vec<RevokedSerial>, Error> {
        revoked_serials(&self.inner).await.map_err(self.inner.fail("read the revoked certificates"))
    }
}

type TokenRow = (Vec<u8>, String, String, Option<String>, i64, i64, String, Option<i64>, Option<String>);

fn token_of(row: TokenRow) -> sqlx::Result<EnrolToken> {
    let (hash, site, role, agent_name, created, expires, created_by, used_ms, used_by) = row;
    Ok(EnrolToken {
        hash: digest(&hash)?,
        site: parsed(&site)?,
        role: parsed(&role)?,
        agent_name: parsed_option(agent_name.as_deref())?,
        created: Timestamp(created),
        expires: Timestamp(expires),
        created_by,
        used: time(used_ms).zip(parsed_option(used_by.as_deref())?),
    })
}

async fn tokens(inner: &Inner) -> sqlx::Result<Vec<EnrolToken>> {
    let rows: Vec<TokenRow> = sqlx::query_as(
        "SELECT hash, site, role, agent_name, created_ms, expires_ms, created_by, used_ms, used_by \
         FROM enrol_token ORDER BY created_ms DESC, hash",
    )
    .fetch_all(&inner.readers)
    .await?;
    rows.into_iter().map(token_of).collect()
}

async fn token(connection: &mut SqliteConnection, hash: &Digest) -> sqlx::Result<Option<EnrolToken>> {
    let row: Option<TokenRow> = sqlx::query_as(
        "SELECT hash, site, role, agent_name, created_ms, expires_ms, created_by, used_ms, used_by \
         FROM enrol_token WHERE hash = $1",
    )
    .bind(&hash[..])
    .fetch_optional(connection)
    .await?;
    row.map(token_of).transpose()
}

/// The update decides; what the token looked like otherwise only says why it was refused.
async fn redeem(inner: &Inner, hash: &Digest, agent: &AgentId, now: Timestamp) -> sqlx::Result<Redemption> {
    let mut writer = inner.writer.lock().await;
    let mut tx = writer.transaction().await?;
    let redeemed = sqlx::query(
        "UPDATE enrol_token SET used_ms = $2, used_by = $3 \
         WHERE hash = $1 AND used_ms IS NULL AND expires_ms > $2",
    )
    .bind(&hash[..])
    .bind(now.0)
    .bind(agent.as_str())
    .execute(&mut *tx)
    .await?
    .rows_affected();
    let found = token(&mut tx, hash).await?;
    tx.commit().await?;
    Ok(match found {
        None => Redemption::Unknown,
        Some(token) if redeemed > 0 => Redemption::Redeemed(token),
        Some(token) if token.used.is_some() => Redemption::Used(token),
        Some(_) => Redemption::Expired,
    })
}

async fn enrol(inner: &Inner, agent: &AgentRecord) -> sqlx::Result<()> {
    let mut writer = inner.writer.lock().await;
    let mut tx = writer.transaction().await?;
    revoke_serials(&mut tx, &agent.id, &agent.serial, agent.enrolled, "superseded").await?;
    sqlx::query(
        "INSERT INTO agent (id, site, role, serial, previous_serial, not_after_ms, enrolled_ms, \
         last_seen_ms, version, os, kernel, arch, revoked_ms, revoked_reason) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (id) DO UPDATE SET site = excluded.site, role = excluded.role, \
         serial = excluded.serial, previous_serial = excluded.previous_serial, \
         not_after_ms = excluded.not_after_ms, enrolled_ms = excluded.enrolled_ms, \
         last_seen_ms = excluded.last_seen_ms, version = excluded.version, os = excluded.os, \
         kernel = excluded.kernel, arch = excluded.arch, revoked_ms = excluded.revoked_ms, \
         revoked_reason = excluded.revoked_reason",
    )
    .bind(agent.id.as_str())
    .bind(agent.site.as_str())
    .bind(agent.role.as_str())
    .bind(agent.serial.as_str())
    .bind(agent.previous_serial.as_deref())
    .bind(agent.not_after.0)
    .bind(agent.enrolled.0)
    .bind(agent.last_seen.map(|at| at.0))
    .bind(agent.facts.version.as_str())
    .bind(agent.facts.os.as_str())
    .bind(agent.facts.kernel.as_str())
    .bind(agent.facts.arch.as_str())
    .bind(agent.revoked.as_ref().map(|(at, _)| at.0))
    .bind(agent.revoked.as_ref().map(|(_, reason)| reason.as_str()))
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

async fn revoke(inner: &Inner, id: &AgentId, at: Timestamp, reason: &str) -> sqlx::Result<bool> {
    let mut writer = inner.writer.lock().await;
    let mut tx = writer.transaction().await?;
    let revoked = sqlx::query(
        "UPDATE agent SET revoked_ms = $2, revoked_reason = $3 WHERE id = $1 AND revoked_ms IS NULL",
    )
    .bind(id.as_str())
    .bind(at.0)
    .bind(reason)
    .execute(&mut *tx)
    .await?;
    if revoked.rows_affected() == 0 {
        return Ok(false);
    }
    revoke_serials(&mut tx, id, "", at, reason).await?;
    tx.commit().await?;
    Ok(true)
}

/// Puts the serials that the agent has, except `keep`, on the list; those on it already stay as they
/// are.
async fn revoke_serials(
    tx: &mut SqliteConnection,
    id: &AgentId,
    keep: &str,
    at: Timestamp,
    reason: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO revoked_serial (serial, agent, revoked_ms, reason) \
         SELECT serial, id, $3, $4 FROM agent WHERE id = $1 AND serial <> $2 \
         UNION SELECT previous_serial, id, $3, $4 FROM agent \
         WHERE id = $1 AND previous_serial IS NOT NULL AND previous_serial <> $2 \
         ON CONFLICT (serial) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(keep)
    .bind(at.0)
    .bind(reason)
    .execute(tx)
    .await?;
    Ok(())
}

type AgentRow = (
    String,
    String,
    String,
    String,
    Option<String>,
    i64,
    i64,
    Option<i64>,
    String,
    String,
    String,
    String,
    Option<i64>,
    Option<String>,
);

fn agent_of(row: AgentRow) -> sqlx::Result<AgentRecord> {
    let (id, site, role, serial, previous_serial, not_after, enrolled, last_seen, ..) = &row;
    Ok(AgentRecord {
        id: parsed(id)?,
        site: parsed(site)?,
        role: parsed(role)?,
        serial: serial.clone(),
        previous_serial: previous_serial.clone(),
        not_after: Timestamp(*not_after),
        enrolled: Timestamp(*enrolled),
        last_seen: time(*last_seen),
        facts: AgentFacts { version: row.8, os: row.9, kernel: row.10, arch: row.11 },
        revoked: time(row.12).map(|at| (at, row.13.unwrap_or_default())),
    })
}

async fn agents(inner: &Inner, id: Option<&AgentId>) -> sqlx::Result<Vec<AgentRecord>> {
    let rows: Vec<AgentRow> = sqlx::query_as(
        "SELECT id, site, role, serial, previous_serial, not_after_ms, enrolled_ms, last_seen_ms, \
         version, os, kernel, arch, revoked_ms, revoked_reason FROM agent \
         WHERE $1 IS NULL OR id = $1 ORDER BY id",
    )
    .bind(id.map(AgentId::as_str))
    .fetch_all(&inner.readers)
    .await?;
    rows.into_iter().map(agent_of).collect()
}

async fn revoked_serials(inner: &Inner) -> sqlx::Result<Vec<RevokedSerial>> {
    let rows: Vec<(String, String, i64, String)> = sqlx::query_as(
        "SELECT serial, agent, revoked_ms, reason FROM revoked_serial ORDER BY revoked_ms DESC, serial",
    )
    .fetch_all(&inner.readers)
    .await?;
    rows.into_iter()
        .map(|(serial, agent, at, reason)| {
            Ok(RevokedSerial { serial, agent: parsed(&agent)?, at: Timestamp(at), reason })
        })
        .collect()
}
