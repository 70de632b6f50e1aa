//! The shell with real packets: on loopback, and in network namespaces of the test's own.

pub(super) mod namespace;

use std::net::TcpListener;

use wasl_model::{Notice, Observation, ProbeMethod, Timestamp, Value};
use wasl_probe::icmp::Family;

use super::hinted::link;
use super::socket::EchoSocket;
use wasl_model::EntityKind;
use wasl_model::assignment::TargetAssignment;

use super::*;

/// Longer than anything here takes on a machine that is busy with other things.
const DEADLINE: Duration = Duration::from_secs(20);

/// A prober at work, and what it reports.
struct Rig {
    assignment: watch::Sender<Arc<Assignment>>,
    out: mpsc::Receiver<Observation>,
    shutdown: CancellationToken,
    run: tokio::task::JoinHandle<()>,
}

impl Rig {
    fn start(options: Options, window_ms: u64, targets: &[TargetAssignment]) -> Self {
        let (reporter, out) = Reporter::new();
        let (assignment, orders) = watch::channel(assigned(window_ms, targets));
        let shutdown = CancellationToken::new();
        let agent = Subject::new(EntityKind::Agent, "gw").expect("valid");
        let run = tokio::spawn(run_with(options, reporter, orders, agent, shutdown.clone()));
        Self { assignment, out, shutdown, run }
    }

    fn assign(&self, window_ms: u64, targets: &[TargetAssignment]) {
        self.assignment.send_replace(assigned(window_ms, targets));
    }

    async fn next(&mut self) -> Observation {
        let next = time::timeout(DEADLINE, self.out.recv()).await;
        next.expect("something is reported in time").expect("the prober is running")
    }

    /// The next window of a target that satisfies a condition.
    async fn window(&mut self, id: &str, wanted: impl Fn(&ProbeWindow) -> bool) -> ProbeWindow {
        self.first(&format!("such window of {id}"), |observation| match observation.value {
            Value::Probe(window) if observation.subject.id == id && wanted(&window) => Some(*window),
            _ => None,
        })
        .await
    }

    /// The next notice of a kind, and whom it is about.
    async fn notice(&mut self, code: NoticeCode) -> (Subject, Notice) {
        self.first(code.as_str(), |observation| match observation.value {
            Value::Notice(notice) if notice.code == code => Some((observation.subject, notice)),
            _ => None,
        })
        .await
    }

    /// The first of what is reported that `choose` takes, before the deadline for all of it.
    async fn first<T>(&mut self, what: &str, choose: impl Fn(Observation) -> Option<T>) -> T {
        let by = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < by, "no {what} in time");
            if let Some(chosen) = choose(self.next().await) {
                return chosen;
            }
        }
    }

    /// Shuts the prober down; what it still reported.
    async fn end(mut self) -> Vec<Observation> {
        self.shutdown.cancel();
        let mut rest = Vec::new();
        while let Some(observation) = time::timeout(DEADLINE, self.out.recv()).await.expect("it ends in time")
        {
            rest.push(observation);
        }
        self.run.await.expect("it did not panic");
        rest
    }
}

fn assigned(window_ms: u64, targets: &[TargetAssignment]) -> Arc<Assignment> {
    Arc::new(Assignment { window_ms, targets: targets.to_vec(), ..Assignment::baseline() })
}

fn target(id: &str, host: &str) -> TargetAssignment {
    TargetAssignment {
        id: id.to_owned(),
        address: Address::Host(host.to_owned()),
        every_ms: 20,
        timeout_ms: 300,
        tcp_port: 9,
    }
}

fn tcp() -> Options {
    Options { transport: Transport::Tcp, ..Options::default() }
}

/// Whether this process may open an ICMP socket; tells if not.
pub(super) fn icmp_is_permitted() -> bool {
    let permitted = EchoSocket::open(Family::V4, None).is_ok();
    if !permitted {
        crate::skips::skip("probing by ICMP", "ICMP sockets need ping_group_range or CAP_NET_RAW");
    }
    permitted
}

/// A port of 127.0.0.1 on which nobody listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

fn assert_answered(window: &ProbeWindow) {
    assert!(window.sent > Some(Count(0)), "{window:?}");
    assert_eq!(window.received, window.sent, "{window:?}");
    assert!(window.rtt_min > Some(wasl_model::units::Micros(0)), "{window:?}");
    assert!(window.rtt_min <= window.rtt_max, "{window:?}");
    assert_eq!(window.voided, Some(Count(0)), "{window:?}");
    assert_eq!(window.duplicates, Some(Count(0)), "{window:?}");
    assert_eq!(Some(Count(window.rtt.count())), window.received, "{window:?}");
}

#[tokio::test]
async fn what_is_usual_is_read_at_the_start_and_written_at_the_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("usual.json");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("bound");
    let began = Timestamp::from(SystemTime::now());
    let kept = serde_json::json!({ "version": 1, "targets": [{
        "id": "target/near", "to": to, "at": began.0 - 60_000,
        "usual": { "rtt": 123, "jitter": 7, "parts": 700 },
    }]});
    std::fs::write(&file, kept.to_string()).expect("written");
    let near = TargetAssignment { tcp_port: to.port(), ..target("near", "127.0.0.1") };
    let mut rig = Rig::start(Options { usual: Some(file.clone()), ..tcp() }, 100, &[near]);
    rig.window("near", |window| window.received > Some(Count(0))).await;
    rig.end().await;
    let kept: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).expect("it is there")).expect("it is JSON");
    let targets = kept["targets"].as_array().expect("a list");
    assert_eq!(targets.len(), 1, "{kept}");
    assert_eq!((&targets[0]["id"], &targets[0]["to"]), (&"target/near".into(), &to.to_string().into()));
    assert!(targets[0]["at"].as_i64() >= Some(began.0), "the lane knew it and handed it back: {kept}");
    assert!(targets[0]["usual"]["parts"].as_i64() >= Some(700), "it was not learnt anew: {kept}");
}

#[tokio::test]
async fn loopback_answers_icmp_in_both_families() {
    if !icmp_is_permitted() {
        return;
    }
    let mut rig = Rig::start(Options::default(), 300, &[target("v4", "127.0.0.1"), target("v6", "::1")]);
    for id in ["v4", "v6"] {
        let window = rig.window(id, |window| window.sent >= Some(Count(5))).await;
        assert_answered(&window);
        assert!(window.jitter.is_some());
        assert!(
            matches!(window.method, Some(ProbeMethod::IcmpRaw | ProbeMethod::IcmpDatagram)),
            "{window:?}"
        );
    }
    rig.end().await;
}

#[tokio::test]
async fn a_connection_is_an_answer_whether_accepted_or_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut open = target("open", "127.0.0.1");
    open.tcp_port = listener.local_addr().expect("bound").port();
    let mut shut = target("shut", "127.0.0.1");
    shut.tcp_port = closed_port();
    let mut rig = Rig::start(tcp(), 300, &[open, shut]);
    for id in ["open", "shut"] {
        let window = rig.window(id, |_| true).await;
        assert_answered(&window);
        assert_eq!(window.method, Some(ProbeMethod::TcpConnect));
    }
    for observation in rig.end().await {
        assert!(matches!(observation.value, Value::Probe(_)), "TCP by choice is nothing to warn of");
    }
}

#[tokio::test]
async fn targets_come_and_go_while_others_are_measured() {
    if !icmp_is_permitted() {
        return;
    }
    let (kept, gone, new) =
        (target("kept", "127.0.0.1"), target("gone", "127.0.0.2"), target("new", "localhost"));
    let mut rig = Rig::start(Options::default(), 300, &[kept.clone(), gone]);
    rig.window("gone", |_| true).await;
    rig.assign(300, &[kept, new]);
    assert_answered(&rig.window("new", |_| true).await);
    let mut kept_seen = 0;
    while kept_seen < 3 {
        let observation = rig.next().await;
        assert_ne!(observation.subject.id, "gone");
        if let (Value::Probe(window), "kept") = (observation.value, observation.subject.id.as_str()) {
            assert_answered(&window);
            kept_seen += 1;
        }
    }
    rig.end().await;
}

#[tokio::test]
async fn an_open_window_is_handed_in_at_the_end() {
    let mut first = target("first", "127.0.0.1");
    first.tcp_port = closed_port();
    let second = TargetAssignment { id: "second".to_owned(), ..first.clone() };
    let mut rig = Rig::start(tcp(), 10_000, std::slice::from_ref(&first));
    rig.window("first", |_| true).await;
    rig.assign(10_000, &[first, second]);
    rig.window("second", |_| true).await;
    let rest = rig.end().await;
    let last = rest.into_iter().find(|observation| observation.subject.id == "first");
    let Some(Observation { value: Value::Probe(window), .. }) = last else { panic!("no last window") };
    assert_answered(&window);
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_a_notice_and_never_a_loss() {
    const TABLE: &str = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";
    let route = |hex: &str| format!("{TABLE}lo 00000000 {hex} 0003 0 0 0 00000000 0 0 0\n");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("route");
    std::fs::write(&path, TABLE).expect("written");
    let sources = Sources { route_v4: path.clone(), route_v6: dir.path().join("none"), ..Sources::default() };
    let options = Options { sources, local_every: Duration::from_millis(50), ..tcp() };
    let mut gateway = target("gateway", "");
    gateway.address = Address::DefaultGateway;
    gateway.tcp_port = closed_port();
    let mut rig = Rig::start(options, 200, std::slice::from_ref(&gateway));

    let observation = rig.next().await;
    let Value::Notice(notice) = &observation.value else { panic!("a window of nothing: {observation:?}") };
    assert_eq!((notice.code, notice.cleared), (NoticeCode::NameUnresolved, false));
    assert_eq!(observation.subject.to_string(), "target/gateway");
    assert!(notice.detail.contains("no default route"), "{}", notice.detail);
    assert!(notice.detail.ends_with("it is not measured."), "{}", notice.detail);

    std::fs::write(&path, route("0100007F")).expect("written");
    let (_, notice) = rig.notice(NoticeCode::NameUnresolved).await;
    assert!(notice.cleared);
    assert_answered(&rig.window("gateway", |_| true).await);

    std::fs::write(&path, TABLE).expect("written");
    let (_, notice) = rig.notice(NoticeCode::NameUnresolved).await;
    assert!(notice.detail.contains("last known address 127.0.0.1"), "{}", notice.detail);
    assert_answered(&rig.window("gateway", |_| true).await);

    rig.assign(200, &[]);
    let (_, notice) = rig.notice(NoticeCode::NameUnresolved).await;
    assert!(notice.cleared, "what is not watched has nothing to be told about");
    rig.end().await;
}

/// Catches: a lane that is not told, of ICMP or of TCP, and probes of links that are none of the hint's business.
#[tokio::test]
async fn a_link_whose_interface_is_said_to_have_moved_is_probed_at_once_and_no_other_is() {
    let icmp = icmp_is_permitted().then(Options::default);
    for options in icmp.into_iter().chain([tcp()]) {
        let hints = options.hints.clone();
        let mut rig = Rig::start(options, 300, &[]);
        let links = vec![link("moved", &["core/Gi0/1"]), link("other", &["core/Gi0/2"])];
        let assignment = Assignment { window_ms: 300, links, ..Assignment::baseline() };
        rig.assignment.send_replace(Arc::new(assignment));
        // The fastest that one probe a second can be: so many in a window of this length, the ends included.
        let most = |window: &ProbeWindow| 1 + window.window.map_or(0, |length| length.0.div_ceil(1_000));
        rig.window("moved", |window| window.verdict.is_some()).await;
        rig.window("other", |window| window.verdict.is_some()).await;
        hints.interface(&Subject::new(EntityKind::Interface, "core/Gi0/1").expect("valid"));
        let faster = rig.first("faster probes", |observation| match observation.value {
            Value::Probe(window) => {
                let faster = window.sent > Some(Count(most(&window)));
                assert!(observation.subject.id == "moved" || !faster, "{}: {window:?}", observation.subject);
                assert!(matches!(window.verdict, None | Some(wasl_model::LinkVerdict::Up)), "{window:?}");
                faster.then_some(*window)
            }
            _ => None,
        });
        assert_answered(&faster.await);
        rig.end().await;
    }
}
