//! The past of a series.

use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wasl_model::units::Unit;
use wasl_model::{SeriesKey, Timestamp};
use wasl_store::ErrorKind;

use super::Problem;
use crate::operators::Operators;
use crate::operators::access::Viewer;
use crate::operators::extract::{Json, Query};
use crate::shared::Shared;
use crate::time::now;

/// Which series, and when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Question {
    /// `kind/identifier#field@agent`, such as `target/gateway#rtt_p50@jenin-gw`.
    series: String,
    /// From when, milliseconds since 1970; an hour before `to` if not given.
    #[serde(default)]
    from: Option<i64>,
    /// To when, milliseconds since 1970; now if not given.
    #[serde(default)]
    to: Option<i64>,
    /// One point for this many milliseconds; as stored if not given.
    #[serde(default)]
    step: Option<u64>,
}

/// A series over a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct HistoryBody {
    /// The unit of the values, such as `seconds` or `ratio`.
    pub unit: String,
    /// How far apart points are.
    pub resolution_ms: i64,
    /// Time in milliseconds since 1970, and the value; `null` breaks the line.
    #[schema(value_type = Vec<(i64, Option<f64>)>)]
    pub points: Vec<(i64, Option<f64>)>,
}

/// The word of a unit.
pub(super) fn word(unit: Unit) -> String {
    serde_json::to_value(unit).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The history of a series.
#[utoipa::path(get, operation_id = "read_history", path = "/api/v1/history", params(Question),
    responses((status = 200, body = HistoryBody), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn history(
    _: Viewer,
    State(operators): State<Operators>,
    Query(question): Query<Question>,
) -> Result<Json<HistoryBody>, Problem> {
    let key: SeriesKey = question
        .series
        .parse()
        .map_err(|e: wasl_model::series::InvalidSeries| Problem::bad("series", e.to_string()))?;
    let to = question.to.map_or_else(now, Timestamp);
    let from = question.from.map_or_else(|| to.minus(Duration::from_secs(3600)), Timestamp);
    if from > to {
        return Err(Problem::bad("range", "`from` is later than `to`"));
    }
    let step = question.step.filter(|s| *s > 0).map(Duration::from_millis);
    match operators.store.history(&key, from, to, step).await {
        Ok(history) if history.points.is_empty() && !is_known(&operators, &key) => {
            Err(Problem::not_found(format!("nothing has been kept of {key}")))
        }
        Ok(history) => Ok(Json(HistoryBody {
            unit: word(history.unit),
            resolution_ms: history.resolution_ms,
            points: history.points,
        })),
        Err(error) if *error.kind() == ErrorKind::NoSuchSeries => {
            Err(Problem::not_found(format!("nothing has been kept of {key}")))
        }
        Err(error) => Err(Problem::internal("reading the history", &error)),
    }
}

/// Whether anything has been heard of what a series is about.
fn is_known(shared: &Shared, key: &SeriesKey) -> bool {
    shared.live.read().values.contains_key(&(key.agent.clone(), key.subject.clone()))
}
