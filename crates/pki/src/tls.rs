//! TLS settings for both sides: 1.3 only, the `ring` provider named explicitly, no resumption.
//!
//! The provider is passed by hand because a process-wide default would be decided by whichever crate is linked
//! last. There are no session tickets: a resumed session skips certificate verification, and with it
//! revocation. A handshake costs about a millisecond of one core, and agents keep their connections.
//!
//! An agent verifies the fixed name [`CONTROLLER_NAME`] and never the `HOST` it dialled: pass
//! [`controller_server_name`] to the TLS connector. Trust comes from the CA, see the crate's documentation.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::{ResolvesClientCert, Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};
use thiserror::Error;

pub use rustls::pki_types::UnixTime;
pub use rustls::time_provider::{DefaultTimeProvider as SystemClock, TimeProvider};

use crate::fingerprint::Fingerprint;
use crate::late::LateClockVerifier;
use crate::pin::PinnedVerifier;
use crate::verify::AgentVerifier;

/// The DNS name that every controller's certificate carries and every agent verifies, whatever the address.
/// It is never resolved; `.internal` is reserved for private use.
pub const CONTROLLER_NAME: &str = "controller.wasl.internal";

/// TLS settings could not be put together.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The chain is empty.
    #[error("could not use a certificate: its chain is empty; renew it or enrol again")]
    EmptyChain,
    /// The key file is not readable.
    #[error("could not read the private key of a certificate: it must be PKCS#8 in PEM; enrol again")]
    Key(#[source] rustls::pki_types::pem::Error),
    /// Key and certificate do not belong together, or one of them is of a kind that is not supported.
    #[error(
        "could not use a certificate with its private key: they must belong together; renew or enrol again"
    )]
    Pair(#[source] rustls::Error),
    /// A CA certificate is not X.509.
    #[error("could not use a CA certificate as a root of trust")]
    Root(#[source] rustls::Error),
    /// No usable CA.
    #[error("could not build the verifier of the other side's certificates")]
    Verifier(#[source] VerifierBuilderError),
    /// The provider lacks TLS 1.3.
    #[error("could not set up TLS 1.3")]
    Protocol(#[source] rustls::Error),
}

/// [`CONTROLLER_NAME`] in the form that TLS connectors take.
pub fn controller_server_name() -> ServerName<'static> {
    ServerName::try_from(CONTROLLER_NAME).expect("the constant is a DNS name")
}

/// A certificate chain with its private key, checked to belong together. `Debug` shows neither.
#[derive(Clone)]
pub struct Credentials(Arc<CertifiedKey>);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("leaf", &self.0.cert.first().map(|leaf| Fingerprint::of(leaf)))
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// `chain_der` has the leaf first, as in [`crate::issue::Issued::chain_der`].
    pub fn new(chain_der: &[Vec<u8>], private_key_pem: &str) -> Result<Self, TlsError> {
        if chain_der.is_empty() {
            return Err(TlsError::EmptyChain);
        }
        let chain = chain_der.iter().cloned().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::from_pem_slice(private_key_pem.as_bytes()).map_err(TlsError::Key)?;
        let pair = CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::Pair)?;
        Ok(Self(Arc::new(pair)))
    }
}

/// The certificate that one side shows, replaceable while connections are being made. Clones share it; it
/// serves the controller's listener as well as an agent that has just renewed.
#[derive(Debug, Clone)]
pub struct SwappableCertificate {
    current: Arc<RwLock<Credentials>>,
}

impl SwappableCertificate {
    /// Shows `credentials` until they are replaced.
    pub fn new(credentials: Credentials) -> Self {
        Self { current: Arc::new(RwLock::new(credentials)) }
    }

    /// Shows `credentials` from the next handshake on. Open connections keep theirs.
    pub fn replace(&self, credentials: Credentials) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    fn current(&self) -> Arc<CertifiedKey> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

impl ResolvesServerCert for SwappableCertificate {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl ResolvesClientCert for SwappableCertificate {
    fn resolve(&self, _root_hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Settings of a listener for agents. `alpn` lists the protocols it speaks, best first; whether a client
/// certificate is demanded is the verifier's matter.
pub fn server_config(
    certificate: &SwappableCertificate,
    verifier: Arc<AgentVerifier>,
    alpn: &[&str],
    clock: Arc<dyn TimeProvider>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_details(provider(), clock)
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Protocol)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(certificate.clone()));
    config.alpn_protocols = wire_names(alpn);
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// Settings of a listener for people and scripts, who show no certificate.
pub fn public_server_config(
    certificate: &SwappableCertificate,
    alpn: &[&str],
    clock: Arc<dyn TimeProvider>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_details(provider(), clock)
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Protocol)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate.clone()));
    config.alpn_protocols = wire_names(alpn);
    Ok(config)
}

/// Settings of an agent that knows its CA (`roots_der`), with its own certificate if it has one. Its clock may be behind: a
/// controller's certificate that begins later than that is accepted.
pub fn client_config(
    roots_der: &[Vec<u8>],
    certificate: Option<&SwappableCertificate>,
    alpn: &[&str],
    clock: Arc<dyn TimeProvider>,
) -> Result<ClientConfig, TlsError> {
    let verifier = Arc::new(LateClockVerifier(server_verifier(roots_der)?));
    let builder = ClientConfig::builder_with_details(provider(), clock)
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Protocol)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match certificate {
        Some(certificate) => builder.with_client_cert_resolver(Arc::new(certificate.clone())),
        None => builder.with_no_client_auth(),
    };
    Ok(finish_client(config, alpn))
}

/// Settings of an agent that has nothing but a token: it trusts a server that shows the CA with exactly this
/// fingerprint, and a certificate signed by it for the expected name.
pub fn pinned_client_config(
    ca: Fingerprint,
    alpn: &[&str],
    clock: Arc<dyn TimeProvider>,
) -> Result<ClientConfig, TlsError> {
    let config = ClientConfig::builder_with_details(provider(), clock)
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Protocol)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedVerifier { pin: ca, provider: provider() }))
        .with_no_client_auth();
    Ok(finish_client(config, alpn))
}

fn finish_client(mut config: ClientConfig, alpn: &[&str]) -> ClientConfig {
    config.alpn_protocols = wire_names(alpn);
    config.resumption = Resumption::disabled();
    config
}

fn wire_names(alpn: &[&str]) -> Vec<Vec<u8>> {
    alpn.iter().map(|name| name.as_bytes().to_vec()).collect()
}

pub(crate) fn server_verifier(roots_der: &[Vec<u8>]) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    WebPkiServerVerifier::builder_with_provider(root_store(roots_der)?, provider())
        .build()
        .map_err(TlsError::Verifier)
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub(crate) fn root_store(roots_der: &[Vec<u8>]) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for der in roots_der {
        roots.add(CertificateDer::from(der.clone())).map_err(TlsError::Root)?;
    }
    Ok(Arc::new(roots))
}

#[cfg(test)]
mod tests;
