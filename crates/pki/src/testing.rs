//! Throw-away identities, and handshakes over two buffers instead of a socket.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{ClientConfig, ClientConnection, Connection, Error, ServerConfig, ServerConnection};

use crate::ca::CertificateAuthority;
use wasl_model::AgentRole;

use crate::identity::AgentIdentity;
use crate::issue::{AGENT_LIFETIME, Issued, SERVER_LIFETIME};
use crate::request::KeyAndRequest;
use crate::revocation::Revocations;
use crate::tls::{
    Credentials, SwappableCertificate, TimeProvider, client_config, controller_server_name, server_config,
};
use crate::verify::{AgentVerifier, ClientAuth};

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const ALPN: [&str; 2] = ["wasl/1", "h2"];

/// A clock that stands still.
#[derive(Debug)]
struct At(i64);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0 as u64)))
    }
}

pub(crate) fn at(unix_s: i64) -> Arc<dyn TimeProvider> {
    Arc::new(At(unix_s))
}

pub(crate) fn authority() -> CertificateAuthority {
    CertificateAuthority::create("Test institution", NOW).unwrap()
}

pub(crate) fn gateway() -> AgentIdentity {
    AgentIdentity::new("jenin-gw", "jenin", AgentRole::Gateway).unwrap()
}

/// A certificate with its key.
pub(crate) struct Holder {
    pub(crate) issued: Issued,
    pub(crate) credentials: Credentials,
}

pub(crate) fn agent_of(ca: &CertificateAuthority) -> Holder {
    let key = KeyAndRequest::generate().unwrap();
    let issued = ca.issue_agent(key.request_der(), &gateway(), NOW, AGENT_LIFETIME).unwrap();
    holder(issued, &key)
}

pub(crate) fn controller_of(ca: &CertificateAuthority) -> Holder {
    let key = KeyAndRequest::generate().unwrap();
    let names = ["10.20.0.1".to_owned()];
    let issued = ca.issue_controller(key.request_der(), &names, NOW, SERVER_LIFETIME).unwrap();
    holder(issued, &key)
}

pub(crate) fn holder(issued: Issued, key: &KeyAndRequest) -> Holder {
    let credentials = Credentials::new(&issued.chain_der, &key.private_key_pem()).unwrap();
    Holder { issued, credentials }
}

/// A controller's listener that trusts `ca`, with the handles that change it while it runs.
pub(crate) struct Listener {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) certificate: SwappableCertificate,
    pub(crate) revocations: Revocations,
}

pub(crate) fn listener(ca: &CertificateAuthority, client_auth: ClientAuth, now: i64) -> Listener {
    listener_showing(controller_of(ca).credentials, ca, client_auth, now)
}

pub(crate) fn listener_showing(
    credentials: Credentials,
    ca: &CertificateAuthority,
    client_auth: ClientAuth,
    now: i64,
) -> Listener {
    let revocations = Revocations::new();
    let roots = [ca.certificate_der().to_vec()];
    let verifier = AgentVerifier::new(&roots, revocations.clone(), client_auth).unwrap();
    let certificate = SwappableCertificate::new(credentials);
    let config = server_config(&certificate, Arc::new(verifier), &ALPN, at(now)).unwrap();
    Listener { config: Arc::new(config), certificate, revocations }
}

/// An agent that trusts `ca` and shows `credentials`.
pub(crate) fn dialler(ca: &CertificateAuthority, credentials: Option<Credentials>) -> Arc<ClientConfig> {
    let roots = [ca.certificate_der().to_vec()];
    let certificate = credentials.map(SwappableCertificate::new);
    Arc::new(client_config(&roots, certificate.as_ref(), &ALPN, at(NOW)).unwrap())
}

/// How a handshake ended at each side. In TLS 1.3 a refused client learns of it by an alert.
pub(crate) struct Outcome {
    pub(crate) client: Result<Connection, Error>,
    pub(crate) server: Result<Connection, Error>,
}

impl Outcome {
    pub(crate) fn accepted(self) -> (Connection, Connection) {
        (self.client.expect("client"), self.server.expect("server"))
    }

    /// Both sides' errors; the connection must have failed at both.
    pub(crate) fn refused(self) -> (Error, Error) {
        (self.client.expect_err("client"), self.server.expect_err("server"))
    }
}

pub(crate) fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Outcome {
    let mut client: Connection =
        ClientConnection::new(Arc::clone(client), controller_server_name()).unwrap().into();
    let mut server: Connection = ServerConnection::new(Arc::clone(server)).unwrap().into();
    let (mut client_error, mut server_error) = (None, None);
    loop {
        let up = pass(&mut client, &mut server, &mut server_error);
        let down = pass(&mut server, &mut client, &mut client_error);
        if up + down == 0 {
            break;
        }
    }
    if client_error.is_none() && server_error.is_none() {
        assert!(!client.is_handshaking() && !server.is_handshaking());
    }
    Outcome { client: client_error.map_or(Ok(client), Err), server: server_error.map_or(Ok(server), Err) }
}

/// Carries everything that `from` wants to send; returns how many bytes that was.
pub(crate) fn pass(from: &mut Connection, to: &mut Connection, error: &mut Option<Error>) -> usize {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).unwrap();
    }
    let mut rest = wire.as_slice();
    while error.is_none() && !rest.is_empty() && to.read_tls(&mut rest).unwrap() > 0 {
        *error = to.process_new_packets().err();
    }
    wire.len()
}
