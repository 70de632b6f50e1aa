use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use wasl_model::assignment::Way;

use super::*;
use crate::count::{Interface, Line, Lines};
use crate::request::{COUNTS, MAX_REPLY, PowerAction, Unit};

/// A helper at a socket of its own, with a systemctl that writes down its arguments.
struct Bench {
    dir: tempfile::TempDir,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

const EVERYTHING: &str = "ping-group-range\nstatus a.service\nreload a.service\npower reboot\n";

impl Bench {
    fn new(policy: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| dir.path().join(name);
        let bench_policy = path("helper.conf");
        std::fs::write(path("range"), "1\t0\n").expect("written");
        let script = "#!/bin/sh\nfor word in \"$@\"; do echo \"$word\" >>\"${0%/*}/calls\"; done\n\
            env >\"${0%/*}/environment\"\n[ \"$1\" = show ] && echo ActiveState=active && echo SubState=running\n\
            [ \"$4\" != broken.service ] || { echo 'no such thing' >&2; exit 5; }\n\
            [ \"$4\" != slow.service ] || exec sleep 600\nexit 0\n";
        std::fs::write(path("systemctl"), script).expect("written");
        std::fs::set_permissions(path("systemctl"), PermissionsExt::from_mode(0o755)).expect("ours");
        let listener = Arc::new(UnixListener::bind(path("socket")).expect("bound"));
        let stop = CancellationToken::new();
        let options = Options {
            policy: bench_policy.clone(),
            owner: nix::unistd::geteuid().as_raw(),
            machine: Machine {
                systemctl: path("systemctl"),
                nft: path("nft"),
                ping_group_range: path("range"),
                patience: Duration::from_secs(1),
            },
        };
        let task = tokio::spawn(run(listener, options, stop.clone()));
        let bench = Self { dir, stop, task };
        bench.allow(policy);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a policy in which this very user may ask.
    fn allow(&self, lines: &str) {
        let own = User::from_uid(nix::unistd::geteuid()).expect("asked").expect("this user has a name");
        write_policy(&self.path("helper.conf"), &format!("peer {}\n{lines}", own.name));
    }

    async fn call(&self) -> UnixStream {
        UnixStream::connect(self.path("socket")).await.expect("the helper listens")
    }

    async fn say(&self, bytes: &[u8]) -> Option<Reply> {
        say(&mut self.call().await, bytes).await
    }

    async fn ask(&self, request: &Request) -> Reply {
        let mut line = serde_json::to_vec(request).expect("text");
        line.push(b'\n');
        self.say(&line).await.expect("an answer")
    }

    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("no panic").expect("it ends in order");
    }
}

fn write_policy(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("written");
    std::fs::set_permissions(&new, PermissionsExt::from_mode(0o644)).expect("ours");
    std::fs::rename(new, path).expect("ours");
}

/// Sends bytes and reads a line; `None` if the helper hangs up.
async fn say(stream: &mut UnixStream, bytes: &[u8]) -> Option<Reply> {
    // A helper that refuses may hang up before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut from = BufReader::new(stream).take(MAX_REPLY as u64);
    from.read_until(b'\n', &mut answer).await.ok()?;
    serde_json::from_slice(&answer).ok()
}

fn unit(name: &str) -> Unit {
    Unit::try_from(name.to_owned()).expect("a name")
}

#[tokio::test]
async fn what_is_allowed_is_done_and_becomes_exactly_these_arguments() {
    let bench = Bench::new(&format!("{EVERYTHING}reload broken.service\nreload slow.service\n"));
    let told = bench.ask(&Request::Version {}).await;
    assert_eq!(told.facts["version"], env!("CARGO_PKG_VERSION"));
    assert!(told.facts["allowed"].contains("reload a.service"), "{told:?}");

    let shown = bench.ask(&Request::ServiceStatus { unit: unit("a.service") }).await;
    assert_eq!((shown.outcome, shown.message.as_str()), (Outcome::Done, "a.service is active"));
    assert_eq!(shown.facts["SubState"], "running");
    let reloaded = bench.ask(&Request::ServiceReload { unit: unit("a.service") }).await;
    assert_eq!(reloaded.outcome, Outcome::Done);
    let rebooted = bench.ask(&Request::Power { action: PowerAction::Reboot }).await;
    assert_eq!(rebooted.outcome, Outcome::Done);
    let expected = [
        "show",
        "--property=LoadState,ActiveState,SubState,Result,NRestarts,ActiveEnterTimestamp",
        "--",
        "a.service",
        "--no-ask-password",
        "reload",
        "--",
        "a.service",
        "--no-ask-password",
        "--no-block",
        "reboot",
    ];
    assert_eq!(bench.calls(), expected);
    let environment = std::fs::read_to_string(bench.path("environment")).expect("written");
    let names: Vec<&str> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(
        names.iter().all(|name| ["PATH", "LC_ALL", "PWD", "_", "SHLVL", "OLDPWD"].contains(name)),
        "{names:?}"
    );

    let pinged = bench.ask(&Request::PingGroupRange {}).await;
    let gid = nix::unistd::getegid();
    assert_eq!(pinged.outcome, Outcome::Done, "{pinged:?}");
    assert_eq!(std::fs::read_to_string(bench.path("range")).expect("read"), format!("{gid} {gid}"));
    let again = bench.ask(&Request::PingGroupRange {}).await;
    assert!(again.message.contains("already"), "{again:?}");

    let broken = bench.ask(&Request::ServiceReload { unit: unit("broken.service") }).await;
    assert_eq!(broken.outcome, Outcome::Failed);
    assert!(broken.message.contains("no such thing"), "{broken:?}");
    let slow = bench.ask(&Request::ServiceReload { unit: unit("slow.service") }).await;
    assert!(slow.message.contains("took longer than 1 s"), "{slow:?}");
    bench.end().await;
}

/// Catches: a ruleset that comes from elsewhere than from the checked request, and counts that are cut in the middle.
#[tokio::test]
async fn counting_is_one_ruleset_and_a_listing_of_one_table() {
    let bench = Bench::new("account wan0\n");
    let script = "#!/bin/sh\necho \"$@\" >>\"${0%/*}/calls\"\n\
        case $1 in -f) cat >\"${0%/*}/ruleset\";; -j) cat \"${0%/*}/listing\";; esac\n";
    std::fs::write(bench.path("nft"), script).expect("written");
    std::fs::set_permissions(bench.path("nft"), PermissionsExt::from_mode(0o755)).expect("ours");
    let line = Line {
        interface: Interface::try_from("wan0".to_owned()).expect("a name"),
        down: Way::In,
        shares: vec![vec!["10.1.0.0/16".parse().expect("a block")]],
        talkers: true,
    };
    let lines = Lines::try_from(vec![line]).expect("within bounds");
    let set = bench.ask(&Request::AccountingSet { lines: lines.clone() }).await;
    assert_eq!(set.outcome, Outcome::Done, "{set:?}");
    assert_eq!(std::fs::read_to_string(bench.path("ruleset")).expect("read"), lines.ruleset());

    let listing = format!("{{\"nftables\": [{}0]}}", "\"l0s0_down\", ".repeat(60_000));
    std::fs::write(bench.path("listing"), &listing).expect("written");
    let mut read = bench.ask(&Request::AccountingRead {}).await;
    assert_eq!(read.facts.remove(COUNTS).as_deref(), Some(listing.as_str()));
    std::fs::write(bench.path("listing"), listing.repeat(3)).expect("written");
    let read = bench.ask(&Request::AccountingRead {}).await;
    assert_eq!((read.outcome, read.facts.len()), (Outcome::Failed, 0), "{}", read.message);

    let cleared = bench.ask(&Request::AccountingClear {}).await;
    assert_eq!(cleared.outcome, Outcome::Done, "{cleared:?}");
    assert_eq!(std::fs::read_to_string(bench.path("ruleset")).expect("read"), crate::count::without());
    let list = "-j list table inet wasl_acct";
    assert_eq!(bench.calls(), ["-f -", list, list, "-f -"]);
    bench.end().await;
}

/// Catches: a permission that outlives its line, and a broken file that still permits.
#[tokio::test]
async fn a_permission_holds_as_long_as_it_is_written() {
    let bench = Bench::new(EVERYTHING);
    let reload = Request::ServiceReload { unit: unit("a.service") };
    assert_eq!(bench.ask(&reload).await.outcome, Outcome::Done);
    bench.allow("status a.service\n");
    let refused = bench.ask(&reload).await;
    assert_eq!(refused.outcome, Outcome::Refused);
    assert!(refused.message.contains("`reload a.service`"), "{refused:?}");
    bench.allow("reload a.service\nrelaod b.service\n");
    assert_eq!(bench.ask(&reload).await.outcome, Outcome::Refused);
    bench.allow("reload a.service\n");
    std::fs::set_permissions(bench.path("helper.conf"), PermissionsExt::from_mode(0o666)).expect("ours");
    assert_eq!(bench.ask(&reload).await.outcome, Outcome::Refused);
    std::fs::remove_file(bench.path("helper.conf")).expect("ours");
    assert_eq!(bench.ask(&reload).await.outcome, Outcome::Refused);
    assert_eq!(bench.calls().len(), 4, "one reload only");
    bench.end().await;
}

/// Catches: a helper that trusts whoever reaches the socket.
#[tokio::test]
async fn another_user_is_refused_whatever_is_asked() {
    let bench = Bench::new(EVERYTHING);
    let other = if nix::unistd::geteuid().is_root() { "nobody" } else { "root" };
    write_policy(&bench.path("helper.conf"), &format!("peer {other}\npeer no-such-user\n{EVERYTHING}"));
    for request in [
        Request::Version {},
        Request::ServiceReload { unit: unit("a.service") },
        Request::Power { action: PowerAction::Reboot },
    ] {
        let reply = bench.ask(&request).await;
        assert_eq!(reply.outcome, Outcome::Refused);
        assert!(reply.message.contains("peers"), "{reply:?}");
    }
    assert_eq!(bench.calls(), Vec::<String>::new());
    bench.end().await;
}

#[tokio::test]
async fn hostile_lines_are_refused_and_run_nothing() {
    let bench = Bench::new(EVERYTHING);
    let long = vec![b'{'; MAX_REQUEST * 4];
    let padded = format!(r#"{{"verb":"power","action":"reboot"{}}}"#, " ".repeat(MAX_REQUEST));
    let lines: [&[u8]; 8] = [
        b"\n",
        b"\xff\xfe\x00\n",
        b"reboot\n",
        b"{\"verb\":\"service-reload\",\"unit\":\"../../a.service\"}\n",
        b"{\"verb\":\"service-reload\",\"unit\":\"--now.service\"}\n",
        b"{\"verb\":\"service-reload\",\"unit\":\"a.service; reboot\"}\n",
        &long,
        padded.as_bytes(),
    ];
    for line in lines {
        let reply = bench.say(line).await;
        assert!(
            reply.as_ref().is_none_or(|reply| reply.outcome == Outcome::Refused),
            "{:?}: {reply:?}",
            String::from_utf8_lossy(line)
        );
    }
    assert_eq!(bench.calls(), Vec::<String>::new());
    bench.end().await;
}

#[tokio::test]
async fn a_flood_is_held_to_the_rate_and_others_are_heard_afterwards() {
    let bench = Bench::new(EVERYTHING);
    let mut stream = bench.call().await;
    let line = b"{\"verb\":\"version\"}\n";
    let mut done = 0;
    loop {
        let Some(reply) = say(&mut stream, line).await else { break };
        if reply.outcome != Outcome::Done {
            assert!(reply.message.contains("too many"), "{reply:?}");
            break;
        }
        done += 1;
    }
    assert!((10..=12).contains(&done), "{done} were answered");
    // It refills.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(bench.ask(&Request::Version {}).await.outcome, Outcome::Done);
    bench.end().await;
}

/// Catches: slow callers that shut out others for ever, and callers beyond the bound that pile up.
#[tokio::test(start_paused = true)]
async fn slow_callers_are_shut_out_after_their_time() {
    let bench = Bench::new(EVERYTHING);
    let mut slow = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = bench.call().await;
        stream.write_all(b"{\"verb\":").await.expect("taken");
        slow.push(stream);
    }
    // All places are taken; more are turned away at once and without an answer.
    for _ in 0..100 {
        let mut more = bench.call().await;
        assert_eq!(more.read(&mut [0; 16]).await.unwrap_or(0), 0);
    }
    for stream in &mut slow {
        assert_eq!(stream.read(&mut [0; 16]).await.expect("hung up"), 0);
    }
    assert_eq!(bench.ask(&Request::Version {}).await.outcome, Outcome::Done);
    bench.end().await;
}

#[tokio::test]
async fn callers_at_the_same_time_get_each_their_own_answer() {
    let bench = Bench::new(EVERYTHING);
    let (status, version) = (Request::ServiceStatus { unit: unit("a.service") }, Request::Version {});
    let (one, other) = tokio::join!(bench.ask(&status), bench.ask(&version));
    assert_eq!(one.message, "a.service is active");
    assert_eq!(other.message, "wasl-helper is at work");
    bench.end().await;
}
