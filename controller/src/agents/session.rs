//! Sessions: hello, uploads, and the stream of assignments.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
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
    Alive, AssignmentMessage, Centre, ClockReading, Downlink, Dropped, Goodbye, Ping, SessionRequest,
    SessionResponse, Upload, UploadResponse, downlink, frame,
};

use wasl_store::StreamAccount;

use super::caller::{Caller, check_version, clean_facts, known};
use super::respond::{Proto, Refused, RefusedAt};
use crate::ingest::IngestError;
use crate::sessions::{InUse, Session};
use crate::shared::Shared;
use crate::time::{now, now_us};

/// How often an agent hears that its session lives.
const ALIVE: Duration = Duration::from_secs(10);
/// How long a session may take to give a sign of life when another machine wants its place.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// A session that is younger than this has shown that it lives.
const JUST_OPENED: Duration = Duration::from_secs(5);
/// Agents come back this long after the controller's goodbye, spread over the second figure; milliseconds.
const COME_BACK: (u64, u64) = (500, 2000);

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
    make_way(&shared, agent, request.boot).await;
    let session = match shared.sessions.open(agent, request.boot, now, caller.end.clone()) {
        Ok(session) => session,
        Err(other) => return Err(twin(&shared, agent, request.boot, other).await),
    };
    shared.sessions.note_generation(agent, session, request.generation);
    caller.sessions.lock().unwrap_or_else(PoisonError::into_inner).push((agent.clone(), session));
    let facts = clean_facts(request.facts.unwrap_or_default());
    let failed = |e| Refused::internal("opening a session", &e);
    shared.store.agent_seen(agent, now, &facts).await.map_err(failed)?;
    let streams = shared.store.streams(Some(agent)).await.map_err(failed)?;
    let known = streams.iter().find(|s| s.epoch == request.epoch);
    let contiguous = known.map_or(0, |s| s.contiguous);
    super::enrol::note_held(&shared, agent, &request.authorities, &peer.serial).await?;
    shared.agents_changed();
    tracing::info!(%agent, site = %peer.identity.site, waiting = request.last.saturating_sub(contiguous), "an agent opened a session");
    Ok(Proto(SessionResponse {
        session,
        incarnation: shared.store.incarnation(),
        contiguous,
        clock: Some(ClockReading { received_us, answered_us: now_us() }),
        highest: known.map_or(0, |s| s.last_seq),
        dropped: known.map(dropped).unwrap_or_default(),
        level: wasl_protocol::LEVEL,
    }))
}

/// What a stream's account counts as given up, as it goes to the agent.
fn dropped(account: &StreamAccount) -> Vec<Dropped> {
    let one = |(policy, batches): (&String, &u64)| Dropped { policy: policy.clone(), batches: *batches };
    account.dropped.iter().map(one).collect()
}

/// Ends the session of an earlier start of this agent if nobody is there any more.
async fn make_way(shared: &Shared, agent: &AgentId, boot: u64) {
    let Some(other) = shared.sessions.rival(agent, boot) else { return };
    let age_ms = now().0.saturating_sub(other.since.0);
    if age_ms < JUST_OPENED.as_millis() as i64 || other.pulse.beats(SIGN_OF_LIFE).await {
        return;
    }
    tracing::info!(%agent, "the agent has started anew; its session before gives no sign of life and is ended");
    other.end.cancel();
}

/// Refuses a machine because another one with its identity is there.
async fn twin(shared: &Shared, agent: &AgentId, boot: u64, other: InUse) -> Refused {
    let since = crate::time::rfc3339(other.since);
    tracing::warn!(%agent, "a second machine uses the identity of a connected agent; it is refused");
    if shared.sessions.note_twin(agent, boot, now()) {
        let detail =
            format!("a second machine uses this identity while another has had a session since {since}");
        shared.audit(agent.as_str(), "session.twin", agent.as_str(), "refused", &detail).await;
    }
    Refused {
        status: StatusCode::CONFLICT,
        code: "identity_in_use",
        message: format!(
            "another machine has had a session as {agent} since {since}; if this machine was made from a copy of that one's disk, enrol it anew with a token of its own"
        ),
    }
}

pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Proto(upload): Proto<Upload>,
) -> Result<Proto<UploadResponse>, RefusedAt> {
    let received_us = now_us();
    let (agent, session) = own_session(&shared, &caller, upload.session)?;
    session.pulse.heard();
    let taken = shared.ingest.take(&agent, upload).await.map_err(|error| match error {
        IngestError::Malformed { sequence, .. } => {
            RefusedAt(Refused::bad("malformed", error.to_string()), sequence)
        }
        IngestError::TooMuch { code, .. } => {
            Refused { status: StatusCode::TOO_MANY_REQUESTS, code, message: error.to_string() }.into()
        }
        IngestError::Store(_) | IngestError::Ending => Refused {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "unavailable",
            message: "the controller cannot keep uploads now; keep them and try again".into(),
        }
        .into(),
    })?;
    Ok(Proto(UploadResponse {
        contiguous: taken.contiguous,
        stored: taken.stored,
        duplicates: taken.duplicates,
        clock: Some(ClockReading { received_us, answered_us: now_us() }),
        dropped: taken.account.as_ref().map(dropped).unwrap_or_default(),
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

/// What an agent should know of the controller now.
fn centre(shared: &Shared, agent: &AgentId) -> Centre {
    let view = shared.trust.view();
    Centre {
        authorities: view.trusted.to_vec(),
        renew: shared.agent(agent).is_some_and(|record| view.should_renew(&record, now().seconds())),
        controllers: shared.run.reachable.clone(),
    }
}

/// The controller ends: when this agent should come back, so that not all do in the same moment.
fn goodbye(agent: &AgentId) -> Goodbye {
    let mut hasher = DefaultHasher::new();
    agent.as_str().hash(&mut hasher);
    Goodbye {
        reason: "the controller ends or starts anew".into(),
        retry_after_ms: COME_BACK.0 + hasher.finish() % COME_BACK.1,
    }
}

/// The assignment, if the agent has another, and the centre at once and after each change; questions, and a sign of life
/// in between; a goodbye in the end.
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
        /// Whether the configuration in force was looked at since it changed.
        is_assigned: bool,
        trust: tokio::sync::watch::Receiver<u64>,
        centre: Option<Centre>,
        questions: tokio::sync::watch::Receiver<u64>,
        is_over: bool,
    }
    let changes = shared.intent.changes();
    let trust = shared.trust.changes();
    let questions = session.pulse.questions();
    let sent = Some(session.generation).filter(|held| *held != 0);
    let state = Downstream {
        shared,
        agent,
        session,
        changes,
        sent,
        is_assigned: false,
        trust,
        centre: None,
        questions,
        is_over: false,
    };
    stream::unfold(state, |mut state| async move {
        if state.is_over {
            return None;
        }
        let ending = state.shared.sessions.ending();
        loop {
            state.trust.mark_unchanged();
            let assigned = (!state.is_assigned).then(|| {
                state.is_assigned = true;
                state.changes.mark_unchanged();
                state.shared.intent.assignment(&state.agent)
            });
            let what = if let Some(assigned) = assigned.filter(|a| state.sent != Some(a.generation)) {
                state.sent = Some(assigned.generation);
                downlink::What::Assignment(AssignmentMessage {
                    generation: assigned.generation,
                    json: assigned.json,
                })
            } else if let Some(news) =
                Some(centre(&state.shared, &state.agent)).filter(|now| state.centre.as_ref() != Some(now))
            {
                state.centre = Some(news.clone());
                downlink::What::Centre(news)
            } else {
                tokio::select! {
                    () = state.session.end.cancelled() => return None,
                    () = ending.cancelled() => {
                        state.is_over = true;
                        downlink::What::Goodbye(goodbye(&state.agent))
                    }
                    asked = state.questions.changed() => {
                        asked.ok()?;
                        downlink::What::Ping(Ping {})
                    }
                    changed = state.changes.changed() => {
                        changed.ok()?;
                        state.is_assigned = false;
                        continue;
                    }
                    changed = state.trust.changed() => {
                        changed.ok()?;
                        continue;
                    }
                    () = tokio::time::sleep(ALIVE) => downlink::What::Alive(Alive {}),
                }
            };
            return Some((Ok(Bytes::from(frame(&Downlink { what: Some(what) }))), state));
        }
    })
}
