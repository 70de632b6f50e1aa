//! Links: how they are now, and what each calendar month came to.

mod body;
mod csv;
mod month;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{List, Problem};
use crate::operators::Operators;
use crate::operators::access::{Viewer, Who};
use crate::operators::extract::{Json, Path, Query};
use crate::operators::reports;
use crate::operators::views::links;
use crate::past::Month;
use crate::time::now;
pub use body::{
    ContractBody, DirectionsBody, FlowBody, ForecastBody, ForecastsBody, LinkBody, LinkEndBody, MeasuredBody,
};
pub use month::{
    CarriedBody, EndMonthBody, MonthBody, OutageBody, PlannedBody, PromiseBody, QualityBody, ShareMonthBody,
    TestsMonthBody, WayMonthBody,
};

/// Months of a link that are told if not said otherwise.
const MONTHS: usize = 12;

fn unknown(id: &str) -> Problem {
    let id: String = id.chars().take(80).collect();
    Problem::not_found(format!(
        "there is no link {id:?}; `wasl links` and `GET /api/v1/links` list what there is"
    ))
}

/// All links.
#[utoipa::path(get, operation_id = "list_links", path = "/api/v1/links",
    responses((status = 200, body = List<LinkBody>), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(_: Viewer, State(operators): State<Operators>) -> Json<List<LinkBody>> {
    let links = {
        let board = operators.boards.board();
        let live = operators.live.read();
        links::all(&operators, &board, &live, now())
    };
    let items = links.iter().map(|link| LinkBody::of(link, &operators)).collect();
    List::new("wasl.links.v1", items)
}

/// One link, with the day on which it will be full.
#[utoipa::path(get, operation_id = "read_link", path = "/api/v1/links/{id}",
    params(("id" = String, Path, description = "The identifier")),
    responses((status = 200, body = LinkBody), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn one(
    _: Viewer,
    State(operators): State<Operators>,
    Path(id): Path<String>,
) -> Result<Json<LinkBody>, Problem> {
    let mut link = links::one(&operators, &id, now()).ok_or_else(|| unknown(&id))?;
    reports::fill_shares(&operators, &mut link).await?;
    let (down, up) = reports::forecasts(&operators, &link).await?;
    let mut body = LinkBody::of(&link, &operators);
    body.forecast = Some(ForecastsBody { down: down.into(), up: up.into() });
    Ok(Json(body))
}

/// How many months.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Months {
    /// How many, counted back from this one; 12 if not given, at most 60.
    #[serde(default)]
    months: Option<u8>,
}

/// The calendar months of a link, the newest first.
#[utoipa::path(get, operation_id = "list_months", path = "/api/v1/links/{id}/months",
    params(("id" = String, Path, description = "The identifier"), Months),
    responses((status = 200, body = List<MonthBody>), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn months(
    _: Viewer,
    State(operators): State<Operators>,
    Path(id): Path<String>,
    Query(wanted): Query<Months>,
) -> Result<Json<List<MonthBody>>, Problem> {
    let most = wanted.months.map_or(MONTHS, usize::from);
    if !(1..=60).contains(&most) {
        return Err(Problem::bad("months", "`months` is 1 to 60"));
    }
    let link = links::one(&operators, &id, now()).ok_or_else(|| unknown(&id))?;
    let months = reports::months(&operators, &link, most).await?;
    Ok(List::new("wasl.link_months.v1", months.iter().map(|month| MonthBody::from(&**month)).collect()))
}

/// Which month.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// `YYYY-MM`; this month if not given.
    #[serde(default)]
    month: Option<String>,
}

/// A month's report as CSV (RFC 4180): `part,item,value,unit,from,until`.
#[utoipa::path(get, operation_id = "read_report", path = "/api/v1/links/{id}/report.csv",
    params(("id" = String, Path, description = "The identifier"), Which),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn report(
    _: Viewer,
    State(operators): State<Operators>,
    axum::Extension(who): axum::Extension<Who>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, Problem> {
    let month: Month = reports::wanted(&operators, which.month.as_deref())?;
    let link = links::one(&operators, &id, now()).ok_or_else(|| unknown(&id))?;
    let found = reports::month(&operators, &link, month).await?;
    let text = csv::csv(&link, &found, &reports::named(&who).unwrap_or_default(), now());
    let name = format!("attachment; filename=\"{}-{month}.csv\"", link.id);
    Ok((
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)],
        text,
    )
        .into_response())
}
