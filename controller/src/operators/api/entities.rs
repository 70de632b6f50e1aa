//! Entities, their judgement and their present values.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wasl_model::health::Reason;
use wasl_model::{Subject, Timestamp};
use wasl_pages::{Lang, Texts};

use super::{List, Problem};
use crate::board::Entity;
use crate::live::Latest;
use crate::operators::Operators;
use crate::operators::access::Viewer;
use crate::operators::extract::{Json, Path, Query};

/// Why an entity is judged as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReasonBody {
    /// The code; all are listed in `docs/reasons.md`.
    pub code: String,
    /// In English.
    pub text_en: String,
    /// In Arabic.
    pub text_ar: String,
    /// The figures in the texts.
    pub args: BTreeMap<String, String>,
}

/// An entity and its judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntityBody {
    /// The kind, such as `target`.
    pub kind: String,
    /// The identifier within the kind.
    pub id: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The agent that observes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// `ok`, `degraded`, `down`, `unknown` or `maintenance`.
    pub health: String,
    /// What it is doing, where that is told.
    pub activity: Option<String>,
    /// `proved`, `due`, `none` or `failed`, for what can be proved.
    pub proof: Option<String>,
    /// Why.
    pub reason: ReasonBody,
    /// Since when the health has been what it is, milliseconds since 1970.
    pub since: i64,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// The entity whose trouble causes this one's, `kind/identifier`.
    pub caused_by: Option<String>,
    /// When it was last observed, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<i64>,
    /// What was last observed, by the names of the model's fields. Only for single entities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// The present numbers by the names and in the units of the history. Only for single entities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<BTreeMap<String, f64>>,
}

/// A notice that stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NoticeBody {
    /// Who says it.
    pub agent: String,
    /// About what, `kind/identifier`.
    pub subject: String,
    /// What kind of thing.
    pub code: String,
    /// `info`, `warning` or `error`.
    pub severity: String,
    /// In the agent's words.
    pub detail: String,
    /// Since when, milliseconds since 1970.
    pub since: i64,
}

impl EntityBody {
    /// An entity without its values.
    pub fn of(entity: &Entity, texts: &Texts) -> Self {
        let state = &entity.state;
        Self {
            kind: entity.subject.kind.to_string(),
            id: entity.subject.id.clone(),
            site: entity.site.as_ref().map(ToString::to_string),
            agent: entity.agent.as_ref().map(ToString::to_string),
            health: state.health.as_str().to_owned(),
            activity: state.activity.clone(),
            proof: state.proof.map(|p| p.as_str().to_owned()),
            reason: reason(&state.reason, texts),
            since: state.since.0,
            confidence: state.confidence,
            caused_by: state.caused_by.as_ref().map(ToString::to_string),
            observed_at: entity.at.map(|t: Timestamp| t.0),
            value: None,
            numbers: None,
        }
    }

    fn with_value(mut self, latest: &Latest) -> Self {
        let mut numbers = BTreeMap::new();
        wasl_model::series::points(&latest.value, |name, number| {
            numbers.insert(name.to_owned(), number);
        });
        self.numbers = Some(numbers);
        self.value = serde_json::to_value(&latest.value).ok();
        self
    }
}

pub(super) fn reason(reason: &Reason, texts: &Texts) -> ReasonBody {
    ReasonBody {
        code: reason.code.clone(),
        // Marks that keep figures in order inside Arabic text are noise in a terminal and in English.
        text_en: texts.reason(Lang::En, reason).replace(['\u{2068}', '\u{2069}'], ""),
        text_ar: texts.reason(Lang::Ar, reason),
        args: reason.args.clone(),
    }
}

/// Which entities.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only this kind.
    #[serde(default)]
    kind: Option<String>,
    /// Only this site.
    #[serde(default)]
    site: Option<String>,
    /// Only this health.
    #[serde(default)]
    health: Option<String>,
}

/// All entities, judged.
#[utoipa::path(get, operation_id = "list_entities", path = "/api/v1/entities", params(Filter),
    responses((status = 200, body = List<EntityBody>), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    _: Viewer,
    State(operators): State<Operators>,
    Query(filter): Query<Filter>,
) -> Json<List<EntityBody>> {
    let board = operators.boards.board();
    let wanted = |e: &&Entity| {
        filter.kind.as_deref().is_none_or(|k| e.subject.kind.as_str() == k)
            && filter.site.as_deref().is_none_or(|s| e.site.as_ref().is_some_and(|own| own.as_str() == s))
            && filter.health.as_deref().is_none_or(|h| e.state.health.as_str() == h)
    };
    let items = board
        .entities
        .values()
        .map(AsRef::as_ref)
        .filter(wanted)
        .map(|e| EntityBody::of(e, &operators.texts))
        .collect();
    List::new("wasl.entities.v1", items)
}

/// One entity, judged, with its present values.
#[utoipa::path(get, operation_id = "read_entity", path = "/api/v1/entities/{kind}/{id}",
    params(("kind" = String, Path, description = "The kind"), ("id" = String, Path, description = "The identifier; percent-encode what a path cannot hold")),
    responses((status = 200, body = EntityBody), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    _: Viewer,
    State(operators): State<Operators>,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Json<EntityBody>, Problem> {
    let subject: Subject = format!("{kind}/{id}")
        .parse()
        .map_err(|e: wasl_model::subject::InvalidSubject| Problem::not_found(e.to_string()))?;
    let board = operators.boards.board();
    let entity = board.entities.get(&subject).ok_or_else(|| {
        Problem::not_found(format!("there is no {subject}; `GET /api/v1/entities` lists what there is"))
    })?;
    let body = EntityBody::of(entity, &operators.texts);
    let live = operators.live.read();
    let latest = entity.agent.as_ref().and_then(|agent| live.values.get(&(agent.clone(), subject)));
    Ok(Json(match latest {
        Some(latest) => body.with_value(latest),
        None => body,
    }))
}

/// All notices that stand.
#[utoipa::path(get, operation_id = "list_notices", path = "/api/v1/notices",
    responses((status = 200, body = List<NoticeBody>), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn notices(_: Viewer, State(operators): State<Operators>) -> Json<List<NoticeBody>> {
    let live = operators.live.read();
    let items = live
        .notices()
        .map(|((agent, subject), since, notice)| NoticeBody {
            agent: agent.to_string(),
            subject: subject.to_string(),
            code: notice.code.as_str().to_owned(),
            severity: notice.severity.as_str().to_owned(),
            detail: notice.detail.clone(),
            since: since.0,
        })
        .collect();
    List::new("wasl.notices.v1", items)
}
