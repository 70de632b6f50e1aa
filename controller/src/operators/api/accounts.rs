//! Accounts of people.

use argon2::{Argon2, PasswordHasher};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_model::UserRole;
use wasl_store::{Account, NewAccount};

use super::{List, Problem};
use crate::operators::Operators;
use crate::operators::access::Admin;
use crate::operators::extract::{Json, Path};
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
}

/// What should change of an account; what is not given stays.
#[derive(Default, Serialize, Deserialize, ToSchema)]
pub struct AccountChange {
    /// A new password, at least 12 characters. All logins of the account end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// What the person may do from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether the person may not log in. All logins of the account end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// An account, without its password.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccountBody {
    /// The name to log in with.
    pub name: String,
    /// What the person may do.
    pub role: String,
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
    let password_hash = hash(given.password).await?;
    let account = NewAccount { name: name.clone(), password_hash, role, sites: Vec::new(), created: now() };
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

/// Changes an account.
#[utoipa::path(patch, operation_id = "change_account", path = "/api/v1/accounts/{name}", request_body = AccountChange,
    params(("name" = String, Path, description = "The account's name")),
    responses((status = 204), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change(
    Admin(who): Admin,
    State(operators): State<Operators>,
    Path(name): Path<String>,
    Json(given): Json<AccountChange>,
) -> Result<http::StatusCode, Problem> {
    let failed = |e| Problem::internal("changing an account", &e);
    let mut account = known(&operators, &name).await?;
    let mut changed = Vec::new();
    if let Some(word) = &given.role {
        account.role = role(word)?;
        changed.push(format!("role {}", account.role));
    }
    let ends_logins = given.password.is_some() || given.disabled == Some(true);
    if let Some(password) = given.password {
        account.password_hash = hash(password).await?;
        changed.push("password".to_owned());
    }
    if let Some(disabled) = given.disabled {
        account.disabled = if disabled { account.disabled.or_else(|| Some(now())) } else { None };
        changed.push(if disabled { "disabled" } else { "enabled" }.to_owned());
    }
    operators.store.update_account(&account).await.map_err(failed)?;
    if ends_logins {
        operators.store.delete_sessions_of(account.id, None).await.map_err(failed)?;
    }
    operators.audit(&who.name(), "account.change", &name, "ok", &changed.join(", ")).await;
    Ok(http::StatusCode::NO_CONTENT)
}

/// The account of this name.
pub(super) async fn known(operators: &Operators, name: &str) -> Result<Account, Problem> {
    let account = operators
        .store
        .account_by_name(name)
        .await
        .map_err(|e| Problem::internal("reading an account", &e))?;
    account.ok_or_else(|| {
        Problem::not_found(format!("there is no account named {name:?}; `wasl account list` lists them"))
    })
}

/// The role of this word.
pub(super) fn role(word: &str) -> Result<UserRole, Problem> {
    word.parse().map_err(|e: wasl_model::access::UnknownRole| Problem::bad("role", e.to_string()))
}

async fn hash(password: String) -> Result<String, Problem> {
    if password.chars().count() < SHORTEST {
        return Err(Problem::bad("password", format!("a password has at least {SHORTEST} characters")));
    }
    let hashed = tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
    });
    let hashed = hashed.await.ok().and_then(Result::ok);
    hashed.ok_or_else(|| Problem::internal_text("the password could not be hashed"))
}
