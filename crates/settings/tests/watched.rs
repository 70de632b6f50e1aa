//! Which interfaces are meant to be up.

use std::path::PathBuf;

use wasl_model::Subject;
use wasl_settings::load_from;

const TEXT: &str = "
institution: { id: hebron, name: { en: Hebron }, timezone: Asia/Hebron }
sites:
  hub: { name: { en: Hub } }
  jenin: { name: { en: Jenin }, uplinks: [interface/gw/wan1] }
agents:
  gw: { site: hub, role: gateway, watch: [lan0, 'wwan*'] }
devices:
  core: { host: 10.0.0.2, from: gw, snmp: { version: v2c, community: core }, watch: [Gi0/47, 'Po*'] }
  edge: { host: 10.0.0.3, from: gw, snmp: { version: v2c, community: edge }, depends_on: [interface/core/Gi0/12] }
links:
  line:
    between: [hub, jenin]
    probes: [{ from: gw, to: 10.0.1.1 }]
    interfaces: [interface/core/Gi0/48]
";

/// Catches: thirty free ports of a switch that are thirty incidents, and a port that matters and is not missed.
#[test]
fn an_interface_is_meant_to_be_up_if_something_depends_on_it_or_it_is_watched() {
    let files = [(PathBuf::from("wasl.yaml"), TEXT.to_owned())];
    let settings = load_from(&files).expect("it is valid");
    let watched = |interface: &str| settings.watches(&interface.parse::<Subject>().expect("a subject"));
    for meant in [
        "core/Gi0/48",
        "core/Gi0/47",
        "core/Gi0/12",
        "core/Po1",
        "core/Po12",
        "gw/wan1",
        "gw/lan0",
        "gw/wwan3",
    ] {
        assert!(watched(&format!("interface/{meant}")), "{meant}");
    }
    let named = |interface: &str| settings.names(&interface.parse().expect("a subject"));
    assert!(named("interface/core/Gi0/48") && named("interface/core/Gi0/47") && named("interface/gw/wan1"));
    assert!(named("interface/gw/lan0") && !named("interface/gw/wwan3"));
    assert!(!named("interface/core/Po1") && !named("interface/core/Po*") && !named("interface/core/Gi0/4"));
    for other in [
        "core/Gi0/4",
        "core/Gi0/470",
        "core/po1",
        "edge/Gi0/47",
        "edge/Po1",
        "gw/wan0",
        "core/lan0",
        "gw/Po1",
        "none/Po1",
    ] {
        assert!(!watched(&format!("interface/{other}")), "{other}");
    }
}
