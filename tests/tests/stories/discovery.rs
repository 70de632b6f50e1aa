//! What agents find without being told.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use wasl_tests::centre::{Agent, Centre, write_secret};
use wasl_tests::client::{Event, Events};
use wasl_tests::daemon::Daemon;
use wasl_tests::net::{Lab, Net};
use wasl_tests::{packages, skip, tool, wait};

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

/// A centre with this configuration, what happens there, and the branch's agent at work.
fn begin(net: &Net, dir: &Path, configuration: &str) -> (Centre, Events, Agent) {
    let http = "127.0.0.1:8080".parse().expect("an address");
    let centre = Centre::start(&net.centre(), dir, configuration, http, net.agents_listener());
    let events = centre.client.events("/api/v1/events?after=0");
    let mut agent = Agent::join(&centre, &net.branch(1), dir, "one", "gateway", "branch-1");
    agent.start();
    (centre, events, agent)
}

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
    let (centre, events, _agent) = begin(&net, dir.path(), configuration);
    let heard = |change: &'static str| {
        move |event: &Event| {
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
    wait::until_true("the neighbour is heard", SOON, || {
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
    let shown = stdout(&centre, &["discovery"]);
    assert!(shown.contains("story-core") && shown.contains("192.0.2.7"), "{shown}");
    let proposed = stdout(&centre, &["discovery", "--propose"]);
    assert!(proposed.contains("host: \"192.0.2.7\""), "{proposed}");
    assert!(proposed.contains("#   branch-1/port1 -- story-core Gi1/0/3"), "{proposed}");
    let page = centre.client.get("/discovery?lang=en");
    assert_eq!(page.status, 200);
    for shown in ["branch-1/port1", "<bdi>story-core</bdi>", "On no list", "host: &#34;192.0.2.7&#34;"] {
        assert!(page.text().contains(shown), "no {shown} in {}", page.text());
    }
    announce("port1-far", "120");
    announce("port1-far", "0");
    let mut again = 0;
    events.next("it takes its leave", SOON, |event| {
        again += u64::from(heard("came")(event));
        heard("went")(event)
    });
    assert_eq!(again, 0, "it was told again");
}

fn stdout(centre: &Centre, args: &[&str]) -> String {
    let output = centre.wasl(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A branch whose laboratory is swept every ten seconds. Machine 2 stands in the sweep's list, 3 among the stations, and 4
/// is a target.
fn swept() -> String {
    format!(
        "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
sites: {{ one: {{ name: {{ en: One }} }} }}
agents:
  branch-1:
    site: one
    role: gateway
    discovery: {{ sweep: [{{ interface: lab0, subnet: 10.3.16.0/28, every: 10s, known: [{}] }}] }}
stations: {{ pc-3: {{ mac: {}, site: one }} }}
targets: {{ pc-4: {{ address: {}, from: [branch-1] }} }}
",
        Lab::mac(2),
        Lab::mac(3),
        Lab::address(4)
    )
}

/// The figures of an event of this code.
fn args_of(event: &Event, code: &str) -> Option<serde_json::Value> {
    let event = (event.kind == "occurrence").then(|| event.json())?;
    (event["occurrence"]["code"] == code).then(|| event["occurrence"]["args"].clone())
}

/// The texts of an event for people have this in both languages.
fn assert_tells(event: &Event, what: &str) {
    let event = event.json();
    for text in ["text_en", "text_ar"] {
        let text = event["occurrence"][text].as_str();
        assert!(text.is_some_and(|text| text.contains(what)), "{event:#}");
    }
}

/// How the stations are known, by hardware address, as far as they are listed.
fn stations(centre: &Centre) -> Vec<(String, Option<String>)> {
    let found = centre.client.json("/api/v1/discovery/stations");
    let items = found["items"].as_array().expect("a list").iter();
    items
        .map(|s| (s["mac"].as_str().expect("an address").to_owned(), s["known"].as_str().map(str::to_owned)))
        .collect()
}

/// Catches: machines that a sweep does not find, known ones that are cried out, a stranger who is not or is again and again,
/// and a proposal that is no sound configuration or does not make him known.
#[test]
fn a_stranger_on_a_lab_subnet_is_an_event_and_known_when_he_was_adopted() {
    let name = "a_stranger_on_a_lab_subnet_is_an_event_and_known_when_he_was_adopted";
    if let Err(reason) = packages::need_network() {
        skip!(name, reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    let mut lab = net.lab(1);
    for number in 2..=4 {
        lab.machine(number);
    }
    let (mut centre, events, mut agent) = begin(&net, dir.path(), &swept());
    let known = [(2, "listed"), (3, "station/pc-3"), (4, "target/pc-4")]
        .map(|(number, known)| (Lab::mac(number), Some(known.to_owned())));
    wait::until_true("the machines are found", SOON, || stations(&centre) == known);

    lab.machine(5);
    let mut told = Vec::new();
    let stranger = events.next("the stranger", SOON, |event| {
        told.extend(args_of(event, "unknown_station"));
        !told.is_empty()
    });
    assert_tells(&stranger, &Lab::mac(5));
    assert_eq!(told[0]["mac"], Lab::mac(5), "{told:?}");
    assert_eq!(told[0]["ip"], Lab::address(5).to_string());
    assert_eq!(told[0]["interface"], "lab0");
    let shown = stdout(&centre, &["discovery"]);
    let line = shown.lines().find(|line| line.contains(&Lab::mac(5)));
    assert!(line.is_some_and(|line| line.contains("unknown")), "{shown}");
    let proposed = stdout(&centre, &["discovery", "--propose"]);
    assert!(proposed.contains(&Lab::mac(5)) && !proposed.contains(&Lab::mac(4)), "{proposed}");

    // When agent and controller start anew and find them all again, none of them is news.
    agent.end();
    centre.daemon.kill();
    let restarted = wait::now_ms();
    centre.start_again();
    agent.start();
    wait::until_true("all are seen again", SOON, || {
        let found = centre.client.json("/api/v1/discovery/stations");
        let items = found["items"].as_array().expect("a list");
        items.len() == 4 && items.iter().all(|s| s["first"].as_i64() >= Some(restarted))
    });
    let events = centre.client.events("/api/v1/events?after=0");
    lab.machine(6);
    let mut strangers = Vec::new();
    events.next("another stranger", SOON, |event| {
        strangers.extend(args_of(event, "unknown_station").map(|args| args["mac"].clone()));
        strangers.last().is_some_and(|mac| *mac == Lab::mac(6))
    });
    assert_eq!(strangers, [Lab::mac(5), Lab::mac(6)]);
    assert!(centre.metrics().contains("wasl_unknown_stations{site=\"one\"} 2.0\n"), "{}", centre.metrics());

    let config = centre.config();
    let config = config.to_str().expect("a name");
    let proposed = stdout(&centre, &["discovery", "--propose"]);
    let unasked = centre.wasl(&["adopt", "--config", config]);
    assert!(!unasked.status.success(), "there is nobody to ask");
    let adopt = ["adopt", "--config", config, "--file", "lab.yaml", "--yes"];
    assert_eq!(stdout(&centre, &adopt), proposed);
    centre.daemon.signal(Signal::SIGHUP);
    wait::until_true("he is known", SOON, || {
        let known = stations(&centre).into_iter().filter_map(|(_, known)| known).skip(3);
        known.eq(["station/one-02-00-00-00-10-05", "station/one-02-00-00-00-10-06"])
    });
    assert!(centre.metrics().contains("wasl_unknown_stations{site=\"one\"} 0.0\n"), "{}", centre.metrics());
    assert!(!centre.wasl(&adopt).status.success(), "a file that is there is not overwritten");
}

/// Speaks ARP by the interface in its first argument: as many machines as its second says, each with an address of its own.
const MAKE_UP: &str = "
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0))
for n in range(int(sys.argv[2])):
    mac = bytes([2, 0x66]) + n.to_bytes(4, 'big')
    ip = bytes([10, 3, 16, 2 + n % 13])
    wire.send(b'\\xff' * 6 + mac + bytes.fromhex('08060001080006040001') + mac + ip + bytes(6) + ip)
";

/// Catches: a machine that makes up others and so fills memory or the list of events; and two machines with one address.
#[test]
fn made_up_machines_are_a_few_events_and_two_with_one_address_are_told() {
    let name = "made_up_machines_are_a_few_events_and_two_with_one_address_are_told";
    if let Err(reason) = packages::need_network().and_then(|()| packages::need("python3", "python3-minimal"))
    {
        skip!(name, reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    let mut lab = net.lab(1);
    lab.machine(2);
    let second = lab.machine(3);
    let (centre, events, _agent) = begin(&net, dir.path(), &swept());
    wait::until_true("both are found", SOON, || stations(&centre).len() == 2);

    tool::finish(second.command("ip").args(["address", "add", "10.3.16.2/28", "dev", "eth0"]));
    let mut conflict = None;
    events.next("the conflict", SOON, |event| {
        conflict = args_of(event, "address_conflict");
        conflict.is_some()
    });
    let conflict = conflict.expect("it was told");
    assert_eq!(conflict["ip"], "10.3.16.2");
    let both = [conflict["mac"].as_str(), conflict["other_mac"].as_str()].map(|mac| mac.map(str::to_owned));
    assert!([2, 3].iter().all(|n| both.contains(&Some(Lab::mac(*n)))), "{conflict}");

    let mut told = 0;
    tool::finish(second.command("python3").args(["-c", MAKE_UP, "eth0", "3000"]));
    events.next("there are too many", SOON, |event| {
        let args = args_of(event, "unknown_station");
        told += u32::from(args.is_some());
        args.is_some_and(|args| args["subnet"] == "10.3.16.0/28")
    });
    tool::finish(second.command("python3").args(["-c", MAKE_UP, "eth0", "3000"]));
    wait::until_true("the agent lives on", SOON, || centre.is_connected("branch-1"));
    assert!(stations(&centre).len() <= 14, "more stations than addresses");
    let later = events.so_far();
    told += later.iter().filter(|event| args_of(event, "unknown_station").is_some()).count() as u32;
    assert!((2..=11).contains(&told), "{told} events");
}

/// A branch whose laboratory speaks IPv6 and is swept every ten seconds. Machine 2 stands in the sweep's list, 3 among the
/// stations, and 4 is a target. With `both`, the laboratory's subnet of IPv4 is swept as well, and 4 is known by its address
/// there.
fn swept6(both: bool) -> String {
    let v4 = if both { "{ interface: lab0, subnet: 10.3.16.0/28, every: 10s }, " } else { "" };
    let fourth = if both { Lab::address(4).to_string() } else { Lab::address6(4).to_string() };
    format!(
        "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
sites: {{ one: {{ name: {{ en: One }} }} }}
agents:
  branch-1:
    site: one
    role: gateway
    discovery: {{ sweep: [{v4}{{ interface: lab0, subnet: 'fd00:7::/64', every: 10s, known: [{}] }}] }}
stations: {{ pc-3: {{ mac: {}, site: one }} }}
targets: {{ pc-4: {{ address: '{fourth}', from: [branch-1] }} }}
",
        Lab::mac(2),
        Lab::mac(3),
    )
}

/// A station of the list, with its address and all those of IPv6.
fn addresses(centre: &Centre, number: u8) -> Option<(String, Vec<String>)> {
    let found = centre.client.json("/api/v1/discovery/stations");
    let station = found["items"].as_array().expect("a list").iter().find(|s| s["mac"] == Lab::mac(number))?;
    let text = |value: &serde_json::Value| value.as_str().expect("an address").to_owned();
    Some((text(&station["ip"]), station["ip6"].as_array().expect("a list").iter().map(text).collect()))
}

/// The address that a machine makes for itself out of its hardware address (RFC 4291, appendix A).
fn link_local(number: u8) -> String {
    format!("fe80::ff:fe00:10{number:02x}")
}

/// Catches: machines without IPv4 that are not found, or by one address only; those that do not answer calls; known ones
/// that are cried out, a stranger who is not; and an adopted one who stays a stranger.
#[test]
fn a_stranger_who_speaks_ipv6_only_is_an_event_and_known_when_he_was_adopted() {
    let name = "a_stranger_who_speaks_ipv6_only_is_an_event_and_known_when_he_was_adopted";
    if let Err(reason) = packages::need_network() {
        skip!(name, reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    let mut lab = net.lab(1);
    lab.speak_ipv6();
    for number in 2..=4 {
        lab.machine6(number);
    }
    let (centre, events, _agent) = begin(&net, dir.path(), &swept6(false));
    let known = [(2, "listed"), (3, "station/pc-3"), (4, "target/pc-4")]
        .map(|(number, known)| (Lab::mac(number), Some(known.to_owned())));
    wait::until_true("the machines are found", SOON, || stations(&centre) == known);
    let both = |number| {
        Some((Lab::address6(number).to_string(), vec![Lab::address6(number).to_string(), link_local(number)]))
    };
    for number in 2..=4 {
        assert_eq!(addresses(&centre, number), both(number));
    }

    // He does not answer when everybody is called, so only what he looks for himself tells of him.
    lab.reserved_machine6(5);
    let mut told = Vec::new();
    let stranger = events.next("the stranger", SOON, |event| {
        told.extend(args_of(event, "unknown_station"));
        !told.is_empty()
    });
    assert_tells(&stranger, &Lab::mac(5));
    assert_eq!(told[0]["mac"], Lab::mac(5), "{told:?}");
    assert_eq!(told[0]["ip"], Lab::address6(5).to_string());
    let shown = stdout(&centre, &["discovery"]);
    let line = shown.lines().find(|line| line.contains(&Lab::mac(5)));
    assert!(line.is_some_and(|line| line.contains("fd00:7::5 (+1)") && line.contains("unknown")), "{shown}");

    let config = centre.config();
    let adopt = ["adopt", "--config", config.to_str().expect("a name"), "--file", "lab.yaml", "--yes"];
    assert!(stdout(&centre, &adopt).contains(&Lab::mac(5)));
    centre.daemon.signal(Signal::SIGHUP);
    wait::until_true("he is known", SOON, || {
        stations(&centre).last() == Some(&(Lab::mac(5), Some("station/one-02-00-00-00-10-05".into())))
    });
    lab.machine6(6);
    let mut strangers = Vec::new();
    events.next("another stranger", SOON, |event| {
        strangers.extend(args_of(event, "unknown_station").map(|args| args["mac"].clone()));
        !strangers.is_empty()
    });
    assert_eq!(strangers, [Lab::mac(6)]);
}

/// Catches: a machine of both families that is two stations, or that is a stranger because it was heard by IPv6 first and is
/// known by IPv4.
#[test]
fn a_machine_that_speaks_both_is_one_station() {
    let name = "a_machine_that_speaks_both_is_one_station";
    if let Err(reason) = packages::need_network() {
        skip!(name, reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    let mut lab = net.lab(1);
    lab.speak_ipv6();
    let both = lab.machine6(4);
    lab.machine6(5);
    let (centre, events, _agent) = begin(&net, dir.path(), &swept6(true));
    // It has answered all calls, so by IPv6 it is known; only now it has IPv4 as well.
    wait::until_true("it was called", SOON, || {
        let counts = tool::output(both.command("cat").arg("/proc/net/snmp6")).stdout;
        let counts = String::from_utf8_lossy(&counts);
        let answers = counts.lines().find_map(|line| line.strip_prefix("Icmp6OutEchoReplies"));
        answers.and_then(|count| count.trim().parse::<u32>().ok()) >= Some(4)
    });
    let own = format!("{}/28", Lab::address(4));
    tool::finish(both.command("ip").args(["address", "add", &own, "dev", "eth0"]));
    // When it is certain that the one has no IPv4, the other's has long had its turn.
    let mut told = None;
    events.next("the one without IPv4 is a stranger", SOON * 2, |event| {
        told = args_of(event, "unknown_station");
        told.is_some()
    });
    assert_eq!(told.expect("it was told")["mac"], Lab::mac(5));
    assert_eq!(
        addresses(&centre, 4),
        Some((Lab::address(4).to_string(), vec![Lab::address6(4).to_string(), link_local(4)]))
    );
    assert_eq!(
        stations(&centre),
        [(Lab::mac(4), Some("target/pc-4".to_owned())), (Lab::mac(5), None)],
        "each once"
    );
}

/// Speaks Neighbour Discovery by the interface in its first argument: as many machines as its second says, each telling that
/// it has an address of its own; what is wrong with it, its third says.
const MAKE_UP_6: &str = r"
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0))
fault = sys.argv[3]
link = lambda last: bytes.fromhex('fe80' + '00' * 12) + last
everybody = bytes.fromhex('ff02' + '00' * 13 + '01')
for n in range(int(sys.argv[2])):
    number = n.to_bytes(2, 'big')
    mac = bytes([2, 0x66, 0, 0]) + number
    own = bytes.fromhex('fd000007' + '00' * 8 + '1000') + number
    said = b'\x20\0\0\0' + own
    if fault == 'option':
        said += b'\2\0' + mac
    else:
        said += b'\2\1' + (bytes([2, 0x77, 0, 0]) + number if fault == 'proxy' else mac)
    kind = 136
    if fault == 'answer':
        kind, said = 129, b'\0' * 4 + b'guessed!'
    source = everybody if fault == 'group' else own if fault == 'answer' else link(b'\x10\0')
    message = bytes([kind, 0, 0, 0]) + said
    words = source + everybody + len(message).to_bytes(4, 'big') + b'\0\0\0\x3a' + message
    total = sum(int.from_bytes(words[at:at + 2], 'big') for at in range(0, len(words), 2))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    total = total ^ 0xffff ^ (1 if fault == 'checksum' else 0)
    message = message[:2] + total.to_bytes(2, 'big') + message[4:]
    hops = 64 if fault == 'hops' else 255
    head = b'\x60\0\0\0' + len(message).to_bytes(2, 'big') + bytes([58, hops]) + source + everybody
    wire.send(b'\x33\x33\0\0\0\1' + mac + b'\x86\xdd' + head + message)
";

/// Catches: messages that are believed although they came through a router, are damaged, contradict themselves or answer what
/// was not asked; and a machine that makes up others and so fills memory or the list of events.
#[test]
fn who_lies_by_neighbour_discovery_is_not_believed_and_who_floods_is_a_few_events() {
    let name = "who_lies_by_neighbour_discovery_is_not_believed_and_who_floods_is_a_few_events";
    if let Err(reason) = packages::need_network().and_then(|()| packages::need("python3", "python3-minimal"))
    {
        skip!(name, reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    let mut lab = net.lab(1);
    lab.speak_ipv6();
    let liar = lab.machine6(2);
    let (centre, events, _agent) = begin(&net, dir.path(), &swept6(false));
    wait::until_true("the liar himself is found", SOON, || stations(&centre).len() == 1);
    let lie = |count: &str, fault: &str| {
        tool::finish(liar.command("python3").args(["-c", MAKE_UP_6, "eth0", count, fault]));
    };
    for fault in ["hops", "checksum", "option", "proxy", "answer", "group"] {
        lie("500", fault);
    }
    // One that is sound comes after them, so they have been heard when it is told.
    lie("1", "none");
    wait::until_true("the one that is sound is found", SOON, || stations(&centre).len() > 1);
    let found: Vec<String> = stations(&centre).into_iter().map(|(mac, _)| mac).collect();
    assert_eq!(found, [Lab::mac(2), "02:66:00:00:00:00".to_owned()]);

    let mut told = 0;
    let mut crowd = None;
    wait::until_true("there are too many", SOON, || {
        lie("3000", "none");
        for event in events.so_far() {
            let Some(args) = args_of(&event, "unknown_station") else { continue };
            told += 1;
            if args["places"].is_string() {
                crowd = Some(event);
            }
        }
        crowd.is_some()
    });
    let crowd = crowd.expect("it was told");
    let args = args_of(&crowd, "unknown_station").expect("it is that");
    assert_eq!((&args["subnet"], &args["places"]), (&"fd00:7::/64".into(), &"1024".into()));
    assert_tells(&crowd, "1024");
    lie("3000", "none");
    wait::until_true("the agent lives on", SOON, || centre.is_connected("branch-1"));
    assert!(stations(&centre).len() <= 1_024, "more stations than places");
    told += events.so_far().iter().filter(|event| args_of(event, "unknown_station").is_some()).count();
    assert!((2..=12).contains(&told), "{told} events");
}

/// Catches: a device whose neighbours are not read, are taken for the agent's own, or are said to have come when the agent
/// has just begun to look.
#[test]
fn a_device_tells_who_is_at_its_ports() {
    let name = "a_device_tells_who_is_at_its_ports";
    let needed = packages::need_network()
        .and_then(|()| packages::need("snmpd", "snmpd"))
        .and_then(|()| packages::need("snmpwalk", "snmp"))
        .and_then(|()| packages::need("python3", "python3-minimal"));
    if let Err(reason) = needed {
        skip!(name, reason);
    }
    if !tool::exists("lldpd") {
        // Its package starts a daemon that speaks on every wire of the machine, so no test installs it.
        skip!(name, "lldpd is not installed");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    let mut lab = net.lab(1);
    let (place, machine) = (net.branch(1), lab.machine(2));
    let own = dir.path().join("switch");
    std::fs::create_dir(&own).expect("a folder of our own");
    let (configuration, agentx) = (own.join("snmpd.conf"), own.join("agentx"));
    let text = format!(
        "agentAddress udp:127.0.0.1:1161\nrocommunity story-community 127.0.0.1\nmaster agentx\nagentXSocket {}\n",
        agentx.display()
    );
    write_secret(&configuration, &text);
    let mut command = place.command("/usr/sbin/snmpd");
    command.args(["-f", "-Lo", "-C", "-c"]).arg(&configuration).arg("-p").arg(own.join("pid"));
    command.env("SNMP_PERSISTENT_DIR", &own);
    let _snmpd = Daemon::start("snmpd", command, dir.path());
    wait::until_true("the device takes subagents", SOON, || agentx.exists());
    let mut command = place.command("/usr/sbin/lldpd");
    command.args(["-d", "-x", "-X"]).arg(&agentx).arg("-u").arg(own.join("near"));
    let _near = Daemon::start("lldpd-near", command, dir.path());
    wait::until_true("the device has heard its neighbour", SOON, || {
        tool::finish(machine.command("python3").args(["-c", ANNOUNCE, "eth0", "120"]));
        let mut command = place.command("snmpwalk");
        command.env("SNMP_PERSISTENT_DIR", dir.path());
        command.args(["-m", "", "-v2c", "-c", "story-community", "-Oqn", "127.0.0.1:1161"]);
        tool::output(command.arg("1.0.8802.1.1.2.1.4.1.1.9"))
            .stdout
            .starts_with(b".1.0.8802.1.1.2.1.4.1.1.9.")
    });

    let configuration = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
sites: { one: { name: { en: One } } }
agents: { branch-1: { site: one, role: gateway } }
devices: { switch: { host: 127.0.0.1, port: 1161, from: branch-1, every: 5s, snmp: { version: v2c, community: community } } }
";
    let http = "127.0.0.1:8080".parse().expect("an address");
    let centre = Centre::start(&net.centre(), dir.path(), configuration, http, net.agents_listener());
    let events = centre.client.events("/api/v1/events?after=0");
    let mut agent = Agent::join(&centre, &place, dir.path(), "one", "gateway", "branch-1");
    agent.secret("community", "story-community");
    agent.start();
    let found = wait::until("the neighbour is told", SOON, || {
        let found = centre.client.json("/api/v1/discovery/neighbours");
        found["items"].as_array().expect("a list").iter().find(|n| n["heard_at"] == "switch/port-2").cloned()
    });
    assert_eq!(found["agent"], "branch-1");
    assert_eq!(found["chassis"], "52:54:00:12:34:56");
    assert_eq!(found["port"], "Gi1/0/3");
    assert_eq!(found["system_name"], "story-core");
    assert_eq!(found["management_address"], "192.0.2.7");
    let proposed = stdout(&centre, &["discovery", "--propose"]);
    let line = proposed.lines().find(|line| line.contains("host: \"192.0.2.7\""));
    assert!(line.is_some_and(|line| line.contains("depends_on: [device/switch]")), "{proposed}");
    let came = events.so_far();
    assert!(came.iter().all(|event| args_of(event, "neighbour_changed").is_none()), "it was there before");
}
