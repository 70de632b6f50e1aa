//! An institution on an ordinary bad day, for the snapshots and the gallery.

use std::f64::consts::TAU;

use wasl_model::health::{Health, Proof, Reason};
use wasl_model::units::Unit;
use wasl_model::{
    AgentRole, BackupOutcome, EntityKind, Localized, NoticeCode, ProbeMethod, Severity, Subject, Timestamp,
    UserRole, series,
};
use wasl_pages::view::{
    AgentDetailView, AgentView, AgentsView, BackupView, BackupsView, ChartView, DeviceView, DiskView,
    EntityView, FigureView, Frame, InterfaceView, JoinHint, Judgement, KindTotal, LinksView, MachineView,
    NoticeView, OverviewView, PartView, PortsView, TargetView,
};

#[path = "discovery.rs"]
pub(crate) mod discovery;
#[path = "incidents.rs"]
mod incidents;
#[path = "network.rs"]
pub(crate) mod network;

pub(crate) use incidents::*;

/// 2026-11-23 19:20:31 UTC.
pub(crate) const NOW: Timestamp = Timestamp(1_795_461_631_000);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn ago(ms: i64) -> Timestamp {
    Timestamp(NOW.0 - ms)
}

fn judged(health: Health, reason: Reason) -> Judgement {
    Judgement { health, reason, since: Some(ago(3 * HOUR + 12 * MINUTE)) }
}

fn ok(code: &str) -> Judgement {
    judged(Health::Ok, Reason::new(code))
}

/// A wave with noise that is the same at every run.
fn wave(middle: f64, swing: f64, seed: u64) -> Vec<Option<f64>> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..60)
        .map(|i| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let noise = (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5;
            let phase = (f64::from(i) / 37.0 + seed as f64 / 7.0) * TAU;
            Some((middle + swing * (phase.sin() * 0.5 + noise)).max(0.0))
        })
        .collect()
}

fn bilingual(en: &str, ar: &str) -> Localized {
    Localized { en: en.to_owned(), ar: Some(ar.to_owned()) }
}

fn jenin() -> Localized {
    bilingual("Jenin branch", "فرع جنين")
}

fn ramallah() -> Localized {
    bilingual("Ramallah data centre", "مركز بيانات رام الله")
}

/// The frame of somebody who is logged in.
pub(crate) fn frame() -> Frame {
    Frame {
        institution: Localized {
            en: "Al-Quds Open University".to_owned(),
            ar: Some("جامعة القدس المفتوحة".to_owned()),
        },
        may_look: true,
        user: Some(("Lina".to_owned(), UserRole::Engineer)),
        path: "/".to_owned(),
        csrf: "c5rf-t0ken".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

/// The frame of a stranger.
pub(crate) fn stranger() -> Frame {
    Frame { may_look: false, user: None, path: "/backups?kind=restic&x=1".to_owned(), ..frame() }
}

fn interface(
    owner: &str,
    name: &str,
    state: Judgement,
    rates: Option<(f64, f64)>,
    seed: u64,
) -> InterfaceView {
    InterfaceView {
        id: format!("{owner}/{name}"),
        name: name.to_owned(),
        up: Some(state.health != Health::Down),
        speed: rates.map(|_| 1_000_000_000),
        receive: rates.map(|r| r.0),
        transmit: rates.map(|r| r.1),
        receive_history: rates.map_or_else(Vec::new, |r| wave(r.0, r.0, seed)),
        transmit_history: rates.map_or_else(Vec::new, |r| wave(r.1, r.1, seed + 3)),
        errors: rates.map(|_| if state.health == Health::Degraded { 2.4 } else { 0.0 }),
        discards: rates.map(|_| 0.0),
        state,
    }
}

fn machines() -> Vec<MachineView> {
    let mut holes = wave(0.42, 0.3, 5);
    for hole in &mut holes[22..31] {
        *hole = None;
    }
    vec![
        MachineView {
            id: "jenin-gw".to_owned(),
            site: Some(jenin()),
            state: ok("machine_fine"),
            cpu_busy: Some(0.074),
            cpu_history: wave(0.08, 0.1, 1),
            processors: Some(4),
            memory_total: Some(16_695_066_624),
            memory_available: Some(11_274_289_152),
            swap_total: Some(0),
            swap_free: Some(0),
            booted_at: Some(ago(43 * DAY)),
            sessions: Some(0),
            disks: vec![
                DiskView {
                    id: "jenin-gw//".to_owned(),
                    mount: "/".to_owned(),
                    state: ok("disk_fine"),
                    size: Some(64_424_509_440),
                    available: Some(41_875_931_136),
                },
                DiskView {
                    id: "jenin-gw//var".to_owned(),
                    mount: "/var".to_owned(),
                    state: judged(Health::Degraded, Reason::new("disk_filling").with("percent", 91.2)),
                    size: Some(128_849_018_880),
                    available: Some(11_338_713_661),
                },
            ],
            interfaces: vec![
                interface("jenin-gw", "eth0", ok("interface_up"), Some((5_240_000.0, 812_000.0)), 11),
                interface("jenin-gw", "eth1", ok("interface_up"), Some((790_000.0, 5_102_000.0)), 13),
                interface("jenin-gw", "wwan0", judged(Health::Down, Reason::new("interface_down")), None, 17),
            ],
        },
        MachineView {
            id: "backup-01".to_owned(),
            site: Some(ramallah()),
            state: judged(Health::Degraded, Reason::new("memory_low").with("percent", 3.9)),
            cpu_busy: Some(0.463),
            cpu_history: holes,
            processors: Some(2),
            memory_total: Some(8_347_533_312),
            memory_available: Some(325_553_799),
            swap_total: Some(2_147_483_648),
            swap_free: Some(1_395_864_371),
            booted_at: Some(ago(5 * HOUR)),
            sessions: Some(3),
            disks: vec![DiskView {
                id: "backup-01//srv/restic".to_owned(),
                mount: "/srv/restic".to_owned(),
                state: judged(Health::Down, Reason::new("disk_full").with("percent", 99.6)),
                size: Some(3_998_614_552_576),
                available: Some(15_994_458_210),
            }],
            interfaces: vec![interface(
                "backup-01",
                "enp3s0",
                judged(Health::Degraded, Reason::new("interface_errors").with("per_second", 2.4)),
                Some((88_400_000.0, 1_200_000.0)),
                19,
            )],
        },
    ]
}

fn targets() -> Vec<TargetView> {
    let target = |id: &str, address: &str, state, rtt: Option<f64>, loss, seed| TargetView {
        id: id.to_owned(),
        name: Localized::from(id),
        address: address.to_owned(),
        agent: "jenin-gw".to_owned(),
        site: Some(jenin()),
        state,
        method: Some(ProbeMethod::IcmpDatagram),
        rtt_p50: rtt,
        rtt_p95: rtt.map(|r| r * 1.7),
        loss: Some(loss),
        jitter: rtt.map(|r| r / 9.0),
        rtt_history: rtt.map_or_else(Vec::new, |r| wave(r, r * 0.6, seed)),
    };
    let mut silent =
        target("radio-backup", "10.7.0.6", judged(Health::Down, Reason::new("target_silent")), None, 1.0, 31);
    silent.rtt_history = wave(0.038, 0.02, 31);
    for lost in &mut silent.rtt_history[41..] {
        *lost = None;
    }
    vec![
        target(
            "gateway",
            "10.7.0.1",
            judged(Health::Ok, Reason::new("target_answers").with("rtt_ms", 0.34)),
            Some(0.000_34),
            0.0,
            23,
        ),
        target(
            "ramallah-core",
            "core.ramallah.qou.example",
            judged(Health::Degraded, Reason::new("target_lossy").with("loss_percent", 2.35)),
            Some(0.0186),
            0.0235,
            29,
        ),
        silent,
        TargetView {
            method: None,
            loss: None,
            ..target(
                "isp-dns",
                "2001:db8:7::53",
                judged(Health::Unknown, Reason::new("not_observed")),
                None,
                0.0,
                37,
            )
        },
    ]
}

fn agents() -> Vec<AgentView> {
    vec![
        AgentView {
            id: "jenin-gw".to_owned(),
            site: Some(jenin()),
            role: AgentRole::Gateway,
            version: Some("0.1.0".to_owned()),
            state: ok("agent_connected"),
            connected: true,
            last_seen: Some(ago(4000)),
            spool_pending: Some(0),
            spool_bytes: Some(1_572_864),
            clock_offset: Some(0.0012),
            clock_error: Some(0.000_6),
            certificate_expires: Some(Timestamp(NOW.0 + 24 * DAY)),
        },
        AgentView {
            id: "backup-01".to_owned(),
            site: Some(ramallah()),
            role: AgentRole::Server,
            version: Some("0.1.0".to_owned()),
            state: judged(Health::Down, Reason::new("agent_disconnected").with("since", NOW.0 - 47 * MINUTE)),
            connected: false,
            last_seen: Some(ago(47 * MINUTE)),
            spool_pending: Some(282),
            spool_bytes: Some(48_234_496),
            clock_offset: Some(-0.000_41),
            clock_error: Some(0.002),
            certificate_expires: Some(Timestamp(NOW.0 + 2 * DAY)),
        },
        AgentView {
            id: "hebron-lab-3".to_owned(),
            site: None,
            role: AgentRole::Lab,
            version: None,
            state: judged(Health::Unknown, Reason::new("agent_never_seen")),
            connected: false,
            last_seen: None,
            spool_pending: None,
            spool_bytes: None,
            clock_offset: None,
            clock_error: None,
            certificate_expires: Some(Timestamp(NOW.0 + 29 * DAY)),
        },
    ]
}

fn notices() -> Vec<NoticeView> {
    vec![
        NoticeView {
            agent: "backup-01".to_owned(),
            subject: Some(subject(EntityKind::BackupJob, "db-nightly")),
            code: NoticeCode::SecretMissing,
            severity: Severity::Error,
            detail: "secret restic-db: /etc/wasl/secrets/restic-db is readable by others (mode 0644)"
                .to_owned(),
            since: ago(2 * DAY),
        },
        NoticeView {
            agent: "jenin-gw".to_owned(),
            subject: None,
            code: NoticeCode::IcmpNotPermitted,
            severity: Severity::Warning,
            detail: String::new(),
            since: ago(11 * MINUTE),
        },
    ]
}

fn subject(kind: EntityKind, id: &str) -> Subject {
    Subject::new(kind, id).expect("a valid identifier")
}

fn join() -> JoinHint {
    JoinHint { controller: "wasl.qou.example:8443".to_owned() }
}

/// `/` with everything.
pub(crate) fn overview() -> OverviewView {
    let (targets, machines, agents) = (targets(), machines(), agents());
    OverviewView {
        totals: vec![
            KindTotal::of(EntityKind::Agent, agents.iter().map(|a| a.state.health)),
            KindTotal::of(EntityKind::Target, targets.iter().map(|t| t.state.health)),
            KindTotal::of(EntityKind::Machine, machines.iter().map(|m| m.state.health)),
            KindTotal::of(EntityKind::Disk, machines.iter().flat_map(|m| &m.disks).map(|d| d.state.health)),
            KindTotal::of(
                EntityKind::Interface,
                machines
                    .iter()
                    .flat_map(|m| &m.interfaces)
                    .map(|i| i.state.health)
                    .chain([Health::Maintenance]),
            ),
            KindTotal::of(EntityKind::BackupJob, backups().jobs.iter().map(|j| j.state.health)),
        ],
        incidents: open_incidents(),
        incidents_open: 8,
        notices: notices(),
        targets,
        machines,
        agents,
        join: join(),
    }
}

/// `/` of one healthy machine, as `make run` shows it.
pub(crate) fn calm() -> OverviewView {
    let mut machine = machines().remove(0);
    machine.disks.truncate(1);
    machine.interfaces.truncate(1);
    OverviewView {
        totals: vec![
            KindTotal::of(EntityKind::Agent, [Health::Ok]),
            KindTotal::of(EntityKind::Target, [Health::Ok]),
            KindTotal::of(EntityKind::Machine, [Health::Ok]),
            KindTotal::of(EntityKind::Disk, [Health::Ok]),
            KindTotal::of(EntityKind::Interface, [Health::Ok]),
        ],
        incidents: Vec::new(),
        incidents_open: 0,
        notices: Vec::new(),
        targets: targets().into_iter().take(1).collect(),
        machines: vec![machine],
        agents: agents().into_iter().take(1).collect(),
        join: join(),
    }
}

/// `/` before the first agent.
pub(crate) fn nothing() -> OverviewView {
    OverviewView { join: join(), ..OverviewView::default() }
}

/// `/agents`
pub(crate) fn agents_view() -> AgentsView {
    AgentsView { agents: agents(), join: join() }
}

fn charts(kind: EntityKind, id: &str, agent: &str) -> Vec<ChartView> {
    series::fields(kind)
        .iter()
        .filter(|(_, unit)| *unit != Unit::UnixSeconds)
        .map(|(field, unit)| ChartView {
            series: format!("{kind}/{id}#{field}@{agent}"),
            field: (*field).to_owned(),
            unit: *unit,
        })
        .collect()
}

/// `/agents/backup-01`
pub(crate) fn agent_detail() -> AgentDetailView {
    AgentDetailView {
        changes: Vec::new(),
        agent: agents().remove(1),
        notices: notices().into_iter().take(1).collect(),
        observes: vec![
            (subject(EntityKind::Machine, "backup-01"), Health::Degraded),
            (subject(EntityKind::Disk, "backup-01//srv/restic"), Health::Down),
            (subject(EntityKind::Interface, "backup-01/enp3s0"), Health::Degraded),
            (subject(EntityKind::BackupJob, "db-nightly"), Health::Unknown),
            (subject(EntityKind::BackupJob, "portal-files"), Health::Ok),
        ],
        charts: charts(EntityKind::Agent, "backup-01", "backup-01"),
    }
}

/// `/links`
pub(crate) fn links() -> LinksView {
    LinksView {
        links: network::links(),
        rings: network::rings(),
        places: network::places(),
        targets: targets(),
        devices: vec![
            DeviceView {
                id: "jenin-sw1".to_owned(),
                name: Localized {
                    en: "Jenin core switch".to_owned(),
                    ar: Some("مبدّل جنين الرئيسي".to_owned()),
                },
                host: "10.7.1.2".to_owned(),
                agent: "jenin-gw".to_owned(),
                site: Some(jenin()),
                state: ok("device_answers"),
                up_since: Some(ago(211 * DAY)),
                ports: PortsView {
                    healths: KindTotal::of(
                        EntityKind::Interface,
                        [Health::Ok, Health::Degraded, Health::Maintenance],
                    ),
                    up: 3,
                    down: 0,
                },
            },
            DeviceView {
                id: "radio-west".to_owned(),
                name: Localized::from("radio-west"),
                host: "radio-west.jenin.qou.example".to_owned(),
                agent: "jenin-gw".to_owned(),
                site: Some(jenin()),
                state: judged(Health::Down, Reason::new("device_silent")),
                up_since: None,
                ports: PortsView { healths: KindTotal::of(EntityKind::Interface, []), up: 0, down: 0 },
            },
        ],
    }
}

/// `/entities/target/ramallah-core`
pub(crate) fn target() -> EntityView {
    let value = |field: &str, value| FigureView {
        field: field.to_owned(),
        unit: series::field_unit(EntityKind::Target, field).expect("a field of targets"),
        value,
    };
    EntityView {
        subject: subject(EntityKind::Target, "ramallah-core"),
        name: Localized { en: "Ramallah core".to_owned(), ar: Some("نواة رام الله".to_owned()) },
        site: Some(jenin()),
        state: judged(Health::Degraded, Reason::new("target_lossy").with("loss_percent", 2.35)),
        activity: None,
        proof: None,
        confidence: 0.9,
        caused_by: Some(subject(EntityKind::Interface, "jenin-gw/eth0")),
        incident: Some(1041),
        observed: Some(("jenin-gw".to_owned(), ago(7000))),
        values: vec![
            value("rtt_p50", Some(0.0186)),
            value("rtt_p95", Some(0.0316)),
            value("loss", Some(0.0235)),
            value("jitter", Some(0.0021)),
            value("sent", Some(1250.0)),
            value("rtt_p99", None),
        ],
        charts: charts(EntityKind::Target, "ramallah-core", "jenin-gw"),
        parts: Vec::new(),
        interfaces: Vec::new(),
        changes: Vec::new(),
    }
}

/// `/entities/device/jenin-ups`
pub(crate) fn device() -> EntityView {
    let figures = |kind, values: &[(&str, f64)]| -> Vec<FigureView> {
        let figure = |&(field, value): &(&str, f64)| FigureView {
            field: field.to_owned(),
            unit: series::field_unit(kind, field).expect("a field of this kind"),
            value: Some(value),
        };
        values.iter().map(figure).collect()
    };
    let part = |kind, id: &str, health, values: &[(&str, f64)]| PartView {
        subject: subject(kind, &format!("jenin-ups/{id}")),
        health,
        values: figures(kind, values),
    };
    EntityView {
        changes: vec![network::trap(3)],
        interfaces: vec![
            interface("jenin-sw1", "GigabitEthernet1/0/1", ok("interface_up"), Some((6.1e6, 9.4e5)), 41),
            interface(
                "jenin-sw1",
                "GigabitEthernet1/0/2",
                judged(Health::Degraded, Reason::new("interface_errors").with("per_second", 2.4)),
                Some((1.9e5, 3.0e4)),
                43,
            ),
            interface(
                "jenin-sw1",
                "GigabitEthernet1/0/3",
                judged(Health::Maintenance, Reason::new("interface_disabled")),
                None,
                47,
            ),
        ],
        subject: subject(EntityKind::Device, "jenin-ups"),
        name: Localized::from("jenin-ups"),
        caused_by: None,
        incident: None,
        state: ok("device_answers"),
        values: figures(
            EntityKind::Device,
            &[
                ("answered", 1.0),
                ("uptime", 86_400.0),
                ("interfaces", 2.0),
                ("voided", 4.0),
                ("columns_failed", 2.0),
            ],
        ),
        charts: charts(EntityKind::Device, "jenin-ups", "jenin-gw"),
        parts: vec![
            part(EntityKind::Sensor, "battery", Health::Ok, &[("charge", 0.98), ("runtime", 1_920.0)]),
            part(EntityKind::Sensor, "inlet", Health::Degraded, &[("temperature", 41.5)]),
        ],
        ..target()
    }
}

/// `/backups`
pub(crate) fn backups() -> BackupsView {
    BackupsView {
        jobs: vec![
            BackupView {
                id: "portal-files".to_owned(),
                name: Localized::from("portal-files"),
                agent: "backup-01".to_owned(),
                site: Some(ramallah()),
                tool: "restic 0.18.0".to_owned(),
                state: judged(Health::Ok, Reason::new("backup_fresh").with("age_hours", 7.4)),
                proof: Proof::None,
                outcome: Some(BackupOutcome::Read),
                newest_at: Some(ago(7 * HOUR)),
                newest_bytes: Some(412_316_860_416),
                snapshots: Some(31),
                looked_at: Some(ago(4 * MINUTE)),
                detail: String::new(),
            },
            BackupView {
                id: "mail-spool".to_owned(),
                name: Localized::from("mail-spool"),
                agent: "backup-01".to_owned(),
                site: Some(ramallah()),
                tool: "restic 0.18.0".to_owned(),
                state: judged(
                    Health::Degraded,
                    Reason::new("backup_stale").with("age_hours", 76).with("limit_hours", 26),
                ),
                proof: Proof::Due,
                outcome: Some(BackupOutcome::Read),
                newest_at: Some(ago(76 * HOUR)),
                newest_bytes: Some(9_663_676_416),
                snapshots: Some(2),
                looked_at: Some(ago(4 * MINUTE)),
                detail: String::new(),
            },
            BackupView {
                id: "db-nightly".to_owned(),
                name: Localized {
                    en: "Central database".to_owned(),
                    ar: Some("قاعدة البيانات المركزية".to_owned()),
                },
                agent: "backup-01".to_owned(),
                site: Some(ramallah()),
                tool: "restic".to_owned(),
                state: judged(
                    Health::Unknown,
                    Reason::new("backup_unreadable").with("outcome", "wrong_password"),
                ),
                proof: Proof::None,
                outcome: Some(BackupOutcome::WrongPassword),
                newest_at: None,
                newest_bytes: None,
                snapshots: None,
                looked_at: Some(ago(49 * MINUTE)),
                detail: "restic: wrong password or no key found; check the secret restic-db on backup-01"
                    .to_owned(),
            },
        ],
    }
}

const HOSTILE: &str = "<script>alert(1)</script>\"'>&\u{202e}gnp.exe\u{2069}";

/// A device whose names try everything.
pub(crate) fn hostile() -> (OverviewView, LinksView, EntityView) {
    let name = HOSTILE;
    let mut overview = overview();
    overview.incidents = hostile_incidents().open;
    overview.targets[0].id = name.into();
    overview.targets[0].address = name.into();
    overview.machines[0].id = name.into();
    overview.machines[0].disks[0].mount = name.into();
    overview.machines[0].interfaces[0].name = name.into();
    overview.agents[0].version = Some(name.to_owned());
    overview.notices[0].detail = format!("{name}\r\ndata: x");
    let mut links = links();
    links.devices[0].id = name.into();
    links.places[0].name = name.into();
    links.links[0].name = name.into();
    links.links[0].ends[0].agent = name.into();
    links.links[0].ends[0].to = name.into();
    links.rings[0].name = name.into();
    let mut entity = target();
    entity.interfaces = device().interfaces;
    entity.interfaces[0].name = name.into();
    entity.interfaces[0].id = name.into();
    entity.changes = vec![network::trap(1)];
    entity.changes[0].subject = Some(subject(EntityKind::Interface, name));
    entity.subject.id = name.into();
    entity.activity = Some(name.to_owned());
    entity.charts[0].series = name.into();
    entity.state.reason = Reason::new("never_heard_of").with("name", name);
    (overview, links, entity)
}
