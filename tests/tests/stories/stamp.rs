//! A line that loses packets in one direction only, measured by STAMP.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasl_agent::stamp::{self, Parts};
use wasl_agent_core::report::Reporter;
use wasl_agent_core::secrets::Secrets;
use wasl_model::assignment::{Assignment, StampReflector, StampSession};
use wasl_model::units::Count;
use wasl_model::{EntityKind, StampWindow, Subject, Value};
use wasl_tests::net::{Net, Place};
use wasl_tests::{packages, skip};

const PORT: u16 = 862;
const PATIENCE: Duration = Duration::from_secs(60);
/// Losses that are enough to tell by.
const ENOUGH: u64 = 20;

/// Runs the agent's part in a place until it has told enough of losses; the sums of its windows.
fn measure(place: &Place, assignment: Assignment) -> (u64, u64, u64) {
    place.on_a_thread(move || {
        run(async move {
            let (parts, mut out, _hold) = parts(assignment);
            let shutdown = parts.shutdown.clone();
            let task = tokio::spawn(stamp::measure(parts));
            let (mut forward, mut back, mut received) = (0, 0, 0);
            let told = async {
                while forward + back < ENOUGH {
                    let seen = out.recv().await.expect("the agent lives");
                    if let Value::Stamp(window) = seen.value {
                        let StampWindow { lost_forward, lost_back, received: answered, .. } = *window;
                        let number = |count: Option<Count>| count.expect("always counted").0;
                        forward += number(lost_forward);
                        back += number(lost_back);
                        received += number(answered);
                    }
                }
            };
            tokio::time::timeout(PATIENCE, told).await.expect("losses are told in time");
            shutdown.cancel();
            task.await.expect("it ends");
            (forward, back, received)
        })
    })
}

/// Reflects in a place until the token is cancelled.
fn reflect(place: &Place, assignment: Assignment, until: CancellationToken) -> std::thread::JoinHandle<()> {
    place.start_thread(move || {
        run(async move {
            let (parts, _out, _hold) = parts(assignment);
            stamp::reflect(Parts { shutdown: until, ..parts }).await;
        });
    })
}

fn run<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(task)
}

type Held = (watch::Sender<Arc<Assignment>>, tempfile::TempDir);

fn parts(assignment: Assignment) -> (Parts, tokio::sync::mpsc::Receiver<wasl_model::Observation>, Held) {
    let secrets = tempfile::tempdir().expect("a folder");
    let (send, receive) = watch::channel(Arc::new(assignment));
    let (reporter, out) = Reporter::new();
    let parts = Parts {
        reporter,
        secrets: Secrets::new(secrets.path()),
        assignment: receive,
        agent: Subject::lenient(EntityKind::Agent, "story"),
        shutdown: CancellationToken::new(),
    };
    (parts, out, (send, secrets))
}

fn towards(centre: &str) -> Assignment {
    let session = StampSession {
        id: "line".into(),
        to: centre.into(),
        port: PORT,
        every_ms: 20,
        timeout_ms: 500,
        key: None,
        via: None,
        ssid: 0,
    };
    Assignment { window_ms: 500, stamp: vec![session], ..Assignment::default() }
}

/// Each direction in turn loses one packet of five, and only that direction is told.
fn each_direction_is_named(net: &Net) {
    let (branch, centre) = (net.branch(1), net.centre_address().to_string());
    let fault = net.loss_from(1, 1, 5);
    let (forward, back, received) = measure(&branch, towards(&centre));
    assert!(
        forward >= ENOUGH && back == 0,
        "from the branch: {forward} there, {back} back, {received} answered"
    );
    fault.heal();
    let fault = net.loss_towards(1, 1, 5);
    let (forward, back, received) = measure(&branch, towards(&centre));
    assert!(
        back >= ENOUGH && forward == 0,
        "to the branch: {forward} there, {back} back, {received} answered"
    );
    fault.heal();
}

#[test]
fn a_line_that_loses_in_one_direction_is_told_as_that_direction() {
    let name = "a_line_that_loses_in_one_direction_is_told_as_that_direction";
    if let Err(reason) = packages::need_network() {
        skip!(name, reason);
    }
    let net = Net::centre_and_branches(1);
    let listen = net.centre_address().into();
    let peers = vec![format!("{}/32", net.branch_address(1))];
    let reflector = StampReflector { listen, port: PORT, peers, key: None, sessions: Vec::new() };
    let until = CancellationToken::new();
    let assignment = Assignment { reflect: Some(reflector), ..Assignment::default() };
    let reflecting = reflect(&net.centre(), assignment, until.clone());
    each_direction_is_named(&net);
    until.cancel();
    reflecting.join().expect("it ends");
}

#[test]
fn another_implementations_reflector_tells_the_direction_as_well() {
    let name = "another_implementations_reflector_tells_the_direction_as_well";
    if let Err(reason) = packages::need_network() {
        skip!(name, reason);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::var_os("WASL_STAMP_SUITE").map(PathBuf::from);
    let found = std::env::split_paths(&folders).map(|folder| folder.join("stamp-suite"));
    let Some(program) = named.into_iter().chain(found).find(|path| path.is_file()) else {
        skip!(name, "stamp-suite is not installed: cargo install stamp-suite");
    };
    let net = Net::centre_and_branches(1);
    let address = net.centre_address().to_string();
    let mut command = net.centre().command(program);
    command.args(["-i", "--stateful-reflector", "--local-addr", &address, "-o", &PORT.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("stamp-suite starts");
    each_direction_is_named(&net);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}
