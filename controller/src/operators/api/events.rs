//! What changed and what happened: as a list, and as it comes.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event as SseEvent, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, header};
use serde::Deserialize;
use tokio_stream::wrappers::BroadcastStream;
use utoipa::IntoParams;
use wasl_health::reasons;
use wasl_model::{EventCode, Subject};
use wasl_pages::{Lang, Texts};
use wasl_store::EventFilter;

use super::{List, Problem};
use crate::board::Event;
use crate::operators::Operators;
use crate::operators::access::Viewer;
use crate::operators::extract::Query;
use crate::operators::scope::Scope;

/// The most events of one answer.
const MOST: u32 = 1000;
/// Events of one answer if not said otherwise.
const USUAL: u32 = 100;

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only those about this entity, `kind/identifier`, and about what belongs to it: a link's two directions, shares and
    /// interfaces; what a device, a machine or an agent has; everything at a site.
    #[serde(default)]
    subject: Option<String>,
    /// Only changes of health (`change`), or only what happened otherwise (`occurrence`).
    #[serde(default)]
    kind: Option<String>,
    /// Only those with this code, of their reason or of what happened, such as `link_down_trap`.
    #[serde(default)]
    code: Option<String>,
    /// Only those after this one. A list then begins with the oldest. A stream without it tells what is new;
    /// `Last-Event-ID` counts before it.
    #[serde(default)]
    after: Option<u64>,
    /// Only those before this one: the next page of a list.
    #[serde(default)]
    before: Option<u64>,
    /// The most events of a list, 1 to 1000; 100 if not given.
    #[serde(default)]
    limit: Option<u32>,
}

/// What is asked for, checked.
#[derive(Debug, Default)]
struct Filter {
    scope: Option<Scope>,
    occurrences: Option<bool>,
    code: Option<String>,
}

impl Filter {
    fn of(operators: &Operators, wanted: &Wanted) -> Result<Self, Problem> {
        let subject = wanted.subject.as_ref().map(|text| text.parse::<Subject>()).transpose();
        let subject = subject.map_err(|e| Problem::bad("subject", e.to_string()))?;
        let settings = operators.intent.settings();
        Ok(Self {
            scope: subject.map(|subject| Scope::of(&settings, &subject)),
            occurrences: wanted.kind.as_deref().map(is_occurrence).transpose()?,
            code: wanted.code.as_deref().map(code).transpose()?,
        })
    }

    fn has(&self, event: &Event) -> bool {
        let code = event.occurrence.as_ref().map(|occurrence| &occurrence.code).or(event.reason.as_ref());
        self.scope.as_ref().is_none_or(|scope| scope.has(event))
            && self.occurrences.is_none_or(|wanted| wanted == event.occurrence.is_some())
            && self.code.as_ref().is_none_or(|wanted| code == Some(wanted))
    }
}

fn is_occurrence(kind: &str) -> Result<bool, Problem> {
    match kind {
        "occurrence" => Ok(true),
        "change" => Ok(false),
        _ => Err(Problem::bad("kind", "`kind` is `change` or `occurrence`")),
    }
}

/// A code that an event can have.
fn code(text: &str) -> Result<String, Problem> {
    let mut happenings = (1..).map_while(EventCode::from_code).map(EventCode::as_str);
    let known = happenings.clone().any(|code| code == text) || reasons::ALL.iter().any(|r| r.code == text);
    if known {
        return Ok(text.to_owned());
    }
    let text: String = text.chars().take(80).collect();
    let first = happenings.next().unwrap_or_default();
    let list = happenings.fold(first.to_owned(), |list, code| format!("{list}, {code}"));
    Err(Problem::bad(
        "code",
        format!(
            "{text:?} is no code of an event: what can happen is {list}, and docs/reasons.md lists the reasons of changes"
        ),
    ))
}

/// A list is what asks for JSON, or for what only lists are asked; a stream is what asks for one, or for no more than
/// from where on.
fn is_list(wanted: &Wanted, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let Wanted { subject, kind, code, after: _, before, limit } = wanted;
    let restricts =
        subject.is_some() || kind.is_some() || code.is_some() || before.is_some() || limit.is_some();
    !accept.contains("text/event-stream") && (accept.contains("application/json") || restricts)
}

/// Events: changes of health, and what happened otherwise (traps, unknown stations, other neighbours, address
/// conflicts, interfaces that went, lines that took over).
///
/// With `Accept: application/json`, or with any parameter but `after`, a list, the newest first. With `Accept:
/// text/event-stream`, or with nothing but `after`, a stream of server-sent events, each a JSON document: of the type
/// `entity` where an entity's health changed, of the type `occurrence` where something happened to it.
#[utoipa::path(get, operation_id = "follow_events", path = "/api/v1/events", params(Wanted),
    responses((status = 200, content((List<Event> = "application/json"), (Event = "text/event-stream"))), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn events(
    _: Viewer,
    State(operators): State<Operators>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = Filter::of(&operators, &wanted)?;
    if is_list(&wanted, &headers) {
        return list(&operators, filter, &wanted).await;
    }
    if wanted.before.is_some() || wanted.limit.is_some() {
        let detail = "`before` and `limit` are for lists: ask with `Accept: application/json`";
        return Err(Problem::bad("query", detail));
    }
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    Ok(follow(&operators, filter, last.or(wanted.after).unwrap_or(u64::MAX)))
}

async fn list(operators: &Operators, filter: Filter, wanted: &Wanted) -> Result<Response, Problem> {
    let limit = wanted.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad("limit", format!("`limit` is 1 to {MOST}")));
    }
    let filter = EventFilter {
        code: filter.code,
        occurrences: filter.occurrences,
        after: wanted.after,
        before: wanted.before,
        limit,
        ..filter.scope.map(Scope::filter).unwrap_or_default()
    };
    let found =
        operators.store.find_events(&filter).await.map_err(|e| Problem::internal("reading events", &e))?;
    let items = found.into_iter().map(|event| with_texts(event.into(), &operators.texts)).collect();
    Ok(List::<Event>::new("wasl.events.v1", items).into_response())
}

fn follow(operators: &Operators, filter: Filter, after: u64) -> Response {
    let shared = operators.shared.clone();
    let (past, news) = operators.boards.events_after(after);
    let upto = past.last().map_or(0, |e| e.id);
    // One who falls too far behind is let go, and comes back with the number of the last that it has.
    let news = BroadcastStream::new(news).take_while(|event| std::future::ready(event.is_ok()));
    let news = news.filter_map(move |event| async move { event.ok().filter(|e| e.id > upto) });
    let all = stream::iter(past)
        .chain(news)
        .filter(move |event| std::future::ready(filter.has(event)))
        .map(move |event| with_texts(event, &shared.texts))
        .map(|event| {
            Ok::<_, Infallible>(
                SseEvent::default().id(event.id.to_string()).event(kind(&event)).data(text(&event)),
            )
        })
        .take_until(operators.stop.clone().cancelled_owned());
    Sse::new(all).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

/// The texts are made when somebody asks: the same for all who listen, and none for a flood that nobody hears.
fn with_texts(mut event: Event, texts: &Texts) -> Event {
    if let Some(occurrence) = &mut event.occurrence {
        let text = |lang| texts.occurrence(lang, &occurrence.code, &occurrence.args);
        // Marks that keep figures in order inside Arabic text are noise in English.
        (occurrence.text_en, occurrence.text_ar) =
            (text(Lang::En).replace(['\u{2068}', '\u{2069}'], ""), text(Lang::Ar));
    }
    event
}

fn kind(event: &Event) -> &'static str {
    if event.occurrence.is_some() { "occurrence" } else { "entity" }
}

fn text(event: &Event) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_from_a_stream() {
        let asks = |accept: &str, wanted: Wanted| {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(header::ACCEPT, accept.parse().expect("valid"));
            }
            is_list(&wanted, &headers)
        };
        let after = || Wanted { after: Some(7), ..Wanted::default() };
        let restricted = || Wanted { subject: Some("link/a".into()), after: Some(7), ..Wanted::default() };
        assert!(!asks("", after()) && !asks("*/*", after()), "as it has always been");
        assert!(asks("application/json", after()));
        assert!(asks("*/*", restricted()) && !asks("text/event-stream", restricted()));
    }

    #[test]
    fn a_word_that_no_event_has_is_refused_with_those_that_there_are() {
        assert_eq!(code("unknown_station").expect("happens"), "unknown_station");
        assert_eq!(code("link_cut").expect("a reason"), "link_cut");
        let refused = code("unknown_statoin").expect_err("neither").detail;
        assert!(refused.contains("\"unknown_statoin\"") && refused.contains("address_conflict"), "{refused}");
        assert!(is_occurrence("trap").is_err());
    }
}
