//! An agent's clock that is behind keeps it from no controller.
//!
//! Machines boot in 1970 when their battery is empty, take a local time for UTC, and are set back by an hour; and the
//! controller is where they learn the right time from. A certificate of the authority that is not valid *yet* shows only
//! that: the authority issues none for a later day. So the beginning of a certificate is taken for the time where it is
//! later than the clock. The end of a certificate counts as ever.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// How many certificates of a chain may begin one after the other.
const MOST_BEGINNINGS: usize = 4;

/// Verifies at `now`, or at the beginning of the certificates where that is later.
pub(crate) fn at_its_beginning<T>(
    mut now: UnixTime,
    verify: impl Fn(UnixTime) -> Result<T, Error>,
) -> Result<T, Error> {
    for _ in 0..MOST_BEGINNINGS {
        match verify(now) {
            Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }))
                if not_before > now =>
            {
                now = not_before;
            }
            done => return done,
        }
    }
    verify(now)
}

/// The library's verifier of servers, asked in this way.
#[derive(Debug)]
pub(crate) struct LateClockVerifier(pub(crate) Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for LateClockVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        at_its_beginning(now, |now| {
            self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
