//! Certificates as PEM text (RFC 7468), the form in which they lie in files.

use std::fmt::Write as _;

use data_encoding::BASE64;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;

/// A text that holds no usable certificate.
#[derive(Debug, Error)]
pub enum PemError {
    /// A section is damaged.
    #[error(
        "could not read the PEM text of a certificate chain: copy it again, with its BEGIN and END lines"
    )]
    Damaged(#[source] rustls::pki_types::pem::Error),
    /// There is no `CERTIFICATE` section.
    #[error("the text holds no certificate: it needs a `-----BEGIN CERTIFICATE-----` section")]
    Empty,
}

/// Writes certificates (DER) one after the other, in the given order.
pub fn certificates_to_pem(chain_der: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for der in chain_der {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let base64 = BASE64.encode(der);
        let mut rest = base64.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(64));
            let _ = writeln!(text, "{line}");
            rest = tail;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// Reads every certificate (DER) of a text in its order; other sections, such as keys, are skipped.
pub fn certificates_from_pem(text: &str) -> Result<Vec<Vec<u8>>, PemError> {
    let chain = CertificateDer::pem_slice_iter(text.as_bytes())
        .map(|section| section.map(|der| der.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(PemError::Damaged)?;
    if chain.is_empty() { Err(PemError::Empty) } else { Ok(chain) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..4)
        ) {
            let text = certificates_to_pem(&chain);
            prop_assert!(text.lines().all(|line| line.len() <= 64));
            prop_assert_eq!(certificates_from_pem(&text).unwrap(), chain);
        }

        #[test]
        fn garbage_never_panics(text in ".{0,300}") {
            let _ = certificates_from_pem(&text);
        }
    }

    /// Key and chain may lie in one file, so that both are replaced in one step.
    #[test]
    fn a_private_key_beside_the_chain_is_skipped() {
        let key = crate::request::KeyAndRequest::generate().unwrap().private_key_pem();
        let chain = vec![b"leaf".to_vec(), b"ca".to_vec()];
        let text = format!("{}{key}", certificates_to_pem(&chain));
        assert_eq!(certificates_from_pem(&text).unwrap(), chain);
    }

    #[test]
    fn a_text_without_certificates_is_an_error() {
        assert!(matches!(certificates_from_pem("hello\n"), Err(PemError::Empty)));
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(certificates_from_pem(cut), Err(PemError::Damaged(_))));
    }
}
