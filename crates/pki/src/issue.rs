//! Signing agents' and servers' certificates.
//!
//! A request is used for one thing only: its public key, with the proof that the sender holds the private
//! one. Subject, names and extensions that it asks for are never read, because what an agent may be is
//! decided by the token it was given and not by the agent. The request is parsed here and not by the
//! certificate writer, whose parser would carry the wishes along.

use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData as _, SanType, SubjectPublicKeyInfo,
};
use rustls::pki_types::ServerName;
use thiserror::Error;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use crate::ca::{CertificateAuthority, Validity, random_serial};
use crate::identity::AgentIdentity;
use crate::tls::CONTROLLER_NAME;
use crate::{pem, serial};

/// How long an agent's certificate lives unless told otherwise.
pub const AGENT_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// How long a server's certificate lives unless told otherwise.
pub const SERVER_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// The largest request that is looked at, in bytes. A P-256 request has some 250.
pub const MAX_REQUEST: usize = 8 * 1024;

/// The most names in one server certificate.
pub const MAX_SERVER_NAMES: usize = 64;

/// A certificate was not issued.
#[derive(Debug, Error)]
pub enum IssueError {
    /// The request exceeds [`MAX_REQUEST`].
    #[error("refused a certificate request of {0} bytes: at most {MAX_REQUEST} are read")]
    RequestTooLong(usize),
    /// The request is not PKCS#10.
    #[error("refused a certificate request: it is not well-formed PKCS#10 in DER")]
    RequestMalformed,
    /// The key is of a kind that is not accepted.
    #[error(
        "refused a certificate request: its key is neither P-256 nor Ed25519; make a new key of one of them"
    )]
    KeyKind,
    /// The signature does not prove that the sender holds the key.
    #[error("refused a certificate request: its signature does not match its key")]
    NotProven,
    /// No name, or more than [`MAX_SERVER_NAMES`].
    #[error("could not issue a server certificate for {0} names: give 1 to {MAX_SERVER_NAMES}")]
    NameCount(usize),
    /// A name that is neither a DNS name nor an IP address.
    #[error(
        "could not issue a server certificate for {0:?}: it is neither a DNS name (ASCII, no wildcard) nor an \
         IP address"
    )]
    ServerName(String),
    /// [`CONTROLLER_NAME`] was asked for through the door for other servers.
    #[error(
        "could not issue a server certificate for {CONTROLLER_NAME}: only the controller's own may carry that name"
    )]
    ReservedName,
    /// The lifetime is zero, or ends outside X.509 time.
    #[error(
        "could not issue a certificate for {lifetime:?} at Unix time {now_unix_s}: check the configured lifetime \
         and this machine's clock"
    )]
    Validity {
        /// The lifetime asked for.
        lifetime: Duration,
        /// The time of issue.
        now_unix_s: i64,
    },
    /// The CA is not valid at the time of issue.
    #[error(
        "could not issue a certificate at Unix time {now_unix_s}: the CA itself is valid only from {not_before} \
         to {not_after}; check this machine's clock, then make a new CA and enrol again"
    )]
    AuthorityNotValid {
        /// The time of issue.
        now_unix_s: i64,
        /// Where the CA's validity begins, Unix seconds.
        not_before: i64,
        /// Where it ends.
        not_after: i64,
    },
    /// The operating system gave no random bytes.
    #[error("could not read random bytes from the operating system for a serial number")]
    Random,
    /// Signing failed.
    #[error("could not sign a certificate")]
    Sign(#[source] rcgen::Error),
}

/// A freshly signed certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The leaf first, then the CA and whatever is above it: servers must show the CA so that a new agent can
    /// compare it with its pin, and agents keep it as their root.
    pub chain_der: Vec<Vec<u8>>,
    /// Lower-case hex without leading zero bytes, the spelling of [`crate::verify::Peer::serial`].
    pub serial: String,
    /// Unix seconds; [`crate::ca::CLOCK_SKEW_S`] before the time of issue.
    pub not_before: i64,
    /// Unix seconds; never after the CA's own end.
    pub not_after: i64,
}

impl Issued {
    /// The chain as PEM, in the same order.
    pub fn chain_pem(&self) -> String {
        pem::certificates_to_pem(&self.chain_der)
    }
}

impl CertificateAuthority {
    /// Issues an agent's certificate: the key of the request, the given identity, client authentication,
    /// nothing else.
    pub fn issue_agent(
        &self,
        request_der: &[u8],
        identity: &AgentIdentity,
        now_unix_s: i64,
        lifetime: Duration,
    ) -> Result<Issued, IssueError> {
        let uri = Ia5String::try_from(identity.to_string()).map_err(IssueError::Sign)?;
        let leaf = Leaf {
            key: proven_key(request_der)?,
            common_name: identity.agent.as_str(),
            names: vec![SanType::URI(uri)],
            purpose: ExtendedKeyUsagePurpose::ClientAuth,
        };
        self.sign(leaf, now_unix_s, lifetime)
    }

    /// Issues the controller's own certificate: [`CONTROLLER_NAME`], which agents verify, and whatever names
    /// and addresses people type into browsers.
    pub fn issue_controller(
        &self,
        request_der: &[u8],
        other_names: &[String],
        now_unix_s: i64,
        lifetime: Duration,
    ) -> Result<Issued, IssueError> {
        let mut names = vec![CONTROLLER_NAME.to_owned()];
        names.extend(other_names.iter().cloned());
        self.sign_server(request_der, &names, now_unix_s, lifetime)
    }

    /// Issues a certificate for another server of the institution, such as a relay: DNS names and IP
    /// addresses, server authentication. [`CONTROLLER_NAME`] is refused, or a relay could pose as the centre.
    pub fn issue_server(
        &self,
        request_der: &[u8],
        names: &[String],
        now_unix_s: i64,
        lifetime: Duration,
    ) -> Result<Issued, IssueError> {
        let reserved = |name: &String| name.trim_end_matches('.').eq_ignore_ascii_case(CONTROLLER_NAME);
        if names.iter().any(reserved) {
            return Err(IssueError::ReservedName);
        }
        self.sign_server(request_der, names, now_unix_s, lifetime)
    }

    fn sign_server(
        &self,
        request_der: &[u8],
        names: &[String],
        now_unix_s: i64,
        lifetime: Duration,
    ) -> Result<Issued, IssueError> {
        if names.is_empty() || names.len() > MAX_SERVER_NAMES {
            return Err(IssueError::NameCount(names.len()));
        }
        let mut alternatives = Vec::with_capacity(names.len());
        for name in names {
            let alternative = server_name(name)?;
            if !alternatives.contains(&alternative) {
                alternatives.push(alternative);
            }
        }
        let leaf = Leaf {
            key: proven_key(request_der)?,
            common_name: "Wasl server",
            names: alternatives,
            purpose: ExtendedKeyUsagePurpose::ServerAuth,
        };
        self.sign(leaf, now_unix_s, lifetime)
    }

    fn sign(&self, leaf: Leaf<'_>, now_unix_s: i64, lifetime: Duration) -> Result<Issued, IssueError> {
        if now_unix_s < self.not_before || now_unix_s >= self.not_after {
            return Err(IssueError::AuthorityNotValid {
                now_unix_s,
                not_before: self.not_before,
                not_after: self.not_after,
            });
        }
        let mut validity = Validity::new(now_unix_s, lifetime)
            .filter(|_| lifetime.as_secs() > 0)
            .ok_or(IssueError::Validity { lifetime, now_unix_s })?;
        validity.not_before = validity.not_before.max(self.not_before);
        validity.not_after = validity.not_after.min(self.not_after);

        let serial_number = random_serial().ok_or(IssueError::Random)?;
        let serial = serial::from_bytes(&serial_number.to_bytes());
        let mut params = CertificateParams::default();
        validity.write(&mut params);
        params.serial_number = Some(serial_number);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, leaf.common_name);
        params.subject_alt_names = leaf.names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![leaf.purpose];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&leaf.key, &self.issuer).map_err(IssueError::Sign)?;
        Ok(Issued {
            chain_der: std::iter::once(certificate.der().to_vec()).chain(self.chain_der()).collect(),
            serial,
            not_before: validity.not_before,
            not_after: validity.not_after,
        })
    }
}

struct Leaf<'a> {
    key: SubjectPublicKeyInfo,
    common_name: &'a str,
    names: Vec<SanType>,
    purpose: ExtendedKeyUsagePurpose,
}

/// The public key of a request whose sender holds the private one.
fn proven_key(request_der: &[u8]) -> Result<SubjectPublicKeyInfo, IssueError> {
    if request_der.len() > MAX_REQUEST {
        return Err(IssueError::RequestTooLong(request_der.len()));
    }
    let Ok(([], request)) = X509CertificationRequest::from_der(request_der) else {
        return Err(IssueError::RequestMalformed);
    };
    let raw_key = request.certification_request_info.subject_pki.raw;
    let key = SubjectPublicKeyInfo::from_der(raw_key).map_err(|_| IssueError::KeyKind)?;
    if ![&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519].contains(&key.algorithm()) {
        return Err(IssueError::KeyKind);
    }
    request.verify_signature().map_err(|_| IssueError::NotProven)?;
    Ok(key)
}

fn server_name(name: &str) -> Result<SanType, IssueError> {
    let refused = || IssueError::ServerName(name.chars().take(80).collect());
    match ServerName::try_from(name.trim_end_matches('.')).map_err(|_| refused())? {
        ServerName::DnsName(dns) => {
            let lower = dns.as_ref().to_ascii_lowercase();
            Ok(SanType::DnsName(Ia5String::try_from(lower).map_err(|_| refused())?))
        }
        ServerName::IpAddress(address) => Ok(SanType::IpAddress(address.into())),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests;
