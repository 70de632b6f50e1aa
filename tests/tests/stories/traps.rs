//! Devices that call by themselves: traps and informs, few and very many.

mod links;

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use wasl_tests::centre::{Agent, Centre, write_secret};
use wasl_tests::client::{Event, Events};
use wasl_tests::daemon::Daemon;
use wasl_tests::net::{Net, Place};
use wasl_tests::wait;
use wasl_tests::{packages, skip, tool};

const SOON: Duration = Duration::from_secs(25);
const FLOOD_SECONDS: u64 = 4;
const FLOOD_PER_SECOND: u64 = 1_000;

/// `linkDown` of the interface that stands in the last bytes, from net-snmp's `snmptrap`.
const LINK_DOWN: &str = "1.3.6.1.6.3.1.1.5.3";
const LINK_UP: &str = "1.3.6.1.6.3.1.1.5.4";

fn snmpd(place: &Place, dir: &Path) -> Daemon {
    let own = dir.join("snmpd");
    fs::create_dir(&own).expect("a folder of our own");
    let configuration = own.join("snmpd.conf");
    write_secret(
        &configuration,
        "agentAddress udp:127.0.0.1:1161\nrocommunity story-community 127.0.0.1\nsysName story-switch\n",
    );
    let mut command = place.command("/usr/sbin/snmpd");
    command.args(["-f", "-Lo", "-C", "-c"]).arg(&configuration).arg("-p").arg(own.join("pid"));
    command.env("SNMP_PERSISTENT_DIR", &own);
    Daemon::start("snmpd", command, dir)
}

fn configuration() -> String {
    "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
sites: { one: { name: { en: One } } }
agents: { branch-1: { site: one, role: gateway, traps: {} } }
devices:
  switch: { name: { en: Switch }, host: 127.0.0.1, port: 1161, from: branch-1, every: 30m, snmp: { version: v2c, community: community } }
  core:
    name: { en: Core }
    host: 127.0.0.2
    port: 1162
    from: branch-1
    every: 30m
    snmp: { version: v3, user: wasl, auth: { protocol: sha256, secret: authentication }, privacy: { protocol: aes128, secret: privacy } }
"
    .to_owned()
}

/// A centre, a branch with a device that has a port of its own, and the stream of events.
struct Scene {
    centre: Centre,
    agent: Agent,
    place: Place,
    events: Events,
    _snmpd: Daemon,
    _net: Net,
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let net = Net::centre_and_branches(1);
        let place = net.branch(1);
        tool::finish(place.command("ip").args([
            "link",
            "add",
            "port1",
            "type",
            "veth",
            "peer",
            "name",
            "port1-far",
        ]));
        for end in ["port1", "port1-far"] {
            tool::finish(place.command("ip").args(["link", "set", end, "up"]));
        }
        let snmpd = snmpd(&place, dir.path());
        let http = "127.0.0.1:8080".parse().expect("an address");
        let centre = Centre::start(&net.centre(), dir.path(), &configuration(), http, net.agents_listener());
        let events = centre.client.events("/api/v1/events?after=0");
        let mut agent = Agent::join(&centre, &place, dir.path(), "one", "gateway", "branch-1");
        for (name, value) in [
            ("community", "story-community"),
            ("authentication", "story-authentication"),
            ("privacy", "story-privacy"),
        ] {
            agent.secret(name, value);
        }
        agent.start();
        centre.await_entity("the port is known", "interface/switch%2Fport1", SOON, |e| {
            e["numbers"]["up"].is_number()
        });
        Self { centre, agent, place, events, _snmpd: snmpd, _net: net, dir }
    }

    fn occurrence(&self, what: &str, subject: &str, code: &str) -> serde_json::Value {
        let wanted = |event: &Event| {
            event.kind == "occurrence"
                && event.json()["subject"] == subject
                && event.json()["occurrence"]["code"] == code
        };
        self.events.next(what, SOON, wanted).json()
    }

    /// Sends a notification about the port by net-snmp's own tool.
    fn notify(&self, program: &str, how: &[&str], trap: &str, index: &str) {
        let objects: [&str; 2] = ["1.3.6.1.2.1.2.2.1.1", "1.3.6.1.2.1.2.2.1.8"];
        let mut command = self.place.command(program);
        command.env("SNMP_PERSISTENT_DIR", self.dir.path()).args(["-m", ""]).args(how);
        command.args(["127.0.0.1:162", "", trap]);
        let status = if trap == LINK_DOWN { "2" } else { "1" };
        for (object, value) in objects.into_iter().zip([index, status]) {
            command.args([&format!("{object}.{index}"), "i", value]);
        }
        tool::finish(&mut command);
    }

    fn index(&self) -> String {
        let text = tool::finish(self.place.command("cat").arg("/sys/class/net/port1/ifindex"));
        // Where /sys is that of another namespace, `ip` knows.
        let shown = tool::finish(self.place.command("ip").args(["-o", "link", "show", "port1"]));
        shown.split(':').next().map_or(text, |index| index.trim().to_owned())
    }
}

/// Catches: traps that are not heard, are told about the wrong thing, or are believed without a look: the device is
/// polled every half hour here, so only the trap can have made the poll that shows the port down.
#[test]
fn a_device_that_calls_is_heard_at_once_and_its_port_is_looked_at() {
    let name = "a_device_that_calls_is_heard_at_once_and_its_port_is_looked_at";
    let needed = packages::need_network()
        .and_then(|()| packages::need("snmpd", "snmpd"))
        .and_then(|()| packages::need("snmptrap", "snmp"));
    if let Err(reason) = needed {
        skip!(name, reason);
    }
    let scene = Scene::new();
    let index = scene.index();
    tool::finish(scene.place.command("ip").args(["link", "set", "port1", "down"]));
    wait::until_true("the device itself knows that its port is down", SOON, || {
        let mut command = scene.place.command("snmpget");
        command.env("SNMP_PERSISTENT_DIR", scene.dir.path());
        command.args(["-m", "", "-v2c", "-c", "story-community", "-Oqv", "127.0.0.1:1161"]);
        tool::finish(command.arg(format!("1.3.6.1.2.1.2.2.1.8.{index}"))).trim() == "2"
    });
    scene.notify("snmptrap", &["-v2c", "-c", "story-community"], LINK_DOWN, &index);
    let event = scene.occurrence("the trap", "interface/switch/port1", "link_down_trap");
    assert_eq!(event["occurrence"]["args"]["if_index"], index.as_str(), "{event:#}");
    assert_eq!(
        (&event["occurrence"]["late"], &event["occurrence"]["agent"]),
        (&false.into(), &"branch-1".into())
    );
    scene
        .centre
        .await_entity("the poll shows it", "interface/switch%2Fport1", SOON, |e| e["numbers"]["up"] == 0.0);

    // It is found again afterwards: in the list, in the terminal, on the pages, and as a count.
    let sentence = "The device says that a link is going down";
    let list = scene.centre.client.json("/api/v1/events?subject=device/switch&code=link_down_trap");
    assert_eq!(list["items"][0]["occurrence"]["text_en"], sentence, "{list:#}");
    let shown = scene.centre.wasl(&["events", "--subject", "interface/switch/port1", "--kind", "occurrence"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&format!("  warning  interface/switch/port1  {sentence}\n")), "{shown}");
    for page in ["entities/interface/switch%2Fport1", "entities/device/switch", "discovery"] {
        let shown = scene.centre.client.get(&format!("/{page}?lang=en")).text();
        assert!(shown.contains(sentence), "{page}: {shown}");
    }
    let counted = "wasl_occurrences_total{site=\"one\",code=\"link_down_trap\"} 1.0\n";
    assert!(scene.centre.metrics().contains(counted), "{}", scene.centre.metrics());

    // An inform comes back only if it was answered: `snmpinform` fails otherwise.
    let secured = [
        "-v3",
        "-l",
        "authPriv",
        "-u",
        "wasl",
        "-a",
        "SHA-256",
        "-A",
        "story-authentication",
        "-x",
        "AES",
        "-X",
        "story-privacy",
        "--clientaddr=127.0.0.2",
    ];
    scene.notify("snmpinform", &secured, LINK_UP, "7");
    let event = scene.occurrence("the inform", "device/core", "link_up_trap");
    assert_eq!(event["occurrence"]["args"]["if_index"], "7");
    scene.notify("snmpinform", &["-v2c", "-c", "story-community"], LINK_UP, &index);
    scene.occurrence("the inform", "interface/switch/port1", "link_up_trap");

    // Another community at the same address proves nothing.
    scene.notify("snmptrap", &["-v2c", "-c", "guessed"], LINK_DOWN, &index);
    let event = scene.occurrence("the count", "device/switch", "traps_dropped");
    assert_eq!(event["occurrence"]["args"]["refused"], "1", "{event:#}");
    // It still polls a second device, though, that does not answer at all.
    assert!(scene.centre.is_connected("branch-1"));
}

/// A trap as `snmptrap -v2c` makes it, with a number of its own as `sysUpTime` and `ifIndex`.
fn trap(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let object = |name: &[u8], value: &[u8]| {
        let inner = [&[0x06, name.len() as u8], name, value].concat();
        [&[0x30, inner.len() as u8], inner.as_slice()].concat()
    };
    let interface = [0x2b, 6, 1, 2, 1, 2, 2, 1, 1, 1];
    let objects = [
        object(&[0x2b, 6, 1, 2, 1, 1, 3, 0], &[0x43, 3, 0, high, low]),
        object(&[0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0], &[0x06, 9, 0x2b, 6, 1, 6, 3, 1, 1, 5, 3]),
        object(&interface, &[0x02, 3, 0, high, low]),
    ]
    .concat();
    let body =
        [&[0x02, 3, 0, high, low, 0x02, 1, 0, 0x02, 1, 0, 0x30, objects.len() as u8], objects.as_slice()]
            .concat();
    let community = b"story-community";
    let message =
        [&[0x02, 1, 1, 0x04, community.len() as u8], &community[..], &[0xa7, body.len() as u8], &body]
            .concat();
    [&[0x30, message.len() as u8], message.as_slice()].concat()
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

/// Catches: a flood that fills memory, silences the agent, or disappears without a count.
#[test]
fn a_flood_of_traps_is_bounded_and_every_one_is_accounted_for() {
    let name = "a_flood_of_traps_is_bounded_and_every_one_is_accounted_for";
    if let Err(reason) = packages::need_network().and_then(|()| packages::need("snmpd", "snmpd")) {
        skip!(name, reason);
    }
    let mut scene = Scene::new();
    // From here on every datagram counts.
    let before = resident_kib(scene.agent.daemon().pid());
    #[expect(clippy::disallowed_methods, reason = "the sleep is the pace of the flood, nothing is awaited")]
    let sent = scene.place.on_a_thread(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let (began, mut sent) = (Instant::now(), 0);
        while sent < FLOOD_SECONDS * FLOOD_PER_SECOND {
            let due = began.elapsed().as_millis() as u64 * FLOOD_PER_SECOND / 1000;
            while sent < due.min(FLOOD_SECONDS * FLOOD_PER_SECOND) {
                socket.send_to(&trap(sent as u16), "127.0.0.1:162").expect("sent");
                sent += 1;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        sent
    });
    let (mut kept, mut dropped) = (0, 0);
    scene.events.next("all are accounted for", 2 * SOON, |event| {
        if event.kind == "occurrence" {
            let event = event.json();
            match event["occurrence"]["code"].as_str() {
                Some("link_down_trap") => kept += 1,
                Some("traps_dropped") => {
                    let count = event["occurrence"]["args"]["dropped"].as_str().expect("a number");
                    dropped += count.parse::<u64>().expect("a number");
                }
                _ => {}
            }
        }
        kept + dropped >= sent
    });
    assert_eq!(kept + dropped, sent, "{kept} kept, {dropped} dropped");
    assert!((50..=400).contains(&kept), "{kept} kept");
    let after = resident_kib(scene.agent.daemon().pid());
    assert!(after < before + 8 * 1024, "from {before} KiB to {after} KiB");
    scene.agent.end();
}
