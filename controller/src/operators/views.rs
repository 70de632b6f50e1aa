//! From what is known to what a page shows.

mod accounting;
mod directions;
pub(super) mod discovery;
pub(super) mod events;
pub(super) mod incidents;
pub(super) mod links;
mod machines;

use std::collections::BTreeMap;

use wasl_model::health::Proof;
use wasl_model::units::{Scalar, Unit};
use wasl_model::{AgentId, EntityKind, Localized, SiteId, Subject, Timestamp, Value, series};
use wasl_pages::view::{
    AgentDetailView, AgentView, AgentsView, BackupView, BackupsView, ChartView, EntityView, FigureView,
    JoinHint, Judgement, KindTotal, LinksView, NoticeView, OverviewView, PartView,
};
use wasl_settings::Settings;
use wasl_store::AgentRecord;

use crate::board::{Board, Entity};
use crate::intent::every;
use crate::live::{Latest, State, number};
use crate::shared::Shared;
use machines::{device, interface, machine, targets};

/// `/`
pub(super) fn overview(shared: &Shared, now: Timestamp) -> OverviewView {
    let board = shared.boards.board();
    let live = shared.live.read();
    let kinds: BTreeMap<EntityKind, Vec<_>> =
        board.entities.values().fold(BTreeMap::new(), |mut kinds, entity| {
            kinds.entry(entity.subject.kind).or_insert_with(Vec::new).push(entity.state.health);
            kinds
        });
    OverviewView {
        totals: kinds.into_iter().map(|(kind, healths)| KindTotal::of(kind, healths)).collect(),
        notices: notices(&live, |_, _| true),
        targets: targets(shared, &board, &live, now),
        machines: worst_first(&board, EntityKind::Machine)
            .into_iter()
            .filter_map(|entity| machine(shared, &board, &live, entity, now))
            .collect(),
        agents: agent_views(shared, &board, &live),
        join: join(shared),
        incidents: incidents::worst(shared, &board),
        incidents_open: board.incidents.len() as u64,
    }
}

/// `/links`
pub(super) fn links(shared: &Shared, now: Timestamp) -> LinksView {
    let board = shared.boards.board();
    let live = shared.live.read();
    LinksView {
        links: links::all(shared, &board, &live, now),
        rings: links::rings(shared, &board),
        places: links::places(shared, &board),
        targets: targets(shared, &board, &live, now),
        devices: worst_first(&board, EntityKind::Device)
            .into_iter()
            .map(|entity| device(shared, &board, &live, entity, now))
            .collect(),
    }
}

/// `/backups`
pub(super) fn backups(shared: &Shared) -> BackupsView {
    let board = shared.boards.board();
    let live = shared.live.read();
    BackupsView {
        jobs: worst_first(&board, EntityKind::BackupJob)
            .into_iter()
            .map(|entity| backup(shared, &live, entity))
            .collect(),
    }
}

/// `/agents`
pub(super) fn agents(shared: &Shared) -> AgentsView {
    let board = shared.boards.board();
    let live = shared.live.read();
    AgentsView { agents: agent_views(shared, &board, &live), join: join(shared) }
}

/// `/agents/{id}`
pub(super) fn agent(shared: &Shared, id: &AgentId) -> Option<AgentDetailView> {
    let board = shared.boards.board();
    let agents = shared.agents();
    let record = agents.iter().find(|r| r.id == *id && r.revoked.is_none())?;
    let live = shared.live.read();
    let subject = Subject::lenient(EntityKind::Agent, id.as_str());
    let observes = board.entities.values().filter(|e| e.agent.as_ref() == Some(id) && e.subject != subject);
    Some(AgentDetailView {
        agent: agent_view(shared, &board, &live, record),
        notices: notices(&live, |agent, _| agent == id),
        observes: observes.map(|e| (e.subject.clone(), e.state.health)).collect(),
        charts: charts(&subject, id),
        changes: Vec::new(),
    })
}

/// `/entities/{kind}/{id}`
pub(super) fn entity(shared: &Shared, subject: &Subject, now: Timestamp) -> Option<EntityView> {
    let board = shared.boards.board();
    let entity = board.entities.get(subject)?;
    let settings = shared.intent.settings();
    let live = shared.live.read();
    let latest = entity.agent.as_ref().and_then(|agent| live.values.get(&(agent.clone(), subject.clone())));
    let has_parts = matches!(subject.kind, EntityKind::Machine | EntityKind::Device);
    let of_kind = |kind| board.parts(&subject.id, kind).filter(move |_| has_parts);
    let parts = of_kind(EntityKind::Disk).chain(of_kind(EntityKind::Sensor));
    let fields = series::fields(subject.kind);
    // A sensor measures one of many things; what it does not measure is no gap.
    let shown = |field: &str| {
        subject.kind != EntityKind::Sensor || latest.is_some_and(|l| number(&l.value, field).is_some())
    };
    Some(EntityView {
        subject: subject.clone(),
        name: name(shared, subject),
        site: site(shared, entity),
        state: judgement(entity),
        activity: entity.state.activity.clone(),
        proof: entity.state.proof,
        confidence: entity.state.confidence,
        caused_by: entity.state.caused_by.clone(),
        observed: entity.agent.as_ref().zip(entity.at).map(|(agent, at)| (agent.to_string(), at)),
        values: fields
            .iter()
            .filter(|(field, _)| shown(field))
            .map(|(field, unit)| FigureView {
                field: (*field).to_owned(),
                unit: *unit,
                value: latest
                    .filter(|l| lasts(field) || is_of_now(&settings, entity, l, now))
                    .and_then(|l| number(&l.value, field)),
            })
            .collect(),
        charts: entity
            .agent
            .as_ref()
            .map(|agent| charts(subject, agent))
            .unwrap_or_default()
            .into_iter()
            .filter(|chart| shown(&chart.field))
            .collect(),
        parts: parts.map(|part| part_view(&settings, &live, part, now)).collect(),
        interfaces: of_kind(EntityKind::Interface)
            .filter_map(|e| interface(&settings, &live, e, now))
            .collect(),
        incident: board.incident_of(subject).map(|incident| incident.id),
        changes: Vec::new(),
    })
}

fn of_kind(board: &Board, kind: EntityKind) -> impl Iterator<Item = &Entity> {
    board.entities.values().map(AsRef::as_ref).filter(move |e: &&Entity| e.subject.kind == kind)
}

/// What needs a look comes first; the rest stays in the order of names.
fn worst_first(board: &Board, kind: EntityKind) -> Vec<&Entity> {
    let mut entities: Vec<&Entity> = of_kind(board, kind).collect();
    entities.sort_by_key(|e| std::cmp::Reverse(e.state.health));
    entities
}

/// Whether what a number says stays true when nobody tells it any more: a date, or a size that does not change.
fn lasts(field: &str) -> bool {
    matches!(field, "booted_at" | "newest_at" | "certificate_expires" | "memory_total" | "size")
}

fn part_view(settings: &Settings, live: &State, part: &Entity, now: Timestamp) -> PartView {
    let wanted = |field: &str| match part.subject.kind {
        EntityKind::Disk => matches!(field, "used" | "size"),
        _ => true,
    };
    let latest = latest(live, part);
    let figure = |&(field, unit): &(&str, Unit)| {
        let known = latest.filter(|latest| lasts(field) || is_of_now(settings, part, latest, now));
        let value = known.and_then(|latest| number(&latest.value, field))?;
        wanted(field).then(|| FigureView { field: field.to_owned(), unit, value: Some(value) })
    };
    PartView {
        subject: part.subject.clone(),
        health: part.state.health,
        values: series::fields(part.subject.kind).iter().filter_map(figure).collect(),
    }
}

fn charts(subject: &Subject, agent: &AgentId) -> Vec<ChartView> {
    // A moment in time, a size that never changes and a flag draw no useful line.
    let drawn = |field: &&(&str, _)| {
        !matches!(
            field.0,
            "booted_at"
                | "newest_at"
                | "memory_total"
                | "size"
                | "sent"
                | "speed"
                | "interfaces"
                | "observed"
        )
    };
    series::fields(subject.kind)
        .iter()
        .filter(drawn)
        .map(|(field, unit)| ChartView {
            series: format!("{subject}#{field}@{agent}"),
            field: (*field).to_owned(),
            unit: *unit,
        })
        .collect()
}

fn judgement(entity: &Entity) -> Judgement {
    Judgement {
        health: entity.state.health,
        reason: entity.state.reason.clone(),
        since: Some(entity.state.since),
    }
}

fn site(shared: &Shared, entity: &Entity) -> Option<Localized> {
    Some(site_name(shared, entity.site.as_ref()?))
}

fn site_name(shared: &Shared, site: &SiteId) -> Localized {
    let settings = shared.intent.settings();
    settings.sites().get(site).map_or_else(|| Localized::from(site.as_str()), |s| s.name.clone())
}

/// What the configuration calls a thing; its identifier where it has no name.
fn name(shared: &Shared, subject: &Subject) -> Localized {
    let settings = shared.intent.settings();
    let id = subject.id.as_str();
    let named = match subject.kind {
        EntityKind::Target => settings.targets().get(id).map(|t| t.name.clone()),
        EntityKind::Link | EntityKind::Path => settings.links().get(id).map(|l| l.name.clone()),
        EntityKind::Share => {
            let (link, share) = id.split_once('/').unwrap_or((id, ""));
            let of = settings.links().get(link).and_then(|link| link.accounting.as_ref());
            of.and_then(|a| a.shares.iter().find(|s| s.id == share)).map(|s| s.name.clone())
        }
        EntityKind::Ring => settings.rings().get(id).map(|r| r.name.clone()),
        EntityKind::Device => settings.devices().get(id).map(|d| d.name.clone()),
        EntityKind::BackupJob => settings.backups().get(id).map(|b| b.name.clone()),
        EntityKind::Site => {
            SiteId::new(id).ok().and_then(|s| settings.sites().get(&s)).map(|s| s.name.clone())
        }
        EntityKind::Agent
        | EntityKind::Machine
        | EntityKind::Disk
        | EntityKind::Interface
        | EntityKind::Sensor
        | EntityKind::Neighbour
        | EntityKind::Station => None,
    };
    named.unwrap_or_else(|| Localized::from(id))
}

fn agent_name(entity: &Entity) -> String {
    entity.agent.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn latest<'a>(live: &'a State, entity: &Entity) -> Option<&'a Latest> {
    live.values.get(&(entity.agent.clone()?, entity.subject.clone())).map(AsRef::as_ref)
}

/// Whether what was said last of an entity says anything of now.
fn is_of_now(settings: &Settings, entity: &Entity, latest: &Latest, now: Timestamp) -> bool {
    let agent = entity.agent.as_ref();
    agent.is_some_and(|agent| latest.is_of_now(every(settings, agent, &entity.subject), now))
}

fn notices(live: &State, wanted: impl Fn(&AgentId, &Subject) -> bool) -> Vec<NoticeView> {
    live.notices()
        .filter(|((agent, subject), _, _)| wanted(agent, subject))
        .map(|((agent, subject), since, notice)| NoticeView {
            agent: agent.to_string(),
            subject: Some(subject.clone()),
            code: notice.code,
            severity: notice.severity,
            detail: notice.detail.clone(),
            since,
        })
        .collect()
}

fn join(shared: &Shared) -> JoinHint {
    let addresses = shared.home.addresses().ok().flatten();
    JoinHint { controller: addresses.map(|a| a.agents.to_string()).unwrap_or_default() }
}

fn backup(shared: &Shared, live: &State, entity: &Entity) -> BackupView {
    let latest = latest(live, entity);
    let evidence = match latest.map(|l| &l.value) {
        Some(Value::Backup(evidence)) => Some(evidence),
        _ => None,
    };
    let tool = evidence.map(|e| format!("{} {}", e.tool, e.tool_version).trim_end().to_owned());
    BackupView {
        id: entity.subject.id.clone(),
        name: name(shared, &entity.subject),
        agent: agent_name(entity),
        site: site(shared, entity),
        tool: tool.unwrap_or_default(),
        state: judgement(entity),
        proof: entity.state.proof.unwrap_or(Proof::None),
        outcome: evidence.map(|e| e.outcome),
        newest_at: evidence.and_then(|e| e.newest_at),
        newest_bytes: evidence.and_then(|e| e.newest_bytes),
        snapshots: evidence.map(|e| e.snapshots),
        looked_at: latest.map(|l| l.at),
        detail: evidence.map(|e| e.detail.clone()).unwrap_or_default(),
    }
}

fn agent_views(shared: &Shared, board: &Board, live: &State) -> Vec<AgentView> {
    shared
        .agents()
        .iter()
        .filter(|r| r.revoked.is_none())
        .map(|record| agent_view(shared, board, live, record))
        .collect()
}

fn agent_view(shared: &Shared, board: &Board, live: &State, record: &AgentRecord) -> AgentView {
    let subject = Subject::lenient(EntityKind::Agent, record.id.as_str());
    let entity = board.entities.get(&subject);
    let sample = match live.values.get(&(record.id.clone(), subject)).map(|l| &l.value) {
        Some(Value::Agent(sample)) => Some(sample),
        _ => None,
    };
    let connected = shared.sessions.is_connected(&record.id);
    let unseen = wasl_health::judge::unseen();
    AgentView {
        id: record.id.to_string(),
        site: Some(site_name(shared, &record.site)),
        role: record.role,
        version: Some(record.facts.version.clone()).filter(|v| !v.is_empty()),
        state: entity.map_or_else(
            || Judgement { health: unseen.health, reason: unseen.reason, since: None },
            |entity| judgement(entity),
        ),
        connected,
        last_seen: entity.and_then(|e| e.at).or(record.last_seen),
        spool_pending: sample.and_then(|s| s.spool_pending).map(|c| c.0),
        spool_bytes: sample.and_then(|s| s.spool_bytes).map(|b| b.0),
        clock_offset: sample.and_then(|s| s.clock_offset).map(Scalar::value),
        clock_error: sample.and_then(|s| s.clock_error).map(Scalar::value),
        certificate_expires: Some(record.not_after),
    }
}
