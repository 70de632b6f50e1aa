//! Accounts, sessions and API tokens.

use async_trait::async_trait;
use wasl_model::{SiteId, Timestamp};

use super::rows::{digest, parsed, time};
use super::{Inner, SqliteStore};
use crate::{Account, ApiToken, Digest, Error, NewAccount, People, WebSession};

#[async_trait]
impl People for SqliteStore {
    async fn create_account(&self, account: &NewAccount) -> Result<Option<i64>, Error> {
        let mut writer = self.inner.writer.lock().await;
        sqlx::query_scalar(
            "INSERT INTO account (name, password_hash, role, sites, created_ms, failed_logins) \
             VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (name) DO NOTHING RETURNING id",
        )
        .bind(account.name.as_str())
        .bind(account.password_hash.as_str())
        .bind(account.role.as_str())
        .bind(site_list(&account.sites))
        .bind(account.created.0)
        .fetch_optional(&mut **writer)
        .await
        .map_err(self.inner.fail("make an account"))
    }

    async fn account(&self, id: i64) -> Result<Option<Account>, Error> {
        let found =
            accounts(&self.inner, Some(id), None).await.map_err(self.inner.fail("read an account"))?;
        Ok(found.into_iter().next())
    }

    async fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error> {
        let found =
            accounts(&self.inner, None, Some(name)).await.map_err(self.inner.fail("read an account"))?;
        Ok(found.into_iter().next())
    }

    async fn accounts(&self) -> Result<Vec<Account>, Error> {
        accounts(&self.inner, None, None).await.map_err(self.inner.fail("read the accounts"))
    }

    async fn update_account(&self, account: &Account) -> Result<bool, Error> {
        let mut writer = self.inner.writer.lock().await;
        let updated = sqlx::query(
            "UPDATE account SET password_hash = $2, role = $3, sites = $4, disabled_ms = $5 WHERE id = $1",
        )
        .bind(account.id)
        .bind(account.password_hash.as_str())
        .bind(account.role.as_str())
        .bind(site_list(&account.sites))
        .bind(account.disabled.map(|at| at.0))
        .execute(&mut **writer)
        .await
        .map_err(self.inner.fail("change an account"))?;
        Ok(updated.rows_affected() > 0)
    }

    async fn login_failed(&self, id: i64) -> Result<u32, Error> {
        let mut writer = self.inner.writer.lock().await;
        let failed: Option<i64> = sqlx::query_scalar(
            "UPDATE account SET failed_logins = failed_logins + 1 WHERE id = $1 RETURNING failed_logins",
        )
        .bind(id)
        .fetch_optional(&mut **writer)
        .await
        .map_err(self.inner.fail("count a wrong password"))?;
        Ok(failed.map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX)))
    }

    async fn lock_account(&self, id: i64, until: Timestamp) -> Result<(), Error> {
        let mut writer = self.inner.writer.lock().await;
        sqlx::query("UPDATE account SET locked_until_ms = $2 WHERE id = $1")
            .bind(id)
            .bind(until.0)
            .execute(&mut **writer)
            .await
            .map_err(self.inner.fail("lock an account"))?;
        Ok(())
    }

    async fn login_succeeded(&self, id: i64) -> Result<(), Error> {
        let mut writer = self.inner.writer.lock().await;
        sqlx::query("UPDATE account SET failed_logins = 0, locked_until_ms = NULL WHERE id = $1")
            .bind(id)
            .execute(&mut **writer)
            .await
            .map_err(self.inner.fail("note a login"))?;
        Ok(())
    }

    async fn create_session(&self, session: &WebSession) -> Result<(), Error> {
        let mut writer = self.inner.writer.lock().await;
        sqlx::query(
            "INSERT INTO web_session (token_hash, account, csrf, created_ms, seen_ms, expires_ms) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&session.token_hash[..])
        .bind(session.account)
        .bind(session.csrf.as_str())
        .bind(session.created.0)
        .bind(session.seen.0)
        .bind(session.expires.0)
        .execute(&mut **writer)
        .await
        .map_err(self.inner.fail("keep a session"))?;
        Ok(())
    }

    async fn session(&self, token_hash: &Digest) -> Result<Option<WebSession>, Error> {
        session(&self.inner, token_hash).await.map_err(self.inner.fail("read a session"))
    }

    async fn touch_session(
        &self,
        token_hash: &Digest,
        seen: Timestamp,
        expires: Timestamp,
    ) -> Result<(), Error> {
        let mut writer = self.inner.writer.lock().await;
        sqlx::query("UPDATE web_session SET seen_ms = $2, expires_ms = $3 WHERE token_hash = $1")
            .bind(&token_hash[..])
            .bind(seen.0)
            .bind(expires.0)
            .execute(&mut **writer)
            .await
            .map_err(self.inner.fail("note the use of a session"))?;
        Ok(())
    }

    async fn delete_session(&self, token_hash: &Digest) -> Result<bool, Error> {
        let mut writer = self.inner.writer.lock().await;
        let deleted = sqlx::query("DELETE FROM web_session WHERE token_hash = $1")
            .bind(&token_hash[..])
            .execute(&mut **writer)
            .await
            .map_err(self.inner.fail("end a session"))?;
        Ok(deleted.rows_affected() > 0)
    }

    async fn delete_sessions_of(&self, account: i64, except: Option<&Digest>) -> Result<u64, Error> {
        let mut writer = self.inner.writer.lock().await;
        let deleted =
            sqlx::query("DELETE FROM web_session WHERE account = $1 AND ($2 IS NULL OR token_hash <> $2)")
                .bind(account)
                .bind(except.map(|hash| &hash[..]))
                .execute(&mut **writer)
                .await
                .map_err(self.inner.fail("end an account's sessions"))?;
        Ok(deleted.rows_affected())
    }

    async fn purge_sessions(&self, before: Timestamp) -> Result<u64, Error> {
        let mut writer = self.inner.writer.lock().await;
        let deleted = sqlx::query("DELETE FROM web_session WHERE expires_ms < $1")
            .bind(before.0)
            .execute(&mut **writer)
            .await
            .map_err(self.inner.fail("delete sessions that ended"))?;
        Ok(deleted.rows_affected())
    }

    async fn create_api_token(&self, token: &ApiToken) -> Result<(), Error> {
        let mut writer = self.inner.writer.lock().await;
        sqlx::query(
            "INSERT INTO api_token (hash, name, account, role, created_ms, expires_ms, last_used_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&token.hash[..])
        .bind(token.name.as_str())
        .bind(token.account)
        .bind(token.role.as_str())
        .bind(token.created.0)
        .bind(token.expires.map(|at| at.0))
        .bind(token.last_used.map(|at| at.0))
        .execute(&mut **writer)
        .await
        .map_err(self.inner.fail("keep an API token"))?;
        Ok(())
    }

    async fn api_token(&self, hash: &Digest) -> Result<Option<ApiToken>, Error> {
        let found =
            api_tokens(&self.inner, Some(hash), None).await.map_err(self.inner.fail("read an API token"))?;
        Ok(found.into_iter().next())
    }

    async fn api_tokens(&self, account: Option<i64>) -> Result<Vec<ApiToken>, Error> {
        api_tokens(&self.inner, None, account).await.map_err(self.inner.fail("read the API tokens"))
    }

    async fn touch_api_token(&self, hash: &Digest, at: Timestamp) -> Result<(), Error> {
        let mut writer = self.inner.writer.lock().await;
        sqlx::query("UPDATE api_token SET last_used_ms = $2 WHERE hash = $1")
            .bind(&hash[..])
            .bind(at.0)
            .execute(&mut **writer)
            .await
            .map_err(self.inner.fail("note the use of an API token"))?;
        Ok(())
    }

    async fn delete_api_token(&self, hash: &Digest) -> Result<bool, Error> {
        let mut writer = self.inner.writer.lock().await;
        let deleted = sqlx::query("DELETE FROM api_token WHERE hash = $1")
            .bind(&hash[..])
            .execute(&mut **writer)
            .await
            .map_err(self.inner.fail("delete an API token"))?;
        Ok(deleted.rows_affected() > 0)
    }
}

/// Site names have no spaces, so a space parts them.
fn site_list(sites: &[SiteId]) -> String {
    sites.iter().map(SiteId::as_str).collect::<Vec<_>>().join(" ")
}

type AccountRow = (i64, String, String, String, String, i64, Option<i64>, i64, Option<i64>);

async fn accounts(inner: &Inner, id: Option<i64>, name: Option<&str>) -> sqlx::Result<Vec<Account>> {
    let rows: Vec<AccountRow> = sqlx::query_as(
        "SELECT id, name, password_hash, role, sites, created_ms, disabled_ms, failed_logins, \
         locked_until_ms FROM account WHERE ($1 IS NULL OR id = $1) AND ($2 IS NULL OR name = $2) \
         ORDER BY name",
    )
    .bind(id)
    .bind(name)
    .fetch_all(&inner.readers)
    .await?;
    rows.into_iter()
        .map(|(id, name, password_hash, role, sites, created, disabled, failed, locked)| {
            Ok(Account {
                id,
                name,
                password_hash,
                role: parsed(&role)?,
                sites: sites.split_whitespace().map(parsed).collect::<sqlx::Result<_>>()?,
                created: Timestamp(created),
                disabled: time(disabled),
                failed_logins: u32::try_from(failed).unwrap_or(u32::MAX),
                locked_until: time(locked),
            })
        })
        .collect()
}

async fn session(inner: &Inner, token_hash: &Digest) -> sqlx::Result<Option<WebSession>> {
    let row: Option<(i64, String, i64, i64, i64)> = sqlx::query_as(
        "SELECT account, csrf, created_ms, seen_ms, expires_ms FROM web_session WHERE token_hash = $1",
    )
    .bind(&token_hash[..])
    .fetch_optional(&inner.readers)
    .await?;
    Ok(row.map(|(account, csrf, created, seen, expires)| WebSession {
        token_hash: *token_hash,
        account,
        csrf,
        created: Timestamp(created),
        seen: Timestamp(seen),
        expires: Timestamp(expires),
    }))
}

type TokenRow = (Vec<u8>, String, i64, String, i64, Option<i64>, Option<i64>);

async fn api_tokens(
    inner: &Inner,
    hash: Option<&Digest>,
    account: Option<i64>,
) -> sqlx::Result<Vec<ApiToken>> {
    let rows: Vec<TokenRow> = sqlx::query_as(
        "SELECT hash, name, account, role, created_ms, expires_ms, last_used_ms FROM api_token \
         WHERE ($1 IS NULL OR hash = $1) AND ($2 IS NULL OR account = $2) \
         ORDER BY created_ms DESC, hash",
    )
    .bind(hash.map(|hash| &hash[..]))
    .bind(account)
    .fetch_all(&inner.readers)
    .await?;
    rows.into_iter()
        .map(|(hash, name, account, role, created, expires, last_used)| {
            Ok(ApiToken {
                hash: digest(&hash)?,
                name,
                account,
                role: parsed(&role)?,
                created: Timestamp(created),
                expires: time(expires),
                last_used: time(last_used),
            })
        })
        .collect()
}
