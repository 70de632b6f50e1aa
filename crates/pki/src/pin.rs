//! Trusting a server by the fingerprint of its CA, for the one conversation in which an agent has nothing
//! else: enrolment.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use thiserror::Error as ThisError;

use crate::ca;
use crate::fingerprint::Fingerprint;
use crate::late::at_its_beginning;

/// The server did not show the CA that the token names.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum PinError {
    /// No certificate with the pinned fingerprint.
    #[error(
        "the server did not show the CA {expected} that the token names (it showed {shown} certificates besides \
         its own): the token is for another controller, or something in between answers in its place; check \
         the address, then make a new token with `wasl token create`"
    )]
    NotShown {
        /// The pinned fingerprint.
        expected: Fingerprint,
        /// How many certificates came after the server's own.
        shown: usize,
    },
    /// The pinned certificate cannot vouch for another one.
    #[error(
        "the certificate {0} that the token names is not a CA; make a new token with `wasl token create`"
    )]
    NotAnAuthority(Fingerprint),
}

/// The CA with exactly this fingerprint among the certificates that a server showed after its own.
///
/// After enrolment the agent keeps what this returns as its root.
pub fn find_pinned<'a, C: AsRef<[u8]>>(
    shown_after_leaf: &'a [C],
    pin: &Fingerprint,
) -> Result<&'a [u8], PinError> {
    let pinned = shown_after_leaf
        .iter()
        .map(AsRef::as_ref)
        .find(|der| Fingerprint::of(der) == *pin)
        .ok_or(PinError::NotShown { expected: *pin, shown: shown_after_leaf.len() })?;
    if ca::parse(pinned).is_some_and(|certificate| certificate.is_ca()) {
        Ok(pinned)
    } else {
        Err(PinError::NotAnAuthority(*pin))
    }
}

/// Accepts a server that shows the pinned CA, and a certificate that this CA signed for the expected name.
#[derive(Debug)]
pub(crate) struct PinnedVerifier {
    pub(crate) pin: Fingerprint,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let pinned = find_pinned(intermediates, &self.pin)
            .map_err(|error| CertificateError::Other(OtherError(Arc::new(error))))?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(pinned.to_vec()))?;
        let leaf = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        at_its_beginning(now, |now| {
            verify_server_cert_signed_by_trust_anchor(&leaf, &roots, intermediates, now, algorithms)
        })?;
        verify_server_name(&leaf, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
