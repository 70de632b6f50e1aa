use super::*;
use crate::testing::{NOW, agent_of, authority};

#[test]
fn the_certificate_may_sign_leaves_and_nothing_more() {
    let ca = CertificateAuthority::create("جامعة القدس", NOW).unwrap();
    let certificate = parse(ca.certificate_der()).unwrap();
    let constraints = certificate.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    let usage = certificate.key_usage().unwrap().unwrap();
    assert!(usage.critical);
    // keyCertSign is bit 5 and cRLSign bit 6 (RFC 5280 section 4.2.1.3).
    assert_eq!(usage.value.flags, 1 << 5 | 1 << 6);
    assert!(certificate.extended_key_usage().unwrap().is_none());
    assert_eq!(certificate.validity().not_before.timestamp(), NOW - 300);
    assert_eq!(certificate.validity().not_after.timestamp(), NOW + 3650 * 86_400);
    assert!(certificate.verify_signature(None).is_ok());
    assert_eq!(certificate.raw_serial().len(), 16);
    assert_eq!(ca.fingerprint(), Fingerprint::of(ca.certificate_der()));
}

#[test]
fn a_stored_authority_comes_back_and_is_the_same() {
    let ca = authority();
    let back = CertificateAuthority::from_pem(&ca.certificate_pem(), &ca.private_key_pem()).unwrap();
    assert_eq!(back.fingerprint(), ca.fingerprint());
    assert_eq!(back.private_key_pem(), ca.private_key_pem());
    assert_eq!(back.not_after(), NOW + 3650 * 86_400);
}

#[test]
fn two_authorities_never_share_a_serial_or_a_key() {
    let (one, two) = (authority(), authority());
    let serial = |ca: &CertificateAuthority| parse(ca.certificate_der()).unwrap().raw_serial().to_vec();
    assert_ne!(serial(&one), serial(&two));
    assert_ne!(one.private_key_pem(), two.private_key_pem());
}

#[test]
fn what_cannot_be_an_authority_is_named_at_load() {
    let (ca, other) = (authority(), authority());
    let load = CertificateAuthority::from_pem;
    let (certificate, key) = (ca.certificate_pem(), ca.private_key_pem());
    assert!(matches!(load("", &key), Err(CaError::CertificatePem(_))));
    assert!(matches!(load(&certificate, ""), Err(CaError::Key)));
    assert!(matches!(load(&certificate, &certificate), Err(CaError::Key)));
    assert!(matches!(load(&certificate, &other.private_key_pem()), Err(CaError::KeyOfAnother)));
    let junk = pem::certificates_to_pem(&[b"junk".to_vec()]);
    assert!(matches!(load(&junk, &key), Err(CaError::CertificateMalformed)));
    let leaf = pem::certificates_to_pem(&agent_of(&ca).issued.chain_der);
    assert!(matches!(load(&leaf, &key), Err(CaError::NotAnAuthority)));
}

/// A subject such as DC=edu, DC=example loses a part in re-encoding; its leaves would have no issuer.
#[test]
fn an_authority_whose_name_cannot_be_repeated_is_refused() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "one");
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 10]), "two");
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let result = CertificateAuthority::from_pem(&certificate.pem(), &key.serialize_pem());
    assert!(matches!(result, Err(CaError::Subject)), "{result:?}");
}

#[test]
fn names_and_clocks_that_make_no_certificate_are_refused() {
    for bad in ["", "  ", "a\nb", &"x".repeat(65)] {
        assert!(matches!(CertificateAuthority::create(bad, NOW), Err(CaError::Name(_))), "{bad:?}");
    }
    for bad in [i64::MIN, -1, 0, i64::MAX] {
        assert!(matches!(CertificateAuthority::create("x", bad), Err(CaError::Clock(_))), "{bad}");
    }
}

#[test]
fn debug_does_not_show_the_key() {
    let ca = authority();
    let debug = format!("{ca:?} {ca:#?}");
    let key = ca.private_key_pem();
    let lines = key.lines().filter(|line| !line.starts_with('-'));
    assert_eq!(lines.clone().count(), 3);
    for line in lines {
        assert!(!debug.contains(line));
    }
    assert_eq!(
        format!("{ca:?}"),
        format!("CertificateAuthority {{ fingerprint: {}, .. }}", ca.fingerprint())
    );
}
