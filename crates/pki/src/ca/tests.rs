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

/// A CA as an institution's own tools make it, with its PEM key.
fn made_elsewhere(
    name: &str,
    algorithm: &'static rcgen::SignatureAlgorithm,
    days: i64,
    change: impl FnOnce(&mut CertificateParams),
) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    Validity::new(NOW, Duration::from_secs(days as u64 * 86_400)).unwrap().write(&mut params);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "An institution");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    change(&mut params);
    (params, KeyPair::generate_for(algorithm).unwrap())
}

#[test]
fn roots_of_several_kinds_can_be_brought_along() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let (params, key) = made_elsewhere("root", algorithm, 3650, |_| {});
        let pem = params.self_signed(&key).unwrap().pem();
        let ca = CertificateAuthority::import(&pem, &key.serialize_pem(), NOW).unwrap();
        assert!(ca.name().contains("An institution"), "{}", ca.name());
    }
}

#[test]
fn an_intermediate_comes_with_those_above_it_and_shows_them() {
    let (root_params, root_key) = made_elsewhere("root", &rcgen::PKCS_ECDSA_P384_SHA384, 3650, |_| {});
    let root = root_params.self_signed(&root_key).unwrap();
    let (params, key) = made_elsewhere("wasl", &rcgen::PKCS_ECDSA_P256_SHA256, 1825, |_| {});
    let own = params.signed_by(&key, &Issuer::from_params(&root_params, &root_key)).unwrap();
    let pem = format!("{}{}", own.pem(), root.pem());
    let ca = CertificateAuthority::import(&pem, &key.serialize_pem(), NOW).unwrap();
    assert_eq!(ca.fingerprint(), Fingerprint::of(own.der()));
    assert_eq!(ca.chain_der(), [own.der().to_vec(), root.der().to_vec()]);
    assert_eq!(agent_of(&ca).issued.chain_der[1..], ca.chain_der());
    let back = CertificateAuthority::from_pem(&ca.chain_pem(), &ca.private_key_pem()).unwrap();
    assert_eq!(back.chain_der(), ca.chain_der());

    let wrong_way = format!("{}{}", root.pem(), own.pem());
    let result = CertificateAuthority::import(&wrong_way, &root_key.serialize_pem(), NOW);
    assert!(matches!(result, Err(CaError::Chain(2))), "{result:?}");
    let result = CertificateAuthority::import(&pem, &root_key.serialize_pem(), NOW);
    assert!(matches!(result, Err(CaError::KeyOfAnother)), "{result:?}");
}

#[test]
fn an_authority_that_would_fail_later_is_refused_when_it_is_brought() {
    let import = |days, change: fn(&mut CertificateParams), now| {
        let (params, key) = made_elsewhere("root", &rcgen::PKCS_ECDSA_P256_SHA256, days, change);
        CertificateAuthority::import(&params.self_signed(&key).unwrap().pem(), &key.serialize_pem(), now)
    };
    assert!(import(91, |_| {}, NOW).is_ok());
    let (short, early) = (import(89, |_| {}, NOW), import(3650, |_| {}, NOW - 1000));
    assert!(matches!(short, Err(CaError::Rest { .. })), "{short:?}");
    assert!(matches!(early, Err(CaError::Rest { .. })), "{early:?}");
    let usage = import(3650, |p| p.key_usages = vec![KeyUsagePurpose::DigitalSignature], NOW);
    assert!(matches!(usage, Err(CaError::NotAnAuthority)), "{usage:?}");
    let leaf = import(3650, |p| p.is_ca = IsCa::ExplicitNoCa, NOW);
    assert!(matches!(leaf, Err(CaError::NotAnAuthority)), "{leaf:?}");
    let confined = import(
        3650,
        |p| {
            p.name_constraints = Some(rcgen::NameConstraints {
                permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.edu".into())],
                excluded_subtrees: Vec::new(),
            });
        },
        NOW,
    );
    assert!(matches!(confined, Err(CaError::Trial(_))), "{confined:?}");
}

#[test]
fn who_trusts_the_former_authority_accepts_what_the_next_one_signs_if_it_is_vouched_for() {
    let (former, next) = (authority(), CertificateAuthority::create("Next", NOW).unwrap());
    let vouched = former.vouch_for(&next, NOW).unwrap();
    let parsed = parse(&vouched).unwrap();
    assert_eq!(parsed.subject().as_raw(), parse(next.certificate_der()).unwrap().subject().as_raw());
    assert!(parsed.validity().not_after.timestamp() <= former.not_after());

    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW as u64));
    let key = KeyAndRequest::generate().unwrap();
    let issued = next.issue_controller(key.request_der(), &[], NOW, Duration::from_secs(86_400)).unwrap();
    let (leaf, mut above) = shown(&issued.chain_der);
    let accepted = |roots: &CertificateAuthority, above: &[CertificateDer<'static>]| {
        tls::server_verifier(&[roots.certificate_der().to_vec()])
            .unwrap()
            .verify_server_cert(&leaf, above, &tls::controller_server_name(), &[], now)
            .is_ok()
    };
    assert!(accepted(&next, &above) && !accepted(&former, &above));
    above.push(vouched.into());
    assert!(accepted(&next, &above) && accepted(&former, &above));
    assert!(!accepted(&authority(), &above), "a third authority is vouched for by nobody");
}
