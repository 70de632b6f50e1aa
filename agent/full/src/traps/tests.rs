use std::os::unix::fs::PermissionsExt;

use snmp::DecodeConfig;
use snmp::message::V3Message;
use snmp::v3::UsmSecurityParams;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use wasl_model::assignment::{AuthProtocol, PrivacyProtocol, SnmpAccess};
use wasl_model::units::Count;
use wasl_model::{EntityKind, Event, EventCode, LinkVerdict, Observation, Value};

use super::recorded::{V1_COLD_START, V1_ENTERPRISE, V2C_INFORM_LINK_UP, V2C_LINK_DOWN, V3_LINK_DOWN, bytes};
use super::*;
use crate::probing::hinted::{assign, left, link};
use crate::probing::{self, Options};

const PATIENCE: Duration = Duration::from_secs(30);

fn device(id: &str, host: &str, access: SnmpAccess) -> DeviceAssignment {
    DeviceAssignment {
        id: id.into(),
        host: host.into(),
        port: 161,
        every_ms: 600_000,
        access,
        profiles: Vec::new(),
        trap_sources: Vec::new(),
    }
}

fn write_secret(dir: &std::path::Path, name: &str, text: &str) {
    let file = dir.join(name);
    std::fs::write(&file, text).expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("ours");
}

/// What a sender of informs asks first (RFC 3414, 4), and what it is told: the engine's boots and its time.
async fn discover(socket: &UdpSocket, id: i32) -> (u32, u32) {
    let capacity = snmp::MessageSize::new(1_400).expect("a proper size");
    let ask = V3Message::discovery_request(id, capacity).expect("a message").encode().expect("encoded");
    let mut answer = [0; 500];
    loop {
        socket.send(&ask).await.expect("sent");
        let heard = tokio::time::timeout(Duration::from_millis(200), socket.recv(&mut answer)).await;
        let Ok(Ok(length)) = heard else { continue };
        let report = V3Message::decode(answer[..length].to_vec().into(), DecodeConfig::default());
        let engine = report.expect("a report").value.security_params().clone();
        let engine = UsmSecurityParams::decode(engine, DecodeConfig::default()).expect("of an engine").value;
        return (engine.engine_boots(), engine.engine_time());
    }
}

/// A receiver with one device that speaks v2c from 127.0.0.1 and 127.0.0.4, and one that speaks v3 from 127.0.0.2.
struct Rig {
    listen: std::net::SocketAddr,
    out: mpsc::Receiver<Observation>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    hints: Hints,
    _assignment: watch::Sender<Arc<Assignment>>,
    secrets: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        Self::looking_every(senders::REFRESH)
    }

    fn looking_every(refresh: Duration) -> Self {
        let free = std::net::UdpSocket::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port();
        let listen = std::net::SocketAddr::from(([0, 0, 0, 0], free));
        let dir = tempfile::tempdir().expect("a folder");
        for (name, text) in
            [("community", "story-community"), ("auth", "story-authentication"), ("priv", "story-privacy")]
        {
            write_secret(dir.path(), name, text);
        }
        let v3 = SnmpAccess::V3 {
            user: "wasl".into(),
            auth: Some((AuthProtocol::Sha256, "auth".into())),
            privacy: Some((PrivacyProtocol::Aes128, "priv".into())),
        };
        let assignment = Assignment {
            devices: vec![
                DeviceAssignment {
                    trap_sources: vec![[127, 0, 0, 4].into()],
                    ..device("plain", "127.0.0.1", SnmpAccess::V2c { community: "community".into() })
                },
                device("secured", "127.0.0.2", v3),
            ],
            traps: Some(TrapReceiver { listen }),
            ..Assignment::default()
        };
        let (send, receive) = watch::channel(Arc::new(assignment));
        let (reporter, out) = Reporter::new();
        let parts = Parts {
            reporter,
            secrets: Secrets::new(dir.path()),
            bells: Bells::default(),
            addresses: Addresses::default(),
            hints: Hints::default(),
            about: Subject::lenient(EntityKind::Agent, "gw"),
        };
        let (stop, hints) = (CancellationToken::new(), parts.hints.clone());
        let task = tokio::spawn(run_every(refresh, parts, receive, stop.clone()));
        Self { listen, out, stop, task, hints, _assignment: send, secrets: dir }
    }

    async fn sender(&self, from: &str) -> UdpSocket {
        let socket = UdpSocket::bind((from, 0)).await.expect("a socket");
        socket.connect(("127.0.0.1", self.listen.port())).await.expect("connected");
        socket
    }

    async fn next(&mut self) -> (String, Event) {
        let observation =
            tokio::time::timeout(PATIENCE, self.out.recv()).await.expect("in time").expect("one");
        match observation.value {
            Value::Event(event) => (observation.subject.to_string(), event),
            other => panic!("{other:?}"),
        }
    }

    /// Waits for an event of this kind.
    async fn heard(&mut self, code: EventCode) {
        while self.next().await.1.code != code {}
    }

    /// Sends until it is heard: until the receiver knows who may send, everybody is a stranger to it.
    async fn first(&mut self, socket: &UdpSocket, hex: &str) -> (String, Event) {
        loop {
            let _ = socket.send(&bytes(hex)).await;
            if let Ok(next) = tokio::time::timeout(Duration::from_millis(200), self.next()).await
                && next.1.code != EventCode::TrapsDropped
            {
                return next;
            }
        }
    }
}

#[tokio::test]
async fn a_trap_of_an_assigned_device_becomes_an_event_and_an_inform_is_answered() {
    let mut rig = Rig::new();
    let socket = rig.sender("127.0.0.1").await;
    let (subject, event) = rig.first(&socket, V2C_LINK_DOWN).await;
    assert_eq!((subject.as_str(), event.code), ("interface/plain/Gi0/3", EventCode::LinkDownTrap));

    socket.send(&bytes(V2C_INFORM_LINK_UP)).await.expect("sent");
    let (subject, event) = rig.next().await;
    assert_eq!(
        (subject.as_str(), event.code),
        ("device/plain", EventCode::LinkUpTrap),
        "it names no interface"
    );
    let mut answer = [0; 500];
    let length = tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await;
    let length = length.expect("in time").expect("an answer");
    assert_eq!(length, bytes(V2C_INFORM_LINK_UP).len());
}

#[tokio::test]
async fn a_secured_trap_is_proved_and_one_with_a_wrong_digest_is_counted() {
    let mut rig = Rig::new();
    let socket = rig.sender("127.0.0.2").await;
    let (subject, event) = rig.first(&socket, V3_LINK_DOWN).await;
    assert_eq!((subject.as_str(), event.code), ("device/secured", EventCode::LinkDownTrap));
    let mut forged = bytes(V3_LINK_DOWN);
    *forged.last_mut().expect("not empty") ^= 1;
    socket.send(&forged).await.expect("sent");
    let refused = loop {
        let (_, event) = rig.next().await;
        if event.args.get("refused").is_some_and(|n| n != "0") {
            break event;
        }
    };
    assert_eq!((refused.code, refused.args["refused"].as_str()), (EventCode::TrapsDropped, "1"));
}

/// Catches: a clock that begins anew while the agent runs. A router that heard a later time of the same boots refuses it
/// for good, and none of its informs come through (RFC 3414, 3.2, 7b).
#[tokio::test]
async fn the_clock_that_informs_are_sent_by_runs_on_whatever_else_changes() {
    let mut rig = Rig::looking_every(Duration::from_millis(50));
    let socket = rig.sender("127.0.0.2").await;
    let (boots, mut time) = discover(&socket, 1).await;
    // Twenty times who may send is looked up again, and nothing has changed.
    while time < 1 {
        let (same, later) = discover(&socket, 2).await;
        assert_eq!(same, boots);
        time = later;
    }
    // Another password takes another receiver.
    rig.first(&socket, V3_LINK_DOWN).await;
    write_secret(rig.secrets.path(), "priv", "another-privacy");
    loop {
        socket.send(&bytes(V3_LINK_DOWN)).await.expect("sent");
        if rig.next().await.1.args.get("refused").is_some_and(|count| count != "0") {
            break;
        }
    }
    let (same, later) = discover(&socket, 3).await;
    assert_eq!(same, boots);
    assert!(later >= time, "from {time} s back to {later} s");
}

/// Catches: messages of a device of whom it is never said what became of them.
#[tokio::test]
async fn a_sender_that_asks_and_never_comes_through_is_told() {
    let mut rig = Rig::new();
    let socket = rig.sender("127.0.0.2").await;
    for id in 0..10 {
        discover(&socket, id).await;
    }
    let (subject, event) = loop {
        let next = rig.next().await;
        if next.0 == "device/secured" {
            break next;
        }
    };
    assert_eq!((subject.as_str(), event.code), ("device/secured", EventCode::TrapsDropped));
    assert_eq!(event.args["dropped"], "0");
    assert!(event.args["asked_back"].parse::<u64>().expect("a number") >= 10);
    assert!(event.detail.contains("none came through"), "{}", event.detail);
}

/// Catches: a router whose traps leave by another of its interfaces than the one that it is asked at.
#[tokio::test]
async fn a_trap_from_another_address_of_a_device_is_heard_and_one_from_elsewhere_is_told_with_its_address() {
    let mut rig = Rig::new();
    let egress = rig.sender("127.0.0.4").await;
    let (subject, event) = rig.first(&egress, V2C_LINK_DOWN).await;
    assert_eq!((subject.as_str(), event.code), ("interface/plain/Gi0/3", EventCode::LinkDownTrap));
    let (twice, once) = (rig.sender("127.0.0.5").await, rig.sender("127.0.0.6").await);
    for socket in [&twice, &once, &twice] {
        socket.send(&bytes(V2C_LINK_DOWN)).await.expect("sent");
    }
    let mut told = Vec::new();
    while told.len() < 2 {
        let (_, event) = rig.next().await;
        let Some(addresses) = event.args.get("addresses") else { continue };
        let strangers = addresses.split(", ").filter(|one| !one.starts_with("127.0.0.4 "));
        told.extend(strangers.map(str::to_owned));
        assert!(event.detail.contains("trap_sources"), "{}", event.detail);
    }
    assert_eq!(told, ["127.0.0.5 (2)", "127.0.0.6 (1)"]);
}

#[tokio::test]
async fn strangers_are_counted_and_never_answered() {
    let mut rig = Rig::new();
    let known = rig.sender("127.0.0.1").await;
    rig.first(&known, V2C_LINK_DOWN).await;
    let stranger = rig.sender("127.0.0.3").await;
    for _ in 0..10 {
        stranger.send(&bytes(V2C_INFORM_LINK_UP)).await.expect("sent");
    }
    // What has no secret of the device, or is nothing at all, is no better from its address.
    known.send(&bytes(V3_LINK_DOWN)).await.expect("sent");
    known.send(b"hello").await.expect("sent");
    // What comes after them is answered, so all of them have been looked at.
    known.send(&bytes(V2C_INFORM_LINK_UP)).await.expect("sent");
    tokio::time::timeout(PATIENCE, known.recv(&mut [0; 500])).await.expect("in time").expect("an answer");
    rig.stop.cancel();
    let (mut foreign, mut refused, mut malformed) = (0, 0, 0);
    while let Some(observation) = rig.out.recv().await {
        if let Value::Event(event) = observation.value {
            let count = |name: &str| event.args.get(name).map_or(0, |n| n.parse::<u64>().expect("a number"));
            (foreign, refused, malformed) =
                (foreign + count("foreign"), refused + count("refused"), malformed + count("malformed"));
        }
    }
    rig.task.await.expect("ended");
    assert_eq!((foreign, refused, malformed), (10, 1, 1));
    assert!(stranger.try_recv(&mut [0; 500]).is_err(), "a stranger was answered");
}

/// Catches: a port that moves and whose link is not looked at, and links that are probed for a port that is not theirs.
#[tokio::test]
async fn a_link_trap_has_exactly_the_links_probed_that_it_may_be_about() {
    let mut rig = Rig::new();
    assign(
        &rig.hints,
        &[link("first", &["plain/Gi0/3"]), link("second", &["plain/Gi0/4"]), link("third", &["secured/wan"])],
    );
    let socket = rig.sender("127.0.0.1").await;
    rig.first(&socket, V2C_LINK_DOWN).await;
    assert_eq!(left(&rig.hints), ["first"]);
    socket.send(&bytes(V2C_LINK_DOWN)).await.expect("sent");
    socket.send(&bytes(V2C_INFORM_LINK_UP)).await.expect("sent");
    rig.heard(EventCode::LinkUpTrap).await;
    assert_eq!(left(&rig.hints), ["first", "second"], "nobody knows which interface the second is about");
    let secured = rig.sender("127.0.0.2").await;
    rig.first(&secured, V3_LINK_DOWN).await;
    assert_eq!(left(&rig.hints), ["third"]);

    // Another start is none of a link's business, and neither is who proves nothing.
    socket.send(&bytes(V1_COLD_START)).await.expect("sent");
    rig.heard(EventCode::ColdStart).await;
    let stranger = rig.sender("127.0.0.3").await;
    stranger.send(&bytes(V2C_LINK_DOWN)).await.expect("sent");
    secured.send(&bytes(V2C_LINK_DOWN)).await.expect("sent");
    loop {
        let (_, event) = rig.next().await;
        if event.args.get("refused").is_some_and(|n| n != "0") {
            break;
        }
    }
    assert_eq!(left(&rig.hints), Vec::<String>::new());
}

/// Catches: a link whose trap was lost in a flood and that nobody looks at.
#[tokio::test]
async fn a_flood_has_the_links_of_its_device_probed_and_no_others() {
    let mut rig = Rig::new();
    assign(&rig.hints, &[link("first", &["plain/Gi0/4"]), link("second", &["secured/wan"])]);
    let socket = rig.sender("127.0.0.1").await;
    rig.first(&socket, V2C_LINK_DOWN).await;
    // The numbers of the interfaces differ, their names are of none: only what was not looked at may be about the link.
    left(&rig.hints);
    let flood = bytes(V1_ENTERPRISE);
    let told = loop {
        for _ in 0..500 {
            let _ = socket.send(&flood).await;
        }
        if let Ok((subject, event)) = tokio::time::timeout(Duration::from_millis(100), rig.next()).await
            && event.args.get("limited").is_some_and(|n| n != "0")
        {
            break subject;
        }
    };
    assert_eq!(told, "device/plain");
    assert_eq!(left(&rig.hints), ["first"]);
}

/// Catches: a hint that gets lost between the port and the probes, or is believed: the link answers all the while.
#[tokio::test]
async fn a_trap_of_net_snmp_has_a_link_probed_faster_than_its_pace_and_leaves_it_up() {
    let name = "a_trap_of_net_snmp_has_a_link_probed_faster_than_its_pace_and_leaves_it_up";
    if std::process::Command::new("snmptrap").arg("-V").output().is_err() {
        return crate::skips::skip(name, "snmptrap (the package snmp) is missing");
    }
    let rig = Rig::new();
    let (reporter, mut out) = Reporter::new();
    let links = vec![link("line", &["plain/Gi0/3"])];
    let assignment = Assignment { window_ms: 500, links, ..Assignment::baseline() };
    let (_assignment, orders) = watch::channel(Arc::new(assignment));
    let options = Options { hints: rig.hints.clone(), ..Options::default() };
    let about = Subject::lenient(EntityKind::Agent, "gw");
    tokio::spawn(probing::run_with(options, reporter, orders, about, rig.stop.clone()));
    let port = rig.listen.port();
    let trap = || {
        let mut command = tokio::process::Command::new("snmptrap");
        command.args(["-m", "", "-v2c", "-c", "story-community", &format!("127.0.0.1:{port}"), ""]);
        command.args(["1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.3", "i", "3"]);
        command.args(["1.3.6.1.2.1.31.1.1.1.1.3", "s", "Gi0/3"]);
        async move { assert!(command.status().await.expect("it runs").success()) }
    };
    let mut windows = Vec::new();
    let seen = tokio::time::timeout(PATIENCE, async {
        loop {
            let observation = out.recv().await.expect("the prober runs");
            let Value::Probe(window) = observation.value else { continue };
            assert_eq!(observation.subject.to_string(), "link/line");
            assert!(matches!(window.verdict, None | Some(LinkVerdict::Up)), "{window:?}");
            let (sent, is_up) = (window.sent.map_or(0, |sent| sent.0), window.verdict.is_some());
            windows.push(window);
            // Two probes a second apart lie in a window at most, and three in one that is late.
            if sent >= 5 {
                return;
            }
            if is_up {
                trap().await;
            }
        }
    });
    assert!(seen.await.is_ok(), "it is probed at its pace: {windows:#?}");
    assert!(windows.iter().all(|window| window.received >= window.sent || window.sent < Some(Count(1))));
    rig.stop.cancel();
}
