use data_encoding::BASE64;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CustomExtension, KeyPair, PKCS_ECDSA_P384_SHA384};
use x509_parser::extensions::{GeneralName, ParsedExtension};

use super::*;
use crate::ca;
use crate::request::KeyAndRequest;
use crate::testing::{NOW, authority, gateway};
use crate::verify::peer_identity;

/// Made with OpenSSL 3.0: `openssl req -new -newkey rsa:1024 -nodes -subj /CN=weak -outform DER`, and 2048.
const RSA_REQUESTS: [&str; 2] = [
    "MIIBTjCBuAIBADAPMQ0wCwYDVQQDDAR3ZWFrMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDLavFOhFV96hKXK6udT7ak5Jhv4iog9wkNg4ZaW9KytbCF0zoTrjZVKpSiq+zlkLh/8VVSimf949gKXET3+bNhPmNXr8bWOwtenIU7EnM1vZNwCOo8JejBvT9NuGZQDWgZl6fpgdAMpZ7KhRF3cMd0e2B/Rh5MkIjRuQmImfxAaQIDAQABoAAwDQYJKoZIhvcNAQELBQADgYEAsTXN8hO7RaDRCJ/tu9AO2Yo892kgznPVp0goAZBh3ilJPlKNTjoR9HEDmcZCLy8f6FXVSnWWBx1Rt1G+uQhtFEVBoa4GLsL9vA4aTCvQm+os4ZmNamjbMOf9GGQJB6DpqG3c+1KGjZdFLqAxEKiI4HJ/xcKxJAn+hlA/rsgQMDA=",
    "MIICVDCCATwCAQAwDzENMAsGA1UEAwwEd2VhazCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBALQjdIiYpoFK/z1nS3lBJPdvk1AHA50MQaa76c8F/rVMJZpc04Wal7C6cjEy0F/2tYEi2A/tfSwgqT7nzfRVDdfz8YH9qo2dd/kvF88oXyOQBta9ZI3i4osgIRiqM/7y9J9Y6juLbspzTTBctOsbBc7KIVRnkwZuR+QXbWztRYnN0k27JI1qYv4X80fv6zK0k67f+jEJexNwLUdFM42g2B3DYJ7ZT/A+ApDgJ8/OZ6o3GdrTCHrUGOZGxzn6/CjJPqVpznx0rAgnkSS1j8v+eWy2oFYfQq/938+uZMrfoZ0NeuIQjGymQ2iNNxh3UNU1kiHN5w5SJsZTULSeCumEWwcCAwEAAaAAMA0GCSqGSIb3DQEBCwUAA4IBAQAfH+fCWDQs3R6PRgD+7gMXxtQ5scjWCNahmeXkrK5GOojo7lnJPFsi7VvwZnUEYhDiFJhDuwDdGc1G87hfc6S0WNx2siQWvzWNPWWH2/rHg12p5Oy1/L0P77nO81ubLxaO4KCfodWQ4sbWDibql4vBneeQ3M/yIlt5EYUmRdBh+zxHD5RpaXuw20Qi+t54ZTiIRW1s1FTZ/aeWvg92S3lt8DGrAHuv1WbzVBlCt9HSA9aVcRBWm7gQ77HY/hS02TP3EW4y9hVmSmDzzk7LcrDWA+Iduscgv0FggCR3/UWOANUa7hiq3FNUzsnjCUO04y2f2E8nTrv1tyrdlOAPDvgq",
];

fn request() -> Vec<u8> {
    KeyAndRequest::generate().unwrap().request_der().to_vec()
}

fn request_of(params: &CertificateParams, key: &KeyPair) -> Vec<u8> {
    params.serialize_request(key).unwrap().der().to_vec()
}

/// Everything an agent must never get by asking for it.
fn greedy() -> CertificateParams {
    let mut params = CertificateParams::default();
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let dns = |text: &str| SanType::DnsName(text.try_into().unwrap());
    params.distinguished_name.push(DnType::CommonName, "root");
    params.distinguished_name.push(DnType::OrganizationName, "evil");
    params.subject_alt_names =
        vec![uri("wasl://agent/centre/relay/evil"), dns(CONTROLLER_NAME), dns("bank.example")];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any];
    params.custom_extensions =
        vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0])];
    params
}

/// The kinds of extension in a certificate, in its order.
fn extension_names(certificate: &x509_parser::certificate::X509Certificate<'_>) -> Vec<&'static str> {
    let name = |extension: &ParsedExtension<'_>| match extension {
        ParsedExtension::AuthorityKeyIdentifier(_) => "authority key",
        ParsedExtension::SubjectAlternativeName(_) => "names",
        ParsedExtension::KeyUsage(_) => "usage",
        ParsedExtension::ExtendedKeyUsage(_) => "extended usage",
        ParsedExtension::SubjectKeyIdentifier(_) => "subject key",
        ParsedExtension::BasicConstraints(_) => "constraints",
        _ => "other",
    };
    certificate.iter_extensions().map(|extension| name(extension.parsed_extension())).collect()
}

/// Asserts that a certificate is exactly an agent's, whatever was asked for.
fn assert_is_plain_agent(issued: &Issued) {
    let certificate = ca::parse(&issued.chain_der[0]).unwrap();
    assert_eq!(
        extension_names(&certificate),
        ["authority key", "names", "usage", "extended usage", "subject key", "constraints"]
    );
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names, [GeneralName::URI("wasl://agent/jenin/gateway/jenin-gw")]);
    let constraints = certificate.basic_constraints().unwrap().unwrap();
    assert!(!constraints.value.ca);
    // digitalSignature is bit 0.
    assert_eq!(certificate.key_usage().unwrap().unwrap().value.flags, 1);
    let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(purposes.client_auth && !purposes.server_auth && !purposes.any && !purposes.code_signing);
    assert!(purposes.other.is_empty());
    assert_eq!(certificate.subject().to_string(), "CN=jenin-gw");
}

#[test]
fn an_agent_gets_its_identity_and_nothing_else() {
    let ca = authority();
    let key = KeyAndRequest::generate().unwrap();
    let issued = ca.issue_agent(key.request_der(), &gateway(), NOW, AGENT_LIFETIME).unwrap();
    assert_is_plain_agent(&issued);
    assert_eq!(issued.chain_der[1], ca.certificate_der());
    assert_eq!((issued.not_before, issued.not_after), (NOW - 300, NOW + 30 * 86_400));

    let peer = peer_identity(&issued.chain_der[0]).unwrap();
    assert_eq!(peer.identity, gateway());
    assert_eq!(
        (peer.serial, peer.not_before, peer.not_after),
        (issued.serial.clone(), issued.not_before, issued.not_after)
    );
    let certificate = ca::parse(&issued.chain_der[0]).unwrap();
    let authority = ca::parse(ca.certificate_der()).unwrap();
    assert!(certificate.verify_signature(Some(authority.public_key())).is_ok());
    assert_eq!(pem::certificates_from_pem(&issued.chain_pem()).unwrap(), issued.chain_der);
}

#[test]
fn a_greedy_request_gets_none_of_its_wishes() {
    let ca = authority();
    let key = KeyPair::generate().unwrap();
    let issued = ca.issue_agent(&request_of(&greedy(), &key), &gateway(), NOW, AGENT_LIFETIME).unwrap();
    assert_is_plain_agent(&issued);
    let certificate = ca::parse(&issued.chain_der[0]).unwrap();
    assert_eq!(certificate.public_key().raw, key.subject_public_key_info(), "the key is the requester's");
}

#[test]
fn a_greedy_server_request_gets_only_the_given_names() {
    let ca = authority();
    let greedy = request_of(&greedy(), &KeyPair::generate().unwrap());
    let names = [
        "Wasl.Example.edu.".to_owned(),
        "10.0.0.1".to_owned(),
        "::1".to_owned(),
        "wasl.example.edu".to_owned(),
    ];
    let issued = ca.issue_server(&greedy, &names, NOW, SERVER_LIFETIME).unwrap();
    let certificate = ca::parse(&issued.chain_der[0]).unwrap();
    let mut six = [0; 16];
    six[15] = 1;
    assert_eq!(
        certificate.subject_alternative_name().unwrap().unwrap().value.general_names,
        [
            GeneralName::DNSName("wasl.example.edu"),
            GeneralName::IPAddress(&[10, 0, 0, 1]),
            GeneralName::IPAddress(&six)
        ]
    );
    let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(purposes.server_auth && !purposes.client_auth && !purposes.any);
    assert!(!certificate.is_ca());
    assert!(peer_identity(&issued.chain_der[0]).is_err(), "a server is no agent");
}

#[test]
fn only_the_controller_carries_the_controllers_name() {
    let ca = authority();
    let issued = ca.issue_controller(&request(), &[], NOW, SERVER_LIFETIME).unwrap();
    let certificate = ca::parse(&issued.chain_der[0]).unwrap();
    assert_eq!(
        certificate.subject_alternative_name().unwrap().unwrap().value.general_names,
        [GeneralName::DNSName(CONTROLLER_NAME)]
    );
    for spelling in [CONTROLLER_NAME, "Controller.WASL.internal."] {
        let result = ca.issue_server(&request(), &[spelling.to_owned()], NOW, SERVER_LIFETIME);
        assert!(matches!(result, Err(IssueError::ReservedName)), "{spelling}");
    }
}

#[test]
fn names_that_no_verifier_matches_are_refused() {
    let ca = authority();
    for bad in
        ["", ".", "*.example.edu", "a b", "جامعة.example", "-a.example", "10.0.0.256", "wasl://x", "a\0b"]
    {
        let result = ca.issue_server(&request(), &[bad.to_owned()], NOW, SERVER_LIFETIME);
        assert!(matches!(result, Err(IssueError::ServerName(_))), "{bad:?}");
    }
    let none = ca.issue_server(&request(), &[], NOW, SERVER_LIFETIME);
    assert!(matches!(none, Err(IssueError::NameCount(0))));
    let many = vec!["a.example".to_owned(); MAX_SERVER_NAMES + 1];
    let many = ca.issue_server(&request(), &many, NOW, SERVER_LIFETIME);
    assert!(matches!(many, Err(IssueError::NameCount(65))));
}

#[test]
fn only_p256_and_ed25519_keys_are_certified() {
    let ca = authority();
    let issue = |request: &[u8]| ca.issue_agent(request, &gateway(), NOW, AGENT_LIFETIME);
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    assert_is_plain_agent(&issue(&request_of(&greedy(), &ed25519)).unwrap());
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    assert!(matches!(issue(&request_of(&greedy(), &p384)), Err(IssueError::KeyKind)));
    for rsa in RSA_REQUESTS {
        let request = BASE64.decode(rsa.as_bytes()).unwrap();
        assert!(matches!(issue(&request), Err(IssueError::KeyKind)));
    }
}

/// Someone else's public key in a request would bind their key to the sender's name.
#[test]
fn a_request_without_proof_of_possession_is_refused() {
    let ca = authority();
    let (mine, theirs) = (KeyAndRequest::generate().unwrap(), KeyAndRequest::generate().unwrap());
    let mut forged = mine.request_der().to_vec();
    let public = |request: &[u8]| {
        let (_, parsed) = X509CertificationRequest::from_der(request).unwrap();
        parsed.certification_request_info.subject_pki.raw.to_vec()
    };
    let (old, new) = (public(mine.request_der()), public(theirs.request_der()));
    let place = forged.windows(old.len()).position(|window| window == old).unwrap();
    forged[place..place + new.len()].copy_from_slice(&new);
    let result = ca.issue_agent(&forged, &gateway(), NOW, AGENT_LIFETIME);
    assert!(matches!(result, Err(IssueError::NotProven)));
}

#[test]
fn a_request_must_be_small_and_whole() {
    let ca = authority();
    let issue = |request: &[u8]| ca.issue_agent(request, &gateway(), NOW, AGENT_LIFETIME);
    assert!(matches!(issue(b""), Err(IssueError::RequestMalformed)));
    let mut trailing = request();
    trailing.push(0);
    assert!(matches!(issue(&trailing), Err(IssueError::RequestMalformed)));
    assert!(matches!(issue(&vec![0x30; MAX_REQUEST + 1]), Err(IssueError::RequestTooLong(8193))));
    let mut params = CertificateParams::default();
    params.subject_alt_names = (0..400)
        .map(|n| SanType::DnsName(format!("host-{n}.a-long-name.example").try_into().unwrap()))
        .collect();
    let large = request_of(&params, &KeyPair::generate().unwrap());
    assert!(matches!(issue(&large), Err(IssueError::RequestTooLong(_))));
}

#[test]
fn validity_stays_inside_the_authoritys() {
    let ca = authority();
    let issue = |now, lifetime| ca.issue_agent(&request(), &gateway(), now, lifetime);
    assert!(matches!(issue(NOW, Duration::ZERO), Err(IssueError::Validity { .. })));
    assert!(matches!(issue(NOW, Duration::MAX), Err(IssueError::Validity { .. })));
    for outside in [i64::MIN, 0, NOW - 301, ca.not_after(), i64::MAX] {
        let result = issue(outside, AGENT_LIFETIME);
        assert!(matches!(result, Err(IssueError::AuthorityNotValid { .. })), "{outside}");
    }
    let last = issue(ca.not_after() - 10, AGENT_LIFETIME).unwrap();
    assert_eq!(last.not_after, ca.not_after());
    let first = issue(NOW - 100, AGENT_LIFETIME).unwrap();
    assert_eq!(first.not_before, NOW - 300, "not before the authority's own beginning");
}

#[test]
fn every_certificate_has_its_own_serial() {
    let ca = authority();
    let request = request();
    let issue = || ca.issue_agent(&request, &gateway(), NOW, AGENT_LIFETIME).unwrap().serial;
    let (one, two) = (issue(), issue());
    assert_ne!(one, two);
    assert_eq!(one.len(), 32);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Damage may be noticed or may hit a byte that means nothing, but it never panics and never changes
    /// what is issued.
    #[test]
    fn a_damaged_request_never_panics_and_never_gains(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let ca = authority();
        let key = KeyPair::generate().unwrap();
        let mut request = request_of(&greedy(), &key);
        for (place, byte) in damage {
            let place = place.index(request.len());
            request[place] = byte;
        }
        if let Some(cut) = cut {
            request.truncate(cut.index(request.len()));
        }
        if let Ok(issued) = ca.issue_agent(&request, &gateway(), NOW, AGENT_LIFETIME) {
            assert_is_plain_agent(&issued);
            let certificate = ca::parse(&issued.chain_der[0]).unwrap();
            prop_assert_eq!(certificate.public_key().raw, key.subject_public_key_info());
        }
    }

    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let ca = authority();
        prop_assert!(ca.issue_agent(&bytes, &gateway(), NOW, AGENT_LIFETIME).is_err());
    }
}
