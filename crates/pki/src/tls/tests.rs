use std::io::{Read as _, Write as _};

use rustls::client::Resumption;
use rustls::{AlertDescription, CertificateError, Connection, Error, HandshakeKind, ProtocolVersion};

use super::*;
use crate::ca::CertificateAuthority;
use crate::explain::explain;
use crate::issue::{Issued, SERVER_LIFETIME};
use crate::pin::{PinError, find_pinned};
use crate::request::KeyAndRequest;
use crate::testing::{
    ALPN, NOW, agent_of, at, authority, controller_of, dialler, handshake, holder, listener,
    listener_showing, pass,
};
use crate::verify::ClientAuth;

fn shown_leaf(client: &Connection) -> Vec<u8> {
    client.peer_certificates().unwrap()[0].to_vec()
}

fn pinned(pin: Fingerprint) -> Arc<ClientConfig> {
    Arc::new(pinned_client_config(pin, &ALPN, at(NOW)).unwrap())
}

fn pin_error(error: &Error) -> PinError {
    match error {
        Error::InvalidCertificate(CertificateError::Other(reason)) => {
            reason.0.downcast_ref::<PinError>().unwrap().clone()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_sides_speak_tls_13_and_the_best_common_protocol() {
    let ca = authority();
    let listener = listener(&ca, ClientAuth::Required, NOW);
    let (mut client, mut server) =
        handshake(&dialler(&ca, Some(agent_of(&ca).credentials)), &listener.config).accepted();
    assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(client.alpn_protocol(), Some(b"wasl/1".as_slice()));
    assert_eq!(server.alpn_protocol(), Some(b"wasl/1".as_slice()));

    client.writer().write_all(b"observation").unwrap();
    let mut error = None;
    pass(&mut client, &mut server, &mut error);
    let mut seen = [0; 11];
    server.reader().read_exact(&mut seen).unwrap();
    assert_eq!((&seen, error), (b"observation", None));
}

#[test]
fn a_client_of_another_protocol_is_refused() {
    let ca = authority();
    let listener = listener(&ca, ClientAuth::Offered, NOW);
    let roots = [ca.certificate_der().to_vec()];
    let client = Arc::new(client_config(&roots, None, &["http/1.1"], at(NOW)).unwrap());
    let (client, _) = handshake(&client, &listener.config).refused();
    assert_eq!(client, Error::AlertReceived(AlertDescription::NoApplicationProtocol));
}

#[test]
fn a_clock_that_is_behind_keeps_no_agent_out_and_an_ended_certificate_stays_ended() {
    let ca = authority();
    let listener = listener(&ca, ClientAuth::Offered, NOW);
    let clients = |now| {
        let roots = [ca.certificate_der().to_vec()];
        let known = client_config(&roots, None, &ALPN, at(now)).unwrap();
        let by_token = pinned_client_config(ca.fingerprint(), &ALPN, at(now)).unwrap();
        [known, by_token].map(Arc::new)
    };
    for now in [0, NOW - 86_400 * 400, NOW - 3600, NOW + 3600] {
        for client in clients(now) {
            handshake(&client, &listener.config).accepted();
        }
    }
    let after = NOW + i64::try_from(SERVER_LIFETIME.as_secs()).unwrap() + 1;
    for client in clients(after) {
        let (client, _) = handshake(&client, &listener.config).refused();
        assert!(
            matches!(client, Error::InvalidCertificate(CertificateError::ExpiredContext { .. })),
            "{client:?}"
        );
    }
    // And the clock excuses nothing else.
    let impostor = listener_showing(agent_of(&ca).credentials, &ca, ClientAuth::Offered, NOW);
    for client in clients(0) {
        handshake(&client, &impostor.config).refused();
    }
}

#[test]
fn an_agent_refuses_a_controller_of_another_authority() {
    let ca = authority();
    let impostor = listener(&authority(), ClientAuth::Offered, NOW);
    let (client, _) = handshake(&dialler(&ca, None), &impostor.config).refused();
    assert_eq!(client, CertificateError::BadSignature.into());
}

#[test]
fn an_agent_cannot_pose_as_the_controller() {
    let ca = authority();
    let impostor = listener_showing(agent_of(&ca).credentials, &ca, ClientAuth::Offered, NOW);
    for client in [dialler(&ca, None), pinned(ca.fingerprint())] {
        let (client, _) = handshake(&client, &impostor.config).refused();
        assert!(
            matches!(client, Error::InvalidCertificate(CertificateError::InvalidPurposeContext { .. })),
            "{client:?}"
        );
    }
}

#[test]
fn another_server_of_the_institution_cannot_pose_as_the_controller() {
    let ca = authority();
    let key = KeyAndRequest::generate().unwrap();
    let names = ["relay.jenin.example".to_owned()];
    let relay = holder(ca.issue_server(key.request_der(), &names, NOW, SERVER_LIFETIME).unwrap(), &key);
    let impostor = listener_showing(relay.credentials, &ca, ClientAuth::Offered, NOW);
    for client in [dialler(&ca, None), pinned(ca.fingerprint())] {
        let (client, _) = handshake(&client, &impostor.config).refused();
        assert!(
            matches!(client, Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })),
            "{client:?}"
        );
    }
}

#[test]
fn an_expired_controller_is_refused_by_new_and_old_agents() {
    let ca = authority();
    let controller = controller_of(&ca);
    let listener = listener_showing(controller.credentials, &ca, ClientAuth::Offered, NOW);
    let late = at(controller.issued.not_after + 1);
    let roots = [ca.certificate_der().to_vec()];
    for config in [
        client_config(&roots, None, &ALPN, Arc::clone(&late)).unwrap(),
        pinned_client_config(ca.fingerprint(), &ALPN, late).unwrap(),
    ] {
        let (client, _) = handshake(&Arc::new(config), &listener.config).refused();
        assert!(
            matches!(client, Error::InvalidCertificate(CertificateError::ExpiredContext { .. })),
            "{client:?}"
        );
        assert!(explain(&client).contains("clocks"));
    }
}

#[test]
fn a_new_agent_trusts_the_pinned_controller_and_keeps_its_root() {
    let ca = authority();
    let listener = listener(&ca, ClientAuth::Offered, NOW);
    let (client, _) = handshake(&pinned(ca.fingerprint()), &listener.config).accepted();
    let shown = client.peer_certificates().unwrap();
    assert_eq!(find_pinned(&shown[1..], &ca.fingerprint()), Ok(ca.certificate_der()));
}

#[test]
fn a_wrong_pin_is_refused_and_explained() {
    let (ca, other) = (authority(), authority());
    let listener = listener(&ca, ClientAuth::Offered, NOW);
    let (client, server) = handshake(&pinned(other.fingerprint()), &listener.config).refused();
    assert_eq!(pin_error(&client), PinError::NotShown { expected: other.fingerprint(), shown: 1 });
    assert_eq!(server, Error::AlertReceived(AlertDescription::CertificateUnknown));
    let words = explain(&client);
    assert!(
        words.contains(&other.fingerprint().to_string()) && words.contains("wasl token create"),
        "{words}"
    );
}

/// The CA's certificate is public, so anyone in the middle can show it beside a certificate of their own.
#[test]
fn showing_the_pinned_authority_is_not_enough() {
    let ca = authority();
    let evil = CertificateAuthority::create("Test institution", NOW).unwrap();
    let key = KeyAndRequest::generate().unwrap();
    let mut issued = evil.issue_controller(key.request_der(), &[], NOW, SERVER_LIFETIME).unwrap();
    issued.chain_der.push(ca.certificate_der().to_vec());
    let listener = listener_showing(holder(issued, &key).credentials, &ca, ClientAuth::Offered, NOW);
    let (client, _) = handshake(&pinned(ca.fingerprint()), &listener.config).refused();
    assert_eq!(client, CertificateError::BadSignature.into());
}

#[test]
fn a_controller_that_does_not_show_its_authority_is_refused() {
    let ca = authority();
    let key = KeyAndRequest::generate().unwrap();
    let issued = ca.issue_controller(key.request_der(), &[], NOW, SERVER_LIFETIME).unwrap();
    let bare = Issued { chain_der: vec![issued.chain_der[0].clone()], ..issued };
    let listener = listener_showing(holder(bare, &key).credentials, &ca, ClientAuth::Offered, NOW);
    let (client, _) = handshake(&pinned(ca.fingerprint()), &listener.config).refused();
    assert_eq!(pin_error(&client), PinError::NotShown { expected: ca.fingerprint(), shown: 0 });
}

#[test]
fn a_pin_on_something_that_is_no_authority_is_refused() {
    let ca = authority();
    let leaf = agent_of(&ca).issued.chain_der.swap_remove(0);
    let pin = Fingerprint::of(&leaf);
    assert_eq!(find_pinned(&[leaf], &pin), Err(PinError::NotAnAuthority(pin)));
}

#[test]
fn a_swapped_server_certificate_is_shown_from_the_next_handshake_on() {
    let ca = authority();
    let (old, new) = (controller_of(&ca), controller_of(&ca));
    let listener = listener_showing(old.credentials, &ca, ClientAuth::Offered, NOW);
    let agent = dialler(&ca, None);
    let (mut open, mut server) = handshake(&agent, &listener.config).accepted();
    assert_eq!(shown_leaf(&open), old.issued.chain_der[0]);

    listener.certificate.replace(new.credentials);
    let (next, _) = handshake(&agent, &listener.config).accepted();
    assert_eq!(shown_leaf(&next), new.issued.chain_der[0]);

    open.writer().write_all(b"still here").unwrap();
    let mut error = None;
    pass(&mut open, &mut server, &mut error);
    assert_eq!(error, None, "the open connection is not disturbed");
}

#[test]
fn a_renewed_agent_shows_its_new_certificate_without_new_settings() {
    let ca = authority();
    let (old, new) = (agent_of(&ca), agent_of(&ca));
    let listener = listener(&ca, ClientAuth::Required, NOW);
    let certificate = SwappableCertificate::new(old.credentials);
    let roots = [ca.certificate_der().to_vec()];
    let config = Arc::new(client_config(&roots, Some(&certificate), &ALPN, at(NOW)).unwrap());
    let (_, server) = handshake(&config, &listener.config).accepted();
    assert_eq!(server.peer_certificates().unwrap()[0].as_ref(), old.issued.chain_der[0]);
    certificate.replace(new.credentials);
    let (_, server) = handshake(&config, &listener.config).accepted();
    assert_eq!(server.peer_certificates().unwrap()[0].as_ref(), new.issued.chain_der[0]);
}

/// A resumed session would skip the certificate check and so outlive a revocation.
#[test]
fn revocation_cannot_be_dodged_by_resuming_a_session() {
    let ca = authority();
    let agent = agent_of(&ca);
    let listener = listener(&ca, ClientAuth::Required, NOW);
    let mut config = (*dialler(&ca, Some(agent.credentials))).clone();
    config.resumption = Resumption::in_memory_sessions(8);
    let config = Arc::new(config);
    for _ in 0..2 {
        let (client, _) = handshake(&config, &listener.config).accepted();
        assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
    }
    listener.revocations.revoke(&agent.issued.serial);
    handshake(&config, &listener.config).refused();
}

#[test]
fn credentials_must_belong_together_and_stay_hidden() {
    let ca = authority();
    let key = KeyAndRequest::generate().unwrap();
    let issued = ca.issue_controller(key.request_der(), &[], NOW, SERVER_LIFETIME).unwrap();
    let other = KeyAndRequest::generate().unwrap().private_key_pem();
    assert!(matches!(Credentials::new(&[], &other), Err(TlsError::EmptyChain)));
    assert!(matches!(Credentials::new(&issued.chain_der, ""), Err(TlsError::Key(_))));
    assert!(matches!(Credentials::new(&issued.chain_der, &other), Err(TlsError::Pair(_))));
    let good = Credentials::new(&issued.chain_der, &key.private_key_pem()).unwrap();
    let leaf = Fingerprint::of(&issued.chain_der[0]);
    assert_eq!(format!("{good:?}"), format!("Credentials {{ leaf: Some({leaf}), .. }}"));
    assert_eq!(format!("{key:?}"), "KeyAndRequest { .. }");
}
