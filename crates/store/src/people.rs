//! People's accounts, their sessions in a browser, and the tokens of their scripts.

use async_trait::async_trait;
use wasl_model::{SiteId, Timestamp, UserRole};

use crate::{Digest, Error};

/// An account that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// The name to log in with; unique, compared byte by byte.
    pub name: String,
    /// The password's hash, as a PHC string.
    pub password_hash: String,
    /// What the person may do.
    pub role: UserRole,
    /// The sites the person may see; empty for all.
    pub sites: Vec<SiteId>,
    /// When it is made.
    pub created: Timestamp,
}

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number, never given to another account while this one exists.
    pub id: i64,
    /// The name to log in with; unique.
    pub name: String,
    /// The password's hash, as a PHC string.
    pub password_hash: String,
    /// What the person may do.
    pub role: UserRole,
    /// The sites the person may see; empty for all.
    pub sites: Vec<SiteId>,
    /// When it was made.
    pub created: Timestamp,
    /// Since when it may not log in.
    pub disabled: Option<Timestamp>,
    /// Wrong passwords since the last right one.
    pub failed_logins: u32,
    /// Until when no password is tried.
    pub locked_until: Option<Timestamp>,
}

/// A browser that is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSession {
    /// The digest of the cookie.
    pub token_hash: Digest,
    /// Whose it is.
    pub account: i64,
    /// The word that forms must carry.
    pub csrf: String,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// A token for a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// The token's digest.
    pub hash: Digest,
    /// What it is for, in its owner's words.
    pub name: String,
    /// Whose it is.
    pub account: i64,
    /// What it may do; never more than its owner may, which the caller sees to.
    pub role: UserRole,
    /// When it was made.
    pub created: Timestamp,
    /// From when it is no longer good; never if `None`.
    pub expires: Option<Timestamp>,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
}

/// Keeps accounts, sessions and API tokens. Whether a session or token has expired, or its owner may
/// log in, is for the caller to say.
#[async_trait]
pub trait People: Send + Sync {
    /// Makes an account and returns its number; `None` if the name is taken.
    async fn create_account(&self, account: &NewAccount) -> Result<Option<i64>, Error>;

    /// The account with this number.
    async fn account(&self, id: i64) -> Result<Option<Account>, Error>;

    /// The account with this name.
    async fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error>;

    /// All accounts, by name.
    async fn accounts(&self) -> Result<Vec<Account>, Error>;

    /// Changes password, role, sites and `disabled` to those given; name, counts and times stay.
    /// `false` if there is no such account.
    async fn update_account(&self, account: &Account) -> Result<bool, Error>;

    /// Counts a wrong password and returns how many there were since the last right one. 0 if there
    /// is no such account.
    async fn login_failed(&self, id: i64) -> Result<u32, Error>;

    /// Lets no password be tried until then.
    async fn lock_account(&self, id: i64, until: Timestamp) -> Result<(), Error>;

    /// Forgets wrong passwords and lifts the lock.
    async fn login_succeeded(&self, id: i64) -> Result<(), Error>;

    /// Keeps a new session.
    async fn create_session(&self, session: &WebSession) -> Result<(), Error>;

    /// The session with this digest.
    async fn session(&self, token_hash: &Digest) -> Result<Option<WebSession>, Error>;

    /// Notes that a session was used, and until when it is good now.
    async fn touch_session(
        &self,
        token_hash: &Digest,
        seen: Timestamp,
        expires: Timestamp,
    ) -> Result<(), Error>;

    /// Ends a session; `false` if there is none.
    async fn delete_session(&self, token_hash: &Digest) -> Result<bool, Error>;

    /// Ends all sessions of an account, except the one given, and returns how many.
    async fn delete_sessions_of(&self, account: i64, except: Option<&Digest>) -> Result<u64, Error>;

    /// Deletes sessions that ended before then, and returns how many.
    async fn purge_sessions(&self, before: Timestamp) -> Result<u64, Error>;

    /// Keeps a new API token.
    async fn create_api_token(&self, token: &ApiToken) -> Result<(), Error>;

    /// The API token with this digest.
    async fn api_token(&self, hash: &Digest) -> Result<Option<ApiToken>, Error>;

    /// All API tokens of one account or of all, newest first.
    async fn api_tokens(&self, account: Option<i64>) -> Result<Vec<ApiToken>, Error>;

    /// Notes that an API token was used.
    async fn touch_api_token(&self, hash: &Digest, at: Timestamp) -> Result<(), Error>;

    /// Deletes an API token; `false` if there is none.
    async fn delete_api_token(&self, hash: &Digest) -> Result<bool, Error>;
}
