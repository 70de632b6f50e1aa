//! Who is calling, and what it says of itself.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;
use wasl_model::AgentId;
use wasl_pki::Peer;
use wasl_protocol::message::Facts;
use wasl_store::AgentFacts;

use super::respond::Refused;
use crate::shared::Shared;

/// What a connection is.
#[derive(Clone)]
pub struct Caller {
    /// Who, by its certificate; nobody may only enrol.
    pub peer: Option<Arc<Peer>>,
    /// Cancelling it ends the connection.
    pub end: CancellationToken,
    /// The sessions that were opened on this connection.
    pub sessions: Arc<Mutex<Vec<(AgentId, u64)>>>,
}

/// The peer of a connection, if it has a certificate of an agent that is still welcome.
pub(super) async fn known(shared: &Shared, caller: &Caller) -> Result<Arc<Peer>, Refused> {
    let peer = caller.peer.clone().ok_or_else(|| {
        Refused::forbidden(
            "no_certificate",
            "this needs an agent's certificate; enrol the machine with a token first",
        )
    })?;
    let record = shared.store.agent(&peer.identity.agent).await;
    match record.map_err(|e| Refused::internal("looking up an agent", &e))? {
        Some(record) if record.accepts(&peer.serial) => Ok(peer),
        _ => Err(stranger(&peer.identity.agent)),
    }
}

pub(super) fn stranger(agent: &AgentId) -> Refused {
    Refused::forbidden(
        "not_an_agent",
        format!(
            "the certificate of {agent} is no longer good here; enrol the machine again with a new token"
        ),
    )
}

/// What a machine says of itself, cut to what a page can show.
pub(super) fn clean_facts(facts: Facts) -> AgentFacts {
    let clean = |text: String| text.chars().filter(|c| !c.is_control()).take(100).collect::<String>();
    AgentFacts {
        version: clean(facts.version),
        os: clean(facts.os),
        kernel: clean(facts.kernel),
        arch: clean(facts.arch),
    }
}

pub(super) fn check_version(protocol: u32) -> Result<(), Refused> {
    if protocol == wasl_protocol::VERSION {
        return Ok(());
    }
    Err(Refused::bad(
        "protocol_version",
        format!(
            "the agent speaks version {protocol} of the protocol and this controller version {}; update the older of the two",
            wasl_protocol::VERSION
        ),
    ))
}
