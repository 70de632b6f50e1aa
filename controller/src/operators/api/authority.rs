//! The institution's authority and its replacement.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_pki::{CertificateAuthority, Fingerprint};
use wasl_store::AgentRecord;

use super::{List, Problem};
use crate::operators::Operators;
use crate::operators::access::Admin;
use crate::operators::extract::Json;
use crate::time::now;
use crate::trust::{Phase, TrustError, View, Waiting, hanging, keeper, left_behind};

/// An authority that is trusted now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuthorityBody {
    /// SHA-256 of its certificate, as tokens pin it.
    pub fingerprint: String,
    /// Its name.
    pub name: String,
    /// `issuing`, `next` or `former`.
    pub standing: String,
    /// From when it is valid, milliseconds since 1970.
    pub valid_from: i64,
    /// Until when it is valid, milliseconds since 1970.
    pub valid_until: i64,
    /// Agents that hold it; told during a rotation only, of the newest.
    pub held_by: Option<u32>,
    /// The agents that the next step would leave behind: for `next` those that do not hold it, for `former` those
    /// whose certificate it signed.
    pub waiting_for: Vec<WaitingBody>,
}

/// An agent that the next step of a rotation would leave behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WaitingBody {
    /// The agent.
    pub agent: String,
    /// Why.
    pub why: String,
    /// Whether it has a session now.
    pub connected: bool,
    /// When it was last heard, milliseconds since 1970.
    pub last_seen: Option<i64>,
}

/// What the next authority should be.
#[derive(Default, Serialize, Deserialize, ToSchema)]
pub struct NextAuthority {
    /// Its certificate and those above it, PEM; a new one is made if not given.
    #[serde(default)]
    pub certificate: Option<String>,
    /// Its private key, PKCS#8 PEM.
    #[serde(default)]
    pub key: Option<String>,
}

/// Whether a step is made although agents are left behind.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub struct Anyway {
    /// It is.
    #[serde(default)]
    pub anyway: bool,
}

/// The authorities that are trusted now, the one that signs first.
#[utoipa::path(get, operation_id = "list_authorities", path = "/api/v1/authorities",
    responses((status = 200, body = List<AuthorityBody>), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    _: Admin,
    State(operators): State<Operators>,
) -> Result<Json<List<AuthorityBody>>, Problem> {
    let agents = operators.store.agents().await.map_err(|e| Problem::internal("reading the agents", &e))?;
    Ok(List::new("wasl.authorities.v1", bodies(&operators, &operators.trust.view(), &agents)))
}

fn bodies(operators: &Operators, view: &View, agents: &[AgentRecord]) -> Vec<AuthorityBody> {
    let now_s = now().seconds();
    let told = |waiting: Vec<Waiting>| -> Vec<WaitingBody> {
        waiting
            .into_iter()
            .map(|w| WaitingBody {
                connected: operators.sessions.is_connected(&w.agent),
                last_seen: agents.iter().find(|r| r.id == w.agent).and_then(|r| r.last_seen).map(|t| t.0),
                agent: w.agent.to_string(),
                why: w.why.to_owned(),
            })
            .collect()
    };
    view.trusted
        .iter()
        .enumerate()
        .map(|(place, der)| {
            let described = wasl_pki::ca::describe(der);
            let (standing, waiting_for) = match view.rotation.as_ref().map(|r| (r, &r.phase)) {
                Some((rotation, Phase::Introducing { .. })) if place > 0 => {
                    ("next", told(left_behind(rotation, agents, now_s)))
                }
                Some((rotation, Phase::Overlap { .. })) if place > 0 => {
                    ("former", told(hanging(rotation, agents, now_s)))
                }
                _ => ("issuing", Vec::new()),
            };
            let fingerprint = Fingerprint::of(der);
            let confirmed = view.rotation.as_ref().filter(|_| fingerprint == view.newest());
            AuthorityBody {
                fingerprint: fingerprint.to_string(),
                name: described.as_ref().map(|d| d.name.clone()).unwrap_or_default(),
                standing: standing.to_owned(),
                valid_from: described.as_ref().map_or(0, |d| d.not_before.saturating_mul(1000)),
                valid_until: described.as_ref().map_or(0, |d| d.not_after.saturating_mul(1000)),
                held_by: confirmed.map(|rotation| rotation.confirmed.len() as u32),
                waiting_for,
            }
        })
        .collect()
}

/// Begins a rotation: agents are told to trust the next authority beside the present one.
#[utoipa::path(post, operation_id = "begin_rotation", path = "/api/v1/authorities/rotate", request_body = NextAuthority,
    responses((status = 204), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn rotate(
    Admin(who): Admin,
    State(operators): State<Operators>,
    Json(given): Json<NextAuthority>,
) -> Result<http::StatusCode, Problem> {
    let now_s = now().seconds();
    let institution = operators.intent.settings().institution().name.en.clone();
    let next = match (given.certificate, given.key) {
        (Some(certificate), Some(key)) => CertificateAuthority::import(&certificate, &key, now_s),
        (None, None) => CertificateAuthority::create(&institution, now_s),
        _ => return Err(Problem::bad("authority", "a certificate and its key belong together; give both")),
    };
    let next = next.map_err(|e| Problem::bad("authority", wasl_runtime::chain(&e)))?;
    let (own, by, fingerprint) = (operators.shared.clone(), who.name(), next.fingerprint().to_string());
    step(move || own.trust.begin(&next, &by, now_s)).await?;
    operators.audit(&who.name(), "authority.rotate", &fingerprint, "ok", "introduced").await;
    Ok(http::StatusCode::NO_CONTENT)
}

/// Gives up a rotation before the next authority signs.
#[utoipa::path(post, operation_id = "abandon_rotation", path = "/api/v1/authorities/abandon",
    responses((status = 204), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn abandon(
    Admin(who): Admin,
    State(operators): State<Operators>,
) -> Result<http::StatusCode, Problem> {
    let next = operators.trust.view().newest().to_string();
    let own = operators.shared.clone();
    step(move || own.trust.abandon()).await?;
    operators.audit(&who.name(), "authority.abandon", &next, "ok", "").await;
    Ok(http::StatusCode::NO_CONTENT)
}

/// Lets the next authority sign, whoever holds it. Agents that were not told yet still recognise the controller,
/// because the former authority vouches for it.
#[utoipa::path(post, operation_id = "finish_rotation", path = "/api/v1/authorities/finish",
    responses((status = 204), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn finish(
    Admin(who): Admin,
    State(operators): State<Operators>,
) -> Result<http::StatusCode, Problem> {
    match operators.trust.view().rotation.as_ref().map(|r| &r.phase) {
        Some(Phase::Introducing { .. }) => {}
        _ => return Err(refused(&TrustError::NotNow("no authority is being introduced"))),
    }
    keeper::finish(&operators.shared, &who.name()).await.ok_or_else(stuck)?;
    Ok(http::StatusCode::NO_CONTENT)
}

/// Forgets the former authority. Refused while certificates hang on it, unless `anyway`.
#[utoipa::path(post, operation_id = "retire_authority", path = "/api/v1/authorities/retire", request_body = Anyway,
    responses((status = 204), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json"), (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn retire(
    Admin(who): Admin,
    State(operators): State<Operators>,
    Json(given): Json<Anyway>,
) -> Result<http::StatusCode, Problem> {
    let view = operators.trust.view();
    let rotation = view.rotation.as_ref().filter(|r| matches!(r.phase, Phase::Overlap { .. }));
    let Some(rotation) = rotation else {
        return Err(refused(&TrustError::NotNow("there is no former authority that could be retired")));
    };
    let agents = operators.store.agents().await.map_err(|e| Problem::internal("reading the agents", &e))?;
    let cut_off = hanging(rotation, &agents, now().seconds());
    if !given.anyway && !cut_off.is_empty() {
        let names: Vec<&str> = cut_off.iter().map(|w| w.agent.as_str()).collect();
        return Err(Problem::conflict(
            "in_use",
            format!(
                "the certificates of these agents are signed by the former authority, and they would have to enrol again: {}; wait until they have renewed, or say --anyway",
                names.join(", ")
            ),
        ));
    }
    keeper::retire(&operators.shared, &who.name()).await.ok_or_else(stuck)?;
    Ok(http::StatusCode::NO_CONTENT)
}

async fn step(work: impl FnOnce() -> Result<(), TrustError> + Send + 'static) -> Result<(), Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| refused(&error)),
        Err(error) => Err(Problem::internal("changing the authority", &error)),
    }
}

fn refused(error: &TrustError) -> Problem {
    match error {
        TrustError::UnderWay(_) | TrustError::NotNow(_) | TrustError::Same => {
            Problem::conflict("rotation", error.to_string())
        }
        TrustError::Authority(_) => Problem::bad("authority", wasl_runtime::chain(error)),
        _ => Problem::internal("changing the authority", error),
    }
}

fn stuck() -> Problem {
    Problem::internal_text("the step could not be made; the controller's log says why")
}
