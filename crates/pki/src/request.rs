//! The agent's side of enrolment: a key that never leaves the machine, and the request that proves it.

use std::fmt;

use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use thiserror::Error;

/// A key or its request could not be made.
#[derive(Debug, Error)]
#[error("could not generate a private key and its certificate request")]
pub struct RequestError(#[source] rcgen::Error);

/// A fresh P-256 private key and a PKCS#10 request signed with it. `Debug` shows neither.
///
/// Make a new one for every renewal: a key that leaked once then helps for one lifetime at most.
pub struct KeyAndRequest {
    key: KeyPair,
    request_der: Vec<u8>,
}

impl fmt::Debug for KeyAndRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyAndRequest").finish_non_exhaustive()
    }
}

impl KeyAndRequest {
    /// Makes a key and its request. The request names nobody: the issuer decides who the holder is.
    pub fn generate() -> Result<Self, RequestError> {
        let key = KeyPair::generate().map_err(RequestError)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(RequestError)?;
        Ok(Self { request_der: request.der().to_vec(), key })
    }

    /// The private key as PKCS#8 PEM. Secret: write it with [`crate::secret::write_secret`] only.
    pub fn private_key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The request as PKCS#10 DER, to be sent to the controller.
    pub fn request_der(&self) -> &[u8] {
        &self.request_der
    }
}
