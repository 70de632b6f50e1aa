//! What agents find without being told.

use std::time::Duration;

use wasl_tests::centre::{Agent, Centre};
use wasl_tests::net::Net;
use wasl_tests::{packages, skip, tool};

const SOON: Duration = Duration::from_secs(25);

/// Sends an announcement by the interface in its first argument, with the time to live in its second.
const ANNOUNCE: &str = "
import socket, sys
part = lambda kind, value: (kind << 9 | len(value)).to_bytes(2, 'big') + value
mac = bytes.fromhex('525400123456')
unit = part(1, b'\\4' + mac) + part(2, b'\\5Gi1/0/3') + part(3, int(sys.argv[2]).to_bytes(2, 'big')) + part(5, b'story-core') + part(8, bytes([5, 1, 192, 0, 2, 7, 2, 0, 0, 0, 1, 0])) + part(0, b'')
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0))
wire.send(bytes.fromhex('0180c200000e') + mac + b'\\x88\\xcc' + unit)
";

/// Catches: frames that are not heard, heard at ports nobody asked for, or told again and again.
#[test]
fn a_neighbour_that_announces_itself_is_told_once_and_once_when_it_leaves() {
    let name = "a_neighbour_that_announces_itself_is_told_once_and_once_when_it_leaves";
    if let Err(reason) = packages::need_network().and_then(|()| packages::need("python3", "python3-minimal"))
    {
        skip!(name, reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    let place = net.branch(1);
    for port in ["port1", "port2"] {
        let far = format!("{port}-far");
        tool::finish(place.command("ip").args(["link", "add", port, "type", "veth", "peer", "name", &far]));
        for end in [port, &far] {
            tool::finish(place.command("ip").args(["link", "set", end, "up"]));
        }
    }
    let configuration = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
sites: { one: { name: { en: One } } }
agents: { branch-1: { site: one, role: gateway, discovery: { lldp: [port1] } } }
";
    let http = "127.0.0.1:8080".parse().expect("an address");
    let centre = Centre::start(&net.centre(), dir.path(), configuration, http, net.agents_listener());
    let events = centre.client.events("/api/v1/events?after=0");
    let mut agent = Agent::join(&centre, &place, dir.path(), "one", "gateway", "branch-1");
    agent.start();
    let heard = |change: &'static str| {
        move |event: &wasl_tests::client::Event| {
            if event.kind != "occurrence" {
                return false;
            }
            let event = event.json();
            assert_eq!(event["subject"], "interface/branch-1/port1", "{event:#}");
            event["occurrence"]["args"]["change"] == change
        }
    };
    let announce = |port: &str, ttl: &str| {
        tool::finish(place.command("python3").args(["-c", ANNOUNCE, port, ttl]));
    };
    // Until the agent has its assignment nobody listens, so the neighbour speaks until it is heard.
    centre.await_agent("branch-1");
    let mut came = None;
    wasl_tests::wait::until_true("the neighbour is heard", SOON, || {
        announce("port2-far", "120");
        announce("port1-far", "120");
        came = events.so_far().into_iter().find(heard("came"));
        came.is_some()
    });
    let came = came.expect("it was heard").json();
    assert_eq!(came["occurrence"]["code"], "neighbour_changed");
    assert_eq!(came["occurrence"]["args"]["system_name"], "story-core");
    assert_eq!(came["occurrence"]["args"]["chassis"], "52:54:00:12:34:56");
    let found = centre.client.json("/api/v1/discovery/neighbours");
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found:#}");
    assert_eq!(found["items"][0]["heard_at"], "branch-1/port1");
    let shown = centre.wasl(&["discovery"]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("story-core") && shown.contains("host: \"192.0.2.7\""), "{shown}");
    announce("port1-far", "120");
    announce("port1-far", "0");
    let mut again = 0;
    events.next("it takes its leave", SOON, |event| {
        again += u64::from(heard("came")(event));
        heard("went")(event)
    });
    assert_eq!(again, 0, "it was told again");
}
