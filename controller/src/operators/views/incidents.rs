//! From incidents and maintenances to what pages show of them.

use wasl_model::health::Health;
use wasl_model::{EntityKind, Incident, Maintenance, MaintenanceScope, Subject, Timestamp};
use wasl_pages::view::{IncidentView, IncidentsView, MaintenanceView};

use super::{name, site};
use crate::board::Board;
use crate::shared::Shared;

/// Entities that a page names as suffering from an incident; the rest is counted.
const AFFECTED: usize = 200;
/// Incidents on the overview.
const STRIP: usize = 5;
/// The open incidents that the overview shows, without what happened during them.
pub(super) fn worst(shared: &Shared, board: &Board) -> Vec<IncidentView> {
    let mut open: Vec<&Incident> = board.incidents.values().collect();
    open.sort_by_key(|incident| std::cmp::Reverse((incident.severity, incident.id)));
    let brief = |incident: &Incident| IncidentView { timeline: Vec::new(), ..view(shared, board, incident) };
    open.into_iter().take(STRIP).map(brief).collect()
}

/// `/incidents`; `ended`: those that are over, the latest first.
pub(in crate::operators) fn all(
    shared: &Shared,
    ended: &[Incident],
    may_act: bool,
    now: Timestamp,
) -> IncidentsView {
    let board = shared.boards.board();
    IncidentsView {
        open: board.incidents.values().map(|i| view(shared, &board, i)).collect(),
        ended: ended.iter().map(|i| view(shared, &board, i)).collect(),
        maintenances: board.maintenances.values().map(|m| maintenance(shared, m, now)).collect(),
        may_act,
    }
}

/// `/incidents/{id}`
pub(in crate::operators) fn one(shared: &Shared, incident: &Incident) -> IncidentView {
    view(shared, &shared.boards.board(), incident)
}

fn view(shared: &Shared, board: &Board, incident: &Incident) -> IncidentView {
    let root = board.entities.get(&incident.root);
    let health = |subject: &Subject| board.entities.get(subject).map_or(Health::Unknown, |e| e.state.health);
    let taken = incident.acknowledged.as_ref();
    IncidentView {
        id: incident.id,
        root: incident.root.clone(),
        name: name(shared, &incident.root),
        site: root.and_then(|entity| site(shared, entity)),
        severity: incident.severity,
        health: incident.is_open().then(|| health(&incident.root)),
        reason: incident.reason.clone(),
        opened: incident.opened,
        ended: incident.ended,
        affected: incident.affected.iter().take(AFFECTED).map(|s| (s.clone(), health(s))).collect(),
        affected_total: incident.affected.len() as u64,
        acknowledged: taken.map(|a| (a.at, a.by.clone(), a.note.clone())),
        merged_into: incident.merged_into,
        timeline: incident.timeline.clone(),
        omitted: incident.omitted,
    }
}

fn maintenance(shared: &Shared, maintenance: &Maintenance, now: Timestamp) -> MaintenanceView {
    let subject = match &maintenance.scope {
        MaintenanceScope::Subject(subject) => subject.clone(),
        MaintenanceScope::Site(site) => Subject::lenient(EntityKind::Site, site.as_str()),
    };
    MaintenanceView {
        id: maintenance.id,
        about: name(shared, &subject),
        subject: Some(subject),
        from: maintenance.from,
        until: maintenance.until,
        by: maintenance.by.clone(),
        note: maintenance.note.clone(),
        under_way: maintenance.from <= now && now < maintenance.until,
    }
}
