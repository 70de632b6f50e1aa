//! What needs a network of its own: the test runs itself again in a fresh network namespace, which
//! ends with it. It needs root; otherwise it says that it was skipped.

use std::process::{Command, ExitStatus};

use super::*;

/// Set in the inner run.
const INSIDE: &str = "WASL_PROBING_TEST_NAMESPACE";

/// Whether this is the inner run. In the outer one, runs the named test again inside a new network
/// namespace, with `wrapper` in front.
fn inside(test: &str, wrapper: &[&str]) -> bool {
    inside_as("probing::tests::namespace", test, wrapper)
}

/// The same for a test of another module.
pub(in crate::probing) fn inside_as(module: &str, test: &str, wrapper: &[&str]) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        run(&["ip", "link", "set", "lo", "up"]);
        return true;
    }
    if !is_root() {
        crate::skips::skip(test, "a network namespace of one's own needs root");
        return false;
    }
    let exe = std::env::current_exe().expect("the test's own binary");
    let output = Command::new("unshare")
        .arg("--net")
        .args(wrapper)
        .arg(exe)
        .args(["--exact", &format!("{module}::{test}"), "--nocapture"])
        .env(INSIDE, "1")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            crate::skips::skip(test, &format!("could not run unshare: {error}"));
            return false;
        }
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "in the namespace:\n{out}\n{err}");
    assert!(out.contains("1 passed"), "the inner test did not run:\n{out}\n{err}");
    false
}

/// `/proc/self` belongs to whom the process runs as.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn run(command: &[&str]) {
    let status = Command::new(command[0]).args(&command[1..]).status();
    assert!(status.as_ref().is_ok_and(ExitStatus::success), "{command:?}: {status:?}");
}

pub(in crate::probing) fn permit_datagrams() {
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").expect("root may set it");
}

#[tokio::test]
async fn a_black_hole_is_a_loss_and_a_firewall_of_our_own_is_not() {
    if !inside("a_black_hole_is_a_loss_and_a_firewall_of_our_own_is_not", &[]) {
        return;
    }
    run(&["nft", "add table inet hole"]);
    run(&["nft", "add chain inet hole in { type filter hook input priority 0; }"]);
    run(&["nft", "add chain inet hole out { type filter hook output priority 0; }"]);
    run(&["nft", "add rule inet hole in ip daddr 127.0.0.9 drop"]);
    run(&["nft", "add rule inet hole out ip daddr 127.0.0.8 drop"]);
    let targets = [
        target("good", "127.0.0.1"),
        target("hole", "127.0.0.9"),
        target("ours", "127.0.0.8"),
        target("nowhere", "192.0.2.1"),
        target("nowhere-v6", "2001:db8::1"),
    ];
    let mut rig = Rig::start(Options::default(), 500, &targets);
    assert_answered(&rig.window("good", |_| true).await);
    for id in ["hole", "nowhere", "nowhere-v6"] {
        let window = rig.window(id, |_| true).await;
        assert!(window.sent >= Some(Count(5)), "{id}: {window:?}");
        assert_eq!((window.received, window.voided), (Some(Count(0)), Some(Count(0))), "{id}: {window:?}");
        assert_eq!((window.rtt_min, window.jitter), (None, None), "{id}: {window:?}");
    }
    let ours = rig.window("ours", |_| true).await;
    assert_eq!(ours.sent, Some(Count(0)), "{ours:?}");
    assert!(ours.voided >= Some(Count(5)), "{ours:?}");

    run(&["nft", "delete table inet hole"]);
    let window = rig.window("hole", |window| window.received > Some(Count(10))).await;
    assert!(window.received <= window.sent, "{window:?}");
    rig.end().await;
}

#[tokio::test]
async fn icmp_that_is_not_permitted_is_told_once_and_used_when_it_is() {
    let without_raw = ["setpriv", "--inh-caps=-net_raw", "--bounding-set=-net_raw"];
    if !inside("icmp_that_is_not_permitted_is_told_once_and_used_when_it_is", &without_raw) {
        return;
    }
    let mut v4 = target("v4", "127.0.0.1");
    v4.tcp_port = closed_port();
    let v6 = TargetAssignment { id: "v6".to_owned(), address: Address::Host("::1".to_owned()), ..v4.clone() };
    let options = Options { icmp_retry: Duration::from_millis(100), ..Options::default() };
    let mut rig = Rig::start(options, 300, &[v4, v6]);
    let (subject, notice) = rig.notice(NoticeCode::IcmpNotPermitted).await;
    assert_eq!(subject.to_string(), "agent/gw");
    assert_eq!((notice.severity, notice.cleared), (Severity::Warning, false));
    for remedy in ["net.ipv4.ping_group_range=\"0 2147483647\"", "setcap cap_net_raw+ep", "CAP_NET_RAW"] {
        assert!(notice.detail.contains(remedy), "{}", notice.detail);
    }
    for _ in 0..4 {
        // It is tried again every 100 ms meanwhile, and refused again.
        let observation = rig.next().await;
        let Value::Probe(window) = observation.value else { panic!("told twice: {observation:?}") };
        assert_eq!(window.method, Some(ProbeMethod::TcpConnect));
        assert_answered(&window);
    }

    permit_datagrams();
    let (_, notice) = rig.notice(NoticeCode::IcmpNotPermitted).await;
    assert!(notice.cleared);
    for id in ["v4", "v6"] {
        let window = rig.window(id, |window| window.method == Some(ProbeMethod::IcmpDatagram)).await;
        assert_answered(&window);
    }
    rig.end().await;
}
