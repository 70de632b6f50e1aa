//! How agents come by certificates: with a token the first time, with the present one afterwards.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use http::StatusCode;
use ring::digest;
use wasl_model::{AgentId, Timestamp};
use wasl_pki::{AgentIdentity, EnrolToken, Fingerprint, Issued};
use wasl_protocol::message::{Certificate, EnrolRequest, Holds, Noted, RenewRequest};
use wasl_store::{AgentRecord, Redemption};

use super::caller::{Caller, check_version, clean_facts, known, stranger};
use super::respond::{Proto, Refused};
use crate::shared::Shared;
use crate::time::now;

/// As many authorities of an agent are looked at; it keeps no more than this.
const MAX_AUTHORITIES: usize = 8;

/// The digest under which the store knows a token.
pub(crate) fn token_digest(token: &EnrolToken) -> wasl_store::Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, token.to_string().as_bytes()).as_ref());
    out
}

pub(super) async fn enrol(
    State(shared): State<Arc<Shared>>,
    Proto(request): Proto<EnrolRequest>,
) -> Result<Proto<Certificate>, Refused> {
    let _turn = shared.enrolments.acquire().await;
    check_version(request.protocol)?;
    let token: EnrolToken = request
        .token
        .parse()
        .map_err(|e: wasl_pki::token::TokenError| Refused::bad("token_malformed", e.to_string()))?;
    let hash = token_digest(&token);
    let now = now();
    let unknown = || {
        Refused::forbidden(
            "token_unknown",
            "this controller did not make this token; make one with `wasl token create`",
        )
    };
    let kept = shared.store.token(&hash).await.map_err(|e| Refused::internal("looking up a token", &e))?;
    let kept = kept.ok_or_else(unknown)?;
    let name = match &kept.agent_name {
        Some(name) => name.clone(),
        None => choose_name(&shared, &kept, &request.name).await?,
    };
    let identity = AgentIdentity { agent: name.clone(), site: kept.site.clone(), role: kept.role };
    // Signing comes before the token is used up: a request that cannot be signed costs no token.
    let issued = issue(&shared, &request.csr, &identity, now)?;
    match shared.store.redeem_token(&hash, &name, now).await {
        Ok(Redemption::Redeemed(_)) => {}
        Ok(Redemption::Unknown) => return Err(unknown()),
        Ok(Redemption::Expired) => {
            return Err(Refused::forbidden(
                "token_expired",
                "this token has expired; make a new one with `wasl token create`",
            ));
        }
        Ok(Redemption::Used(_)) => {
            shared
                .audit("enrolment", "agent.enrol", name.as_str(), "refused", "the token was used before")
                .await;
            return Err(Refused::forbidden(
                "token_used",
                "this token was used before, and each serves once; if it was not you, revoke the agent that used it: `wasl agents` names it",
            ));
        }
        Err(error) => return Err(Refused::internal("using up a token", &error)),
    }
    let facts = request.facts.unwrap_or_default();
    let record = AgentRecord {
        id: name.clone(),
        site: identity.site.clone(),
        role: identity.role,
        serial: issued.serial.clone(),
        previous_serial: None,
        not_after: Timestamp(issued.not_after.saturating_mul(1000)),
        enrolled: now,
        last_seen: None,
        facts: clean_facts(facts),
        revoked: None,
    };
    shared.store.enrol_agent(&record).await.map_err(|e| Refused::internal("enrolling an agent", &e))?;
    // A machine that had this name before is no longer this agent.
    shared.sessions.end(&name);
    shared.refresh_revocations().await;
    shared.agents_changed();
    shared
        .audit(
            "enrolment",
            "agent.enrol",
            name.as_str(),
            "ok",
            &format!("site {}, role {}", identity.site, identity.role),
        )
        .await;
    tracing::info!(agent = %name, site = %identity.site, role = %identity.role, "an agent enrolled");
    Ok(Proto(answer(&shared, issued, &identity)))
}

pub(super) async fn renew(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Proto(request): Proto<RenewRequest>,
) -> Result<Proto<Certificate>, Refused> {
    let peer = known(&shared, &caller).await?;
    let issued = issue(&shared, &request.csr, &peer.identity, now())?;
    let not_after = Timestamp(issued.not_after.saturating_mul(1000));
    let renewed =
        shared.store.renew_agent(&peer.identity.agent, &peer.serial, &issued.serial, not_after).await;
    match renewed {
        Ok(true) => {}
        Ok(false) => return Err(stranger(&peer.identity.agent)),
        Err(error) => return Err(Refused::internal("renewing a certificate", &error)),
    }
    shared.agents_changed();
    shared.audit(peer.identity.agent.as_str(), "agent.renew", peer.identity.agent.as_str(), "ok", "").await;
    Ok(Proto(answer(&shared, issued, &peer.identity)))
}

/// An agent says which authorities it trusts now.
pub(super) async fn holds(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Proto(request): Proto<Holds>,
) -> Result<Proto<Noted>, Refused> {
    let peer = known(&shared, &caller).await?;
    note_held(&shared, &peer.identity.agent, &request.authorities, &request.serial).await?;
    Ok(Proto(Noted {}))
}

/// Notes which authorities an agent holds; `serial` is its newest certificate's.
pub(super) async fn note_held(
    shared: &Arc<Shared>,
    agent: &AgentId,
    digests: &[Vec<u8>],
    serial: &str,
) -> Result<(), Refused> {
    let held: Vec<Fingerprint> = digests
        .iter()
        .take(MAX_AUTHORITIES)
        .filter_map(|digest| <[u8; 32]>::try_from(digest.as_slice()).ok().map(Fingerprint::from_bytes))
        .collect();
    let serial: String = serial.chars().filter(char::is_ascii_hexdigit).take(64).collect();
    let (own, agent) = (shared.clone(), agent.clone());
    let noted = tokio::task::spawn_blocking(move || own.trust.confirm(&agent, &held, &serial)).await;
    match noted {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Refused::internal("noting what an agent holds", &error)),
        Err(error) => Err(Refused::internal("noting what an agent holds", &error)),
    }
}

fn issue(shared: &Shared, csr: &[u8], identity: &AgentIdentity, now: Timestamp) -> Result<Issued, Refused> {
    let days = shared.intent.settings().controller().agent_certificate_days;
    let lifetime = Duration::from_secs(u64::from(days) * 86_400);
    let lifetime = shared.run.agent_certificate.map_or(lifetime, |shorter| lifetime.min(shorter));
    shared.trust.view().issuing.issue_agent(csr, identity, now.seconds(), lifetime).map_err(|e| {
        Refused::bad("csr", format!("the certificate request cannot be signed: {}", wasl_runtime::chain(&e)))
    })
}

fn answer(shared: &Shared, issued: Issued, identity: &AgentIdentity) -> Certificate {
    Certificate {
        chain: issued.chain_der,
        authorities: shared.trust.view().trusted.to_vec(),
        agent: identity.agent.to_string(),
        site: identity.site.to_string(),
        role: identity.role.to_string(),
    }
}

/// The name for a token that names no agent: the one that was asked for, if nobody has it.
async fn choose_name(
    shared: &Shared,
    token: &wasl_store::EnrolToken,
    asked: &str,
) -> Result<AgentId, Refused> {
    let name = AgentId::new(asked).map_err(|e| Refused::bad("name", e.to_string()))?;
    let existing =
        shared.store.agent(&name).await.map_err(|e| Refused::internal("looking up an agent", &e))?;
    match existing {
        Some(other) if other.revoked.is_none() => Err(Refused {
            status: StatusCode::CONFLICT,
            code: "name_taken",
            message: format!(
                "an agent named {name} exists; choose another with `--name`, or, to replace that one, make a token for it: `wasl token create --site {} --role {} --name {name}`",
                token.site, token.role
            ),
        }),
        _ => Ok(name),
    }
}
