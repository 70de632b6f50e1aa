//! Sessions: hello, uploads, and the stream of assignments.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{StatusCode, header};
use wasl_model::AgentId;
use wasl_protocol::MEDIA_TYPE;
use wasl_protocol::message::{
    Alive, AssignmentMessage, ClockReading, Downlink, SessionRequest, SessionResponse, Upload,
    UploadResponse, downlink, frame,
};

use super::caller::{Caller, check_version, clean_facts, known};
use super::respond::{Proto, Refused};
use crate::ingest::IngestError;
use crate::sessions::Session;
use crate::shared::Shared;
use crate::time::{now, now_us};

/// How often an agent hears that its session lives.
const ALIVE: Duration = Duration::from_secs(10);

pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Proto(request): Proto<SessionRequest>,
) -> Result<Proto<SessionResponse>, Refused> {
    let received_us = now_us();
    check_version(request.protocol)?;
    let peer = known(&shared, &caller).await?;
    let agent = &peer.identity.agent;
    let now = now();
    let session = shared.sessions.open(agent, request.boot, now, caller.end.clone()).map_err(|other| {
        tracing::warn!(%agent, "a second machine uses the identity of a connected agent; it is refused");
        Refused {
            status: StatusCode::CONFLICT,
            code: "identity_in_use",
            message: format!(
                "another machine has had a session as {agent} since {}; if this machine was made from a copy of that one's disk, enrol it anew with a token of its own",
                crate::time::rfc3339(other.since)
            ),
        }
    })?;
    caller.sessions.lock().unwrap_or_else(PoisonError::into_inner).push((agent.clone(), session));
    let facts = clean_facts(request.facts.unwrap_or_default());
    let failed = |e| Refused::internal("opening a session", &e);
    shared.store.agent_seen(agent, now, &facts).await.map_err(failed)?;
    let streams = shared.store.streams(Some(agent)).await.map_err(failed)?;
    let contiguous = streams.iter().find(|s| s.epoch == request.epoch).map_or(0, |s| s.contiguous);
    shared.agents_changed();
    tracing::info!(%agent, site = %peer.identity.site, waiting = request.last.saturating_sub(contiguous), "an agent opened a session");
    Ok(Proto(SessionResponse {
        session,
        incarnation: shared.store.incarnation(),
        contiguous,
        clock: Some(ClockReading { received_us, answered_us: now_us() }),
    }))
}

pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Proto(upload): Proto<Upload>,
) -> Result<Proto<UploadResponse>, Refused> {
    let received_us = now_us();
    let (agent, _) = own_session(&shared, &caller, upload.session)?;
    let ingested = shared.ingest.take(&agent, upload).await.map_err(|error| match error {
        IngestError::Malformed(_) => Refused::bad("malformed", error.to_string()),
        IngestError::Store(_) | IngestError::Ending => Refused {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "unavailable",
            message: "the controller cannot keep uploads now; keep them and try again".into(),
        },
    })?;
    Ok(Proto(UploadResponse {
        contiguous: ingested.contiguous,
        stored: ingested.stored,
        duplicates: ingested.duplicates,
        clock: Some(ClockReading { received_us, answered_us: now_us() }),
    }))
}

pub(super) async fn downlink(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(session): Path<u64>,
) -> Result<Response, Refused> {
    let (agent, session) = own_session(&shared, &caller, session)?;
    let body = Body::from_stream(messages(shared, agent, session));
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response())
}

/// The agent and the session of a request; only the connection that opened a session may use it.
fn own_session(shared: &Shared, caller: &Caller, id: u64) -> Result<(AgentId, Session), Refused> {
    let opened = caller.sessions.lock().unwrap_or_else(PoisonError::into_inner);
    let agent = opened.iter().find(|(_, own)| *own == id).map(|(agent, _)| agent);
    agent.and_then(|agent| Some((agent.clone(), shared.sessions.get(agent, id)?))).ok_or_else(|| {
        Refused::forbidden("no_session", "there is no such session on this connection; open one first")
    })
}

/// The assignment at once and after each change, and a sign of life in between.
fn messages(
    shared: Arc<Shared>,
    agent: AgentId,
    session: Session,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    struct Downstream {
        shared: Arc<Shared>,
        agent: AgentId,
        session: Session,
        changes: tokio::sync::watch::Receiver<u64>,
        sent: Option<u64>,
    }
    let changes = shared.intent.changes();
    let state = Downstream { shared, agent, session, changes, sent: None };
    stream::unfold(state, |mut state| async move {
        loop {
            state.changes.mark_unchanged();
            let assigned = state.shared.intent.assignment(&state.agent);
            let what = if state.sent == Some(assigned.generation) {
                tokio::select! {
                    () = state.session.end.cancelled() => return None,
                    changed = state.changes.changed() => {
                        changed.ok()?;
                        continue;
                    }
                    () = tokio::time::sleep(ALIVE) => downlink::What::Alive(Alive {}),
                }
            } else {
                state.sent = Some(assigned.generation);
                downlink::What::Assignment(AssignmentMessage {
                    generation: assigned.generation,
                    json: assigned.json,
                })
            };
            return Some((Ok(Bytes::from(frame(&Downlink { what: Some(what) }))), state));
        }
    })
}
