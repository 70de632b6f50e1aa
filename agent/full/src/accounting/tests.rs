use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Mutex;

use tokio::sync::mpsc;
use wasl_helper::request;
use wasl_model::assignment::{ShareAssignment, Way};
use wasl_model::units::{Bytes, Millis};
use wasl_model::{Observation, Value, VoidReason};

use super::*;

/// A helper that only says what it was asked, and lists what it was told to.
#[derive(Clone, Default)]
struct Fake {
    asked: Arc<Mutex<Vec<&'static str>>>,
    /// What the next listings are, the last for ever; none is a table that is not there.
    listings: Arc<Mutex<Vec<Option<String>>>>,
}

impl Fake {
    /// Listens until the test's process ends.
    fn listen(&self, socket: &Path) {
        let listener = UnixListener::bind(socket).expect("bound");
        let fake = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a caller");
                let mut line = Vec::new();
                BufReader::new(&stream).read_until(b'\n', &mut line).expect("a request");
                let reply = fake.answer(&request::parse(&line).expect("well formed"));
                stream.write_all(&reply.line()).expect("taken");
            }
        });
    }

    fn answer(&self, request: &Request) -> Reply {
        self.asked.lock().expect("ours").push(request.verb());
        if !matches!(request, Request::AccountingRead {}) {
            return Reply::done("as you say");
        }
        let mut listings = self.listings.lock().expect("ours");
        let listing = if listings.len() > 1 { listings.remove(0) } else { listings[0].clone() };
        match listing {
            Some(listing) => {
                let mut reply = Reply::done("counted");
                reply.facts.insert(COUNTS.to_owned(), listing);
                reply
            }
            None => Reply::failed("No such file or directory"),
        }
    }

    fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.asked.lock().expect("ours"))
    }
}

fn listing(handle: u64, down: u64) -> String {
    format!(
        r#"{{"nftables": [{{"table": {{"handle": {handle}}}}},
            {{"counter": {{"name": "l0s0_down", "packets": {down}, "bytes": {down}000}}}},
            {{"counter": {{"name": "l0s0_up", "packets": 0, "bytes": 0}}}},
            {{"set": {{"name": "l0t_down4", "elem": [{{"elem": {{"val": "10.1.0.7", "counter": {{"packets": {down}, "bytes": {down}000}}}}}}]}}}}]}}"#
    )
}

fn assigned() -> Assignment {
    let share = ShareAssignment { id: "one".into(), prefixes: vec!["10.1.0.0/16".parse().expect("a block")] };
    let line = AccountingAssignment {
        id: "line".into(),
        interface: "wan0".into(),
        down: Way::In,
        shares: vec![share],
        talkers: 5,
    };
    Assignment { window_ms: 10_000, accounting: vec![line], ..Assignment::default() }
}

async fn next(out: &mut mpsc::Receiver<Observation>) -> (String, Value) {
    let seen = out.recv().await.expect("it goes on");
    (seen.subject.to_string(), seen.value)
}

/// Catches: increments over a table that was made anew, a table that is not made anew or not taken away, and a line
/// that is not counted without a word.
#[tokio::test(start_paused = true)]
async fn a_line_is_counted_while_there_is_a_helper_and_a_table() {
    let dir = tempfile::tempdir().expect("a folder");
    let socket = dir.path().join("helper.sock");
    let fake = Fake::default();
    *fake.listings.lock().expect("ours") = vec![
        Some(listing(7, 100)),
        Some(listing(7, 150)),
        None,
        Some(listing(8, 900)),
        Some(listing(8, 960)),
    ];
    let (reporter, mut out) = Reporter::new();
    let (assign, assignment) = watch::channel(Arc::new(assigned()));
    let stop = CancellationToken::new();
    let agent = AgentId::new("gw").expect("a name");
    let task = tokio::spawn(run_with(socket.clone(), reporter, agent, assignment, stop.clone()));

    let (about, Value::Notice(notice)) = next(&mut out).await else { panic!("nobody is there to be asked") };
    assert_eq!(
        (about.as_str(), notice.code, notice.cleared),
        ("interface/gw/wan0", NoticeCode::NotSupported, false)
    );
    assert!(notice.detail.contains("account INTERFACE"), "{}", notice.detail);
    fake.listen(&socket);

    let voided = |value: Value| match value {
        Value::Share(sample) => sample.voided,
        other => panic!("{other:?}"),
    };
    let (about, first) = next(&mut out).await;
    assert_eq!((about.as_str(), voided(first)), ("share/line/one", Some(VoidReason::First)));
    assert!(matches!(next(&mut out).await.1, Value::Notice(notice) if notice.cleared));
    let (_, Value::Share(second)) = next(&mut out).await else { panic!("a sample") };
    assert_eq!((second.down_bytes, second.up_bytes), (Some(Bytes(50_000)), Some(Bytes(0))));
    assert!(second.interval.is_some_and(|i| (9_000..11_000).contains(&i.0)), "{second:?}");
    let (about, Value::Talkers(talkers)) = next(&mut out).await else { panic!("who talked") };
    assert_eq!((about.as_str(), talkers.talkers[0].down), ("share/line", Bytes(50_000)));
    assert_ne!(talkers.interval, Millis(0));
    assert_eq!(fake.asked(), ["accounting-set", "accounting-read", "accounting-read"]);

    // Somebody took the table away: it is made anew, and what it counts is no increment of the former.
    assert!(matches!(next(&mut out).await.1, Value::Notice(notice) if !notice.cleared));
    assert_eq!(voided(next(&mut out).await.1), Some(VoidReason::First));
    assert!(matches!(next(&mut out).await.1, Value::Notice(notice) if notice.cleared));
    let (_, Value::Share(after)) = next(&mut out).await else { panic!("a sample") };
    assert_eq!(after.down_bytes, Some(Bytes(60_000)));
    assert_eq!(fake.asked(), ["accounting-read", "accounting-set", "accounting-read", "accounting-read"]);

    assign.send_replace(Arc::new(Assignment::baseline()));
    while !fake.asked().contains(&"accounting-clear") {
        sleep(Duration::from_millis(100)).await;
    }
    assign.send_replace(Arc::new(assigned()));
    while !fake.asked().contains(&"accounting-set") {
        sleep(Duration::from_millis(100)).await;
    }
    stop.cancel();
    task.await.expect("no panic");
    assert_eq!(fake.asked().last(), Some(&"accounting-clear"), "it goes with the agent");
}
