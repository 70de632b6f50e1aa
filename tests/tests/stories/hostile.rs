//! What strangers, thieves and liars get: a word that says no, and nothing of anybody else's.

pub(crate) mod intruder;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use prost::Message;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasl_model::{AgentRole, EntityKind, Observation, Subject, Timestamp};
use wasl_pki::{AgentIdentity, CertificateAuthority, EnrolToken, KeyAndRequest};
use wasl_protocol::message::{
    Certificate, EnrolRequest, Facts, Holds, RenewRequest, SessionRequest, SessionResponse, Upload,
    UploadItem, UploadResponse, path,
};
use wasl_protocol::{batch, limits};
use wasl_tests::centre::{Agent, Centre};
use wasl_tests::net::Place;
use wasl_tests::{skip, wait};

use intruder::{Answer, Intruder, Papers, authority, is_let_in, runtime, settings, tls};

/// How soon something shows. Generous: other stories share the processors.
const SOON: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(86_400);

const CONFIGURATION: &str = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
defaults: { host_every: 1s }
sites: { one: { name: { en: One } }, two: { name: { en: Two } } }
agents: { branch-1: { site: one, role: gateway }, branch-2: { site: two, role: gateway } }
targets: { theirs: { address: 127.0.0.1, from: [branch-2] } }
";

fn centre(dir: &Path) -> Centre {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Centre::start(&Place::Here, dir, CONFIGURATION, any, any)
}

fn ca(centre: &Centre) -> PathBuf {
    centre.state().join("ca.pem")
}

fn stranger(centre: &Centre) -> Intruder {
    Intruder::connect(centre.agents_listener(), &ca(centre), None).expect("enrolment is open")
}

fn thief(centre: &Centre, agent: &Agent) -> Intruder {
    let papers = Papers::of(agent.state());
    Intruder::connect(centre.agents_listener(), &ca(centre), Some(&papers)).expect("the papers are good")
}

fn session(intruder: &Intruder, boot: u64) -> SessionResponse {
    let request = SessionRequest {
        protocol: wasl_protocol::VERSION,
        facts: Some(Facts::default()),
        epoch: 7,
        boot,
        ..SessionRequest::default()
    };
    intruder.ask(path::SESSION, &request).message()
}

fn identity(name: &str, site: &str, role: AgentRole) -> AgentIdentity {
    AgentIdentity::new(name, site, role).expect("names")
}

fn assert_refused(what: &str, answer: &Answer, code: &str) {
    assert!(answer.status >= 400, "{what} was granted: {answer:?}");
    assert_eq!(answer.code, code, "{what}: {answer:?}");
}

fn now_s() -> i64 {
    wait::now_ms() / 1000
}

/// Resident memory of the controller, bytes.
fn resident(centre: &Centre) -> u64 {
    // The process that the story started is a wrapper that has become the controller.
    let status = fs::read_to_string(format!("/proc/{}/status", centre.daemon.pid())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux tells it");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("a number") * 1024
}

fn stored(centre: &Centre, agent: &str) -> u64 {
    let all = centre.client.json(&format!("/api/v1/accounting?agent={agent}"));
    all.as_array().expect("a list").iter().map(|a| a["stored"].as_u64().expect("a number")).sum()
}

fn host_of(agent: &str) -> Observation {
    Observation {
        subject: Subject::lenient(EntityKind::Machine, agent),
        at: Timestamp(wait::now_ms()),
        value: wasl_model::Value::Host(wasl_model::HostSample::default()),
    }
}

/// Catches: a request that forgets to ask for a certificate, and a certificate that is taken for more than it is.
#[test]
fn without_good_papers_nobody_gets_further_than_the_door() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path());
    let (listener, ca) = (centre.agents_listener(), ca(&centre));

    let nobody = stranger(&centre);
    let hello = SessionRequest { protocol: wasl_protocol::VERSION, ..SessionRequest::default() };
    assert_refused("a session", &nobody.ask(path::SESSION, &hello), "no_certificate");
    let renewal = RenewRequest { csr: KeyAndRequest::generate().expect("a key").request_der().to_vec() };
    assert_refused("a renewal", &nobody.ask(path::RENEW, &renewal), "no_certificate");
    assert_refused("a report", &nobody.ask(path::HOLDS, &Holds::default()), "no_certificate");
    let upload = Upload { session: 1, epoch: 7, last: 1, ..Upload::default() };
    assert_refused("an upload", &nobody.ask(path::UPLOAD, &upload), "no_session");
    let downlink = format!("{}1", path::DOWNLINK);
    let answer = nobody.send(Method::GET, &downlink, Bytes::new()).expect("answered");
    assert_refused("an assignment", &answer, "no_session");

    let ours = authority(&centre.state());
    let others = CertificateAuthority::create("Story", now_s()).expect("an authority");
    let gateway = identity("branch-1", "one", AgentRole::Gateway);
    assert!(
        !is_let_in(listener, &ca, &Papers::made_by(&others, &gateway, now_s(), DAY)),
        "another authority"
    );
    let past = Papers::made_by(&ours, &gateway, now_s(), Duration::from_secs(1));
    wait::until_true("it ends", SOON, || !is_let_in(listener, &ca, &past));
    assert!(!is_let_in(listener, &ca, &Papers::of_a_server(&ours, now_s())), "a server's certificate");

    // Signed by our own authority, and still not in the registry: somebody else has used its key.
    let forged = Papers::made_by(&ours, &gateway, now_s(), DAY);
    let forger = Intruder::connect(listener, &ca, Some(&forged)).expect("the handshake cannot tell");
    assert_refused("a forged agent", &forger.ask(path::SESSION, &hello), "not_an_agent");
    assert_refused("its renewal", &forger.ask(path::RENEW, &renewal), "not_an_agent");
    let agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    assert_refused("a forged twin", &forger.ask(path::SESSION, &hello), "not_an_agent");

    let stolen = thief(&centre, &agent);
    session(&stolen, 1);
    assert!(centre.wasl(&["agents", "revoke", "branch-1"]).status.success());
    wait::until_true("its live connection ends", SOON, || {
        stolen.send(Method::POST, path::SESSION, hello.encode_to_vec().into()).is_err()
    });
    assert!(!is_let_in(listener, &ca, &Papers::of(agent.state())), "revoked");
    assert_eq!(centre.client.json("/api/v1/accounting"), serde_json::json!([]));
}

/// Catches: a token that two machines redeem in the same moment, and an agent that is what it wishes to be.
#[test]
fn a_token_gives_one_machine_what_is_written_in_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path());
    let token = fs::read_to_string(centre.token("one", "gateway", "branch-1")).expect("a token");
    let token: EnrolToken = token.trim().parse().expect("a token");
    let enrol = |name: &str| EnrolRequest {
        protocol: wasl_protocol::VERSION,
        token: token.to_string(),
        csr: KeyAndRequest::generate().expect("a key").request_der().to_vec(),
        name: name.to_owned(),
        facts: None,
    };
    let intruders: Vec<Intruder> = (0..8).map(|_| stranger(&centre)).collect();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        // It asks for another name; the token decides.
        let tries: Vec<_> =
            intruders.iter().map(|one| scope.spawn(|| one.ask(path::ENROL, &enrol("branch-2")))).collect();
        tries.into_iter().map(|one| one.join().expect("it asked")).collect()
    });
    let granted: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(granted.len(), 1, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_refused("a second use", refused, "token_used");
    }
    let certificate: Certificate = granted[0].message();
    let peer = wasl_pki::peer_identity(&certificate.chain[0]).expect("an identity");
    assert_eq!(peer.identity, identity("branch-1", "one", AgentRole::Gateway));

    let token: Value = centre
        .admin()
        .post("/api/v1/tokens", &serde_json::json!({ "site": "two", "role": "lab", "lifetime_s": 60 }))
        .json();
    let any_name =
        EnrolRequest { token: token["token"].as_str().expect("a token").to_owned(), ..enrol("branch-1") };
    assert_refused("somebody's name", &stranger(&centre).ask(path::ENROL, &any_name), "name_taken");
    let bad_name = EnrolRequest { name: "../../etc".to_owned(), ..any_name.clone() };
    assert_refused("no name", &stranger(&centre).ask(path::ENROL, &bad_name), "name");
    let bad_key = EnrolRequest { name: "pc-1".to_owned(), csr: vec![0x30; 200], ..any_name.clone() };
    assert_refused("no key", &stranger(&centre).ask(path::ENROL, &bad_key), "csr");
    // None of that has used it up.
    let good: Certificate =
        stranger(&centre).ask(path::ENROL, &EnrolRequest { name: "pc-1".to_owned(), ..any_name }).message();
    assert_eq!((good.site.as_str(), good.role.as_str()), ("two", "lab"));
}

/// Catches: an agent that reads, feeds or ends what belongs to another.
#[test]
fn an_agent_cannot_take_what_is_anothers() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path());
    let one = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    let two = Agent::join(&centre, &Place::Here, dir.path(), "two", "gateway", "branch-2");
    let (mine, theirs) = (thief(&centre, &one), thief(&centre, &two));
    let (own, other) = (session(&mine, 1), session(&theirs, 2));
    assert_ne!(own.session, other.session);

    let downlink = |number: u64| format!("{}{number}", path::DOWNLINK);
    let assignment = mine.send(Method::GET, &downlink(other.session), Bytes::new()).expect("answered");
    assert_refused("another's assignment", &assignment, "no_session");
    let item = |agent: &str| UploadItem { sequence: 1, body: batch::encode(&[host_of(agent)]) };
    let upload = |session: u64, agent: &str| Upload {
        session,
        epoch: 7,
        items: vec![item(agent)],
        last: 1,
        ..Upload::default()
    };
    assert_refused(
        "into another's session",
        &mine.ask(path::UPLOAD, &upload(other.session, "branch-2")),
        "no_session",
    );
    // A second connection of the same agent may not use the session of the first either.
    let second = thief(&centre, &one);
    assert_refused(
        "from another connection",
        &second.ask(path::UPLOAD, &upload(own.session, "branch-1")),
        "no_session",
    );

    // It may say in its own session what it likes; of another it is not believed.
    let lies: UploadResponse = mine.ask(path::UPLOAD, &upload(own.session, "branch-2")).message();
    assert_eq!(lies.contiguous, 1, "what came is accounted for");
    let refused = |centre: &Centre| {
        let text = centre.metrics();
        let line = text.lines().find(|line| line.starts_with("wasl_ingest_refused_observations_total"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).expect("it is counted")
    };
    wait::until_true("it is counted", SOON, || refused(&centre) >= 1.0);
    assert!(centre.entity("machine/branch-2").is_none_or(|machine| machine["health"] == "unknown"));
    let truth: UploadResponse = theirs.ask(path::UPLOAD, &upload(other.session, "branch-2")).message();
    assert_eq!(truth.contiguous, 1, "another's sequence is its own");
    centre.await_entity("the truth is believed", "machine/branch-2", SOON, |machine| {
        machine["health"] != "unknown"
    });
    assert_eq!(centre.account_of("branch-1")["stored"], 1);
    assert_eq!(centre.account_of("branch-2")["stored"], 1);
}

/// Catches: a message that costs more than its sender, and one that stops the work for everybody.
#[test]
fn what_is_too_large_or_makes_no_sense_costs_its_sender_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut centre = centre(dir.path());
    let mut honest = Agent::join(&centre, &Place::Here, dir.path(), "two", "gateway", "branch-2");
    honest.start();
    centre.await_agent("branch-2");
    let agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    let (nobody, liar) = (stranger(&centre), thief(&centre, &agent));
    let own = session(&liar, 1).session;
    let before = resident(&centre);

    for path in [path::ENROL, path::RENEW, path::SESSION, path::UPLOAD, path::HOLDS] {
        for bytes in
            [&b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"GET / HTTP/1.1\r\n\r\n", &[0x0a; 301]]
        {
            let answer = liar.post(path, bytes.to_vec());
            assert!(matches!(answer.status, 400 | 403), "{path} with {bytes:?}: {answer:?}");
        }
    }
    let large = |size: usize| vec![0u8; size];
    assert_refused(
        "a large request",
        &nobody.post(path::ENROL, large(limits::MAX_REQUEST_BYTES + 1)),
        "body",
    );
    assert_refused("a large upload", &liar.post(path::UPLOAD, large(limits::MAX_UPLOAD_BYTES + 1)), "body");
    let unknown = nobody.send(Method::GET, "/../../etc/passwd", Bytes::new()).expect("answered");
    assert_refused("another path", &unknown, "unknown_request");

    let upload = |items: Vec<UploadItem>, last: u64| Upload {
        session: own,
        epoch: 7,
        items,
        last,
        ..Upload::default()
    };
    let item = |sequence: u64, body: Vec<u8>| UploadItem { sequence, body };
    let many = (1..=limits::MAX_UPLOAD_BATCHES as u64 + 1).map(|n| item(n, vec![1])).collect();
    for (what, bad) in [
        ("too many batches", upload(many, 5000)),
        ("descending", upload(vec![item(2, vec![1]), item(1, vec![1])], 2)),
        ("from nothing", upload(vec![item(0, vec![1])], 1)),
        ("a batch that is too large", upload(vec![item(1, vec![1; limits::MAX_BATCH_BYTES + 1])], 1)),
    ] {
        assert_refused(what, &liar.ask(path::UPLOAD, &bad), "malformed");
    }

    // Bombs: each unpacks to a gigabyte. They are kept as they came, and unpacked by nobody.
    let zeros = vec![0u8; 64 * 1024 * 1024];
    let mut bomb = Vec::new();
    for _ in 0..16 {
        bomb.extend(zstd::bulk::compress(&zeros, 3).expect("packed"));
    }
    assert!(bomb.len() < limits::MAX_BATCH_BYTES);
    let mut peak = 0;
    for sequence in 1..=32 {
        let answer: UploadResponse =
            liar.ask(path::UPLOAD, &upload(vec![item(sequence, bomb.clone())], sequence)).message();
        assert_eq!(answer.contiguous, sequence);
        peak = peak.max(resident(&centre));
    }
    assert!(peak < before + 256 * 1024 * 1024, "{} MiB, from {} MiB", peak >> 20, before >> 20);
    assert_eq!(centre.account_of("branch-1")["stored"], 32);

    // Not even TLS, and a head that never ends.
    let mut raw = TcpStream::connect(centre.agents_listener()).expect("a connection");
    raw.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    raw.set_read_timeout(Some(SOON)).expect("a socket");
    let _ = raw.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
    let long = "x".repeat(100_000);
    let endless = nobody.send(Method::GET, &format!("/{long}"), Bytes::new());
    assert!(endless.is_err() || endless.is_ok_and(|answer| answer.status >= 400));

    let delivered = stored(&centre, "branch-2");
    wait::until_true("the honest one goes on", SOON, || stored(&centre, "branch-2") > delivered);
    centre.daemon.assert_running();
    assert!(!centre.daemon.log().contains("panicked"), "{}", centre.daemon.tail());
}

/// How long the other side leaves a connection open on which `speak` says a little now and then.
fn patience_of(address: SocketAddr, first: &[u8], drop_of_water: &[u8]) -> Duration {
    let begun = Instant::now();
    let mut tcp = TcpStream::connect(address).expect("a connection");
    tcp.set_read_timeout(Some(Duration::from_millis(500))).expect("a socket");
    tcp.write_all(first).expect("sent");
    loop {
        let mut answer = [0; 1024];
        match tcp.read(&mut answer) {
            Ok(0) => return begun.elapsed(),
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return begun.elapsed(),
        }
        if tcp.write_all(drop_of_water).is_err() {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "it waits for ever");
    }
}

/// Catches: a slow-loris on either listener, at each step of a connection.
#[test]
fn who_speaks_slowly_is_not_waited_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path());
    let (agents, http) = (centre.agents_listener(), centre.client.address());
    let ca = ca(&centre);
    let host = format!("Host: {http}\r\n");
    let head = format!(
        "POST /api/v1/tokens HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Length: 1000\r\n"
    );
    let cases: Vec<(&str, SocketAddr, Vec<u8>, Vec<u8>)> = vec![
        ("a silent agent", agents, Vec::new(), Vec::new()),
        // The beginning of a ClientHello of 512 bytes.
        ("a handshake that trickles", agents, vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], vec![0]),
        ("a silent browser", http, Vec::new(), Vec::new()),
        ("a version that trickles", http, b"PRI * HT".to_vec(), Vec::new()),
        ("a head that trickles", http, format!("GET / HTTP/1.1\r\n{host}X: ").into_bytes(), b"x".to_vec()),
        ("a body that trickles", http, format!("{head}\r\n").into_bytes(), b" ".to_vec()),
    ];
    std::thread::scope(|scope| {
        for (what, address, first, more) in &cases {
            scope.spawn(move || {
                let waited = patience_of(*address, first, more);
                assert!(waited < Duration::from_secs(60), "{what}: {waited:?}");
            });
        }
        // With a whole handshake behind it, and nothing to show and nothing to ask.
        scope.spawn(|| {
            let waited = runtime().block_on(async {
                let begun = Instant::now();
                let mut stream = tls(agents, settings(&ca, None)).await.expect("enrolment is open");
                let mut rest = Vec::new();
                let ended =
                    tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await;
                assert!(ended.is_ok(), "a stranger stays for ever");
                begun.elapsed()
            });
            assert!(waited < Duration::from_secs(45), "{waited:?}");
        });
    });
}

/// Sends frames as fast as they are taken, and tells with which error the other side gave up; `None` if it did not.
fn flood(centre: &Centre, agent: &Agent, mut frame: impl FnMut(u32) -> Vec<u8> + Send) -> Option<u32> {
    let config = settings(&ca(centre), Some(&Papers::of(agent.state())));
    let listener = centre.agents_listener();
    runtime().block_on(async move {
        let stream = tls(listener, config).await.expect("the papers are good");
        let (mut from, mut to) = tokio::io::split(stream);
        let answers = tokio::spawn(async move {
            let mut all = Vec::new();
            // Less than the other side waits for a sign of life, so that this is not why it gives up.
            let _ = tokio::time::timeout(Duration::from_secs(8), from.read_to_end(&mut all)).await;
            all
        });
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        hello.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        let mut sent = to.write_all(&hello).await;
        for round in 0..20_000 {
            if sent.is_err() {
                break;
            }
            let write = tokio::time::timeout(Duration::from_secs(5), to.write_all(&frame(round))).await;
            sent = write.unwrap_or_else(|late| Err(late.into()));
        }
        goaway(&answers.await.expect("it has read"))
    })
}

/// The error of the frame with which an HTTP/2 peer gives up.
fn goaway(mut frames: &[u8]) -> Option<u32> {
    while let Some((head, rest)) = frames.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let body = rest.get(..length)?;
        if head[3] == 7 {
            return body.get(4..8).map(|code| u32::from_be_bytes([code[0], code[1], code[2], code[3]]));
        }
        frames = &rest[length..];
    }
    None
}

/// Catches: an agent that was taken over and keeps the controller busy for all others.
#[test]
fn a_flood_of_frames_ends_its_own_connection_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut centre = centre(dir.path());
    let mut honest = Agent::join(&centre, &Place::Here, dir.path(), "two", "gateway", "branch-2");
    honest.start();
    centre.await_agent("branch-2");
    let agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    let before = resident(&centre);
    // Streams that are opened and reset at once (CVE-2023-44487): a head of three indexed fields, and its reset.
    let resets = flood(&centre, &agent, |round| {
        let id = (round * 2 + 1).to_be_bytes();
        let mut bytes = vec![0, 0, 3, 1, 5, id[0], id[1], id[2], id[3], 0x82, 0x87, 0x84];
        bytes.extend([0, 0, 4, 3, 0, id[0], id[1], id[2], id[3], 0, 0, 0, 8]);
        bytes
    });
    assert_eq!(resets, Some(0xb), "it is told to calm down (RFC 9113, section 7)");
    // Signs of life and settings that are asked for without end: the answers must not pile up.
    flood(&centre, &agent, |_| vec![0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    flood(&centre, &agent, |_| vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]);
    let after = resident(&centre);
    assert!(after < before + 128 * 1024 * 1024, "{} MiB, from {} MiB", after >> 20, before >> 20);

    // One agent cannot take all places either.
    let many: Vec<_> = (0..20)
        .map(|_| Intruder::connect(centre.agents_listener(), &ca(&centre), Some(&Papers::of(agent.state()))))
        .filter_map(Result::ok)
        .filter(|one| one.send(Method::POST, path::RENEW, Bytes::new()).is_ok())
        .collect();
    assert!((1..=8).contains(&many.len()), "one agent has {} connections", many.len());
    let delivered = stored(&centre, "branch-2");
    wait::until_true("the honest one goes on", SOON, || stored(&centre, "branch-2") > delivered);
    centre.daemon.assert_running();
}

/// Opens so many connections that say nothing, from eight addresses of this machine, and tells the most files that
/// the controller had open meanwhile. Those that are sent away are not opened again.
fn silent(centre: &Centre, address: SocketAddr, number: usize) -> (Vec<TcpStream>, usize) {
    let open = |n: usize| async move {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 1, 1 + (n % 8) as u8), 0)))?;
        tokio::time::timeout(Duration::from_secs(10), socket.connect(address)).await??.into_std()
    };
    runtime().block_on(async {
        let (mut all, mut most) = (Vec::with_capacity(number), 0);
        // A few at a time: a queue of connections that nobody has accepted yet would prove nothing.
        for start in (0..number).step_by(100) {
            let mut some = tokio::task::JoinSet::new();
            for n in start..number.min(start + 100) {
                some.spawn(open(n));
            }
            while let Some(opened) = some.join_next().await {
                let opened: std::io::Result<_> = opened.expect("it was tried");
                all.push(opened.unwrap_or_else(|error| panic!("after {} connections: {error}", all.len())));
            }
            if start % 500 == 0 {
                most = most.max(descriptors(centre));
            }
        }
        (all, most.max(descriptors(centre)))
    })
}

/// How many files and connections the controller has open.
fn descriptors(centre: &Centre) -> usize {
    fs::read_dir(format!("/proc/{}/fd", centre.daemon.pid())).expect("it runs").count()
}

/// Catches: a listener that anybody can fill, without a certificate and without a word.
#[test]
fn ten_thousand_silent_connections_keep_no_agent_out() {
    const CONNECTIONS: usize = 10_000;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    if hard < CONNECTIONS as u64 + 2_000 {
        skip!(
            "ten_thousand_silent_connections_keep_no_agent_out",
            format!("this process may have {hard} open files only")
        );
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    let dir = tempfile::tempdir().expect("a folder");
    let mut centre = centre(dir.path());
    let before = resident(&centre);
    // The rooms for those who say nothing hold 2048 agents and 512 browsers; at each door 128 more may be leaving.
    let (crowd, most) = silent(&centre, centre.agents_listener(), CONNECTIONS);
    assert!(most < 2_500, "{most} open files: nobody makes room");
    let (browsers, most) = silent(&centre, centre.client.address(), 2_000);
    assert!(most < 3_200, "{most} open files: nobody makes room");

    // While they stand there, an agent comes, and people look.
    let begun = Instant::now();
    let mut agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    agent.start();
    centre.await_agent("branch-1");
    wait::until_true("it delivers", SOON, || stored(&centre, "branch-1") >= 3);
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    assert_eq!(centre.client.get("/agents").status.as_u16(), 200);
    let during = resident(&centre);
    assert!(during < before + 128 * 1024 * 1024, "{} MiB, from {} MiB", during >> 20, before >> 20);
    drop((crowd, browsers));
    assert!(centre.is_connected("branch-1"));
    agent.end();
    let (spool, account) = (agent.spool(), centre.account_of("branch-1"));
    assert_eq!(account["stored"], spool["produced"], "{account:#} {spool:#}");
    assert!(!centre.daemon.log().contains("could not be accepted"), "{}", centre.daemon.tail());
    centre.daemon.assert_running();
}
