//! The first minute of somebody who tries Wasl, on one machine, without root.

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use wasl_tests::client::{Client, encoded};
use wasl_tests::daemon::{self, Daemon};
use wasl_tests::net::{Lone, Place};
use wasl_tests::{binaries, packages, skip, wait};

/// From the start of `wasl up` to a page full of live values. The promise is 5 s for the released
/// program; this is a debug build that shares two processors with another story.
const FIRST_PAGE: Duration = Duration::from_secs(8);
/// From a second start to a page.
const SECOND_PAGE: Duration = Duration::from_secs(3);
/// From Ctrl-C to the end of both processes.
const GOODBYE: Duration = Duration::from_secs(10);
/// How soon an agent must be gone when its `wasl up` vanished.
const ORPHAN: Duration = Duration::from_secs(12);

/// A folder and the means to start `wasl up` in it.
struct Desk {
    dir: TempDir,
    net: Option<Lone>,
    bin: PathBuf,
}

impl Desk {
    /// As root: a machine of its own, and nobody as the user, so that nothing outside is probed. As a
    /// person: that person and this machine.
    fn new(icmp: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let bin = binaries::for_everybody(dir.path());
        let home = dir.path().join("home");
        fs::create_dir(&home).expect("a folder");
        let net = nix::unistd::geteuid().is_root().then(|| {
            fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .expect("ours");
            chown(&home, Some(65534), Some(65534)).expect("root may give files away");
            Lone::new()
        });
        if let Some(net) = net.as_ref().filter(|_| !icmp) {
            net.forbid_icmp();
        }
        Self { dir, net, bin }
    }

    fn place(&self) -> Place {
        self.net.as_ref().map_or(Place::Here, Lone::place)
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home/wasl")
    }

    fn up(&self) -> Daemon {
        let place = self.place();
        let program = self.bin.join("wasl");
        let mut command = match place {
            Place::Here => place.command(program),
            Place::Namespace(_) => place.command_as_nobody(program),
        };
        command.args(["up", "--http", "127.0.0.1:0", "--agents", "127.0.0.1:0", "--home"]).arg(self.home());
        command.current_dir(self.dir.path().join("home"));
        Daemon::start("wasl-up", command, self.dir.path())
    }

    /// The listener, once this very process has written where it is.
    fn client(&self, up: &Daemon) -> Option<Client> {
        let file = self.home().join("controller/addresses.json");
        let addresses: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        (addresses["pid"] == up.pid()).then(|| Client::of(&self.place(), &addresses))
    }
}

/// The text of one part of a page, without its tags.
fn words(page: &str, id: &str) -> String {
    let Some((_, rest)) = page.split_once(&format!("id=\"{id}\"")) else { return String::new() };
    let part = rest.split("</section>").next().unwrap_or_default();
    let mut out = String::new();
    let mut inside = true;
    for c in part.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace(['\u{2068}', '\u{2069}', '\u{a0}', '\u{202f}'], " ")
}

/// Whether a text holds a number that is followed by a unit, such as `0.05 ms`.
fn has_figure(text: &str, units: &[&str]) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| word.trim_start_matches(['<', '≈', '~']).parse::<f64>().is_ok();
    words.windows(2).any(|pair| number(pair[0]) && units.contains(&pair[1]))
        || words.iter().any(|word| units.iter().any(|unit| word.strip_suffix(unit).is_some_and(number)))
}

/// What is missing on the overview; empty when a new user sees everything alive.
fn missing(page: &str) -> Vec<&'static str> {
    let (machines, targets, agents) =
        (words(page, "live-machines"), words(page, "live-targets"), words(page, "live-agents"));
    let after =
        |text: &str, word: &str| text.split_once(word).map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    let row = after(&targets, "gateway").split("resolver").next().unwrap_or_default().to_owned();
    let mut missing = Vec::new();
    let mut need = |there: bool, what| {
        if !there {
            missing.push(what);
        }
    };
    need(has_figure(&after(&machines, "Processor"), &["%"]), "the processor's load");
    need(has_figure(&after(&machines, "Memory"), &["%"]), "the memory's use");
    need(
        has_figure(&after(&machines, "Free"), &["GB", "TB", "MB", "GiB", "TiB", "MiB"]),
        "a disk's free room",
    );
    need(has_figure(&row, &["ms", "µs"]), "the gateway's round-trip time");
    need(agents.contains("this-machine") && agents.contains("Connected"), "the connected agent");
    missing
}

fn await_first_page(
    desk: &Desk,
    up: &mut Daemon,
    begun: Instant,
    complete: bool,
    within: Duration,
) -> Client {
    let mut last = Vec::new();
    loop {
        up.assert_running();
        let page = desk.client(up).and_then(|client| Some((client.try_get("/?lang=en").ok()?, client)));
        if let Some((page, client)) = page.filter(|(page, _)| page.status.is_success()) {
            last = missing(&page.text());
            if last.is_empty() || !complete {
                return client;
            }
        }
        assert!(begun.elapsed() < within, "after {within:?} a new user still misses {last:?}\n{}", up.tail());
        wait::during(Duration::from_millis(50), || {});
    }
}

fn agent_of(up: &Daemon) -> u32 {
    let found = daemon::children(up.pid());
    assert_eq!(found.len(), 1, "`wasl up` has one child, its agent");
    found[0]
}

fn points(client: &Client, series: &str) -> Vec<Value> {
    let path = format!("/api/v1/history?series={}", encoded(series));
    client.try_json(&path).and_then(|all| all["points"].as_array().cloned()).unwrap_or_default()
}

/// Catches: a start that needs root or anything but the two programs, values that come only after the
/// first window or a reload, an end that hangs or loses what was seen, and an agent that outlives its
/// `wasl up`.
#[test]
fn a_new_user_sees_live_values_within_five_seconds() {
    if nix::unistd::geteuid().is_root()
        && let Err(reason) = packages::need_network()
    {
        skip!("a_new_user_sees_live_values_within_five_seconds", reason);
    }
    let desk = Desk::new(true);
    let begun = Instant::now();
    let mut up = desk.up();
    let client = await_first_page(&desk, &mut up, begun, true, FIRST_PAGE);
    println!("everything was on the first page after {:?}", begun.elapsed());

    // Somebody who just looks on sees it change.
    let events = client.events("/live/overview?lang=en");
    let first = events.next("the whole overview", Duration::from_secs(5), |e| e.kind == "fragments");
    assert!(
        first.data.contains("id=\"live-machines\"") && first.data.contains("id=\"live-targets\""),
        "{first:?}"
    );
    let later = events.next("a later reading of the machine", Duration::from_secs(8), |e| {
        e.kind == "fragments" && e.data.contains("id=\"live-machines\"")
    });
    assert_ne!(words(&first.data, "live-machines"), words(&later.data, "live-machines"));

    let metrics = client.get("/metrics").text();
    let line = "wasl_agent_connected{site=\"here\",agent=\"this-machine\"} 1";
    assert!(metrics.lines().any(|l| l.starts_with(line)), "{metrics}");

    let series = "machine/this-machine#memory_used@this-machine";
    let before = wait::until("some history", Duration::from_secs(5), || {
        Some(points(&client, series)).filter(|p| p.len() >= 2)
    });
    let agent = agent_of(&up);
    let asked = Instant::now();
    let status = up.end(Signal::SIGINT, GOODBYE);
    assert_eq!(status.code(), Some(0), "{}", up.tail());
    assert!(!daemon::is_alive(agent), "the agent outlived `wasl up`");
    assert!(asked.elapsed() < GOODBYE);
    assert!(!up.log().contains("ERROR") && !up.log().contains("panicked"), "{}", up.tail());

    let begun = Instant::now();
    let mut up = desk.up();
    let client = await_first_page(&desk, &mut up, begun, false, SECOND_PAGE);
    println!("the second start had a page after {:?}", begun.elapsed());
    let again = points(&client, series);
    for point in &before {
        assert!(again.contains(point), "{point} of the first run is gone: {again:?}");
    }

    // A controller that vanishes without a word takes its agent along.
    let agent =
        wait::until("the agent runs", Duration::from_secs(5), || daemon::children(up.pid()).first().copied());
    wait::until_true("the agent is connected", Duration::from_secs(10), || {
        client.get("/metrics").text().lines().any(|l| l.starts_with(line))
    });
    up.kill();
    wait::until_true("the agent ends with its parent", ORPHAN, || !daemon::is_alive(agent));
    drop(desk);
}

/// Catches: an agent that shows every target as lost where ICMP is not permitted, that says so at each
/// try, or that does not say what to do.
#[test]
fn without_the_right_for_icmp_the_agent_says_so_once_and_measures_by_tcp() {
    if let Err(reason) = packages::need_network() {
        skip!("without_the_right_for_icmp_the_agent_says_so_once_and_measures_by_tcp", reason);
    }
    let desk = Desk::new(false);
    let mut up = desk.up();
    let client = await_first_page(&desk, &mut up, Instant::now(), true, FIRST_PAGE * 2);
    let target = wait::until("the gateway answers by TCP", Duration::from_secs(15), || {
        let target = client.try_json("/api/v1/entities/target/gateway")?;
        (target["value"]["method"] == "tcp_connect" && target["health"] == "ok").then_some(target)
    });
    assert!(target["numbers"]["rtt_p50"].as_f64().is_some_and(|rtt| rtt > 0.0 && rtt < 1.0), "{target:#}");

    // It tries again every 30 s; meanwhile several windows pass.
    let upto = target["observed_at"].as_i64().expect("it was observed") + 12_000;
    wait::until_true("two more windows", Duration::from_secs(20), || {
        client.json("/api/v1/entities/target/gateway")["observed_at"].as_i64() > Some(upto)
    });
    let notices = client.json("/api/v1/notices");
    let told: Vec<&Value> = notices["items"].as_array().expect("a list").iter().collect();
    assert_eq!(told.len(), 1, "{notices:#}");
    assert_eq!(
        (&told[0]["code"], &told[0]["subject"]),
        (&"icmp_not_permitted".into(), &"agent/this-machine".into())
    );
    let log = up.log();
    assert_eq!(log.matches("ICMP is not permitted").count(), 1, "{log}");
    for remedy in ["net.ipv4.ping_group_range", "setcap cap_net_raw+ep", "CAP_NET_RAW"] {
        assert!(told[0]["detail"].as_str().is_some_and(|detail| detail.contains(remedy)), "{notices:#}");
    }
    let page = words(&client.get("/?lang=en").text(), "live-notices");
    assert!(page.contains("ping_group_range"), "the overview does not tell the remedy: {page}");
    assert_eq!(up.end(Signal::SIGINT, GOODBYE).code(), Some(0), "{}", up.tail());
}
