use super::*;

/// Recorded on machines with one default route, with two, and with a dialled line.
const ROUTE: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
const TWO_ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\tFE0000C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth1\t00000000\t00000000\t0200\t0\t0\t1\t00000000\t0\t0\t0
";
const DIALLED: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
";
const NO_DEFAULT: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000080\t0\t0\t0
";
const ROUTE_V6: &str = "\
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000064 00000001 00000000 00450003     eth1
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 00000001 00000001 00000000 00200200       lo
";

fn hop(ip: &str, device: &str) -> Hop {
    Hop { ip: ip.parse().expect("an address"), device: Some(device.to_owned()) }
}

fn files(route: &str, route_v6: &str, resolv_conf: &str) -> (tempfile::TempDir, Sources) {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let sources = Sources {
        route_v4: write("route", route),
        route_v6: write("ipv6_route", route_v6),
        resolv_conf: write("resolv.conf", resolv_conf),
    };
    (dir, sources)
}

#[test]
fn the_default_route_with_the_lowest_metric_is_taken() {
    assert_eq!(default_v4(ROUTE), Some(hop("192.0.2.1", "eth0")));
    assert_eq!(default_v4(TWO_ROUTES), Some(hop("192.0.0.254", "eth0")), "eth1 is a reject route");
    assert_eq!(default_v4(DIALLED), Some(hop("0.0.0.0", "ppp0")));
    assert_eq!(default_v4(NO_DEFAULT), None, "128.0.0.0 below the default is not the default");
    assert_eq!(default_v4(""), None);
    assert_eq!(default_v4("Iface\nnonsense\neth0 0 zz"), None);
    assert_eq!(default_v6(ROUTE_V6), Some(hop("fe80::1", "eth1")), "0x64 is lower than 0x400; lo rejects");
    assert_eq!(default_v6("half a line 00"), None);
}

#[test]
fn the_first_name_server_is_taken() {
    let text = "# nameserver 192.0.2.9\nsearch example.edu\nnameservers 192.0.2.8\n\
                nameserver\t192.0.2.53 # ours\nnameserver 192.0.2.54\n";
    assert_eq!(name_server(text).map(|hop| hop.ip), Some(IpAddr::from([192, 0, 2, 53])));
    assert_eq!(name_server("nameserver fe80::53%eth0\n"), Some(hop("fe80::53", "eth0")));
    assert_eq!(name_server("nameserver not-an-address\n"), None);
}

#[tokio::test]
async fn the_machines_own_words_are_looked_up() {
    let (_dir, sources) = files(ROUTE, ROUTE_V6, "nameserver 192.0.2.53\n");
    let gateway = look_up(&Address::DefaultGateway, &sources, None).await.expect("a gateway");
    assert_eq!(gateway, "192.0.2.1:0".parse().expect("valid"));
    let resolver = look_up(&Address::Resolver, &sources, None).await.expect("a resolver");
    assert_eq!(resolver, "192.0.2.53:0".parse().expect("valid"));

    let v6 = ROUTE_V6.lines().nth(1).expect("the line over eth0");
    let (_dir, sources) = files(NO_DEFAULT, v6, "");
    let gateway = look_up(&Address::DefaultGateway, &sources, None).await.expect("an IPv6 gateway");
    assert_eq!(gateway, "[fd00::1]:0".parse().expect("valid"));
    let none = look_up(&Address::Resolver, &sources, None).await;
    assert!(matches!(none, Err(LookupError::NoNameServer(_))), "{none:?}");
}

#[tokio::test]
async fn what_cannot_be_probed_says_why() {
    let (_dir, mut sources) = files(DIALLED, "", "");
    let dialled = look_up(&Address::DefaultGateway, &sources, None).await;
    assert!(matches!(&dialled, Err(LookupError::PointToPoint(device)) if device == "ppp0"), "{dialled:?}");
    sources.route_v4 = "/nonexistent/route".into();
    let missing = look_up(&Address::DefaultGateway, &sources, None).await;
    assert!(matches!(missing, Err(LookupError::Read(..))), "{missing:?}");
    for (text, expected) in [
        ("0.0.0.0", "0.0.0.0 is not the address of one host"),
        ("224.0.0.1", "224.0.0.1 is not the address of one host"),
        ("ff02::1", "ff02::1 is not the address of one host"),
        ("fe80::1", "such as fe80::1%eth0"),
        ("fe80::1%no-such-one", "there is no interface `no-such-one`"),
    ] {
        let error = look_up(&Address::Host(text.to_owned()), &sources, None).await.expect_err(text);
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

#[tokio::test]
async fn a_link_local_address_is_bound_to_its_interface() {
    let address = Address::Host("fe80::1%lo".to_owned());
    let found = look_up(&address, &Sources::default(), None).await.expect("lo is everywhere");
    let SocketAddr::V6(v6) = found else { panic!("{found}") };
    assert_ne!(v6.scope_id(), 0);
    assert!(!can_change(&address));
    assert!(can_change(&Address::Host("localhost".to_owned())));
    assert!(can_change(&Address::DefaultGateway));
}
