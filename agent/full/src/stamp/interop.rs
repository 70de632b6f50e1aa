//! Against another implementation: the sender and the reflector of stamp-suite (crates.io), where it is
//! installed.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use wasl_model::units::Count;

use super::tests::{Agent, PATIENCE, answered, assignment, free_port, reflector, session};
use super::*;
use crate::skips::skip;

const HEX: &str = "00112233445566778899aabbccddeeff";

/// Where stamp-suite is: where `WASL_STAMP_SUITE` says, or in a folder of `PATH`.
fn stamp_suite(test: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::var_os("WASL_STAMP_SUITE").map(PathBuf::from);
    let found = std::env::split_paths(&folders).map(|folder| folder.join("stamp-suite"));
    let found = named.into_iter().chain(found).find(|path| path.is_file());
    if found.is_none() {
        skip(test, "stamp-suite is not installed: cargo install stamp-suite");
    }
    found
}

/// A reflector of stamp-suite on a port that was free a moment ago; it listens when this returns.
async fn foreign_reflector(program: PathBuf, options: &[&str]) -> (Child, u16) {
    let port = free_port();
    let mut command = Command::new(program);
    command.args(["-i", "--local-addr", "127.0.0.1", "-o", &port.to_string()]).args(options);
    let child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn();
    let child = child.expect("stamp-suite starts");
    listening(port).await;
    (child, port)
}

/// Waits until something listens at this port of UDP.
async fn listening(port: u16) {
    let place = format!(":{port:04X} ");
    let listens = async {
        while !std::fs::read_to_string("/proc/net/udp").expect("Linux has it").contains(&place) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, listens).await.expect("it listens in time");
}

async fn measure_towards(options: &[&str], key: Option<&str>, test: &str) -> Option<wasl_model::StampWindow> {
    let (_child, port) = foreign_reflector(stamp_suite(test)?, options).await;
    let mut agent = Agent::start(Assignment::default());
    agent.write_secret("line", &format!("hex:{HEX}"));
    let wanted = assignment(session(port, key), None);
    agent.assignment.send(Arc::new(wanted)).expect("followed");
    Some(agent.window(answered).await)
}

#[tokio::test]
async fn an_open_session_towards_another_implementation_is_measured() {
    let name = "an_open_session_towards_another_implementation_is_measured";
    let Some(window) = measure_towards(&["--stateful-reflector"], None, name).await else { return };
    assert_eq!(
        (window.voided, window.lost_forward, window.lost_back),
        (Some(Count(0)), Some(Count(0)), Some(Count(0)))
    );
    assert_eq!(window.synchronised, Some(false), "it says that its clock is not synchronised");
}

#[tokio::test]
async fn an_authenticated_session_towards_another_implementation_is_measured() {
    let name = "an_authenticated_session_towards_another_implementation_is_measured";
    let options = ["--stateful-reflector", "-A", "A", "--hmac-key", HEX];
    let Some(window) = measure_towards(&options, Some("line"), name).await else { return };
    assert_eq!(window.voided, Some(Count(0)));
}

#[tokio::test]
async fn a_reflector_with_ptp_times_tells_its_round_trip() {
    let name = "a_reflector_with_ptp_times_tells_its_round_trip";
    let options = ["--stateful-reflector", "-K", "PTP", "--clock-synchronized"];
    let Some(window) = measure_towards(&options, None, name).await else { return };
    assert_eq!((window.voided, window.synchronised), (Some(Count(0)), Some(false)));
    assert!(window.rtt.count() >= 10);
}

/// What another implementation's sender says of this reflector.
async fn measured_by(key: Option<&str>, options: &[&str], test: &str) -> Option<String> {
    let program = stamp_suite(test)?;
    let port = free_port();
    let agent = Agent::start(Assignment::default());
    agent.write_secret("line", &format!("hex:{HEX}"));
    let reflect = Some(reflector(port, "127.0.0.1", key));
    agent.assignment.send(Arc::new(Assignment { reflect, ..Assignment::default() })).expect("followed");
    listening(port).await;
    let mut command = Command::new(program);
    command
        .args(["-r", "127.0.0.1", "-p", &port.to_string(), "-c", "5", "-d", "50", "-L", "2"])
        // As root it would send from 862, which no reflector of ours answers.
        .args(["-o", &free_port().to_string()])
        .args(options);
    let command =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().expect("stamp-suite starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut said = String::new();
    while let Some(line) =
        tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("text")
    {
        said.push_str(&line);
        said.push('\n');
    }
    Some(said)
}

/// In the words of stamp-suite 1.0, and of 0.8.
fn all_five_came_back(said: &str) -> bool {
    said.contains("Reply RTT: 5 samples") || said.contains("Packets received: 5")
}

#[tokio::test]
async fn another_implementations_open_sender_is_answered() {
    let name = "another_implementations_open_sender_is_answered";
    let Some(said) = measured_by(None, &[], name).await else { return };
    assert!(all_five_came_back(&said), "{said}");
}

#[tokio::test]
async fn another_implementations_authenticated_sender_with_extensions_is_answered() {
    let name = "another_implementations_authenticated_sender_with_extensions_is_answered";
    let Some(said) = measured_by(Some("line"), &["-A", "A", "--hmac-key", HEX, "--cos"], name).await else {
        return;
    };
    assert!(all_five_came_back(&said), "{said}");
}
