//! The institution's certificate authority.
//!
//! It lives inside the controller because enrolment must work in a room without a PKI department. It signs
//! leaves only (path length 0), so a stolen agent key can never grow into an issuer. An existing CA may
//! be given instead, a root or an intermediate; the tokens then pin that one.
//!
//! One CA can vouch for the next ([`CertificateAuthority::vouch_for`]): whoever trusts only the former still
//! accepts what the new one signed, which is how a rotation reaches agents that were away when it began.

use std::fmt;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, SerialNumber, SubjectPublicKeyInfo,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier as _;
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;

use crate::fingerprint::Fingerprint;
use crate::identity::AgentIdentity;
use crate::request::{KeyAndRequest, RequestError};
use crate::verify::{AgentVerifier, ClientAuth};
use crate::{Revocations, pem, tls};

/// How long a new CA lives.
pub const CA_LIFETIME: Duration = Duration::from_hours(3650 * 24);

/// How far validity begins in the past, so that a machine whose clock is a little slow accepts a
/// certificate that was made just now: at most this, and at most a tenth of the lifetime. Seconds.
pub const CLOCK_SKEW_S: i64 = 300;

/// What a CA that is brought along must still have before it, in seconds: three lives of an agent's
/// certificate, so that there is time to replace it.
pub const SHORTEST_REST_S: i64 = 90 * 86_400;

/// The most certificates above a CA that are read with it.
const MAX_ISSUERS: usize = 4;

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
         Ed25519 or RSA of 2048 to 4096 bits); convert it with `openssl pkcs8 -topk8 -nocrypt`"
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
    /// The certificates after the CA's own do not lead upwards from it.
    #[error(
        "could not load the CA: certificate {0} of its file did not sign the one before it; give the CA's own \
         certificate first, then its issuer, and so on up to the root, at most {MAX_ISSUERS} of them"
    )]
    Chain(usize),
    /// It is not valid now, or not for much longer.
    #[error(
        "could not use this CA: it is valid from Unix time {not_before} to {not_after}, and now is {now}; it must \
         be valid now and for at least {} days more", SHORTEST_REST_S / 86_400
    )]
    Rest {
        /// Where its validity begins, Unix seconds.
        not_before: i64,
        /// Where it ends, or the CA above it does.
        not_after: i64,
        /// The time of the check.
        now: i64,
    },
    /// A certificate made on trial was not accepted.
    #[error(
        "could not use this CA: nobody would accept the certificates that it signs, as a trial showed; look at \
         its name constraints and its signature algorithm"
    )]
    Trial(#[source] rustls::Error),
    /// A certificate could not be made on trial.
    #[error("could not use this CA: it could not sign a certificate on trial")]
    TrialIssue(#[source] crate::issue::IssueError),
    /// The trial's own key could not be made.
    #[error("could not try out this CA")]
    TrialKey(#[source] RequestError),
    /// The trial's verifier could not be made.
    #[error("could not try out this CA")]
    TrialTls(#[source] tls::TlsError),
}

/// A CA certificate with its private key. `Debug` shows the fingerprint only.
pub struct CertificateAuthority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    /// Its own certificate first, then those above it, as they were given.
    chain: Vec<CertificateDer<'static>>,
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
        Self::from_parts(vec![certificate.into()], key)
    }

    /// Loads a CA: the first certificate of `certificate_pem` and the first private key of
    /// `private_key_pem`. Further certificates are those above it and are shown along with it. Whether it has
    /// expired is checked when it issues.
    pub fn from_pem(certificate_pem: &str, private_key_pem: &str) -> Result<Self, CaError> {
        let chain: Vec<CertificateDer<'static>> = pem::certificates_from_pem(certificate_pem)
            .map_err(CaError::CertificatePem)?
            .into_iter()
            .map(CertificateDer::from)
            .collect();
        let key = PrivateKeyDer::from_pem_slice(private_key_pem.as_bytes())
            .ok()
            .and_then(|der| KeyPair::try_from(&der).ok())
            .ok_or(CaError::Key)?;
        Self::from_parts(chain, key)
    }

    /// Takes over a CA that was made elsewhere, a root or an intermediate with its issuers: everything that
    /// [`Self::from_pem`] checks, and that it is valid for a while yet, and that a controller's and an agent's
    /// certificate which it signs are accepted by those who trust it.
    pub fn import(certificate_pem: &str, private_key_pem: &str, now_unix_s: i64) -> Result<Self, CaError> {
        let authority = Self::from_pem(certificate_pem, private_key_pem)?;
        let mut not_after = authority.not_after;
        for above in &authority.chain[1..] {
            let parsed = parse(above).ok_or(CaError::CertificateMalformed)?;
            not_after = not_after.min(parsed.validity().not_after.timestamp());
        }
        if now_unix_s < authority.not_before || not_after < now_unix_s.saturating_add(SHORTEST_REST_S) {
            return Err(CaError::Rest { not_before: authority.not_before, not_after, now: now_unix_s });
        }
        authority.try_out(now_unix_s)?;
        Ok(authority)
    }

    fn try_out(&self, now_unix_s: i64) -> Result<(), CaError> {
        let key = KeyAndRequest::generate().map_err(CaError::TrialKey)?;
        let hour = Duration::from_hours(1);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now_unix_s).unwrap_or(0)));
        let roots = [self.certificate_der().to_vec()];

        let server = self.issue_controller(key.request_der(), &[], now_unix_s, hour);
        let server = server.map_err(CaError::TrialIssue)?;
        let (leaf, above) = shown(&server.chain_der);
        tls::server_verifier(&roots)
            .map_err(CaError::TrialTls)?
            .verify_server_cert(&leaf, &above, &tls::controller_server_name(), &[], now)
            .map_err(CaError::Trial)?;

        let identity = AgentIdentity::new("trial", "trial", wasl_model::AgentRole::Server)
            .expect("the names are well formed");
        let agent = self.issue_agent(key.request_der(), &identity, now_unix_s, hour);
        let agent = agent.map_err(CaError::TrialIssue)?;
        let (leaf, above) = shown(&agent.chain_der);
        AgentVerifier::new(&roots, Revocations::new(), ClientAuth::Required)
            .map_err(CaError::TrialTls)?
            .verify_client_cert(&leaf, &above, now)
            .map_err(CaError::Trial)?;
        Ok(())
    }

    /// A certificate for another CA, signed by this one (a cross certificate, DER): whoever trusts this CA
    /// accepts what the other signs, if it is shown between the two. It ends with the first of them.
    pub fn vouch_for(&self, other: &Self, now_unix_s: i64) -> Result<Vec<u8>, CaError> {
        let rest = self.not_after.min(other.not_after).saturating_sub(now_unix_s);
        let mut validity = u64::try_from(rest)
            .ok()
            .filter(|rest| *rest > 0)
            .and_then(|rest| Validity::new(now_unix_s, Duration::from_secs(rest)))
            .ok_or(CaError::Clock(now_unix_s))?;
        validity.not_before = validity.not_before.max(self.not_before);
        let subject = parse(other.certificate_der()).ok_or(CaError::CertificateMalformed)?;
        let mut params = CertificateParams::default();
        validity.write(&mut params);
        params.distinguished_name = name::of(subject.subject()).ok_or(CaError::Subject)?;
        params.serial_number = Some(random_serial().ok_or(CaError::Random)?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = true;
        let key = SubjectPublicKeyInfo::from_der(&other.issuer.key().subject_public_key_info())
            .map_err(CaError::Sign)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(CaError::Sign)?;
        let written = parse(certificate.der()).ok_or(CaError::CertificateMalformed)?;
        if written.subject().as_raw() != subject.subject().as_raw() {
            return Err(CaError::Subject);
        }
        Ok(certificate.der().to_vec())
    }

    fn from_parts(chain: Vec<CertificateDer<'static>>, key: KeyPair) -> Result<Self, CaError> {
        let certificate = chain.first().ok_or(CaError::CertificatePem(pem::PemError::Empty))?;
        let (not_before, not_after) = {
            let parsed = parse(certificate).ok_or(CaError::CertificateMalformed)?;
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
        for (place, pair) in chain.windows(2).enumerate() {
            let signed = parse(&pair[0]).zip(parse(&pair[1])).is_some_and(|(below, above)| {
                above.is_ca()
                    && below.issuer().as_raw() == above.subject().as_raw()
                    && below.verify_signature(Some(above.public_key())).is_ok()
            });
            if !signed || place >= MAX_ISSUERS {
                return Err(CaError::Chain(place + 2));
            }
        }
        let issuer = Issuer::from_ca_cert_der(certificate, key).map_err(|_| CaError::Subject)?;
        let authority = Self { issuer, not_before, not_after, chain };
        authority.check_that_its_name_is_repeated_exactly()?;
        Ok(authority)
    }

    /// Verifiers find the issuer by comparing name bytes. A CA whose name is re-encoded differently would
    /// issue certificates that nobody accepts, so that is found out at load, not in the branches.
    fn check_that_its_name_is_repeated_exactly(&self) -> Result<(), CaError> {
        let probe =
            CertificateParams::default().signed_by(self.issuer.key(), &self.issuer).map_err(CaError::Sign)?;
        let own = parse(self.certificate_der()).ok_or(CaError::CertificateMalformed)?;
        let issued = parse(probe.der()).ok_or(CaError::CertificateMalformed)?;
        if issued.issuer().as_raw() == own.subject().as_raw() { Ok(()) } else { Err(CaError::Subject) }
    }

    /// The CA's certificate as PEM. Public.
    pub fn certificate_pem(&self) -> String {
        pem::certificates_to_pem(&[self.certificate_der().to_vec()])
    }

    /// The CA's certificate and those above it as PEM, the form in which [`Self::from_pem`] takes them. Public.
    pub fn chain_pem(&self) -> String {
        pem::certificates_to_pem(&self.chain_der())
    }

    /// The CA's certificate and then those above it, DER. Public.
    pub fn chain_der(&self) -> Vec<Vec<u8>> {
        self.chain.iter().map(|der| der.to_vec()).collect()
    }

    /// The CA's name as tools write it, such as `CN=Birzeit University`.
    pub fn name(&self) -> String {
        describe(self.certificate_der()).map_or_else(String::new, |own| own.name)
    }

    /// The CA's certificate as DER. Public.
    pub fn certificate_der(&self) -> &[u8] {
        &self.chain[0]
    }

    /// The CA's private key as PKCS#8 PEM. Secret: write it with [`crate::secret::write_secret`] only.
    pub fn private_key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// What enrolment tokens pin.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.certificate_der())
    }

    /// Unix seconds of the CA's first valid second.
    pub fn not_before(&self) -> i64 {
        self.not_before
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
        let lifetime = i64::try_from(lifetime.as_secs()).ok()?;
        let not_before = now_unix_s.checked_sub(CLOCK_SKEW_S.min(lifetime / 10))?;
        let not_after = now_unix_s.checked_add(lifetime)?;
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

/// What people want to know of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The subject as tools write it, such as `CN=Birzeit University`.
    pub name: String,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
}

/// Describes a certificate (DER); `None` if it is none.
pub fn describe(certificate_der: &[u8]) -> Option<Description> {
    let parsed = parse(certificate_der)?;
    Some(Description {
        name: parsed.subject().to_string(),
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
    })
}

/// A chain as TLS shows it: the leaf, and what comes after it.
fn shown(chain_der: &[Vec<u8>]) -> (CertificateDer<'static>, Vec<CertificateDer<'static>>) {
    let mut chain = chain_der.iter().cloned().map(CertificateDer::from);
    let leaf = chain.next().expect("an issued chain begins with its leaf");
    (leaf, chain.collect())
}

pub(crate) fn parse(certificate_der: &[u8]) -> Option<X509Certificate<'_>> {
    match x509_parser::parse_x509_certificate(certificate_der) {
        Ok(([], certificate)) => Some(certificate),
        _ => None,
    }
}

mod name;
#[cfg(test)]
mod tests;
