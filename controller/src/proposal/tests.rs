use super::*;

const HEAD: &str = "institution: { id: u, name: { en: U }, timezone: Asia/Hebron }
sites: { jenin: { name: { en: Jenin } } }
agents: { jenin-gw: { site: jenin, role: gateway, discovery: { sweep: [{ interface: lab0, subnet: 10.3.16.0/24 }] } } }
devices: { core-switch: { host: 10.0.0.9, from: jenin-gw, snmp: { version: v2c, community: c } } }
stations: { jenin-02-00-00-00-00-07: { mac: 02:00:00:00:00:08, site: jenin } }
";

fn load(more: &str) -> Settings {
    let files = [("wasl.yaml".into(), HEAD.to_owned()), ("found.yaml".into(), more.to_owned())];
    let sections = if more.trim().is_empty() { &files[..1] } else { &files[..] };
    wasl_settings::load_from(sections).unwrap_or_else(|problems| panic!("{problems:#?}\n{more}"))
}

fn neighbour(heard_at: &str, name: &str, address: Option<&str>, device: Option<&str>) -> NeighbourBody {
    NeighbourBody {
        agent: "jenin-gw".into(),
        heard_at: heard_at.into(),
        chassis: "52:54:00:12:34:56".into(),
        port: "Gi1\n# evil: {".into(),
        port_description: None,
        system_name: Some(name.into()),
        system_description: None,
        management_address: address.map(str::to_owned),
        at: 0,
        device: device.map(str::to_owned),
    }
}

fn station(number: u8, known: Option<&str>) -> StationBody {
    StationBody {
        agent: "jenin-gw".into(),
        site: "jenin".into(),
        interface: "lab0\nevil:".into(),
        mac: format!("02:00:00:00:00:{number:02x}"),
        ip: format!("10.3.16.{number}"),
        ip6: Vec::new(),
        first: 0,
        at: 0,
        known: known.map(str::to_owned),
    }
}

#[test]
fn a_proposal_fits_beside_the_configuration_whatever_was_found() {
    let proposal = of(
        &load(""),
        &[
            neighbour("jenin-gw/eth0", "Core Switch", Some("10.0.0.1"), None),
            neighbour("core-switch/Gi0/1", "core.switch", Some("10.0.0.2"), None),
            neighbour("jenin-gw/eth1", "x\" } }\n  evil: {", Some("fd00::1"), None),
            neighbour("jenin-gw/eth2", "again", Some("10.0.0.1"), None),
            neighbour("jenin-gw/eth3", "known", Some("10.0.0.9"), Some("core-switch")),
            neighbour("jenin-gw/eth4", "nowhere", None, None),
            NeighbourBody {
                agent: "elsewhere".into(),
                ..neighbour("elsewhere/a", "e", Some("10.0.0.77"), None)
            },
        ],
        &[station(9, None), station(7, None), station(5, Some("listed")), station(9, None)],
    );
    assert_eq!((proposal.devices, proposal.stations), (3, 2), "{}", proposal.yaml);
    let settings = load(&proposal.yaml);
    let devices: Vec<(&str, &str)> =
        settings.devices().iter().map(|(id, d)| (id.as_str(), d.host.as_str())).collect();
    let expected = [
        ("core-switch", "10.0.0.9"),
        ("core-switch-x", "10.0.0.2"),
        ("core-switch-x-x", "10.0.0.1"),
        ("x-------evil", "fd00::1"),
    ];
    assert_eq!(devices, expected);
    let hangs_on: Vec<String> =
        settings.devices()["core-switch-x"].depends_on.iter().map(ToString::to_string).collect();
    assert_eq!(hangs_on, ["device/core-switch"]);
    let known = |number: u8| {
        let StationBody { mac, ip, .. } = station(number, None);
        settings.familiar("jenin", &mac, &[ip.parse().expect("an address")]).is_some()
    };
    assert!(known(7) && known(9) && known(8) && !known(10));
    assert!(proposal.yaml.contains("#   jenin-gw/eth3 -- core-switch "), "{}", proposal.yaml);
}

/// Catches: a core switch that "hangs on" the access switch that hears it, so that when the core dies the access switch is
/// blamed; and of two branches' switches at the same private address, one that is lost.
#[test]
fn what_hangs_on_what_is_seen_from_the_agent_and_every_place_has_its_own_addresses() {
    let more = "sites: { yatta: { name: { en: Yatta } } }
agents: { yatta-gw: { site: yatta, role: gateway } }
devices:
  access: { host: 10.0.0.10, from: jenin-gw, snmp: { version: v2c, community: c } }
  lonely: { host: 10.0.0.11, from: jenin-gw, snmp: { version: v2c, community: c } }
";
    let settings = load(more);
    let other = |chassis: &str, n: NeighbourBody| NeighbourBody { chassis: chassis.to_owned(), ..n };
    let yatta = |n: NeighbourBody| NeighbourBody { agent: "yatta-gw".into(), ..n };
    let found = [
        other("52:54:00:00:00:01", neighbour("jenin-gw/eth0", "router", Some("10.0.0.1"), None)),
        other("52:54:00:00:00:01", neighbour("access/up", "router", Some("10.0.0.1"), None)),
        other("52:54:00:00:00:09", neighbour("jenin-gw/eth1", "core", Some("10.0.0.9"), Some("core-switch"))),
        other("52:54:00:00:00:0a", neighbour("core-switch/1", "access", Some("10.0.0.10"), Some("access"))),
        other("52:54:00:00:00:02", neighbour("core-switch/2", "lab", Some("10.0.0.2"), None)),
        other("52:54:00:00:00:02", neighbour("access/3", "lab", Some("10.0.0.2"), None)),
        other("52:54:00:00:00:03", neighbour("lonely/1", "above-or-below", Some("10.0.0.3"), None)),
        yatta(other("52:54:00:00:00:04", neighbour("yatta-gw/eth0", "there", Some("10.0.0.1"), None))),
    ];
    let proposal = of(&settings, &found, &[]);
    let both = load(&format!("{more}{}", proposal.yaml.replacen("devices:\n", "", 1)));
    let hangs_on =
        |id: &str| both.devices()[id].depends_on.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(hangs_on("router"), [""; 0], "the agent hears it itself");
    assert_eq!(hangs_on("lab"), ["device/core-switch"], "the nearer of the two that hear it");
    assert_eq!(hangs_on("above-or-below"), [""; 0], "nobody knows on which side it is");
    assert_eq!(
        (both.devices()["there"].host.as_str(), both.devices()["there"].from.as_str()),
        ("10.0.0.1", "yatta-gw")
    );
    let station = |site: &str, number| StationBody {
        site: site.into(),
        ip: "10.0.0.2".into(),
        ..station(number, None)
    };
    let proposal = of(&settings, &found, &[station("jenin", 20), station("yatta", 21)]);
    assert_eq!(proposal.stations, 1, "that of Yatta is another one:\n{}", proposal.yaml);
}

#[test]
fn the_same_finds_make_the_same_text_in_whatever_order_they_come() {
    let settings = load("");
    let neighbours = ["b", "a", "c"].map(|n| neighbour(&format!("jenin-gw/{n}"), n, Some("10.0.0.1"), None));
    let mut stations: Vec<StationBody> = (1..6).map(|n| station(n, None)).collect();
    let first = of(&settings, &neighbours, &stations);
    stations.reverse();
    let mut turned = neighbours.to_vec();
    turned.reverse();
    assert_eq!(of(&settings, &turned, &stations), first);
}

#[test]
fn what_is_known_is_not_proposed_and_an_announced_device_is_no_station() {
    let settings = load("");
    assert_eq!(of(&settings, &[], &[station(1, Some("station/a"))]), Proposal::default());
    let announced = neighbour("jenin-gw/eth0", "switch", Some("10.3.16.9"), None);
    let proposal = of(&settings, &[announced], &[station(9, None)]);
    assert_eq!((proposal.devices, proposal.stations), (1, 0));
}
