//! From what is known of machines, their parts, devices and targets to what pages show of them.

use wasl_model::{EntityKind, InterfaceSample, Subject, Timestamp, Value};
use wasl_pages::view::{DeviceView, DiskView, InterfaceView, KindTotal, MachineView, PortsView, TargetView};
use wasl_settings::Settings;

use super::{agent_name, is_of_now, judgement, latest, name, site, worst_first};
use crate::board::{Board, Entity};
use crate::intent::every;
use crate::live::{State, number, value_of};
use crate::shared::Shared;

pub(super) fn machine(
    shared: &Shared,
    board: &Board,
    live: &State,
    entity: &Entity,
    now: Timestamp,
) -> Option<MachineView> {
    let latest = latest(live, entity)?;
    let Value::Host(host) = &latest.value else { return None };
    let settings = shared.intent.settings();
    let is_of_now = is_of_now(&settings, entity, latest, now);
    let disks = board.parts(&entity.subject.id, EntityKind::Disk);
    let interfaces = board.parts(&entity.subject.id, EntityKind::Interface);
    Some(MachineView {
        id: entity.subject.id.clone(),
        site: site(shared, entity),
        state: judgement(entity),
        cpu_busy: value_of(host.cpu_busy).filter(|_| is_of_now),
        cpu_history: latest.trend.line(0, now),
        processors: host.processors.map(|c| c.0),
        memory_total: host.memory_total.map(|b| b.0),
        memory_available: host.memory_available.map(|b| b.0).filter(|_| is_of_now),
        swap_total: host.swap_total.map(|b| b.0),
        swap_free: host.swap_free.map(|b| b.0).filter(|_| is_of_now),
        booted_at: host.booted_at,
        sessions: host.sessions.map(|c| c.0).filter(|_| is_of_now),
        disks: disks.filter_map(|e| disk(&settings, live, e, now)).collect(),
        interfaces: interfaces.filter_map(|e| interface(&settings, live, e, now)).collect(),
    })
}

fn disk(settings: &Settings, live: &State, entity: &Entity, now: Timestamp) -> Option<DiskView> {
    let latest = latest(live, entity)?;
    let Value::Disk(disk) = &latest.value else { return None };
    Some(DiskView {
        id: entity.subject.id.clone(),
        mount: entity.subject.id.split_once('/').map(|(_, mount)| mount.to_owned())?,
        state: judgement(entity),
        size: disk.size.map(|b| b.0),
        available: disk.available.map(|b| b.0).filter(|_| is_of_now(settings, entity, latest, now)),
    })
}

pub(super) fn interface(
    settings: &Settings,
    live: &State,
    entity: &Entity,
    now: Timestamp,
) -> Option<InterfaceView> {
    let latest = latest(live, entity)?;
    let is_of_now = is_of_now(settings, entity, latest, now);
    let rate = |field| number(&latest.value, field).filter(|_| is_of_now);
    let interface = match &latest.value {
        Value::Interface(interface) => interface.clone(),
        Value::Gone => InterfaceSample::default(),
        _ => return None,
    };
    Some(InterfaceView {
        id: entity.subject.id.clone(),
        name: entity.subject.id.split_once('/').map(|(_, name)| name.to_owned())?,
        state: judgement(entity),
        up: interface.up.filter(|_| is_of_now),
        speed: interface.speed.map(|s| s.0),
        receive: rate("receive_rate"),
        transmit: rate("transmit_rate"),
        receive_history: latest.trend.line(0, now),
        transmit_history: latest.trend.line(1, now),
        errors: rate("errors"),
        discards: rate("discards"),
    })
}

pub(super) fn targets(shared: &Shared, board: &Board, live: &State, now: Timestamp) -> Vec<TargetView> {
    let settings = shared.intent.settings();
    worst_first(board, EntityKind::Target)
        .into_iter()
        .map(|entity| {
            let latest = latest(live, entity);
            let trend = latest.map(|l| l.trend.line(0, now));
            let latest = latest.filter(|latest| is_of_now(&settings, entity, latest, now));
            let window = match latest.map(|l| &l.value) {
                Some(Value::Probe(window)) => Some(window),
                _ => None,
            };
            let of = |field| latest.and_then(|l| number(&l.value, field));
            TargetView {
                id: entity.subject.id.clone(),
                name: name(shared, &entity.subject),
                address: settings
                    .targets()
                    .get(&entity.subject.id)
                    .map(|t| address(&t.address))
                    .unwrap_or_default(),
                agent: agent_name(entity),
                site: site(shared, entity),
                state: judgement(entity),
                method: window.and_then(|w| w.method),
                rtt_p50: of("rtt_p50"),
                rtt_p95: of("rtt_p95"),
                loss: of("loss"),
                jitter: of("jitter"),
                rtt_history: trend.unwrap_or_default(),
            }
        })
        .collect()
}

pub(super) fn address(address: &wasl_model::assignment::Address) -> String {
    use wasl_model::assignment::Address;
    match address {
        Address::Host(host) => host.clone(),
        Address::DefaultGateway => "default-gateway".into(),
        Address::Resolver => "resolver".into(),
    }
}

pub(super) fn device(
    shared: &Shared,
    board: &Board,
    live: &State,
    entity: &Entity,
    now: Timestamp,
) -> DeviceView {
    let settings = shared.intent.settings();
    let latest = latest(live, entity).filter(|latest| is_of_now(&settings, entity, latest, now));
    let up = match latest.map(|l| (l.at, &l.value)) {
        Some((at, Value::Device(sample))) => sample.up_since(at),
        _ => None,
    };
    DeviceView {
        id: entity.subject.id.clone(),
        name: name(shared, &entity.subject),
        host: settings.devices().get(&entity.subject.id).map(|d| d.host.clone()).unwrap_or_default(),
        agent: agent_name(entity),
        site: site(shared, entity),
        state: judgement(entity),
        up_since: up,
        ports: ports(&settings, board, live, entity, now),
    }
}

/// A device's interfaces, counted: a list of all of them is on its own page.
fn ports(settings: &Settings, board: &Board, live: &State, device: &Entity, now: Timestamp) -> PortsView {
    let healths = board.parts(&device.subject.id, EntityKind::Interface).map(|entity| entity.state.health);
    let healths = KindTotal::of(EntityKind::Interface, healths);
    let Some(agent) = &device.agent else { return PortsView { healths, up: 0, down: 0 } };
    let prefix = format!("{}/", device.subject.id);
    let first = Subject { kind: EntityKind::Interface, id: prefix.clone() };
    let told = live.values.range((agent.clone(), first)..);
    let told = told.take_while(|((by, s), _)| {
        by == agent && s.kind == EntityKind::Interface && s.id.starts_with(&prefix)
    });
    let states = told.filter_map(|((by, subject), latest)| match &latest.value {
        Value::Interface(interface) if latest.is_of_now(every(settings, by, subject), now) => interface.up,
        _ => None,
    });
    let (mut up, mut down) = (0, 0);
    for is_up in states {
        *(if is_up { &mut up } else { &mut down }) += 1;
    }
    PortsView { healths, up, down }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wasl_model::Observation;
    use wasl_model::health::{EntityState, Health, Reason};

    use super::*;
    use crate::live::Live;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn put(board: &mut Board, subject: &str, agent: &str, health: Health) {
        let subject: Subject = subject.parse().expect("valid");
        let state = EntityState {
            health,
            activity: None,
            proof: None,
            reason: Reason::new("x"),
            since: NOW,
            confidence: 1.0,
            caused_by: None,
        };
        let agent = Some(agent.parse().expect("valid"));
        let entity = Entity { subject: subject.clone(), state, site: None, agent, at: None };
        board.entities.insert(subject, Box::new(entity));
    }

    /// Catches: ports of `sw-10` counted for `sw-1`, those of another agent's device of that name, and those that nobody
    /// has told of for an hour.
    #[test]
    fn a_device_has_its_own_ports_and_those_that_are_silent_are_neither_up_nor_down() {
        let settings = wasl_settings::load_from(&[(
            "wasl.yaml".into(),
            "institution: { id: u, name: { en: U }, timezone: Asia/Hebron }".to_owned(),
        )])
        .expect("sound");
        let (mut board, live) = (Board::default(), Live::default());
        put(&mut board, "device/sw-1", "gw", Health::Ok);
        for (port, agent, health, ago, up) in [
            ("sw-1/1", "gw", Health::Ok, 1, true),
            ("sw-1/2", "gw", Health::Down, 1, false),
            ("sw-1/3", "gw", Health::Unknown, 3_600, true),
            ("sw-10/1", "gw", Health::Down, 1, true),
            ("sw-1/1", "gz", Health::Ok, 1, true),
        ] {
            let subject = format!("interface/{port}");
            put(&mut board, &subject, agent, health);
            let value = Value::Interface(InterfaceSample { up: Some(up), ..InterfaceSample::default() });
            let at = NOW.minus(Duration::from_secs(ago));
            let told = Observation { subject: subject.parse().expect("valid"), at, value };
            live.apply(&agent.parse().expect("valid"), vec![told], NOW);
        }
        let shown = |port: &str| {
            let entity = &board.entities[&format!("interface/{port}").parse().expect("valid")];
            interface(&settings, &live.read(), entity, NOW).expect("an interface").up
        };
        assert_eq!((shown("sw-1/2"), shown("sw-1/3")), (Some(false), None), "what is old is not shown");
        let device = &board.entities[&"device/sw-1".parse().expect("valid")];
        let ports = ports(&settings, &board, &live.read(), device, NOW);
        assert_eq!((ports.up, ports.down, ports.healths.total()), (1, 1, 3));
        let worst: Vec<(Health, u64)> = ports.healths.worst_first().collect();
        assert_eq!(worst.iter().map(|(_, n)| n).sum::<u64>(), 3);
        assert!(worst.contains(&(Health::Down, 1)), "{worst:?}");
    }
}
