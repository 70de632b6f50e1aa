//! What changes, as it changes.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event as SseEvent, KeepAlive};
use futures_util::{Stream, StreamExt, stream};
use http::HeaderMap;
use serde::Deserialize;
use tokio_stream::wrappers::BroadcastStream;
use utoipa::IntoParams;
use wasl_pages::{Lang, Texts};

use super::Problem;
use crate::board::Event;
use crate::operators::Operators;
use crate::operators::access::Viewer;
use crate::operators::extract::Query;

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// Only events after this one; only new ones if not given. `Last-Event-ID` counts before it.
    #[serde(default)]
    after: Option<u64>,
}

/// A stream of server-sent events, each a JSON document: of the type `entity` where an entity's health
/// changed, of the type `occurrence` where something happened to it.
#[utoipa::path(get, operation_id = "follow_events", path = "/api/v1/events", params(After),
    responses((status = 200, body = Event, content_type = "text/event-stream"), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn events(
    _: Viewer,
    State(operators): State<Operators>,
    Query(after): Query<After>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<SseEvent, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let shared = operators.shared.clone();
    let (past, news) = operators.boards.events_after(last.or(after.after).unwrap_or(u64::MAX));
    let upto = past.last().map_or(0, |e| e.id);
    // One who falls behind misses events; the next one's number shows it.
    let news =
        BroadcastStream::new(news).filter_map(move |event| async move { event.ok().filter(|e| e.id > upto) });
    let all = stream::iter(past)
        .chain(news)
        .map(move |event| with_texts(event, &shared.texts))
        .map(|event| Ok(SseEvent::default().id(event.id.to_string()).event(kind(&event)).data(text(&event))))
        .take_until(operators.stop.clone().cancelled_owned());
    Sse::new(all).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
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
