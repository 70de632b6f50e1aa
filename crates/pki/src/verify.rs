//! Deciding whether a peer is one of ours, and when a certificate is due for renewal.

use std::sync::{Arc, PoisonError, RwLock};

use ring::digest;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsProtocolError, OtherError,
    SignatureScheme,
};
use thiserror::Error;
use x509_parser::extensions::GeneralName;

use crate::identity::{AgentIdentity, IdentityError};
use crate::revocation::Revocations;
use crate::tls::{TlsError, provider, root_store};
use crate::{ca, serial};

/// A certificate that does not describe an agent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PeerError {
    /// Not X.509.
    #[error("could not read the peer's certificate: it is not well-formed X.509")]
    Malformed,
    /// The alternative names are not exactly one URI.
    #[error(
        "the peer's certificate names no agent: it must carry exactly one alternative name, a URI of the form \
         wasl://agent/<site>/<role>/<agent>; enrol the agent with a token"
    )]
    NoIdentity,
    /// The URI is of another form.
    #[error("the peer's certificate names no agent")]
    Identity(#[source] IdentityError),
}

/// Who stands at the other end, as its certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Name, site and role.
    pub identity: AgentIdentity,
    /// Lower-case hex without leading zero bytes, the spelling of [`crate::issue::Issued::serial`].
    pub serial: String,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
}

/// Reads the identity out of a certificate. It checks neither signature nor time: pass only what a
/// handshake through [`AgentVerifier`] has accepted.
pub fn peer_identity(certificate_der: &[u8]) -> Result<Peer, PeerError> {
    let certificate = ca::parse(certificate_der).ok_or(PeerError::Malformed)?;
    let names = certificate.subject_alternative_name().map_err(|_| PeerError::Malformed)?;
    let names = names.map_or([].as_slice(), |extension| extension.value.general_names.as_slice());
    let [GeneralName::URI(uri)] = names else {
        return Err(PeerError::NoIdentity);
    };
    Ok(Peer {
        identity: uri.parse().map_err(PeerError::Identity)?,
        serial: serial::from_bytes(certificate.raw_serial()),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
    })
}

/// When to renew a certificate: after two thirds of its life, give or take a twentieth of it.
///
/// `not_before`, `not_after` and the result are Unix seconds. The deviation comes from `seed` (the serial or
/// the agent's name), so a restart does not move it, and three thousand PCs that were enrolled in one
/// morning do not all come back in one minute. A certificate without a life is due at once.
pub fn renew_at(not_before: i64, not_after: i64, seed: &str) -> i64 {
    let life = i128::from(not_after) - i128::from(not_before);
    if life <= 0 {
        return not_before;
    }
    let digest = digest::digest(&digest::SHA256, seed.as_bytes());
    let mut draw = [0; 4];
    draw.copy_from_slice(&digest.as_ref()[..4]);
    let draw = i128::from(u32::from_be_bytes(draw));
    let spread = life / 10;
    let offset = life * 2 / 3 - life / 20 + spread * draw / (i128::from(u32::MAX) + 1);
    not_before.saturating_add(i64::try_from(offset).unwrap_or(i64::MAX))
}

/// Whether a client must show a certificate in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// The handshake fails without one.
    Required,
    /// A client may come without one, to enrol. Whoever serves the connection must then offer it nothing
    /// but enrolment. One that is shown is still checked in full.
    Offered,
}

/// The CAs whose agents are let in, changed while connections are being accepted. Clones share them.
#[derive(Debug, Clone)]
pub struct TrustedRoots {
    verifier: Arc<RwLock<Arc<dyn ClientCertVerifier>>>,
}

impl TrustedRoots {
    /// Trusts these CA certificates (DER).
    pub fn new(roots_der: &[Vec<u8>]) -> Result<Self, TlsError> {
        Ok(Self { verifier: Arc::new(RwLock::new(chain_verifier(roots_der)?)) })
    }

    /// Trusts exactly these from the next handshake on. On an error those before stay.
    pub fn replace(&self, roots_der: &[Vec<u8>]) -> Result<(), TlsError> {
        let fresh = chain_verifier(roots_der)?;
        *self.verifier.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn current(&self) -> Arc<dyn ClientCertVerifier> {
        self.verifier.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn chain_verifier(roots_der: &[Vec<u8>]) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    WebPkiClientVerifier::builder_with_provider(root_store(roots_der)?, provider())
        .build()
        .map_err(TlsError::Verifier)
}

/// Lets in agents of this institution: signed by its CA, in time, for client authentication, with a
/// well-formed identity, and not revoked at this very moment.
#[derive(Debug)]
pub struct AgentVerifier {
    roots: TrustedRoots,
    revocations: Revocations,
    client_auth: ClientAuth,
}

impl AgentVerifier {
    /// `roots_der` are the CA certificates (DER) whose agents are let in.
    pub fn new(
        roots_der: &[Vec<u8>],
        revocations: Revocations,
        client_auth: ClientAuth,
    ) -> Result<Self, TlsError> {
        Ok(Self::following(TrustedRoots::new(roots_der)?, revocations, client_auth))
    }

    /// The same with CAs that may change.
    pub fn following(roots: TrustedRoots, revocations: Revocations, client_auth: ClientAuth) -> Self {
        Self { roots, revocations, client_auth }
    }
}

impl ClientCertVerifier for AgentVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.client_auth == ClientAuth::Required
    }

    /// None are named: the CAs may change, and an agent has one certificate only.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsProtocolError> {
        let verified = self.roots.current().verify_client_cert(end_entity, intermediates, now)?;
        let peer = peer_identity(end_entity)
            .map_err(|error| CertificateError::Other(OtherError(Arc::new(error))))?;
        if self.revocations.is_revoked(&peer.serial) {
            return Err(CertificateError::Revoked.into());
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsProtocolError> {
        self.roots.current().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsProtocolError> {
        self.roots.current().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.current().supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
