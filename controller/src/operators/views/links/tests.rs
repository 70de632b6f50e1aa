use super::*;
use std::time::Duration;
use wasl_model::units::{Bytes, Millis};
use wasl_model::{AgentId, InterfaceSample, Observation};

use crate::live::Live;

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn settings() -> Settings {
    let text = "institution: { id: u, name: { en: U }, timezone: Asia/Hebron }
sites: { centre: { name: { en: Centre } }, jenin: { name: { en: Jenin } } }
agents: { jenin-gw: { site: jenin, role: gateway, host_every: 10s } }
devices: { router: { host: 10.3.16.7, from: jenin-gw, every: 60s, snmp: { version: v2c, community: c } } }
links:
  l:
    name: { en: L }
    between: [centre, jenin]
    contract: { down: 8Mbit/s, up: 8Mbit/s }
    probes: [{ from: jenin-gw, to: 10.0.0.1 }]
    interfaces: [interface/router/wan, interface/jenin-gw/eth0]
";
    wasl_settings::load_from(&[("wasl.yaml".into(), text.to_owned())]).expect("sound")
}

fn told(live: &Live, interface: &str, ago: u64, bytes: u64) {
    let value = Value::Interface(InterfaceSample {
        interval: Some(Millis(10_000)),
        receive_bytes: Some(Bytes(bytes)),
        transmit_bytes: Some(Bytes(bytes)),
        ..InterfaceSample::default()
    });
    let at = NOW.minus(Duration::from_secs(ago));
    let agent: AgentId = "jenin-gw".parse().expect("valid");
    let subject = interface.parse().expect("valid");
    live.apply(&agent, vec![Observation { subject, at, value }], NOW);
}

fn down(live: &Live) -> FlowView {
    let settings = settings();
    flows(&settings, &live.read(), &settings.links()["l"], NOW).0
}

/// Catches: the traffic of three days ago, shown as that of now because the router that told it was asked first.
#[test]
fn traffic_is_shown_from_the_first_meter_that_tells_of_now() {
    let live = Live::default();
    assert_eq!(down(&live).at, None);
    told(&live, "interface/router/wan", 190, 10);
    told(&live, "interface/jenin-gw/eth0", 40, 70);
    let flow = down(&live);
    assert_eq!((flow.rate, flow.old), (Some(1.0), false), "three polls and ten seconds may pass");
    let live = Live::default();
    told(&live, "interface/router/wan", 191, 10);
    told(&live, "interface/jenin-gw/eth0", 40, 70);
    let flow = down(&live);
    assert_eq!((flow.rate, flow.old), (Some(7.0), false));
    assert_eq!(flow.interface.expect("one").0.to_string(), "interface/jenin-gw/eth0");
}

#[test]
fn where_every_meter_is_silent_nothing_is_carried_as_far_as_is_known() {
    let live = Live::default();
    told(&live, "interface/router/wan", 3 * 86_400, 10);
    let flow = down(&live);
    assert_eq!((flow.rate, flow.share(), flow.old), (None, None, true));
    assert_eq!(flow.at, Some(NOW.minus(Duration::from_secs(3 * 86_400))));
    assert!(flow.series.is_some(), "its past is still drawn");
}
