//! An older agent before this controller, and this agent before older and newer controllers.

mod other;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use prost::Message;
use serde_json::json;
use wasl_model::Value;
use wasl_protocol::message::{SessionRequest, SessionResponse, UploadResponse, path};
use wasl_tests::centre::{Agent, Centre, END};
use wasl_tests::net::Place;
use wasl_tests::{binaries, wait};

use self::other::{Age, Other};
use super::{NAME, SOON};
use crate::hostile::intruder::{Intruder, Papers};

const CONFIGURATION: &str = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
defaults: { host_every: 1s, window: 1s, probe_every: 200ms, probe_timeout: 800ms }
sites: { one: { name: { en: One } } }
agents: { branch-1: { site: one, role: gateway } }
";

/// A field that no version knows: number 3000, with 5 bytes.
const UNKNOWN_FIELD: &[u8] = b"\xc2\xbb\x01\x05later";

fn recorded(name: &str) -> Vec<u8> {
    let file: PathBuf = binaries::repository().join("tests/recorded/version-1-level-0").join(name);
    fs::read(&file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()))
}

fn centre_and_agent(dir: &std::path::Path) -> (Centre, Agent) {
    let any = "127.0.0.1:0".parse().expect("an address");
    let centre = Centre::start(&Place::Here, dir, CONFIGURATION, any, any);
    let agent = Agent::join(&centre, &Place::Here, dir, "one", "gateway", NAME);
    (centre, agent)
}

/// Catches: a change of the protocol or of the batches that an agent which was not updated yet does not survive.
#[test]
fn what_an_older_agent_said_is_understood_and_what_a_newer_one_adds_is_passed_over() {
    let dir = tempfile::tempdir().expect("a folder");
    let (centre, agent) = centre_and_agent(dir.path());
    let ca = centre.state().join("ca.pem");
    let papers = Papers::of(agent.state());
    let connect = || Intruder::connect(centre.agents_listener(), &ca, Some(&papers)).expect("let in");
    // The recorded session's number, and whatever a newer agent would add.
    let upload = |session: u64, more: &[u8]| {
        let mut bytes = recorded("upload");
        assert_eq!(bytes[0], 0x09, "the session's number comes first");
        bytes[1..9].copy_from_slice(&session.to_le_bytes());
        [bytes.as_slice(), more].concat()
    };
    {
        let older = connect();
        let opened: SessionResponse = older.post(path::SESSION, recorded("session-request")).message();
        assert_eq!((opened.contiguous, opened.highest), (0, 0));
        let taken: UploadResponse = older.post(path::UPLOAD, upload(opened.session, b"")).message();
        assert_eq!((taken.contiguous, taken.stored, taken.duplicates), (3, 3, 0));
    }
    let newer = connect();
    let hello = [recorded("session-request").as_slice(), UNKNOWN_FIELD].concat();
    let opened: SessionResponse = newer.post(path::SESSION, hello).message();
    assert_eq!((opened.contiguous, opened.highest), (3, 3));
    let again: UploadResponse = newer.post(path::UPLOAD, upload(opened.session, UNKNOWN_FIELD)).message();
    assert_eq!((again.contiguous, again.stored, again.duplicates), (3, 0, 3));

    let account = centre.account_of(NAME);
    assert_eq!((&account["stored"], &account["dropped"]), (&json!(3), &json!({})), "{account:#}");
    let begin = 1_795_000_000_000;
    let kept = centre.history(&format!("machine/{NAME}#memory_used@{NAME}"), begin, begin + 60_000);
    let used = |n: i64| (begin + 1000 * n, Some(7e9 - n as f64));
    assert_eq!(kept, [used(1), used(2), used(3)], "its own values at its own times");

    let stranger = SessionRequest { protocol: wasl_protocol::VERSION + 1, ..SessionRequest::default() };
    assert_eq!(newer.ask(path::SESSION, &stranger).code, "protocol_version");
}

/// Lets the agent observe alone for a while and then meet a controller of another age.
fn meets(age: Age) {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut centre, mut agent) = centre_and_agent(dir.path());
    let address = centre.agents_listener();
    agent.start();
    let figure = |agent: &Agent, name: &str| agent.spool()[name].as_u64().expect("a number");
    wait::until_true("it has met its controller", SOON, || {
        agent.state().join("spool").exists() && figure(&agent, "acknowledged") > 0
    });
    assert!(centre.daemon.end(nix::sys::signal::Signal::SIGTERM, END).success());
    wait::until_true("batches wait", SOON, || figure(&agent, "pending") >= 3);

    let other = Other::serve(age, address, &centre.state());
    wait::until_true("it is told what to do", SOON, || {
        agent.daemon().assert_running();
        other.observations().iter().any(|one| matches!(one.value, Value::Probe(_)))
    });
    wait::until_true("everything is delivered", SOON, || figure(&agent, "pending") < 3);
    assert!(agent.daemon().end(nix::sys::signal::Signal::SIGTERM, Duration::from_secs(15)).success());
    let produced = figure(&agent, "produced");
    assert_eq!(figure(&agent, "pending"), 0, "{:#}", agent.spool());
    assert_eq!(figure(&agent, "acknowledged"), produced, "{:#}", agent.spool());
    assert_eq!(other.sequences(), (1..=produced).collect::<Vec<u64>>());
}

/// Catches: an agent that says what an older controller passes over, and takes its silence for a receipt.
#[test]
fn an_older_controller_gets_everything_from_this_agent() {
    meets(Age::Older);
}

/// Catches: an agent that a newer controller's additions confuse.
#[test]
fn a_newer_controller_gets_everything_from_this_agent() {
    meets(Age::Newer);
}

/// The recorded answer to a session, as of now: the recorded one has its own day's clock and an empty store.
fn session_response(contiguous: u64) -> SessionResponse {
    let then = SessionResponse::decode(recorded("session-response").as_slice()).expect("protobuf");
    assert_eq!((then.level, then.dropped.len()), (0, 0), "it is of before there were levels");
    SessionResponse { contiguous, clock: Some(other::clock()), ..then }
}
