//! A failed handshake in plain words, with the next step.
//!
//! In TLS 1.3 a client finishes its handshake before the server has looked at the client's certificate, so a
//! refused agent sees an alert at its first read and nothing more. These sentences are for the agent's log and
//! for `doctor`; the controller logs its own side, which knows the exact reason.

use rustls::{AlertDescription, CertificateError, Error};

/// What went wrong and what to do, in one line. Every other error is given in the library's words.
pub fn explain(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => explain_alert(*alert),
        Error::InvalidCertificate(error) => explain_certificate(error),
        Error::NoCertificatesPresented => {
            "the other side showed no certificate: enrol it with a token".to_owned()
        }
        other => other.to_string(),
    }
}

/// What [`explain`] says of the alert that `text` tells of, for errors that reach their reader as text only:
/// HTTP/2 implementations do not hand on what a connection broke with.
pub fn explain_text(text: &str) -> Option<String> {
    let name = text.rsplit_once("received fatal alert: ")?.1.trim();
    let known = [
        AlertDescription::CertificateRevoked,
        AlertDescription::CertificateExpired,
        AlertDescription::UnknownCA,
        AlertDescription::DecryptError,
        AlertDescription::CertificateRequired,
        AlertDescription::UnsupportedCertificate,
        AlertDescription::CertificateUnknown,
        AlertDescription::BadCertificate,
        AlertDescription::AccessDenied,
    ];
    known.into_iter().find(|alert| format!("{alert:?}") == name).map(explain_alert)
}

fn explain_alert(alert: AlertDescription) -> String {
    let words = match alert {
        AlertDescription::CertificateRevoked => {
            "the other side refused this machine's certificate because it is revoked: enrol again with a new token"
        }
        AlertDescription::CertificateExpired => {
            "the other side refused this machine's certificate because it is expired or not valid yet: compare \
             the clocks of both machines, then enrol again with a new token"
        }
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "the other side refused this machine's certificate because another CA signed it: the controller \
             was set up anew, so enrol again with a new token"
        }
        AlertDescription::CertificateRequired => {
            "the other side demands a certificate and this machine showed none: enrol with a token"
        }
        AlertDescription::UnsupportedCertificate => {
            "the other side refused this machine's certificate because it is not one for agents: enrol with a token"
        }
        AlertDescription::CertificateUnknown => {
            "the other side refused this machine's certificate because it names no agent: enrol with a token"
        }
        AlertDescription::NoApplicationProtocol => {
            "the other side speaks another protocol: check the port, and that agent and controller are of \
             compatible versions"
        }
        AlertDescription::ProtocolVersion => {
            "the other side does not speak TLS 1.3: check the address and the port"
        }
        other => return format!("the other side ended the handshake with the alert {other:?}"),
    };
    words.to_owned()
}

fn explain_certificate(error: &CertificateError) -> String {
    let words = match error {
        CertificateError::Other(reason) => return reason.to_string(),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the other side's certificate is signed by another CA than the one trusted here: check the address; \
             if the controller was set up anew, enrol again with a new token"
        }
        CertificateError::Revoked => "the other side's certificate is revoked",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the other side's certificate is not the controller's: check the address and the port"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the other side showed a certificate that is meant for another purpose (an agent's in place of a \
             server's, or the reverse)"
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            return format!("{error}; compare the clocks of both machines");
        }
        other => return other.to_string(),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_alert_that_arrives_as_text_is_explained_too() {
        let alert = AlertDescription::CertificateRevoked;
        let text = format!("http2 error: {}", Error::AlertReceived(alert));
        assert_eq!(explain_text(&text), Some(explain(&Error::AlertReceived(alert))));
        assert_eq!(explain_text("connection closed"), None);
        assert_eq!(explain_text("received fatal alert: Nonsense"), None);
    }

    #[test]
    fn every_alert_that_a_refused_agent_can_see_has_its_own_next_step() {
        let alerts = [
            AlertDescription::CertificateRevoked,
            AlertDescription::CertificateExpired,
            AlertDescription::UnknownCA,
            AlertDescription::CertificateRequired,
            AlertDescription::UnsupportedCertificate,
            AlertDescription::CertificateUnknown,
            AlertDescription::NoApplicationProtocol,
            AlertDescription::ProtocolVersion,
        ];
        let sentences: HashSet<String> =
            alerts.iter().map(|alert| explain(&Error::AlertReceived(*alert))).collect();
        assert_eq!(sentences.len(), alerts.len());
        let next_step = |sentence: &String| sentence.contains("enrol") || sentence.contains("check the");
        assert!(sentences.iter().all(next_step), "{sentences:?}");
    }
}
