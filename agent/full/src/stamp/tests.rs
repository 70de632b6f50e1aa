use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use tokio::sync::mpsc;
use tokio::time;
use wasl_model::assignment::ReflectedSession;
use wasl_model::units::Count;
use wasl_model::{EntityKind, Notice, NoticeCode, Observation, StampWindow, Value};

use super::*;

pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// An agent that measures towards itself.
pub(super) struct Agent {
    pub(super) assignment: watch::Sender<Arc<Assignment>>,
    out: mpsc::Receiver<Observation>,
    shutdown: CancellationToken,
    secrets: tempfile::TempDir,
}

impl Agent {
    pub(super) fn start(assignment: Assignment) -> Self {
        let secrets = tempfile::tempdir().expect("a folder");
        let (send, receive) = watch::channel(Arc::new(assignment));
        let (reporter, out) = Reporter::new();
        let shutdown = CancellationToken::new();
        let parts = Parts {
            reporter,
            secrets: Secrets::new(secrets.path()),
            assignment: receive,
            agent: Subject::lenient(EntityKind::Agent, "gw"),
            shutdown: shutdown.clone(),
        };
        tokio::spawn(measure(parts.clone()));
        tokio::spawn(reflect(parts));
        Self { assignment: send, out, shutdown, secrets }
    }

    pub(super) fn write_secret(&self, name: &str, text: &str) {
        let path = self.secrets.path().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("set");
    }

    async fn next(&mut self) -> Observation {
        time::timeout(PATIENCE, self.out.recv()).await.expect("in time").expect("the agent lives")
    }

    /// The next window about a subject with what is asked for.
    pub(super) async fn window_of(
        &mut self,
        subject: &str,
        enough: impl Fn(&StampWindow) -> bool,
    ) -> StampWindow {
        let found = async {
            loop {
                let seen = self.next().await;
                if let Value::Stamp(window) = seen.value
                    && seen.subject.to_string() == subject
                    && enough(&window)
                {
                    return *window;
                }
            }
        };
        time::timeout(PATIENCE, found).await.expect("such a window in time")
    }

    pub(super) async fn window(&mut self, enough: impl Fn(&StampWindow) -> bool) -> StampWindow {
        self.window_of("path/uplink", enough).await
    }

    async fn notice(&mut self) -> (String, Notice) {
        loop {
            let seen = self.next().await;
            if let Value::Notice(notice) = seen.value {
                return (seen.subject.to_string(), notice);
            }
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.local_addr().expect("bound").port()
}

pub(super) fn session(port: u16, key: Option<&str>) -> StampSession {
    StampSession {
        id: "uplink".into(),
        to: "127.0.0.1".into(),
        port,
        every_ms: 20,
        timeout_ms: 1_000,
        key: key.map(Into::into),
        via: None,
        ssid: 7,
    }
}

pub(super) fn reflector(port: u16, peer: &str, key: Option<&str>) -> StampReflector {
    let listen = IpAddr::from(Ipv4Addr::LOCALHOST);
    let sessions = vec![ReflectedSession { ssid: 7, link: "uplink".into(), from: "gw".into() }];
    StampReflector { listen, port, peers: vec![peer.into()], key: key.map(Into::into), sessions }
}

pub(super) fn assignment(session: StampSession, reflector: Option<StampReflector>) -> Assignment {
    Assignment { window_ms: 300, stamp: vec![session], reflect: reflector, ..Assignment::default() }
}

pub(super) fn answered(window: &StampWindow) -> bool {
    window.received >= Some(Count(10))
}

#[tokio::test]
async fn an_open_session_measures_the_round_trip_and_says_that_the_clocks_error_is_unknown() {
    let port = free_port();
    let mut agent = Agent::start(assignment(session(port, None), Some(reflector(port, "127.0.0.1", None))));
    let window = agent.window(answered).await;
    assert_eq!((window.lost_forward, window.lost_back), (Some(Count(0)), Some(Count(0))));
    assert!(window.rtt_min.is_some_and(|rtt| rtt.0 < 1_000_000), "{:?}", window.rtt_min);
    assert_eq!(window.voided, Some(Count(0)));
}

#[tokio::test]
async fn the_reflecting_end_reports_what_arrives_and_the_other_how_long_nothing_came_back() {
    let port = free_port();
    let mut agent = Agent::start(assignment(session(port, None), Some(reflector(port, "127.0.0.1", None))));
    let arrived = agent.window_of("path/uplink/gw", |window| window.reflected >= Some(Count(10))).await;
    assert_eq!((arrived.sent, arrived.received), (None, None), "it knows nothing of answers");
    assert!(arrived.window.is_some_and(|length| length.0 >= 300), "{:?}", arrived.window);
    let window = agent.window(answered).await;
    assert!(window.silent.is_some_and(|silent| silent.0 < 1_000), "{:?}", window.silent);
    let mut deaf = (*agent.assignment.borrow().clone()).clone();
    deaf.reflect = None;
    agent.assignment.send(Arc::new(deaf)).expect("followed");
    let window =
        agent.window(|window| window.received == Some(Count(0)) && window.sent > Some(Count(0))).await;
    assert!(window.silent.is_some_and(|silent| silent.0 >= 300), "{:?}", window.silent);
}

#[tokio::test]
async fn a_session_with_a_key_waits_for_its_secret_and_then_measures() {
    let port = free_port();
    let wanted = assignment(session(port, Some("line")), Some(reflector(port, "127.0.0.0/8", Some("line"))));
    let mut agent = Agent::start(Assignment::default());
    agent.write_secret("line", "hex:00112233445566778899aabbccddeeff");
    agent.assignment.send(Arc::new(wanted)).expect("followed");
    agent.window(answered).await;
}

#[tokio::test]
async fn a_missing_secret_is_said_of_the_path_and_of_the_reflectors_agent() {
    let port = free_port();
    let wanted = assignment(session(port, Some("line")), Some(reflector(port, "127.0.0.1", Some("line"))));
    let mut agent = Agent::start(wanted);
    let mut said = [agent.notice().await, agent.notice().await];
    said.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        said.iter().map(|(subject, _)| subject.as_str()).collect::<Vec<_>>(),
        ["agent/gw", "path/uplink"]
    );
    assert!(said.iter().all(|(_, notice)| notice.code == NoticeCode::SecretMissing && !notice.cleared));
}

#[tokio::test]
async fn peers_that_make_no_sense_are_said() {
    let port = free_port();
    let mut agent = Agent::start(assignment(session(port, None), Some(reflector(port, "10.0.0.0/99", None))));
    let (subject, notice) = agent.notice().await;
    assert_eq!((subject.as_str(), notice.code), ("agent/gw", NoticeCode::NotSupported));
    assert!(notice.detail.contains("10.0.0.0/99"), "{}", notice.detail);
}
