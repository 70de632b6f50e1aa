//! Brings a rotation forward and keeps the listeners' certificates fresh.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::listeners::ListenerCertificate;
use super::rotation::token_hangs;
use super::{Phase, hanging, left_behind};
use crate::shared::Shared;
use crate::time::now;

/// How often everything is looked at, whatever happens; clocks are set, and certificates end.
const LOOK: Duration = Duration::from_secs(60);
/// How often it is looked at while certificates live for seconds.
const SHORTEST: Duration = Duration::from_millis(200);

/// Runs until `stop`.
pub async fn run(
    shared: Arc<Shared>,
    listeners: Arc<Vec<ListenerCertificate>>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let (mut changes, mut confirmations) = (shared.trust.changes(), shared.trust.confirmations());
    let mut agents = shared.agents_stale();
    loop {
        changes.mark_unchanged();
        confirmations.mark_unchanged();
        agents.mark_unchanged();
        bring_forward(&shared).await;
        tell_own_commands(&shared);
        let mut pause = LOOK;
        for listener in listeners.iter() {
            match listener.renew_if_due(&shared.trust.view(), now().seconds()) {
                Ok(renewed) => {
                    if renewed {
                        tracing::info!(listener = listener.name(), "the listener's certificate is renewed");
                    }
                    pause = pause.min(listener.due_in(now().seconds()).max(SHORTEST));
                }
                Err(error) => {
                    tracing::error!(listener = listener.name(), error = %wasl_runtime::chain(&*error), "the listener's certificate could not be renewed");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = changes.changed() => {}
            _ = confirmations.changed() => {}
            _ = agents.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Commands on this machine recognise the operators' listener by what stands beside its address.
fn tell_own_commands(shared: &Shared) {
    let Ok(Some(mut addresses)) = shared.home.addresses() else { return };
    let issuing = shared.trust.view().issuing.certificate_pem();
    if addresses.authority.as_ref().is_some_and(|told| *told != issuing) {
        addresses.authority = Some(issuing);
        if let Err(error) = shared.home.write_addresses(&addresses) {
            tracing::error!(error = %wasl_runtime::chain(&*error), "commands on this machine could not be told of the authority");
        }
    }
}

/// The next step of a rotation, as soon as nobody would be left behind.
async fn bring_forward(shared: &Arc<Shared>) {
    let view = shared.trust.view();
    let Some(rotation) = &view.rotation else { return };
    let now_s = now().seconds();
    // Not the list of a moment ago: an agent that has just enrolled counts.
    let (agents, tokens) = match (shared.store.agents().await, shared.store.tokens().await) {
        (Ok(agents), Ok(tokens)) => (agents, tokens),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(error = %wasl_runtime::chain(&error), "the agents could not be read; the rotation waits");
            return;
        }
    };
    match &rotation.phase {
        Phase::Introducing { .. } if left_behind(rotation, &agents, now_s).is_empty() => {
            finish(shared, "the controller").await;
        }
        Phase::Overlap { .. }
            if hanging(rotation, &agents, now_s).is_empty()
                && !tokens.iter().any(|token| token_hangs(rotation, token, now())) =>
        {
            retire(shared, "the controller").await;
        }
        _ => {}
    }
}

/// Lets the next authority sign, and tells in the audit log who did it. `None` if it could not be done.
pub async fn finish(shared: &Arc<Shared>, by: &str) -> Option<()> {
    let Ok(agents) = shared.store.agents().await else {
        tracing::error!("the agents could not be read; the rotation waits");
        return None;
    };
    let (own, now_s) = (shared.clone(), now().seconds());
    done(shared, by, "authority.promote", move || own.trust.promote(&agents, now_s)).await
}

/// Forgets the former authority, and tells in the audit log who did it. `None` if it could not be done.
pub async fn retire(shared: &Arc<Shared>, by: &str) -> Option<()> {
    let view = shared.trust.view();
    let (agents, own) = (shared.agents(), shared.clone());
    done(shared, by, "authority.retire", move || own.trust.retire()).await?;
    // A connection lives on after its handshake, so those whose certificate is worth nothing now end here.
    let cut_off = view.rotation.as_ref().map(|r| hanging(r, &agents, now().seconds())).unwrap_or_default();
    for waiting in cut_off {
        shared.sessions.end(&waiting.agent);
    }
    Some(())
}

async fn done(
    shared: &Arc<Shared>,
    by: &str,
    action: &'static str,
    step: impl FnOnce() -> Result<(), super::TrustError> + Send + 'static,
) -> Option<()> {
    let outcome = tokio::task::spawn_blocking(step).await;
    let fingerprint = shared.trust.view().issuing.fingerprint().to_string();
    match outcome {
        Ok(Ok(())) => {
            shared.audit(by, action, &fingerprint, "ok", "").await;
            tracing::info!(authority = %fingerprint, action, "the authority's rotation has made a step");
            Some(())
        }
        Ok(Err(error)) => {
            tracing::error!(error = %wasl_runtime::chain(&error), action, "the authority's rotation is stuck");
            None
        }
        Err(error) => {
            tracing::error!(%error, action, "the authority's rotation is stuck");
            None
        }
    }
}
