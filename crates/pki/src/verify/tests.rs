use proptest::prelude::*;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType};
use rustls::{AlertDescription, InvalidMessage};

use super::*;
use crate::ca::CertificateAuthority;
use crate::issue::{Issued, SERVER_LIFETIME};
use crate::request::KeyAndRequest;
use crate::testing::{
    NOW, agent_of, authority, controller_of, dialler, gateway, handshake, holder, listener,
};
use crate::tls::Credentials;

fn certificate_error(error: TlsProtocolError) -> CertificateError {
    match error {
        TlsProtocolError::InvalidCertificate(error) => error,
        other => panic!("not about a certificate: {other:?}"),
    }
}

#[test]
fn a_good_agent_is_let_in_and_known() {
    let ca = authority();
    let agent = agent_of(&ca);
    let listener = listener(&ca, ClientAuth::Required, NOW);
    let (_, server) = handshake(&dialler(&ca, Some(agent.credentials)), &listener.config).accepted();
    let peer = peer_identity(&server.peer_certificates().unwrap()[0]).unwrap();
    assert_eq!(peer.identity, gateway());
    assert_eq!(peer.serial, agent.issued.serial);
    assert_eq!(peer.not_after, agent.issued.not_after);
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_required() {
    let ca = authority();
    let listener = listener(&ca, ClientAuth::Required, NOW);
    let (client, server) = handshake(&dialler(&ca, None), &listener.config).refused();
    assert_eq!(server, TlsProtocolError::NoCertificatesPresented);
    assert_eq!(client, TlsProtocolError::AlertReceived(AlertDescription::CertificateRequired));
}

#[test]
fn a_client_without_a_certificate_may_come_to_enrol_where_one_is_only_offered() {
    let ca = authority();
    let listener = listener(&ca, ClientAuth::Offered, NOW);
    let (_, server) = handshake(&dialler(&ca, None), &listener.config).accepted();
    assert!(server.peer_certificates().is_none());
}

#[test]
fn a_foreign_authority_is_refused_even_under_the_same_name_and_where_nothing_is_required() {
    let ca = authority();
    let same_name = agent_of(&authority());
    let other_name = agent_of(&CertificateAuthority::create("Elsewhere", NOW).unwrap());
    for client_auth in [ClientAuth::Required, ClientAuth::Offered] {
        let listener = listener(&ca, client_auth, NOW);
        let refuse = |credentials: &Credentials| {
            let (_, server) = handshake(&dialler(&ca, Some(credentials.clone())), &listener.config).refused();
            certificate_error(server)
        };
        assert_eq!(refuse(&same_name.credentials), CertificateError::BadSignature);
        assert_eq!(refuse(&other_name.credentials), CertificateError::UnknownIssuer);
    }
}

#[test]
fn a_servers_certificate_does_not_make_an_agent() {
    let ca = authority();
    let listener = listener(&ca, ClientAuth::Required, NOW);
    let (client, server) =
        handshake(&dialler(&ca, Some(controller_of(&ca).credentials)), &listener.config).refused();
    assert!(matches!(certificate_error(server), CertificateError::InvalidPurposeContext { .. }));
    assert_eq!(client, TlsProtocolError::AlertReceived(AlertDescription::UnsupportedCertificate));
}

#[test]
fn an_agent_is_let_in_only_within_its_certificates_time() {
    let ca = authority();
    let agent = agent_of(&ca);
    let at_time = |now| {
        let listener = listener(&ca, ClientAuth::Required, now);
        handshake(&dialler(&ca, Some(agent.credentials.clone())), &listener.config)
    };
    at_time(agent.issued.not_before).accepted();
    at_time(agent.issued.not_after).accepted();
    let (client, late) = at_time(agent.issued.not_after + 1).refused();
    assert!(matches!(certificate_error(late), CertificateError::ExpiredContext { .. }));
    assert_eq!(client, TlsProtocolError::AlertReceived(AlertDescription::CertificateExpired));
    let (_, early) = at_time(agent.issued.not_before - 1).refused();
    assert!(matches!(certificate_error(early), CertificateError::NotValidYetContext { .. }));
}

#[test]
fn a_revoked_agent_is_refused_at_its_next_handshake_and_others_are_not() {
    let ca = authority();
    let (good, stolen) = (agent_of(&ca), agent_of(&ca));
    let listener = listener(&ca, ClientAuth::Offered, NOW);
    let dial =
        |credentials: &Credentials| handshake(&dialler(&ca, Some(credentials.clone())), &listener.config);
    dial(&stolen.credentials).accepted();
    listener.revocations.revoke(&stolen.issued.serial);
    let (client, server) = dial(&stolen.credentials).refused();
    assert_eq!(certificate_error(server), CertificateError::Revoked);
    assert_eq!(client, TlsProtocolError::AlertReceived(AlertDescription::CertificateRevoked));
    dial(&good.credentials).accepted();
    listener.revocations.replace([good.issued.serial.to_uppercase()]);
    dial(&stolen.credentials).accepted();
    dial(&good.credentials).refused();
}

/// Signs whatever a test wants with the authority's key, past the rules of `issue`.
fn smuggle(ca: &CertificateAuthority, names: Vec<SanType>) -> Credentials {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = params.signed_by(&key, &ca.issuer).unwrap();
    Credentials::new(&[leaf.der().to_vec()], &key.serialize_pem()).unwrap()
}

#[test]
fn a_client_certificate_must_name_exactly_one_agent() {
    let ca = authority();
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let listener = listener(&ca, ClientAuth::Required, NOW);
    let refuse = |names| {
        let (_, server) = handshake(&dialler(&ca, Some(smuggle(&ca, names))), &listener.config).refused();
        match certificate_error(server) {
            CertificateError::Other(reason) => reason.0.downcast_ref::<PeerError>().unwrap().clone(),
            other => panic!("{other:?}"),
        }
    };
    let good = gateway().to_string();
    handshake(&dialler(&ca, Some(smuggle(&ca, vec![uri(&good)]))), &listener.config).accepted();
    assert_eq!(refuse(vec![]), PeerError::NoIdentity);
    assert_eq!(refuse(vec![SanType::DnsName("jenin-gw".try_into().unwrap())]), PeerError::NoIdentity);
    assert_eq!(refuse(vec![uri(&good), uri("wasl://agent/jenin/relay/jenin-gw")]), PeerError::NoIdentity);
    assert!(matches!(refuse(vec![uri("wasl://agent/jenin/root/x")]), PeerError::Identity(_)));
    assert!(matches!(refuse(vec![uri("spiffe://wasl/agent")]), PeerError::Identity(_)));
}

/// A stolen agent key must stay one agent.
#[test]
fn an_agents_key_cannot_sign_for_others() {
    let ca = authority();
    let stolen_key = KeyAndRequest::generate().unwrap();
    let stolen =
        ca.issue_agent(stolen_key.request_der(), &gateway(), NOW, crate::issue::AGENT_LIFETIME).unwrap();
    let signer = KeyPair::from_pem(&stolen_key.private_key_pem()).unwrap();
    let signer = rcgen::Issuer::from_ca_cert_der(&stolen.chain_der[0].clone().into(), signer).unwrap();
    let key = KeyAndRequest::generate().unwrap();
    let public = KeyPair::from_pem(&key.private_key_pem()).unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("wasl://agent/centre/relay/evil".try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let evil = params.signed_by(&public, &signer).unwrap();
    let mut chain_der = vec![evil.der().to_vec()];
    chain_der.extend(stolen.chain_der);
    let evil = holder(Issued { chain_der, ..stolen_of(&ca) }, &key);
    let listener = listener(&ca, ClientAuth::Required, NOW);
    let (_, server) = handshake(&dialler(&ca, Some(evil.credentials)), &listener.config).refused();
    assert!(matches!(server, TlsProtocolError::InvalidCertificate(_)), "{server:?}");
}

fn stolen_of(ca: &CertificateAuthority) -> Issued {
    agent_of(ca).issued
}

#[test]
fn a_certificate_without_its_key_is_useless() {
    let ca = authority();
    let listener = listener(&ca, ClientAuth::Required, NOW);
    let seen_on_the_wire = agent_of(&ca).issued.chain_der;
    let own_key = KeyAndRequest::generate().unwrap().private_key_pem();
    assert!(Credentials::new(&seen_on_the_wire, &own_key).is_err());

    // A client that does not check for itself.
    let provider = provider();
    let key = rustls::pki_types::pem::PemObject::from_pem_slice(own_key.as_bytes()).unwrap();
    let signer = provider.key_provider.load_private_key(key).unwrap();
    let chain = seen_on_the_wire.into_iter().map(CertificateDer::from).collect();
    let mismatched = rustls::sign::CertifiedKey::new(chain, signer);
    let mut config = (*dialler(&ca, None)).clone();
    config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(mismatched));
    let (_, server) = handshake(&Arc::new(config), &listener.config).refused();
    assert_eq!(certificate_error(server), CertificateError::BadSignature);
}

#[test]
fn a_verifier_needs_a_root() {
    let build = |roots: &[Vec<u8>]| AgentVerifier::new(roots, Revocations::new(), ClientAuth::Required);
    assert!(matches!(build(&[]), Err(TlsError::Verifier(_))));
    assert!(matches!(build(&[b"junk".to_vec()]), Err(TlsError::Root(_))));
}

#[test]
fn plain_http_on_the_agents_port_is_an_error_and_not_a_panic() {
    let listener = listener(&authority(), ClientAuth::Offered, NOW);
    let mut server = rustls::ServerConnection::new(listener.config).unwrap();
    server.read_tls(&mut &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..]).unwrap();
    let error = server.process_new_packets().unwrap_err();
    assert_eq!(error, TlsProtocolError::InvalidMessage(InvalidMessage::InvalidContentType));
}

#[test]
fn an_identity_is_read_from_agents_only() {
    let ca = authority();
    assert_eq!(peer_identity(b"junk"), Err(PeerError::Malformed));
    assert_eq!(peer_identity(ca.certificate_der()), Err(PeerError::NoIdentity));
    let key = KeyAndRequest::generate().unwrap();
    let server = ca.issue_controller(key.request_der(), &[], NOW, SERVER_LIFETIME).unwrap();
    assert_eq!(peer_identity(&server.chain_der[0]), Err(PeerError::NoIdentity));
    let mut trailing = agent_of(&ca).issued.chain_der.swap_remove(0);
    trailing.push(0);
    assert_eq!(peer_identity(&trailing), Err(PeerError::Malformed));
}

proptest! {
    #[test]
    fn renewal_falls_near_two_thirds_and_stays_put(
        not_before in -1_000_000_000i64..4_000_000_000,
        life in 1i64..400_000_000,
        seed in ".{0,40}",
    ) {
        let due = renew_at(not_before, not_before + life, &seed);
        prop_assert_eq!(due, renew_at(not_before, not_before + life, &seed));
        let part = (due - not_before) as f64 / life as f64;
        let rounding = 3.0 / life as f64;
        prop_assert!(part >= 2.0 / 3.0 - 0.05 - rounding, "{part}");
        prop_assert!(part < 2.0 / 3.0 + 0.05 + rounding, "{part}");
    }

    #[test]
    fn any_times_give_a_time(not_before in any::<i64>(), not_after in any::<i64>()) {
        let due = renew_at(not_before, not_after, "seed");
        prop_assert!(due >= not_before);
        prop_assert!(not_after <= not_before || due <= not_after);
    }

    #[test]
    fn reading_a_damaged_certificate_never_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut der = agent_of(&authority()).issued.chain_der.swap_remove(0);
        for (place, byte) in damage {
            let place = place.index(der.len());
            der[place] = byte;
        }
        let _ = peer_identity(&der);
    }
}

#[test]
fn machines_that_were_enrolled_together_renew_apart() {
    let month = 30 * 86_400;
    let hours: std::collections::BTreeSet<i64> =
        (0..3000).map(|pc| renew_at(0, month, &format!("lab-pc-{pc}")) / 3600).collect();
    // A tenth of 30 days is 72 hours.
    assert!((70..=74).contains(&hours.len()), "{}", hours.len());
}
