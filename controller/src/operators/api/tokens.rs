//! One-time permissions to enrol agents.

use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_model::{AgentId, AgentRole, SiteId};
use wasl_pki::EnrolToken;

use super::{List, Problem};
use crate::agents::token_digest;
use crate::operators::Operators;
use crate::operators::access::Engineer;
use crate::operators::extract::Json;
use crate::time::now;

/// The longest life of a token.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// What a token should be good for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenRequest {
    /// The site of the agent.
    pub site: String,
    /// The role of the agent.
    pub role: String,
    /// The only name that may enrol with it; any new name if not given.
    #[serde(default)]
    pub name: Option<String>,
    /// How long it is good for, in seconds; a day if not given.
    #[serde(default)]
    pub lifetime_s: Option<u64>,
}

/// A new token. Its text is told once and kept nowhere.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// The token.
    pub token: String,
    /// When it expires, milliseconds since 1970.
    pub expires: i64,
}

/// A token that was made, without its text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenBody {
    /// The site of the agent.
    pub site: String,
    /// The role of the agent.
    pub role: String,
    /// The only name that may enrol with it.
    pub name: Option<String>,
    /// When it was made, milliseconds since 1970.
    pub created: i64,
    /// Who made it.
    pub created_by: String,
    /// When it expires, milliseconds since 1970.
    pub expires: i64,
    /// The agent that used it.
    pub used_by: Option<String>,
}

/// All tokens.
#[utoipa::path(get, operation_id = "list_tokens", path = "/api/v1/tokens",
    responses((status = 200, body = List<TokenBody>), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    _: Engineer,
    State(operators): State<Operators>,
) -> Result<Json<List<TokenBody>>, Problem> {
    let tokens = operators.store.tokens().await.map_err(|e| Problem::internal("reading the tokens", &e))?;
    let items = tokens
        .into_iter()
        .map(|t| TokenBody {
            site: t.site.to_string(),
            role: t.role.to_string(),
            name: t.agent_name.map(|n| n.to_string()),
            created: t.created.0,
            created_by: t.created_by,
            expires: t.expires.0,
            used_by: t.used.map(|(_, agent)| agent.to_string()),
        })
        .collect();
    Ok(List::new("wasl.tokens.v1", items))
}

/// Makes a token.
#[utoipa::path(post, operation_id = "create_token", path = "/api/v1/tokens", request_body = TokenRequest,
    responses((status = 200, body = NewToken), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    Engineer(who): Engineer,
    State(operators): State<Operators>,
    Json(given): Json<TokenRequest>,
) -> Result<Json<NewToken>, Problem> {
    let site = SiteId::new(given.site).map_err(|e| Problem::bad("site", e.to_string()))?;
    let settings = operators.intent.settings();
    if !settings.sites().contains_key(&site) {
        let known = settings.sites().keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Problem::bad("site", format!("the configuration has no site {site}; it has {known}")));
    }
    let role: AgentRole = given
        .role
        .parse()
        .map_err(|e: wasl_model::access::UnknownRole| Problem::bad("role", e.to_string()))?;
    let name = given.name.map(AgentId::new).transpose().map_err(|e| Problem::bad("name", e.to_string()))?;
    let lifetime = given.lifetime_s.map_or(Duration::from_secs(86_400), Duration::from_secs);
    if lifetime.is_zero() || lifetime > LONGEST {
        return Err(Problem::bad("lifetime_s", "a token is good for at least a second and at most 30 days"));
    }
    let token = EnrolToken::generate(operators.trust.view().issuing.fingerprint())
        .map_err(|e| Problem::internal("making a token", &e))?;
    let created = now();
    let expires = created.plus(lifetime);
    let kept = wasl_store::EnrolToken {
        hash: token_digest(&token),
        site: site.clone(),
        role,
        agent_name: name.clone(),
        created,
        expires,
        created_by: who.name(),
        used: None,
    };
    operators.store.create_token(&kept).await.map_err(|e| Problem::internal("keeping a token", &e))?;
    let object = name.map_or_else(|| site.to_string(), |n| format!("{site}/{n}"));
    operators.audit(&who.name(), "token.create", &object, "ok", &format!("role {role}")).await;
    Ok(Json(NewToken { token: token.to_string(), expires: expires.0 }))
}
