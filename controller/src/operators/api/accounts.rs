//! Accounts of people.

use argon2::{Argon2, PasswordHasher};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_model::{SiteId, UserRole};
use wasl_store::NewAccount;

use super::{List, Problem};
use crate::operators::Operators;
use crate::operators::access::Admin;
use crate::operators::extract::Json;
use crate::time::now;

/// Shorter passwords are refused (NIST SP 800-63B asks for 8 and advises more).
const SHORTEST: usize = 12;

/// An account that should be made.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct AccountRequest {
    /// The name to log in with.
    pub name: String,
    /// The password, at least 12 characters.
    pub password: String,
    /// What the person may do.
    pub role: String,
    /// The sites that the person may see; all if empty.
    #[serde(default)]
    pub sites: Vec<String>,
}

/// An account, without its password.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccountBody {
    /// The name to log in with.
    pub name: String,
    /// What the person may do.
    pub role: String,
    /// The sites that the person may see; all if empty.
    pub sites: Vec<String>,
    /// When it was made, milliseconds since 1970.
    pub created: i64,
    /// Whether the person may not log in.
    pub disabled: bool,
}

/// All accounts.
#[utoipa::path(get, operation_id = "list_accounts", path = "/api/v1/accounts",
    responses((status = 200, body = List<AccountBody>), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    _: Admin,
    State(operators): State<Operators>,
) -> Result<Json<List<AccountBody>>, Problem> {
    let accounts =
        operators.store.accounts().await.map_err(|e| Problem::internal("reading the accounts", &e))?;
    let items = accounts
        .into_iter()
        .map(|a| AccountBody {
            name: a.name,
            role: a.role.to_string(),
            sites: a.sites.iter().map(ToString::to_string).collect(),
            created: a.created.0,
            disabled: a.disabled.is_some(),
        })
        .collect();
    Ok(List::new("wasl.accounts.v1", items))
}

/// Makes an account.
#[utoipa::path(post, operation_id = "create_account", path = "/api/v1/accounts", request_body = AccountRequest,
    responses((status = 204), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    Admin(who): Admin,
    State(operators): State<Operators>,
    Json(given): Json<AccountRequest>,
) -> Result<http::StatusCode, Problem> {
    let role: UserRole = given
        .role
        .parse()
        .map_err(|e: wasl_model::access::UnknownRole| Problem::bad("role", e.to_string()))?;
    let name = given.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
        return Err(Problem::bad("name", "a name has 1 to 64 printable characters"));
    }
    if given.password.chars().count() < SHORTEST {
        return Err(Problem::bad("password", format!("a password has at least {SHORTEST} characters")));
    }
    let sites: Vec<SiteId> = given
        .sites
        .into_iter()
        .map(SiteId::new)
        .collect::<Result<_, _>>()
        .map_err(|e| Problem::bad("sites", e.to_string()))?;
    let password = given.password;
    let hashed = tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
    });
    let password_hash = hashed
        .await
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| Problem::internal_text("the password could not be hashed"))?;
    let account = NewAccount { name: name.clone(), password_hash, role, sites, created: now() };
    let made = operators
        .store
        .create_account(&account)
        .await
        .map_err(|e| Problem::internal("making an account", &e))?;
    if made.is_none() {
        return Err(Problem::conflict("name_taken", format!("there is an account named {name} already")));
    }
    operators.audit(&who.name(), "account.create", &name, "ok", &format!("role {role}")).await;
    Ok(http::StatusCode::NO_CONTENT)
}
