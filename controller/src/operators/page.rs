//! The pages.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Form, FromRequestParts, Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use wasl_model::{AgentId, EntityKind, Subject, UserRole};
use wasl_pages::view::{ChangeView, ErrorView, Frame, LinkPageView, LinkView, ReportView};
use wasl_pages::{Lang, Painter, live, pages};
use wasl_pki::secret::same_secret;
use wasl_store::{EventFilter, IncidentFilter};

use super::Operators;
use super::access::{Who, cookie};
use super::api::take_on;
use super::extract::Query;
use super::problem::Problem;
use super::reports::{self, zone};
use super::scope::Scope;
use super::views;
use crate::time::now;

/// The cookie of the language.
const LANG: &str = "wasl_lang";
/// How often the overview is drawn again while somebody looks.
const DRAW: Duration = Duration::from_secs(1);
/// A sign of life for pages that nothing changes on.
const TICK: Duration = Duration::from_secs(10);

pub(super) fn router() -> Router<Operators> {
    Router::new()
        .route("/", get(overview))
        .route("/links", get(links))
        .route("/links/{id}/report", get(report))
        .route("/backups", get(backups))
        .route("/incidents", get(incidents))
        .route("/incidents/{id}", get(incident))
        .route("/incidents/{id}/acknowledge", post(acknowledge))
        .route("/agents", get(agents))
        .route("/agents/{id}", get(agent))
        .route("/discovery", get(discovery))
        .route("/entities/{kind}/{*id}", get(entity))
        .route("/live/overview", get(live_overview))
        .route("/live/links", get(live_links))
        .route("/live/link/{id}", get(live_link))
}

/// What every page needs.
pub(super) struct PageContext {
    operators: Operators,
    lang: Lang,
    pub(super) frame: Frame,
}

impl PageContext {
    fn painter(&self) -> Painter<'_> {
        Painter::new(&self.operators.shared.texts, self.lang, now(), zone(&self.operators))
    }

    /// Draws with a painter for this request.
    pub(super) fn painted(&self, draw: impl FnOnce(&Painter<'_>) -> String) -> Response {
        let painter = self.painter();
        let mut response = Html(draw(&painter)).into_response();
        let cookie = format!("{LANG}={}; Path=/; SameSite=Lax; Max-Age=31536000", self.lang.tag());
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    fn error(&self, status: StatusCode, detail: Option<String>) -> Response {
        let view = ErrorView { status: status.as_u16(), request: None, detail };
        (status, self.painted(|p| pages::error(p, &self.frame, &view))).into_response()
    }
}

impl FromRequestParts<Operators> for PageContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, operators: &Operators) -> Result<Self, Infallible> {
        let asked = parts
            .uri
            .query()
            .and_then(|query| query.split('&').find_map(|pair| Lang::from_tag(pair.strip_prefix("lang=")?)));
        let kept = || cookie(&parts.headers, LANG).and_then(Lang::from_tag);
        let preferred = || {
            let header = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
            Lang::preferred(header.unwrap_or_default())
        };
        let lang = asked.or_else(kept).unwrap_or_else(preferred);
        let who = parts.extensions.get::<Who>();
        let (user, csrf) = match who {
            Some(Who::Person(account, session)) => {
                (Some((account.name.clone(), account.role)), session.csrf.clone())
            }
            _ => (None, String::new()),
        };
        let frame = Frame {
            institution: operators.intent.settings().institution().name.clone(),
            may_look: who.is_some_and(|who| who.role().is_some()),
            user,
            path: parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
            csrf,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(Self { operators: operators.clone(), lang, frame })
    }
}

/// A page for somebody who may look; others are led to the login.
struct Looking(PageContext);

impl FromRequestParts<Operators> for Looking {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, operators: &Operators) -> Result<Self, Response> {
        let Ok(context) = PageContext::from_request_parts(parts, operators).await;
        if parts.extensions.get::<Who>().is_some_and(|who| who.role().is_some()) {
            return Ok(Self(context));
        }
        let next: String = context
            .frame
            .path
            .bytes()
            .map(|b| match b {
                b'&' | b'#' | b'+' | b'%' | b'?' | b'=' => format!("%{b:02X}"),
                _ => char::from(b).to_string(),
            })
            .collect();
        Err(Redirect::to(&format!("/login?next={next}")).into_response())
    }
}

async fn overview(Looking(context): Looking) -> Response {
    let view = views::overview(&context.operators, now());
    context.painted(|p| pages::overview(p, &context.frame, &view))
}

async fn links(Looking(context): Looking) -> Response {
    let view = views::links(&context.operators, now());
    context.painted(|p| pages::links(p, &context.frame, &view))
}

async fn backups(Looking(context): Looking) -> Response {
    let view = views::backups(&context.operators);
    context.painted(|p| pages::backups(p, &context.frame, &view))
}

/// Incidents that are over and shown.
const ENDED: u32 = 50;

async fn incidents(Looking(context): Looking, Extension(who): Extension<Who>) -> Result<Response, Problem> {
    let over = IncidentFilter { open: Some(false), limit: ENDED, ..IncidentFilter::default() };
    let store = &context.operators.store;
    let ended = store.incidents(&over).await.map_err(|e| Problem::internal("reading incidents", &e))?;
    let view = views::incidents::all(&context.operators, &ended, may_act(&who), now());
    Ok(context.painted(|p| pages::incidents(p, &context.frame, &view)))
}

async fn incident(
    Looking(context): Looking,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = match id.parse() {
        Ok(id) => context.operators.store.incident(id).await,
        Err(_) => Ok(None),
    };
    let found = found.map_err(|e| Problem::internal("reading an incident", &e))?;
    let Some(incident) = found else { return Ok(context.error(StatusCode::NOT_FOUND, None)) };
    let view = views::incidents::one(&context.operators, &incident);
    Ok(context.painted(|p| pages::incident(p, &context.frame, &view, may_act(&who))))
}

/// Whether somebody is shown the forms: people only, because a form needs their session.
fn may_act(who: &Who) -> bool {
    matches!(who, Who::Person(account, _) if account.role.includes(UserRole::Technician))
}

#[derive(Deserialize)]
struct Acknowledging {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    note: String,
}

async fn acknowledge(
    State(operators): State<Operators>,
    Extension(who): Extension<Who>,
    Path(id): Path<u64>,
    Form(given): Form<Acknowledging>,
) -> Result<Response, Problem> {
    let Who::Person(account, session) = &who else {
        return Err(Problem::forbidden(
            "role",
            "log in first; scripts use POST /api/v1/incidents/ID/acknowledge",
        ));
    };
    if !same_secret(given.csrf.as_bytes(), session.csrf.as_bytes()) {
        return Err(Problem::forbidden("csrf", "the form is too old; reload the page and send it again"));
    }
    if !account.role.includes(UserRole::Technician) {
        return Err(Problem::forbidden("role", "this needs the role technician; ask an administrator"));
    }
    take_on(&operators, &account.name, id, &given.note).await?;
    Ok(Redirect::to(&format!("/incidents/{id}")).into_response())
}

async fn agents(Looking(context): Looking) -> Response {
    let view = views::agents(&context.operators);
    context.painted(|p| pages::agents(p, &context.frame, &view))
}

async fn agent(Looking(context): Looking, Path(id): Path<String>) -> Result<Response, Problem> {
    let view = AgentId::new(id).ok().and_then(|id| views::agent(&context.operators, &id));
    let Some(mut view) = view else { return Ok(context.error(StatusCode::NOT_FOUND, None)) };
    let subject = Subject::lenient(EntityKind::Agent, &view.agent.id);
    view.changes = changes_of(&context.operators, &subject).await?;
    Ok(context.painted(|p| pages::agent(p, &context.frame, &view)))
}

async fn discovery(Looking(context): Looking) -> Result<Response, Problem> {
    let wanted = EventFilter { occurrences: Some(true), limit: CHANGES, ..EventFilter::default() };
    let changes = changes(&context.operators, &wanted, None).await?;
    let view = views::discovery::view(&context.operators, changes, now());
    Ok(context.painted(|p| pages::discovery(p, &context.frame, &view)))
}

async fn entity(
    Looking(context): Looking,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let subject: Option<Subject> = format!("{kind}/{id}").parse().ok();
    if kind == EntityKind::Link.as_str()
        && let Some(link) = views::links::one(&context.operators, &id, now())
    {
        return link_page(&context, link).await;
    }
    let found = subject.and_then(|subject| views::entity(&context.operators, &subject, now()));
    let Some(mut view) = found else { return Ok(context.error(StatusCode::NOT_FOUND, None)) };
    view.changes = changes_of(&context.operators, &view.subject).await?;
    Ok(context.painted(|p| pages::entity(p, &context.frame, &view)))
}

/// Months on a link's page; the API tells more.
const MONTHS: usize = 6;
/// Events on a page; the API has them all.
const CHANGES: u32 = 30;

/// The latest events of an entity and of what belongs to it, the newest first.
async fn changes_of(operators: &Operators, subject: &Subject) -> Result<Vec<ChangeView>, Problem> {
    let scope = Scope::of(&operators.intent.settings(), subject);
    changes(operators, &EventFilter { limit: CHANGES, ..scope.filter() }, Some(subject)).await
}

async fn changes(
    operators: &Operators,
    wanted: &EventFilter,
    page: Option<&Subject>,
) -> Result<Vec<ChangeView>, Problem> {
    let found =
        operators.store.find_events(wanted).await.map_err(|e| Problem::internal("reading events", &e))?;
    Ok(found.into_iter().map(|event| views::events::change(event, page)).collect())
}

async fn link_page(context: &PageContext, link: LinkView) -> Result<Response, Problem> {
    let operators = &context.operators;
    let changes = changes_of(operators, &Subject::lenient(EntityKind::Link, &link.id)).await?;
    let view = link_view(operators, link, changes, MONTHS).await?;
    Ok(context.painted(|p| pages::link(p, &context.frame, &view)))
}

/// A link's page; what belongs to its past is remembered for a while and costs little.
async fn link_view(
    operators: &Operators,
    mut link: LinkView,
    changes: Vec<ChangeView>,
    months: usize,
) -> Result<LinkPageView, Problem> {
    reports::fill_shares(operators, &mut link).await?;
    let months = reports::months(operators, &link, months).await?;
    let (down_forecast, up_forecast) = reports::forecasts(operators, &link).await?;
    let months = months.iter().map(|month| (**month).clone()).collect();
    Ok(LinkPageView { changes, months, down_forecast, up_forecast, link })
}

#[derive(Deserialize)]
struct Which {
    #[serde(default)]
    month: Option<String>,
}

async fn report(
    Looking(context): Looking,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, Problem> {
    let operators = &context.operators;
    let month = reports::wanted(operators, which.month.as_deref())?;
    let Some(link) = views::links::one(operators, &id, now()) else {
        return Ok(context.error(StatusCode::NOT_FOUND, None));
    };
    let found = reports::month(operators, &link, month).await?;
    let view = ReportView { month: (*found).clone(), by: reports::named(&who), link };
    Ok(context.painted(|p| pages::report(p, &context.frame, &view)))
}

/// Whatever has no page.
pub(super) async fn not_found(context: PageContext) -> Response {
    if context.frame.path.starts_with("/api/") {
        return Problem::not_found("there is no such resource; /api/v1/openapi.json lists them")
            .into_response();
    }
    context.error(StatusCode::NOT_FOUND, None)
}

/// A page that is drawn again and again.
trait Drawn: Send + 'static {
    /// Its fragments now; `None` where there is nothing to be shown any more, which ends the stream.
    fn draw(&mut self, context: &PageContext) -> impl Future<Output = Option<Vec<live::Fragment>>> + Send;
}

/// A page that is drawn from what is in memory.
impl<F: Fn(&Operators, &Painter<'_>) -> Vec<live::Fragment> + Send + 'static> Drawn for F {
    fn draw(&mut self, context: &PageContext) -> impl Future<Output = Option<Vec<live::Fragment>>> + Send {
        std::future::ready(Some(self(&context.operators, &context.painter())))
    }
}

/// The page of a link. Its events are read again when there are new ones.
struct LinkDrawn {
    id: String,
    changes: Option<(u64, Vec<ChangeView>)>,
}

impl LinkDrawn {
    async fn view(&mut self, operators: &Operators) -> Result<Option<LinkPageView>, Problem> {
        let Some(link) = views::links::one(operators, &self.id, now()) else { return Ok(None) };
        let latest = operators.boards.latest();
        if self.changes.as_ref().is_none_or(|(upto, _)| *upto != latest) {
            let subject = Subject::lenient(EntityKind::Link, &self.id);
            self.changes = Some((latest, changes_of(operators, &subject).await?));
        }
        let changes = self.changes.as_ref().map(|(_, changes)| changes.clone()).unwrap_or_default();
        link_view(operators, link, changes, 1).await.map(Some)
    }
}

impl Drawn for LinkDrawn {
    async fn draw(&mut self, context: &PageContext) -> Option<Vec<live::Fragment>> {
        // A store that does not answer ends the stream; the browser asks again.
        let view = self.view(&context.operators).await.ok()??;
        Some(live::link_fragments(&context.painter(), &view))
    }
}

/// The overview as it changes.
async fn live_overview(Looking(context): Looking) -> Response {
    follow(context, |operators: &Operators, painter: &Painter<'_>| {
        live::overview_fragments(painter, &views::overview(operators, now()))
    })
}

/// The links as they change.
async fn live_links(Looking(context): Looking) -> Response {
    follow(context, |operators: &Operators, painter: &Painter<'_>| {
        live::links_fragments(painter, &views::links(operators, now()))
    })
}

/// A link as it changes.
async fn live_link(Looking(context): Looking, Path(id): Path<String>) -> Response {
    if views::links::one(&context.operators, &id, now()).is_none() {
        return context.error(StatusCode::NOT_FOUND, None);
    }
    follow(context, LinkDrawn { id, changes: None })
}

/// A page as it changes: all of it at first, then what is different.
fn follow(context: PageContext, drawn: impl Drawn) -> Response {
    struct Drawing<D> {
        context: Arc<PageContext>,
        drawn: D,
        before: Vec<live::Fragment>,
        last: Option<tokio::time::Instant>,
    }
    let stop = context.operators.stop.clone();
    let state = Drawing { context: Arc::new(context), drawn, before: Vec::new(), last: None };
    let messages = stream::unfold(state, move |mut state| {
        let stop = stop.clone();
        async move {
            loop {
                if state.last.is_some() {
                    tokio::select! {
                        () = stop.cancelled() => return None,
                        () = tokio::time::sleep(DRAW) => {}
                    }
                }
                let all = state.drawn.draw(&state.context).await?;
                let changed = live::changed(&state.before, all.clone());
                state.before = all;
                let message = if !changed.is_empty() {
                    live::sse_message(&changed)
                } else if state.last.is_none_or(|last| last.elapsed() >= TICK) {
                    live::sse_tick().to_owned()
                } else {
                    continue;
                };
                state.last = Some(tokio::time::Instant::now());
                return Some((Ok::<_, Infallible>(Bytes::from(message)), state));
            }
        }
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(messages)).into_response()
}
