use super::*;
use wasl_model::InterfaceSample;
use wasl_model::health::Health;
use wasl_model::units::{Bytes, Millis};

use crate::live::Live;

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn at(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1000)
}

/// A line that ends in an interface of a router and in one of its gateway; the router is asked first.
fn settings() -> Settings {
    let text = "institution: { id: u, name: { en: U }, timezone: Asia/Hebron }
sites: { centre: { name: { en: Centre } }, jenin: { name: { en: Jenin } } }
agents: { jenin-gw: { site: jenin, role: gateway } }
devices: { router: { host: 10.3.16.7, from: jenin-gw, snmp: { version: v2c, community: c } } }
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

/// Says that an interface received so many bytes in the ten seconds before.
fn told(capacity: &mut Capacity, interface: &str, ended: Timestamp, bytes: u64, now: Timestamp) {
    let key: Key = ("jenin-gw".parse().expect("valid"), interface.parse().expect("valid"));
    let value = Value::Interface(InterfaceSample {
        interval: Some(Millis(10_000)),
        receive_bytes: Some(Bytes(bytes)),
        transmit_bytes: Some(Bytes(bytes)),
        ..InterfaceSample::default()
    });
    let live = Live::default();
    let observation = wasl_model::Observation { subject: key.1.clone(), at: ended, value };
    live.apply(&key.0, vec![observation], now);
    capacity.note(&key, &live.read().values[&key], now);
}

const ROUTER: &str = "interface/router/wan";
const GATEWAY: &str = "interface/jenin-gw/eth0";

fn capacity(settings: &Settings) -> Capacity {
    let mut capacity = Capacity::default();
    capacity.configure(settings, &Engine::new(wasl_health::Policy::default()));
    capacity
}

fn used(capacity: &Capacity, now: Timestamp) -> Option<f64> {
    capacity.lines["l"].loads.now(now)[0]
}

/// Catches: a router that died, after which nobody judges any more whether its line is full.
#[test]
fn when_the_meter_that_is_asked_falls_silent_the_next_one_is_asked() {
    let settings = settings();
    let mut capacity = capacity(&settings);
    told(&mut capacity, ROUTER, at(0), 5_000_000, at(0));
    told(&mut capacity, GATEWAY, at(1), 1_000_000, at(1));
    assert_eq!(used(&capacity, at(1)), Some(0.5), "the first is asked while it tells anything");
    told(&mut capacity, GATEWAY, at(89), 1_000_000, at(89));
    assert_eq!(used(&capacity, at(89)), Some(0.5));
    told(&mut capacity, GATEWAY, at(91), 1_000_000, at(91));
    assert_eq!(used(&capacity, at(91)), Some(0.1), "it was silent for too long");
    told(&mut capacity, ROUTER, at(100), 5_000_000, at(100));
    assert_eq!(used(&capacity, at(100)), Some(0.5), "it is back");
}

/// Catches: what a dead router said before a restart, which is read again with everything else.
#[test]
fn what_is_old_takes_nobodys_place() {
    let settings = settings();
    let mut capacity = capacity(&settings);
    told(&mut capacity, GATEWAY, at(1_000), 1_000_000, at(1_000));
    told(&mut capacity, ROUTER, at(0), 5_000_000, at(1_000));
    assert_eq!(used(&capacity, at(1_000)), Some(0.1));
}

/// Catches: shares that are not judged because the line's load stands still.
#[test]
fn a_line_is_judged_by_the_meter_that_is_left() {
    use wasl_model::units::{Count, Micros};
    use wasl_model::{LinkCause, LinkVerdict, ProbeWindow};
    let settings = settings();
    let mut capacity = capacity(&settings);
    told(&mut capacity, ROUTER, at(0), 100_000, at(0));
    for second in [100, 110, 120] {
        told(&mut capacity, GATEWAY, at(second), 9_900_000, at(second));
    }
    let window = ProbeWindow {
        window: Some(Millis(10_000)),
        verdict: Some(LinkVerdict::Degraded),
        cause: Some(LinkCause::Loss),
        sent: Some(Count(50)),
        received: Some(Count(40)),
        judged_rtt: Some(Micros(240_000)),
        ..ProbeWindow::default()
    };
    let live = Live::default();
    let agent: AgentId = "jenin-gw".parse().expect("valid");
    let link: Subject = "link/l".parse().expect("valid");
    let value = Value::Probe(window.into());
    live.apply(&agent, vec![wasl_model::Observation { subject: link.clone(), at: at(120), value }], at(120));
    let judged = capacity.laid(&agent, "l", &live.read().values[&(agent.clone(), link)]).expect("a window");
    assert_eq!((judged.health, judged.reason.code.as_str()), (Health::Degraded, reasons::LINK_CONGESTED));
}
