//! How an agent joins: a one-time token becomes a certificate.

use std::sync::Arc;

use thiserror::Error;
use wasl_pki::request::RequestError;
use wasl_pki::tls::{SystemClock, TlsError};
use wasl_pki::{EnrolToken, KeyAndRequest, pinned_client_config};
use wasl_protocol::message::{Certificate, EnrolRequest, Facts, path};

use crate::state::{Bootstrap, StateDir, StateError};
use crate::uplink::connection::{Connection, ConnectionError};

/// Why joining failed. Nothing was kept.
#[derive(Debug, Error)]
pub enum EnrolError {
    /// The agent is a member already.
    #[error(
        "{0} holds an agent already: use another folder with --state, or move that folder away to join anew"
    )]
    Already(String),
    /// No key could be made.
    #[error("making the agent's key")]
    Key(#[from] RequestError),
    /// TLS could not be set up.
    #[error("preparing the connection")]
    Tls(#[from] TlsError),
    /// The controller could not be asked, or said no.
    #[error("joining")]
    Connection(#[from] ConnectionError),
    /// The controller's answer is no identity.
    #[error("the controller's answer holds no usable certificate: {0}")]
    Answer(String),
    /// The identity could not be kept.
    #[error("keeping the new identity")]
    State(#[from] StateError),
}

/// Joins the controller at `address` and keeps the new identity in `state`.
pub async fn join(
    state: &StateDir,
    address: &str,
    token: &EnrolToken,
    name: &str,
    facts: Facts,
) -> Result<Bootstrap, EnrolError> {
    if state.is_joined() {
        return Err(EnrolError::Already(state.path().display().to_string()));
    }
    let key = KeyAndRequest::generate()?;
    let tls = pinned_client_config(token.ca(), &["h2"], Arc::new(SystemClock))?;
    let connection = Connection::open(address, Arc::new(tls)).await?;
    let request = EnrolRequest {
        protocol: wasl_protocol::VERSION,
        token: token.to_string(),
        csr: key.request_der().to_vec(),
        name: name.to_owned(),
        facts: Some(facts),
    };
    let certificate: Certificate = connection.ask(path::ENROL, &request).await?;
    let bootstrap = Bootstrap {
        controller: address.to_owned(),
        agent: certificate.agent.clone(),
        site: certificate.site.clone(),
        role: certificate.role.clone(),
        controllers: Vec::new(),
    };
    let leaf = certificate.chain.first().ok_or_else(|| EnrolError::Answer("it is empty".into()))?;
    let peer = wasl_pki::peer_identity(leaf).map_err(|e| EnrolError::Answer(e.to_string()))?;
    if peer.identity.agent.as_str() != bootstrap.agent {
        return Err(EnrolError::Answer(format!(
            "it names {} instead of {}",
            peer.identity.agent.as_str(),
            bootstrap.agent
        )));
    }
    state.keep_identity(&certificate.chain, &key.private_key_pem(), &certificate.authorities, &bootstrap)?;
    Ok(bootstrap)
}
