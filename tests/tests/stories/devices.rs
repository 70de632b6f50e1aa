//! Real SNMP devices that change under the poller's eyes: their age and their ports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wasl_tests::centre::{Agent, Centre, write_secret};
use wasl_tests::daemon::Daemon;
use wasl_tests::net::{Net, Place};
use wasl_tests::wait::{self, now_ms};
use wasl_tests::{packages, skip, tool};

mod dead;

/// Several polls and some patience.
const SOON: Duration = Duration::from_secs(60);
/// How often devices are polled.
const EVERY: Duration = Duration::from_secs(5);
const V2C: &str = "version: v2c, community: community";
const V3: &str = "version: v3, user: wasl, auth: { protocol: sha256, secret: authentication }, privacy: { protocol: aes128, secret: privacy }";
const PORTS: [&str; 3] = ["port1", "port2", "port3"];
/// What a port counts before it is made anew, in bytes: as a rate it would stand out.
const BEFORE: u64 = 40_000_000;

fn need() -> Result<(), String> {
    packages::need_network().and_then(|()| packages::need("snmpd", "snmpd"))
}

/// A device that the agent polls.
struct Polled {
    id: String,
    /// Which `snmpd` answers there; none where something stands between.
    snmpd: Option<u8>,
    address: String,
    snmp: &'static str,
}

/// net-snmp's agent at addresses of the branch itself.
struct Device {
    own: PathBuf,
    logs: PathBuf,
    place: Place,
    daemon: Daemon,
}

impl Device {
    fn start(place: &Place, logs: &Path, id: &str, addresses: &BTreeSet<&str>) -> Self {
        let own = logs.join(format!("snmpd-{id}"));
        fs::create_dir_all(own.join("kept")).expect("a folder of our own");
        let listen: Vec<String> = addresses.iter().map(|address| format!("udp:{address}:1161")).collect();
        write_secret(
            &own.join("snmpd.conf"),
            &format!(
                "agentAddress {}
rocommunity story-community 127.0.0.0/8
createUser wasl SHA-256 story-authentication AES story-privacy
rouser wasl authpriv
sysName story-{id}
",
                listen.join(",")
            ),
        );
        let daemon = Self::launch(place, &own, logs);
        Self { own, logs: logs.to_owned(), place: place.clone(), daemon }
    }

    fn launch(place: &Place, own: &Path, logs: &Path) -> Daemon {
        let mut command = place.command("/usr/sbin/snmpd");
        command.args(["-f", "-Lo", "-C", "-c"]).arg(own.join("snmpd.conf")).arg("-p").arg(own.join("pid"));
        // What it keeps between its starts has the same name as its configuration.
        command.env("SNMP_PERSISTENT_DIR", own.join("kept"));
        Daemon::start("snmpd", command, logs)
    }

    fn kill(&mut self) {
        self.daemon.kill();
    }

    fn live_again(&mut self) {
        self.daemon = Self::launch(&self.place, &self.own, &self.logs);
    }
}

/// Makes a port with this `ifIndex`.
fn plug(place: &Place, port: &str, index: u32) {
    let (index, far) = (index.to_string(), format!("{port}-far"));
    let ip = |args: &[&str]| tool::finish(place.command("ip").args(args));
    ip(&["link", "add", "name", port, "index", &index, "type", "veth", "peer", "name", &far]);
    for end in [port, &far] {
        ip(&["link", "set", end, "up"]);
    }
}

fn unplug(place: &Place, port: &str) {
    tool::finish(place.command("ip").args(["link", "del", port]));
}

/// Sends so many bytes of data out of a port.
fn send(place: &Place, port: &str, network: u8, bytes: u64) {
    let address = format!("10.77.{network}.1/24");
    let ip = |args: &[&str]| tool::finish(place.command("ip").args(args));
    ip(&["address", "replace", &address, "dev", port]);
    let to = format!("10.77.{network}.2");
    ip(&["neigh", "replace", &to, "lladdr", "02:00:00:00:00:01", "dev", port]);
    place.on_a_thread(move || {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        for _ in 0..bytes / 1_000 {
            // Nobody listens there; what counts is that it was sent.
            let _ = socket.send_to(&[0; 1_000], (to.as_str(), 9));
        }
    });
}

/// A centre, a branch whose agent polls devices at addresses of its own, and nothing else.
struct Scene {
    centre: Centre,
    place: Place,
    devices: Vec<Device>,
    agent: Agent,
    _net: Net,
    _dir: tempfile::TempDir,
}

impl Scene {
    /// The devices are asked at `127.0.0.11` and onwards; those with the same address are one `snmpd`.
    fn open(polled: &[(&str, u8, &'static str)], ready: impl FnOnce(&Place)) -> Self {
        let polled: Vec<Polled> = polled
            .iter()
            .map(|&(id, host, snmp)| {
                let address = format!("127.0.0.{host}");
                Polled { id: id.to_owned(), snmpd: Some(host), address, snmp }
            })
            .collect();
        let scene = Self::open_with(&polled, |place, _| ready(place));
        for device in &polled {
            scene.await_device(&device.id, "device_answers");
        }
        scene
    }

    /// Nothing is awaited of the devices, to which `ready` has done something before they are polled.
    fn open_with(polled: &[Polled], ready: impl FnOnce(&Place, &mut [Device])) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let net = Net::centre_and_branches(1);
        let place = net.branch(1);
        let mut addresses: BTreeMap<u8, BTreeSet<&str>> = BTreeMap::new();
        for device in polled {
            if let Some(snmpd) = device.snmpd {
                addresses.entry(snmpd).or_default().insert(&device.address);
            }
        }
        let mut devices: Vec<Device> = addresses
            .iter()
            .map(|(snmpd, addresses)| Device::start(&place, dir.path(), &snmpd.to_string(), addresses))
            .collect();
        ready(&place, &mut devices);
        let mut configuration = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
defaults: { window: 2s }
sites: { one: { name: { en: One } } }
agents: { branch-1: { site: one, role: gateway } }
devices:
"
        .to_owned();
        for Polled { id, address, snmp, .. } in polled {
            writeln!(
                configuration,
                "  {id}: {{ host: {address}, port: 1161, from: branch-1, every: {}s, snmp: {{ {snmp} }} }}",
                EVERY.as_secs()
            )
            .expect("a string takes it");
        }
        let http = "127.0.0.1:8080".parse().expect("an address");
        let centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
        let mut agent = Agent::join(&centre, &place, dir.path(), "one", "gateway", "branch-1");
        for (name, value) in [
            ("community", "story-community"),
            ("authentication", "story-authentication"),
            ("privacy", "story-privacy"),
        ] {
            agent.secret(name, value);
        }
        agent.start();
        Self { centre, place, devices, agent, _net: net, _dir: dir }
    }

    fn await_device(&self, id: &str, code: &str) {
        let path = format!("device/{id}");
        self.centre.await_entity(&format!("{id} is {code}"), &path, SOON, |e| e["reason"]["code"] == code);
    }

    /// A port's points since `from` that have a value.
    fn points(&self, series: &str, from: i64) -> Vec<(i64, f64)> {
        let points = self.centre.history(&format!("{series}@branch-1"), from, now_ms());
        points.into_iter().filter_map(|(at, value)| Some((at, value?))).collect()
    }

    /// When a device was polled since `from`, and whether it answered.
    fn polls(&self, device: &Polled, from: i64) -> Vec<(i64, bool)> {
        let points = self.points(&format!("device/{}#answered", device.id), from);
        points.into_iter().map(|(at, answered)| (at, answered > 0.5)).collect()
    }

    /// The longest time without a poll of a device between `from` and now, in milliseconds.
    fn longest_rest(&self, device: &Polled, from: i64) -> i64 {
        let polls = self.polls(device, from).into_iter().map(|(at, _)| at);
        let times: Vec<i64> = [from].into_iter().chain(polls).chain([now_ms()]).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    /// Waits until a series has so many further values.
    fn await_points(&self, series: &str, more: usize) {
        let from = now_ms();
        wait::until_true(&format!("{series} goes on"), SOON, || self.points(series, from).len() >= more);
    }

    /// The interfaces of a device that anybody has been told of; panics if one is not up.
    fn interfaces_up(&self, device: &str) -> Vec<String> {
        let all = self.centre.client.json("/api/v1/entities?kind=interface");
        let mut found = Vec::new();
        for entity in all["items"].as_array().expect("a list") {
            let id = entity["id"].as_str().expect("an identifier");
            if id.split('/').next() == Some(device) {
                assert_eq!(entity["reason"]["code"], "interface_up", "{entity:#}");
                found.push(id.to_owned());
            }
        }
        found.sort();
        found
    }

    /// Sends a lot out of one port, and waits until it is seen there; panics if it is seen at another.
    fn await_only(&self, sender: &str, network: u8) {
        let lot = BEFORE as f64 / 2.0 / EVERY.as_secs_f64();
        for port in PORTS {
            self.await_points(&rate_of("router", port), 1);
        }
        let from = now_ms();
        send(&self.place, sender, network, BEFORE);
        let most = |port| {
            let points = self.points(&rate_of("router", port), from);
            points.into_iter().map(|(_, rate)| rate).fold(0.0, f64::max)
        };
        wait::until_true("it is seen", SOON, || most(sender) > lot);
        for port in PORTS.into_iter().filter(|port| *port != sender) {
            assert!(most(port) < lot / 100.0, "{port} is said to have sent what {sender} sent");
        }
    }

    /// Waits for the rate that a profile makes of a counter, and looks for it where people and Prometheus do.
    fn assert_sensor(&self, device: &str, sensor: &str) {
        let series = format!("sensor/{device}/{sensor}#rate");
        wait::until_true("the counter has a rate", SOON, || !self.points(&series, 0).is_empty());
        let metrics = self.centre.metrics();
        let line =
            format!("wasl_sensor_rate_per_second{{site=\"one\",device=\"{device}\",sensor=\"{sensor}\"}}");
        let rate = metrics.lines().find_map(|metric| metric.strip_prefix(&line));
        let rate: f64 = rate.and_then(|rate| rate.trim().parse().ok()).expect("Prometheus sees it");
        // net-snmp reads these counters anew once a minute only, so it may well be nothing.
        assert!((0.0..1e6).contains(&rate), "{rate}");
        let page = || self.centre.client.get(&format!("/entities/device/{device}")).text();
        wait::until_true("the device's page has it", SOON, || page().contains(sensor));
    }

    /// Panics if a rate since `from` is negative or above `limit`, in bytes per second.
    fn assert_no_spike(&self, id: &str, from: i64, limit: f64) {
        for port in PORTS {
            for way in ["transmit_rate", "receive_rate"] {
                let series = format!("interface/{id}/{port}#{way}");
                for (at, rate) in self.points(&series, from) {
                    assert!((0.0..=limit).contains(&rate), "{series} is {rate} at {at}");
                }
            }
        }
    }
}

fn rate_of(id: &str, port: &str) -> String {
    format!("interface/{id}/{port}#transmit_rate")
}

/// Catches: a restart that reads as an enormous wrap, and a device that is lost because its engine counts its boots and
/// its time from anew.
#[test]
fn a_device_that_restarts_makes_no_spike_and_is_polled_on() {
    let name = "a_device_that_restarts_makes_no_spike_and_is_polled_on";
    if let Err(reason) = need() {
        skip!(name, reason);
    }
    let ids = ["plain", "secured"];
    let mut scene = Scene::open(&[("plain", 11, V2C), ("secured", 11, V3)], |place| {
        for (port, index) in PORTS.into_iter().zip(101..) {
            plug(place, port, index);
        }
        send(place, "port2", 2, BEFORE);
    });
    for id in ids {
        scene.await_points(&rate_of(id, "port2"), 2);
    }
    let from = now_ms();
    scene.devices[0].kill();
    for id in ids {
        scene.await_device(id, "device_silent");
    }
    // It comes back as after a power cut: with another time, and counters that begin at nothing.
    for (port, index) in PORTS.into_iter().zip(101..) {
        unplug(&scene.place, port);
        plug(&scene.place, port, index);
    }
    let restarted = now_ms();
    scene.devices[0].live_again();
    for id in ids {
        scene.await_device(id, "device_answers");
        scene.await_points(&rate_of(id, "port2"), 3);
        scene.assert_no_spike(id, from, BEFORE as f64 / 8.0);
        let age = scene.points(&format!("device/{id}#uptime"), restarted);
        let (at, seconds) = *age.last().expect("it was polled");
        assert!(seconds <= (at - restarted) as f64 / 1_000.0 + 1.0, "{id} is {seconds} seconds old");
        let (before, younger) = age[0];
        let (passed, grown) = ((at - before) as f64 / 1_000.0, seconds - younger);
        assert!((grown - passed).abs() <= 1.0, "{id} grew {grown} s older in {passed} s");
    }
    let notices = scene.centre.client.json("/api/v1/notices");
    for id in ids {
        let subject = format!("device/{id}");
        let open =
            notices["items"].as_array().expect("a list").iter().any(|n| n["subject"] == subject.as_str());
        assert!(!open, "{notices:#}");
    }
    scene.agent.daemon().assert_running();
}

/// Catches: a series that follows a port's number, one that a new number or a new hardware address begins, and one that
/// the row of a port that is gone begins.
#[test]
fn ports_keep_their_series_whatever_their_numbers() {
    let name = "ports_keep_their_series_whatever_their_numbers";
    if let Err(reason) = need() {
        skip!(name, reason);
    }
    let mut scene = Scene::open(&[("router", 11, V2C)], |place| {
        for (port, index) in PORTS.into_iter().zip(101..) {
            plug(place, port, index);
        }
    });
    let mut series = vec!["router/lo".to_owned(), "router/uplink".to_owned()];
    for port in PORTS {
        series.extend([format!("router/{port}"), format!("router/{port}-far")]);
    }
    series.sort();
    scene.await_points(&rate_of("router", "port3"), 2);
    // The device shows for some seconds what it read of a port that was just being made.
    for port in &series {
        let path = format!("interface/{}", port.replacen('/', "%2F", 1));
        let is_up = |entity: &serde_json::Value| entity["reason"]["code"] == "interface_up";
        scene.centre.await_entity(&format!("{port} is up"), &path, SOON, is_up);
    }
    assert_eq!(scene.interfaces_up("router"), series);

    // Made anew while it runs: other numbers, other hardware addresses, and the old rows stay for minutes.
    let from = now_ms();
    for (port, index) in PORTS.into_iter().zip(201..) {
        unplug(&scene.place, port);
        plug(&scene.place, port, index);
    }
    scene.await_only("port2", 2);
    let voided: f64 = scene.points("device/router#voided", from).into_iter().map(|(_, count)| count).sum();
    assert!(voided >= PORTS.len() as f64, "{voided} increments were left out: each port began anew");
    assert_eq!(scene.interfaces_up("router"), series);

    scene.assert_sensor("router", "packets received IPv4");

    // A restart, after which each has another's number.
    scene.devices[0].kill();
    scene.await_device("router", "device_silent");
    for port in PORTS {
        unplug(&scene.place, port);
    }
    for (port, index) in PORTS.into_iter().zip([202, 203, 201]) {
        plug(&scene.place, port, index);
    }
    scene.devices[0].live_again();
    scene.await_device("router", "device_answers");
    scene.await_only("port3", 3);
    assert_eq!(scene.interfaces_up("router"), series);
    scene.agent.daemon().assert_running();
}
