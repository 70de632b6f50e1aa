//! Tokens that scripts and Prometheus log in with.

use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_pki::secret::random_token;
use wasl_store::ApiToken;

use super::accounts::{known, role};
use super::{List, Problem};
use crate::operators::Operators;
use crate::operators::access::Admin;
use crate::operators::extract::Json;
use crate::people::digest_of;
use crate::time::now;

/// What a key should be good for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyRequest {
    /// The account that it belongs to; it does what that account may do, at most.
    pub account: String,
    /// What it is for, in words.
    pub purpose: String,
    /// What it may do; `viewer` if not given.
    #[serde(default)]
    pub role: Option<String>,
    /// After how many days it ends; never if not given.
    #[serde(default)]
    pub days: Option<u32>,
}

/// A new key. Its text is told once and kept nowhere.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct NewKey {
    /// For the header `Authorization: Bearer KEY`.
    pub key: String,
}

/// A key, without its text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyBody {
    /// What it is for.
    pub purpose: String,
    /// What it may do.
    pub role: String,
    /// When it was made, milliseconds since 1970.
    pub created: i64,
    /// When it ends, milliseconds since 1970.
    pub expires: Option<i64>,
    /// When it was last used, milliseconds since 1970.
    pub last_used: Option<i64>,
}

/// All keys, newest first.
#[utoipa::path(get, operation_id = "list_keys", path = "/api/v1/keys",
    responses((status = 200, body = List<KeyBody>), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    _: Admin,
    State(operators): State<Operators>,
) -> Result<Json<List<KeyBody>>, Problem> {
    let keys =
        operators.store.api_tokens(None).await.map_err(|e| Problem::internal("reading the keys", &e))?;
    let items = keys
        .into_iter()
        .map(|k| KeyBody {
            purpose: k.name,
            role: k.role.to_string(),
            created: k.created.0,
            expires: k.expires.map(|t| t.0),
            last_used: k.last_used.map(|t| t.0),
        })
        .collect();
    Ok(List::new("wasl.keys.v1", items))
}

/// Makes a key.
#[utoipa::path(post, operation_id = "create_key", path = "/api/v1/keys", request_body = KeyRequest,
    responses((status = 200, body = NewKey), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    Admin(who): Admin,
    State(operators): State<Operators>,
    Json(given): Json<KeyRequest>,
) -> Result<Json<NewKey>, Problem> {
    let account = known(&operators, &given.account).await?;
    let role = role(given.role.as_deref().unwrap_or("viewer"))?;
    if !account.role.includes(role) {
        return Err(Problem::bad("role", format!("{} may not do what a key for {role} could", account.name)));
    }
    let purpose: String = given.purpose.chars().filter(|c| !c.is_control()).take(100).collect();
    let key = random_token().map_err(|e| Problem::internal("making a key", &e))?;
    let now = now();
    let kept = ApiToken {
        hash: digest_of(&key),
        name: purpose.clone(),
        account: account.id,
        role,
        created: now,
        expires: given.days.map(|days| now.plus(Duration::from_secs(u64::from(days) * 86_400))),
        last_used: None,
    };
    operators.store.create_api_token(&kept).await.map_err(|e| Problem::internal("keeping a key", &e))?;
    operators.audit(&who.name(), "key.create", &account.name, "ok", &format!("{purpose}, role {role}")).await;
    Ok(Json(NewKey { key }))
}
