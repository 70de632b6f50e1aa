//! Its incidents and maintenances.

use wasl_model::health::{Health, Reason};
use wasl_model::{EntityKind, IncidentEvent, IncidentSeverity, Localized, Subject, TimelineEntry, Timestamp};
use wasl_pages::view::{IncidentView, IncidentsView, MaintenanceView};

use super::{DAY, HOSTILE, HOUR, MINUTE, NOW, ago, bilingual, jenin, subject};

fn happened(ms_ago: i64, event: IncidentEvent) -> TimelineEntry {
    TimelineEntry { at: ago(ms_ago), event }
}

fn incident(id: u64, root: Subject, severity: IncidentSeverity, reason: Reason, opened: i64) -> IncidentView {
    let health = match severity {
        IncidentSeverity::Critical => Health::Down,
        IncidentSeverity::Warning => Health::Degraded,
    };
    IncidentView {
        id,
        name: Localized::from(root.id.as_str()),
        root,
        site: Some(jenin()),
        severity,
        health: Some(health),
        reason: reason.clone(),
        opened: ago(opened),
        ended: None,
        affected: Vec::new(),
        affected_total: 0,
        acknowledged: None,
        merged_into: None,
        timeline: vec![happened(opened, IncidentEvent::Opened { health, reason })],
        omitted: 0,
    }
}

/// A branch that is cut off, with every event that an open incident can have.
pub(crate) fn cut_branch() -> IncidentView {
    let nablus = subject(EntityKind::Site, "nablus");
    let joined = |ms, kind, id: &str| happened(ms, IncidentEvent::Joined { subject: subject(kind, id) });
    let down = Reason::new("uplinks_down").with("count", 2).with("total", 2).with("names", "radio, vdsl");
    let lost = Reason::new("redundancy_lost").with("count", 1).with("total", 2).with("names", "radio");
    IncidentView {
        name: bilingual("Nablus branch", "فرع نابلس"),
        site: Some(bilingual("Nablus branch", "فرع نابلس")),
        affected: vec![
            (subject(EntityKind::Agent, "nablus-gw"), Health::Down),
            (subject(EntityKind::Device, "nablus-sw1"), Health::Unknown),
            (subject(EntityKind::Interface, "nablus-sw1/GigabitEthernet1/0/1"), Health::Unknown),
            (subject(EntityKind::Target, "nablus-portal"), Health::Unknown),
            (subject(EntityKind::Machine, "nablus-gw"), Health::Unknown),
        ],
        affected_total: 23,
        timeline: vec![
            happened(52 * MINUTE, IncidentEvent::Opened { health: Health::Degraded, reason: lost }),
            happened(41 * MINUTE, IncidentEvent::Flapping { changes: 6 }),
            happened(38 * MINUTE, IncidentEvent::Changed { health: Health::Down, reason: down.clone() }),
            joined(38 * MINUTE, EntityKind::Agent, "nablus-gw"),
            joined(37 * MINUTE, EntityKind::Device, "nablus-sw1"),
            joined(37 * MINUTE, EntityKind::Target, "nablus-portal"),
            happened(36 * MINUTE, IncidentEvent::Absorbed { incident: 1039 }),
            happened(9 * MINUTE, IncidentEvent::Left { subject: subject(EntityKind::Target, "nablus-mail") }),
        ],
        ..incident(1041, nablus, IncidentSeverity::Critical, down, 52 * MINUTE)
    }
}

/// A disk that fills, which somebody has taken on.
pub(crate) fn filling_disk() -> IncidentView {
    let disk = subject(EntityKind::Disk, "jenin-gw//var");
    let reason = Reason::new("disk_filling").with("percent", 91.2);
    let note = "ننقل السجلات القديمة إلى backup-01 الليلة".to_owned();
    let mut incident = incident(1036, disk, IncidentSeverity::Warning, reason, 26 * HOUR);
    incident.acknowledged = Some((ago(25 * HOUR), "Lina".to_owned(), note.clone()));
    incident.timeline.push(happened(25 * HOUR, IncidentEvent::Acknowledged { by: "Lina".to_owned(), note }));
    incident
}

pub(crate) fn open_incidents() -> Vec<IncidentView> {
    let silent = subject(EntityKind::Device, "radio-west");
    let lossy = subject(EntityKind::Target, "ramallah-core");
    vec![
        filling_disk(),
        IncidentView {
            affected: vec![(subject(EntityKind::Interface, "radio-west/eth0"), Health::Unknown)],
            affected_total: 1,
            health: Some(Health::Unknown),
            ..incident(1040, silent, IncidentSeverity::Critical, Reason::new("device_silent"), 3 * HOUR)
        },
        cut_branch(),
        incident(
            1042,
            lossy,
            IncidentSeverity::Warning,
            Reason::new("target_lossy").with("loss_percent", 2.35),
            40_000,
        ),
    ]
}

/// An incident that maintenance ended, whose timeline overflowed.
pub(crate) fn ended_incident() -> IncidentView {
    let switch = subject(EntityKind::Device, "jenin-sw1");
    let mut incident =
        incident(1031, switch, IncidentSeverity::Critical, Reason::new("device_silent"), 50 * HOUR);
    incident.name = bilingual("Jenin core switch", "مبدّل جنين الرئيسي");
    incident.health = None;
    incident.ended = Some(ago(45 * HOUR));
    incident.affected = vec![(subject(EntityKind::Interface, "jenin-sw1/GigabitEthernet1/0/1"), Health::Ok)];
    incident.affected_total = 1;
    incident.acknowledged = Some((ago(49 * HOUR), "Omar".to_owned(), String::new()));
    incident.timeline.push(happened(
        49 * HOUR,
        IncidentEvent::Acknowledged { by: "Omar".to_owned(), note: String::new() },
    ));
    incident.timeline.push(happened(45 * HOUR, IncidentEvent::Maintenance { maintenance: 7 }));
    incident.omitted = 12;
    incident
}

/// `/incidents`
pub(crate) fn incidents() -> IncidentsView {
    let over = |id, kind, name: &str, code: &str, event| {
        let mut incident =
            incident(id, subject(kind, name), IncidentSeverity::Critical, Reason::new(code), 8 * HOUR);
        incident.health = None;
        incident.ended = Some(ago(7 * HOUR));
        incident.timeline.push(happened(7 * HOUR, event));
        incident
    };
    let maintenance = |id, about, subject, from, until, under_way| MaintenanceView {
        id,
        about,
        subject,
        from: Timestamp(NOW.0 + from),
        until: Timestamp(NOW.0 + until),
        by: "Omar".to_owned(),
        note: String::new(),
        under_way,
    };
    let switch = Some(subject(EntityKind::Device, "jenin-sw1"));
    let switch_name = bilingual("Jenin core switch", "مبدّل جنين الرئيسي");
    IncidentsView {
        open: open_incidents(),
        ended: vec![
            IncidentView {
                merged_into: Some(1041),
                ..over(
                    1039,
                    EntityKind::Agent,
                    "nablus-gw",
                    "agent_never_seen",
                    IncidentEvent::MergedInto { incident: 1041 },
                )
            },
            over(1038, EntityKind::Target, "radio-backup", "target_silent", IncidentEvent::Ended),
            ended_incident(),
        ],
        maintenances: vec![
            MaintenanceView {
                note: "New fibre by the carrier".to_owned(),
                ..maintenance(9, bilingual("Hebron branch", "فرع الخليل"), None, -HOUR, 2 * HOUR, true)
            },
            maintenance(10, switch_name.clone(), switch.clone(), DAY, DAY + HOUR, false),
            maintenance(7, switch_name, switch, -45 * HOUR, -44 * HOUR, false),
        ],
        may_act: true,
    }
}

/// Names, accounts and notes that try everything.
pub(crate) fn hostile_incidents() -> IncidentsView {
    let mut view = incidents();
    for incident in &mut view.open {
        incident.root.id = HOSTILE.into();
        incident.name = Localized::from(HOSTILE);
        incident.site = Some(Localized::from(HOSTILE));
        incident.acknowledged = Some((ago(HOUR), HOSTILE.to_owned(), HOSTILE.to_owned()));
        incident.reason = Reason::new("uplinks_down").with("names", HOSTILE);
        let subject = Subject { kind: EntityKind::Interface, id: HOSTILE.to_owned() };
        incident.affected = vec![(subject.clone(), Health::Down)];
        incident.timeline.extend(
            [
                IncidentEvent::Joined { subject: subject.clone() },
                IncidentEvent::Left { subject },
                IncidentEvent::Changed { health: Health::Down, reason: incident.reason.clone() },
                IncidentEvent::Acknowledged { by: HOSTILE.to_owned(), note: HOSTILE.to_owned() },
            ]
            .map(|event| happened(MINUTE, event)),
        );
    }
    for maintenance in &mut view.maintenances {
        maintenance.about = Localized::from(HOSTILE);
        HOSTILE.clone_into(&mut maintenance.by);
        HOSTILE.clone_into(&mut maintenance.note);
    }
    view.ended[0].name = Localized::from(HOSTILE);
    view
}
