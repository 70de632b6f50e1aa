//! The institution's certificate authority.
//!
//! It lives inside the controller because enrolment must work in a room without a PKI department. It signs
//! leaves only (path length 0), so a stolen agent key can never grow into an issuer. An existing CA may
//! be given instead; the tokens then pin that one.

use std::fmt;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, SerialNumber,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;

use crate::fingerprint::Fingerprint;
use crate::pem;

/// How long a new CA lives.
pub const CA_LIFETIME: Duration = Duration::from_hours(3650 * 24);

/// How far validity begins in the past, so that a machine whose clock is a little slow accepts a
/// certificate that was made just now. Seconds.
pub const CLOCK_SKEW_S: i64 = 300;

/// The longest common name that X.520 allows, in characters.
const MAX_CA_NAME: usize = 64;

/// The last second of the year 9999, the end of X.509 time.
const END_OF_TIME_S: i64 = 253_402_300_799;

/// A CA could not be made or loaded.
#[derive(Debug, Error)]
pub enum CaError {
    /// The name is empty, too long, or holds control characters.
    #[error("could not create a CA named {0:?}: use 1 to {MAX_CA_NAME} printable characters")]
    Name(String),
    /// `now` plus the lifetime is no date that a certificate can hold.
    #[error("could not create a CA at Unix time {0}: set this machine's clock")]
    Clock(i64),
    /// Key generation or signing failed.
    #[error("could not sign with the CA's new key")]
    Sign(#[source] rcgen::Error),
    /// The operating system gave no random bytes.
    #[error("could not read random bytes from the operating system")]
    Random,
    /// The certificate file is no PEM.
    #[error("could not load the CA certificate")]
    CertificatePem(#[source] pem::PemError),
    /// The certificate is not X.509.
    #[error("could not load the CA certificate: it is not a well-formed X.509 certificate")]
    CertificateMalformed,
    /// The certificate may not sign others.
    #[error(
        "could not use this certificate as a CA: it lacks `CA:true` or the key usage `keyCertSign`; give the \
         certificate of the authority itself, first in its file"
    )]
    NotAnAuthority,
    /// The key file is not readable as PKCS#8.
    #[error(
        "could not load the CA's private key: it must be an unencrypted PKCS#8 key in PEM (P-256, P-384, \
         Ed25519 or RSA of at least 2048 bits); convert it with `openssl pkcs8 -topk8 -nocrypt`"
    )]
    Key,
    /// The key belongs to another certificate.
    #[error("could not load the CA: the private key does not belong to the certificate")]
    KeyOfAnother,
    /// The CA's subject cannot be written back byte for byte, so nobody would find the issuer.
    #[error(
        "could not use this CA: its subject name has a form that Wasl cannot repeat exactly (for example \
         several parts of one kind, as in DC=edu, DC=example); give a CA whose subject has each part once"
    )]
    Subject,
}

/// A CA certificate with its private key. `Debug` shows the fingerprint only.
pub struct CertificateAuthority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    certificate: CertificateDer<'static>,
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

impl CertificateAuthority {
    /// Makes a CA with a fresh P-256 key and a self-signed certificate that is valid for
    /// [`CA_LIFETIME`] from `now_unix_s`. `name` is what people see in tools, for example the institution's
    /// name; it takes no part in trust.
    pub fn create(name: &str, now_unix_s: i64) -> Result<Self, CaError> {
        let length = name.chars().count();
        if name.trim().is_empty() || length > MAX_CA_NAME || name.chars().any(char::is_control) {
            return Err(CaError::Name(name.chars().take(80).collect()));
        }
        let validity = Validity::new(now_unix_s, CA_LIFETIME).ok_or(CaError::Clock(now_unix_s))?;
        let mut params = CertificateParams::default();
        validity.write(&mut params);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(random_serial().ok_or(CaError::Random)?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(CaError::Sign)?;
        let certificate = params.self_signed(&key).map_err(CaError::Sign)?;
        Self::from_parts(certificate.into(), key)
    }

    /// Loads a CA: the first certificate of `certificate_pem` and the first private key of
    /// `private_key_pem`. Whether it has expired is checked when it issues.
    pub fn from_pem(certificate_pem: &str, private_key_pem: &str) -> Result<Self, CaError> {
        let certificate =
            pem::certificates_from_pem(certificate_pem).map_err(CaError::CertificatePem)?.swap_remove(0);
        let key = PrivateKeyDer::from_pem_slice(private_key_pem.as_bytes())
            .ok()
            .and_then(|der| KeyPair::try_from(&der).ok())
            .ok_or(CaError::Key)?;
        Self::from_parts(certificate.into(), key)
    }

    fn from_parts(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self, CaError> {
        let (not_before, not_after) = {
            let parsed = parse(&certificate).ok_or(CaError::CertificateMalformed)?;
            let may_sign = match parsed.key_usage() {
                Ok(usage) => usage.is_none_or(|usage| usage.value.key_cert_sign()),
                Err(_) => false,
            };
            if !parsed.is_ca() || !may_sign {
                return Err(CaError::NotAnAuthority);
            }
            if parsed.public_key().subject_public_key.data != key.der_bytes() {
                return Err(CaError::KeyOfAnother);
            }
            (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp())
        };
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| CaError::Subject)?;
        let authority = Self { issuer, not_before, not_after, certificate };
        authority.check_that_its_name_is_repeated_exactly()?;
        Ok(authority)
    }

    /// Verifiers find the issuer by comparing name bytes. A CA whose name is re-encoded differently would
    /// issue certificates that nobody accepts, so that is found out at load, not in the branches.
    fn check_that_its_name_is_repeated_exactly(&self) -> Result<(), CaError> {
        let probe =
            CertificateParams::default().signed_by(self.issuer.key(), &self.issuer).map_err(CaError::Sign)?;
        let own = parse(&self.certificate).ok_or(CaError::CertificateMalformed)?;
        let issued = parse(probe.der()).ok_or(CaError::CertificateMalformed)?;
        if issued.issuer().as_raw() == own.subject().as_raw() { Ok(()) } else { Err(CaError::Subject) }
    }

    /// The CA's certificate as PEM. Public.
    pub fn certificate_pem(&self) -> String {
        pem::certificates_to_pem(&[self.certificate.to_vec()])
    }

    /// The CA's certificate as DER. Public.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The CA's private key as PKCS#8 PEM. Secret: write it with [`crate::secret::write_secret`] only.
    pub fn private_key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// What enrolment tokens pin.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// Unix seconds of the CA's last valid second.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }
}

/// The span that a new certificate is valid for, in Unix seconds.
pub(crate) struct Validity {
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

impl Validity {
    /// From [`CLOCK_SKEW_S`] before `now` until `lifetime` after it; `None` outside X.509 time.
    pub(crate) fn new(now_unix_s: i64, lifetime: Duration) -> Option<Self> {
        let not_before = now_unix_s.checked_sub(CLOCK_SKEW_S)?;
        let not_after = now_unix_s.checked_add(i64::try_from(lifetime.as_secs()).ok()?)?;
        (not_before >= 0 && not_after <= END_OF_TIME_S).then_some(Self { not_before, not_after })
    }

    pub(crate) fn write(&self, params: &mut CertificateParams) {
        let date = |unix_s| {
            ASN1Time::from_timestamp(unix_s).expect("Validity::new admits only X.509 time").to_datetime()
        };
        params.not_before = date(self.not_before);
        params.not_after = date(self.not_after);
    }
}

/// A 16-byte serial, 126 bits of it random (RFC 5280 section 4.1.2.2 allows 20 bytes and wants it unique).
/// The first byte is neither zero nor negative, so that every tool prints the same digits.
pub(crate) fn random_serial() -> Option<SerialNumber> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    bytes[0] = (bytes[0] & 0x3f) | 0x40;
    Some(SerialNumber::from_slice(&bytes))
}

pub(crate) fn parse(certificate_der: &[u8]) -> Option<X509Certificate<'_>> {
    match x509_parser::parse_x509_certificate(certificate_der) {
        Ok(([], certificate)) => Some(certificate),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
