//! Links: how they are now, and what each calendar month came to.

use std::fmt::Write as _;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wasl_pages::view::{
    CarriedView, EndMonthView, EndView, FlowView, ForecastView, LinkView, MonthView, QualityView,
};

use super::accounting::AccountingBody;
use super::entities::{ReasonBody, reason};
use super::{List, Problem};
use crate::operators::Operators;
use crate::operators::access::{Viewer, Who};
use crate::operators::extract::{Json, Path, Query};
use crate::operators::reports;
use crate::operators::views::links;
use crate::past::Month;
use crate::time::{now, rfc3339};

/// Months of a link that are told if not said otherwise.
const MONTHS: usize = 12;

/// A link now. Times of round trips are seconds, shares 0 to 1, moments milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LinkBody {
    /// The identifier.
    pub id: String,
    /// Its name in English.
    pub name_en: String,
    /// Its name in Arabic.
    pub name_ar: Option<String>,
    /// The sites that it joins; one for a line to the Internet.
    pub between: Vec<String>,
    /// `uplink`, `link` or `target`: how closely it is watched.
    pub class: String,
    /// `primary`, `backup` or `standby`.
    pub activity: String,
    /// `ok`, `degraded`, `down`, `unknown` or `maintenance`.
    pub health: String,
    /// Why.
    pub reason: ReasonBody,
    /// Since when.
    pub since: Option<i64>,
    /// The entity whose trouble causes this one's, `kind/identifier`.
    pub caused_by: Option<String>,
    /// The open incident that it is part of.
    pub incident: Option<u64>,
    /// Whether the ends disagree.
    pub ends_differ: bool,
    /// The agent whose figures decide.
    pub deciding: Option<String>,
    /// What each end sees.
    pub ends: Vec<LinkEndBody>,
    /// Traffic towards the last of `between`, or from the Internet.
    pub down: FlowBody,
    /// Traffic the other way.
    pub up: FlowBody,
    /// What the provider owes.
    pub contract: ContractBody,
    /// Whose traffic it carries, where that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounting: Option<AccountingBody>,
    /// Median round-trip time in each minute of the last hour, oldest first, by the deciding end.
    pub rtt_history: Vec<Option<f64>>,
    /// Loss likewise.
    pub loss_history: Vec<Option<f64>>,
    /// When it will be full. Only for single links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<ForecastsBody>,
}

/// What one end sees of a link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LinkEndBody {
    /// The agent that probes.
    pub agent: String,
    /// What it probes.
    pub to: String,
    /// By which way the probes leave, where that is bound.
    pub via: Option<String>,
    /// How it is probed, such as `icmp`.
    pub method: Option<String>,
    /// What its detector holds: `up`, `degraded` or `down`.
    pub verdict: Option<String>,
    /// Since when.
    pub verdict_since: Option<i64>,
    /// Round-trip time, median.
    pub rtt_p50: Option<f64>,
    /// 95th percentile.
    pub rtt_p95: Option<f64>,
    /// 99th percentile.
    pub rtt_p99: Option<f64>,
    /// Share of probes that were lost.
    pub loss: Option<f64>,
    /// Jitter.
    pub jitter: Option<f64>,
    /// Mean opinion score of a call, 1 to 4.5, estimated (ITU-T G.107).
    pub mos: Option<f64>,
    /// Transmission rating R of a call, 0 to 93.2.
    pub rating: Option<f64>,
    /// When its last window ended.
    pub observed_at: Option<i64>,
    /// Whether that is too long ago to say anything of now.
    pub old: bool,
}

/// Traffic in one direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowBody {
    /// Bits per second now.
    pub bits_per_second: Option<f64>,
    /// Bits per second that were bought.
    pub contracted: Option<u64>,
    /// The share that is used.
    pub share: Option<f64>,
    /// The interface that it is read from, `interface/owner/name`.
    pub interface: Option<String>,
    /// `receive` or `transmit` of that interface.
    pub direction: Option<String>,
    /// Its history, for `/api/v1/history`.
    pub series: Option<String>,
}

/// What a provider owes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContractBody {
    /// Bits per second towards the last of `between`.
    pub down: Option<u64>,
    /// Bits per second the other way.
    pub up: Option<u64>,
    /// The longest median round-trip time, seconds.
    pub rtt: Option<f64>,
    /// The most jitter, seconds.
    pub jitter: Option<f64>,
    /// The most loss.
    pub loss: Option<f64>,
    /// The least availability in a calendar month.
    pub availability: Option<f64>,
}

/// When both directions will be full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastsBody {
    /// Towards the last of `between`.
    pub down: ForecastBody,
    /// The other way.
    pub up: ForecastBody,
}

/// When a direction will be full: the trend of its busy hours over up to 90 days (Theil–Sen), at 95 %.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastBody {
    /// `unasked` (no rate or no interface is configured), `too_little`, `full`, `steady` or `grows`.
    pub state: String,
    /// Days with a busy hour, where they are too few.
    pub days: Option<u64>,
    /// The busy hour by the trend now, a share of what was bought.
    pub now: Option<f64>,
    /// Growth in 30 days, in such shares.
    pub per_month: Option<f64>,
    /// When it is full; none beyond two years.
    pub at: Option<i64>,
    /// At the earliest.
    pub earliest: Option<i64>,
    /// At the latest; none where it may also never be.
    pub latest: Option<i64>,
}

/// A calendar month of a link in the institution's time zone. Lengths are seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MonthBody {
    /// `2026-11`.
    pub month: String,
    /// Its beginning.
    pub from: i64,
    /// Its end, or now while it lasts.
    pub to: i64,
    /// Whether it is over.
    pub over: bool,
    /// The length that is looked at.
    pub total: f64,
    /// Time up.
    pub up: f64,
    /// Time down, planned maintenance included.
    pub down: f64,
    /// Time that nobody looked at.
    pub unobserved: f64,
    /// How much of the time up may have been down unseen, as only means are kept of it.
    pub hidden: f64,
    /// Planned maintenance.
    pub planned: f64,
    /// Time down during it.
    pub planned_down: f64,
    /// Up out of what was observed.
    pub availability: Option<f64>,
    /// Up out of what was observed outside of planned maintenance.
    pub availability_owed: Option<f64>,
    /// That, had it been up whenever nobody looked.
    pub availability_best: Option<f64>,
    /// That, had it been down whenever nobody looked.
    pub availability_worst: Option<f64>,
    /// Share of the time that was observed.
    pub covered: Option<f64>,
    /// The availability that was promised.
    pub promised: Option<f64>,
    /// `kept`, `broken`, `open` (what nobody saw decides) or `none` (nothing was promised).
    pub verdict: String,
    /// The outages in order, at most 1000.
    pub outages: Vec<OutageBody>,
    /// How many there were.
    pub outages_total: u64,
    /// All ends together.
    pub quality: QualityBody,
    /// Each end for itself.
    pub ends: Vec<EndMonthBody>,
    /// What was carried towards the last of `between`.
    pub down_flow: CarriedBody,
    /// The other way.
    pub up_flow: CarriedBody,
    /// Seconds, over all ends, that rest on windows as they were measured.
    pub from_windows: f64,
    /// Seconds, over all ends, that rest on means of five minutes or longer.
    pub from_means: f64,
}

/// A stretch during which nothing got through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutageBody {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// Its length, seconds.
    pub seconds: f64,
    /// Seconds of it that were planned.
    pub planned: f64,
    /// Whether it touches time that nobody looked at.
    pub open: bool,
}

/// What was lost and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QualityBody {
    /// Probes that the time has room for.
    pub expected: u64,
    /// Probes whose fate is known.
    pub sent: u64,
    /// Probes that were lost.
    pub lost: u64,
    /// Their share.
    pub loss: Option<f64>,
    /// The least that the share is at 95 %.
    pub loss_low: Option<f64>,
    /// The most.
    pub loss_high: Option<f64>,
    /// Round-trip time, median, seconds.
    pub rtt_p50: Option<f64>,
    /// 95th percentile.
    pub rtt_p95: Option<f64>,
    /// 99th percentile.
    pub rtt_p99: Option<f64>,
    /// The longest.
    pub rtt_max: Option<f64>,
    /// Median of the windows' jitter, seconds.
    pub jitter_p50: Option<f64>,
    /// 95th percentile of it.
    pub jitter_p95: Option<f64>,
    /// Mean opinion score of a call while it was up.
    pub mos: Option<f64>,
}

/// What one end saw in a month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndMonthBody {
    /// The agent that probes.
    pub agent: String,
    /// Seconds up.
    pub up: f64,
    /// Seconds down.
    pub down: f64,
    /// Seconds that it did not look.
    pub unobserved: f64,
    /// Loss and times.
    pub quality: QualityBody,
    /// The least offset of its clock, seconds.
    pub clock_low: Option<f64>,
    /// The greatest.
    pub clock_high: Option<f64>,
}

/// What one direction carried: 5-minute averages over the calendar month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CarriedBody {
    /// 95th percentile, bits per second.
    pub p95: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// Averages that there are.
    pub samples: u64,
    /// Averages that the time has room for.
    pub expected: u64,
    /// Bits per second that were bought.
    pub contracted: Option<u64>,
    /// The 95th percentile as a share of that.
    pub share: Option<f64>,
}

impl From<&EndView> for LinkEndBody {
    fn from(end: &EndView) -> Self {
        Self {
            agent: end.agent.clone(),
            to: end.to.clone(),
            via: end.via.clone(),
            method: end.method.map(str::to_owned),
            verdict: end.verdict.map(str::to_owned),
            verdict_since: end.verdict_since.map(|at| at.0),
            rtt_p50: end.rtt_p50,
            rtt_p95: end.rtt_p95,
            rtt_p99: end.rtt_p99,
            loss: end.loss,
            jitter: end.jitter,
            mos: end.mos,
            rating: end.rating,
            observed_at: end.at.map(|at| at.0),
            old: end.old,
        }
    }
}

impl From<&FlowView> for FlowBody {
    fn from(flow: &FlowView) -> Self {
        Self {
            bits_per_second: flow.rate.map(|bytes| bytes * 8.0),
            contracted: flow.contracted,
            share: flow.share(),
            interface: flow.interface.as_ref().map(|(subject, _)| subject.to_string()),
            direction: flow.interface.as_ref().map(|(_, direction)| (*direction).to_owned()),
            series: flow.series.clone(),
        }
    }
}

impl LinkBody {
    fn of(link: &LinkView, operators: &Operators) -> Self {
        let contract = &link.contract;
        Self {
            id: link.id.clone(),
            name_en: link.name.en.clone(),
            name_ar: link.name.ar.clone(),
            between: link.places.iter().map(|(id, _)| id.clone()).collect(),
            class: link.class.to_owned(),
            activity: link.activity.to_owned(),
            health: link.state.health.as_str().to_owned(),
            reason: reason(&link.state.reason, &operators.texts),
            since: link.state.since.map(|at| at.0),
            caused_by: link.caused_by.as_ref().map(ToString::to_string),
            incident: link.incident,
            ends_differ: link.differs(),
            deciding: link.decider().map(|end| end.agent.clone()),
            ends: link.ends.iter().map(LinkEndBody::from).collect(),
            down: FlowBody::from(&link.down),
            up: FlowBody::from(&link.up),
            contract: ContractBody {
                down: contract.down,
                up: contract.up,
                rtt: contract.rtt,
                jitter: contract.jitter,
                loss: contract.loss,
                availability: contract.availability,
            },
            accounting: link.accounting.as_ref().map(|view| AccountingBody::of(view, operators)),
            rtt_history: link.rtt_history.clone(),
            loss_history: link.loss_history.clone(),
            forecast: None,
        }
    }
}

impl From<ForecastView> for ForecastBody {
    fn from(view: ForecastView) -> Self {
        let mut body = Self {
            state: view.word().to_owned(),
            days: None,
            now: None,
            per_month: None,
            at: None,
            earliest: None,
            latest: None,
        };
        match view {
            ForecastView::Unasked | ForecastView::Full => {}
            ForecastView::TooLittle { days, .. } => body.days = Some(days),
            ForecastView::Steady { now } => body.now = Some(now),
            ForecastView::Grows { now, per_month, at, earliest, latest } => {
                body.now = Some(now);
                body.per_month = Some(per_month);
                body.at = at.map(|at| at.0);
                body.earliest = earliest.map(|at| at.0);
                body.latest = latest.map(|at| at.0);
            }
        }
        body
    }
}

impl From<&QualityView> for QualityBody {
    fn from(q: &QualityView) -> Self {
        Self {
            expected: q.expected,
            sent: q.sent,
            lost: q.lost,
            loss: q.loss,
            loss_low: q.loss_between.map(|(low, _)| low),
            loss_high: q.loss_between.map(|(_, high)| high),
            rtt_p50: q.rtt_p50,
            rtt_p95: q.rtt_p95,
            rtt_p99: q.rtt_p99,
            rtt_max: q.rtt_max,
            jitter_p50: q.jitter_p50,
            jitter_p95: q.jitter_p95,
            mos: q.mos,
        }
    }
}

impl From<&CarriedView> for CarriedBody {
    fn from(carried: &CarriedView) -> Self {
        let bits = |bytes: Option<f64>| bytes.map(|bytes| bytes * 8.0);
        Self {
            p95: bits(carried.p95),
            max: bits(carried.max),
            mean: bits(carried.mean),
            samples: carried.samples,
            expected: carried.expected,
            contracted: carried.contracted,
            share: carried.share(),
        }
    }
}

impl From<&EndMonthView> for EndMonthBody {
    fn from(end: &EndMonthView) -> Self {
        Self {
            agent: end.agent.clone(),
            up: end.up,
            down: end.down,
            unobserved: end.unobserved,
            quality: QualityBody::from(&end.quality),
            clock_low: end.clock.map(|(low, _)| low),
            clock_high: end.clock.map(|(_, high)| high),
        }
    }
}

impl From<&MonthView> for MonthBody {
    fn from(month: &MonthView) -> Self {
        Self {
            month: month.month.clone(),
            from: month.from.0,
            to: month.to.0,
            over: month.over,
            total: month.total,
            up: month.up,
            down: month.down,
            unobserved: month.unobserved,
            hidden: month.hidden,
            planned: month.planned,
            planned_down: month.planned_down,
            availability: month.observed,
            availability_owed: month.owed,
            availability_best: month.best,
            availability_worst: month.worst,
            covered: month.covered,
            promised: month.promised,
            verdict: month.verdict.to_owned(),
            outages: month
                .outages
                .iter()
                .map(|outage| OutageBody {
                    from: outage.from.0,
                    to: outage.to.0,
                    seconds: outage.seconds(),
                    planned: outage.planned,
                    open: outage.open,
                })
                .collect(),
            outages_total: month.outages_total,
            quality: QualityBody::from(&month.quality),
            ends: month.ends.iter().map(EndMonthBody::from).collect(),
            down_flow: CarriedBody::from(&month.down_flow),
            up_flow: CarriedBody::from(&month.up_flow),
            from_windows: month.from_windows,
            from_means: month.from_means,
        }
    }
}

fn unknown(id: &str) -> Problem {
    let id: String = id.chars().take(80).collect();
    Problem::not_found(format!("there is no link {id:?}; `GET /api/v1/links` lists what there is"))
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
    let text = csv(&link, &found, &reports::named(&who).unwrap_or_default());
    let name = format!("attachment; filename=\"{}-{month}.csv\"", link.id);
    Ok((
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)],
        text,
    )
        .into_response())
}

/// A field as RFC 4180 wants it. What a spreadsheet would take for a formula is made a text.
fn field(text: &str) -> String {
    let number = text.parse::<f64>().is_ok();
    let formula = !number && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn csv(link: &LinkView, month: &MonthView, by: &str) -> String {
    let mut out = "part,item,value,unit,from,until\r\n".to_owned();
    let mut row = |part: &str, item: &str, value: &str, unit: &str, span: [&str; 2]| {
        let cells = [part, item, value, unit, span[0], span[1]].map(field);
        let _ = write!(out, "{}\r\n", cells.join(","));
    };
    let none = ["", ""];
    let some = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let at = [rfc3339(month.from), rfc3339(month.to)];
    row("report", "link", &link.id, "", [&at[0], &at[1]]);
    row("report", "name", &link.name.en, "", none);
    row("report", "month", &month.month, "", none);
    row("report", "over", if month.over { "yes" } else { "no" }, "", none);
    row("report", "generated_at", &rfc3339(now()), "", none);
    row("report", "generated_by", by, "", none);
    row("report", "version", env!("CARGO_PKG_VERSION"), "", none);
    row("method", "class", link.class, "", none);
    row("method", "window", &month.window.to_string(), "s", none);
    row("method", "from_windows", &month.from_windows.to_string(), "s", none);
    row("method", "from_means", &month.from_means.to_string(), "s", none);
    for end in &link.ends {
        let probe = format!("{} to {} via {}", end.agent, end.to, end.via.as_deref().unwrap_or("any route"));
        row("method", "probe", &probe, end.method.unwrap_or_default(), none);
    }
    for (item, value, unit) in [
        ("down", link.contract.down.map(|n| n as f64), "bit/s"),
        ("up", link.contract.up.map(|n| n as f64), "bit/s"),
        ("rtt", link.contract.rtt, "s"),
        ("jitter", link.contract.jitter, "s"),
        ("loss", link.contract.loss, "ratio"),
        ("availability", link.contract.availability, "ratio"),
    ] {
        row("contract", item, &some(value), unit, none);
    }
    for (item, value, unit) in [
        ("observed", month.observed, "ratio"),
        ("outside_maintenance", month.owed, "ratio"),
        ("best_case", month.best, "ratio"),
        ("worst_case", month.worst, "ratio"),
        ("time_observed", month.covered, "ratio"),
        ("total", Some(month.total), "s"),
        ("up", Some(month.up), "s"),
        ("down", Some(month.down), "s"),
        ("unobserved", Some(month.unobserved), "s"),
        ("hidden_in_means", Some(month.hidden), "s"),
        ("planned", Some(month.planned), "s"),
        ("planned_down", Some(month.planned_down), "s"),
    ] {
        row("availability", item, &some(value), unit, none);
    }
    row("availability", "verdict", month.verdict, "", none);
    for (part, quality) in std::iter::once(("quality".to_owned(), &month.quality))
        .chain(month.ends.iter().map(|end| (format!("quality of {}", end.agent), &end.quality)))
    {
        for (item, value, unit) in [
            ("probes_expected", Some(quality.expected as f64), "count"),
            ("probes_decided", Some(quality.sent as f64), "count"),
            ("probes_lost", Some(quality.lost as f64), "count"),
            ("loss", quality.loss, "ratio"),
            ("loss_low_95", quality.loss_between.map(|(low, _)| low), "ratio"),
            ("loss_high_95", quality.loss_between.map(|(_, high)| high), "ratio"),
            ("rtt_p50", quality.rtt_p50, "s"),
            ("rtt_p95", quality.rtt_p95, "s"),
            ("rtt_p99", quality.rtt_p99, "s"),
            ("rtt_max", quality.rtt_max, "s"),
            ("jitter_p50", quality.jitter_p50, "s"),
            ("jitter_p95", quality.jitter_p95, "s"),
            ("mos", quality.mos, ""),
        ] {
            row(&part, item, &some(value), unit, none);
        }
    }
    for (part, flow) in [("carried down", &month.down_flow), ("carried up", &month.up_flow)] {
        let bits = |value: Option<f64>| value.map(|bytes| bytes * 8.0);
        for (item, value, unit) in [
            ("p95", bits(flow.p95), "bit/s"),
            ("max", bits(flow.max), "bit/s"),
            ("mean", bits(flow.mean), "bit/s"),
            ("averages", Some(flow.samples as f64), "count"),
            ("averages_expected", Some(flow.expected as f64), "count"),
        ] {
            row(part, item, &some(value), unit, none);
        }
    }
    for end in &month.ends {
        let (low, high) = end.clock.map_or((None, None), |(low, high)| (Some(low), Some(high)));
        row(&format!("clock of {}", end.agent), "offset_low", &some(low), "s", none);
        row(&format!("clock of {}", end.agent), "offset_high", &some(high), "s", none);
    }
    for planned in &month.maintenances {
        let span = [rfc3339(planned.from), rfc3339(planned.until)];
        row("maintenance", &planned.by, &planned.note, "", [&span[0], &span[1]]);
    }
    for (index, outage) in month.outages.iter().enumerate() {
        let span = [rfc3339(outage.from), rfc3339(outage.to)];
        let part = if outage.open { "outage (may be longer)" } else { "outage" };
        row(part, &(index + 1).to_string(), &outage.seconds().to_string(), "s", [&span[0], &span[1]]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_stays_one_field_and_no_formula() {
        assert_eq!(field("plain"), "plain");
        assert_eq!(field("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(field("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(field("-0.25"), "-0.25", "a number is one");
        assert_eq!(field("-cmd"), "'-cmd");
    }
}
